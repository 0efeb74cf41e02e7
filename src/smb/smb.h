/* SPDX-License-Identifier: Apache-2.0 */
/* The SMB 2/3 server, sans I/O: frames in, messages out. [MS-SMB2] 3.3
 *
 * The transport (src/server over src/net) owns sockets, timers and threads. It makes one smb_conn
 * for a connection and calls it only on that connection's loop thread. Time and randomness come in
 * through smb_env, so that a whole conversation can be replayed in a test. */
#pragma once

#include "auth/auth.h"
#include "base/iobuf.h"
#include "base/job.h"
#include "base/names.h"
#include "rpc/rpc.h"
#include "smb/admission.h"
#include "vfs/vfs.h"

struct smb_server;
struct smb_conn;
struct smb_share;

/* One SMB2 message (an element of a compound) as it was meant: a request once its frame is opened
 * and its signature was looked at, anything of ours before it is signed and sealed. Borrowed for
 * the call. */
struct smb_tap_message {
    uint64_t conn_id;
    bool from_server;
    bool sealed;  /* travels in a transform header */
    bool signed_; /* bears a good signature, or will */
    const uint8_t *head;
    size_t head_len;
    const uint8_t *payload; /* what follows head; NULL: nothing */
    size_t payload_len;
};

struct smb_env {
    uint64_t (*now)(void *arg); /* FILETIME */
    uint64_t (*monotonic_ms)(void *arg);
    void (*random)(void *arg, void *buf, size_t n);
    /* Any thread, maybe under locks: the server's own work, of no connection. Run the job on some
     * worker thread. NULL: no open is kept for a client that lost its connection. */
    void (*work)(void *arg, const struct work_key *key, struct job *job);
    /* With work. Any thread, maybe under locks. Call smb_server_tick, on any thread, in ms or a
     * little later; not asked for again before that. */
    void (*tick)(void *arg, uint32_t ms);
    /* NULL: nobody listens. Loop thread of the connection; the messages of one connection in order.
     * Secrets (log-in blobs, file data) pass here. */
    void (*tap)(void *arg, const struct smb_tap_message *m);
    void *arg;
};

/* A one-shot timer; embedded where it belongs. fn runs on the loop thread. */
struct smb_timer {
    void (*fn)(struct smb_timer *t);
    void *transport; /* the transport's own; NULL while not set */
};

/* What a transport does for its connection. */
struct smb_conn_io {
    /* Loop thread. Send a message (its 4-byte frame header included); takes every reference,
     * empties the chain. */
    void (*send)(void *io, struct iochain *message);
    /* Loop thread. Of all bytes that were sent those that the peer's transport has acknowledged.
     * NULL: that is not known. */
    void (*progress)(void *io, uint64_t *sent_r, uint64_t *acked_r);
    /* Loop thread. smb_conn_frame_new had no room and has some now: ask again, later. */
    void (*resume)(void *io);
    /* Loop thread, once. The client has logged in: it is no stranger any more, and may be read in
     * larger pieces. */
    void (*logged_on)(void *io);
    /* Loop thread. End the connection once what was sent is out (at most a few seconds);
     * smb_conn_closed follows, later. */
    void (*close)(void *io);
    /* Any thread. Run the job on the connection's loop thread, in order of posting; works until
     * released was called. */
    void (*post)(void *io, struct job *job);
    /* Any thread. Run the job on some worker thread; key says whose work it is. */
    void (*work)(void *io, const struct work_key *key, struct job *job);
    /* Loop thread. Run t->fn once, in ms or a little later; setting a set timer moves it.
     * timer_cancel on an unset one does nothing. */
    void (*timer_set)(void *io, struct smb_timer *t, uint32_t ms);
    void (*timer_cancel)(void *io, struct smb_timer *t);
    /* Loop thread. Nothing of smb uses io any more: free it. After smb_conn_closed; maybe much
     * later (calls under way). */
    void (*released)(void *io);
};

