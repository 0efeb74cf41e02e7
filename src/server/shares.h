/* SPDX-License-Identifier: Apache-2.0 */
/* The shares as they run: volumes made from the configuration, what a reload changes and what a
 * command does. Any thread, but for shares_new and shares_free. */
#pragma once

#include "server/config.h"
#include "server/lend.h"
#include "server/plugins.h"

struct shares;

/* All is borrowed and must outlive it, and its volumes. */
struct shares_spec {
    struct smb_server *smb;
    struct plugins *plugins;
    struct lend *lend;                /* NULL: nothing is lent */
    const struct smbkit_admin *admin; /* for plugins to which it is granted */
};
/* NULL without memory. */
NODISCARD struct shares *shares_new(const struct shares_spec *spec);
/* Gives up the volumes; the server's own references stay. NULL allowed. */
void shares_free(struct shares *s);
/* Make the server's shares those of c: new ones appear, changed ones are replaced, others go and
 * lose their clients. A share whose plugin, arguments, filters and read-only are as before keeps
 * its volume. One that cannot be opened is a problem; if it was there before it stays as it was.
 * What was added by a command stays, if no share of c has its name. smb_server_enforce is due.
 * Returns how many shares there are. */
size_t shares_apply(struct shares *s, const struct config *c, struct problems *problems);
/* Does the share refuse every change, because it was told to or because its plugin cannot? */
bool shares_is_read_only(struct shares *s, const char *name);

#define SHARES_ERR_SIZE 512

/* ---- one share of a running server, by command or by its program ---- */

/* What becomes of files that clients have open in it. */
enum shares_handles {
    SHARES_CLOSE,  /* they are closed, and its tree connects end */
    SHARES_MOVE,   /* those whose path is there in the new volume go on in it, others are closed */
    SHARES_REFUSE, /* as MOVE if all can go; else, and where it is removed, nothing is changed */
};
struct shares_change {
    const struct config *config; /* of its shares, the first */
    bool replaces;               /* it must be there; else it must not */
    enum shares_handles handles;
    struct smb_moved moved; /* out: of a volume that was replaced */
};
/* Until a configuration with a share of that name is read, or for good. With the same plugin,
 * arguments and filters as before only its settings change, for those who are connected too. False:
 * nothing has changed, and why. */
NODISCARD bool shares_change(struct shares *s, struct shares_change *how,
                             char err[SHARES_ERR_SIZE]);
/* Until a configuration with it is read. handles: not MOVE. */
NODISCARD bool shares_remove(struct shares *s, const char *name, enum shares_handles handles,
                             char err[SHARES_ERR_SIZE]);
struct shares_info {
    const char *name;
    struct vfs_volume *volume; /* borrowed */
    size_t opens;
    bool by_command;
};
/* fn under a lock: it calls nothing of shares. */
void shares_each(struct shares *s, void (*fn)(void *arg, const struct shares_info *i), void *arg);

/* ---- for smbkit check ---- */

/* Open and close the volume of a share. False: why it cannot be. */
NODISCARD bool shares_try(struct plugins *plugins, const struct config_share *s,
                          char err[SHARES_ERR_SIZE]);
/* One sentence about a share, with file and line where it comes from a file. */
void shares_problem(struct problems *problems, const struct config *c, const struct config_share *s,
                    unsigned line, const char *text);
/* Only open and close the volumes, and tell of each layer what is wrong: shares_check.c. */
void shares_check(struct plugins *plugins, const struct config *c, struct problems *problems);
