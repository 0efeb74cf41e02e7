/* SPDX-License-Identifier: Apache-2.0 */
/* The core's side of the door into the plugins: one door_* function for each operation. It makes
 * the smbkit_op of the call (identity, cancel flag, NOWAIT), holds the open's SERIALIZE_FILE lock
 * where a layer wants that, and puts answers into shape (attributes). The contract itself is
 * checked in layer.c, for filters as well.
 *
 * None may be called with a lock of the core held. All answer WOULD_BLOCK, having done nothing,
 * when the call is nowait and the plugin would wait. */
#pragma once

#include "vfs/layer.h"

/* An open file as the plugins know it. */
struct door_file {
    struct vfs_volume *volume;
    void *file;
    struct vfs_open *open; /* whose file it is; NULL: it is no open's (yet) */
    struct mutex *serial; /* NULL: no layer has SERIALIZE_FILE, or nobody else knows the file yet */
    struct vfs_node *node;        /* once it is an open's: it knows the id then */
    uint64_t domain, id, id_high; /* what attributes without an id get */
};

/* Attributes as the rest of the core wants them; entries of a directory too. [MS-FSCC] 2.6
 * INTERNAL_ERROR: a size that no file has. */
NODISCARD smbkit_status door_attr_settle(const struct vfs_volume *v, struct smbkit_attr *a);
/* Where the plugin has no id for the file at that path. */
void door_attr_id_by_path(const struct vfs_volume *v, const char *path, struct smbkit_attr *a);
/* Both for an open file, whose id is known. */
NODISCARD smbkit_status door_file_attr_settle(const struct door_file *f, struct smbkit_attr *a);

/* The handler is to stop here, and will be run again: it keeps nothing. */
static inline bool door_stops(smbkit_status st)
{
    return st == SMBKIT_STATUS_WOULD_BLOCK || st == SMBKIT_STATUS_WAIT;
}

/* Nothing is there by that path. */
static inline bool door_misses(smbkit_status st)
{
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}

/* For journal.c: the call itself, with its thread model. May answer PENDING. */
NODISCARD smbkit_status door_layer_call(const struct vfs_call *call, const struct door_file *f,
                                        uint32_t id, struct op *op, void *args);
/* Where f is, or of the volume's root when that has no file. */
NODISCARD smbkit_status door_volume_info(const struct vfs_call *call, const struct door_file *f,
                                         struct smbkit_volume_info *info);
/* f->volume is set by the caller; file, domain, id, id_high are filled; serial is left alone. */
NODISCARD smbkit_status door_create(const struct vfs_call *call, struct door_file *f,
                                    const struct smbkit_create *how, struct smbkit_attr *attr);
/* An open by path of what is there. What is left out is zero: any kind, and a link is followed. */
struct door_open {
    const char *path;
    const char *stream;
    uint32_t kind;   /* SMBKIT_KIND_* */
    uint32_t access; /* SMBKIT_READ_DATA, ... */
    uint32_t flags;  /* SMBKIT_CREATE_* */
    uint64_t snapshot_time;
    const struct vfs_file_id *file; /* by its id, of a volume that can; NULL: by path */
};
/* As door_create. attr_r: NULL: not wanted. */
NODISCARD smbkit_status door_open(const struct vfs_call *call, struct door_file *f,
                                  const struct door_open *how, struct smbkit_attr *attr_r);
void door_close(const struct vfs_call *call, const struct door_file *f);
/* flags: SMBKIT_CREATE_OPEN_REPARSE_POINT: a link is looked at itself. */
NODISCARD smbkit_status door_lookup(const struct vfs_call *call, struct vfs_volume *v,
                                    const char *path, uint32_t flags, struct smbkit_attr *attr);
/* The same in a snapshot. */
NODISCARD smbkit_status door_lookup_in(const struct vfs_call *call, struct vfs_volume *v,
                                       const char *path, uint64_t snapshot_time,
                                       struct smbkit_attr *attr);
