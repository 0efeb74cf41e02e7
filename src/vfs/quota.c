/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas, as the plugin keeps them. [MS-FSA] 2.1.5.21, 2.1.5.22 */
#include "vfs/fsctl.h"
#include "vfs/core.h"

bool vfs_volume_has_quotas(const struct vfs_volume *v)
{
    return v->features & SMBKIT_FEATURE_QUOTA;
}

smbkit_status vfs_get_quota(struct vfs_call *call, struct vfs_open *o, struct smbkit_quota *q)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? door_get_quota(call, o->volume, q) : st;
}

smbkit_status vfs_set_quota(struct vfs_call *call, struct vfs_open *o, const struct smbkit_quota *q)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = open_check_writable(call, o);
    }
    return SMBKIT_OK(st) ? door_set_quota(call, o->volume, q) : st;
}
