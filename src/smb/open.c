/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/open.h"

#include "base/mem.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "wire/oplock_break.h"

/* ---- life ---- */

static void send_break(struct job *job);
static void break_timeout(struct smb_timer *t);

struct smb_open *smb_open_new(struct smb_tree *tree, enum smb_open_kind kind)
{
    struct smb_open *o = mem_zalloc(sizeof(*o));
    if (!o) {
        return NULL;
    }
    refcount_init(&o->refs);
    o->kind = kind;
    o->tree = smb_tree_ref(tree);
    o->persistent_id = 1 + atomic_fetch_add_explicit(&tree->session->server->open_id_next, 1,
                                                     memory_order_relaxed);
    mutex_init(&o->break_lock);
    mutex_init(&o->pipe.lock);
    wait_domain_init(&o->pipe.waits);
    list_init(&o->pipe.readers);
    list_init(&o->break_job.link);
    list_init(&o->timer_link);
    o->break_job.fn = send_break;
    o->break_timer.fn = break_timeout;
    return o;
}

struct smb_open *smb_open_ref(struct smb_open *o)
{
    refcount_get(&o->refs);
    return o;
}

void smb_open_unref(struct smb_open *o)
{
    if (!o || !refcount_put(&o->refs)) {
        return;
    }
    smb_pipe_close(o);
    vfs_open_unref(o->file);
    mutex_fini(&o->break_lock);
    mutex_fini(&o->pipe.lock);
    wait_domain_fini(&o->pipe.waits);
    vfs_token_unref(o->pipe_token);
    mem_free(o->pipe_name);
    smb_tree_unref(o->tree);
    mem_free(o);
}

static bool open_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_open, link)->volatile_id == *(const uint64_t *)key;
}

smbkit_status smb_open_insert(struct smb_open *o)
{
    struct smb_session *s = o->tree->session;
    SCOPED_LOCK(&s->lock);
    if (s->state != SMB_SESSION_VALID) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    if (o->tree->closed) {
        return SMBKIT_STATUS_NETWORK_NAME_DELETED;
    }
    if (s->open_count >= SMB_OPENS_PER_SESSION) {
        return SMBKIT_STATUS_TOO_MANY_OPENED_FILES;
    }
    o->volatile_id = ++s->open_id_next;
    if (!hash_table_add(&s->opens, &o->link, hash_u64(0, o->volatile_id))) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    s->open_count++;
    o->inserted = true;
    atomic_fetch_add_explicit(&s->server->opens_now, 1, memory_order_relaxed); /* only told */
    (void)smb_open_ref(o);                                                     /* the table's */
    return SMBKIT_STATUS_SUCCESS;
}

struct smb_open *smb_open_find(struct smb_session *s, uint64_t persistent_id, uint64_t volatile_id)
{
    SCOPED_LOCK(&s->lock);
    struct hash_link *l =
        hash_table_get(&s->opens, hash_u64(0, volatile_id), open_eq, &volatile_id);
    struct smb_open *o = l ? CONTAINER_OF(l, struct smb_open, link) : NULL;
    return o && o->persistent_id == persistent_id ? smb_open_ref(o) : NULL;
}

/* session->lock is held. */
static bool take_out(struct smb_session *s, struct smb_open *o)
{
    if (!o->inserted) {
        return false;
    }
    o->inserted = false;
    hash_table_remove(&s->opens, &o->link);
    s->open_count--;
    atomic_fetch_sub_explicit(&s->server->opens_now, 1, memory_order_relaxed); /* only told */
    return true;
}

bool smb_open_detach(struct smb_open *o)
{
    struct smb_session *s = o->tree->session;
    mutex_lock(&s->lock);
    bool mine = take_out(s, o);
    mutex_unlock(&s->lock);
    if (mine) {
        smb_open_unref(o); /* the table's; the caller has its own */
    }
    return mine;
}

void smb_open_close_now(struct smb_open *o)
{
    if (o->kind == SMB_OPEN_PIPE) {
        smb_pipe_close(o);
        return;
    }
    struct vfs_token *token = smb_session_token(o->tree->session);
    struct vfs_call call = {.token = token};
    smbkit_status status = vfs_close(&call, o->file, NULL);
    if (!SMBKIT_OK(status)) {
        log_warn(NULL, "close failed status=%s", smbkit_status_name(status));
    }
    vfs_token_unref(token);
}

/* Opens taken out of the table at a time, so that the lock is held for a moment only. */
#define CLOSE_BATCH 64

