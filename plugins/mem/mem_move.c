/* SPDX-License-Identifier: Apache-2.0 */
/* Rename, hard links, removal. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

static void note_name_change(struct memfs_node *node, int links)
{
    pthread_rwlock_wrlock(&node->lock);
    node->links = (uint32_t)((int)node->links + links);
    memfs_note_change(node);
    pthread_rwlock_unlock(&node->lock);
}

/* Take a name away. The caller holds tree_lock and, for a directory, has seen that it is empty. */
static void drop_entry(struct memfs_volume *vol, struct memfs_entry *entry)
{
    note_name_change(entry->node, -1);
    memfs_detach(vol, entry);
}

smbkit_status memfs_remove(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_remove *a)
{
    (void)a;
    (void)op;
    struct memfs_volume *vol = volume;
    struct memfs_open *open = file;
    struct memfs_entry *entry = open->entry;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_rwlock_wrlock(&vol->tree_lock);
    if (open->stream) {
        status = memfs_stream_remove(vol, open);
    } else if (entry == vol->root) {
        status = SMBKIT_STATUS_CANNOT_DELETE;
    } else if (!entry->parent) {
        status = SMBKIT_STATUS_FILE_DELETED;
    } else if (entry->node->dir && entry->node->dir->count > 0) {
        status = SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    } else {
        drop_entry(vol, entry);
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

/* May what is at the place make way for entry? */
static smbkit_status check_replace(const struct memfs_place *place, const struct memfs_entry *entry,
                                   uint32_t replace)
{
    if (!place->entry || place->entry == entry) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!replace) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    return place->entry->node->dir ? SMBKIT_STATUS_ACCESS_DENIED : SMBKIT_STATUS_SUCCESS;
}

/* Is dir the node, or somewhere below it? */
static bool is_below(const struct memfs_node *dir, const struct memfs_node *node)
{
    while (dir && dir != node) {
        dir = dir->dir->self->parent;
    }
    return dir != NULL;
}

/* Walk to where entry shall go, and check that it may. The caller holds tree_lock. */
static smbkit_status find_target(struct memfs_volume *vol, const char *path,
                                 const struct memfs_entry *entry, uint32_t replace,
                                 struct memfs_place *place)
{
    if (entry == vol->root) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!entry->parent) {
        return SMBKIT_STATUS_FILE_DELETED;
    }
    smbkit_status status = memfs_walk(vol, path, place);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!place->dir) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION; /* the root */
    }
    if (entry->node->dir && is_below(place->dir, entry->node)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    status = check_replace(place, entry, replace);
    if (SMBKIT_OK(status) && !memfs_dir_reserve(place->dir->dir)) {
        status = SMBKIT_STATUS_NO_MEMORY;
    }
    return status;
}

static char *copy_name(const struct memfs_place *place)
{
    char *name = malloc(place->len + 1);
    if (name) {
        memcpy(name, place->name, place->len);
        name[place->len] = '\0';
    }
    return name;
}

static void set_name(struct memfs_entry *entry, char *name)
{
    free(entry->name);
    entry->name = name;
}

/* Everything has been checked, and there is room. Takes over name. */
static void move_entry(struct memfs_volume *vol, struct memfs_entry *entry,
                       const struct memfs_place *place, char *name)
{
    if (place->entry && place->entry != entry) {
        drop_entry(vol, place->entry);
    }
    if (entry->parent == place->dir) {
        set_name(entry, name);
        memfs_dir_rehash(place->dir->dir, entry, place->hash);
        return;
    }
    memfs_entry_ref(
        entry); /* detaching gives up the old directory's reference; this becomes the new one's */
    memfs_detach(vol, entry);
    set_name(entry, name);
    entry->hash = place->hash;
    memfs_attach(vol, place->dir, entry);
}

static smbkit_status rename_locked(struct memfs_volume *vol, struct memfs_open *open,
                                   const char *new_path, uint32_t replace)
{
    struct memfs_place place;
    smbkit_status status = find_target(vol, new_path, open->entry, replace, &place);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    char *name = copy_name(&place);
    if (!name) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    move_entry(vol, open->entry, &place, name);
    note_name_change(open->entry->node, 0);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a)
{
    const char *new_path = a->new_path;
    uint32_t replace = a->flags & SMBKIT_RENAME_REPLACE;
    (void)op;
    struct memfs_volume *vol = volume;
    struct memfs_open *open = file;
    pthread_rwlock_wrlock(&vol->tree_lock);
    smbkit_status status = open->stream ? memfs_stream_rename(vol, open, a)
                                        : rename_locked(vol, open, new_path, replace);
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}

static smbkit_status link_locked(struct memfs_volume *vol, struct memfs_open *open,
                                 const char *new_path, uint32_t replace)
{
    struct memfs_place place;
    struct memfs_node *node = open->entry->node;
    smbkit_status status = find_target(vol, new_path, open->entry, replace, &place);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (place.entry && place.entry->node == node) {
        /* The name is a link to this very file: asked for without replace it collides, else it is
         * done. */
        return replace ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    struct memfs_node *shared = node;
    struct memfs_entry *entry = memfs_entry_new(vol, &shared, place.name, place.len);
    if (!entry) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed); /* the new entry's */
    if (place.entry) {
        drop_entry(vol, place.entry);
    }
    memfs_attach(vol, place.dir, entry);
    note_name_change(node, 1);
    return SMBKIT_STATUS_SUCCESS;
}

#define LINKS_MAX 1024u /* of one file, as NTFS */

smbkit_status memfs_link(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_rename *a)
{
    const char *new_path = a->new_path;
    uint32_t replace = a->flags & SMBKIT_RENAME_REPLACE;
    (void)op;
    struct memfs_volume *vol = volume;
    struct memfs_open *open = file;
    struct memfs_node *node = open->entry->node;
    if (node->dir) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    pthread_rwlock_wrlock(&vol->tree_lock);
    pthread_rwlock_rdlock(&node->lock);
    uint32_t links = node->links; /* changes under tree_lock only */
    pthread_rwlock_unlock(&node->lock);
    smbkit_status status = links < LINKS_MAX ? link_locked(vol, open, new_path, replace)
                                             : SMBKIT_STATUS_TOO_MANY_LINKS;
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}
