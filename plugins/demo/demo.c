/* SPDX-License-Identifier: Apache-2.0 */
/* demo: what smbkit-tree(3) can do, a step in each file. Here: the volume. */
#include "demo_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
    const char *host;
    uint64_t tick_ms;
    uint32_t roots;
    uint32_t reserved;
};
static const struct smbkit_param params[] = {
    {.key = "host", .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, host), .min = 1},
    {.key = "tick",
     .kind = SMBKIT_PARAM_MS,
     .offset = offsetof(struct words, tick_ms),
     .max = 86400000},
    {.key = "roots", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, roots)},
    {.key = NULL}};

/* The volume is closed: nothing is pushed any more, and nothing may stay pending. */
static void demo_stop(void *arg)
{
    struct demo *d = arg;
    demo_clock_stop(d);
    demo_slow_stop(d);
}

static void demo_release(void *arg)
{
    struct demo *d = arg;
    pthread_mutex_destroy(&d->lock);
    free(d->host);
    free(d);
}

static void demo_info(void *arg, struct smbkit_volume_info *info)
{
    (void)arg;
    snprintf(info->label, sizeof(info->label), "smbkit demo");
}

static smbkit_status demo_fill(struct demo *d)
{
    static smbkit_status (*const parts[])(struct demo *) = {
        demo_generated_add, demo_host_add,  demo_ram_add,    demo_clock_add,
        demo_names_add,     demo_users_add, demo_orders_add, demo_slow_add};
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && SMBKIT_OK(status); i++) {
        status = parts[i](d);
    }
    return status;
}

static struct demo *demo_new(const struct words *words)
{
    struct demo *d = calloc(1, sizeof(*d));
    if (!d) {
        return NULL;
    }
    d->host = words->host ? strdup(words->host) : NULL;
    d->tick_ms = words->tick_ms;
    d->has_roots = words->roots;
    pthread_mutex_init(&d->lock, NULL);
    if (words->host && !d->host) {
        demo_release(d);
        return NULL;
    }
    return d;
}

static smbkit_status demo_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words words = {.tick_ms = 1000};
    smbkit_status status = smbkit_args_take(args, params, &words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct demo *d = demo_new(&words);
    if (!d) {
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = SMBKIT_TREE_HOST_FILES;
    spec.arg = d;
    spec.stop = demo_stop;
    spec.release = demo_release;
    spec.info = demo_info;
    spec.missed = demo_missed;
    spec.user_root = d->has_roots ? demo_user_root : NULL;
    status = smbkit_tree_open(args, &spec, volume_r);
    if (!SMBKIT_OK(status)) {
        return status; /* d was released */
    }
    d->tree = *volume_r;
    status = demo_fill(d);
    if (!SMBKIT_OK(status)) {
        const char *host = d->host ? d->host : "";
        snprintf(args->error, args->error_size, "the tree cannot be made%s%.150s: %s",
                 *host ? ", with host=" : "", host, smbkit_status_name(status));
        smbkit_tree_op_volume_close(*volume_r);
    }
    return status;
}

SMBKIT_TREE_PLUGIN(demo, "demo", "what a plugin on a tree can do, as a tutorial", demo_volume_open,
                   "host=PATH  a file or a folder of the host that is shown too; none\n"
                   "tick=TIME  how often the clock changes; 1s; 0: never\n"
                   "roots=yes  who connects sees the folder of his name only; no\n")
