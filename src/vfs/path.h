/* SPDX-License-Identifier: Apache-2.0 */
/* Names: vfs_path_parse and vfs_path_fini (declared in vfs/vfs.h) and what is done with normalised
 * paths: UTF-8, '/' between components, relative, "" is the root. All pure; any thread. */
#pragma once

#include "base/base.h"

#define PATH_COMPONENT_UNITS_MAX                                                                   \
    255 /* UTF-16 units in a file or stream name, [MS-FSCC] 2.1.5.2                                \
         */
#define PATH_UNITS_MAX                                                                             \
    32760                  /* UTF-16 units in a whole name, [MS-FSCC] 2.1.5: fewer than 32,767     \
                            */
#define PATH_DEPTH_MAX 512 /* components; what walks up a path does at most so many steps */

/* Can clients name it, as one component? [MS-FSCC] 2.1.5.2 */
bool path_is_name(const char *s);
/* Can clients name a stream so? [MS-FSCC] 2.1.5.3 */
bool path_is_stream(const char *s);
/* Is it "", or names that clients can use with '/' between them? */
bool path_is_good(const char *path);
/* Owned: a component in its one spelling (stand_in.h). NULL: no memory. */
NODISCARD char *path_settle_name(const char *name);
/* The last component, borrowed from path; "" of the root. */
const char *path_leaf(const char *path);
/* Bytes of the part before the last separator; 0 when the parent is the root (and for the root
 * itself). */
size_t path_parent_len(const char *path);
/* Owned; "" when the parent is the root. NULL: no memory. */
NODISCARD char *path_parent(const char *path);
/* dir + '/' + name, without the '/' when either is "". Owned; NULL: no memory. */
NODISCARD char *path_join(const char *dir, const char *name);
/* Is path a descendant (not ancestor itself)? The root is above everything else. Byte for byte. */
bool path_is_below(const char *ancestor, const char *path);
/* The same without regard to case. */
bool path_is_below_nocase(const char *ancestor, const char *path);
/* Equal without regard to case? a_len and b_len bytes. */
bool path_eq_nocase(const char *a, size_t a_len, const char *b, size_t b_len);
