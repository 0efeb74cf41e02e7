/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/base.h"
#include "vfs/wildcard.h"

static const struct {
    const char *pattern, *name;
    bool want;
} rows[] = {
    {"*", "anything", true},
    {"", "anything", true},
    {"*.*", "no-period", true},
    {"*.*", "a.b", true},
    {"a", "A", true},
    {"a", "b", false},
    {"a", "ab", false},
    {"ab", "a", false},
    {"*.txt", "x.TXT", true},
    {"*.txt", "x.txt.bak", false},
    {"*a*b*", "xxaxxbxx", true},
    {"*a*b*", "xxbxxaxx", false},
    {"?", "x", true},
    {"?", "", false},
    {"?", "xy", false},
    {"??", "x", false},
    {"a?c", "abc", true},
    {"\xc3\xa4*", "\xc3\x84x", true},
    {"?", "\xe2\x82\xac", true},
    {"?", "\xed\xa0\x80", true},
    {"\xed\xa0\x80", "\xed\xa0\x80", true},
    {"\xed\xa0\x80", "\xed\xb0\x80", false},
    {"?", "\xff", true},
    /* "*." of a program comes as "<": names without an extension */
    {"<", "readme", true},
    {"<", "a.b", false},
    {"<", "a.", false},
    {"<.txt", "a.b.txt", true},
    {"<.txt", "a.txt.b", false},
    {"<.b", "a.b", true},
    {"<\"", "readme", true},
    {"<\"*", "a.b", true},
    {"a<c", "abbc", true},
    {"a<.c", "a.b.c", true},
    {"a<b.c", "a.b.c", true},
    {"a<c", "a.c", false},
    /* "????????.???" comes as ">>>>>>>>\">>>" */
    {">>>>>>>>\">>>", "a", true},
    {">>>>>>>>\">>>", "a.b", true},
    {">>>>>>>>\">>>", "a.bcd", true},
    {">>>>>>>>\">>>", "a.bcde", false},
    {">>>>>>>>\">>>", "abcdefghi", false},
    {">>", "a", true},
    {">>", "", true},
    {"a>", "a", true},
    {"a>", "ab", true},
    {"a>", "abc", false},
    {">a", "a", false},
    {">.a", ".a", true},
    {"a\"", "a", true},
    {"a\"", "a.", true},
    {"a\"b", "a.b", true},
    {"a\"b", "ab", false},
    {"a\"\"", "a", true},
    {"*\"", "a.b", true},
};

static bool wildcard_match(const char *pattern, const char *name)
{
    CLEANUP(wildcard_free) struct wildcard *w = wildcard_new(pattern);
    CHECK(w);
    return w && wildcard_matches(w, name);
}

static void test_table(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s ~ %s", rows[i].pattern, rows[i].name);
        CHECK_INT(wildcard_match(rows[i].pattern, rows[i].name), rows[i].want);
    }
}

/* The rules word by word, by trying everything. */
static bool model(const char *p, const char *s)
{
    if (*p == '\0') {
        return *s == '\0';
    }
    bool last_period = *s == '.' && !strchr(s + 1, '.');
    switch (*p) {
    case '*':
        return model(p + 1, s) || (*s && model(p, s + 1));
    case '<':
        return model(p + 1, s) || (*s && !last_period && model(p, s + 1));
    case '?':
        return *s && model(p + 1, s + 1);
    case '>':
        return *s == '\0' || *s == '.' ? model(p + 1, s) : model(p + 1, s + 1);
    case '"':
        return *s == '\0' ? model(p + 1, s) : *s == '.' && model(p + 1, s + 1);
    default:
        return (*p | 0x20) == (*s | 0x20) && *s && model(p + 1, s + 1);
    }
}

static void random_text(uint64_t *seed, const char *alphabet, char *out, size_t max)
{
    size_t len = test_random(seed) % (max + 1);
    for (size_t i = 0; i < len; i++) {
        out[i] = alphabet[test_random(seed) % strlen(alphabet)];
    }
    out[len] = '\0';
}

#define LETTERS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_random_walk(void)
{
    uint64_t seed = 42;
    unsigned matched = 0;
    for (int i = 0; i < 300000; i++) {
        char p[10];
        char s[10];
        random_text(&seed, "aB*?<>\".", p, 7);
        random_text(&seed, "Ab..", s, 7);
        if (p[0] == '\0' || strcmp(p, "*.*") == 0) {
            continue;
        }
        bool want = model(p, s);
        matched += want;
        /* behind so many equal letters that it crosses from one word of the sets to the next */
        char long_p[80] = "";
        char long_s[80] = "";
        int before = i % 3 ? 58 + i % 8 : 0;
        snprintf(long_p, sizeof(long_p), "%.*s%s", before, LETTERS, p);
        snprintf(long_s, sizeof(long_s), "%.*s%s", before, LETTERS, s);
        if (wildcard_match(long_p, long_s) != want) {
            test_context("%s ~ %s", long_p, long_s);
            CHECK(!"differs from the model");
            return;
        }
    }
    CHECK(matched > 1000);
}

/* Exponential matchers would take years. */
static void test_no_explosion(void)
{
    char p[WILDCARD_PATTERN_MAX + 2];
    char s[256];
    for (size_t i = 0; i < 200; i++) {
        p[i] = i % 2 ? 'a' : '*';
    }
    p[200] = 'b';
    p[201] = '\0';
    memset(s, 'a', 255);
    s[255] = '\0';
    CHECK(!wildcard_match(p, s));
    memset(p, '*', sizeof(p));
    p[WILDCARD_PATTERN_MAX + 1] = '\0';
    CHECK(wildcard_match(p, s)); /* in a row they count as one */
}

/* DOS_QM gives way to the end of the name, so that these match however many they are. */
static void test_bound(void)
{
    char p[WILDCARD_PATTERN_MAX + 2];
    memset(p, '>', sizeof(p));
    for (size_t len = WILDCARD_PATTERN_MAX - 1; len <= WILDCARD_PATTERN_MAX + 1; len++) {
        p[len] = '\0';
        test_context("%zu elements", len);
        CHECK_INT(wildcard_match(p, "a"), len <= WILDCARD_PATTERN_MAX);
        p[len] = '>';
    }
}

static void test_has_any(void)
{
    CHECK(!wildcard_has_any("plain.txt"));
    CHECK(!wildcard_has_any(""));
    for (const char *c = "*?<>\""; *c; c++) {
        CHECK(wildcard_has_any((const char[]){'a', *c, '\0'}));
    }
}

static const struct test_case cases[] = {
    {"table", test_table}, {"random walk", test_random_walk}, {"no explosion", test_no_explosion},
    {"bound", test_bound}, {"has any", test_has_any},
};
TEST_MAIN(cases)
