/* SPDX-License-Identifier: Apache-2.0 */
/* READ. [MS-SMB2] 2.2.19, 2.2.20 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_read_req {
    uint8_t padding; /* where the client would like the data, from the header's start */
    uint8_t flags;   /* SMB2_READFLAG_* */
    uint32_t length;
    uint64_t offset;
    struct smb2_file_id file_id;
    uint32_t minimum_count;
    uint32_t channel; /* SMB2_CHANNEL_* */
    uint32_t remaining_bytes;
    struct wire_slice channel_info;
};
NODISCARD enum wire_err smb2_read_req_parse(struct cur *c, struct smb2_read_req *out);

/* The data area of our READ responses starts right behind the body's fixed part. */
#define SMB2_READ_RSP_FIXED_SIZE 16
#define SMB2_READ_RSP_DATA_OFFSET (SMB2_HDR_SIZE + SMB2_READ_RSP_FIXED_SIZE)

struct smb2_read_rsp {
    uint8_t padding;   /* bytes before the data */
    uint32_t data_len; /* bytes that follow the fixed part */
    uint32_t data_remaining;
    struct wire_slice data; /* appended when data.p is set; otherwise the caller adds the bytes or
                               sends them apart */
};
/* Appends the 16 fixed bytes with DataOffset SMB2_READ_RSP_DATA_OFFSET and padding, and that. */
void smb2_read_rsp_format(struct wr *w, const struct smb2_read_rsp *rsp);

/* The client's side (client_file.c). */
void smb2_read_req_format(struct wr *w, const struct smb2_read_req *req);
NODISCARD enum wire_err smb2_read_rsp_parse(struct cur *c, struct smb2_read_rsp *out);