enum smb_encryption { SMB_ENCRYPT_OFF, SMB_ENCRYPT_DESIRED, SMB_ENCRYPT_REQUIRED };

/* An address of the server. [MS-SMB2] 2.2.32.5 */
struct smb_interface {
    uint32_t index; /* of the network interface; not 0 */
    bool is_ipv6;
    uint8_t address[16]; /* network order; IPv4 in the first four */
    uint64_t speed_bps;
    bool has_rss;
};

struct smb_config {
    uint8_t server_guid[16];
    char server_name[16]; /* NetBIOS, upper case */
    char comment[64];
    char workgroup[16];
    uint16_t dialect_min; /* 0x0202 */
    uint16_t dialect_max; /* 0x0311 */
    bool signing_required;
    enum smb_encryption encryption; /* DESIRED: sessions of clients that can are encrypted;
                                       REQUIRED: others are refused */
    bool test_fsctls;               /* smbtorture's own control codes are answered */
    bool multichannel;              /* a session may have several connections */
    /* Where clients may connect to for that; how many of max. A few system calls; any thread. NULL:
     * they are not told. */
    size_t (*interfaces)(void *arg, struct smb_interface *out, size_t max);
    void *interfaces_arg;        /* outlives the server object */
    uint32_t transact_max_bytes; /* also of read and write; 64 KiB .. 8 MiB */
    uint16_t credits_max;        /* a connection's window */
    uint32_t durable_max_ms;     /* how long an open is kept at most for a client that lost its
                                    connection; up to SMB_DURABLE_MAX_MS; 0: not at all */
    uint32_t descriptors_max;    /* opens of SMBKIT_FEATURE_DESCRIPTORS volumes; 0: any number */
    uint32_t machine_sid[3];
    /* Administrators: see paths and sessions through srvsvc, may give files any owner and edit
     * SACLs; names in any case of letters; copied. */
    const struct names *admins;    /* NULL: nobody */
    const struct smb_hosts *hosts; /* whose connections are taken; NULL: everybody's; copied */
    struct auth_config auth; /* kept by copy; its strings and callbacks outlive the server object */
    /* Who is a user, for what clients ask about the names in security descriptors: must not block;
     * any thread. NULL: nobody is told. */
    bool (*user_of_name)(void *arg, const char *name, struct rpc_user *out);
    bool (*user_of_rid)(void *arg, uint32_t rid, struct rpc_user *out);
    /* All of them, users first; fn under a lock: it calls nothing of users. NULL: none. */
    void (*users_each)(void *arg, bool (*fn)(void *fn_arg, const struct rpc_user *user),
                       void *fn_arg);
    /* Users and groups of the host: struct rpc_env. NULL: none. */
    bool (*host_of_id)(bool is_group, uint32_t id, char *name, size_t size);
    bool (*host_of_name)(bool is_group, const char *name, uint32_t *id_r);
    /* The names of the groups that the user is in, appended; false: no memory. NULL: in none. As
     * the two before. */
    bool (*groups_of_user)(void *arg, const char *user, struct names *groups);
    void *users_arg; /* outlives the server object */
    struct smb_env env;
};

NODISCARD struct smb_server *smb_server_new(const struct smb_config *config);
/* See smb_env.tick. */
void smb_server_tick(struct smb_server *s);
/* The server stops: opens of clients that lost their connection are kept no more, and those that
 * are are closed, by jobs on workers (smb_server_stats.kept_now tells when). false: no memory. */
NODISCARD bool smb_server_keep_none(struct smb_server *s);
/* Before that, when no connection is left: appends to out what it takes to open them again, so that
 * their clients find them at a server that is told of it (smb_server_restore); and what this one
 * was told of and nobody has come for. *count_r: how many; those that others would mind, and what
 * is to be deleted with them, are left out. May wait for plugins. false: no memory, or no room. */
