/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM messages, bytes <-> structs, and the computations of NTLM version 2.
 * [MS-NLMP] 2.2, 3.3.2, 3.4 Pure functions; any thread. */
#pragma once

#include "auth/mech.h"
#include "base/cur.h"

/* Negotiate flags. [MS-NLMP] 2.2.2.5 */
#define NTLM_UNICODE 0x00000001u
#define NTLM_REQUEST_TARGET 0x00000004u
#define NTLM_SIGN 0x00000010u
#define NTLM_SEAL 0x00000020u
#define NTLM_NTLM 0x00000200u
#define NTLM_ANONYMOUS 0x00000800u
#define NTLM_ALWAYS_SIGN 0x00008000u
#define NTLM_TARGET_TYPE_SERVER 0x00020000u
#define NTLM_EXTENDED_SESSIONSECURITY 0x00080000u
#define NTLM_TARGET_INFO 0x00800000u
#define NTLM_VERSION 0x02000000u
#define NTLM_128 0x20000000u
#define NTLM_KEY_EXCH 0x40000000u
#define NTLM_56 0x80000000u

#define NTLM_KEY_LEN 16
#define NTLM_CHALLENGE_LEN 8
#define NTLM_MIC_OFFSET 72 /* in AUTHENTICATE_MESSAGE. [MS-NLMP] 2.2.1.3 */
#define NTLM_V1_RESPONSE_LEN 24 /* [MS-NLMP] 2.2.2.6 */
#define NTLM_MIC_LEN 16
#define NTLM_MAC_LEN 16 /* NTLMSSP_MESSAGE_SIGNATURE. [MS-NLMP] 2.2.2.9.2 */
/* A kept NEGOTIATE: 40 bytes, and an OEM computer and domain name of 255 bytes each. */
#define NTLM_NEGOTIATE_MAX 1024
#define NTLM_AV_PAIRS_MAX 32 /* eleven kinds are defined. [MS-NLMP] 2.2.2.1 */

/* Does the blob begin with the NTLM signature? */
bool ntlm_is_message(const uint8_t *p, size_t len);

struct ntlm_negotiate {
    uint32_t flags; /* the names that may follow are ignored: they are in AUTHENTICATE too */
};
NODISCARD bool ntlm_negotiate_parse(struct auth_slice msg, struct ntlm_negotiate *out);

struct ntlm_challenge {
    uint32_t flags;
    const uint8_t *server_challenge; /* NTLM_CHALLENGE_LEN bytes */
    uint64_t time;                   /* FILETIME */
    const char *target_name;         /* NetBIOS, UTF-8 */
    const char *dns_name;
};
void ntlm_challenge_format(struct wr *w, const struct ntlm_challenge *msg);

/* Slices borrow from the message; strings are UTF-16LE. */
struct ntlm_authenticate {
    uint32_t flags;
    struct auth_slice lm;
    struct auth_slice nt;
    struct auth_slice domain;
    struct auth_slice user;
    struct auth_slice workstation;
    struct auth_slice session_key; /* encrypted; empty or 16 bytes */
};
/* false: malformed. */
NODISCARD bool ntlm_authenticate_parse(struct auth_slice msg, struct ntlm_authenticate *out);

/* NTLMv2_RESPONSE. [MS-NLMP] 2.2.2.8 */
struct ntlm_v2_response {
    const uint8_t *proof;   /* 16 bytes */
    struct auth_slice temp; /* what the proof covers besides the server's challenge */
    bool has_mic;           /* MsvAvFlags says that AUTHENTICATE has a MIC */
};
/* false: not version 2 (24 bytes are version 1), or malformed. */
NODISCARD bool ntlm_v2_response_parse(struct auth_slice nt, struct ntlm_v2_response *out);

/* All return false when MD5 or RC4 is not to be had. */

/* NTOWFv2: the key of user (UTF-16LE, any case) in domain (UTF-16LE, as sent). [MS-NLMP] 3.3.2 */
NODISCARD bool ntlm_v2_key(const uint8_t nt_hash[16], struct auth_slice user,
                           struct auth_slice domain, uint8_t key[NTLM_KEY_LEN]);
/* NTProofStr. */
NODISCARD bool ntlm_v2_proof(const uint8_t key[NTLM_KEY_LEN],
                             const uint8_t server_challenge[NTLM_CHALLENGE_LEN],
                             struct auth_slice temp, uint8_t proof[16]);
/* SessionBaseKey, which is the key exchange key too. */
NODISCARD bool ntlm_v2_session_key(const uint8_t key[NTLM_KEY_LEN], const uint8_t proof[16],
                                   uint8_t out[NTLM_KEY_LEN]);
/* RC4K in place. [MS-NLMP] 6 */
NODISCARD bool ntlm_rc4k(const uint8_t key[NTLM_KEY_LEN], uint8_t *p, size_t len);
/* The MIC over the three messages, with the MIC field of authenticate (at least 88 bytes) taken as
 * zero. [MS-NLMP] 3.2.5.1.2 */
NODISCARD bool ntlm_mic(const uint8_t exported_key[NTLM_KEY_LEN], struct auth_slice negotiate,
                        struct auth_slice challenge, struct auth_slice authenticate,
                        uint8_t mic[NTLM_MIC_LEN]);

enum ntlm_side {
    NTLM_CLIENT,
    NTLM_SERVER,
};
/* The signature of the first message that `side` signs (sequence number 0), with extended session
 * security and 128-bit keys. flags: NTLM_KEY_EXCH decides the form. [MS-NLMP] 3.4.4.2 */
NODISCARD bool ntlm_mac(const uint8_t exported_key[NTLM_KEY_LEN], uint32_t flags,
                        enum ntlm_side side, struct auth_slice data, uint8_t mac[NTLM_MAC_LEN]);
