/* SPDX-License-Identifier: Apache-2.0 */
/* The server's body, for server.c, server_listen.c and server_run.c. */
#pragma once

#include "os/os.h"
#include "server/admin.h"
#include "server/conn_glue.h"
#include "server/control.h"
#include "server/lend.h"
#include "server/plugins.h"
#include "server/server.h"
#include "server/shares.h"

/* Descriptors that are asked of the system: connections, open files, and some to spare. */
#define SERVER_DESCRIPTORS_WANTED (1u << 20)
/* Of those that it has, connections may use up half, and this part is for everything else:
 * accepting, the control socket, what a call opens for a moment, shares. What is left is for open
 * files. */
#define SERVER_DESCRIPTORS_SPARE_PART 8u
#define SERVER_DESCRIPTORS_SPARE_MAX 1024u
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
    struct config *config; /* immutable after server_start; a reload has its own */
    struct logging *logging;
    struct users_store *users;
    struct plugins *plugins;
    struct shares *shares; /* the main thread's */
    struct smb_server *smb;
    struct workers *workers;
    struct lend *lend;
    struct admin admin;
    struct net_limits *limits;
    struct control *control;
    struct server_loop loops[SERVER_LOOPS_MAX]; /* immutable after server_start */
    unsigned loop_count;
    struct listener *listeners[CONFIG_LISTEN_MAX]; /* immutable after server_start */
    struct net_addr addrs[CONFIG_LISTEN_MAX];      /* immutable after server_start */
    unsigned listener_count;
    uint64_t started_at;
    atomic_uint_fast64_t next_conn_id;
};

/* What smb is told of a configuration. */
void server_smb_config(struct server *s, const struct config *c, struct smb_config *out);
/* Bind what the configuration says; false: told. */
NODISCARD bool server_listen(struct server *s, struct problems *problems);
/* Plugins are called no more by what was lent to them; then loops end, having run what was posted.
 * May be repeated. */
void server_loops_stop(struct server *s);
/* No new connections any more. */
void server_listeners_close(struct server *s);
