/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/error.h"

#include "base/utf.h"

#define SYMLINK_ERROR_TAG 0x4c4d5953u
#define SYMLINK_FIXED_SIZE 12 /* of the reparse data in front of PathBuffer */

void smb2_error_format(struct wr *w)
{
    wr_u16(w, 9);
    wr_u16(w, 0);
    wr_u32(w, 0);
    /* ErrorData is then one byte. [MS-SMB2] 2.2.2 */
    wr_u8(w, 0);
}

/* The fixed part, and for 3.1.1 a context's head; returns the body's position. */
static size_t begin(struct wr *w, bool is_311, uint32_t error_id)
{
    size_t body = wr_pos(w);
    wr_u16(w, 9);
    wr_u8(w, is_311 ? 1 : 0);
    wr_u8(w, 0);
    wr_u32(w, 0);
    if (is_311) {
        wr_u32(w, 0);
        wr_u32(w, error_id);
    }
    return body;
}

static void end(struct wr *w, bool is_311, size_t body)
{
    if (!wr_ok(w)) {
        return;
    }
    size_t len = wr_pos(w) - body - 8;
    wr_put_u32(w, body + 4, (uint32_t)len);
    if (is_311) {
        wr_put_u32(w, body + 8, (uint32_t)(len - 8));
    }
}

void smb2_error_data_format(struct wr *w, bool is_311, uint32_t error_id, struct wire_slice data)
{
    size_t body = begin(w, is_311, error_id);
    wire_put_slice(w, data);
    end(w, is_311, body);
}

void smb2_error_size_format(struct wr *w, bool is_311, uint32_t bytes_needed)
{
    size_t body = begin(w, is_311, SMB2_ERROR_ID_DEFAULT);
    wr_u32(w, bytes_needed);
    end(w, is_311, body);
}

void smb2_error_symlink_format(struct wr *w, bool is_311, const struct smb2_error_symlink *link)
{
    size_t sub_len = utf16_len_bytes(link->substitute_name);
    size_t print_len = utf16_len_bytes(link->print_name);
    size_t body = begin(w, is_311, SMB2_ERROR_ID_DEFAULT);
    size_t at = wr_pos(w);
    wr_u32(w, 0);
    wr_u32(w, SYMLINK_ERROR_TAG);
    wr_u32(w, SMB2_IO_REPARSE_TAG_SYMLINK);
    wr_u16(w, (uint16_t)(SYMLINK_FIXED_SIZE + sub_len + print_len));
    wr_u16(w, link->unparsed_path_len_bytes);
    wr_u16(w, 0);
    wr_u16(w, (uint16_t)sub_len);
    wr_u16(w, (uint16_t)sub_len);
    wr_u16(w, (uint16_t)print_len);
    wr_u32(w, link->flags);
    wr_utf16(w, link->substitute_name);
    wr_utf16(w, link->print_name);
    if (wr_ok(w)) {
        wr_put_u32(w, at, (uint32_t)(wr_pos(w) - at - 4));
    }
    end(w, is_311, body);
}
