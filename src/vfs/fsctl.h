/* SPDX-License-Identifier: Apache-2.0 */
/* What control codes ask of open files: copies, space, reparse points, object ids, snapshots,
 * quotas. As vfs.h, of which this is a part. */
#pragma once

#include "vfs/vfs.h"

/* ---- copies ---- */

/* A piece of one file that goes into another. */
struct vfs_copy_chunk {
    uint64_t source_offset;
    uint64_t offset;
    uint64_t length;
};
struct vfs_copy {
    struct vfs_open *source; /* of any volume of the server, and of whomever */
    const struct vfs_copy_chunk *chunks;
    uint32_t chunk_count;
    uint32_t
        target_access; /* SMBKIT_*: what the target's open must hold besides the right to write */
    struct smbkit_range zeroes; /* written to the target after the chunks; it grows by none */
    /* out, whatever the answer */
    uint32_t chunks_done;
    uint64_t chunk_bytes; /* of the one that failed */
    uint64_t total_bytes;
};
/* Copy on the server, one chunk after the other. [MS-SMB2] 3.3.5.15.6. Checked and broken like
 * reads of the source and writes of the target. A chunk that is not wholly in the source:
 * INVALID_VIEW_SIZE, and what came before it stays copied. Two chunks of one file may overlap: the
 * target gets what was in the source before. FILE_CLOSED: the target; OBJECT_NAME_NOT_FOUND: the
 * source is closed, so that its key names nothing. WAIT only before anything was copied; more than
 * a little is left to a worker (WOULD_BLOCK), which looks at call->cancelled between two pieces. */
NODISCARD smbkit_status vfs_copy(struct vfs_call *call, struct vfs_open *target,
                                 struct vfs_copy *c);
/* The same bytes, shared by both files from now on, not copied. [MS-FSA] 2.1.5.10.4.
 * INVALID_HANDLE: the source is closed. */
NODISCARD smbkit_status vfs_clone(struct vfs_call *call, struct vfs_open *target,
                                  struct vfs_open *source, const struct vfs_copy_chunk *what);

/* What the data of a file was at a moment: another one when it was changed since, as far as the
 * server made the change or the file's times tell. */
struct vfs_data_stamp {
    uint64_t changes; /* counted while it is open */
    uint64_t size, write_time, change_time;
};
/* For who is to read that range later: as a read of it is checked, and broken for.
 * INVALID_DEVICE_REQUEST: a directory; ACCESS_DENIED; FILE_LOCK_CONFLICT. */
NODISCARD smbkit_status vfs_data_look(struct vfs_call *call, struct vfs_open *o,
                                      struct smbkit_range range, struct vfs_data_stamp *out);
/* The count alone; asks no plugin. */
uint64_t vfs_data_changes(const struct vfs_open *o);
bool vfs_data_is_same(const struct vfs_data_stamp *a, const struct vfs_data_stamp *b);
/* Are both opens of one stream of one file? */
bool vfs_opens_share(const struct vfs_open *a, const struct vfs_open *b);

/* ---- reparse points, object ids, snapshots ---- */

/* The REPARSE_DATA_BUFFER of a reparse point that was opened itself, [MS-FSCC] 2.1.2.2.
 * NOT_A_REPARSE_POINT. [MS-FSA] 2.1.5.10.14 */
NODISCARD smbkit_status vfs_get_reparse(struct vfs_call *call, struct vfs_open *o, struct wr *out);
/* data: a whole REPARSE_DATA_BUFFER. IO_REPARSE_DATA_INVALID, IO_REPARSE_TAG_INVALID,
 * IO_REPARSE_TAG_MISMATCH, REPARSE_ATTRIBUTE_CONFLICT, DIRECTORY_NOT_EMPTY;
 * INVALID_DEVICE_REQUEST: the volume has none. */
NODISCARD smbkit_status vfs_set_reparse(struct vfs_call *call, struct vfs_open *o,
                                        const struct smbkit_bytes *data);
/* data: its header, which says which one is meant. NOT_A_REPARSE_POINT. */
NODISCARD smbkit_status vfs_delete_reparse(struct vfs_call *call, struct vfs_open *o,
                                           const struct smbkit_bytes *data);

/* id->flags: GET, or CREATE_OR_GET with what the id and its birth become when there is none.
 * OBJECTID_NOT_FOUND. A volume without OBJECT_IDS answers one that the file's id makes. */
NODISCARD smbkit_status vfs_get_object_id(struct vfs_call *call, struct vfs_open *o,
                                          struct smbkit_object_id *id);
/* OBJECT_NAME_COLLISION: it has one. */
NODISCARD smbkit_status vfs_set_object_id(struct vfs_call *call, struct vfs_open *o,
                                          const struct smbkit_object_id *id);
/* Where the file came from, beside its id. */
NODISCARD smbkit_status vfs_set_object_birth(struct vfs_call *call, struct vfs_open *o,
                                             const uint8_t birth[48]);
NODISCARD smbkit_status vfs_delete_object_id(struct vfs_call *call, struct vfs_open *o);

/* FILETIMEs of the volume's snapshots, newest first. *count_r in: room, out: filled. */
NODISCARD smbkit_status vfs_snapshots(struct vfs_call *call, struct vfs_open *o, uint64_t *times,
                                      uint32_t *count_r);

/* ---- quotas ---- */

/* Does the plugin tell any? */
bool vfs_volume_has_quotas(const struct vfs_volume *v);
/* As the operations get_quota and set_quota have it: of the open's volume. Who may ask is the front
 * end's matter. NOT_SUPPORTED; NOT_FOUND: none after q->cookie. */
NODISCARD smbkit_status vfs_get_quota(struct vfs_call *call, struct vfs_open *o,
                                      struct smbkit_quota *q);
NODISCARD smbkit_status vfs_set_quota(struct vfs_call *call, struct vfs_open *o,
                                      const struct smbkit_quota *q);

/* ---- space: [MS-FSA] 2.1.5.10 ---- */

NODISCARD smbkit_status vfs_zero_range(struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                                       uint64_t length);
/* Allocated ranges within `within`, ascending; of a file that is not sparse all there is.
 * *count_r in: room, out: filled. BUFFER_OVERFLOW: there are more. */
NODISCARD smbkit_status vfs_ranges(struct vfs_call *call, struct vfs_open *o,
                                   struct smbkit_range within, struct smbkit_range *out,
                                   uint32_t *count_r);
/* INVALID_DEVICE_REQUEST: the volume has no sparse files. */
NODISCARD smbkit_status vfs_set_sparse(struct vfs_call *call, struct vfs_open *o, bool on);
/* What is in the ranges is not needed any more. *done_r: how many were seen to. */
NODISCARD smbkit_status vfs_trim(struct vfs_call *call, struct vfs_open *o,
                                 const struct smbkit_range *ranges, uint32_t count,
                                 uint32_t *done_r);
/* COMPRESSION_FORMAT_*, [MS-FSCC] 2.3.9: 0 none, 1 whichever, 2 LZNT1. */
NODISCARD smbkit_status vfs_get_compression(struct vfs_call *call, struct vfs_open *o,
                                            uint16_t *format_r);
NODISCARD smbkit_status vfs_set_compression(struct vfs_call *call, struct vfs_open *o,
                                            uint16_t format);
