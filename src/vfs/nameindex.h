/* SPDX-License-Identifier: Apache-2.0 */
/* Names of directories, found without regard to case: a bounded cache for volumes whose plugin
 * minds the case.
 *
 * A directory is there whole or not at all. It is built apart from the index (nameindex_begin,
 * _add: no lock needed, one thread) and put in at once (nameindex_commit); what the core creates,
 * removes and renames meanwhile is kept by the index and applied at commit. Everything but _add:
 * the caller holds the volume's names lock, and what _find and _get give is good until it is let
 * go. */
#pragma once

#include "base/base.h"

#define NAMEINDEX_NAMES_MAX 4000000u    /* default for max_names: about 150 MiB */
#define NAMEINDEX_ARENA_MAX 0x20000000u /* bytes of names in one directory */
#define NAMEINDEX_PENDING_MAX 4096u     /* changes during a build; more spoil it */

struct nameindex;
struct nameindex_dir;

/* max_names: over all directories; the least recently used go first. NULL: no memory. */
NODISCARD struct nameindex *nameindex_new(size_t max_names, uint64_t seed);
void nameindex_free(struct nameindex *ix); /* no build under way */

/* The directory, now the most recently used; NULL: not cached. key: its path, byte for byte. */
struct nameindex_dir *nameindex_get(struct nameindex *ix, const char *key);
/* What the caller validates with: whatever was given at commit or set since. */
uint64_t nameindex_stamp(const struct nameindex_dir *d);
void nameindex_stamp_set(struct nameindex_dir *d, uint64_t stamp);
/* How far that can be trusted; the caller's own. All zero at commit. */
struct nameindex_age {
    uint64_t file_id;  /* of the directory that was read: another may have its path by now */
    uint64_t built_us; /* when it was read, by the caller's clock */
    uint64_t cost_us;  /* how long that took */
    uint64_t since_us; /* when the stamp was seen first */
    bool is_sure;      /* any change from then on gives another stamp */
    uint64_t told;     /* smbkit_attr.names_told before it was read */
};
struct nameindex_age *nameindex_age(struct nameindex_dir *d);
size_t nameindex_count(const struct nameindex_dir *d);
/* The real spelling (borrowed) of name: the very same if it is there, else the first in byte order
 * of those that differ by case only; NULL: there is none. O(1). */
const char *nameindex_find(const struct nameindex_dir *d, const char *name);

/* Start to build. NULL: no memory. Ends with commit or abandon. */
NODISCARD struct nameindex_dir *nameindex_begin(struct nameindex *ix, const char *key);
/* false: no memory, or larger than the index may be; abandon then. A name twice counts once. */
NODISCARD bool nameindex_add(struct nameindex_dir *d, const char *name);
/* Put it in, in place of an older one. Consumes d. NULL: it was spoilt meanwhile (dropped, too many
 * changes, no memory). */
struct nameindex_dir *nameindex_commit(struct nameindex *ix, struct nameindex_dir *d,
                                       uint64_t stamp);
void nameindex_abandon(struct nameindex *ix, struct nameindex_dir *d);

/* A name came or went. Directories that are not cached are left alone; without memory the directory
 * is dropped. */
void nameindex_insert(struct nameindex *ix, const char *key, const char *name);
void nameindex_remove(struct nameindex *ix, const char *key, const char *name);
/* Forget one directory; with below, all under it as well. A build of it is spoilt. */
void nameindex_drop(struct nameindex *ix, const char *key, bool below);
/* For tests and statistics. */
size_t nameindex_total_names(const struct nameindex *ix);
size_t nameindex_total_bytes(const struct nameindex *ix);