/* A stream of what is there, not following links. */
NODISCARD smbkit_status door_lookup_stream(const struct vfs_call *call, struct vfs_volume *v,
                                           const char *path, const char *stream,
                                           struct smbkit_attr *attr);
/* Its streams, as door_enumerate. */
NODISCARD smbkit_status door_streams(const struct vfs_call *call, const struct door_file *f,
                                     uint64_t cookie, struct smbkit_sink *sink);
NODISCARD smbkit_status door_rename_stream(const struct vfs_call *call, const struct door_file *f,
                                           const struct smbkit_rename *how);
/* most: how many sink may take, a plugin that answers page by page is asked for no more;
 * LISTING_ALL (listing.h). It may take fewer, and there may be more after them. */
NODISCARD smbkit_status door_enumerate(const struct vfs_call *call, const struct door_file *f,
                                       uint64_t cookie, uint32_t most, struct smbkit_sink *sink);
/* NOT_SUPPORTED also when clients cannot use what the plugin says. */
NODISCARD smbkit_status door_get_path(const struct vfs_call *call, const struct door_file *f,
                                      char *buf, uint32_t cap);
/* Can clients use a path that the plugin tells? If not, the log says so. */
NODISCARD smbkit_status door_session_root(const struct vfs_call *call, struct vfs_volume *v,
                                          struct smbkit_session_root *a);
bool door_path_check(const struct vfs_volume *v, const char *path);
NODISCARD smbkit_status door_rename(const struct vfs_call *call, const struct door_file *f,
                                    const char *new_path, bool replace);
NODISCARD smbkit_status door_link(const struct vfs_call *call, const struct door_file *f,
                                  const char *new_path, bool replace);
/* Any operation of the file, or of the volume, by its number; through the journal if there is one.
 */
NODISCARD smbkit_status door_call(const struct vfs_call *call, const struct door_file *f,
                                  uint32_t id, void *args);
NODISCARD smbkit_status door_remove(const struct vfs_call *call, const struct door_file *f);
/* Would that be refused? */
NODISCARD smbkit_status door_check_remove(const struct vfs_call *call, const struct door_file *f);
NODISCARD smbkit_status door_getattr(const struct vfs_call *call, const struct door_file *f,
                                     struct smbkit_attr *attr);
NODISCARD smbkit_status door_setattr(const struct vfs_call *call, const struct door_file *f,
                                     uint32_t mask, const struct smbkit_attr *attr);
/* *sd_r is owned; NULL with NOT_FOUND. */
/* out: struct smbkit_get_reparse's. */
NODISCARD smbkit_status door_get_reparse(const struct vfs_call *call, const struct door_file *f,
                                         struct smbkit_buffer *out);
NODISCARD smbkit_status door_get_security(const struct vfs_call *call, const struct door_file *f,
                                          uint8_t **sd_r, size_t *len_r);
/* Of a file that has none: who owns it on the store. NOT_FOUND: that says nothing. */
NODISCARD smbkit_status door_get_store_owner(const struct vfs_call *call, const struct door_file *f,
                                             uint8_t **sd_r, size_t *len_r);
NODISCARD smbkit_status door_set_security(const struct vfs_call *call, const struct door_file *f,
                                          const uint8_t *sd, size_t len);
/* *list_r is owned; a list of EAs, or nothing. */
NODISCARD smbkit_status door_get_ea(const struct vfs_call *call, const struct door_file *f,
                                    uint8_t **list_r, size_t *len_r);
NODISCARD smbkit_status door_set_ea(const struct vfs_call *call, const struct door_file *f,
                                    struct smbkit_bytes list);
NODISCARD smbkit_status door_set_size(const struct vfs_call *call, const struct door_file *f,
                                      uint64_t size);
