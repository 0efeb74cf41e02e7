/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a volume as a whole: quotas, snapshots, and the folder that is the root for who
 * connects. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/core.h"
#include "vfs/path.h"
#include "vfs/plugin_door.h"

static smbkit_status volume_call(const struct vfs_call *call, struct vfs_volume *v, uint32_t id,
                                 void *args)
{
    const struct door_file whole = {.volume = v};
    return door_call(call, &whole, id, args);
}

smbkit_status door_get_quota(const struct vfs_call *call, struct vfs_volume *v,
                             struct smbkit_quota *q)
{
    return volume_call(call, v, SMBKIT_OP_get_quota, q);
}

smbkit_status door_session_root(const struct vfs_call *call, struct vfs_volume *v,
                                struct smbkit_session_root *a)
{
    return volume_call(call, v, SMBKIT_OP_session_root, a);
}

smbkit_status door_set_quota(const struct vfs_call *call, struct vfs_volume *v,
                             const struct smbkit_quota *q)
{
    struct smbkit_quota a = *q;
    return volume_call(call, v, SMBKIT_OP_set_quota, &a);
}

smbkit_status door_snapshots(const struct vfs_call *call, struct vfs_volume *v,
                             struct smbkit_snapshots *a)
{
    return volume_call(call, v, SMBKIT_OP_snapshots, a);
}

smbkit_status vfs_session_root(struct vfs_call *call, struct vfs_volume *v, char **path_r)
{
    uint32_t cap = 3 * PATH_UNITS_MAX + 1;
    *path_r = NULL;
    CLEANUP_MEM char *buf = mem_alloc(cap);
    if (!buf) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_session_root a = {.struct_size = sizeof(a),
                                    .path = {.base = (uint8_t *)buf, .cap = cap}};
    smbkit_status st = door_session_root(call, v, &a);
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (a.path.len == 0) {
        return SMBKIT_STATUS_INTERNAL_ERROR; /* terminated, it has a byte at least */
    }
    buf[MIN(a.path.len, cap - 1)] = 0;
    if (!door_path_check(v, buf)) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    *path_r = buf[0] ? str_dup(buf) : NULL;
    return buf[0] && !*path_r ? SMBKIT_STATUS_NO_MEMORY : st;
}
