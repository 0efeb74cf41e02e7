/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/session.h"

#include "base/mem.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "smb/request.h"

static void reap_run(struct job *job);
static void gone_run(struct job *job);

/* ---- life ---- */

static void session_free(struct smb_session *s)
{
    ASSERT(s->trees.count == 0 && s->opens.count == 0);
    hash_table_fini(&s->trees);
    hash_table_fini(&s->opens);
    crypto_signer_free(s->keys.signer);
    crypto_sealer_free(s->keys.seal);
    crypto_sealer_free(s->keys.unseal);
    vfs_token_unref(s->keys.owner);
    auth_free(s->auth);
    vfs_token_unref(s->token);
    mutex_fini(&s->lock);
    smb_conn_unref(s->conn);
    mem_free(s);
}

struct smb_session *smb_session_ref(struct smb_session *s)
{
    refcount_get(&s->refs);
    return s;
}

void smb_session_unref(struct smb_session *s)
{
    if (s && refcount_put(&s->refs)) {
        session_free(s);
    }
}

static bool session_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_session, link)->id == *(const uint64_t *)key;
}

/* Ids are random, so that one does not tell another, never 0 or all ones, and fit 32 bits: some
 * clients (smbtorture's sessid test is one) keep no more of them. */
static bool add_to_table(struct smb_server *server, struct smb_session *s)
{
    uint32_t id = 0;
    do {
        smb_server_random(server, &id, sizeof(id));
        s->id = id;
    } while (
        id == 0 || id == UINT32_MAX ||
        hash_table_get(&server->sessions, hash_u64(server->hash_seed, s->id), session_eq, &s->id));
    return hash_table_add(&server->sessions, &s->link, hash_u64(server->hash_seed, s->id));
}

struct smb_session *smb_session_new(struct smb_conn *conn)
{
    struct smb_server *server = conn->server;
    struct smb_session *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    refcount_init(&s->refs);
    list_init(&s->conn_link);
    list_init(&s->reap_job.link);
    s->reap_job.fn = reap_run;
    list_init(&s->gone_job.link);
    s->gone_job.fn = gone_run;
    mutex_init(&s->lock);
    hash_table_init(&s->trees);
    hash_table_init(&s->opens);
    s->server = server;
    s->conn = smb_conn_ref(conn);
    s->state = SMB_SESSION_IN_PROGRESS;
    s->created_at = smb_server_now(server);
    atomic_init(&s->idle_since, s->created_at);
    mem_copy(s->preauth, conn->preauth, sizeof(s->preauth));
    mutex_lock(&server->lock);
    bool ok = conn->session_count < SMB_SESSIONS_PER_CONN && add_to_table(server, s);
    if (ok) {
        list_push_back(&conn->sessions, &smb_session_ref(s)->conn_link);
        conn->session_count++;
    }
    mutex_unlock(&server->lock);
    if (!ok) {
        smb_session_unref(s);
        return NULL;
    }
    atomic_fetch_add_explicit(&server->sessions_total, 1, memory_order_relaxed); /* only told */
    return smb_session_ref(s);
}

struct smb_session *smb_session_find(struct smb_server *server, uint64_t id)
{
    SCOPED_LOCK(&server->lock);
    struct hash_link *l =
        hash_table_get(&server->sessions, hash_u64(server->hash_seed, id), session_eq, &id);
    return l ? smb_session_ref(CONTAINER_OF(l, struct smb_session, link)) : NULL;
}

enum smb_session_state smb_session_state_get(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return s->state;
}

bool smb_session_detach(struct smb_session *s)
{
    mutex_lock(&s->lock);
    bool mine = s->state != SMB_SESSION_DELETED;
    s->state = SMB_SESSION_DELETED;
    mutex_unlock(&s->lock);
    if (!mine) {
        return false;
    }
    mutex_lock(&s->server->lock);
    hash_table_remove(&s->server->sessions, &s->link);
    list_remove(&s->conn_link);
    s->conn->session_count--;
    mutex_unlock(&s->server->lock);
    /* The table's reference is the caller's now, for the reap; the connection's goes with this. */
    s->conn->ops->post(s->conn->io, &s->gone_job);
    return true;
}

void smb_session_setup_end(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    s->setup_busy = false;
}

/* ---- token and keys ---- */

struct vfs_token *smb_session_token(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return s->token ? vfs_token_ref(s->token) : NULL;
}

