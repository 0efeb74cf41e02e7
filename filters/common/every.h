/* SPDX-License-Identifier: Apache-2.0 */
/* Filters that do the same with all operations: one function, every_call, which the includer
 * defines, and the members of its table.
 *
 *     static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
 *                                     void *args);
 *     SMBKIT_OPERATIONS(EVERY_DEFINE)
 *     static const struct smbkit_plugin filter = { ..., SMBKIT_OPERATIONS(EVERY_MEMBER)}; */
#pragma once

#include <smbkit/filter.h>

#define EVERY_FILE_VOLUME NULL
#define EVERY_FILE_FILE file
#define EVERY_DEFINE(kind, name, type)                                                             \
    static smbkit_status every_##name(void *volume, struct smbkit_op *op,                          \
                                      SMBKIT_FILE_PARAM_##kind type *a)                            \
    {                                                                                              \
        return every_call(volume, op, SMBKIT_OP_##name, EVERY_FILE_##kind, (void *)(uintptr_t)a);  \
    }
#define EVERY_MEMBER(kind, name, type) .name = every_##name,
