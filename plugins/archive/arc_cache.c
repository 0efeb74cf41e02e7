/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded chunks in a file without a name, each in a place of its own; the one used longest ago
 * goes first. Memory is 50 bytes a place, whatever the archive holds. The file is read and written
 * without the lock: one that is written has a mark, and who has read looks whether it is still the
 * same. */
#include "arc_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unnamed.h"

struct place {
    uint64_t entry;
    uint64_t chunk;
    uint32_t len;     /* 0: free */
    uint16_t is_lost; /* it could not be written, or is being written */
    uint16_t is_busy; /* it is being written: nobody else's yet */
    uint32_t turn;    /* of what is in it */
    uint32_t next;    /* of the same hash */
    uint32_t older;   /* towards the one that goes first */
    uint32_t younger;
};

struct arc_cache {
    pthread_mutex_t lock;
    int fd;
    uint32_t count;
    uint32_t mask; /* of table */
    /* lock */
    uint32_t used; /* places that ever had something */
    uint32_t oldest;
    uint32_t youngest;
    struct place *places;
    uint32_t *table;
};

int arc_file_without_name(void)
{
    int fd = unnamed_file("smbkit-archive");
    if (fd < 0) {
        smbkit_log(1, "archive what is decoded is kept in memory reason=\"%s\"; see TMPDIR",
                   strerror(errno));
        fd = memfd_create("smbkit-archive", MFD_CLOEXEC);
    }
    return fd;
}

struct arc_cache *arc_cache_new(uint64_t max)
{
    struct arc_cache *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    uint64_t count = max / ARC_CHUNK;
    c->count = count > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)count;
    c->mask = 63;
    while (c->mask < c->count) {
        c->mask = 2 * c->mask + 1;
    }
    c->oldest = c->youngest = ARC_NONE;
    c->places = calloc(c->count, sizeof(*c->places));
    c->table = malloc((c->mask + 1ull) * sizeof(*c->table));
    c->fd = arc_file_without_name();
    pthread_mutex_init(&c->lock, NULL);
    if (!c->places || !c->table || c->fd < 0) {
        arc_cache_free(c);
        return NULL;
    }
    for (uint32_t i = 0; i <= c->mask; i++) {
        c->table[i] = ARC_NONE;
    }
    return c;
}

void arc_cache_free(struct arc_cache *c)
{
    if (!c) {
        return;
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    pthread_mutex_destroy(&c->lock);
    free(c->places);
    free(c->table);
    free(c);
}

static uint32_t *head_of(struct arc_cache *c, uint64_t entry, uint64_t chunk)
{
    uint64_t h = (entry * 0x9e3779b97f4a7c15u) ^ (chunk * 0xc2b2ae3d27d4eb4fu);
    return &c->table[(h ^ h >> 29) & c->mask];
}

static uint32_t find(struct arc_cache *c, uint64_t entry, uint64_t chunk)
{
    uint32_t i = *head_of(c, entry, chunk);
    while (i != ARC_NONE && (c->places[i].entry != entry || c->places[i].chunk != chunk)) {
        i = c->places[i].next;
    }
    return i;
}

static void age_out(struct arc_cache *c, uint32_t i)
{
    struct place *p = &c->places[i];
    *(p->older == ARC_NONE ? &c->oldest : &c->places[p->older].younger) = p->younger;
    *(p->younger == ARC_NONE ? &c->youngest : &c->places[p->younger].older) = p->older;
}

static void age_in(struct arc_cache *c, uint32_t i)
{
    struct place *p = &c->places[i];
    p->older = c->youngest;
    p->younger = ARC_NONE;
    *(c->youngest == ARC_NONE ? &c->oldest : &c->places[c->youngest].younger) = i;
    c->youngest = i;
}

static void forget(struct arc_cache *c, uint32_t i)
{
    uint32_t *at = head_of(c, c->places[i].entry, c->places[i].chunk);
    while (*at != i) {
        at = &c->places[*at].next;
    }
    *at = c->places[i].next;
    c->places[i].len = 0;
}

static int copy_out(int fd, uint64_t at, void *to, uint32_t len, int nowait)
{
    struct iovec v = {.iov_base = to, .iov_len = len};
    ssize_t n;
    do {
        n = preadv2(fd, &v, 1, (off_t)at, nowait ? RWF_NOWAIT : 0);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

int arc_cache_get(struct arc_cache *c, const struct arc_piece *p, void *to, int nowait)
{
    pthread_mutex_lock(&c->lock);
    uint32_t i = find(c, p->entry, p->chunk);
    const struct place *at = i == ARC_NONE ? NULL : &c->places[i];
    int ok = at && !at->is_lost && p->at <= at->len && p->len <= at->len - p->at;
    uint32_t turn = ok ? at->turn : 0;
    if (ok) {
        age_out(c, i);
        age_in(c, i);
    }
    pthread_mutex_unlock(&c->lock);
    if (!ok || !copy_out(c->fd, (uint64_t)i * ARC_CHUNK + p->at, to, p->len, nowait)) {
        return 0;
    }
    pthread_mutex_lock(&c->lock);
    ok = c->places[i].turn == turn;
    pthread_mutex_unlock(&c->lock);
    return ok;
}

/* The oldest one that nobody writes, the lock held; ARC_NONE. */
static uint32_t take_oldest(struct arc_cache *c)
{
    uint32_t i = c->oldest;
    while (i != ARC_NONE && c->places[i].is_busy) {
        i = c->places[i].younger;
    }
    if (i != ARC_NONE) {
        age_out(c, i);
        forget(c, i);
    }
    return i;
}

/* A place for it, the lock held: one that has it, a new one, or that of the oldest. ARC_NONE: it is
 * being written, or all are. */
static uint32_t take_place(struct arc_cache *c, uint64_t entry, uint64_t chunk)
{
    uint32_t i = find(c, entry, chunk);
    if (i != ARC_NONE && c->places[i].is_busy) {
        return ARC_NONE;
    }
    if (i == ARC_NONE) {
        i = c->used < c->count ? c->used++ : take_oldest(c);
        if (i == ARC_NONE) {
            return i;
        }
        struct place *p = &c->places[i];
        uint32_t *head = head_of(c, entry, chunk);
        *p = (struct place){.entry = entry, .chunk = chunk, .next = *head, .turn = p->turn};
        *head = i;
    } else {
        age_out(c, i);
    }
    age_in(c, i);
    return i;
}

void arc_cache_put(struct arc_cache *c, uint64_t entry, uint64_t chunk, const void *data,
                   uint32_t len)
{
    if (len == 0 || c->count == 0) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    uint32_t i = take_place(c, entry, chunk);
    struct place *p = i == ARC_NONE ? NULL : &c->places[i];
    if (p) {
        p->len = len;
        p->is_lost = p->is_busy = 1;
        p->turn++;
    }
    pthread_mutex_unlock(&c->lock);
    if (!p) {
        return;
    }
    int is_written = pwrite(c->fd, data, len, (off_t)((uint64_t)i * ARC_CHUNK)) == (ssize_t)len;
    pthread_mutex_lock(&c->lock);
    p->is_lost = !is_written; /* no room for it */
    p->is_busy = 0;
    pthread_mutex_unlock(&c->lock);
}
