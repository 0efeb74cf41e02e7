/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes room for whom when connections are too many. */
#include "test.h"

#include <errno.h>

#include "base/base.h"
#include "base/mem.h"
#include "net/net.h"

#define CONNS_MAX 5000

struct conn {
    struct net_slot *slot;
    bool away;
};

static struct conn conns[CONNS_MAX];

static void send_away(void *owner)
{
    struct conn *c = owner;
    CHECK(!c->away);
    c->away = true;
}

static int come(struct net_limits *l, struct conn *c, const char *address)
{
    *c = (struct conn){0};
    int err = net_limits_enter(l, address, &c->slot);
    if (err == 0) {
        net_slot_attach(c->slot, send_away, c);
    }
    return err;
}

static void go(struct conn *c)
{
    CHECK(net_slot_leave(c->slot) == c->away);
    c->slot = NULL;
}

/* What a loop does when it gets to it. */
static void let_go(struct conn *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].slot && list[i].away) {
            go(&list[i]);
        }
    }
}

static size_t staying(const struct conn *list, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += list[i].slot && !list[i].away;
    }
    return count;
}

static struct net_limits *limits(unsigned total, unsigned each, unsigned guests)
{
    const struct net_limits_spec spec = {
        .total_max = total, .per_place_max = each, .guests_max = guests};
    return net_limits_new(&spec);
}

/* Thousands from a few places fill the guests' room, and one more from elsewhere gets in and
 * stays, before and after. */
static void test_flood(void)
{
    static const char *const from[] = {"192.0.2.%u", "2001:db8::%x"};
    for (size_t k = 0; k < ARRAY_LEN(from); k++) {
        struct net_limits *l = limits(4096, 256, 256);
        struct conn early, late, resident;
        test_context("%s", from[k]);
        CHECK_INT(come(l, &resident, "198.51.100.1"), 0);
        net_slot_settle(resident.slot);
        CHECK_INT(come(l, &early, "198.51.100.1"), 0);
        for (unsigned i = 0; i < CONNS_MAX; i++) {
            char address[64];
            snprintf(address, sizeof(address), from[k], k ? i : i % 17);
            CHECK_INT(come(l, &conns[i], address), 0);
            let_go(conns, i);
        }
        CHECK_INT(staying(conns, CONNS_MAX), 255);
        CHECK_INT(come(l, &late, "203.0.113.1"), 0);
        CHECK(!early.away && !late.away && !resident.away);
        let_go(conns, CONNS_MAX);
        CHECK_INT(staying(conns, CONNS_MAX), 254);
        CHECK(!conns[CONNS_MAX - 1].away); /* the oldest went */
        for (unsigned i = 0; i < CONNS_MAX; i++) {
            if (conns[i].slot) {
                go(&conns[i]);
            }
        }
        go(&early);
        go(&late);
        go(&resident);
        CHECK_INT(net_limits_count(l), 0);
        net_limits_free(l);
    }
}

/* Residents stay; the bounds hold to the one. */
static void test_residents(void)
{
    struct net_limits *l = limits(4, 3, 4);
    struct conn c[6];
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(come(l, &c[i], "192.0.2.1"), 0);
        net_slot_settle(c[i].slot);
        net_slot_settle(c[i].slot);
    }
    CHECK_INT(come(l, &c[3], "192.0.2.1"), -EUSERS);
    CHECK_INT(come(l, &c[3], "192.0.2.2"), 0);
    CHECK_INT(come(l, &c[4], "192.0.2.3"), 0); /* the guest makes room */
    CHECK(c[3].away && !c[4].away);
    net_slot_settle(c[3].slot); /* too late */
    net_slot_settle(c[4].slot);
    CHECK_INT(come(l, &c[5], "192.0.2.4"), -EMFILE);
    CHECK_INT(net_limits_count(l), 4);
    for (unsigned i = 0; i < 5; i++) {
        go(&c[i]);
    }
    net_limits_free(l);
}

