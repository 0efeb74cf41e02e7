/* SPDX-License-Identifier: Apache-2.0 */
/* Entries by number, found by (folder, name), listed in the order of the archive: who copies a
 * folder as it is listed has a compressed archive decoded once. */
#include "arc_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyed.h"

#define TABLE_MIN 64u

static uint32_t hash_of(const struct arc_index *x, uint32_t folder, const char *name, size_t len)
{
    const uint64_t key[2] = {x->key[0] ^ folder, x->key[1]};
    return (uint32_t)keyed_hash(key, name, len);
}

/* Room for one more element. 0: out of memory, or beyond max. */
static int grow(void **list, uint32_t *room, uint32_t want, size_t size, uint32_t max)
{
    if (want <= *room) {
        return 1;
    }
    uint64_t more = *room ? 2ull * *room : 64;
    more = more < want ? want : more;
    more = more > max ? max : more;
    void *bigger = want > max ? NULL : realloc(*list, more * size);
    if (!bigger) {
        return 0;
    }
    *list = bigger;
    *room = (uint32_t)more;
    return 1;
}

/* Twice as many places. */
static int table_grow(struct arc_index *x)
{
    uint32_t size = x->table_size ? 2 * x->table_size : TABLE_MIN;
    uint32_t *table = malloc(size * sizeof(*table));
    if (!table) {
        return 0;
    }
    memset(table, 0xff, size * sizeof(*table)); /* ARC_NONE */
    for (uint32_t i = 1; i < x->count; i++) {
        struct arc_node *n = &x->nodes[i];
        if (n->parent != ARC_NONE) {
            n->next = table[n->hash & (size - 1)];
            table[n->hash & (size - 1)] = i;
        }
    }
    free(x->table);
    x->table = table;
    x->table_size = size;
    return 1;
}

/* A node that is in no folder. */
static uint32_t node_new(struct arc_index *x, const char *name, size_t len)
{
    if (len + 1 > ARC_NAMES_MAX - x->names_len ||
        !grow((void **)&x->nodes, &x->room, x->count + 1, sizeof(*x->nodes), ARC_ENTRIES_MAX) ||
        !grow((void **)&x->names, &x->names_room, x->names_len + (uint32_t)len + 1, 1,
              ARC_NAMES_MAX)) {
        return ARC_NONE;
    }
    struct arc_node *n = &x->nodes[x->count];
    *n = (struct arc_node){.parent = ARC_NONE,
                           .name = x->names_len,
                           .next = ARC_NONE,
                           .first_child = ARC_NONE,
                           .last_child = ARC_NONE,
                           .next_child = ARC_NONE,
                           .target = ARC_NONE};
    memcpy(x->names + x->names_len, name, len);
    x->names[x->names_len + len] = '\0';
    x->names_len += (uint32_t)len + 1;
    return x->count++;
}

struct arc_index *arc_index_new(void)
{
    struct arc_index *x = calloc(1, sizeof(*x));
    if (!x) {
        return NULL;
    }
    atomic_init(&x->refs, 1);
    x->fd = -1;
    keyed_init(x->key);
    if (!table_grow(x) || node_new(x, "", 0) != ARC_ROOT) {
        arc_index_unref(x);
        return NULL;
    }
    x->nodes[ARC_ROOT].flags = ARC_FOLDER | ARC_MADE;
    return x;
}

void arc_index_ref(struct arc_index *x)
{
    atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed); /* who has one gives another */
}

void arc_index_unref(struct arc_index *x)
{
    /* the last one sees what the others did */
    if (!x || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (x->fd >= 0) {
        close(x->fd);
    }
    if (x->live) { /* relaxed: numbers alone, and who looks for room holds the lock */
        atomic_fetch_sub_explicit(&x->live->bytes, x->live_bytes, memory_order_relaxed);
        atomic_fetch_sub_explicit(&x->live->count, 1, memory_order_relaxed);
    }
    free(x->nodes);
    free(x->names);
    free(x->table);
    free(x);
}

int arc_index_is_current(const struct arc_index *x)
{
    struct stat st;
    if (fstat(x->fd, &st) != 0) {
        return 0;
    }
    struct arc_stamp now = arc_stamp_of(&st);
    /* It also changes when the file is given another name, or loses its last. */
    now.change_sec = x->stamp.change_sec;
    now.change_nsec = x->stamp.change_nsec;
    return arc_stamp_is(&now, &x->stamp);
}

uint32_t arc_index_child(const struct arc_index *x, uint32_t folder, const char *name, size_t len)
{
    uint32_t hash = hash_of(x, folder, name, len);
    uint32_t i = x->table[hash & (x->table_size - 1)];
    for (; i != ARC_NONE; i = x->nodes[i].next) {
        const struct arc_node *n = &x->nodes[i];
        if (n->hash == hash && n->parent == folder && strncmp(arc_name(x, i), name, len) == 0 &&
            arc_name(x, i)[len] == '\0') {
            return i;
        }
    }
    return ARC_NONE;
}

uint32_t arc_index_add(struct arc_index *x, uint32_t folder, const char *name, size_t len)
{
    if (x->count >= x->table_size && !table_grow(x)) {
        return ARC_NONE;
    }
    uint32_t i = node_new(x, name, len);
    if (i == ARC_NONE) {
        return ARC_NONE;
    }
    struct arc_node *n = &x->nodes[i];
    struct arc_node *in = &x->nodes[folder];
    n->parent = folder;
    n->hash = hash_of(x, folder, name, len);
    uint32_t *place = &x->table[n->hash & (x->table_size - 1)];
    n->next = *place;
    *place = i;
    if (in->last_child == ARC_NONE) {
        in->first_child = i;
    } else {
        x->nodes[in->last_child].next_child = i;
    }
    in->last_child = i;
    return i;
}

void arc_index_take_out(struct arc_index *x, uint32_t node)
{
    struct arc_node *n = &x->nodes[node];
    uint32_t *place = &x->table[n->hash & (x->table_size - 1)];
    while (*place != node) {
        place = &x->nodes[*place].next;
    }
    *place = n->next;
    n->parent = ARC_NONE;
}

/* ---- as clients see it ---- */

uint32_t arc_real(const struct arc_index *x, uint32_t node)
{
    return x->nodes[node].flags & ARC_LINK ? x->nodes[node].target : node;
}

int arc_is_shown(const struct arc_index *x, uint32_t node, int via)
{
    return !via || !(x->nodes[node].flags & ARC_LINK) ||
           !(x->nodes[arc_real(x, node)].flags & ARC_FOLDER);
}

smbkit_status arc_index_find(const struct arc_index *x, const char *path, struct arc_found *found)
{
    *found = (struct arc_found){.node = ARC_ROOT, .rest = path};
    while (*found->rest && !(x->nodes[found->node].flags & ARC_NESTED)) {
        const char *part = found->rest;
        size_t len = strcspn(part, "/");
        int is_last = part[len] == '\0';
        if (!(x->nodes[found->node].flags & ARC_FOLDER)) {
            return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        uint32_t next = arc_index_child(x, found->node, part, len);
        if (next == ARC_NONE || !arc_is_shown(x, next, found->via)) {
            return is_last ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND
                           : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        found->node = arc_real(x, next);
        found->via |= next != found->node && (x->nodes[found->node].flags & ARC_FOLDER);
        found->rest = part + len + !is_last;
    }
    return SMBKIT_STATUS_SUCCESS;
}
