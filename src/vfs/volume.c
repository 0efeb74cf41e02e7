/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/beside.h"
#include "vfs/caching.h"
#include "vfs/journal.h"
#include "vfs/names_short.h"
#include "vfs/overlap.h"
#include "vfs/rules.h"

#define CLUSTER_DEFAULT_BYTES 4096u
#define COMPONENT_DEFAULT 255u

/* Calls that no client asked for. */
static smbkit_status volume_token(struct vfs_token **out)
{
    static const uint32_t machine[3] = {0, 0, 0};
    const struct vfs_token_spec spec = {
        .user = "", .domain = "", .client_address = "", .rid = 500, .machine_sid = machine};
    *out = vfs_token_new(&spec);
    return *out ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static void info_fill(const struct vfs_volume *v, struct smbkit_volume_info *info)
{
    *info = (struct smbkit_volume_info){
        .struct_size = sizeof(*info),
        .serial = (uint32_t)hash_u64(v->id_seed, 1),
        .total_bytes = 1ull << 40,
        .free_bytes = 1ull << 39,
        .available_bytes = 1ull << 39,
        .sector_size_bytes = 512,
        .cluster_size_bytes = CLUSTER_DEFAULT_BYTES,
        .component_max = COMPONENT_DEFAULT,
    };
    str_copy(info->fs_name, sizeof(info->fs_name), "NTFS");
    for (unsigned i = 0; i < 16; i++) {
        info->object_id[i] = (uint8_t)(hash_u64(v->id_seed, 2 + i / 8) >> (i % 8 * 8));
    }
}

/* A plugin's nonsense does no harm. */
static void info_settle(struct smbkit_volume_info *info)
{
    if (info->sector_size_bytes == 0) {
        info->sector_size_bytes = 512;
    }
    if (info->cluster_size_bytes < info->sector_size_bytes) {
        info->cluster_size_bytes = info->sector_size_bytes;
    }
    if (info->component_max == 0 || info->component_max > COMPONENT_DEFAULT) {
        info->component_max = COMPONENT_DEFAULT;
    }
}

static smbkit_status info_get(const struct vfs_call *call, const struct door_file *f,
                              struct smbkit_volume_info *info)
{
    info_fill(f->volume, info);
    smbkit_status st = door_volume_info(call, f, info);
    info_settle(info);
    return st;
}

smbkit_status vfs_volume_info(struct vfs_call *call, struct vfs_volume *v,
                              struct smbkit_volume_info *info)
{
    const struct door_file root = {.volume = v};
    struct vfs_call own = *call;
    own.token = call->token ? call->token : v->token;
    return info_get(&own, &root, info);
}

smbkit_status vfs_open_volume_info(struct vfs_call *call, struct vfs_open *o,
                                   struct smbkit_volume_info *info)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? info_get(call, &o->f, info) : st;
}

static void volume_flags_gather(struct vfs_volume *v)
{
    v->features = v->layers[0].features;
    v->never_blocks = true;
    v->tries_nowait = true;
    bool awaits = false;
    for (uint32_t i = 0; i < v->layer_count; i++) {
        const struct layer *l = &v->layers[i];
        v->never_blocks &= (l->features & SMBKIT_FEATURE_NEVER_BLOCKS) != 0;
        v->tries_nowait &=
            (l->features & (SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT)) != 0;
        v->hears_refusals |= l->plugin->refused != NULL;
        v->hears_locks |= l->plugin->lock != NULL;
        v->hears_acks |= l->plugin->cache_ack != NULL;
        v->serializes_files |= l->plugin->thread_model == SMBKIT_SERIALIZE_FILE;
        awaits |=
            (l->plugin->flags & SMBKIT_IS_FILTER) && !(l->plugin->flags & SMBKIT_SEES_PENDING);
    }
    for (uint32_t i = 0; i < v->layer_count; i++) {
        struct layer *l = &v->layers[i];
        l->awaits = awaits;
        l->is_quick =
            l->plugin->thread_model != SMBKIT_SERIALIZE_ALL && !l->clears_room &&
            (l->features & (SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT)) != 0;
    }
    v->serializes_files |= besides_settle(v, awaits);
    v->awaits = awaits;
    /* Filters that write pass it on: what there is to write to is the plugin's word. */
    const struct smbkit_plugin *source = v->layers[v->layer_count - 1].plugin;
    v->knows_rights = source->access_check != NULL;
    v->never_writes |= source->write == NULL;
    v->never_writes |= (v->features & SMBKIT_FEATURE_READ_ONLY) != 0;
}

