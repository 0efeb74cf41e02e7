/* SPDX-License-Identifier: Apache-2.0 */
/* Holes, ranges, compression: what is kept of the space of a file. [MS-FSA] 2.1.5.10 */
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/dirlease.h"
#include "vfs/fsctl.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"

static bool range_is_good(uint64_t offset, uint64_t length)
{
    return offset <= INT64_MAX && length <= (uint64_t)INT64_MAX - offset;
}

/* Others' locks on what is to be emptied. What was begun goes on. */
static smbkit_status check_unlocked(const struct vfs_call *call, struct vfs_open *o,
                                    uint64_t offset, uint64_t length)
{
    SCOPED_LOCK(&o->node->lock);
    bool conflicts = brlock_io_conflicts(&o->node->locks, &o->locks, offset, length, true);
    return conflicts && !journal_acts(call) ? SMBKIT_STATUS_FILE_LOCK_CONFLICT
                                            : SMBKIT_STATUS_SUCCESS;
}

/* ---- zeroes ---- */

/* The part of a range that is in the file: none of these makes it longer. */
static smbkit_status clip(const struct vfs_call *call, struct vfs_open *o,
                          struct smbkit_range *range)
{
    struct smbkit_attr attr;
    smbkit_status st = door_getattr(call, &o->f, &attr);
    if (SMBKIT_OK(st)) {
        uint64_t left = range->offset < attr.size ? attr.size - range->offset : 0;
        range->length = MIN(range->length, left);
    }
    return st;
}

smbkit_status space_zero(const struct vfs_call *call, struct vfs_open *o, struct smbkit_range range)
{
    smbkit_status st = clip(call, o, &range);
    if (SMBKIT_OK(st)) {
        st = check_unlocked(call, o, range.offset, range.length);
    }
    if (!SMBKIT_OK(st) || range.length == 0) {
        return st;
    }
    st = door_zero_range(call, &o->f, range.offset, range.length);
    if (SMBKIT_OK(st)) {
        info_data_changed(call, o);
    }
    return st;
}

static smbkit_status zero_once(const struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                               uint64_t length)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = range_is_good(offset, length) ? info_check_data_change(call, o, OPLOCK_OP_ZERO_DATA)
                                           : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_OK(st) ? space_zero(call, o, (struct smbkit_range){offset, length}) : st;
}

smbkit_status vfs_zero_range(struct vfs_call *call, struct vfs_open *o, uint64_t offset,
                             uint64_t length)
{
    return WAIT_OUT(call, again, zero_once(again, o, offset, length));
}

/* ---- trim ---- */

static smbkit_status trim_one(const struct vfs_call *call, struct vfs_open *o,
                              struct smbkit_range range)
{
    if (!range_is_good(range.offset, range.length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = clip(call, o, &range);
    if (SMBKIT_OK(st)) {
        st = check_unlocked(call, o, range.offset, range.length);
    }
    return SMBKIT_OK(st) && range.length > 0 ? door_trim(call, &o->f, &range) : st;
}

static smbkit_status trim_once(const struct vfs_call *call, struct vfs_open *o,
                               const struct smbkit_range *ranges, uint32_t count, uint32_t *done_r)
{
    *done_r = 0;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = info_check_data_change(call, o, OPLOCK_OP_ZERO_DATA);
    }
    for (; SMBKIT_OK(st) && *done_r < count; *done_r += SMBKIT_OK(st)) {
        st = trim_one(call, o, ranges[*done_r]);
    }
    if (!door_stops(st) && *done_r > 0) {
        info_data_changed(call, o);
    }
    return st;
}

smbkit_status vfs_trim(struct vfs_call *call, struct vfs_open *o, const struct smbkit_range *ranges,
                       uint32_t count, uint32_t *done_r)
{
    return WAIT_OUT(call, again, trim_once(again, o, ranges, count, done_r));
}

/* ---- ranges ---- */

/* A file that is not sparse has all of its ranges. [MS-FSA] 2.1.5.10.24 */
static smbkit_status whole_range(const struct smbkit_range *within, uint64_t size,
                                 struct smbkit_ranges *r)
{
    r->count = 0;
    if (within->offset >= size || within->length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (r->room == 0) {
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    r->out[0] = (struct smbkit_range){.offset = within->offset,
                                      .length = MIN(within->length, size - within->offset)};
    r->count = 1;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status vfs_ranges(struct vfs_call *call, struct vfs_open *o, struct smbkit_range within,
                         struct smbkit_range *out, uint32_t *count_r)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (o->is_directory || !range_is_good(within.offset, within.length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!open_may(o, SMBKIT_READ_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct smbkit_attr attr;
    st = door_getattr(call, &o->f, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct smbkit_ranges r = {.struct_size = sizeof(r),
                              .room = *count_r,
                              .offset = within.offset,
                              .length = within.length,
                              .out = out};
    mem_zero(out, *count_r * sizeof(*out)); /* whatever a plugin says that it filled */
    st = attr.attributes & SMBKIT_ATTR_SPARSE ? door_ranges(call, &o->f, &r)
                                              : whole_range(&within, attr.size, &r);
    *count_r = r.count;
    return st;
}

/* ---- what kind of space: a value each ---- */

/* An operation that a volume may lack, and does not when it says so. */
static smbkit_status value_set(const struct vfs_call *call, struct vfs_open *o, uint32_t feature,
                               uint32_t id, uint64_t value)
{
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!(o->volume->features & feature)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    st = kept_time_note(call, o, KEPT_BY_META);
    if (SMBKIT_OK(st)) {
        st = door_value(call, &o->f, id, &value);
    }
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
        notify_modified(o, NOTIFY_CHANGE_ATTRIBUTES);
        dirlease_modified(o);
    }
    return st;
}

/* [MS-FSA] 2.1.5.10.36 */
smbkit_status vfs_set_sparse(struct vfs_call *call, struct vfs_open *o, bool on)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!(o->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_ATTRIBUTES))) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!on && call->on_loop) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* all of its holes are filled */
    }
    st = value_set(call, o, SMBKIT_FEATURE_SPARSE, SMBKIT_OP_set_sparse, on);
    return st == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_INVALID_DEVICE_REQUEST : st;
}

#define COMPRESSION_DEFAULT 1u
#define COMPRESSION_LZNT1 2u

/* [MS-FSA] 2.1.5.10.9. A volume without compression has nothing that is compressed. */
smbkit_status vfs_get_compression(struct vfs_call *call, struct vfs_open *o, uint16_t *format_r)
{
    uint64_t value = 0;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && (o->volume->features & SMBKIT_FEATURE_COMPRESSION)) {
        st = door_value(call, &o->f, SMBKIT_OP_get_compression, &value);
    }
    *format_r = (uint16_t)value;
    return st;
}

/* [MS-FSA] 2.1.5.10.34. NOT_SUPPORTED where there is none, as ReFS answers. */
smbkit_status vfs_set_compression(struct vfs_call *call, struct vfs_open *o, uint16_t format)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (format > COMPRESSION_LZNT1) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!open_may(o, SMBKIT_WRITE_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return value_set(call, o, SMBKIT_FEATURE_COMPRESSION, SMBKIT_OP_set_compression,
                     format == COMPRESSION_DEFAULT ? COMPRESSION_LZNT1 : format);
}