NODISCARD smbkit_status door_overwrite(const struct vfs_call *call, const struct door_file *f,
                                       const struct smbkit_overwrite *how,
                                       struct smbkit_attr *attr);
NODISCARD smbkit_status door_allocate(const struct vfs_call *call, const struct door_file *f,
                                      uint64_t alloc_size);
NODISCARD smbkit_status door_zero_range(const struct vfs_call *call, const struct door_file *f,
                                        uint64_t offset, uint64_t length);
NODISCARD smbkit_status door_ranges(const struct vfs_call *call, const struct door_file *f,
                                    struct smbkit_ranges *r);
NODISCARD smbkit_status door_trim(const struct vfs_call *call, const struct door_file *f,
                                  const struct smbkit_range *range);
/* id: of an operation whose argument is a smbkit_value. *value: in, or out. */
NODISCARD smbkit_status door_value(const struct vfs_call *call, const struct door_file *f,
                                   uint32_t id, uint64_t *value);
NODISCARD smbkit_status door_object_id(const struct vfs_call *call, const struct door_file *f,
                                       struct smbkit_object_id *id);
NODISCARD smbkit_status door_set_reparse(const struct vfs_call *call, const struct door_file *f,
                                         uint32_t tag, struct smbkit_bytes data);
NODISCARD smbkit_status door_get_quota(const struct vfs_call *call, struct vfs_volume *v,
                                       struct smbkit_quota *q);
NODISCARD smbkit_status door_set_quota(const struct vfs_call *call, struct vfs_volume *v,
                                       const struct smbkit_quota *q);
NODISCARD smbkit_status door_snapshots(const struct vfs_call *call, struct vfs_volume *v,
                                       struct smbkit_snapshots *a);
NODISCARD smbkit_status door_ioctl(const struct vfs_call *call, const struct door_file *f,
                                   struct smbkit_ioctl *a);
/* One transfer that is awaited where it is made: for calls apart from a journal. */
NODISCARD smbkit_status door_transfer(const struct vfs_call *call, const struct door_file *f,
                                      struct smbkit_io *io, bool is_write);
/* Of two files of one volume. id: SMBKIT_OP_copy_range or _clone_range. */
NODISCARD smbkit_status door_copy(const struct vfs_call *call, const struct door_file *f,
                                  uint32_t id, struct smbkit_copy *c);
NODISCARD smbkit_status door_lock(const struct vfs_call *call, const struct door_file *f,
                                  struct smbkit_lock *a);
/* What of `desired` the plugin grants, at least those bits of it that are rights; ACCESS_DENIED;
 * NOT_SUPPORTED: the descriptor tells. */
NODISCARD smbkit_status door_access_check(const struct vfs_call *call, const struct door_file *f,
                                          uint32_t desired, uint32_t *granted_r);
NODISCARD smbkit_status door_cache_request(const struct vfs_call *call, const struct door_file *f,
                                           struct smbkit_cache *a);
/* The clients have no more than that state. */
NODISCARD smbkit_status door_cache_ack(const struct vfs_call *call, const struct door_file *f,
                                       struct smbkit_cache *a);
NODISCARD smbkit_status door_commit(const struct vfs_call *call, const struct door_file *f);
/* Told, for logs. WOULD_BLOCK: nobody is, yet. */
NODISCARD smbkit_status door_refused(const struct vfs_call *call, struct vfs_volume *v,
                                     const struct smbkit_refused *a);
NODISCARD smbkit_status door_watch(const struct vfs_call *call, const struct door_file *f, bool on,
                                   bool tree);

/* Read, write, flush: may answer PENDING; io->op is the call under way then, and the caller's to
 * put. On any other answer io->op is NULL. */
enum door_io_kind { DOOR_READ, DOOR_WRITE, DOOR_FLUSH };
NODISCARD smbkit_status door_io(const struct vfs_call *call, const struct door_file *f,
                                struct vfs_io *io, enum door_io_kind kind);
