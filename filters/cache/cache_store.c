/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_store.h"

#include <stdlib.h>
#include <string.h>

#include "cache_store_priv.h"

#define SLOTS_MIN 64u
#define SLOTS_MAX 4194304u

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint32_t node_slot(const struct cache_store *s, const struct cache_key *key)
{
    return (uint32_t)(mix(mix(mix(1, key->domain), key->id_high), key->id) % s->slot_count);
}

static uint32_t block_slot(const struct cache_store *s, const struct cache_node *n, uint64_t index)
{
    return (uint32_t)(mix(mix(2, (uint64_t)(uintptr_t)n), index) % s->slot_count);
}

bool cache_store_init(struct cache_store *s, uint64_t max, uint64_t disk_max, bool keeps_closed)
{
    uint64_t slots = (max + disk_max) / CACHE_BLOCK * 2;
    slots = slots < SLOTS_MIN ? SLOTS_MIN : slots;
    *s = (struct cache_store){.max = max, .keeps_closed = keeps_closed};
    s->disk.fd = -1;
    s->slot_count = (uint32_t)(slots > SLOTS_MAX ? SLOTS_MAX : slots);
    s->nodes = calloc(s->slot_count, sizeof(struct cache_node *));
    s->blocks = calloc(s->slot_count, sizeof(struct cache_block *));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->rest, NULL);
    return s->nodes && s->blocks;
}

/* ---- what blocks hold ---- */

struct cache_bytes *cache_bytes_new(const uint8_t *data, uint32_t len)
{
    struct cache_bytes *b = malloc(sizeof(*b) + len);
    if (b) {
        atomic_init(&b->refs, 1);
        b->len = len;
        if (data && len > 0) {
            memcpy(b->at, data, len);
        }
    }
    return b;
}

/* relaxed: who has one may make more */
static struct cache_bytes *bytes_ref(struct cache_bytes *b)
{
    if (b) {
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    }
    return b;
}

void cache_bytes_unref(struct cache_bytes *b)
{
    /* acq_rel: what others have read is behind them when it is freed */
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        free(b);
    }
}

/* ---- the orders ---- */

void cache_order_leave(struct cache_store *s, struct cache_block *b, unsigned order)
{
    struct cache_block *newer = b->newer[order];
    struct cache_block *older = b->older[order];
    *(newer ? &newer->older[order] : &s->orders[order].newest) = older;
    *(older ? &older->newer[order] : &s->orders[order].oldest) = newer;
}

void cache_order_enter(struct cache_store *s, struct cache_block *b, unsigned order)
{
    struct cache_order *o = &s->orders[order];
    b->newer[order] = NULL;
    b->older[order] = o->newest;
    *(o->newest ? &o->newest->newer[order] : &o->oldest) = b;
    o->newest = b;
}

static uint64_t memory_of(const struct cache_block *b)
{
    return sizeof(*b) + sizeof(struct cache_bytes) + b->len;
}

static void memory_leave(struct cache_store *s, struct cache_block *b)
{
    cache_order_leave(s, b, CACHE_BY_MEMORY);
    s->bytes -= memory_of(b);
    s->count--;
}

static void memory_enter(struct cache_store *s, struct cache_block *b)
{
    cache_order_enter(s, b, CACHE_BY_MEMORY);
    s->bytes += memory_of(b);
    s->count++;
}

/* ---- blocks ---- */

static struct cache_block *block_find(const struct cache_store *s, const struct cache_node *n,
                                      uint64_t index)
{
    struct cache_block *b = s->blocks[block_slot(s, n, index)];
    while (b && (b->node != n || b->index != index)) {
        b = b->next;
    }
    return b;
}

void cache_block_free(struct cache_store *s, struct cache_block *b)
{
    struct cache_block **at = &s->blocks[block_slot(s, b->node, b->index)];
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    *(b->node_prev ? &b->node_prev->node_next : &b->node->blocks) = b->node_next;
    if (b->node_next) {
        b->node_next->node_prev = b->node_prev;
    }
    if (b->is_leaving) {
        cache_spill_forget(s, b);
    } else if (b->bytes) {
        memory_leave(s, b);
    }
    if (b->spot.slot != CACHE_NO_SLOT) {
        cache_spot_free(s, b);
    }
    cache_bytes_unref(b->bytes);
    free(b);
}

