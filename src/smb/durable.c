/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/durable.h"

#include "base/mem.h"
#include "smb/conn.h"
#include "smb/lease.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "smb/request.h"

#define TICK_MS 1000u

static void give_up(struct job *job);

void smb_durable_init(struct smb_durable *d)
{
    list_init(&d->kept_link);
    list_init(&d->give_up_job.link);
    d->give_up_job.fn = give_up;
}

void smb_durable_fini(struct smb_durable *d)
{
    ASSERT(!d->kept);
    vfs_token_unref(d->owner);
    smb_share_unref(d->share);
}

/* ---- granting ---- */

#define DURABLE_V1 (SMB2_CTX_DHNQ | SMB2_CTX_DHNC)
#define DURABLE_V2 (SMB2_CTX_DH2Q | SMB2_CTX_DH2C)

/* Version 2 is none of the older dialects'. */
static uint32_t asked_of(const struct smb_request *r, const struct smb2_create_req *req)
{
    uint32_t present = req->ctxs.present & (DURABLE_V1 | DURABLE_V2);
    return smb_conn_is_3x(r->conn) ? present : present & DURABLE_V1;
}

/* [MS-SMB2] 3.3.5.9.6, .7, .10, .12: a request of version 1 beside a reconnect of version 1 is
 * ignored; no others go together. */
smbkit_status smb_durable_check(const struct smb_request *r, const struct smb2_create_req *req)
{
    uint32_t present = asked_of(r, req);
    bool is_mixed = (present & DURABLE_V1) && (present & DURABLE_V2);
    bool is_double = (present & DURABLE_V2) == DURABLE_V2;
    return is_mixed || is_double ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS;
}

/* Whoever has no name cannot be known again. */
static bool has_name(const struct vfs_token *token)
{
    return !(vfs_token_identity_get(token)->flags & (SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS));
}

/* The time that is asked for, or SMB_DURABLE_DEFAULT_MS, up to what the configuration allows.
 * [MS-SMB2] 3.3.5.9.10 */
static uint32_t timeout_of(uint32_t max, const struct smb2_create_req *req,
                           enum smb_durability kind)
{
    uint32_t ms = kind == SMB_DURABLE_V2 ? req->ctxs.dh2q_timeout_ms : max;
    return MIN(ms ? ms : SMB_DURABLE_DEFAULT_MS, max);
}

void smb_durable_grant(struct smb_request *r, const struct smb2_create_req *req, struct smb_open *o)
{
    struct smb_server *s = o->server;
    struct smb_durable *d = &o->durable;
    uint32_t present = asked_of(r, req);
    enum smb_durability kind = present & SMB2_CTX_DH2Q   ? SMB_DURABLE_V2
                               : present & SMB2_CTX_DHNQ ? SMB_DURABLE_V1
                                                         : SMB_DURABLE_NOT;
    uint32_t max = kind == SMB_DURABLE_NOT ? 0 : smb_server_policy(s).durable_max_ms;
    if (max == 0 || !s->config.env.work || vfs_open_is_directory(o->file) ||
        !has_name(r->call.token) || !vfs_open_caches_handle(o->file)) {
        return;
    }
    d->kind = kind;
    d->timeout_ms = timeout_of(max, req, kind);
    smb_durable_owned(o, r);
    if (kind == SMB_DURABLE_V2) {
        mem_copy(d->create_guid, req->ctxs.dh2q_create_guid, sizeof(d->create_guid));
    }
}

void smb_durable_own_locked(struct smb_open *o, struct vfs_token *owner, const struct smb_tree *t)
{
    struct smb_durable *d = &o->durable;
    if (!d->owner) {
        d->owner = vfs_token_ref(owner);
        refcount_get(&t->share->refs);
        d->share = t->share;
        d->user_version = t->session->user_version;
    }
}

