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

static const struct test_case cases[] = {{"what counts as one place", test_prefixes}};
TEST_MAIN(cases)
