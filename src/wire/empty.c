/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/empty.h"

enum wire_err smb2_empty_parse(struct cur *c)
{
    uint16_t size = cur_u16(c);
    cur_skip(c, 2);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    return size == 4 ? WIRE_OK : WIRE_SIZE;
}

void smb2_empty_format(struct wr *w)
{
    wr_u16(w, 4);
    wr_u16(w, 0);
}
