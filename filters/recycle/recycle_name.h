/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files: those that are not kept, what a user's folder and the copies of a name are
 * called.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <smbkit/types.h>

#define RECYCLE_NAME_MAX 255  /* bytes of UTF-8 of one name: as many as any file system takes */
#define RECYCLE_USER_SIZE 128 /* of a user's folder, with the end */

/* Is name one of list, "/one/two/" with '*' and '?' in them, whatever the case of a to z? NULL: no.
 */
bool recycle_is_listed(const char *list, const char *name);

/* Names between single slashes, none of them dots, and in none what no name may have; the first is
 * not a user's. */
bool recycle_is_path(const char *path);

/* A name for a folder: what no name may have, or end with, becomes '+', which no user's name has.
 * who: NULL allowed. */
void recycle_user_name(const struct smbkit_identity *who, char out[RECYCLE_USER_SIZE]);

/* "Copy #number of NAME", beside to; NAME is the last component of to. A longer one than names may
 * be loses the end of its stem: whole characters, and no extension of up to 32 bytes. to: UTF-8.
 * false: size is too small. */
bool recycle_copy_name(const char *to, int number, char *out, size_t size);
