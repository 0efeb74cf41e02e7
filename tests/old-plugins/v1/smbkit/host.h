/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin may call: a table of functions that the server hands over when it loads the plugin,
 * never imported symbols. The functions below it are how one calls them. Unless it says otherwise a
 * function may be called from any thread, also from within an operation. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include <smbkit/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The volume as the core sees it. Lives from volume_open to the end of volume_close. */
struct smbkit_host;
struct smbkit_next;  /* filters: the layer below */
struct smbkit_timer; /* of smbkit_timer_new */
struct smbkit_fd_watch;
struct smbkit_volume_args; /* plugin.h has these two, and the functions for them */
struct smbkit_param;
struct smbkit_tree_table; /* tree.h */

/* Something below the volume changed. */
struct smbkit_event {
    uint32_t struct_size;
    uint32_t what;        /* SMBKIT_CHANGE_* | SMBKIT_CHANGED_* */
    const char *path;     /* the file's; for SMBKIT_CHANGE_OVERFLOW a directory, "" the root; NULL:
                             not known, the core looks whether that file_id is open */
    const char *stream;   /* NULL: the file itself */
    const char *new_path; /* SMBKIT_CHANGE_RENAMED_FROM: where it is now, if that is known; the core
                             tells both names. Else NULL */
    uint64_t file_id;     /* as its attributes tell it; 0: not known */
    uint64_t file_id_high;
    uint64_t client_id; /* who caused it: op->who->client_id, whose own caching is spared; 0:
                           somebody outside */
    uint32_t flags;     /* SMBKIT_EVENT_* */
    uint32_t reserved;
    uint64_t file_domain; /* of file_id, as the attributes tell it; 0: this volume */
};
#define SMBKIT_EVENT_DATA 0x1u /* the content changed */
#define SMBKIT_EVENT_METADATA                                                                      \
    0x2u /* attributes, times, security. Neither bit: what SMBKIT_CHANGED_*                        \
            says, both if none of them is set */
#define SMBKIT_EVENT_NAME_ONLY                                                                     \
    0x4u /* for what the core knows of names alone: it may be a change of the core's own, and      \
            nobody else is told. Also from within a call with NOWAIT */
#define SMBKIT_EVENT_QUIET                                                                         \
    0x8u /* caching is broken, and those that wait for changes are told nothing */

/* Administration, for plugins to which the configuration grants it. */
struct smbkit_admin {
    uint32_t struct_size;
    uint32_t version; /* 1 */
    void *core;
    /* The state of the server as a JSON list: what is "sessions" or "opens" (as in `smbkit status
     * --json`), "counters" (an object), "shares" or "log" (its last lines). *text is freed by
     * release. NOT_FOUND: another word. It may call the volume's operations, and takes as long as
     * there are many. */
    smbkit_status (*query)(const struct smbkit_admin *a, const char *what, char **text);
    void (*release)(const struct smbkit_admin *a, char *text);
    /* An action of the control socket, in its words: {"command":"end session","session":"0x..."} or
     * "ping"; its answer, terminated. Not from a timer or a watch, nor with NOWAIT. */
    smbkit_status (*act)(const struct smbkit_admin *a, const char *command,
                         struct smbkit_buffer *answer);
};

/* Another volume that a filter keeps beside the layer below. Members above "out" are the filter's
 * to fill. */
struct smbkit_mount {
    uint32_t struct_size;
    uint32_t flags;   /* 0 */
    const char *spec; /* a plugin and its arguments, as on the command line: "dir:path=/srv/x" */
    /* What changed there, by paths of its own; NULL: not wanted. From any thread, until smbkit_mount_close has
     * returned. */
    void (*event)(void *arg, const struct smbkit_event *event);
    void *arg;
    /* out */
    struct smbkit_next *next; /* for smbkit_next_*, until smbkit_mount_close */
    uint32_t features;        /* SMBKIT_FEATURE_* that it says of itself */
    uint32_t reserved;
};

