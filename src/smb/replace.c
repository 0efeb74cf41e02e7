/* SPDX-License-Identifier: Apache-2.0 */
/* A volume takes another's place under live handles: docs/internals/replace.md. */
#define LOG_MODULE LOG_SMB
#include <stdlib.h>

#include "base/escape.h"
#include "base/mem.h"
#include "smb/limits.h"
#include "smb/move.h"
#include "smb/roots.h"
#include "smb/server.h"
#include "vfs/move.h"

/* How often it looks whether what it waits for has come, where nobody wakes it. */
#define LOOK_MS 5u

struct mover {
    struct smb_server *server;
    struct smb_share *share;
    struct vfs_volume *volume; /* the new one; a reference */
    struct smb_open **opens;   /* references; owned */
    size_t open_count;
    struct smb_roots roots;
    uint64_t until_ms;
    uint64_t end_ms; /* until_ms is never later */
    bool is_late;    /* the time was up when it was looked at */
    struct vfs_wait wait;
    struct mutex lock;
    struct cond cond;
    bool is_woken; /* lock */
    struct smb_moved *out;
};

/* One that is to go. */
struct item {
    struct smb_open *o; /* the mover's */
    uintptr_t file;     /* vfs_open_node_tag */
    bool rests;
};

static int by_file(const void *a, const void *b)
{
    uintptr_t fa = ((const struct item *)a)->file;
    uintptr_t fb = ((const struct item *)b)->file;
    return (fa > fb) - (fa < fb);
}

/* ---- waiting ---- */

static void wake(struct vfs_wait *w)
{
    struct mover *m = CONTAINER_OF(w, struct mover, wait);
    SCOPED_LOCK(&m->lock);
    m->is_woken = true;
    cond_signal(&m->cond);
}

static void time_begin(struct mover *m, uint32_t ms)
{
    m->until_ms = MIN(smb_server_monotonic_ms(m->server) + ms, m->end_ms);
    m->is_late = false;
}

/* What follows has all of that, of which the first part begins, and others by time_begin. */
static void time_limit(struct mover *m, uint32_t all_ms, uint32_t first_ms)
{
    uint64_t now = smb_server_monotonic_ms(m->server);
    m->end_ms = now + all_ms;
    m->until_ms = now + first_ms;
    m->is_late = false;
}

static bool time_is_up(const struct mover *m)
{
    return smb_server_monotonic_ms(m->server) >= m->end_ms;
}

static bool is_ending(const struct mover *m)
{
    return atomic_load_explicit(&m->server->moves_none, memory_order_relaxed); /* see there */
}

/* Is the time up for what is at hand? */
static bool is_late(void *arg)
{
    struct mover *m = arg;
    m->is_late |= is_ending(m) || smb_server_monotonic_ms(m->server) >= m->until_ms;
    return m->is_late;
}

/* A while, or until it is woken; false: the time is up. */
static bool wait_on(struct mover *m)
{
    if (is_late(m)) {
        return false;
    }
    SCOPED_LOCK(&m->lock);
    if (!m->is_woken) {
        (void)cond_wait_ms(&m->cond, &m->lock, LOOK_MS); /* either way it looks */
    }
    m->is_woken = false;
    return true;
}

/* ---- what there is ---- */

static void opens_drop(struct mover *m)
{
    for (size_t i = 0; i < m->open_count; i++) {
        smb_open_unref(m->opens[i]);
    }
    mem_free(m->opens);
    m->opens = NULL;
    m->open_count = 0;
}

static enum smb_place place_of(const struct mover *m, struct smb_open *o)
{
    return smb_open_place(o, m->share, m->volume);
}

/* Those of the share that are not on the new volume yet, by persistent id. */
static bool opens_take(struct mover *m)
{
    struct smb_open **opens = NULL;
    size_t count = 0;
    if (!smb_opens_all(m->server, &opens, &count)) {
        return false; /* it has what it had */
    }
    opens_drop(m);
    m->opens = opens;
    m->open_count = count;
    size_t n = 0;
    for (size_t i = 0; i < m->open_count; i++) {
        struct smb_open *o = m->opens[i];
        if (place_of(m, o) != SMB_PLACE_NONE) {
            m->opens[n++] = o;
        } else {
            smb_open_unref(o);
        }
    }
    m->open_count = n;
    return true;
}

static void wait_for_entered(struct mover *m)
{
    while (atomic_load(&m->share->gate.entered) > 0 && wait_on(m)) {
    }
}

