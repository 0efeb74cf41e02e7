/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/lease.h"

#include "base/mem.h"

#define RW (OPLOCK_R | OPLOCK_W)
#define RH (OPLOCK_R | OPLOCK_H)
#define RWH (OPLOCK_R | OPLOCK_W | OPLOCK_H)

void lease_init(struct lease *l, const struct lease_id *id)
{
    *l = (struct lease){.id = *id};
    oplock_holder_init(&l->holder, OPLOCK_OF_LEASE);
}

struct lease *lease_find(const struct oplock_state *s, const struct lease_id *id)
{
    LIST_FOR_EACH (link, &s->holders) {
        struct oplock_holder *h = LIST_ENTRY(link, struct oplock_holder, link);
        struct lease *l = CONTAINER_OF(h, struct lease, holder);
        if (h->kind == OPLOCK_OF_LEASE && mem_eq(&l->id, id, sizeof(*id))) {
            return l;
        }
    }
    return NULL;
}

/* What the other holders of the stream allow. */
static uint8_t allowed_beside(const struct oplock_state *s, const struct lease *l)
{
    uint8_t allowed = RWH;
    LIST_FOR_EACH (link, &s->holders) {
        const struct oplock_holder *h = LIST_ENTRY(link, struct oplock_holder, link);
        if (h == &l->holder) {
            continue;
        }
        allowed &= (uint8_t)~OPLOCK_W;
        if (h->caching & OPLOCK_W) {
            return 0;
        }
        if (h->kind == OPLOCK_OF_OPEN) {
            allowed &= (uint8_t)~OPLOCK_H; /* level II, [MS-FSA] 2.1.5.18.2 */
        }
    }
    return allowed;
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
    if (!h->breaking && grows) {
        oplock_settle(s, h, caching);
        l->epoch++;
    }
    return h->caching;
}

void lease_break_begins(struct lease *l)
{
    l->epoch++; /* [MS-SMB2] 3.3.4.7 */
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
        oplock_break_begin(s, h, left, out);
    }
    return SMBKIT_STATUS_SUCCESS;
}
