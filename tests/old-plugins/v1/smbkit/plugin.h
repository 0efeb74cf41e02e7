/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin ABI, version 1: a file system for smbkit is one `struct smbkit_plugin`.
 *
 * Three objects: the module (the shared object), the volume (one share's instance of it, made by
 * volume_open) and the file (one open, made by create). Volume and file are the plugin's own
 * pointers; the core only hands them back.
 *
 * The core has done before a call: path normalisation, access checks, share modes, locks, oplocks,
 * delete-pending, name lookup without regard to case (unless the volume says
 * SMBKIT_FEATURE_IGNORES_CASE), read-only. The core never holds a lock of its own during a call.
 * Every function that is not marked "required" may be NULL; the comment says what the core then
 * does.
 *
 * Paths are UTF-8, '/'-separated, relative to the volume ("" is its root), without ".", ".." or
 * empty components. A stream name is apart; NULL means the file's own data.
 *
 * Results are NTSTATUS; smbkit_status_from_errno() makes one of an errno. */
#pragma once

#include <smbkit/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMBKIT_API_VERSION 1u

/* thread_model: which calls the core keeps apart */
#define SMBKIT_SERIALIZE_ALL 0u  /* one call at a time in a volume */
#define SMBKIT_SERIALIZE_FILE 1u /* one call at a time on a file; others in parallel */
#define SMBKIT_PARALLEL 2u       /* any number at any time */

/* flags of a plugin */
#define SMBKIT_NEVER_BLOCKS                                                                        \
    0x1u /* every call returns at once (memory only): it runs on the event loop */
#define SMBKIT_TRIES_NOWAIT                                                                        \
    0x2u /* looks at SMBKIT_OP_NOWAIT and answers WOULD_BLOCK where it would wait */
#define SMBKIT_IS_FILTER 0x4u /* absent functions pass through to the next layer; see filter.h */

/* One call's surroundings. Borrowed until the call returns, or until smbkit_complete() when it
 * answered PENDING. */
struct smbkit_op {
    uint32_t struct_size;
    uint32_t flags;                    /* SMBKIT_OP_* */
    const struct smbkit_identity *who; /* never NULL */
    void *core;                        /* the core's own */
};
/* Answer SMBKIT_STATUS_WOULD_BLOCK, having changed nothing, instead of waiting for anything. */
#define SMBKIT_OP_NOWAIT 0x1u
/* The call must not answer PENDING. */
#define SMBKIT_OP_SYNC 0x2u

/* Has the client cancelled the request or gone away? For long calls to ask now and then. Any
 * thread. */
SMBKIT_EXPORT int32_t smbkit_op_is_cancelled(const struct smbkit_op *op);
/* The end of a call that answered SMBKIT_STATUS_PENDING: exactly once, from any thread, also before
 * the call itself has returned. op and every pointer of the call are gone when it returns. */
SMBKIT_EXPORT void smbkit_complete(struct smbkit_op *op, smbkit_status status);

/* The volume as the core sees it: what events are reported to. Lives from volume_open to the end of
 * volume_close. */
struct smbkit_host;
/* Something below the volume changed that no call of the core's did (or, with no watch function,
 * that the plugin wants known). path is the file's; what is SMBKIT_CHANGE_* | SMBKIT_CHANGED_*. Any
 * thread, but not from within a call of the core's that NOWAIT was set for. Wakes change
 * notifications and breaks oplocks. */
