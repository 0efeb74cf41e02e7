/* SPDX-License-Identifier: Apache-2.0 */
/* The server's body, for server.c, server_listen.c and server_run.c. */
#pragma once

#include "os/os.h"
#include "server/admin.h"
#include "server/alarm.h"
#include "server/aside.h"
#include "server/conn_glue.h"
#include "server/control.h"
#include "server/lend.h"
#include "server/plugins.h"
#include "server/server.h"
#include "server/shares.h"

/* Connections that have not logged in yet; a client is one for some milliseconds. */
#define SERVER_GUESTS_MAX 256
#define SERVER_LOOPS_MAX 64 /* more cores than this are the file systems' and the kernel's */

struct server_loop {
    struct conn_home home;
    struct loop *loop;
    struct os_thread *thread;
    struct job drain_job;
    struct job abort_job;
    struct job close_job;
};

struct server {
    const struct server_end *end; /* the main thread's; NULL: none */
    struct config *config;        /* immutable after server_start; a reload has its own */
    struct logging *logging;
    struct users_store *users;
    struct plugins *plugins;
    struct shares *shares;
    struct smb_server *smb;
    struct workers *workers;
    struct lend *lend;
    struct alarm alarm; /* of smb */
    struct admin admin;
    struct net_limits *limits;
    struct control *control;
    struct aside reload;                        /* the main thread's */
    struct server_loop loops[SERVER_LOOPS_MAX]; /* immutable after server_start */
    unsigned loop_count;
    struct listener *listeners[CONFIG_LISTEN_MAX]; /* immutable after server_start */
    struct net_addr addrs[CONFIG_LISTEN_MAX];      /* immutable after server_start */
    unsigned listener_count;
    unsigned connections_max; /* immutable: what descriptors allow of the configuration's */
    unsigned leaving_max;     /* likewise, of connections that make room for others, beside them */
    uint32_t files_max;       /* likewise, of opens that take a descriptor */
    uint64_t started_at;
    atomic_uint_fast64_t next_conn_id;
};

/* What smb is told of a configuration. */
void server_smb_config(struct server *s, const struct config *c, struct smb_config *out);
/* Have the system's limit raised, and fill connections_max and files_max; false: told. Before
 * anything of the server is made. */
NODISCARD bool server_descriptors_plan(struct server *s, struct problems *problems);
/* Bind what the configuration says; false: told. */
NODISCARD bool server_listen(struct server *s, struct problems *problems);
/* Plugins are called no more by what was lent to them; then loops end, having run what was posted.
 * May be repeated. */
void server_loops_stop(struct server *s);
/* No new connections any more. */
void server_listeners_close(struct server *s);

/* server_durable.c: what clients that are away have open, from one run to the next ("durable
 * handles file"). Before anybody connects; and when nobody is connected any more. */
void server_durable_load(struct server *s);
void server_durable_save(struct server *s);
