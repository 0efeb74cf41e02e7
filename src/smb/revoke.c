/* SPDX-License-Identifier: Apache-2.0 */
/* Holding those who are connected to the configuration as it is now. What would be refused today
 * ends; settings of a share that stays (read only) are looked at by each request. */
#define LOG_MODULE LOG_SMB
#include "base/escape.h"
#include "base/mem.h"
#include "smb/conn.h"
#include "smb/open.h"
#include "smb/server.h"
#include "smb/session.h"

/* ---- sessions ---- */

static const char fault_signing[] = "signing is required";
static const char fault_encryption[] = "encryption is required";

/* Of a session without a user. */
static const char *nameless_fault(const struct smb_policy *policy, uint32_t who_flags)
{
    if (policy->encryption == SMB_ENCRYPT_REQUIRED) {
        return fault_encryption;
    }
    if (who_flags & SMBKIT_WHO_GUEST) {
        return policy->allow_guest ? NULL : "guests are not let in";
    }
    return policy->allow_anonymous ? NULL : "the nameless are not let in";
}

static bool user_is_current(struct smb_server *server, const char *user, uint64_t version)
{
    const struct auth_config auth = smb_server_auth(server);
    return !auth.user_is_current || auth.user_is_current(auth.arg, user, version);
}

/* Without memory nobody's session is ended. */
static bool groups_are_current(struct smb_server *s, const struct vfs_token *token)
{
    uint32_t rids[VFS_TOKEN_GROUPS_MAX];
    uint32_t count;
    return !smb_server_groups_of(s, vfs_token_identity_get(token)->user, rids, ARRAY_LEN(rids),
                                 &count) ||
           vfs_token_has_groups(token, rids, count);
}

/* Of a user. Who has become an administrator is one with the next log-in. */
static const char *user_fault(struct smb_session *s, const struct vfs_token *token,
                              uint64_t version)
{
    const struct smbkit_identity *who = vfs_token_identity_get(token);
    const struct smb_policy policy = smb_server_policy(s->server);
    if (!user_is_current(s->server, who->user, version)) {
        return "the user was removed, disabled or given another password";
    }
    if ((who->flags & SMBKIT_WHO_ADMIN) && !smb_server_is_admin(s->server, who->user)) {
        return "the user is no administrator any more";
    }
    if (!groups_are_current(s->server, token)) {
        return "the user is in other groups";
    }
    if (policy.encryption == SMB_ENCRYPT_REQUIRED && !s->encrypt) {
        return fault_encryption;
    }
    return policy.signing_required && !s->signing_required ? fault_signing : NULL;
}

/* On each of its connections. */
static bool hosts_admit(struct smb_session *s)
{
    bool ok = true;
    SCOPED_LOCK(&s->server->lock);
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->channels) {
        const struct smb_channel *ch = LIST_ENTRY(l, struct smb_channel, session_link);
        ok = ok && smb_hosts_admit(&s->server->hosts, ch->conn->address);
    }
    return ok;
}

const char *smb_session_fault(struct smb_session *s)
{
    mutex_lock(&s->lock);
    struct vfs_token *token = s->token ? vfs_token_ref(s->token) : NULL;
    uint64_t version = s->user_version;
    mutex_unlock(&s->lock);
    if (!token) {
        return NULL; /* still logging in */
    }
    const struct smbkit_identity *who = vfs_token_identity_get(token);
    const struct smb_policy policy = smb_server_policy(s->server);
    const char *fault = who->flags & (SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS)
                            ? nameless_fault(&policy, who->flags)
                            : user_fault(s, token, version);
    vfs_token_unref(token);
    return fault || hosts_admit(s) ? fault : "its address is not let in";
}

static void end_for_fault(struct smb_session *s, const char *fault)
{
    /* Whether it must sign a client learns from NEGOTIATE: it has to connect anew. */
    if (smb_session_revoke(s, fault == fault_signing ? fault : NULL)) {
        const struct log_ctx log = {.conn_id = s->conn_id};
        log_info(&log, "session ended session=%llu reason=\"%s\"", (unsigned long long)s->id,
                 fault);
    }
}

bool smb_server_session_close(struct smb_server *s, uint64_t session_id)
{
    struct smb_session *session = smb_session_find(s, session_id);
    if (!session) {
        return false;
    }
    (void)smb_session_revoke(session, NULL); /* false: it ends already */
    smb_session_unref(session);
    return true;
}

/* ---- trees ---- */