/* What is being made is shown by then, or has come to nothing, or never will. */
static void wait_for_reserved(struct mover *m)
{
    for (size_t i = 0; i < m->open_count; i++) {
        while (place_of(m, m->opens[i]) == SMB_PLACE_RESERVED && wait_on(m)) {
        }
    }
}

/* ---- whose root is a folder of the volume ---- */

static bool tree_stays(struct mover *m, const struct smb_tree *t)
{
    struct vfs_token *token = smb_session_token(t->session);
    bool stays = !t->root && !smb_roots_has(&m->roots, token, m->volume);
    vfs_token_unref(token);
    return stays;
}

/* Would its tree stay; kept: its owner's next one see the same? */
static bool may_stay(struct mover *m, struct smb_open *o)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    bool stays = false;
    if (smb_open_owner_get(o, &s, &t)) {
        stays = tree_stays(m, t);
        smb_tree_unref(t);
        smb_session_unref(s);
        return stays;
    }
    struct vfs_token *token = smb_open_token(o);
    struct vfs_open *file = token ? smb_open_file_ref(o) : NULL;
    if (file) {
        stays = !smb_roots_has(&m->roots, token, vfs_open_volume(file)) &&
                !smb_roots_has(&m->roots, token, m->volume);
    }
    vfs_open_unref(file);
    vfs_token_unref(token);
    return stays;
}

static bool session_trees_end(struct mover *m, struct smb_session *s)
{
    size_t n = 0;
    CLEANUP_MEM struct smb_tree **list = smb_trees_of(s, &n);
    for (size_t i = 0; i < n; i++) {
        if (list[i]->share == m->share && tree_stays(m, list[i])) {
            atomic_store(&list[i]->lane, smb_volume_lane(m->volume));
        } else if (list[i]->share == m->share) {
            (void)smb_tree_end(list[i]); /* false: it has ended */
        }
        smb_tree_unref(list[i]);
    }
    return list != NULL;
}

/* Of a client who would see what is not his root. */
static void trees_end(struct mover *m)
{
    struct smb_session_list list;
    bool ok = smb_sessions_take(m->server, &list);
    for (size_t i = 0; i < list.count; i++) {
        ok &= session_trees_end(m, list.items[i]);
    }
    smb_sessions_drop(&list);
    if (!ok) {
        log_warn(NULL, "without memory some tree connects cannot open anything any more share=%s",
                 quoted(m->share->name).text);
    }
}

/* ---- can all? ---- */

/* fn until it need not wait, or the time is up. */
static bool is_done(struct mover *m, struct smb_open *o,
                    smbkit_status (*fn)(struct smb_open *o, const struct smb_move_how *how))
{
    /* While the gate is open clients go on, and so do others of a store that the volumes may share:
     * nothing is locked there for a trial. */
    const struct smb_move_how how = {.volume = m->volume,
                                     .wait = &m->wait,
                                     .asks_locks = smb_share_is_closed(m->share),
                                     .is_late = is_late,
                                     .late_arg = m};
    smbkit_status status;
    do {
        (void)vfs_wait_cancel(&m->wait);
        status = fn(o, &how);
    } while (status == SMBKIT_STATUS_WAIT && wait_on(m));
    (void)vfs_wait_cancel(&m->wait);
    if (!SMBKIT_OK(status)) {
        log_debug(NULL, "handle does not move share=%s status=%s", quoted(m->share->name).text,
                  smbkit_status_name(status));
    }
    return SMBKIT_OK(status);
}

static bool can_move(struct mover *m, struct smb_open *o)
{
    enum smb_place place = place_of(m, o);
    if (place == SMB_PLACE_NONE) {
        return true; /* it has ended meanwhile */
    }
    return place != SMB_PLACE_RESERVED && !smb_open_waits_by_cache(o) && may_stay(m, o) &&
           is_done(m, o, smb_open_move_try);
}

/* What is not tried in time counts among them; what is being made does when none is any more. */
static size_t count_unmovable(struct mover *m)
{
    bool counts_new = smb_share_is_closed(m->share);
    size_t n = 0;
    for (size_t i = 0; i < m->open_count; i++) {
        struct smb_open *o = m->opens[i];
        enum smb_place place = place_of(m, o);
        if (place == SMB_PLACE_NONE || (place == SMB_PLACE_RESERVED && !counts_new)) {
            continue;
        }
        bool goes = !time_is_up(m) && can_move(m, o);
        n += !goes && place_of(m, o) != SMB_PLACE_NONE;
    }
    return n;
}

/* ---- they go ---- */

static void uncache(struct smb_open *o)
{
    struct vfs_open *file = smb_open_file_ref(o);
    if (file) {
        vfs_open_uncache(file);
    }
    vfs_open_unref(file);
}

