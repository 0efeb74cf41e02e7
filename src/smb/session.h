/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, their channels and their tree connects. [MS-SMB2] 3.3.1.8, 3.3.1.9, 3.3.1.14
 *
 * A session has one channel or more, each on a connection: as long as it is not DELETED there is
 * one. It has trees, and these have opens. Nothing of it knows a connection but its channels, so
 * that what it has outlives any one of them.
 *
 * Lock order: server->lock, lease->lock, open->lock, client->lock, session->lock, conn->lock. */
#pragma once

#include "crypto/crypto.h"
#include "smb/client.h"
#include "smb/server.h"
#include "vfs/wait.h"

struct smb_conn;

/* What has borne the first channel's key, of MessageIds below SMB_NONCES: its own messages, and
 * those about bindings, with MessageIds of other connections. Under AES-GMAC these are nonces, and
 * a second answer under one gives the key away, unless the client has done so already by signing
 * two requests with it. session->lock */
#define SMB_NONCES 512u
struct smb_nonces {
    uint64_t asked[SMB_NONCES / 64];    /* a request was signed with it */
    uint64_t answered[SMB_NONCES / 64]; /* a reply is, or may be */
};

enum smb_session_state { SMB_SESSION_IN_PROGRESS, SMB_SESSION_VALID, SMB_SESSION_DELETED };

struct smb_tree {
    struct refcount refs;
    struct hash_link link; /* session->lock */
    uint32_t id;
    struct smb_session *session; /* a reference */
    struct smb_share *share;     /* a reference */
    char *root; /* immutable: the folder that this session sees as the root; NULL: that of the
                   volume */
    /* smb_volume_lane of the volume of which root is known to be that; 0: of none. Others open
     * nothing by it. */
    atomic_uint_fast32_t lane;
    bool told_to_encrypt; /* immutable: the share was encrypted when this was connected */
    bool told_of_dfs;     /* immutable: likewise, it was the root of a namespace */
    uint64_t created_at;
    atomic_bool read_only; /* relaxed: each request goes by what it finds; revoke.c settles it */
    bool closed;           /* session->lock: no new opens */
    bool keeps;            /* with closed: durable opens are kept, see durable.h */
    struct list opens;     /* session->lock: by smb_open.tree_link, those that can be found */
    unsigned reserved;     /* session->lock: places of opens that cannot be found yet */

    /* The closing of its opens, once it is closed; see tree.c. */
    struct job reap_job;
    struct list reap_link;    /* whoever ends the session */
    struct smb_conn *reap_by; /* session->lock; a reference: whose transport lends the worker */
    unsigned reap_left; /* session->lock: closes under way, places reserved, and 1 for the job */
    bool reaped;        /* session->lock: all are closed */
};

/* A session on one connection, or the binding of one to it. [MS-SMB2] 3.3.1.14 */
struct smb_channel {
    struct refcount refs;         /* the session's list, the connection's table, requests */
    struct smb_session *session;  /* a reference */
    struct smb_conn *conn;        /* a reference */
    struct hash_link conn_link;   /* conn->lock: in conn->channels */
    bool in_conn;                 /* conn->lock */
    struct list session_link;     /* session->lock: in session->channels */
    bool gone;                    /* session->lock: out of that list */
    bool is_first;                /* with session.keyed: its log-in made the session's keys */
    struct job look_job;          /* holds a reference while posted */
    bool look_posted;             /* session->lock */
    struct list orphan_link;      /* session->lock: in session->orphaned, with a reference */
    unsigned orphans;             /* session->lock: requests that outlive its connection */
    struct crypto_signer *signer; /* its own; with session.keyed, or from being bound on */
    /* A binding is under way: nothing finds the channel but that. release: when its signer is there
     */
    atomic_bool is_binding;
    struct crypto_signer *lent;   /* by the session while it is; immutable */
    atomic_uint_fast64_t used_at; /* relaxed: FILETIME of its last request; only compared */

