/* SPDX-License-Identifier: Apache-2.0 */
/* What "check" remarks on although nothing is wrong. */
#include <string.h>

#include "auth/users.h"
#include "server/config.h"
#include "test.h"

#define G "[global]\nnetbios name = HALL\n"
#define SHARE "[a]\nplugin = mem\n"

static bool known(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "ann") == 0;
}

static bool group_known(void *arg, uint32_t rid)
{
    (void)arg;
    return rid == users_rid_of_group("office");
}

static void each(void *arg, bool (*fn)(void *fn_arg, const struct rpc_user *user), void *fn_arg)
{
    static const struct rpc_user ann = {.name = "ann", .rid = 1000};
    struct rpc_user office = {.name = "office", .is_group = true};
    const char *taken = arg;
    struct rpc_user other = {0};
    office.rid = users_rid_of_group("office");
    snprintf(other.name, sizeof(other.name), "%s", taken && *taken ? taken : "bea");
    other.is_group = taken && strcmp(taken, "users") == 0;
    other.rid = other.is_group ? users_rid_of_group("users") : 1001;
    (void)(fn(fn_arg, &ann) && fn(fn_arg, &office) && fn(fn_arg, &other));
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
     "share \"a\": valid users: there is no user \"bob\"; add one with: smbkit user add bob\n"},
    {"a group of the configuration", G "group = staff: ann\n" SHARE "valid users = @Staff\n", 1,
     ""},
    {"a group of the users file", G SHARE "write list = @office\n", 1, ""},
    {"an unknown group", G SHARE "read list = @nobody\n", 1,
     "share \"a\": read list: nobody is in the group \"nobody\"; put users into it with:"},
    {"an unknown member", G "group = staff: bob\n" SHARE, 1,
     "group staff: there is no user \"bob\";"},
    {"unknown administrator", G "admin users = bob\n" SHARE, 1,
     "admin users: there is no user \"bob\";"},
    {"nobody may", G SHARE "valid users =\n", 1, "share \"a\": valid users names nobody,"},
    {"said twice", G "workgroup = A\n" SHARE "[global]\nWork Group = B\n", 1,
     "f:7: \"Work Group\": line 3 sets \"workgroup\" already; this line counts\n"},
    {"another name", G "smb encrypt = off\nserver smb encrypt = off\n" SHARE, 1,
     "f:4: \"server smb encrypt\": line 3 sets \"server smb encrypt\" already; this line counts\n"},
    {"the opposite", G SHARE "read only = yes\nwritable = yes\n", 1,
     "f:6: \"writable\": line 5 sets \"read only\" already; this line counts\n"},
    {"in two shares", G SHARE "read only = yes\n[b]\nplugin = mem\nread only = yes\n", 1, ""},
    {"a bin over a bin", G SHARE "filter = recycle\nfilter = log\nfilter = recycle:repository=b\n",
     1, "share \"a\": filter = recycle is named twice:"},
    {"three bins", G SHARE "filter = recycle\nfilter = recycle\nfilter = recycle\n", 1,
     "share \"a\": filter = recycle is named 3 times:"},
    {"a bin for each", G SHARE "filter = recycle\n[b]\nplugin = mem\nfilter = recycle\n", 1, ""},
    {"what adds up", G SHARE "valid users = ann\nfilter = log\nfilter = log\nvalid users = ann\n",
     1, ""},
    {"an argument twice", G "[a]\npath = /\nplugin.path = /\n", 1,
     "f:5: the argument \"path\" is given at line 4 already;"},
    {"cannot encrypt", G "max protocol = SMB2\nsmb encrypt = required\n" SHARE, 1,
     "server smb encrypt = required keeps everybody out: server max protocol allows only"},
    {"need not", G "max protocol = SMB2\nsmb encrypt = desired\n" SHARE, 1,
     "server smb encrypt = desired does nothing: server max protocol"},
    {"a share cannot", G "max protocol = SMB2_10\n" SHARE "smb encrypt = required\n", 1,
     "share \"a\": smb encrypt = required keeps everybody out:"},
    {"guests and names", G "map to guest = bad user\n" SHARE "guest ok = yes\nvalid users = ann\n",
     1, "share \"a\": guest ok lets guests in whom valid users does not name;"},
    {"a share that guests cannot",
     G "map to guest = bad user\n" SHARE "guest ok = yes\nsmb encrypt = required\n", 1,
     "share \"a\": guests cannot encrypt: smb encrypt = required"},
    {"nameless all the same",
     G "map to guest = bad user\nrestrict anonymous = 2\n" SHARE "guest ok = yes\n", 1,
     "restrict anonymous = 2 does nothing:"},
    {"nameless alone", G "restrict anonymous = 0\n" SHARE "guest ok = yes\n", 1, ""},
    {"json in syslog", G "log file = syslog\nlog format = json\n" SHARE, 1,
     "log format = json does nothing:"},
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
        struct config_users users = {.user_count = rows[i].users,
                                     .user_known = known,
                                     .group_known = group_known,
                                     .each = each};
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

/* Users and groups of the file whose names mean others, and groups of the configuration: once. */
static void test_taken_names(void)
{
    static const struct {
        char taken[16]; /* of the file; "users" is a group; "": none */
        const char *group, *want;
    } names[] = {
        {"", "", ""},
        {"EVERYONE", "", "user \"EVERYONE\": every Windows knows somebody else by it"},
        {"guest", "", "user \"guest\": every"},
        {"builtin", "", "user \"builtin\": every"},
        {"users", "", "group \"users\": every"},
        {"users", "group = Users: ann\n", "group \"Users\": every"},
        {"", "group = System: ann\n", "group \"System\": every"},
        {"Hall", "", "user \"Hall\": the server is called so"},
        {"", "group = hall: ann\n", "group \"hall\": the server is called so"},
        {"s-1-5-21-1", "", "user \"s-1-5-21-1\": it looks like a SID"},
        {"S-1-", "", ""},
        {"S-1-5x", "", ""},
        {"S-2-5", "", ""},
        {"", "group = S-1-1-0: ann\n", "group \"S-1-1-0\": it looks"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[256];
        struct problems p;
        struct config_users users = {.user_count = 1,
                                     .user_known = known,
                                     .group_known = group_known,
                                     .each = each,
                                     .arg = (void *)(uintptr_t)names[i].taken};
        problems_init(&p);
        test_context("row %zu", i);
        snprintf(text, sizeof(text), G "%s" SHARE, names[i].group);
        struct config *c = config_parse("f", text, &p);
        REQUIRE(c);
        config_notes(c, &users, &p);
        CHECK_INT(p.count, *names[i].want ? 1 : 0);
        CHECK(strncmp(problems_text_get(&p), names[i].want, strlen(names[i].want)) == 0);
        config_free(c);
        problems_fini(&p);
    }
}

static const struct test_case cases[] = {{"notes", test_notes}, {"taken names", test_taken_names}};
TEST_MAIN(cases)
