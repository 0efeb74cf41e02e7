/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing, signing, sealing and key derivation for SMB 2/3 and NTLM; one backend file (gcrypt.c).
 * Objects (signer, sealer, rc4) hold the only copy of their key and wipe it when freed. A signer or
 * sealer locks itself and may be used by any thread; an rc4 stream belongs to one thread at a time.
 */
#pragma once

#include "base/base.h"

/* Signing algorithm ids on the wire. [MS-SMB2] 2.2.3.1.7 */
enum crypto_sign_alg {
    CRYPTO_SIGN_HMAC_SHA256 = 0,
    CRYPTO_SIGN_AES_CMAC = 1,
    CRYPTO_SIGN_AES_GMAC = 2,
};

/* Cipher ids on the wire. [MS-SMB2] 2.2.3.1.2 */
enum crypto_cipher {
    CRYPTO_CIPHER_NONE = 0,
    CRYPTO_AES128_CCM = 1,
    CRYPTO_AES128_GCM = 2,
    CRYPTO_AES256_CCM = 3,
    CRYPTO_AES256_GCM = 4,
};

#define CRYPTO_MAC_LEN 16
#define CRYPTO_NONCE_LEN_MAX 12
/* Spans of one call: a message has at most IOCHAIN_SEGS_MAX (32) segments, some of them cut in two.
 */
#define CRYPTO_SPANS_MAX 64

/* A piece of a message. Functions that change the bytes say "in place". */
struct crypto_span {
    uint8_t *base;
    size_t len;
};

/* A span over bytes that the callee only reads. */
static inline struct crypto_span crypto_span_of(const void *p, size_t len)
{
    return (struct crypto_span){.base = (uint8_t *)(uintptr_t)p, .len = len};
}

/* Prepare the library: once per process, before other threads start (harmless when repeated).
 * Returns 0, or -1 when libgcrypt is older than the headers or lacks an algorithm. */
NODISCARD int crypto_init(void);

struct crypto_signer;
/* A keyed signer with one reused, internally locked context (a context per message costs 3-6 times
 * as much). key is copied. NULL without memory. */
NODISCARD struct crypto_signer *crypto_signer_new(enum crypto_sign_alg alg, const uint8_t key[16]);
void crypto_signer_free(struct crypto_signer *s); /* NULL allowed */
CLEANUP_DEFINE(crypto_signer_free, struct crypto_signer *)
/* The first 16 bytes of the MAC over the spans in order. [MS-SMB2] 3.1.4.1
 * nonce: 12 bytes, used for GMAC only (NULL otherwise). n <= CRYPTO_SPANS_MAX.
 * false: the library failed; mac is zeroed. Thread: any (locks the signer). */
NODISCARD bool crypto_sign(struct crypto_signer *s, const struct crypto_span *spans, size_t n,
                           const uint8_t nonce[12], uint8_t mac[CRYPTO_MAC_LEN]);

struct crypto_sealer;
/* key_len must be crypto_key_len(cipher). NULL: no memory or CRYPTO_CIPHER_NONE. */
NODISCARD struct crypto_sealer *crypto_sealer_new(enum crypto_cipher cipher, const uint8_t *key,
                                                  size_t key_len);
void crypto_sealer_free(struct crypto_sealer *s); /* NULL allowed */
CLEANUP_DEFINE(crypto_sealer_free, struct crypto_sealer *)
/* 16 or 32 bytes; 0 for CRYPTO_CIPHER_NONE. */
size_t crypto_key_len(enum crypto_cipher cipher);
/* 11 bytes for CCM, 12 for GCM; 0 for CRYPTO_CIPHER_NONE. [MS-SMB2] 2.2.41 */
size_t crypto_nonce_len(enum crypto_cipher cipher);
/* Encrypt the spans in place and authenticate aad and spans. [MS-SMB2] 3.1.4.3
 * nonce: crypto_nonce_len bytes, never twice with one key. n <= CRYPTO_SPANS_MAX; spans of any
 * length. false: the library failed; do not send what the spans now hold. Thread: any (locks the
 * sealer). */
NODISCARD bool crypto_seal(struct crypto_sealer *s, const uint8_t *nonce, const uint8_t *aad,
                           size_t aad_len, const struct crypto_span *spans, size_t n,
                           uint8_t tag[CRYPTO_MAC_LEN]);
/* The reverse, in place. false: the tag is wrong (compared in constant time) or the library failed;
 * the spans then hold garbage that must not be looked at. */
NODISCARD bool crypto_open(struct crypto_sealer *s, const uint8_t *nonce, const uint8_t *aad,
                           size_t aad_len, const struct crypto_span *spans, size_t n,
                           const uint8_t tag[CRYPTO_MAC_LEN]);

/* hash = SHA-512(hash || spans): one step of the preauth integrity hash. [MS-SMB2] 3.3.5.4
 * n < CRYPTO_SPANS_MAX. Cannot fail; no allocation. */
void crypto_sha512_extend(uint8_t hash[64], const struct crypto_span *spans, size_t n);
void crypto_sha256(const void *p, size_t len, uint8_t out[32]);
/* n < CRYPTO_SPANS_MAX. */
void crypto_hmac_sha256(const uint8_t *key, size_t key_len, const struct crypto_span *spans,
                        size_t n, uint8_t out[32]);
/* CRC-32 as in IEEE 802.3. */
uint32_t crypto_crc32(const void *p, size_t len);

/* The old algorithms of NTLM. false: no memory, or the system's policy (FIPS mode) forbids them;
 * out is zeroed then. n < CRYPTO_SPANS_MAX. */
NODISCARD bool crypto_md4(const void *p, size_t len, uint8_t out[16]);
NODISCARD bool crypto_md5(const struct crypto_span *spans, size_t n, uint8_t out[16]);
NODISCARD bool crypto_hmac_md5(const uint8_t *key, size_t key_len, const struct crypto_span *spans,
                               size_t n, uint8_t out[16]);

struct crypto_rc4;
/* key_len 5..32 bytes. NULL: no memory or forbidden by policy. */
NODISCARD struct crypto_rc4 *crypto_rc4_new(const uint8_t *key, size_t key_len);
void crypto_rc4_free(struct crypto_rc4 *r); /* NULL allowed */
CLEANUP_DEFINE(crypto_rc4_free, struct crypto_rc4 *)
/* The next len bytes of the key stream over p, in place. */
NODISCARD bool crypto_rc4_apply(struct crypto_rc4 *r, uint8_t *p, size_t len);

/* SP800-108 in counter mode with HMAC-SHA256, r = 32, L = 8 * out_len. [MS-SMB2] 3.1.4.2
 * label and context include their terminating zero, as the caller passes them; context is the
 * preauth hash (64 bytes) for dialect 3.1.1. out_len: 16 or 32. Cannot fail; no allocation. */
void crypto_kdf(const uint8_t *key, size_t key_len, const void *label, size_t label_len,
                const void *context, size_t context_len, uint8_t *out, size_t out_len);
