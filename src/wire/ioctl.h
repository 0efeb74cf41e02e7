/* SPDX-License-Identifier: Apache-2.0 */
/* IOCTL. [MS-SMB2] 2.2.31, 2.2.32. What the buffers hold is in fsctl.h. */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_ioctl_req {
    uint32_t ctl_code; /* SMB2_FSCTL_* */
    struct smb2_file_id file_id;
    struct wire_slice input;
    struct wire_slice output; /* the request's own; no FSCTL of today fills it */
    uint32_t max_input_response;
    uint32_t max_output_response;
    uint32_t flags; /* SMB2_0_IOCTL_IS_FSCTL */
};
NODISCARD enum wire_err smb2_ioctl_req_parse(struct cur *c, struct smb2_ioctl_req *out);

#define SMB2_IOCTL_RSP_FIXED_SIZE 48

struct smb2_ioctl_rsp {
    uint32_t ctl_code;
    struct smb2_file_id file_id;
    struct wire_slice input;
    struct wire_slice output;
    uint32_t flags;
    uint32_t padding; /* bytes before the output, a multiple of 8 */
};
void smb2_ioctl_rsp_format(struct wr *w, const struct smb2_ioctl_rsp *rsp);

/* The client's side (client_query.c). */
void smb2_ioctl_req_format(struct wr *w, const struct smb2_ioctl_req *req);
NODISCARD enum wire_err smb2_ioctl_rsp_parse(struct cur *c, struct smb2_ioctl_rsp *out);
