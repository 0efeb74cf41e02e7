/* SPDX-License-Identifier: Apache-2.0 */
/* cache: what was read of a slow volume, in memory and on disk.
 *
 * Blocks are kept beside a stamp, the size and the times that the file had before they were read: a
 * change that nobody tells of shows in it when it is looked at again. Changes that come by this
 * volume take the file's blocks away before and after they are made, and nothing that is read
 * meanwhile is kept. Attributes, missing names and listings are kept for a time (cache_names.h). */
#include "cache.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"

#define SIZE_DEFAULT (64u << 20)
#define SIZE_MIN (1u << 20)
#define SIZE_MAX_ (1ull << 40)
#define DISK_SIZE_DEFAULT (1u << 30)
#define ATTR_SIZE_DEFAULT (8u << 20)
#define TTL_DEFAULT_MS 1000u
#define TTL_MAX_MS 86400000u
#define AHEAD_MAX (16u << 20)

uint64_t cache_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- files ---- */

static void *cache_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct file *)file)->below;
}

/* ---- changes ---- */

#define DATA CACHE_CHANGES_DATA
#define META CACHE_CHANGES_META
#define CHANGES(X)                                                                                 \
    X(write, struct smbkit_io, DATA)                                                               \
    X(set_size, const struct smbkit_size, DATA)                                                    \
    X(overwrite, struct smbkit_overwrite, DATA)                                                    \
    X(allocate, const struct smbkit_size, DATA)                                                    \
    X(zero_range, const struct smbkit_span, DATA)                                                  \
    X(trim, const struct smbkit_span, DATA)                                                        \
    X(set_reparse, const struct smbkit_set_reparse, DATA | paths_below(f))                         \
    X(ioctl, struct smbkit_ioctl, DATA)                                                            \
    X(flush, const struct smbkit_flush, META)                                                      \
    X(commit, const struct smbkit_flush, META)                                                     \
    X(setattr, const struct smbkit_attr, META)                                                     \
    X(set_security, const struct smbkit_set_security, META | paths_below(f))                       \
    X(set_ea, const struct smbkit_set_ea, META)                                                    \
    X(set_sparse, const struct smbkit_value, META)                                                 \
    X(set_compression, const struct smbkit_value, META)                                            \
    X(object_id, struct smbkit_object_id, META)                                                    \
    X(link, const struct smbkit_rename, CACHE_CHANGES_PATHS)                                       \
    X(remove, const struct smbkit_remove, gone(f))

/* What holds of the paths below a folder may be otherwise now. */
static unsigned paths_below(const struct file *f)
{
    return f->is_directory ? CACHE_CHANGES_PATHS : 0;
}

/* What goes with a file: its blocks, and of a folder the paths below it. */
static unsigned gone(const struct file *f)
{
    return DATA | CACHE_CHANGES_NAMES | paths_below(f);
}

#define CHANGE_DEFINE(name, type, what)                                                            \
    static smbkit_status cache_##name(void *volume, struct smbkit_op *op, void *file, type *a)     \
    {                                                                                              \
        struct cache *c = volume;                                                                  \
        struct file *f = file;                                                                     \
        cache_change(c, f, what, true);                                                            \
        smbkit_status st = smbkit_next_##name(c->next, op, f->below, a);                           \
        cache_change(c, f, what, false);                                                           \
        return st;                                                                                 \
    }
CHANGES(CHANGE_DEFINE)

#define CHANGE_MEMBER(name, type, what) .name = cache_##name,