static void block_add(struct cache_store *s, struct cache_block *b)
{
    struct cache_block **slot = &s->blocks[block_slot(s, b->node, b->index)];
    b->next = *slot;
    *slot = b;
    b->node_next = b->node->blocks;
    if (b->node_next) {
        b->node_next->node_prev = b;
    }
    b->node->blocks = b;
    memory_enter(s, b);
}

/* ---- files ---- */

void cache_node_look(struct cache_store *s, struct cache_node *n)
{
    if (n->opens > 0 || n->blocks) {
        return;
    }
    struct cache_node **at = &s->nodes[node_slot(s, &n->key)];
    while (*at != n) {
        at = &(*at)->next;
    }
    *at = n->next;
    free(n);
}

static void blocks_free(struct cache_store *s, struct cache_node *n)
{
    while (n->blocks) {
        cache_block_free(s, n->blocks);
        s->dropped++;
    }
}

struct cache_node *cache_open(struct cache_store *s, const struct cache_key *key)
{
    struct cache_node **slot = &s->nodes[node_slot(s, key)];
    struct cache_node *n = *slot;
    while (n && (n->key.id != key->id || n->key.id_high != key->id_high ||
                 n->key.domain != key->domain)) {
        n = n->next;
    }
    if (!n) {
        n = calloc(1, sizeof(*n));
        if (!n) {
            return NULL;
        }
        n->key = *key;
        n->next = *slot;
        *slot = n;
    }
    n->opens++;
    return n;
}

void cache_close(struct cache_store *s, struct cache_node *n)
{
    n->opens--;
    if (n->opens == 0 && !s->keeps_closed) {
        blocks_free(s, n);
    }
    cache_node_look(s, n);
}

void cache_drop(struct cache_store *s, struct cache_node *n)
{
    n->turn++;
    n->is_stamped = false;
    blocks_free(s, n);
}

void cache_stamp_set(struct cache_store *s, struct cache_node *n, const struct cache_stamp *stamp,
                     uint64_t now_ms)
{
    bool is_same = n->is_stamped && n->stamp.size == stamp->size &&
                   n->stamp.create_time == stamp->create_time &&
                   n->stamp.write_time == stamp->write_time &&
                   n->stamp.change_time == stamp->change_time;
    if (!is_same) {
        cache_drop(s, n);
    }
    n->stamp = *stamp;
    n->is_stamped = true;
    n->looked_ms = now_ms;
}

void cache_drop_all(struct cache_store *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        for (struct cache_node *n = s->nodes[i], *next; n; n = next) {
            next = n->next;
            cache_drop(s, n);
            cache_node_look(s, n);
        }
    }
}

void cache_store_fini(struct cache_store *s)
{
    cache_spill_end(s);
    if (s->nodes && s->blocks) {
        cache_drop_all(s);
    }
    if (s->disk.fd >= 0) {
        cache_disk_close(&s->disk);
    }
    free(s->nodes);
    free(s->blocks);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->rest);
    pthread_mutex_destroy(&s->lock);
}

void cache_store_count(struct cache_store *s, struct cache_counts *out)
{
    pthread_mutex_lock(&s->lock);
    *out = (struct cache_counts){.hits = s->hits,
                                 .misses = s->misses,
                                 .bytes = s->bytes,
                                 .blocks = s->count,
                                 .disk_hits = s->disk_hits,
                                 .disk_bytes = s->disk_bytes,
                                 .disk_size = (uint64_t)s->disk.max * CACHE_BLOCK,
                                 .disk = s->disk_state};
    pthread_mutex_unlock(&s->lock);
}

/* ---- data ---- */

