/* SPDX-License-Identifier: Apache-2.0 */
/* What the server itself changes, so that watchers do not take it for another's. */
#pragma once

#include <stdint.h>

struct dirfs_volume;
struct dirfs_file;

/* A change of the server's own that is under way; the caller's. */
struct dirfs_own_turn {
    struct dirfs_own_turn *next, **prev;
    uint64_t dev, ino;
};

/* The server is about to make a name (host path), to take one away, or to change what it leads to;
 * and does not after all. */
#define DIRFS_OWN_ADDED 1u
#define DIRFS_OWN_REMOVED 2u
#define DIRFS_OWN_CHANGE 3u
void dirfs_own(const struct dirfs_volume *vol, const char *path, unsigned kind);
void dirfs_own_not(const struct dirfs_volume *vol, const char *path, unsigned kind);
/* The server changes what has no time of its own, or has just now. Costs nothing where nothing is
 * watched. */
void dirfs_own_change(const struct dirfs_volume *vol, struct dirfs_file *file);
/* ... which was the time of the last write. */
void dirfs_own_time(const struct dirfs_volume *vol, struct dirfs_file *file);
/* It changes data from the one to the other: meanwhile that time tells nothing about others. */
void dirfs_own_begin(const struct dirfs_volume *vol, struct dirfs_file *file,
                     struct dirfs_own_turn *turn);
void dirfs_own_end(const struct dirfs_volume *vol, struct dirfs_file *file,
                   struct dirfs_own_turn *turn);
