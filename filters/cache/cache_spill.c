/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves the memory goes to the disk, written by a thread of the store: nobody waits for it.
 * When more comes than the disk takes, what does not find a place in the queue is forgotten. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <smbkit/filter.h>

#include "cache_store_priv.h"

/* ---- blocks on disk ---- */

void cache_spot_free(struct cache_store *s, struct cache_block *b)
{
    cache_order_leave(s, b, CACHE_BY_DISK);
    cache_disk_give(&s->disk, b->spot.slot);
    b->spot.slot = CACHE_NO_SLOT;
    s->disk_bytes -= b->len;
    s->disk_count--;
}

/* Its place on disk is another's from now on. */
static void spot_lose(struct cache_store *s, struct cache_block *b)
{
    struct cache_node *n = b->node;
    cache_spot_free(s, b);
    if (!b->bytes) {
        cache_block_free(s, b);
        cache_node_look(s, n);
    }
}

bool cache_disk_end(struct cache_store *s, enum cache_disk_state why)
{
    if (!s->has_disk) {
        return false;
    }
    s->has_disk = false;
    s->disk_state = why;
    while (s->orders[CACHE_BY_DISK].oldest) {
        spot_lose(s, s->orders[CACHE_BY_DISK].oldest);
    }
    return true;
}

/* ---- on the way ---- */

bool cache_spill(struct cache_store *s, struct cache_block *b)
{
    if (!s->has_disk || s->ends || s->leaving_count == CACHE_LEAVING_MAX || s->disk.max == 0 ||
        b->len == 0) {
        return false;
    }
    uint32_t at = (s->leaving_first + s->leaving_count++) % CACHE_LEAVING_MAX;
    atomic_fetch_add_explicit(&b->bytes->refs, 1, memory_order_relaxed); /* the block has one */
    s->leaving[at] = (struct cache_leaving){b, b->bytes};
    b->is_leaving = true;
    pthread_cond_signal(&s->wake);
    return true;
}

void cache_spill_forget(struct cache_store *s, struct cache_block *b)
{
    if (s->writing.block == b) {
        s->writing.block = NULL;
    }
    for (uint32_t i = 0; i < CACHE_LEAVING_MAX; i++) {
        if (s->leaving[i].block == b) {
            s->leaving[i].block = NULL;
        }
    }
}

/* ---- the thread ---- */

/* What is to be written next, into s->writing; that its block is gone may be seen at once. */
static void next_get(struct cache_store *s)
{
    s->writing = s->leaving[s->leaving_first];
    s->leaving[s->leaving_first] = (struct cache_leaving){0};
    s->leaving_first = (s->leaving_first + 1) % CACHE_LEAVING_MAX;
    s->leaving_count--;
}

static uint32_t slot_get(struct cache_store *s)
{
    uint32_t slot = cache_disk_take(&s->disk);
    if (slot == CACHE_NO_SLOT && s->orders[CACHE_BY_DISK].oldest) {
        spot_lose(s, s->orders[CACHE_BY_DISK].oldest);
        slot = cache_disk_take(&s->disk);
    }
    return slot;
}

static void written(struct cache_store *s, const struct cache_spot *spot)
{
    struct cache_block *b = s->writing.block;
    if (!b || !s->has_disk) {
        cache_disk_give(&s->disk, spot->slot);
        return;
    }
    b->spot = *spot;
    b->is_leaving = false;
    cache_bytes_unref(b->bytes);
    b->bytes = NULL;
    cache_order_enter(s, b, CACHE_BY_DISK);
    s->disk_bytes += b->len;
    s->disk_count++;
    s->writing.block = NULL;
}

static bool is_full(int err)
{
    return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

static void say_trouble(int err)
{
    smbkit_log(1, "cache: %s status=%s",
               is_full(err) ? "the disk is full, what is on it is used" : "goes on without disk",
               smbkit_status_name(smbkit_status_from_errno(-err)));
}

/* true: it is to be told, once for each kind of trouble. */
static bool not_written(struct cache_store *s, uint32_t slot, int err)
{
    if (!is_full(err)) {
        cache_disk_give(&s->disk, slot);
        return cache_disk_end(s, CACHE_DISK_UNWRITABLE);
    }
    cache_disk_bound(&s->disk, slot);
    bool is_first = s->disk_state == CACHE_DISK_GOOD;
    s->disk_state = is_first ? CACHE_DISK_FULL : s->disk_state;
    return is_first;
}

/* Without a place on disk it is not kept. */
static void let_go(struct cache_store *s)
{
    struct cache_block *b = s->writing.block;
    if (b) {
        struct cache_node *n = b->node;
        cache_block_free(s, b);
        cache_node_look(s, n);
    }
}

/* Locked; not while it writes or tells. */
static void write_one(struct cache_store *s)
{
    next_get(s);
    struct cache_bytes *bytes = s->writing.bytes;
    uint32_t slot = s->writing.block && s->has_disk ? slot_get(s) : CACHE_NO_SLOT;
    if (slot != CACHE_NO_SLOT) {
        struct cache_spot spot = {.slot = slot, .turn = s->disk.turns[slot]};
        pthread_mutex_unlock(&s->lock);
        spot.sum = cache_disk_sum(bytes->at, bytes->len);
        int err = cache_disk_write(&s->disk, slot, bytes->at, bytes->len);
        pthread_mutex_lock(&s->lock);
        if (err == 0) {
            written(s, &spot);
        } else if (not_written(s, slot, err)) {
            pthread_mutex_unlock(&s->lock);
            say_trouble(err);
            pthread_mutex_lock(&s->lock);
        }
    }
    let_go(s);
    s->writing = (struct cache_leaving){0};
    cache_bytes_unref(bytes);
}

static void *thread_main(void *arg)
{
    struct cache_store *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->ends) {
        if (s->leaving_count == 0) {
            pthread_cond_broadcast(&s->rest);
            pthread_cond_wait(&s->wake, &s->lock);
        } else {
            write_one(s);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals of the process are for others. */
static int thread_start(struct cache_store *s)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int err = pthread_create(&s->thread, NULL, thread_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

int cache_store_disk(struct cache_store *s, const char *folder, uint64_t max)
{
    int err = cache_disk_open(&s->disk, folder, max);
    if (err == 0) {
        s->has_disk = true;
        err = -thread_start(s);
        s->has_disk = s->has_thread = err == 0;
    }
    if (err != 0 && s->disk.fd >= 0) {
        cache_disk_close(&s->disk);
    }
    s->disk_state = err == 0 ? CACHE_DISK_GOOD : CACHE_DISK_MISSING;
    return err;
}

void cache_store_rest(struct cache_store *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->has_thread && (s->leaving_count > 0 || s->writing.bytes)) {
        pthread_cond_wait(&s->rest, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

/* What waits is not written any more. */
void cache_spill_end(struct cache_store *s)
{
    pthread_mutex_lock(&s->lock);
    s->ends = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread) {
        pthread_join(s->thread, NULL);
    }
    for (uint32_t i = 0; i < CACHE_LEAVING_MAX; i++) {
        cache_bytes_unref(s->leaving[i].bytes);
        s->leaving[i].bytes = NULL; /* the block has its own */
    }
}
