/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/request.h"

#include "smb/command.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "smb/room.h"

static void request_run(struct smb_request *r);
static void run_when_room(struct smb_request *r);

static bool volume_blocks(const struct smb_request *r)
{
    return (r->row->flags & SMB_CMD_VFS) && r->tree && r->tree->share->volume &&
           !vfs_volume_never_blocks(r->tree->share->volume);
}

/* ---- what CANCEL finds ---- */

static bool mid_is(const struct hash_link *link, const void *id)
{
    return CONTAINER_OF(link, struct smb_request, mid_link)->hdr.message_id ==
           *(const uint64_t *)id;
}

static bool async_is(const struct hash_link *link, const void *id)
{
    return CONTAINER_OF(link, struct smb_request, async_link)->async_id == *(const uint64_t *)id;
}

/* Without memory it is not found: CANCEL may come too late anyhow. */
static void index_by_mid(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    if (!r->has_mid_link && r->hdr.command != SMB2_CANCEL) { /* which bears another's MessageId */
        r->has_mid_link = hash_table_add(&c->by_mid, &r->mid_link,
                                         hash_u64(c->server->hash_seed, r->hdr.message_id));
    }
}

static void index_by_async(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    r->has_async_link =
        hash_table_add(&c->by_async, &r->async_link, hash_u64(c->server->hash_seed, r->async_id));
}

static void index_drop(struct smb_request *r)
{
    if (r->has_mid_link) {
        hash_table_remove(&r->conn->by_mid, &r->mid_link);
        r->has_mid_link = false;
    }
    if (r->has_async_link) {
        hash_table_remove(&r->conn->by_async, &r->async_link);
        r->has_async_link = false;
    }
}

struct smb_request *smb_request_find(const struct smb_conn *c, bool is_async, uint64_t id)
{
    uint64_t hash = hash_u64(c->server->hash_seed, id);
    if (is_async) {
        struct hash_link *l = hash_table_get(&c->by_async, hash, async_is, &id);
        return l ? CONTAINER_OF(l, struct smb_request, async_link) : NULL;
    }
    struct hash_link *l = hash_table_get(&c->by_mid, hash, mid_is, &id);
    return l ? CONTAINER_OF(l, struct smb_request, mid_link) : NULL;
}

/* ---- workers ---- */

static void work(struct job *job)
{
    struct smb_request *r = CONTAINER_OF(job, struct smb_request, work_job);
    vfs_journal_begin(&r->journal);
    r->status = r->row->fn(r);
    r->conn->ops->post(r->conn->io, &r->done_job);
}

static void slow_arm(struct smb_conn *c)
{
    if (!c->closed && !c->slow_timer.transport && !list_is_empty(&c->slow)) {
        c->ops->timer_set(c->io, &c->slow_timer, SMB_INTERIM_AFTER_MS / 2);
    }
}

/* It is told STATUS_PENDING when it takes long. */
static void slow_add(struct smb_request *r)
{
    r->started_ms = smb_server_monotonic_ms(r->conn->server);
    if (list_is_empty(&r->slow_link)) {
        list_push_back(&r->conn->slow, &r->slow_link);
    }
    slow_arm(r->conn);
}

/* What gives something back waits for no call of its volume that is slow. */
static struct work_key work_key(const struct smb_request *r)
{
    struct work_key key = {.kind = WORK_CALL};
    if (r->hdr.command == SMB2_SESSION_SETUP) {
        key.kind = WORK_LOGON;
    } else if (r->row->flags & SMB_CMD_ENDS) {
        key.kind = WORK_END;
    }
    key.volume = r->tree ? (uintptr_t)r->tree->share->volume : 0; /* only to tell them apart */
    key.session = r->session ? r->session->id : 0;
    return key;
}

/* A CLOSE that comes behind it must not overtake it. Where the handler has not run yet, its open is
 * found here; what is wrong with it the handler finds. */
static void hold_close(struct smb_request *r)
{
    if (!r->row->file_id_at || r->holds_close) {
        return;
    }
    struct cur in = r->body;
    cur_skip(&in, r->row->file_id_at);
    struct smb2_file_id id = wire_file_id(&in);
    if (cur_ok(&in) && SMBKIT_OK(smb_request_open(r, &id, ~0u))) {
        smb_open_work_begin(r->open);
        r->holds_close = true;
    }
}

