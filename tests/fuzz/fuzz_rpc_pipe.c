/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz a pipe. Byte 0 picks the pipe (bits 0, 5 and 6), the caller (bits 1, 2) and whether a bind
 * is done for the input (bit 3); the rest is what the client writes, cut where bytes say so. Must
 * hold: no crash, replies in bounds, reads agree with peek. */
#include <string.h>

#include "rpc_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t bind[] = {
    5,    0,    11,   3,    0x10, 0,    0,    0,    72,   0,    0,    0,    1,    0,    0,
    0,    0xb8, 0x10, 0xb8, 0x10, 0,    0,    0,    0,    1,    0,    0,    0,    0,    0,
    1,    0,    0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf,
    0x6e, 0xe1, 0x88, 3,    0,    0,    0,    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11,
    0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2,    0,    0,    0,
};

/* The abstract syntax of wkssvc, which takes the place of srvsvc's. */
static const uint8_t wkssvc_syntax[] = {0x98, 0xd0, 0xff, 0x6b, 0x12, 0xa1, 0x10, 0x36, 0x98, 0x33,
                                        0x46, 0xc3, 0xf8, 0x7e, 0x34, 0x5a, 1,    0,    0,    0};

static const uint8_t lsarpc_syntax[] = {0x78, 0x57, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00,
                                        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0,    0,    0,    0};

static const uint8_t samr_syntax[] = {0x78, 0x57, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00,
                                      0x01, 0x23, 0x45, 0x67, 0x89, 0xac, 1,    0,    0,    0};

/* syntax: NULL: srvsvc's. */
static void do_bind(struct rpc_pipe *p, const uint8_t *syntax)
{
    uint8_t pdu[sizeof(bind)];
    memcpy(pdu, bind, sizeof(bind));
    if (syntax) {
        memcpy(pdu + 32, syntax, sizeof(wkssvc_syntax));
    }
    smbkit_status status = rpc_pipe_write(p, pdu, sizeof(pdu));
    ASSERT(status == SMBKIT_STATUS_SUCCESS);
}

static void read_some(struct rpc_pipe *p, size_t max)
{
    uint8_t buf[256];
    size_t n;
    struct rpc_pipe_peek peek = rpc_pipe_peek(p);
    smbkit_status status = rpc_pipe_read(p, buf, MIN(max, sizeof(buf)), &n);
    ASSERT(n <= MIN(max, peek.message_bytes));
    ASSERT((status == SMBKIT_STATUS_SUCCESS) == (peek.messages > 0 && n == peek.message_bytes));
    ASSERT(rpc_pipe_available(p) == peek.available_bytes - n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rpc_caller *const callers[] = {&fixture_admin, &fixture_user,
                                                       &fixture_anonymous, &fixture_admin};
    struct rpc_pipe *p;
    if (size == 0) {
        return 0;
    }
    uint8_t how = data[0];
    const char *name = how & 32 ? "samr" : how & 64 ? "lsarpc" : how & 1 ? "wkssvc" : "srvsvc";
    if (rpc_pipe_new(name, &fixture_env, callers[how >> 1 & 3], &p) != SMBKIT_STATUS_SUCCESS) {
        return 0;
    }
    if (how & 8) {
        do_bind(p, how & 32   ? samr_syntax
                   : how & 64 ? lsarpc_syntax
                   : how & 1  ? wkssvc_syntax
                              : NULL);
    }
    for (size_t at = 1; at < size;) {
        size_t n = MIN((size_t)data[at] * (how & 16 ? 16 : 1), size - at - 1);
        at++;
        if (rpc_pipe_write(p, data + at, n) != SMBKIT_STATUS_SUCCESS) {
            break;
        }
        at += n;
        read_some(p, n);
    }
    ASSERT(rpc_pipe_available(p) < RPC_REPLIES_BYTES_MAX + 2 * RPC_REPLY_STUB_BYTES_MAX);
    while (rpc_pipe_peek(p).messages > 0) {
        read_some(p, 256);
    }
    rpc_pipe_free(p);
    return 0;
}
