/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: from memory, from disk, or from below, whole blocks at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

/* What a read found under lock. */
struct look {
    bool is_stale, may_keep;
    uint64_t turn;
    uint64_t ahead; /* bytes more that may be wanted */
    unsigned count; /* of pieces; 0: it is not all there */
    struct cache_piece pieces[CACHE_PIECES_MAX];
};

static struct cache_want want_of(const struct smbkit_io *io)
{
    return (struct cache_want){io->offset, io->length};
}

static struct cache_stamp stamp_of(const struct smbkit_attr *a)
{
    return (struct cache_stamp){a->size, a->create_time, a->write_time, a->change_time};
}

/* is_new: its stamp was just looked at. */
static void look(struct cache *c, struct file *f, const struct smbkit_io *io, bool is_new,
                 struct look *l)
{
    struct cache_node *n = f->node;
    const struct cache_want want = want_of(io);
    pthread_mutex_lock(&c->store.lock);
    l->turn = n->turn;
    l->may_keep = n->changes == 0;
    l->is_stale = !n->is_stamped || (!is_new && cache_now_ms() - n->looked_ms >= c->ttl_ms);
    l->count = !l->is_stale && l->may_keep ? cache_take(&c->store, n, &want, l->pieces) : 0;
    l->ahead = n->read_end == io->offset ? c->ahead : 0;
    if (!l->is_stale) {
        n->read_end = io->offset + io->length;
    }
    pthread_mutex_unlock(&c->store.lock);
}

/* Its stamp, as it is now. turn: of before; nothing is said when a change came meanwhile. */
static smbkit_status look_again(struct cache *c, struct smbkit_op *op, struct file *f,
                                uint64_t turn)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    uint64_t when = cache_now_ms();
    smbkit_status st = smbkit_next_getattr(c->next, op, f->below, &attr);
    if (SMBKIT_OK(st)) {
        const struct cache_stamp stamp = stamp_of(&attr);
        pthread_mutex_lock(&c->store.lock);
        if (f->node->turn == turn && f->node->changes == 0) {
            cache_stamp_set(&c->store, f->node, &stamp, when);
        }
        pthread_mutex_unlock(&c->store.lock);
    }
    return st;
}

/* ---- from below ---- */

static void keep_block(struct cache *c, struct file *f, uint64_t turn, uint64_t index,
                       const struct smbkit_bytes *data)
{
    struct cache_bytes *bytes = cache_bytes_new(data->base, data->len);
    if (!bytes) {
        return;
    }
    pthread_mutex_lock(&c->store.lock);
    if (f->node->turn == turn && f->node->changes == 0 && f->node->is_stamped) {
        cache_put(&c->store, f->node, index, bytes);
    }
    pthread_mutex_unlock(&c->store.lock);
    cache_bytes_unref(bytes);
}

/* All that was read. A read that was short ends the file, with a block of no bytes where its end is
 * a block's. */
static void keep(struct cache *c, struct file *f, uint64_t turn, const struct smbkit_io *whole)
{
    bool ends = whole->done < whole->length;
    for (uint32_t at = 0; at < whole->done || (at == whole->done && ends); at += CACHE_BLOCK) {
        uint32_t part = whole->done - at < CACHE_BLOCK ? whole->done - at : CACHE_BLOCK;
        const struct smbkit_bytes data = {whole->buffer + at, part};
        keep_block(c, f, turn, whole->offset / CACHE_BLOCK + at / CACHE_BLOCK, &data);
    }
}

/* Whole blocks around what is wanted, and what is wanted of them. */
static smbkit_status fetch(struct cache *c, struct smbkit_op *op, struct file *f,
                           struct smbkit_io *io, const struct look *l)
{
    uint64_t begin = io->offset / CACHE_BLOCK * CACHE_BLOCK;
    uint64_t end = io->offset + io->length + l->ahead + CACHE_BLOCK - 1;
    uint32_t length = (uint32_t)(end / CACHE_BLOCK * CACHE_BLOCK - begin);
    uint8_t *data = malloc(length);
    if (!data) {
        return smbkit_next_read(c->next, op, f->below, io);
    }
    struct smbkit_io whole = {
        .struct_size = sizeof(whole), .offset = begin, .length = length, .buffer = data};
    smbkit_status st = smbkit_next_read(c->next, op, f->below, &whole);
    if (SMBKIT_OK(st)) {
        uint32_t from = (uint32_t)(io->offset - begin);
        uint32_t left = whole.done > from ? whole.done - from : 0;
        io->done = left < io->length ? left : io->length;
        memcpy(io->buffer, data + from, io->done);
        keep(c, f, l->turn, &whole);
    }
    free(data);
    return st;
}

