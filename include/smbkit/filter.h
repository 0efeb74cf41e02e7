/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: a layer between the core and a plugin (or another filter).
 *
 * A filter is a struct smbkit_plugin with SMBKIT_IS_FILTER and api_version SMBKIT_FILTER_VERSION. A
 * function that it leaves NULL passes through to the layer below. Its volume_open gets args->next,
 * which it keeps in its volume, and the functions below call on. A filter without create sees the
 * file pointers of the layer below; one with create may make its own, and gives file_below then. A
 * filter must give close when it gives create.
 *
 * The ABI of plugins is frozen; filters are not: they stand between operations that are added with
 * every release, so a filter is built for exactly one version of the server. */
#pragma once

#include <smbkit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counted up whenever an operation or a meaning is added. Its values are apart from those of
 * SMBKIT_API_VERSION, so that neither is taken for the other. */
#define SMBKIT_FILTER_VERSION 0x10004u

/* smbkit_next_read(next, op, file, io) and so on: each as the function of struct smbkit_plugin of
 * the same name, with the documented default when the layers below lack it. */
#define SMBKIT_NEXT_FILE_VOLUME NULL
#define SMBKIT_NEXT_FILE_FILE file
#define SMBKIT_NEXT_(kind, name, type)                                                             \
    static inline smbkit_status smbkit_next_##name(struct smbkit_next *next, struct smbkit_op *op, \
                                                   SMBKIT_FILE_PARAM_##kind type *a)               \
    {                                                                                              \
        return smbkit_api->next(next, SMBKIT_OP_##name, op, SMBKIT_NEXT_FILE_##kind,               \
                                (void *)(uintptr_t)a);                                             \
    }
SMBKIT_OPERATIONS(SMBKIT_NEXT_)
#undef SMBKIT_NEXT_

/* May be called within an operation that must not wait. */
static inline void smbkit_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    smbkit_api->next_close(next, op, file);
}

#ifdef __cplusplus
}
#endif
