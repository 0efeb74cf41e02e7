/* SPDX-License-Identifier: Apache-2.0 */
/* The users file, as text: reading and writing the file itself is the caller's work.
 *
 *     # comment
 *     !next-rid:1002
 *     alice:1000:0cb6948805f797bf2a82807973b89537:
 *     bob:1001:8846f7eaee8fb117ad06bdd830b7586c:disabled
 *
 * The next-rid line is the high-water mark: a rid is never given twice, even after its user was
 * removed. Not locked: the owner publishes a finished table to readers, or locks. */
#pragma once

#include "auth/auth.h"

#define USERS_RID_FIRST 1000       /* as [MS-SAMR] 3.1.1.9.2 numbers accounts */
#define USERS_RID_MAX 0x3FFFFFFFu  /* likewise */
#define USERS_COUNT_MAX 65536      /* a text file is the wrong place for more */
#define USERS_LINE_MAX 1024        /* bytes without the line end */
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
/* Borrowed until the table changes; NULL: none. Case is ignored. */
const struct auth_user *users_find(const struct users *u, const char *name);
size_t users_count(const struct users *u);
/* i < users_count; in order of rid. Borrowed until the table changes. */
const struct auth_user *users_at(const struct users *u, size_t i);
/* Give each user the version it had before, or a new one (++*next) where it is new or differs. */
void users_versions_take(struct users *u, const struct users *before, uint64_t *next);
/* Well-formed UTF-8 of 1..USERS_NAME_MAX bytes, without control characters, without the characters
 * that no Windows account name may have ("/\[]:;|=,+*?<>@), not starting with '#' or '!', not
 * starting or ending with a blank. */
bool users_is_name(const char *name);
/* Add, or change hash and flags of an existing user (its rid stays).
 * Errors: OBJECT_NAME_INVALID, INSUFFICIENT_RESOURCES (too many users or rids), NO_MEMORY. */
NODISCARD smbkit_status users_set(struct users *u, const char *name, const uint8_t nt_hash[16],
                                  bool disabled);
/* false: there was none. */
bool users_remove(struct users *u, const char *name);
/* MD4 of the UTF-16LE password. [MS-NLMP] 3.3.1 NTOWFv1
 * Errors: INVALID_PARAMETER (not UTF-8, or too long), NO_MEMORY (also when MD4 is forbidden). */
NODISCARD smbkit_status users_nt_hash_from_password(const char *password_utf8, uint8_t out[16]);
