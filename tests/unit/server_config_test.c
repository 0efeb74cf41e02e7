/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "server/config.h"

/* ---- what is understood ---- */

static struct config *parse_ok(const char *text)
{
    struct problems p;
    problems_init(&p);
    struct config *c = config_parse("f", text, &p);
    CHECK_STR(problems_text_get(&p), "");
    problems_fini(&p);
    return c;
}

static void test_defaults(void)
{
    struct config *c = parse_ok("");
    REQUIRE(c);
    CHECK_INT(c->port, 445);
    CHECK_INT(c->listen_count, 0);
    CHECK_INT(c->dialect_min, 0x0202);
    CHECK_INT(c->dialect_max, 0x0311);
    CHECK(c->signing_required);
    CHECK(!c->allow_guest);
    CHECK_INT(c->encryption, SMB_ENCRYPT_OFF);
    CHECK_INT(c->connections_max, 4096);
    CHECK_INT(c->transact_max_bytes, 8 << 20);
    CHECK_STR(c->log_file, "stderr");
    CHECK_STR(c->workgroup, "WORKGROUP");
    CHECK(c->netbios_name[0] != '\0');
    CHECK_INT(c->share_count, 0);
    config_free(c);
}

static const char whole_file[] = "\xEF\xBB\xBF# a comment\n"
                                 "[global]\r\n"
                                 "\tserver string = Files of the house\r\n"
                                 "  NetBIOS Name = hall\n"
                                 "; another\n"
                                 "listen = 127.0.0.1, [::1]:4451 \n"
                                 "smb ports = 4450\n"
                                 "server signing = auto\n"
                                 "smb encrypt = desired\n"
                                 "map to guest = Bad User\n"
                                 "users file = /tmp/users\n"
                                 "serverminprotocol = SMB3\n"
                                 "max transact = 1M\n"
                                 "max connections = 10\n"
                                 "log format = json\n"
                                 "plugin dir = /opt/p\n"
                                 "control socket = /tmp/c\n"
                                 "\n"
                                 "[Docs]\n"
                                 "   path = /srv/docs\n"
                                 "   comment = All papers\n"
                                 "   writeable = yes\n"
                                 "   guest ok = yes\n"
                                 "   valid users = alice, bob\tcarol\n"
                                 "   browseable = no\n"
                                 "   smb encrypt = required\n"
                                 "   filter = delay:read=10,write=5\n"
                                 "   filter = log\n"
                                 "[scratch]\n"
                                 "plugin = mem:size=1M\n"
                                 "plugin.label = a, b\n";

static void test_globals_of_a_whole_file(void)
{
    struct config *c = parse_ok(whole_file);
    REQUIRE(c);
    CHECK_STR(c->server_string, "Files of the house");
    CHECK_STR(c->netbios_name, "HALL");
    REQUIRE(c->listen_count == 2);
    CHECK_STR(c->listen[0].text, "127.0.0.1");
    CHECK_INT(c->listen[0].port, 4450);
    CHECK_STR(c->listen[1].text, "::1");
    CHECK_INT(c->listen[1].port, 4451);
    CHECK(!c->signing_required);
    CHECK_INT(c->encryption, SMB_ENCRYPT_DESIRED);
    CHECK(c->allow_guest);
    CHECK_STR(c->users_file, "/tmp/users");
    CHECK_INT(c->dialect_min, 0x0300);
    CHECK_INT(c->transact_max_bytes, 1 << 20);
    CHECK_INT(c->connections_max, 10);
    CHECK_INT(c->log_format, CONFIG_LOG_JSON);
    CHECK_STR(c->plugin_dir, "/opt/p");
    CHECK_STR(c->control_socket, "/tmp/c");
    config_free(c);
}

