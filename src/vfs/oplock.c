/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/oplock.h"

#include "base/list.h"
#include "base/mem.h"
#include "vfs/lease.h"
#include "vfs/vfs.h"

#define RWH (OPLOCK_R | OPLOCK_W | OPLOCK_H)

/* What an operation leaves to the holders. */
struct rule {
    uint8_t breaks;  /* oplocks with any of these rights are broken ... */
    uint8_t leaves;  /* ... and keep at most these */
    bool spares_own; /* of the open that acts: exclusive ones always are; with this level II too */
    uint8_t opens_anew; /* overwriting dispositions: as breaks, and nothing is left */
    uint8_t takes;      /* leases lose these, [MS-FSA] BreakCacheState; and without R all */
};

/* [MS-FSA] 2.1.4.12. A write or a lock breaks every level II, that of its own open too; an
 * exclusive holder, and every lease, may do as it likes. */
static const struct rule rules[OPLOCK_OPS] = {
    [OPLOCK_OP_OPEN_BEFORE_SHARING] = {OPLOCK_H, OPLOCK_R, true, OPLOCK_H, 0},
    [OPLOCK_OP_OPEN_REFUSED] = {0, 0, true, 0, OPLOCK_H},
    [OPLOCK_OP_OPEN] = {OPLOCK_W | OPLOCK_H, OPLOCK_R, true, RWH, OPLOCK_W},
    [OPLOCK_OP_READ] = {OPLOCK_W, OPLOCK_R, true, 0, OPLOCK_W},
    [OPLOCK_OP_WRITE] = {RWH, 0, false, 0, OPLOCK_R | OPLOCK_W},
    [OPLOCK_OP_FLUSH] = {OPLOCK_W, OPLOCK_R, true, 0, OPLOCK_W},
    [OPLOCK_OP_LOCK] = {RWH, 0, false, 0, OPLOCK_R | OPLOCK_W},
    [OPLOCK_OP_UNLOCK] = {0, 0, true, 0, 0},
    [OPLOCK_OP_SET_SIZE] = {RWH, 0, false, 0, OPLOCK_R | OPLOCK_W},
    [OPLOCK_OP_ZERO_DATA] = {RWH, 0, false, 0, OPLOCK_R | OPLOCK_W},
    [OPLOCK_OP_RENAME] = {OPLOCK_H, 0, true, 0, OPLOCK_H},
    [OPLOCK_OP_DELETE] = {OPLOCK_H, 0, true, 0, OPLOCK_H},
    [OPLOCK_OP_CHANGED_BELOW] = {RWH, 0, false, 0, RWH},
    [OPLOCK_OP_CHILD] = {0, 0, true, 0, OPLOCK_R | OPLOCK_W},
};

void oplock_init(struct oplock_state *s)
{
    list_init(&s->groups);
    s->count = 0;
}

void oplock_holder_init(struct oplock_holder *h, enum oplock_kind kind)
{
    *h = (struct oplock_holder){.kind = kind};
    list_init(&h->alike);
    list_init(&h->group);
    list_init(&h->break_link);
}

uint8_t oplock_caching_of(uint8_t level)
{
    switch (level) {
    case VFS_OPLOCK_II:
        return OPLOCK_R;
    case VFS_OPLOCK_EXCLUSIVE:
        return OPLOCK_R | OPLOCK_W;
    case VFS_OPLOCK_BATCH:
        return RWH;
    default:
        return 0;
    }
}

uint8_t oplock_level_of(uint8_t caching)
{
    if (caching & OPLOCK_W) {
        return caching & OPLOCK_H ? VFS_OPLOCK_BATCH : VFS_OPLOCK_EXCLUSIVE;
    }
    return caching & OPLOCK_R ? VFS_OPLOCK_II : VFS_OPLOCK_NONE;
}

uint8_t oplock_holder_level(const struct oplock_holder *h)
{
    return oplock_level_of(h->caching);
}

