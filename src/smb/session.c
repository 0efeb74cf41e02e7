/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/session.h"

#include "base/mem.h"
#include "base/str.h"
#include "smb/conn.h"
#include "smb/limits.h"

/* ---- life ---- */

static void session_free(struct smb_session *s)
{
    ASSERT(s->trees.count == 0 && s->opens.count == 0 && list_is_empty(&s->channels));
    ASSERT(list_is_empty(&s->orphaned));
    hash_table_fini(&s->trees);
    hash_table_fini(&s->opens);
    mem_wipe(s->keys.sign_key, sizeof(s->keys.sign_key));
    crypto_sealer_free(s->keys.seal);
    crypto_sealer_free(s->keys.unseal);
    vfs_token_unref(s->keys.owner);
    vfs_token_unref(s->token);
    smb_account_unref(s->account);
    smb_client_unref(s->client);
    wait_domain_fini(&s->waits);
    mutex_fini(&s->lock);
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

/* server->lock is held. Ids are random, so that one does not tell another, never 0 or all ones, and
 * fit 32 bits: some clients (smbtorture's sessid test is one) keep no more of them. */
static bool add_to_table(struct smb_server *server, struct smb_session *s)
{
    uint32_t id = 0;
    do {
        smb_server_random(server, &id, sizeof(id));
        s->id = id;
    } while (
        id == 0 || id == UINT32_MAX ||
        hash_table_get(&server->sessions, hash_u64(server->hash_seed, s->id), session_eq, &s->id));
    if (!hash_table_add(&server->sessions, &s->link, hash_u64(server->hash_seed, s->id))) {
        return false;
    }
    mutex_lock(&s->client->lock);
    list_push_back(&s->client->sessions, &s->client_link);
    mutex_unlock(&s->client->lock);
    return true;
}

/* server->lock is held. */
static void remove_from_table(struct smb_server *server, struct smb_session *s)
{
    hash_table_remove(&server->sessions, &s->link);
    mutex_lock(&s->client->lock);
    list_remove(&s->client_link);
    mutex_unlock(&s->client->lock);
}

static struct smb_session *session_new(struct smb_conn *c)
{
    struct smb_session *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    refcount_init(&s->refs);
    mutex_init(&s->lock);
    list_init(&s->client_link);
    list_init(&s->channels);
    list_init(&s->orphaned);
    hash_table_init(&s->trees);
    hash_table_init(&s->opens);
    wait_domain_init(&s->waits);
    list_init(&s->reap_waiters);
    s->server = c->server;
    s->client = smb_client_ref(c->client);
    s->dialect = c->dialect;
    s->conn_id = c->log.conn_id;
    (void)str_copy(s->address, sizeof(s->address), c->address);
    s->state = SMB_SESSION_IN_PROGRESS;
    s->created_at = smb_server_now(s->server);
    atomic_init(&s->idle_since, s->created_at);
    return s;
}

struct smb_channel *smb_session_new(struct smb_conn *c)
{
    struct smb_server *server = c->server;
    struct smb_session *s = session_new(c);
    struct smb_channel *ch = s ? smb_channel_new(s, c) : NULL;
    mutex_lock(&server->lock);
    bool ok = ch && add_to_table(server, s);
    if (ok && !smb_channel_add(ch)) { /* before anybody finds it: a session has a channel */
        remove_from_table(server, s);
        ok = false;
    }
    mutex_unlock(&server->lock);
    if (!ok) {
        smb_channel_unref(ch);
        smb_session_unref(s);
        return NULL;
    }
    /* The table has the session's first reference. relaxed: only told */
    atomic_fetch_add_explicit(&server->sessions_total, 1, memory_order_relaxed);
    return ch;
}

struct smb_session *smb_session_find(struct smb_server *server, uint64_t id)
{
    SCOPED_LOCK(&server->lock);
    struct hash_link *l =
        hash_table_get(&server->sessions, hash_u64(server->hash_seed, id), session_eq, &id);
    return l ? smb_session_ref(CONTAINER_OF(l, struct smb_session, link)) : NULL;
}

bool smb_sessions_take(struct smb_server *s, struct smb_session_list *list)
{
    *list = (struct smb_session_list){0};
    SCOPED_LOCK(&s->lock);
    list->items = mem_calloc(s->sessions.count + 1, sizeof(*list->items));
    for (struct hash_link *l = hash_table_next(&s->sessions, NULL); l && list->items;
         l = hash_table_next(&s->sessions, l)) {
        list->items[list->count++] = smb_session_ref(CONTAINER_OF(l, struct smb_session, link));
    }
    return list->items != NULL;
}

void smb_sessions_drop(struct smb_session_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        smb_session_unref(list->items[i]);
    }
    mem_free(list->items);
}

enum smb_session_state smb_session_state_get(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return s->state;
}

bool smb_session_is_expired(const struct smb_session *s)
{
    uint64_t at = atomic_load_explicit(&s->expires_at, memory_order_relaxed); /* a time, no more */
    return at != 0 && smb_server_now(s->server) >= at;
}

/* ---- who it is ---- */

struct vfs_token *smb_session_token(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return s->token ? vfs_token_ref(s->token) : NULL;
}

void smb_session_become(struct smb_session *s, struct vfs_token *t, struct smb_account *a,
                        uint64_t user_version)
{
    mutex_lock(&s->lock);
    struct vfs_token *old_token = s->token;
    struct smb_account *old_account = s->account;
    s->token = t;
    s->account = a;
    s->user_version = user_version;
    mutex_unlock(&s->lock);
    vfs_token_unref(old_token);
    smb_account_unref(old_account);
}

