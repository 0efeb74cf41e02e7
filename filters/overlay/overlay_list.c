/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: the names of the upper volume, then those of the lower one that it has not. They are
 * noted when a listing begins, so that its order stays while it goes on. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

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
            overlay_attr_settle(a);
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

void names_free(struct names *n)
{
    if (!n) {
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) {
        free(n->list[i]);
    }
    free(n->list);
    free(n->attrs);
    free(n);
}

/* ---- both ---- */

static uint32_t hash_name(const struct overlay *o, const char *name)
{
    uint32_t h = 0x811c9dc5u;
    while (*name) {
        uint32_t c = letters_next(&name);
        h = (h ^ (o->ignores_case ? smbkit_upcase(c) : c)) * 0x01000193u;
    }
    return h ^ (h >> 15);
}

static bool is_same(const struct overlay *o, const char *a, const char *b)
{
    const char *rest = letters_below(a, b, o->ignores_case);
    return rest && !*rest;
}

static void drop(struct names *n, uint32_t i)
{
    free(n->list[i]);
    n->list[i] = NULL;
}

/* Those from `own` on that stand before it, or are hidden, go. The caller holds the lock. */
static bool thin(const struct overlay *o, const char *folder, struct names *n, uint32_t own)
{
    uint32_t room = 64;
    while (room < 2 * own) {
        room *= 2;
    }
    uint32_t *table = calloc(room, sizeof(*table)); /* index + 1 */
    if (!table) {
        return false;
    }
    for (uint32_t i = 0; i < own; i++) {
        uint32_t at = hash_name(o, n->list[i]);
        while (table[at & (room - 1)]) {
            at++;
        }
        table[at & (room - 1)] = i + 1;
    }
    for (uint32_t i = own; i < n->count; i++) {
        bool goes = false;
        for (uint32_t at = hash_name(o, n->list[i]); table[at & (room - 1)] && !goes; at++) {
            goes = is_same(o, n->list[table[at & (room - 1)] - 1], n->list[i]);
        }
        char *path = goes ? NULL : overlay_join(folder, n->list[i]);
        if (goes || (path && hidden_has(o, path))) {
            drop(n, i);
        }
        free(path);
    }
    free(table);
    for (uint32_t i = 0; i < n->count && !*folder; i++) {
        if (n->list[i] && overlay_is_meta(n->list[i])) {
            drop(n, i);
        }
    }
    return true;
}

static void pack(struct names *n)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->list[i]) {
            n->list[out] = n->list[i];
            if (n->has_attrs) {
                n->attrs[out] = n->attrs[i];
            }
            out++;
        }
    }
    n->count = out;
}

smbkit_status overlay_names(struct overlay *o, struct smbkit_op *op, const struct ofile *f,
                            bool attrs, struct names **names_r)
{
    struct names *n = calloc(1, sizeof(*n));
    smbkit_status st = n ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    *names_r = NULL;
    if (!n) {
        return st;
    }
    n->has_attrs = attrs;
    pthread_rwlock_rdlock(&o->lock);
    if (f->has_upper) {
        st = side_names(&o->upper, op, SMBKIT_OP_enumerate, f->upper, n);
    }
    uint32_t own = n->count;
    if (SMBKIT_OK(st) && f->has_lower) {
        st = side_names(&o->lower, op, SMBKIT_OP_enumerate, f->lower, n);
    }
    if (SMBKIT_OK(st)) {
        st = thin(o, f->path, n, own) ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_rwlock_unlock(&o->lock);
    pack(n);
    if (!SMBKIT_OK(st)) {
        names_free(n);
        return st;
    }
    *names_r = n;
    return st;
}

smbkit_status overlay_enumerate(struct overlay *o, struct smbkit_op *op, struct ofile *f,
                                struct smbkit_sink *sink)
{
    if (!f->is_folder || f->stream) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    if (sink->cookie == 0 || !f->listing) {
        struct names *n;
        smbkit_status st = overlay_names(o, op, f, sink->want & SMBKIT_WANT_ATTR, &n);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        names_free(f->listing);
        f->listing = n;
    }
    const struct names *n = f->listing;
    for (uint64_t i = sink->cookie; i < n->count; i++) {
        bool has_attr = n->has_attrs && n->attrs[i].struct_size > 0;
        const struct smbkit_entry e = {.struct_size = sizeof(e),
                                       .name = n->list[i],
                                       .cookie = i + 1,
                                       .attr = has_attr ? &n->attrs[i] : NULL};
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}