bool oplock_is_stat_access(uint32_t access)
{
    return (access & ~(SMBKIT_READ_ATTRIBUTES | SMBKIT_WRITE_ATTRIBUTES | SMBKIT_SYNCHRONIZE)) == 0;
}

/* ---- groups ---- */

static struct oplock_holder *first_of(const struct list *group)
{
    return LIST_ENTRY(group, struct oplock_holder, group);
}

static bool is_alike(const struct oplock_holder *a, const struct oplock_holder *b)
{
    return a->kind == b->kind && a->caching == b->caching && a->breaking == b->breaking &&
           a->break_to == b->break_to && a->break_last == b->break_last &&
           a->is_chain == b->is_chain;
}

static void group_join(struct oplock_state *s, struct oplock_holder *h)
{
    LIST_FOR_EACH (l, &s->groups) {
        if (is_alike(first_of(l), h)) {
            list_push_back(&first_of(l)->alike, &h->alike);
            return;
        }
    }
    list_push_back(&s->groups, &h->group);
}

static void group_leave(struct oplock_holder *h)
{
    if (!list_is_empty(&h->group) && !list_is_empty(&h->alike)) {
        list_push_back(&h->group, &LIST_ENTRY(h->alike.next, struct oplock_holder, alike)->group);
    }
    list_remove(&h->group);
    list_remove(&h->alike);
}

/* What it has, and what of that is being broken. */
static void change(struct oplock_state *s, struct oplock_holder *h, uint8_t caching, bool breaking,
                   uint8_t to)
{
    if (h->caching != 0) {
        ASSERT(s->count > 0);
        group_leave(h);
        s->count--;
    }
    h->caching = caching;
    h->breaking = breaking;
    h->break_to = to;
    h->break_last = to;
    h->is_chain = false;
    if (caching != 0) {
        group_join(s, h);
        s->count++;
    }
}

struct oplock_others oplock_others(const struct oplock_state *s, const struct oplock_holder *h)
{
    struct oplock_others others = {0};
    LIST_FOR_EACH (l, &s->groups) {
        const struct oplock_holder *first = first_of(l);
        if (first == h && list_is_empty(&first->alike)) {
            continue;
        }
        others.any = true;
        others.has_oplock |= first->kind == OPLOCK_OF_OPEN;
        others.caching |= first->caching;
    }
    return others;
}

/* ---- grants ---- */

/* [MS-FSA] 2.1.5.18.1 (exclusive), 2.1.5.18.2 (shared) */
static uint8_t grantable(const struct oplock_state *s, const struct oplock_want *want)
{
    uint8_t caching = oplock_caching_of(want->level);
    if (caching == 0 || want->is_directory) {
        return 0;
    }
    if ((caching & OPLOCK_W) && !want->has_other_opens && s->count == 0) {
        return caching;
    }
    /* Who has more than reads keeps a level II from being granted. */
    bool has_more = oplock_others(s, NULL).caching & (OPLOCK_W | OPLOCK_H);
    return want->has_byte_locks || has_more ? 0 : OPLOCK_R;
}

uint8_t oplock_request(struct oplock_state *s, struct oplock_holder *h,
                       const struct oplock_want *want)
{
    ASSERT(h->caching == 0 && list_is_empty(&h->group));
    uint8_t caching = grantable(s, want);
    if (caching == 0) {
        return VFS_OPLOCK_NONE;
    }
    oplock_settle(s, h, caching);
    return oplock_level_of(caching);
}

static bool overwrites(const struct oplock_query *q)
{
    return q->disposition == SMBKIT_SUPERSEDE || q->disposition == SMBKIT_OVERWRITE ||
           q->disposition == SMBKIT_OVERWRITE_IF;
}

