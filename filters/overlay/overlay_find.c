/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

bool overlay_is_meta(const char *path)
{
    return letters_below(path, OVERLAY_META, true) != NULL;
}

/* ---- spelling, where one volume minds case and the overlay does not ---- */

struct seeking {
    struct smbkit_sink sink; /* first */
    const char *name;
    char *found; /* owned */
};

static int32_t seek_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct seeking *s = (struct seeking *)sink;
    const char *rest = letters_below(entry->name, s->name, true);
    if (rest && !*rest) {
        s->found = strdup(entry->name);
        return 0;
    }
    return 1;
}

/* The name as the folder has it; else as it is. Owned. */
static char *spell_name(const struct side *s, struct smbkit_op *op, const char *folder,
                        const char *name)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = folder,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES,
                              .attr = &attr};
    struct seeking seek = {.sink = {.struct_size = sizeof(seek.sink), .entry = seek_entry},
                           .name = name};
    if (SMBKIT_OK(smbkit_next_create(s->next, op, &a))) {
        if (!SMBKIT_OK(smbkit_next_enumerate(s->next, op, a.file, &seek.sink))) {
            free(seek.found);
            seek.found = NULL;
        }
        smbkit_next_close(s->next, op, a.file);
    }
    return seek.found ? seek.found : strdup(name);
}

static char *spell(const struct overlay *o, const struct side *s, struct smbkit_op *op,
                   const char *path)
{
    struct smbkit_attr attr;
    if (!o->ignores_case || (s->features & SMBKIT_FEATURE_IGNORES_CASE) ||
        SMBKIT_OK(side_lookup(s, op, path, &attr))) {
        return strdup(path);
    }
    char *at = strdup("");
    while (at && *path) {
        size_t len = strcspn(path, "/");
        char *name = strndup(path, len);
        char *as_is = name ? side_join(at, name) : NULL;
        bool is_there = as_is && SMBKIT_OK(side_lookup(s, op, as_is, &attr));
        char *spelled = is_there || !name ? NULL : spell_name(s, op, at, name);
        char *now = spelled ? side_join(at, spelled) : as_is;
        if (now != as_is) {
            free(as_is);
        }
        free(spelled);
        free(name);
        free(at);
        at = now;
        path += len + (path[len] == '/');
    }
    return at;
}

/* ---- finding ---- */

void where_fini(struct where *w)
{
    free(w->path[0]);
    free(w->path[1]);
}

static bool is_hidden(struct overlay *o, const char *path)
{
    pthread_rwlock_rdlock(&o->lock);
    bool is = hidden_has(o, path);
    pthread_rwlock_unlock(&o->lock);
    return is;
}

bool overlay_lower_shows(struct overlay *o, struct smbkit_op *op, const struct where *w,
                         const char *path)
{
    struct smbkit_attr attr;
    return !is_hidden(o, path) && SMBKIT_OK(side_lookup(&o->lower, op, w->path[0], &attr));
}

static bool is_plain_folder(const struct smbkit_attr *a)
{
    return (a->attributes & SMBKIT_ATTR_DIRECTORY) && !(a->attributes & SMBKIT_ATTR_REPARSE_POINT);
}

static smbkit_status find_one(struct overlay *o, struct smbkit_op *op, const char *path,
                              struct where *w)
{
    struct smbkit_attr low;
    *w = (struct where){.path = {spell(o, &o->lower, op, path), spell(o, &o->upper, op, path)}};
    if (!w->path[0] || !w->path[1]) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (overlay_is_meta(path)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status up = side_lookup(&o->upper, op, w->path[1], &w->attr);
    smbkit_status lo = is_hidden(o, path) ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND
                                          : side_lookup(&o->lower, op, w->path[0], &low);
    w->in_upper = SMBKIT_OK(up);
    if (!w->in_upper && !side_is_missing(up)) {
        return up;
    }
    if (!w->in_upper && SMBKIT_OK(lo)) {
        w->attr = low;
    }
    w->is_folder = (w->in_upper || SMBKIT_OK(lo)) && is_plain_folder(&w->attr);
    w->in_lower = SMBKIT_OK(lo) && (!w->in_upper || (w->is_folder && is_plain_folder(&low)));
    return w->in_upper || w->in_lower ? SMBKIT_STATUS_SUCCESS : lo;
}

smbkit_status overlay_find(struct overlay *o, struct smbkit_op *op, const char *path,
                           struct where *w)
{
    smbkit_status st = find_one(o, op, path, w);
    if (!side_is_missing(st)) {
        return st;
    }
    /* Which one is missing is told by the folder as both make it. */
    struct where above;
    char *parent = side_parent(path);
    st = parent && *path ? find_one(o, op, parent, &above) : SMBKIT_STATUS_NO_MEMORY;
    bool is_there = SMBKIT_OK(st) && above.is_folder;
    if (parent && *path) {
        where_fini(&above);
    }
    free(parent);
    return is_there ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}