static void let_close(struct smb_request *r)
{
    if (r->holds_close) {
        r->holds_close = false;
        smb_open_work_end(r->open);
    }
}

static void send_to_worker(struct smb_request *r)
{
    hold_close(r);
    const struct work_key key = work_key(r);
    r->call.nowait = false;
    r->call.on_loop = false;
    r->on_worker = true;
    slow_add(r);
    index_by_mid(r);
    r->conn->ops->work(r->conn->io, &key, &r->work_job);
}

/* ---- what a run ended with ---- */

static bool is_last(const struct smb_request *r)
{
    return r->msg->current + 1 == r->msg->count;
}

static bool is_transferring(const struct smb_request *r)
{
    return r->has_io && vfs_io_is_busy(&r->io);
}

/* Has a plugin a call of it under way? */
static bool is_at_plugin(const struct smb_request *r)
{
    return is_transferring(r) || (r->is_ready && vfs_journal_is_busy(&r->journal));
}

/* What a plugin has made, emptied or renamed for it stays so: its answer is to say that, and nobody
 * gives it up any more. [MS-SMB2] 3.3.5.16: what cannot be cancelled is answered as ever. */
static bool has_acted(const struct smb_request *r)
{
    return r->is_ready && vfs_journal_acts(&r->journal);
}

/* What runs on a worker is not looked into: the worker has its journal. */
static bool may_abandon(const struct smb_request *r)
{
    return (r->row->flags & SMB_CMD_CANCEL) &&
           (r->on_worker || (!is_at_plugin(r) && !has_acted(r)));
}

/* There is a bound to what waits until something happens: it must leave room for what makes it
 * happen. What ends by itself is bounded by the budget alone. */
static bool has_waiting_room(const struct smb_request *r)
{
    const struct smb_conn *c = r->conn;
    return !may_abandon(r) || (c->waiting_bytes + smb_room_waiting_bytes(r) <= SMB_WAITING_BYTES &&
                               atomic_load_explicit(&c->server->waiting_now,
                                                    memory_order_relaxed) < /* a rough bound */
                                   SMB_ASYNC_TOTAL_MAX);
}

/* In a compound only the last element is told STATUS_PENDING: what comes after it would else have
 * to overtake its reply. [MS-SMB2] 3.3.4.2 */
static bool may_go_async(const struct smb_request *r)
{
    /* SESSION_SETUP, which may make its session on a worker just now, has none to tell it by. */
    return (r->row->flags & SMB_CMD_SESSION) && is_last(r) &&
           r->conn->async_count < SMB_ASYNC_MAX && has_waiting_room(r) && !r->interim_sent &&
           !r->conn->closed;
}

static void go_async(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    r->waiting_bytes = may_abandon(r) ? smb_room_waiting_bytes(r) : 0;
    c->waiting_bytes += r->waiting_bytes;
    r->async_id = ++c->async_id_next;
    r->interim_sent = true;
    index_by_async(r);
    c->async_count++;
    /* relaxed: only told */
    atomic_fetch_add_explicit(&c->server->waiting_now, 1, memory_order_relaxed);
    smb_reply_interim(r);
}

/* A handler that registered to be woken and then ended all the same: the wake must not come for a
 * request that is gone. */
static void conclude(struct smb_request *r, smbkit_status status)
{
    if (vfs_journal_is_busy(&r->journal)) {
        /* A plugin's call that the answer does not depend on: its end wakes. */
        r->status = status;
        r->state = SMB_REQ_ENDING;
        vfs_journal_cancel(&r->journal);
        return;
    }
    (void)vfs_wait_cancel(&r->wait); /* from here on no new wake, and a waker has let go */
    if (atomic_load_explicit(&r->wake_posted, memory_order_relaxed)) {
        r->status = status;
        r->state = SMB_REQ_ENDING;
        return;
    }
    smb_request_finish(r, status);
}

