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

static unsigned gone;

static smbkit_status go(void *arg, const struct pass_call *c)
{
    (void)arg;
    ((struct fake_op *)c->op)->place = ++gone;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status add(struct held *h, struct fake_op *op, uint64_t key)
{
    const struct pass_call c = {.op = &op->pub, .id = SMBKIT_OP_read};
    return held_add(h, &c, 3, key, 0);
}

static bool is_key(void *arg, const struct held_call *c)
{
    return c->key == *(uint64_t *)arg;
}

static void test_order(void)
{
    struct fake_op ops[3] = {0};
    struct held h;
    uint64_t key = 1;
    gone = 0;
    held_init(&h, NULL, go, NULL);
    CHECK_INT(add(&h, &ops[0], 1), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[1], 2), SMBKIT_STATUS_PENDING);
    CHECK_INT(add(&h, &ops[2], 1), SMBKIT_STATUS_PENDING);
    CHECK_INT(held_release(&h, is_key, &key), 2);
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
    held_init(&h, NULL, go, NULL);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(add(&h, &ops[i], 0), SMBKIT_STATUS_PENDING);
    }
    CHECK_INT(add(&h, &ops[3], 0), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(h.refused, 1);
    ops[1].on_cancel(ops[1].arg);
    CHECK_INT(ops[1].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(add(&h, &ops[4], 0), SMBKIT_STATUS_PENDING);
    held_fini(&h); /* the volume closes */
    CHECK_INT(ops[0].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[2].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[4].status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(ops[3].completed, 0);
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(ops[i].completed, i != 3);
    }
}

/* Given up before it is held, or amid that. */
static void test_given_up(void)
{
    struct fake_op before = {.pub.plugin = &before};
    struct fake_op amid = {0};
    struct held h;
    held_init(&h, NULL, go, NULL);
    CHECK_INT(add(&h, &before, 0), SMBKIT_STATUS_CANCELLED);
    CHECK_INT(before.completed, 0);
    cancels_at_once = true;
    CHECK_INT(add(&h, &amid, 0), SMBKIT_STATUS_PENDING);
    cancels_at_once = false;
    CHECK_INT(amid.completed, 1);
    CHECK_INT(amid.status, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(held_count(&h), 0);
    held_fini(&h);
}

static const struct test_case cases[] = {
    {"order", test_order},
    {"how many, and the end of the volume", test_bound},
    {"given up early", test_given_up},
};
TEST_MAIN(cases)
