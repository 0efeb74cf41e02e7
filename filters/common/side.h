/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that a filter works in by itself: the layer below, or one that it has mounted. All calls
 * are waited for: op has SMBKIT_OP_SYNC, or the filter is without SMBKIT_SEES_PENDING; and not
 * SMBKIT_OP_NOWAIT. */
#pragma once

#include <stdbool.h>

#include <smbkit/filter.h>

/* Immutable. */
struct side {
    struct smbkit_next *next;
    uint32_t features;
};

char *side_join(const char *folder, const char *name); /* owned; NULL: no memory */
char *side_parent(const char *path);                   /* likewise */
const char *side_leaf(const char *path);

/* Is nothing there? */
static inline bool side_is_missing(smbkit_status status)
{
    return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ||
           status == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}

smbkit_status side_lookup(const struct side *s, struct smbkit_op *op, const char *path,
                          struct smbkit_attr *attr);
/* The create by which a filter that makes its own files looks something up; then it closes it. Of
 * what that tells, security_none is to be handed over. */
struct smbkit_create side_create_of(const struct smbkit_lookup *a);
/* With all rights. a: disposition, kind, attributes, flags and attr are the caller's. */
smbkit_status side_open(const struct side *s, struct smbkit_op *op, const char *path,
                        struct smbkit_create *a);
/* A hidden folder; one that is there will do. */
smbkit_status side_make_folder(const struct side *s, struct smbkit_op *op, const char *path);
/* A file, or a folder that is empty. */
smbkit_status side_remove(const struct side *s, struct smbkit_op *op, const char *path);

/* A copy has another id than what it was made of: the core makes one from the path. */
void side_attr_settle(struct smbkit_attr *attr);

/* ---- side_names.c ---- */

struct names {
    char **list; /* owned */
    struct smbkit_attr *attrs;
    uint32_t count, room;
    bool has_attrs, no_memory;
};
/* What a folder is said to have, or the streams of a file: id is SMBKIT_OP_enumerate or _streams.
 * n is added to. */
smbkit_status side_names(const struct side *s, struct smbkit_op *op, uint32_t id, void *file,
                         struct names *n);
smbkit_status side_names_at(const struct side *s, struct smbkit_op *op, const char *path,
                            struct names *n);
bool side_names_add(struct names *n, const char *name); /* without attributes; false: no memory */
void side_names_fini(struct names *n);
void side_names_free(struct names *n); /* NULL allowed */

/* ---- side_copy.c ---- */

/* A file, or a folder without what is in it: data, streams, EAs, descriptor, reparse point,
 * attributes and times, as far as both volumes have them; holes stay holes. */
struct side_copy {
    const struct side *from, *to;
    const char *from_path, *to_path;
    bool without_data; /* it is going to be emptied */
    /* out */
    void *file;              /* the copy, durable, open with all rights; the caller closes it */
    struct smbkit_attr attr; /* of what was copied */
};
/* What was made is taken away when it fails. Cost: as long as the file is, or a clone. */
smbkit_status side_copy(struct smbkit_op *op, struct side_copy *c);
/* Of a folder or file that is there already all but the data becomes as that of `from`: streams and
 * EAs that it has beside those go. Only attr is told. */
smbkit_status side_dress(struct smbkit_op *op, struct side_copy *c);
