/* SPDX-License-Identifier: Apache-2.0 */
/* What the RPC services tell of this server. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf.h"
#include "smb/server.h"

/* ---- shares and sessions for srvsvc ---- */

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
        .now = env_now,
        .user_of_name = user_of_name,
        .user_of_rid = user_of_rid,
    };
    mem_copy(s->rpc_env.machine_sid, s->config.machine_sid, sizeof(s->rpc_env.machine_sid));
}
