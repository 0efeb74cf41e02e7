/* SPDX-License-Identifier: Apache-2.0 */
/* FLUSH. [MS-SMB2] 2.2.17, 2.2.18 */
#pragma once

#include "wire/empty.h"
#include "wire/wire.h"

struct smb2_flush_req {
    uint16_t reserved1; /* macOS sets 0xffff for a full sync to the platter */
    struct smb2_file_id file_id;
};
NODISCARD enum wire_err smb2_flush_req_parse(struct cur *c, struct smb2_flush_req *out);
/* The client's side (client_file.c). */
void smb2_flush_req_format(struct wr *w, const struct smb2_flush_req *req);

static inline void smb2_flush_rsp_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline NODISCARD enum wire_err smb2_flush_rsp_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}
