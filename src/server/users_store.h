/* SPDX-License-Identifier: Apache-2.0 */
/* The users that log-ins are checked against: a file that is looked at again when it has changed,
 * and users that a command line gave. All functions: any thread. */
#pragma once

#include "auth/auth.h"
#include "auth/groups.h"
#include "auth/users.h"
#include "rpc/rpc.h"

struct users_store;

/* path: NULL: no file. NULL without memory. */
NODISCARD struct users_store *users_store_new(const char *path);
void users_store_free(struct users_store *s); /* NULL allowed */
/* Add a user that is not in the file. */
NODISCARD smbkit_status users_store_add(struct users_store *s, const char *name,
                                        const char *password);
/* Read the file now. False: err says what is wrong and what to do; the users known so far stay. So
 * they do when nothing is left in the file, which an editor may be writing. */
NODISCARD bool users_store_load(struct users_store *s, char *err, size_t err_size);
/* The callbacks of struct auth_config, with the store as argument. The lookup reads the file anew
 * when it has changed. */
bool users_store_lookup(void *store, const char *name, struct auth_user *out);
bool users_store_is_current(void *store, const char *name, uint64_t version);
/* Those of struct smb_config: as the users were last read. Names and rids are of users or groups.
 */
bool users_store_of_name(void *store, const char *name, struct rpc_user *out);
bool users_store_of_rid(void *store, uint32_t rid, struct rpc_user *out);
void users_store_each(void *store, bool (*fn)(void *fn_arg, const struct rpc_user *user),
                      void *fn_arg);
bool users_store_groups_of(void *store, const char *name, struct names *groups);
/* Is a user of the file in the group of this rid? */
bool users_store_has_group(struct users_store *s, uint32_t rid);
/* The groups of a configuration, besides those of the file; copied. False: no memory, and nothing
 * has changed. */
NODISCARD bool users_store_groups_set(struct users_store *s, const struct groups *groups);
/* Is there an enabled user of this name? */
bool users_store_has(struct users_store *s, const char *name);
/* The identity of the file; false: there is no file, or it has none. */
bool users_store_identity(struct users_store *s, uint8_t out[USERS_IDENTITY_LEN]);
size_t users_store_count(struct users_store *s);
const char *users_store_path(const struct users_store *s); /* of the file; NULL: there is none */

/* Read a users file: mode 0600 (or stricter), well-formed. An absent file is an error -ENOENT in
 * *errno_r; with no byte in it, -ENODATA beside an empty list. NULL: err says what is wrong and
 * what to do. */
NODISCARD struct users *users_file_read(const char *path, int *errno_r, char *err, size_t err_size);
/* Replace it, mode 0600. 0 or a negative errno. */
NODISCARD int users_file_write(const char *path, const struct users *u);
