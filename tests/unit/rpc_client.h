/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a pipe, for the tests of rpc: makes PDUs, and reads the answers. */
#pragma once

#include "base/cur.h"
#include "base/wr.h"
#include "rpc/rpc.h"
#include "rpc_fixture.h"
#include "test.h"

#define CLIENT_BYTES_MAX ((size_t)1 << 20)

/* Little-endian common header; the length is filled in by client_end. */
static inline void client_begin(struct wr *w, uint8_t type, uint8_t flags, uint32_t call_id)
{
    const uint8_t head[] = {5, 0, type, flags, 0x10, 0, 0, 0, 0, 0, 0, 0};
    wr_bytes(w, head, sizeof(head));
    wr_u32(w, call_id);
}

static inline void client_end(struct wr *w, size_t from)
{
    wr_put_u16(w, from + 8, (uint16_t)(wr_pos(w) - from));
}

static const char client_srvsvc[] = "c84f324b7016d30112785a47bf6ee188 03000000";
static const char client_wkssvc[] = "98d0ff6b12a110369833 46c3f87e345a 01000000";
static const char client_lsarpc[] = "78573412 3412cdabef000123456789ab 00000000";
static const char client_samr[] = "78573412 3412cdabef000123456789ac 01000000";
static const char client_ndr[] = "045d888aeb1cc9119fe808002b104860 02000000";
static const char client_ndr64[] = "33057171babe37498319b5dbef9ccc36 01000000";

static inline void client_hex(struct wr *w, const char *hex)
{
    uint8_t buf[8192];
    size_t n = test_hex(buf, sizeof(buf), hex);
    wr_bytes(w, buf, n);
}

/* A bind (11) or alter_context (14) of one context. */
static inline void client_bind(struct wr *w, uint8_t type, const char *abstract, uint16_t max_recv)
{
    size_t from = wr_pos(w);
    client_begin(w, type, 3, 1);
    wr_u16(w, 4280);
    wr_u16(w, max_recv);
    wr_u32(w, 0);
    wr_u32(w, 1); /* one context, reserved */
    wr_u16(w, 0); /* its id */
    wr_u16(w, 1); /* one transfer syntax, reserved */
    client_hex(w, abstract);
    client_hex(w, client_ndr);
    client_end(w, from);
}

static inline void client_request(struct wr *w, uint8_t flags, uint16_t opnum, const uint8_t *stub,
                                  size_t n)
{
    size_t from = wr_pos(w);
    client_begin(w, 0, flags, 2);
    wr_u32(w, (uint32_t)n);
    wr_u16(w, 0);
    wr_u16(w, opnum);
    wr_bytes(w, stub, n);
    client_end(w, from);
}

static inline struct rpc_pipe *client_open(const char *pipe, const struct rpc_caller *who)
{
    struct rpc_pipe *p;
    smbkit_status status = rpc_pipe_new(pipe, &fixture_env, who, &p);
    CHECK_INT(status, SMBKIT_STATUS_SUCCESS);
    return p;
}

/* The next message; 0 bytes when there is none. */
static inline size_t client_read(struct rpc_pipe *p, uint8_t *buf, size_t max)
{
    size_t n;
    size_t message = rpc_pipe_peek(p).message_bytes;
    smbkit_status status = rpc_pipe_read(p, buf, max, &n);
    CHECK(status == SMBKIT_STATUS_SUCCESS || n == 0);
    CHECK_INT(n, message);
    return n;
}

/* An open pipe, bound, its bind_ack read. */
static inline struct rpc_pipe *client_connect(const char *pipe, const struct rpc_caller *who,
                                              uint16_t max_recv)
{
    uint8_t buf[8192];
    struct rpc_pipe *p = client_open(pipe, who);
    struct wr w = wr_new(CLIENT_BYTES_MAX);
    client_bind(&w, 11,
                pipe[1] == 'a'   ? client_samr
                : pipe[0] == 's' ? client_srvsvc
                : pipe[0] == 'l' ? client_lsarpc
                                 : client_wkssvc,
                max_recv);
    CHECK_INT(rpc_pipe_write(p, w.base, w.len), SMBKIT_STATUS_SUCCESS);
    wr_fini(&w);
    size_t n = client_read(p, buf, sizeof(buf));
    CHECK(n > 16 && buf[2] == 12);
    return p;
}

/* What came back of one call: the stub of all fragments, or a fault. Checks every header. */
struct client_reply {
    struct wr stub;
    uint32_t fault;
    unsigned fragments;
};

static inline struct client_reply client_reply_read(struct rpc_pipe *p, size_t max_recv)
{
    uint8_t buf[8192];
    size_t n;
    struct client_reply r = {.stub = wr_new((size_t)4 << 20)};
    while ((n = client_read(p, buf, sizeof(buf))) > 0) {
        struct cur c = cur_init(buf, n);
        CHECK(n >= 24 && n <= max_recv);
        CHECK_INT(buf[0], 5);
        CHECK_INT(buf[8] | buf[9] << 8, n);
        CHECK_INT(buf[12], 2);
        CHECK_INT(buf[3] & 1, r.fragments == 0);
        CHECK_INT((buf[3] & 2) != 0, rpc_pipe_available(p) == 0);
        r.fragments++;
        cur_skip(&c, 24);
        if (buf[2] == 3) {
            r.fault = cur_u32(&c);
            CHECK(r.fault != 0);
        } else {
            CHECK_INT(buf[2], 2);
            CHECK((buf[3] & 2) || cur_left(&c) % 8 == 0);
            wr_bytes(&r.stub, buf + 24, n - 24);
        }
    }
    return r;
}
