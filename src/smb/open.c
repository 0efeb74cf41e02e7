/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/open.h"

#include <stdlib.h>

#include "base/mem.h"
#include "smb/conn.h"
#include "smb/lease.h"
#include "smb/limits.h"

/* ---- life ---- */

static struct smb_open *open_new(struct smb_server *s, enum smb_open_kind kind, uint64_t id)
{
    struct smb_open *o = mem_zalloc(sizeof(*o));
    if (!o) {
        return NULL;
    }
    refcount_init(&o->refs);
    o->kind = kind;
    o->server = s;
    o->persistent_id = id;
    o->stage = SMB_OPEN_OUT;
    mutex_init(&o->lock);
    mutex_init(&o->pipe.lock);
    wait_domain_init(&o->waits);
    list_init(&o->closers);
    list_init(&o->pipe.readers);
    list_init(&o->tree_link);
    smb_closing_init(o);
    smb_durable_init(&o->durable);
    list_init(&o->lease_link);
    smb_open_oplock_init(o);
    return o;
}

struct smb_open *smb_open_ref(struct smb_open *o)
{
    refcount_get(&o->refs);
    return o;
}

void smb_open_disown_locked(struct smb_open *o)
{
    smb_tree_unref(o->tree);
    smb_session_unref(o->session);
    o->tree = NULL;
    o->session = NULL;
}

void smb_open_unref(struct smb_open *o)
{
    if (!o || !refcount_put(&o->refs)) {
        return;
    }
    smb_pipe_close(o);
    smb_closing_fini(o);
    smb_app_free(o);
    smb_durable_fini(&o->durable);
    vfs_open_unref(o->file);
    vfs_volume_unref(o->volume);
    smb_break_fini(&o->brk);
    smb_lease_leave(o);
    smb_lease_unref(o->lease);
    smb_open_disown_locked(o);
    smb_client_unref(o->client);
    smb_account_unref(o->account);
    mutex_fini(&o->lock);
    mutex_fini(&o->pipe.lock);
    wait_domain_fini(&o->waits);
    vfs_token_unref(o->pipe_token);
    mem_free(o->pipe_name);
    mem_free(o);
}

/* ---- requests at work ---- */

enum smb_work smb_open_work_begin(struct smb_open *o, const struct smb_tree *t, struct vfs_wait *w)
{
    SCOPED_LOCK(&o->lock);
    if (o->is_leaving || o->tree != t) {
        return SMB_WORK_NOT;
    }
    if (o->is_moving) {
        wait_register(&o->waits, &o->closers, w);
        return SMB_WORK_LATER;
    }
    o->working++;
    return SMB_WORK_BEGUN;
}

struct vfs_open *smb_open_file_ref(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->file ? vfs_open_ref(o->file) : NULL;
}

void smb_open_file_set(struct smb_open *o, struct vfs_open *file)
{
    SCOPED_LOCK(&o->lock);
    o->file = file;
}

uint8_t smb_open_caching(struct smb_open *o)
{
    struct vfs_open *file = smb_open_file_ref(o);
    uint8_t caching = file ? vfs_open_caching(file) : 0;
    vfs_open_unref(file);
    return caching;
}

uint32_t smb_open_access(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return vfs_open_granted_access(o->file);
}

unsigned smb_open_ways(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    return smb_volume_ways(o->volume);
}

bool smb_open_is_of(struct smb_open *o, const struct smb_tree *t)
{
    SCOPED_LOCK(&o->lock);
    return o->tree == t;
}

void smb_open_work_end(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    ASSERT(o->working > 0);
    if (--o->working == 0) {
        wait_wake_all(&o->waits, &o->closers);
    }
}

bool smb_open_is_at_rest(struct smb_open *o, struct vfs_wait *w)
{
    SCOPED_LOCK(&o->lock);
    o->is_leaving = o->working == 0 && !o->is_moving;
    if (!o->is_leaving) {
        wait_register(&o->waits, &o->closers, w);
    }
    return o->is_leaving;
}

/* ---- totals ---- */

/* relaxed: only the sums matter */
static bool charge(atomic_uint_fast32_t *total, uint32_t max)
{
    if (atomic_fetch_add_explicit(total, 1, memory_order_relaxed) < max) {
        return true;
    }
    atomic_fetch_sub_explicit(total, 1, memory_order_relaxed);
    return false;
}

static void discharge(atomic_uint_fast32_t *total)
{
    atomic_fetch_sub_explicit(total, 1, memory_order_relaxed); /* as above */
}

