/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that answers one call late: when the test says so. */
#pragma once

#include <smbkit/filter.h>

#include "base/base.h"

static struct {
    unsigned at;           /* which call; 0: none */
    bool refuses;          /* it does nothing, and says so */
    smbkit_status refusal; /* by that; SUCCESS: CANCELLED */
    bool at_once;          /* it is not late at all */
    struct smbkit_op *op;
    smbkit_status status;
} late;

static bool late_is(const struct smbkit_op *op)
{
    return !(op->flags & SMBKIT_OP_SYNC) && late.at > 0 && --late.at == 0;
}

static smbkit_status late_answer(struct smbkit_op *op, smbkit_status st)
{
    if (late.at_once) {
        return st;
    }
    late.op = op;
    late.status = st;
    return SMBKIT_STATUS_PENDING;
}

static UNUSED void late_complete(void)
{
    struct smbkit_op *op = late.op;
    late.op = NULL;
    smbkit_complete(op, late.status);
}

static smbkit_status late_refusal(void)
{
    return late.refusal ? late.refusal : SMBKIT_STATUS_CANCELLED;
}

#define LATE(name, type)                                                                           \
    static smbkit_status late_##name(void *v, struct smbkit_op *op, void *file, type *a)           \
    {                                                                                              \
        if (!late_is(op)) {                                                                        \
            return smbkit_next_##name(v, op, file, a);                                             \
        }                                                                                          \
        return late_answer(op,                                                                     \
                           late.refuses ? late_refusal() : smbkit_next_##name(v, op, file, a));    \
    }
LATE(getattr, struct smbkit_attr)
LATE(setattr, const struct smbkit_attr)
LATE(set_size, const struct smbkit_size)
LATE(overwrite, struct smbkit_overwrite)
LATE(rename, const struct smbkit_rename)
LATE(write, struct smbkit_io)
LATE(get_security, struct smbkit_get_security)
LATE(get_reparse, struct smbkit_get_reparse)

static smbkit_status late_lookup(void *v, struct smbkit_op *op, struct smbkit_lookup *a)
{
    if (!late_is(op)) {
        return smbkit_next_lookup(v, op, a);
    }
    return late_answer(op, late.refuses ? late_refusal() : smbkit_next_lookup(v, op, a));
}

static smbkit_status late_create(void *v, struct smbkit_op *op, struct smbkit_create *how)
{
    if (!late_is(op)) {
        return smbkit_next_create(v, op, how);
    }
    return late_answer(op, late.refuses ? late_refusal() : smbkit_next_create(v, op, how));
}

static void late_close(void *v, struct smbkit_op *op, void *file)
{
    smbkit_next_close(v, op, file);
}

static smbkit_status late_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    args->features &= ~(SMBKIT_FEATURE_NEVER_BLOCKS);
    args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void late_volume_close(void *volume)
{
    (void)volume;
}

static const struct smbkit_plugin late_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING,
    .name = "late",
    .description = "late",
    .version = "1",
    .volume_open = late_volume_open,
    .volume_close = late_volume_close,
    .create = late_create,
    .close = late_close,
    .lookup = late_lookup,
    .getattr = late_getattr,
    .setattr = late_setattr,
    .set_size = late_set_size,
    .overwrite = late_overwrite,
    .rename = late_rename,
    .write = late_write,
    .get_security = late_get_security,
    .get_reparse = late_get_reparse,
};
