/* SPDX-License-Identifier: Apache-2.0 */
/* What the RPC services tell of this server. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf.h"
#include "smb/server.h"

/* ---- shares and sessions for srvsvc ---- */

static uint32_t share_flags(const struct smb_share *share)
{
    bool hides = share->volume && (vfs_volume_habits(share->volume) & VFS_HIDE_UNREADABLE);
    return (hides ? RPC_SHI1005_ACCESS_BASED_ENUM : 0) |
           (smb_share_is_dfs_root(share) ? RPC_SHI1005_DFS | RPC_SHI1005_DFS_ROOT : 0);
}

static bool tell_share(const struct smb_share *share, rpc_share_cb cb, void *cb_arg)
{
    char path[128];
    (void)str_format(path, sizeof(path), "C:\\%s", share->name); /* a form that clients can show */
    bool is_pipe = share->type == SMB_SHARE_IS_PIPE;
    const struct rpc_share told = {
        .name = share->name,
        .comment = share->set.comment,
        .path = is_pipe ? "" : path,
        .type = (is_pipe ? RPC_STYPE_IPC | RPC_STYPE_SPECIAL : RPC_STYPE_DISKTREE),
        .flags = share_flags(share),
        .current_uses = atomic_load_explicit(&share->trees, memory_order_relaxed), /* only told */
    };
    return cb(cb_arg, &told);
}

/* Hidden shares: only those whose name ends in '$' are listed, which clients then do not show. */
static bool is_listed(const struct smb_share *share, const struct rpc_caller *who)
{
    if (who->is_anonymous) {
        return atomic_load_explicit(&share->set.guest_ok, memory_order_relaxed);
    }
    size_t len = str_len(share->name);
    return !share->set.hidden || (len > 0 && share->name[len - 1] == '$');
}

static void shares_each(void *arg, const struct rpc_caller *who, rpc_share_cb cb, void *cb_arg)
{
    struct smb_server *s = arg;
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->shares) {
        const struct smb_share *share = LIST_ENTRY(l, struct smb_share, link);
        if (is_listed(share, who) && !tell_share(share, cb, cb_arg)) {
            return;
        }
    }
}

static bool share_get(void *arg, const struct rpc_caller *who, const char *name, rpc_share_cb cb,
                      void *cb_arg)
{
    (void)who;
    struct smb_server *s = arg;
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->shares) {
        const struct smb_share *share = LIST_ENTRY(l, struct smb_share, link);
        if (utf8_ieq(share->name, name)) {
            (void)tell_share(share, cb, cb_arg);
            return true;
        }
    }
    return false;
}

static uint32_t seconds_since(uint64_t now, uint64_t then)
{
    return now > then ? (uint32_t)((now - then) / FILETIME_PER_SEC) : 0;
}

struct sessions_walk {
    struct smb_server *server;
    rpc_session_cb cb;
    void *cb_arg;
    bool stop;
};

static void tell_session(void *arg, const struct smb_session_info *info)
{
    struct sessions_walk *walk = arg;
    if (walk->stop) {
        return;
    }
    uint64_t now = smb_server_now(walk->server);
    const struct rpc_session told = {
        .client = info->client_address,
        .user = info->user,
        .opens = info->open_count,
        .connected_sec = seconds_since(now, info->connected_at),
        .idle_sec = seconds_since(now, info->idle_since),
        .is_guest = info->guest,
    };
    walk->stop = !walk->cb(walk->cb_arg, &told);
}

static void sessions_each(void *arg, rpc_session_cb cb, void *cb_arg)
{
    struct sessions_walk walk = {.server = arg, .cb = cb, .cb_arg = cb_arg};
    smb_server_sessions_each(arg, tell_session, &walk);
}

struct trees_walk {
    struct smb_server *server;
    rpc_connection_cb cb;
    void *cb_arg;
    bool stop;
};