/* ---- keys ---- */

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

static void derive(const struct smb_channel *ch, int use, const uint8_t *key, uint8_t *out,
                   size_t out_len)
{
    bool is_311 = ch->conn->dialect == SMB2_DIALECT_311;
    const struct label *l = is_311 ? &labels_311[use] : &labels_30[use];
    crypto_kdf(key, AUTH_SESSION_KEY_LEN, l->label, l->len,
               is_311 ? (const void *)ch->preauth : l->context,
               is_311 ? sizeof(ch->preauth) : l->context_len, out, out_len);
}

static struct crypto_sealer *sealer(const struct smb_channel *ch, int use,
                                    const uint8_t *session_key)
{
    enum crypto_cipher cipher = ch->conn->cipher;
    uint8_t key[32];
    derive(ch, use, session_key, key, crypto_key_len(cipher));
    struct crypto_sealer *out = crypto_sealer_new(cipher, key, crypto_key_len(cipher));
    mem_wipe(key, sizeof(key));
    return out;
}

smbkit_status smb_channel_key_init(struct smb_channel *ch, const uint8_t session_key[16],
                                   uint8_t key_r[16])
{
    mem_copy(key_r, session_key, 16);
    if (smb_conn_is_3x(ch->conn)) {
        derive(ch, KEY_SIGN, session_key, key_r, 16);
    }
    ch->signer = crypto_signer_new(ch->conn->sign_alg, key_r);
    return ch->signer ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

smbkit_status smb_session_keys_init(struct smb_channel *ch, const uint8_t session_key[16],
                                    bool seals)
{
    const struct smb_conn *c = ch->conn;
    enum crypto_cipher cipher = seals ? c->cipher : CRYPTO_CIPHER_NONE;
    struct smb_keys *keys = &ch->session->keys;
    smbkit_status status = smb_channel_key_init(ch, session_key, keys->sign_key);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    ch->is_first = true;
    keys->sign_alg = c->sign_alg;
    keys->cipher = cipher;
    if (cipher != CRYPTO_CIPHER_NONE) {
        keys->seal = sealer(ch, KEY_SEAL_OUT, session_key);
        keys->unseal = sealer(ch, KEY_SEAL_IN, session_key);
    }
    bool ok = cipher == CRYPTO_CIPHER_NONE || (keys->seal && keys->unseal);
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- the end ---- */

/* What an ending session leaves to whoever ends it. */
struct estate {
    struct list channels; /* by session_link, a reference each */
    struct list trees;    /* by reap_link, likewise */
};

/* session->lock is held. */
static bool end_locked(struct smb_session *s, struct estate *e)
{
    list_init(&e->channels);
    list_init(&e->trees);
    if (s->state == SMB_SESSION_DELETED) {
        return false;
    }
    s->state = SMB_SESSION_DELETED;
    LIST_FOR_EACH (l, &s->channels) {
        LIST_ENTRY(l, struct smb_channel, session_link)->gone = true;
    }
    list_splice_back(&e->channels, &s->channels);
    s->channel_count = 0;
    smb_trees_take(s, &e->trees);
    return true;
}

/* The session was ended; c: a connection of its. */
static void end_finish(struct smb_session *s, struct estate *e, struct smb_conn *c)
{
    mutex_lock(&s->server->lock);
    remove_from_table(s->server, s);
    mutex_unlock(&s->server->lock);
    smb_trees_reap(&e->trees, c);
    struct list *l;
    while ((l = list_pop_front(&e->channels))) {
        smb_channel_leave(LIST_ENTRY(l, struct smb_channel, session_link));
    }
    smb_session_look(s);  /* what has outlived its channel */
    smb_session_unref(s); /* the table's */
}

bool smb_session_end(struct smb_session *s, const char *end_conn)
{
    struct estate e;
    mutex_lock(&s->lock);
    bool mine = end_locked(s, &e);
    if (mine) {
        s->end_conn = end_conn;
    }
    mutex_unlock(&s->lock);
    if (mine) {
        ASSERT(!list_is_empty(&e.channels));
        struct smb_conn *c =
            smb_conn_ref(LIST_ENTRY(e.channels.next, struct smb_channel, session_link)->conn);
        end_finish(s, &e, c);
        smb_conn_unref(c);
    }
    return mine;
}

bool smb_session_revoke(struct smb_session *s, const char *end_conn)
{
    mutex_lock(&s->lock);
    s->keeps_nothing = true;
    mutex_unlock(&s->lock);
    return smb_session_end(s, end_conn);
}

/* Its connection has ended. With its last channel goes the session, and bindings that are under
 * way. */
static void channel_end(struct smb_channel *ch)
{
    struct smb_session *s = ch->session;
    struct estate e;
    mutex_lock(&s->lock);
    bool mine = smb_channel_out_locked(ch);
    bool ends =
        mine && !smb_channel_bound_locked(s) && !smb_channel_is_binding(ch) && end_locked(s, &e);
    mutex_unlock(&s->lock);
    if (ends) {
        end_finish(s, &e, ch->conn);
    }
    if (mine) {
        smb_channel_unref(ch); /* the list's */
    }
}

void smb_channels_end(struct smb_conn *c)
{
    struct smb_channel *ch;
    while ((ch = smb_channel_pop(c))) {
        channel_end(ch);
        smb_channel_unref(ch); /* the table's */
    }
}