    /* The log-in under way; only the one SESSION_SETUP (setup_busy) touches it. */
    bool setup_busy; /* session->lock: it is under way, its reply included */
    struct auth_session *auth;
    smbkit_status verdict; /* of the last round, while it is held back */
    uint8_t *answer;       /* its security blob, owned; NULL: none */
    size_t answer_len;
    unsigned rounds;
    uint8_t preauth[64];
};

/* Keys of a session; made once, at the first success, and kept to the end. Immutable once the
 * session is `keyed`; nobody but the SESSION_SETUP that makes them looks at them before. */
struct smb_keys {
    uint8_t sign_key[16];            /* of the first channel; what a binding is proven by */
    struct crypto_sealer *seal;      /* server to client */
    atomic_uint_fast64_t seal_nonce; /* how many messages seal has sealed; relaxed */
    struct crypto_sealer *unseal;    /* client to server */
    struct vfs_token *owner;         /* whose log-in made them; NULL: a nameless one */
    enum crypto_sign_alg sign_alg;
    enum crypto_cipher cipher;
};

struct smb_session {
    struct refcount refs;  /* the server's table, channels, trees, requests */
    struct hash_link link; /* server->lock: in server->sessions */
    uint64_t id;
    struct smb_server *server;
    struct smb_client *client; /* a reference */
    struct list client_link;   /* client->lock: in client->sessions */
    uint16_t dialect;          /* of all its channels */
    uint64_t conn_id;          /* of the first channel: only told */
    char address[64];          /* likewise */

    struct mutex lock;
    enum smb_session_state state; /* lock */
    struct list channels;         /* lock: in the order of their making */
    unsigned channel_count;       /* lock */
    struct list orphaned;         /* lock: lost channels with requests that go on, see replay.h */
    atomic_bool keyed;            /* release: after keys and what is said to be with them */
    struct smb_keys keys;         /* see keyed */
    struct smb_nonces nonces;
    struct vfs_token *token;         /* lock: replaced by reauthentication, in one place */
    struct smb_account *account;     /* lock: a reference; with token */
    uint64_t user_version;           /* lock: of the user who logged in, see auth.h */
    atomic_uint_fast64_t expires_at; /* relaxed: FILETIME; 0: never. A log-in moves it */
    struct hash_table trees;         /* lock */
    struct hash_table opens;         /* lock: by volatile file id; those not found yet, too */
    uint32_t tree_id_next;           /* lock */
    uint64_t open_id_next;           /* lock */
    uint32_t tree_count, open_count; /* lock */
    unsigned reaping;                /* lock: trees that are being closed */
    struct wait_domain waits;
    struct list reap_waiters; /* waits: LOGOFF, TREE_DISCONNECT, SESSION_SETUP of who follows */
    bool keeps_nothing;       /* lock: at its end durable opens are closed with the others */
    const char *end_conn;     /* from its end on; not NULL: end its connections too, and why */

    bool signing_required;                /* with keys */
    bool encrypt;                         /* with keys: this session's messages must be sealed */
    bool guest, anonymous;                /* lock */
    atomic_bool seen_signed, seen_sealed; /* relaxed: only told */
    uint64_t created_at;
    atomic_uint_fast64_t idle_since; /* relaxed: only told */
};

/* A new session in progress, in the server's table, with a channel on this connection (loop or
 * worker thread of a SESSION_SETUP). An owned reference of the channel. NULL: no memory or too
 * many. */
NODISCARD struct smb_channel *smb_session_new(struct smb_conn *conn);
struct smb_session *smb_session_ref(struct smb_session *s);
void smb_session_unref(struct smb_session *s);
/* By id, in whatever state, on whatever connection; owned reference. Takes the server's lock: a
 * request finds its session by smb_channel_find. */
NODISCARD struct smb_session *smb_session_find(struct smb_server *server, uint64_t id);
/* End it: nobody finds it from now on, its channels leave their connections, and jobs begin to
 * close what it has. end_conn: not NULL: its connections end too, for this reason (a constant).
 * False: somebody else did it. Any thread. */
