/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that makes the plugin below it slow, for tests without threads: calls that would block
 * on an event loop, and transfers that are completed when the test says so. */
#pragma once

#include <smbkit/filter.h>

#include "base/base.h"
#include "test.h"

#define SLOW_PENDING_MAX 64

struct slow {
    bool blocks;      /* WOULD_BLOCK for every NOWAIT call */
    bool pends;       /* transfers are answered later */
    bool pends_watch; /* watch calls that begin one, too */
    struct smbkit_op *ops[SLOW_PENDING_MAX];
    smbkit_status status[SLOW_PENDING_MAX];
    unsigned count;
};

/* The one there is: filters have no other way to the test. */
static struct slow slow_now;
static uint32_t slow_features; /* of the next volume; see slow_filter */

static smbkit_status slow_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    args->features &= ~(SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT);
    args->features |= slow_features;
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void slow_volume_close(void *volume)
{
    (void)volume;
    CHECK_INT(slow_now.count, 0);
}

static bool slow_would_block(const struct smbkit_op *op)
{
    return slow_now.blocks && (op->flags & SMBKIT_OP_NOWAIT);
}

static smbkit_status slow_pend(struct smbkit_op *op, smbkit_status status)
{
    if (!slow_now.pends || (op->flags & SMBKIT_OP_SYNC) || slow_now.count == SLOW_PENDING_MAX ||
        status == SMBKIT_STATUS_WOULD_BLOCK) {
        return status;
    }
    slow_now.ops[slow_now.count] = op;
    slow_now.status[slow_now.count++] = status;
    return SMBKIT_STATUS_PENDING;
}

/* Answer the oldest of them; false: there is none. */
static UNUSED bool slow_complete(void)
{
    if (slow_now.count == 0) {
        return false;
    }
    struct smbkit_op *op = slow_now.ops[0];
    smbkit_status status = slow_now.status[0];
    slow_now.count--;
    for (unsigned i = 0; i < slow_now.count; i++) {
        slow_now.ops[i] = slow_now.ops[i + 1];
        slow_now.status[i] = slow_now.status[i + 1];
    }
    smbkit_complete(op, status);
    return true;
}

#define SLOW_CALL(name, type)                                                                      \
    static smbkit_status slow_##name(void *v, struct smbkit_op *op, void *file, type *a)           \
    {                                                                                              \
        return slow_would_block(op) ? SMBKIT_STATUS_WOULD_BLOCK                                    \
                                    : smbkit_next_##name(v, op, file, a);                          \
    }
SLOW_CALL(getattr, struct smbkit_attr)
SLOW_CALL(enumerate, struct smbkit_sink)
SLOW_CALL(remove, const struct smbkit_remove)
SLOW_CALL(set_size, const struct smbkit_size)

static smbkit_status slow_create(void *v, struct smbkit_op *op, struct smbkit_create *how)
{
    return slow_would_block(op) ? SMBKIT_STATUS_WOULD_BLOCK : smbkit_next_create(v, op, how);
}

static void slow_close(void *v, struct smbkit_op *op, void *file)
{
    smbkit_next_close(v, op, file);
}

static smbkit_status slow_read(void *v, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    return slow_would_block(op) ? SMBKIT_STATUS_WOULD_BLOCK
                                : slow_pend(op, smbkit_next_read(v, op, file, io));
}

static smbkit_status slow_write(void *v, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    return slow_would_block(op) ? SMBKIT_STATUS_WOULD_BLOCK
                                : slow_pend(op, smbkit_next_write(v, op, file, io));
}

static smbkit_status slow_flush(void *v, struct smbkit_op *op, void *file,
                                const struct smbkit_flush *a)
{
    return slow_would_block(op) ? SMBKIT_STATUS_WOULD_BLOCK
                                : slow_pend(op, smbkit_next_flush(v, op, file, a));
}

static smbkit_status slow_watch(void *v, struct smbkit_op *op, void *file,
                                const struct smbkit_watch *a)
{
    (void)v, (void)file;
    /* Nothing happens below by itself. The end of a watch is waited for on the spot. */
    return a->on && slow_now.pends_watch ? slow_pend(op, SMBKIT_STATUS_SUCCESS)
                                         : SMBKIT_STATUS_SUCCESS;
}

/* features: TRIES_NOWAIT, or 0: always on a worker; NEVER_BLOCKS: always inline. */
static UNUSED struct smbkit_plugin slow_filter(uint32_t features)
{
    slow_features = features;
    return (struct smbkit_plugin){
        .struct_size = sizeof(struct smbkit_plugin),
        .api_version = SMBKIT_FILTER_VERSION,
        .thread_model = SMBKIT_PARALLEL,
        .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING,
        .name = "slow",
        .description = "slow",
        .version = "1",
        .volume_open = slow_volume_open,
        .volume_close = slow_volume_close,
        .create = slow_create,
        .close = slow_close,
        .getattr = slow_getattr,
        .enumerate = slow_enumerate,
        .remove = slow_remove,
        .read = slow_read,
        .write = slow_write,
        .flush = slow_flush,
        .set_size = slow_set_size,
        .watch = slow_watch,
    };
}
