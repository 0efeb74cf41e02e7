/* SPDX-License-Identifier: Apache-2.0 */
#include "globs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "test.h"

static void test_match(void)
{
    static const struct {
        const char *patterns, *path;
        bool match, below;
    } rows[] = {
        {"*.iso", "a.iso", true, false},
        {"*.iso", "A.ISO", true, false},
        {"*.iso", "d/e/a.iso", true, false},
        {"*.iso", "d.iso/e/a", true, false},
        {"*.iso", "a.isos", false, false},
        {"*.iso", "", false, false},
        {"*", "", false, false},
        {"*", "x", true, false},
        {"?", "x", true, false},
        {"?", "xy", false, false},
        {"?", "\xc3\xa4", true, false},
        {"\xc3\x84*", "\xc3\xa4rger", true, false},             /* Ä, ä */
        {"\xd0\x96", "\xd0\xb6", true, false},                  /* cyrillic zhe */
        {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8", false, false}, /* beyond 16 bits none are alike */
        {"/", "", true, true},
        {"/", "a/b", true, true},
        {"//", "a", true, true},
        {"a*b*c", "aXbYbZc", true, false},
        {"a*b*c", "aXbYbZ", false, false},
        {"**", "a/b", true, false},
        {"docs/*", "docs/a", true, false},
        {"docs/*", "docs/a/b", true, false},
        {"docs/*", "docs", false, true},
        {"docs/*", "x/docs/a", false, false},
        {"/docs", "docs", true, false},
        {"/docs", "docs/x/y", true, false},
        {"/docs", "x/docs", false, false},
        {"/docs", "docsx", false, false},
        {"docs/", "docs/x", true, false},
        {"docs/", "x/docs", false, false},
        {"docs/**/x", "docs/a/b/x", true, true},
        {"docs/**/x", "docs/x", false, true},
        {"docs/**x", "docs/a/b/yx", true, true},
        {"docs/*/x", "docs/a/b/x", false, false},
        {"docs/*/x", "docs/a/x", true, false},
        {"docs/*/x", "docs/a", false, true},
        {"**/x/*.c", "a/b/x/y.c", true, true},
        {"**/x/*.c", "a/b/x/y.c/z", true, true},
        {"**/x/*.c", "a/b/x/z/y.c", false, true},
        {"a|b|c/d", "b", true, false},
        {"a|b|c/d", "c", false, true},
        {"a|b|c/d", "d", false, false},
        {"||", "a", false, false},
        {"\xff*", "\xffz", true, false},       /* no character of UTF-8 */
        {"\xe4\xbd", "\xe4\xbd", true, false}, /* one that is cut */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct globs g = {0};
        test_context("%s of %s", rows[i].patterns, rows[i].path);
        CHECK_INT(globs_add(&g, rows[i].patterns, '|'), GLOBS_GOOD);
        CHECK_INT(globs_match(&g, rows[i].path), rows[i].match);
        CHECK_INT(globs_match_below(&g, rows[i].path), rows[i].below);
        globs_fini(&g);
    }
}

/* What a slow but plain matcher says, for patterns and paths of few letters. */
static bool naive(const char *p, const char *s)
{
    if (*p == 0) {
        return *s == 0 || *s == '/';
    }
    if (p[0] == '*') {
        bool all = p[1] == '*';
        size_t stars = strspn(p, "*");
        for (const char *at = s;; at++) {
            if (naive(p + stars, at)) {
                return true;
            }
            if (*at == 0 || (*at == '/' && !all)) {
                return false;
            }
        }
    }
    return *s && (*p == '?' ? *s != '/' : *p == *s) && naive(p + 1, s + 1);
}

static void random_word(uint64_t *seed, char *out, size_t max, const char *letters)
{
    size_t n = 1 + test_random(seed) % max;
    for (size_t i = 0; i < n; i++) {
        out[i] = letters[test_random(seed) % strlen(letters)];
    }
    out[n] = 0;
}

static void test_naive(void)
{
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        char pattern[16] = "/";
        char path[16];
        struct globs g = {0};
        random_word(&seed, pattern + 1, 8, "AB/*?*");
        random_word(&seed, path, 10, "AB/A");
        size_t len = strlen(pattern);
        if (len > 1 && pattern[len - 1] == '/') {
            continue; /* one at the end says nothing */
        }
        CHECK_INT(globs_add(&g, pattern, '|'), GLOBS_GOOD);
        if (globs_match(&g, path) != naive(pattern + 1, path)) {
            test_fail(__FILE__, __LINE__, "%s of %s: not %d", pattern, path,
                      naive(pattern + 1, path));
        }
        globs_fini(&g);
    }
}

static void test_names(void)
{
    struct globs g = {0};
    CHECK_INT(globs_add(&g, "/a*/x/", '/'), GLOBS_GOOD);
    CHECK_INT(g.count, 2);
    CHECK(globs_match_name(&g, "Abc"));
    CHECK(globs_match_name(&g, "x"));
    CHECK(!globs_match_name(&g, "bc"));
    CHECK(globs_remove(&g, "a*"));
    CHECK(!globs_remove(&g, "a*"));
    CHECK(!globs_match_name(&g, "abc"));
    CHECK(globs_match_name(&g, "x"));
    globs_fini(&g);
}

static void test_bounds(void)
{
    char word[GLOBS_PATTERN_MAX + 2];
    struct globs g = {0};
    memset(word, 'a', sizeof(word));
    for (size_t len = GLOBS_PATTERN_MAX - 1; len <= GLOBS_PATTERN_MAX + 1; len++) {
        word[len] = 0;
        CHECK_INT(globs_add(&g, word, '|'), len <= GLOBS_PATTERN_MAX ? GLOBS_GOOD : GLOBS_TOO_LONG);
        word[len] = 'a';
    }
    for (unsigned n = g.count; n < GLOBS_MAX; n++) {
        CHECK_INT(globs_add(&g, "b", '|'), GLOBS_GOOD);
    }
    CHECK_INT(globs_add(&g, "b", '|'), GLOBS_TOO_MANY);
    CHECK(globs_match(&g, "b"));
    globs_fini(&g);
    CHECK(!globs_match(&g, "b"));
}

static void test_below(void)
{
    static const struct {
        const char *path, *folder, *rest, *rest_any; /* letters as they are; in any letters */
    } rows[] = {
        {"a/b", "a", "b", "b"},    {"a", "a", "", ""},      {"ab", "a", NULL, NULL},
        {"a", "a/b", NULL, NULL},  {"A/b", "a", NULL, "b"}, {"a/b/c", "A/B", NULL, "c"},
        {"x/y", "", "x/y", "x/y"}, {"", "a", NULL, NULL},   {"\xc3\xa4/b", "\xc3\x84", NULL, "b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s below %s", rows[i].path, rows[i].folder);
        CHECK_STR(letters_below(rows[i].path, rows[i].folder, false), rows[i].rest);
        CHECK_STR(letters_below(rows[i].path, rows[i].folder, true), rows[i].rest_any);
    }
}

static const struct test_case cases[] = {
    {"below a folder", test_below},
    {"paths", test_match},
    {"against a plain matcher", test_naive},
    {"names", test_names},
    {"bounds", test_bounds},
};
TEST_MAIN(cases)
