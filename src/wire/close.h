/* SPDX-License-Identifier: Apache-2.0 */
/* CLOSE. [MS-SMB2] 2.2.15, 2.2.16 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_close_req {
    uint16_t flags; /* SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB */
    struct smb2_file_id file_id;
};
/* c: 24 bytes from StructureSize. */
NODISCARD enum wire_err smb2_close_req_parse(struct cur *c, struct smb2_close_req *out);

/* All but flags zero unless the request asked for attributes. */
struct smb2_close_rsp {
    uint16_t flags;
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint64_t allocation_size;
    uint64_t end_of_file;
    uint32_t file_attributes;
};
void smb2_close_rsp_format(struct wr *w, const struct smb2_close_rsp *rsp);

/* The client's side (client_file.c). */
void smb2_close_req_format(struct wr *w, const struct smb2_close_req *req);
NODISCARD enum wire_err smb2_close_rsp_parse(struct cur *c, struct smb2_close_rsp *out);
