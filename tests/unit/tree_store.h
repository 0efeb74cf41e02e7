/* SPDX-License-Identifier: Apache-2.0 */
/* A store with every callback of a tree, answered at once or later, from another thread. Included
 * once by each test program. */
#pragma once

#include "tree_fixture.h"

#include <time.h>

/* ---- a store, which the callbacks stand before ---- */

static struct {
    bool pends;         /* callbacks answer PENDING, another thread goes on */
    atomic_int threads; /* under way */
    atomic_int fills, loads, lookups, commits, opens, closes, stats;
    smbkit_status fails; /* what the next ones answer; 0: they do what they are for */
    char content[64];    /* of the loaded file */
    char names[64];      /* of the filled folder, a letter each */
    char missed[64];
    char last[128]; /* what was asked last */
    bool is_shut;   /* pending ones wait for it to be false */
    pthread_mutex_t lock;
    pthread_cond_t cond;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

struct later {
    struct smbkit_tree_call *call;
    smbkit_status (*fn)(struct smbkit_tree_call *c, void *a, const void *b);
    void *a;
    const void *b;
};

static void *later_run(void *arg)
{
    struct later *l = arg;
    pthread_mutex_lock(&store.lock);
    while (store.is_shut) {
        pthread_cond_wait(&store.cond, &store.lock);
    }
    pthread_mutex_unlock(&store.lock);
    smbkit_tree_done(l->call, l->fn(l->call, l->a, l->b));
    free(l);
    atomic_fetch_sub(&store.threads, 1);
    return NULL;
}

/* What fn answers, now or by and by. */
static smbkit_status answer(struct smbkit_tree_call *c,
                            smbkit_status (*fn)(struct smbkit_tree_call *c, void *a, const void *b),
                            void *a, const void *b)
{
    if (!store.pends) {
        return fn(c, a, b);
    }
    struct later *l = malloc(sizeof(*l));
    pthread_t thread;
    *l = (struct later){c, fn, a, b};
    atomic_fetch_add(&store.threads, 1);
    if (pthread_create(&thread, NULL, later_run, l) != 0) {
        abort();
    }
    pthread_detach(thread);
    return SMBKIT_STATUS_PENDING;
}

static UNUSED void shut(bool is_shut)
{
    pthread_mutex_lock(&store.lock);
    store.is_shut = is_shut;
    pthread_cond_broadcast(&store.cond);
    pthread_mutex_unlock(&store.lock);
}

static UNUSED void rest(void)
{
    const struct timespec ms = {0, 1000000};
    while (atomic_load(&store.threads) > 0) {
        nanosleep(&ms, NULL);
    }
}

static void note(const char *fmt, ...) TEST_PRINTF_LIKE(1, 2);
static void note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    pthread_mutex_lock(&store.lock);
    vsnprintf(store.last, sizeof(store.last), fmt, args);
    pthread_mutex_unlock(&store.lock);
    va_end(args);
}

/* ---- a folder ---- */

static smbkit_status fill_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    (void)a;
    (void)b;
    atomic_fetch_add(&store.fills, 1);
    for (const char *s = store.names; *s; s++) {
        const char name[2] = {*s, 0};
        smbkit_status st = smbkit_tree_add_text(c->tree, c->id, name, name);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    return store.fails;
}
static smbkit_status fill(struct smbkit_tree_call *c)
{
    return answer(c, fill_do, NULL, NULL);
}

static smbkit_status lookup_do(struct smbkit_tree_call *c, void *a, const void *name)
{
    (void)a;
    atomic_fetch_add(&store.lookups, 1);
    if (strncmp(name, "made", 4) != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return smbkit_tree_add_text(c->tree, c->id, name, name);
}
static smbkit_status lookup(struct smbkit_tree_call *c, const char *name)
{
    return answer(c, lookup_do, NULL, name);
}

static const struct smbkit_tree_file loaded;
static smbkit_status create_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    struct smbkit_tree_create *how = a;
    (void)c;
    (void)b;
    note("create %s %u by %s", how->name, how->kind, c->who->user);
    if (strcmp(how->name, "loaded") == 0) {
        how->entry->file = &loaded;
    }
    how->entry->release = count_release;
    return store.fails;
}
static smbkit_status create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    return answer(c, create_do, how, NULL);
}

static smbkit_status rename_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    const struct smbkit_tree_move *how = b;
    (void)a;
    note("rename %s to %s%s%s", how->from_name, how->to_name, how->from == c->id ? "" : " moved",
         how->replaced ? " over" : "");
    return store.fails;
}
static smbkit_status rename_(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    return answer(c, rename_do, NULL, how);
}

static smbkit_status remove_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    char path[64];
    (void)a;
    bool is_there =
        SMBKIT_OK(smbkit_tree_path(c->tree, (smbkit_tree_id)(uintptr_t)b, path, sizeof(path)));
    note("remove %s", is_there ? path : "what is gone");
    return store.fails;
}
static smbkit_status remove_(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    (void)arg;
    return answer(c, remove_do, NULL, (const void *)(uintptr_t)id);
}

