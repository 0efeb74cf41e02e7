/* SPDX-License-Identifier: Apache-2.0 */
/* Directory leases: who caches a listing hears of what changes in it. [MS-SMB2] 3.3.1.4, [MS-FSA]
 * 2.1.4.12 with PARENT_OBJECT. Told after the change: what is listed from then on has it. Nobody is
 * waited for. Each is called without a lock, and costs next to nothing while nobody has one. */
#pragma once

#include "vfs/core.h"

/* By whom the change was made: what he caches himself stays. */
struct dirlease_cause {
    const uint8_t *parent; /* the key of the directory's lease that he named, whichever client's;
                              NULL: none */
    uint64_t client;       /* of a plugin's report; 0: nobody's */
};

/* An entry came, went, or is listed with other data: path is its own, within the volume. */
void dirlease_changed(struct vfs_volume *v, const char *path, const struct dirlease_cause *by);
/* The same, through an open: of whatever it may be named. */
void dirlease_changed_by(struct vfs_open *o, const char *path);
/* The file of the open is listed with other data, from now on. */
void dirlease_modified(struct vfs_open *o);
/* Data were written through the open: it is listed with them when this open ends, as on Windows. */
void dirlease_note(struct vfs_open *o);
/* ... which it does, unless its entry goes. */
void dirlease_close(struct vfs_open *o, bool deletes);