SMBKIT_EXPORT void smbkit_changed(struct smbkit_host *host, const char *path, uint32_t what);
/* One line in the server's log, printf-like. level: 0 error, 1 warning, 2 info, 3 debug. */
SMBKIT_EXPORT void smbkit_log(uint32_t level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* key=value arguments of a share. */
struct smbkit_arg {
    const char *key;
    const char *value;
};

struct smbkit_next; /* filters only: the layer below */

struct smbkit_volume_args {
    uint32_t struct_size;
    uint32_t arg_count;
    const struct smbkit_arg *args; /* in the order given; borrowed for the call */
    struct smbkit_host *host;      /* may be kept until volume_close */
    struct smbkit_next *next;      /* filters: may be kept until volume_close; plugins: NULL */
    const char *share_name;
    char *error;         /* on failure: one line that tells the user what to change */
    uint32_t error_size; /* bytes at error, >= 256 */
};

struct smbkit_create {
    uint32_t struct_size;
    uint32_t disposition; /* SMBKIT_OPEN: must exist; SMBKIT_CREATE: must not exist. Nothing else:
                             the core does the rest by way of overwrite */
    const char *path;
    const char *stream;  /* NULL unless SMBKIT_FEATURE_STREAMS */
    uint32_t kind;       /* SMBKIT_KIND_*; ANY only with SMBKIT_OPEN */
    uint32_t access;     /* what the core will use the file for: SMBKIT_READ_DATA, WRITE_DATA, ...
                            already checked and mapped */
    uint32_t attributes; /* CREATE: SMBKIT_ATTR_* of the new file */
    uint32_t flags;      /* SMBKIT_CREATE_* */
    uint64_t alloc_size; /* CREATE: bytes to reserve, 0: none */
    const uint8_t *security; /* CREATE: self-relative descriptor of the new file, or NULL */
    uint32_t security_len_bytes;
    uint32_t ea_len_bytes; /* CREATE: FILE_FULL_EA_INFORMATION list */
    const uint8_t *ea;
};
#define SMBKIT_CREATE_OPEN_REPARSE_POINT                                                           \
    0x1u /* open the reparse point itself, not what it leads to */
#define SMBKIT_CREATE_WRITE_THROUGH 0x2u
#define SMBKIT_CREATE_SEQUENTIAL 0x4u
#define SMBKIT_CREATE_RANDOM 0x8u

/* One entry of a directory. The core copies what it needs during the call. */
struct smbkit_entry {
    uint32_t struct_size;
    uint32_t has_attr; /* attr is filled; else the core asks for it when it is wanted */
    const char *name;  /* one component */
    uint64_t cookie;   /* where to go on after this entry; not 0 */
    struct smbkit_attr attr;
};

struct smbkit_sink {
    uint32_t struct_size;
    uint32_t want_attr; /* 0: names suffice */
    /* 1: go on; 0: full, this entry was NOT taken: return SMBKIT_STATUS_SUCCESS. */
    int32_t (*entry)(struct smbkit_sink *sink, const struct smbkit_entry *entry);
    void *core;
};

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
    uint8_t *buffer;                   /* read: room for length bytes */
    const struct smbkit_segment *segs; /* write: the data, length bytes in all */
    uint32_t seg_count;
    uint32_t reserved;
    void *core;
};
#define SMBKIT_IO_WRITE_THROUGH 0x1u /* durable before the answer */
#define SMBKIT_IO_UNBUFFERED 0x2u

/* Answer a read with the plugin's own memory instead of filling io->buffer: sets done. release(arg)
 * is called once, from any thread, when the bytes have been sent. */
SMBKIT_EXPORT void smbkit_io_give(struct smbkit_io *io, const void *memory, uint32_t length,
                                  void (*release)(void *arg), void *arg);
/* Reserved: answers a read with a piece of a file descriptor (Windows: a HANDLE) that stays open
 * until the file is closed: sets done. No server of ABI version 1 sends from descriptors yet; such
 * a read fails with INTERNAL_ERROR. */
SMBKIT_EXPORT void smbkit_io_fd(struct smbkit_io *io, int64_t fd, uint64_t offset, uint32_t length);

struct smbkit_range {
    uint64_t offset;
    uint64_t length;
};

struct smbkit_plugin {
    /* --- who --- */
    uint32_t struct_size; /* sizeof(struct smbkit_plugin) as the plugin was built */
    uint32_t api_version; /* SMBKIT_API_VERSION as the plugin was built */
    uint32_t thread_model;
    uint32_t flags;
    const char *name;        /* required; [a-z0-9-], as in NAME: on the command line */
    const char *description; /* one line */
    const char *version;     /* of the plugin */
    const char *config_help; /* lines "key=VALUE  what it does", or NULL: takes no arguments */

    /* --- module --- */
    smbkit_status (*load)(void); /* once, before all else; absent: nothing to do */
    void (*unload)(void);

    /* --- volume --- */
    /* Required. Makes *volume_r from the arguments; an unknown key is an error that names it. */
    smbkit_status (*volume_open)(const struct smbkit_volume_args *args, void **volume_r);
    void (*volume_close)(void *volume);
    smbkit_status (*volume_info)(void *volume, struct smbkit_op *op,
                                 struct smbkit_volume_info *info);

    /* --- names --- */
    /* Required. *file_r is set only on success. attr is filled. OBJECT_NAME_NOT_FOUND: the last
     * component is missing; OBJECT_PATH_NOT_FOUND: one before it is missing or no directory;
     * FILE_IS_A_DIRECTORY, NOT_A_DIRECTORY: not of the kind; OBJECT_NAME_COLLISION: CREATE and it
     * exists. No side effect with SMBKIT_OPEN. */
    smbkit_status (*create)(void *volume, struct smbkit_op *op, const struct smbkit_create *how,
                            void **file_r, struct smbkit_attr *attr);
    /* Required. Also after remove. Must not fail; not called with NOWAIT, and expected to be short.
     */
    void (*close)(void *volume, struct smbkit_op *op, void *file);
    /* Attributes by path; absent: create, then close. */
    smbkit_status (*lookup)(void *volume, struct smbkit_op *op, const char *path,
                            struct smbkit_attr *attr);
    /* Required. Entries after cookie (0: from the start), in an order that stays the same while the
     * directory is open; entries added meanwhile may or may not show, the others show exactly once.
     * Without "." and "..". */
    smbkit_status (*enumerate)(void *volume, struct smbkit_op *op, void *file, uint64_t cookie,
                               struct smbkit_sink *sink);
    /* The path of an open file as the volume spells it, terminated, into cap bytes. For volumes
     * that ignore case or change names by themselves; absent: as it was opened. */
    smbkit_status (*get_path)(void *volume, struct smbkit_op *op, void *file, char *buf,
                              uint32_t cap);
    /* Move to new_path; replace: an existing file (never a directory) there goes. The core has
     * checked that it may. Absent: refused. */
    smbkit_status (*rename)(void *volume, struct smbkit_op *op, void *file, const char *new_path,
                            uint32_t replace);
    smbkit_status (*link)(void *volume, struct smbkit_op *op, void *file, const char *new_path,
                          uint32_t replace);
    /* Take the name away that the file was opened by (or renamed to); close follows.
     * DIRECTORY_NOT_EMPTY where it applies. */
    smbkit_status (*remove)(void *volume, struct smbkit_op *op, void *file);

