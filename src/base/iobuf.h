/* SPDX-License-Identifier: Apache-2.0 */
/* A reference-counted piece of memory, and a short list of slices of them: a message. */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

struct budget;

struct iobuf {
    uint8_t *base;
    size_t len;
    atomic_uint refs;
    void (*release)(void *arg); /* called once when the last reference goes; may be NULL */
    void *arg;
    struct budget *budget; /* NULL, or who is given `charged` back with the last reference */
    size_t charged;
};

/* len bytes, uninitialised; base is aligned to 16, or to a page when len >= 64 KiB. */
NODISCARD struct iobuf *iobuf_new(size_t len);
/* As iobuf_new, but the byte at `mark` (<= len) is page-aligned, so that a payload starts there. */
NODISCARD struct iobuf *iobuf_new_aligned_at(size_t len, size_t mark);
/* What either takes at most, all told. */
size_t iobuf_cost(size_t len);
/* Somebody else's memory, given back by release(arg). On failure release is NOT called. */
NODISCARD struct iobuf *iobuf_wrap(void *base, size_t len, void (*release)(void *), void *arg);
/* The same with an argument of its own: arg_len zeroed bytes at `arg`, which live as long. */
NODISCARD struct iobuf *iobuf_wrap_arg(void *base, size_t len, void (*release)(void *),
                                       size_t arg_len);
/* charged bytes of the budget, which outlives b, are taken for it: give them back with the last
 * reference. Once. */
void iobuf_charge(struct iobuf *b, struct budget *budget, size_t charged);
struct iobuf *iobuf_ref(struct iobuf *b);
void iobuf_unref(struct iobuf *b); /* NULL allowed */
CLEANUP_DEFINE(iobuf_unref, struct iobuf *)

/* A slice of an iobuf; holds one reference. */
struct iovec_ref {
    struct iobuf *buf;
    uint8_t *base;
    size_t len;
};

#define IOCHAIN_SEGS_MAX                                                                           \
    32 /* a message: header, body and payload for each element of a compound, coalesced beyond */

struct iochain {
    struct iovec_ref segs[IOCHAIN_SEGS_MAX];
    unsigned count;
};

/* Total bytes. */
size_t iochain_len(const struct iochain *c);
/* Append a slice, taking over the caller's reference of buf. false when full: the reference stays
 * with the caller. */
NODISCARD bool iochain_push(struct iochain *c, struct iobuf *buf, uint8_t *base, size_t len);
/* Drop all references; empty afterwards. */
void iochain_fini(struct iochain *c);
/* Move everything of src behind dst; false when it does not fit (nothing moved). */
NODISCARD bool iochain_append(struct iochain *dst, struct iochain *src);