static void post_wake(struct smb_request *r)
{
    /* relaxed: posting orders it; the flag only keeps the job from being posted twice */
    if (!atomic_exchange_explicit(&r->wake_posted, true, memory_order_relaxed)) {
        r->conn->ops->post(r->conn->io, &r->wake_job);
    }
}

static void held(struct smb_timer *t)
{
    run_when_room(CONTAINER_OF(t, struct smb_request, timer));
}

/* Only time wakes it, or the end, which its handler sees in r->cancelled. */
static void hold(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    uint32_t ms = r->hold_ms;
    r->hold_ms = 0;
    r->timer.fn = held;
    if (!c->closed && !c->draining) {
        c->ops->timer_set(c->io, &r->timer, ms);
        if (r->timer.transport) {
            return;
        }
        /* no timer to be had: the transport ends the connection */
    }
    atomic_store_explicit(&r->cancelled, true, memory_order_relaxed); /* posting orders it */
    post_wake(r);
}

/* The last thing done with r in its caller: r may be gone afterwards. */
static void start_waiting(struct smb_request *r)
{
    r->state = SMB_REQ_WAITING;
    if (r->journal.resumes || is_transferring(r)) {
        hold_close(r); /* stopped by its plugin, to be run again soon */
    } else {
        let_close(r); /* it waits for what a CLOSE may end */
    }
    index_by_mid(r);
    if (!r->payload && !has_acted(r)) {
        /* It begins its reply anew, and may wait for long. */
        wr_fini(&r->rsp);
        smb_room_give(r);
    }
    if (r->hold_ms) {
        hold(r);
        return;
    }
    if (r->hdr.command == SMB2_CLOSE) {
        smb_requests_unwanted(r->conn, NULL, NULL, r->open);
    }
    /* relaxed: a hint; the canceller runs on this thread too */
    if (atomic_load_explicit(&r->cancelled, memory_order_relaxed) || r->conn->closed ||
        r->conn->draining) {
        smb_request_cancel(r);
        return;
    }
    if (r->interim_sent) {
        return;
    }
    if (r->row->flags & SMB_CMD_PATIENT) {
        slow_add(r);
        return;
    }
    if (may_go_async(r)) {
        go_async(r);
        return;
    }
    /* Too many wait; or in the middle of a compound, what may take for ever: as Windows
     * answers. 3.3.5.2.7 */
    bool refused = is_last(r) || (r->row->flags & SMB_CMD_TAIL);
    if (refused && may_abandon(r) && vfs_wait_cancel(&r->wait)) {
        conclude(r,
                 is_last(r) ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_INTERNAL_ERROR);
    }
}

static void ran(struct smb_request *r, smbkit_status status)
{
    if (status == SMBKIT_STATUS_WOULD_BLOCK) {
        vfs_journal_would_block(&r->journal);
        send_to_worker(r);
    } else if (status != SMBKIT_STATUS_WAIT) {
        conclude(r, status);
    } else if (r->woken) {
        r->woken = false;
        run_when_room(r);
    } else {
        start_waiting(r);
    }
}

static void done(struct job *job)
{
    struct smb_request *r = CONTAINER_OF(job, struct smb_request, done_job);
    r->on_worker = false;
    list_remove(&r->slow_link);
    ran(r, r->status);
}

static void request_run(struct smb_request *r)
{
    r->state = SMB_REQ_RUNNING;
    list_remove(&r->slow_link);
    (void)vfs_wait_cancel(&r->wait); /* what else it waited for is looked at anew */
    if ((r->row->flags & SMB_CMD_WORKER) ||
        (volume_blocks(r) && !vfs_volume_tries_nowait(r->tree->share->volume))) {
        send_to_worker(r);
        return;
    }
    r->call.nowait = true;
    r->call.on_loop = true;
    if (r->tree && r->tree->share->volume && vfs_volume_never_blocks(r->tree->share->volume)) {
        r->call.nowait = false;
    }
    vfs_journal_begin(&r->journal);
    ran(r, r->row->fn(r));
}

