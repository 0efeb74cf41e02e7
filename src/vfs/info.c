/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, sizes, ranges of an open file. [MS-FSA] 2.1.5.12, 2.1.5.15 */
#include "vfs/info.h"

#include "base/mem.h"
#include "vfs/journal.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

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
    return door_getattr(call, &o->f, attr);
}

smbkit_status info_note_write_time(const struct vfs_call *call, struct vfs_open *o)
{
    mutex_lock(&o->lock);
    bool is_kept = o->keeps_write_time && !o->write_time_dirty;
    mutex_unlock(&o->lock);
    if (!is_kept) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr now;
    smbkit_status st = door_getattr(call, &o->f, &now);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->lock);
    if (o->keeps_write_time && !o->write_time_dirty) {
        o->kept_write_time = now.write_time;
    }
    return SMBKIT_STATUS_SUCCESS;
}

void info_write_time_touched(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    o->write_time_dirty = o->keeps_write_time;
}

smbkit_status info_restore_write_time(const struct vfs_call *call, struct vfs_open *o)
{
    mutex_lock(&o->lock);
    bool due = o->write_time_dirty;
    struct smbkit_attr attr = {.write_time = o->kept_write_time};
    o->write_time_dirty = false;
    mutex_unlock(&o->lock);
    if (!due) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = door_setattr(call, &o->f, SMBKIT_HAS_WRITE_TIME, &attr);
    if (door_stops(st)) {
        SCOPED_LOCK(&o->lock);
        o->write_time_dirty = o->keeps_write_time;
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
    smbkit_status st = volume_check_writable(call, o->volume);
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

/* A write time that was set, or said to be kept, stays while this open writes. */
static smbkit_status write_time_keep(const struct vfs_call *call, struct vfs_open *o,
                                     uint64_t write_time)
{
    struct smbkit_attr now = {.write_time = write_time};
    if (write_time == TIME_KEEP) {
        smbkit_status st = door_getattr(call, &o->f, &now);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    SCOPED_LOCK(&o->lock);
    if (write_time == TIME_KEEP && o->keeps_write_time) {
        return SMBKIT_STATUS_SUCCESS; /* the one it fixed before may still have to be put back */
    }
    o->keeps_write_time = write_time != TIME_GO_ON;
    o->kept_write_time = now.write_time;
    o->write_time_dirty = false;
    return SMBKIT_STATUS_SUCCESS;
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
    /* A time to be kept is read before anything changes. */
    if (b->write_time == TIME_KEEP || b->write_time == TIME_GO_ON) {
        st = write_time_keep(call, o, b->write_time);
    }
    if (SMBKIT_OK(st) && mask) {
        st = door_setattr(call, &o->f, mask, &attr);
    }
    if (SMBKIT_OK(st) && time_is_set(b->write_time)) {
        st = write_time_keep(call, o, b->write_time);
    }
    if (SMBKIT_OK(st) && told) {
        notify_modified(o, told);
    }
    return st;
}

/* What all that changes the data of a file have in common. */
static smbkit_status data_change_check(const struct vfs_call *call, struct vfs_open *o,
                                       enum oplock_op op)
{
    if (o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = volume_check_writable(call, o->volume);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, SMBKIT_WRITE_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    st = info_note_write_time(call, o);
    return SMBKIT_OK(st) ? oplock_break_for(call, o, op) : st;
}

static void data_changed(const struct vfs_call *call, struct vfs_open *o)
{
    info_write_time_touched(o);
    (void)info_restore_write_time(call, o);
    notify_modified(o, NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE);
}

static smbkit_status set_size_once(const struct vfs_call *call, struct vfs_open *o, uint64_t size)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = size > INT64_MAX ? SMBKIT_STATUS_INVALID_PARAMETER
                              : data_change_check(call, o, OPLOCK_OP_SET_SIZE);
    }
    if (SMBKIT_OK(st)) {
        st = door_set_size(call, &o->f, size);
    }
    if (SMBKIT_OK(st)) {
        data_changed(call, o);
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
                              : data_change_check(call, o, OPLOCK_OP_SET_SIZE);
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
        data_changed(call, o);
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

static smbkit_status zero_once(const struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                               uint64_t length)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        bool good = offset <= INT64_MAX && length <= (uint64_t)INT64_MAX - offset;
        st = good ? data_change_check(call, o, OPLOCK_OP_ZERO_DATA)
                  : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct smbkit_attr attr;
    if (SMBKIT_OK(st)) {
        st = door_getattr(call, &o->f, &attr);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    /* [MS-FSA] 2.1.5.10.41: it never makes a file longer. */
    if (offset >= attr.size || length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    length = MIN(length, attr.size - offset);
    mutex_lock(&o->node->lock);
    bool conflicts = brlock_io_conflicts(&o->node->locks, &o->locks, offset, length, true);
    mutex_unlock(&o->node->lock);
    if (conflicts && !journal_acts(call)) {
        return SMBKIT_STATUS_FILE_LOCK_CONFLICT;
    }
    st = door_zero_range(call, &o->f, offset, length);
    if (SMBKIT_OK(st)) {
        data_changed(call, o);
    }
    return st;
}

smbkit_status vfs_zero_range(struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                             uint64_t length)
{
    return WAIT_OUT(call, again, zero_once(again, o, offset, length));
}

smbkit_status vfs_ranges(struct vfs_call *call, struct vfs_open *o, struct smbkit_range within,
                         struct smbkit_range *out, uint32_t *count_r)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (o->is_directory || within.offset > INT64_MAX ||
        within.length > (uint64_t)INT64_MAX - within.offset) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!open_may(o, SMBKIT_READ_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct smbkit_ranges r = {.struct_size = sizeof(r),
                              .room = *count_r,
                              .offset = within.offset,
                              .length = within.length,
                              .out = out};
    mem_zero(out, *count_r * sizeof(*out)); /* whatever a plugin says that it filled */
    st = door_ranges(call, &o->f, &r);
    *count_r = r.count;
    return st;
}

#define REPARSE_BYTES_MAX 16384u /* MAXIMUM_REPARSE_DATA_BUFFER_SIZE of Windows */

smbkit_status info_get_reparse(const struct vfs_call *call, const struct door_file *f,
                               struct wr *out)
{
    CLEANUP_MEM uint8_t *room = mem_alloc(REPARSE_BYTES_MAX);
    if (!room) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_buffer buffer = {.base = room, .cap = REPARSE_BYTES_MAX};
    smbkit_status st = door_get_reparse(call, f, &buffer);
    if (SMBKIT_OK(st)) {
        wr_bytes(out, room, buffer.len);
    }
    return SMBKIT_OK(st) && !wr_ok(out) ? SMBKIT_STATUS_NO_MEMORY : st;
}

smbkit_status vfs_get_reparse(struct vfs_call *call, struct vfs_open *o, struct wr *out)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? info_get_reparse(call, &o->f, out) : st;
}
