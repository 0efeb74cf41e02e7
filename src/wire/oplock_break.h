/* SPDX-License-Identifier: Apache-2.0 */
/* OPLOCK_BREAK in its oplock and lease forms: the server's notification, the client's
 * acknowledgment and the server's response to that. [MS-SMB2] 2.2.23-2.2.25 */
#pragma once

#include "wire/create_ctx.h"
#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_OPLOCK_BREAK_SIZE 24
#define SMB2_LEASE_BREAK_NOTIFY_SIZE 44
#define SMB2_LEASE_BREAK_ACK_SIZE 36

/* Acknowledgment, and the same shape for the notification and response of an oplock. */
struct smb2_oplock_break {
    bool is_lease;
    /* oplock form, 2.2.23.1, 2.2.24.1, 2.2.25.1 */
    uint8_t oplock_level;
    struct smb2_file_id file_id;
    /* lease form, 2.2.24.2, 2.2.25.2 */
    uint32_t lease_flags;
    uint8_t lease_key[SMB2_LEASE_KEY_SIZE];
    uint32_t lease_state;
    uint64_t lease_duration; /* reserved: zero */
};
/* WIRE_SIZE: StructureSize neither 24 nor 36. */
NODISCARD enum wire_err smb2_oplock_break_req_parse(struct cur *c, struct smb2_oplock_break *out);
/* The response to an acknowledgment; the oplock form is also the notification. */
void smb2_oplock_break_rsp_format(struct wr *w, const struct smb2_oplock_break *rsp);

/* 2.2.23.2 */
struct smb2_lease_break_notify {
    uint16_t new_epoch;
    uint32_t flags; /* SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED */
    uint8_t lease_key[SMB2_LEASE_KEY_SIZE];
    uint32_t current_state;
    uint32_t new_state;
};
void smb2_lease_break_notify_format(struct wr *w, const struct smb2_lease_break_notify *n);

/* The client's side (client_break.c). The acknowledgment and the oplock notification look alike. */
void smb2_oplock_break_req_format(struct wr *w, const struct smb2_oplock_break *req);
NODISCARD enum wire_err smb2_oplock_break_rsp_parse(struct cur *c, struct smb2_oplock_break *out);
NODISCARD enum wire_err smb2_lease_break_notify_parse(struct cur *c,
                                                      struct smb2_lease_break_notify *out);
