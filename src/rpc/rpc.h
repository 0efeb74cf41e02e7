/* SPDX-License-Identifier: Apache-2.0 */
/* DCE/RPC services over named pipes: srvsvc, wkssvc, lsarpc and samr. [C706] chapter 12, [MS-RPCE],
 * [MS-SRVS], [MS-WKST], [MS-LSAD], [MS-LSAT]. Sans I/O: the bytes that a client writes to its pipe
 * go in, the bytes that it reads come out. Every call is answered while its last byte is written,
 * so a pipe never has to wait. A pipe is used by one thread at a time: the caller locks. */
#pragma once

#include "base/base.h"

struct budget;

/* Share types. [MS-SRVS] 2.2.2.4 */
#define RPC_STYPE_DISKTREE 0x00000000u
#define RPC_STYPE_PRINTQ 0x00000001u
#define RPC_STYPE_IPC 0x00000003u
#define RPC_STYPE_TEMPORARY 0x40000000u
#define RPC_STYPE_SPECIAL 0x80000000u

/* sv101_platform_id. [MS-SRVS] 2.2.2.6 */
#define RPC_PLATFORM_NT 500u

/* sv101_type bits. [MS-SRVS] 2.2.2.7 */
#define RPC_SV_TYPE_WORKSTATION 0x00000001u
#define RPC_SV_TYPE_SERVER 0x00000002u
#define RPC_SV_TYPE_SERVER_UNIX 0x00000800u
#define RPC_SV_TYPE_NT 0x00001000u
#define RPC_SV_TYPE_SERVER_NT 0x00008000u

/* Who opened the pipe. The strings (UTF-8; NULL counts as "") are the session's and outlive the
 * pipe. */
struct rpc_caller {
    const char *user;    /* without domain; "" when anonymous */
    const char *domain;  /* "" when none */
    const char *address; /* the client's, as text */
    bool is_anonymous;
    bool is_guest;
    bool is_admin; /* may see paths, security descriptors and other users' sessions */
    struct budget
        *budget; /* what the pipe holds is charged to it; outlives the pipe; NULL: no bound */
};

/* One share, as told to clients. Strings are UTF-8; NULL counts as "". Borrowed during a call. */
#define RPC_SHI1005_DFS 0x0001u
#define RPC_SHI1005_DFS_ROOT 0x0002u
#define RPC_SHI1005_ACCESS_BASED_ENUM 0x0800u
struct rpc_share {
    const char *name;
    const char *comment;
    const char *path;  /* in Windows form ("C:\data"); given to administrators only */
    uint32_t type;     /* RPC_STYPE_... */
    uint32_t flags;    /* SHI1005_FLAGS_..., also those of level 501. [MS-SRVS] 2.2.4.29 */
    uint32_t max_uses; /* 0: unlimited (sent as 0xFFFFFFFF) */
    uint32_t current_uses;
    const uint8_t *security; /* a self-relative security descriptor, or NULL */
    uint32_t security_len_bytes;
};

/* One session, as told to administrators and to its own user. Borrowed during a call. */
struct rpc_session {
    const char *client;    /* address or name of the computer, without backslashes */
    const char *user;      /* "" when anonymous */
    const char *client_os; /* "" when unknown */
    uint32_t opens;
    uint32_t connected_sec;
    uint32_t idle_sec;
    bool is_guest;
};

/* One tree connect, as told to administrators. Borrowed during a call. */
struct rpc_connection {
    uint32_t id;
    uint32_t type; /* RPC_STYPE_... */
    uint32_t opens;
    uint32_t connected_sec;
    const char *user, *share, *client;
};

/* One file that is open, as told to administrators. Borrowed during a call. */
struct rpc_file {
    uint32_t id;      /* of the open; not of another one for as long as it is open */
    const char *path; /* in Windows form */
    const char *user;
    uint32_t locks;
    bool reads, writes, creates;
};

