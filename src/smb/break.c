/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/break.h"

#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "vfs/call.h"

_Static_assert(VFS_ASKS_MS == SMB_OPLOCK_TIME_MS, "who asks waits as long as who answers may");

static void run(struct job *job);
static void timeout(struct smb_timer *t);

void smb_break_init(struct smb_break *b, const struct smb_break_kind *kind, struct mutex *lock)
{
    *b = (struct smb_break){.kind = kind, .lock = lock};
    list_init(&b->job.link);
    list_init(&b->timer_link);
    b->job.fn = run;
    b->timer.fn = timeout;
}

void smb_break_fini(struct smb_break *b)
{
    smb_conn_unref(b->conn);
    smb_session_unref(b->session);
}

/* Without a connection nothing is told: whoever closes the file ends the break. */
static void post_locked(struct smb_break *b)
{
    if (!b->conn) {
        b->conn = b->kind->choose(b, &b->session);
    }
    if (b->conn && !b->posted) {
        b->posted = true;
        b->kind->ref(b);
        b->conn->ops->post(b->conn->io, &b->job);
    }
}

void smb_break_go_locked(struct smb_break *b)
{
    if (!b->due || !b->kind->is_announced(b)) {
        return;
    }
    post_locked(b);
    if (b->ack && !b->conn) {
        b->kind->unheard(b);
    }
}

void smb_break_due_locked(struct smb_break *b, bool ack)
{
    b->due = true;
    b->again = false;
    b->ack = ack;
    b->answered = b->conn != NULL; /* the one before is over: its time is not this one's */
    post_locked(b);
}

void smb_break_answered_locked(struct smb_break *b)
{
    if (b->conn) {
        b->answered = true;
        post_locked(b);
    }
}

void smb_break_void_locked(struct smb_break *b)
{
    if (!b->conn) {
        b->due = false;
    }
}

/* ---- on the connection's loop ---- */

static bool is_timed(const struct smb_break *b)
{
    return !list_is_empty(&b->timer_link);
}

/* Until it is to be looked whether the client has heard it, or it is up. */
static void wait_more(struct smb_break *b, struct smb_conn *c)
{
    uint64_t now = smb_server_monotonic_ms(c->server);
    uint64_t left = b->until_ms > now ? b->until_ms - now : 0;
    c->ops->timer_set(c->io, &b->timer, (uint32_t)MIN(left, SMB_HEARD_TIME_MS));
}

/* Who acknowledges more all the time, or has sent something since the last look, is slow, but
 * there. */
static void note_heard(struct smb_break *b, const struct smb_conn *c, uint64_t acked)
{
    if (acked > b->acked || (b->is_unheard && !smb_conn_is_silent(c))) {
        b->heard_ms = smb_server_monotonic_ms(c->server);
    }
    b->acked = MAX(b->acked, acked);
}

/* Has the peer's TCP not acknowledged it? Then nothing else is sent on c either, if it can. */
static bool is_unheard(struct smb_break *b, struct smb_conn *c)
{
    uint64_t sent = 0;
    uint64_t acked = b->sent_until;
    if (c->ops->progress) {
        c->ops->progress(c->io, &sent, &acked);
    }
    /* relaxed, both: hints */
    bool is_dead = atomic_load_explicit(&c->plays_dead, memory_order_relaxed);
    note_heard(b, c, is_dead ? b->acked : acked);
    b->is_unheard = acked < b->sent_until || is_dead;
    if (b->is_unheard) {
        atomic_store_explicit(&c->is_silent, true, memory_order_relaxed);
    }
    return b->is_unheard;
}

/* Is there a connection that is not silent? [MS-SMB2] 3.3.4.6 */
static bool has_other(struct smb_break *b)
{
    struct smb_session *s = NULL;
    mutex_lock(b->lock);
    struct smb_conn *c = b->kind->choose(b, &s);
    bool has = c && !smb_conn_is_silent(c);
    mutex_unlock(b->lock);
    smb_session_unref(s);
    smb_conn_unref(c);
    return has;
}