    /* --- attributes --- */
    smbkit_status (*getattr)(void *volume, struct smbkit_op *op, void *file,
                             struct smbkit_attr *attr); /* required */
    /* mask: SMBKIT_SET_*. A time given is to be kept exactly. Absent: ACCESS_DENIED. */
    smbkit_status (*setattr)(void *volume, struct smbkit_op *op, void *file, uint32_t mask,
                             const struct smbkit_attr *attr);
    /* Self-relative descriptor into cap bytes; *needed_bytes always set; BUFFER_TOO_SMALL.
     * NOT_FOUND: none kept for this file, the core makes one. Absent: as NOT_FOUND. */
    smbkit_status (*get_security)(void *volume, struct smbkit_op *op, void *file, uint8_t *buf,
                                  uint32_t cap, uint32_t *needed_bytes);
    smbkit_status (*set_security)(void *volume, struct smbkit_op *op, void *file,
                                  const uint8_t *security, uint32_t len_bytes);

    /* --- data --- */
    smbkit_status (*read)(void *volume, struct smbkit_op *op, void *file,
                          struct smbkit_io *io); /* required */
    smbkit_status (*write)(void *volume, struct smbkit_op *op, void *file,
                           struct smbkit_io *io); /* absent: read-only volume */
    /* Everything acknowledged on this file is durable when it returns. Absent: success, no
     * durability promised. */
    smbkit_status (*flush)(void *volume, struct smbkit_op *op, void *file);
    smbkit_status (*set_size)(void *volume, struct smbkit_op *op, void *file, uint64_t size);
    /* Empty the data for an overwriting create: size 0, alloc_size bytes reserved, attributes
     * replaced, EAs and streams dropped. Absent: set_size, then setattr. */
    smbkit_status (*overwrite)(void *volume, struct smbkit_op *op, void *file, uint32_t attributes,
                               uint64_t alloc_size, struct smbkit_attr *attr);
    /* Reserve alloc_size bytes; never changes the size upwards. Absent: DISK_FULL is checked
     * against volume_info, nothing reserved. */
    smbkit_status (*allocate)(void *volume, struct smbkit_op *op, void *file, uint64_t alloc_size);
    smbkit_status (*zero_range)(void *volume, struct smbkit_op *op, void *file, uint64_t offset,
                                uint64_t length); /* absent: zeroes are written */
    /* Allocated ranges within [offset, offset+length), ascending; *count_r in: room, out: filled;
     * BUFFER_OVERFLOW: there are more. Absent: one range. */
    smbkit_status (*ranges)(void *volume, struct smbkit_op *op, void *file, uint64_t offset,
                            uint64_t length, struct smbkit_range *out, uint32_t *count_r);

    /* --- events --- */
    /* Start (on = 1) or stop reporting changes below the directory file. Absent: the plugin reports
     * always or never. */
    smbkit_status (*watch)(void *volume, struct smbkit_op *op, void *file, uint32_t on);
};

/* Defines the one symbol of a plugin: SMBKIT_REGISTER(my_plugin) at the end of the file, my_plugin
 * being a const struct smbkit_plugin. Linked in statically (SMBKIT_STATIC_NAME set by the build),
 * the symbol carries the name. */
#ifdef SMBKIT_STATIC_NAME
#define SMBKIT_CAT_(a, b) a##b
#define SMBKIT_CAT(a, b) SMBKIT_CAT_(a, b)
#define SMBKIT_INIT_SYMBOL SMBKIT_CAT(smbkit_static_, SMBKIT_STATIC_NAME)
#else
#define SMBKIT_INIT_SYMBOL smbkit_plugin_init
#endif
#define SMBKIT_REGISTER(plugin)                                                                    \
    SMBKIT_EXPORT const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(void);                            \
    const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(void)                                           \
    {                                                                                              \
        return &(plugin);                                                                          \
    }

#ifdef __cplusplus
}
#endif
