/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of names. What the lower volume has by a name that goes is hidden first: should the
 * server stop in between, the file is still where it was. copying is held. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

char *overlay_path_dup(struct overlay *o, const struct ofile *f)
{
    pthread_rwlock_rdlock(&o->lock);
    char *path = strdup(f->path);
    pthread_rwlock_unlock(&o->lock);
    return path;
}

static smbkit_status hide_lower(struct overlay *o, struct smbkit_op *op, const char *path)
{
    struct where w;
    smbkit_status st = overlay_find(o, op, path, &w);
    if (SMBKIT_OK(st) && overlay_lower_shows(o, op, &w, path)) {
        st = overlay_hide(o, op, path);
    }
    where_fini(&w);
    return st;
}

/* Of the upper volume, if it is there. */
static smbkit_status remove_upper(struct overlay *o, struct smbkit_op *op, const struct ofile *f)
{
    static const struct smbkit_remove how = {.struct_size = sizeof(how)};
    return f->has_upper ? smbkit_next_remove(o->upper.next, op, f->upper, &how)
                        : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_empty(struct overlay *o, struct smbkit_op *op, const struct ofile *f)
{
    struct names *n = NULL;
    if (!f->is_folder) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = overlay_names(o, op, f, false, &n);
    if (SMBKIT_OK(st) && n->count > 0) {
        st = SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    side_names_free(n);
    return st;
}

smbkit_status overlay_remove(struct overlay *o, struct smbkit_op *op, struct ofile *f)
{
    char *path = overlay_path_dup(o, f);
    smbkit_status st = path ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    if (path && f->stream) {
        st = overlay_copy_up(o, op, path, NULL);
    } else if (path) {
        st = check_empty(o, op, f);
        st = SMBKIT_OK(st) ? hide_lower(o, op, path) : st;
    }
    st = SMBKIT_OK(st) ? remove_upper(o, op, f) : st;
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&o->lock);
        f->is_gone = true;
        o->generation++;
        pthread_rwlock_unlock(&o->lock);
    }
    free(path);
    return st;
}

/* ---- rename ---- */

/* Those that are open at the old path, or below it; the copy is all there is of them. */
static void follow(struct overlay *o, struct smbkit_op *op, const char *old, const char *to)
{
    pthread_rwlock_wrlock(&o->lock);
    for (struct ofile *f = o->files; f; f = f->next) {
        const char *rest = letters_below(f->path, old, o->ignores_case);
        char *path = rest ? side_join(to, rest) : NULL;
        if (path) {
            free(f->path);
            f->path = path;
        }
        if (rest && f->has_upper && f->has_lower) {
            smbkit_next_close(o->lower.next, op, f->lower);
            f->has_lower = false;
        }
    }
    o->generation++;
    pthread_rwlock_unlock(&o->lock);
}

/* May it come there? */
static smbkit_status check_target(struct overlay *o, struct smbkit_op *op, const char *old,
                                  const struct smbkit_rename *how)
{
    struct where w;
    const char *rest = letters_below(how->new_path, old, o->ignores_case);
    bool is_itself = rest && !*rest;
    if (overlay_is_meta(how->new_path)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = overlay_find(o, op, how->new_path, &w);
    if (SMBKIT_OK(st) && !is_itself) {
        bool replaces = (how->flags & SMBKIT_RENAME_REPLACE) && !w.is_folder;
        st = replaces ? st : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    } else if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        st = SMBKIT_STATUS_SUCCESS;
    }
    where_fini(&w);
    return st;
}

/* old is the upper volume's alone by now. */
static smbkit_status move(struct overlay *o, struct smbkit_op *op, const struct ofile *f,
                          const struct smbkit_rename *how)
{
    struct where w;
    struct smbkit_rename a = *how;
    char *parent = side_parent(how->new_path);
    smbkit_status st = parent ? overlay_copy_up(o, op, parent, NULL) : SMBKIT_STATUS_NO_MEMORY;
    free(parent);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    (void)overlay_find(o, op, how->new_path, &w); /* for how its folder is spelled */
    if (w.path[1]) {
        char *folder = side_parent(w.path[1]);
        char *to = folder ? side_join(folder, side_leaf(how->new_path)) : NULL;
        a.new_path = to;
        st = to ? smbkit_next_rename(o->upper.next, op, f->upper, &a) : SMBKIT_STATUS_NO_MEMORY;
        free(folder);
        free(to);
    } else {
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    where_fini(&w);
    return st;
}

smbkit_status overlay_rename(struct overlay *o, struct smbkit_op *op, struct ofile *f,
                             const struct smbkit_rename *how)
{
    char *old = overlay_path_dup(o, f);
    if (!old) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    bool is_stream = how->new_stream != NULL;
    smbkit_status st = is_stream ? SMBKIT_STATUS_SUCCESS : check_target(o, op, old, how);
    if (SMBKIT_OK(st)) {
        st = f->is_folder ? overlay_copy_tree(o, op, old) : overlay_copy_up(o, op, old, NULL);
    }
    if (SMBKIT_OK(st) && !f->has_upper) {
        st = f->lost ? f->lost : SMBKIT_STATUS_INTERNAL_ERROR;
    }
    if (SMBKIT_OK(st) && is_stream) {
        struct smbkit_rename a = *how;
        a.new_path = old;
        st = smbkit_next_rename(o->upper.next, op, f->upper, &a);
    } else if (SMBKIT_OK(st)) {
        st = hide_lower(o, op, old);
        st = SMBKIT_OK(st) ? move(o, op, f, how) : st;
        if (SMBKIT_OK(st)) {
            follow(o, op, old, how->new_path);
        }
    }
    free(old);
    return st;
}
