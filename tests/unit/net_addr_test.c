/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "net/net.h"

static void test_parse(void)
{
    static const struct {
        const char *in;
        bool ok;
        const char *text;
        uint16_t port;
    } rows[] = {
        {"1.2.3.4", true, "1.2.3.4", 445},
        {"1.2.3.4:4450", true, "1.2.3.4", 4450},
        {"1.2.3.4:0", true, "1.2.3.4", 0},
        {"::1", true, "::1", 445},
        {"2001:db8::1", true, "2001:db8::1", 445},
        {"[::1]", true, "::1", 445},
        {"[::1]:80", true, "::1", 80},
        {"*", true, "*", 445},
        {"*:81", true, "*", 81},
        {":82", true, "*", 82},
        {"", true, "*", 445},
        {"localhost:83", true, "127.0.0.1", 83},
        {"LocalHost", true, "127.0.0.1", 445},
        {"1.2.3.4:65535", true, "1.2.3.4", 65535},
        {"1.2.3.4:65536", false, NULL, 0},
        {"1.2.3.4:", false, NULL, 0},
        {"1.2.3.4:x", false, NULL, 0},
        {"1.2.3", true, "1.2.3", 445}, /* the C library knows it as 1.2.0.3 */
        {"host.example", false, NULL, 0},
        {"[::1", false, NULL, 0},
        {"[::1]x", false, NULL, 0},
        {"[1.2.3.4]:9", true, "1.2.3.4", 9},
        {"300.1.1.1", false, NULL, 0},
        {"1111111111111111111111111111111111111111111111111111111111111111", false, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_addr a;
        test_context("%s", rows[i].in);
        CHECK_INT(net_addr_parse(rows[i].in, 445, &a), rows[i].ok);
        if (rows[i].ok) {
            CHECK_STR(a.text, rows[i].text);
            CHECK_INT(a.port, rows[i].port);
        }
    }
}

static void test_format(void)
{
    char buf[80];
    struct net_addr v4 = {.text = "1.2.3.4", .port = 445};
    struct net_addr v6 = {.text = "2001:db8::1", .port = 4450};
    net_addr_format(&v4, buf, sizeof(buf));
    CHECK_STR(buf, "1.2.3.4:445");
    net_addr_format(&v6, buf, sizeof(buf));
    CHECK_STR(buf, "[2001:db8::1]:4450");
}

static const struct test_case cases[] = {
    {"addresses as text", test_parse},
    {"an address with its port", test_format},
};
TEST_MAIN(cases)
