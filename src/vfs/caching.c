/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/caching.h"

#include "base/mem.h"
#include "vfs/journal.h"
#include "vfs/oplock_core.h"

#define RWH (OPLOCK_R | OPLOCK_W | OPLOCK_H)

void caching_init(struct cache_grants *g)
{
    mutex_init(&g->lock);
    hash_table_init(&g->table);
    list_init(&g->due);
}

void caching_fini(struct cache_grants *g)
{
    ASSERT(g->table.count == 0 && list_is_empty(&g->due));
    hash_table_fini(&g->table);
    mutex_fini(&g->lock);
}

/* ---- keys ---- */

uint64_t caching_key(const struct vfs_call *call, struct vfs_volume *v)
{
    const struct journal_note *before = journal_recall(call, NOTE_CACHE_KEY, NULL);
    if (before) {
        return before->number;
    }
    mutex_lock(&v->grants.lock);
    const struct journal_note note = {.number = ++v->grants.clock};
    mutex_unlock(&v->grants.lock);
    journal_note(call, NOTE_CACHE_KEY, NULL, &note, false);
    return note.number;
}

static bool key_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, const struct cache_grant, link)->key == *(const uint64_t *)key;
}

static uint64_t hash_of(const struct vfs_volume *v, uint64_t key)
{
    return hash_u64(v->hash_seed, key);
}

static bool is_listed(const struct cache_grants *g, uint64_t key)
{
    for (uint32_t i = 0; i < CACHE_MISSED; i++) {
        if (g->missed[i].key == key) {
            return true;
        }
    }
    return false;
}

/* Under g->lock. It may be a key whose create is not done yet. */
static void miss(struct cache_grants *g, uint64_t key)
{
    if (is_listed(g, key)) {
        return; /* again and again: others keep their places */
    }
    uint32_t i = g->missed_next++ % CACHE_MISSED;
    g->forgotten = g->missed[i].at;
    g->missed[i].key = key;
    g->missed[i].at = ++g->clock;
}

/* Under g->lock: was it asked back since it was made? When that is not known any more, it was. */
static bool was_missed(const struct cache_grants *g, uint64_t key)
{
    return is_listed(g, key) || g->forgotten > key;
}

uint32_t caching_begin_locked(struct vfs_open *o, uint64_t key, uint32_t granted)
{
    struct cache_grants *g = &o->volume->grants;
    struct cache_grant *grant = mem_alloc(sizeof(*grant));
    if (!grant) {
        return 0;
    }
    *grant = (struct cache_grant){.open = o, .key = key};
    uint32_t has = 0;
    list_init(&grant->due);
    SCOPED_LOCK(&g->lock);
    /* While the plugin waits to hear that something was given up, nobody gets more. */
    if (o->node->cache_asked == 0 && !was_missed(g, key)) {
        has = granted & RWH;
    }
    bool may_cache = has != 0 || o->lease;
    if (!may_cache || !hash_table_add(&g->table, &grant->link, hash_of(o->volume, key))) {
        mem_free(grant);
        return 0;
    }
    o->cache_grant = grant;
    return has;
}

/* ---- what was asked for is given up ---- */

/* Under the node's lock. Of what is being broken the holder has all until it has answered. */
static bool is_given_up(const struct cache_grant *grant, uint8_t caching)
{
    return grant->is_asked && (caching & ~grant->left) == 0;
}

static void ask_locked(struct vfs_open *o, uint8_t left)
{
    struct cache_grant *grant = o->cache_grant;
    o->node->cache_asked += grant->is_asked ? 0 : 1;
    grant->left = left & (grant->is_asked ? grant->left : RWH);
    grant->is_asked = true;
}

static void settle_locked(struct vfs_open *o)
{
    o->cache_grant->is_asked = false;
    o->node->cache_asked--;
}

static void tell(const struct vfs_call *call, struct vfs_open *o, uint8_t kept)
{
    struct smbkit_cache a = {.struct_size = sizeof(a), .state = kept, .key = o->cache_grant->key};
    smbkit_status st = door_cache_ack(call, &o->f, &a);
    (void)st; /* told, not asked */
}

/* A close that has begun tells it itself. */
static void tell_due(struct vfs_open *o)
{
    if (!open_begin_found(o)) {
        return;
    }
    mutex_lock(&o->node->lock);
    uint8_t kept = o->holder->caching;
    bool is_due = is_given_up(o->cache_grant, kept);
    if (is_due) {
        settle_locked(o);
    }
    mutex_unlock(&o->node->lock);
    if (is_due) {
        const struct vfs_call call = {.token = o->volume->token};
        tell(&call, o, kept);
    }
    open_end(o);
}

