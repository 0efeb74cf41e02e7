/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is open by one path is met by another. That is another link of it, or the same link:
 * through a folder that is reached by two paths or shares; or it was renamed behind the server's
 * back, and what was known is no name of it any more. The plugin is asked, which happens seldom. */
#include "base/mem.h"
#include "base/utf.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/path.h"

/* Ask about that name. false: no memory. */
static bool ask(struct name_question *q, const struct node_name *about, enum name_ask what)
{
    q->path = node_name_path(about);
    if (!q->path) {
        return false;
    }
    q->what = what;
    q->volume = vfs_volume_ref(about->volume);
    return true;
}

static bool has_leaf(const struct node_name *name, const char *leaf)
{
    SCOPED_LOCK(&name->volume->tree_lock);
    return name->at->parent && utf8_ieq(name->at->text, leaf);
}

/* A name of the node by which it may not be found any more. */
static bool is_doubtful(const struct create *c, const struct node_name *name)
{
    return c->attr.link_count <= 1 && name->volume == c->in->volume && name->looked_at != c->look &&
           name->open_count > 0;
}

bool create_name_settle(struct create *c, struct vfs_node *n, struct node_name *name,
                        struct name_question *q)
{
    const char *leaf = path_leaf(c->path);
    if (n->base) {
        /* A stream is one, however it is reached: its file has been asked about. */
        if (!list_is_empty(&n->names)) {
            node_name_join(name, LIST_ENTRY(n->names.next, struct node_name, link)->of);
        }
        return true;
    }
    if (c->look == 0 && !list_is_empty(&n->names)) {
        /* relaxed: only that the numbers differ matters */
        c->look = 1 + atomic_fetch_add_explicit(&n->nodes->looks, 1, memory_order_relaxed);
    }
    LIST_FOR_EACH (l, &n->names) {
        struct node_name *other = LIST_ENTRY(l, struct node_name, link);
        if (c->asks_no_more) {
            return true;
        }
        if (is_doubtful(c, other)) {
            return ask(q, other, ASK_STILL_THERE);
        }
        if (!has_leaf(other, leaf)) {
            continue;
        }
        if (!other->knows_parent) {
            return ask(q, other, ASK_PARENT);
        }
        if (!c->knows_parent) {
            return ask(q, name, ASK_OWN_PARENT);
        }
        if (c->parent.domain != 0 && file_key_eq(&c->parent, &other->parent)) {
            name->parent = c->parent;
            name->knows_parent = true;
            node_name_join(name, other->of);
            return true;
        }
    }
    return true;
}

static smbkit_status key_look(const struct create *c, struct vfs_volume *v, const char *path,
                              struct file_key *key_r, bool *missing_r)
{
    struct vfs_call call = *c->call;
    call.token = v == c->in->volume ? call.token : v->token;
    struct smbkit_attr attr;
    smbkit_status st = journal_look(&call, v, path, 0, &attr);
    *missing_r = door_misses(st) || st == SMBKIT_STATUS_NOT_A_DIRECTORY;
    *key_r = SMBKIT_OK(st) ? file_key_of(&attr) : (struct file_key){0};
    /* Whatever else is wrong there, it is no reason to refuse this open. */
    bool again = door_stops(st) || st == SMBKIT_STATUS_NO_MEMORY;
    return again ? st : SMBKIT_STATUS_SUCCESS;
}

/* The answer to "which directory is it in?". A key of zeroes, which no directory has, if it cannot
 * be told. */
static smbkit_status parent_ask(struct create *c, struct vfs_node *n, const struct name_question *q)
{
    CLEANUP_MEM char *dir = path_parent(q->path);
    struct file_key key;
    bool missing;
    smbkit_status st = dir ? key_look(c, q->volume, dir, &key, &missing) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&n->lock);
    if (q->what == ASK_OWN_PARENT) {
        c->parent = key;
        c->knows_parent = true;
        return st;
    }
    struct node_name *name = node_name_find(n, q->volume, q->path);
    if (name) {
        name->parent = key;
        name->knows_parent = true;
    }
    return st;
}

/* The answer to "is it still this file's name?". If not, then the path it was met by is. */
static smbkit_status still_there_ask(struct create *c, struct vfs_node *n,
                                     const struct name_question *q)
{
    struct file_key key;
    struct file_key own = file_key_of(&c->attr);
    bool missing;
    uint_fast64_t removals = atomic_load(&n->nodes->removals);
    smbkit_status st = key_look(c, q->volume, q->path, &key, &missing);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&n->lock);
    struct node_name *name = node_name_find(n, q->volume, q->path);
    if (!name || name->of->moving || atomic_load(&n->nodes->removals) != removals) {
        return st; /* the core itself is at it: look again */
    }
    name->looked_at = c->look;
    if (!missing && (key.domain == 0 || file_key_eq(&key, &own))) {
        return st;
    }
    /* All that is open below a directory moved with it, unless something else has its place. */
    bool with_below = missing && (c->attr.attributes & SMBKIT_ATTR_DIRECTORY);
    return node_name_move(name, c->path, with_below) ? st : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status create_name_ask(struct create *c, struct vfs_node *n, struct name_question *q)
{
    smbkit_status st = q->what == ASK_STILL_THERE ? still_there_ask(c, n, q) : parent_ask(c, n, q);
    mem_free(q->path);
    vfs_volume_unref(q->volume);
    return st;
}

/* ---- another id ---- */

/* An open of the node that is neither being made nor closed, begun, with a reference. NULL: none.
 */
static struct vfs_open *open_of(struct vfs_node *n)
{
    SCOPED_LOCK(&n->lock);
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        if (open_begin_found(o)) {
            return vfs_open_ref(o);
        }
    }
    return NULL;
}

/* Some file systems give a file another inode number while it is open (mergerfs, when a folder
 * above it is renamed): what is open by this path may be the same file. Its handle knows. */
smbkit_status create_identity_settle(struct create *c)
{
    const struct node_key key = {.file = file_key_of(&c->attr), .stream = c->in->stream};
    struct vfs_node *other = names_open_as(c->in->volume, c->path, &key);
    struct vfs_open *o = other ? open_of(other) : NULL;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (o) {
        struct smbkit_attr now;
        const struct vfs_call apart = journal_apart(c->call);
        st = journal_stopped(c->call, door_getattr(&apart, &o->f, &now));
        const struct file_key is = file_key_of(&now);
        if (SMBKIT_OK(st) && file_key_eq(&is, &key.file)) {
            node_rekey(other, &is);
        }
        open_end(o);
        vfs_open_unref(o);
    }
    if (other) {
        node_put(other);
    }
    return door_stops(st) ? st
                          : SMBKIT_STATUS_SUCCESS; /* else that handle is no reason to refuse */
}
