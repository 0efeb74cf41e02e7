/* SPDX-License-Identifier: Apache-2.0 */
/* Access checks against security descriptors, for volumes that keep some and for those that do not.
 * [MS-FSA] 2.1.5.1.2.1 */
#pragma once

#include "vfs/core.h"

/* What changes a file or its metadata: refused on a read-only volume. */
#define ACCESS_WRITES                                                                              \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_EA | SMBKIT_DELETE_CHILD |              \
     SMBKIT_WRITE_ATTRIBUTES | SMBKIT_DELETE | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER)

/* The descriptor of an open file, or the one the core makes for it: everybody whom the share admits
 * may do everything, and with what is made below it too, unless the volume says otherwise (files
 * are private: a directory then neither hands down nor gives DELETE_CHILD, nor lets anybody but its
 * owner, an administrator, change that). out needs sd_fini on success. */
NODISCARD smbkit_status access_sd_load(const struct vfs_call *call, const struct door_file *f,
                                       bool is_directory, struct secdesc *out);
/* The same to be shown, or changed by a part: with the owner that the store knows where it keeps
 * none, and that makes no difference to anybody's rights. */
NODISCARD smbkit_status access_sd_load_shown(const struct vfs_call *call, const struct door_file *f,
                                             bool is_directory, struct secdesc *out);
struct access_query {
    /* Of the file: its parent may lend DELETE and READ_ATTRIBUTES. "": nothing is lent; of the root
     * and in snapshots. */
    const char *path;
    bool is_directory;
    uint32_t desired; /* mapped; MAXIMUM_ALLOWED heeded */
    uint32_t cap;     /* never more than this; with MAXIMUM_ALLOWED it only limits */
    bool want_max;
    uint32_t granted; /* out */
    uint32_t max;     /* out, with want_max */
};
/* May the caller have that on the file? ACCESS_DENIED, PRIVILEGE_NOT_HELD, and whatever the plugin
 * says. */
NODISCARD smbkit_status access_check(const struct vfs_call *call, const struct door_file *f,
                                     struct access_query *q);
/* A directory in which a name may be made. */
struct access_parent {
    struct smbkit_attr attr;
    struct secdesc sd; /* to be given to sd_fini on success; empty where the volume keeps none */
};
/* May the caller add a file (a directory) to the directory at that path? OBJECT_PATH_NOT_FOUND:
 * there is none; DELETE_PENDING: it is going away; ACCESS_DENIED. */
NODISCARD smbkit_status access_check_parent(const struct vfs_call *call, struct vfs_volume *v,
                                            const char *parent, bool adds_directory,
                                            struct access_parent *out);
/* The same for a name that is moved or linked there. Windows opens the directory for that, to add
 * to it, and shares READ and WRITE but not DELETE: SHARING_VIOLATION when somebody has it open for
 * DELETE, or does not share WRITE; and does not let go of it when it is but a handle that he
 * caches. [MS-FSA] 2.1.5.15.11 and 2.1.5.15.6 leave that open to their caller. */
NODISCARD smbkit_status access_check_destination(const struct vfs_call *call, struct vfs_volume *v,
                                                 const char *parent, bool adds_directory,
                                                 struct smbkit_attr *attr_r);
/* Would the caller get these rights on the file at that path, by its descriptor or its parent's? A
 * link is not followed. */
NODISCARD smbkit_status access_check_path(const struct vfs_call *call, struct vfs_volume *v,
                                          const char *path, uint32_t need);
/* Does a listing that leaves out what the caller may not read show that file? ACCESS_DENIED: no, or
 * it cannot be found out. NO_MEMORY, CANCELLED. Likewise. snapshot_time: 0 for the present. */
NODISCARD smbkit_status access_check_seen(const struct vfs_call *call, struct vfs_volume *v,
                                          const char *path, uint64_t snapshot_time);