/* The next open, with the reference that the list had; NULL: this job is done. */
static struct vfs_open *due_take(struct cache_grants *g)
{
    SCOPED_LOCK(&g->lock);
    struct list *l = list_pop_front(&g->due);
    g->is_telling = l != NULL;
    return l ? LIST_ENTRY(l, struct cache_grant, due)->open : NULL;
}

/* One at a time, so that of two answers for one key the later is told last. */
static void tell_all(void *arg)
{
    struct vfs_volume *v = arg;
    for (struct vfs_open *o; (o = due_take(&v->grants));) {
        tell_due(o);
        vfs_open_unref(o);
    }
}

/* Under grants.lock. */
static bool post(struct vfs_volume *v)
{
    return v->services && SMBKIT_OK(v->services->run_one(v->services, v, tell_all, v));
}

/* Under the node's lock, of an open that is in it. Where nothing runs for the volume, or not any
 * more, its close tells it. */
static void tell_later(struct vfs_open *o)
{
    struct vfs_volume *v = o->volume;
    struct cache_grants *g = &v->grants;
    SCOPED_LOCK(&g->lock);
    if (!list_is_empty(&o->cache_grant->due)) {
        return;
    }
    g->is_telling = g->is_telling || post(v);
    if (g->is_telling) {
        vfs_open_ref(o);
        list_push_back(&g->due, &o->cache_grant->due);
    }
}

void caching_given_up_locked(struct vfs_node *n)
{
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        if (o->cache_grant && is_given_up(o->cache_grant, o->holder->caching)) {
            tell_later(o);
        }
    }
}

/* Not only if it is asked for now: that can come while it closes. */
bool caching_end_may_block(const struct vfs_call *call, const struct vfs_open *o)
{
    return o->cache_grant && call->nowait && !o->volume->never_blocks;
}

void caching_end(const struct vfs_call *call, struct vfs_open *o)
{
    struct cache_grant *grant = o->cache_grant;
    if (!grant) {
        return;
    }
    mutex_lock(&o->volume->grants.lock);
    hash_table_remove(&o->volume->grants.table, &grant->link);
    mutex_unlock(&o->volume->grants.lock);
    mutex_lock(&o->node->lock);
    bool is_due = grant->is_asked;
    if (is_due) {
        settle_locked(o);
    }
    mutex_unlock(&o->node->lock);
    if (is_due) {
        const struct vfs_call on_the_spot = journal_on_the_spot(call);
        tell(&on_the_spot, o, grant->kept);
    }
}

/* ---- it is taken back ---- */

void caching_leave_locked(struct vfs_open *o, struct lease *l)
{
    struct vfs_node *n = o->node;
    struct cache_grant *grant = o->cache_grant;
    grant->kept = l->holder.caching;
    if (!grant->is_asked || is_given_up(grant, grant->kept)) {
        return;
    }
    LIST_FOR_EACH (link, &n->opens) {
        struct vfs_open *other = LIST_ENTRY(link, struct vfs_open, node_link);
        if (other->holder == &l->holder && other->cache_grant && other->volume == o->volume) {
            ask_locked(other, grant->left); /* which hears it: this one cannot wait */
            return;
        }
    }
}

/* A reference to the open of that key; NULL: there is none, and will be none. */
static struct vfs_open *open_of(struct vfs_volume *v, uint64_t key)
{
    struct cache_grants *g = &v->grants;
    SCOPED_LOCK(&g->lock);
    struct hash_link *link = hash_table_get(&g->table, hash_of(v, key), key_eq, &key);
    if (!link) {
        miss(g, key);
        return NULL;
    }
    return vfs_open_ref(CONTAINER_OF(link, struct cache_grant, link)->open);
}

static smbkit_status break_open(struct vfs_open *o, uint8_t left)
{
    struct vfs_node *n = o->node;
    struct cache_grant *grant = o->cache_grant;
    SCOPED_LOCK(&n->lock);
    if (o->holder->caching == 0) {
        return SMBKIT_STATUS_NOT_FOUND; /* or it has left the node */
    }
    ask_locked(o, left);
    struct oplock_result result;
    oplock_break_one(&n->oplock, o->holder, left, &result);
    oplock_tell_locked(&result);
    if (is_given_up(grant, o->holder->caching)) {
        tell_later(o); /* what clients read they give up at once */
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status caching_break(struct vfs_volume *v, uint64_t key, uint32_t state)
{
    /* Nothing is cached without reads. */
    uint8_t left = state & OPLOCK_R ? (uint8_t)(state & RWH) : 0;
    struct vfs_open *o = key ? open_of(v, key) : NULL;
    if (!o) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    smbkit_status st = break_open(o, left);
    vfs_open_unref(o);
    return st;
}
