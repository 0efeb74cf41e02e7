/* SPDX-License-Identifier: Apache-2.0 */
/* What `status` shows, and ending sessions and shares from outside. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "smb/conn.h"
#include "smb/open.h"
#include "smb/server.h"
#include "smb/session.h"

/* As it is, not as it could be: a client may seal or sign what nobody asks it to. */
static void describe_protection(struct smb_session *s, struct smb_session_info *out)
{
    if (!smb_session_is_owned(s)) {
        return;
    }
    /* relaxed: only told */
    bool seals = s->encrypt || atomic_load_explicit(&s->seen_sealed, memory_order_relaxed);
    bool signs = atomic_load_explicit(&s->seen_signed, memory_order_relaxed);
    out->encrypted = seals;
    out->signed_ = !s->encrypt && (signs || (s->signing_required && !seals));
}

static bool describe_session(struct smb_session *s, struct smb_session_info *out)
{
    struct vfs_token *token = smb_session_token(s);
    if (!token) {
        return false; /* still logging in */
    }
    *out = (struct smb_session_info){
        .session_id = s->id,
        .conn_id = s->conn_id,
        .dialect = s->dialect,
        .connected_at = s->created_at,
        .idle_since = atomic_load_explicit(&s->idle_since, memory_order_relaxed), /* only told */
    };
    mutex_lock(&s->lock);
    out->guest = s->guest || s->anonymous;
    out->tree_count = s->tree_count;
    out->open_count = s->open_count;
    mutex_unlock(&s->lock);
    describe_protection(s, out);
    (void)str_copy(out->user, sizeof(out->user), vfs_token_identity_get(token)->user);
    (void)str_copy(out->client_address, sizeof(out->client_address), s->address);
    vfs_token_unref(token);
    return true;
}

void smb_server_sessions_each(struct smb_server *s,
                              void (*fn)(void *arg, const struct smb_session_info *), void *arg)
{
    struct smb_session_list list;
    (void)smb_sessions_take(s, &list); /* without memory: nothing is told */
    for (size_t i = 0; i < list.count; i++) {
        struct smb_session_info info;
        if (describe_session(list.items[i], &info)) {
            fn(arg, &info);
        }
    }
    smb_sessions_drop(&list);
}

/* session->lock is held. */
static void describe_tree(const struct smb_session *s, const struct smb_tree *t,
                          struct smb_tree_info *out)
{
    *out = (struct smb_tree_info){
        .id = t->id, .is_pipe = t->share->type == SMB_SHARE_IS_PIPE, .connected_at = t->created_at};
    LIST_FOR_EACH (l, &t->opens) {
        out->open_count++;
    }
    (void)str_copy(out->share, sizeof(out->share), t->share->name);
    (void)str_copy(out->client_address, sizeof(out->client_address), s->address);
}

void smb_server_trees_each(struct smb_server *s,
                           void (*fn)(void *arg, const struct smb_tree_info *), void *arg)
{
    struct smb_session_list list;
    (void)smb_sessions_take(s, &list); /* without memory: nothing is told */
    for (size_t i = 0; i < list.count; i++) {
        struct smb_session *session = list.items[i];
        struct vfs_token *token = smb_session_token(session);
        SCOPED_LOCK(&session->lock);
        for (struct hash_link *l = hash_table_next(&session->trees, NULL); l && token;
             l = hash_table_next(&session->trees, l)) {
            struct smb_tree_info info;
            describe_tree(session, CONTAINER_OF(l, struct smb_tree, link), &info);
            (void)str_copy(info.user, sizeof(info.user), vfs_token_identity_get(token)->user);
            fn(arg, &info);
        }
        vfs_token_unref(token);
    }
    smb_sessions_drop(&list);
}

