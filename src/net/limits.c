/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <errno.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

struct net_limits {
    struct net_limits_spec spec; /* immutable after init */
    uint64_t seed;               /* immutable after init */
    struct mutex lock;
    /* guarded by lock */
    struct hash_table places;
    struct list hosts; /* places that have guests */
    unsigned total;    /* connections that were not sent away */
    unsigned guests;   /* of them */
    unsigned leaving;  /* sent away, and not gone yet */
};

/* Where connections come from; guarded by the limits' lock. */
struct place {
    struct hash_link link;
    struct list host_link; /* in hosts while there are guests */
    struct list guests;    /* struct net_slot, oldest first */
    unsigned guest_count;
    unsigned count; /* slots that were not sent away */
    unsigned slots; /* all: the place lives as long as there are any */
    char prefix[ADDR_PREFIX_SIZE];
};

enum standing { GUEST, RESIDENT, SENT_AWAY };

/* Guarded by the limits' lock. */
struct net_slot {
    struct net_limits *limits;
    struct place *place;
    struct list link; /* in place->guests */
    enum standing standing;
    void (*send_away)(void *owner); /* NULL: not attached yet, or called */
    void *owner;
};

struct net_limits *net_limits_new(const struct net_limits_spec *spec)
{
    struct net_limits *l = mem_zalloc(sizeof(*l));
    if (l) {
        l->spec = *spec;
        if (spec->leaving_max == 0 || spec->leaving_max > NET_LIMITS_LEAVING_MAX) {
            l->spec.leaving_max = NET_LIMITS_LEAVING_MAX;
        }
        os_random(&l->seed, sizeof(l->seed));
        mutex_init(&l->lock);
        hash_table_init(&l->places);
        list_init(&l->hosts);
    }
    return l;
}

void net_limits_free(struct net_limits *l)
{
    if (!l) {
        return;
    }
    ASSERT(l->total == 0 && l->leaving == 0);
    hash_table_fini(&l->places);
    mutex_fini(&l->lock);
    mem_free(l);
}

/* ---- places ---- */

static bool place_is(const struct hash_link *link, const void *prefix)
{
    return str_eq(CONTAINER_OF(link, struct place, link)->prefix, prefix);
}

static uint64_t hash_of(const struct net_limits *l, const char *prefix)
{
    return hash_bytes(l->seed, prefix, str_len(prefix));
}

static struct place *place_get(struct net_limits *l, const char *prefix)
{
    struct hash_link *link = hash_table_get(&l->places, hash_of(l, prefix), place_is, prefix);
    return link ? CONTAINER_OF(link, struct place, link) : NULL;
}

static struct place *place_add(struct net_limits *l, const char *prefix)
{
    struct place *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return NULL;
    }
    str_copy(p->prefix, sizeof(p->prefix), prefix);
    list_init(&p->host_link);
    list_init(&p->guests);
    if (!hash_table_add(&l->places, &p->link, hash_of(l, prefix))) {
        mem_free(p);
        return NULL;
    }
    return p;
}

static void place_drop_if_empty(struct net_limits *l, struct place *p)
{
    if (p->slots == 0) {
        hash_table_remove(&l->places, &p->link);
        mem_free(p);
    }
}

/* ---- guests ---- */

static void guest_add(struct net_limits *l, struct net_slot *s)
{
    struct place *p = s->place;
    list_push_back(&p->guests, &s->link);
    if (p->guest_count++ == 0) {
        list_push_back(&l->hosts, &p->host_link);
    }
    l->guests++;
}

static void guest_remove(struct net_limits *l, struct net_slot *s)
{
    struct place *p = s->place;
    list_remove(&s->link);
    if (--p->guest_count == 0) {
        list_remove(&p->host_link);
    }
    l->guests--;
}

static void send_away(struct net_limits *l, struct net_slot *s)
{
    guest_remove(l, s);
    s->standing = SENT_AWAY;
    s->place->count--;
    l->total--;
    l->leaving++;
    if (s->send_away) {
        s->send_away(s->owner);
    }
}

static struct net_slot *oldest_of(const struct place *p)
{
    return LIST_ENTRY(p->guests.next, struct net_slot, link);
}

/* The place with the most guests, the newcomer's (NULL: it is new) counted with him. */
static struct place *fullest(struct net_limits *l, const struct place *newcomers)
{
    struct place *found = NULL;
    unsigned most = 0;
    LIST_FOR_EACH (link, &l->hosts) {
        struct place *p = LIST_ENTRY(link, struct place, host_link);
        unsigned n = p->guest_count + (p == newcomers);
        if (n > most) {
            most = n;
            found = p;
        }
    }
    return found;
}

/* Room for one more from p (NULL: a new place). 0, -EUSERS, -EMFILE, -EBUSY. */
static int make_room(struct net_limits *l, struct place *p)
{
    bool place_is_full = p && p->count >= l->spec.per_place_max;
    if (place_is_full && p->guest_count == 0) {
        return -EUSERS;
    }
    if (!place_is_full && l->total < l->spec.total_max && l->guests < l->spec.guests_max) {
        return 0;
    }
    struct place *from = place_is_full ? p : fullest(l, p);
    if (!from) {
        return -EMFILE;
    }
    if (l->leaving >= l->spec.leaving_max) {
        return -EBUSY;
    }
    send_away(l, oldest_of(from));
    return 0;
}

/* ---- slots ---- */

int net_limits_enter(struct net_limits *l, const char *address, struct net_slot **slot_r)
{
    char prefix[ADDR_PREFIX_SIZE];
    *slot_r = NULL;
    addr_prefix(address, prefix);
    SCOPED_LOCK(&l->lock);
    struct place *p = place_get(l, prefix);
    int err = make_room(l, p);
    if (err != 0) {
        return err;
    }
    struct net_slot *s = mem_zalloc(sizeof(*s));
    p = s && !p ? place_add(l, prefix) : p;
    if (!s || !p) {
        mem_free(s);
        return -ENOMEM;
    }
    s->limits = l;
    s->place = p;
    p->slots++;
    p->count++;
    l->total++;
    guest_add(l, s);
    *slot_r = s;
    return 0;
}

void net_slot_attach(struct net_slot *s, void (*away)(void *owner), void *owner)
{
    SCOPED_LOCK(&s->limits->lock);
    s->send_away = away;
    s->owner = owner;
    if (s->standing == SENT_AWAY) {
        away(owner);
    }
}

void net_slot_settle(struct net_slot *s)
{
    SCOPED_LOCK(&s->limits->lock);
    if (s->standing == GUEST) {
        guest_remove(s->limits, s);
        s->standing = RESIDENT;
    }
}

bool net_slot_leave(struct net_slot *s)
{
    struct net_limits *l = s->limits;
    struct place *p = s->place;
    mutex_lock(&l->lock);
    bool was_sent_away = s->standing == SENT_AWAY;
    if (s->standing == GUEST) {
        guest_remove(l, s);
    }
    if (was_sent_away) {
        l->leaving--;
    } else {
        p->count--;
        l->total--;
    }
    p->slots--;
    place_drop_if_empty(l, p);
    mutex_unlock(&l->lock);
    bool was_called = was_sent_away && s->send_away;
    mem_free(s);
    return was_called;
}

unsigned net_limits_count(struct net_limits *l)
{
    SCOPED_LOCK(&l->lock);
    return l->total;
}
