/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes. What is changed of a block is read, changed and sealed anew; new blocks are
 * written first and then the header, so that what the header says is there. */
#include <stdlib.h>
#include <string.h>

#include "encrypt.h"

#define AT_ONCE 16u /* blocks of one call below */

/* Blocks that are moved, in a buffer of as many. */
struct run {
    const struct encrypt_call *c;
    gcry_cipher_hd_t h;
    /* Owned; AT_ONCE blocks as on the store, one for old content, one for another try. */
    uint8_t *buf;
};

static smbkit_status run_begin(struct run *r, const struct encrypt_call *c)
{
    *r = (struct run){.c = c, .h = encrypt_gcm(c->f->node->head.key)};
    r->buf = malloc((AT_ONCE + 2) * (size_t)ENCRYPT_STORED_BLOCK);
    return r->h && r->buf ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static void run_end(struct run *r)
{
    gcry_cipher_close(r->h);
    free(r->buf);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_zero(const uint8_t *p, size_t len)
{
    return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* ---- reading ---- */

/* A hole's data is zero as it stands. */
static bool opens(struct run *r, uint64_t number, uint8_t *p, size_t stored)
{
    return (number >= r->c->f->node->head.whole && is_zero(p, stored)) ||
           encrypt_block_unseal(r->h, number, p, stored - ENCRYPT_EXTRA);
}

/* Open a block in place; its data is at p + ENCRYPT_NONCE. The file's last one may be as long as
 * the header says, and something else behind it: what a change left that was cut off. */
static smbkit_status block_open(struct run *r, uint64_t number, uint8_t *p, size_t stored)
{
    const struct encrypt_node *n = r->c->f->node;
    uint8_t *was = r->buf + (AT_ONCE + 1) * (size_t)ENCRYPT_STORED_BLOCK;
    bool is_last = number == n->head.size / ENCRYPT_BLOCK;
    size_t own = is_last ? n->head.size % ENCRYPT_BLOCK + ENCRYPT_EXTRA : stored;
    if (stored <= ENCRYPT_EXTRA || own <= ENCRYPT_EXTRA) {
        return encrypt_damage(r->c, "block", number);
    }
    if (own < stored) {
        memcpy(was, p, own);
    }
    bool is_good = opens(r, number, p, stored);
    if (!is_good && own < stored) {
        memcpy(p, was, own);
        is_good = opens(r, number, p, own);
    }
    return is_good ? SMBKIT_STATUS_SUCCESS : encrypt_damage(r->c, "block", number);
}

/* count blocks from number on, opened, each at its place in buf; of all of them the file has some.
 */
static smbkit_status blocks_get(struct run *r, uint64_t number, uint32_t count, uint8_t *buf)
{
    const struct encrypt_node *n = r->c->f->node;
    uint64_t left = n->stored - encrypt_place(number);
    struct smbkit_io io = {.struct_size = sizeof(io),
                           .offset = encrypt_place(number),
                           .length =
                               (uint32_t)min_u64(left, (uint64_t)count * ENCRYPT_STORED_BLOCK),
                           .buffer = buf};
    smbkit_status st = encrypt_move(r->c, SMBKIT_OP_read, &io);
    if (SMBKIT_OK(st) && io.done < io.length) {
        st = encrypt_damage(r->c, "ends_at", encrypt_plain(io.offset + io.done));
    }
    for (uint32_t i = 0; SMBKIT_OK(st) && i < count; i++) {
        uint32_t at = i * ENCRYPT_STORED_BLOCK;
        uint32_t have = at < io.length ? io.length - at : 0;
        st = block_open(r, number + i, buf + at, min_u64(have, ENCRYPT_STORED_BLOCK));
    }
    return st;
}

static smbkit_status read_all(struct run *r, struct smbkit_io *io, uint64_t end)
{
    uint64_t pos = io->offset;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    while (SMBKIT_OK(st) && pos < end) {
        uint64_t first = pos / ENCRYPT_BLOCK;
        uint32_t count = (uint32_t)min_u64(encrypt_blocks(end) - first, AT_ONCE);
        st = blocks_get(r, first, count, r->buf);
        for (uint32_t i = 0; SMBKIT_OK(st) && i < count; i++) {
            uint64_t begin = pos % ENCRYPT_BLOCK;
            uint64_t len = min_u64(ENCRYPT_BLOCK - begin, end - pos);
            memcpy(io->buffer + io->done,
                   r->buf + (size_t)i * ENCRYPT_STORED_BLOCK + ENCRYPT_NONCE + begin, len);
            io->done += (uint32_t)len;
            pos += len;
        }
    }
    return st;
}

smbkit_status encrypt_read(const struct encrypt_call *c, struct smbkit_io *io)
{
    struct run r;
    io->done = 0;
    if (!c->f->node) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (io->length > 0 && !smbkit_io_buffer(io)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = encrypt_enter(c, false);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t size = c->f->node->head.size;
    if (io->offset < size && io->length > 0) {
        st = run_begin(&r, c);
        st = SMBKIT_OK(st) ? read_all(&r, io, io->offset + min_u64(io->length, size - io->offset))
                           : st;
        run_end(&r);
    }
    encrypt_leave(c);
    if (!SMBKIT_OK(st)) {
        io->done = 0;
    }
    return st;
}

/* ---- writing ---- */

static void source_take(struct encrypt_source *s, uint8_t *to, uint64_t len)
{
    if (!s->segs) {
        memset(to, 0, len);
        return;
    }
    while (len > 0) {
        uint64_t n = min_u64(len, s->segs->len - s->skip);
        memcpy(to, s->segs->base + s->skip, n);
        to += n;
        len -= n;
        s->skip += n;
        if (s->skip == s->segs->len) {
            s->segs++;
            s->skip = 0;
        }
    }
}

/* One block as it becomes, at p. */
static smbkit_status block_make(struct run *r, uint64_t number, struct encrypt_change *ch,
                                uint8_t *p)
{
    const struct encrypt_node *n = r->c->f->node;
    uint64_t at = number * ENCRYPT_BLOCK;
    uint64_t old = n->head.size > at ? min_u64(n->head.size - at, ENCRYPT_BLOCK) : 0;
    uint64_t len = min_u64(ch->size - at, ENCRYPT_BLOCK);
    uint64_t lo = ch->offset > at ? min_u64(ch->offset - at, ENCRYPT_BLOCK) : 0;
    uint64_t hi =
        ch->offset + ch->length > at ? min_u64(ch->offset + ch->length - at, ENCRYPT_BLOCK) : 0;
    memset(p, 0, ENCRYPT_STORED_BLOCK);
    if (old > 0 && (lo > 0 || hi < old)) {
        uint8_t *was = r->buf + (size_t)AT_ONCE * ENCRYPT_STORED_BLOCK;
        smbkit_status st = blocks_get(r, number, 1, was);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        memcpy(p + ENCRYPT_NONCE, was + ENCRYPT_NONCE, old);
    }
    if (hi > lo) {
        source_take(&ch->from, p + ENCRYPT_NONCE + lo, hi - lo);
    }
    return encrypt_block_seal(r->h, number, p, len) ? SMBKIT_STATUS_SUCCESS
                                                    : SMBKIT_STATUS_NO_MEMORY;
}

/* Blocks first to last, in one call below. */
static smbkit_status blocks_put(struct run *r, uint64_t first, uint64_t last,
                                struct encrypt_change *ch)
{
    struct encrypt_node *n = r->c->f->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (uint64_t b = first; SMBKIT_OK(st) && b <= last; b++) {
        st = block_make(r, b, ch, r->buf + (b - first) * ENCRYPT_STORED_BLOCK);
    }
    uint64_t end = min_u64(encrypt_place(last + 1), encrypt_stored(ch->size));
    const struct smbkit_segment seg = {.base = r->buf, .len = end - encrypt_place(first)};
    struct smbkit_io io = {.struct_size = sizeof(io),
                           .offset = encrypt_place(first),
                           .length = (uint32_t)seg.len,
                           .segs = &seg,
                           .seg_count = 1};
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = encrypt_move(r->c, SMBKIT_OP_write, &io);
    if (SMBKIT_OK(st) && io.done < io.length) {
        st = SMBKIT_STATUS_DISK_FULL;
    }
    if (!SMBKIT_OK(st)) {
        n->is_loaded = false; /* how long it is by now is asked again */
        return st;
    }
    n->stored = end > n->stored ? end : n->stored;
    if (first <= n->head.whole && last >= n->head.whole) {
        n->head.whole = last + 1;
        n->is_dirty = true;
    }
    return st;
}

smbkit_status encrypt_put(const struct encrypt_call *c, struct encrypt_change *ch, uint64_t *done_r)
{
    struct run r;
    uint64_t b = ch->offset / ENCRYPT_BLOCK;
    uint64_t end = ch->offset + ch->length;
    uint64_t last = ch->length > 0 ? (end - 1) / ENCRYPT_BLOCK : b;
    smbkit_status st = run_begin(&r, c);
    *done_r = 0;
    while (SMBKIT_OK(st) && b <= last) {
        uint64_t to = min_u64(last, b + AT_ONCE - 1);
        st = blocks_put(&r, b, to, ch);
        if (SMBKIT_OK(st)) {
            *done_r = min_u64(end, (to + 1) * ENCRYPT_BLOCK) - ch->offset;
        }
        b = to + 1;
    }
    run_end(&r);
    return st;
}

smbkit_status encrypt_grow_tail(const struct encrypt_call *c, uint64_t size)
{
    uint64_t old = c->f->node->head.size;
    uint64_t done;
    if (old % ENCRYPT_BLOCK == 0 || size <= old) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct encrypt_change ch = {.offset = old, .size = size};
    return encrypt_put(c, &ch, &done);
}

smbkit_status encrypt_settle(const struct encrypt_call *c)
{
    struct encrypt_node *n = c->f->node;
    uint64_t done;
    uint64_t size = n->head.size;
    const struct smbkit_size below = {.struct_size = sizeof(below), .size = encrypt_stored(size)};
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (n->stored == below.size) {
        return st;
    }
    if (size % ENCRYPT_BLOCK != 0) {
        struct encrypt_change ch = {.offset = size, .size = size};
        st = encrypt_put(c, &ch, &done);
        /* A last block that is damaged stays so; the others can be written. */
        st = st == SMBKIT_STATUS_DATA_ERROR ? SMBKIT_STATUS_SUCCESS : st;
    }
    st = SMBKIT_OK(st) ? smbkit_next_set_size(c->e->next, c->op, c->f->below, &below) : st;
    n->stored = SMBKIT_OK(st) ? below.size : n->stored;
    return st;
}

/* The node is locked. */
static smbkit_status write_locked(const struct encrypt_call *c, struct smbkit_io *io)
{
    struct encrypt_node *n = c->f->node;
    uint64_t done = 0;
    uint64_t offset = io->flags & SMBKIT_IO_APPEND ? n->head.size : io->offset;
    if (offset > ENCRYPT_SIZE_MAX || io->length > ENCRYPT_SIZE_MAX - offset) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint64_t end = offset + io->length;
    struct encrypt_change ch = {.offset = offset,
                                .length = io->length,
                                .size = end > n->head.size ? end : n->head.size,
                                .from = {.segs = io->segs}};
    smbkit_status st = encrypt_settle(c);
    if (SMBKIT_OK(st) && n->head.size / ENCRYPT_BLOCK < offset / ENCRYPT_BLOCK) {
        st = encrypt_grow_tail(c, ch.size);
    }
    st = SMBKIT_OK(st) ? encrypt_put(c, &ch, &done) : st;
    bool is_part = !SMBKIT_OK(st) && done > 0;
    uint64_t size = offset + done;
    if ((SMBKIT_OK(st) || is_part) && size > n->head.size) {
        n->head.size = size;
        smbkit_status head = encrypt_head_write(c);
        st = SMBKIT_OK(head) ? st : head;
        is_part = is_part && SMBKIT_OK(head);
    }
    if (!SMBKIT_OK(st)) {
        encrypt_recover(c);
    }
    io->done = SMBKIT_OK(st) || is_part ? (uint32_t)done : 0;
    return is_part ? SMBKIT_STATUS_SUCCESS : st;
}

smbkit_status encrypt_write(const struct encrypt_call *c, struct smbkit_io *io)
{
    const struct smbkit_flush all = {.struct_size = sizeof(all)};
    io->done = 0;
    if (!c->f->node) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (io->length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = encrypt_enter(c, true);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = write_locked(c, io);
    encrypt_leave(c);
    if (SMBKIT_OK(st) && (io->flags & SMBKIT_IO_WRITE_THROUGH)) {
        st = smbkit_next_flush(c->e->next, c->op, c->f->below, &all);
    }
    return st;
}
