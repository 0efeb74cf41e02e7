/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of volumes and of the module: opened, opened twice, refused, closed, unloaded. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"
#include "os/process.h"

#define SETTLE_MS 2000u /* a thread that was joined may be seen for a moment */
#define SETTLE_STEP_MS 10u
#define UNKNOWN_KEY "smbkit-no-such-key"

static void pause_ms(struct kit *k, uint32_t ms)
{
    struct cond never;
    cond_init(&never);
    mutex_lock(&k->lock);
    (void)cond_wait_ms(&never, &k->lock, ms);
    mutex_unlock(&k->lock);
    cond_fini(&never);
}

/* Without those of the server. */
static size_t threads_now(const struct kit *k)
{
    const struct kit_target *t = k->target;
    return os_threads_running() - (k->volume ? t->services_threads(t->services_arg) : 0);
}

/* Are there no more threads and descriptors than that? */
static bool is_back(struct kit *k, size_t threads, size_t descriptors)
{
    for (uint32_t waited = 0; waited < SETTLE_MS; waited += SETTLE_STEP_MS) {
        if (threads_now(k) <= threads && os_descriptors_open() <= descriptors) {
            return true;
        }
        pause_ms(k, SETTLE_STEP_MS);
    }
    return false;
}

static bool open_again(struct kit_actor *a, const struct vfs_layer_spec *layers,
                       struct vfs_volume **v_r, char err[512])
{
    const struct kit_target *t = a->kit->target;
    struct vfs_volume_spec spec = {.now = os_time_now(),
                                   .share_name = "smbkit-test-plugin-2",
                                   .layers = layers,
                                   .layer_count = t->layer_count,
                                   .plugins = t->plugins,
                                   .services = t->services_new(t->services_arg)};
    *v_r = NULL;
    err[0] = '\0';
    return spec.services && SMBKIT_OK(vfs_volume_open(&spec, v_r, err, 512));
}

static bool list_root(struct kit_actor *a)
{
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, "", KIT_LIST_ALL, &l);
    kit_listing_fini(&l);
    return ok;
}

/* By the other volume. */
static bool list_root_of(struct kit_actor *a, struct vfs_volume *v)
{
    struct kit *k = a->kit;
    struct vfs_volume *own = k->volume;
    k->volume = v;
    bool ok = list_root(a);
    k->volume = own;
    return ok;
}

