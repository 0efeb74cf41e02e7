/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and their tree connects. [MS-SMB2] 3.3.1.8, 3.3.1.9 */
#pragma once

#include "crypto/crypto.h"
#include "smb/server.h"

enum smb_session_state { SMB_SESSION_IN_PROGRESS, SMB_SESSION_VALID, SMB_SESSION_DELETED };

struct smb_tree {
    struct refcount refs;
    struct hash_link link; /* session->lock */
    uint32_t id;
    struct smb_session *session; /* a reference */
    struct smb_share *share;     /* a reference */
    uint32_t access_max;         /* what opens may be granted */
    bool closed;                 /* session->lock: no new opens */
    uint64_t created_at;
};

/* Keys of a session; made once, at the first success, and kept to the end. Immutable once the
 * session is `keyed`; nobody but the SESSION_SETUP that makes them looks at them before. */
struct smb_keys {
    struct crypto_signer *signer;
    const struct smb_conn *conn;     /* the session's: whose MessageIds signer may make nonces of */
    struct crypto_sealer *seal;      /* server to client */
    atomic_uint_fast64_t seal_nonce; /* how many messages seal has sealed; relaxed */
    struct crypto_sealer *unseal;    /* client to server */
    struct vfs_token *owner;         /* whose log-in made them */
    enum crypto_sign_alg sign_alg;
    enum crypto_cipher cipher;
};

struct smb_session {
    struct refcount refs;
    struct hash_link link; /* server->lock: in server->sessions */
    struct list conn_link; /* server->lock: in conn->sessions */
    uint64_t id;
    struct smb_server *server;
    struct smb_conn *conn; /* a reference: the one channel */

    struct mutex lock;
    enum smb_session_state state;    /* lock */
    atomic_bool keyed;               /* release: after keys and what is said to be with them */
    struct smb_keys keys;            /* see keyed */
    struct vfs_token *token;         /* lock: replaced by reauthentication, in one place */
    struct hash_table trees;         /* lock */
    struct hash_table opens;         /* lock: by volatile file id */
    uint32_t tree_id_next;           /* lock */
    uint64_t open_id_next;           /* lock */
    uint32_t tree_count, open_count; /* lock */
    bool setup_busy;                 /* lock: a SESSION_SETUP is under way, its reply included */
    struct job reap_job;
    struct job gone_job; /* holds a reference while posted */

    bool signing_required; /* with keys */
    bool encrypt;          /* with keys: this session's messages must be sealed */
    bool guest, anonymous; /* lock */
    uint64_t created_at;
    atomic_uint_fast64_t idle_since; /* relaxed: only told */

    /* The log-in under way; only the one SESSION_SETUP (setup_busy) touches it. */
    struct auth_session *auth;
    unsigned rounds;
    uint8_t preauth[64];
};

/* A new session in progress, in the server's table and on its connection (loop or worker thread of
 * a SESSION_SETUP). A reference each for table, connection and caller. NULL: no memory or too many.
 */
NODISCARD struct smb_session *smb_session_new(struct smb_conn *conn);
struct smb_session *smb_session_ref(struct smb_session *s);
void smb_session_unref(struct smb_session *s);
/* By id, in whatever state; owned reference. */
NODISCARD struct smb_session *smb_session_find(struct smb_server *server, uint64_t id);
/* Take it out of the table and off its connection: nobody finds it from now on. Its trees and opens
 * stay until smb_session_reap. True: the table's reference is now the caller's; false: somebody
 * else did it. */
bool smb_session_detach(struct smb_session *s);
/* Close every open and tree of a detached session. Blocks: worker thread. */
void smb_session_reap(struct smb_session *s);
/* As reap, by a job of its own on a worker; takes the reference that smb_session_detach gave. */
void smb_session_reap_later(struct smb_session *s);
/* The token now; owned reference, NULL before the first success. */
NODISCARD struct vfs_token *smb_session_token(struct smb_session *s);
void smb_session_token_set(struct smb_session *s, struct vfs_token *t);
/* Derive the keys for the dialect from the exported session key. [MS-SMB2] 3.3.5.5.3 */
NODISCARD smbkit_status smb_session_keys_init(struct smb_session *s, const uint8_t session_key[16]);
enum smb_session_state smb_session_state_get(struct smb_session *s);
/* A SESSION_SETUP of this session is over. */
void smb_session_setup_end(struct smb_session *s);
/* Are there keys to sign and seal with? A guest has none. */
static inline bool smb_session_is_keyed(const struct smb_session *s)
{
    return atomic_load_explicit(&s->keyed, memory_order_acquire);
}

/* Connect the session to a share. *tree_r: owned reference. */
NODISCARD smbkit_status smb_tree_new(struct smb_session *s, struct smb_share *share,
                                     struct smb_tree **tree_r);
struct smb_tree *smb_tree_ref(struct smb_tree *t);
void smb_tree_unref(struct smb_tree *t);
NODISCARD struct smb_tree *smb_tree_find(struct smb_session *s, uint32_t id);
/* Take it out of the session's table; false: it was not there any more. */
bool smb_tree_detach(struct smb_tree *t);
/* Close every open of a detached tree. Blocks: worker thread. */
void smb_tree_reap(struct smb_tree *t);
