/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile server could send to a client: every response parser on the same body. */
#include "fuzz_wire.h"
#include "wire/change_notify.h"
#include "wire/close.h"
#include "wire/create.h"
#include "wire/error.h"
#include "wire/ioctl.h"
#include "wire/negotiate.h"
#include "wire/oplock_break.h"
#include "wire/query_info.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/tree_connect.h"
#include "wire/write.h"

#define TRY(cmd, slice)                                                                            \
    do {                                                                                           \
        struct smb2_##cmd##_rsp r = {0};                                                           \
        struct cur again_ = c;                                                                     \
        if (smb2_##cmd##_rsp_parse(&again_, &r) == WIRE_OK) {                                      \
            fuzz_touch(slice);                                                                     \
        }                                                                                          \
    } while (0)

static void breaks_and_errors(struct cur c)
{
    struct smb2_error error;
    struct cur again = c;
    if (smb2_error_parse(&again, true, &error) == WIRE_OK) {
        fuzz_touch(error.data);
    }
    struct smb2_lease_break_notify notify;
    again = c;
    fuzz_sink += smb2_lease_break_notify_parse(&again, &notify);
    struct chain ch = chain_init(wire_rest(&c), 4, 1000);
    struct cur e;
    struct notify_record record;
    while (chain_next(&ch, &e) && notify_record_parse(&e, &record) == WIRE_OK) {
        fuzz_touch(record.name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_init(data, size);
    cur_skip(&c, SMB2_HDR_SIZE);
    TRY(negotiate, r.security);
    TRY(session_setup, r.security);
    TRY(tree_connect, FUZZ_NONE);
    TRY(create, r.ctxs.aapl);
    TRY(close, FUZZ_NONE);
    TRY(read, r.data);
    TRY(write, FUZZ_NONE);
    TRY(ioctl, r.output);
    TRY(query_info, r.output);
    breaks_and_errors(c);
    return 0;
}
