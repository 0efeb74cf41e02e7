/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive: its index, and what is read of the files in it, where it lies and
 * decoded, forwards and backwards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../plugins/archive/arc_priv.h"
#include "base/log.h"

#define FILES_MAX 8u
#define READ_MAX (200u << 10)
#define STEPS_MAX 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const struct smbkit_plugin *smbkit_static_archive(const struct smbkit_host_table *api);

static struct arc_cache *cache;

/* Bounded, whatever libarchive makes of it. */
static int is_over(void *arg)
{
    uint32_t *steps = arg;
    return ++*steps > STEPS_MAX;
}

static void log_nothing(void *arg, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *line)
{
    (void)arg;
    (void)level;
    (void)module;
    (void)ctx;
    (void)line;
}

static void read_part(struct arc_pool *pool, struct arc_index *x, uint32_t node, uint64_t at)
{
    uint64_t left = x->nodes[node].size > at ? x->nodes[node].size - at : 0;
    uint32_t len = left < READ_MAX ? (uint32_t)left : READ_MAX;
    struct arc_want w = {.index = x, .node = node, .at = at, .len = len};
    w.to = malloc(len + 1u);
    w.way = arc_way_find(x, node, &w.start);
    if (w.way == ARC_WAY_DIRECT) {
        if (x->nodes[node].offset + x->nodes[node].size > x->stamp.size) {
            abort();
        }
        w.way = ARC_WAY_WALK;
    }
    if (w.to && len > 0) {
        arc_pool_decode(pool, &w);
    }
    free(w.to);
}

static void read_all(const struct arc_settings *set, struct arc_index *x)
{
    struct arc_pool pool;
    uint32_t files = 0;
    arc_pool_init(&pool, set, cache);
    for (uint32_t i = 0; i < x->count && files < FILES_MAX; i++) {
        const struct arc_node *n = &x->nodes[i];
        struct arc_found found;
        if (n->parent == ARC_ROOT && (!SMBKIT_OK(arc_index_find(x, arc_name(x, i), &found)) ||
                                      found.node != arc_real(x, i))) {
            abort();
        }
        if (n->parent != ARC_NONE && !(n->flags & (ARC_FOLDER | ARC_LINK))) {
            files++;
            read_part(&pool, x, i, n->size / 2);
            read_part(&pool, x, i, 0);
        }
    }
    arc_pool_fini(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t generation;
    static char phrase[] = "x";
    char path[64];
    char error[256];
    uint32_t steps = 0;
    struct arc_index *x = NULL;
    struct arc_settings set = {
        .path = path, .passphrases = {phrase}, .unpacked_max = 4u << 20, .is_nested = 1};
    if (!cache) {
        log_set_sink(log_nothing, NULL);
        const struct smbkit_plugin *p = smbkit_static_archive(smbkit_api);
        p->load();
        cache = arc_cache_new(ARC_CACHE_MIN);
    }
    int fd = memfd_create("archive", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (cache && write(fd, data, size) == (ssize_t)size &&
        (x = arc_index_open(path, error)) != NULL &&
        SMBKIT_OK(arc_scan(&set, is_over, &steps, &x, error))) {
        x->generation = ++generation;
        read_all(&set, x);
        arc_index_unref(x);
    }
    close(fd);
    return 0;
}