static bool is_cached(const struct mover *m, struct smb_open *o)
{
    struct vfs_open *file = smb_open_file_ref(o);
    enum smb_place place = place_of(m, o);
    bool is = file && !vfs_open_is_uncached(file) && place != SMB_PLACE_NONE &&
              !smb_open_waits_by_cache(o);
    vfs_open_unref(file);
    return is;
}

/* All are told first, so that they take the time of one. */
static void uncache_all(struct mover *m)
{
    time_limit(m, SMB_MOVE_BREAK_MS, SMB_MOVE_BREAK_MS);
    for (size_t i = 0; i < m->open_count; i++) {
        if (!smb_open_waits_by_cache(m->opens[i])) {
            uncache(m->opens[i]);
        }
    }
    for (size_t i = 0; i < m->open_count; i++) {
        while (is_cached(m, m->opens[i]) && wait_on(m)) {
        }
    }
}

/* Those who wait for their client by what they cache end with that. */
static void end_caching(struct mover *m)
{
    for (size_t i = 0; i < m->open_count; i++) {
        if (smb_open_waits_by_cache(m->opens[i])) {
            m->out->closed += smb_open_evict(m->opens[i]);
        }
    }
}

/* Nothing begins on it until it is thawed. */
static bool comes_to_rest(struct mover *m, struct smb_open *o)
{
    enum smb_freeze is;
    do {
        is = smb_open_freeze(o, &m->wait);
    } while (is == SMB_FREEZE_BUSY && wait_on(m));
    (void)vfs_wait_cancel(&m->wait);
    return is == SMB_FREEZE_RESTS;
}

/* One that is shown, or kept. */
static void settle(struct mover *m, struct item *item)
{
    /* What is cached belongs to the old volume: its time is cut short by the server's end alone. */
    bool is_free = item->rests && !is_cached(m, item->o) && !time_is_up(m);
    if (is_free && may_stay(m, item->o) && is_done(m, item->o, smb_open_move)) {
        m->out->moved++;
    } else {
        m->out->closed += smb_open_evict(item->o); /* which ends when its requests have */
    }
}

/* The opens of one file. All come to rest before any goes: else a lock that one takes along would
 * be given to another that waits for it, and goes next. */
static void settle_group(struct mover *m, struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i].rests = comes_to_rest(m, items[i].o);
    }
    for (size_t i = 0; i < count; i++) {
        struct vfs_open *file = items[i].rests ? smb_open_file_ref(items[i].o) : NULL;
        if (file) {
            vfs_open_waits_end(file);
        }
        vfs_open_unref(file);
    }
    for (size_t i = 0; i < count; i++) {
        settle(m, &items[i]);
    }
    for (size_t i = 0; i < count; i++) {
        smb_open_thaw(items[i].o);
    }
}

/* What is shown, or kept, by file; the rest ends when it is shown. items has room for all opens. */
static size_t items_fill(struct mover *m, struct item *items)
{
    size_t n = 0;
    for (size_t i = 0; i < m->open_count; i++) {
        struct smb_open *o = m->opens[i];
        enum smb_place place = place_of(m, o);
        if (place == SMB_PLACE_RESERVED && smb_open_mark_stale(o)) {
            m->out->closed++;
        } else if (place != SMB_PLACE_NONE) {
            struct vfs_open *file = smb_open_file_ref(o);
            items[n++] = (struct item){.o = o, .file = file ? vfs_open_node_tag(file) : 0};
            vfs_open_unref(file);
        }
    }
    qsort(items, n, sizeof(*items), by_file);
    return n;
}

static void settle_all(struct mover *m, struct item *items, size_t count)
{
    time_limit(m, SMB_MOVE_ALL_MS, SMB_MOVE_REST_MS);
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && items[i + n].file == items[i].file; n++) {
        }
        if (is_late(m)) { /* one that takes all the time takes it from no other */
            time_begin(m, SMB_MOVE_FILE_MS);
        }
        settle_group(m, &items[i], n);
    }
}

/* The share has the new volume. */
static void move_opens(struct mover *m)
{
    (void)opens_take(m); /* those too that came in between; else those it has */
    CLEANUP_MEM struct item *items = mem_calloc(m->open_count + 1, sizeof(*items));
    end_caching(m);
    uncache_all(m); /* hardly any is left */
    if (items) {
        settle_all(m, items, items_fill(m, items));
        return;
    }
    for (size_t i = 0; i < m->open_count; i++) {
        struct smb_open *o = m->opens[i];
        bool is_new = place_of(m, o) == SMB_PLACE_RESERVED && smb_open_mark_stale(o);
        m->out->closed += is_new || smb_open_evict(o);
    }
}