static void run_when_room(struct smb_request *r)
{
    switch (smb_room_take(r)) {
    case SMB_ROOM_TAKEN:
        request_run(r);
        return;
    case SMB_ROOM_LATER:
        r->state = SMB_REQ_STARVED;
        index_by_mid(r);
        return;
    case SMB_ROOM_NEVER:
        smb_request_finish(r, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
}

void smb_request_has_room(struct smb_request *r)
{
    request_run(r);
}

void smb_requests_slow(struct smb_timer *t)
{
    struct smb_conn *c = CONTAINER_OF(t, struct smb_conn, slow_timer);
    uint64_t now = smb_server_monotonic_ms(c->server);
    LIST_FOR_EACH_SAFE (l, &c->slow) {
        struct smb_request *r = LIST_ENTRY(l, struct smb_request, slow_link);
        if (now - r->started_ms < SMB_INTERIM_AFTER_MS) {
            break; /* the list is in order of starting */
        }
        list_remove(&r->slow_link);
        if (may_go_async(r)) {
            go_async(r);
        }
    }
    slow_arm(c);
}

/* ---- waking ---- */

static void wake(struct vfs_wait *w)
{
    post_wake(CONTAINER_OF(w, struct smb_request, wait));
}

static void woken(struct job *job)
{
    struct smb_request *r = CONTAINER_OF(job, struct smb_request, wake_job);
    atomic_store_explicit(&r->wake_posted, false, memory_order_relaxed); /* as in post_wake */
    if (r->state == SMB_REQ_ENDING) {
        conclude(r, r->status);
        return;
    }
    if (r->state != SMB_REQ_WAITING) {
        r->woken = true; /* its worker has not reported back yet */
        return;
    }
    /* relaxed: set on this thread */
    if (atomic_load_explicit(&r->cancelled, memory_order_relaxed) && may_abandon(r)) {
        smb_request_finish(r, SMBKIT_STATUS_CANCELLED);
        return;
    }
    run_when_room(r);
}

void smb_request_cancel(struct smb_request *r)
{
    /* relaxed: a flag that is looked at now and then */
    atomic_store_explicit(&r->cancelled, true, memory_order_relaxed);
    atomic_store_explicit(&r->unwanted, true, memory_order_relaxed);
    if (r->state == SMB_REQ_STARVED) {
        smb_room_forget(r);
        r->status = SMBKIT_STATUS_CANCELLED;
        r->state = SMB_REQ_ENDING;
        post_wake(r);
        return;
    }
    if (r->timer.transport && (r->conn->closed || r->conn->draining)) {
        r->conn->ops->timer_cancel(r->conn->io, &r->timer);
        post_wake(r);
        return;
    }
    if (r->state == SMB_REQ_WAITING && may_abandon(r) && vfs_wait_cancel(&r->wait)) {
        post_wake(r); /* which looks at the flag */
    } else if (r->state == SMB_REQ_WAITING) {
        if (r->has_io) {
            vfs_io_cancel(&r->io);
        }
        vfs_journal_cancel(&r->journal);
    }
    /* Otherwise a wake or a worker's report is on its way and looks at the flag. */
}

void smb_requests_unwanted(struct smb_conn *c, const struct smb_session *s,
                           const struct smb_tree *t, const struct smb_open *o)
{
    LIST_FOR_EACH (l, &c->messages) {
        struct smb_message *m = LIST_ENTRY(l, struct smb_message, link);
        struct smb_request *r = m->current < m->count ? &m->requests[m->current] : NULL;
        if (!r || r->state != SMB_REQ_WAITING || !(r->row->flags & SMB_CMD_CANCEL) ||
            (s && r->session != s) || (t && r->tree != t) || (o && r->open != o)) {
            continue;
        }
        if (!r->open) {
            smb_request_cancel(r);
        } else {
            /* Closing wakes what else waits on an open. relaxed: a hint */
            atomic_store_explicit(&r->unwanted, true, memory_order_relaxed);
        }
    }
}

/* ---- start and finish ---- */

static void init_jobs(struct smb_request *r)
{
    r->work_job.fn = work;
    r->done_job.fn = done;
    r->wake_job.fn = woken;
    list_init(&r->work_job.link);
    list_init(&r->done_job.link);
    list_init(&r->wake_job.link);
}

void smb_request_start(struct smb_request *r)
{
    list_init(&r->slow_link);
    init_jobs(r);
    vfs_wait_init(&r->wait, wake);
    if (r->hdr.command == SMB2_LOCK) {
        vfs_wait_lock_init(&r->wait, &r->lock);
    } else {
        vfs_io_init(&r->io);
        r->has_io = true;
    }
    vfs_journal_init(&r->journal);
    r->is_ready = true;
    r->rsp = wr_new((size_t)r->conn->transact_max + SMB_FRAME_OVERHEAD);
    r->row = smb_command_get(r->hdr.command);
    smbkit_status status = smb_request_check(r);
    if (!SMBKIT_OK(status)) {
        smb_request_finish(r, status);
        return;
    }
    if (r->session) {
        r->call.token = smb_session_token(r->session);
        atomic_store_explicit(&r->session->idle_since, smb_server_now(r->conn->server),
                              memory_order_relaxed); /* only told */
    }
    r->call.wait = &r->wait;
    r->call.journal = &r->journal;
    r->call.cancelled = &r->unwanted;
    if (r->hdr.command == SMB2_TREE_DISCONNECT || r->hdr.command == SMB2_LOGOFF) {
        smb_requests_unwanted(r->conn, r->session, r->tree, NULL); /* LOGOFF has no tree */
    }
    run_when_room(r);
}

void smb_request_finish(struct smb_request *r, smbkit_status status)
{
    struct smb_conn *c = r->conn;
    r->state = SMB_REQ_DONE;
    let_close(r);
    index_drop(r);
    if (r->reserved) {
        smb_open_drop(r->reserved);
        r->reserved = NULL;
    }
    if (r->interim_sent) {
        c->async_count--;
        c->waiting_bytes -= r->waiting_bytes;
        atomic_fetch_sub_explicit(&c->server->waiting_now, 1, memory_order_relaxed); /* only told */
    }
    log_debug(&c->log, "done cmd=%s mid=%llu status=%s", r->row ? r->row->name : "?",
              (unsigned long long)r->hdr.message_id, smbkit_status_name(status));
    struct smb_message *m = r->msg;
    if (r->hdr.command == SMB2_SESSION_SETUP && SMBKIT_OK(status)) {
        smb_conn_logged_on(c, r->session);
    }
    if (r->hdr.command == SMB2_CLOSE && r->detached) {
        smb_open_break_answered(r->open); /* [MS-SMB2] 3.3.5.10: closing answers a break */
    }
    if (r->end_reason) {
        smb_conn_end(c, r->end_reason); /* handlers may run on a worker: only here */
    }
    if (!r->no_reply) {
        smb_reply_build(r, status);
    }
    m->current++;
    smb_message_next(m);
}

/* ---- help for handlers ---- */

smbkit_status smb_request_open(struct smb_request *r, const struct smb2_file_id *id, unsigned kinds)
{
    struct smb_message *m = r->msg;
    if (!r->open) {
        struct smb2_file_id want = *id;
        bool related = r->hdr.flags & SMB2_FLAGS_RELATED_OPERATIONS;
        if (related && smb2_file_id_is_any(id)) {
            if (!SMBKIT_OK(m->chain_status)) {
                return m->chain_status;
            }
            if (!m->has_file_id) {
                return SMBKIT_STATUS_FILE_CLOSED;
            }
            want = m->file_id;
        }
        r->open = smb_open_find(r->tree, want.persistent, want.volatile_id);
        if (!r->open) {
            return SMBKIT_STATUS_FILE_CLOSED;
        }
        m->file_id = want;
        m->has_file_id = true;
        m->chain_status = SMBKIT_STATUS_SUCCESS;
    }
    return (r->open->kind & kinds) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
}

bool smb_request_charge_covers(const struct smb_request *r, uint64_t bytes)
{
    if (!r->conn->multi_credit) {
        return bytes <= 65536;
    }
    uint64_t charge = r->hdr.credit_charge ? r->hdr.credit_charge : 1;
    return bytes <= charge * 65536;
}
