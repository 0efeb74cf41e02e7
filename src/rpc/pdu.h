/* SPDX-License-Identifier: Apache-2.0 */
/* Connection-oriented RPC PDUs: bytes <-> structs. [C706] 12.6, [MS-RPCE] 2.2.2. Pure. */
#pragma once

#include "base/base.h"
#include "base/cur.h"
#include "base/wr.h"

enum pdu_type {
    PDU_REQUEST = 0,
    PDU_RESPONSE = 2,
    PDU_FAULT = 3,
    PDU_BIND = 11,
    PDU_BIND_ACK = 12,
    PDU_BIND_NAK = 13,
    PDU_ALTER_CONTEXT = 14,
    PDU_ALTER_CONTEXT_RESP = 15,
    PDU_AUTH3 = 16,
    PDU_SHUTDOWN = 17,
    PDU_CO_CANCEL = 18,
    PDU_ORPHANED = 19,
};

/* pfc_flags. [C706] 12.6.3.1 */
#define PDU_FIRST_FRAG 0x01u
#define PDU_LAST_FRAG 0x02u
#define PDU_DID_NOT_EXECUTE 0x20u
#define PDU_MAYBE 0x40u
#define PDU_OBJECT_UUID 0x80u

#define PDU_VERSION 5u
#define PDU_VERSION_MINOR_MAX 1u
#define PDU_HEADER_BYTES 16u
#define PDU_RESPONSE_HEADER_BYTES 24u
#define PDU_AUTH_TRAILER_BYTES 8u

/* Fault codes. [C706] appendix E, [MS-ERREF] 2.2 */
#define PDU_FAULT_ACCESS_DENIED 0x00000005u
#define PDU_FAULT_NDR 0x000006F7u
#define PDU_FAULT_CONTEXT 0x1C00001Au
#define PDU_FAULT_NO_MEMORY 0x1C00001Du
#define PDU_FAULT_OP_RANGE 0x1C010002u
#define PDU_FAULT_UNKNOWN_IF 0x1C010003u
#define PDU_FAULT_PROTOCOL 0x1C01000Bu

/* bind_nak reasons. [C706] 12.6.3.1, [MS-RPCE] 2.2.2.5 */
#define PDU_NAK_NOT_SPECIFIED 0u
#define PDU_NAK_VERSION 4u
#define PDU_NAK_AUTH_TYPE 8u

/* Results of a presentation context. [C706] 12.6.3.1, [MS-RPCE] 2.2.2.4 */
#define PDU_RESULT_ACCEPT 0u
#define PDU_RESULT_PROVIDER_REJECT 2u
#define PDU_RESULT_NEGOTIATE_ACK 3u
#define PDU_REASON_ABSTRACT_SYNTAX 1u
#define PDU_REASON_TRANSFER_SYNTAX 2u
#define PDU_REASON_LOCAL_LIMIT 3u

struct pdu_header {
    uint8_t version;
    uint8_t version_minor;
    uint8_t type; /* enum pdu_type or unknown */
    uint8_t flags;
    bool is_little; /* little-endian integers, ASCII, IEEE: the only representation we speak */
    uint16_t frag_len_bytes;
    uint16_t auth_len_bytes;
    uint32_t call_id;
};

/* The 16 bytes common to all. Integers are read as the data representation says, so that a
 * big-endian PDU is told apart with its right length. [C706] 12.6.3.1
 * Fails (false) only with fewer than 16 bytes. */
NODISCARD bool pdu_header_parse(struct cur *c, struct pdu_header *out);

/* An interface or transfer syntax. */
struct pdu_syntax {
    uint8_t uuid[16]; /* as on the wire */
    uint16_t major;
    uint16_t minor;
};

extern const struct pdu_syntax pdu_ndr20;

bool pdu_syntax_eq(const struct pdu_syntax *a, const struct pdu_syntax *b);
/* A bind-time feature negotiation "syntax"? Then *mask_r is what the client offers.
 * [MS-RPCE] 2.2.2.14, 3.3.1.5.3 */
bool pdu_syntax_is_features(const struct pdu_syntax *s, uint64_t *mask_r);

/* bind and alter_context up to the first context. [C706] 12.6.4.3 */
struct pdu_bind {
    uint16_t max_xmit_bytes;
    uint16_t max_recv_bytes;
    uint32_t assoc_group;
    uint8_t context_count;
};
NODISCARD bool pdu_bind_parse(struct cur *c, struct pdu_bind *out);

/* One presentation context; syntaxes holds syntax_count of 20 bytes (pdu_syntax_parse). */
struct pdu_context {
    uint16_t id;
    uint8_t syntax_count;
    struct pdu_syntax abstract;
    struct cur syntaxes;
};
NODISCARD bool pdu_context_parse(struct cur *c, struct pdu_context *out);
/* false: no more. */
bool pdu_syntax_parse(struct cur *c, struct pdu_syntax *out);

/* request, without the authentication trailer. [C706] 12.6.4.9 */
struct pdu_request {
    uint16_t context_id;
    uint16_t opnum;
    const uint8_t *stub; /* borrowed */
    size_t stub_len_bytes;
};
NODISCARD bool pdu_request_parse(struct cur *c, uint8_t flags, struct pdu_request *out);

/* Every formatter writes one whole PDU to the end of w; pdu_begin starts one, and pdu_end fills in
 * its length. */
void pdu_begin(struct wr *w, enum pdu_type type, uint8_t flags, uint32_t call_id);
void pdu_end(struct wr *w);

/* bind_ack or alter_context_resp up to the results. sec_addr: "" gives the empty address.
 * [C706] 12.6.4.4 */
struct pdu_bind_ack {
    enum pdu_type type;
    uint32_t call_id;
    uint16_t max_xmit_bytes;
    uint16_t max_recv_bytes;
    uint32_t assoc_group;
    const char *sec_addr;
    uint8_t result_count;
};
void pdu_bind_ack_begin(struct wr *w, const struct pdu_bind_ack *ack);
/* transfer: NULL gives zeros. */
void pdu_result_format(struct wr *w, uint16_t result, uint16_t reason,
                       const struct pdu_syntax *transfer);
void pdu_bind_nak_format(struct wr *w, uint32_t call_id, uint16_t reason);
void pdu_fault_format(struct wr *w, uint32_t call_id, uint16_t context_id, uint8_t flags,
                      uint32_t status);
/* One fragment of a response: part of it, of which left_bytes are to come including these. */
struct pdu_response {
    uint8_t flags;
    uint32_t call_id;
    uint16_t context_id;
    uint32_t left_bytes;
    const uint8_t *stub;
    size_t stub_len_bytes;
};
void pdu_response_format(struct wr *w, const struct pdu_response *r);
