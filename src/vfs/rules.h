/* SPDX-License-Identifier: Apache-2.0 */
/* What a share's settings keep from its clients, or show them otherwise than the plugin tells it:
 * names that are as if they were not there ("veto files"), and names that have the hidden attribute
 * ("hide files", "hide dot files"). */
#pragma once

#include "vfs/core.h"

/* texts: as struct vfs_volume_spec has them. Errors: NO_MEMORY, INVALID_PARAMETER (more than
 * RULES_PATTERNS_MAX). Needs rules_fini in any case. */
NODISCARD smbkit_status rules_init(struct rules *r, const char *veto_files, const char *hide_files);
void rules_fini(struct rules *r);

/* Is there no such name for clients? One component. */
bool rules_veto_name(const struct vfs_volume *v, const char *name);
/* OBJECT_NAME_NOT_FOUND or OBJECT_PATH_NOT_FOUND if there is no such path for clients: its last
 * component, or one before. A stream's name behind it does not matter. */
NODISCARD smbkit_status rules_check_path(const struct vfs_volume *v, const char *path);

/* The attributes of the file of that name as clients are to see them. Only in answers: what the
 * core decides by is the file's own. */
void rules_dress(const struct vfs_volume *v, const char *name, struct smbkit_attr *a);
void rules_dress_open(struct vfs_open *o, struct smbkit_attr *a);
