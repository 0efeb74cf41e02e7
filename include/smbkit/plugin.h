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
 * Every operation that is not marked "required" in ops.h may be NULL.
 *
 * Paths are UTF-8, '/'-separated, relative to the volume ("" is its root), without ".", ".." or
 * empty components. A stream name is apart; NULL means the file's own data.
 *
 * Results are NTSTATUS; smbkit_status_from_errno() makes one of an errno. Any operation may answer
 * SMBKIT_STATUS_PENDING unless the op says SMBKIT_OP_SYNC, and call smbkit_complete() later. */
#pragma once

#include <smbkit/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMBKIT_API_VERSION 1u

/* thread_model: which calls the core keeps apart */
#define SMBKIT_SERIALIZE_ALL 0u  /* one call at a time in a volume */
#define SMBKIT_SERIALIZE_FILE 1u /* one call at a time on a file; others in parallel */
#define SMBKIT_PARALLEL 2u       /* any number at any time */

/* flags of a plugin */
#define SMBKIT_IS_FILTER 0x4u /* absent functions pass through to the next layer; see filter.h */
#define SMBKIT_SEES_SEGMENTS                                                                       \
    0x8u /* filters: looks at io->segs after a read of the layer below; otherwise what that layer  \
            gave is in io->buffer when the call returns */

#define SMBKIT_SEES_PENDING                                                                        \
    0x10u /* filters: hands SMBKIT_STATUS_PENDING of the layer below up, or uses smbkit_child();   \
             otherwise the core waits, so that smbkit_next_* never answers PENDING */

/* One call's surroundings. Borrowed until the call returns, or until smbkit_complete() when it
 * answered PENDING. */
struct smbkit_op {
    uint32_t struct_size;
    uint32_t flags;                    /* SMBKIT_OP_* */
    const struct smbkit_identity *who; /* never NULL */
    void *plugin;                      /* the plugin's own, NULL at first */
    void *core;                        /* the core's own */
};
/* Answer SMBKIT_STATUS_WOULD_BLOCK, having changed nothing, instead of waiting for anything. */
#define SMBKIT_OP_NOWAIT 0x1u
/* The call must not answer PENDING. */
#define SMBKIT_OP_SYNC 0x2u
/* Should it answer PENDING, a thread of the server waits for that where the call was made, and
 * nobody cancels it: what a close has left to do, copies on the server, look-ups of the core's own.
 * For filters that hold calls back for long. */
#define SMBKIT_OP_AWAITED 0x4u

/* key=value arguments of a share. */
struct smbkit_arg {
    const char *key;
    const char *value;
};

struct smbkit_volume_args {
    uint32_t struct_size;
    uint32_t arg_count;
    const struct smbkit_arg *args; /* in the order given; borrowed for the call */
    struct smbkit_host *host;      /* may be kept until volume_close */
    struct smbkit_next *next;      /* filters: may be kept until volume_close; plugins: NULL */
    const char *share_name;
    char *error;         /* on failure: one line that tells the user what to change */
    uint32_t error_size; /* bytes at error, >= 256 */
    uint32_t features;   /* out: SMBKIT_FEATURE_*; a filter finds those of the layer below */
    /* Room for where the volume lies, as an absolute path of the host with '/' between components
     * and none at the end: volumes that lie in each other tell each other of their changes. Left
     * empty: nowhere. A filter finds what the layer below said, and empties it if its names differ.
     */
    char *location;
    uint32_t location_size;
    uint32_t reserved;
};

/* What a volume_open understands: a row for each key, the last one with key NULL. The value goes to
 * a member of a struct of the plugin's own, whose type the kind tells. */
struct smbkit_param {
    const char *key;
    uint32_t kind;            /* SMBKIT_PARAM_TEXT ... SMBKIT_PARAM_CHOICE */
    uint32_t offset;          /* bytes: offsetof(struct mine, member) */
    uint64_t min;             /* the least number; for text, of bytes */
    uint64_t max;             /* the greatest; 0: no bound */
    const char *const *words; /* of SMBKIT_PARAM_CHOICE, the last one NULL */
    uint32_t flags;           /* SMBKIT_PARAM_REQUIRED */
    uint32_t reserved;
};
#define SMBKIT_PARAM_TEXT 0u   /* const char *, borrowed for the call */
#define SMBKIT_PARAM_FLAG 1u   /* uint32_t: yes is 1, no is 0 */
#define SMBKIT_PARAM_NUMBER 2u /* uint64_t */
#define SMBKIT_PARAM_SIZE 3u   /* uint64_t, with units: 500, 64K, 20M, 1G, 2T */
#define SMBKIT_PARAM_MS 4u     /* uint64_t, milliseconds: 250, 250ms, 2s, 5m, 1h */
#define SMBKIT_PARAM_CHOICE 5u /* uint32_t: which one of words, upper and lower case alike */
#define SMBKIT_PARAM_REQUIRED 0x1u