static void test_shares_of_a_whole_file(void)
{
    struct config *c = parse_ok(whole_file);
    REQUIRE(c);
    REQUIRE(c->share_count == 2);
    const struct config_share *d = &c->shares[0];
    CHECK_STR(d->name, "Docs");
    CHECK_INT(d->line, 19);
    CHECK_STR(d->comment, "All papers");
    CHECK_STR(d->plugin.name, "dir");
    CHECK_STR(config_args_get(&d->plugin.args, "path"), "/srv/docs");
    CHECK(!d->read_only);
    CHECK(d->guest_ok);
    CHECK(!d->browseable);
    CHECK(d->encrypt);
    REQUIRE(d->admission.valid.count == 3);
    CHECK_STR(d->admission.valid.items[2], "carol");
    REQUIRE(d->filter_count == 2);
    CHECK_STR(d->filters[0].name, "delay");
    CHECK_STR(config_args_get(&d->filters[0].args, "write"), "5");
    CHECK_STR(d->filters[1].name, "log");
    const struct config_share *s = &c->shares[1];
    CHECK(s->read_only);
    CHECK_STR(s->plugin.name, "mem");
    CHECK_STR(config_args_get(&s->plugin.args, "size"), "1M");
    CHECK_STR(config_args_get(&s->plugin.args, "label"), "a, b");
    config_free(c);
}

/* ---- every complaint, by its text ---- */