/* A place that is full of guests and residents gives up a guest of its own, not another's. */
static void test_full_place(void)
{
    struct net_limits *l = limits(100, 2, 100);
    struct conn c[4];
    CHECK_INT(come(l, &c[0], "192.0.2.9"), 0);
    CHECK_INT(come(l, &c[1], "192.0.2.1"), 0);
    net_slot_settle(c[1].slot);
    CHECK_INT(come(l, &c[2], "192.0.2.1"), 0);
    CHECK_INT(come(l, &c[3], "::ffff:192.0.2.1"), 0);
    CHECK(!c[0].away && !c[1].away && c[2].away && !c[3].away);
    for (unsigned i = 0; i < 4; i++) {
        go(&c[i]);
    }
    net_limits_free(l);
}

/* Loops that do not get to it bound how many are sent away; one that nobody is attached to yet is
 * told when somebody is. */
static void test_leaving(void)
{
    struct net_limits *l = limits(1000, 1000, 1);
    unsigned n = 0;
    for (; n < CONNS_MAX && come(l, &conns[n], "192.0.2.1") == 0; n++) {
    }
    CHECK_INT(n, 1 + NET_LIMITS_LEAVING_MAX);
    let_go(conns, n);
    struct conn plain = {0};
    CHECK_INT(net_limits_enter(l, "192.0.2.1", &plain.slot), 0);
    CHECK_INT(come(l, &conns[0], "192.0.2.1"), 0);
    net_slot_attach(plain.slot, send_away, &plain);
    CHECK(plain.away);
    struct conn unattached = {0};
    go(&conns[0]);
    CHECK_INT(net_limits_enter(l, "192.0.2.1", &unattached.slot), 0);
    CHECK_INT(come(l, &conns[1], "192.0.2.1"), 0);
    go(&unattached); /* sent away, but nobody was told */
    go(&conns[1]);
    go(&plain);
    for (unsigned i = 0; i < n; i++) {
        if (conns[i].slot) {
            go(&conns[i]);
        }
    }
    net_limits_free(l);
}

static void test_many_addresses(void)
{
    struct net_limits *l = limits(100000, 1, 100000);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            char address[32];
            struct conn more;
            snprintf(address, sizeof(address), "10.0.%u.%u", i / 256, i % 256);
            CHECK_INT(come(l, &conns[i], address), 0);
            net_slot_settle(conns[i].slot);
            CHECK_INT(come(l, &more, address), -EUSERS);
        }
        CHECK_INT(net_limits_count(l), 1000);
        for (unsigned i = 0; i < 1000; i++) {
            go(&conns[i]);
        }
    }
    net_limits_free(l);
}

/* Those who go still have their descriptors: few of them where descriptors are few. */
static void test_few_leaving(void)
{
    const struct net_limits_spec spec = {
        .total_max = 5, .per_place_max = 100, .guests_max = 5, .leaving_max = 3};
    struct net_limits *l = net_limits_new(&spec);
    REQUIRE(l);
    unsigned n = 0;
    for (; n < CONNS_MAX && come(l, &conns[n], "192.0.2.1") == 0; n++) {
    }
    CHECK_INT(n, 5 + 3);
    CHECK_INT(come(l, &conns[n], "192.0.2.1"), -EBUSY);
    go(&conns[0]); /* the oldest was sent away first */
    CHECK_INT(come(l, &conns[0], "192.0.2.1"), 0);
    for (unsigned i = 0; i < n; i++) {
        go(&conns[i]);
    }
    net_limits_free(l);
}

static void test_memory(void)
{
    for (uint64_t nth = 1; nth < 20; nth++) {
        struct conn c = {0};
        mem_fail_nth(nth);
        struct net_limits *l = limits(10, 10, 10);
        int err = l ? come(l, &c, "192.0.2.1") : -ENOMEM;
        bool failed = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(err, failed ? -ENOMEM : 0);
        if (c.slot) {
            go(&c);
        }
        net_limits_free(l);
    }
}

static const struct test_case cases[] = {
    {"a flood of guests", test_flood},
    {"residents stay", test_residents},
    {"a full place", test_full_place},
    {"few that leave", test_few_leaving},
    {"sent away and not gone", test_leaving},
    {"places that are gone are forgotten", test_many_addresses},
    {"without memory", test_memory},
};
TEST_MAIN(cases)
