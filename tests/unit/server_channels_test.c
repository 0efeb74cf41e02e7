/* SPDX-License-Identifier: Apache-2.0 */
/* What clients are told to make channels to: the words of the setting, and the choice. */
#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"
#include "server/config.h"
#include "test.h"

static void test_words(void)
{
    static const struct {
        const char *word;
        bool ok;
        const char *name;
        uint64_t speed;
        bool rss;
    } rows[] = {
        {"eth0", true, "eth0", 0, false},
        {"192.0.2.1;rss", true, "192.0.2.1", 0, true},
        {"eth0;speed=10000000000", true, "eth0", 10000000000u, false},
        {"fd00::1;RSS;Speed=1", true, "fd00::1", 1, true},
        {"", false, "", 0, false},
        {";rss", false, "", 0, false},
        {"eth0;", false, "", 0, false},
        {"eth0;speed=", false, "", 0, false},
        {"eth0;speed=0", false, "", 0, false},
        {"eth0;speed=1G", false, "", 0, false},
        {"eth0;speed=99999999999999999999", false, "", 0, false},
        {"eth0;fast", false, "", 0, false},
        {"a-name-that-is-longer-than-any-interface-has-or-any-address-can-be-written", false, "", 0,
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_channel c;
        test_context("%s", rows[i].word);
        CHECK(config_channel_parse(rows[i].word, &c) == rows[i].ok);
        if (rows[i].ok) {
            CHECK_STR(c.name, rows[i].name);
            CHECK_INT(c.speed_bps, rows[i].speed);
            CHECK(c.has_rss == rows[i].rss);
        }
    }
    test_context("%s", "");
}

static const struct os_interface host[] = {
    {.index = 1, .name = "lo", .text = "127.0.0.1", .address = {127, 0, 0, 1}, .is_loopback = true},
    {.index = 2,
     .name = "eth0",
     .text = "192.0.2.1",
     .address = {192, 0, 2, 1},
     .speed_bps = 10000000000u,
     .has_rss = true},
    {.index = 3, .name = "eth1", .text = "192.0.2.9", .address = {192, 0, 2, 9}},
    {.index = 2,
     .name = "eth0",
     .text = "fd00::a",
     .address = {0xfd, [15] = 0xa},
     .is_ipv6 = true,
     .speed_bps = 10000000000u,
     .has_rss = true},
};

/* told: the addresses' last bytes, in order. */
static void test_choice(void)
{
    static const struct {
        const char *listen, *words;
        unsigned count; /* of host's */
        uint8_t told[5];
    } rows[] = {
        {"", "", 4, {1, 9, 0xa}},      {"*", "", 4, {1, 9, 0xa}},         {"192.0.2.9", "", 4, {9}},
        {"FD00::A", "", 4, {0xa}},     {"127.0.0.1", "", 4, {1}},         {"", "", 1, {1}},
        {"", "eth0", 4, {1, 0xa}},     {"", "192.0.2.1 eth1", 4, {1, 9}}, {"", "lo", 4, {1}},
        {"192.0.2.1", "eth1", 4, {0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smb_interface out[4];
        struct problems problems;
        char text[256];
        problems_init(&problems);
        test_context("listen %s, words %s", rows[i].listen, rows[i].words);
        CLEANUP(config_free) struct config *c = config_new();
        REQUIRE(c);
        if (*rows[i].listen) {
            const struct config_key *k = config_key_find(CONFIG_GLOBAL, "listen");
            REQUIRE(k);
            CHECK(k->set(c, NULL, rows[i].listen, text));
        }
        if (*rows[i].words) {
            const struct config_key *k = config_key_find(CONFIG_GLOBAL, "multi channel interfaces");
            REQUIRE(k);
            CHECK(k->set(c, NULL, rows[i].words, text));
        }
        size_t n = config_channels(c, host, rows[i].count, out);
        CHECK_INT(n, str_len((const char *)rows[i].told));
        for (size_t k = 0; k < n; k++) {
            CHECK_INT(out[k].address[out[k].is_ipv6 ? 15 : 3], rows[i].told[k]);
        }
        problems_fini(&problems);
    }
    test_context("%s", "");
}

static void test_speeds(void)
{
    struct smb_interface out[4];
    CLEANUP(config_free) struct config *c = config_new();
    REQUIRE(c);
    CHECK_INT(config_channels(c, host, 4, out), 3);
    CHECK_INT(out[0].speed_bps, 10000000000u);
    CHECK(out[0].has_rss);
    CHECK_INT(out[0].index, 2);
    CHECK_INT(out[1].speed_bps, 1000000000u); /* the system does not say */
    CHECK(!out[1].has_rss);
    CHECK(config_channel_parse("eth1;speed=2500000000;rss", &c->channels[0]));
    c->channel_count = 1;
    CHECK_INT(config_channels(c, host, 4, out), 1);
    CHECK_INT(out[0].speed_bps, 2500000000u);
    CHECK(out[0].has_rss);
}

/* The host that this runs on has at least itself. */
static void test_here(void)
{
    struct smb_interface out[CONFIG_INTERFACES_MAX];
    CLEANUP(config_free) struct config *c = config_new();
    REQUIRE(c);
    size_t n = config_channels_now(c, out, CONFIG_INTERFACES_MAX);
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) {
        CHECK(out[i].index != 0);
        CHECK(out[i].speed_bps > 0);
    }
    CHECK_INT(config_channels_now(c, out, 0), 0);
}

static const struct test_case cases[] = {
    {"words", test_words}, {"choice", test_choice}, {"speeds", test_speeds}, {"here", test_here}};
TEST_MAIN(cases)
