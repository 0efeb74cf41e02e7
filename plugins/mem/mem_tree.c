/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, and making, opening and closing files. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

static struct memfs_entry *find(const struct memfs_volume *vol, const struct memfs_node *dir,
                                struct memfs_place *place)
{
    place->hash = memfs_name_hash(vol->seed, place->name, place->len);
    return memfs_dir_find(dir->dir, place->name, place->len, place->hash);
}

smbkit_status memfs_walk(struct memfs_volume *vol, const char *path, struct memfs_place *place)
{
    *place = (struct memfs_place){.entry = vol->root, .name = path};
    if (!path[0]) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const char *slash;
    struct memfs_node *dir = vol->root->node;
    while ((slash = strchr(place->name, '/')) != NULL) {
        place->len = (size_t)(slash - place->name);
        struct memfs_entry *entry = find(vol, dir, place);
        if (entry && memfs_stops(vol, entry->node)) {
            return SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED;
        }
        if (!entry || !entry->node->dir) {
            return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        dir = entry->node;
        place->name = slash + 1;
    }
    place->len = strlen(place->name);
    if (place->len == 0 || place->len > MEMFS_NAME_MAX_BYTES) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    place->dir = dir;
    place->entry = find(vol, dir, place);
    return SMBKIT_STATUS_SUCCESS;
}

static void touch_dir(struct memfs_node *dir)
{
    pthread_rwlock_wrlock(&dir->lock);
    memfs_note_write(dir);
    pthread_rwlock_unlock(&dir->lock);
}

void memfs_attach(struct memfs_volume *vol, struct memfs_node *dir, struct memfs_entry *entry)
{
    entry->parent = dir;
    memfs_id_add(vol, entry);
    memfs_dir_add(dir->dir, entry);
    touch_dir(dir);
}

void memfs_detach(struct memfs_volume *vol, struct memfs_entry *entry)
{
    struct memfs_node *dir = entry->parent;
    memfs_dir_remove(dir->dir, entry);
    entry->parent = NULL;
    memfs_id_remove(vol, entry);
    touch_dir(dir);
    memfs_entry_unref(vol, entry);
}

static smbkit_status check_kind(const struct memfs_node *node, uint32_t kind)
{
    if (kind == SMBKIT_KIND_FILE && node->dir) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    if (kind == SMBKIT_KIND_DIRECTORY && !node->dir) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Under tree_lock: what the path and the stream name. */
static smbkit_status open_found(struct memfs_volume *vol, const struct smbkit_create *how,
                                const struct memfs_place *place, struct memfs_open *open)
{
    struct memfs_entry *stream = NULL;
    if (!place->entry) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (!(how->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT) && memfs_stops(vol, place->entry->node)) {
        return SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    }
    if (how->stream) {
        stream = memfs_stream_find(vol, place->entry->node, how->stream);
        if (!stream) {
            return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
    }
    smbkit_status status = check_kind(stream ? stream->node : place->entry->node, how->kind);
    if (SMBKIT_OK(status)) {
        open->entry = memfs_entry_ref(place->entry);
        open->stream = stream ? memfs_entry_ref(stream) : NULL;
    }
    return status;
}

static smbkit_status open_existing(struct memfs_volume *vol, const struct smbkit_create *how,
                                   struct memfs_open *open)
{
    struct memfs_place place;
    pthread_rwlock_rdlock(&vol->tree_lock);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (how->flags & SMBKIT_CREATE_BY_ID) {
        place = (struct memfs_place){.entry = memfs_id_find(vol, how->file_id)};
    } else {
        status = memfs_walk(vol, how->path, &place);
    }
    if (SMBKIT_OK(status)) {
        status = open_found(vol, how, &place, open);
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

/* Everything about a new file but its name. */
static smbkit_status make_node(struct memfs_volume *vol, const struct smbkit_create *how,
                               struct memfs_node **node_r)
{
    uint32_t attributes = how->attributes & (SMBKIT_ATTR_SETTABLE | SMBKIT_ATTR_COMPRESSED);
    attributes |= how->kind == SMBKIT_KIND_DIRECTORY ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_ARCHIVE;
    struct memfs_node *node;
    smbkit_status status = memfs_node_new(vol, attributes, &node);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (how->security.base) {
        status = memfs_keep_security(vol, node, how->security.base, how->security.len);
    }
    if (SMBKIT_OK(status) && how->ea.len > 0) {
        status = memfs_ea_merge(vol, node, &how->ea);
    }
    if (SMBKIT_OK(status) && !node->dir && how->alloc_size > 0) {
        bool fits = how->alloc_size <= MEMFS_SIZE_MAX &&
                    memfs_recharge(vol, &node->data, 0, memfs_cluster_up(how->alloc_size));
        status = fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_DISK_FULL;
    }
    if (!SMBKIT_OK(status)) {
        memfs_node_unref(vol, node);
        return status;
    }
    *node_r = node;
    return SMBKIT_STATUS_SUCCESS;
}

/* Under tree_lock: a new file at the place, which is free. *entry_r carries a reference for the
 * caller. */
static smbkit_status create_at(struct memfs_volume *vol, const struct smbkit_create *how,
                               const struct memfs_place *place, struct memfs_entry **entry_r)
{
    struct memfs_node *node;
    if (!memfs_dir_reserve(place->dir->dir) || !memfs_ids_reserve(vol)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = make_node(vol, how, &node);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct memfs_entry *entry = memfs_entry_new(vol, &node, place->name, place->len);
    if (!entry) {
        memfs_node_unref(vol, node);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    entry->node->links = 1;
    if (entry->node->dir) {
        entry->node->dir->self = entry;
    }
    memfs_attach(vol, place->dir, entry);
    *entry_r = memfs_entry_ref(entry);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status create_stream(struct memfs_volume *vol, const struct smbkit_create *how,
                                   const struct memfs_place *place, struct memfs_open *open)
{
    if (!place->entry) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (how->kind == SMBKIT_KIND_DIRECTORY) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    smbkit_status status = memfs_stream_create(vol, place->entry->node, how, &open->stream);
    if (SMBKIT_OK(status)) {
        open->entry = memfs_entry_ref(place->entry);
    }
    return status;
}

static smbkit_status create_new(struct memfs_volume *vol, const struct smbkit_create *how,
                                struct memfs_open *open)
{
    struct memfs_place place;
    pthread_rwlock_wrlock(&vol->tree_lock);
    smbkit_status status = memfs_walk(vol, how->path, &place);
    if (SMBKIT_OK(status) && how->stream) {
        status = create_stream(vol, how, &place, open);
    } else if (SMBKIT_OK(status)) {
        status = place.entry ? SMBKIT_STATUS_OBJECT_NAME_COLLISION
                             : create_at(vol, how, &place, &open->entry);
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

smbkit_status memfs_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    (void)op;
    struct memfs_open *open = calloc(1, sizeof(*open));
    if (!open) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = how->disposition == SMBKIT_CREATE ? create_new(volume, how, open)
                                                             : open_existing(volume, how, open);
    if (!SMBKIT_OK(status)) {
        free(open);
        return status;
    }
    memfs_node_opened(memfs_data_of(open));
    memfs_fill_open(open, how->attr);
    how->file = open;
    return SMBKIT_STATUS_SUCCESS;
}

void memfs_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)op;
    struct memfs_open *open = file;
    memfs_node_closed(volume, memfs_data_of(open));
    if (open->stream) {
        memfs_entry_unref(volume, open->stream);
    }
    memfs_entry_unref(volume, open->entry);
    free(open);
    memfs_trim_heap(volume);
}

smbkit_status memfs_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    (void)op;
    struct memfs_volume *vol = volume;
    struct memfs_place place;
    struct memfs_open found = {0};
    pthread_rwlock_rdlock(&vol->tree_lock);
    smbkit_status status = memfs_walk(vol, a->path, &place);
    found.entry = place.entry;
    if (SMBKIT_OK(status) && found.entry && !(a->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT) &&
        memfs_stops(vol, found.entry->node)) {
        status = SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    }
    if (SMBKIT_OK(status) && found.entry && a->stream) {
        found.stream = memfs_stream_find(vol, found.entry->node, a->stream);
    }
    if (SMBKIT_OK(status) && (!found.entry || !found.stream != !a->stream)) {
        status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (SMBKIT_OK(status)) {
        memfs_fill_open(&found, a->attr);
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

/* Bytes of the path, its terminator included; written to buf when they fit cap. */
static size_t build_path(const struct memfs_entry *entry, char *buf, size_t cap)
{
    size_t need = 1;
    for (const struct memfs_entry *e = entry; e->parent; e = e->parent->dir->self) {
        need += strlen(e->name) + (need > 1); /* a slash between two */
    }
    if (need > cap) {
        return need;
    }
    char *end = buf + need - 1;
    *end = '\0';
    for (const struct memfs_entry *e = entry; e->parent; e = e->parent->dir->self) {
        if (e != entry) {
            *--end = '/';
        }
        size_t len = strlen(e->name);
        end -= len;
        memcpy(end, e->name, len);
    }
    return need;
}

smbkit_status memfs_get_path(void *volume, struct smbkit_op *op, void *file,
                             struct smbkit_buffer *a)
{
    char *buf = (char *)a->base;
    uint32_t cap = a->cap;
    (void)op;
    struct memfs_volume *vol = volume;
    const struct memfs_entry *entry = ((struct memfs_open *)file)->entry;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_rwlock_rdlock(&vol->tree_lock);
    if (!entry->parent && entry != vol->root) {
        status = SMBKIT_STATUS_FILE_DELETED;
    } else {
        uint32_t needed = build_path(entry, buf, cap);
        a->len = needed - 1;
        status = needed > cap ? SMBKIT_STATUS_BUFFER_TOO_SMALL : status;
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

/* Take every name out of dir; subdirectories go on the chain at *rest. */
static void empty_dir(struct memfs_volume *vol, struct memfs_dir *dir, struct memfs_entry **rest)
{
    for (uint32_t i = 0; i < dir->order_len; i++) {
        struct memfs_entry *entry = dir->order[i].entry;
        if (!entry) {
            continue;
        }
        entry->parent = NULL; /* the table of ids goes as a whole */
        if (entry->node->dir) {
            entry->chain = *rest;
            *rest = entry;
        } else {
            memfs_entry_unref(vol, entry);
        }
    }
    dir->order_len = 0;
    dir->count = 0;
}

void memfs_tree_free(struct memfs_volume *vol)
{
    /* A list instead of recursion: a client may have made the tree deeper than the stack is. */
    struct memfs_entry *rest = vol->root;
    while (rest) {
        struct memfs_entry *entry = rest;
        rest = entry->chain;
        empty_dir(vol, entry->node->dir, &rest);
        memfs_entry_unref(vol, entry);
    }
}
