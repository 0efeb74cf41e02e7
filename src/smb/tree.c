/* SPDX-License-Identifier: Apache-2.0 */
/* Tree connects, and the closing of what they had.
 *
 * A tree that has ended is reaped: a job on a worker takes a few of its opens at a time out of the
 * tables and closes them, and then queues behind the others, so that 100,000 opens keep no worker
 * for long. An open that has calls under way is closed by a job of its own when they have ended
 * (smb_open_close). Nobody blocks: who has to know (LOGOFF, TREE_DISCONNECT) waits as any request
 * does. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "smb/request.h"
#include "smb/session.h"

static void reap_run(struct job *job);

/* ---- life ---- */

static bool tree_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_tree, link)->id == *(const uint32_t *)key;
}

static void tree_free(struct smb_tree *t)
{
    ASSERT(list_is_empty(&t->opens));
    atomic_fetch_sub_explicit(&t->share->trees, 1, memory_order_relaxed); /* only told */
    atomic_fetch_sub_explicit(&t->session->server->trees_now, 1, memory_order_relaxed);
    smb_share_unref(t->share);
    smb_session_unref(t->session);
    mem_free(t->root);
    mem_free(t);
}

struct smb_tree *smb_tree_ref(struct smb_tree *t)
{
    refcount_get(&t->refs);
    return t;
}

void smb_tree_unref(struct smb_tree *t)
{
    if (t && refcount_put(&t->refs)) {
        tree_free(t);
    }
}