/* The blocks that a read sees, without references; 0: they are not all there. */
static unsigned find_all(const struct cache_store *s, const struct cache_node *n,
                         const struct cache_want *want, struct cache_block **out)
{
    uint64_t first = want->offset / CACHE_BLOCK;
    uint64_t last = (want->offset + want->length - 1) / CACHE_BLOCK;
    unsigned count = 0;
    for (uint64_t i = first; i <= last; i++) {
        struct cache_block *b = block_find(s, n, i);
        if (!b || count == CACHE_PIECES_MAX) {
            return 0;
        }
        out[count++] = b;
        if (b->len < CACHE_BLOCK) {
            break; /* the file ends in it */
        }
    }
    return count;
}

static void touch(struct cache_store *s, struct cache_block *b)
{
    if (b->bytes && !b->is_leaving) {
        cache_order_leave(s, b, CACHE_BY_MEMORY);
        cache_order_enter(s, b, CACHE_BY_MEMORY);
    }
    if (b->spot.slot != CACHE_NO_SLOT) {
        cache_order_leave(s, b, CACHE_BY_DISK);
        cache_order_enter(s, b, CACHE_BY_DISK);
    }
}

unsigned cache_take(struct cache_store *s, struct cache_node *n, const struct cache_want *want,
                    struct cache_piece *out)
{
    struct cache_block *found[CACHE_PIECES_MAX];
    unsigned count = want->length > 0 && want->offset <= UINT64_MAX - want->length
                         ? find_all(s, n, want, found)
                         : 0;
    bool is_of_disk = false;
    for (unsigned i = 0; i < count; i++) {
        struct cache_block *b = found[i];
        out[i] = (struct cache_piece){bytes_ref(b->bytes), b->spot, b->index, b->len};
        is_of_disk |= !b->bytes;
        touch(s, b);
    }
    s->misses += count == 0;
    s->hits += count > 0;
    s->disk_hits += is_of_disk;
    return count;
}

uint32_t cache_copy(const struct cache_piece *pieces, unsigned count, const struct cache_want *want,
                    uint8_t *out)
{
    uint32_t done = 0;
    for (unsigned i = 0; i < count && done < want->length; i++) {
        const struct cache_bytes *b = pieces[i].bytes;
        uint32_t from = (uint32_t)((want->offset + done) % CACHE_BLOCK);
        uint32_t left = b->len > from ? b->len - from : 0;
        uint32_t part = left < want->length - done ? left : want->length - done;
        memcpy(out + done, b->at + from, part);
        done += part;
    }
    return done;
}

/* Room for so much more in memory. What goes may be the last of its file, but for the file keep. */
static void make_room(struct cache_store *s, const struct cache_node *keep, uint64_t size)
{
    struct cache_block *b;
    while ((b = s->orders[CACHE_BY_MEMORY].oldest) && s->bytes + size > s->max) {
        struct cache_node *of = b->node;
        if (b->spot.slot != CACHE_NO_SLOT) {
            memory_leave(s, b);
            cache_bytes_unref(b->bytes);
            b->bytes = NULL;
        } else if (cache_spill(s, b)) {
            memory_leave(s, b);
        } else {
            cache_block_free(s, b);
        }
        if (of != keep) {
            cache_node_look(s, of);
        }
    }
}

bool cache_disk_is(const struct cache_store *s, const struct cache_spot *spot)
{
    return s->has_disk && s->disk.turns[spot->slot] == spot->turn;
}

void cache_promote(struct cache_store *s, struct cache_node *n, const struct cache_piece *p,
                   struct cache_bytes *bytes)
{
    struct cache_block *b = block_find(s, n, p->index);
    if (b && !b->bytes && b->spot.slot == p->spot.slot && b->spot.turn == p->spot.turn) {
        make_room(s, n, memory_of(b));
        b->bytes = bytes_ref(bytes);
        memory_enter(s, b);
    }
}

void cache_put(struct cache_store *s, struct cache_node *n, uint64_t index,
               struct cache_bytes *bytes)
{
    struct cache_block *b = calloc(1, sizeof(*b));
    if (!b) {
        return;
    }
    b->node = n;
    b->index = index;
    b->len = bytes->len;
    b->bytes = bytes_ref(bytes);
    b->spot.slot = CACHE_NO_SLOT;
    struct cache_block *old = block_find(s, n, index);
    if (old) {
        cache_block_free(s, old);
    }
    make_room(s, n, memory_of(b));
    block_add(s, b);
}
