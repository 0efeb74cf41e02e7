/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: the names of the upper volume, then those of the lower one that it has not. They are
 * noted when a listing begins, so that its order stays while it goes on. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

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
        char *path = goes ? NULL : side_join(folder, n->list[i]);
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
        side_names_free(n);
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
        side_names_free(f->listing);
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
