/* SPDX-License-Identifier: Apache-2.0 */
/* The contexts of CREATE requests and responses. [MS-SMB2] 2.2.13.2, 2.2.14.2 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_CREATE_CTXS_MAX 32

/* Bits for `present` and `duplicates`. */
#define SMB2_CTX_EXTA 0x0001u                 /* 2.2.13.2.1 */
#define SMB2_CTX_SECD 0x0002u                 /* 2.2.13.2.2 */
#define SMB2_CTX_DHNQ 0x0004u                 /* 2.2.13.2.3 */
#define SMB2_CTX_DHNC 0x0008u                 /* 2.2.13.2.4 */
#define SMB2_CTX_MXAC 0x0010u                 /* 2.2.13.2.5 */
#define SMB2_CTX_ALSI 0x0020u                 /* 2.2.13.2.6 */
#define SMB2_CTX_TWRP 0x0040u                 /* 2.2.13.2.7 */
#define SMB2_CTX_RQLS 0x0080u                 /* 2.2.13.2.8 and .10 */
#define SMB2_CTX_QFID 0x0100u                 /* 2.2.13.2.9 */
#define SMB2_CTX_DH2Q 0x0200u                 /* 2.2.13.2.11 */
#define SMB2_CTX_DH2C 0x0400u                 /* 2.2.13.2.12 */
#define SMB2_CTX_APP_INSTANCE_ID 0x0800u      /* 2.2.13.2.13 */
#define SMB2_CTX_SVHDX 0x1000u                /* 2.2.13.2.14, raw */
#define SMB2_CTX_APP_INSTANCE_VERSION 0x2000u /* 2.2.13.2.15 */
#define SMB2_CTX_AAPL 0x4000u                 /* Apple's extensions, raw */
#define SMB2_CTX_POSIX 0x8000u                /* SMB3 POSIX extensions */

#define SMB2_LEASE_KEY_SIZE 16

/* RqLs both ways. [MS-SMB2] 2.2.13.2.8 (v1, 32 bytes), 2.2.13.2.10 (v2, 52 bytes) */
struct smb2_lease {
    uint8_t key[SMB2_LEASE_KEY_SIZE];
    uint32_t state; /* SMB2_LEASE_*_CACHING */
    uint32_t flags;
    bool is_v2;
    uint8_t parent_key[SMB2_LEASE_KEY_SIZE]; /* v2 */
    uint16_t epoch;                          /* v2 */
};

struct smb2_create_ctxs {
    uint32_t present;    /* SMB2_CTX_* */
    uint32_t duplicates; /* sent more than once; the first one counts */
    uint16_t unknown_count;
    struct wire_slice exta; /* FILE_FULL_EA_INFORMATION list: fscc_ea.h */
    struct wire_slice secd; /* self-relative SECURITY_DESCRIPTOR */
    struct smb2_file_id dhnc;
    bool mxac_has_timestamp;
    uint64_t mxac_timestamp;
    uint64_t alsi_allocation_size;
    uint64_t twrp_timestamp;
    struct smb2_lease lease;
    uint32_t dh2q_timeout_ms;
    uint32_t dh2q_flags;
    uint8_t dh2q_create_guid[WIRE_GUID_SIZE];
    struct smb2_file_id dh2c_file_id;
    uint8_t dh2c_create_guid[WIRE_GUID_SIZE];
    uint32_t dh2c_flags;
    uint8_t app_instance_id[WIRE_GUID_SIZE];
    uint64_t app_instance_version_high;
    uint64_t app_instance_version_low;
    struct wire_slice svhdx;
    struct wire_slice aapl;
    uint32_t posix_mode;
};

/* list: the bytes of all contexts. Unknown names are skipped.
 * WIRE_COUNT: more than SMB2_CREATE_CTXS_MAX. WIRE_SIZE: known name, wrong data length. WIRE_RANGE,
 * WIRE_SHORT: a broken chain. */
NODISCARD enum wire_err smb2_create_ctxs_parse(struct wire_slice list,
                                               struct smb2_create_ctxs *out);
/* Appends the contexts named in `present` (client's side). Offsets are relative, so no header is
 * needed. */
void smb2_create_ctxs_format(struct wr *w, const struct smb2_create_ctxs *ctxs);

struct smb2_create_rsp_ctxs {
    uint32_t present;     /* MXAC QFID RQLS DHNQ DH2Q AAPL POSIX */
    uint32_t mxac_status; /* NTSTATUS of the query, 2.2.14.2.5 */
    uint32_t mxac_access;
    uint8_t qfid[32];         /* 2.2.14.2.9: DiskFileId 8, VolumeId 8, reserved 16 */
    struct smb2_lease lease;  /* 2.2.14.2.10, .11 */
    uint32_t dh2q_timeout_ms; /* 2.2.14.2.12 */
    uint32_t dh2q_flags;
    struct wire_slice aapl;
    struct wire_slice posix; /* raw: link count, reparse tag, mode, SIDs */
};
void smb2_create_rsp_ctxs_format(struct wr *w, const struct smb2_create_rsp_ctxs *ctxs);
NODISCARD enum wire_err smb2_create_rsp_ctxs_parse(struct wire_slice list,
                                                   struct smb2_create_rsp_ctxs *out);
