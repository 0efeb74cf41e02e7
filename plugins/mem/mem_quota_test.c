/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: what is counted for whom, through every way that data grows, goes and changes hands. */
#include "mem_test.h"

static const uint8_t ANNA[] = {1, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0};
static const uint8_t BOB[] = {1, 2, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0, 3, 0, 0, 0};

struct descriptor {
    uint8_t bytes[64];
    uint32_t len;
};

/* Self-relative, of an owner and nothing else. */
static struct descriptor owned_by(const uint8_t *sid, uint32_t len)
{
    struct descriptor d = {.bytes = {1, 0, 0, 0x80, 20}, .len = 20 + len};
    memcpy(d.bytes + 20, sid, len);
    return d;
}

static void give(struct pt *t, void *file, const uint8_t *sid, uint32_t len)
{
    const struct descriptor d = owned_by(sid, len);
    CHECK_INT(pt_set_security(t, file, d.bytes, d.len), 0);
}

static struct smbkit_quota quota_of(struct pt *t, const uint8_t *sid, uint32_t len)
{
    struct smbkit_quota q = {.struct_size = sizeof(q), .sid = {.base = sid, .len = len}};
    CHECK_INT(t->p->get_quota(t->v, &t->op, &q), 0);
    return q;
}

static uint64_t used_by(struct pt *t, const uint8_t *sid, uint32_t len)
{
    return quota_of(t, sid, len).used;
}

#define USED(t, who) used_by(t, who, sizeof(who))

static smbkit_status limit(struct pt *t, const uint8_t *sid, uint32_t len, uint64_t bytes)
{
    const struct smbkit_quota q = {.struct_size = sizeof(q),
                                   .flags = sid ? 0 : SMBKIT_QUOTA_ENFORCED,
                                   .sid = {.base = sid, .len = len},
                                   .threshold = UINT64_MAX,
                                   .limit = bytes};
    return t->p->set_quota(t->v, &t->op, &q);
}

static void test_counts(void)
{
    struct pt t;
    static uint8_t data[3 * CLUSTER];
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_write(&t, f, 0, data, sizeof(data)), 0); /* nobody's */
    CHECK_INT(USED(&t, ANNA), 0);
    give(&t, f, ANNA, sizeof(ANNA));
    CHECK_INT(USED(&t, ANNA), 3 * CLUSTER);
    void *s = pt_stream_new(&t, "f", "s");
    CHECK_INT(pt_write(&t, s, 0, data, 1), 0);
    CHECK_INT(USED(&t, ANNA), 4 * CLUSTER);
    give(&t, f, BOB, sizeof(BOB)); /* with its streams */
    CHECK_INT(USED(&t, ANNA), 0);
    CHECK_INT(USED(&t, BOB), 4 * CLUSTER);
    CHECK_INT(pt_set_size(&t, f, CLUSTER), 0);
    CHECK_INT(USED(&t, BOB), 2 * CLUSTER);
    CHECK_INT(pt_allocate(&t, f, 3 * CLUSTER), 0);
    CHECK_INT(USED(&t, BOB), 4 * CLUSTER);
    pt_close(&t, s);
    pt_close(&t, f); /* what was reserved goes */
    CHECK_INT(USED(&t, BOB), 2 * CLUSTER);
    CHECK_INT(pt_remove(&t, "f"), 0);
    CHECK_INT(USED(&t, BOB), 0);
    pt_close_volume(&t);
}

static void test_limits(void)
{
    struct pt t;
    static uint8_t data[4 * CLUSTER];
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    give(&t, f, ANNA, sizeof(ANNA));
    CHECK_INT(limit(&t, ANNA, sizeof(ANNA), 2 * CLUSTER), 0);
    CHECK_INT(pt_write(&t, f, 0, data, 3 * CLUSTER), 0); /* only counted, until that is asked for */
    CHECK_INT(limit(&t, NULL, 0, CLUSTER), 0);
    CHECK_INT(pt_write(&t, f, 3 * CLUSTER, data, 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_set_size(&t, f, CLUSTER), 0);
    CHECK_INT(pt_write(&t, f, CLUSTER, data, CLUSTER), 0);
    CHECK_INT(pt_write(&t, f, 0, data, 2 * CLUSTER), 0); /* takes nothing */
    CHECK_INT(pt_allocate(&t, f, 3 * CLUSTER), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(USED(&t, ANNA), 2 * CLUSTER);
    /* A new owner gets the volume's limit; a file that is given to him stays whole. */
    give(&t, f, BOB, sizeof(BOB));
    const struct smbkit_quota q = quota_of(&t, BOB, sizeof(BOB));
    CHECK_INT(q.used, 2 * CLUSTER);
    CHECK_INT(q.limit, CLUSTER);
    CHECK_INT(q.flags, SMBKIT_QUOTA_TRACKED | SMBKIT_QUOTA_ENFORCED);
    CHECK_INT(pt_write(&t, f, 2 * CLUSTER, data, 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(limit(&t, ANNA, sizeof(ANNA) - 1, 1), SMBKIT_STATUS_INVALID_PARAMETER);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_list(void)
{
    struct pt t;
    uint8_t sid[68];
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    CHECK_INT(limit(&t, ANNA, sizeof(ANNA), 5), 0);
    CHECK_INT(limit(&t, BOB, sizeof(BOB), 6), 0);
    CHECK_INT(limit(&t, ANNA, sizeof(ANNA), 7), 0);
    struct smbkit_quota q = {.struct_size = sizeof(q),
                             .flags = SMBKIT_QUOTA_NEXT,
                             .sid_r = {.base = sid, .cap = sizeof(BOB)}};
    CHECK_INT(t.p->get_quota(t.v, &t.op, &q), 0);
    CHECK_MEM(sid, q.sid_r.len, ANNA, sizeof(ANNA));
    CHECK_INT(q.limit, 7);
    q.sid_r.cap = sizeof(BOB) - 1;
    CHECK_INT(t.p->get_quota(t.v, &t.op, &q), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    q.sid_r.cap = sizeof(BOB);
    CHECK_INT(t.p->get_quota(t.v, &t.op, &q), 0);
    CHECK_MEM(sid, q.sid_r.len, BOB, sizeof(BOB));
    CHECK_INT(t.p->get_quota(t.v, &t.op, &q), SMBKIT_STATUS_NOT_FOUND);
    q.cookie = UINT64_MAX;
    CHECK_INT(t.p->get_quota(t.v, &t.op, &q), SMBKIT_STATUS_NOT_FOUND);
    pt_close_volume(&t);
}

/* Descriptors that name no owner, or one that is not wholly there. */
static void test_odd_descriptors(void)
{
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_write(&t, f, 0, "x", 1), 0);
    const struct descriptor whole = owned_by(BOB, sizeof(BOB));
    for (uint32_t len = 1; len < whole.len; len++) {
        CHECK_INT(pt_set_security(&t, f, whole.bytes, len), 0);
        CHECK_INT(USED(&t, BOB), 0);
    }
    struct descriptor d = whole;
    for (uint32_t at = 0; at < 256; at++) {
        d.bytes[4] = (uint8_t)at;
        CHECK_INT(pt_set_security(&t, f, d.bytes, d.len), 0);
        CHECK_INT(USED(&t, BOB), at == 20 ? CLUSTER : 0);
    }
    pt_close(&t, f);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"counts", test_counts},
    {"limits", test_limits},
    {"list", test_list},
    {"odd descriptors", test_odd_descriptors},
};
TEST_MAIN(cases)
