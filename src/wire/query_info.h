/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY_INFO. [MS-SMB2] 2.2.37, 2.2.38. Contents: fscc_file.h, fscc_fs.h, fscc_quota.h */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_query_info_req {
    uint8_t info_type;  /* SMB2_0_INFO_* */
    uint8_t info_class; /* enum smb2_file_class or smb2_fs_class */
    uint32_t output_max;
    struct wire_slice input;
    uint32_t additional; /* SMB2_*_SECURITY_INFORMATION, or the EA index */
    uint32_t flags;      /* SMB2_SL_* for EAs */
    struct smb2_file_id file_id;
};
NODISCARD enum wire_err smb2_query_info_req_parse(struct cur *c, struct smb2_query_info_req *out);

struct smb2_query_info_rsp {
    struct wire_slice output;
};
void smb2_query_info_rsp_format(struct wr *w, const struct smb2_query_info_rsp *rsp);

/* The client's side (client_query.c). */
void smb2_query_info_req_format(struct wr *w, const struct smb2_query_info_req *req);
NODISCARD enum wire_err smb2_query_info_rsp_parse(struct cur *c, struct smb2_query_info_rsp *out);
