/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/move.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/lock_below.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

/* How it was opened the first time has been decided. */
#define OPTIONS_SPENT                                                                              \
    (VFS_DELETE_ON_CLOSE | VFS_COMPLETE_IF_OPLOCKED | VFS_OPEN_REQUIRING_OPLOCK |                  \
     VFS_NO_EA_KNOWLEDGE)

struct vfs_volume *vfs_open_volume(const struct vfs_open *o)
{
    return o->volume;
}

uintptr_t vfs_open_node_tag(const struct vfs_open *o)
{
    return (uintptr_t)o->node;
}

void vfs_open_uncache(struct vfs_open *o)
{
    struct oplock_result result;
    SCOPED_LOCK(&o->node->lock);
    oplock_break_one(&o->node->oplock, o->holder, 0, &result);
    oplock_tell_locked(&result);
}

bool vfs_open_is_uncached(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->holder->caching == 0;
}

static smbkit_status check(struct vfs_open *o)
{
    if (o->snapshot_time || o->is_root) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    SCOPED_LOCK(&o->node->lock);
    bool goes = o->delete_on_close || !o->name || o->name->of->delete_pending;
    return goes ? SMBKIT_STATUS_DELETE_PENDING : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status open_there(struct vfs_call *call, const struct vfs_move *m,
                                struct vfs_open **open_r)
{
    struct vfs_open *from = m->from;
    CLEANUP_MEM char *path = vfs_open_path_known(from);
    CLEANUP_MEM char *stream = node_stream_name(from->node);
    if (!path || (from->node->base && !stream)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint32_t kind = from->is_directory ? VFS_DIRECTORY_FILE : VFS_NON_DIRECTORY_FILE;
    uint32_t both = VFS_DIRECTORY_FILE | VFS_NON_DIRECTORY_FILE;
    const struct vfs_create_in in = {
        .volume = m->volume,
        .path = path,
        .stream = stream,
        .desired_access = from->granted_access,
        .access_cap = SMBKIT_ALL_ACCESS | SMBKIT_ACCESS_SYSTEM_SECURITY,
        .share_access = from->share_access,
        .disposition = SMBKIT_OPEN,
        .options = (vfs_open_options(from) & ~(OPTIONS_SPENT | both)) | (stream ? 0 : kind),
        .owner = m->owner,
        .takes_over = from,
    };
    struct vfs_create_out out;
    smbkit_status st = vfs_create(call, &in, &out);
    *open_r = out.open;
    return st;
}

static void drop(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_call blocks = *call;
    blocks.wait = NULL; /* nobody has a call on it but for a moment */
    smbkit_status st = vfs_close(&blocks, o, NULL);
    (void)st; /* nothing was done with it */
}

/* A listing that is under way begins anew: its place means nothing there. */
static smbkit_status listing_take(const struct vfs_open *from, struct vfs_open *to)
{
    if (!from->dir.pattern) {
        return SMBKIT_STATUS_SUCCESS;
    }
    to->dir = (struct dir_cursor){.pattern = str_dup(from->dir.pattern),
                                  .dots_done = from->dir.dots_done,
                                  .at_end = from->dir.at_end,
                                  .found_any = from->dir.found_any};
    return to->dir.pattern ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static void state_take(struct vfs_open *from, struct vfs_open *to)
{
    to->is_by_short = from->is_by_short;
    to->has_parent = from->has_parent;
    mem_copy(to->parent, from->parent, sizeof(to->parent));
    mutex_lock(&from->lock);
    uint32_t options = from->options;
    uint64_t position = from->position;
    uint32_t ea_position = from->ea_position;
    mutex_unlock(&from->lock);
    SCOPED_LOCK(&to->lock);
    to->options = options;
    to->position = position;
    to->ea_position = ea_position;
}

smbkit_status vfs_open_move(struct vfs_call *call, const struct vfs_move *m,
                            struct vfs_open **open_r)
{
    struct vfs_open *to = NULL;
    *open_r = NULL;
    OPEN_SCOPE(m->from, st);
    if (SMBKIT_OK(st)) {
        st = check(m->from);
    }
    if (SMBKIT_OK(st)) {
        st = open_there(call, m, &to);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    state_take(m->from, to);
    st = listing_take(m->from, to);
    if (SMBKIT_OK(st)) {
        st = notify_move(m->from, to);
    }
    if (SMBKIT_OK(st)) {
        st = lock_below_move(call, m, to);
    }
    if (SMBKIT_OK(st)) {
        st = lock_move(m->from, to);
    }
    if (SMBKIT_OK(st)) {
        *open_r = to;
    } else {
        drop(call, to);
    }
    return st;
}

smbkit_status vfs_open_move_try(struct vfs_call *call, const struct vfs_move *m, bool asks_locks)
{
    struct vfs_open *to = NULL;
    OPEN_SCOPE(m->from, st);
    if (SMBKIT_OK(st)) {
        st = check(m->from);
    }
    if (SMBKIT_OK(st)) {
        st = open_there(call, m, &to);
    }
    if (SMBKIT_OK(st)) {
        st = lock_move_try(m->from, to);
        if (SMBKIT_OK(st) && asks_locks) {
            st = lock_below_move(call, m, to);
        }
        drop(call, to);
    }
    return st;
}
