/* SPDX-License-Identifier: Apache-2.0 */
/* The closing of opens whose session or tree has ended, or whose time is up, by jobs on workers. */
#define LOG_MODULE LOG_SMB
#include "smb/open.h"

static void closing_run(struct job *job);
static void closing_wake(struct vfs_wait *w);

void smb_closing_init(struct smb_open *o)
{
    list_init(&o->closing.job.link);
    o->closing.job.fn = closing_run;
    vfs_wait_init(&o->closing.wait, closing_wake);
}

void smb_closing_fini(struct smb_open *o)
{
    vfs_wait_fini(&o->closing.wait);
}

/* An open that is closed while a worker looks at it, or waits for its calls to end. */
enum { CLOSING_RUNS, CLOSING_WAITS, CLOSING_WOKEN };
/* What a turn has come to, beside the statuses of vfs. */
enum closing_end { CLOSING_GOES_ON, CLOSING_CLOSED, CLOSING_KEPT };

static void post(struct smb_open *o)
{
    struct smb_server *s = o->server;
    if (o->closing.tree) {
        smb_tree_work(o->closing.tree, &o->closing.job);
        return;
    }
    const struct work_key key = {.kind = WORK_END, .volume = smb_share_lane(o->durable.share)};
    s->config.env.work(s->config.env.arg, &key, &o->closing.job);
}

static smbkit_status close_file(struct smb_open *o)
{
    struct smb_tree *t = o->closing.tree;
    const struct smb_durable *d = &o->durable;
    struct vfs_token *token = t ? smb_session_token(t->session) : vfs_token_ref(d->owner);
    struct vfs_call call = {
        .token = token,
        .wait = &o->closing.wait,
        .read_only = t ? smb_tree_is_read_only(t)
                       : smb_share_is_read_only_for(o->server, d->share, d->owner),
    };
    smbkit_status status = vfs_close(&call, o->file, NULL);
    vfs_token_unref(token);
    return status;
}

static enum closing_end turn(struct smb_open *o)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    /* As CLOSE: who is in the middle of something comes to its end, and answers how it went. */
    if (o->kind == SMB_OPEN_FILE && !smb_open_is_at_rest(o, &o->closing.wait)) {
        return CLOSING_GOES_ON;
    }
    if (o->closing.may_keep) {
        if (smb_durable_keep(o)) {
            return CLOSING_KEPT;
        }
        o->closing.may_keep = false;
        smb_open_forget(o);
    }
    if (o->kind == SMB_OPEN_PIPE) {
        smb_pipe_close(o);
    } else {
        status = close_file(o);
    }
    if (status == SMBKIT_STATUS_WAIT) {
        return CLOSING_GOES_ON;
    }
    if (!SMBKIT_OK(status)) {
        log_warn(NULL, "close failed status=%s", smbkit_status_name(status));
    }
    return CLOSING_CLOSED;
}

/* Worker thread. Until the state is WAITS nobody else is at it. */
static void closing_go(struct smb_open *o)
{
    struct smb_tree *t = o->closing.tree ? smb_tree_ref(o->closing.tree) : NULL;
    enum closing_end end;
    for (;;) {
        (void)vfs_wait_cancel(&o->closing.wait);
        atomic_store(&o->closing.state, CLOSING_RUNS);
        end = turn(o);
        int runs = CLOSING_RUNS;
        if (end != CLOSING_GOES_ON) {
            break;
        }
        if (atomic_compare_exchange_strong(&o->closing.state, &runs, CLOSING_WAITS)) {
            smb_tree_unref(t);
            return; /* closing_wake posts the job */
        }
    }
    struct smb_server *s = t ? t->session->server : o->server;
    if (end == CLOSING_CLOSED) { /* else it is others' already */
        (void)vfs_wait_cancel(&o->closing.wait);
        smb_open_closed(o);
        smb_open_unref(o);
    }
    if (t) {
        smb_tree_reaped_one(t);
        smb_tree_unref(t);
    } else {
        atomic_fetch_sub(&s->kept.ending, 1); /* s may be gone next */
    }
}

static void closing_run(struct job *job)
{
    closing_go(CONTAINER_OF(job, struct smb_open, closing.job));
}

static void closing_wake(struct vfs_wait *w)
{
    struct smb_open *o = CONTAINER_OF(w, struct smb_open, closing.wait);
    if (atomic_exchange(&o->closing.state, CLOSING_WOKEN) == CLOSING_WAITS) {
        post(o);
    }
}

/* What may be kept stays in the server's table, and charged, until that is decided. */
static void begin(struct smb_open *o, struct smb_tree *tree, bool may_keep)
{
    o->closing.tree = tree;
    o->closing.may_keep = may_keep && smb_open_is_durable(o);
    if (!o->closing.may_keep) {
        smb_open_forget(o);
    }
}

void smb_open_close(struct smb_open *o, struct smb_tree *tree, bool may_keep)
{
    begin(o, tree, may_keep);
    closing_go(o);
}

void smb_open_close_later(struct smb_open *o, struct smb_tree *tree)
{
    begin(o, tree, false);
    post(o);
}

void smb_open_end(struct smb_open *o)
{
    atomic_fetch_add(&o->server->kept.ending, 1);
    begin(o, NULL, false);
    post(o);
}
