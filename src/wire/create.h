/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE. [MS-SMB2] 2.2.13, 2.2.14. The contexts are in create_ctx.h. */
#pragma once

#include "wire/create_ctx.h"
#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_create_req {
    uint8_t oplock_level; /* SMB2_OPLOCK_LEVEL_* */
    uint32_t impersonation_level;
    uint32_t desired_access;
    uint32_t file_attributes;
    uint32_t share_access;
    uint32_t disposition;
    uint32_t options;
    struct wire_slice name; /* UTF-16LE, relative to the share; empty: its root */
    struct wire_slice ctxs_raw;
    struct smb2_create_ctxs ctxs;
};
/* WIRE_VALUE: a name of odd length. Everything that ctxs parsing returns. */
NODISCARD enum wire_err smb2_create_req_parse(struct cur *c, struct smb2_create_req *out);

struct smb2_create_rsp {
    uint8_t oplock_level;
    uint8_t flags; /* SMB2_CREATE_FLAG_REPARSEPOINT */
    uint32_t create_action;
    uint64_t create_time; /* FILETIME */
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint64_t allocation_size;
    uint64_t end_of_file;
    uint32_t file_attributes;
    struct smb2_file_id file_id;
    struct smb2_create_rsp_ctxs ctxs;
};
void smb2_create_rsp_format(struct wr *w, const struct smb2_create_rsp *rsp);

/* The client's side (client_create.c). The request's contexts are written from ctxs. */
void smb2_create_req_format(struct wr *w, const struct smb2_create_req *req);
NODISCARD enum wire_err smb2_create_rsp_parse(struct cur *c, struct smb2_create_rsp *out);
