/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts of CREATE: what parses is written again and must then parse to the same. */
#include "base/mem.h"
#include "fuzz_wire.h"
#include "wire/create_ctx.h"

static void again(const struct smb2_create_ctxs *x)
{
    struct wr w = wr_new(1 << 20);
    smb2_create_ctxs_format(&w, x);
    struct smb2_create_ctxs back;
    enum wire_err err =
        smb2_create_ctxs_parse((struct wire_slice){.p = w.base, .len = w.len}, &back);
    ASSERT(wr_ok(&w) && err == WIRE_OK && back.present == x->present);
    ASSERT(back.exta.len == x->exta.len && back.secd.len == x->secd.len);
    ASSERT(mem_eq(back.lease.key, x->lease.key, sizeof(x->lease.key)));
    wr_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_slice list = {.p = data, .len = size};
    struct smb2_create_ctxs x;
    if (smb2_create_ctxs_parse(list, &x) == WIRE_OK) {
        again(&x);
    }
    struct smb2_create_rsp_ctxs r;
    if (smb2_create_rsp_ctxs_parse(list, &r) == WIRE_OK) {
        struct wr w = wr_new(1 << 20);
        smb2_create_rsp_ctxs_format(&w, &r);
        wr_fini(&w);
    }
    return 0;
}
