/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include "base/base.h"
#include "test.h"

static void test_prefixes(void)
{
    static const struct {
        const char *address;
        const char *want;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"127.0.0.1", "127.0.0.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
        {"2001:db8::1", "2001:db8:0:0::/64"},
        {"2001:db8::2:3:4:5:6", "2001:db8:0:2::/64"},
        {"fd00::2:1", "fd00:0:0:0::/64"},
        {"fd00::ffff:1", "fd00:0:0:0::/64"},
        {"::1", "0:0:0:0::/64"},
        {"::", "0:0:0:0::/64"},
        {"1::", "1:0:0:0::/64"},
        {"::2:3:4:5:6:7:8", "0:2:3:4::/64"},
        {"fe80::1%eth0", "fe80:0:0:0::/64%eth0"},
        {"64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"},
        /* no addresses: themselves */
        {"", ""},
        {"localhost", "localhost"},
        {"1:2:3", "1:2:3"},
        {"1::2::3", "1::2::3"},
        {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"},
        {"1::2:3:4:5:6:7:8", "1::2:3:4:5:6:7:8"},
        {"12345::", "12345::"},
        {":1", ":1"},
        {":::", ":::"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[ADDR_PREFIX_SIZE];
        test_context("%s", rows[i].address);
        addr_prefix(rows[i].address, out);
        CHECK_STR(out, rows[i].want);
    }
}

static void test_patterns(void)
{
    static const struct {
        const char *patterns[4];
        const char *address;
        bool is_in;
    } rows[] = {
        {{"192.0.2.7"}, "192.0.2.7", true},
        {{"192.0.2.7"}, "::ffff:192.0.2.7", true},
        {{"192.0.2.7"}, "192.0.2.8", false},
        {{"192.0.2."}, "192.0.2.200", true},
        {{"192."}, "192.9.9.9", true},
        {{"192.0.2."}, "192.0.20.1", false},
        {{"192.0.2.128/25"}, "192.0.2.129", true},
        {{"192.0.2.128/25"}, "192.0.2.127", false},
        {{"192.0.2.0/255.255.255.0"}, "192.0.2.3", true},
        {{"192.0.2.0/255.255.255.0"}, "192.0.3.3", false},
        {{"0.0.0.0/0"}, "203.0.113.1", true},
        {{"0.0.0.0/0"}, "2001:db8::1", false},
        {{"2001:db8::/32"}, "2001:db8:ffff::1", true},
        {{"2001:db8::/33"}, "2001:db8:ffff::1", false},
        {{"fe80::1"}, "fe80::1%eth0", true},
        {{"::/0"}, "2001:db8::1", true},
        {{"all"}, "anywhere", true},
        {{"198.51.100.1", "192.0.2."}, "192.0.2.1", true},
        {{"ALL", "EXCEPT", "192.0.2."}, "192.0.2.1", false},
        {{"ALL", "EXCEPT", "192.0.2."}, "192.0.3.1", true},
        {{"192.", "EXCEPT", "192.0.2.1", "192.0.2.2"}, "192.0.2.2", false},
        {{"192.0.2.0/24"}, "no address", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct names list = {0};
        test_context("%s of %s ...", rows[i].address, rows[i].patterns[0]);
        for (size_t k = 0; k < 4 && rows[i].patterns[k]; k++) {
            CHECK(addr_is_pattern(rows[i].patterns[k]));
            REQUIRE(names_add(&list, rows[i].patterns[k]));
        }
        CHECK_INT(addr_is_in(rows[i].address, &list), rows[i].is_in);
        names_fini(&list);
    }
}

static void test_no_patterns(void)
{
    static const char *const words[] = {
        "",         "fileserver", "192.0.2",    "192.0.2.256",          "192.0.2.1/33",
        "1.2.3.4.", "1.2.3.4/x",  "192.0.2.1/", "2001:db8::/129",       "10.0.0.0/255.0.255.0",
        "1:2:3/16", "1..2.",      ".1",         "2001:db8::/255.0.0.0",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        test_context("%s", words[i]);
        CHECK(!addr_is_pattern(words[i]));
    }
}

static void test_loopback(void)
{
    CHECK(addr_is_loopback("127.0.0.1") && addr_is_loopback("127.9.9.9"));
    CHECK(addr_is_loopback("::1") && addr_is_loopback("::ffff:127.0.0.1"));
    CHECK(!addr_is_loopback("128.0.0.1") && !addr_is_loopback("::2") && !addr_is_loopback(""));
}

static const struct test_case cases[] = {{"what counts as one place", test_prefixes},
                                         {"patterns of addresses", test_patterns},
                                         {"what is no pattern", test_no_patterns},
                                         {"the host itself", test_loopback}};
TEST_MAIN(cases)
