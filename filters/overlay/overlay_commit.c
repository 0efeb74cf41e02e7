/* SPDX-License-Identifier: Apache-2.0 */
/* Commit and discard.
 *
 * A commit first takes away what is hidden in the lower volume, which nobody sees, and then copies
 * all of the upper one there, where it is behind the original: so clients see the same all the
 * time, and whatever fails can be tried again. At last the upper volume, which is the same by then,
 * is discarded. That begins with a file that says so, and ends with its removal: one that was cut
 * off is ended at the next start. */
#include <stdlib.h>
#include <string.h>

#include "overlay.h"

#define OVERLAY_COMMIT OVERLAY_META "/commit" /* of the lower volume: the copy under way */

/* Where it failed. */
struct walk {
    struct overlay *o;
    struct smbkit_op *op;
    char *failed; /* owned; NULL: nowhere yet */
};

static smbkit_status note_failed(struct walk *w, const char *path, smbkit_status st)
{
    if (!SMBKIT_OK(st) && !w->failed) {
        w->failed = strdup(path);
    }
    return st;
}

static bool is_folder(const struct smbkit_attr *a)
{
    return (a->attributes & SMBKIT_ATTR_DIRECTORY) && !(a->attributes & SMBKIT_ATTR_REPARSE_POINT);
}

/* fn for all that lies in the folder, but for what is the filter's own. */
static smbkit_status each_in(struct walk *w, const struct side *s, const char *folder,
                             smbkit_status (*fn)(struct walk *w, const struct side *s,
                                                 const char *path))
{
    struct names n = {0};
    smbkit_status st = note_failed(w, folder, side_names_at(s, w->op, folder, &n));
    for (uint32_t i = 0; SMBKIT_OK(st) && i < n.count; i++) {
        char *path = side_join(folder, n.list[i]);
        st = path ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
        if (path && !overlay_is_meta(path)) {
            st = fn(w, s, path);
        }
        free(path);
    }
    side_names_fini(&n);
    return st;
}

/* With all that is in it; nothing there is good. */
static smbkit_status remove_tree(struct walk *w, const struct side *s, const char *path)
{
    struct smbkit_attr attr;
    smbkit_status st = side_lookup(s, w->op, path, &attr);
    if (SMBKIT_OK(st) && is_folder(&attr)) {
        st = each_in(w, s, path, remove_tree);
    }
    st = SMBKIT_OK(st) ? side_remove(s, w->op, path) : st;
    return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : note_failed(w, path, st);
}

/* ---- discard ---- */

static smbkit_status make_mark(const struct walk *w)
{
    struct smbkit_attr attr;
    static const struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    struct smbkit_create a = {
        .disposition = SMBKIT_CREATE, .kind = SMBKIT_KIND_FILE, .attr = &attr};
    smbkit_status st = overlay_meta(w->o, w->op);
    st = SMBKIT_OK(st) ? side_open(&w->o->upper, w->op, OVERLAY_DISCARD, &a) : st;
    if (SMBKIT_OK(st)) {
        st = smbkit_next_flush(w->o->upper.next, w->op, a.file, &flush);
        smbkit_next_close(w->o->upper.next, w->op, a.file);
    }
    return st == SMBKIT_STATUS_OBJECT_NAME_COLLISION ? SMBKIT_STATUS_SUCCESS : st;
}

static smbkit_status empty_upper(struct walk *w)
{
    const struct side *s = &w->o->upper;
    smbkit_status st = each_in(w, s, "", remove_tree);
    st = SMBKIT_OK(st) ? remove_tree(w, s, OVERLAY_LOG) : st;
    return SMBKIT_OK(st) ? remove_tree(w, s, OVERLAY_DISCARD) : st;
}

smbkit_status overlay_discard_rest(struct overlay *o, struct smbkit_op *op)
{
    struct walk w = {.o = o, .op = op};
    struct smbkit_attr attr;
    smbkit_status st = side_lookup(&o->upper, op, OVERLAY_DISCARD, &attr);
    if (!SMBKIT_OK(st)) {
        return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
    }
    st = empty_upper(&w);
    free(w.failed);
    return st;
}

/* The handles of the upper volume are closed before what they are of goes. */
static void let_go(struct overlay *o, struct smbkit_op *op)
{
    for (struct ofile *f = o->files; f; f = f->next) {
        if (f->has_upper) {
            smbkit_next_close(o->upper.next, op, f->upper);
            f->has_upper = false;
        }
    }
}

static void forget_hidden(struct overlay *o)
{
    pthread_rwlock_wrlock(&o->lock);
    hidden_fini(&o->hidden);
    o->log.size = 0;
    o->generation++;
    pthread_rwlock_unlock(&o->lock);
}

