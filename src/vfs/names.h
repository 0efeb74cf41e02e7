/* SPDX-License-Identifier: Apache-2.0 */
/* Names without regard to case on volumes whose plugin minds it, by way of an index of each
 * directory that was asked about; and short names (names_short.h), on all volumes. An index is good
 * as long as the directory's times are what they were when it was read, or when the core itself
 * changed the directory last. */
#pragma once

#include "vfs/core.h"

/* The path as the volume spells it. Owned *real_r on SUCCESS and, with the existing part spelled
 * right, on OBJECT_NAME_NOT_FOUND. *as_of_r: nodes->additions before it looked (NULL allowed).
 * Never asks whether the last component really is there: open it. OBJECT_PATH_NOT_FOUND, NO_MEMORY,
 * WOULD_BLOCK ... */
NODISCARD smbkit_status names_resolve(const struct vfs_call *call, struct vfs_volume *v,
                                      const char *path, char **real_r, uint64_t *as_of_r);
/* OBJECT_NAME_COLLISION: there is a name in the directory that differs from leaf by case only, or
 * not at all. By the index: what the core itself did there is known. free_as_of: what names_resolve
 * told when it found no such name, which need not be looked for again if the core has made none
 * since; or NAMES_NOT_SOUGHT. The caller has the claim of the name. */
#define NAMES_NOT_SOUGHT UINT64_MAX
NODISCARD smbkit_status names_check_free(const struct vfs_call *call, struct vfs_volume *v,
                                         const char *dir, const char *leaf, uint64_t free_as_of);
/* What the index said was wrong: read the directory of this path anew when it is asked next. */
void names_forget(struct vfs_volume *v, const char *path);

/* A change that the core makes itself. names_before notes whether the index of the path's directory
 * is good; names_after applies the change and, if it was, lets the index stay good. */
struct names_change {
    char *dir; /* owned; NULL: nothing to keep */
};
/* dir_attr: of the path's directory, if it was read just now; else NULL. */
void names_before(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                  const struct smbkit_attr *dir_attr, struct names_change *c);
enum names_what { NAMES_NOTHING, NAMES_ADDED, NAMES_REMOVED };
/* Ends c; nothing is left in it. */
void names_after(const struct vfs_call *call, struct vfs_volume *v, struct names_change *c,
                 enum names_what what, const char *path);
/* A directory is at another path now: what was known of it and below it is forgotten. */
void names_moved(struct vfs_volume *v, const char *old_path);
/* A plugin's report that is for the index alone (SMBKIT_EVENT_NAME_ONLY). */
void names_told(struct vfs_volume *v, const struct smbkit_event *event);
/* A plugin's report. */
void names_reported(struct vfs_volume *v, uint32_t change, const char *path);
