/* SPDX-License-Identifier: Apache-2.0 */
/* Before a change: what is there is copied for the newest snapshot, once. What it says of a path is
 * true whatever comes of the change, so nothing is ever taken back. */
#include <stdlib.h>

#include "letters.h"
#include "snapshot.h"

/* A path that somebody looks at; whoever comes to it too waits. */
struct snap_busy {
    const char *path;
    struct snap_busy *next;
};

static bool is_busy(const struct snapshot *v, const char *path)
{
    for (const struct snap_busy *b = v->busy; b; b = b->next) {
        const char *rest = letters_below(path, b->path, v->ignores_case);
        if (rest && !*rest && (*path || !*b->path)) {
            return true;
        }
    }
    return false;
}

static void busy_begin(struct snapshot *v, struct snap_busy *b)
{
    pthread_mutex_lock(&v->busy_lock);
    while (is_busy(v, b->path)) {
        pthread_cond_wait(&v->busy_cond, &v->busy_lock);
    }
    b->next = v->busy;
    v->busy = b;
    pthread_mutex_unlock(&v->busy_lock);
}

static void busy_end(struct snapshot *v, const struct snap_busy *b)
{
    pthread_mutex_lock(&v->busy_lock);
    struct snap_busy **at = &v->busy;
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    pthread_cond_broadcast(&v->busy_cond);
    pthread_mutex_unlock(&v->busy_lock);
}

/* Or there is nothing to keep it for. */
static bool is_kept(struct snapshot *v, const char *path)
{
    pthread_rwlock_rdlock(&v->index);
    const struct snap *s = v->newest;
    bool is = !s || s->is_dropped || snap_covers(v, s, path);
    pthread_rwlock_unlock(&v->index);
    return is;
}

/* ---- copies ---- */

static smbkit_status copy_once(struct snapshot *v, struct smbkit_op *op, const char *path)
{
    static const struct smbkit_remove away = {.struct_size = sizeof(away)};
    uint64_t number = snap_number(v);
    char *to = snap_copy_path(v, snap_newest(v), number);
    struct side_copy c = {.from = &v->below, .to = &v->store, .from_path = path, .to_path = to};
    smbkit_status st = to ? side_copy(op, &c) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        uint32_t kind = c.attr.attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT);
        st = snap_write(v, op, path, kind == SMBKIT_ATTR_DIRECTORY ? SNAP_FOLDER : SNAP_FILE,
                        number);
        if (!SMBKIT_OK(st)) {
            (void)smbkit_next_remove(v->store.next, op, c.file, &away);
        }
        smbkit_next_close(v->store.next, op, c.file);
    }
    free(to);
    return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st; /* others took it away */
}

static bool is_full(smbkit_status st)
{
    return st == SMBKIT_STATUS_DISK_FULL || st == SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* fn, and again when older snapshots made room for it. */
static smbkit_status with_room(struct snapshot *v, struct smbkit_op *op, const char *path,
                               smbkit_status (*fn)(struct snapshot *v, struct smbkit_op *op,
                                                   const char *path))
{
    smbkit_status st = fn(v, op, path);
    while (is_full(st) && v->drops_when_full && SMBKIT_OK(snap_drop_for_room(v, op))) {
        st = fn(v, op, path);
    }
    if (is_full(st)) {
        smbkit_log(1, "snapshot_full status=%s: changes are refused until one is dropped",
                   smbkit_status_name(st));
    }
    return st;
}

smbkit_status snap_keep(struct snapshot *v, struct smbkit_op *op, const char *path)
{
    if (is_kept(v, path)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    char *parent = *path ? side_parent(path) : NULL;
    if (*path && !parent) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = parent ? snap_keep(v, op, parent) : SMBKIT_STATUS_SUCCESS;
    free(parent);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct snap_busy b = {.path = path};
    busy_begin(v, &b);
    if (!is_kept(v, path)) {
        st = with_room(v, op, path, copy_once);
    }
    busy_end(v, &b);
    return st;
}

smbkit_status snap_keep_tree(struct snapshot *v, struct smbkit_op *op, const char *path)
{
    struct names n = {0};
    struct smbkit_attr attr;
    smbkit_status st = snap_keep(v, op, path);
    st = SMBKIT_OK(st) ? side_lookup(&v->below, op, path, &attr) : st;
    if (!SMBKIT_OK(st)) {
        return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
    }
    uint32_t kind = attr.attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT);
    if (kind == SMBKIT_ATTR_DIRECTORY) {
        st = side_names_at(&v->below, op, path, &n);
    }
    for (uint32_t i = 0; SMBKIT_OK(st) && i < n.count; i++) {
        char *kid = side_join(path, n.list[i]);
        st = kid ? snap_keep_tree(v, op, kid) : SMBKIT_STATUS_NO_MEMORY;
        st = SMBKIT_OK(st) && smbkit_op_is_cancelled(op) ? SMBKIT_STATUS_CANCELLED : st;
        free(kid);
    }
    side_names_fini(&n);
    return st;
}

/* ---- what is not there ---- */

/* Does the snapshot say all that it will ever need to of what may come there? */
static bool is_settled(struct snapshot *v, const char *path)
{
    pthread_rwlock_rdlock(&v->index);
    const struct snap *s = v->newest;
    bool is = !s || s->is_dropped || snap_is_closed(v, s, path);
    pthread_rwlock_unlock(&v->index);
    return is;
}

static smbkit_status note_absent(struct snapshot *v, struct smbkit_op *op, const char *path)
{
    struct smbkit_attr attr;
    smbkit_status st = side_lookup(&v->below, op, path, &attr);
    if (SMBKIT_OK(st)) {
        return st; /* it is there: whoever wants to make it hears of that */
    }
    return side_is_missing(st) ? snap_write(v, op, path, SNAP_ABSENT, 0) : st;
}

smbkit_status snap_keep_vacant(struct snapshot *v, struct smbkit_op *op, const char *path)
{
    char *parent = side_parent(path);
    smbkit_status st = parent ? snap_keep(v, op, parent) : SMBKIT_STATUS_NO_MEMORY;
    free(parent);
    if (!SMBKIT_OK(st) || is_settled(v, path)) {
        return st;
    }
    struct snap_busy b = {.path = path};
    busy_begin(v, &b);
    if (!is_settled(v, path)) {
        st = with_room(v, op, path, note_absent);
    }
    busy_end(v, &b);
    return st;
}
