/* SPDX-License-Identifier: Apache-2.0 */
/* What "check" remarks on although nothing is wrong. */
#include <string.h>

#include "server/config.h"
#include "test.h"

#define G "[global]\nnetbios name = HALL\n"
#define SHARE "[a]\nplugin = mem\n"

static bool known(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "ann") == 0;
}

static const struct {
    const char *name;
    const char *text;
    size_t users;
    const char *want; /* how the only note begins; "": none */
} rows[] = {
    {"fine", G SHARE, 1, ""},
    {"no share", G, 1, "nothing is shared;"},
    {"no user", G SHARE, 0, "there are no users,"},
    {"known user", G SHARE "valid users = ann\n", 1, ""},
    {"unknown user", G SHARE "valid users = ann bob\n", 1,
     "share \"a\": there is no user \"bob\" (valid users); add one with: smbkit user add bob\n"},
    {"another file", G "users file = /u\n" SHARE, 0,
     "there are no users, so nobody can log in; add one with: smbkit user add --file /u NAME\n"},
    {"guests", G "map to guest = bad user\n" SHARE "guest ok = yes\n", 0, ""},
    {"guests encrypt",
     G "map to guest = bad user\nserver signing = auto\nsmb encrypt = required\n" SHARE
       "guest ok = yes\n",
     0, "guests cannot encrypt:"},
    {"guests nowhere", G "map to guest = bad user\nserver signing = auto\n" SHARE, 1,
     "guests may log in, but no share"},
    {"guests not let in", G SHARE "guest ok = yes\n", 1, "share \"a\": guest ok does nothing"},
};

static void test_notes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems p;
        struct config_users users = {.user_count = rows[i].users, .user_known = known};
        problems_init(&p);
        test_context("%s", rows[i].name);
        struct config *c = config_parse("f", rows[i].text, &p);
        REQUIRE(c);
        config_notes(c, &users, &p);
        const char *got = problems_text_get(&p);
        CHECK_INT(p.count, *rows[i].want ? 1 : 0);
        CHECK(strncmp(got, rows[i].want, strlen(rows[i].want)) == 0);
        config_free(c);
        problems_fini(&p);
    }
}

static const struct test_case cases[] = {{"notes", test_notes}};
TEST_MAIN(cases)
