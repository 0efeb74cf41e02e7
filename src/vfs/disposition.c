/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.15.3 FileDispositionInformation: a name that is to go with its last open. */
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

/* [MS-FSCC] 2.4.12 */
#define DISPOSITION_DELETE 0x01u
#define DISPOSITION_ON_CLOSE 0x08u
#define DISPOSITION_IGNORE_READONLY 0x10u
#define DISPOSITION_KNOWN 0x1fu

static int32_t any_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    (void)e;
    bool *found = sink->core;
    *found = true;
    return 0;
}

smbkit_status disposition_check_empty(const struct vfs_call *call, struct vfs_open *o)
{
    bool found = false;
    struct smbkit_sink sink = {.struct_size = sizeof(sink), .entry = any_entry, .core = &found};
    smbkit_status st = door_enumerate(call, &o->f, 0, 1, &sink);
    return SMBKIT_OK(st) && found ? SMBKIT_STATUS_DIRECTORY_NOT_EMPTY : st;
}

/* May the file be deleted at all? What the plugin would refuse when the file is closed is told now,
 * as [MS-FSA] 2.1.5.15.3 does with all that it knows of: the client believes what it is answered.
 */
static smbkit_status delete_check(const struct vfs_call *call, struct vfs_open *o, uint32_t flags)
{
    struct smbkit_attr attr;
    smbkit_status st = door_getattr(call, &o->f, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if ((attr.attributes & SMBKIT_ATTR_READONLY) && !(flags & DISPOSITION_IGNORE_READONLY)) {
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    mutex_lock(&o->node->lock);
    bool is_root = (o->name->at == &o->volume->tree.root || o->is_root) && !o->node->base;
    mutex_unlock(&o->node->lock);
    if (is_root) {
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    st = o->is_directory ? disposition_check_empty(call, o) : SMBKIT_STATUS_SUCCESS;
    return SMBKIT_OK(st) ? door_check_remove(call, &o->f) : st;
}

/* Mark the name, once nobody caches the handle any more. */
static smbkit_status mark(const struct vfs_call *call, struct vfs_open *o, uint32_t flags)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {.op = OPLOCK_OP_DELETE, .by = o->holder};
    smbkit_status st = oplock_ask_locked(call, n, &q, SMBKIT_STATUS_SUCCESS);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (flags & DISPOSITION_ON_CLOSE) {
        o->delete_on_close = true;
    } else {
        struct node_link *of = o->name->of;
        of->delete_pending = true;
        of->has_deleter = o->has_parent;
        mem_copy(of->deleter, o->parent, sizeof(of->deleter));
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status disposition_once(const struct vfs_call *call, struct vfs_open *o,
                                      uint32_t flags)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (flags & ~DISPOSITION_KNOWN) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, SMBKIT_DELETE)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (flags & DISPOSITION_DELETE) {
        st = delete_check(call, o, flags);
        if (SMBKIT_OK(st)) {
            st = mark(call, o, flags);
        }
        if (SMBKIT_OK(st) && o->is_directory) {
            notify_deleting(o->node);
        }
        return st;
    }
    SCOPED_LOCK(&o->node->lock);
    if (flags & DISPOSITION_ON_CLOSE) {
        o->delete_on_close = false;
    } else {
        o->name->of->delete_pending = false;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status vfs_set_disposition(struct vfs_call *call, struct vfs_open *o, uint32_t flags)
{
    return WAIT_OUT(call, again, disposition_once(again, o, flags));
}
