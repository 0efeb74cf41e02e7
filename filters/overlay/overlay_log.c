/* SPDX-License-Identifier: Apache-2.0 */
/* What is hidden, in a file of the upper volume: a line for each path. It is read before the first
 * call, and written through before what follows is done. */
#include <stdlib.h>

#include "overlay.h"

static bool take_hidden(void *arg, char *path)
{
    return hidden_put(arg, path);
}

static smbkit_status read_log(struct overlay *o, struct smbkit_op *op)
{
    pthread_rwlock_wrlock(&o->lock);
    smbkit_status st = lines_read(&o->log, op, OVERLAY_LOG, take_hidden, o);
    pthread_rwlock_unlock(&o->lock);
    return st;
}

/* Copies that were not finished. */
static smbkit_status clean(struct overlay *o, struct smbkit_op *op)
{
    struct names n = {0};
    smbkit_status st = side_names_at(&o->upper, op, OVERLAY_TMP, &n);
    for (uint32_t i = 0; SMBKIT_OK(st) && i < n.count; i++) {
        char *path = side_join(OVERLAY_TMP, n.list[i]);
        st = path ? side_remove(&o->upper, op, path) : SMBKIT_STATUS_NO_MEMORY;
        free(path);
    }
    side_names_fini(&n);
    return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
}

smbkit_status overlay_ready(struct overlay *o, struct smbkit_op *op)
{
    if (atomic_load(&o->is_ready)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    /* By one caller: a second one would set the size of the log back to what it has read. */
    pthread_mutex_lock(&o->copying);
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!atomic_load(&o->is_ready)) {
        st = overlay_discard_rest(o, op);
        st = SMBKIT_OK(st) ? read_log(o, op) : st;
        st = SMBKIT_OK(st) ? clean(o, op) : st;
        atomic_store(&o->is_ready, SMBKIT_OK(st));
    }
    pthread_mutex_unlock(&o->copying);
    return st;
}

smbkit_status overlay_meta(struct overlay *o, struct smbkit_op *op)
{
    if (o->has_meta) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = side_make_folder(&o->upper, op, OVERLAY_META);
    if (SMBKIT_OK(st)) {
        st = side_make_folder(&o->upper, op, OVERLAY_TMP);
    }
    o->has_meta = SMBKIT_OK(st);
    return st;
}

smbkit_status overlay_hide(struct overlay *o, struct smbkit_op *op, const char *path)
{
    smbkit_status st = overlay_meta(o, op);
    st = SMBKIT_OK(st) ? lines_append(&o->log, op, OVERLAY_LOG, path, SMBKIT_IO_WRITE_THROUGH) : st;
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&o->lock);
        st = hidden_put(o, path) ? st : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        o->generation++;
        pthread_rwlock_unlock(&o->lock);
    }
    return st;
}
