/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/move.h"

#include "base/mem.h"
#include "smb/lease.h"
#include "vfs/move.h"

/* open->lock is held. */
static bool is_there_locked(struct smb_open *o)
{
    if (o->durable.kept) {
        return true;
    }
    if (!o->session || o->is_leaving) {
        return false;
    }
    SCOPED_LOCK(&o->session->lock);
    return o->stage == SMB_OPEN_SHOWN;
}

enum smb_freeze smb_open_freeze(struct smb_open *o, struct vfs_wait *w)
{
    SCOPED_LOCK(&o->lock);
    if (!is_there_locked(o)) {
        return SMB_FREEZE_GONE;
    }
    o->is_moving = true;
    if (o->working > 0 || o->durable.giving_up > 0) {
        wait_register(&o->waits, &o->closers, w);
        return SMB_FREEZE_BUSY;
    }
    return SMB_FREEZE_RESTS;
}

void smb_open_thaw(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    o->is_moving = false;
    wait_wake_all(&o->waits, &o->closers);
}

enum smb_place smb_open_place(struct smb_open *o, const struct smb_share *share,
                              const struct vfs_volume *v)
{
    SCOPED_LOCK(&o->lock);
    if (o->kind != SMB_OPEN_FILE || o->volume == v) {
        return SMB_PLACE_NONE;
    }
    if (o->durable.kept) {
        return o->durable.share == share ? SMB_PLACE_KEPT : SMB_PLACE_NONE;
    }
    if (!o->session || o->tree->share != share) {
        return SMB_PLACE_NONE;
    }
    SCOPED_LOCK(&o->session->lock);
    return o->stage == SMB_OPEN_RESERVED ? SMB_PLACE_RESERVED
           : o->stage == SMB_OPEN_SHOWN  ? SMB_PLACE_SHOWN
                                         : SMB_PLACE_NONE;
}

bool smb_open_waits_by_cache(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->durable.kept && o->durable.kind != SMB_DURABLE_RESILIENT;
}

bool smb_open_mark_stale(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (!o->session) {
        return false;
    }
    SCOPED_LOCK(&o->session->lock);
    o->is_stale = o->stage == SMB_OPEN_RESERVED;
    return o->is_stale;
}

bool smb_open_evict(struct smb_open *o)
{
    struct vfs_token *token = smb_open_token(o);
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    (void)smb_open_owner_get(o, &s, &t);
    bool mine = false;
    mutex_lock(&o->lock);
    bool is_kept = o->durable.kept;
    if (is_kept) {
        smb_kept_close_locked(o);
    } else if (s && token && o->session == s) {
        SCOPED_LOCK(&s->lock);
        mine = o->stage == SMB_OPEN_SHOWN;
        if (mine) {
            smb_durable_own_locked(o, token, o->tree);
            smb_open_leave_locked(o);
        }
    }
    mutex_unlock(&o->lock);
    if (mine) {
        smb_session_look(s);
        smb_open_end(o);
    }
    smb_tree_unref(t);
    smb_session_unref(s);
    vfs_token_unref(token);
    return mine || is_kept;
}

struct vfs_token *smb_open_token(struct smb_open *o)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    if (smb_open_owner_get(o, &s, &t)) {
        struct vfs_token *token = smb_session_token(s);
        smb_tree_unref(t);
        smb_session_unref(s);
        return token;
    }
    SCOPED_LOCK(&o->lock);
    return o->durable.kept ? vfs_token_ref(o->durable.owner) : NULL;
}

/* ---- the file that it leaves ---- */

/* The closing of it, while others have calls on it under way: those that copy from it. */
struct parting {
    struct job job;
    struct vfs_wait wait;
    atomic_int state;
    struct smb_open *o;      /* a reference, for what its file may still ask of it */
    struct vfs_open *file;   /* what vfs_close takes */
    struct vfs_token *token; /* a reference */
};
enum { PARTING_RUNS, PARTING_WAITS, PARTING_WOKEN };

static void parting_free(struct parting *p)
{
    struct smb_server *s = p->o->server;
    vfs_wait_fini(&p->wait);
    vfs_token_unref(p->token);
    smb_open_unref(p->o);
    mem_free(p);
    atomic_fetch_sub(&s->kept.ending, 1); /* s may be gone next */
}

/* Until the state is WAITS nobody else is at it. */
static void parting_go(struct parting *p)
{
    struct vfs_call call = {.token = p->token, .wait = &p->wait};
    int runs;
    do {
        (void)vfs_wait_cancel(&p->wait);
        atomic_store(&p->state, PARTING_RUNS);
        smbkit_status status = vfs_close(&call, p->file, NULL);
        if (status != SMBKIT_STATUS_WAIT) {
            if (!SMBKIT_OK(status)) {
                log_warn(NULL, "close failed status=%s", smbkit_status_name(status));
            }
            parting_free(p);
            return;
        }
        runs = PARTING_RUNS;
    } while (!atomic_compare_exchange_strong(&p->state, &runs, PARTING_WAITS));
}

