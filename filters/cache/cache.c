/* SPDX-License-Identifier: Apache-2.0 */
/* cache: what was read of a slow volume, in memory.
 *
 * Blocks are kept beside a stamp, the size and the times that the file had before they were read: a
 * change that nobody tells of shows in it when it is looked at again. Changes that come by this
 * volume take the file's blocks away before and after they are made, and nothing that is read
 * meanwhile is kept. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "cache_store.h"

#define SIZE_DEFAULT (64u << 20)
#define TTL_DEFAULT_MS 1000u
#define AHEAD_MAX (16u << 20)

struct cache {
    struct smbkit_next *next;
    uint64_t ttl_ms, ahead; /* immutable after volume_open */
    struct cache_store store;
};

struct file {
    void *below;
    struct cache_node *node; /* NULL: nothing of it is kept */
};

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000;
}

static struct cache_stamp stamp_of(const struct smbkit_attr *a)
{
    return (struct cache_stamp){a->size, a->create_time, a->write_time, a->change_time};
}

/* ---- files ---- */

/* Streams are found in any letters, and snapshots have the ids of the present. Without times a
 * change of others would not show. */
static bool is_kept(const struct smbkit_create *a)
{
    const struct smbkit_attr *t = a->attr;
    return !a->stream && a->snapshot_time == 0 && t->file_id != 0 && t->write_time != 0 &&
           !(t->attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT));
}

static void file_begin(struct cache *c, struct file *f, const struct smbkit_create *a)
{
    const struct cache_key key = {a->attr->file_domain, a->attr->file_id, a->attr->file_id_high};
    const struct cache_stamp stamp = stamp_of(a->attr);
    pthread_mutex_lock(&c->store.lock);
    f->node = cache_open(&c->store, &key);
    if (f->node && a->disposition == SMBKIT_CREATE) {
        cache_drop(&c->store, f->node); /* the id may have been another's */
    }
    if (f->node && f->node->changes == 0) {
        cache_stamp_set(&c->store, f->node, &stamp, now_ms());
    }
    pthread_mutex_unlock(&c->store.lock);
}

static smbkit_status cache_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    struct cache *c = volume;
    struct file *f = calloc(1, sizeof(*f));
    smbkit_status st = f ? smbkit_next_create(c->next, op, a) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        free(f);
        return st;
    }
    f->below = a->file;
    if (is_kept(a)) {
        file_begin(c, f, a);
    }
    a->file = f;
    return st;
}

static void cache_file_close(void *volume, struct smbkit_op *op, void *file)
{
    struct cache *c = volume;
    struct file *f = file;
    if (f->node) {
        pthread_mutex_lock(&c->store.lock);
        cache_close(&c->store, f->node);
        pthread_mutex_unlock(&c->store.lock);
    }
    smbkit_next_close(c->next, op, f->below);
    free(f);
}

static void *cache_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct file *)file)->below;
}

/* ---- reads ---- */

/* What a read found under lock. */
struct look {
    bool is_answered, is_stale, may_keep;
    uint64_t turn;
    uint64_t ahead; /* bytes more that may be wanted */
};

/* is_new: its stamp was just looked at. */
static struct look look(struct cache *c, struct file *f, struct smbkit_io *io, bool is_new)
{
    struct cache_node *n = f->node;
    pthread_mutex_lock(&c->store.lock);
    struct look l = {.turn = n->turn, .may_keep = n->changes == 0};
    l.is_stale = !n->is_stamped || (!is_new && now_ms() - n->looked_ms >= c->ttl_ms);
    if (!l.is_stale && l.may_keep) {
        l.is_answered = cache_get(&c->store, n, &(struct cache_want){io->offset, io->length},
                                  io->buffer, &io->done);
    }
    l.ahead = n->read_end == io->offset ? c->ahead : 0;
    if (!l.is_stale) {
        n->read_end = io->offset + io->length;
    }
    pthread_mutex_unlock(&c->store.lock);
    return l;
}

/* Its stamp, as it is now. turn: of before; nothing is said when a change came meanwhile. */
static smbkit_status look_again(struct cache *c, struct smbkit_op *op, struct file *f,
                                uint64_t turn)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    uint64_t when = now_ms();
    smbkit_status st = smbkit_next_getattr(c->next, op, f->below, &attr);
    if (SMBKIT_OK(st)) {
        const struct cache_stamp stamp = stamp_of(&attr);
        pthread_mutex_lock(&c->store.lock);
        if (f->node->turn == turn && f->node->changes == 0) {
            cache_stamp_set(&c->store, f->node, &stamp, when);
        }
        pthread_mutex_unlock(&c->store.lock);
    }
    return st;
}

