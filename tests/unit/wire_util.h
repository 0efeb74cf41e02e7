/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of wire/: messages with a header in front, and the sweeps that every parser must
 * survive. */
#pragma once

#include <stdlib.h>

#include "base/mem.h"
#include "test.h"
#include "wire/hdr.h"

/* A parser on one exactly sized message (header included, cursor set to the body). It should read
 * every byte of every slice that it gets, so that AddressSanitizer sees one that lies outside. */
typedef enum wire_err (*wire_probe)(struct cur *c);

static volatile unsigned wire_sink;

static inline UNUSED void wire_touch(struct wire_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        wire_sink += s.p[i];
    }
}

/* A writer that stands behind a zeroed 64-byte header. */
static inline UNUSED struct wr wire_msg(void)
{
    struct wr w = wr_new(1 << 20);
    wr_zero(&w, SMB2_HDR_SIZE);
    return w;
}

/* A cursor at the body of the message in w. */
static inline UNUSED struct cur wire_body(const struct wr *w)
{
    struct cur c = cur_init(w->base, w->len);
    cur_skip(&c, SMB2_HDR_SIZE);
    return c;
}

/* Run probe on a copy in its own allocation. start: bytes before the cursor. */
static inline UNUSED enum wire_err wire_probe_copy(const uint8_t *p, size_t len, size_t start,
                                                   wire_probe probe)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, p, len);
    struct cur c = cur_init(copy, len);
    cur_skip(&c, start);
    enum wire_err err = probe(&c);
    free(copy);
    return err;
}

/* The whole is accepted; no truncation below min_ok is; no truncation and no single changed byte
 * makes the parser read outside. min_ok: the shortest prefix that may still parse. */
#define WIRE_BYTES(bytes, count) ((struct wire_slice){(bytes), (count)})
static inline UNUSED void wire_sweep(const char *name, struct wire_slice bytes, size_t start,
                                     size_t min_ok, wire_probe probe)
{
    const uint8_t *p = bytes.p;
    size_t len = bytes.len;
    test_context("%s", name);
    CHECK_INT(wire_probe_copy(p, len, start, probe), WIRE_OK);
    for (size_t cut = start; cut < len; cut++) {
        enum wire_err err = wire_probe_copy(p, cut, start, probe);
        if (cut < min_ok && err == WIRE_OK) {
            test_fail(__FILE__, __LINE__, "%s: %zu of %zu bytes were accepted", name, cut, len);
        }
    }
    uint8_t *copy = malloc(len);
    memcpy(copy, p, len);
    for (size_t i = start; i < len; i++) {
        for (unsigned v = 1; v < 256; v++) {
            copy[i] = (uint8_t)(p[i] ^ v);
            (void)wire_probe_copy(copy, len, start, probe);
        }
        copy[i] = p[i];
    }
    free(copy);
    test_context("%s", "");
}

/* The bytes of w behind its header are what the hex says. */
#define CHECK_BODY(w, hex)                                                                         \
    do {                                                                                           \
        uint8_t want_[4096];                                                                       \
        size_t want_len_ = test_hex(want_, sizeof(want_), hex);                                    \
        CHECK(wr_ok(w));                                                                           \
        CHECK_MEM((w)->base + SMB2_HDR_SIZE, (w)->len - SMB2_HDR_SIZE, want_, want_len_);          \
    } while (0)

#define SLICE(lit) ((struct wire_slice){.p = (const uint8_t *)(lit), .len = sizeof(lit) - 1})
#define CHECK_SLICE(got, lit) CHECK_MEM((got).p, (got).len, lit, sizeof(lit) - 1)
