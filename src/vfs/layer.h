/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a volume (filters, then the plugin) and the one way of calling into them. Each
 * layer_* function finds the first layer at or below `from` that has the function, keeps to its
 * thread model, calls it, checks what it answers against the contract of smbkit/plugin.h, and does
 * the documented default when no layer has it.
 *
 * A layer's SERIALIZE_ALL lock and an open's SERIALIZE_FILE lock are the only locks of the core
 * that are held during a plugin call. They are taken outermost layer first, after every other lock
 * was let go. A call that answered PENDING has ended as far as the thread model is concerned.
 *
 * PENDING: read, write and flush pass it up unless the call has SMBKIT_OP_SYNC; all other functions
 * await it here. */
#pragma once

#include <smbkit/filter.h>

#include "vfs/vfs.h"

struct layer;

struct smbkit_next {
    struct layer *layer; /* the first one below the filter that holds this */
};

struct smbkit_host {
    struct vfs_volume *volume;
};

/* Immutable after the volume was opened, but for the lock. */
struct layer {
    const struct smbkit_plugin *plugin;
    void *volume;
    struct layer *below; /* NULL: this is the plugin */
    struct smbkit_next next;
    atomic_uint_fast64_t *calls; /* the volume's counter */
    bool is_open;
    struct mutex serial; /* SERIALIZE_ALL */
};

/* The states of a vfs_op_core. */
enum {
    OP_IDLE,
    OP_RUNNING,   /* the plugin has not returned yet, or the call is awaited on the spot */
    OP_COMPLETED, /* smbkit_complete came before the plugin returned, or while it was awaited */
    OP_PENDING,   /* returned PENDING, handed up */
    OP_DONE,      /* completed after that; the status is to be collected */
};
void op_core_init(struct vfs_op_core *core, struct vfs_io *io);
void op_core_fini(struct vfs_op_core *core);

/* Is this what a plugin may answer? What it may not becomes INTERNAL_ERROR, with a line in the log.
 */
NODISCARD smbkit_status layer_status_check(const struct layer *l, const struct smbkit_op *op,
                                           smbkit_status st);

NODISCARD smbkit_status layer_volume_info(struct layer *from, struct smbkit_op *op,
                                          struct smbkit_volume_info *info);
NODISCARD smbkit_status layer_create(struct layer *from, struct smbkit_op *op,
                                     const struct smbkit_create *how, void **file_r,
                                     struct smbkit_attr *attr);
void layer_close(struct layer *from, struct smbkit_op *op, void *file);
NODISCARD smbkit_status layer_lookup(struct layer *from, struct smbkit_op *op, const char *path,
                                     struct smbkit_attr *attr);
NODISCARD smbkit_status layer_enumerate(struct layer *from, struct smbkit_op *op, void *file,
                                        uint64_t cookie, struct smbkit_sink *sink);
NODISCARD smbkit_status layer_get_path(struct layer *from, struct smbkit_op *op, void *file,
                                       char *buf, uint32_t cap);
NODISCARD smbkit_status layer_rename(struct layer *from, struct smbkit_op *op, void *file,
                                     const char *new_path, uint32_t replace);
NODISCARD smbkit_status layer_link(struct layer *from, struct smbkit_op *op, void *file,
                                   const char *new_path, uint32_t replace);
NODISCARD smbkit_status layer_remove(struct layer *from, struct smbkit_op *op, void *file);
NODISCARD smbkit_status layer_getattr(struct layer *from, struct smbkit_op *op, void *file,
                                      struct smbkit_attr *attr);
NODISCARD smbkit_status layer_setattr(struct layer *from, struct smbkit_op *op, void *file,
                                      uint32_t mask, const struct smbkit_attr *attr);
struct layer_security_buf {
    uint8_t *buf;
    uint32_t cap;
    uint32_t needed_bytes;
};
NODISCARD smbkit_status layer_get_security(struct layer *from, struct smbkit_op *op, void *file,
                                           struct layer_security_buf *sd);
NODISCARD smbkit_status layer_set_security(struct layer *from, struct smbkit_op *op, void *file,
                                           const uint8_t *security, uint32_t len_bytes);
NODISCARD smbkit_status layer_read(struct layer *from, struct smbkit_op *op, void *file,
                                   struct smbkit_io *io);
NODISCARD smbkit_status layer_write(struct layer *from, struct smbkit_op *op, void *file,
                                    struct smbkit_io *io);
NODISCARD smbkit_status layer_flush(struct layer *from, struct smbkit_op *op, void *file);
NODISCARD smbkit_status layer_set_size(struct layer *from, struct smbkit_op *op, void *file,
                                       uint64_t size);
struct layer_overwrite {
    uint32_t attributes;
    uint64_t alloc_size;
    struct smbkit_attr *attr;
};
NODISCARD smbkit_status layer_overwrite(struct layer *from, struct smbkit_op *op, void *file,
                                        const struct layer_overwrite *how);
NODISCARD smbkit_status layer_allocate(struct layer *from, struct smbkit_op *op, void *file,
                                       uint64_t alloc_size);
NODISCARD smbkit_status layer_zero_range(struct layer *from, struct smbkit_op *op, void *file,
                                         struct smbkit_range range);
struct layer_ranges {
    struct smbkit_range within;
    struct smbkit_range *out;
    uint32_t count; /* in: room; out: filled */
};
NODISCARD smbkit_status layer_ranges(struct layer *from, struct smbkit_op *op, void *file,
                                     struct layer_ranges *r);
NODISCARD smbkit_status layer_watch(struct layer *from, struct smbkit_op *op, void *file,
                                    uint32_t on);

/* For layer.c and its siblings. */
struct layer *layer_find(struct layer *from, size_t function_offset);
#define LAYER_FIND(from, function) layer_find(from, offsetof(struct smbkit_plugin, function))
/* SUCCESS: the call may be made, layer_leave must follow. WOULD_BLOCK. */
NODISCARD smbkit_status layer_enter(struct layer *l, const struct smbkit_op *op);
/* After the call: its status, checked, PENDING awaited unless may_pend. */
NODISCARD smbkit_status layer_leave(struct layer *l, struct smbkit_op *op, smbkit_status st,
                                    bool may_pend);
