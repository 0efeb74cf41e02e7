/* SPDX-License-Identifier: Apache-2.0 */
/* An archive within an archive is a folder beside its file. When somebody enters it the file is
 * unpacked into one without a name, which has an index like any other. What nobody has open goes
 * when there is no room for another; the one entered longest ago goes first. */
#include "arc_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "moment.h"
#include "shown.h"

#define PART (1u << 20) /* bytes unpacked at a time */

struct arc_nested {
    struct arc_live live;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock; the last ones entered at the end */
    struct kept {
        uint64_t key; /* of the folder */
        struct arc_index *index;
    } list[ARC_NESTED_KEPT];
    uint32_t count;
    int is_building; /* one is unpacked, without the lock: one at a time */
    uint32_t drops;  /* how often all were dropped */
};

struct arc_nested *arc_nested_new(void)
{
    struct arc_nested *n = calloc(1, sizeof(*n));
    if (n) {
        pthread_mutex_init(&n->lock, NULL);
        pthread_cond_init(&n->changed, NULL);
    }
    return n;
}

void arc_nested_drop(struct arc_nested *n)
{
    pthread_mutex_lock(&n->lock);
    n->drops++;
    while (n->count > 0) {
        arc_index_unref(n->list[--n->count].index);
    }
    pthread_mutex_unlock(&n->lock);
}

void arc_nested_free(struct arc_nested *n)
{
    if (n) {
        arc_nested_drop(n);
        pthread_cond_destroy(&n->changed);
        pthread_mutex_destroy(&n->lock);
    }
    free(n);
}

/* ---- names ---- */

