/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes as they come through the door. */
#include "base/log.h"
#include "vfs/attr.h"
#include "vfs/core.h"
#include "vfs/plugin_door.h"

#define LOG_MODULE LOG_VFS

smbkit_status door_attr_settle(const struct vfs_volume *v, struct smbkit_attr *a)
{
    if (!attr_settle(v, a)) {
        struct layer *l = &v->layers[v->layer_count - 1];
        unsigned times = layer_fault(l, FAULT_SIZE);
        if (times > 0) {
            log_error(NULL, "plugin_bad_size plugin=%s size=%llu times=%u", l->plugin->name,
                      (unsigned long long)a->size, times);
        }
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    if (a->file_domain == 0) {
        a->file_domain = v->domain;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static bool attr_has_id(const struct smbkit_attr *a)
{
    return a->file_id != 0 || a->file_id_high != 0;
}

void door_attr_id_by_path(const struct vfs_volume *v, const char *path, struct smbkit_attr *a)
{
    if (!attr_has_id(a)) {
        volume_path_id(v, path, &a->file_id, &a->file_id_high);
        a->file_domain = v->domain;
    }
}

smbkit_status door_file_attr_settle(const struct door_file *f, struct smbkit_attr *a)
{
    if (!attr_has_id(a)) {
        a->file_domain = f->domain;
        a->file_id = f->id;
        a->file_id_high = f->id_high;
        if (f->node) {
            struct file_key key = node_file_key(f->node); /* renamed since */
            a->file_id = key.id;
            a->file_id_high = key.id_high;
        }
    }
    if (f->node && f->node->base) {
        a->attributes &= ~SMBKIT_ATTR_DIRECTORY;
    }
    return door_attr_settle(f->volume, a);
}
