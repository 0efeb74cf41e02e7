/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a store as clients see them, for plugins that read what was made elsewhere. */
#pragma once

#include <stddef.h>

#define SHOWN_UNITS_MAX 255u                   /* UTF-16 units of a name in SMB */
#define SHOWN_ROOM (3u * SHOWN_UNITS_MAX + 1u) /* bytes of such a name with its end */

/* One component of len bytes, in whatever encoding, as clients see it, terminated; its bytes, or 0:
 * it is empty or too long. What SMB cannot have stands in the private use area, by the table of
 * smbkit-dir-plugin(1), a slash as U+F02F; bytes that are no UTF-8 stand as U+DC80-DCFF.
 * Two names may come out as one. Thread: any. */
size_t shown_name(const char *name, size_t len, char out[SHOWN_ROOM]);
/* Is all of it well-formed UTF-8? */
int shown_is_utf8(const char *name, size_t len);
/* The other way: the bytes that a name stands for, terminated; their count. out has room for len
 * and one more. What a store spells with such characters itself it does not find. */
size_t shown_original(const char *shown, size_t len, char *out);