/* The rule for this very query; breaks is 0 when it disturbs nobody. */
static struct rule rule_of(const struct oplock_query *q)
{
    struct rule r = rules[q->op];
    if (q->op != OPLOCK_OP_OPEN && q->op != OPLOCK_OP_OPEN_BEFORE_SHARING &&
        q->op != OPLOCK_OP_OPEN_REFUSED) {
        return r;
    }
    if (overwrites(q)) {
        r.breaks = r.opens_anew;
        r.leaves = 0;
        r.takes = q->op == OPLOCK_OP_OPEN ? RWH : r.takes;
    } else if (oplock_is_stat_access(q->access)) {
        r.breaks = 0;
        r.takes = 0;
    } else if (oplock_is_stat_access(q->access & ~SMBKIT_READ_CONTROL)) {
        r.takes = 0; /* Windows spares leases then, but not oplocks */
    }
    return r;
}

/* A client is told once. A level II goes at once; others stay until they are acknowledged. */
void oplock_break_begin(struct oplock_state *s, struct oplock_holder *h, uint8_t to,
                        struct oplock_result *out)
{
    bool needs_ack = (h->caching & (OPLOCK_W | OPLOCK_H)) != 0;
    h->break_from = h->caching;
    change(s, h, needs_ack ? h->caching : 0, needs_ack, needs_ack ? to : 0);
    h->tell_ack = needs_ack;
    list_remove(&h->break_link);
    list_push_back(&out->breaks, &h->break_link);
}

/* Does the operation wait for a holder's answer? Not for a lease that only read and kept handles,
 * when it is what was read that changes. */
static bool awaits(const struct oplock_holder *h, const struct rule *r)
{
    return h->kind == OPLOCK_OF_OPEN || (h->caching & OPLOCK_W) || r->takes == OPLOCK_H;
}

/* What the rule leaves of the rights; the same: it does not break them. */
static uint8_t left_of(const struct oplock_holder *h, const struct rule *r)
{
    if (h->kind == OPLOCK_OF_OPEN) {
        return h->caching & r->breaks ? h->caching & r->leaves : h->caching;
    }
    uint8_t left = (uint8_t)(h->caching & ~r->takes);
    return left & OPLOCK_R ? left : 0;
}

/* Asked for more than before, while it is being broken: the client hears of it in the answer to its
 * acknowledgement; for a lease another break follows that. */
static void lower(struct oplock_state *s, struct oplock_holder *h, uint8_t to)
{
    group_leave(h);
    h->break_last &= to;
    if (h->kind == OPLOCK_OF_OPEN) {
        h->break_to &= to;
    }
    group_join(s, h);
}

static bool is_lowered(const struct oplock_holder *h, uint8_t to)
{
    return (h->break_last & ~to) || (h->kind == OPLOCK_OF_OPEN && (h->break_to & ~to));
}

static void check_holder(struct oplock_state *s, struct oplock_holder *h, const struct rule *r,
                         struct oplock_result *out)
{
    uint8_t to = left_of(h, r);
    if (h->breaking) {
        lower(s, h, to);
    } else {
        oplock_break_begin(s, h, to, out);
    }
    out->wait |= h->breaking && awaits(h, r);
}

void oplock_break_one(struct oplock_state *s, struct oplock_holder *h, uint8_t leaves,
                      struct oplock_result *out)
{
    uint8_t taken = RWH & ~leaves;
    const struct rule r = {.breaks = taken, .leaves = leaves & OPLOCK_R, .takes = taken};
    uint8_t to = left_of(h, &r);
    list_init(&out->breaks);
    out->wait = false;
    if (to != h->caching && (!h->breaking || is_lowered(h, to))) {
        check_holder(s, h, &r, out);
    }
}

/* Does the operation of its own open, or its own client's doing, leave the holder alone? */
static bool is_spared(const struct oplock_holder *h, const struct oplock_query *q,
                      const struct rule *r)
{
    if (q->client != 0 && q->client == h->client) {
        return true;
    }
    if (q->parent_key && h->kind == OPLOCK_OF_LEASE) {
        const struct lease *l = CONTAINER_OF(h, const struct lease, holder);
        return mem_eq(l->id.key, q->parent_key, sizeof(l->id.key));
    }
    return h == q->by && (r->spares_own || h->kind == OPLOCK_OF_LEASE || (h->caching & OPLOCK_W));
}