/* Of no plugin anything is asked: status is told of a share that is stuck, too. */
static void describe_open(struct smb_open *o, struct smb_session *s, struct smb_tree *t,
                          struct smb_open_info *out)
{
    const struct smb_share *share = t ? t->share : o->durable.share;
    *out = (struct smb_open_info){.session_id = s ? s->id : 0, .id = (uint32_t)o->persistent_id};
    (void)str_copy(out->share, sizeof(out->share), share->name);
    struct vfs_token *token = s ? smb_session_token(s) : vfs_token_ref(o->durable.owner);
    (void)str_copy(out->user, sizeof(out->user), token ? vfs_token_identity_get(token)->user : "");
    if (o->kind == SMB_OPEN_PIPE) {
        (void)str_copy(out->path, sizeof(out->path), o->pipe_name);
        out->access = SMBKIT_READ_DATA | SMBKIT_WRITE_DATA;
        vfs_token_unref(token);
        return;
    }
    struct vfs_open *file = smb_open_file_ref(o);
    CLEANUP_MEM char *path = vfs_open_path_known(file);
    (void)str_copy(out->path, sizeof(out->path), path ? path : "");
    out->access = vfs_open_granted_access(file);
    out->oplock_level = vfs_oplock_level(file);
    out->lock_count = vfs_open_lock_count(file);
    vfs_open_unref(file);
    vfs_token_unref(token);
}

void smb_server_opens_each(struct smb_server *s,
                           void (*fn)(void *arg, const struct smb_open_info *), void *arg)
{
    struct smb_open **list = NULL;
    size_t count = 0;
    if (!smb_opens_all(s, &list, &count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct smb_session *session = NULL;
        struct smb_tree *tree = NULL;
        struct smb_open_info info;
        bool told = smb_open_is_kept(list[i]) ||
                    (smb_open_is_shown(list[i]) && smb_open_owner_get(list[i], &session, &tree));
        if (told) {
            describe_open(list[i], session, tree, &info);
        }
        smb_tree_unref(tree);
        smb_session_unref(session);
        smb_open_unref(list[i]);
        if (told) {
            fn(arg, &info);
        }
    }
    mem_free(list);
}

void smb_server_shares_each(struct smb_server *s,
                            void (*fn)(void *arg, const char *name, uint32_t trees), void *arg)
{
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->shares) {
        const struct smb_share *share = LIST_ENTRY(l, struct smb_share, link);
        if (share->type != SMB_SHARE_IS_PIPE) {
            fn(arg, share->name, atomic_load_explicit(&share->trees, memory_order_relaxed));
        }
    }
}

void smb_server_stats(struct smb_server *s, struct smb_server_stats *out)
{
    *out = (struct smb_server_stats){
        .conns_total = atomic_load(&s->conns_total),
        .sessions_total = atomic_load(&s->sessions_total),
        .trees_now = atomic_load(&s->trees_now),
        .opens_now = atomic_load(&s->opens_now),
        .requests = atomic_load(&s->requests),
        .bytes_in = atomic_load(&s->bytes_in),
        .bytes_out = atomic_load(&s->bytes_out),
        .logon_failures = atomic_load(&s->logon_failures),
        .waiting_now = atomic_load(&s->waiting_now),
        .locks_now = budget_used(&s->locks) / VFS_LOCK_BYTES,
        .leases_now = atomic_load(&s->leases_now),
        .descriptors_now = atomic_load(&s->descriptors_now),
        .buffer_bytes = budget_used(&s->memory),
    };
    mutex_lock(&s->kept.lock);
    out->kept_now = s->kept.count + atomic_load(&s->kept.ending);
    mutex_unlock(&s->kept.lock);
    SCOPED_LOCK(&s->lock);
    out->sessions_now = s->sessions.count;
    LIST_FOR_EACH (l, &s->conns) {
        out->conns_now++;
    }
    LIST_FOR_EACH (l, &s->shares) {
        const struct smb_share *share = LIST_ENTRY(l, struct smb_share, link);
        out->watches_now += share->volume ? vfs_volume_watches(share->volume) : 0;
    }
}
