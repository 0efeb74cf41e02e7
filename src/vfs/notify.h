/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches which directory of a volume, and what they have to be told.
 * [MS-FSA] 2.1.4.1, 2.1.5.11; [MS-SMB2] 2.2.35. The caller holds the volume's notify lock for every
 * call. */
#pragma once

#include "base/hash.h"
#include "base/list.h"

/* FILE_ACTION_*, [MS-FSCC] 2.7.1 */
#define NOTIFY_ADDED 1u
#define NOTIFY_REMOVED 2u
#define NOTIFY_MODIFIED 3u
#define NOTIFY_RENAMED_OLD 4u
#define NOTIFY_RENAMED_NEW 5u
#define NOTIFY_ADDED_STREAM 6u
#define NOTIFY_REMOVED_STREAM 7u
#define NOTIFY_MODIFIED_STREAM 8u

/* FILE_NOTIFY_CHANGE_*, [MS-SMB2] 2.2.35; SMBKIT_CHANGED_* >> 8 */
#define NOTIFY_CHANGE_FILE_NAME 0x001u
#define NOTIFY_CHANGE_DIR_NAME 0x002u
#define NOTIFY_CHANGE_ATTRIBUTES 0x004u
#define NOTIFY_CHANGE_SIZE 0x008u
#define NOTIFY_CHANGE_LAST_WRITE 0x010u
#define NOTIFY_CHANGE_LAST_ACCESS 0x020u
#define NOTIFY_CHANGE_CREATION 0x040u
#define NOTIFY_CHANGE_EA 0x080u
#define NOTIFY_CHANGE_SECURITY 0x100u
#define NOTIFY_CHANGE_STREAM_NAME 0x200u
#define NOTIFY_CHANGE_STREAM_SIZE 0x400u
#define NOTIFY_CHANGES_DATA (NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE)
#define NOTIFY_CHANGE_STREAM_WRITE 0x800u

#define NOTIFY_QUEUE_BYTES_MAX                                                                     \
    1048576u /* a watcher's own bound is cut to this; the largest transact size is 8 MiB */

/* Events in the order they happened; taken from a watch, then owned by the taker. All zero: empty.
 */
struct notify_queue {
    uint8_t *buf; /* owned: uint32 action, name, NUL, without padding, one after the other */
    size_t len;
    size_t cap;
    size_t last;           /* where the last event starts; len when there is none */
    size_t wire_bytes;     /* as FILE_NOTIFY_INFORMATION entries, [MS-FSCC] 2.7.1 */
    bool overflow;         /* too many: the events are gone */
    struct budget *budget; /* cap is charged to it; NULL: to none */
};
/* Walk: *at starts at 0. false at the end. *name is borrowed from the queue. */
bool notify_queue_next(const struct notify_queue *q, size_t *at, uint32_t *action_r,
                       const char **name_r);
static inline bool notify_queue_is_empty(const struct notify_queue *q)
{
    return q->len == 0 && !q->overflow;
}
void notify_queue_fini(struct notify_queue *q);

struct notify_dir;

/* In the open's memory. */
struct notify_watch {
    struct list link; /* in its directory; empty: not added */
    struct list
        touched_link; /* in the list that notify_report gave, until the caller takes it out */
    struct notify_dir *dir;
    uint32_t filter; /* NOTIFY_CHANGE_* */
    bool tree;
    size_t max_bytes; /* the caller may change it at any time */
    struct notify_queue queue;
};

struct notify_registry {
    struct hash_table dirs; /* by folded path */
    uint64_t seed;
    size_t watch_count;
    size_t tree_count;
};

struct notify_change {
    const char *path; /* of what changed: volume-relative; with ":stream" behind it for the STREAM
                         actions */
    uint32_t action;  /* NOTIFY_ADDED ... */
    uint32_t filter;  /* NOTIFY_CHANGE_*: a watch that has any of them is told */
    const char *new_path; /* NOTIFY_RENAMED_OLD: where it went; else NULL */
};

void notify_registry_init(struct notify_registry *r, uint64_t seed);
void notify_registry_fini(struct notify_registry *r); /* no watch left */
void notify_watch_init(struct notify_watch *w);
void notify_watch_fini(struct notify_watch *w); /* removed before; frees the queue */
/* Watch dir_path with w->filter, w->tree, w->max_bytes as set by the caller. NO_MEMORY. */
NODISCARD smbkit_status notify_watch_add(struct notify_registry *r, struct notify_watch *w,
                                         const char *dir_path);
void notify_watch_remove(struct notify_registry *r, struct notify_watch *w); /* harmless twice */
/* Move the queue out; the watch's is empty afterwards. */
void notify_watch_take(struct notify_watch *w, struct notify_queue *out);

/* Nobody watches anything? */
static inline bool notify_is_idle(const struct notify_registry *r)
{
    return r->watch_count == 0;
}
/* Append the change to every watch it concerns: on the parent, and tree watches above. Those whose
 * queue got something are appended to touched (by touched_link; the caller list_init's it before
 * and pops each to wake). A rename within one directory is OLD and NEW side by side; across
 * directories REMOVED and ADDED, [MS-FSA] 2.1.5.15.11. Without memory a queue overflows. Cost:
 * O(depth). */
void notify_report(struct notify_registry *r, const struct notify_change *c, struct list *touched);
/* Tell every watch at or below path that events were lost. */
void notify_overflow_below(struct notify_registry *r, const char *path, struct list *touched);
/* The directory of a watch that was added is at new_path now. NO_MEMORY: it stays. */
NODISCARD smbkit_status notify_watch_move(struct notify_registry *r, struct notify_watch *w,
                                          const char *new_path);
