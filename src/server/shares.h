/* SPDX-License-Identifier: Apache-2.0 */
/* The shares as they run: volumes made from the configuration, and what a reload changes. One
 * thread at a time. */
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
 * Returns how many shares there are. */
size_t shares_apply(struct shares *s, const struct config *c, struct problems *problems);
/* Does the share refuse every change, because it was told to or because its plugin cannot? */
bool shares_is_read_only(const struct shares *s, const char *name);

/* ---- for smbkit check ---- */

#define SHARES_ERR_SIZE 512
/* Open and close the volume of a share. False: why it cannot be. */
NODISCARD bool shares_try(struct plugins *plugins, const struct config_share *s,
                          char err[SHARES_ERR_SIZE]);
/* One sentence about a share, with file and line where it comes from a file. */
void shares_problem(struct problems *problems, const struct config *c, const struct config_share *s,
                    unsigned line, const char *text);
/* Only open and close the volumes, and tell of each layer what is wrong: shares_check.c. */
void shares_check(struct plugins *plugins, const struct config *c, struct problems *problems);