bool smb_session_end(struct smb_session *s, const char *end_conn);
/* The same for who is not to have it any more: durable opens are closed as well. */
bool smb_session_revoke(struct smb_session *s, const char *end_conn);
/* Is everything closed that the ended session, or tree, had? SUCCESS, or WAIT: w is registered. */
NODISCARD smbkit_status smb_session_reaped(struct smb_session *s, struct vfs_wait *w);
NODISCARD smbkit_status smb_tree_reaped(struct smb_tree *t, struct vfs_wait *w);
/* The token now; owned reference, NULL before the first success. */
NODISCARD struct vfs_token *smb_session_token(struct smb_session *s);
/* Who it is from now on; takes both references. user_version: of the user, as the log-in found it.
 */
void smb_session_become(struct smb_session *s, struct vfs_token *t, struct smb_account *a,
                        uint64_t user_version);
/* Derive the keys for the dialect from the exported session key; those to seal with only if it
 * seals. [MS-SMB2] 3.3.5.5.3 */
NODISCARD smbkit_status smb_session_keys_init(struct smb_channel *ch, const uint8_t session_key[16],
                                              bool seals);
enum smb_session_state smb_session_state_get(struct smb_session *s);
/* Has the log-in expired? The client is to log in again, on any channel. [MS-SMB2] 3.3.1.8 Expired
 */
bool smb_session_is_expired(const struct smb_session *s);
/* Are there keys to sign with? A guest has none. */
static inline bool smb_session_is_keyed(const struct smb_session *s)
{
    return atomic_load_explicit(&s->keyed, memory_order_acquire);
}
/* ... that prove who speaks? Those of a nameless log-in everybody knows. */
static inline bool smb_session_is_owned(const struct smb_session *s)
{
    return smb_session_is_keyed(s) && s->keys.owner;
}
/* Something of the session goes, or the session: on each of its connections requests that are about
 * it are given up, soon (smb_requests_unwanted). Any thread; takes session->lock. */
void smb_session_look(struct smb_session *s);
/* The connection to tell the session's client something on: of the channel that it used last, since
 * of one that is lost (a cable, a radio) the server hears late. [MS-SMB2] 3.3.4.6 leaves it open.
 * An owned reference; NULL: it has ended. Any thread; takes session->lock. */
NODISCARD struct smb_conn *smb_session_conn(struct smb_session *s);

/* ---- channels ---- */

/* One that is in no table, for messages of this connection that bear the session's first key. NULL
 * without memory. */
NODISCARD struct smb_channel *smb_channel_new(struct smb_session *s, struct smb_conn *c);
/* Put it into both tables, a reference each. false: no memory, too many of the connection or the
 * session, or one is there already. */
NODISCARD bool smb_channel_add(struct smb_channel *ch);
/* session->lock is held. Out of the session's list; the reference is the caller's. false: it is
 * already. */
NODISCARD bool smb_channel_out_locked(struct smb_channel *ch);
/* session->lock is held. Of those that are bound the one that was used last, of several that never
 * were the first, and none that is silent if there is another; borrowed; NULL: none. */
struct smb_channel *smb_channel_bound_locked(struct smb_session *s);
/* A request of the channel goes on though its connection is gone. false: the session has no other
 * channel, and ends; else smb_channel_orphan_end is due. Loop thread of the connection. */
NODISCARD bool smb_channel_orphan(struct smb_channel *ch);
void smb_channel_orphan_end(struct smb_channel *ch);
/* A binding came to nothing: out of both tables; the session stays. */
void smb_channel_drop(struct smb_channel *ch);
/* Its own signing key, from the session key that its log-in exported. [MS-SMB2] 3.3.5.5.3 */
NODISCARD smbkit_status smb_channel_key_init(struct smb_channel *ch, const uint8_t session_key[16],
                                             uint8_t key_r[16]);
/* For the end of a session: off its connection; takes the reference of the session's list. */
void smb_channel_leave(struct smb_channel *ch);
/* For the end of a connection: any channel, out of its table with the table's reference; NULL: none
 * is left. */
NODISCARD struct smb_channel *smb_channel_pop(struct smb_conn *c);
struct smb_channel *smb_channel_ref(struct smb_channel *ch);
void smb_channel_unref(struct smb_channel *ch);
/* The session of this id on this connection; owned reference. Takes no lock but the connection's.
 * [MS-SMB2] 3.3.5.2.9: Connection.SessionTable */
