/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a file system: what each is asked and answers (a struct each, which may grow at
 * its end), and the table SMBKIT_OPERATIONS from which struct smbkit_plugin, the functions
 * smbkit_next_* of filters and the core's own door are made.
 *
 * A struct's members above the line "out" are the core's, those below it the plugin's to fill. All
 * pointers live until the call returns, or until smbkit_complete() when it answered PENDING. */
#pragma once

#include <smbkit/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smbkit_op;

/* ---- names ---- */

struct smbkit_session_root {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* out */
    struct smbkit_buffer path; /* the folder that is the root for this identity, terminated */
};

struct smbkit_create {
    uint32_t struct_size;
    uint32_t disposition; /* SMBKIT_OPEN: must exist; SMBKIT_CREATE: must not exist. Nothing else:
                             the core does the rest by way of overwrite */
    const char *path;
    const char *stream;  /* NULL unless SMBKIT_FEATURE_STREAMS: a named stream of the file or
                            directory at path, without ':' and type, found without regard to case */
    uint32_t kind;       /* SMBKIT_KIND_*; ANY only with SMBKIT_OPEN */
    uint32_t access;     /* what the core will use the file for: SMBKIT_READ_DATA, WRITE_DATA, ...
                            already checked and mapped */
    uint32_t attributes; /* CREATE: SMBKIT_ATTR_* of the new file */
    uint32_t flags;      /* SMBKIT_CREATE_* */
    uint64_t alloc_size; /* CREATE: bytes to reserve, 0: none */
    uint64_t snapshot_time; /* OPEN: of the snapshot to look in (FILETIME); 0: the present */
    uint64_t file_id;       /* with SMBKIT_CREATE_BY_ID: whose file is opened, wherever it is by */
    uint64_t file_id_high;  /* now; path is where it was, which may help to find it, or "" */
    struct smbkit_bytes security; /* CREATE: self-relative descriptor of the new file, or none */
    struct smbkit_bytes ea;       /* CREATE: FILE_FULL_EA_INFORMATION list, or none */
    /* out */
    void *file;
    struct smbkit_attr *attr; /* never NULL; filled */
    /* OPEN: where the descriptor may be put at once, to spare a get_security; NULL: not wanted.
     * Leave len 0 to say nothing (the core asks when it needs to). */
    struct smbkit_buffer *security_r;
    uint32_t security_none; /* 1: the file has no descriptor of its own */
    uint32_t reserved;
};
#define SMBKIT_CREATE_OPEN_REPARSE_POINT                                                           \
    0x1u /* open the reparse point itself, not what it leads to */
#define SMBKIT_CREATE_WRITE_THROUGH 0x2u
#define SMBKIT_CREATE_SEQUENTIAL 0x4u
#define SMBKIT_CREATE_RANDOM 0x8u
#define SMBKIT_CREATE_BY_ID                                                                        \
    0x10u /* OPEN only, of volumes with SMBKIT_FEATURE_OPEN_BY_ID, which have get_path too.        \
             OBJECT_NAME_NOT_FOUND: no file has that id, or no name any more */

struct smbkit_lookup {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_CREATE_OPEN_REPARSE_POINT */
    const char *path;
    const char *stream;
    uint64_t snapshot_time;
    /* out */
    struct smbkit_attr *attr;         /* never NULL */
    struct smbkit_buffer *security_r; /* as in struct smbkit_create */
    uint32_t security_none;
    uint32_t reserved;
};

/* One entry of a directory, a stream of a file (streams: name without ':' and type, attr with
 * sizes). The core copies what it needs during the call. */
struct smbkit_entry {
    uint32_t struct_size;
    uint32_t flags;                 /* 0 */
    const char *name;               /* one component */
    uint64_t cookie;                /* where to go on after this entry; not 0 */
    const struct smbkit_attr *attr; /* NULL: the core asks for it when it is wanted */
    const char *short_name;         /* 8.3, or NULL */
};

