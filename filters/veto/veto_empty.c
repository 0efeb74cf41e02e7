/* SPDX-License-Identifier: Apache-2.0 */
#include "veto_empty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_AT_ONCE 256 /* of a folder, kept at a time */

/* Calls that answer here, waiting for those that are done later. */
static void unused_done(void *arg, smbkit_status status)
{
    (void)arg;
    (void)status;
}

static smbkit_status call(const struct veto_below *b, uint32_t id, void *file, void *args)
{
    if (b->op->flags & SMBKIT_OP_SYNC) {
        return smbkit_api->next(b->next, id, b->op, file, args);
    }
    struct smbkit_op *child = smbkit_child(b->op, unused_done, NULL);
    if (!child) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    child->flags = (child->flags & ~SMBKIT_OP_NOWAIT) | SMBKIT_OP_SYNC;
    return smbkit_api->next(b->next, id, child, file, args);
}

/* ---- what there is ---- */

struct names {
    struct smbkit_sink sink; /* first */
    bool (*is_wanted)(void *arg, const char *name);
    void *arg;
    uint32_t room, count;
    bool has_other; /* one that is not wanted; the listing ended there */
    bool no_memory;
    char *list[NAMES_AT_ONCE];
};

static int32_t note_name(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct names *n = (struct names *)sink;
    n->has_other = n->is_wanted && !n->is_wanted(n->arg, entry->name);
    if (n->has_other || n->count == n->room) {
        return 0;
    }
    n->list[n->count] = strdup(entry->name);
    n->no_memory = !n->list[n->count];
    n->count += !n->no_memory;
    n->sink.cookie = entry->cookie;
    return !n->no_memory;
}

static smbkit_status list(const struct veto_below *b, void *folder, struct names *n)
{
    n->sink.struct_size = sizeof(n->sink);
    n->sink.entry = note_name;
    smbkit_status st = call(b, SMBKIT_OP_enumerate, folder, &n->sink);
    return SMBKIT_OK(st) && n->no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

static void names_drop(struct names *n)
{
    while (n->count > 0) {
        free(n->list[--n->count]);
    }
}

static int32_t find_name(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct names *n = (struct names *)sink;
    n->count = n->is_wanted(n->arg, entry->name);
    return n->count == 0;
}

smbkit_status veto_empty_check(const struct veto_below *b, void *folder,
                               bool (*is_vetoed)(void *arg, const char *name), void *arg)
{
    struct names n = {.sink = {.struct_size = sizeof(n.sink), .entry = find_name},
                      .is_wanted = is_vetoed,
                      .arg = arg};
    smbkit_status st = call(b, SMBKIT_OP_enumerate, folder, &n.sink);
    return SMBKIT_OK(st) && n.count > 0 ? SMBKIT_STATUS_DIRECTORY_NOT_EMPTY : st;
}

/* Are all names such as may go? */
static smbkit_status check_all(const struct veto_below *b, void *folder,
                               bool (*is_vetoed)(void *arg, const char *name), void *arg)
{
    struct names n = {.is_wanted = is_vetoed, .arg = arg, .room = NAMES_AT_ONCE};
    smbkit_status st;
    uint32_t count;
    do {
        st = list(b, folder, &n);
        count = n.count;
        names_drop(&n);
    } while (SMBKIT_OK(st) && !n.has_other && count == n.room);
    return SMBKIT_OK(st) && n.has_other ? SMBKIT_STATUS_DIRECTORY_NOT_EMPTY : st;
}

/* ---- taking it away ---- */

static smbkit_status empty_below(const struct veto_below *b, void *folder, const char *path,
                                 unsigned depth);

static smbkit_status remove_open(const struct veto_below *b, const struct smbkit_create *a,
                                 unsigned depth)
{
    const struct smbkit_remove how = {.struct_size = sizeof(how)};
    bool is_folder = (a->attr->attributes & SMBKIT_ATTR_DIRECTORY) &&
                     !(a->attr->attributes & SMBKIT_ATTR_REPARSE_POINT);
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (is_folder) {
        st = depth < VETO_DEPTH_MAX ? empty_below(b, a->file, a->path, depth + 1)
                                    : SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    if (SMBKIT_OK(st)) {
        st = call(b, SMBKIT_OP_remove, a->file, (void *)(uintptr_t)&how);
    }
    if (SMBKIT_OK(st) && b->host) {
        smbkit_changed(b->host, a->path,
                       SMBKIT_CHANGE_REMOVED |
                           (is_folder ? SMBKIT_CHANGED_DIR_NAME : SMBKIT_CHANGED_FILE_NAME));
    }
    return st;
}

static smbkit_status remove_path(const struct veto_below *b, const char *path, unsigned depth)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = path,
                              .kind = SMBKIT_KIND_ANY,
                              .access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_DATA,
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .attr = &attr};
    smbkit_status st = call(b, SMBKIT_OP_create, NULL, &a);
    if (SMBKIT_OK(st)) {
        st = remove_open(b, &a, depth);
        smbkit_next_close(b->next, b->op, a.file);
    }
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
}

static smbkit_status remove_name(const struct veto_below *b, const char *folder, const char *name,
                                 unsigned depth)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(path, size, "%s%s%s", folder, *folder ? "/" : "", name);
    smbkit_status st = remove_path(b, path, depth);
    free(path);
    return st;
}

/* The names of one listing go. first: that of the listing before, owned: one that comes again was
 * not taken away, whatever was said. */
static smbkit_status empty_once(const struct veto_below *b, const char *path, struct names *n,
                                char **first, unsigned depth)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (n->count > 0 && *first && strcmp(*first, n->list[0]) == 0) {
        return SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    for (uint32_t i = 0; i < n->count && SMBKIT_OK(st); i++) {
        st = smbkit_op_is_cancelled(b->op) ? SMBKIT_STATUS_CANCELLED
                                           : remove_name(b, path, n->list[i], depth);
    }
    free(*first);
    *first = n->count > 0 ? n->list[0] : NULL;
    if (*first) {
        n->list[0] = n->list[--n->count];
    }
    return st;
}

/* From the start each time: what was listed is gone. */
static smbkit_status empty_below(const struct veto_below *b, void *folder, const char *path,
                                 unsigned depth)
{
    struct names *n = malloc(sizeof(*n));
    char *first = NULL;
    smbkit_status st = n ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    bool any = n != NULL;
    while (SMBKIT_OK(st) && any) {
        *n = (struct names){.room = NAMES_AT_ONCE};
        st = list(b, folder, n);
        any = n->count > 0;
        if (SMBKIT_OK(st)) {
            st = empty_once(b, path, n, &first, depth);
        }
        names_drop(n);
    }
    free(first);
    free(n);
    return st;
}

smbkit_status veto_empty(const struct veto_below *b, void *folder, const char *path,
                         bool (*is_vetoed)(void *arg, const char *name), void *arg)
{
    smbkit_status st = check_all(b, folder, is_vetoed, arg);
    return SMBKIT_OK(st) ? empty_below(b, folder, path, 0) : st;
}
