/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of IOCTL, QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO. */
#include "wire/change_notify.h"
#include "wire/ioctl.h"
#include "wire/output.h"
#include "wire/query_directory.h"
#include "wire/query_info.h"
#include "wire/set_info.h"

void smb2_ioctl_req_format(struct wr *w, const struct smb2_ioctl_req *req)
{
    wr_u16(w, 57);
    wr_u16(w, 0);
    wr_u32(w, req->ctl_code);
    wire_put_file_id(w, &req->file_id);
    wr_u32(w, req->input.len > 0 ? SMB2_HDR_SIZE + 56 : 0);
    wr_u32(w, (uint32_t)req->input.len);
    wr_u32(w, req->max_input_response);
    wr_u32(w, 0);
    wr_u32(w, 0);
    wr_u32(w, req->max_output_response);
    wr_u32(w, req->flags);
    wr_u32(w, 0);
    wire_put_slice(w, req->input);
}

enum wire_err smb2_ioctl_rsp_parse(struct cur *c, struct smb2_ioctl_rsp *out)
{
    struct smb2_ioctl_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    cur_skip(c, 2);
    r.ctl_code = cur_u32(c);
    r.file_id = wire_file_id(c);
    uint32_t in_offset = cur_u32(c);
    uint32_t in_len = cur_u32(c);
    uint32_t out_offset = cur_u32(c);
    uint32_t out_len = cur_u32(c);
    r.flags = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != SMB2_IOCTL_RSP_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    size_t offset_min = SMB2_HDR_SIZE + SMB2_IOCTL_RSP_FIXED_SIZE;
    enum wire_err err = wire_buffer(c, in_offset, in_len, offset_min, &r.input);
    if (err == WIRE_OK) {
        err = wire_buffer(c, out_offset, out_len, offset_min, &r.output);
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_query_directory_req_format(struct wr *w, const struct smb2_query_directory_req *req)
{
    wr_u16(w, 33);
    wr_u8(w, req->info_class);
    wr_u8(w, req->flags);
    wr_u32(w, req->file_index);
    wire_put_file_id(w, &req->file_id);
    wr_u16(w, SMB2_HDR_SIZE + 32);
    wr_u16(w, (uint16_t)req->pattern.len);
    wr_u32(w, req->output_max);
    wire_put_slice(w, req->pattern);
}

enum wire_err smb2_query_directory_rsp_parse(struct cur *c, struct smb2_query_directory_rsp *out)
{
    return smb2_output_parse(c, &out->output);
}

void smb2_change_notify_req_format(struct wr *w, const struct smb2_change_notify_req *req)
{
    wr_u16(w, 32);
    wr_u16(w, req->flags);
    wr_u32(w, req->output_max);
    wire_put_file_id(w, &req->file_id);
    wr_u32(w, req->completion_filter);
    wr_u32(w, 0);
}

enum wire_err smb2_change_notify_rsp_parse(struct cur *c, struct smb2_change_notify_rsp *out)
{
    return smb2_output_parse(c, &out->output);
}

enum wire_err notify_record_parse(struct cur *element, struct notify_record *out)
{
    struct notify_record r = {0};
    *out = r;
    r.action = cur_u32(element);
    uint32_t len = cur_u32(element);
    if (!cur_ok(element)) {
        return WIRE_SHORT;
    }
    struct cur name = cur_take(element, len);
    if (!cur_ok(&name)) {
        return WIRE_RANGE;
    }
    r.name = wire_rest(&name);
    *out = r;
    return WIRE_OK;
}

void smb2_query_info_req_format(struct wr *w, const struct smb2_query_info_req *req)
{
    wr_u16(w, 41);
    wr_u8(w, req->info_type);
    wr_u8(w, req->info_class);
    wr_u32(w, req->output_max);
    wr_u16(w, req->input.len > 0 ? SMB2_HDR_SIZE + 40 : 0);
    wr_u16(w, 0);
    wr_u32(w, (uint32_t)req->input.len);
    wr_u32(w, req->additional);
    wr_u32(w, req->flags);
    wire_put_file_id(w, &req->file_id);
    wire_put_slice(w, req->input);
}

enum wire_err smb2_query_info_rsp_parse(struct cur *c, struct smb2_query_info_rsp *out)
{
    return smb2_output_parse(c, &out->output);
}

void smb2_set_info_req_format(struct wr *w, const struct smb2_set_info_req *req)
{
    wr_u16(w, 33);
    wr_u8(w, req->info_type);
    wr_u8(w, req->info_class);
    wr_u32(w, (uint32_t)req->buffer.len);
    wr_u16(w, SMB2_HDR_SIZE + 32);
    wr_u16(w, 0);
    wr_u32(w, req->additional);
    wire_put_file_id(w, &req->file_id);
    wire_put_slice(w, req->buffer);
}

enum wire_err smb2_set_info_rsp_parse(struct cur *c)
{
    uint16_t size = cur_u16(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    return size == 2 ? WIRE_OK : WIRE_SIZE;
}
