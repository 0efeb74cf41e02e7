/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/attr.h"

#include "base/mem.h"
#include "vfs/core.h"

#define ATTR_FIRST_BYTES (offsetof(struct smbkit_attr, ea_size) + sizeof(uint32_t)) /* ABI 1 */

void attr_copy(struct smbkit_attr *to, const struct smbkit_attr *from)
{
    *to = (struct smbkit_attr){0};
    /* 0: forgotten; then it is the first one there was. */
    size_t size = from->struct_size ? from->struct_size : ATTR_FIRST_BYTES;
    mem_copy(to, from, MIN(size, sizeof(*to)));
    to->struct_size = sizeof(*to);
}

/* A time that is known, and so noted, or which of the others tells most about it. */
static void time_settle(struct smbkit_attr *a, uint32_t has, uint64_t *t, const uint64_t others[4])
{
    a->valid |= *t != 0 ? has : 0;
    for (unsigned i = 0; i < 4 && *t == 0 && !(a->valid & has); i++) {
        *t = others[i];
    }
}

static void times_settle(const struct vfs_volume *v, struct smbkit_attr *a)
{
    /* When the volume was opened is the best that is left for a file of which nothing is known. */
    const struct smbkit_attr is = *a;
    const uint64_t write[4] = {is.change_time, is.create_time, is.access_time, v->opened_at};
    time_settle(a, SMBKIT_HAS_WRITE_TIME, &a->write_time, write);
    const uint64_t change[4] = {a->write_time, is.create_time, 0, 0};
    time_settle(a, SMBKIT_HAS_CHANGE_TIME, &a->change_time, change);
    const uint64_t access[4] = {a->write_time, is.create_time, 0, 0};
    time_settle(a, SMBKIT_HAS_ACCESS_TIME, &a->access_time, access);
    const uint64_t create[4] = {a->write_time, is.change_time, 0, 0};
    time_settle(a, SMBKIT_HAS_CREATE_TIME, &a->create_time, create);
}

bool attr_settle(const struct vfs_volume *v, struct smbkit_attr *a)
{
    if (a->size > INT64_MAX || a->alloc_size > INT64_MAX) {
        return false;
    }
    if (a->attributes != SMBKIT_ATTR_NORMAL) {
        a->attributes &= ~SMBKIT_ATTR_NORMAL;
    }
    if (a->attributes == 0) {
        a->attributes = SMBKIT_ATTR_NORMAL;
    }
    if (a->attributes & SMBKIT_ATTR_DIRECTORY) {
        a->size = 0;
        a->alloc_size = 0;
    } else if (a->alloc_size == 0 && a->size > 0 && !(a->valid & SMBKIT_HAS_ALLOC_SIZE)) {
        uint64_t unit = v->cluster_size_bytes;
        a->alloc_size = (a->size + unit - 1) / unit * unit;
    }
    if (a->link_count == 0) {
        a->link_count = 1;
    }
    times_settle(v, a);
    return true;
}