/* Whole blocks around what is wanted, and what is wanted of them. */
static smbkit_status fetch(struct cache *c, struct smbkit_op *op, struct file *f,
                           struct smbkit_io *io, const struct look *l)
{
    uint64_t begin = io->offset / CACHE_BLOCK * CACHE_BLOCK;
    uint64_t end = io->offset + io->length + l->ahead + CACHE_BLOCK - 1;
    uint32_t length = (uint32_t)(end / CACHE_BLOCK * CACHE_BLOCK - begin);
    uint8_t *data = malloc(length);
    if (!data) {
        return smbkit_next_read(c->next, op, f->below, io);
    }
    struct smbkit_io whole = {
        .struct_size = sizeof(whole), .offset = begin, .length = length, .buffer = data};
    smbkit_status st = smbkit_next_read(c->next, op, f->below, &whole);
    if (SMBKIT_OK(st)) {
        uint32_t from = (uint32_t)(io->offset - begin);
        uint32_t left = whole.done > from ? whole.done - from : 0;
        io->done = left < io->length ? left : io->length;
        memcpy(io->buffer, data + from, io->done);
        pthread_mutex_lock(&c->store.lock);
        if (f->node->turn == l->turn && f->node->changes == 0 && f->node->is_stamped) {
            cache_put(&c->store, f->node, begin, data, whole.done);
        }
        pthread_mutex_unlock(&c->store.lock);
    }
    free(data);
    return st;
}

static bool is_cached(const struct file *f, const struct smbkit_io *io)
{
    return f->node && !(io->flags & SMBKIT_IO_UNBUFFERED) && io->length > 0 &&
           io->length <= UINT32_MAX / 2 && io->offset <= INT64_MAX - (1ull << 33);
}