NODISCARD bool smb_server_write_down(struct smb_server *s, struct wr *out, size_t *count_r);
/* Before anybody connects, once its shares are there: what a server before wrote down. Takes what
 * is good, up to what is damaged, for as long as this server keeps opens; how many. *unread_r:
 * bytes that are not good. */
size_t smb_server_restore(struct smb_server *s, const void *p, size_t len, size_t *unread_r);
/* Does it begin as what smb_server_write_down writes? */
bool smb_server_wrote(const void *p, size_t len);
/* No connection and no open may be left. */
void smb_server_free(struct smb_server *s);
/* Change what may change while running: comment, signing, encryption, credits, administrators,
 * whether guests and the nameless may log in. false: no memory, nothing changed. */
NODISCARD bool smb_server_reconfigure(struct smb_server *s, const struct smb_config *config);
/* Hold who is connected to the configuration, shares and users as they are now: sessions and tree
 * connects that would be refused today end, with their files. The files are closed later, on
 * workers. false: no memory, some may not have been looked at. */
NODISCARD bool smb_server_enforce(struct smb_server *s);

/* ---- shares ---- */

struct smb_share_spec {
    const char *name; /* up to 80 UTF-16 units; trailing '$' hides it from lists */
    const char *comment;
    struct vfs_volume *volume; /* a reference is taken */
    bool read_only;
    bool encrypt; /* refuse who does not encrypt */
    bool guest_ok;
    bool hidden;
    bool dfs_root;                         /* the root of a DFS namespace: see smb/dfs.h */
    const struct smb_admission *admission; /* NULL: every user, from everywhere; copied */
};
/* Add, or change the one of the same name. With the same volume as before its settings change in
 * place, for those who are connected too; with another volume its tree connects end. Either way
 * smb_server_enforce is due afterwards. */
NODISCARD smbkit_status smb_server_share_set(struct smb_server *s,
                                             const struct smb_share_spec *spec);
/* The server stops: no handle is waited for any more, of a share that is being replaced neither. */
void smb_server_move_none(struct smb_server *s);
enum smb_handles {
    SMB_HANDLES_CLOSE,   /* they end, as by smb_server_share_set and the smb_server_enforce after */
    SMB_HANDLES_MOVE,    /* those that can go on in the new volume do; the others end */
    SMB_HANDLES_MOVE_ALL /* only if all can; else SHARING_VIOLATION, and nothing has changed */
};
struct smb_moved {
    size_t moved, closed; /* handles; of MOVE_ALL that was refused, closed: how many cannot move */
};
/* The disk share spec->name is there: spec->volume takes the place of the volume that it has, while
 * clients stay connected; see docs/internals/replace.md. Its other settings become those of spec,
 * so smb_server_enforce is due afterwards. Blocks, for about as long as SMB_MOVE_BREAK_MS,
 * twice SMB_MOVE_REST_MS and SMB_MOVE_ALL_MS together; not on a loop or a worker. Errors:
 * BAD_NETWORK_NAME: there is none; INVALID_PARAMETER; NOT_SUPPORTED: to move needs smb_env.work;
 * SHARING_VIOLATION; INSUFFICIENT_RESOURCES; CANCELLED: the server stops; nothing has changed. */
NODISCARD smbkit_status smb_server_share_replace(struct smb_server *s,
                                                 const struct smb_share_spec *spec,
                                                 enum smb_handles how, struct smb_moved *out);
/* Its tree connects end with the smb_server_enforce that is due afterwards. false: there is none.
 */
bool smb_server_share_remove(struct smb_server *s, const char *name);
size_t smb_server_share_count(struct smb_server *s);

/* ---- connections (loop thread of the connection) ---- */

/* Is a connection from that address taken (smb_config.hosts)? A refusal is logged, but not each of
 * many. Any thread. */
