/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of smbkit.conf(5) that a share has. For the table in config_keys.c. */
#pragma once

#include "server/config_who.h"

config_set_fn config_set_path, config_set_plugin, config_set_comment, config_set_read_only,
    config_set_writeable, config_set_guest_ok, config_set_plugin_admin, config_set_browseable,
    config_set_share_encrypt, config_set_new_files, config_set_filter, config_set_streams,
    config_set_veto_files, config_set_hide_files, config_set_hide_dot_files,
    config_set_hide_unreadable, config_set_late_times, config_set_change_notify,
    config_set_acl_canonical, config_set_mangled_names, config_set_msdfs_root,
    config_set_create_mask, config_set_directory_mask, config_set_force_create_mode,
    config_set_force_directory_mode, config_set_inherit_permissions, config_set_force_user,
    config_set_force_group;

/* off, desired or required: enum smb_encryption. */
bool config_choose_encryption(const char *value, int *out, char err[256]);