/* Where entries go. */
struct smbkit_sink {
    uint32_t struct_size;
    uint32_t want;   /* SMBKIT_WANT_* */
    uint64_t cookie; /* give the entries after this one; 0: from the start */
    const char
        *pattern; /* only these are wanted (wildcards of [MS-FSA] 2.1.4.4): a hint; NULL: all */
    /* 1: go on; 0: full, this entry was NOT taken: return SMBKIT_STATUS_SUCCESS. Until the call is
     * complete, from one thread at a time. */
    int32_t (*entry)(struct smbkit_sink *sink, const struct smbkit_entry *entry);
    void *core;
};
#define SMBKIT_WANT_ATTR 0x1u /* else names suffice */
#define SMBKIT_WANT_SHORT_NAME 0x2u

struct smbkit_rename {
    uint32_t struct_size;
    uint32_t flags;         /* SMBKIT_RENAME_* */
    const char *new_path;   /* of the file; with new_stream it is where it was */
    const char *new_stream; /* not NULL: file is a stream (SMBKIT_FEATURE_STREAMS) and gets that
                               name. What it replaces is empty, and nobody has it open */
};
#define SMBKIT_RENAME_REPLACE 0x1u /* an existing file (never a directory) there goes */

struct smbkit_remove {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
};

/* ---- data ---- */

/* A piece of memory. In a write: lent, and smbkit_io_keep() takes it over. In a read: given by
 * smbkit_io_give(). */
struct smbkit_segment {
    const uint8_t *base;
    uint64_t len;
};

/* One read or write. */
struct smbkit_io {
    uint32_t struct_size;
    uint32_t flags;  /* SMBKIT_IO_* */
    uint64_t offset; /* bytes */
    uint32_t length; /* bytes wanted, or to write */
    uint32_t done; /* out: bytes read or written; a read that ends at the end of the file is short,
                      at or past it 0 */
    uint8_t *buffer; /* read: room for length bytes; NULL: none yet, smbkit_io_buffer() makes it */
    const struct smbkit_segment *segs; /* write: the data, length bytes in all. read, out: what
                                          smbkit_io_give() gave so far */
    uint32_t seg_count;
    uint32_t reserved;
    void *core;
};
#define SMBKIT_IO_WRITE_THROUGH 0x1u /* durable before the answer */
#define SMBKIT_IO_UNBUFFERED 0x2u
#define SMBKIT_IO_APPEND 0x4u /* write at the end, whatever offset says */

/* A descriptor by which the core itself may read (and write) the file's data, byte for byte at the
 * same offsets, until the file is closed. */
struct smbkit_file_fd {
    uint32_t struct_size;
    uint32_t flags; /* out: SMBKIT_FD_* */
    int64_t fd;     /* out; Windows: a HANDLE */
};
#define SMBKIT_FD_READ 0x1u
#define SMBKIT_FD_WRITE 0x2u

struct smbkit_flush {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_FLUSH_* */
};
#define SMBKIT_FLUSH_DATA_ONLY 0x1u /* times need not be durable */

struct smbkit_size {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    uint64_t size;  /* bytes */
};

struct smbkit_overwrite {
    uint32_t struct_size;
    uint32_t attributes; /* SMBKIT_ATTR_*: they replace those of the file */
    uint64_t alloc_size; /* bytes to reserve */
    struct smbkit_bytes ea;
    /* out */
    struct smbkit_attr *attr;
};

struct smbkit_range {
    uint64_t offset;
    uint64_t length;
};

struct smbkit_span {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    uint64_t offset;
    uint64_t length;
};

struct smbkit_ranges {
    uint32_t struct_size;
    uint32_t room; /* entries at out */
    uint64_t offset;
    uint64_t length;
    /* out */
    struct smbkit_range *out; /* ascending */
    uint32_t count;
    uint32_t reserved;
};

