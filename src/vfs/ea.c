/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/ea.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/core.h"
#include "vfs/dirlease.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"

#define EA_NEEDED 0x80u

/* Where Samba keeps DOS attributes, descriptors and streams, and so does a plugin that keeps its
 * formats. Nobody gets round the checks of these by an EA, and none is taken for one when files are
 * brought from one share to another. */
static bool is_reserved(const char *name, size_t len)
{
    static const char *const reserved[] = {"DOSATTRIB", "NTACL", "SAMBA_PAI", "SAMBA_STREAMS",
                                           "DosStream."};
    bool is_it = false;
    for (size_t i = 0; i < ARRAY_LEN(reserved) && !is_it; i++) {
        size_t n = str_len(reserved[i]);
        bool is_prefix = reserved[i][n - 1] == '.';
        char begin[16];
        if (len == n || (is_prefix && len > n)) {
            mem_copy(begin, name, n);
            begin[n] = 0;
            is_it = str_ieq(begin, reserved[i]);
        }
    }
    return is_it;
}

smbkit_status ea_check_names(const uint8_t *list, size_t len)
{
    size_t at = 0;
    for (uint32_t next = 1; next != 0 && at < len; at += next) {
        struct cur c = cur_init(list + at, len - at);
        next = cur_u32(&c);
        (void)cur_u8(&c); /* flags */
        size_t name_len = cur_u8(&c);
        (void)cur_u16(&c); /* length of the value */
        const uint8_t *name = cur_bytes(&c, name_len);
        if (name && is_reserved((const char *)name, name_len)) {
            return SMBKIT_STATUS_ACCESS_DENIED;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status vfs_ea_get(struct vfs_call *call, struct vfs_open *o, uint8_t **list_r, size_t *len_r)
{
    *list_r = NULL;
    *len_r = 0;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && !open_may(o, SMBKIT_READ_EA)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_OK(st) ? door_get_ea(call, &o->f, list_r, len_r) : st;
}

smbkit_status vfs_ea_set(struct vfs_call *call, struct vfs_open *o, struct smbkit_bytes list)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = open_check_writable(call, o);
    }
    if (SMBKIT_OK(st) && !open_may(o, SMBKIT_WRITE_EA)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st) && !(o->volume->features & SMBKIT_FEATURE_EAS)) {
        st = SMBKIT_STATUS_EAS_NOT_SUPPORTED;
    }
    if (SMBKIT_OK(st)) {
        st = ea_check_names(list.base, list.len);
    }
    if (SMBKIT_OK(st)) {
        st = kept_time_note(call, o, KEPT_BY_META);
    }
    if (SMBKIT_OK(st)) {
        st = door_set_ea(call, &o->f, list);
    }
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
        notify_modified(o, NOTIFY_CHANGE_EA);
        dirlease_modified(o); /* listings tell their size */
    }
    return st;
}

uint32_t vfs_ea_position(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->ea_position;
}

void vfs_ea_position_set(struct vfs_open *o, uint32_t position)
{
    SCOPED_LOCK(&o->lock);
    o->ea_position = position;
}

bool vfs_ea_is_needed(const uint8_t *list, size_t len)
{
    size_t at = 0;
    for (uint32_t next = 1; next != 0 && at < len; at += next) {
        struct cur c = cur_init(list + at, len - at);
        next = cur_u32(&c);
        if (cur_u8(&c) & EA_NEEDED) {
            return true;
        }
    }
    return false;
}
