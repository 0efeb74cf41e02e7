/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <smbkit/plugin.h>

/* What new files are to the host: dir_mode.c. */
#define DIRFS_NO_MODE UINT32_MAX
#define DIRFS_NOBODY UINT32_MAX /* as chown has it: it stays */
struct dirfs_modes {
    uint32_t file_mask, dir_mask; /* DIRFS_NO_MODE: the umask's */
    uint32_t file_force, dir_force;
    uint32_t uid, gid;
    uint32_t own_gid; /* the group of that user, where no folder's setgid bit has given one */
    uint32_t inherits;
};
/* The arguments. */
struct dirfs_mode_words {
    const char *create_mask, *directory_mask, *force_create_mode, *force_directory_mode;
    const char *force_user, *force_group;
    uint32_t inherits;
};
smbkit_status dirfs_modes_parse(struct dirfs_modes *m, const struct dirfs_mode_words *w,
                                const struct smbkit_volume_args *args);
/* What it is made with, and what it is to be then: 0 or -errno. */
uint32_t dirfs_mode_first(const struct dirfs_modes *m, bool is_dir);
struct dirfs_volume;
int dirfs_mode_settle(const struct dirfs_volume *vol, const char *host, int fd, bool is_dir);