/* Copy or clone: source is another open file of the same volume. */
struct smbkit_copy {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    void *source;
    uint64_t source_offset;
    uint64_t offset; /* in the file that is called */
    uint64_t length;
    /* out */
    uint64_t done; /* bytes */
};

/* ---- what else a file has ---- */

struct smbkit_get_security {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_SECURITY_* */
    /* out */
    struct smbkit_buffer buffer; /* self-relative descriptor */
};
#define SMBKIT_SECURITY_STORE_OWNER                                                                \
    0x1u /* asked after NOT_FOUND, to be shown: owner and group as the store has them, no DACL;    \
            POSIX ids as S-1-22-1-uid, S-1-22-2-gid. NOT_FOUND as ever: it knows none */
struct smbkit_set_security {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    struct smbkit_bytes security;
};

struct smbkit_get_ea {
    uint32_t struct_size;
    uint32_t flags;              /* 0 */
    struct smbkit_buffer buffer; /* out: FILE_FULL_EA_INFORMATION list of all */
};
struct smbkit_set_ea {
    uint32_t struct_size;
    uint32_t flags;         /* 0 */
    struct smbkit_bytes ea; /* FILE_FULL_EA_INFORMATION list: those named are set, with an empty
                               value removed */
};

struct smbkit_get_reparse {
    uint32_t struct_size;
    uint32_t tag;                /* out */
    struct smbkit_buffer buffer; /* out: REPARSE_DATA_BUFFER, [MS-FSCC] 2.1.2 */
};
struct smbkit_set_reparse {
    uint32_t struct_size;
    uint32_t tag;
    struct smbkit_bytes data; /* REPARSE_DATA_BUFFER; none: take the reparse point away */
};

/* A number that is set, or answered: sparse (0, 1), compression format, lock of deduplication, ...
 */
struct smbkit_value {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    uint64_t value;
};

struct smbkit_object_id {
    uint32_t struct_size;
    uint32_t flags;    /* SMBKIT_OBJECT_ID_* */
    uint8_t id[16];    /* GET: out; OBJECTID_NOT_FOUND: there is none. CREATE_OR_GET: in, what it
                          becomes when there is none, out */
    uint8_t birth[48]; /* likewise: BirthVolumeId, BirthObjectId, DomainId of [MS-FSCC] 2.1.3.1 */
};
#define SMBKIT_OBJECT_ID_GET 0x0u
#define SMBKIT_OBJECT_ID_CREATE_OR_GET 0x1u
#define SMBKIT_OBJECT_ID_SET 0x2u
#define SMBKIT_OBJECT_ID_DELETE 0x3u

/* ---- the volume's other sides ---- */

struct smbkit_snapshots {
    uint32_t struct_size;
    uint32_t room; /* entries at times */
    /* out */
    uint64_t *times; /* FILETIMEs, newest first */
    uint32_t count;  /* filled */
    uint32_t total;  /* there are; more than room: ask again with more */
};

struct smbkit_quota {
    uint32_t struct_size;
    uint32_t flags;          /* SMBKIT_QUOTA_* */
    struct smbkit_bytes sid; /* whose; none: the volume's defaults */
    uint64_t used;           /* bytes, get: out */
    uint64_t threshold;      /* bytes; UINT64_MAX: none */
    uint64_t limit;          /* bytes; UINT64_MAX: none */
    uint64_t cookie; /* get with SMBKIT_QUOTA_NEXT: after this owner; out: of the one answered */
    struct smbkit_buffer sid_r; /* get with SMBKIT_QUOTA_NEXT: out */
};
#define SMBKIT_QUOTA_NEXT 0x1u
#define SMBKIT_QUOTA_ENFORCED 0x2u
#define SMBKIT_QUOTA_TRACKED 0x4u

/* A byte-range lock that others than the server's clients are to see. The core has granted it among
 * its own. */
