/* SPDX-License-Identifier: Apache-2.0 */
/* TREE_CONNECT. [MS-SMB2] 2.2.9, 2.2.10 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_TREE_CONNECT_CTXS_MAX 16

struct smb2_tree_connect_req {
    uint16_t flags;
    struct wire_slice path; /* UTF-16LE, \\server\share */
    /* With SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT (3.1.1), [MS-SMB2] 2.2.9.1 */
    bool has_remoted_identity;
    struct wire_slice remoted_identity; /* [MS-SMB2] 2.2.9.2.1, raw */
    uint16_t ctx_count;
};
/* is_311: the extension flag means something. */
NODISCARD enum wire_err smb2_tree_connect_req_parse(struct cur *c, bool is_311,
                                                    struct smb2_tree_connect_req *out);

struct smb2_tree_connect_rsp {
    uint8_t share_type;
    uint32_t share_flags;
    uint32_t capabilities;
    uint32_t maximal_access;
};
void smb2_tree_connect_rsp_format(struct wr *w, const struct smb2_tree_connect_rsp *rsp);

/* The client's side (client_session.c). Formats the plain form, without extension. */
void smb2_tree_connect_req_format(struct wr *w, const struct smb2_tree_connect_req *req);
NODISCARD enum wire_err smb2_tree_connect_rsp_parse(struct cur *c,
                                                    struct smb2_tree_connect_rsp *out);
