/* SPDX-License-Identifier: Apache-2.0 */
/* What the request's and the response's contexts share. */
#pragma once

#include "wire/chain.h"
#include "wire/create_ctx.h"

#define SMB2_CTX_FIXED_SIZE 16
/* A shorter tag is malformed: every known one has 4 bytes or more, and Windows says so. 2.2.13.2 */
#define SMB2_CTX_NAME_MIN 4
#define SMB2_LEASE_V2_SIZE 52

struct smb2_ctx_name {
    uint32_t bit; /* SMB2_CTX_* */
    uint16_t len;
    char name[17];
};

/* [MS-SMB2] 2.2.13.2: names that are GUIDs, in the byte order of the wire */
#define SMB2_CTX_NAME_APP_ID "\x45\xbc\xa6\x6a\xef\xa7\xf7\x4a\x90\x08\xfa\x46\x2e\x14\x4d\x74"
#define SMB2_CTX_NAME_APP_VERSION "\xb9\x82\xd0\xb7\x3b\x56\x07\x4f\xa0\x7b\x52\x4a\x81\x16\xa0\x10"
#define SMB2_CTX_NAME_SVHDX "\x9c\xcb\xcf\x9e\x04\xc1\xe6\x43\x98\x0e\x15\x8d\xa1\xf6\xec\x83"
#define SMB2_CTX_NAME_POSIX "\x93\xad\x25\x50\x9c\xb4\x11\xe7\xb4\x23\x83\xde\x96\x8b\xcd\x7c"

bool smb2_ctx_name_is(const struct smb2_ctx_name *name, struct wire_slice sent);
NODISCARD enum wire_err smb2_ctx_parse(struct cur *element, struct wire_slice *name,
                                       struct wire_slice *data);
NODISCARD size_t smb2_ctx_begin(struct chain_wr *cw, const struct smb2_ctx_name *name);
void smb2_ctx_end(struct chain_wr *cw, size_t data);
void smb2_lease_data_parse(struct cur *d, struct smb2_lease *lease);
void smb2_lease_data_format(struct wr *w, const struct smb2_lease *lease);