static smbkit_status setattr_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    const struct smbkit_attr *attr = b;
    (void)a;
    (void)c;
    note("setattr %x %llu", attr->valid, (unsigned long long)attr->write_time);
    return store.fails;
}
static smbkit_status setattr(struct smbkit_tree_call *c, smbkit_tree_id id,
                             const struct smbkit_attr *attr)
{
    (void)id;
    return answer(c, setattr_do, NULL, attr);
}

static UNUSED const struct smbkit_tree_folder filled = {.struct_size = sizeof(filled),
                                                        .fill = fill};
static UNUSED const struct smbkit_tree_folder fresh = {
    .struct_size = sizeof(fresh), .flags = SMBKIT_TREE_FRESH, .fill = fill};
static UNUSED const struct smbkit_tree_folder maker = {.struct_size = sizeof(maker),
                                                       .lookup = lookup};
static UNUSED const struct smbkit_tree_folder open_to_all = {.struct_size = sizeof(open_to_all),
                                                             .create = create,
                                                             .rename = rename_,
                                                             .remove = remove_,
                                                             .setattr = setattr};

/* ---- files ---- */

static smbkit_status load_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    struct smbkit_tree_load *l = a;
    (void)c;
    (void)b;
    atomic_fetch_add(&store.loads, 1);
    l->data = store.content;
    l->size = strlen(store.content);
    return store.fails;
}
static smbkit_status load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    return answer(c, load_do, l, NULL);
}

static smbkit_status commit_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    const struct smbkit_tree_commit *what = b;
    (void)c;
    (void)a;
    atomic_fetch_add(&store.commits, 1);
    note("commit %.*s", (int)what->size, what->size ? (const char *)what->data : "");
    return store.fails;
}
static smbkit_status commit(struct smbkit_tree_call *c, void *handle,
                            const struct smbkit_tree_commit *what)
{
    (void)handle;
    return answer(c, commit_do, NULL, what);
}

static const struct smbkit_tree_file loaded = {
    .struct_size = sizeof(loaded), .load = load, .commit = commit};

static smbkit_status stat_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    struct smbkit_attr *attr = a;
    (void)c;
    (void)b;
    atomic_fetch_add(&store.stats, 1);
    attr->size = strlen(store.content);
    attr->write_time = 4711;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status stat_(struct smbkit_tree_call *c, struct smbkit_attr *attr)
{
    return answer(c, stat_do, attr, NULL);
}

static smbkit_status open_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    (void)c;
    (void)b;
    if (store.fails) {
        return store.fails;
    }
    atomic_fetch_add(&store.opens, 1);
    *(void **)a = &store;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status open_(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    CHECK(access & SMBKIT_READ_DATA);
    return answer(c, open_do, handle_r, NULL);
}

static smbkit_status read_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    struct smbkit_io *io = a;
    size_t len = strlen(store.content);
    (void)c;
    CHECK(b == &store);
    io->done = io->offset < len ? (uint32_t)MIN(len - io->offset, (uint64_t)io->length) : 0;
    memcpy(smbkit_io_buffer(io), store.content + io->offset, io->done);
    return store.fails;
}
static smbkit_status read_(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    return answer(c, read_do, io, handle);
}

static smbkit_status write_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    struct smbkit_io *io = a;
    (void)c;
    CHECK(b == &store);
    memcpy(store.content + io->offset, io->segs[0].base, io->segs[0].len);
    store.content[io->offset + io->length] = 0;
    io->done = io->length;
    return store.fails;
}
static smbkit_status write_(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    return answer(c, write_do, io, handle);
}

static smbkit_status set_size_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    (void)c;
    (void)a;
    store.content[(uintptr_t)b] = 0;
    return store.fails;
}
static smbkit_status set_size(struct smbkit_tree_call *c, void *handle, uint64_t size)
{
    CHECK(handle == &store);
    return answer(c, set_size_do, NULL, (const void *)(uintptr_t)size);
}

static smbkit_status flush_do(struct smbkit_tree_call *c, void *a, const void *b)
{
    (void)c;
    (void)a;
    (void)b;
    note("flush");
    return store.fails;
}
static smbkit_status flush(struct smbkit_tree_call *c, void *handle)
{
    (void)handle;
    return answer(c, flush_do, NULL, NULL);
}

static void close_(void *arg, void *handle)
{
    (void)arg;
    CHECK(handle == &store);
    atomic_fetch_add(&store.closes, 1);
}

static UNUSED const struct smbkit_tree_file called = {.struct_size = sizeof(called),
                                                      .stat = stat_,
                                                      .open = open_,
                                                      .read = read_,
                                                      .write = write_,
                                                      .set_size = set_size,
                                                      .flush = flush,
                                                      .commit = commit,
                                                      .close = close_};

static void missed(void *arg, smbkit_tree_id folder, const char *name)
{
    (void)arg;
    (void)folder;
    pthread_mutex_lock(&store.lock);
    snprintf(store.missed, sizeof(store.missed), "%s", name);
    pthread_mutex_unlock(&store.lock);
}

static void stop(void *arg)
{
    (void)arg;
    rest();
}

static UNUSED bool begin(struct fixture *f)
{
    bool pends = store.pends;
    rest();
    memset(&store.fills, 0, offsetof(typeof(store), is_shut) - offsetof(typeof(store), fills));
    store.pends = pends;
    tree_spec = (struct smbkit_tree_spec){.missed = missed, .stop = stop};
    return tree_fixture_open(f);
}
