/* SPDX-License-Identifier: Apache-2.0 */
/* Reparse points. [MS-FSA] 2.1.5.10.3, 2.1.5.10.14, 2.1.5.10.37; the buffers are those of
 * [MS-FSCC] 2.1.2. */
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/dirlease.h"
#include "vfs/fsctl.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"

#define REPARSE_BYTES_MAX 16384u /* MAXIMUM_REPARSE_DATA_BUFFER_SIZE of Windows */
#define HEADER_BYTES 8u
#define GUID_AT 8u
#define GUID_BYTES 16u
#define TAG_IS_MICROSOFT 0x80000000u
#define TAG_RESERVED_ONE 1u
#define TAG_MOUNT_POINT 0xa0000003u

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

smbkit_status info_get_reparse_at(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *path, uint64_t snapshot_time, struct wr *out)
{
    const struct door_open how = {.path = path,
                                  .access = SMBKIT_READ_ATTRIBUTES,
                                  .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                                  .snapshot_time = snapshot_time};
    struct door_file f = {.volume = v};
    smbkit_status st = door_open(call, &f, &how, NULL);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = info_get_reparse(call, &f, out);
    door_close(call, &f);
    return st;
}

smbkit_status vfs_get_reparse(struct vfs_call *call, struct vfs_open *o, struct wr *out)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? info_get_reparse(call, &o->f, out) : st;
}

/* ---- setting and taking away ---- */

static uint32_t tag_of(const struct smbkit_bytes *data)
{
    const uint8_t *p = data->base;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The buffer of a request: its lengths agree, and its tag is one. */
static smbkit_status check_buffer(const struct smbkit_bytes *data)
{
    if (data->len < HEADER_BYTES || data->len > REPARSE_BYTES_MAX) {
        return SMBKIT_STATUS_IO_REPARSE_DATA_INVALID;
    }
    uint32_t tag = tag_of(data);
    uint32_t header = tag & TAG_IS_MICROSOFT ? HEADER_BYTES : HEADER_BYTES + GUID_BYTES;
    uint32_t len = (uint32_t)data->base[4] | (uint32_t)data->base[5] << 8;
    if (data->len != header + len) {
        return SMBKIT_STATUS_IO_REPARSE_DATA_INVALID;
    }
    return tag <= TAG_RESERVED_ONE ? SMBKIT_STATUS_IO_REPARSE_TAG_INVALID : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_open(const struct vfs_call *call, const struct vfs_open *o)
{
    if (!(o->volume->features & SMBKIT_FEATURE_REPARSE)) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    return o->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_WRITE_ATTRIBUTES)
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_ACCESS_DENIED;
}

/* The tag that is there must be the one that is meant, and of one that is nobody's in particular
 * the GUID too. */
static smbkit_status check_same(const struct vfs_call *call, struct vfs_open *o,
                                const struct smbkit_attr *attr, const struct smbkit_bytes *data)
{
    uint32_t tag = tag_of(data);
    if (attr->reparse_tag != tag) {
        return SMBKIT_STATUS_IO_REPARSE_TAG_MISMATCH;
    }
    if (tag & TAG_IS_MICROSOFT) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct wr is = wr_new(REPARSE_BYTES_MAX);
    smbkit_status st = info_get_reparse(call, &o->f, &is);
    if (SMBKIT_OK(st) && (wr_pos(&is) < GUID_AT + GUID_BYTES ||
                          !mem_eq(is.base + GUID_AT, data->base + GUID_AT, GUID_BYTES))) {
        st = SMBKIT_STATUS_REPARSE_ATTRIBUTE_CONFLICT;
    }
    wr_fini(&is);
    return st;
}

static smbkit_status check_new(const struct vfs_call *call, struct vfs_open *o, uint32_t tag)
{
    if (!o->is_directory) {
        return tag == TAG_MOUNT_POINT ? SMBKIT_STATUS_NOT_A_DIRECTORY : SMBKIT_STATUS_SUCCESS;
    }
    return disposition_check_empty(call, o);
}

/* What was given to the plugin before is not checked again. */
static smbkit_status reparse_change(const struct vfs_call *call, struct vfs_open *o,
                                    const struct smbkit_bytes *data, bool removes)
{
    struct smbkit_attr attr;
    smbkit_status st = check_open(call, o);
    if (SMBKIT_OK(st)) {
        st = kept_time_note(call, o, KEPT_BY_META);
    }
    if (SMBKIT_OK(st)) {
        st = door_getattr(call, &o->f, &attr);
    }
    if (SMBKIT_OK(st)) {
        bool is_one = attr.attributes & SMBKIT_ATTR_REPARSE_POINT;
        if (is_one) {
            st = check_same(call, o, &attr, data);
        } else {
            st = removes ? SMBKIT_STATUS_NOT_A_REPARSE_POINT : check_new(call, o, tag_of(data));
        }
    }
    if (!SMBKIT_OK(st) && (!journal_acts(call) || door_stops(st))) {
        return st;
    }
    st = door_set_reparse(call, &o->f, tag_of(data), removes ? (struct smbkit_bytes){0} : *data);
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
        notify_modified(o, NOTIFY_CHANGE_ATTRIBUTES);
        dirlease_modified(o);
    }
    return st;
}

smbkit_status vfs_set_reparse(struct vfs_call *call, struct vfs_open *o,
                              const struct smbkit_bytes *data)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && o->is_root) {
        st = SMBKIT_STATUS_ACCESS_DENIED; /* it leads nowhere else */
    }
    if (SMBKIT_OK(st)) {
        st = check_buffer(data);
    }
    return SMBKIT_OK(st) ? reparse_change(call, o, data, false) : st;
}

smbkit_status vfs_delete_reparse(struct vfs_call *call, struct vfs_open *o,
                                 const struct smbkit_bytes *data)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = check_buffer(data);
    }
    if (SMBKIT_OK(st) && (data->base[4] | data->base[5])) {
        st = SMBKIT_STATUS_IO_REPARSE_DATA_INVALID; /* there is nothing to be said but the tag */
    }
    return SMBKIT_OK(st) ? reparse_change(call, o, data, true) : st;
}
