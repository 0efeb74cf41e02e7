/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says: how to connect, log lines, options, identities. */
#include "test.h"

#include "base/time.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/identity.h"
#include "server/logging.h"

static const char *text_of(struct wr *w)
{
    wr_u8(w, 0);
    return wr_ok(w) ? (const char *)w->base : "(failed)";
}

static void test_connect(void)
{
    static const struct {
        struct connect_info info;
        const char *want;
    } rows[] = {
        {{"192.0.2.5", 445, "me", "kamo-zuri", "docs"},
         "  Windows   net use Z: \"\\\\192.0.2.5\\docs\" /user:me kamo-zuri\n"
         "  macOS     open 'smb://me:kamo-zuri@192.0.2.5/docs'\n"
         "            mkdir -p ~/mnt && mount_smbfs '//me:kamo-zuri@192.0.2.5/docs' ~/mnt\n"
         "  Linux     smbclient '//192.0.2.5/docs' -U 'me%kamo-zuri'\n"
         "            sudo mount -t cifs '//192.0.2.5/docs' /mnt -o "
         "'username=me,password=kamo-zuri'\n"},
        {{"192.0.2.5", 4450, "me", NULL, "it's mine"},
         "  Windows   net use Z: \"\\\\192.0.2.5\\it's mine\" /user:me /tcpport:4450\n"
         "            (Windows 11 24H2 or Server 2025; older ones need port 445)\n"
         "  macOS     open 'smb://me@192.0.2.5:4450/it%27s%20mine'\n"
         "            mkdir -p ~/mnt && mount_smbfs '//me@192.0.2.5:4450/it%27s%20mine' ~/mnt\n"
         "  Linux     smbclient '//192.0.2.5/it'\\''s mine' -p 4450 -U 'me'\n"
         "            sudo mount -t cifs '//192.0.2.5/it'\\''s mine' /mnt -o "
         "'username=me,port=4450'\n"},
        {{"2001:db8::1", 445, NULL, NULL, "d"},
         "  Windows   net use Z: \"\\\\2001-db8--1.ipv6-literal.net\\d\"\n"
         "            (Windows 11 24H2 and Server 2025 refuse guests at first: GUESTS in\n"
         "            smbkit(1) tells what to set there; or serve with --user NAME)\n"
         "  macOS     open 'smb://guest@[2001:db8::1]/d'\n"
         "            mkdir -p ~/mnt && mount_smbfs '//guest@[2001:db8::1]/d' ~/mnt\n"
         "  Linux     smbclient '//2001:db8::1/d' -N\n"
         "            sudo mount -t cifs '//2001:db8::1/d' /mnt -o 'guest'\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(wr_fini) struct wr w = wr_new(4096);
        test_context("row %zu", i);
        connect_text(&w, &rows[i].info);
        CHECK_STR(text_of(&w), rows[i].want);
    }
}

static void test_password(void)
{
    char a[32];
    char b[32];
    connect_password(a, sizeof(a));
    connect_password(b, sizeof(b));
    CHECK_INT(strlen(a), 24);
    CHECK(strcmp(a, b) != 0);
    for (int i = 0; i < 24; i++) {
        const char *set = i % 5 == 4 ? "-" : i % 5 % 2 == 0 ? "bdfghjklmnprstvz" : "aeiou";
        CHECK(strchr(set, a[i]) != NULL);
    }
}

#define WHEN (FILETIME_UNIX_EPOCH + 1700000000ull * FILETIME_PER_SEC + 1230000ull)

static void test_log_lines(void)
{
    static const struct log_ctx ctx = {.conn_id = 7, .session_id = 0, .tree_id = 3};
    static const struct {
        const struct log_ctx *ctx;
        const char *text;
        const char *plain;
        const char *json;
    } rows[] = {
        {NULL, "reloaded shares=2", "2023-11-14T22:13:20.123Z info  server reloaded shares=2\n",
         "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"module\":\"server\","
         "\"text\":\"reloaded shares=2\"}\n"},
        {&ctx, "open path=\"a\\b\"",
         "2023-11-14T22:13:20.123Z info  server open path=\"a\\b\" conn=7 tree=3\n",
         "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"module\":\"server\","
         "\"text\":\"open path=\\\"a\\\\b\\\"\",\"conn\":7,\"tree\":3}\n"},
        {NULL, "x\n2023 forged\x1b[2J", "2023-11-14T22:13:20.123Z info  server x?2023 forged?[2J\n",
         "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"module\":\"server\","
         "\"text\":\"x\\u000a2023 forged\\u001b[2J\"}\n"},
        {NULL, "caf\xc3\xa9 \xff \xed\xa0\x80.", NULL,
         "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"module\":\"server\","
         "\"text\":\"caf\xc3\xa9 \\ufffd \\ufffd.\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(wr_fini) struct wr w = wr_new(4096);
        CLEANUP(wr_fini) struct wr j = wr_new(4096);
        test_context("row %zu", i);
        const struct log_line line = {.now = WHEN,
                                      .level = LOG_INFO,
                                      .module = LOG_SERVER,
                                      .ctx = rows[i].ctx,
                                      .text = rows[i].text};
        logging_format_text(&w, &line);
        logging_format_json(&j, &line);
        if (rows[i].plain) {
            CHECK_STR(text_of(&w), rows[i].plain);
        }
        CHECK_STR(text_of(&j), rows[i].json);
    }
}

static void test_args(void)
{
    static const struct arg_option options[] = {
        {"listen", 1, true}, {"guest", 2, false}, {NULL, 0, false}};
    char *argv[] = {(char *)"serve", (char *)"--listen",     (char *)"a",
                    (char *)"b",     (char *)"--listen=c=d", (char *)"--guest",
                    (char *)"-",     (char *)"--",           (char *)"--guest"};
    static const struct {
        int id;
        const char *value;
    } want[] = {{1, "a"},         {ARGS_WORD, "b"},       {1, "c=d"},      {2, NULL},
                {ARGS_WORD, "-"}, {ARGS_WORD, "--guest"}, {ARGS_END, NULL}};
    struct args a = args_init(ARRAY_LEN(argv), argv, 1);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_INT(args_next(&a, options), want[i].id);
        if (want[i].value) {
            CHECK_STR(a.value, want[i].value);
        }
    }
    static const struct {
        const char *word;
        const char *err;
    } wrong[] = {{"--gest", "unknown option --gest; did you mean --guest?"},
                 {"--xyzzyxyzzy", "unknown option --xyzzyxyzzy"},
                 {"--listen", "--listen needs a value"},
                 {"--guest=1", "--guest takes no value"},
                 {"-g", "unknown option -g; options begin with two hyphens"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char *one[] = {(char *)"serve", (char *)(uintptr_t)wrong[i].word};
        test_context("%s", wrong[i].word);
        a = args_init(2, one, 1);
        CHECK_INT(args_next(&a, options), ARGS_ERROR);
        CHECK_STR(a.err, wrong[i].err);
    }
}

static void test_identity(void)
{
    static const uint8_t users[2][USERS_IDENTITY_LEN] = {{1}, {[15] = 1}};
    static const char id[] = "0123456789abcdef0123456789abcde0\n";
    static const struct {
        struct identity_place place;
        unsigned same_as; /* the row whose GUID it must have: itself, or one before */
    } rows[] = {
        {{id, users[0], "a", 445}, 0},
        {{id, users[1], "b", 445}, 0}, /* the machine is enough */
        {{id, users[0], "a", 446}, 2},
        {{NULL, users[0], "a", 445}, 3},
        {{"", users[0], "a", 445}, 3},
        {{"uninitialized", users[0], "a", 445}, 3},
        {{"0123456789abcdef0123456789abcde", users[0], "a", 445}, 3},
        {{NULL, users[1], "a", 445}, 7},
        {{NULL, users[0], "b", 445}, 8},
        {{NULL, NULL, "a", 445}, 9},
    };
    uint8_t guid[ARRAY_LEN(rows)][16];
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        identity_guid(&rows[i].place, guid[i]);
        CHECK(memcmp(guid[i], guid[i] + 8, 8) != 0);
        for (unsigned k = 0; k < i; k++) {
            test_context("rows %u and %u", i, k);
            CHECK_INT(memcmp(guid[i], guid[k], 16) == 0, rows[i].same_as == rows[k].same_as);
        }
    }
    /* What files keep must stay what it is. */
    uint32_t sid[3][3];
    identity_sid(NULL, sid[0]);
    identity_sid(users[0], sid[1]);
    identity_sid(users[1], sid[2]);
    CHECK_INT(sid[0][0], 3799958001u);
    CHECK_INT(sid[0][1], 1721789449);
    CHECK_INT(sid[0][2], 1032432635);
    CHECK(memcmp(sid[0], sid[1], 12) != 0 && memcmp(sid[1], sid[2], 12) != 0);
}

static void test_closest(void)
{
    CHECK(cmd_find("serve") != NULL);
    CHECK(cmd_find("serv") == NULL);
    for (size_t i = 0; cmd_at(i); i++) {
        CHECK(cmd_at(i)->fn != NULL);
        CHECK(cmd_find(cmd_at(i)->name) == cmd_at(i));
    }
}

static const struct test_case cases[] = {
    {"how to connect", test_connect},
    {"a random password can be read aloud", test_password},
    {"log lines as text and JSON", test_log_lines},
    {"options", test_args},
    {"identities last", test_identity},
    {"the table of commands", test_closest},
};
TEST_MAIN(cases)
