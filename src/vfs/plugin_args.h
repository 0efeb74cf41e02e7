/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of plugins and filters: what smbkit_args_take and smbkit_arg_take of
 * smbkit/plugin.h do. Pure; any thread. */
#pragma once

#include <smbkit/plugin.h>

/* As in struct smbkit_host_table. param_size: bytes of a row as the plugin was built. */
smbkit_status plugin_args_take(const struct smbkit_volume_args *args,
                               const struct smbkit_param *params, uint32_t param_size,
                               void *values);
int32_t plugin_arg_take(const struct smbkit_volume_args *args, uint32_t index,
                        const struct smbkit_param *params, uint32_t param_size, void *values);
