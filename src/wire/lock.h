/* SPDX-License-Identifier: Apache-2.0 */
/* LOCK. [MS-SMB2] 2.2.26, 2.2.27 */
#pragma once

#include "wire/empty.h"
#include "wire/smb2.h"
#include "wire/wire.h"

/* Elements of one request; Windows sends 1, and its server takes 64 before it gives up on the size.
 */
#define SMB2_LOCKS_MAX 64

struct smb2_lock_element {
    uint64_t offset;
    uint64_t length;
    uint32_t flags; /* SMB2_LOCKFLAG_* */
};

struct smb2_lock_req {
    uint8_t lock_sequence_number; /* low 4 bits; 2.1 and later */
    uint32_t lock_sequence_index; /* upper 28 bits */
    struct smb2_file_id file_id;
    uint16_t count;
    struct smb2_lock_element locks[SMB2_LOCKS_MAX];
};
/* WIRE_COUNT: LockCount 0 or above SMB2_LOCKS_MAX. */
NODISCARD enum wire_err smb2_lock_req_parse(struct cur *c, struct smb2_lock_req *out);
/* The client's side (client_file.c). */
void smb2_lock_req_format(struct wr *w, const struct smb2_lock_req *req);

static inline void smb2_lock_rsp_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline NODISCARD enum wire_err smb2_lock_rsp_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}