/* is_again: it was told on another connection, and its time goes on. */
static void timer_start(struct smb_break *b, struct smb_conn *c, bool is_again)
{
    if (!is_timed(b)) {
        b->kind->ref(b);
        list_push_back(&c->breaks, &b->timer_link);
    }
    b->heard_ms = smb_server_monotonic_ms(c->server);
    b->is_unheard = false;
    if (!is_again || b->until_ms == 0) {
        b->until_ms = b->heard_ms + SMB_OPLOCK_TIME_MS;
    }
    if (c->ops->progress) {
        c->ops->progress(c->io, &b->sent_until, &b->acked);
    }
    wait_more(b, c);
}

static void timer_stop(struct smb_break *b, struct smb_conn *c)
{
    if (is_timed(b)) {
        list_remove(&b->timer_link);
        c->ops->timer_cancel(c->io, &b->timer);
        b->kind->unref(b);
    }
}

/* The connection is this break's no more, unless its timer runs or its job comes. */
static void release(struct smb_break *b)
{
    struct smb_conn *c = NULL;
    struct smb_session *s = NULL;
    mutex_lock(b->lock);
    if (!b->posted && !is_timed(b)) {
        c = b->conn;
        s = b->session;
        b->conn = NULL;
        b->session = NULL;
        smb_break_go_locked(b); /* there was nobody there: by another one */
    }
    mutex_unlock(b->lock);
    smb_session_unref(s);
    smb_conn_unref(c);
}

/* To be told again, by another connection. */
static void move(struct smb_break *b)
{
    mutex_lock(b->lock);
    if (!b->answered && !b->due) {
        b->due = true;
        b->again = true;
    }
    mutex_unlock(b->lock);
}

static void timeout(struct smb_timer *t)
{
    struct smb_break *b = CONTAINER_OF(t, struct smb_break, timer);
    struct smb_conn *c = b->conn; /* its own as long as the timer is set */
    uint64_t now = smb_server_monotonic_ms(c->server);
    bool is_up = now >= b->until_ms;
    bool unheard = !is_up && is_unheard(b, c);
    if (!is_up && !(unheard && has_other(b))) {
        wait_more(b, c);
        if (unheard && now - b->heard_ms >= SMB_SILENT_TIME_MS) {
            smb_conn_end(c, "does not acknowledge a break");
        }
        return;
    }
    list_remove(&b->timer_link);
    if (is_up) {
        b->kind->timed_out(b);
    } else {
        move(b);
    }
    release(b);
    b->kind->unref(b);
}

static void run(struct job *job)
{
    struct smb_break *b = CONTAINER_OF(job, struct smb_break, job);
    struct wr w = wr_new(SMB_FRAME_OVERHEAD);
    smb_reply_room(&w);
    mutex_lock(b->lock);
    struct smb_conn *c = smb_conn_ref(b->conn);
    struct smb_session *s = smb_session_ref(b->session);
    b->posted = false;
    bool stop = b->answered;
    b->answered = false;
    bool is_heard = !c->closed && smb_session_state_get(s) != SMB_SESSION_DELETED;
    /* Before its CREATE is answered the client would not know what is broken. */
    bool told = b->due && is_heard && b->kind->is_announced(b);
    b->due = b->due && !told;
    bool ack = b->ack;
    bool again = b->again;
    b->again = b->again && !told;
    if (told) {
        b->kind->format(b, &w);
    }
    mutex_unlock(b->lock);
    if (stop) {
        timer_stop(b, c);
    }
    if (told) {
        smb_reply_notify(c, s, &w, SMB2_OPLOCK_BREAK);
    }
    wr_fini(&w);
    if (told && ack) {
        timer_start(b, c, again);
    }
    release(b);
    smb_session_unref(s);
    smb_conn_unref(c);
    b->kind->unref(b);
}

void smb_breaks_end(struct smb_conn *c)
{
    while (!list_is_empty(&c->breaks)) {
        struct smb_break *b = LIST_ENTRY(c->breaks.next, struct smb_break, timer_link);
        b->kind->ref(b);
        timer_stop(b, c);
        move(b); /* as it was told, to the client's other connection */
        release(b);
        b->kind->unref(b);
    }
}