struct smbkit_host_table {
    uint32_t struct_size;
    uint32_t version; /* SMBKIT_API_VERSION of the server */
    void (*complete)(struct smbkit_op *op, smbkit_status status);
    int32_t (*is_cancelled)(const struct smbkit_op *op);
    smbkit_status (*on_cancel)(struct smbkit_op *op, void (*fn)(void *arg), void *arg);
    struct smbkit_op *(*child)(struct smbkit_op *parent,
                               void (*done)(void *arg, smbkit_status status), void *arg);
    smbkit_status (*next)(struct smbkit_next *next, uint32_t id, struct smbkit_op *op, void *file,
                          void *args);
    void (*next_close)(struct smbkit_next *next, struct smbkit_op *op, void *file);
    uint8_t *(*io_buffer)(struct smbkit_io *io);
    smbkit_status (*io_give)(struct smbkit_io *io, const struct smbkit_segment *seg,
                             void (*release)(void *arg), void *arg);
    smbkit_status (*io_keep)(struct smbkit_io *io, uint32_t index, void (**release_r)(void *arg),
                             void **arg_r);
    void (*event)(struct smbkit_host *host, const struct smbkit_event *event);
    smbkit_status (*cache_break)(struct smbkit_host *host, uint64_t key, uint32_t state);
    void (*log)(uint32_t level, const char *fmt, va_list args);
    smbkit_status (*status_from_errno)(int err);
    const char *(*status_name)(smbkit_status status);
    struct smbkit_timer *(*timer_new)(struct smbkit_host *host, void (*fn)(void *arg), void *arg);
    void (*timer_set)(struct smbkit_timer *timer, uint64_t ms);
    void (*timer_free)(struct smbkit_timer *timer);
    struct smbkit_fd_watch *(*fd_watch_new)(struct smbkit_host *host, int64_t fd,
                                            void (*fn)(void *arg, uint32_t ready), void *arg);
    void (*fd_watch_set)(struct smbkit_fd_watch *watch, uint32_t wanted);
    void (*fd_watch_free)(struct smbkit_fd_watch *watch);
    smbkit_status (*run)(struct smbkit_host *host, void (*fn)(void *arg), void *arg);
    const struct smbkit_admin *(*admin)(struct smbkit_host *host);
    int32_t (*arg_take)(const struct smbkit_volume_args *args, uint32_t index,
                        const struct smbkit_param *params, uint32_t param_size, void *values);
    smbkit_status (*args_take)(const struct smbkit_volume_args *args,
                               const struct smbkit_param *params, uint32_t param_size,
                               void *values);
    const char *(*quote)(const char *text, char *buf, uint32_t size);
    const struct smbkit_tree_table *tree; /* never NULL */
    uint32_t (*upcase)(uint32_t character);
    smbkit_status (*mount)(const struct smbkit_volume_args *args, struct smbkit_mount *m);
    void (*unmount)(struct smbkit_next *next);
};

#ifndef SMBKIT_CAT
#define SMBKIT_CAT_(a, b) a##b
#define SMBKIT_CAT(a, b) SMBKIT_CAT_(a, b)
#endif
/* Linked in statically (SMBKIT_STATIC_NAME set by the build), each plugin has its own. */
#ifdef SMBKIT_STATIC_NAME
#define smbkit_api SMBKIT_CAT(smbkit_api_, SMBKIT_STATIC_NAME)
#endif
/* The table. Defined by SMBKIT_REGISTER; there before anything else of the plugin is called. */
extern SMBKIT_HIDDEN const struct smbkit_host_table *smbkit_api;

/* Has the client cancelled the request or gone away? For long calls to ask now and then. */
static inline int32_t smbkit_op_is_cancelled(const struct smbkit_op *op)
{
    return smbkit_api->is_cancelled(op);
}

/* The end of a call that answered SMBKIT_STATUS_PENDING: exactly once, also before the call itself
 * has returned. op and every pointer of the call are gone when it returns. A second one is logged
 * and does nothing. */
static inline void smbkit_complete(struct smbkit_op *op, smbkit_status status)
{
    smbkit_api->complete(op, status);
}

