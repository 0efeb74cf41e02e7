/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/lock_below.h"

#include "base/mem.h"

static smbkit_status call_below(const struct vfs_call *call, struct vfs_open *o,
                                const struct vfs_lock *l, uint32_t flags)
{
    struct smbkit_lock a = {.struct_size = sizeof(a),
                            .flags = flags,
                            .offset = l->offset,
                            .length = l->length,
                            .owner = (uintptr_t)o};
    return door_lock(call, &o->f, &a);
}

/* Those that were taken before one was refused, the last first. */
static smbkit_status take_back(const struct vfs_call *call, struct vfs_open *o,
                               const struct vfs_lock *locks, size_t count)
{
    while (count-- > 0) {
        smbkit_status st = call_below(call, o, &locks[count], SMBKIT_LOCK_UNLOCK);
        if (door_stops(st)) {
            return st;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status lock_below_take(const struct vfs_call *call, struct vfs_open *o,
                              const struct vfs_lock *locks, size_t count)
{
    if (!o->volume->hears_locks) {
        return SMBKIT_STATUS_SUCCESS;
    }
    for (size_t i = 0; i < count; i++) {
        bool may_wait = count == 1 && !locks[i].fail_immediately;
        uint32_t flags =
            (locks[i].exclusive ? SMBKIT_LOCK_EXCLUSIVE : 0) | (may_wait ? SMBKIT_LOCK_WAIT : 0);
        smbkit_status st = call_below(call, o, &locks[i], flags);
        if (door_stops(st)) {
            return st;
        }
        if (!SMBKIT_OK(st)) {
            smbkit_status back = take_back(call, o, locks, i);
            return door_stops(back) ? back : st;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static size_t count_held(struct vfs_open *o, const struct vfs_lock *locks, size_t count)
{
    SCOPED_LOCK(&o->node->lock);
    size_t n = 0;
    while (n < count &&
           brlock_is_held(&o->node->locks, &o->locks, locks[n].offset, locks[n].length)) {
        n++;
    }
    return n;
}

smbkit_status lock_below_give(const struct vfs_call *call, struct vfs_open *o,
                              const struct vfs_lock *locks, size_t count)
{
    smbkit_status first = SMBKIT_STATUS_SUCCESS;
    size_t held = o->volume->hears_locks ? count_held(o, locks, count) : 0;
    for (size_t i = 0; i < held; i++) {
        smbkit_status st = call_below(call, o, &locks[i], SMBKIT_LOCK_UNLOCK);
        if (door_stops(st)) {
            return st;
        }
        first = SMBKIT_OK(first) ? st : first;
    }
    return first;
}

/* ---- an open takes another's place ---- */

struct collected {
    struct vfs_lock *locks; /* owned; NULL: no memory */
    size_t count;
};

static void collect_one(void *arg, const struct range_link *r, bool exclusive)
{
    struct collected *c = arg;
    if (c->locks) {
        c->locks[c->count++] = (struct vfs_lock){.offset = r->first,
                                                 .length = r->last - r->first + 1,
                                                 .exclusive = exclusive,
                                                 .fail_immediately = true};
    }
}

/* What was given to who waits, and is not taken yet, he takes below when he does: not those. */
static struct collected collect(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    struct collected c = {.locks = mem_calloc(o->locks.count, sizeof(struct vfs_lock))};
    brlock_each_taken(&o->locks, collect_one, &c);
    return c;
}

#define LOCKS_A_LOOK 64u /* taken between two looks at the time */

static smbkit_status take_in_time(const struct vfs_call *call, const struct vfs_move *m,
                                  struct vfs_open *to, const struct collected *c)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; i < c->count && SMBKIT_OK(st); i += LOCKS_A_LOOK) {
        if (i > 0 && m->is_late && m->is_late(m->late_arg)) {
            return SMBKIT_STATUS_IO_TIMEOUT;
        }
        st = lock_below_take(call, to, c->locks + i, MIN(c->count - i, LOCKS_A_LOOK));
    }
    return st;
}

smbkit_status lock_below_move(const struct vfs_call *call, const struct vfs_move *m,
                              struct vfs_open *to)
{
    if (!to->volume->hears_locks || vfs_open_lock_count(m->from) == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct collected c = collect(m->from);
    smbkit_status st = c.locks ? take_in_time(call, m, to, &c) : SMBKIT_STATUS_NO_MEMORY;
    mem_free(c.locks);
    return st;
}