/* session->lock is held. Ids count up and skip the two that mean something else. */
static smbkit_status insert(struct smb_session *s, struct smb_tree *t)
{
    if (s->state != SMB_SESSION_VALID) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    if (s->tree_count >= SMB_TREES_PER_SESSION) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    do {
        t->id = ++s->tree_id_next;
    } while (t->id == 0 || t->id == UINT32_MAX ||
             hash_table_get(&s->trees, hash_u64(0, t->id), tree_eq, &t->id));
    if (!hash_table_add(&s->trees, &t->link, hash_u64(0, t->id))) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    s->tree_count++;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smb_tree_path(const struct smb_tree *t, const char *name, struct vfs_path *out)
{
    smbkit_status status = vfs_path_parse(name, out);
    if (SMBKIT_OK(status) && t->root) {
        status = vfs_path_below(t->root, out);
        if (!SMBKIT_OK(status)) {
            vfs_path_fini(out);
        }
    }
    return status;
}

bool smb_tree_is_root(const struct smb_tree *t, const struct vfs_path *path)
{
    return t->root && !path->stream && str_eq(path->path, t->root);
}

const char *smb_tree_shown(const struct smb_tree *t, const char *path)
{
    return t->root ? vfs_path_behind(t->root, path) : path;
}

smbkit_status smb_tree_new(struct smb_session *s, struct smb_share *share, char **root,
                           struct smb_tree **tree_r)
{
    struct smb_tree *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    refcount_init(&t->refs);
    list_init(&t->opens);
    list_init(&t->reap_link);
    list_init(&t->reap_job.link);
    t->reap_job.fn = reap_run;
    t->session = smb_session_ref(s);
    refcount_get(&share->refs);
    t->share = share;
    t->root = *root;
    *root = NULL;
    t->told_to_encrypt = smb_share_is_encrypted(share);
    t->told_of_dfs = smb_share_is_dfs_root(share);
    atomic_init(&t->read_only, true); /* smb_tree_check settles it */
    t->created_at = smb_server_now(s->server);
    atomic_fetch_add_explicit(&share->trees, 1, memory_order_relaxed); /* only told */
    atomic_fetch_add_explicit(&s->server->trees_now, 1, memory_order_relaxed);
    mutex_lock(&s->lock);
    smbkit_status status = insert(s, t);
    mutex_unlock(&s->lock);
    if (!SMBKIT_OK(status)) {
        smb_tree_unref(t);
        return status;
    }
    *tree_r = smb_tree_ref(t); /* the first one is the table's */
    return SMBKIT_STATUS_SUCCESS;
}

struct smb_tree *smb_tree_find(struct smb_session *s, uint32_t id)
{
    SCOPED_LOCK(&s->lock);
    struct hash_link *l = hash_table_get(&s->trees, hash_u64(0, id), tree_eq, &id);
    return l ? smb_tree_ref(CONTAINER_OF(l, struct smb_tree, link)) : NULL;
}

uint32_t smb_tree_access_max(const struct smb_tree *t)
{
    const uint32_t writes = SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_EA |
                            SMBKIT_WRITE_ATTRIBUTES | SMBKIT_DELETE_CHILD | SMBKIT_DELETE |
                            SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER;
    uint32_t all = SMBKIT_ALL_ACCESS | SMBKIT_ACCESS_SYSTEM_SECURITY;
    return smb_tree_is_read_only(t) ? all & ~writes : all;
}

/* ---- the end ---- */

/* session->lock is held. The table's reference is the list's now. */
static void take_out(struct smb_session *s, struct smb_tree *t, struct list *trees, bool keeps)
{
    t->closed = true;
    t->keeps = keeps;
    hash_table_remove(&s->trees, &t->link);
    s->tree_count--;
    s->reaping++;
    t->reap_left = 1 + t->reserved;
    list_push_back(trees, &t->reap_link);
}

void smb_trees_take(struct smb_session *s, struct list *trees)
{
    struct hash_link *next = NULL;
    for (struct hash_link *l = hash_table_next(&s->trees, NULL); l; l = next) {
        next = hash_table_next(&s->trees, l);
        take_out(s, CONTAINER_OF(l, struct smb_tree, link), trees, !s->keeps_nothing);
    }
}

bool smb_tree_end(struct smb_tree *t)
{
    struct smb_session *s = t->session;
    struct list trees;
    list_init(&trees);
    struct smb_conn *by = smb_session_conn(s);
    mutex_lock(&s->lock);
    bool mine = by && !t->closed;
    if (mine) {
        take_out(s, t, &trees, false); /* [MS-SMB2] 3.3.5.8 */
    }
    mutex_unlock(&s->lock);
    if (mine) {
        smb_session_look(s);
    }
    smb_trees_reap(&trees, by);
    smb_conn_unref(by);
    return mine;
}

void smb_tree_work(struct smb_tree *t, struct job *job)
{
    const struct work_key key = {
        .kind = WORK_END, .volume = smb_share_lane(t->share), .session = t->session->id};
    t->reap_by->ops->work(t->reap_by->io, &key, job);
}

void smb_trees_reap(struct list *trees, struct smb_conn *by)
{
    struct list *l;
    while ((l = list_pop_front(trees))) {
        struct smb_tree *t = LIST_ENTRY(l, struct smb_tree, reap_link);
        mutex_lock(&t->session->lock);
        t->reap_by = smb_conn_ref(by);
        bool has_opens = !list_is_empty(&t->opens);
        mutex_unlock(&t->session->lock);
        if (has_opens) {
            smb_tree_work(t, &t->reap_job);
        } else {
            smb_tree_reaped_one(t); /* the job's part is done */
        }
    }
}

/* Opens taken at a time: a moment's work, and short under the lock. */
#define REAP_BATCH 64

static size_t take_batch(struct smb_tree *t, struct smb_open **list)
{
    size_t n = 0;
    SCOPED_LOCK(&t->session->lock);
    while (n < REAP_BATCH && !list_is_empty(&t->opens)) {
        struct smb_open *o = LIST_ENTRY(t->opens.next, struct smb_open, tree_link);
        smb_open_leave_locked(o);
        list[n++] = o;
        t->reap_left++;
    }
    return n;
}

static void reap_run(struct job *job)
{
    struct smb_tree *t = CONTAINER_OF(job, struct smb_tree, reap_job);
    struct smb_open *list[REAP_BATCH];
    size_t n = take_batch(t, list);
    for (size_t i = 0; i < n; i++) {
        smb_open_close(list[i], t, t->keeps);
    }
    if (n == REAP_BATCH) {
        smb_tree_work(t, &t->reap_job);
    } else {
        smb_tree_reaped_one(t);
    }
}

void smb_tree_reaped_one(struct smb_tree *t)
{
    struct smb_session *s = t->session;
    mutex_lock(&s->lock);
    bool last = --t->reap_left == 0;
    if (last) {
        t->reaped = true;
        s->reaping--;
        wait_wake_all(&s->waits, &s->reap_waiters);
    }
    mutex_unlock(&s->lock);
    if (last) {
        smb_conn_unref(t->reap_by);
        smb_tree_unref(t); /* the table's */
    }
}

smbkit_status smb_tree_reaped(struct smb_tree *t, struct vfs_wait *w)
{
    struct smb_session *s = t->session;
    SCOPED_LOCK(&s->lock);
    if (t->reaped) {
        return SMBKIT_STATUS_SUCCESS;
    }
    wait_register(&s->waits, &s->reap_waiters, w);
    return SMBKIT_STATUS_WAIT;
}

smbkit_status smb_session_reaped(struct smb_session *s, struct vfs_wait *w)
{
    SCOPED_LOCK(&s->lock);
    if (s->state == SMB_SESSION_DELETED && s->reaping == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    wait_register(&s->waits, &s->reap_waiters, w);
    return SMBKIT_STATUS_WAIT;
}
