/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program smbkit, and what they share. */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "server/config.h"

/* Exit codes, as smbkit(1) documents them. */
#define EXIT_OK 0
#define EXIT_FAILED 1 /* what was asked for could not be done */
#define EXIT_USAGE 2  /* the command line or the configuration is wrong */
#define EXIT_CUT 3    /* a server ended before every request was finished */

struct cmd {
    const char *name;
    const char *synopsis;             /* what follows the name */
    const char *help;                 /* one line */
    int (*fn)(int argc, char **argv); /* argv[0] is the command's name */
};
/* In the manual's order; NULL at the end. */
const struct cmd *cmd_at(size_t i);
const struct cmd *cmd_find(const char *name);

int cmd_serve(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_control(int argc, char **argv);
int cmd_share(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_new(int argc, char **argv);
int cmd_test_plugin(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* A line on standard output. Here and in all that follows, characters that would end the line or
 * steer the terminal are question marks, as in the log. */
void cmd_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Each line of a text, however long. */
void cmd_lines(const char *text);
/* "smbkit: ..." on stderr. */
void cmd_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The same of a text of lines, "smbkit: " before the first. */
void cmd_error_lines(const char *text);
/* The answer of the server whose control socket is at path to a line; owned. NULL: told. */
NODISCARD char *cmd_ask(const char *path, const char *line, unsigned timeout_ms);
/* As cmd_error, with where help is to be had; returns EXIT_USAGE. */
int cmd_usage(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* There is no such command: the one that may be meant is named. Returns EXIT_USAGE. */
int cmd_unknown(const char *name);
/* Every problem on a line of its own, with the file and its line, or as the program's own word.
 * file: NULL is none. */
void cmd_problems(struct problems *p, const char *file);

#define CMD_PASSWORD_SIZE 1024 /* bytes of UTF-8, terminated */
/* A password: the first line of file ("-": of standard input), or asked for on the terminal, twice
 * when confirm. Without a terminal the first line of standard input. False: told. The caller wipes
 * buf. */
NODISCARD bool cmd_password(const char *file, const char *user, bool confirm,
                            char buf[CMD_PASSWORD_SIZE]);
/* Where the users are when nothing says so: /etc/smbkit/users for root, else smbkit/users below
 * $XDG_CONFIG_HOME or ~/.config. Owned. make_folder: make the folder that it lies in. NULL without
 * memory. */
NODISCARD char *cmd_users_path(bool make_folder);
struct users_store;
struct server;
struct logging;
/* The begin of a server, and what asks it to stop: the first of the two is heeded. Zeroed is begun
 * with. Any thread. */
struct cmd_begin {
    atomic_int is;
};
void cmd_begin_done(struct cmd_begin *b);
/* Asked to stop. false: it has begun, and hears of it by os_signal_wait. */
NODISCARD bool cmd_begin_stop(struct cmd_begin *b);
/* server_new(), during which plugins open volumes: one that does not come to an end does not keep
 * the program from being stopped. After os_signals_hold(). */
NODISCARD struct server *cmd_server_new(struct config **config, struct users_store **users,
                                        struct logging *logging, struct problems *problems);
/* The users that the configuration names, or those of the default place if there is a file. NULL:
 * told. */
NODISCARD struct users_store *cmd_users_open(const struct config *c, struct problems *problems);

/* ---- connect_text.c: how to reach what is served ---- */

struct connect_info {
    const char *address; /* numeric */
    uint16_t port;
    const char *user;     /* NULL: guests only */
    const char *password; /* NULL: not to be shown */
    const char *share;    /* the one in the examples */
};
/* Commands for Windows, macOS and Linux, ready to paste. */
void connect_text(struct wr *w, const struct connect_info *info);
/* smb://USER:PASSWORD@ADDRESS:PORT/SHARE, without the password if it is not to be shown, and
 * without the port if it is SMB's own. */
void connect_uri(struct wr *w, const struct connect_info *info);
/* Take the sockets that who started the process listens on for it (sd_listen_fds(3)) into c. False:
 * told. */
NODISCARD bool cmd_take_sockets(struct config *c);
/* A pronounceable random password: five groups of four letters, 63 bits. size >= 25. */
void connect_password(char *buf, size_t size);