/* Have fn(arg) called, once, when the client gives the request up while it is pending; it may call
 * smbkit_complete. It is not called after smbkit_complete, and smbkit_complete waits for one that
 * runs in another thread. CANCELLED: that has happened already, fn is not called. One for an op: a
 * later call replaces it, fn NULL takes it away. */
static inline smbkit_status smbkit_on_cancel(struct smbkit_op *op, void (*fn)(void *arg), void *arg)
{
    return smbkit_api->on_cancel(op, fn, arg);
}

/* For filters: an op of one's own to pass down, whose completion one sees. When the call that gets
 * it answers PENDING, done(arg, status) is called once, later and from any thread; when it answers
 * anything else, done is not called. Either way the child is over then. The parent must not be
 * completed before its children. NULL: no memory. */
static inline struct smbkit_op *
smbkit_child(struct smbkit_op *parent, void (*done)(void *arg, smbkit_status status), void *arg)
{
    return smbkit_api->child(parent, done, arg);
}

/* Room for io->length bytes at io->buffer. NULL: no memory. */
static inline uint8_t *smbkit_io_buffer(struct smbkit_io *io)
{
    return smbkit_api->io_buffer(io);
}

#define SMBKIT_IO_GIVE_MAX 16 /* pieces of one read */
/* Answer a read, or the next piece of it, with the plugin's own memory: adds to io->done.
 * release(arg) is called once, from any thread, when the bytes have been sent; also when the read
 * fails. INVALID_PARAMETER, with a line in the log and release called: more than was asked for, or
 * more than SMBKIT_IO_GIVE_MAX pieces. */
static inline smbkit_status smbkit_io_give(struct smbkit_io *io, const void *memory,
                                           uint32_t length, void (*release)(void *arg), void *arg)
{
    struct smbkit_segment seg;
    seg.base = (const uint8_t *)memory;
    seg.len = length;
    return smbkit_api->io_give(io, &seg, release, arg);
}

/* Take over segment index of a write instead of copying it: it stays as it is until the plugin
 * calls
 * (*release_r)(*arg_r), once, from any thread. NOT_SUPPORTED: this one cannot be kept, copy it. */
static inline smbkit_status smbkit_io_keep(struct smbkit_io *io, uint32_t index,
                                           void (**release_r)(void *arg), void **arg_r)
{
    return smbkit_api->io_keep(io, index, release_r, arg_r);
}

/* Something changed that no call of the core's did (or, with no watch function, that the plugin
 * wants known): wakes change notifications and breaks the caching of clients. Not from within a
 * call that NOWAIT was set for. */
static inline void smbkit_tell(struct smbkit_host *host, const struct smbkit_event *event)
{
    smbkit_api->event(host, event);
}
static inline void smbkit_changed(struct smbkit_host *host, const char *path, uint32_t what)
{
    struct smbkit_event event = {
        sizeof(struct smbkit_event), what, path, NULL, NULL, 0, 0, 0, 0, 0, 0};
    smbkit_api->event(host, &event);
}

/* Clients must give up caching down to state (SMBKIT_CACHE_*); cache_ack follows. NOT_FOUND: nobody
 * caches by that key any more. */
static inline smbkit_status smbkit_cache_break(struct smbkit_host *host, uint64_t key,
                                               uint32_t state)
{
    return smbkit_api->cache_break(host, key, state);
}

#if defined(__GNUC__) || defined(__clang__)
#define SMBKIT_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define SMBKIT_PRINTF(format_at, args_at)
#endif
/* One line in the server's log, printf-like. level: 0 error, 1 warning, 2 info, 3 debug, 4 trace.
 */
static inline void smbkit_log(uint32_t level, const char *fmt, ...) SMBKIT_PRINTF(2, 3);
static inline void smbkit_log(uint32_t level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    smbkit_api->log(level, fmt, args);
    va_end(args);
}

/* A name that others gave, for a line of the log: between double quotes in buf, as the server
 * writes its own, so that it ends no line and no field and steers no terminal; cut to size bytes
 * with its end, and then ending in "...". text NULL is "". Use what it returns: buf, or a constant
 * where size is below 6. */
