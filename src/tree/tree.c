/* SPDX-License-Identifier: Apache-2.0 */
/* A tree: its beginning and end, and the table that plugins are handed. */
#include "tree/tree.h"

#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

/* ---- after the lock ---- */

static void later_do(struct tree_later *later)
{
    while (later->contents) {
        struct tree_content *c = later->contents;
        later->contents = c->next_free;
        content_unref(c);
    }
    while (later->args) {
        struct tree_arg *a = later->args;
        later->args = a->next;
        a->release(a->arg);
        mem_free(a);
    }
    while (later->entries) {
        struct tree_entry *e = later->entries;
        later->entries = e->parent;
        entry_free(e);
    }
}

void tree_leave(struct smbkit_tree *t, struct tree_later *later)
{
    bool tells = !list_is_empty(&t->events) || t->has_lost;
    mutex_unlock(&t->lock);
    later_do(later);
    if (tells) {
        tree_tell_now(t);
    }
}

/* ---- the beginning ---- */

static void spec_take(struct smbkit_tree *t, const struct smbkit_tree_spec *spec)
{
    mem_copy(&t->spec, spec, MIN((size_t)spec->struct_size, sizeof(t->spec)));
    t->spec.struct_size = sizeof(t->spec);
    t->spec.memory_max = t->spec.memory_max ? t->spec.memory_max : TREE_MEMORY_MAX;
    t->spec.write_max = t->spec.write_max ? t->spec.write_max : TREE_WRITE_MAX;
    t->spec.load_max = t->spec.load_max ? t->spec.load_max : TREE_LOAD_MAX;
    t->spec.entry_max = t->spec.entry_max ? t->spec.entry_max : TREE_ENTRY_MAX;
}

static struct tree_entry *root_new(struct smbkit_tree *t)
{
    struct tree_made made = {.in = smbkit_tree_entry_new(NULL), .is_folder = true};
    char none[1] = "";
    made.name = none;
    made.in.folder = t->spec.root;
    made.in.arg = t->spec.arg;
    struct tree_entry *e = entry_new(t, &made);
    if (e && !hash_table_add(&t->by_id, &e->by_id, hash_u64(t->seed, e->id))) {
        entry_free(e);
        return NULL;
    }
    return e;
}

static void tree_free(struct smbkit_tree *t)
{
    account_unref(t->account);
    hash_table_fini(&t->by_id);
    hash_table_fini(&t->by_name);
    cond_fini(&t->changed);
    mutex_fini(&t->lock);
    mem_free(t);
}

static struct smbkit_tree *tree_new(const struct smbkit_tree_spec *spec)
{
    struct smbkit_tree *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return NULL;
    }
    mutex_init(&t->lock);
    cond_init(&t->changed);
    hash_table_init(&t->by_id);
    hash_table_init(&t->by_name);
    list_init(&t->idle);
    list_init(&t->events);
    spec_take(t, spec);
    t->account = account_new();
    os_random(&t->seed, sizeof(t->seed));
    t->opened_time = os_time_now();
    t->root = t->account ? root_new(t) : NULL;
    if (!t->root) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static smbkit_status tree_open(struct smbkit_volume_args *args, const struct smbkit_tree_spec *spec,
                               void **volume_r)
{
    struct smbkit_tree *t = tree_new(spec);
    *volume_r = t;
    if (!t) {
        str_copy(args->error, args->error_size, "no memory");
        if (TREE_HAS(spec, release)) {
            spec->release(spec->arg);
        }
        return SMBKIT_STATUS_NO_MEMORY;
    }
    t->host = args->host;
    args->features =
        SMBKIT_FEATURE_IGNORES_CASE | SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_REPORTS;
    if (t->spec.flags & SMBKIT_TREE_READ_ONLY) {
        args->features |= SMBKIT_FEATURE_READ_ONLY;
    }
    if (t->spec.flags & SMBKIT_TREE_HOST_FILES) {
        args->features |= SMBKIT_FEATURE_DESCRIPTORS;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the end ---- */

static void events_drop(struct smbkit_tree *t)
{
    mutex_lock(&t->lock);
    while (t->is_telling || t->works_count > 0) {
        cond_wait(&t->changed, &t->lock);
    }
    mutex_unlock(&t->lock);
    tree_tell_now(t);
    mutex_lock(&t->lock);
    while (t->is_telling) {
        cond_wait(&t->changed, &t->lock);
    }
    mutex_unlock(&t->lock);
}

static void tree_volume_close(void *volume)
{
    struct smbkit_tree *t = volume;
    struct tree_later later = {0};
    if (t->spec.stop) {
        t->spec.stop(t->spec.arg);
    }
    events_drop(t);
    tree_enter(t);
    struct tree_dir *d = t->root->in.dir;
    while (d->live > 0) {
        entry_detach(t, d->order[d->len - 1].entry, &later);
    }
    hash_table_remove(&t->by_id, &t->root->by_id);
    t->root->id = SMBKIT_TREE_NONE;
    entry_unref(t->root, &later);
    mutex_unlock(&t->lock);
    later_do(&later);
    if (t->spec.release) {
        t->spec.release(t->spec.arg);
    }
    tree_free(t);
}

/* ---- operations ---- */

static smbkit_status tree_op(void *volume, uint32_t id, struct smbkit_op *op, void *file,
                             void *args)
{
    struct smbkit_tree *t = volume;
    struct tree_req r = {.tree = t, .id = id, .op = op, .file = file, .args = args};
    bool is_nowait = op->flags & SMBKIT_OP_NOWAIT;
    /* relaxed: who tells looks whether he may be in such a call, which is his own then */
    if (is_nowait) {
        atomic_fetch_add_explicit(&t->nowait_calls, 1, memory_order_relaxed);
    }
    smbkit_status st = req_run(&r);
    req_fini(&r);
    if (is_nowait) {
        atomic_fetch_sub_explicit(&t->nowait_calls, 1, memory_order_relaxed);
    }
    return st;
}

static void *tree_data(struct smbkit_tree *t)
{
    return t->spec.arg;
}

static struct smbkit_host *tree_host(struct smbkit_tree *t)
{
    return t->host;
}

const struct smbkit_tree_table tree_table = {
    .struct_size = sizeof(tree_table),
    .open = tree_open,
    .volume_close = tree_volume_close,
    .op = tree_op,
    .close = tree_close_file,
    .add = tree_add,
    .update = tree_update,
    .remove = tree_remove,
    .clear = tree_clear,
    .rename = tree_rename,
    .drop = tree_drop,
    .changed = tree_changed,
    .find = tree_find,
    .at = tree_at,
    .path = tree_path_get,
    .get = tree_get,
    .list = tree_list,
    .done = tree_done,
    .data = tree_data,
    .host = tree_host,
    .is_wanted = tree_is_wanted,
};
