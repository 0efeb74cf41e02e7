/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <errno.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

struct net_limits {
    unsigned total_max;       /* immutable after init */
    unsigned per_address_max; /* immutable after init */
    uint64_t seed;            /* immutable after init */
    struct mutex lock;
    struct hash_table addresses; /* guarded by lock */
    unsigned total;              /* guarded by lock */
};

struct entry {
    struct hash_link link;
    unsigned count;
    char address[NET_ADDR_TEXT_SIZE];
};

struct net_limits *net_limits_new(unsigned total_max, unsigned per_address_max)
{
    struct net_limits *l = mem_zalloc(sizeof(*l));
    if (l) {
        l->total_max = total_max;
        l->per_address_max = per_address_max;
        os_random(&l->seed, sizeof(l->seed));
        mutex_init(&l->lock);
        hash_table_init(&l->addresses);
    }
    return l;
}

void net_limits_free(struct net_limits *l)
{
    if (!l) {
        return;
    }
    ASSERT(l->total == 0);
    hash_table_fini(&l->addresses);
    mutex_fini(&l->lock);
    mem_free(l);
}

static bool entry_is(const struct hash_link *link, const void *key)
{
    return str_eq(CONTAINER_OF(link, struct entry, link)->address, key);
}

static struct entry *entry_get(struct net_limits *l, const char *address)
{
    uint64_t hash = hash_bytes(l->seed, address, str_len(address));
    struct hash_link *link = hash_table_get(&l->addresses, hash, entry_is, address);
    return link ? CONTAINER_OF(link, struct entry, link) : NULL;
}

static struct entry *entry_add(struct net_limits *l, const char *address)
{
    struct entry *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return NULL;
    }
    str_copy(e->address, sizeof(e->address), address);
    uint64_t hash = hash_bytes(l->seed, e->address, str_len(e->address));
    if (!hash_table_add(&l->addresses, &e->link, hash)) {
        mem_free(e);
        return NULL;
    }
    return e;
}

int net_limits_enter(struct net_limits *l, const char *address)
{
    SCOPED_LOCK(&l->lock);
    if (l->total >= l->total_max) {
        return -EMFILE;
    }
    struct entry *e = entry_get(l, address);
    if (e && e->count >= l->per_address_max) {
        return -EUSERS;
    }
    if (!e) {
        e = entry_add(l, address);
    }
    if (!e) {
        return -ENOMEM;
    }
    e->count++;
    l->total++;
    return 0;
}

void net_limits_leave(struct net_limits *l, const char *address)
{
    SCOPED_LOCK(&l->lock);
    struct entry *e = entry_get(l, address);
    ASSERT(e && l->total > 0);
    l->total--;
    if (--e->count == 0) {
        hash_table_remove(&l->addresses, &e->link);
        mem_free(e);
    }
}

unsigned net_limits_count(struct net_limits *l)
{
    SCOPED_LOCK(&l->lock);
    return l->total;
}
