/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, sizes, ranges of an open file. [MS-FSA] 2.1.5.12, 2.1.5.15 */
#include "vfs/info.h"

#include "base/mem.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/late_time.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/rules.h"

smbkit_status vfs_getattr(struct vfs_call *call, struct vfs_open *o, uint32_t need,
                          struct smbkit_attr *attr)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, need)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (kept_time_is_due(o) && kept_time_restore(call, o) == SMBKIT_STATUS_WOULD_BLOCK) {
        return journal_stopped(call, SMBKIT_STATUS_WOULD_BLOCK);
    }
    st = door_getattr(call, &o->f, attr);
    if (SMBKIT_OK(st)) {
        kept_time_show(o, attr);
        rules_dress_open(o, attr);
        late_time_dress(o, attr);
    }
    return st;
}

void info_data_touched(struct vfs_open *o)
{
    atomic_fetch_add(&o->node->data_changes, 1);
    kept_time_touched(o, KEPT_BY_DATA);
}

static smbkit_status basic_check(const struct vfs_call *call, const struct vfs_open *o,
                                 const struct vfs_basic_info *b)
{
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, SMBKIT_WRITE_ATTRIBUTES)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!kept_time_is_good(b->create_time) || !kept_time_is_good(b->access_time) ||
        !kept_time_is_good(b->write_time) || !kept_time_is_good(b->change_time)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    /* [MS-FSA] 2.1.5.15.2 */
    bool says_directory = b->attributes & SMBKIT_ATTR_DIRECTORY;
    bool temporary = b->attributes & SMBKIT_ATTR_TEMPORARY;
    if ((says_directory && !o->is_directory) || (temporary && o->is_directory)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* What setattr is to do, and what is to be told. */
static uint32_t basic_mask(const struct vfs_basic_info *b, uint32_t *notify_r)
{
    uint32_t mask = (kept_time_is_set(b->create_time) ? SMBKIT_HAS_CREATE_TIME : 0) |
                    (kept_time_is_set(b->access_time) ? SMBKIT_HAS_ACCESS_TIME : 0) |
                    (kept_time_is_set(b->write_time) ? SMBKIT_HAS_WRITE_TIME : 0) |
                    (kept_time_is_set(b->change_time) ? SMBKIT_HAS_CHANGE_TIME : 0) |
                    (b->attributes ? SMBKIT_HAS_ATTRIBUTES : 0);
    *notify_r = (mask & SMBKIT_HAS_CREATE_TIME ? NOTIFY_CHANGE_CREATION : 0) |
                (mask & SMBKIT_HAS_ACCESS_TIME ? NOTIFY_CHANGE_LAST_ACCESS : 0) |
                (mask & SMBKIT_HAS_WRITE_TIME ? NOTIFY_CHANGE_LAST_WRITE : 0) |
                (mask & SMBKIT_HAS_ATTRIBUTES ? NOTIFY_CHANGE_ATTRIBUTES : 0);
    return mask;
}

smbkit_status vfs_set_basic(struct vfs_call *call, struct vfs_open *o,
                            const struct vfs_basic_info *b)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = basic_check(call, o, b);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    late_time_show(o);
    uint32_t told;
    uint32_t mask = basic_mask(b, &told);
    struct smbkit_attr attr = {
        .create_time = b->create_time,
        .access_time = b->access_time,
        .write_time = b->write_time,
        .change_time = b->change_time,
        .attributes =
            (b->attributes & SMBKIT_ATTR_SETTABLE) | (o->is_directory ? SMBKIT_ATTR_DIRECTORY : 0),
    };
    st = kept_time_freeze(call, o, b, &mask, &attr);
    if (SMBKIT_OK(st) && mask) {
        st = door_setattr(call, &o->f, mask, &attr);
    }
    if (SMBKIT_OK(st)) {
        kept_time_were_set(o, b);
    }
    if (SMBKIT_OK(st) && told) {
        notify_modified(o, told);
    }
    if (SMBKIT_OK(st) && mask) {
        dirlease_modified(o); /* the change time, of which nobody is notified, is listed too */
    }
    return st;
}

smbkit_status info_check_data_change(const struct vfs_call *call, struct vfs_open *o,
                                     enum oplock_op op)
{
    if (o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, SMBKIT_WRITE_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    st = kept_time_note(call, o, KEPT_BY_DATA);
    return SMBKIT_OK(st) ? oplock_break_for(call, o, op) : st;
}

void info_data_changed(const struct vfs_call *call, struct vfs_open *o)
{
    info_data_touched(o);
    late_time_show(o);
    (void)kept_time_restore(call, o);   /* if it cannot be now, as kept_time_meta_changed */
    oplock_tell(o, OPLOCK_OP_SET_SIZE); /* who has come to cache it since the first check */
    notify_modified(o, NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE);
    dirlease_modified(o);
}

static smbkit_status set_size_once(const struct vfs_call *call, struct vfs_open *o, uint64_t size)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = size > INT64_MAX ? SMBKIT_STATUS_INVALID_PARAMETER
                              : info_check_data_change(call, o, OPLOCK_OP_SET_SIZE);
    }
    if (SMBKIT_OK(st)) {
        st = door_set_size(call, &o->f, size);
    }
    if (SMBKIT_OK(st)) {
        info_data_changed(call, o);
    }
    return st;
}

/* [MS-FSA] 2.1.5.15.1: less than the size truncates; else it is room to reserve. */
static smbkit_status set_allocation_once(const struct vfs_call *call, struct vfs_open *o,
                                         uint64_t size)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = size > INT64_MAX ? SMBKIT_STATUS_INVALID_PARAMETER
                              : info_check_data_change(call, o, OPLOCK_OP_SET_SIZE);
    }
    struct smbkit_attr attr;
    if (SMBKIT_OK(st)) {
        st = door_getattr(call, &o->f, &attr);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    bool truncates = size < attr.size;
    st = truncates ? door_set_size(call, &o->f, size) : door_allocate(call, &o->f, size);
    if (SMBKIT_OK(st) && truncates) {
        info_data_changed(call, o);
    } else if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
    }
    return st;
}

smbkit_status vfs_set_end_of_file(struct vfs_call *call, struct vfs_open *o, uint64_t size)
{
    return WAIT_OUT(call, again, set_size_once(again, o, size));
}

smbkit_status vfs_set_allocation(struct vfs_call *call, struct vfs_open *o, uint64_t size)
{
    return WAIT_OUT(call, again, set_allocation_once(again, o, size));
}
