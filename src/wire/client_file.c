/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of CLOSE, FLUSH, READ, WRITE and LOCK. */
#include "wire/close.h"
#include "wire/flush.h"
#include "wire/lock.h"
#include "wire/read.h"
#include "wire/write.h"

void smb2_close_req_format(struct wr *w, const struct smb2_close_req *req)
{
    wr_u16(w, 24);
    wr_u16(w, req->flags);
    wr_u32(w, 0);
    wire_put_file_id(w, &req->file_id);
}

enum wire_err smb2_close_rsp_parse(struct cur *c, struct smb2_close_rsp *out)
{
    struct smb2_close_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.flags = cur_u16(c);
    cur_skip(c, 4);
    r.create_time = cur_u64(c);
    r.access_time = cur_u64(c);
    r.write_time = cur_u64(c);
    r.change_time = cur_u64(c);
    r.allocation_size = cur_u64(c);
    r.end_of_file = cur_u64(c);
    r.file_attributes = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 60) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}

void smb2_flush_req_format(struct wr *w, const struct smb2_flush_req *req)
{
    wr_u16(w, 24);
    wr_u16(w, req->reserved1);
    wr_u32(w, 0);
    wire_put_file_id(w, &req->file_id);
}

void smb2_read_req_format(struct wr *w, const struct smb2_read_req *req)
{
    wr_u16(w, 49);
    wr_u8(w, req->padding);
    wr_u8(w, req->flags);
    wr_u32(w, req->length);
    wr_u64(w, req->offset);
    wire_put_file_id(w, &req->file_id);
    wr_u32(w, req->minimum_count);
    wr_u32(w, req->channel);
    wr_u32(w, req->remaining_bytes);
    wr_u16(w, req->channel_info.len > 0 ? SMB2_HDR_SIZE + 48 : 0);
    wr_u16(w, (uint16_t)req->channel_info.len);
    wire_put_slice(w, req->channel_info);
    /* Buffer must not be empty. [MS-SMB2] 2.2.19 */
    wr_zero(w, req->channel_info.len > 0 ? 0 : 1);
}

enum wire_err smb2_read_rsp_parse(struct cur *c, struct smb2_read_rsp *out)
{
    struct smb2_read_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    uint8_t offset = cur_u8(c);
    cur_skip(c, 1);
    r.data_len = cur_u32(c);
    r.data_remaining = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != SMB2_READ_RSP_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, r.data_len, SMB2_READ_RSP_DATA_OFFSET, &r.data);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_write_req_format(struct wr *w, const struct smb2_write_req *req)
{
    size_t info_offset = SMB2_HDR_SIZE + SMB2_WRITE_REQ_FIXED_SIZE;
    wr_u16(w, SMB2_WRITE_REQ_FIXED_SIZE + 1);
    wr_u16(w, (uint16_t)(info_offset + req->channel_info.len));
    wr_u32(w, (uint32_t)req->data.len);
    wr_u64(w, req->offset);
    wire_put_file_id(w, &req->file_id);
    wr_u32(w, req->channel);
    wr_u32(w, req->remaining_bytes);
    wr_u16(w, req->channel_info.len > 0 ? (uint16_t)info_offset : 0);
    wr_u16(w, (uint16_t)req->channel_info.len);
    wr_u32(w, req->flags);
    wire_put_slice(w, req->channel_info);
    wire_put_slice(w, req->data);
}

enum wire_err smb2_write_rsp_parse(struct cur *c, struct smb2_write_rsp *out)
{
    struct smb2_write_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    cur_skip(c, 2);
    r.count = cur_u32(c);
    r.remaining = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 17) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}

void smb2_lock_req_format(struct wr *w, const struct smb2_lock_req *req)
{
    wr_u16(w, 48);
    wr_u16(w, req->count);
    wr_u32(w, (req->lock_sequence_number & 0xfu) | req->lock_sequence_index << 4);
    wire_put_file_id(w, &req->file_id);
    for (uint16_t i = 0; i < req->count; i++) {
        wr_u64(w, req->locks[i].offset);
        wr_u64(w, req->locks[i].length);
        wr_u32(w, req->locks[i].flags);
        wr_u32(w, 0);
    }
}
