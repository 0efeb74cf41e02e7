/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in a file of the host, which has no name: nobody else opens it, and it goes with the
 * process, however that ends. So nothing is ever found of a run before. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_NO_SLOT UINT32_MAX

/* Which blocks of the file are free. */
struct cache_disk {
    int fd;         /* immutable after cache_disk_open; -1: there is none */
    uint32_t max;   /* slots; less from when the file cannot grow any more */
    uint32_t fresh; /* slots that were never used begin there */
    uint32_t free_count;
    uint32_t *free;  /* [max at first] */
    uint32_t *turns; /* [max at first] counted up when a slot is taken */
};

/* Where a block lies. */
struct cache_spot {
    uint32_t slot; /* CACHE_NO_SLOT: nowhere */
    uint32_t turn; /* of the slot */
    uint64_t sum;
};

/* 0, or -errno: then there is none. size: bytes. */
int cache_disk_open(struct cache_disk *d, const char *folder, uint64_t size);
void cache_disk_close(struct cache_disk *d);

/* By whoever guards d. CACHE_NO_SLOT: all are taken. */
uint32_t cache_disk_take(struct cache_disk *d);
void cache_disk_give(struct cache_disk *d, uint32_t slot);
/* There is no room on the host for the slot that was just taken, nor for more of them. */
void cache_disk_bound(struct cache_disk *d, uint32_t slot);

/* From any thread. 0 or -errno. -EAGAIN: not without waiting; -EBADMSG: it is not what was written.
 * A slot that was taken anew meanwhile gives anything: the turn tells. */
int cache_disk_read(const struct cache_disk *d, const struct cache_spot *at, void *data, size_t len,
                    bool nowait);
int cache_disk_write(const struct cache_disk *d, uint32_t slot, const void *data, size_t len);
uint64_t cache_disk_sum(const void *data, size_t len);