static void tell_tree(void *arg, const struct smb_tree_info *info)
{
    struct trees_walk *walk = arg;
    const struct rpc_connection told = {
        .id = info->id,
        .type = info->is_pipe ? RPC_STYPE_IPC : RPC_STYPE_DISKTREE,
        .opens = info->open_count,
        .connected_sec = seconds_since(smb_server_now(walk->server), info->connected_at),
        .user = info->user,
        .share = info->share,
        .client = info->client_address,
    };
    walk->stop = walk->stop || !walk->cb(walk->cb_arg, &told);
}

static void connections_each(void *arg, rpc_connection_cb cb, void *cb_arg)
{
    struct trees_walk walk = {.server = arg, .cb = cb, .cb_arg = cb_arg};
    smb_server_trees_each(arg, tell_tree, &walk);
}

struct files_walk {
    rpc_file_cb cb;
    void *cb_arg;
    bool stop;
};

/* As shares are told: C:\\share, and what is below it. */
static void tell_file(void *arg, const struct smb_open_info *info)
{
    struct files_walk *walk = arg;
    char path[sizeof(info->share) + sizeof(info->path) + 8];
    if (walk->stop) {
        return;
    }
    (void)str_format(path, sizeof(path), "C:\\%s%s%s", info->share, info->path[0] ? "\\" : "",
                     info->path);
    for (char *p = path; *p; p++) {
        *p = *p == '/' ? '\\' : *p;
    }
    const struct rpc_file told = {
        .id = info->id,
        .path = path,
        .user = info->user,
        .locks = info->lock_count,
        .reads = info->access & (SMBKIT_READ_DATA | SMBKIT_EXECUTE),
        .writes = info->access & SMBKIT_WRITE_DATA,
        .creates = info->access & SMBKIT_APPEND_DATA,
    };
    walk->stop = !walk->cb(walk->cb_arg, &told);
}

static void files_each(void *arg, rpc_file_cb cb, void *cb_arg)
{
    struct files_walk walk = {.cb = cb, .cb_arg = cb_arg};
    smb_server_opens_each(arg, tell_file, &walk);
}

static void comment_get(void *arg, char out[RPC_COMMENT_SIZE])
{
    struct smb_server *s = arg;
    SCOPED_LOCK(&s->lock);
    (void)str_copy(out, RPC_COMMENT_SIZE, s->config.comment);
}

static bool user_of_name(void *arg, const char *name, struct rpc_user *out)
{
    const struct smb_config *c = &((struct smb_server *)arg)->config; /* these do not change */
    return c->user_of_name && c->user_of_name(c->users_arg, name, out);
}

static bool user_of_rid(void *arg, uint32_t rid, struct rpc_user *out)
{
    const struct smb_config *c = &((struct smb_server *)arg)->config;
    return c->user_of_rid && c->user_of_rid(c->users_arg, rid, out);
}

static void users_each(void *arg, rpc_user_cb cb, void *cb_arg)
{
    const struct smb_config *c = &((struct smb_server *)arg)->config;
    if (c->users_each) {
        c->users_each(c->users_arg, cb, cb_arg);
    }
}

static bool groups_of(void *arg, const char *user, uint32_t *rids, uint32_t room, uint32_t *count_r)
{
    return smb_server_groups_of(arg, user, rids, room, count_r);
}

static bool is_admin(void *arg, const char *user)
{
    return smb_server_is_admin(arg, user);
}

static uint64_t env_now(void *arg)
{
    return smb_server_now(arg);
}

void smb_rpc_env_init(struct smb_server *s)
{
    s->rpc_env = (struct rpc_env){
        .arg = s,
        .server_name = s->config.server_name,
        .domain = s->config.workgroup,
        .comment_get = comment_get,
        .version_major = 10,
        .started = s->started_at,
        .shares_each = shares_each,
        .share_get = share_get,
        .sessions_each = sessions_each,
        .files_each = files_each,
        .connections_each = connections_each,
        .now = env_now,
        .user_of_name = user_of_name,
        .user_of_rid = user_of_rid,
        .users_each = users_each,
        .groups_of = groups_of,
        .is_admin = is_admin,
        .host_of_id = s->config.host_of_id,
        .host_of_name = s->config.host_of_name,
    };
    mem_copy(s->rpc_env.machine_sid, s->config.machine_sid, sizeof(s->rpc_env.machine_sid));
}