static size_t take_batch(struct smb_session *s, const struct smb_tree *only, struct smb_open **list)
{
    size_t n = 0;
    SCOPED_LOCK(&s->lock);
    struct hash_link *next = NULL;
    for (struct hash_link *l = hash_table_next(&s->opens, NULL); l && n < CLOSE_BATCH; l = next) {
        next = hash_table_next(&s->opens, l);
        struct smb_open *o = CONTAINER_OF(l, struct smb_open, link);
        if ((!only || o->tree == only) && take_out(s, o)) {
            list[n++] = o; /* with the table's reference */
        }
    }
    return n;
}

void smb_opens_close(struct smb_session *s, const struct smb_tree *only)
{
    struct smb_open *list[CLOSE_BATCH];
    size_t n;
    while ((n = take_batch(s, only, list)) > 0) {
        for (size_t i = 0; i < n; i++) {
            smb_open_close_now(list[i]);
            smb_open_unref(list[i]);
        }
    }
}

/* ---- oplock breaks ---- */

/* [MS-SMB2] 3.3.4.6. Called under a lock of the core: posts a job and no more. */
static void oplock_break(void *arg, uint8_t to_level, bool ack)
{
    struct smb_open *o = arg;
    struct smb_conn *c = o->tree->session->conn;
    mutex_lock(&o->break_lock);
    bool post = !o->break_posted;
    o->break_posted = true;
    o->break_level = to_level;
    o->break_ack = ack;
    mutex_unlock(&o->break_lock);
    if (post) {
        (void)smb_open_ref(o);
        c->ops->post(c->io, &o->break_job);
    }
}

struct vfs_owner smb_open_owner(struct smb_open *o)
{
    return (struct vfs_owner){.oplock_break = oplock_break, .arg = o};
}

static void settle(struct smb_open *o, int standing)
{
    mutex_lock(&o->break_lock);
    o->standing = standing;
    bool held = o->break_held;
    o->break_held = false;
    mutex_unlock(&o->break_lock);
    if (held) {
        struct smb_conn *c = o->tree->session->conn;
        c->ops->post(c->io, &o->break_job);
    }
}

void smb_open_announce(struct smb_open *o)
{
    settle(o, SMB_OPEN_TOLD);
}

void smb_open_give_up(struct smb_open *o)
{
    settle(o, SMB_OPEN_GIVEN_UP);
}

static void timer_start(struct smb_open *o)
{
    struct smb_conn *c = o->tree->session->conn;
    if (list_is_empty(&o->timer_link)) {
        list_push_back(&c->break_timers, &smb_open_ref(o)->timer_link);
    }
    c->ops->timer_set(c->io, &o->break_timer, SMB_OPLOCK_TIME_MS);
}

static void break_timeout(struct smb_timer *t)
{
    struct smb_open *o = CONTAINER_OF(t, struct smb_open, break_timer);
    list_remove(&o->timer_link);
    if (o->file) {
        vfs_oplock_timeout(o->file);
    }
    smb_open_unref(o);
}

void smb_open_timers_drop(struct smb_conn *c)
{
    struct list *l;
    while ((l = list_pop_front(&c->break_timers))) {
        struct smb_open *o = LIST_ENTRY(l, struct smb_open, timer_link);
        c->ops->timer_cancel(c->io, &o->break_timer);
        smb_open_unref(o);
    }
}

void smb_open_break_answered(struct smb_open *o)
{
    struct smb_conn *c = o->tree->session->conn;
    if (!list_is_empty(&o->timer_link)) {
        list_remove(&o->timer_link);
        c->ops->timer_cancel(c->io, &o->break_timer);
        smb_open_unref(o);
    }
}

static void send_break(struct job *job)
{
    struct smb_open *o = CONTAINER_OF(job, struct smb_open, break_job);
    struct smb_session *s = o->tree->session;
    mutex_lock(&o->break_lock);
    bool gone = s->conn->closed || o->standing == SMB_OPEN_GIVEN_UP;
    if (!gone && o->standing == SMB_OPEN_NEW) {
        /* The CREATE has not been answered: its client would not know what is broken. */
        o->break_held = true;
        mutex_unlock(&o->break_lock);
        return;
    }
    struct smb2_oplock_break msg = {
        .oplock_level = o->break_level,
        .file_id = {.persistent = o->persistent_id, .volatile_id = o->volatile_id},
    };
    bool ack = o->break_ack;
    o->break_posted = false;
    mutex_unlock(&o->break_lock);
    if (!gone) {
        struct wr w = wr_new(SMB_FRAME_OVERHEAD);
        smb_reply_room(&w);
        smb2_oplock_break_rsp_format(&w, &msg);
        smb_reply_notify(s, &w, SMB2_OPLOCK_BREAK);
        if (ack) {
            timer_start(o);
        }
    }
    /* A closed connection's opens are being closed, which answers the break. */
    smb_open_unref(o);
}
