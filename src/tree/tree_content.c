/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of files that the tree holds.
 *
 * Bytes never change and are sent without being copied. The first write makes them the content's
 * own memory, which is read by copying; a commit makes bytes of that again. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

#define CAP_MIN UINT64_C(256)

/* ---- what writes may take ---- */

struct tree_account *account_new(void)
{
    struct tree_account *a = mem_zalloc(sizeof(*a));
    if (a) {
        atomic_init(&a->refs, 1);
    }
    return a;
}

void account_unref(struct tree_account *a)
{
    /* acq_rel: the last one frees what the others have counted in */
    if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(a);
    }
}

/* relaxed: a count, which nothing else depends on */
static void count_back(atomic_uint_fast64_t *count, uint64_t bytes)
{
    atomic_fetch_sub_explicit(count, bytes, memory_order_relaxed);
}

static bool count_in(atomic_uint_fast64_t *count, uint64_t more, uint64_t max)
{
    uint64_t before = atomic_fetch_add_explicit(count, more, memory_order_relaxed); /* as above */
    if (before > max || more > max - before) {
        count_back(count, more);
        return false;
    }
    return true;
}

static void uncharge(struct tree_account *a, uint64_t bytes)
{
    count_back(&a->used, bytes);
}

static bool charge(struct smbkit_tree *t, uint64_t more)
{
    return count_in(&t->account->used, more, t->spec.write_max);
}

/* ---- bytes ---- */

struct tree_bytes *bytes_copy(const void *data, uint64_t size)
{
    if (size > SMBKIT_TREE_FILE_MAX) {
        return NULL;
    }
    struct tree_bytes *b = mem_zalloc(sizeof(*b) + (size_t)size);
    if (b) {
        atomic_init(&b->refs, 1);
        b->data = b + 1;
        b->size = size;
        mem_copy(b + 1, data, (size_t)size);
    }
    return b;
}

struct tree_bytes *bytes_lent(const void *data, uint64_t size, void (*release)(void *), void *arg)
{
    struct tree_bytes *b = mem_zalloc(sizeof(*b));
    if (b) {
        atomic_init(&b->refs, 1);
        b->data = data;
        b->size = size;
        b->release = release;
        b->arg = arg;
    }
    return b;
}

struct tree_bytes *bytes_ref(struct tree_bytes *b)
{
    if (b) {
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed); /* it has one already */
    }
    return b;
}

void bytes_unref(struct tree_bytes *b)
{
    /* acq_rel: the last one frees what the others have read */
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (b->release) {
        b->release(b->arg);
    }
    if (b->account) {
        count_back(b->is_loaded ? &b->account->loaded : &b->account->used, b->charged);
        account_unref(b->account);
    }
    mem_free(b->owned);
    mem_free(b);
}

/* What nobody has open makes room. */
static bool charge_loaded(struct smbkit_tree *t, uint64_t size)
{
    struct tree_later later = {0};
    if (count_in(&t->account->loaded, size, t->spec.load_max)) {
        return true;
    }
    tree_enter(t);
    tree_idle_trim(t, 0, &later);
    tree_leave(t, &later);
    return count_in(&t->account->loaded, size, t->spec.load_max);
}

struct tree_bytes *bytes_loaded(struct smbkit_tree *t, const struct smbkit_tree_load *l)
{
    bool is_charged = l->size <= SMBKIT_TREE_FILE_MAX && charge_loaded(t, l->size);
    struct tree_bytes *b = NULL;
    if (is_charged) {
        b = l->release ? bytes_lent(l->data, l->size, l->release, l->release_arg)
                       : bytes_copy(l->data, l->size);
    }
    if (!b && is_charged) {
        count_back(&t->account->loaded, l->size);
    }
    if (!b && l->release) {
        l->release(l->release_arg);
    }
    if (b) {
        b->account = t->account;
        b->charged = l->size;
        b->is_loaded = true;
        /* relaxed: the tree has one already */
        atomic_fetch_add_explicit(&b->account->refs, 1, memory_order_relaxed);
    }
    return b;
}

static void bytes_unref_cb(void *arg)
{
    bytes_unref(arg);
}

/* ---- life ---- */