void smb_durable_owned(struct smb_open *o, const struct smb_request *r)
{
    SCOPED_LOCK(&r->session->lock);
    smb_durable_own_locked(o, r->call.token, r->tree);
}

/* [MS-SMB2] 2.2.14.2.3, 2.2.14.2.12. Who comes back for one is told nothing of it. */
void smb_durable_answer(const struct smb2_create_req *req, struct smb_open *o, uint8_t oplock_level,
                        struct smb2_create_rsp_ctxs *out)
{
    uint32_t asked = req->ctxs.present & (DURABLE_V1 | DURABLE_V2);
    enum smb_durability kind = smb_open_durability(o);
    if (kind == SMB_DURABLE_V1 && asked == SMB2_CTX_DHNQ) {
        out->present |= SMB2_CTX_DHNQ;
    } else if (kind == SMB_DURABLE_V2 && (asked & SMB2_CTX_DH2Q) &&
               (oplock_level == SMB2_OPLOCK_LEVEL_BATCH ||
                oplock_level == SMB2_OPLOCK_LEVEL_LEASE)) {
        out->present |= SMB2_CTX_DH2Q;
        out->dh2q_timeout_ms = o->durable.timeout_ms;
        out->dh2q_flags = 0; /* persistent is none */
    }
}

smbkit_status smb_durable_resilient(struct smb_open *o, struct smb_request *r, uint32_t timeout_ms)
{
    uint32_t max = smb_server_policy(o->server).durable_max_ms;
    if (max == 0 || !o->server->config.env.work || !has_name(r->call.token)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (timeout_ms > max) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    SCOPED_LOCK(&o->lock);
    smb_durable_owned(o, r);
    o->durable.kind = SMB_DURABLE_RESILIENT;
    o->durable.timeout_ms = timeout_ms ? timeout_ms : MIN(max, SMB_RESILIENT_DEFAULT_MS);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- what is kept ---- */

void smb_kept_init(struct smb_kept *k)
{
    mutex_init(&k->lock);
    for (unsigned i = 0; i < SMB_KEPT_SLOTS; i++) {
        list_init(&k->slots[i]);
    }
}

void smb_kept_fini(struct smb_kept *k)
{
    ASSERT(k->count == 0);
    mutex_fini(&k->lock);
}

/* kept->lock is held. */
static void tick_locked(struct smb_server *s)
{
    if (!s->kept.is_ticking && (s->kept.count > 0 || smb_records_tick(s))) {
        s->kept.is_ticking = true;
        s->config.env.tick(s->config.env.arg, TICK_MS);
    }
}

void smb_kept_tick(struct smb_server *s)
{
    SCOPED_LOCK(&s->kept.lock);
    tick_locked(s);
}

/* open->lock is held. */
static bool kept_enter_locked(struct smb_open *o)
{
    struct smb_server *s = o->server;
    struct smb_kept *k = &s->kept;
    struct smb_durable *d = &o->durable;
    uint64_t now = smb_server_monotonic_ms(s);
    /* relaxed: a bound, not an order */
    if (atomic_fetch_add_explicit(&o->client->kept_opens, 1, memory_order_relaxed) >=
        SMB_KEPT_PER_CLIENT) {
        atomic_fetch_sub_explicit(&o->client->kept_opens, 1, memory_order_relaxed);
        return false;
    }
    SCOPED_LOCK(&k->lock);
    if (k->is_over) {
        atomic_fetch_sub_explicit(&o->client->kept_opens, 1, memory_order_relaxed);
        return false;
    }
    d->kept = true;
    d->until_ms = now + d->timeout_ms;
    if (k->count++ == 0) {
        k->scanned_sec = now / 1000;
    }
    list_push_back(&k->slots[(d->until_ms / 1000) % SMB_KEPT_SLOTS], &d->kept_link);
    tick_locked(s);
    return true;
}

void smb_kept_leave_locked(struct smb_open *o)
{
    struct smb_kept *k = &o->server->kept;
    ASSERT(o->durable.kept);
    o->durable.kept = false;
    atomic_fetch_sub_explicit(&o->client->kept_opens, 1, memory_order_relaxed); /* as above */
    SCOPED_LOCK(&k->lock);
    list_remove(&o->durable.kept_link);
    k->count--;
}

bool smb_open_is_kept(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->durable.kept;
}

enum smb_durability smb_open_durability(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->durable.kind;
}

bool smb_open_is_durable(struct smb_open *o)
{
    return smb_open_durability(o) != SMB_DURABLE_NOT;
}

/* [MS-SMB2] 3.3.4.6: a resilient open stays when it breaks; how long an answer is waited for is
 * left open, and nobody is there to give any. Its client hears of it when it comes back. */
static void give_up(struct job *job)
{
    struct smb_open *o = CONTAINER_OF(job, struct smb_open, durable.give_up_job);
    struct smb_server *s = o->server;
    mutex_lock(&o->lock);
    o->durable.give_up_posted = false; /* what breaks from here on is another */
    mutex_unlock(&o->lock);
    if (o->lease) {
        smb_lease_give_up(o->lease);
    } else {
        struct vfs_open *file = smb_open_file_ref(o);
        vfs_oplock_timeout(file);
        vfs_open_unref(file);
    }
    mutex_lock(&o->lock);
    if (!o->lease) {
        smb_break_void_locked(&o->brk);
    }
    if (--o->durable.giving_up == 0) {
        wait_wake_all(&o->waits, &o->closers);
    }
    mutex_unlock(&o->lock);
    smb_open_unref(o);
    atomic_fetch_sub(&s->kept.ending, 1); /* s may be gone next */
}

/* open->lock is held. */
static void give_up_locked(struct smb_open *o)
{
    struct smb_server *s = o->server;
    struct smb_durable *d = &o->durable;
    const struct work_key key = {.kind = WORK_END, .volume = smb_share_lane(d->share)};
    if (d->give_up_posted) {
        return;
    }
    d->give_up_posted = true;
    d->giving_up++;
    (void)smb_open_ref(o);
    atomic_fetch_add(&s->kept.ending, 1);
    s->config.env.work(s->config.env.arg, &key, &d->give_up_job);
}

bool smb_durable_gives_up_locked(struct smb_open *o, struct vfs_wait *w)
{
    bool does = o->durable.giving_up > 0 || o->is_moving;
    if (does) {
        wait_register(&o->waits, &o->closers, w);
    }
    return does;
}

/* [MS-SMB2] 3.3.7.1: is what it was granted for still so? What was to be deleted with it is. Others
 * must not wait for locks of somebody who is not there, and without W they may have the file open:
 * then, as on Windows, it is not kept. */
static bool may_be_kept(struct smb_open *o)
{
    if (o->kind != SMB_OPEN_FILE || o->durable.kind == SMB_DURABLE_NOT) {
        return false;
    }
    struct vfs_open *file = smb_open_file_ref(o);
    bool may = o->durable.kind == SMB_DURABLE_RESILIENT ||
               (vfs_open_caches_handle(file) && vfs_open_may_keep_locks(file));
    vfs_open_unref(file);
    return may;
}

static bool enter(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (o->durable.ends || !kept_enter_locked(o)) {
        return false;
    }
    smb_open_disown_locked(o);
    o->is_announced = false; /* its client learns its new FileId first */
    if (o->durable.kind == SMB_DURABLE_RESILIENT) {
        give_up_locked(o); /* of what is asked for already */
    }
    return true;
}

bool smb_durable_keep(struct smb_open *o)
{
    if (!may_be_kept(o)) {
        return false;
    }
    (void)smb_open_ref(o);
    bool is_kept = enter(o);
    /* A break, or a reload, that found it neither here nor there. */
    if (is_kept && (!may_be_kept(o) || smb_kept_is_to_end(o))) {
        SCOPED_LOCK(&o->lock);
        smb_kept_close_locked(o);
    }
    smb_open_unref(o);
    return is_kept;
}

/* open->lock is held. */
static void end_locked(struct smb_open *o)
{
    struct smb_kept *k = &o->server->kept;
    atomic_fetch_add(&k->ending, 1); /* at no moment it is neither kept nor being ended */
    smb_kept_leave_locked(o);
    smb_open_end(o);
    atomic_fetch_sub(&k->ending, 1);
}

void smb_kept_close_locked(struct smb_open *o)
{
    if (o->durable.kept) {
        end_locked(o);
    }
}

bool smb_durable_broken_locked(struct smb_open *o)
{
    if (!o->durable.kept) {
        return false;
    }
    if (o->durable.kind == SMB_DURABLE_RESILIENT) {
        give_up_locked(o);
    } else {
        end_locked(o);
    }
    return true;
}

/* ---- the end of their time ---- */

#define END_BATCH 64u

static bool is_up(const struct smb_open *o, uint64_t now_ms)
{
    return o->durable.until_ms <= now_ms;
}

/* References to some whose time is up. until_ms does not change while they are in a slot. */
static size_t take_due(struct smb_kept *k, uint64_t now_ms, struct smb_open **list)
{
    size_t n = 0;
    uint64_t now_sec = now_ms / 1000;
    SCOPED_LOCK(&k->lock);
    uint64_t from =
        now_sec - k->scanned_sec < SMB_KEPT_SLOTS ? k->scanned_sec : now_sec - SMB_KEPT_SLOTS + 1;
    for (uint64_t sec = from; sec <= now_sec; sec++) {
        k->scanned_sec = sec;
        LIST_FOR_EACH (l, &k->slots[sec % SMB_KEPT_SLOTS]) {
            struct smb_open *o = CONTAINER_OF(l, struct smb_open, durable.kept_link);
            if (n < END_BATCH && is_up(o, now_ms)) {
                list[n++] = smb_open_ref(o);
            }
        }
        if (n == END_BATCH) {
            break;
        }
    }
    return n;
}

/* Ends those whose time is up, a few at a time: the locks are nobody's for long. */
static void end_due(struct smb_server *s, uint64_t now_ms)
{
    struct smb_open *list[END_BATCH];
    size_t n;
    do {
        n = take_due(&s->kept, now_ms, list);
        for (size_t i = 0; i < n; i++) {
            mutex_lock(&list[i]->lock);
            if (list[i]->durable.kept && is_up(list[i], now_ms)) { /* else it was taken meanwhile */
                end_locked(list[i]);
            }
            mutex_unlock(&list[i]->lock);
            smb_open_unref(list[i]);
        }
    } while (n == END_BATCH);
}

void smb_server_tick(struct smb_server *s)
{
    end_due(s, smb_server_monotonic_ms(s));
    SCOPED_LOCK(&s->kept.lock);
    s->kept.is_ticking = false;
    tick_locked(s);
}

bool smb_kept_end(struct smb_server *s, bool (*is_to_end)(struct smb_open *o))
{
    struct smb_open **list = NULL;
    size_t count = 0;
    bool ok = smb_opens_all(s, &list, &count);
    for (size_t i = 0; i < count; i++) {
        bool ends = smb_open_is_kept(list[i]) && (!is_to_end || is_to_end(list[i]));
        mutex_lock(&list[i]->lock);
        if (ends && list[i]->durable.kept) {
            end_locked(list[i]);
        }
        mutex_unlock(&list[i]->lock);
        smb_open_unref(list[i]);
    }
    mem_free(list);
    return ok;
}

bool smb_server_keep_none(struct smb_server *s)
{
    mutex_lock(&s->kept.lock);
    s->kept.is_over = true;
    mutex_unlock(&s->kept.lock);
    return smb_kept_end(s, NULL);
}
