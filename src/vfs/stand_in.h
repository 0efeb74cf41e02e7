/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of the private use area that stand for what a name must not have. Clients use two
 * tables: that of Services for Macintosh (Linux unless told otherwise, macOS) and that of Services
 * for UNIX (Cygwin, Linux with mapchars); and a dot or blank at the end may come as it is. So that
 * one name has one spelling, each is brought into the first table, where it must stand for
 * something, and written plainly where it need not. Pure. */
#pragma once

#include "base/base.h"

/* Bytes that stand_in_settle may add for each component. */
#define STAND_IN_MORE 2u
/* The one spelling of a component of len bytes at s to out; returns its length, at most len +
 * STAND_IN_MORE. What must not be in a name stays, if it stands there plainly. */
size_t stand_in_settle(const char *s, size_t len, char *out);
/* What it stands for, with the terminator, to out, which has room for as many bytes as s has.
 * False: nothing stands in for anything there. */
bool stand_in_plain(const char *s, char *out);