static uint64_t generation_next(struct smbkit_tree *t)
{
    /* relaxed: each is given out once */
    return 1 + atomic_fetch_add_explicit(&t->account->generations, 1, memory_order_relaxed);
}

static struct tree_content *content_alloc(struct smbkit_tree *t)
{
    struct tree_content *c = mem_zalloc(sizeof(*c));
    if (c) {
        atomic_init(&c->refs, 1);
        mutex_init(&c->lock);
        list_init(&c->idle);
        c->tree = t;
        c->first_generation = c->generation = generation_next(t);
    }
    return c;
}

struct tree_content *content_new(struct smbkit_tree *t, struct tree_bytes **b)
{
    struct tree_content *c = content_alloc(t);
    if (c && *b) {
        c->bytes = *b;
        c->size = (*b)->size;
        *b = NULL;
    }
    return c;
}

struct tree_content *content_host(struct smbkit_tree *t, const char *path)
{
    struct tree_content *c = content_alloc(t);
    if (c) {
        c->host_path = str_dup(path);
    }
    if (c && !c->host_path) {
        content_unref(c);
        c = NULL;
    }
    return c;
}

/* c->lock is held, or nobody else has it. */
static void own_free(struct tree_content *c)
{
    if (c->own) {
        uncharge(c->tree->account, c->cap);
        mem_free(c->own);
    }
    c->own = NULL;
    c->cap = 0;
}

void content_unref(struct tree_content *c)
{
    /* acq_rel: as for bytes */
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    own_free(c);
    bytes_unref(c->bytes);
    bytes_unref(c->before);
    mutex_fini(&c->lock);
    mem_free(c->host_path);
    mem_free(c);
}

void content_unref_later(struct tree_content *c, struct tree_later *later)
{
    /* Only the last one is put off: a release of the plugin's may follow. */
    if (atomic_load_explicit(&c->refs, memory_order_acquire) > 1) {
        content_unref(c);
        return;
    }
    c->next_free = later->contents;
    later->contents = c;
}

/* ---- reading ---- */

uint64_t content_size(struct tree_content *c)
{
    SCOPED_LOCK(&c->lock);
    return c->size;
}

static const void *data_of(const struct tree_content *c)
{
    return c->own ? c->own : c->bytes ? c->bytes->data : NULL;
}

bool content_is(struct tree_content *c, const void *data, uint64_t size)
{
    SCOPED_LOCK(&c->lock);
    return c->size == size && mem_eq(data_of(c), data, (size_t)size);
}

