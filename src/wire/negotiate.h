/* SPDX-License-Identifier: Apache-2.0 */
/* NEGOTIATE and its contexts. [MS-SMB2] 2.2.3, 2.2.4 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_DIALECTS_MAX 64
#define SMB2_NEGOTIATE_CTXS_MAX 64
/* Algorithms kept per context; further ones (there are none in 2026) are read and dropped. */
#define SMB2_NEGOTIATE_ALGS_MAX 16

struct smb2_alg_list {
    uint16_t count;
    uint16_t ids[SMB2_NEGOTIATE_ALGS_MAX];
};
bool smb2_alg_list_has(const struct smb2_alg_list *list, uint16_t id);

/* Bits for `present` and `duplicates`. */
#define SMB2_NEGCTX_PREAUTH 0x01u
#define SMB2_NEGCTX_ENCRYPTION 0x02u
#define SMB2_NEGCTX_COMPRESSION 0x04u
#define SMB2_NEGCTX_NETNAME 0x08u
#define SMB2_NEGCTX_TRANSPORT 0x10u
#define SMB2_NEGCTX_RDMA_TRANSFORM 0x20u
#define SMB2_NEGCTX_SIGNING 0x40u
#define SMB2_NEGCTX_POSIX 0x80u

/* Request and response use the same shapes; a response holds one algorithm per list (compression:
 * any). */
struct smb2_negotiate_ctxs {
    uint32_t present;    /* SMB2_NEGCTX_* */
    uint32_t duplicates; /* kinds sent more than once; the first one counts */
    uint16_t unknown_count;
    struct smb2_alg_list hashes;
    struct wire_slice salt;
    struct smb2_alg_list ciphers;
    struct smb2_alg_list compressions;
    uint32_t compression_flags;
    struct wire_slice netname; /* UTF-16LE */
    uint32_t transport_flags;
    struct smb2_alg_list rdma_transforms;
    struct smb2_alg_list signings;
};

struct smb2_negotiate_req {
    uint16_t security_mode;
    uint32_t capabilities;
    uint8_t client_guid[WIRE_GUID_SIZE];
    uint16_t dialect_count;
    uint16_t dialects[SMB2_DIALECTS_MAX];
    bool has_ctxs; /* 3.1.1 is among the dialects, so the context fields were there to read */
    struct smb2_negotiate_ctxs ctxs;
};

/* WIRE_COUNT: DialectCount 0 or above SMB2_DIALECTS_MAX, contexts above SMB2_NEGOTIATE_CTXS_MAX, an
 * algorithm list of 0. WIRE_SIZE, WIRE_RANGE: also for a context's content. */
NODISCARD enum wire_err smb2_negotiate_req_parse(struct cur *c, struct smb2_negotiate_req *out);

struct smb2_negotiate_rsp {
    uint16_t security_mode;
    uint16_t dialect;
    uint8_t server_guid[WIRE_GUID_SIZE];
    uint32_t capabilities;
    uint32_t max_transact_size;
    uint32_t max_read_size;
    uint32_t max_write_size;
    uint64_t system_time;
    uint64_t server_start_time;
    struct wire_slice security;      /* SPNEGO */
    struct smb2_negotiate_ctxs ctxs; /* written when dialect is 3.1.1 */
};
void smb2_negotiate_rsp_format(struct wr *w, const struct smb2_negotiate_rsp *rsp);

/* The client's side (client_negotiate.c). */
void smb2_negotiate_req_format(struct wr *w, const struct smb2_negotiate_req *req);
NODISCARD enum wire_err smb2_negotiate_rsp_parse(struct cur *c, struct smb2_negotiate_rsp *out);

/* The context list alone: count contexts from offset (counted from c's base). */
NODISCARD enum wire_err smb2_negotiate_ctxs_parse(const struct cur *c, size_t offset, size_t count,
                                                  struct smb2_negotiate_ctxs *out);
/* Appends the contexts, each 8-byte aligned counted from hdr_pos; returns how many. */
uint16_t smb2_negotiate_ctxs_format(struct wr *w, size_t hdr_pos,
                                    const struct smb2_negotiate_ctxs *ctxs);
