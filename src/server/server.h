/* SPDX-License-Identifier: Apache-2.0 */
/* The running server: loops, listeners, shares, users and the control socket around one smb_server.
 */
#pragma once

#include "server/config.h"
#include "server/logging.h"
#include "server/users_store.h"

struct server;

/* How long running requests may take when the server is asked to stop. */
#define SERVER_DRAIN_MS 10000
/* How long connections have to be gone after they were cut off. */
#define SERVER_ABORT_MS 3000

/* Takes config and users, also on failure. logging is borrowed, may be NULL. Opens the shares.
 * NULL: every problem is told. */
NODISCARD struct server *server_new(struct config **config, struct users_store **users,
                                    struct logging *logging, struct problems *problems);
/* Listen, as the configuration says, and begin to serve. False: every problem is told, with what to
 * do about it. */
NODISCARD bool server_start(struct server *s, struct problems *problems);
/* Could it listen so? Nobody is listened to: that an address is in use is a note. */
void server_listen_check(const struct config *c, struct problems *problems, struct problems *notes);
/* Can "durable handles file" be read and written, and is what is there smbkit's own? Nothing is
 * changed. That what is there is not to be trusted, and so not read, is a note. */
void server_durable_check(const struct config *c, const struct users_store *users,
                          struct problems *problems, struct problems *notes);
/* What is not wrong but hardly meant (config_notes), of the host as well. */
void server_notes(const struct config *c, struct users_store *users, struct problems *notes);
void server_notes_log(const struct config *c, struct users_store *users);
/* Open the control socket; false: a line in err. */
NODISCARD bool server_control_start(struct server *s, const char *path, char err[256]);
/* What ends the server besides signals. */
struct server_end {
    bool (*is_there)(void *arg); /* asked now and then, and at the end of each child */
    /* A first signal to stop: true: is_there will soon be true, go on until then. */
    bool (*is_near)(void *arg);
    void (*at_once)(void *arg); /* the process ends now, whatever goes on */
    void *arg;
};
/* Serve until a signal asks to stop; on SIGHUP read the users and file (NULL: there is none) anew,
 * on a thread of its own and without dropping clients: problems are logged, and then nothing but
 * what is well changes. Or until end says so (NULL: nothing does). Returns when all is closed;
 * true: in good order. A second signal ends the process at once. */
bool server_run(struct server *s, const char *file, const struct server_end *end);
/* What server_run does at the end, for who does not run it. False: a plugin does not come back, and
 * nothing may be freed. */
NODISCARD bool server_stop(struct server *s);
/* Of a server whose loop is its program's: see loop_turn, loop_descriptor. */
int server_turn(struct server *s);
int64_t server_descriptor(const struct server *s);
/* Only before server_start, or after server_run or server_stop. NULL allowed. */
void server_free(struct server *s);

/* ---- for the control socket (any thread) ---- */
const struct config *
server_config_get(const struct server *s); /* what does not change with a reload */
struct smb_server *server_smb_get(const struct server *s);
struct shares;
struct shares *server_shares_get(const struct server *s);
uint64_t server_started_at(const struct server *s);         /* FILETIME */
struct logging *server_logging_get(const struct server *s); /* may be NULL */
unsigned server_connection_count(const struct server *s);
/* After server_new; the main thread. */
bool server_share_is_read_only(const struct server *s, const char *name);
/* The i-th listener's address; NULL at the end. */
const struct net_addr *server_listen_addr_get(const struct server *s, unsigned i);