/* ---- from disk ---- */

/* The disk is of no use any more: told once. */
static void disk_lost(struct cache *c, int err)
{
    bool is_damage = err == -EBADMSG;
    pthread_mutex_lock(&c->store.lock);
    bool is_first =
        cache_disk_end(&c->store, is_damage ? CACHE_DISK_DAMAGED : CACHE_DISK_UNREADABLE);
    pthread_mutex_unlock(&c->store.lock);
    if (is_first) {
        smbkit_log(1, "cache: goes on without disk status=%s",
                   is_damage ? "STATUS_CRC_ERROR"
                             : smbkit_status_name(smbkit_status_from_errno(-err)));
    }
}

/* -EAGAIN: not without waiting. -ESTALE: nothing was lost, but it is not there any more. */
static int piece_read(struct cache *c, struct smbkit_op *op, struct file *f, struct cache_piece *p)
{
    struct cache_bytes *bytes = cache_bytes_new(NULL, p->len);
    if (!bytes) {
        return -ESTALE;
    }
    int err = cache_disk_read(&c->store.disk, &p->spot, bytes->at, p->len,
                              (op->flags & SMBKIT_OP_NOWAIT) != 0);
    if (err == -EAGAIN) {
        cache_bytes_unref(bytes);
        return err;
    }
    pthread_mutex_lock(&c->store.lock);
    bool is_it = cache_disk_is(&c->store, &p->spot);
    if (is_it && err == 0) {
        cache_promote(&c->store, f->node, p, bytes);
    }
    pthread_mutex_unlock(&c->store.lock);
    if (is_it && err != 0) {
        disk_lost(c, err);
    }
    if (!is_it || err != 0) {
        cache_bytes_unref(bytes);
        return -ESTALE;
    }
    p->bytes = bytes;
    return 0;
}

/* WOULD_BLOCK; NOT_FOUND: it is to be fetched after all. */
static smbkit_status answer_from(struct cache *c, struct smbkit_op *op, struct file *f,
                                 struct smbkit_io *io, struct look *l)
{
    int err = 0;
    for (unsigned i = 0; i < l->count && err == 0; i++) {
        err = l->pieces[i].bytes ? 0 : piece_read(c, op, f, &l->pieces[i]);
    }
    if (err == 0) {
        const struct cache_want want = want_of(io);
        io->done = cache_copy(l->pieces, l->count, &want, io->buffer);
    }
    for (unsigned i = 0; i < l->count; i++) {
        cache_bytes_unref(l->pieces[i].bytes);
    }
    if (err == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return err == -EAGAIN ? SMBKIT_STATUS_WOULD_BLOCK : SMBKIT_STATUS_NOT_FOUND;
}

/* ---- all of it ---- */

static bool is_cached(const struct file *f, const struct smbkit_io *io)
{
    return f->node && !(io->flags & SMBKIT_IO_UNBUFFERED) && io->length > 0 &&
           io->length <= (CACHE_PIECES_MAX - 2) * CACHE_BLOCK &&
           io->offset <= INT64_MAX - (1ull << 33);
}

static smbkit_status read_cached(struct cache *c, struct smbkit_op *op, struct file *f,
                                 struct smbkit_io *io)
{
    struct look l;
    look(c, f, io, false, &l);
    if (l.is_stale && l.may_keep) {
        smbkit_status st = look_again(c, op, f, l.turn);
        if (st == SMBKIT_STATUS_WOULD_BLOCK) {
            return st;
        }
        look(c, f, io, SMBKIT_OK(st), &l); /* else it is read below, and not kept */
    }
    if (l.count > 0) {
        smbkit_status st = answer_from(c, op, f, io, &l);
        if (st != SMBKIT_STATUS_NOT_FOUND) {
            return st;
        }
    }
    if (l.may_keep && !l.is_stale) {
        smbkit_status st = fetch(c, op, f, io, &l);
        if (SMBKIT_OK(st) || st == SMBKIT_STATUS_WOULD_BLOCK || st == SMBKIT_STATUS_CANCELLED) {
            return st;
        }
        /* What is around may be what fails. */
    }
    return smbkit_next_read(c->next, op, f->below, io);
}

smbkit_status cache_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct cache *c = volume;
    struct file *f = file;
    if (!is_cached(f, io)) {
        return smbkit_next_read(c->next, op, f->below, io);
    }
    return smbkit_io_buffer(io) ? read_cached(c, op, f, io) : SMBKIT_STATUS_NO_MEMORY;
}
