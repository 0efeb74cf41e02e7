/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/late_time.h"

static uint64_t now_us(const struct vfs_open *o)
{
    const struct vfs_nodes *nodes = o->volume->nodes;
    return nodes->clock_us ? nodes->clock_us() : 0;
}

static bool is_late(const struct vfs_open *o)
{
    return volume_has(o->volume, VFS_LATE_TIMES);
}

/* Its write time is set: it writes without a trace. */
static bool is_fixed(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    return o->keeps_times & SMBKIT_HAS_WRITE_TIME;
}

/* Under n->lock. */
static void show_locked(struct vfs_node *n, bool waited)
{
    n->late.holds = false;
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        o->late_was_told |= o->late_wrote && waited;
        o->late_wrote = false;
    }
}

/* Likewise: has one written for which the time is held? */
static bool has_writer_locked(const struct vfs_node *n)
{
    LIST_FOR_EACH (l, &n->opens) {
        if (LIST_ENTRY(l, struct vfs_open, node_link)->late_wrote) {
            return true;
        }
    }
    return false;
}

smbkit_status late_time_hold(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    if (!is_late(o) || is_fixed(o)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr attr;
    mutex_lock(&n->lock);
    bool holds = n->late.holds;
    mutex_unlock(&n->lock);
    smbkit_status st = holds ? SMBKIT_STATUS_SUCCESS : door_getattr(call, &o->f, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&n->lock);
    if (!n->late.holds && !holds) {
        n->late.holds = true;
        n->late.shown = attr.write_time;
        n->late.due_us = o->late_was_told ? UINT64_MAX : now_us(o) + LATE_TIME_US;
    }
    return SMBKIT_STATUS_SUCCESS;
}

void late_time_written(struct vfs_open *o)
{
    if (is_late(o)) {
        bool counts = !is_fixed(o);
        SCOPED_LOCK(&o->node->lock);
        o->late_wrote = counts && o->node->late.holds;
        o->node->late.wrote_us = now_us(o);
    }
}

void late_time_dress(struct vfs_open *o, struct smbkit_attr *attr)
{
    struct vfs_node *n = o->node;
    if (!is_late(o)) {
        return;
    }
    SCOPED_LOCK(&n->lock);
    if (n->late.holds && now_us(o) >= n->late.due_us) {
        show_locked(n, true);
    }
    attr->write_time = n->late.holds ? n->late.shown : attr->write_time;
}

void late_time_show(struct vfs_open *o)
{
    if (is_late(o)) {
        SCOPED_LOCK(&o->node->lock);
        show_locked(o->node, false);
    }
}

smbkit_status late_time_close(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    if (!is_late(o)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&n->lock);
    uint64_t now = now_us(o);
    bool is_due = n->late.holds && o->late_wrote && now < n->late.due_us;
    uint64_t since_us = now - n->late.wrote_us;
    mutex_unlock(&n->lock);
    struct smbkit_attr attr;
    smbkit_status st = is_due ? door_getattr(call, &o->f, &attr) : SMBKIT_STATUS_SUCCESS;
    if (is_due && SMBKIT_OK(st)) {
        attr.write_time += (since_us + LATE_TICK_US) * 10;
        st = door_setattr(call, &o->f, SMBKIT_HAS_WRITE_TIME, &attr);
    }
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        return st;
    }
    SCOPED_LOCK(&n->lock);
    /* Held until a close, for a write that failed: no other close comes for it. */
    bool is_idle = n->late.due_us == UINT64_MAX && !has_writer_locked(n);
    if (n->late.holds && (o->late_wrote || is_idle)) {
        show_locked(n, true);
    }
    return SMBKIT_STATUS_SUCCESS; /* if it cannot be set, that of the last write stays */
}
