/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: what a volume was at a time. Their files are opened as any others, by the time beside
 * the path, and are nodes of their own: in a domain and by names that no file of today has. They
 * are found by the letters that the plugin finds. Rights are granted as the descriptor has them,
 * and each change is refused (open_check_writable), as on a volume that is read-only:
 * [MS-FSA] 2.1.5.4, 2.1.5.15. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/fsctl.h"

struct vfs_create_in snapshot_create_in(const struct vfs_create_in *in)
{
    struct vfs_create_in past = *in;
    past.oplock_level = VFS_OPLOCK_NONE;
    past.lease = NULL;
    return past;
}

smbkit_status create_refuse_past(const struct create *c)
{
    struct smbkit_attr attr;
    smbkit_status st = door_lookup_in(c->call, c->in->volume, "", c->in->snapshot_time, &attr);
    return SMBKIT_OK(st) ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED : st;
}

smbkit_status create_check_snapshot(const struct create *c)
{
    if (!(c->in->volume->features & SMBKIT_FEATURE_SNAPSHOTS)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    bool changes =
        c->overwrites || c->in->disposition == SMBKIT_CREATE || (c->options & VFS_DELETE_ON_CLOSE);
    return changes ? create_refuse_past(c) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status create_apart(struct create *c)
{
    char *path = str_printf("@%llx%s%s", (unsigned long long)c->in->snapshot_time,
                            c->path[0] ? "/" : "", c->path);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    mem_free(c->path);
    c->path = path;
    c->attr.file_domain = hash_u64(c->attr.file_domain, c->in->snapshot_time);
    return SMBKIT_STATUS_SUCCESS;
}

const char *snapshot_path(const struct vfs_open *o, const char *path)
{
    if (!o->snapshot_time) {
        return path;
    }
    while (*path && *path != '/') {
        path++;
    }
    return *path ? path + 1 : path;
}

smbkit_status vfs_snapshots(struct vfs_call *call, struct vfs_open *o, uint64_t *times,
                            uint32_t *count_r)
{
    struct smbkit_snapshots a = {.struct_size = sizeof(a), .room = *count_r, .times = times};
    mem_zero(times, *count_r * sizeof(*times)); /* whatever a plugin says that it filled */
    *count_r = 0;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && (o->volume->features & SMBKIT_FEATURE_SNAPSHOTS)) {
        st = door_snapshots(call, o->volume, &a);
        *count_r = a.count;
    }
    return st;
}
