/* SPDX-License-Identifier: Apache-2.0 */
/* SET_INFO. [MS-SMB2] 2.2.39, 2.2.40. Contents: fscc_set.h, fscc_fs.h, fscc_quota.h */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_set_info_req {
    uint8_t info_type;
    uint8_t info_class;
    uint32_t additional;
    struct smb2_file_id file_id;
    struct wire_slice buffer;
};
NODISCARD enum wire_err smb2_set_info_req_parse(struct cur *c, struct smb2_set_info_req *out);
/* StructureSize 2 and nothing more. */
void smb2_set_info_rsp_format(struct wr *w);

/* The client's side (client_query.c). */
void smb2_set_info_req_format(struct wr *w, const struct smb2_set_info_req *req);
NODISCARD enum wire_err smb2_set_info_rsp_parse(struct cur *c);