static void parting_run(struct job *job)
{
    parting_go(CONTAINER_OF(job, struct parting, job));
}

static void parting_wake(struct vfs_wait *w)
{
    struct parting *p = CONTAINER_OF(w, struct parting, wait);
    struct smb_server *s = p->o->server;
    if (atomic_exchange(&p->state, PARTING_WOKEN) == PARTING_WAITS) {
        const struct work_key key = {.kind = WORK_END};
        s->config.env.work(s->config.env.arg, &key, &p->job);
    }
}

/* NULL: no memory. */
static struct parting *parting_new(struct smb_open *o, struct vfs_token *token)
{
    struct parting *p = mem_zalloc(sizeof(*p));
    if (p) {
        list_init(&p->job.link);
        p->job.fn = parting_run;
        vfs_wait_init(&p->wait, parting_wake);
        p->o = smb_open_ref(o);
        p->file = o->file;
        p->token = vfs_token_ref(token);
        atomic_fetch_add(&o->server->kept.ending, 1);
    }
    return p;
}

/* ---- it goes ---- */

static smbkit_status with_token(struct smb_open *o, const struct smb_move_how *how,
                                smbkit_status (*fn)(struct smb_open *o,
                                                    const struct smb_move_how *how,
                                                    struct vfs_call *call))
{
    struct vfs_token *token = smb_open_token(o);
    struct vfs_call call = {.token = token, .wait = how->wait};
    smbkit_status status = SMBKIT_STATUS_FILE_CLOSED;
    if (token) {
        status = o->is_quota ? SMBKIT_STATUS_NOT_SUPPORTED : fn(o, how, &call);
    }
    vfs_token_unref(token);
    return status;
}

static smbkit_status try_it(struct smb_open *o, const struct smb_move_how *how,
                            struct vfs_call *call)
{
    struct vfs_open *file = smb_open_file_ref(o);
    const struct vfs_move m = {
        .from = file, .volume = how->volume, .is_late = how->is_late, .late_arg = how->late_arg};
    smbkit_status status =
        file ? vfs_open_move_try(call, &m, how->asks_locks) : SMBKIT_STATUS_FILE_CLOSED;
    vfs_open_unref(file);
    return status;
}

/* open->lock is held. Whose charge it leaves to be settled by who ends it, it stays as it is. */
static void recharge_locked(struct smb_open *o)
{
    bool takes = vfs_volume_features(o->volume) & SMBKIT_FEATURE_DESCRIPTORS;
    if (o->durable.kept) {
        smb_open_recharge(o, takes);
    } else if (o->session) {
        SCOPED_LOCK(&o->session->lock);
        if (o->stage == SMB_OPEN_SHOWN) {
            smb_open_recharge(o, takes);
        }
    }
}

/* open->lock is held, and its share has that volume. */
static void volume_set_locked(struct smb_open *o, struct vfs_volume *v)
{
    const struct smb_share *share = o->durable.kept ? o->durable.share
                                    : o->tree       ? o->tree->share
                                                    : NULL;
    o->volume = vfs_volume_ref(v);
    o->volume_serial = share ? smb_share_serial(share) : 0; /* NULL: it ends */
    recharge_locked(o);
}

static smbkit_status move_it(struct smb_open *o, const struct smb_move_how *how,
                             struct vfs_call *call)
{
    struct vfs_volume *v = how->volume;
    const struct vfs_move m = {.from = o->file,
                               .volume = v,
                               .owner = smb_open_owner(o),
                               .is_late = how->is_late,
                               .late_arg = how->late_arg};
    struct vfs_open *to = NULL;
    struct parting *p = parting_new(o, call->token);
    smbkit_status status = p ? vfs_open_commit(call, o->file) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(status)) {
        status = vfs_open_move(call, &m, &to);
    }
    if (!SMBKIT_OK(status)) {
        if (p) {
            parting_free(p);
        }
        return status;
    }
    struct vfs_open *from = o->file;
    struct vfs_volume *was = o->volume;
    mutex_lock(&o->lock);
    o->file = vfs_open_ref(to);
    volume_set_locked(o, v);
    mutex_unlock(&o->lock);
    parting_go(p); /* takes it */
    vfs_open_unref(from);
    vfs_volume_unref(was);
    smb_open_break_answered(o); /* there is nothing left to be answered for */
    smb_lease_leave(o);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smb_open_move_try(struct smb_open *o, const struct smb_move_how *how)
{
    return with_token(o, how, try_it);
}

smbkit_status smb_open_move(struct smb_open *o, const struct smb_move_how *how)
{
    return with_token(o, how, move_it);
}