static void life_twice(struct kit_actor *a)
{
    char err[512];
    struct vfs_volume *v;
    struct kit_file root; /* open in the first one all the time */
    /* What the first one makes when it is first asked for is its own. */
    if (!list_root(a) || !kit_must_open(a, &root, "", SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    size_t threads = threads_now(a->kit);
    size_t descriptors = os_descriptors_open();
    if (!open_again(a, a->kit->target->layers, &v, err)) {
        kit_fault_of(a, "volume_open, a second time with the same arguments", "%s", err);
        kit_close(a, &root);
        return;
    }
    struct smbkit_attr attr;
    bool ok = list_root_of(a, v) && list_root(a);
    vfs_volume_unref(v);
    ok = ok && kit_ok(a, kit_getattr(a, &root, &attr)) && list_root(a);
    kit_close(a, &root);
    if (ok && !is_back(a->kit, threads, descriptors)) {
        kit_fault_of(a, "volume_open and volume_close of a second volume",
                     "%zu threads and %zu descriptors, after %zu and %zu before",
                     threads_now(a->kit), os_descriptors_open(), threads, descriptors);
    }
}

/* Nothing but what the server itself says of a plugin that says nothing. */
static bool is_silent(const char *err, const char *name)
{
    size_t n = str_len(name);
    return err[0] == '\0' ||
           (str_has_prefix(err, name) && str_has_prefix(err + n, ": the volume cannot be opened"));
}

static bool refuses_unknown(struct kit_actor *a, uint32_t at)
{
    const struct kit_target *t = a->kit->target;
    struct vfs_layer_spec layers[VFS_LAYERS_MAX];
    const struct vfs_layer_spec *l = &t->layers[at];
    const char *name = l->plugin->name;
    char err[512];
    struct vfs_volume *v;
    mem_copy(layers, t->layers, t->layer_count * sizeof(*layers));
    CLEANUP_MEM struct smbkit_arg *args = mem_calloc(l->arg_count + 1, sizeof(*args));
    if (!args) {
        return kit_out(a, "out of memory");
    }
    mem_copy(args, l->args, l->arg_count * sizeof(*args));
    args[l->arg_count] = (struct smbkit_arg){.key = UNKNOWN_KEY, .value = "1"};
    layers[at].args = args;
    layers[at].arg_count = l->arg_count + 1;
    char called[256];
    str_format(called, sizeof(called), "volume_open of %s with " UNKNOWN_KEY "=1", name);
    if (open_again(a, layers, &v, err)) {
        vfs_volume_unref(v);
        return kit_fault_of(a, called, "SUCCESS; there is no such argument");
    }
    return !is_silent(err, name) ||
           kit_fault_of(a, called,
                        "an error without a line in args->error that says what to change");
}

static void life_arguments(struct kit_actor *a)
{
    bool ok = true;
    for (uint32_t i = 0; i < a->kit->target->layer_count && ok; i++) {
        ok = refuses_unknown(a, i);
    }
}

#define OPENS 64u
static bool open_and_close(struct kit_actor *a, const char *path)
{
    for (uint32_t i = 0; i < OPENS; i++) {
        struct kit_file f;
        if (!kit_must_open(a, &f, path, SMBKIT_KIND_ANY)) {
            return false;
        }
        kit_close(a, &f);
    }
    return true;
}

/* Some may be kept for the next open, but not one for each. */
static void life_opens(struct kit_actor *a)
{
    struct kit_path p = kit_at(a, "");
    const char *path = a->kit->is_read_only ? "" : p.s;
    if (!open_and_close(a, path)) {
        return;
    }
    size_t before = os_descriptors_open();
    if (open_and_close(a, path) && os_descriptors_open() >= before + OPENS / 2) {
        kit_fault(a, "%zu descriptors after %u more opens that were closed, %zu before",
                  os_descriptors_open(), OPENS, before);
    }
}

static void life_kept_writes(struct kit_actor *a)
{
    struct kit *k = a->kit;
    struct kit_file f;
    struct kit_path p = kit_at(a, "kept");
    /* relaxed: nothing runs beside */
    uint_fast32_t before = atomic_load_explicit(&k->lent, memory_order_relaxed);
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (uint64_t i = 0; i < 16 && !kit_failed(a); i++) {
        (void)kit_must_write(a, &f, i * 5, "bytes");
    }
    (void)kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    for (uint32_t waited = 0; waited < SETTLE_MS; waited += SETTLE_STEP_MS) {
        if (atomic_load_explicit(&k->lent, memory_order_relaxed) <= before) {
            return;
        }
        pause_ms(k, SETTLE_STEP_MS);
    }
    kit_fault(a, "the bytes of %u writes, kept by smbkit_io_keep(), were never released",
              (unsigned)atomic_load_explicit(&k->lent, memory_order_relaxed));
}

static void life_info(struct kit_actor *a)
{
    struct kit_file root;
    struct smbkit_volume_info info = {.struct_size = sizeof(info)};
    if (!kit_must_open(a, &root, "", SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    struct vfs_call call = {.token = a->kit->token};
    kit_calling(a, "volume_info()");
    smbkit_status st = vfs_volume_info(&call, a->kit->volume, &info);
    kit_called(a);
    kit_close(a, &root);
    if (!kit_ok(a, st)) {
        return;
    }
    if (info.free_bytes > info.total_bytes || info.available_bytes > info.total_bytes) {
        kit_fault(a, "%llu bytes free and %llu available, of %llu",
                  (unsigned long long)info.free_bytes, (unsigned long long)info.available_bytes,
                  (unsigned long long)info.total_bytes);
    } else if (info.sector_size_bytes != 512 && info.sector_size_bytes != 4096) {
        kit_fault(a, "a sector of %u bytes; 512 or 4096", info.sector_size_bytes);
    } else if (info.cluster_size_bytes % info.sector_size_bytes != 0) {
        kit_fault(a, "a cluster of %u bytes, no multiple of a sector of %u",
                  info.cluster_size_bytes, info.sector_size_bytes);
    }
}

static void life_unload(struct kit_actor *a)
{
    struct kit *k = a->kit;
    if (!is_back(k, k->threads_before, k->descriptors_before)) {
        kit_fault_of(a, "volume_close, then unload",
                     "%zu threads and %zu descriptors are there, %zu and %zu were before it was "
                     "loaded",
                     threads_now(k), os_descriptors_open(), k->threads_before,
                     k->descriptors_before);
    }
}

const struct kit_rule kit_rule_unload = {
    .name = "life.unload",
    .section = "load, unload",
    .says = "no thread and no descriptor is left when the module is gone",
    .fn = life_unload};

const struct kit_rule kit_rules_life[] = {
    {.name = "life.info",
     .section = "volume_info",
     .says = "the volume's sizes make sense",
     .fn = life_info},
    {.name = "life.twice",
     .section = "volume_open",
     .says = "a second volume is opened beside the first, and leaves nothing when it is closed",
     .fn = life_twice},
    {.name = "life.arguments",
     .section = "volume_open",
     .says = "an argument that is not known is refused, with a line for the user",
     .fn = life_arguments},
    {.name = "life.opens",
     .section = "close",
     .says = "close gives back what create took",
     .needs = KIT_IN_FOLDER,
     .fn = life_opens},
    {.name = "life.kept-writes",
     .section = "Data",
     .says = "bytes of a write that were kept are released",
     .needs = KIT_WRITES,
     .fn = life_kept_writes},
    {.name = NULL}};