struct total {
    atomic_uint_fast32_t *now;
    uint32_t max;
};
#define TOTALS_MAX 6u

/* What an open is charged to. Of descriptors, what others need to log in, to open files, and to ask
 * for the server's state, is left to them. */
static unsigned totals_of(struct smb_open *o, struct total totals[TOTALS_MAX])
{
    struct smb_server *s = o->server;
    uint32_t fds = s->config.descriptors_max;
    const struct total all[TOTALS_MAX] = {
        {&s->opens_now, SMB_OPENS_MAX},
        {&o->client->opens, SMB_OPENS_PER_CLIENT},
        {&o->account->opens, SMB_OPENS_PER_USER},
        {&s->descriptors_now, fds},
        {&o->client->descriptors, fds - fds / SMB_DESCRIPTORS_CLIENT_LEAVES},
        {&o->account->descriptors, fds - fds / SMB_DESCRIPTORS_USER_LEAVES},
    };
    mem_copy(totals, all, sizeof(all));
    return o->takes_descriptor && fds > 0 ? TOTALS_MAX : 3;
}

static void discharge_all(const struct total *totals, unsigned count)
{
    while (count > 0) {
        discharge(totals[--count].now);
    }
}

static bool totals_take(struct smb_open *o)
{
    struct total totals[TOTALS_MAX];
    unsigned count = totals_of(o, totals);
    for (unsigned i = 0; i < count; i++) {
        if (!charge(totals[i].now, totals[i].max)) {
            discharge_all(totals, i);
            return false;
        }
    }
    return true;
}

static void totals_leave(struct smb_open *o)
{
    struct total totals[TOTALS_MAX];
    discharge_all(totals, totals_of(o, totals));
}

void smb_open_recharge(struct smb_open *o, bool takes_descriptor)
{
    struct total totals[TOTALS_MAX];
    totals_leave(o);
    o->takes_descriptor = takes_descriptor;
    unsigned count = totals_of(o, totals);
    for (unsigned i = 0; i < count; i++) {
        (void)charge(totals[i].now, UINT32_MAX);
    }
}

/* ---- the server's table ---- */

static struct smb_open_shard *shard_of(struct smb_server *s, uint64_t persistent_id)
{
    return &s->opens[persistent_id % SMB_OPEN_SHARDS];
}

static bool table_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_open, table_link)->persistent_id == *(const uint64_t *)key;
}

static smbkit_status table_add(struct smb_open *o)
{
    struct smb_open_shard *shard = shard_of(o->server, o->persistent_id);
    uint64_t hash = hash_u64(0, o->persistent_id);
    SCOPED_LOCK(&shard->lock);
    if (hash_table_get(&shard->opens, hash, table_eq, &o->persistent_id)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return hash_table_add(&shard->opens, &o->table_link, hash)
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

static void table_remove(struct smb_open *o)
{
    struct smb_open_shard *shard = shard_of(o->server, o->persistent_id);
    SCOPED_LOCK(&shard->lock);
    hash_table_remove(&shard->opens, &o->table_link);
}

void smb_open_forget(struct smb_open *o)
{
    smb_replay_spent(o);
    table_remove(o);
    totals_leave(o);
}

struct smb_open *smb_open_find_any(struct smb_server *s, uint64_t persistent_id)
{
    struct smb_open_shard *shard = shard_of(s, persistent_id);
    SCOPED_LOCK(&shard->lock);
    struct hash_link *l =
        hash_table_get(&shard->opens, hash_u64(0, persistent_id), table_eq, &persistent_id);
    return l ? smb_open_ref(CONTAINER_OF(l, struct smb_open, table_link)) : NULL;
}

static int by_persistent_id(const void *a, const void *b)
{
    uint64_t ia = (*(struct smb_open *const *)a)->persistent_id;
    uint64_t ib = (*(struct smb_open *const *)b)->persistent_id;
    return (ia > ib) - (ia < ib);
}

bool smb_opens_all(struct smb_server *s, struct smb_open ***list_r, size_t *count_r)
{
    *list_r = NULL;
    *count_r = 0;
    for (unsigned i = 0; i < SMB_OPEN_SHARDS; i++) {
        struct smb_open_shard *shard = &s->opens[i];
        SCOPED_LOCK(&shard->lock);
        size_t want = *count_r + shard->opens.count;
        struct smb_open **list = mem_realloc(*list_r, (want + 1) * sizeof(struct smb_open *));
        if (!list) {
            break;
        }
        *list_r = list;
        for (struct hash_link *l = hash_table_next(&shard->opens, NULL); l;
             l = hash_table_next(&shard->opens, l)) {
            list[(*count_r)++] = smb_open_ref(CONTAINER_OF(l, struct smb_open, table_link));
        }
        if (i + 1 == SMB_OPEN_SHARDS) {
            qsort(list, *count_r, sizeof(struct smb_open *), by_persistent_id);
            return true;
        }
    }
    for (size_t i = 0; i < *count_r; i++) {
        smb_open_unref((*list_r)[i]);
    }
    mem_free(*list_r);
    return false;
}

/* ---- the session's table ---- */

static bool session_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_open, session_link)->volatile_id == *(const uint64_t *)key;
}