#define RPC_NAME_SIZE 260 /* bytes of UTF-8 of an account's name, with the terminating zero */

/* A user of the server, or a group of users. */
struct rpc_user {
    char name[RPC_NAME_SIZE];
    uint32_t rid;
    bool is_group;
    bool is_disabled;
};

/* Called once for each element; false ends the walk. Never calls back into the environment. */
typedef bool (*rpc_share_cb)(void *cb_arg, const struct rpc_share *share);
typedef bool (*rpc_session_cb)(void *cb_arg, const struct rpc_session *session);
typedef bool (*rpc_connection_cb)(void *cb_arg, const struct rpc_connection *connection);
typedef bool (*rpc_user_cb)(void *cb_arg, const struct rpc_user *user);
typedef bool (*rpc_file_cb)(void *cb_arg, const struct rpc_file *file);

#define RPC_COMMENT_SIZE 64 /* of the server's own comment, with the terminating zero */

/* What the server tells its clients. Filled by the server layer; immutable; outlives every pipe.
 * The functions are called from any thread, must not block, and may hold locks of the server layer
 * while they call cb. All may be NULL: no shares, no sessions, time 0, UTC. */
struct rpc_env {
    void *arg;
    const char *server_name; /* NetBIOS-style name, without backslashes */
    const char *domain;      /* or workgroup */
    const char *comment;
    void (*comment_get)(void *arg, char out[RPC_COMMENT_SIZE]); /* NULL: comment, for ever */
    const char *user_path;  /* sv102_userpath; NULL gives "C:\" */
    uint32_t version_major; /* e.g. 10 */
    uint32_t version_minor;
    uint32_t platform;    /* 0 gives RPC_PLATFORM_NT */
    uint32_t server_type; /* RPC_SV_TYPE_...; 0 gives WORKSTATION | SERVER | NT | SERVER_NT */
    uint32_t users_max;   /* sv102_users; 0: unlimited */
    uint32_t disc_min;    /* sv102_disc: minutes until an idle session is dropped; 0: never */
    bool is_hidden;       /* sv102_hidden: not in browse lists */
    uint64_t started;     /* FILETIME: the milliseconds of NetrRemoteTOD count from here */
    /* Every share that who may see in a list, always in the same order: the resume handle of an
     * enumeration is a position in it. Hidden shares (name ends in $) belong to it, as on Windows;
     * the client filters. Nothing for whom the server shows no list (anonymous). */
    void (*shares_each)(void *arg, const struct rpc_caller *who, rpc_share_cb cb, void *cb_arg);
    /* Calls cb once for the share of that name (any case) and returns true; false: none. */
    bool (*share_get)(void *arg, const struct rpc_caller *who, const char *name, rpc_share_cb cb,
                      void *cb_arg);
    /* Every session in a stable order; who may see which is decided in rpc. */
    void (*sessions_each)(void *arg, rpc_session_cb cb, void *cb_arg);
    /* Every tree connect; NULL: none is told. */
    void (*connections_each)(void *arg, rpc_connection_cb cb, void *cb_arg);
    /* Every open file and pipe; NULL: none is told. */
    void (*files_each)(void *arg, rpc_file_cb cb, void *cb_arg);
    uint64_t (*now)(void *arg); /* FILETIME */
    uint32_t machine_sid[3];    /* the server's own domain is S-1-5-21 and these */
    /* A user by name, in any case of letters, or by rid; false: there is none. NULL: nobody. */
    bool (*user_of_name)(void *arg, const char *name, struct rpc_user *out);
    bool (*user_of_rid)(void *arg, uint32_t rid, struct rpc_user *out);
    /* Every user and group, in a stable order; NULL: none. */
    void (*users_each)(void *arg, rpc_user_cb cb, void *cb_arg);
    /* The rids of the groups that the user is in, room at most; false: no memory. NULL: in none. */
    bool (*groups_of)(void *arg, const char *user, uint32_t *rids, uint32_t room,
                      uint32_t *count_r);
    bool (*is_admin)(void *arg, const char *user); /* NULL: nobody is */
    /* A user of the host, or a group, whose files are known by S-1-22-1-uid or S-1-22-2-gid. false,
     * or NULL: none of that number or name. */
    bool (*host_of_id)(bool is_group, uint32_t id, char *name, size_t size);
    bool (*host_of_name)(bool is_group, const char *name, uint32_t *id_r);
    /* Minutes that local time is west of UTC (as tod_timezone: UTC = local + this). */
    int32_t (*minutes_west)(void *arg);
};