struct smbkit_lock {
    uint32_t struct_size;
    uint32_t flags; /* SMBKIT_LOCK_* */
    uint64_t offset;
    uint64_t length;
    uint64_t owner; /* the open that holds it */
};
#define SMBKIT_LOCK_EXCLUSIVE 0x1u
#define SMBKIT_LOCK_UNLOCK 0x2u
#define SMBKIT_LOCK_WAIT 0x4u /* may answer PENDING until it is free */

/* The plugin's own access check, for file systems that know better than a descriptor says. */
struct smbkit_access {
    uint32_t struct_size;
    uint32_t flags;   /* 0 */
    uint32_t desired; /* mapped; may hold SMBKIT_MAXIMUM_ALLOWED */
    /* out */
    uint32_t granted;
};

/* May clients cache the file? For file systems whose local users must be told. The plugin grants a
 * part of what is asked, and takes it back by smbkit_cache_break(); cache_ack answers that. */
struct smbkit_cache {
    uint32_t struct_size;
    uint32_t state; /* in: SMBKIT_CACHE_* asked for (cache_ack: kept); out: granted */
    uint64_t key;   /* names this caching in smbkit_cache_break */
};
#define SMBKIT_CACHE_READ 0x1u
#define SMBKIT_CACHE_HANDLE 0x2u
#define SMBKIT_CACHE_WRITE 0x4u

struct smbkit_watch {
    uint32_t struct_size;
    uint32_t on; /* 1: begin, 0: end */
    uint32_t recursive;
    uint32_t filter; /* SMBKIT_CHANGED_* of interest: a hint */
};

struct smbkit_arg;
struct smbkit_reconfigure {
    uint32_t struct_size;
    uint32_t arg_count;
    const struct smbkit_arg *args;
    /* out */
    char *error; /* on failure: one line that tells the user what to change */
    uint32_t error_size;
    uint32_t reserved;
};

struct smbkit_ioctl {
    uint32_t struct_size;
    uint32_t code; /* FSCTL_* */
    struct smbkit_bytes in;
    /* out */
    struct smbkit_buffer out;
};

/* A command of the administrator, such as "pause" or "commit", in words. */
struct smbkit_control {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    const char *command;
    /* out */
    struct smbkit_buffer text; /* terminated UTF-8: the answer; what is wrong, with
                                  INVALID_PARAMETER */
};

/* What the core has refused by itself. */
struct smbkit_refused {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    const char *path;
    const char *stream; /* NULL: the file or directory itself */
    uint32_t access;    /* SMBKIT_READ_DATA, WRITE_DATA, ... that was asked for, mapped; may hold
                           SMBKIT_MAXIMUM_ALLOWED */
    uint32_t reserved;
};

/* ---- the table ---- */

/* X(kind, name, type): kind is VOLUME (of the volume) or FILE (of an open file); the function is
 *
 *     smbkit_status name(void *volume, struct smbkit_op *op, [void *file,] type *a)
 *
 * "Absent" tells what the core does where no layer has it. Rows are only ever added at the end. */
