/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "side.h"

#define NAMES_MAX 4000000u /* of one folder */

struct noting {
    struct smbkit_sink sink; /* first */
    struct names *names;
};

static bool grow(struct names *n)
{
    uint32_t room = n->room ? 2 * n->room : 64;
    char **list = realloc(n->list, room * sizeof(*list));
    n->list = list ? list : n->list;
    if (!list) {
        return false;
    }
    if (n->has_attrs) {
        struct smbkit_attr *attrs = realloc(n->attrs, room * sizeof(*attrs));
        n->attrs = attrs ? attrs : n->attrs;
        if (!attrs) {
            return false;
        }
    }
    n->room = room;
    return true;
}

static int32_t note(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct names *n = ((struct noting *)sink)->names;
    n->no_memory = n->count == NAMES_MAX || (n->count == n->room && !grow(n));
    char *name = n->no_memory ? NULL : strdup(entry->name);
    n->no_memory = !name;
    if (!name) {
        return 0;
    }
    if (n->has_attrs) {
        struct smbkit_attr *a = &n->attrs[n->count];
        *a = (struct smbkit_attr){0};
        if (entry->attr) {
            uint32_t size = entry->attr->struct_size;
            memcpy(a, entry->attr, size < sizeof(*a) ? size : sizeof(*a));
            a->struct_size = sizeof(*a);
            side_attr_settle(a);
        } /* else struct_size says that it was not told */
    }
    n->list[n->count++] = name;
    return 1;
}

smbkit_status side_names(const struct side *s, struct smbkit_op *op, uint32_t id, void *file,
                         struct names *n)
{
    struct noting sink = {.sink = {.struct_size = sizeof(sink.sink),
                                   .want = n->has_attrs ? SMBKIT_WANT_ATTR : 0,
                                   .entry = note},
                          .names = n};
    smbkit_status st = smbkit_api->next(s->next, id, op, file, &sink.sink);
    return SMBKIT_OK(st) && n->no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

smbkit_status side_names_at(const struct side *s, struct smbkit_op *op, const char *path,
                            struct names *n)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {
        .disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_DIRECTORY, .attr = &attr};
    smbkit_status st = side_open(s, op, path, &a);
    if (SMBKIT_OK(st)) {
        st = side_names(s, op, SMBKIT_OP_enumerate, a.file, n);
        smbkit_next_close(s->next, op, a.file);
    }
    return st;
}

bool side_names_add(struct names *n, const char *name)
{
    const struct smbkit_entry entry = {.struct_size = sizeof(entry), .name = name};
    struct noting sink = {.names = n};
    return note(&sink.sink, &entry);
}

void side_names_fini(struct names *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        free(n->list[i]);
    }
    free(n->list);
    free(n->attrs);
    *n = (struct names){0};
}

void side_names_free(struct names *n)
{
    if (n) {
        side_names_fini(n);
        free(n);
    }
}