/* Everybody goes on meanwhile, so that the gate is closed for a short time. */
static smbkit_status prepare(struct mover *m, bool all)
{
    if (!opens_take(m)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    if (all) {
        time_limit(m, SMB_MOVE_REST_MS, SMB_MOVE_REST_MS);
        m->out->closed = count_unmovable(m);
    }
    if (m->out->closed > 0) {
        return SMBKIT_STATUS_SHARING_VIOLATION;
    }
    smb_share_grant_none(m->share);
    if (opens_take(m)) {
        uncache_all(m);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The gate is closed. */
static smbkit_status move(struct mover *m, struct smb_share *fresh, bool all)
{
    time_limit(m, SMB_MOVE_REST_MS, SMB_MOVE_REST_MS);
    wait_for_entered(m);
    if (!opens_take(m)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    wait_for_reserved(m);
    if (all) {
        m->out->closed = count_unmovable(m);
    }
    /* What has begun and has no place yet might be one more. */
    bool is_unknown = all && atomic_load(&m->share->gate.entered) > 0;
    if (is_ending(m)) {
        m->out->closed = 0;
        return SMBKIT_STATUS_CANCELLED;
    }
    if (m->out->closed > 0 || is_unknown) {
        return SMBKIT_STATUS_SHARING_VIOLATION;
    }
    if (!smb_share_become(m->server, m->share, fresh)) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    move_opens(m);
    trees_end(m); /* after their handles, which are counted */
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status run(struct smb_server *s, struct smb_share *share, struct smb_share *fresh,
                         bool all, struct smb_moved *out)
{
    struct mover m = {
        .server = s, .share = share, .volume = vfs_volume_ref(fresh->volume), .out = out};
    vfs_wait_init(&m.wait, wake);
    mutex_init(&m.lock);
    cond_init(&m.cond);
    smb_roots_init(&m.roots);
    smbkit_status status = prepare(&m, all);
    if (SMBKIT_OK(status)) {
        smb_share_close(share);
        status = move(&m, fresh, all);
    }
    smb_share_open(share);
    smb_roots_fini(&m.roots);
    opens_drop(&m);
    vfs_wait_fini(&m.wait);
    cond_fini(&m.cond);
    mutex_fini(&m.lock);
    vfs_volume_unref(m.volume);
    log_info(NULL, "share %s share=%s moved=%llu closed=%llu status=%s",
             SMBKIT_OK(status) ? "replaced" : "not replaced", quoted(share->name).text,
             (unsigned long long)out->moved, (unsigned long long)out->closed,
             smbkit_status_name(status));
    return status;
}

/* ---- the interface ---- */

void smb_server_move_none(struct smb_server *s)
{
    atomic_store_explicit(&s->moves_none, true, memory_order_relaxed); /* see there */
}

static size_t count_opens(struct smb_server *s, struct smb_share *share)
{
    struct smb_moved out;
    struct mover m = {.server = s, .share = share, .out = &out};
    size_t count = opens_take(&m) ? m.open_count : 0;
    opens_drop(&m);
    return count;
}

static smbkit_status replace(struct smb_server *s, struct smb_share *share,
                             const struct smb_share_spec *spec, enum smb_handles how,
                             struct smb_moved *out)
{
    if (share->type != SMB_SHARE_IS_DISK) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    if (how == SMB_HANDLES_CLOSE) {
        out->closed = smb_share_is_on(share, spec->volume) ? 0 : count_opens(s, share);
        return smb_server_share_set(s, spec);
    }
    if (!s->config.env.work) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct smb_share *fresh = smb_share_new(s, spec, SMB_SHARE_IS_DISK);
    if (!fresh) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!smb_share_is_on(share, spec->volume)) {
        status = run(s, share, fresh, how == SMB_HANDLES_MOVE_ALL, out);
    } else if (!smb_share_become(s, share, fresh)) { /* nothing but the settings */
        status = SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    smb_share_unref(fresh);
    return status;
}

smbkit_status smb_server_share_replace(struct smb_server *s, const struct smb_share_spec *spec,
                                       enum smb_handles how, struct smb_moved *out)
{
    *out = (struct smb_moved){0};
    if (!spec->volume) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    SCOPED_LOCK(&s->replace_lock);
    struct smb_share *share = smb_server_share_find(s, spec->name);
    if (!share) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    smbkit_status status = replace(s, share, spec, how, out);
    smb_share_unref(share);
    return status;
}
