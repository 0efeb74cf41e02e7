/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded chunks in a file without a name, each in a place of its own; the one used longest ago
 * goes first. Memory is 50 bytes a place, whatever the archive holds. */
#include "arc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct place {
    uint64_t entry;
    uint64_t chunk;
    uint32_t len;     /* 0: free */
    uint32_t is_lost; /* it could not be written */
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
    const char *folder = getenv("TMPDIR");
    int fd = open(folder && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : memfd_create("smbkit-archive", MFD_CLOEXEC);
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
    if (nowait && pthread_mutex_trylock(&c->lock) != 0) {
        return 0; /* who has it may wait for the disk */
    }
    if (!nowait) {
        pthread_mutex_lock(&c->lock);
    }
    uint32_t i = find(c, p->entry, p->chunk);
    const struct place *at = i == ARC_NONE ? NULL : &c->places[i];
    int ok = at && !at->is_lost && p->at <= at->len && p->len <= at->len - p->at &&
             copy_out(c->fd, (uint64_t)i * ARC_CHUNK + p->at, to, p->len, nowait);
    if (ok) {
        age_out(c, i);
        age_in(c, i);
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

/* A place for it, the lock held: one that has it, a new one, or that of the oldest. */
static uint32_t take_place(struct arc_cache *c, uint64_t entry, uint64_t chunk)
{
    uint32_t i = find(c, entry, chunk);
    if (i == ARC_NONE) {
        i = c->used < c->count ? c->used++ : c->oldest;
        if (c->places[i].len > 0) {
            age_out(c, i);
            forget(c, i);
        }
        struct place *p = &c->places[i];
        uint32_t *head = head_of(c, entry, chunk);
        *p = (struct place){.entry = entry, .chunk = chunk, .next = *head};
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
    c->places[i].len = len;
    c->places[i].is_lost = 0;
    if (pwrite(c->fd, data, len, (off_t)((uint64_t)i * ARC_CHUNK)) != (ssize_t)len) {
        c->places[i].is_lost = 1; /* no room for it */
    }
    pthread_mutex_unlock(&c->lock);
}