static smbkit_status copy(struct cache *c, struct smbkit_op *op, struct file *f,
                          struct smbkit_copy *a, uint32_t id)
{
    struct smbkit_copy below = *a;
    below.source = ((struct file *)a->source)->below;
    cache_change(c, f, DATA, true);
    smbkit_status st = smbkit_api->next(c->next, id, op, f->below, &below);
    cache_change(c, f, DATA, false);
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

/* As that of the layer below: who has remove is asked here. */
static smbkit_status cache_check_remove(void *volume, struct smbkit_op *op, void *file,
                                        const struct smbkit_remove *a)
{
    struct cache *c = volume;
    return smbkit_next_check_remove(c->next, op, ((struct file *)file)->below, a);
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

static const char *const disk_states[] = {[CACHE_DISK_NONE] = "none",
                                          [CACHE_DISK_GOOD] = "good",
                                          [CACHE_DISK_FULL] = "full",
                                          [CACHE_DISK_MISSING] = "missing",
                                          [CACHE_DISK_UNWRITABLE] = "unwritable",
                                          [CACHE_DISK_UNREADABLE] = "unreadable",
                                          [CACHE_DISK_DAMAGED] = "damaged"};

static smbkit_status say_status(struct cache *c, struct smbkit_control *a, bool is_json)
{
    typedef unsigned long long ull;
    struct cache_counts n;
    struct cache_names_counts names;
    cache_store_count(&c->store, &n);
    cache_names_count(&c->names, &names);
    return answer(a,
                  is_json ? "{\"hits\":%llu,\"misses\":%llu,\"bytes\":%llu,\"size\":%llu,"
                            "\"blocks\":%llu,\"disk\":\"%s\",\"disk_hits\":%llu,"
                            "\"disk_bytes\":%llu,\"disk_size\":%llu,\"attr_hits\":%llu,"
                            "\"attr_misses\":%llu,\"attr_bytes\":%llu,\"list_bytes\":%llu}"
                          : "hits=%llu misses=%llu bytes=%llu size=%llu blocks=%llu disk=%s "
                            "disk_hits=%llu disk_bytes=%llu disk_size=%llu attr_hits=%llu "
                            "attr_misses=%llu attr_bytes=%llu list_bytes=%llu",
                  (ull)n.hits, (ull)n.misses, (ull)n.bytes, (ull)c->store.max, (ull)n.blocks,
                  disk_states[n.disk], (ull)n.disk_hits, (ull)n.disk_bytes, (ull)n.disk_size,
                  (ull)names.hits, (ull)names.misses, (ull)names.bytes, (ull)names.list_bytes);
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
        cache_names_drop(&c->names);
        return answer(a, "nothing is kept now");
    }
    if (strcmp(a->command, "help") == 0) {
        return answer(a, "status  what was answered from memory and disk, and what is there\n"
                         "drop    keep nothing of what was read so far");
    }
    return smbkit_next_control(c->next, op, a);
}

/* ---- the volume ---- */

struct words {
    uint64_t size, ttl_ms, ahead, disk_size, attr_ttl_ms, attr_size;
    const char *disk;
};

#define SIZE_PARAM(key_, member, max_)                                                             \
    {                                                                                              \
        .key = key_, .kind = SMBKIT_PARAM_SIZE, .offset = offsetof(struct words, member),          \
        .min = SIZE_MIN, .max = max_                                                               \
    }
#define TIME_PARAM(key_, member)                                                                   \
    {                                                                                              \
        .key = key_, .kind = SMBKIT_PARAM_MS, .offset = offsetof(struct words, member),            \
        .max = TTL_MAX_MS                                                                          \
    }
static const struct smbkit_param params[] = {
    SIZE_PARAM("size", size, SIZE_MAX_),
    TIME_PARAM("ttl", ttl_ms),
    {.key = "ahead",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct words, ahead),
     .max = AHEAD_MAX},
    {.key = "disk", .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, disk), .min = 1},
    SIZE_PARAM("disk_size", disk_size, SIZE_MAX_),
    TIME_PARAM("attr_ttl", attr_ttl_ms),
    SIZE_PARAM("attr_size", attr_size, SIZE_MAX_),
    {.key = NULL}};

static void cache_volume_close(void *volume)
{
    struct cache *c = volume;
    cache_store_fini(&c->store);
    cache_names_fini(&c->names);
    free(c);
}

/* Without it the share is as good, and slower. */
static void disk_begin(struct cache *c, const struct smbkit_volume_args *args,
                       const struct words *w)
{
    char text[300];
    int err = cache_store_disk(&c->store, w->disk, w->disk_size);
    if (err != 0) {
        smbkit_log(1, "cache: goes on without disk share=%s disk=%s status=%s", args->share_name,
                   smbkit_quote(w->disk, text, sizeof(text)),
                   smbkit_status_name(smbkit_status_from_errno(-err)));
    }
}

static void features_settle(struct smbkit_volume_args *args, const struct words *w)
{
    if (w->disk && (args->features & SMBKIT_FEATURE_NEVER_BLOCKS)) {
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    if (w->attr_ttl_ms > 0) {
        args->features &= ~SMBKIT_FEATURE_REPORTS; /* what is told of may be answered as it was */
    }
}

static smbkit_status cache_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.size = SIZE_DEFAULT,
                      .ttl_ms = TTL_DEFAULT_MS,
                      .disk_size = DISK_SIZE_DEFAULT,
                      .attr_size = ATTR_SIZE_DEFAULT};
    smbkit_status st = smbkit_args_take(args, params, &w);
    struct cache *c = SMBKIT_OK(st) ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    c->next = args->next;
    c->ttl_ms = w.ttl_ms;
    c->ahead = w.ahead;
    bool keeps_closed = args->features & SMBKIT_FEATURE_STABLE_IDS;
    bool ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    bool good = cache_store_init(&c->store, w.size, w.disk ? w.disk_size : 0, keeps_closed);
    good = cache_names_init(&c->names, w.attr_size, w.attr_ttl_ms, ignores_case) && good;
    if (!good) {
        cache_volume_close(c);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (w.disk) {
        disk_begin(c, args, &w);
    }
    features_settle(args, &w);
    *volume_r = c;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin cache_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "cache",
    .description = "keeps what was read in memory and on disk",
    .version = "2",
    .config_help =
        "size=SIZE       memory for blocks; default: 64M\n"
        "ttl=TIME        how long a file is not looked at again; default: 1s\n"
        "ahead=SIZE      read that much more of who reads on; default: 0\n"
        "disk=FOLDER     blocks go on to a file there\n"
        "disk_size=SIZE  how long that file gets; default: 1G\n"
        "attr_ttl=TIME   how long attributes and listings are good; default: 0, none are kept\n"
        "attr_size=SIZE  memory for those; default: 8M\n",
    .volume_open = cache_volume_open,
    .volume_close = cache_volume_close,
    .create = cache_create,
    .close = cache_file_close,
    .file_below = cache_file_below,
    .lookup = cache_lookup,
    .enumerate = cache_enumerate,
    .getattr = cache_getattr,
    .rename = cache_rename,
    .read = cache_read,
    .copy_range = cache_copy_range,
    .clone_range = cache_clone_range,
    .file_fd = cache_file_fd,
    .check_remove = cache_check_remove,
    .control = cache_control,
    CHANGES(CHANGE_MEMBER)};

SMBKIT_REGISTER(cache_filter)
