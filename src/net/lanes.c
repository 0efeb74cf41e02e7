/* SPDX-License-Identifier: Apache-2.0 */
#include "net/lanes.h"

#include "base/mem.h"

static void lane_init(struct lane *l, struct lane *parent, unsigned max)
{
    *l = (struct lane){.parent = parent, .max = max};
    list_init(&l->ready_link);
    list_init(&l->ready);
    list_init(&l->fresh);
    list_init(&l->jobs);
}

void lanes_init(struct lanes *ls, const struct work_quota quota[WORK_KIND_COUNT], uint64_t seed)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < WORK_KIND_COUNT; i++) {
        ASSERT(quota[i].kind_max > quota[i].kind_spare && quota[i].volume_max > 0 &&
               quota[i].session_max > 0);
        ls->quota[i] = quota[i];
        lane_init(&ls->kinds[i], &ls->root, quota[i].kind_max);
        ls->kinds[i].spare = quota[i].kind_spare;
        sum += quota[i].kind_max;
    }
    lane_init(&ls->root, NULL, sum);
    hash_table_init(&ls->table);
    ls->seed = seed;
}

void lanes_fini(struct lanes *ls)
{
    ASSERT(ls->table.count == 0 && ls->root.running == 0 && !lanes_is_ready(ls));
    hash_table_fini(&ls->table);
}

/* ---- whose turn it is ---- */

/* May more run of lanes below that have something running, or of its own jobs? */
static bool has_room(const struct lane *l)
{
    return l->running < l->max - l->spare;
}

static bool can_run(const struct lane *l)
{
    bool has_more = !list_is_empty(&l->jobs) || !list_is_empty(&l->ready);
    return l->running < l->max && (!list_is_empty(&l->fresh) || (has_more && has_room(l)));
}

bool lanes_is_ready(const struct lanes *ls)
{
    return can_run(&ls->root);
}

/* Where l is to stand. */
static struct list *place_of(struct lane *l)
{
    if (!can_run(l)) {
        return NULL;
    }
    return l->running == 0 && l->parent->spare > 0 ? &l->parent->fresh : &l->parent->ready;
}

static void put(struct lane *l, struct list *place)
{
    if (l->in == place) {
        return;
    }
    list_remove(&l->ready_link); /* harmless where it is in none */
    if (place) {
        list_push_back(place, &l->ready_link);
    }
    l->in = place;
}

/* Have l and those above it stand among the ready ones exactly when they can run. */
static void settle(struct lane *l)
{
    for (; l->parent; l = l->parent) {
        put(l, place_of(l));
    }
}

/* The lane below l, which can run and has no jobs of its own, whose turn it is. */
static struct lane *next_below(struct lane *l)
{
    bool has_fresh = !list_is_empty(&l->fresh);
    bool has_others = !list_is_empty(&l->ready) && has_room(l);
    bool is_fresh = has_fresh && !(has_others && l->fresh_had_turn);
    if (has_fresh && has_others) {
        l->fresh_had_turn = is_fresh;
    }
    return LIST_ENTRY(is_fresh ? l->fresh.next : l->ready.next, struct lane, ready_link);
}

struct job *lanes_pop(struct lanes *ls, struct lane **lane_r)
{
    struct lane *l = &ls->root;
    if (!can_run(l)) {
        return NULL;
    }
    while (list_is_empty(&l->jobs) || !has_room(l)) {
        l = next_below(l);
    }
    struct job *job = LIST_ENTRY(list_pop_front(&l->jobs), struct job, link);
    *lane_r = l;
    for (struct lane *up = l; up; up = up->parent) {
        up->running++;
        put(up, NULL); /* settle puts it behind the others */
    }
    settle(l);
    return job;
}

bool lanes_has_spared(const struct lanes *ls, const struct lane *lane)
{
    while (lane->parent && lane->parent != &ls->root) {
        lane = lane->parent;
    }
    return lane->parent && !has_room(lane) && can_run(lane);
}

/* ---- the lanes of volumes and sessions ---- */

static bool key_eq(const struct hash_link *link, const void *key)
{
    const struct work_key *a = &CONTAINER_OF(link, struct lane, link)->key;
    const struct work_key *b = key;
    return a->kind == b->kind && a->volume == b->volume && a->session == b->session;
}

static uint64_t key_hash(const struct lanes *ls, const struct work_key *key)
{
    const uint64_t words[3] = {key->kind, key->volume, key->session};
    return hash_bytes(ls->seed, words, sizeof(words));
}

/* A new one under parent; parent itself when there is no memory for one. */
static struct lane *lane_new(struct lanes *ls, const struct work_key *key, struct lane *parent,
                             unsigned max)
{
    struct lane *l = mem_alloc(sizeof(*l));
    if (!l) {
        return parent;
    }
    lane_init(l, parent, max);
    l->key = *key;
    if (!hash_table_add(&ls->table, &l->link, key_hash(ls, key))) {
        mem_free(l);
        return parent;
    }
    parent->children++;
    return l;
}

static struct lane *lane_get(struct lanes *ls, const struct work_key *key, struct lane *parent,
                             unsigned max)
{
    struct hash_link *link = hash_table_get(&ls->table, key_hash(ls, key), key_eq, key);
    return link ? CONTAINER_OF(link, struct lane, link) : lane_new(ls, key, parent, max);
}

/* Free l, and what is above it, as far as nothing is in them. */
static void drop_empty(struct lanes *ls, struct lane *l)
{
    while (l->parent && l->parent != &ls->root && l->children == 0 && l->running == 0 &&
           list_is_empty(&l->jobs)) {
        struct lane *parent = l->parent;
        hash_table_remove(&ls->table, &l->link);
        mem_free(l);
        parent->children--;
        l = parent;
    }
}

void lanes_push(struct lanes *ls, const struct work_key *key, struct job *job)
{
    const struct work_quota *q = &ls->quota[key->kind];
    const struct work_key volume_key = {.kind = key->kind, .volume = key->volume};
    struct lane *l = lane_get(ls, &volume_key, &ls->kinds[key->kind], q->volume_max);
    if (key->session != 0) {
        l = lane_get(ls, key, l, q->session_max);
    }
    list_push_back(&l->jobs, &job->link);
    settle(l);
}

void lanes_done(struct lanes *ls, struct lane *lane)
{
    for (struct lane *up = lane; up; up = up->parent) {
        ASSERT(up->running > 0);
        up->running--;
    }
    settle(lane);
    drop_empty(ls, lane);
}
