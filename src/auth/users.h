/* SPDX-License-Identifier: Apache-2.0 */
/* The users file, as text: reading and writing the file itself is the caller's work.
 *
 *     # comment
 *     !identity:6f1d...           32 hexadecimal digits
 *     alice:602894114:0cb6948805f797bf2a82807973b89537:
 *     bob:1001:8846f7eaee8fb117ad06bdd830b7586c:disabled:staff,office
 *
 * The last field, which may be left out, names the groups that a user is in; a group is there by
 * being named.
 *
 * A user's SID is made of the file's identity and the user's rid, and so is the same wherever the
 * file is used. The rid of a new user comes from the name alone: the same in whatever order users
 * are added, and again after one was removed. Not locked: the owner publishes a finished table to
 * readers, or locks. */
#pragma once

#include "auth/auth.h"
#include "base/names.h"

#define USERS_RID_FIRST 1000         /* as [MS-SAMR] 3.1.1.9.2 numbers accounts */
#define USERS_RID_MAX 0x3FFFFFFFu    /* likewise */
#define USERS_RID_NAMED 0x10000000u  /* the first that names give; those below are given by hand */
#define USERS_RID_GROUPS 0x40000000u /* the first of groups: no user has their rids */
#define USERS_RID_GROUPS_MAX 0x4FFFFFFFu
#define USERS_GROUPS_MAX 32 /* that one user is in */
#define USERS_IDENTITY_LEN 16
#define USERS_COUNT_MAX 65536      /* a text file is the wrong place for more */
#define USERS_LINE_MAX 4096        /* bytes without the line end */
#define USERS_TEXT_MAX (16u << 20) /* bytes */
#define USERS_NAME_MAX 64          /* bytes of UTF-8 */
#define USERS_PASSWORD_MAX 256     /* UTF-16 units, as Windows allows */

struct users;

NODISCARD struct users *users_new(void);
void users_free(struct users *u); /* wipes the hashes; NULL allowed */
CLEANUP_DEFINE(users_free, struct users *)

/* text: UTF-8, lines ended by LF or CRLF. *out: owned, NULL on failure.
 * false: err holds one line, "line 3: ..." or "out of memory". */
NODISCARD bool users_parse(const char *text, size_t len, struct users **out, char *err,
                           size_t err_size);
/* The canonical text, owned and terminated; wipe it before mem_free. NULL without memory. Comments
 * are not kept. */
NODISCARD char *users_format(const struct users *u, size_t *len_r);
/* Random bytes that tell this set of users from all others; NULL: none were ever given. Borrowed.
 */
const uint8_t *users_identity_get(const struct users *u);
void users_identity_set(struct users *u, const uint8_t identity[USERS_IDENTITY_LEN]);
/* The rid that a name gives, in whatever case it is written. The same for ever. */
uint32_t users_rid_of_name(const char *name);
/* The same of a group. */
uint32_t users_rid_of_group(const char *name);
/* Borrowed until the table changes; NULL: none. Case is ignored. */
const struct auth_user *users_find(const struct users *u, const char *name);
/* Likewise by rid. */
const struct auth_user *users_find_rid(const struct users *u, uint32_t rid);
size_t users_count(const struct users *u);
/* i < users_count; in order of rid. Borrowed until the table changes. */
const struct auth_user *users_at(const struct users *u, size_t i);
/* Give each user the version it had before, or a new one (++*next) where it is new or differs. */
void users_versions_take(struct users *u, const struct users *before, uint64_t *next);
/* Well-formed UTF-8 of 1..USERS_NAME_MAX bytes, without control characters, without the characters
 * that no Windows account name may have ("/\[]:;|=,+*?<>@), not starting with '#' or '!', not
 * starting or ending with a blank. */
bool users_is_name(const char *name);
/* The same in the words of a message. */
#define USERS_NAME_RULE "1 to 64 bytes, none of \"/\\[]:;|=,+*?<>@"

/* Add, or change hash and flags of an existing user (its rid stays).
 * Errors: OBJECT_NAME_INVALID, OBJECT_NAME_COLLISION (another user has the rid of the name),
 * INSUFFICIENT_RESOURCES (too many users), NO_MEMORY. */
NODISCARD smbkit_status users_set(struct users *u, const char *name, const uint8_t nt_hash[16],
                                  bool disabled);
/* The groups that the user is in; NULL: there is no such user. Borrowed until the table changes. */
const struct names *users_groups_get(const struct users *u, const char *name);
/* He is in exactly these from now on. Errors: OBJECT_NAME_NOT_FOUND (no such user),
 * OBJECT_NAME_INVALID (as for users), INSUFFICIENT_RESOURCES (too many), NO_MEMORY. */
NODISCARD smbkit_status users_groups_set(struct users *u, const char *name,
                                         const struct names *groups);
/* A group of the table by rid, as it was spelled first; NULL: none. */
const char *users_group_find_rid(const struct users *u, uint32_t rid);
/* false: there was none. */
bool users_remove(struct users *u, const char *name);
/* MD4 of the UTF-16LE password. [MS-NLMP] 3.3.1 NTOWFv1
 * Errors: INVALID_PARAMETER (not UTF-8, or too long), NO_MEMORY (also when MD4 is forbidden). */
NODISCARD smbkit_status users_nt_hash_from_password(const char *password_utf8, uint8_t out[16]);
