/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of smbkit.conf(5) that tell who may do what: lists of users, groups and addresses. For
 * the table in config_keys.c. */
#pragma once

#include "server/config.h"

typedef bool config_set_fn(struct config *c, struct config_share *s, const char *value,
                           char err[256]);
config_set_fn config_set_admin_users, config_set_group, config_set_valid_users,
    config_set_invalid_users, config_set_read_list, config_set_write_list, config_set_hosts_allow,
    config_set_hosts_deny;
/* Is it one of these? Then lines of it add up. */
bool config_is_list(config_set_fn *set);
