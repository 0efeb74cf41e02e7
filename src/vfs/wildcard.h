/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of directory queries: '*' and '?', and the DOS kind that Windows clients make of them:
 * '<' (DOS_STAR), '>' (DOS_QM), '"' (DOS_DOT). [MS-FSA] 2.1.4.4, [MS-FSCC] 2.1.4.4 */
#pragma once

#include "base/base.h"

#define WILDCARD_PATTERN_MAX                                                                       \
    1024 /* code points; a name has at most 255 units, so a longer one is nonsense */

/* Does name (UTF-8, one component) match without regard to case? "*.*" and "" match everything, as
 * "*". A pattern of more than WILDCARD_PATTERN_MAX code points matches nothing. Pure. Cost:
 * O(length of name * length of pattern), no allocation. */
bool wildcard_match(const char *pattern, const char *name);
/* Has it any of * ? < > " (the pattern is not just a name)? */
bool wildcard_has_any(const char *pattern);
