/* SPDX-License-Identifier: Apache-2.0 */
/* The headers in front of a message: SMB2, transform, and the one SMB1 message we know. */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

#define SMB2_HDR_FLAGS_OFFSET 16
#define SMB2_HDR_NEXT_OFFSET 20
#define SMB2_HDR_SIGNATURE_OFFSET 48
#define SMB2_SIGNATURE_SIZE 16
/* In a transform header: the signature, and what is authenticated with the payload (nonce to end).
 */
#define SMB2_TRANSFORM_SIGNATURE_OFFSET 4
#define SMB2_TRANSFORM_AAD_OFFSET 20
#define SMB2_TRANSFORM_AAD_SIZE 32
#define SMB2_TRANSFORM_NONCE_SIZE 16

/* What the first four bytes say. */
enum smb2_protocol {
    SMB2_PROTOCOL_UNKNOWN = 0,
    SMB2_PROTOCOL_SMB1,
    SMB2_PROTOCOL_SMB2,
    SMB2_PROTOCOL_TRANSFORM,
    SMB2_PROTOCOL_COMPRESSED, /* recognised; [MS-SMB2] 2.2.42 */
};
enum smb2_protocol smb2_protocol_identify(const uint8_t *p, size_t len);

/* [MS-SMB2] 2.2.1 */
struct smb2_hdr {
    uint16_t credit_charge;
    uint16_t command;
    uint32_t status;           /* response: NTSTATUS */
    uint16_t channel_sequence; /* request of 3.x: low half of the same field */
    uint16_t credits;          /* requested or granted */
    uint32_t flags;
    uint32_t next_command; /* offset of the next header of the compound, 0: last */
    uint64_t message_id;
    uint64_t async_id;   /* with SMB2_FLAGS_ASYNC_COMMAND */
    uint32_t process_id; /* otherwise; Reserved in the specification, echoed */
    uint32_t tree_id;
    uint64_t session_id;
    uint8_t signature[SMB2_SIGNATURE_SIZE];
};

/* 64 bytes at the position; the cursor then stands at the body.
 * WIRE_VALUE: not 0xFE 'SMB'. WIRE_SIZE: StructureSize is not 64. */
NODISCARD enum wire_err smb2_hdr_parse(struct cur *c, struct smb2_hdr *out);
/* Appends 64 bytes; `status` is written in the shared field unless the message is a request
 * (no SMB2_FLAGS_SERVER_TO_REDIR), then channel_sequence. */
void smb2_hdr_format(struct wr *w, const struct smb2_hdr *hdr);

/* SMB2 TRANSFORM_HEADER, [MS-SMB2] 2.2.41 */
struct smb2_transform {
    uint8_t signature[SMB2_SIGNATURE_SIZE];
    uint8_t nonce[SMB2_TRANSFORM_NONCE_SIZE]; /* 11 bytes used by CCM, 12 by GCM */
    uint32_t original_size;                   /* bytes of the message inside */
    uint16_t flags;                           /* EncryptionAlgorithm before 3.1.1; 1 in both */
    uint64_t session_id;
};
/* 52 bytes at the position. WIRE_VALUE: not 0xFD 'SMB'. */
NODISCARD enum wire_err smb2_transform_parse(struct cur *c, struct smb2_transform *out);
void smb2_transform_format(struct wr *w, const struct smb2_transform *t);

/* The dialect strings of an SMB1 NEGOTIATE, [MS-SMB2] 3.3.5.3.1, [MS-CIFS] 2.2.4.52 */
#define SMB1_DIALECTS_MAX 64
struct smb1_negotiate {
    uint16_t dialect_count;
    bool has_smb2_002;      /* "SMB 2.002" */
    bool has_smb2_wildcard; /* "SMB 2.???" */
};
/* c: the SMB1 message from its first byte. WIRE_VALUE: not a NEGOTIATE. WIRE_COUNT: more than
 * SMB1_DIALECTS_MAX strings. */
NODISCARD enum wire_err smb1_negotiate_parse(struct cur *c, struct smb1_negotiate *out);