/* session->lock is held. May the tree have opens? */
static smbkit_status check_locked(const struct smb_tree *t)
{
    if (t->session->state != SMB_SESSION_VALID) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    return t->closed ? SMBKIT_STATUS_NETWORK_NAME_DELETED : SMBKIT_STATUS_SUCCESS;
}

/* open->lock and session->lock are held, or nobody else has o. */
static smbkit_status enter_locked(struct smb_open *o, struct smb_tree *t)
{
    struct smb_session *s = t->session;
    smbkit_status status = check_locked(t);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (s->open_count >= SMB_OPENS_PER_SESSION) {
        return SMBKIT_STATUS_TOO_MANY_OPENED_FILES;
    }
    uint64_t id = s->open_id_next + 1;
    if (!hash_table_add(&s->opens, &o->session_link, hash_u64(0, id))) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    s->open_id_next = id;
    s->open_count++;
    o->volatile_id = id;
    o->stage = SMB_OPEN_RESERVED;
    o->session = smb_session_ref(s);
    o->tree = smb_tree_ref(t);
    t->reserved++;
    return SMBKIT_STATUS_SUCCESS;
}

static void show_locked(struct smb_open *o)
{
    o->stage = SMB_OPEN_SHOWN;
    o->tree->reserved--;
    list_push_back(&o->tree->opens, &o->tree_link);
}

/* session->lock is held. */
static void leave_session_locked(struct smb_open *o, struct smb_session *s)
{
    o->tree->reserved -= o->stage == SMB_OPEN_RESERVED;
    o->stage = SMB_OPEN_OUT;
    list_remove(&o->tree_link);
    hash_table_remove(&s->opens, &o->session_link);
    s->open_count--;
}

smbkit_status smb_open_reserve(struct smb_tree *tree, enum smb_open_kind kind,
                               struct smb_open **o_r)
{
    struct smb_server *s = tree->session->server;
    /* relaxed: only that they differ matters */
    uint64_t id = 1 + atomic_fetch_add_explicit(&s->open_id_next, 1, memory_order_relaxed);
    return smb_open_reserve_as(tree, kind, id, o_r);
}

smbkit_status smb_open_reserve_as(struct smb_tree *tree, enum smb_open_kind kind,
                                  uint64_t persistent_id, struct smb_open **o_r)
{
    struct smb_session *s = tree->session;
    struct smb_open *o = open_new(s->server, kind, persistent_id);
    *o_r = NULL;
    if (!o) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    o->volume = kind == SMB_OPEN_FILE ? smb_share_volume_as(tree->share, &o->volume_serial) : NULL;
    o->takes_descriptor =
        o->volume && (vfs_volume_features(o->volume) & SMBKIT_FEATURE_DESCRIPTORS) != 0;
    mutex_lock(&s->lock);
    smbkit_status status = enter_locked(o, tree);
    if (SMBKIT_OK(status)) {
        o->client = smb_client_ref(s->client);
        o->account = smb_account_ref(s->account);
        bool has_place = totals_take(o);
        /* a shard's lock is a leaf */
        status = has_place ? table_add(o) : SMBKIT_STATUS_TOO_MANY_OPENED_FILES;
        if (has_place && !SMBKIT_OK(status)) {
            totals_leave(o);
        }
        if (!SMBKIT_OK(status)) {
            leave_session_locked(o, s);
        }
    }
    mutex_unlock(&s->lock);
    if (!SMBKIT_OK(status)) {
        smb_open_unref(o);
        return status;
    }
    *o_r = o;
    return status;
}

void smb_open_show(struct smb_open *o)
{
    struct smb_tree *t = o->tree;
    mutex_lock(&t->session->lock);
    (void)smb_open_ref(o); /* the tables' */
    show_locked(o);
    bool too_late = t->closed && t->reap_by; /* else who closes the others has not begun */
    if (too_late) {
        smb_open_leave_locked(o);
    } else if (t->closed) {
        t->reap_left--; /* it is counted when it is taken from the list */
    }
    bool is_stale = o->is_stale;
    mutex_unlock(&t->session->lock);
    if (too_late) {
        smb_open_close_later(o, t);
    } else if (is_stale) {
        (void)smb_open_evict(o); /* false: its tree ends */
    }
}

