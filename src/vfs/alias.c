/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/alias.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/journal.h"
#include "vfs/path.h"

struct candidate {
    struct vfs_volume *volume; /* a reference */
    char *path;                /* owned */
};

struct candidates {
    const struct vfs_volume *own;
    struct file_key dir;
    const char *path; /* in own: no candidate */
    struct candidate at[ALIASES_MAX];
    unsigned count;
    bool no_memory;
};

static void candidates_fini(struct candidates *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        mem_free(c->at[i].path);
        vfs_volume_unref(c->at[i].volume);
    }
}

/* Does its path still lead somewhere? */
static bool is_placed(const struct name_entry *e)
{
    while (e->parent && !e->is_detached) {
        e = e->parent;
    }
    return !e->parent;
}

/* Under tree_lock. */
static void add(struct candidates *c, struct vfs_volume *v, const struct name_entry *e)
{
    char *path = is_placed(e) ? nametree_path(e) : NULL;
    bool is_own =
        path && v == c->own && path_eq_nocase(path, str_len(path), c->path, str_len(c->path));
    if (is_own || !path || !vfs_volume_ref_try(v)) {
        c->no_memory |= !path && is_placed(e);
        mem_free(path);
        return;
    }
    c->at[c->count++] = (struct candidate){v, path};
}

static void gather(struct candidates *c, struct vfs_volume *v)
{
    if (v != c->own && c->dir.domain == c->own->domain) {
        return; /* no other volume has files of that domain */
    }
    SCOPED_LOCK(&v->tree_lock);
    const struct name_leaf *leaf = nametree_named(&v->tree, path_leaf(c->path));
    for (struct list *l = leaf ? leaf->members.next : NULL;
         l && l != &leaf->members && c->count < ALIASES_MAX; l = l->next) {
        add(c, v, LIST_ENTRY(l, struct name_entry, same_leaf));
    }
}

static void gather_all(struct candidates *c, struct vfs_nodes *nodes)
{
    SCOPED_LOCK(&nodes->volumes_lock);
    LIST_FOR_EACH (l, &nodes->volumes) {
        gather(c, LIST_ENTRY(l, struct vfs_volume, volumes_link));
    }
}

/* Is that path the directory, and something open below it? Another share is asked in the server's
 * name, and never waited for on a loop. */
static smbkit_status look(const struct vfs_call *call, const struct candidates *of,
                          const struct candidate *c, struct vfs_node **found_r)
{
    struct vfs_call apart = journal_apart(call);
    if (c->volume != of->own) {
        apart.token = c->volume->token;
        apart.nowait |= call->on_loop && !c->volume->never_blocks;
    }
    struct smbkit_attr attr;
    smbkit_status st = door_lookup(&apart, c->volume, c->path, 0, &attr);
    if (!SMBKIT_OK(st)) {
        return door_stops(st) ? journal_stopped(call, st) : SMBKIT_STATUS_SUCCESS;
    }
    const struct file_key key = file_key_of(&attr);
    *found_r = file_key_eq(&key, &of->dir) ? names_open_below(c->volume, c->path, false) : NULL;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status alias_open_below(const struct vfs_call *call, struct vfs_open *dir, const char *path,
                               struct vfs_node **found_r)
{
    struct candidates c = {.own = dir->volume, .path = path, .dir = node_file_key(dir->node)};
    *found_r = NULL;
    gather_all(&c, dir->volume->nodes);
    smbkit_status st = c.no_memory ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
    for (unsigned i = 0; SMBKIT_OK(st) && !*found_r && i < c.count; i++) {
        st = look(call, &c, &c.at[i], found_r);
    }
    candidates_fini(&c);
    return st;
}