struct rpc_pipe; /* one open of a pipe */

/* Bytes of replies that may wait to be read before a further write is refused. */
#define RPC_REPLIES_BYTES_MAX ((size_t)512 << 10)
/* Stub bytes of one request, all its fragments together: the largest honest one is under 4 KiB. */
#define RPC_STUB_BYTES_MAX ((size_t)64 << 10)
/* Stub bytes of one reply: some two thousand shares; a list goes on where it stopped. */
#define RPC_REPLY_STUB_BYTES_MAX ((size_t)512 << 10)
/* The largest fragment that either side may send, as Windows and Samba use it on pipes. */
#define RPC_FRAG_BYTES_MAX 4280u

/* Is there such a pipe? name: as in CREATE on IPC$, any case; no leading backslash. */
bool rpc_pipe_exists(const char *name);

/* A fresh, unbound pipe, freed with rpc_pipe_free. *who is copied; its strings and env are borrowed
 * until then. *pipe_r is NULL on failure.
 * Errors: OBJECT_NAME_NOT_FOUND  no such pipe
 *         INSUFFICIENT_RESOURCES no memory, or no room in the budget */
NODISCARD smbkit_status rpc_pipe_new(const char *name, const struct rpc_env *env,
                                     const struct rpc_caller *who, struct rpc_pipe **pipe_r);
void rpc_pipe_free(struct rpc_pipe *p); /* NULL allowed */
CLEANUP_DEFINE(rpc_pipe_free, struct rpc_pipe *)

/* Take n bytes of the client's stream of PDUs: any number of them, or a part of one. All bytes are
 * taken on success, and whatever they complete has been answered.
 * Errors: PIPE_BROKEN            the stream is not DCE/RPC (now or earlier): nothing more is taken,
 *                                replies queued before can still be read
 *         PIPE_BUSY              RPC_REPLIES_BYTES_MAX wait to be read; not one byte was taken
 *         INSUFFICIENT_RESOURCES no memory, or no room in the budget; the pipe is broken from here
 * on Cost: one copy of the bytes, and the calls. */
NODISCARD smbkit_status rpc_pipe_write(struct rpc_pipe *p, const uint8_t *data, size_t n);

/* Read up to max bytes of the oldest reply message (one PDU is one message) into buf; never crosses
 * into the next. max == 0 reads nothing, with the status that it would have.
 * n_r: bytes read.
 * Returns SUCCESS         the message ends with these bytes
 *         BUFFER_OVERFLOW more of the same message remains; the bytes read count
 *         PIPE_EMPTY      no reply waits: the client has yet to write a whole request
 *         PIPE_BROKEN     no reply waits and none will come */
NODISCARD smbkit_status rpc_pipe_read(struct rpc_pipe *p, uint8_t *buf, size_t max, size_t *n_r);

/* What FSCTL_PIPE_PEEK and FilePipeLocalInformation ask. [MS-FSCC] 2.3.48, 2.4.36 */
struct rpc_pipe_peek {
    size_t available_bytes; /* of all messages */
    size_t message_bytes;   /* left of the oldest */
    uint32_t messages;
};
struct rpc_pipe_peek rpc_pipe_peek(const struct rpc_pipe *p);

/* Bytes that can be read, all messages together. */
size_t rpc_pipe_available(const struct rpc_pipe *p);