void smb_session_token_set(struct smb_session *s, struct vfs_token *t)
{
    mutex_lock(&s->lock);
    struct vfs_token *old = s->token;
    s->token = t;
    mutex_unlock(&s->lock);
    vfs_token_unref(old);
}

struct label {
    const char *label;
    size_t len; /* with the terminating zero */
    const char *context;
    size_t context_len;
};

/* [MS-SMB2] 3.1.4.2: labels and contexts by use; 3.1.1 takes the preauth hash as the context. */
enum { KEY_SIGN, KEY_SEAL_OUT, KEY_SEAL_IN };
static const struct label labels_30[] = {
    [KEY_SIGN] = {"SMB2AESCMAC", 12, "SmbSign", 8},
    [KEY_SEAL_OUT] = {"SMB2AESCCM", 11, "ServerOut", 10},
    [KEY_SEAL_IN] = {"SMB2AESCCM", 11, "ServerIn ", 10}, /* with the blank */
};
static const struct label labels_311[] = {
    [KEY_SIGN] = {"SMBSigningKey", 14, NULL, 0},
    [KEY_SEAL_OUT] = {"SMBS2CCipherKey", 16, NULL, 0},
    [KEY_SEAL_IN] = {"SMBC2SCipherKey", 16, NULL, 0},
};

static void derive(const struct smb_session *s, int use, const uint8_t *key, uint8_t *out,
                   size_t out_len)
{
    bool is_311 = s->conn->dialect == SMB2_DIALECT_311;
    const struct label *l = is_311 ? &labels_311[use] : &labels_30[use];
    crypto_kdf(key, AUTH_SESSION_KEY_LEN, l->label, l->len,
               is_311 ? (const void *)s->preauth : l->context,
               is_311 ? sizeof(s->preauth) : l->context_len, out, out_len);
}

static struct crypto_sealer *sealer(const struct smb_session *s, int use,
                                    const uint8_t *session_key)
{
    enum crypto_cipher cipher = s->conn->cipher;
    uint8_t key[32];
    derive(s, use, session_key, key, crypto_key_len(cipher));
    struct crypto_sealer *out = crypto_sealer_new(cipher, key, crypto_key_len(cipher));
    mem_wipe(key, sizeof(key));
    return out;
}

smbkit_status smb_session_keys_init(struct smb_session *s, const uint8_t session_key[16])
{
    const struct smb_conn *c = s->conn;
    uint8_t key[16];
    mem_copy(key, session_key, sizeof(key));
    if (smb_conn_is_3x(c)) {
        derive(s, KEY_SIGN, session_key, key, sizeof(key));
    }
    s->keys.conn = c;
    s->keys.sign_alg = c->sign_alg;
    s->keys.cipher = c->cipher;
    s->keys.signer = crypto_signer_new(s->keys.sign_alg, key);
    mem_wipe(key, sizeof(key));
    if (c->cipher != CRYPTO_CIPHER_NONE) {
        s->keys.seal = sealer(s, KEY_SEAL_OUT, session_key);
        s->keys.unseal = sealer(s, KEY_SEAL_IN, session_key);
    }
    bool ok =
        s->keys.signer && (c->cipher == CRYPTO_CIPHER_NONE || (s->keys.seal && s->keys.unseal));
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- the end ---- */

static struct smb_tree *any_tree(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    struct hash_link *l = hash_table_next(&s->trees, NULL);
    return l ? smb_tree_ref(CONTAINER_OF(l, struct smb_tree, link)) : NULL;
}

void smb_session_reap(struct smb_session *s)
{
    smb_opens_close(s, NULL);
    struct smb_tree *t;
    while ((t = any_tree(s))) {
        (void)smb_tree_detach(t); /* false: a TREE_DISCONNECT is at it */
        smb_tree_unref(t);
    }
}

/* Loop thread of the connection. */
static void gone_run(struct job *job)
{
    struct smb_session *s = CONTAINER_OF(job, struct smb_session, gone_job);
    smb_requests_unwanted(s->conn, s, NULL, NULL);
    smb_session_unref(s);
}

static void reap_run(struct job *job)
{
    struct smb_session *s = CONTAINER_OF(job, struct smb_session, reap_job);
    smb_session_reap(s);
    smb_session_unref(s);
}

void smb_session_reap_later(struct smb_session *s)
{
    const struct work_key key = {.kind = WORK_END, .session = s->id};
    s->conn->ops->work(s->conn->io, &key, &s->reap_job);
}
