/* SPDX-License-Identifier: Apache-2.0 */
#include "held.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* ---- a core of which only this is needed ---- */

struct fake_op {
    struct smbkit_op pub; /* first */
    void (*on_cancel)(void *arg);
    void *arg;
    atomic_uint completed;
    smbkit_status status;
    unsigned place; /* among those that went */
};

static void fake_complete(struct smbkit_op *pub, smbkit_status status)
{
    struct fake_op *op = (struct fake_op *)pub;
    op->status = status;
    atomic_fetch_add(&op->completed, 1);
}

static bool cancels_at_once; /* while the op is registered, before it is in the queue */

static smbkit_status fake_on_cancel(struct smbkit_op *pub, void (*fn)(void *arg), void *arg)
{
    struct fake_op *op = (struct fake_op *)pub;
    if (op->pub.plugin) {
        return SMBKIT_STATUS_CANCELLED; /* it was given up before */
    }
    op->on_cancel = fn;
    op->arg = arg;
    if (cancels_at_once) {
        fn(arg);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static int32_t fake_is_cancelled(const struct smbkit_op *op)
{
    (void)op;
    return 0;
}

static const struct smbkit_host_table fake_api = {
    .complete = fake_complete, .on_cancel = fake_on_cancel, .is_cancelled = fake_is_cancelled};
const struct smbkit_host_table *smbkit_api = &fake_api;

static const struct smbkit_identity one_client = {.client_address = "192.0.2.1"};
static const struct smbkit_identity other_client = {.client_address = "192.0.2.2"};

static unsigned gone;

static smbkit_status go(void *arg, const struct pass_call *c)
{
    (void)arg;
    ((struct fake_op *)c->op)->place = ++gone;
    return SMBKIT_STATUS_SUCCESS;
}

static unsigned left;
static void note_left(void *arg, const struct held_call *c)
{
    (void)arg;
    (void)c;
    left++;
}

static void init(struct held *h)
{
    held_init(h, NULL, go, NULL);
    h->max = h->client_max = 3;
    h->left = note_left;
    left = gone = 0;
}

static smbkit_status add(struct held *h, struct fake_op *op, void *key)
{
    op->pub.who = op->pub.who ? op->pub.who : &one_client;
    const struct pass_call c = {.op = &op->pub, .id = SMBKIT_OP_read};
    const struct held_tag tag = {.key = key};
    return held_add(h, &c, &tag);
}

static smbkit_status add_at(struct held *h, struct fake_op *op, uint64_t order)
{
    op->pub.who = &one_client;
    const struct pass_call c = {.op = &op->pub, .id = SMBKIT_OP_read};
    const struct held_tag tag = {.order = order};
    return held_add(h, &c, &tag);
}

static bool is_key(void *arg, const struct held_call *c)
{
    return c->tag.key == arg;
}

static void test_tags(void)
{
    static const uint64_t orders[] = {5, 7, 5, 1, 6, 7, 1};
    static const unsigned places[] = {3, 6, 4, 1, 5, 7, 2};
    struct fake_op ops[7] = {0};
    struct held h;
    init(&h);
    h.max = h.client_max = 7;
    for (size_t i = 0; i < 7; i++) {
        CHECK_INT(add_at(&h, &ops[i], orders[i]), SMBKIT_STATUS_PENDING);
    }
    CHECK_INT(held_release(&h, NULL, NULL), 7);
    for (size_t i = 0; i < 7; i++) {
        CHECK_INT(ops[i].place, places[i]);
    }
    CHECK_INT(left, 7);
    held_fini(&h);
}

static void test_may(void)
{
    static const struct {
        uint32_t flags, id;
        bool may;
    } rows[] = {
        {0, SMBKIT_OP_create, true},
        {0, SMBKIT_OP_read, true},
        {SMBKIT_OP_NOWAIT, SMBKIT_OP_read, true},
        {SMBKIT_OP_SYNC, SMBKIT_OP_read, false},
        {SMBKIT_OP_AWAITED, SMBKIT_OP_lookup, false},
        {SMBKIT_OP_AWAITED, SMBKIT_OP_remove, false},
        {SMBKIT_OP_AWAITED, SMBKIT_OP_write, true},
        {SMBKIT_OP_AWAITED, SMBKIT_OP_copy_range, true},
        {0, SMBKIT_OP_commit, false},
        {0, SMBKIT_OP_session_root, false},
        {0, SMBKIT_OP_cache_ack, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct smbkit_op op = {.flags = rows[i].flags};
        test_context("row %zu", i);
        CHECK_INT(held_may(&op, rows[i].id), rows[i].may);
    }
}

static void test_order(void)
{
    struct fake_op ops[3] = {0};
    struct held h;
    int one, two;
    init(&h);
    CHECK_INT(add(&h, &ops[0], &one), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[1], &two), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[2], &one), SMBKIT_STATUS_PENDING);
    CHECK_INT(held_release(&h, is_key, &one), 2);
    CHECK_INT(held_count(&h), 1);
    CHECK_INT(held_release(&h, NULL, NULL), 1);
    CHECK_INT(ops[0].place, 1);
    CHECK_INT(ops[2].place, 2);
    CHECK_INT(ops[1].place, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(ops[i].completed, 1);
        CHECK_INT(ops[i].status, SMBKIT_STATUS_SUCCESS);
    }
    held_fini(&h);
}

static void test_bound(void)
{
    struct fake_op ops[5] = {0};
    struct held h;
    init(&h);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(add(&h, &ops[i], NULL), SMBKIT_STATUS_PENDING);
    }
    CHECK_INT(add(&h, &ops[3], NULL), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(h.refused, 1);
    ops[1].on_cancel(ops[1].arg);
    CHECK_INT(ops[1].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(add(&h, &ops[4], NULL), SMBKIT_STATUS_PENDING);
    held_fini(&h); /* the volume closes */
    CHECK_INT(ops[0].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[2].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[4].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[3].completed, 0);
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(ops[i].completed, i != 3);
    }
    CHECK_INT(left, 4);
}

/* One client does not take the places of others. */
static void test_share(void)
{
    struct fake_op ops[9] = {0};
    struct held h;
    init(&h);
    held_max_set(&h, 8);
    CHECK_INT(h.client_max, 2);
    CHECK_INT(add(&h, &ops[0], NULL), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[1], NULL), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[2], NULL), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    ops[3].pub.who = ops[4].pub.who = &other_client;
    CHECK_INT(add(&h, &ops[3], NULL), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[4], NULL), SMBKIT_STATUS_PENDING);
    ops[0].on_cancel(ops[0].arg);
    CHECK_INT(add(&h, &ops[5], NULL), SMBKIT_STATUS_PENDING);
    CHECK_INT(held_count(&h), 4);
    held_fini(&h);
    held_max_set(&h, 1);
    CHECK_INT(h.client_max, 1);
}

