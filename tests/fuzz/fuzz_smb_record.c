/* SPDX-License-Identifier: Apache-2.0 */
/* Records of durable opens, one after the other. What is taken is written as the same bytes. The
 * input's sums are mended first: else hardly anything gets past them. */
#include <stdlib.h>

#include "base/le.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "smb/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *p, size_t size)
{
    while (size >= SMB_RECORD_HEADER_SIZE) {
        size_t len = le32_get(p + 8);
        if (len > size - SMB_RECORD_HEADER_SIZE) {
            return;
        }
        le32_put(p + 12, crypto_crc32(p + SMB_RECORD_HEADER_SIZE, len));
        p += SMB_RECORD_HEADER_SIZE + len;
        size -= SMB_RECORD_HEADER_SIZE + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    struct smb_record r;
    uint8_t *copy = mem_alloc(size + 1);
    ASSERT(copy && (is_ready || crypto_init() == 0));
    is_ready = true;
    mem_copy(copy, data, size);
    mend(copy, size);
    struct cur c = cur_init(copy, size);
    size_t at = 0;
    enum smb_record_err err = SMB_RECORD_OK;
    while (cur_left(&c) > 0 && err != SMB_RECORD_SHORT && err != SMB_RECORD_BAD) {
        err = smb_record_parse(&c, &r);
        if (err != SMB_RECORD_OK) {
            at = cur_pos(&c);
            continue;
        }
        struct wr w = wr_new(SMB_RECORD_BYTES_MAX);
        smb_record_format(&w, &r);
        ASSERT(wr_ok(&w) && wr_pos(&w) == cur_pos(&c) - at &&
               mem_eq(w.base, copy + at, wr_pos(&w)));
        at = cur_pos(&c);
        wr_fini(&w);
        smb_record_fini(&r);
    }
    mem_free(copy);
    return 0;
}
