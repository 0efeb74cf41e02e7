/* SPDX-License-Identifier: Apache-2.0 */
/* Holding those who are connected to the configuration as it is now. What would be refused today
 * ends; settings of a share that stays (read only) are looked at by each request. */
#define LOG_MODULE LOG_SMB
#include "base/escape.h"
#include "base/mem.h"
#include "smb/conn.h"
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

/* Of a user. Who has become an administrator is one with the next log-in. */
static const char *user_fault(struct smb_session *s, const struct smbkit_identity *who,
                              uint64_t version)
{
    const struct smb_policy policy = smb_server_policy(s->server);
    if (!user_is_current(s->server, who->user, version)) {
        return "the user was removed, disabled or given another password";
    }
    if ((who->flags & SMBKIT_WHO_ADMIN) && !smb_server_is_admin(s->server, who->user)) {
        return "the user is no administrator any more";
    }
    if (policy.encryption == SMB_ENCRYPT_REQUIRED && !s->encrypt) {
        return fault_encryption;
    }
    return policy.signing_required && !s->signing_required ? fault_signing : NULL;
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
                            : user_fault(s, who, version);
    vfs_token_unref(token);
    return fault;
}

static void end_for_fault(struct smb_session *s, const char *fault)
{
    /* Whether it must sign a client learns from NEGOTIATE: it has to connect anew. */
    if (smb_session_end(s, fault == fault_signing ? fault : NULL)) {
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
    (void)smb_session_end(session, NULL); /* false: it ends already */
    smb_session_unref(session);
    return true;
}

/* ---- trees ---- */

static bool admits(const struct smb_share *share, const struct smbkit_identity *who)
{
    if (who->flags & (SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS)) {
        return atomic_load_explicit(&share->set.guest_ok, memory_order_relaxed); /* see there */
    }
    return !share->set.has_users || names_have(&share->set.users, who->user);
}

static smbkit_status check_user(struct smb_server *server, struct smb_share *share,
                                struct vfs_token *token)
{
    SCOPED_LOCK(&server->lock);
    if (list_is_empty(&share->link)) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    bool ok =
        share->type == SMB_SHARE_IS_PIPE || (token && admits(share, vfs_token_identity_get(token)));
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
    smbkit_status status = check_user(s->server, share, token);
    vfs_token_unref(token);
    return status;
}

smbkit_status smb_tree_check(struct smb_tree *t)
{
    /* Its client was not told to seal, and would not. */
    if (smb_share_is_encrypted(t->share) && !t->told_to_encrypt && !t->session->encrypt) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return smb_share_check(t->share, t->session);
}

/* References to the trees of a session. NULL without memory. */
static struct smb_tree **trees_take(struct smb_session *s, size_t *count_r)
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
    CLEANUP_MEM struct smb_tree **list = trees_take(s, &n);
    for (size_t i = 0; i < n; i++) {
        tree_enforce(list[i]);
        smb_tree_unref(list[i]);
    }
    return list != NULL;
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
    return ok;
}