/* Is there one in the group that is not spared? */
static bool has_unspared(const struct oplock_holder *first, const struct oplock_query *q,
                         const struct rule *r)
{
    const struct list *l = &first->alike;
    do {
        if (!is_spared(LIST_ENTRY(l, const struct oplock_holder, alike), q, r)) {
            return true;
        }
        l = l->next;
    } while (l != &first->alike);
    return false;
}

static void check_group(struct oplock_state *s, struct oplock_holder *first,
                        const struct oplock_query *q, const struct rule *r,
                        struct oplock_result *out)
{
    uint8_t to = left_of(first, r);
    bool concerns = to != first->caching;
    bool waits =
        (first->is_chain && r->takes != 0) || (concerns && first->breaking && awaits(first, r));
    if (waits && !out->wait) {
        out->wait = has_unspared(first, q, r);
    }
    if (!concerns || (first->breaking && !is_lowered(first, to))) {
        return;
    }
    struct list all; /* in their order */
    list_init(&all);
    list_push_back(&first->alike, &all);
    list_remove(&first->group);
    for (struct list *l; (l = list_pop_front(&all));) {
        struct oplock_holder *h = LIST_ENTRY(l, struct oplock_holder, alike);
        if (is_spared(h, q, r)) {
            group_join(s, h);
        } else {
            check_holder(s, h, r, out);
        }
    }
}

void oplock_check(struct oplock_state *s, const struct oplock_query *q, struct oplock_result *out)
{
    struct rule r = rule_of(q);
    list_init(&out->breaks);
    out->wait = false;
    if (s->count == 0 || (r.breaks | r.takes) == 0) {
        return;
    }
    struct list before; /* what is made meanwhile has been looked at */
    list_init(&before);
    list_splice_back(&before, &s->groups);
    for (struct list *l; (l = list_pop_front(&before));) {
        list_push_back(&s->groups, l);
        check_group(s, first_of(l), q, &r, out);
    }
}

void oplock_settle(struct oplock_state *s, struct oplock_holder *h, uint8_t caching)
{
    if (caching == 0 && h->caching == 0) {
        return;
    }
    change(s, h, caching, false, 0);
}

void oplock_break_chain(struct oplock_state *s, struct oplock_holder *h, uint8_t last)
{
    if (h->breaking) {
        group_leave(h);
        h->break_last = last;
        h->is_chain = true;
        group_join(s, h);
    }
}

smbkit_status oplock_ack(struct oplock_state *s, struct oplock_holder *h, uint8_t level,
                         uint8_t *level_r)
{
    *level_r = oplock_holder_level(h);
    if (!h->breaking) {
        return SMBKIT_STATUS_INVALID_OPLOCK_PROTOCOL;
    }
    if (level != VFS_OPLOCK_NONE && level != VFS_OPLOCK_II) {
        bool is_known = level == VFS_OPLOCK_EXCLUSIVE || level == VFS_OPLOCK_BATCH;
        oplock_settle(s, h, 0);
        *level_r = VFS_OPLOCK_NONE;
        return is_known ? SMBKIT_STATUS_INVALID_OPLOCK_PROTOCOL : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    oplock_settle(s, h, oplock_caching_of(level) & h->break_to);
    *level_r = oplock_holder_level(h);
    return SMBKIT_STATUS_SUCCESS;
}

bool oplock_timeout(struct oplock_state *s, struct oplock_holder *h)
{
    if (!h->breaking) {
        return false;
    }
    change(s, h, 0, false, 0);
    return true;
}

bool oplock_holder_gone(struct oplock_state *s, struct oplock_holder *h)
{
    bool was_breaking = h->breaking;
    list_remove(&h->break_link);
    if (h->caching != 0) {
        change(s, h, 0, false, 0);
    }
    return was_breaking;
}