/* Each of these holds a thread of the server. */
static void test_awaited(void)
{
    struct fake_op ops[HELD_AWAITED_MAX + 3] = {0};
    struct held h;
    init(&h);
    held_max_set(&h, 1000);
    for (unsigned i = 0; i < HELD_AWAITED_MAX + 1; i++) {
        ops[i].pub.flags = SMBKIT_OP_AWAITED;
        CHECK_INT(add(&h, &ops[i], NULL), i < HELD_AWAITED_MAX
                                              ? SMBKIT_STATUS_PENDING
                                              : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    }
    CHECK_INT(add(&h, &ops[HELD_AWAITED_MAX + 1], NULL), SMBKIT_STATUS_PENDING);
    CHECK_INT(held_release(&h, NULL, NULL), HELD_AWAITED_MAX + 1);
    ops[HELD_AWAITED_MAX + 2].pub.flags = SMBKIT_OP_AWAITED;
    CHECK_INT(add(&h, &ops[HELD_AWAITED_MAX + 2], NULL), SMBKIT_STATUS_PENDING);
    held_fini(&h);
}

/* Given up before it is held, or amid that. */
static void test_given_up(void)
{
    struct fake_op before = {.pub.plugin = &before};
    struct fake_op amid = {0};
    struct held h;
    init(&h);
    CHECK_INT(add(&h, &before, NULL), SMBKIT_STATUS_CANCELLED);
    CHECK_INT(before.completed, 0);
    cancels_at_once = true;
    CHECK_INT(add(&h, &amid, NULL), SMBKIT_STATUS_PENDING);
    cancels_at_once = false;
    CHECK_INT(amid.completed, 1);
    CHECK_INT(amid.status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(held_count(&h), 0);
    CHECK_INT(left, 1);
    held_fini(&h);
}

static const struct test_case cases[] = {
    {"order", test_order},
    {"order by tags", test_tags},
    {"what may be held", test_may},
    {"how many, and the end of the volume", test_bound},
    {"a client's share", test_share},
    {"those that take a thread", test_awaited},
    {"given up early", test_given_up},
};
TEST_MAIN(cases)
