/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/notify.h"

#include "base/budget.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/path.h"

/* FILE_NOTIFY_INFORMATION before the name, and what each entry but the last is rounded up to.
 * [MS-FSCC] 2.7.1 */
#define WIRE_HEADER_BYTES 12
#define WIRE_ALIGN 4

/* A directory that somebody watches. */
struct notify_dir {
    struct hash_link link;
    struct list watches;
    size_t path_len;
    char path[];
};

struct dir_key {
    const char *path;
    size_t len;
};

static bool dir_eq(const struct hash_link *link, const void *key)
{
    const struct notify_dir *d = CONTAINER_OF(link, struct notify_dir, link);
    const struct dir_key *k = key;
    return path_eq_nocase(d->path, d->path_len, k->path, k->len);
}

static struct notify_dir *find_dir(const struct notify_registry *r, const char *path, size_t len)
{
    struct dir_key key = {path, len};
    struct hash_link *l = hash_table_get(&r->dirs, utf8_ihash(r->seed, path, len), dir_eq, &key);
    return l ? CONTAINER_OF(l, struct notify_dir, link) : NULL;
}

static struct notify_dir *make_dir(struct notify_registry *r, const char *path)
{
    size_t len = str_len(path);
    struct notify_dir *d = mem_alloc(sizeof(*d) + len + 1);
    if (!d) {
        return NULL;
    }
    list_init(&d->watches);
    d->path_len = len;
    mem_copy(d->path, path, len + 1);
    if (!hash_table_add(&r->dirs, &d->link, utf8_ihash(r->seed, path, len))) {
        mem_free(d);
        return NULL;
    }
    return d;
}

static void drop_dir_if_unwatched(struct notify_registry *r, struct notify_dir *d)
{
    if (list_is_empty(&d->watches)) {
        hash_table_remove(&r->dirs, &d->link);
        mem_free(d);
    }
}

/* ---- queues ---- */

void notify_queue_fini(struct notify_queue *q)
{
    mem_free(q->buf);
    if (q->budget && q->cap > 0) {
        budget_give(q->budget, q->cap);
    }
    *q = (struct notify_queue){.budget = q->budget};
}

bool notify_queue_next(const struct notify_queue *q, size_t *at, uint32_t *action_r,
                       const char **name_r)
{
    if (*at >= q->len) {
        return false;
    }
    mem_copy(action_r, q->buf + *at, sizeof(*action_r));
    *name_r = (const char *)q->buf + *at + sizeof(*action_r);
    *at += sizeof(*action_r) + str_len(*name_r) + 1;
    return true;
}

static void queue_overflow(struct notify_queue *q)
{
    notify_queue_fini(q);
    q->overflow = true;
}

static bool queue_reserve(struct notify_queue *q, size_t n)
{
    if (n <= q->cap - q->len) {
        return true;
    }
    size_t cap = MAX(MAX(q->cap * 2, q->len + n), (size_t)128);
    if (q->budget && !budget_take(q->budget, cap - q->cap, NULL)) {
        return false;
    }
    uint8_t *buf = mem_realloc(q->buf, cap);
    if (!buf) {
        if (q->budget) {
            budget_give(q->budget, cap - q->cap);
        }
        return false;
    }
    q->buf = buf;
    q->cap = cap;
    return true;
}

/* Windows does not tell twice in a row that the same file was modified. */
static bool repeats_last(const struct notify_queue *q, uint32_t action, const char *name)
{
    size_t at = q->last;
    uint32_t last_action;
    const char *last_name;
    return action == NOTIFY_MODIFIED && notify_queue_next(q, &at, &last_action, &last_name) &&
           last_action == action && str_eq(last_name, name);
}

/* true: the queue changed. */
static bool queue_append(struct notify_queue *q, size_t max_bytes, uint32_t action,
                         const char *name)
{
    if (q->overflow || repeats_last(q, action, name)) {
        return false;
    }
    size_t wire = align_up(q->wire_bytes, WIRE_ALIGN) + WIRE_HEADER_BYTES + utf16_len_bytes(name);
    size_t name_size = str_len(name) + 1;
    if (wire > MIN(max_bytes, (size_t)NOTIFY_QUEUE_BYTES_MAX) ||
        !queue_reserve(q, sizeof(action) + name_size)) {
        queue_overflow(q);
        return true;
    }
    q->last = q->len;
    mem_copy(q->buf + q->len, &action, sizeof(action));
    mem_copy(q->buf + q->len + sizeof(action), name, name_size);
    q->len += sizeof(action) + name_size;
    q->wire_bytes = wire;
    return true;
}

/* ---- watches ---- */

void notify_registry_init(struct notify_registry *r, uint64_t seed)
{
    *r = (struct notify_registry){.seed = seed};
    hash_table_init(&r->dirs);
}

void notify_registry_fini(struct notify_registry *r)
{
    ASSERT(r->watch_count == 0);
    hash_table_fini(&r->dirs);
}

void notify_watch_init(struct notify_watch *w)
{
    *w = (struct notify_watch){0};
    list_init(&w->link);
    list_init(&w->touched_link);
}

void notify_watch_fini(struct notify_watch *w)
{
    ASSERT(!w->dir);
    notify_queue_fini(&w->queue);
}

smbkit_status notify_watch_add(struct notify_registry *r, struct notify_watch *w,
                               const char *dir_path)
{
    ASSERT(!w->dir);
    struct notify_dir *d = find_dir(r, dir_path, str_len(dir_path));
    if (!d) {
        d = make_dir(r, dir_path);
    }
    if (!d) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->dir = d;
    list_push_back(&d->watches, &w->link);
    r->watch_count++;
    r->tree_count += w->tree;
    return SMBKIT_STATUS_SUCCESS;
}

