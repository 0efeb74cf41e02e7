/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/kept_time.h"

#include "vfs/journal.h"

#define TIME_KEEP UINT64_MAX        /* -1: this open's own doings leave it alone from now on */
#define TIME_GO_ON (UINT64_MAX - 1) /* -2: they count again */

/* Under o->lock: those of a are to be kept from now on, and are what they should be. */
static void keep_locked(struct vfs_open *o, uint32_t which, const struct smbkit_attr *a)
{
    if (which & SMBKIT_HAS_ACCESS_TIME) {
        o->kept_access_time = a->access_time;
    }
    if (which & SMBKIT_HAS_WRITE_TIME) {
        o->kept_write_time = a->write_time;
    }
    if (which & SMBKIT_HAS_CHANGE_TIME) {
        o->kept_change_time = a->change_time;
    }
    o->keeps_times |= which;
    o->dirty_times &= ~which;
}

/* Under o->lock: what transfers that are under way move. */
static uint32_t moving_locked(const struct vfs_open *o)
{
    return (o->reads > 0 ? KEPT_BY_READ : 0) | (o->writes > 0 ? KEPT_BY_DATA : 0);
}

/* Under o->lock: which it keeps, as far as the file has them as they should be. */
static uint32_t clean_locked(const struct vfs_open *o)
{
    return o->keeps_times & ~o->dirty_times & ~moving_locked(o);
}

/* What the file's times are: not in the journal, since whether one asks depends on what other
 * requests do, and a resume must find its calls as they were. */
static smbkit_status look(const struct vfs_call *call, struct vfs_open *o, struct smbkit_attr *now)
{
    const struct vfs_call apart = journal_apart(call);
    return journal_stopped(call, door_getattr(&apart, &o->f, now));
}

static void touched_locked(struct vfs_open *o, uint32_t which)
{
    o->touches += o->keeps_times & which ? 1 : 0;
    o->dirty_times |= o->keeps_times & which;
}

smbkit_status kept_time_note(const struct vfs_call *call, struct vfs_open *o, uint32_t which)
{
    /* relaxed, here and below: whoever fixes one at the same time may as well have been later */
    if (!(atomic_load_explicit(&o->keeps_times, memory_order_relaxed) & which)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&o->lock);
    bool keeps = o->keeps_times & which;
    bool looks = clean_locked(o) & which;
    uint32_t touches = o->touches;
    mutex_unlock(&o->lock);
    if (keeps && call->nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!looks || journal_acts(call)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr now;
    smbkit_status st = look(call, o, &now);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->lock);
    if (o->touches == touches) {
        keep_locked(o, clean_locked(o) & which, &now);
    }
    /* Before it is done: nobody else takes what it moves for what it was. */
    touched_locked(o, which);
    return SMBKIT_STATUS_SUCCESS;
}

void kept_time_touched(struct vfs_open *o, uint32_t which)
{
    if (atomic_load_explicit(&o->keeps_times, memory_order_relaxed) & which) {
        SCOPED_LOCK(&o->lock);
        touched_locked(o, which);
    }
}

void kept_time_transfer_begin(struct vfs_open *o, enum door_io_kind kind)
{
    SCOPED_LOCK(&o->lock);
    o->reads += kind == DOOR_READ ? 1 : 0;
    o->writes += kind == DOOR_WRITE ? 1 : 0;
    o->touches += o->keeps_times & moving_locked(o) ? 1 : 0;
}

void kept_time_transfer_end(struct vfs_open *o, enum door_io_kind kind)
{
    SCOPED_LOCK(&o->lock);
    o->reads -= kind == DOOR_READ ? 1 : 0;
    o->writes -= kind == DOOR_WRITE ? 1 : 0;
}

bool kept_time_is_due(struct vfs_open *o)
{
    if (atomic_load_explicit(&o->keeps_times, memory_order_relaxed) == 0) {
        return false;
    }
    SCOPED_LOCK(&o->lock);
    return o->dirty_times & ~moving_locked(o);
}

static smbkit_status put_back(const struct vfs_call *call, struct vfs_open *o, uint32_t due,
                              struct smbkit_attr *attr)
{
    if (due == SMBKIT_HAS_ACCESS_TIME) {
        /* Most reads leave it alone; and that it is put back is no change of the file. */
        struct smbkit_attr now;
        smbkit_status st = door_getattr(call, &o->f, &now);
        if (!SMBKIT_OK(st) || now.access_time == attr->access_time) {
            return st;
        }
        attr->change_time = now.change_time;
        due |= SMBKIT_HAS_CHANGE_TIME;
    }
    return door_setattr(call, &o->f, due, attr);
}