/* server->lock is held. */
static bool admits(const struct smb_share *share, const struct vfs_token *token,
                   const char *address)
{
    const struct smb_admission *a = &share->set.admission;
    if (!smb_hosts_admit(&a->hosts, address)) {
        return false;
    }
    if (vfs_token_identity_get(token)->flags & (SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS)) {
        return atomic_load_explicit(&share->set.guest_ok, memory_order_relaxed); /* see there */
    }
    return smb_admission_admits(a, token);
}

static smbkit_status check_user(struct smb_server *server, struct smb_share *share,
                                const struct vfs_token *token, const char *address)
{
    SCOPED_LOCK(&server->lock);
    if (list_is_empty(&share->link)) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    bool ok = share->type == SMB_SHARE_IS_PIPE || (token && admits(share, token, address));
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

/* A share that must be sealed refuses who cannot seal; that later requests are sealed is
 * check_tree's. [MS-SMB2] 3.3.5.7 */
smbkit_status smb_share_check(struct smb_share *share, struct smb_session *s)
{
    if (smb_share_is_encrypted(share) && !s->keys.seal) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct vfs_token *token = smb_session_token(s);
    smbkit_status status = check_user(s->server, share, token, s->address);
    vfs_token_unref(token);
    return status;
}

bool smb_share_is_read_only_for(struct smb_server *s, struct smb_share *share,
                                struct vfs_token *token)
{
    SCOPED_LOCK(&s->lock);
    return !smb_admission_may_write(&share->set.admission, token, smb_share_is_read_only(share));
}

/* Whether who is connected may change anything, as the lists say now. */
static void settle_read_only(struct smb_tree *t)
{
    struct vfs_token *token = smb_session_token(t->session);
    bool is_read_only = token ? smb_share_is_read_only_for(t->session->server, t->share, token)
                              : smb_share_is_read_only(t->share);
    atomic_store_explicit(&t->read_only, is_read_only, memory_order_relaxed); /* see there */
    vfs_token_unref(token);
}

smbkit_status smb_tree_check(struct smb_tree *t)
{
    settle_read_only(t);
    /* Its client was not told to seal, and would not. */
    if (smb_share_is_encrypted(t->share) && !t->told_to_encrypt && !t->session->encrypt) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return smb_share_check(t->share, t->session);
}

struct smb_tree **smb_trees_of(struct smb_session *s, size_t *count_r)
{
    size_t n = 0;
    SCOPED_LOCK(&s->lock);
    struct smb_tree **list = mem_calloc(s->trees.count + 1, sizeof(*list));
    for (struct hash_link *l = hash_table_next(&s->trees, NULL); l && list;
         l = hash_table_next(&s->trees, l)) {
        list[n++] = smb_tree_ref(CONTAINER_OF(l, struct smb_tree, link));
    }
    *count_r = n;
    return list;
}

static void tree_enforce(struct smb_tree *t)
{
    smbkit_status status = smb_tree_check(t);
    if (!SMBKIT_OK(status) && smb_tree_end(t)) {
        const struct log_ctx log = {.conn_id = t->session->conn_id};
        log_info(&log, "tree connect ended share=%s status=%s", quoted(t->share->name).text,
                 smbkit_status_name(status));
    }
}

static bool trees_enforce(struct smb_session *s)
{
    size_t n = 0;
    CLEANUP_MEM struct smb_tree **list = smb_trees_of(s, &n);
    for (size_t i = 0; i < n; i++) {
        tree_enforce(list[i]);
        smb_tree_unref(list[i]);
    }
    return list != NULL;
}

/* ---- opens that wait for their client ---- */

/* What of his session was settled is settled anew when he comes. */
bool smb_kept_is_to_end(struct smb_open *o)
{
    struct smb_server *server = o->server;
    const struct smb_durable *d = &o->durable;
    const struct smbkit_identity *who = vfs_token_identity_get(d->owner);
    return !user_is_current(server, who->user, d->user_version) ||
           ((who->flags & SMBKIT_WHO_ADMIN) && !smb_server_is_admin(server, who->user)) ||
           !SMBKIT_OK(check_user(server, d->share, d->owner, who->client_address));
}

/* ---- the whole ---- */

bool smb_server_enforce(struct smb_server *s)
{
    struct smb_session_list list;
    bool ok = smb_sessions_take(s, &list);
    for (size_t i = 0; i < list.count; i++) {
        const char *fault = smb_session_fault(list.items[i]);
        if (fault) {
            end_for_fault(list.items[i], fault);
        } else {
            ok &= trees_enforce(list.items[i]);
        }
    }
    smb_sessions_drop(&list);
    return smb_kept_end(s, smb_kept_is_to_end) && ok;
}
