/* SPDX-License-Identifier: Apache-2.0 */
/* WRITE. [MS-SMB2] 2.2.21, 2.2.22 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_WRITE_REQ_FIXED_SIZE 48

struct smb2_write_req {
    uint32_t length; /* bytes to write; equals data.len unless an RDMA channel carries them */
    uint64_t offset; /* UINT64_MAX: append, [MS-FSA] 2.1.5.4 */
    struct smb2_file_id file_id;
    uint32_t channel;
    uint32_t remaining_bytes;
    uint32_t flags; /* SMB2_WRITEFLAG_* */
    struct wire_slice channel_info;
    struct wire_slice data;
    uint16_t data_offset; /* where data starts in the message, so a caller can slice its buffer */
};
/* WIRE_RANGE: the data does not lie within the message. */
NODISCARD enum wire_err smb2_write_req_parse(struct cur *c, struct smb2_write_req *out);

struct smb2_write_rsp {
    uint32_t count;
    uint32_t remaining;
};
void smb2_write_rsp_format(struct wr *w, const struct smb2_write_rsp *rsp);

/* The client's side (client_file.c). */
void smb2_write_req_format(struct wr *w, const struct smb2_write_req *req);
NODISCARD enum wire_err smb2_write_rsp_parse(struct cur *c, struct smb2_write_rsp *out);
