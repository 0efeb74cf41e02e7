/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: a layer between the core and a plugin (or another filter).
 *
 * A filter is a struct smbkit_plugin with SMBKIT_IS_FILTER. A function that it leaves NULL passes
 * through to the layer below. Its volume_open gets args->next, which it keeps in its volume, and
 * the functions below call on. A filter without create sees the file pointers of the layer below;
 * one with create makes its own and hands the lower file on. A filter must give close when it gives
 * create. */
#pragma once

#include <smbkit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each as the function of struct smbkit_plugin of the same name, with the documented default when
 * the layers below lack it. */
SMBKIT_EXPORT smbkit_status smbkit_next_volume_info(struct smbkit_next *next, struct smbkit_op *op,
                                                    struct smbkit_volume_info *info);
SMBKIT_EXPORT smbkit_status smbkit_next_create(struct smbkit_next *next, struct smbkit_op *op,
                                               const struct smbkit_create *how, void **file_r,
                                               struct smbkit_attr *attr);
SMBKIT_EXPORT void smbkit_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file);
SMBKIT_EXPORT smbkit_status smbkit_next_lookup(struct smbkit_next *next, struct smbkit_op *op,
                                               const char *path, struct smbkit_attr *attr);
SMBKIT_EXPORT smbkit_status smbkit_next_enumerate(struct smbkit_next *next, struct smbkit_op *op,
                                                  void *file, uint64_t cookie,
                                                  struct smbkit_sink *sink);
SMBKIT_EXPORT smbkit_status smbkit_next_get_path(struct smbkit_next *next, struct smbkit_op *op,
                                                 void *file, char *buf, uint32_t cap);
SMBKIT_EXPORT smbkit_status smbkit_next_rename(struct smbkit_next *next, struct smbkit_op *op,
                                               void *file, const char *new_path, uint32_t replace);
SMBKIT_EXPORT smbkit_status smbkit_next_link(struct smbkit_next *next, struct smbkit_op *op,
                                             void *file, const char *new_path, uint32_t replace);
SMBKIT_EXPORT smbkit_status smbkit_next_remove(struct smbkit_next *next, struct smbkit_op *op,
                                               void *file);
SMBKIT_EXPORT smbkit_status smbkit_next_getattr(struct smbkit_next *next, struct smbkit_op *op,
                                                void *file, struct smbkit_attr *attr);
SMBKIT_EXPORT smbkit_status smbkit_next_setattr(struct smbkit_next *next, struct smbkit_op *op,
                                                void *file, uint32_t mask,
                                                const struct smbkit_attr *attr);
SMBKIT_EXPORT smbkit_status smbkit_next_get_security(struct smbkit_next *next, struct smbkit_op *op,
                                                     void *file, uint8_t *buf, uint32_t cap,
                                                     uint32_t *needed_bytes);
SMBKIT_EXPORT smbkit_status smbkit_next_set_security(struct smbkit_next *next, struct smbkit_op *op,
                                                     void *file, const uint8_t *security,
                                                     uint32_t len_bytes);
SMBKIT_EXPORT smbkit_status smbkit_next_read(struct smbkit_next *next, struct smbkit_op *op,
                                             void *file, struct smbkit_io *io);
SMBKIT_EXPORT smbkit_status smbkit_next_write(struct smbkit_next *next, struct smbkit_op *op,
                                              void *file, struct smbkit_io *io);
SMBKIT_EXPORT smbkit_status smbkit_next_flush(struct smbkit_next *next, struct smbkit_op *op,
                                              void *file);
SMBKIT_EXPORT smbkit_status smbkit_next_set_size(struct smbkit_next *next, struct smbkit_op *op,
                                                 void *file, uint64_t size);
SMBKIT_EXPORT smbkit_status smbkit_next_overwrite(struct smbkit_next *next, struct smbkit_op *op,
                                                  void *file, uint32_t attributes,
                                                  uint64_t alloc_size, struct smbkit_attr *attr);
SMBKIT_EXPORT smbkit_status smbkit_next_allocate(struct smbkit_next *next, struct smbkit_op *op,
                                                 void *file, uint64_t alloc_size);
SMBKIT_EXPORT smbkit_status smbkit_next_zero_range(struct smbkit_next *next, struct smbkit_op *op,
                                                   void *file, uint64_t offset, uint64_t length);
SMBKIT_EXPORT smbkit_status smbkit_next_ranges(struct smbkit_next *next, struct smbkit_op *op,
                                               void *file, uint64_t offset, uint64_t length,
                                               struct smbkit_range *out, uint32_t *count_r);
SMBKIT_EXPORT smbkit_status smbkit_next_watch(struct smbkit_next *next, struct smbkit_op *op,
                                              void *file, uint32_t on);

#ifdef __cplusplus
}
#endif
