/* SPDX-License-Identifier: Apache-2.0 */
/* Oplock breaks on their way to the client. [MS-SMB2] 3.3.4.6
 *
 * One job does all of it, on the loop of a connection of the open's session. Which one is chosen
 * when there is something to tell, and again when that connection ends before it was told, or
 * before the client has answered. Until the timer is stopped the connection stays the one. */
#define LOG_MODULE LOG_SMB
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "smb/reply.h"
#include "wire/oplock_break.h"

static void run(struct job *job);
static void timeout(struct smb_timer *t);

void smb_break_init(struct smb_open *o)
{
    list_init(&o->brk.job.link);
    list_init(&o->brk.timer_link);
    o->brk.job.fn = run;
    o->brk.timer.fn = timeout;
}

/* open->lock is held. Without a connection nothing is told: whoever closes the open ends the break.
 */
static void post_locked(struct smb_open *o)
{
    struct smb_break *b = &o->brk;
    if (!b->conn && o->session) {
        b->conn = smb_session_conn(o->session);
    }
    if (b->conn && !b->posted) {
        b->posted = true;
        (void)smb_open_ref(o);
        b->conn->ops->post(b->conn->io, &b->job);
    }
}

/* Called under a lock of the core: posts a job and no more. */
static void oplock_break(void *arg, uint8_t to_level, bool ack)
{
    struct smb_open *o = arg;
    SCOPED_LOCK(&o->lock);
    o->brk.due = true;
    o->brk.level = to_level;
    o->brk.ack = ack;
    post_locked(o);
}

struct vfs_owner smb_open_owner(struct smb_open *o)
{
    return (struct vfs_owner){.oplock_break = oplock_break, .arg = o};
}

void smb_open_announce(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    o->brk.is_announced = true;
    if (o->brk.due) {
        post_locked(o);
    }
}

void smb_open_break_answered(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (o->brk.conn) {
        o->brk.answered = true;
        post_locked(o);
    }
}

/* ---- on the connection's loop ---- */

static bool is_timed(const struct smb_break *b)
{
    return !list_is_empty(&b->timer_link);
}

static void timer_start(struct smb_open *o, struct smb_conn *c)
{
    if (!is_timed(&o->brk)) {
        list_push_back(&c->breaks, &smb_open_ref(o)->brk.timer_link);
    }
    c->ops->timer_set(c->io, &o->brk.timer, SMB_OPLOCK_TIME_MS);
}

static void timer_stop(struct smb_open *o, struct smb_conn *c)
{
    if (is_timed(&o->brk)) {
        list_remove(&o->brk.timer_link);
        c->ops->timer_cancel(c->io, &o->brk.timer);
        smb_open_unref(o);
    }
}

/* The connection is this open's no more, unless its timer runs or its job comes. */
static void release(struct smb_open *o)
{
    struct smb_break *b = &o->brk;
    struct smb_conn *c = NULL;
    mutex_lock(&o->lock);
    if (!b->posted && !is_timed(b)) {
        c = b->conn;
        b->conn = NULL;
        if (b->due && b->is_announced) {
            post_locked(o); /* there was nobody there: by another one */
        }
    }
    mutex_unlock(&o->lock);
    smb_conn_unref(c);
}

static void timeout(struct smb_timer *t)
{
    struct smb_open *o = CONTAINER_OF(t, struct smb_open, brk.timer);
    list_remove(&o->brk.timer_link);
    if (o->file) {
        vfs_oplock_timeout(o->file);
    }
    release(o);
    smb_open_unref(o);
}

static void tell(struct smb_conn *c, struct smb_session *s, const struct smb2_oplock_break *msg)
{
    struct wr w = wr_new(SMB_FRAME_OVERHEAD);
    smb_reply_room(&w);
    smb2_oplock_break_rsp_format(&w, msg);
    smb_reply_notify(c, s, &w, SMB2_OPLOCK_BREAK);
}

static void run(struct job *job)
{
    struct smb_open *o = CONTAINER_OF(job, struct smb_open, brk.job);
    struct smb_break *b = &o->brk;
    mutex_lock(&o->lock);
    struct smb_conn *c = smb_conn_ref(b->conn);
    struct smb_session *s = o->session ? smb_session_ref(o->session) : NULL;
    b->posted = false;
    bool stop = b->answered;
    b->answered = false;
    /* Before its CREATE is answered the client would not know what is broken. */
    bool told = b->due && s && !c->closed && b->is_announced;
    b->due = b->due && !told;
    bool ack = b->ack;
    const struct smb2_oplock_break msg = {
        .oplock_level = b->level,
        .file_id = {.persistent = o->persistent_id, .volatile_id = o->volatile_id},
    };
    mutex_unlock(&o->lock);
    if (stop) {
        timer_stop(o, c);
    }
    if (told) {
        tell(c, s, &msg);
    }
    if (told && ack) {
        timer_start(o, c);
    }
    release(o);
    smb_session_unref(s);
    smb_conn_unref(c);
    smb_open_unref(o);
}

void smb_breaks_end(struct smb_conn *c)
{
    while (!list_is_empty(&c->breaks)) {
        struct smb_open *o = LIST_ENTRY(c->breaks.next, struct smb_open, brk.timer_link);
        (void)smb_open_ref(o);
        timer_stop(o, c);
        mutex_lock(&o->lock);
        if (!o->brk.answered && !o->brk.due) {
            o->brk.due = true; /* as it was told, to the client's other connection */
        }
        mutex_unlock(&o->lock);
        release(o);
        smb_open_unref(o);
    }
}
