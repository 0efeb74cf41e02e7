/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION_SETUP. [MS-SMB2] 2.2.5, 2.2.6 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_session_setup_req {
    uint8_t flags; /* SMB2_SESSION_FLAG_BINDING */
    uint8_t security_mode;
    uint32_t capabilities;
    uint32_t channel;
    uint64_t previous_session_id;
    struct wire_slice security;
};
NODISCARD enum wire_err smb2_session_setup_req_parse(struct cur *c,
                                                     struct smb2_session_setup_req *out);

struct smb2_session_setup_rsp {
    uint16_t session_flags;
    struct wire_slice security;
};
void smb2_session_setup_rsp_format(struct wr *w, const struct smb2_session_setup_rsp *rsp);

/* The client's side (client_session.c). */
void smb2_session_setup_req_format(struct wr *w, const struct smb2_session_setup_req *req);
NODISCARD enum wire_err smb2_session_setup_rsp_parse(struct cur *c,
                                                     struct smb2_session_setup_rsp *out);