#define SMBKIT_OPERATIONS(X)                                                                       \
    /* Sizes and names. Absent: plausible values. */                                               \
    X(VOLUME, volume_info, struct smbkit_volume_info)                                              \
    /* Required. Answers a->file only with success, and fills a->attr. OBJECT_NAME_NOT_FOUND: the  \
     * last component, or its stream, is missing; OBJECT_PATH_NOT_FOUND: one before it is missing  \
     * or no directory;                                                                            \
     * FILE_IS_A_DIRECTORY, NOT_A_DIRECTORY: not of the kind; OBJECT_NAME_COLLISION: CREATE and it \
     * exists. No side effect with SMBKIT_OPEN. CREATE of a stream: in a file that is there, and   \
     * attributes, security and ea say nothing. The file of a stream has the attributes, times,    \
     * ids, descriptor and EAs of the file it is in, without DIRECTORY; its own are size,          \
     * alloc_size and data. */                                                                     \
    X(VOLUME, create, struct smbkit_create)                                                        \
    /* Attributes by path. Absent: create, then close. */                                          \
    X(VOLUME, lookup, struct smbkit_lookup)                                                        \
    /* Required. Entries after the cookie, in an order that stays the same while the directory is  \
     * open; entries added meanwhile may or may not show, the others show exactly once. Without    \
     * "." and "..". */                                                                            \
    X(FILE, enumerate, struct smbkit_sink)                                                         \
    /* The path as the volume spells it; room for a terminator is kept. For volumes that ignore    \
     * case or change names by themselves. Absent: as it was opened. */                            \
    X(FILE, get_path, struct smbkit_buffer)                                                        \
    /* The core has checked that it may. Absent: ACCESS_DENIED. */                                 \
    X(FILE, rename, const struct smbkit_rename)                                                    \
    /* Another name for the file. Absent: NOT_SUPPORTED. */                                        \
    X(FILE, link, const struct smbkit_rename)                                                      \
    /* Take the name away that the file was opened by (or renamed to), or the stream; close        \
     * follows. DIRECTORY_NOT_EMPTY where it applies. Absent: ACCESS_DENIED. */                    \
    X(FILE, remove, const struct smbkit_remove)                                                    \
    X(FILE, getattr, struct smbkit_attr) /* Required. */                                           \
    /* The fields in a->valid. A time given is to be kept exactly. Absent: ACCESS_DENIED. */       \
    X(FILE, setattr, const struct smbkit_attr)                                                     \
    /* NOT_FOUND: none kept for this file, the core makes one. Absent: as NOT_FOUND. */            \
    X(FILE, get_security, struct smbkit_get_security)                                              \
    X(FILE, set_security, const struct smbkit_set_security) /* Absent: NOT_SUPPORTED. */           \
    X(FILE, read, struct smbkit_io)                         /* Required. */                        \
    X(FILE, write, struct smbkit_io)                        /* Absent: a read-only volume. */      \
    /* Everything acknowledged on this file is durable when it is complete. Absent: success, no    \
     * durability promised. */                                                                     \
    X(FILE, flush, const struct smbkit_flush)                                                      \
    X(FILE, set_size, const struct smbkit_size) /* Absent: MEDIA_WRITE_PROTECTED. */               \
    /* Empty the data for an overwriting create: size 0, alloc_size bytes reserved, attributes     \
     * replaced, EAs and streams dropped; of a stream only its own data, and attributes are the    \
     * file's as they are to be. Absent: set_size, allocate, setattr. */                           \
    X(FILE, overwrite, struct smbkit_overwrite)                                                    \
    /* Reserve bytes; never changes the size upwards. Absent: DISK_FULL is checked against         \
     * volume_info, nothing reserved. */                                                           \
    X(FILE, allocate, const struct smbkit_size)                                                    \
    X(FILE, zero_range, const struct smbkit_span) /* Absent: zeroes are written. */                \
    /* Allocated ranges within; BUFFER_OVERFLOW: there are more. Absent: one range. */             \
    X(FILE, ranges, struct smbkit_ranges)                                                          \
    /* Begin or end reporting changes below the directory. Absent: the plugin reports always       \
     * (SMBKIT_FEATURE_REPORTS) or never. */                                                       \
    X(FILE, watch, const struct smbkit_watch)                                                      \
    /* Another root for this identity. Absent: one root for all. */                                \
    X(VOLUME, session_root, struct smbkit_session_root)                                            \
    /* The open by which the file was written to (write, set_size, overwrite, ...) is being        \
     * closed, and the file does not go: after it only getattr and close follow. An error          \
     * reaches the client's CLOSE. Absent: nothing to do. */                                       \
    X(FILE, commit, const struct smbkit_flush)                                                     \
    X(FILE, file_fd, struct smbkit_file_fd)  /* Absent: NOT_SUPPORTED. */                          \
    X(FILE, trim, const struct smbkit_span)  /* Absent: success: it is a hint. */                  \
    X(FILE, copy_range, struct smbkit_copy)  /* Absent: the core reads and writes. */              \
    X(FILE, clone_range, struct smbkit_copy) /* Absent: NOT_SUPPORTED. */                          \
    /* The named streams of the file that this is, or is a stream of. Absent: none. */             \
    X(FILE, streams, struct smbkit_sink)                                                           \
    X(FILE, get_ea, struct smbkit_get_ea)                 /* Absent: none. */                      \
    X(FILE, set_ea, const struct smbkit_set_ea)           /* Absent: EAS_NOT_SUPPORTED. */         \
    X(FILE, get_reparse, struct smbkit_get_reparse)       /* Absent: NOT_A_REPARSE_POINT. */       \
    X(FILE, set_reparse, const struct smbkit_set_reparse) /* Absent: NOT_SUPPORTED. */             \
    X(FILE, set_sparse, const struct smbkit_value)        /* Absent: NOT_SUPPORTED. */             \
    X(FILE, get_compression, struct smbkit_value)         /* Absent: 0, not compressed. */         \
    X(FILE, set_compression, const struct smbkit_value)   /* Absent: NOT_SUPPORTED. */             \
    X(FILE, object_id, struct smbkit_object_id)           /* Absent: NOT_SUPPORTED. */             \
    X(VOLUME, snapshots, struct smbkit_snapshots)         /* Absent: none. */                      \
    X(VOLUME, get_quota, struct smbkit_quota)             /* Absent: NOT_SUPPORTED. */             \
    X(VOLUME, set_quota, const struct smbkit_quota)       /* Absent: NOT_SUPPORTED. */             \
    X(FILE, lock, const struct smbkit_lock)               /* Absent: success. */                   \
    X(FILE, access_check, struct smbkit_access)   /* Absent: the core checks the descriptor. */    \
    X(FILE, cache_request, struct smbkit_cache)   /* Absent: what was asked for is granted. */     \
    X(FILE, cache_ack, const struct smbkit_cache) /* Absent: success. */                           \
    X(VOLUME, reconfigure, struct smbkit_reconfigure) /* Absent: opened anew when they change. */  \
    X(FILE, ioctl, struct smbkit_ioctl)               /* Absent: INVALID_DEVICE_REQUEST. */        \
    /* NOT_SUPPORTED: the command is not known here (a filter hands it on). Absent: that. */       \
    X(VOLUME, control, struct smbkit_control)                                                      \
    /* Would remove be refused, as things stand, and why? Asked when a client is promised that the \
     * file goes when it is closed. Changes nothing; that a directory is empty the core sees to.   \
     * Absent: success: remove tells. */                                                           \
    X(FILE, check_remove, const struct smbkit_remove)                                              \
    /* Told, not asked: the core does not let op->who open or make that, by a descriptor. For      \
     * logs; no other operation tells of it. What is answered changes nothing. Absent: nobody is   \
     * told. */                                                                                    \
    X(VOLUME, refused, const struct smbkit_refused)

/* The number of each, for filters and logs: SMBKIT_OP_read and so on. */
enum smbkit_op_id {
#define SMBKIT_OP_ID_(kind, name, type) SMBKIT_OP_##name,
    SMBKIT_OPERATIONS(SMBKIT_OP_ID_)
#undef SMBKIT_OP_ID_
        SMBKIT_OP_COUNT
};

/* The parameter that operations of a file have before their last one. */
#define SMBKIT_FILE_PARAM_VOLUME
#define SMBKIT_FILE_PARAM_FILE void *file,
#define SMBKIT_FILE_ARG_VOLUME
#define SMBKIT_FILE_ARG_FILE file,

#ifdef __cplusplus
}
#endif