static const struct {
    const char *text;
    const char *want;
} wrong[] = {
    {"[x]\npath = /\nred only = yes\n",
     "f:3: unknown key \"red only\"; did you mean \"read only\"?\n"},
    {"[x]\npath = /\nzzzzzzzzzz = yes\n",
     "f:3: unknown key \"zzzzzzzzzz\"; smbkit.conf(5) lists the keys\n"},
    {"[global]\nserver sining = auto\n",
     "f:2: unknown key \"server sining\"; did you mean \"server signing\"?\n"},
    {"[global]\npath = /\n", "f:2: \"path\" belongs into the section of a share\n"},
    {"[x]\npath = /\nworkgroup = A\n", "f:3: \"workgroup\" belongs into [global]\n"},
    {"[x]\npath = /\nvalid users = ann @wh/eel\n",
     "f:3: valid users = ann @wh/eel: \"@wh/eel\" is no group's name\n"},
    {"[global]\nadmin users = @staff\n",
     "f:2: admin users = @staff: \"@staff\": no groups here, only users\n"},
    {"[global]\ngroup = staff ann\n",
     "f:2: group = staff ann: expected a group's name, a colon and its users: staff: ann bob\n"},
    {"[global]\ngroup = staff: @office\n",
     "f:2: group = staff: @office: \"@office\" is no user's name\n"},
    {"[x]\npath = /\nhosts allow = fileserver\n",
     "f:3: hosts allow = fileserver: \"fileserver\" is no address: expected such as 192.0.2.7, "
     "192.0.2., 192.0.2.0/24, 2001:db8::/32, ALL, EXCEPT\n"},
    {"a = b\n", "f:1: \"a\" stands before the first section; begin with [global]\n"},
    {"[global]\nnonsense\n", "f:2: expected \"key = value\", found \"nonsense\"\n"},
    {"[global\n", "f:1: a section needs a \"]\" at its end\n"},
    {"[]\n", "f:1: []: a share name must not be empty\n"},
    {"[a/b]\npath = /\n",
     "f:1: [a/b]: a share name must not contain control characters or any of \"/\\[]:|<>+=;,*?\n"},
    {"[ipc$]\npath = /\n", "f:1: [ipc$]: this share name is reserved\n"},
    {"[homes]\n", "f:1: [homes]: this share name is reserved\n"},
    {"[a]\npath = /\n[A]\npath = /\n",
     "f:3: [A]: there is a share of this name already, at line 1\n"},
    {"[a]\nread only = yes\n", "f:1: [a]: needs \"path = FOLDER\" (or \"plugin = NAME\")\n"},
    {"[a]\npath = /\nread only = perhaps\n", "f:3: read only = perhaps: expected yes or no\n"},
    {"[a]\npath = /\nsmb encrypt = desired\n",
     "f:3: smb encrypt = desired: a share knows off and required; desired is for [global]\n"},
    {"[a]\nplugin = Mem\n",
     "f:2: plugin = Mem: expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'\n"
     "f:1: [a]: needs \"path = FOLDER\" (or \"plugin = NAME\")\n"},
    {"[a]\nplugin = mem:size\n", "f:2: plugin = mem:size: \"size\" is not KEY=VALUE\n"},
    {"[a]\nplugin = mem:size,label=x,=y\n",
     "f:2: plugin = mem:size,label=x,=y: \"size\" is not KEY=VALUE; \"=y\" is not KEY=VALUE\n"},
    {"[a]\nplugin = mem\nplugin. = 1\n",
     "f:3: \"plugin.\": not a plugin's argument, or too many of them\n"},
    {"[global]\nsmb ports = 0\n", "f:2: smb ports = 0: expected a number from 1 to 65535\n"},
    {"[global]\nlisten = example.org\n", "f:2: listen = example.org: expected numeric addresses, "
                                         "such as 192.0.2.1 or [2001:db8::1]:445\n"},
    {"[global]\nserver min protocol = NT1\n",
     "f:2: server min protocol = NT1: expected one of SMB2, SMB2_02, SMB2_10, SMB3, SMB3_00, "
     "SMB3_02, SMB3_11\n"},
    {"[global]\nserver min protocol = SMB3\nserver max protocol = SMB2\n",
     "f: \"server min protocol\" is above \"server max protocol\"\n"},
    {"[global]\nserver signing = no\n",
     "f:2: server signing = no: expected one of mandatory, auto, required\n"},
    {"[global]\nsmb encrypt = yes\n",
     "f:2: smb encrypt = yes: expected one of off, desired, required\n"},
    {"[global]\nmap to guest = always\n",
     "f:2: map to guest = always: expected one of never, bad user\n"},
    {"[global]\nlog level = loud\n",
     "f:2: log level = loud: expected error, warn, info, debug or trace, or module:level,...\n"},
    {"[global]\nlog format = xml\n", "f:2: log format = xml: expected one of text, json\n"},
    {"[global]\nnetbios name = ABCDEFGHIJKLMNOP\n",
     "f:2: netbios name = ABCDEFGHIJKLMNOP: expected a name of 1 to 15 characters\n"},
    {"[global]\nnetbios name = A B\n",
     "f:2: netbios name = A B: expected letters, digits and hyphens only\n"},
    {"[global]\nmax transact = 63k\n", "f:2: max transact = 63k: expected a size from 64k to 8M\n"},
    {"[global]\nmax connections = 0\n",
     "f:2: max connections = 0: expected a number from 1 to 1000000\n"},
    {"[global]\nmax credits = 63\n", "f:2: max credits = 63: expected a number from 64 to 8192\n"},
    {"[global]\nmax workers = 4097\n",
     "f:2: max workers = 4097: expected a number from 1 to 4096\n"},
    /* all of them at once, in order */
    {"[global]\nbad\n[x]\npath = /\nred only = 1\n[y]\nbrowsable = maybe\n",
     "f:2: expected \"key = value\", found \"bad\"\n"
     "f:5: unknown key \"red only\"; did you mean \"read only\"?\n"
     "f:7: browsable = maybe: expected yes or no\n"
     "f:6: [y]: needs \"path = FOLDER\" (or \"plugin = NAME\")\n"},
};

static void test_every_complaint(void)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct problems p;
        problems_init(&p);
        test_context("%s", wrong[i].text);
        struct config *c = config_parse("f", wrong[i].text, &p);
        CHECK(c == NULL);
        CHECK_STR(problems_text_get(&p), wrong[i].want);
        problems_fini(&p);
        config_free(c);
    }
}

static void test_long_lines(void)
{
    char text[12000];
    for (size_t n = 150; n < 10000; n += n < 260 || (n > 8100 && n < 8300) ? 1 : 61) {
        struct problems p;
        problems_init(&p);
        snprintf(text, sizeof(text), "[a]\npath = /%0*d\n", (int)n, 1);
        test_context("%zu", n);
        struct config *c = config_parse("f", text, &p);
        /* Whole, or refused: never cut. */
        if (c) {
            CHECK_INT(strlen(config_args_get(&c->shares[0].plugin.args, "path")), n + 1);
        } else {
            CHECK(strstr(problems_text_get(&p), "f:2: line too long") != NULL);
        }
#ifdef HAVE_INI_INITIAL_ALLOC
        CHECK_INT(c != NULL, n <= CONFIG_LINE_MAX - 11); /* "path = /" and what fgets adds */
#else
        CHECK(n > 180 || c);
#endif
        config_free(c);
        problems_fini(&p);
    }
}