void notify_watch_remove(struct notify_registry *r, struct notify_watch *w)
{
    struct notify_dir *d = w->dir;
    list_remove(&w->touched_link);
    if (!d) {
        return;
    }
    list_remove(&w->link);
    w->dir = NULL;
    r->watch_count--;
    r->tree_count -= w->tree;
    drop_dir_if_unwatched(r, d);
}

void notify_watch_take(struct notify_watch *w, struct notify_queue *out)
{
    *out = w->queue;
    w->queue = (struct notify_queue){.budget = w->queue.budget};
}

/* ---- reports ---- */

/* One thing to tell: one event, or two that stay side by side. Names are relative to the watched
 * directory. */
struct message {
    uint32_t action;
    const char *name;
    uint32_t second_action; /* 0: none */
    const char *second_name;
};

static void touch(struct notify_watch *w, struct list *touched)
{
    if (list_is_empty(&w->touched_link)) {
        list_push_back(touched, &w->touched_link);
    }
}

static void tell_watch(struct notify_watch *w, const struct message *m, struct list *touched)
{
    bool changed = queue_append(&w->queue, w->max_bytes, m->action, m->name);
    if (m->second_action) {
        changed |= queue_append(&w->queue, w->max_bytes, m->second_action, m->second_name);
    }
    if (changed) {
        touch(w, touched);
    }
}

static void tell_dir(struct notify_dir *d, const struct message *m, uint32_t filter, bool is_parent,
                     struct list *touched)
{
    LIST_FOR_EACH (l, &d->watches) {
        struct notify_watch *w = LIST_ENTRY(l, struct notify_watch, link);
        if ((w->filter & filter) != 0 && (is_parent || w->tree)) {
            tell_watch(w, m, touched);
        }
    }
}

/* Bytes of the directory part of path[0..len); 0: the root. */
static size_t parent_len_of(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return len > 0 ? len - 1 : 0;
}

static const char *relative_to(const char *path, size_t dir_len)
{
    return path + (dir_len == 0 ? 0 : dir_len + 1);
}

/* Tell the watches of the directory in path[0..dir_len) and of all above it. new_path: of a rename
 * within that directory. */
static void tell_upwards(struct notify_registry *r, const struct notify_change *c,
                         const char *new_path, struct list *touched)
{
    size_t start = path_parent_len(c->path);
    size_t len = start;
    for (;;) {
        struct notify_dir *d = find_dir(r, c->path, len);
        if (d) {
            /* new_path has a parent of the same length: it is the same directory, maybe spelled
             * otherwise. */
            struct message m = {.action = c->action, .name = relative_to(c->path, len)};
            if (new_path) {
                m.second_action = NOTIFY_RENAMED_NEW;
                m.second_name = relative_to(new_path, len);
            }
            tell_dir(d, &m, c->filter, len == start, touched);
        }
        if (len == 0 || r->tree_count == 0) {
            return;
        }
        len = parent_len_of(c->path, len);
    }
}

static bool has_same_parent(const char *a, const char *b)
{
    size_t n = path_parent_len(a);
    return n == path_parent_len(b) && mem_eq(a, b, n);
}

void notify_report(struct notify_registry *r, const struct notify_change *c, struct list *touched)
{
    if (notify_is_idle(r) || *c->path == '\0') {
        return;
    }
    if (c->action != NOTIFY_RENAMED_OLD || !c->new_path) {
        tell_upwards(r, c, NULL, touched);
        return;
    }
    if (has_same_parent(c->path, c->new_path)) {
        tell_upwards(r, c, c->new_path, touched);
        return;
    }
    struct notify_change from = {c->path, NOTIFY_REMOVED, c->filter, NULL};
    struct notify_change to = {c->new_path, NOTIFY_ADDED, c->filter, NULL};
    tell_upwards(r, &from, NULL, touched);
    tell_upwards(r, &to, NULL, touched);
}

static bool is_at_or_below(const struct notify_dir *d, const char *path)
{
    return path_eq_nocase(d->path, d->path_len, path, str_len(path)) ||
           path_is_below_nocase(path, d->path);
}

void notify_overflow_below(struct notify_registry *r, const char *path, struct list *touched)
{
    for (struct hash_link *l = hash_table_next(&r->dirs, NULL); l;
         l = hash_table_next(&r->dirs, l)) {
        struct notify_dir *d = CONTAINER_OF(l, struct notify_dir, link);
        if (!is_at_or_below(d, path)) {
            continue;
        }
        LIST_FOR_EACH (wl, &d->watches) {
            struct notify_watch *w = LIST_ENTRY(wl, struct notify_watch, link);
            queue_overflow(&w->queue);
            touch(w, touched);
        }
    }
}

smbkit_status notify_watch_move(struct notify_registry *r, struct notify_watch *w,
                                const char *new_path)
{
    struct notify_dir *from = w->dir;
    struct notify_dir *to = find_dir(r, new_path, str_len(new_path));
    if (to == from) {
        return SMBKIT_STATUS_SUCCESS; /* only the case changed */
    }
    if (!to) {
        to = make_dir(r, new_path);
    }
    if (!to) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    list_remove(&w->link);
    w->dir = to;
    list_push_back(&to->watches, &w->link);
    drop_dir_if_unwatched(r, from);
    return SMBKIT_STATUS_SUCCESS;
}
