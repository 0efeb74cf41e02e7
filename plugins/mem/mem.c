/* SPDX-License-Identifier: Apache-2.0 */
/* mem: a file system in memory. The volume, its arguments, and what the core sees of it. */
#include "mem_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_NODE_DEFAULT                                                                     \
    4096u /* as tmpfs: half of memory may be data, and as many pages' worth files */

#define NUMBER_MAX (1ull << 50) /* more than memory ever is, and far from where sums overflow */

struct words {
    uint64_t size;
    uint64_t files;
};
static const struct smbkit_param params[] = {{.key = "size",
                                              .kind = SMBKIT_PARAM_SIZE,
                                              .offset = offsetof(struct words, size),
                                              .min = MEMFS_CLUSTER,
                                              .max = NUMBER_MAX},
                                             {.key = "files",
                                              .kind = SMBKIT_PARAM_SIZE,
                                              .offset = offsetof(struct words, files),
                                              .min = 1,
                                              .max = NUMBER_MAX},
                                             {.key = NULL}};

static smbkit_status parse_args(struct memfs_volume *vol, const struct smbkit_volume_args *args)
{
    uint64_t half = memfs_memory_bytes("/proc/self/cgroup", "/sys/fs/cgroup") / 2;
    struct words words = {.size = half};
    smbkit_status status = smbkit_args_take(args, params, &words);
    vol->bytes_max = words.size & ~(uint64_t)(MEMFS_CLUSTER - 1);
    vol->nodes_max = words.files ? words.files : half / BYTES_PER_NODE_DEFAULT;
    if (SMBKIT_OK(status) && vol->bytes_max == 0) {
        snprintf(args->error, args->error_size,
                 "size= is missing: the system does not tell how "
                 "much memory there is");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return status;
}

static void init_tree_lock(struct memfs_volume *vol)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
#if defined(__GLIBC__)
    /* Many clients that list must not keep one that creates waiting for ever. Nothing here locks
     * twice. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(&vol->tree_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

static smbkit_status make_root(struct memfs_volume *vol)
{
    struct memfs_node *node;
    vol->nodes_max++; /* the root is free of charge */
    smbkit_status status = memfs_node_new(vol, SMBKIT_ATTR_DIRECTORY, &node);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    vol->root = memfs_entry_new(vol, &node, "", 0);
    if (!vol->root) {
        memfs_node_unref(vol, node);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vol->root->node->links = 1;
    vol->root->node->dir->self = vol->root;
    return SMBKIT_STATUS_SUCCESS;
}

/* A secret for the hash of names, which clients choose. 0 where the system has none to give: time
 * and address are hard to guess from afar. */
static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    FILE *f = fopen("/dev/urandom", "rb");
    if (f) {
        setvbuf(f, NULL, _IONBF, 0);
        if (fread(&seed, sizeof(seed), 1, f) != 1) {
            seed = 0;
        }
        fclose(f);
    }
    return seed;
}

static smbkit_status memfs_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct memfs_volume *vol = calloc(1, sizeof(*vol));
    if (!vol) {
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = parse_args(vol, args);
    if (!SMBKIT_OK(status)) {
        free(vol);
        return status;
    }
    vol->create_time = memfs_now();
    vol->seed = random_seed() ^ (vol->create_time ^ (uintptr_t)vol << 20) * 0x9e3779b97f4a7c15ull;
    init_tree_lock(vol);
    memfs_slabs_init(vol);
    memfs_owners_init(vol);
    status = make_root(vol);
    if (!SMBKIT_OK(status)) {
        snprintf(args->error, args->error_size, "no memory");
        pthread_rwlock_destroy(&vol->tree_lock);
        memfs_owners_fini(vol);
        memfs_slabs_fini(vol);
        free(vol);
        return status;
    }
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_IGNORES_CASE |
                     SMBKIT_FEATURE_SPARSE | SMBKIT_FEATURE_SECURITY | SMBKIT_FEATURE_HARD_LINKS |
                     SMBKIT_FEATURE_COMPRESSION | SMBKIT_FEATURE_CLONE | SMBKIT_FEATURE_OBJECT_IDS |
                     SMBKIT_FEATURE_REPARSE | SMBKIT_FEATURE_STREAMS | SMBKIT_FEATURE_EAS |
                     SMBKIT_FEATURE_QUOTA | SMBKIT_FEATURE_OPEN_BY_ID;
    *volume_r = vol;
    return SMBKIT_STATUS_SUCCESS;
}

static void memfs_volume_close(void *volume)
{
    struct memfs_volume *vol = volume;
    memfs_tree_free(vol);
    free(vol->ids);
    memfs_owners_fini(vol);
    memfs_slabs_fini(vol);
    pthread_rwlock_destroy(&vol->tree_lock);
    free(vol);
}

static smbkit_status memfs_volume_info(void *volume, struct smbkit_op *op,
                                       struct smbkit_volume_info *info)
{
    (void)op;
    struct memfs_volume *vol = volume;
    info->total_bytes = vol->bytes_max;
    info->free_bytes =
        vol->bytes_max - atomic_load_explicit(&vol->bytes_used, memory_order_relaxed);
    info->available_bytes = info->free_bytes;
    info->create_time = vol->create_time;
    info->sector_size_bytes = 512;
    info->cluster_size_bytes = MEMFS_CLUSTER;
    info->component_max = 255;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin memfs_plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "mem",
    .description = "a file system in memory, empty at the start and gone at the end",
    .version = "1",
    .config_help = "size=BYTES   room for data (K, M, G, T); half of the memory\n"
                   "files=COUNT  files and directories at most\n",
    .volume_open = memfs_volume_open,
    .volume_close = memfs_volume_close,
    .volume_info = memfs_volume_info,
    .create = memfs_create,
    .close = memfs_close,
    .lookup = memfs_lookup,
    .enumerate = memfs_enumerate,
    .get_path = memfs_get_path,
    .rename = memfs_rename,
    .link = memfs_link,
    .remove = memfs_remove,
    .getattr = memfs_getattr,
    .setattr = memfs_setattr,
    .get_quota = memfs_get_quota,
    .set_quota = memfs_set_quota,
    .get_security = memfs_get_security,
    .set_security = memfs_set_security,
    .read = memfs_read,
    .write = memfs_write,
    .set_size = memfs_set_size,
    .overwrite = memfs_overwrite,
    .allocate = memfs_allocate,
    .zero_range = memfs_zero_range,
    .ranges = memfs_ranges,
    .streams = memfs_streams,
    .get_ea = memfs_get_ea,
    .set_ea = memfs_set_ea,
    .trim = memfs_trim,
    .object_id = memfs_object_id,
    .get_reparse = memfs_get_reparse,
    .set_reparse = memfs_set_reparse,
    .copy_range = memfs_copy_range,
    .clone_range = memfs_clone_range,
    .set_sparse = memfs_set_sparse,
    .get_compression = memfs_get_compression,
    .set_compression = memfs_set_compression,
};

SMBKIT_REGISTER(memfs_plugin)
