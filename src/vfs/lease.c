/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/lease.h"

#include "base/mem.h"

#define RW (OPLOCK_R | OPLOCK_W)
#define RH (OPLOCK_R | OPLOCK_H)
#define RWH (OPLOCK_R | OPLOCK_W | OPLOCK_H)

void lease_init(struct lease *l, const struct lease_id *id, const struct lease_ops *ops)
{
    *l = (struct lease){.id = *id, .ops = ops};
    mutex_init(&l->lock);
    oplock_holder_init(&l->holder, OPLOCK_OF_LEASE);
}

void lease_fini(struct lease *l)
{
    ASSERT(!l->node);
    mutex_fini(&l->lock);
}

/* What the other holders of the stream allow. */
static uint8_t allowed_beside(const struct oplock_state *s, const struct lease *l)
{
    const struct oplock_others others = oplock_others(s, &l->holder);
    if (others.caching & OPLOCK_W) {
        return 0;
    }
    if (!others.any) {
        return RWH;
    }
    return others.has_oplock ? OPLOCK_R : RH; /* level II, [MS-FSA] 2.1.5.18.2 */
}

static bool is_legal(uint8_t caching)
{
    return caching == OPLOCK_R || caching == RH || caching == RW || caching == RWH;
}

/* [MS-FSA] 2.1.5.18.1, 2.1.5.18.2 */
static uint8_t grantable(const struct oplock_state *s, const struct lease *l,
                         const struct lease_want *want)
{
    if (!is_legal(want->caching)) {
        return 0;
    }
    uint8_t allowed = allowed_beside(s, l);
    if (want->has_other_opens || want->is_directory) {
        allowed &= (uint8_t)~OPLOCK_W;
    }
    uint8_t caching = want->caching & allowed;
    bool shares = !(caching & OPLOCK_W);
    return !(caching & OPLOCK_R) || (shares && want->has_byte_locks) ? 0 : caching;
}

uint8_t lease_request(struct oplock_state *s, struct lease *l, const struct lease_want *want)
{
    struct oplock_holder *h = &l->holder;
    uint8_t caching = grantable(s, l, want);
    /* Only upwards: [MS-SMB2] 3.3.5.9.8 */
    bool grows = caching != h->caching && (h->caching & ~caching) == 0;
    /* What it has grows to all that is asked for, or not at all; only at first it may get a part.
     */
    grows = grows && (h->caching == 0 || caching == want->caching);
    if (!h->breaking && grows) {
        oplock_settle(s, h, caching);
        l->epoch++;
    }
    return h->caching;
}

struct lease_break lease_break_begins(struct lease *l)
{
    const struct oplock_holder *h = &l->holder;
    l->epoch++; /* [MS-SMB2] 3.3.4.7 */
    return (struct lease_break){.from = h->break_from,
                                .to = h->break_to,
                                .epoch = l->has_epoch ? l->epoch : 0,
                                .ack = h->tell_ack};
}

/* Rights without R are none. */
static uint8_t legal_part(uint8_t caching)
{
    return caching & OPLOCK_R ? caching : 0;
}

smbkit_status lease_ack(struct oplock_state *s, struct lease *l, uint8_t caching,
                        struct oplock_result *out)
{
    struct oplock_holder *h = &l->holder;
    list_init(&out->breaks);
    out->wait = false;
    if (!h->breaking) {
        return SMBKIT_STATUS_UNSUCCESSFUL;
    }
    if (caching & ~h->break_to) {
        return SMBKIT_STATUS_REQUEST_NOT_ACCEPTED;
    }
    uint8_t last = h->break_last;
    oplock_settle(s, h, legal_part(caching));
    uint8_t left = legal_part(h->caching & last);
    if (left != h->caching) {
        /* Windows takes one right after the other: RWH goes to RH, R and none. */
        bool is_handle_next = h->caching == RH && left == 0;
        oplock_break_begin(s, h, is_handle_next ? OPLOCK_R : left, out);
        oplock_break_chain(s, h, left);
    }
    return SMBKIT_STATUS_SUCCESS;
}