NODISCARD struct smb_channel *smb_channel_find(struct smb_conn *c, uint64_t session_id);
/* The same, and a binding that is under way. [MS-SMB2] 3.3.1.7: Connection.PreauthSessionTable */
NODISCARD struct smb_channel *smb_channel_find_any(struct smb_conn *c, uint64_t session_id);
static inline bool smb_channel_is_binding(const struct smb_channel *ch)
{
    return atomic_load_explicit(&ch->is_binding, memory_order_acquire);
}
/* The connection is gone: its channels end, and with its last channel a session. */
void smb_channels_end(struct smb_conn *c);
/* A SESSION_SETUP on this channel is over. */
void smb_channel_setup_end(struct smb_channel *ch);

/* ---- trees ---- */

/* A name of the wire as a path of the volume: from the root that the session has. As
 * vfs_path_parse. */
NODISCARD smbkit_status smb_tree_path(const struct smb_tree *t, const char *name,
                                      struct vfs_path *out);
/* Is it the root that the session was given of a volume, which is none to the volume? */
bool smb_tree_is_root(const struct smb_tree *t, const struct vfs_path *path);
/* What of a path of the volume the session sees: behind its root, or all. */
const char *smb_tree_shown(const struct smb_tree *t, const char *path);
/* Connect the session to a share, root being what it sees as the root (smb_tree.root), which is
 * taken. *tree_r: owned reference. */
NODISCARD smbkit_status smb_tree_new(struct smb_session *s, struct smb_share *share, char **root,
                                     struct smb_tree **tree_r);
struct smb_tree *smb_tree_ref(struct smb_tree *t);
void smb_tree_unref(struct smb_tree *t);
NODISCARD struct smb_tree *smb_tree_find(struct smb_session *s, uint32_t id);
/* Take it out of the session's table and begin to close its opens; false: it was not there any
 * more. Any thread. */
bool smb_tree_end(struct smb_tree *t);
/* References to the trees of a session, and the list with mem_free. NULL: no memory. */
NODISCARD struct smb_tree **smb_trees_of(struct smb_session *s, size_t *count_r);
/* For smb_session_end. session->lock is held: take all trees out, into the list. */
void smb_trees_take(struct smb_session *s, struct list *trees);
/* Begin to close their opens, on workers of this connection's transport. */
void smb_trees_reap(struct list *trees, struct smb_conn *by);
/* A job of the closing of its opens. Any thread. */
void smb_tree_work(struct smb_tree *t, struct job *job);
/* An open of the tree is closed. */
void smb_tree_reaped_one(struct smb_tree *t);
/* What opens may be granted. */
uint32_t smb_tree_access_max(const struct smb_tree *t);
/* May who is connected change nothing? */
static inline bool smb_tree_is_read_only(const struct smb_tree *t)
{
    return atomic_load_explicit(&t->read_only, memory_order_relaxed); /* see there */
}

/* References to all sessions, so that they can be looked at without the server's lock. False:
 * without memory, and the list is empty. */
struct smb_session_list {
    struct smb_session **items;
    size_t count;
};
bool smb_sessions_take(struct smb_server *s, struct smb_session_list *list);
void smb_sessions_drop(struct smb_session_list *list);

/* ---- revoke.c: is it still right that they are connected? ---- */

/* NULL: yes; else why the session must end. True as well for one that has just logged in, unless
 * the configuration changed meanwhile. */
const char *smb_session_fault(struct smb_session *s);
/* May that user change nothing on the share? */
bool smb_share_is_read_only_for(struct smb_server *s, struct smb_share *share,
                                struct vfs_token *token);
/* May the session connect to the share? BAD_NETWORK_NAME: it is gone; ACCESS_DENIED. */
NODISCARD smbkit_status smb_share_check(struct smb_share *share, struct smb_session *s);
/* May it stay connected? As above; and settles whether it may change anything. */
NODISCARD smbkit_status smb_tree_check(struct smb_tree *t);