static void test_many_problems_are_bounded(void)
{
    struct problems p;
    char *text = mem_zalloc(20000);
    problems_init(&p);
    REQUIRE(text);
    strcpy(text, "[global]\n");
    for (int i = 0; i < 1000; i++) {
        strcat(text, "nonsense\n");
    }
    CHECK(config_parse("f", text, &p) == NULL);
    CHECK_INT(p.count, 1000);
    unsigned lines = 0;
    for (const char *c = problems_text_get(&p); *c; c++) {
        lines += *c == '\n';
    }
    CHECK_INT(lines, PROBLEMS_MAX);
    problems_fini(&p);
    mem_free(text);
}

static void test_every_truncation(void)
{
    static const char text[] = "[global]\nlisten = 127.0.0.1\n[a b]\nplugin = mem:size=1M,x=y\n"
                               "filter = delay:read=1\nvalid users = a b\n";
    char cut[sizeof(text)];
    for (size_t n = 0; n < sizeof(text); n++) {
        struct problems p;
        problems_init(&p);
        memcpy(cut, text, n);
        cut[n] = '\0';
        struct config *c = config_parse("f", cut, &p);
        CHECK((c != NULL) == (p.count == 0));
        config_free(c);
        problems_fini(&p);
    }
}

static void test_no_memory(void)
{
    static const char text[] = "[global]\nlisten = 127.0.0.1\n[a b]\nplugin = mem:size=1M,x=y\n"
                               "filter = delay:read=1\nvalid users = a b\ncomment = c\n";
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct problems p;
        problems_init(&p);
        mem_fail_nth(nth);
        struct config *c = config_parse("f", text, &p);
        bool happened = mem_fail_happened();
        mem_fail_nth(0);
        test_context("allocation %llu", (unsigned long long)nth);
        CHECK(!happened || !c || p.count == 0);
        CHECK(happened || c);
        config_free(c);
        problems_fini(&p);
        if (!happened) {
            return;
        }
    }
    CHECK(!"it ends");
}

static void test_the_table(void)
{
    const char *last = NULL;
    for (size_t i = 0; config_key_at(i); i++) {
        const struct config_key *k = config_key_at(i);
        test_context("%s", k->name);
        CHECK(k->set != NULL);
        CHECK((k->help == NULL) == (k->type == NULL));
        CHECK(config_key_find(k->scope, k->name) == k);
        CHECK(last || k->help); /* the first is no synonym */
        last = k->name;
    }
    CHECK(config_key_find(CONFIG_SHARE, "READONLY") == config_key_find(CONFIG_SHARE, "read only"));
    CHECK(config_key_find(CONFIG_SHARE, "read") == NULL);
    CHECK(config_key_find(CONFIG_GLOBAL, "read only") == NULL);
}

static void test_load(void)
{
    struct problems p;
    problems_init(&p);
    CHECK(config_load("/nonexistent/x", &p) == NULL);
    CHECK_STR(problems_text_get(&p), "/nonexistent/x: there is no such file; smbkit.conf(5) shows "
                                     "one, and \"smbkit serve\" needs none\n");
    problems_fini(&p);
}

static const struct test_case cases[] = {
    {"defaults", test_defaults},
    {"a whole file: globals", test_globals_of_a_whole_file},
    {"a whole file: shares", test_shares_of_a_whole_file},
    {"every complaint by its text", test_every_complaint},
    {"long lines are whole or refused", test_long_lines},
    {"many problems are bounded", test_many_problems_are_bounded},
    {"every truncation", test_every_truncation},
    {"no memory", test_no_memory},
    {"the table of keys", test_the_table},
    {"a file that is not there", test_load},
};
TEST_MAIN(cases)