/* All arguments into *values, which holds the defaults before. Of a key that is given twice the
 * last one counts. params NULL: the plugin takes none (values may be NULL then). On failure
 * args->error says what is wrong, what was probably meant, and what can be said; or what slip of
 * the table the server saw: a kind that it does not know, an offset that is no multiple of
 * 4, beyond 64 KiB or within another row's member. It is not told the size of *values. */
static inline smbkit_status smbkit_args_take(const struct smbkit_volume_args *args,
                                             const struct smbkit_param *params, void *values)
{
    return smbkit_api->args_take(args, params, (uint32_t)sizeof(*params), values);
}
/* One argument, where their order says something: the index of its row. Negative: as above. */
static inline int32_t smbkit_arg_take(const struct smbkit_volume_args *args, uint32_t index,
                                      const struct smbkit_param *params, void *values)
{
    return smbkit_api->arg_take(args, index, params, (uint32_t)sizeof(*params), values);
}

struct smbkit_plugin {
    /* --- who --- */
    uint32_t struct_size; /* sizeof(struct smbkit_plugin) as the plugin was built */
    uint32_t api_version; /* plugins: SMBKIT_API_VERSION as the plugin was built; filters:
                             SMBKIT_FILTER_VERSION of filter.h, which must be the server's own */
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
    /* Required. Makes *volume_r from the arguments: smbkit_args_take() */
    smbkit_status (*volume_open)(struct smbkit_volume_args *args, void **volume_r);
    void (*volume_close)(void *volume);

    /* --- files --- */
    /* Required. Also after remove. Must not fail; not called with NOWAIT, and expected to be short:
     * what may take long or fail belongs into commit. */
    void (*close)(void *volume, struct smbkit_op *op, void *file);
    /* Filters with files of their own: the file of the layer below that one stands on. Absent: the
     * files are those of the layer below. By it the operations that the filter lacks pass through.
     */
    void *(*file_below)(void *volume, void *file);

    /* --- operations: SMBKIT_OPERATIONS in ops.h tells what each does --- */
#define SMBKIT_MEMBER_(kind, name, type)                                                           \
    smbkit_status (*name)(void *volume, struct smbkit_op *op, SMBKIT_FILE_PARAM_##kind type *a);
    SMBKIT_OPERATIONS(SMBKIT_MEMBER_)
#undef SMBKIT_MEMBER_
};

/* Defines the symbols of a plugin: SMBKIT_REGISTER(my_plugin) at the end of one file, my_plugin
 * being a const struct smbkit_plugin. */
#ifdef SMBKIT_STATIC_NAME
#define SMBKIT_INIT_SYMBOL SMBKIT_CAT(smbkit_static_, SMBKIT_STATIC_NAME)
#else
#define SMBKIT_INIT_SYMBOL smbkit_plugin_init
#endif
#ifdef __cplusplus
#define SMBKIT_EXTERN_C extern "C"
#define SMBKIT_API_DEFINITION                                                                      \
    extern "C" {                                                                                   \
    SMBKIT_HIDDEN const struct smbkit_host_table *smbkit_api = nullptr;                            \
    }
#else
#define SMBKIT_EXTERN_C
#define SMBKIT_API_DEFINITION SMBKIT_HIDDEN const struct smbkit_host_table *smbkit_api;
#endif
#define SMBKIT_REGISTER(plugin)                                                                    \
    SMBKIT_API_DEFINITION                                                                          \
    SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(                  \
        const struct smbkit_host_table *api);                                                      \
    SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *SMBKIT_INIT_SYMBOL(                  \
        const struct smbkit_host_table *api)                                                       \
    {                                                                                              \
        smbkit_api = api;                                                                          \
        return &(plugin);                                                                          \
    }

#ifdef __cplusplus
}
#endif