static smbkit_status cache_read(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    struct cache *c = volume;
    struct file *f = file;
    if (!is_cached(f, io)) {
        return smbkit_next_read(c->next, op, f->below, io);
    }
    if (!smbkit_io_buffer(io)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct look l = look(c, f, io, false);
    if (l.is_stale && l.may_keep) {
        smbkit_status st = look_again(c, op, f, l.turn);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        l = look(c, f, io, true);
    }
    if (l.is_answered) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return l.may_keep ? fetch(c, op, f, io, &l) : smbkit_next_read(c->next, op, f->below, io);
}

/* ---- changes ---- */

static void change(struct cache *c, struct file *f, bool begins)
{
    if (f->node) {
        pthread_mutex_lock(&c->store.lock);
        f->node->changes += begins ? 1 : -1u;
        cache_drop(&c->store, f->node);
        pthread_mutex_unlock(&c->store.lock);
    }
}

#define CHANGES(X)                                                                                 \
    X(write, struct smbkit_io)                                                                     \
    X(set_size, const struct smbkit_size)                                                          \
    X(overwrite, struct smbkit_overwrite)                                                          \
    X(allocate, const struct smbkit_size)                                                          \
    X(zero_range, const struct smbkit_span)                                                        \
    X(trim, const struct smbkit_span)                                                              \
    X(set_reparse, const struct smbkit_set_reparse)                                                \
    X(ioctl, struct smbkit_ioctl)

#define CHANGE_DEFINE(name, type)                                                                  \
    static smbkit_status cache_##name(void *volume, struct smbkit_op *op, void *file, type *a)     \
    {                                                                                              \
        struct cache *c = volume;                                                                  \
        struct file *f = file;                                                                     \
        change(c, f, true);                                                                        \
        smbkit_status st = smbkit_next_##name(c->next, op, f->below, a);                           \
        change(c, f, false);                                                                       \
        return st;                                                                                 \
    }
CHANGES(CHANGE_DEFINE)

#define CHANGE_MEMBER(name, type) .name = cache_##name,

static smbkit_status copy(struct cache *c, struct smbkit_op *op, struct file *f,
                          struct smbkit_copy *a, uint32_t id)
{
    struct smbkit_copy below = *a;
    below.source = ((struct file *)a->source)->below;
    change(c, f, true);
    smbkit_status st = smbkit_api->next(c->next, id, op, f->below, &below);
    change(c, f, false);
    a->done = below.done;
    return st;
}

static smbkit_status cache_copy_range(void *volume, struct smbkit_op *op, void *file,
                                      struct smbkit_copy *a)
{
    return copy(volume, op, file, a, SMBKIT_OP_copy_range);
}

static smbkit_status cache_clone_range(void *volume, struct smbkit_op *op, void *file,
                                       struct smbkit_copy *a)
{
    return copy(volume, op, file, a, SMBKIT_OP_clone_range);
}

/* The core would read and write past the blocks. */
static smbkit_status cache_file_fd(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_file_fd *a)
{
    (void)volume;
    (void)op;
    (void)file;
    (void)a;
    return SMBKIT_STATUS_NOT_SUPPORTED;
}

/* ---- commands ---- */

static smbkit_status say_status(struct cache *c, struct smbkit_control *a, bool is_json)
{
    struct cache_store *s = &c->store;
    pthread_mutex_lock(&s->lock);
    unsigned long long hits = s->hits, misses = s->misses, bytes = s->bytes, count = s->count;
    pthread_mutex_unlock(&s->lock);
    return answer(a,
                  is_json ? "{\"hits\":%llu,\"misses\":%llu,\"bytes\":%llu,\"size\":%llu,"
                            "\"blocks\":%llu}"
                          : "hits=%llu misses=%llu bytes=%llu size=%llu blocks=%llu",
                  hits, misses, bytes, (unsigned long long)s->max, count);
}

static smbkit_status cache_control(void *volume, struct smbkit_op *op, struct smbkit_control *a)
{
    struct cache *c = volume;
    if (strcmp(a->command, "status") == 0 || strcmp(a->command, "status json") == 0) {
        return say_status(c, a, a->command[6] != '\0');
    }
    if (strcmp(a->command, "drop") == 0) {
        pthread_mutex_lock(&c->store.lock);
        cache_drop_all(&c->store);
        pthread_mutex_unlock(&c->store.lock);
        return answer(a, "nothing is kept now");
    }
    if (strcmp(a->command, "help") == 0) {
        return answer(a, "status  reads answered from memory, and what is there\n"
                         "drop    keep nothing of what was read so far");
    }
    return smbkit_next_control(c->next, op, a);
}

/* ---- the volume ---- */

struct words {
    uint64_t size, ttl_ms, ahead;
};

static const struct smbkit_param params[] = {{.key = "size",
                                              .kind = SMBKIT_PARAM_SIZE,
                                              .offset = offsetof(struct words, size),
                                              .min = 1u << 20,
                                              .max = 1ull << 40},
                                             {.key = "ttl",
                                              .kind = SMBKIT_PARAM_MS,
                                              .offset = offsetof(struct words, ttl_ms),
                                              .max = 86400000},
                                             {.key = "ahead",
                                              .kind = SMBKIT_PARAM_SIZE,
                                              .offset = offsetof(struct words, ahead),
                                              .max = AHEAD_MAX},
                                             {.key = NULL}};

static void cache_volume_close(void *volume)
{
    struct cache *c = volume;
    cache_store_fini(&c->store);
    free(c);
}

static smbkit_status cache_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.size = SIZE_DEFAULT, .ttl_ms = TTL_DEFAULT_MS};
    smbkit_status st = smbkit_args_take(args, params, &w);
    struct cache *c = SMBKIT_OK(st) ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    c->next = args->next;
    c->ttl_ms = w.ttl_ms;
    c->ahead = w.ahead;
    if (!cache_store_init(&c->store, w.size, args->features & SMBKIT_FEATURE_STABLE_IDS)) {
        cache_volume_close(c);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *volume_r = c;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin cache_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "cache",
    .description = "keeps what was read in memory",
    .version = "1",
    .config_help = "size=SIZE   memory for blocks; default: 64M\n"
                   "ttl=TIME    how long a file is not looked at again; default: 1s\n"
                   "ahead=SIZE  read that much more of who reads on; default: 0\n",
    .volume_open = cache_volume_open,
    .volume_close = cache_volume_close,
    .create = cache_create,
    .close = cache_file_close,
    .file_below = cache_file_below,
    .read = cache_read,
    .copy_range = cache_copy_range,
    .clone_range = cache_clone_range,
    .file_fd = cache_file_fd,
    .control = cache_control,
    CHANGES(CHANGE_MEMBER)};

SMBKIT_REGISTER(cache_filter)
