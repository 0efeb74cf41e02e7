/* SPDX-License-Identifier: Apache-2.0 */
/* 8.3 names of files whose own name is none. [MS-FSCC] 2.1.5.2.1
 *
 * They are computed from the long name and stored nowhere: the first character of it, six digits of
 * a hash of it without regard to case ("M7F2Q0~K.TXT"), and the beginning of its extension. So a
 * name has the same short one in every directory, at any time and on any server. Two names of a
 * directory that come to the same short one (one pair among some 60,000 names of like beginning)
 * are told apart by their long ones only. All pure; any thread. */
#pragma once

#include "base/base.h"

#define SHORT_NAME_MAX 12u /* bytes, all of them ASCII */

/* Is the component an 8.3 name itself? Then it has no other. Letters may be small. */
bool short_name_is(const char *leaf);
/* The short name of a component, terminated. false: it is one itself. */
NODISCARD bool short_name_make(const char *leaf, char out[SHORT_NAME_MAX + 1]);
/* Could short_name_make have made it, in whatever letters? */
bool short_name_may_be(const char *leaf);
/* May one of the components be? */
bool short_name_may_be_in(const char *path);
