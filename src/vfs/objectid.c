/* SPDX-License-Identifier: Apache-2.0 */
/* Object ids: names of files that stay when they move. [MS-FSA] 2.1.5.10.1, .2, .13, .35, .36 */
#include "base/mem.h"
#include "base/wr.h"
#include "vfs/core.h"
#include "vfs/fsctl.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"
#include "vfs/token.h"

/* A volume that keeps none: the file's id makes one, which stays as long as that does. */
static smbkit_status made_up(const struct vfs_call *call, struct vfs_open *o,
                             struct smbkit_object_id *id)
{
    struct smbkit_attr attr;
    struct smbkit_volume_info info = {.struct_size = sizeof(info)};
    smbkit_status st = door_getattr(call, &o->f, &attr);
    if (SMBKIT_OK(st)) {
        st = door_volume_info(call, &o->f, &info);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct wr out = wr_init(id->id, sizeof(id->id));
    wr_u64(&out, attr.file_id);
    wr_u64(&out, attr.file_id_high ^ info.serial);
    mem_copy(id->birth, info.object_id, sizeof(info.object_id));
    mem_copy(id->birth + sizeof(info.object_id), id->id, sizeof(id->id));
    return SMBKIT_STATUS_SUCCESS;
}

static bool keeps_ids(const struct vfs_open *o)
{
    return o->volume->features & SMBKIT_FEATURE_OBJECT_IDS;
}

static smbkit_status change(const struct vfs_call *call, struct vfs_open *o,
                            struct smbkit_object_id *a)
{
    smbkit_status st = kept_time_note(call, o, KEPT_BY_META);
    if (SMBKIT_OK(st)) {
        st = door_object_id(call, &o->f, a);
    }
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
    }
    return st;
}

smbkit_status vfs_get_object_id(struct vfs_call *call, struct vfs_open *o,
                                struct smbkit_object_id *id)
{
    bool may_make = id->flags == SMBKIT_OBJECT_ID_CREATE_OR_GET;
    struct smbkit_object_id wanted = *id;
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!keeps_ids(o)) {
        return made_up(call, o, id);
    }
    id->flags = SMBKIT_OBJECT_ID_GET;
    st = door_object_id(call, &o->f, id);
    if (st != SMBKIT_STATUS_OBJECTID_NOT_FOUND || !may_make) {
        return st;
    }
    st = open_check_writable(call, o);
    if (SMBKIT_OK(st)) {
        *id = wanted;
        st = change(call, o, id);
    }
    return st;
}

/* May it be changed by this open? Whoever says what it is to be must be one who restores files. */
static smbkit_status check_change(const struct vfs_call *call, const struct vfs_open *o,
                                  bool restores)
{
    if (!keeps_ids(o)) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    bool may = o->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_WRITE_ATTRIBUTES);
    bool may_restore = vfs_token_identity_get(call->token)->flags & SMBKIT_WHO_ADMIN;
    return may && (may_restore || !restores) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

smbkit_status vfs_set_object_id(struct vfs_call *call, struct vfs_open *o,
                                const struct smbkit_object_id *id)
{
    struct smbkit_object_id is = {.struct_size = sizeof(is), .flags = SMBKIT_OBJECT_ID_GET};
    struct smbkit_object_id a = *id;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = check_change(call, o, true);
    }
    if (SMBKIT_OK(st)) {
        st = door_object_id(call, &o->f, &is);
        st = SMBKIT_OK(st)                            ? SMBKIT_STATUS_OBJECT_NAME_COLLISION
             : st == SMBKIT_STATUS_OBJECTID_NOT_FOUND ? SMBKIT_STATUS_SUCCESS
                                                      : st;
    }
    a.flags = SMBKIT_OBJECT_ID_SET;
    return SMBKIT_OK(st) ? change(call, o, &a) : st;
}

smbkit_status vfs_set_object_birth(struct vfs_call *call, struct vfs_open *o,
                                   const uint8_t birth[48])
{
    struct smbkit_object_id a = {.struct_size = sizeof(a), .flags = SMBKIT_OBJECT_ID_GET};
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = check_change(call, o, false);
    }
    if (SMBKIT_OK(st)) {
        st = door_object_id(call, &o->f, &a);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    a.flags = SMBKIT_OBJECT_ID_SET;
    mem_copy(a.birth, birth, sizeof(a.birth));
    return change(call, o, &a);
}

/* A file without one is as it is meant to be. */
smbkit_status vfs_delete_object_id(struct vfs_call *call, struct vfs_open *o)
{
    struct smbkit_object_id a = {.struct_size = sizeof(a), .flags = SMBKIT_OBJECT_ID_DELETE};
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = check_change(call, o, false);
    }
    if (SMBKIT_OK(st)) {
        st = change(call, o, &a);
    }
    return st == SMBKIT_STATUS_OBJECTID_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
}
