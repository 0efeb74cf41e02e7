/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_store.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64u
#define SLOTS_MAX 1048576u

struct cache_block {
    struct cache_node *node;
    uint64_t index; /* of blocks from the file's beginning */
    uint32_t len;
    struct cache_block *next;                  /* in its slot */
    struct cache_block *newer, *older;         /* of all */
    struct cache_block *node_next, *node_prev; /* of its file */
    uint8_t data[];
};

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

bool cache_store_init(struct cache_store *s, uint64_t max, bool keeps_closed)
{
    uint64_t slots = max / CACHE_BLOCK * 2;
    slots = slots < SLOTS_MIN ? SLOTS_MIN : slots;
    *s = (struct cache_store){.max = max, .keeps_closed = keeps_closed};
    s->slot_count = (uint32_t)(slots > SLOTS_MAX ? SLOTS_MAX : slots);
    s->nodes = calloc(s->slot_count, sizeof(struct cache_node *));
    s->blocks = calloc(s->slot_count, sizeof(struct cache_block *));
    pthread_mutex_init(&s->lock, NULL);
    return s->nodes && s->blocks;
}

/* ---- the order of all ---- */

static void order_leave(struct cache_store *s, struct cache_block *b)
{
    *(b->newer ? &b->newer->older : &s->newest) = b->older;
    *(b->older ? &b->older->newer : &s->oldest) = b->newer;
}

static void order_enter(struct cache_store *s, struct cache_block *b)
{
    b->newer = NULL;
    b->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = b;
    s->newest = b;
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

static void block_free(struct cache_store *s, struct cache_block *b)
{
    struct cache_block **at = &s->blocks[block_slot(s, b->node, b->index)];
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    order_leave(s, b);
    *(b->node_prev ? &b->node_prev->node_next : &b->node->blocks) = b->node_next;
    if (b->node_next) {
        b->node_next->node_prev = b->node_prev;
    }
    s->bytes -= sizeof(*b) + b->len;
    s->count--;
    free(b);
}

static void block_add(struct cache_store *s, struct cache_block *b)
{
    struct cache_block **slot = &s->blocks[block_slot(s, b->node, b->index)];
    b->next = *slot;
    *slot = b;
    order_enter(s, b);
    b->node_prev = NULL;
    b->node_next = b->node->blocks;
    if (b->node_next) {
        b->node_next->node_prev = b;
    }
    b->node->blocks = b;
    s->bytes += sizeof(*b) + b->len;
    s->count++;
}

/* ---- files ---- */

/* Nobody needs to know it any more? */
static void node_look(struct cache_store *s, struct cache_node *n)
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
        block_free(s, n->blocks);
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
    node_look(s, n);
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
            node_look(s, n);
        }
    }
}

void cache_store_fini(struct cache_store *s)
{
    if (s->nodes && s->blocks) {
        cache_drop_all(s);
    }
    free(s->nodes);
    free(s->blocks);
    pthread_mutex_destroy(&s->lock);
}

/* ---- data ---- */

/* The bytes that a read would give, all of them in blocks that are there? */
static bool is_there(const struct cache_store *s, const struct cache_node *n, uint64_t offset,
                     uint32_t length)
{
    uint64_t last = (offset + length - 1) / CACHE_BLOCK;
    for (uint64_t i = offset / CACHE_BLOCK; i <= last; i++) {
        const struct cache_block *b = block_find(s, n, i);
        if (!b) {
            return false;
        }
        if (b->len < CACHE_BLOCK) {
            return true; /* the file ends in it */
        }
    }
    return true;
}

bool cache_get(struct cache_store *s, struct cache_node *n, const struct cache_want *want,
               uint8_t *out, uint32_t *done_r)
{
    const uint64_t offset = want->offset;
    const uint32_t length = want->length;
    uint32_t done = 0;
    if (length == 0 || offset > UINT64_MAX - length || !is_there(s, n, offset, length)) {
        s->misses++;
        return false;
    }
    while (done < length) {
        struct cache_block *b = block_find(s, n, (offset + done) / CACHE_BLOCK);
        uint32_t from = (uint32_t)((offset + done) % CACHE_BLOCK);
        uint32_t left = b->len > from ? b->len - from : 0;
        uint32_t part = left < length - done ? left : length - done;
        memcpy(out + done, b->data + from, part);
        done += part;
        order_leave(s, b);
        order_enter(s, b);
        if (b->len < CACHE_BLOCK) {
            break;
        }
    }
    *done_r = done;
    s->hits++;
    return true;
}

/* Room for one more; what goes may be the last of its file. keep: stays whatever it has. */
static void make_room(struct cache_store *s, const struct cache_node *keep, uint64_t size)
{
    while (s->oldest && s->bytes + size > s->max) {
        struct cache_node *of = s->oldest->node;
        block_free(s, s->oldest);
        if (of != keep) {
            node_look(s, of);
        }
    }
}

void cache_put(struct cache_store *s, struct cache_node *n, uint64_t offset, const uint8_t *data,
               size_t len)
{
    for (size_t at = 0; at < len; at += CACHE_BLOCK) {
        size_t part = len - at < CACHE_BLOCK ? len - at : CACHE_BLOCK;
        uint64_t size = sizeof(struct cache_block) + part;
        struct cache_block *b = size <= s->max ? malloc(size) : NULL;
        if (!b) {
            return;
        }
        b->node = n;
        b->index = (offset + at) / CACHE_BLOCK;
        b->len = (uint32_t)part;
        memcpy(b->data, data + at, part);
        struct cache_block *old = block_find(s, n, b->index);
        if (old) {
            block_free(s, old);
        }
        make_room(s, n, size);
        block_add(s, b);
    }
}