bool smb_server_admits(struct smb_server *s, const char *address);
/* address: the peer's, numeric. NULL without memory (then io is the caller's to end). */
NODISCARD struct smb_conn *smb_conn_new(struct smb_server *s, const struct smb_conn_io *ops,
                                        void *io, const char *address, uint64_t conn_id);
/* The size of a frame, from its first four bytes: bytes that follow them. 0 or a negative errno:
 * end the connection
 * (-EPROTO: not SMB; -EMSGSIZE: over the bound, which is small before authentication). A size of 0
 * is a keep-alive: nothing follows. */
NODISCARD int smb_conn_frame_size(struct smb_conn *c, const uint8_t header[4], size_t *size_r);
/* A buffer for a frame of that size, charged to the connection, placed so that the payload of a
 * WRITE begins on a page. -EAGAIN: no room now, io->resume follows; read nothing until then.
 * -ENOMEM. */
NODISCARD int smb_conn_frame_new(struct smb_conn *c, size_t size, struct iobuf **frame_r);
/* One whole frame (without the four bytes); takes the reference. It is decrypted in place. */
void smb_conn_frame(struct smb_conn *c, struct iobuf *frame);
/* The transport is gone: cancels what waits, closes what was open. Call once; then only io's own
 * jobs come. */
void smb_conn_closed(struct smb_conn *c);
/* Ask for an orderly end: no new requests; running ones finish; then io->close. */
void smb_conn_shutdown(struct smb_conn *c);

/* ---- status (any thread) ---- */

struct smb_session_info {
    uint64_t session_id;
    uint64_t conn_id;
    char user[256];
    char client_address[64];
    uint16_t dialect;
    bool signed_;   /* plain messages, each signed */
    bool encrypted; /* sealed messages; such are not signed */
    bool guest;
    uint64_t connected_at, idle_since; /* FILETIME */
    uint32_t tree_count, open_count;
};
struct smb_tree_info {
    uint32_t id, open_count;
    char user[256];
    char client_address[64];
    char share[128];
    bool is_pipe;
    uint64_t connected_at; /* FILETIME */
};
struct smb_open_info {
    uint64_t session_id; /* 0: none, it waits for its client */
    char user[256];
    char share[128];
    char path[1024];
    uint32_t id; /* not another open's for as long as it is open */
    uint32_t access;
    uint8_t oplock_level;
    uint32_t lock_count;
};
struct smb_server_stats {
    uint64_t conns_now, conns_total, sessions_now, sessions_total, trees_now, opens_now;
    uint64_t
        kept_now; /* opens that wait for their client, or are being closed as their time is up */
    /* watches are opens of directories that have been asked for changes; buffer_bytes is what
     * requests and replies under way, and what is kept for clients, take of the server's budget */
    uint64_t locks_now, leases_now, watches_now, descriptors_now, buffer_bytes;
    uint64_t requests, bytes_in, bytes_out, logon_failures, waiting_now;
};
void smb_server_sessions_each(struct smb_server *s,
                              void (*fn)(void *arg, const struct smb_session_info *), void *arg);
void smb_server_trees_each(struct smb_server *s,
                           void (*fn)(void *arg, const struct smb_tree_info *), void *arg);
void smb_server_opens_each(struct smb_server *s,
                           void (*fn)(void *arg, const struct smb_open_info *), void *arg);
void smb_server_stats(struct smb_server *s, struct smb_server_stats *out);
/* The volume of a share, whose name may be in any letters; a reference is given. NULL: none. */
NODISCARD struct vfs_volume *smb_server_volume_get(struct smb_server *s, const char *name);
/* Names of the shares that are volumes. fn under a lock: it calls nothing of smb. */
void smb_server_shares_each(struct smb_server *s,
                            void (*fn)(void *arg, const char *name, uint32_t trees), void *arg);
/* End a session as if its connection were lost. false: no such session. */
bool smb_server_session_close(struct smb_server *s, uint64_t session_id);
