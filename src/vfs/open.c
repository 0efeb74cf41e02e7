/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/core.h"
#include "vfs/path.h"

struct vfs_open *open_new(struct vfs_volume *v, struct vfs_node *n)
{
    struct vfs_open *o = mem_zalloc(sizeof(*o));
    if (!o) {
        return NULL;
    }
    refcount_init(&o->refs);
    o->volume = v;
    o->node = n;
    mutex_init(&o->lock);
    mutex_init(&o->serial);
    list_init(&o->node_link);
    list_init(&o->close_waiters);
    list_init(&o->dir_waiters);
    list_init(&o->notify_turns);
    list_init(&o->notify_waiters);
    brlock_owner_init(&o->locks);
    list_init(&o->lock_waits);
    oplock_holder_init(&o->oplock, OPLOCK_OF_OPEN);
    o->holder = &o->oplock;
    notify_watch_init(&o->watch);
    return o;
}

struct vfs_open *vfs_open_ref(struct vfs_open *o)
{
    refcount_get(&o->refs);
    return o;
}

/* What has its place, whose reference goes with it. */
static struct vfs_open *open_free(struct vfs_open *o)
{
    struct vfs_open *successor = o->successor;
    struct wait_domain *waits = o->node->waits;
    wait_wake_all(waits, &o->close_waiters);
    wait_wake_all(waits, &o->dir_waiters);
    wait_wake_all(waits, &o->notify_waiters);
    notify_watch_fini(&o->watch);
    mem_free(o->dir.pattern);
    mem_free(o->cache_grant);
    mutex_fini(&o->serial);
    mutex_fini(&o->lock);
    if (o->lease) {
        o->lease->ops->unref(o->lease);
    }
    node_put(o->node);
    vfs_volume_unref(o->volume);
    mem_free(o);
    return successor;
}

/* Not by recursion: a request that waits may have seen many replacements. */
void vfs_open_unref(struct vfs_open *o)
{
    while (o && refcount_put(&o->refs)) {
        o = open_free(o);
    }
}

smbkit_status open_begin(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (o->state > OPEN_LIVE) {
        return SMBKIT_STATUS_FILE_CLOSED;
    }
    o->in_flight++;
    return SMBKIT_STATUS_SUCCESS;
}

bool open_begin_found(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    bool is_live = o->state == OPEN_LIVE;
    o->in_flight += is_live ? 1 : 0;
    return is_live;
}

void open_made(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    o->state = OPEN_LIVE;
}

void open_end(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    ASSERT(o->in_flight > 0);
    o->in_flight--;
    if (o->in_flight == 0 && o->state == OPEN_CLOSING) {
        wait_wake_all(o->node->waits, &o->close_waiters);
    }
}

void open_hold(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    ASSERT(o->in_flight > 0);
    o->in_flight++;
}

char *vfs_open_path_known(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->name ? node_name_path(o->name) : NULL;
}

uint32_t vfs_open_lock_count(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->locks.count;
}

bool vfs_open_is_directory(const struct vfs_open *o)
{
    return o->is_directory;
}

uint32_t vfs_open_granted_access(const struct vfs_open *o)
{
    return o->granted_access;
}

bool vfs_open_is_same_file(const struct vfs_open *a, const struct vfs_open *b)
{
    return a->node == b->node && a->snapshot_time == b->snapshot_time;
}

uint32_t vfs_open_share_access(const struct vfs_open *o)
{
    return o->share_access;
}

/* The lock of an open that is only looked at. */
static struct mutex *lock_of(const struct vfs_open *o)
{
    return (struct mutex *)(uintptr_t)&o->lock;
}

uint32_t vfs_open_options(const struct vfs_open *o)
{
    SCOPED_LOCK(lock_of(o));
    return o->options;
}

/* What [MS-FSCC] 2.4.24 FileModeInformation holds. DELETE_ON_CLOSE is told, never set. */
#define MODE_SETTABLE                                                                              \
    (VFS_WRITE_THROUGH | VFS_SEQUENTIAL_ONLY | VFS_SYNCHRONOUS_IO_ALERT |                          \
     VFS_SYNCHRONOUS_IO_NONALERT)
#define MODE_SYNCHRONOUS (VFS_SYNCHRONOUS_IO_ALERT | VFS_SYNCHRONOUS_IO_NONALERT)

smbkit_status vfs_open_mode_set(struct vfs_open *o, uint32_t mode)
{
    SCOPED_LOCK(&o->lock);
    uint32_t was = o->options & MODE_SYNCHRONOUS;
    uint32_t is = mode & MODE_SYNCHRONOUS;
    /* [MS-FSA] 2.1.5.15.8: no other bits; both kinds of synchronous never; and one is not turned on
     * or off. */
    if ((mode & ~MODE_SETTABLE) || is == MODE_SYNCHRONOUS || (was == 0) != (is == 0)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    o->options = (o->options & ~MODE_SETTABLE) | mode;
    return SMBKIT_STATUS_SUCCESS;
}

uint64_t vfs_open_position(const struct vfs_open *o)
{
    SCOPED_LOCK(lock_of(o));
    return o->position;
}

void vfs_open_position_set(struct vfs_open *o, uint64_t position)
{
    SCOPED_LOCK(&o->lock);
    o->position = position;
}

bool vfs_open_is_delete_pending(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->name && o->name->of->delete_pending;
}

/* Longest path that is asked for, as UTF-8. */
#define GET_PATH_MAX (3 * PATH_UNITS_MAX + 1)

char *vfs_open_path(struct vfs_call *call, struct vfs_open *o)
{
    if (o->volume->features & SMBKIT_FEATURE_IGNORES_CASE) {
        OPEN_SCOPE(o, st);
        CLEANUP_MEM char *buf = mem_alloc(GET_PATH_MAX);
        if (!buf || !SMBKIT_OK(st)) {
            return NULL;
        }
        struct vfs_call may_wait = *call;
        may_wait.nowait = call->nowait && o->volume->tries_nowait;
        may_wait.journal = NULL; /* it cannot stop here */
        if (SMBKIT_OK(door_get_path(&may_wait, &o->f, buf, GET_PATH_MAX))) {
            buf[GET_PATH_MAX - 1] = 0;
            return str_dup(buf);
        }
    }
    return vfs_open_path_known(o);
}
