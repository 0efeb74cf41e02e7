/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of directory queries: '*' and '?', and the DOS kind that Windows clients make of them:
 * '<' (DOS_STAR), '>' (DOS_QM), '"' (DOS_DOT). [MS-FSA] 2.1.4.4, [MS-FSCC] 2.1.4.4 */
#pragma once

#include "base/base.h"

#define WILDCARD_PATTERN_MAX                                                                       \
    1024 /* code points; a name has at most 255 units, so a longer one is nonsense */

/* A pattern made ready for many names: "*.*" and "" match everything, as "*"; one of more than
 * WILDCARD_PATTERN_MAX code points matches nothing. NULL: no memory. */
struct wildcard;
NODISCARD struct wildcard *wildcard_new(const char *pattern);
void wildcard_free(struct wildcard *w); /* NULL allowed */
CLEANUP_DEFINE(wildcard_free, struct wildcard *)
/* Does name (UTF-8, one component) match without regard to case? Pure. Cost: O(length of name),
 * times a word's work for each 64 elements of the pattern, whatever both are; no allocation. */
bool wildcard_matches(const struct wildcard *w, const char *name);
/* Has it any of * ? < > " (the pattern is not just a name)? */
bool wildcard_has_any(const char *pattern);