/* What the plugins say of themselves, once they are open. */
static smbkit_status volume_features_read(struct vfs_volume *v)
{
    struct vfs_call call = {0};
    struct smbkit_volume_info info;
    smbkit_status st = volume_token(&v->token);
    if (SMBKIT_OK(st)) {
        st = vfs_volume_info(&call, v, &info);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    v->component_max = info.component_max;
    v->cluster_size_bytes = info.cluster_size_bytes;
    v->tree.ignores_case = v->features & SMBKIT_FEATURE_IGNORES_CASE;
    if (!v->tree.ignores_case) {
        v->names = nameindex_new(NAMEINDEX_NAMES_MAX, v->hash_seed);
        return v->names ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* What a plugin says when it fails begins with its name, and is never nothing. */
void volume_error_settle(const char *name, smbkit_status status,
                         const struct smbkit_volume_args *args)
{
    char *err = args->error;
    size_t len = str_len(name);
    err[args->error_size - 1] = '\0';
    if (!err[0]) {
        str_format(err, args->error_size, "%s: the volume cannot be opened: %s", name,
                   smbkit_status_name(status));
    } else if (!str_has_prefix(err, name) || err[len] != ':') {
        CLEANUP_MEM char *said = str_dup(err);
        bool is_missing = str_has_suffix(err, " is missing");
        str_format(err, args->error_size, "%s: %s%s%s%s", name, said ? said : "out of memory",
                   is_missing ? "; \"smbkit plugins " : "", is_missing ? name : "",
                   is_missing ? "\" explains it" : "");
    }
}

static smbkit_status layer_open(struct layer *l, const struct vfs_layer_spec *spec,
                                const struct smbkit_volume_args *base)
{
    struct smbkit_volume_args args = *base;
    args.args = spec->args;
    args.arg_count = spec->arg_count;
    args.next = l->below ? &l->next : NULL;
    args.features = l->below ? l->below->features : 0;
    smbkit_status st = l->plugin->volume_open(&args, &l->volume);
    l->is_open = SMBKIT_OK(st);
    l->features = args.features;
    if (!l->is_open) {
        volume_error_settle(l->plugin->name, st, &args);
    }
    return st;
}

static struct vfs_volume *volume_new(const struct vfs_volume_spec *spec)
{
    struct vfs_volume *v = mem_zalloc(sizeof(*v));
    struct layer *layers = mem_calloc(spec->layer_count, sizeof(*layers));
    struct vfs_nodes *nodes = spec->nodes ? vfs_nodes_ref(spec->nodes) : vfs_nodes_new(0, NULL);
    if (!v || !layers || !nodes) {
        mem_free(v);
        mem_free(layers);
        vfs_nodes_unref(nodes);
        return NULL;
    }
    v->nodes = nodes;
    list_init(&v->volumes_link);
    /* relaxed: only that the numbers differ matters */
    v->domain = hash_u64(nodes->seed, 1 + atomic_fetch_add_explicit(&nodes->volume_numbers, 1,
                                                                    memory_order_relaxed)) |
                1;
    v->layers = layers;
    refcount_init(&v->refs);
    v->layer_count = spec->layer_count;
    v->cluster_size_bytes = CLUSTER_DEFAULT_BYTES;
    v->component_max = COMPONENT_DEFAULT;
    v->hash_seed = spec->hash_seed;
    v->id_seed = hash_bytes(0, spec->share_name, str_len(spec->share_name));
    v->host.volume = v;
    v->services = spec->services;
    v->opened_at = spec->now;
    v->admin = spec->admin;
    v->plugins = spec->plugins;
    v->share_name = spec->share_name;
    list_init(&v->besides);
    mutex_init(&v->names_lock);
    mutex_init(&v->tree_lock);
    wait_domain_init(&v->waits);
    mutex_init(&v->notify_lock);
    notify_registry_init(&v->notify, v->hash_seed);
    caching_init(&v->grants);
    nametree_init(&v->tree, v->hash_seed, false);
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        layers[i].plugin = spec->layers[i].plugin;
        layers[i].clears_room = !spec->layers[i].is_linked_in;
        layers[i].below = i + 1 < spec->layer_count ? &layers[i + 1] : NULL;
        layers[i].next = (struct smbkit_next){.owner = &layers[i], .layer = layers[i].below};
        layers[i].calls = v->calls;
        layers[i].is_below = i > 0;
        mutex_init(&layers[i].serial);
    }
    return v;
}

static void volume_free(struct vfs_volume *v)
{
    if (v->services) {
        v->services->stop(v->services);
    }
    overlap_leave(v);
    mem_free(v->location);
    rules_fini(&v->rules);
    for (uint32_t i = 0; i < v->layer_count; i++) {
        struct layer *l = &v->layers[i];
        if (l->is_open && l->plugin->volume_close) {
            l->plugin->volume_close(l->volume);
        }
        mutex_fini(&l->serial);
    }
    besides_close(v);
    if (v->services) {
        v->services->release(v->services);
    }
    nametree_fini(&v->tree);
    if (v->names) {
        nameindex_free(v->names);
    }
    names_tunnel_free(v);
    if (v->token) {
        vfs_token_unref(v->token);
    }
    op_pool_fini(&v->ops);
    notify_registry_fini(&v->notify);
    caching_fini(&v->grants);
    mutex_fini(&v->notify_lock);
    mutex_fini(&v->names_lock);
    mutex_fini(&v->tree_lock);
    wait_domain_fini(&v->waits);
    vfs_nodes_unref(v->nodes);
    mem_free(v->layers);
    mem_free(v);
}

/* Filters first, one plugin last. */
static bool stack_is_good(const struct vfs_volume_spec *spec)
{
    if (spec->layer_count < 1 || spec->layer_count > VFS_LAYERS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        bool is_filter = spec->layers[i].plugin->flags & SMBKIT_IS_FILTER;
        if (is_filter != (i + 1 < spec->layer_count)) {
            return false;
        }
    }
    return true;
}

#define LOCATION_BYTES_MAX 4096u /* PATH_MAX of Linux */

static smbkit_status layers_open(struct vfs_volume *v, const struct vfs_volume_spec *spec,
                                 char *err, size_t err_size)
{
    CLEANUP_MEM char *location = mem_zalloc(LOCATION_BYTES_MAX);
    if (!location) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const struct smbkit_volume_args args = {.struct_size = sizeof(args),
                                            .host = &v->host,
                                            .share_name = spec->share_name,
                                            .error = err,
                                            .error_size = (uint32_t)err_size,
                                            .location = location,
                                            .location_size = LOCATION_BYTES_MAX};
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    /* The plugin first, so that a filter may use the layer below in its volume_open. */
    for (uint32_t i = v->layer_count; i-- > 0 && SMBKIT_OK(st);) {
        st = layer_open(&v->layers[i], &spec->layers[i], &args);
    }
    v->plugins = NULL;
    v->share_name = NULL;
    location[LOCATION_BYTES_MAX - 1] = '\0';
    v->location = location[0] ? str_dup(location) : NULL;
    bool no_memory = SMBKIT_OK(st) && location[0] && !v->location;
    return no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

/* No volume came of it that would release them. */
static void services_drop(const struct vfs_volume_spec *spec)
{
    if (spec->services) {
        spec->services->release(spec->services);
    }
}

smbkit_status vfs_volume_open(const struct vfs_volume_spec *spec, struct vfs_volume **out,
                              char *err, size_t err_size)
{
    *out = NULL;
    err[0] = 0;
    if (!stack_is_good(spec)) {
        str_format(err, err_size, "a share is filters (at most %d) and then one plugin",
                   VFS_LAYERS_MAX - 1);
        services_drop(spec);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct vfs_volume *v = volume_new(spec);
    if (!v) {
        services_drop(spec);
    } else if (!op_pool_init(&v->ops)) {
        volume_free(v);
        v = NULL;
    }
    if (!v) {
        str_format(err, err_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = layers_open(v, spec, err, err_size);
    volume_flags_gather(v);
    if (spec->no_streams) {
        v->features &= ~SMBKIT_FEATURE_STREAMS;
    }
    if (SMBKIT_OK(st)) {
        st = volume_features_read(v);
    }
    if (SMBKIT_OK(st)) {
        st = rules_init(&v->rules, spec->veto_files, spec->hide_files);
    }
    vfs_volume_read_only_set(v, spec->read_only);
    if (!SMBKIT_OK(st)) {
        if (!err[0]) {
            str_format(err, err_size, "the volume cannot be opened: %s", smbkit_status_name(st));
        }
        vfs_volume_unref(v); /* what a plugin has running on a worker ends first */
        return st;
    }
    overlap_join(v);
    *out = v;
    return SMBKIT_STATUS_SUCCESS;
}

static bool layer_is_current(struct layer *l, const struct vfs_call *call,
                             const struct vfs_layer_spec *spec)
{
    char error[256];
    struct smbkit_reconfigure a = {.struct_size = sizeof(a),
                                   .arg_count = spec->arg_count,
                                   .args = spec->args,
                                   .error = error,
                                   .error_size = sizeof(error)};
    if (!op_row_has(&op_rows[SMBKIT_OP_reconfigure], l->plugin)) {
        return true;
    }
    struct op op;
    op_init_sync(&op, call);
    smbkit_status st = layer_call(l, SMBKIT_OP_reconfigure, &op.pub, NULL, &a);
    op_fini_sync(&op);
    return SMBKIT_OK(st) || st == SMBKIT_STATUS_NOT_SUPPORTED;
}

bool vfs_volume_is_current(struct vfs_volume *v, const struct vfs_layer_spec *layers)
{
    const struct vfs_call call = {.token = v->token};
    bool is_current = true;
    for (uint32_t i = 0; i < v->layer_count && is_current; i++) {
        is_current = layer_is_current(&v->layers[i], &call, &layers[i]);
    }
    return is_current;
}

struct vfs_volume *vfs_volume_ref(struct vfs_volume *v)
{
    refcount_get(&v->refs);
    return v;
}

void vfs_volume_unref(struct vfs_volume *v)
{
    if (v && refcount_put(&v->refs)) {
        volume_free(v);
    }
}

bool vfs_volume_ref_try(struct vfs_volume *v)
{
    return refcount_get_try(&v->refs);
}

bool vfs_volume_never_blocks(const struct vfs_volume *v)
{
    return v->never_blocks;
}

bool vfs_volume_tries_nowait(const struct vfs_volume *v)
{
    return v->tries_nowait;
}

bool vfs_volume_is_read_only(const struct vfs_volume *v)
{
    return atomic_load_explicit(&v->read_only, memory_order_relaxed); /* see there */
}

void vfs_volume_read_only_set(struct vfs_volume *v, bool on)
{
    atomic_store_explicit(&v->read_only, on || v->never_writes, memory_order_relaxed);
}

void vfs_volume_habits_set(struct vfs_volume *v, uint32_t habits)
{
    atomic_store_explicit(&v->habits, habits, memory_order_relaxed); /* see there */
}

uint32_t vfs_volume_habits(const struct vfs_volume *v)
{
    return (uint32_t)atomic_load_explicit(&v->habits, memory_order_relaxed); /* see there */
}

void vfs_volume_short_names_set(struct vfs_volume *v, bool on)
{
    atomic_store_explicit(&v->short_names, on, memory_order_relaxed); /* see there */
}

uint32_t vfs_volume_features(const struct vfs_volume *v)
{
    return v->features | (vfs_volume_is_read_only(v) ? SMBKIT_FEATURE_READ_ONLY : 0);
}

bool vfs_volume_trims(const struct vfs_volume *v)
{
    bool trims = false;
    for (uint32_t i = 0; i < v->layer_count; i++) {
        trims = trims || v->layers[i].plugin->trim;
    }
    return trims;
}

void vfs_volume_stats(struct vfs_volume *v, struct vfs_volume_stats *out)
{
    /* relaxed: numbers for people, each by itself */
    *out = (struct vfs_volume_stats){
        .opens_now = atomic_load_explicit(&v->opens_now, memory_order_relaxed),
        .opens_total = atomic_load_explicit(&v->opens_total, memory_order_relaxed),
        .nodes_now = atomic_load_explicit(&v->nodes_now, memory_order_relaxed),
        .bytes_read = atomic_load_explicit(&v->bytes_read, memory_order_relaxed),
        .bytes_written = atomic_load_explicit(&v->bytes_written, memory_order_relaxed),
    };
    for (unsigned i = 0; i < SMBKIT_OP_COUNT; i++) {
        out->plugin_calls += atomic_load_explicit(&v->calls[i], memory_order_relaxed);
    }
}

smbkit_status volume_check_writable(const struct vfs_call *call, const struct vfs_volume *v)
{
    bool is_read_only = call->read_only || vfs_volume_is_read_only(v);
    return is_read_only && !journal_acts(call) ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED
                                               : SMBKIT_STATUS_SUCCESS;
}

smbkit_status open_check_writable(const struct vfs_call *call, const struct vfs_open *o)
{
    return o->snapshot_time ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED
                            : volume_check_writable(call, o->volume);
}

void volume_path_id(const struct vfs_volume *v, const char *path, uint64_t *id, uint64_t *id_high)
{
    size_t len = str_len(path);
    if (v->names) {
        /* Two names that differ in letters' case only may be two files there. */
        *id = hash_bytes(v->id_seed, path, len);
        *id_high = hash_bytes(~v->id_seed, path, len) | 1;
        return;
    }
    *id = utf8_ihash(v->id_seed, path, len);
    *id_high = utf8_ihash(~v->id_seed, path, len) | 1;
}
