/* SPDX-License-Identifier: Apache-2.0 */
#include "side.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *side_join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s%s%s", folder, *folder && *name ? "/" : "", name);
    }
    return path;
}

const char *side_leaf(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *side_parent(const char *path)
{
    const char *leaf = side_leaf(path);
    return strndup(path, leaf > path ? (size_t)(leaf - path) - 1 : 0);
}

smbkit_status side_lookup(const struct side *s, struct smbkit_op *op, const char *path,
                          struct smbkit_attr *attr)
{
    struct smbkit_lookup a = {.struct_size = sizeof(a),
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .path = path,
                              .attr = attr};
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return smbkit_next_lookup(s->next, op, &a);
}

struct smbkit_create side_create_of(const struct smbkit_lookup *a)
{
    return (struct smbkit_create){.struct_size = sizeof(struct smbkit_create),
                                  .disposition = SMBKIT_OPEN,
                                  .path = a->path,
                                  .stream = a->stream,
                                  .access = SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL,
                                  .flags = a->flags,
                                  .snapshot_time = a->snapshot_time,
                                  .attr = a->attr,
                                  .security_r = a->security_r};
}

smbkit_status side_open(const struct side *s, struct smbkit_op *op, const char *path,
                        struct smbkit_create *a)
{
    a->struct_size = sizeof(*a);
    a->path = path;
    a->access = SMBKIT_ALL_ACCESS;
    *a->attr = (struct smbkit_attr){.struct_size = sizeof(*a->attr)};
    return smbkit_next_create(s->next, op, a);
}

smbkit_status side_make_folder(const struct side *s, struct smbkit_op *op, const char *path)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_CREATE,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .attributes = SMBKIT_ATTR_HIDDEN,
                              .attr = &attr};
    smbkit_status st = side_open(s, op, path, &a);
    if (SMBKIT_OK(st)) {
        smbkit_next_close(s->next, op, a.file);
    }
    return st == SMBKIT_STATUS_OBJECT_NAME_COLLISION ? SMBKIT_STATUS_SUCCESS : st;
}

smbkit_status side_remove(const struct side *s, struct smbkit_op *op, const char *path)
{
    static const struct smbkit_remove how = {.struct_size = sizeof(how)};
    struct smbkit_attr attr;
    struct smbkit_create a = {
        .disposition = SMBKIT_OPEN, .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT, .attr = &attr};
    smbkit_status st = side_open(s, op, path, &a);
    if (SMBKIT_OK(st)) {
        st = smbkit_next_remove(s->next, op, a.file, &how);
        smbkit_next_close(s->next, op, a.file);
    }
    return st;
}

void side_attr_settle(struct smbkit_attr *attr)
{
    attr->file_id = attr->file_id_high = attr->file_domain = 0;
    if (attr->struct_size > offsetof(struct smbkit_attr, names_told)) {
        attr->names_told = 0;
    }
    attr->link_count = 1;
    attr->valid &= ~SMBKIT_HAS_FILE_ID;
}