smbkit_status kept_time_restore(const struct vfs_call *call, struct vfs_open *o)
{
    const struct vfs_call apart = journal_apart(call);
    mutex_lock(&o->lock);
    uint32_t due = o->dirty_times;
    uint32_t touches = o->touches;
    struct smbkit_attr attr = {.access_time = o->kept_access_time,
                               .write_time = o->kept_write_time,
                               .change_time = o->kept_change_time};
    mutex_unlock(&o->lock);
    if (!due) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = put_back(&apart, o, due, &attr);
    SCOPED_LOCK(&o->lock);
    if (o->touches != touches) {
        o->dirty_times |= due & o->keeps_times; /* it may have been set meanwhile, and be lost */
    } else if (!door_stops(st)) {
        o->dirty_times &= ~(due & ~moving_locked(o)); /* the others once more, by who is at them */
    }
    return st;
}

void kept_time_show(struct vfs_open *o, struct smbkit_attr *attr)
{
    if (atomic_load_explicit(&o->keeps_times, memory_order_relaxed) == 0) {
        return;
    }
    SCOPED_LOCK(&o->lock);
    uint32_t moved = o->keeps_times & (o->dirty_times | moving_locked(o));
    attr->access_time = moved & SMBKIT_HAS_ACCESS_TIME ? o->kept_access_time : attr->access_time;
    attr->write_time = moved & SMBKIT_HAS_WRITE_TIME ? o->kept_write_time : attr->write_time;
    attr->change_time = moved & SMBKIT_HAS_CHANGE_TIME ? o->kept_change_time : attr->change_time;
}

void kept_time_meta_changed(const struct vfs_call *call, struct vfs_open *o)
{
    kept_time_touched(o, KEPT_BY_META);
    (void)kept_time_restore(call, o);
}

/* ---- requests to set times ---- */

bool kept_time_is_set(uint64_t t)
{
    return t != 0 && t != TIME_KEEP && t != TIME_GO_ON;
}

bool kept_time_is_good(uint64_t t)
{
    return t <= INT64_MAX || t == TIME_KEEP || t == TIME_GO_ON;
}

/* Of the times that an open can fix, those that are `what`, or, without, that are set. */
static uint32_t times_that_are(const struct vfs_basic_info *b, uint64_t what)
{
    bool access = what ? b->access_time == what : kept_time_is_set(b->access_time);
    bool write = what ? b->write_time == what : kept_time_is_set(b->write_time);
    bool change = what ? b->change_time == what : kept_time_is_set(b->change_time);
    return (access ? SMBKIT_HAS_ACCESS_TIME : 0) | (write ? SMBKIT_HAS_WRITE_TIME : 0) |
           (change ? SMBKIT_HAS_CHANGE_TIME : 0);
}

/* Times go on: from what they were, if they are still to be put back. */
static smbkit_status thaw(const struct vfs_call *call, struct vfs_open *o, uint32_t which)
{
    mutex_lock(&o->lock);
    bool is_due = o->dirty_times & which;
    mutex_unlock(&o->lock);
    smbkit_status st = is_due ? kept_time_restore(call, o) : SMBKIT_STATUS_SUCCESS;
    if (door_stops(st)) {
        return journal_stopped(call, st);
    }
    SCOPED_LOCK(&o->lock);
    o->touches += o->keeps_times & which ? 1 : 0;
    o->keeps_times &= ~which;
    o->dirty_times &= ~which;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status kept_time_freeze(const struct vfs_call *call, struct vfs_open *o,
                               const struct vfs_basic_info *b, uint32_t *mask,
                               struct smbkit_attr *attr)
{
    uint32_t keep = times_that_are(b, TIME_KEEP);
    smbkit_status st = thaw(call, o, times_that_are(b, TIME_GO_ON));
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&o->lock);
    bool is_new = keep & ~o->keeps_times;
    bool looks = is_new || (*mask && (clean_locked(o) & SMBKIT_HAS_CHANGE_TIME));
    uint32_t touches = o->touches;
    mutex_unlock(&o->lock);
    looks = looks && !journal_acts(call);
    struct smbkit_attr now;
    st = looks ? look(call, o, &now) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->lock);
    if (looks) {
        uint32_t known = o->touches == touches ? clean_locked(o) : 0;
        keep_locked(o, (keep & ~o->keeps_times) | known, &now);
        o->touches++;
    }
    if (*mask && (o->keeps_times & SMBKIT_HAS_CHANGE_TIME & ~*mask)) {
        attr->change_time = o->kept_change_time;
        *mask |= SMBKIT_HAS_CHANGE_TIME;
    }
    return SMBKIT_STATUS_SUCCESS;
}

void kept_time_were_set(struct vfs_open *o, const struct vfs_basic_info *b)
{
    const struct smbkit_attr attr = {
        .access_time = b->access_time, .write_time = b->write_time, .change_time = b->change_time};
    SCOPED_LOCK(&o->lock);
    o->touches++;
    keep_locked(o, times_that_are(b, 0), &attr);
}
