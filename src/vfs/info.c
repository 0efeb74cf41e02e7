/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, sizes, ranges of an open file. [MS-FSA] 2.1.5.12, 2.1.5.15 */
#include "vfs/info.h"

#include "base/mem.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
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
    st = door_getattr(call, &o->f, attr);
    if (SMBKIT_OK(st)) {
        rules_dress_open(o, attr);
        late_time_dress(o, attr);
    }
    return st;
}

/* Under o->lock: those of a are to be kept from now on, and are what they should be. */
static void keep_locked(struct vfs_open *o, uint32_t which, const struct smbkit_attr *a)
{
    if (which & SMBKIT_HAS_WRITE_TIME) {
        o->kept_write_time = a->write_time;
    }
    if (which & SMBKIT_HAS_CHANGE_TIME) {
        o->kept_change_time = a->change_time;
    }
    o->keeps_times |= which;
    o->dirty_times &= ~which;
}

/* Under o->lock: which it keeps, as far as they are what they should be. */
static uint32_t clean_locked(const struct vfs_open *o)
{
    return o->keeps_times & ~o->dirty_times;
}

smbkit_status info_note_times(const struct vfs_call *call, struct vfs_open *o)
{
    mutex_lock(&o->lock);
    bool is_due = clean_locked(o) != 0;
    mutex_unlock(&o->lock);
    if (!is_due) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr now;
    smbkit_status st = door_getattr(call, &o->f, &now);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->lock);
    keep_locked(o, clean_locked(o), &now);
    return SMBKIT_STATUS_SUCCESS;
}

void info_data_touched(struct vfs_open *o)
{
    atomic_fetch_add(&o->node->data_changes, 1);
    SCOPED_LOCK(&o->lock);
    o->dirty_times = o->keeps_times;
}

smbkit_status info_restore_times(const struct vfs_call *call, struct vfs_open *o)
{
    mutex_lock(&o->lock);
    uint32_t due = o->dirty_times;
    struct smbkit_attr attr = {.write_time = o->kept_write_time,
                               .change_time = o->kept_change_time};
    o->dirty_times = 0;
    mutex_unlock(&o->lock);
    if (!due) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = door_setattr(call, &o->f, due, &attr);
    if (door_stops(st)) {
        SCOPED_LOCK(&o->lock);
        o->dirty_times |= due & o->keeps_times;
    }
    return st;
}

#define TIME_KEEP UINT64_MAX        /* -1: this open's own doings leave it alone from now on */
#define TIME_GO_ON (UINT64_MAX - 1) /* -2: they count again */

static bool time_is_set(uint64_t t)
{
    return t != 0 && t != TIME_KEEP && t != TIME_GO_ON;
}

static bool time_is_good(uint64_t t)
{
    return t <= INT64_MAX || t == TIME_KEEP || t == TIME_GO_ON;
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
    if (!time_is_good(b->create_time) || !time_is_good(b->access_time) ||
        !time_is_good(b->write_time) || !time_is_good(b->change_time)) {
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
    uint32_t mask = (time_is_set(b->create_time) ? SMBKIT_HAS_CREATE_TIME : 0) |
                    (time_is_set(b->access_time) ? SMBKIT_HAS_ACCESS_TIME : 0) |
                    (time_is_set(b->write_time) ? SMBKIT_HAS_WRITE_TIME : 0) |
                    (time_is_set(b->change_time) ? SMBKIT_HAS_CHANGE_TIME : 0) |
                    (b->attributes ? SMBKIT_HAS_ATTRIBUTES : 0);
    *notify_r = (mask & SMBKIT_HAS_CREATE_TIME ? NOTIFY_CHANGE_CREATION : 0) |
                (mask & SMBKIT_HAS_ACCESS_TIME ? NOTIFY_CHANGE_LAST_ACCESS : 0) |
                (mask & SMBKIT_HAS_WRITE_TIME ? NOTIFY_CHANGE_LAST_WRITE : 0) |
                (mask & SMBKIT_HAS_ATTRIBUTES ? NOTIFY_CHANGE_ATTRIBUTES : 0);
    return mask;
}

/* Of the times that an open can fix, those that are `what`, or, without, that are set. */
static uint32_t times_that_are(const struct vfs_basic_info *b, uint64_t what)
{
    bool write = what ? b->write_time == what : time_is_set(b->write_time);
    bool change = what ? b->change_time == what : time_is_set(b->change_time);
    return (write ? SMBKIT_HAS_WRITE_TIME : 0) | (change ? SMBKIT_HAS_CHANGE_TIME : 0);
}

/* Times that are said to be kept, or to go on, before anything changes; those that were fixed
 * before may still have to be put back. A change time that is kept is set with whatever is set. */
static smbkit_status times_freeze(const struct vfs_call *call, struct vfs_open *o,
                                  const struct vfs_basic_info *b, uint32_t *mask,
                                  struct smbkit_attr *attr)
{
    uint32_t keep = times_that_are(b, TIME_KEEP);
    uint32_t go_on = times_that_are(b, TIME_GO_ON);
    mutex_lock(&o->lock);
    o->keeps_times &= ~go_on;
    o->dirty_times &= ~go_on;
    bool looks = keep || (*mask && (clean_locked(o) & SMBKIT_HAS_CHANGE_TIME));
    mutex_unlock(&o->lock);
    struct smbkit_attr now;
    smbkit_status st = looks ? door_getattr(call, &o->f, &now) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->lock);
    if (looks) {
        keep_locked(o, (keep & ~o->keeps_times) | clean_locked(o), &now);
    }
    if (*mask && (o->keeps_times & SMBKIT_HAS_CHANGE_TIME & ~*mask)) {
        attr->change_time = o->kept_change_time;
        *mask |= SMBKIT_HAS_CHANGE_TIME;
    }
    return st;
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
    st = times_freeze(call, o, b, &mask, &attr);
    if (SMBKIT_OK(st) && mask) {
        st = door_setattr(call, &o->f, mask, &attr);
    }
    if (SMBKIT_OK(st)) {
        SCOPED_LOCK(&o->lock);
        keep_locked(o, times_that_are(b, 0), &attr); /* a time that was set stays while it writes */
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
    st = info_note_times(call, o);
    return SMBKIT_OK(st) ? oplock_break_for(call, o, op) : st;
}

void info_data_changed(const struct vfs_call *call, struct vfs_open *o)
{
    const struct vfs_call apart = journal_apart(call); /* the answer does not wait for it */
    info_data_touched(o);
    late_time_show(o);
    (void)info_restore_times(&apart, o); /* if it cannot be now, close does it */
    oplock_tell(o, OPLOCK_OP_SET_SIZE);  /* who has come to cache it since the first check */
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
