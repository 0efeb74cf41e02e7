/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.14, 2.1.5.17: security descriptors of open files. */
#include "base/mem.h"
#include "vfs/access.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"

#define SD_PARTS (SD_OWNER | SD_GROUP | SD_DACL | SD_SACL)

smbkit_status vfs_query_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                                 struct wr *out)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t need = (what & (SD_OWNER | SD_GROUP | SD_DACL) ? SMBKIT_READ_CONTROL : 0) |
                    (what & SD_SACL ? SMBKIT_ACCESS_SYSTEM_SECURITY : 0);
    if (!open_may(o, need)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct secdesc sd;
    st = access_sd_load_shown(call, &o->f, o->is_directory, &sd);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    sd_format(out, &sd, what & SD_PARTS);
    sd_fini(&sd);
    return wr_ok(out) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status vfs_max_access(struct vfs_call *call, struct vfs_open *o, uint32_t cap,
                             uint32_t *access_r)
{
    *access_r = 0;
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    struct access_query q = {.path = path && !o->snapshot_time ? path : "",
                             .is_directory = o->is_directory,
                             .desired = SMBKIT_MAXIMUM_ALLOWED,
                             .cap = cap,
                             .want_max = true};
    st = path ? access_check(call, &o->f, &q) : SMBKIT_STATUS_NO_MEMORY;
    *access_r = SMBKIT_OK(st) ? q.max : 0;
    return st;
}

static smbkit_status set_check(const struct vfs_call *call, const struct vfs_open *o, uint32_t what)
{
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t need = (what & (SD_OWNER | SD_GROUP) ? SMBKIT_WRITE_OWNER : 0) |
                    (what & SD_DACL ? SMBKIT_WRITE_DAC : 0) |
                    (what & SD_SACL ? SMBKIT_ACCESS_SYSTEM_SECURITY : 0);
    if (!open_may(o, need)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return o->volume->features & SMBKIT_FEATURE_SECURITY ? SMBKIT_STATUS_SUCCESS
                                                         : SMBKIT_STATUS_NOT_SUPPORTED;
}

static smbkit_status sd_store(struct vfs_call *call, struct vfs_open *o, const struct secdesc *sd)
{
    struct wr w __attribute__((cleanup(wr_finip))) = wr_new(SECURITY_BYTES_MAX);
    sd_format(&w, sd, SD_PARTS);
    return wr_ok(&w) ? door_set_security(call, &o->f, w.base, w.len) : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status vfs_set_security(struct vfs_call *call, struct vfs_open *o, uint32_t what,
                               const uint8_t *sd, size_t sd_len)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = set_check(call, o, what);
    }
    struct secdesc given;
    if (SMBKIT_OK(st)) {
        st = sd_parse(sd, sd_len, &given);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct secdesc stored;
    st = kept_time_note(call, o, KEPT_BY_META);
    if (SMBKIT_OK(st)) {
        st = access_sd_load_shown(call, &o->f, o->is_directory, &stored);
    }
    if (SMBKIT_OK(st)) {
        uint32_t keep = volume_has(o->volume, VFS_KEEPS_ACL_FLAGS) ? SD_KEEP_INHERITED : 0;
        st = sd_set(&stored, &given, (what & ~SD_KEEP_INHERITED) | keep, call->token);
        if (SMBKIT_OK(st)) {
            st = sd_store(call, o, &stored);
        }
        sd_fini(&stored);
    }
    sd_fini(&given);
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
        notify_modified(o, NOTIFY_CHANGE_SECURITY);
    }
    return st;
}
