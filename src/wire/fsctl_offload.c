/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fsctl.h"

#define READ_REQ_SIZE 32u
#define WRITE_REQ_SIZE 544u

enum wire_err fsctl_offload_read_req_parse(struct wire_slice in, struct fsctl_offload_read_req *out)
{
    struct cur c = wire_slice_cur(in);
    uint32_t size = cur_u32(&c);
    cur_skip(&c, 4); /* Flags */
    *out = (struct fsctl_offload_read_req){.time_to_live_ms = cur_u32(&c)};
    cur_skip(&c, 4);
    out->file_offset = cur_u64(&c);
    out->copy_length = cur_u64(&c);
    enum wire_err err = !cur_ok(&c) ? WIRE_SHORT : size != READ_REQ_SIZE ? WIRE_SIZE : WIRE_OK;
    if (err != WIRE_OK) {
        *out = (struct fsctl_offload_read_req){0};
    }
    return err;
}

static void token_format(struct wr *w, const struct fsctl_offload_token *token)
{
    wr_u32be(w, token->type);
    wr_u16(w, 0);
    wr_u16be(w, token->id_len);
    wr_bytes(w, token->id, sizeof(token->id));
}

void fsctl_offload_read_rsp_format(struct wr *w, uint64_t transfer_length,
                                   const struct fsctl_offload_token *token)
{
    wr_u32(w, FSCTL_OFFLOAD_READ_RSP_SIZE);
    wr_u32(w, 0); /* Flags: of what lies beyond nothing is said */
    wr_u64(w, transfer_length);
    token_format(w, token);
}

enum wire_err fsctl_offload_write_req_parse(struct wire_slice in,
                                            struct fsctl_offload_write_req *out)
{
    struct cur c = wire_slice_cur(in);
    uint32_t size = cur_u32(&c);
    cur_skip(&c, 4); /* Flags */
    *out = (struct fsctl_offload_write_req){.file_offset = cur_u64(&c)};
    out->copy_length = cur_u64(&c);
    out->transfer_offset = cur_u64(&c);
    out->token.type = cur_u32be(&c);
    cur_skip(&c, 2);
    out->token.id_len = cur_u16be(&c);
    cur_copy(&c, out->token.id, sizeof(out->token.id));
    enum wire_err err = !cur_ok(&c) ? WIRE_SHORT : size != WRITE_REQ_SIZE ? WIRE_SIZE : WIRE_OK;
    if (err != WIRE_OK) {
        *out = (struct fsctl_offload_write_req){0};
    }
    return err;
}

void fsctl_offload_write_rsp_format(struct wr *w, uint64_t length_written)
{
    wr_u32(w, FSCTL_OFFLOAD_WRITE_RSP_SIZE);
    wr_u32(w, 0); /* Flags */
    wr_u64(w, length_written);
}