static inline const char *smbkit_quote(const char *text, char *buf, uint32_t size)
{
    return smbkit_api->quote(text, buf, size);
}

/* A timer of the volume: fn(arg) on a thread of the server, which it must not block. None fires
 * once volume_close has begun: free it there at the latest. NULL: no memory, the volume closes, or
 * there are no timers (smbkit check, a test program). */
static inline struct smbkit_timer *smbkit_timer_new(struct smbkit_host *host, void (*fn)(void *arg),
                                                    void *arg)
{
    return smbkit_api->timer_new(host, fn, arg);
}
/* Once, in ms milliseconds; replaces what was set before. UINT64_MAX: not at all. */
static inline void smbkit_timer_set(struct smbkit_timer *timer, uint64_t ms)
{
    smbkit_api->timer_set(timer, ms);
}
/* fn is not running and will not be called any more when it returns, unless fn itself calls it. */
static inline void smbkit_timer_free(struct smbkit_timer *timer)
{
    smbkit_api->timer_free(timer);
}

#define SMBKIT_FD_READABLE 0x1u
#define SMBKIT_FD_WRITABLE 0x2u
#define SMBKIT_FD_ERROR 0x4u
/* Have fn(arg, what is ready) called on a thread of the server, which it must not block, as long as
 * the descriptor (Windows: a SOCKET) is ready for what fd_watch_set wants; SMBKIT_FD_ERROR, an
 * error or the other side's end, is told whatever is wanted. Otherwise as smbkit_timer_new. */
static inline struct smbkit_fd_watch *smbkit_fd_watch_new(struct smbkit_host *host, int64_t fd,
                                                          void (*fn)(void *arg, uint32_t ready),
                                                          void *arg)
{
    return smbkit_api->fd_watch_new(host, fd, fn, arg);
}
/* wanted: SMBKIT_FD_READABLE | SMBKIT_FD_WRITABLE; 0: nothing for now, not even errors. What was
 * wanted before may be told once more. At first nothing is wanted. */
static inline void smbkit_fd_watch_set(struct smbkit_fd_watch *watch, uint32_t wanted)
{
    smbkit_api->fd_watch_set(watch, wanted);
}
/* As smbkit_timer_free. Before the descriptor is closed. */
static inline void smbkit_fd_watch_free(struct smbkit_fd_watch *watch)
{
    smbkit_api->fd_watch_free(watch);
}

/* Run fn(arg) on a worker thread, where it may block: one of those that this volume may have. The
 * volume is not closed before it has returned. NOT_SUPPORTED: there are none, or the volume closes.
 */
static inline smbkit_status smbkit_run(struct smbkit_host *host, void (*fn)(void *arg), void *arg)
{
    return smbkit_api->run(host, fn, arg);
}

/* NULL: the configuration does not grant it to this share ("plugin may administer"). */
static inline const struct smbkit_admin *smbkit_admin_get(struct smbkit_host *host)
{
    return smbkit_api->admin(host);
}

/* The capital of a character of Unicode, as names are compared without regard to case: the same for
 * every plugin and in any locale. Of what has none, itself. */
static inline uint32_t smbkit_upcase(uint32_t character)
{
    return smbkit_api->upcase(character);
}

/* For filters, within volume_open: open another volume beside the layer below. Its plugin is called
 * by smbkit_next_* with m->next, as the layer below is: names without regard to case, access and
 * read-only are the filter's to see to there. It shares the timers, workers and administration of
 * the filter's volume. On failure args->error says why. NOT_SUPPORTED: this program knows no other
 * plugins. */
static inline smbkit_status smbkit_mount_open(const struct smbkit_volume_args *args,
                                         struct smbkit_mount *m)
{
    return smbkit_api->mount(args, m);
}
/* Close it, within volume_close, or within the volume_open that failed after it; every file of it
 * is closed. */
static inline void smbkit_mount_close(struct smbkit_next *next)
{
    smbkit_api->unmount(next);
}

#define smbkit_status_from_errno(err) (smbkit_api->status_from_errno(err))
#define smbkit_status_name(status) (smbkit_api->status_name(status))

#ifdef __cplusplus
}
#endif