static int is_archive_name(const char *name)
{
    static const char *const ends[] = {".zip",     ".jar",     ".tar",    ".tgz",     ".tbz2",
                                       ".txz",     ".tzst",    ".tar.gz", ".tar.bz2", ".tar.xz",
                                       ".tar.zst", ".tar.lz4", ".7z",     ".iso",     ".rpm",
                                       ".deb",     ".cpio",    ".cab",    ".rar",     ".xar"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = strlen(ends[i]);
        if (len > n && strcasecmp(name + len - n, ends[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "NAME!"; one that there is already is left alone. */
static void add_beside(struct arc_index *x, uint32_t file)
{
    char name[SHOWN_ROOM + 1];
    char shown[SHOWN_ROOM];
    size_t len = (size_t)snprintf(name, sizeof(name), "%s!", arc_name(x, file));
    uint32_t folder = x->nodes[file].parent;
    if (shown_name(name, len, shown) == 0 || arc_index_child(x, folder, name, len) != ARC_NONE) {
        return;
    }
    uint32_t i = arc_index_add(x, folder, name, len);
    if (i != ARC_NONE) {
        struct arc_node *n = &x->nodes[i];
        n->flags = ARC_FOLDER | ARC_NESTED;
        n->target = file;
        n->write_time = x->nodes[file].write_time;
        n->create_time = x->nodes[file].create_time;
    }
}

void arc_nested_add(struct arc_index *x)
{
    uint32_t count = x->count;
    for (uint32_t i = 1; i < count; i++) {
        int is_file = !(x->nodes[i].flags & (ARC_FOLDER | ARC_LINK));
        if (is_file && x->nodes[i].parent != ARC_NONE && is_archive_name(arc_name(x, i))) {
            add_beside(x, i);
        }
    }
}

/* ---- unpacking ---- */

struct asked {
    struct arc_volume *v;
    const struct smbkit_op *op;
};

static int is_over(void *arg)
{
    struct asked *a = arg;
    return smbkit_op_is_cancelled(a->op) || atomic_load(&a->v->pool.is_ending);
}

static smbkit_status unpack(struct asked *a, struct arc_want *w, uint64_t size, int fd)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    w->to = malloc(PART);
    if (!w->to) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    for (w->at = 0; SMBKIT_OK(status) && w->at < size; w->at += w->len) {
        w->len = size - w->at < PART ? (uint32_t)(size - w->at) : PART;
        status = arc_volume_read(a->v, w, 0);
        if (SMBKIT_OK(status) && pwrite(fd, w->to, w->len, (off_t)w->at) != (ssize_t)w->len) {
            status = SMBKIT_STATUS_DISK_FULL;
        }
        status = is_over(a) ? SMBKIT_STATUS_CANCELLED : status;
    }
    free(w->to);
    return status;
}

/* The file of the archive, unpacked, as an index without entries. */
static smbkit_status copy_out(struct asked *a, struct arc_index *outer, uint32_t file,
                              struct arc_index **x_r)
{
    struct arc_want w = {.index = outer, .node = file, .op = a->op};
    struct arc_index *x = arc_index_new();
    int fd = arc_file_without_name();
    if (!x || fd < 0) {
        arc_index_unref(x);
        if (fd >= 0) {
            close(fd);
        }
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    w.way = arc_way_find(outer, file, &w.start);
    smbkit_status status = unpack(a, &w, outer->nodes[file].size, fd);
    smbkit_status taken = arc_index_of_file(x, fd);
    status = SMBKIT_OK(status) ? taken : status;
    if (!SMBKIT_OK(status)) {
        arc_index_unref(x);
        return status;
    }
    x->depth = outer->depth + 1;
    *x_r = x;
    return status;
}

static smbkit_status build(struct asked *a, struct arc_index *outer, uint32_t node,
                           struct arc_index **x_r)
{
    char error[256] = "";
    char name[300];
    uint32_t file = outer->nodes[node].target;
    struct arc_settings set = a->v->set;
    smbkit_status status = copy_out(a, outer, file, x_r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    set.path = outer->names + outer->nodes[file].name;
    (*x_r)->root_id = arc_entry_key(outer, node) + 1;
    status = arc_scan(&set, is_over, a, x_r, error);
    if (!SMBKIT_OK(status) && status != SMBKIT_STATUS_CANCELLED) {
        smbkit_log(1, "archive within the archive cannot be read name=%s reason=%s",
                   smbkit_quote(set.path, name, sizeof(name)), error);
    }
    if (SMBKIT_OK(status)) { /* as the folder is listed in the outer one */
        (*x_r)->nodes[ARC_ROOT].write_time = outer->nodes[node].write_time;
        (*x_r)->nodes[ARC_ROOT].create_time = outer->nodes[node].create_time;
        (*x_r)->nodes[ARC_ROOT].flags = outer->nodes[node].flags & ~ARC_NESTED;
    }
    return status;
}

/* ---- those that are kept ---- */

static struct arc_index *find_locked(struct arc_nested *n, uint64_t key)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->list[i].key == key) {
            struct kept found = n->list[i];
            memmove(&n->list[i], &n->list[i + 1], (n->count - i - 1) * sizeof(found));
            n->list[n->count - 1] = found;
            arc_index_ref(found.index);
            return found.index;
        }
    }
    return NULL;
}

/* relaxed: they become fewer at any time, and more under the lock alone */
static int fits(const struct arc_nested *n, uint64_t size)
{
    return atomic_load_explicit(&n->live.bytes, memory_order_relaxed) + size <= ARC_NESTED_BYTES &&
           atomic_load_explicit(&n->live.count, memory_order_relaxed) < ARC_NESTED_KEPT;
}

/* Counts it in, until it is gone. */
static void count_in(struct arc_nested *n, struct arc_index *x)
{
    x->live_bytes =
        x->stamp.size + x->count * (sizeof(*x->nodes) + 2 * sizeof(*x->table)) + x->names_len;
    x->live = &n->live;
    atomic_fetch_add_explicit(&n->live.bytes, x->live_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->live.count, 1, memory_order_relaxed);
}

/* Room for size bytes more: who is entered longest ago goes, if nobody has it open. */
static int make_room(struct arc_nested *n, uint64_t size)
{
    uint32_t i = 0;
    while (i < n->count && !fits(n, size)) {
        struct arc_index *x = n->list[i].index;
        if (atomic_load(&x->refs) > 1) { /* open, or a decoder is in it */
            i++;
            continue;
        }
        arc_index_unref(x);
        memmove(&n->list[i], &n->list[i + 1], (n->count - i - 1) * sizeof(n->list[i]));
        n->count--;
    }
    return fits(n, size);
}

static uint32_t next_generation(struct arc_volume *v)
{
    pthread_mutex_lock(&v->lock);
    uint32_t generation = ++v->generation;
    pthread_mutex_unlock(&v->lock);
    return generation;
}

/* The lock is held. Room for size bytes more; decoders may stand in those that nobody has open. */
static int has_room(struct arc_volume *v, uint64_t size)
{
    int may_fit = size <= ARC_NESTED_BYTES; /* else nobody's place is taken */
    if (may_fit && !make_room(v->nested, size)) {
        arc_pool_drop_old(&v->pool, NULL);
        may_fit = make_room(v->nested, size);
    }
    return may_fit;
}

/* The lock is held but while it is unpacked. */
static smbkit_status enter(struct asked *a, struct arc_index *outer, uint32_t node,
                           struct arc_index **index_r)
{
    char name[300];
    struct arc_nested *n = a->v->nested;
    uint64_t size = outer->nodes[outer->nodes[node].target].size;
    if (!has_room(a->v, size)) {
        smbkit_log(1, "no room for an archive within the archive name=%s bytes=%llu",
                   smbkit_quote(arc_name(outer, node), name, sizeof(name)),
                   (unsigned long long)size);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    uint32_t drops = n->drops;
    n->is_building = 1;
    pthread_mutex_unlock(&n->lock);
    smbkit_status status = build(a, outer, node, index_r);
    uint32_t generation = next_generation(a->v);
    pthread_mutex_lock(&n->lock);
    n->is_building = 0;
    pthread_cond_broadcast(&n->changed);
    if (!SMBKIT_OK(status)) {
        *index_r = NULL;
        return status;
    }
    (*index_r)->generation = generation;
    count_in(n, *index_r);
    if (n->drops == drops) { /* else the outer archive is another by now */
        arc_index_ref(*index_r);
        n->list[n->count++] = (struct kept){arc_entry_key(outer, node), *index_r};
    }
    return status;
}

smbkit_status arc_nested_get(struct arc_volume *v, const struct smbkit_op *op, struct arc_index *x,
                             uint32_t node, struct arc_index **index_r)
{
    struct asked a = {v, op};
    struct arc_nested *n = v->nested;
    int nowait = (op->flags & SMBKIT_OP_NOWAIT) != 0;
    uint64_t key = arc_entry_key(x, node);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&n->lock);
    *index_r = find_locked(n, key);
    while (!*index_r && SMBKIT_OK(status) && !nowait) {
        if (is_over(&a)) {
            status = SMBKIT_STATUS_CANCELLED;
        } else if (n->is_building) {
            moment_wait(&n->changed, &n->lock, MOMENT_NS);
            *index_r = find_locked(n, key);
        } else {
            status = enter(&a, x, node, index_r);
        }
    }
    pthread_mutex_unlock(&n->lock);
    return *index_r || !SMBKIT_OK(status) ? status : SMBKIT_STATUS_WOULD_BLOCK;
}
