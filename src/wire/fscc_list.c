/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chain.h"
#include "wire/fscc_file.h"

size_t fscc_list_cut(uint8_t *p, size_t len, size_t max)
{
    if (len <= max) {
        return len;
    }
    struct wr whole = wr_init(p, len);
    (void)wr_space(&whole, len);
    struct chain ch = chain_init((struct wire_slice){.p = p, .len = len}, 4, UINT32_MAX);
    struct cur e;
    size_t kept = 0;
    size_t last = 0;
    size_t end = 0;
    while (chain_next(&ch, &e)) {
        size_t start = end;
        end += (size_t)(e.end - e.base);
        if (end > max) {
            break;
        }
        last = start;
        kept = end;
    }
    if (kept > 0) {
        wr_put_u32(&whole, last, 0);
    }
    return kept;
}