void smb_open_drop(struct smb_open *o)
{
    struct smb_session *s = o->session;
    struct smb_tree *t = smb_tree_ref(o->tree);
    mutex_lock(&s->lock);
    leave_session_locked(o, s);
    bool is_awaited = t->closed;
    mutex_unlock(&s->lock);
    smb_open_forget(o);
    smb_open_unref(o);
    if (is_awaited) {
        smb_tree_reaped_one(t);
    }
    smb_tree_unref(t);
}

/* session->lock is held. Borrowed. */
static struct smb_open *find_locked(struct smb_session *s, uint64_t persistent_id,
                                    uint64_t volatile_id)
{
    struct hash_link *l =
        hash_table_get(&s->opens, hash_u64(0, volatile_id), session_eq, &volatile_id);
    struct smb_open *o = l ? CONTAINER_OF(l, struct smb_open, session_link) : NULL;
    return o && o->stage == SMB_OPEN_SHOWN && o->persistent_id == persistent_id ? o : NULL;
}

struct smb_open *smb_open_find(struct smb_tree *tree, uint64_t persistent_id, uint64_t volatile_id)
{
    SCOPED_LOCK(&tree->session->lock);
    struct smb_open *o = find_locked(tree->session, persistent_id, volatile_id);
    return o && o->tree == tree ? smb_open_ref(o) : NULL;
}

struct smb_open *smb_open_find_in(struct smb_session *s, uint64_t persistent_id,
                                  uint64_t volatile_id)
{
    SCOPED_LOCK(&s->lock);
    struct smb_open *o = find_locked(s, persistent_id, volatile_id);
    return o ? smb_open_ref(o) : NULL;
}

/* ---- taken off and put back ---- */

bool smb_open_owner_get(struct smb_open *o, struct smb_session **s_r, struct smb_tree **t_r)
{
    SCOPED_LOCK(&o->lock);
    *s_r = o->session ? smb_session_ref(o->session) : NULL;
    *t_r = o->tree ? smb_tree_ref(o->tree) : NULL;
    return o->session != NULL;
}

bool smb_open_is_shown(struct smb_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (!o->session) {
        return false;
    }
    SCOPED_LOCK(&o->session->lock);
    return o->stage == SMB_OPEN_SHOWN;
}

bool smb_open_take_off(struct smb_open *o)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    if (!smb_open_owner_get(o, &s, &t)) {
        return false;
    }
    mutex_lock(&o->lock);
    mutex_lock(&s->lock);
    bool mine = o->session == s && o->stage == SMB_OPEN_SHOWN;
    if (mine) {
        leave_session_locked(o, s);
    }
    mutex_unlock(&s->lock);
    if (mine) {
        smb_open_disown_locked(o); /* not the last references: s and t */
    }
    mutex_unlock(&o->lock);
    smb_tree_unref(t);
    smb_session_unref(s);
    return mine;
}

smbkit_status smb_open_put_back(struct smb_open *o, struct smb_tree *tree)
{
    SCOPED_LOCK(&o->lock);
    return smb_open_put_back_locked(o, tree);
}

smbkit_status smb_open_put_back_locked(struct smb_open *o, struct smb_tree *tree)
{
    SCOPED_LOCK(&tree->session->lock);
    ASSERT(!o->session && o->stage == SMB_OPEN_OUT);
    smbkit_status status = enter_locked(o, tree);
    if (SMBKIT_OK(status)) {
        show_locked(o);
        o->is_leaving = false;
    }
    return status;
}

/* ---- closing ---- */

void smb_open_leave_locked(struct smb_open *o)
{
    leave_session_locked(o, o->session);
}

bool smb_open_detach(struct smb_open *o, const struct smb_tree *t)
{
    struct smb_session *s = t->session;
    mutex_lock(&o->lock);
    mutex_lock(&s->lock);
    bool mine = o->tree == t && o->stage == SMB_OPEN_SHOWN;
    if (mine) {
        leave_session_locked(o, s);
    }
    mutex_unlock(&s->lock);
    mutex_unlock(&o->lock);
    if (mine) {
        smb_open_forget(o);
        smb_open_unref(o); /* the tables'; the caller has its own */
    }
    return mine;
}