static smbkit_status discard(struct walk *w)
{
    struct overlay *o = w->o;
    pthread_mutex_lock(&o->copying);
    smbkit_status st = note_failed(w, OVERLAY_DISCARD, make_mark(w));
    if (SMBKIT_OK(st)) {
        let_go(o, w->op);
        st = empty_upper(w);
        if (SMBKIT_OK(st)) {
            forget_hidden(o);
        } else { /* what is changed from now on is not to go at the next start */
            (void)side_remove(&o->upper, w->op, OVERLAY_DISCARD);
        }
        for (struct ofile *f = o->files; f; f = f->next) {
            overlay_reopen(o, w->op, f);
        }
    }
    pthread_mutex_unlock(&o->copying);
    return st;
}

smbkit_status overlay_discard(struct overlay *o, struct smbkit_op *op, char **failed_r)
{
    struct walk w = {.o = o, .op = op};
    smbkit_status st = discard(&w);
    *failed_r = w.failed;
    return st;
}

/* ---- commit ---- */

/* The table of what is hidden stays as it is while changes wait. */
static smbkit_status remove_hidden(struct walk *w)
{
    const struct hidden *h = &w->o->hidden;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; i < h->room && SMBKIT_OK(st); i++) {
        st = h->keys[i] ? remove_tree(w, &w->o->lower, h->keys[i]) : st;
    }
    return st;
}

/* It comes beside the place first, and there at once. */
static smbkit_status push_copy(struct walk *w, const char *from, const char *to)
{
    static const struct smbkit_remove away = {.struct_size = sizeof(away)};
    const struct smbkit_rename how = {
        .struct_size = sizeof(how), .flags = SMBKIT_RENAME_REPLACE, .new_path = to};
    struct side_copy c = {
        .from = &w->o->upper, .to = &w->o->lower, .from_path = from, .to_path = OVERLAY_COMMIT};
    smbkit_status st = remove_tree(w, c.to, c.to_path); /* of one that was cut off */
    st = SMBKIT_OK(st) ? side_copy(w->op, &c) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = smbkit_next_rename(c.to->next, w->op, c.file, &how);
    if (!SMBKIT_OK(st)) {
        (void)smbkit_next_remove(c.to->next, w->op, c.file, &away);
    }
    smbkit_next_close(c.to->next, w->op, c.file);
    return st;
}

static smbkit_status push(struct walk *w, const struct side *s, const char *path);

/* A folder that is there has its attributes last: what comes into it changes its times. */
static smbkit_status push_folder(struct walk *w, const char *path, const char *to, bool is_there)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!is_there) {
        st = note_failed(w, path, push_copy(w, path, to));
    }
    st = SMBKIT_OK(st) ? each_in(w, &w->o->upper, path, push) : st;
    if (SMBKIT_OK(st)) {
        struct side_copy c = {
            .from = &w->o->upper, .to = &w->o->lower, .from_path = path, .to_path = to};
        st = note_failed(w, path, side_dress(w->op, &c));
    }
    return st;
}

static smbkit_status push(struct walk *w, const struct side *s, const char *path)
{
    struct smbkit_attr up;
    struct where at;
    smbkit_status st = side_lookup(s, w->op, path, &up);
    if (!SMBKIT_OK(st)) {
        return note_failed(w, path, st);
    }
    struct smbkit_attr low;
    st = overlay_find(w->o, w->op, path, &at); /* for how the lower volume spells it */
    const char *to = at.path[0] ? at.path[0] : path;
    bool is_there = SMBKIT_OK(side_lookup(&w->o->lower, w->op, to, &low));
    if (SMBKIT_OK(st) && is_there && is_folder(&low) != is_folder(&up)) {
        st = remove_tree(w, &w->o->lower, to); /* it is behind the other one */
        is_there = false;
    }
    if (SMBKIT_OK(st) && is_folder(&up)) {
        st = push_folder(w, path, to, is_there);
    } else if (SMBKIT_OK(st)) {
        st = note_failed(w, path, push_copy(w, path, to));
    }
    where_fini(&at);
    return SMBKIT_OK(st) && smbkit_op_is_cancelled(w->op)
               ? note_failed(w, path, SMBKIT_STATUS_CANCELLED)
               : st;
}

smbkit_status overlay_commit(struct overlay *o, struct smbkit_op *op, char **failed_r)
{
    struct walk w = {.o = o, .op = op};
    smbkit_status st = remove_hidden(&w);
    st = SMBKIT_OK(st)
             ? note_failed(&w, OVERLAY_META, side_make_folder(&o->lower, op, OVERLAY_META))
             : st;
    st = SMBKIT_OK(st) ? each_in(&w, &o->upper, "", push) : st;
    (void)side_remove(&o->lower, op, OVERLAY_COMMIT);
    (void)side_remove(&o->lower, op, OVERLAY_META);
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&o->whole);
        st = discard(&w);
        pthread_rwlock_unlock(&o->whole);
    }
    *failed_r = w.failed;
    return st;
}