smbkit_status content_read(struct tree_content *c, struct smbkit_io *io)
{
    mutex_lock(&c->lock);
    uint64_t left = io->offset < c->size ? c->size - io->offset : 0;
    uint32_t n = (uint32_t)MIN(left, (uint64_t)io->length);
    bool copies = c->own || (c->bytes && c->bytes->is_lent);
    struct tree_bytes *b = copies ? NULL : bytes_ref(c->bytes);
    if (n > 0 && !b) {
        uint8_t *to = smbkit_io_buffer(io);
        if (to) {
            mem_copy(to, (const uint8_t *)data_of(c) + io->offset, n);
        }
        mutex_unlock(&c->lock);
        io->done = to ? n : 0;
        return to ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    mutex_unlock(&c->lock);
    if (n == 0) {
        bytes_unref(b);
        return SMBKIT_STATUS_SUCCESS;
    }
    return smbkit_io_give(io, (const uint8_t *)b->data + io->offset, n, bytes_unref_cb, b);
}

/* ---- writing ---- */

/* Own memory for size bytes, charged; what is there is kept. c->lock is held. */
static smbkit_status own_reserve(struct tree_content *c, uint64_t size)
{
    if (c->own && size <= c->cap) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (size > SMBKIT_TREE_FILE_MAX) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    uint64_t cap = MAX(size, CAP_MIN);
    if (c->own) {
        cap = MAX(cap, MIN(c->cap * 2, (uint64_t)SMBKIT_TREE_FILE_MAX));
    }
    if (!charge(c->tree, cap - c->cap)) {
        cap = MAX(size, CAP_MIN); /* no reserve, then */
        if (!charge(c->tree, cap - c->cap)) {
            return SMBKIT_STATUS_DISK_FULL;
        }
    }
    uint8_t *own = mem_realloc(c->own, (size_t)cap);
    if (!own) {
        uncharge(c->tree->account, cap - c->cap);
        return SMBKIT_STATUS_DISK_FULL;
    }
    c->own = own;
    c->cap = cap;
    return SMBKIT_STATUS_SUCCESS;
}

/* Memory of its own becomes bytes, without a copy. False: no memory. c->lock is held. */
static bool own_freeze(struct tree_content *c)
{
    struct tree_bytes *b = bytes_lent(c->own, c->size, NULL, NULL);
    if (!b) {
        return false;
    }
    b->owned = c->own;
    b->charged = c->cap;
    b->account = c->tree->account;
    /* relaxed: the tree has one already */
    atomic_fetch_add_explicit(&b->account->refs, 1, memory_order_relaxed);
    c->own = NULL;
    c->cap = 0;
    c->bytes = b;
    return true;
}

/* So that size bytes can be written to. *drop_r: to be released without the lock. */
static smbkit_status make_own(struct tree_content *c, uint64_t size, bool keeps,
                              struct tree_bytes **drop_r)
{
    keeps = keeps && !c->before;
    if (c->own && keeps && !own_freeze(c)) { /* there was no commit before */
        return SMBKIT_STATUS_DISK_FULL;
    }
    bool was_own = c->own != NULL;
    struct tree_bytes *empty = keeps && !c->bytes ? bytes_copy(NULL, 0) : NULL;
    smbkit_status st =
        keeps && !c->bytes && !empty ? SMBKIT_STATUS_DISK_FULL : own_reserve(c, MAX(size, c->size));
    if (!SMBKIT_OK(st) || was_own) {
        bytes_unref(empty);
        return st;
    }
    if (c->bytes) {
        mem_copy(c->own, c->bytes->data, (size_t)c->size);
    }
    if (keeps) {
        c->before = c->bytes ? c->bytes : empty;
    } else {
        *drop_r = c->bytes;
    }
    c->bytes = NULL;
    return st;
}

/* Is what it wrote still there? c->lock is held. */
static smbkit_status writer_check(const struct tree_content *c, const struct tree_writer *w)
{
    bool is_of_this = w->has_written && w->generation >= c->first_generation;
    return is_of_this && w->generation < c->generation ? c->refused : SMBKIT_STATUS_SUCCESS;
}

static void writer_note(const struct tree_content *c, struct tree_writer *w)
{
    bool goes_on = w->has_written && w->generation >= c->first_generation;
    w->generation = goes_on ? w->generation : c->generation;
    w->has_written = true;
}

smbkit_status content_write(struct tree_content *c, struct smbkit_io *io, struct tree_writer *w)
{
    struct tree_bytes *drop = NULL;
    io->done = 0;
    if (io->length == 0) {
        return SMBKIT_STATUS_SUCCESS; /* wherever it is, the file does not grow */
    }
    mutex_lock(&c->lock);
    uint64_t at = io->flags & SMBKIT_IO_APPEND ? c->size : io->offset;
    bool fits = at <= SMBKIT_TREE_FILE_MAX && io->length <= SMBKIT_TREE_FILE_MAX - at;
    smbkit_status st = fits ? writer_check(c, w) : SMBKIT_STATUS_DISK_FULL;
    st = SMBKIT_OK(st) ? make_own(c, at + io->length, w->keeps, &drop) : st;
    if (SMBKIT_OK(st) && at > c->size) {
        mem_zero(c->own + c->size, (size_t)(at - c->size));
    }
    uint64_t to = at;
    for (uint32_t i = 0; SMBKIT_OK(st) && i < io->seg_count; i++) {
        mem_copy(c->own + to, io->segs[i].base, (size_t)io->segs[i].len);
        to += io->segs[i].len;
    }
    if (SMBKIT_OK(st)) {
        c->size = MAX(c->size, to);
        io->done = io->length;
        writer_note(c, w);
    }
    mutex_unlock(&c->lock);
    bytes_unref(drop);
    return st;
}

smbkit_status content_resize(struct tree_content *c, uint64_t size, struct tree_writer *w)
{
    struct tree_bytes *drop = NULL;
    if (size > SMBKIT_TREE_FILE_MAX) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    mutex_lock(&c->lock);
    smbkit_status st = writer_check(c, w);
    st = SMBKIT_OK(st) ? make_own(c, size, w->keeps, &drop) : st;
    if (SMBKIT_OK(st) && size > c->size) {
        mem_zero(c->own + c->size, (size_t)(size - c->size));
    }
    if (SMBKIT_OK(st)) {
        c->size = size;
        writer_note(c, w);
    }
    mutex_unlock(&c->lock);
    bytes_unref(drop);
    return st;
}

/* ---- commit ---- */

smbkit_status content_check(struct tree_content *c, const struct tree_writer *w)
{
    SCOPED_LOCK(&c->lock);
    return writer_check(c, w);
}

bool content_freeze(struct tree_content *c, struct tree_frozen *f)
{
    SCOPED_LOCK(&c->lock);
    *f = (struct tree_frozen){NULL, ++c->freezes, c->generation};
    if (c->own && !own_freeze(c)) {
        return false;
    }
    f->bytes = bytes_ref(c->bytes);
    return true;
}

/* Several commits may be under way, and end in any order: the last freeze counts, of those that
 * were taken. What was written since goes back to it, if it is refused. */
bool content_settle(struct tree_content *c, const struct tree_frozen *f, struct tree_writer *w)
{
    struct tree_bytes *drop = NULL;
    bool changed = false;
    mutex_lock(&c->lock);
    w->has_written = false;
    if (f->bytes && f->number > c->committed) {
        bool was_reverted = f->generation != c->generation;
        bool is_untouched = !c->own && (c->bytes == f->bytes || (was_reverted && !c->before));
        c->committed = f->number;
        drop = c->before;
        c->before = is_untouched ? NULL : bytes_ref(f->bytes);
        changed = is_untouched && c->bytes != f->bytes;
    }
    if (changed) { /* another's refusal had taken it back, and it is the store's now */
        drop = c->bytes;
        c->bytes = bytes_ref(f->bytes);
        c->size = c->bytes->size;
    }
    mutex_unlock(&c->lock);
    bytes_unref(drop);
    return changed;
}

bool content_revert(struct tree_content *c, const struct tree_frozen *f, struct tree_writer *w,
                    smbkit_status why)
{
    struct tree_bytes *drop = NULL;
    mutex_lock(&c->lock);
    w->has_written = false;
    bool is_due = c->before && f->generation == c->generation && f->number > c->committed;
    if (is_due) {
        drop = c->bytes;
        own_free(c);
        c->bytes = c->before;
        c->size = c->bytes->size;
        c->before = NULL;
        c->generation = generation_next(c->tree);
        c->refused = why;
    }
    mutex_unlock(&c->lock);
    bytes_unref(drop);
    return is_due;
}

/* ---- whose it is ---- */

static void idle_leave(struct smbkit_tree *t, struct tree_content *c)
{
    if (!list_is_empty(&c->idle)) {
        list_remove(&c->idle);
        t->idle_bytes -= content_size(c);
    }
}

void entry_set_content(struct smbkit_tree *t, struct tree_entry *e, struct tree_content *content,
                       struct tree_later *later)
{
    struct tree_content *old = e->in.content;
    e->in.content = content;
    if (content) {
        content->holder = e;
    }
    if (old) {
        idle_leave(t, old);
        old->holder = NULL;
        content_unref_later(old, later);
    }
}

void entry_idle_update(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later)
{
    struct tree_content *c = entry_is_folder(e) ? NULL : e->in.content;
    if (!c) {
        return;
    }
    idle_leave(t, c); /* its file may have got other callbacks */
    if (!TREE_HAS(e->ops.file, load) || e->opens > 0 || !e->parent) {
        return;
    }
    if (e->ops.file->flags & SMBKIT_TREE_FRESH) {
        entry_set_content(t, e, NULL, later);
        return;
    }
    e->size = content_size(c);
    list_push_back(&t->idle, &c->idle);
    t->idle_bytes += content_size(c);
    tree_idle_trim(t, t->spec.memory_max, later);
}

void tree_idle_trim(struct smbkit_tree *t, uint64_t max, struct tree_later *later)
{
    while (t->idle_bytes > max) {
        struct tree_content *oldest = LIST_ENTRY(t->idle.next, struct tree_content, idle);
        entry_set_content(t, oldest->holder, NULL, later);
    }
}
