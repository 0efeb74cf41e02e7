/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/users.h"

#include "base/mem.h"
#include "crypto/crypto.h"
#include "test.h"

#define HASH "a4f49c406510bdcab6824ee7c30fd852" /* "Password": [MS-NLMP] 4.2.2.1.2 */
#define GOOD                                                                                       \
    "# smbkit users: name:rid:nthash:flags:groups\n!identity:" HASH "\n"                           \
    "alice:1000:" HASH ":\nB\xc3\xb6"                                                              \
    "b:1005:" HASH ":disabled\n"

static struct users *parse(const char *text)
{
    struct users *u;
    char err[200] = "";
    CHECK(users_parse(text, strlen(text), &u, err, sizeof(err)));
    CHECK_STR(err, "");
    return u;
}

static void test_round_trip(void)
{
    struct users *u = parse(GOOD);
    REQUIRE(u);
    CHECK_INT(users_count(u), 2);
    size_t len;
    char *text = users_format(u, &len);
    CHECK_STR(text, GOOD);
    CHECK_INT(len, strlen(GOOD));
    const struct auth_user *bob = users_find(u, "b\xc3\x96"
                                                "B");
    REQUIRE(bob);
    CHECK_INT(bob->rid, 1005);
    CHECK(bob->disabled);
    CHECK(!users_find(u, "bob"));
    mem_free(text);
    users_free(u);
}

static const struct {
    const char *name;
    const char *text;
    const char *err; /* NULL: accepted */
} parse_cases[] = {
    {"empty", "", NULL},
    {"comments and blank lines", "#x\n\n  #\n", "line 3: expected name:rid:nthash:flags:groups"},
    {"no line end", "a:1000:" HASH ":", NULL},
    {"no flags field", "a:1000:" HASH, NULL},
    {"CRLF", "#\r\na:1000:" HASH ":disabled\r\n", NULL},
    {"blank in the name", "a b:1000:" HASH ":\n", NULL},
    {"highest rid", "a:1073741823:" HASH ":\n", NULL},
    {"too few fields", "#\na:1000\n", "line 2: expected name:rid:nthash:flags:groups"},
    {"too many fields", "a:1000:" HASH ":::\n", "line 1: expected name:rid:nthash:flags:groups"},
    {"no name", ":1000:" HASH ":\n", "line 1: \"\" is not a user name"},
    {"name with a slash", "a/b:1000:" HASH ":\n", "line 1: \"a/b\" is not a user name"},
    {"name not UTF-8", "\xff:1000:" HASH ":\n", "line 1: \"\xff\" is not a user name"},
    {"rid of nothing", "a::" HASH ":\n", "line 1: \"\" is not a rid (1000 to 1073741823)"},
    {"rid too small", "a:999:" HASH ":\n", "line 1: \"999\" is not a rid (1000 to 1073741823)"},
    {"rid too large", "a:1073741824:" HASH ":\n",
     "line 1: \"1073741824\" is not a rid (1000 to 1073741823)"},
    {"rid in hex", "a:0x1000:" HASH ":\n", "line 1: \"0x1000\" is not a rid (1000 to 1073741823)"},
    {"hash too short", "a:1000:a4f4:\n", "line 1: the NT hash must be 32 hexadecimal digits"},
    {"hash not hex", "a:1000:g4f49c406510bdcab6824ee7c30fd852:\n",
     "line 1: the NT hash must be 32 hexadecimal digits"},
    {"flag", "a:1000:" HASH ":disbled\n", "line 1: \"disbled\" is not a flag (known: disabled)"},
    {"flag twice", "a:1000:" HASH ":disabled,disabled\n", NULL},
    {"name twice", "a:1000:" HASH ":\nb:1001:" HASH ":\nA:1002:" HASH ":\n",
     "line 3: user \"A\" is there twice"},
    {"rid twice", "a:1000:" HASH ":\nb:1000:" HASH ":\n", "line 2: rid 1000 is \"a\"'s"},
    {"identity twice", "!identity:" HASH "\n!identity:" HASH "\n",
     "line 2: a second !identity line"},
    {"identity of nothing", "!identity:\n", "line 1: the identity must be 32 hexadecimal digits"},
    {"groups", "a:1000:" HASH "::staff,Back Office\n", NULL},
    {"a group with a colon", "a:1000:" HASH "::st:aff\n",
     "line 1: expected name:rid:nthash:flags:groups"},
    {"a bad group", "a:1000:" HASH "::staff,@x\n", "line 1: \"@x\" is not a group name"},
    {"an old mark", "!next-rid:1000\na:1000:" HASH ":\n", NULL},
};

