/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/request.h"

#include "smb/command.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "smb/room.h"

static void request_run(struct smb_request *r);
static void run_when_room(struct smb_request *r);

/* May a plugin be called, and does its volume block? */
static bool volume_blocks(const struct smb_request *r, unsigned ways)
{
    return (r->row->flags & SMB_CMD_VFS) && (ways & SMB_WAY_IS_FILES) &&
           !(ways & SMB_WAY_NEVER_BLOCKS);
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

/* It is told STATUS_PENDING when it takes long; if it is QUIET, however often it was woken since.
 */
static void slow_add(struct smb_request *r)
{
    list_remove(&r->slow_link);
    struct list *pos = &r->conn->slow;
    bool is_quiet = r->row->flags & SMB_CMD_QUIET;
    if (!is_quiet || r->interim_at_ms == 0) {
        r->interim_at_ms = smb_server_monotonic_ms(r->conn->server) +
                           (is_quiet ? SMB_INTERIM_QUIET_MS : SMB_INTERIM_AFTER_MS);
    }
    while (pos->prev != &r->conn->slow &&
           LIST_ENTRY(pos->prev, struct smb_request, slow_link)->interim_at_ms > r->interim_at_ms) {
        pos = pos->prev;
    }
    list_insert_before(pos, &r->slow_link);
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
    if (r->tree) {
        key.volume = smb_share_lane(r->tree->share);
    } else if (r->hdr.command == SMB2_TREE_CONNECT) {
        key.volume = r->lane;
    }
    key.session = r->session ? r->session->id : 0;
    return key;
}

/* Does it wait until something happens, if that ever does? Of a pipe, what it waits for is data. */
static bool waits_for_ever(const struct smb_request *r)
{
    return (r->row->flags & SMB_CMD_TAIL) || (r->open && r->open->kind == SMB_OPEN_PIPE);
}

/* A CLOSE that comes behind it, on whatever channel, must not overtake it: so the open is found
 * before the handler runs; what is wrong with it the handler finds. FILE_CLOSED: it has waited, and
 * its open is being closed meanwhile, or is not its session's any more. WAIT: that is moved. */
static smbkit_status hold_close(struct smb_request *r)
{
    if (!r->row->file_id_at || r->holds_close || !r->tree) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (r->open) {
        smbkit_status status = smb_request_work_begin(r);
        /* Who waits until something happens is told what has become of that. */
        bool is_told = waits_for_ever(r) && smb_open_is_of(r->open, r->tree);
        return status == SMBKIT_STATUS_FILE_CLOSED && is_told ? SMBKIT_STATUS_SUCCESS : status;
    }
    struct cur in = r->body;
    cur_skip(&in, r->row->file_id_at);
    struct smb2_file_id id = wire_file_id(&in);
    smbkit_status status =
        cur_ok(&in) ? smb_request_open(r, &id, ~0u) : SMBKIT_STATUS_INVALID_PARAMETER;
    if (SMBKIT_OK(status)) {
        return r->holds_close || (r->row->flags & SMB_CMD_ENDS) ? SMBKIT_STATUS_SUCCESS
                                                                : SMBKIT_STATUS_FILE_CLOSED;
    }
    return status == SMBKIT_STATUS_WAIT ? status : SMBKIT_STATUS_SUCCESS;
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
    const struct work_key key = work_key(r);
    r->call.nowait = false;
    r->call.on_loop = false;
    r->on_worker = true;
    slow_add(r);
    smb_request_index_mid(r);
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

/* In a compound the last element is told STATUS_PENDING, and CREATE, as by Windows. [MS-SMB2]
 * 3.3.4.2, 3.3.5.2.7 */
static bool may_go_async(const struct smb_request *r)
{
    bool has_turn = is_last(r) || (r->row->flags & SMB_CMD_MIDDLE);
    bool has_room = smb_place_is_free(r, may_abandon(r));
    /* SESSION_SETUP, which may make its session on a worker just now, has none to tell it by; and
     * where TREE_CONNECT tells the tree's id, an asynchronous answer has its own. 2.2.1.1 */
    bool may = (r->row->flags & SMB_CMD_SESSION) && r->hdr.command != SMB2_TREE_CONNECT;
    return may && has_turn && has_room && !r->interim_sent && !r->conn->closed;
}

static void go_async(struct smb_request *r)
{
    smb_place_take(r, may_abandon(r));
    r->async_id = ++r->conn->async_id_next;
    r->interim_sent = true;
    smb_request_index_async(r);
    smb_reply_interim(r);
}

/* Does its client cache something that he has not heard of yet? */
static bool grants_caching(const struct smb_request *r)
{
    return r->hdr.command == SMB2_CREATE && r->open && smb_open_caching(r->open) != 0;
}

/* What the elements before the current one have answered cannot stay here: room that is held
 * keeps the answer to a break from being read. */
static bool must_tell_before(const struct smb_message *m)
{
    for (unsigned i = m->sent; i < m->current; i++) {
        const struct smb_request *r = &m->requests[i];
        if (grants_caching(r) || r->payload || r->charged > 0) {
            return true;
        }
    }
    return false;
}

/* What it waits for may be what the elements before it have opened: the client hears of those, or
 * no break would be told him, and none would time out. */
static void tell_before(struct smb_request *r)
{
    bool may_keep = (r->row->flags & SMB_CMD_QUIET) && !must_tell_before(r->msg);
    if (!may_keep && !is_at_plugin(r)) {
        smb_reply_flush(r->msg, r->msg->current);
    }
}

/* A handler that registered to be woken and then ended all the same: the wake must not come for a
 * request that is gone. */
static void conclude(struct smb_request *r, smbkit_status status)
{
    list_remove(&r->slow_link); /* it does not wait any more */
    if (vfs_journal_await(&r->journal, &r->wait)) {
        /* A plugin's call that the answer does not depend on: its end wakes. */
        r->status = status;
        r->state = SMB_REQ_ENDING;
        vfs_journal_cancel(&r->journal);
        return;
    }
    if (r->has_turn) {
        vfs_notify_turn_end(&r->turn);
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

/* Is what it waits with gone, or going? */
static bool is_unwanted(const struct smb_request *r)
{
    struct smb_session *s = r->session;
    bool waits = r->state == SMB_REQ_WAITING && (r->row->flags & SMB_CMD_CANCEL);
    if (!waits && !r->is_orphan) {
        return false;
    }
    SCOPED_LOCK(&s->lock);
    return s->state == SMB_SESSION_DELETED || r->tree->closed ||
           (waits && r->open && r->open->stage == SMB_OPEN_OUT);
}

/* Its session ends, but its open may be kept: then nothing would wake it. */
static bool outlives(const struct smb_request *r)
{
    mutex_lock(&r->session->lock);
    bool keeps = r->tree->closed && r->tree->keeps;
    mutex_unlock(&r->session->lock);
    return keeps && !r->holds_close && smb_open_is_durable(r->open);
}

/* To be cancelled? Closing wakes what waits on an open; its plugin is told that nobody waits. */
static bool give_up(struct smb_request *r)
{
    atomic_store_explicit(&r->unwanted, true, memory_order_relaxed); /* a hint */
    return r->is_orphan || !r->open || outlives(r);
}

/* Its share's volume is being replaced: that is soon over. */
static bool is_paused(const struct smb_request *r)
{
    return r->tree && smb_share_is_closed(r->tree->share) && !waits_for_ever(r);
}

/* The last thing done with r in its caller: r may be gone afterwards. */
static void start_waiting(struct smb_request *r)
{
    r->state = SMB_REQ_WAITING;
    if (!r->journal.resumes && !is_transferring(r) && !r->hold_ms) {
        let_close(r); /* not stopped by its plugin: it waits for what a CLOSE may end */
    }
    smb_request_index_mid(r);
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
        smb_session_look(r->session);
    }
    bool is_late = is_unwanted(r) && give_up(r);
    /* relaxed: a hint; the canceller runs on this thread too */
    bool is_lost = r->conn->closed && !smb_replay_awaits(r);
    if (is_late || atomic_load_explicit(&r->cancelled, memory_order_relaxed) || is_lost ||
        r->conn->draining) {
        smb_request_cancel(r);
        return;
    }
    if (r->interim_sent || r->is_orphan) {
        return;
    }
    if ((r->row->flags & SMB_CMD_PATIENT) || is_paused(r)) {
        slow_add(r);
        return;
    }
    if (may_go_async(r)) {
        if (r->row->flags & SMB_CMD_QUIET) {
            smb_place_take(r, may_abandon(r));
            slow_add(r);
            tell_before(r);
        } else {
            go_async(r);
        }
        return;
    }
    /* Too many wait; or in the middle of a compound, what may take for ever: as Windows
     * answers. [MS-SMB2] 3.3.5.2.7 and its note */
    bool refused = is_last(r) || waits_for_ever(r);
    if (refused && may_abandon(r) && vfs_wait_cancel(&r->wait)) {
        conclude(r,
                 is_last(r) ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_INTERNAL_ERROR);
        return;
    }
    if (r->row->flags & SMB_CMD_QUIET) {
        slow_add(r);
    }
    tell_before(r);
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
    smbkit_status held = hold_close(r);
    if (!SMBKIT_OK(held)) {
        ran(r, held);
        return;
    }
    unsigned ways = smb_request_ways(r);
    if ((r->row->flags & SMB_CMD_WORKER) ||
        (volume_blocks(r, ways) && !(ways & SMB_WAY_TRIES_NOWAIT))) {
        send_to_worker(r);
        return;
    }
    r->call.nowait = !(ways & SMB_WAY_NEVER_BLOCKS);
    r->call.on_loop = true;
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
        smb_request_index_mid(r);
        return;
    case SMB_ROOM_NEVER:
        conclude(r, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
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
        if (now < r->interim_at_ms) {
            break;
        }
        list_remove(&r->slow_link);
        if (may_go_async(r)) {
            go_async(r);
        } else if (r->row->flags & SMB_CMD_QUIET) { /* the client hears that something is done */
            smb_reply_flush(r->msg, r->msg->current);
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
        conclude(r, SMBKIT_STATUS_CANCELLED);
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

void smb_requests_unwanted(struct smb_conn *c)
{
    LIST_FOR_EACH (l, &c->messages) {
        struct smb_message *m = LIST_ENTRY(l, struct smb_message, link);
        struct smb_request *r = m->current < m->count ? &m->requests[m->current] : NULL;
        if (r && is_unwanted(r) && give_up(r)) {
            smb_request_cancel(r);
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
    } else if (r->hdr.command == SMB2_CHANGE_NOTIFY) {
        vfs_notify_turn_init(&r->turn);
        r->has_turn = true;
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
        uint64_t now = smb_server_now(r->conn->server);
        /* relaxed: times, told and compared */
        atomic_store_explicit(&r->session->idle_since, now, memory_order_relaxed);
        atomic_store_explicit(&r->channel->used_at, now, memory_order_relaxed);
    }
    r->call.wait = &r->wait;
    r->call.read_only = r->tree && smb_tree_is_read_only(r->tree);
    r->call.journal = &r->journal;
    r->call.cancelled = &r->unwanted;
    run_when_room(r);
}

void smb_request_finish(struct smb_request *r, smbkit_status status)
{
    struct smb_conn *c = r->conn;
    r->state = SMB_REQ_DONE;
    list_remove(&r->slow_link);
    if (r->has_io) { /* what a plugin gave it goes before the open may be another volume's */
        r->has_io = false;
        vfs_io_fini(&r->io);
    }
    let_close(r);
    smb_request_sequence_end(r);
    smb_request_created(r, status);
    smb_request_index_drop(r);
    if (r->reserved) {
        smb_open_drop(r->reserved);
        r->reserved = NULL;
    }
    smb_replay_drop(r);
    if (r->is_orphan) {
        smb_channel_orphan_end(r->channel);
    }
    smb_place_give(r);
    log_debug(&c->log, "done cmd=%s mid=%llu status=%s", r->row ? r->row->name : "?",
              (unsigned long long)r->hdr.message_id, smbkit_status_name(status));
    struct smb_message *m = r->msg;
    if (r->hdr.command == SMB2_SESSION_SETUP && SMBKIT_OK(status)) {
        smb_conn_logged_on(c, r->session);
    }
    if (r->hdr.command == SMB2_CLOSE && r->detached) {
        smb_open_closed(r->open);
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
