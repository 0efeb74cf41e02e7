/* SPDX-License-Identifier: Apache-2.0 */
/* Reparse points. [MS-FSCC] 2.1.2 */
#include "base/mem.h"
#include "base/utf.h"
#include "wire/fsctl.h"

#define TAG_IS_MICROSOFT 0x80000000u

enum wire_err fsctl_reparse_parse(struct wire_slice in, struct fsctl_reparse *out)
{
    struct fsctl_reparse r = {0};
    *out = r;
    struct cur c = wire_slice_cur(in);
    r.tag = cur_u32(&c);
    uint16_t len = cur_u16(&c);
    cur_skip(&c, 2);
    r.has_guid = !(r.tag & TAG_IS_MICROSOFT);
    if (r.has_guid) {
        cur_copy(&c, r.guid, sizeof(r.guid));
    }
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    if (cur_left(&c) != len || len > FSCTL_REPARSE_DATA_MAX) {
        return WIRE_SIZE;
    }
    r.data = wire_rest(&c);
    *out = r;
    return WIRE_OK;
}

void fsctl_reparse_format(struct wr *w, const struct fsctl_reparse *reparse)
{
    wr_u32(w, reparse->tag);
    wr_u16(w, (uint16_t)reparse->data.len);
    wr_u16(w, 0);
    if (reparse->has_guid) {
        wr_bytes(w, reparse->guid, sizeof(reparse->guid));
    }
    wire_put_slice(w, reparse->data);
}

enum wire_err fsctl_symlink_parse(struct wire_slice in, struct fsctl_symlink *out)
{
    struct fsctl_symlink s = {0};
    *out = s;
    struct cur c = wire_slice_cur(in);
    uint16_t sub_offset = cur_u16(&c);
    uint16_t sub_len = cur_u16(&c);
    uint16_t print_offset = cur_u16(&c);
    uint16_t print_len = cur_u16(&c);
    s.flags = cur_u32(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    if (sub_len % 2 != 0 || print_len % 2 != 0) {
        return WIRE_VALUE;
    }
    /* Both offsets count from the path buffer, which is what is left. */
    struct cur path = cur_take(&c, cur_left(&c));
    enum wire_err err = wire_buffer(&path, sub_offset, sub_len, 0, &s.substitute_name);
    if (err == WIRE_OK) {
        err = wire_buffer(&path, print_offset, print_len, 0, &s.print_name);
    }
    if (err == WIRE_OK) {
        *out = s;
    }
    return err;
}

void fsctl_symlink_format(struct wr *w, const char *substitute_name, const char *print_name,
                          uint32_t flags)
{
    size_t sub_len = utf16_len_bytes(substitute_name);
    size_t print_len = utf16_len_bytes(print_name);
    wr_u16(w, 0);
    wr_u16(w, (uint16_t)sub_len);
    wr_u16(w, (uint16_t)sub_len);
    wr_u16(w, (uint16_t)print_len);
    wr_u32(w, flags);
    wr_utf16(w, substitute_name);
    wr_utf16(w, print_name);
}