static void test_parse(void)
{
    for (size_t i = 0; i < ARRAY_LEN(parse_cases); i++) {
        struct users *u;
        char err[200] = "";
        const char *text = parse_cases[i].text;
        bool want = !parse_cases[i].err;
        test_context("%s", parse_cases[i].name);
        CHECK_INT(users_parse(text, strlen(text), &u, err, sizeof(err)), want);
        CHECK_STR(err, want ? "" : parse_cases[i].err);
        CHECK_INT(u != NULL, want);
        users_free(u);
    }
}

#define GROUPED                                                                                    \
    "# smbkit users: name:rid:nthash:flags:groups\nalice:1000:" HASH "::staff,Back Office\n"

static void test_groups(void)
{
    struct users *u = parse(GROUPED "bob:1001:" HASH ":disabled\n");
    REQUIRE(u);
    const struct names *of = users_groups_get(u, "ALICE");
    REQUIRE(of && of->count == 2);
    CHECK_STR(of->items[1], "Back Office");
    CHECK(users_groups_get(u, "bob")->count == 0 && !users_groups_get(u, "carol"));
    uint32_t rid = users_rid_of_group("staff");
    CHECK_INT(rid, users_rid_of_group("Staff"));
    CHECK(rid >= USERS_RID_GROUPS && rid <= USERS_RID_GROUPS_MAX);
    CHECK_STR(users_group_find_rid(u, rid), "staff");
    CHECK(!users_group_find_rid(u, users_rid_of_group("nobody")));
    CHECK(!users_find_rid(u, rid));

    CHECK_INT(users_groups_set(u, "carol", of), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(users_groups_set(u, "bob", of), SMBKIT_STATUS_SUCCESS);
    size_t len;
    char *text = users_format(u, &len);
    CHECK_STR(text, GROUPED "bob:1001:" HASH ":disabled:staff,Back Office\n");
    mem_free(text);

    struct names many = {0};
    CHECK(names_add(&many, "a,b"));
    CHECK_INT(users_groups_set(u, "bob", &many), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    while (many.count <= USERS_GROUPS_MAX) {
        CHECK(names_add(&many, "x"));
    }
    CHECK_INT(users_groups_set(u, "bob", &many), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(users_groups_get(u, "bob")->count, 2);
    names_fini(&many);
    users_free(u);
}

static void test_zero_byte(void)
{
    struct users *u;
    char err[100];
    CHECK(!users_parse("#\n\0\n", 4, &u, err, sizeof(err)));
    CHECK_STR(err, "line 2: a zero byte: this is not a text file");
}

static void test_line_bound(void)
{
    for (size_t n = USERS_LINE_MAX - 1; n <= USERS_LINE_MAX + 1; n++) {
        static char text[USERS_LINE_MAX + 3];
        struct users *u;
        char err[100];
        memset(text, '#', n);
        text[n] = '\n';
        test_context("%zu bytes", n);
        CHECK_INT(users_parse(text, n + 1, &u, err, sizeof(err)), n <= USERS_LINE_MAX);
        users_free(u);
    }
}

static void test_text_bound(void)
{
    char *text = mem_zalloc(USERS_TEXT_MAX + 1);
    struct users *u;
    char err[100];
    REQUIRE(text);
    memset(text, '\n', USERS_TEXT_MAX + 1);
    CHECK(users_parse(text, USERS_TEXT_MAX, &u, err, sizeof(err)));
    users_free(u);
    CHECK(!users_parse(text, USERS_TEXT_MAX + 1, &u, err, sizeof(err)));
    mem_free(text);
}

static void test_name_bound(void)
{
    char name[USERS_NAME_MAX + 2] = "";
    for (size_t n = 1; n <= USERS_NAME_MAX + 1; n++) {
        name[n - 1] = 'x';
        CHECK_INT(users_is_name(name), n <= USERS_NAME_MAX);
    }
    static const char *const bad[] = {"",   " a", "a ", "#a", "!a", "a\"", "a/",  "a\\",
                                      "a[", "a]", "a:", "a;", "a|", "a=",  "a,",  "a+",
                                      "a*", "a?", "a<", "a>", "a@", "a\n", "a\t", "a\x7f"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_context("\"%s\"", bad[i]);
        CHECK(!users_is_name(bad[i]));
    }
}

static const uint8_t hash_a[16] = {1};
static const uint8_t hash_b[16] = {2};

/* In whatever order they come, and again after a removal. What files keep must stay what it is. */
static void test_rids_come_from_names(void)
{
    struct users *one = users_new();
    struct users *two = users_new();
    CHECK(SMBKIT_OK(users_set(one, "ann", hash_a, false)));
    CHECK(SMBKIT_OK(users_set(one, "Bob", hash_a, false)));
    CHECK(SMBKIT_OK(users_set(two, "bob", hash_b, false)));
    CHECK(SMBKIT_OK(users_set(two, "ANN", hash_b, false)));
    CHECK_INT(users_find(one, "ann")->rid, users_find(two, "ann")->rid);
    CHECK_INT(users_find(one, "bob")->rid, users_find(two, "bob")->rid);
    CHECK_INT(users_rid_of_name("ann"), 597289374);
    CHECK_INT(users_rid_of_name("J\xc3\x9cRGEN"), users_rid_of_name("j\xc3\xbcrgen"));
    CHECK(users_remove(two, "BOB"));
    CHECK(!users_remove(two, "bob"));
    CHECK(SMBKIT_OK(users_set(two, "bob", hash_a, false)));
    CHECK_INT(users_find(one, "bob")->rid, users_find(two, "bob")->rid);
    users_free(one);
    users_free(two);
}

static void test_collision(void)
{
    char text[200];
    snprintf(text, sizeof(text), "other:%u:" HASH ":\n", users_rid_of_name("ann"));
    struct users *u = parse(text);
    REQUIRE(u);
    CHECK_INT(users_set(u, "ann", hash_a, false), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK(!users_find(u, "ann"));
    users_free(u);
}

static void test_set_keeps_rid(void)
{
    struct users *u = parse(GOOD);
    CHECK(SMBKIT_OK(users_set(u, "ALICE", hash_b, true)));
    const struct auth_user *alice = users_find(u, "alice");
    REQUIRE(alice);
    CHECK_STR(alice->name, "alice");
    CHECK_INT(alice->rid, 1000);
    CHECK(alice->disabled);
    CHECK_MEM(alice->nt_hash, 16, hash_b, 16);
    CHECK_INT(users_set(u, "a:b", hash_b, true), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    users_free(u);
}

static void test_many(void)
{
    struct users *u = users_new();
    unsigned collisions = 0;
    for (unsigned i = 0; users_count(u) < USERS_COUNT_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%u", i);
        smbkit_status st = users_set(u, name, hash_a, false);
        collisions += st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
        REQUIRE(SMBKIT_OK(st) || st == SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
    CHECK(collisions < 20); /* 2.7 are to be expected */
    CHECK_INT(users_set(u, "more", hash_a, false), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    for (size_t i = 1; i < users_count(u); i++) {
        REQUIRE(users_at(u, i - 1)->rid < users_at(u, i)->rid);
    }
    for (unsigned i = 0; i < 1000; i++) {
        char name[AUTH_NAME_SIZE];
        strcpy(name, users_at(u, i)->name);
        REQUIRE(users_remove(u, name) && !users_find(u, name));
    }
    CHECK_INT(users_count(u), USERS_COUNT_MAX - 1000);
    users_free(u);
}

/* Lines in any order; the table is by rid. */
static void test_order(void)
{
    struct users *u = parse("c:1002:" HASH "\na:1000:" HASH "\nd:1003:" HASH "\nb:1001:" HASH "\n");
    REQUIRE(u);
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(users_at(u, i)->rid, 1000 + i);
        CHECK_INT(users_at(u, i)->name[0], 'a' + (int)i);
    }
    users_free(u);
}

static void test_no_memory(void)
{
    bool failed = true;
    for (unsigned nth = 1; failed && nth < 100; nth++) {
        struct users *u;
        char err[100] = "";
        mem_fail_nth(nth);
        bool ok = users_parse(GOOD, strlen(GOOD), &u, err, sizeof(err));
        failed = mem_fail_happened();
        mem_fail_nth(0);
        test_context("allocation %u", nth);
        CHECK_INT(ok, !failed);
        CHECK_STR(err, failed ? "out of memory" : "");
        users_free(u);
    }
    CHECK(!failed);
}

static void test_cut_and_mutated(void)
{
    static const char text[] = GOOD;
    for (size_t i = 0; i < (sizeof(text) - 1) * 256; i++) {
        char *copy = mem_dup(text, sizeof(text) - 1);
        struct users *u;
        char err[200];
        copy[i / 256] = (char)i;
        bool ok = users_parse(copy, sizeof(text) - 1, &u, err, sizeof(err));
        CHECK_INT(ok, u != NULL);
        CHECK(ok || strncmp(err, "line ", 5) == 0);
        users_free(u);
        if (i % 256 == 0 && users_parse(copy, i / 256, &u, err, sizeof(err))) {
            users_free(u);
        }
        mem_free(copy);
    }
}

static void test_passwords(void)
{
    uint8_t out[16];
    uint8_t want[16];
    CHECK(SMBKIT_OK(users_nt_hash_from_password("Password", out)));
    test_hex(want, sizeof(want), HASH);
    CHECK_MEM(out, 16, want, 16);
    CHECK(SMBKIT_OK(users_nt_hash_from_password("", out)));
    test_hex(want, sizeof(want), "31d6cfe0d16ae931b73c59d7e0c089c0");
    CHECK_MEM(out, 16, want, 16);
    CHECK_INT(users_nt_hash_from_password("\xff", out), SMBKIT_STATUS_INVALID_PARAMETER);
    char longest[USERS_PASSWORD_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[USERS_PASSWORD_MAX + 1] = '\0';
    CHECK_INT(users_nt_hash_from_password(longest, out), SMBKIT_STATUS_INVALID_PARAMETER);
    longest[USERS_PASSWORD_MAX] = '\0';
    CHECK(SMBKIT_OK(users_nt_hash_from_password(longest, out)));
}

static const struct test_case cases[] = {
    {"groups", test_groups},
    {"round trip", test_round_trip},
    {"lines, good and bad", test_parse},
    {"zero byte", test_zero_byte},
    {"bound of a line", test_line_bound},
    {"bound of the text", test_text_bound},
    {"names", test_name_bound},
    {"rids come from names", test_rids_come_from_names},
    {"a rid that is taken", test_collision},
    {"a change keeps the rid", test_set_keeps_rid},
    {"as many users as allowed", test_many},
    {"order of rid", test_order},
    {"out of memory", test_no_memory},
    {"each byte changed, cut everywhere", test_cut_and_mutated},
    {"hash of a password", test_passwords},
};

int main(int argc, char **argv)
{
    if (crypto_init() != 0) {
        return 1;
    }
    return test_main(argc, argv, cases, ARRAY_LEN(cases));
}
