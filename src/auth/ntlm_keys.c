/* SPDX-License-Identifier: Apache-2.0 */
/* The computations of NTLM version 2. [MS-NLMP] 3.3.2, 3.4 */
#include "auth/ntlm.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "crypto/crypto.h"

/* A user name that fits into AUTH_NAME_SIZE of UTF-8 has at most so many bytes of UTF-16. */
#define USER_UTF16_MAX (2 * AUTH_NAME_SIZE)

/* Used with their terminating zero. [MS-NLMP] 3.4.5.2, 3.4.5.3 */
static const char *const sign_magic[] = {
    [NTLM_CLIENT] = "session key to client-to-server signing key magic constant",
    [NTLM_SERVER] = "session key to server-to-client signing key magic constant",
};
static const char *const seal_magic[] = {
    [NTLM_CLIENT] = "session key to client-to-server sealing key magic constant",
    [NTLM_SERVER] = "session key to server-to-client sealing key magic constant",
};

static struct crypto_span span_of(struct auth_slice s)
{
    return crypto_span_of(s.p, s.len);
}

bool ntlm_v2_key(const uint8_t nt_hash[16], struct auth_slice user, struct auth_slice domain,
                 uint8_t key[NTLM_KEY_LEN])
{
    uint8_t upper[USER_UTF16_MAX];
    /* a longer name is nobody's; its key only takes the time of a real one */
    size_t len = MIN(user.len, sizeof(upper)) & ~(size_t)1;
    for (size_t i = 0; i < len; i += 2) {
        uint32_t unit = utf_upcase(user.p[i] | (uint32_t)user.p[i + 1] << 8);
        upper[i] = (uint8_t)unit;
        upper[i + 1] = (uint8_t)(unit >> 8);
    }
    struct crypto_span spans[] = {crypto_span_of(upper, len), span_of(domain)};
    return crypto_hmac_md5(nt_hash, 16, spans, ARRAY_LEN(spans), key);
}

bool ntlm_v2_proof(const uint8_t key[NTLM_KEY_LEN],
                   const uint8_t server_challenge[NTLM_CHALLENGE_LEN], struct auth_slice temp,
                   uint8_t proof[16])
{
    struct crypto_span spans[] = {crypto_span_of(server_challenge, NTLM_CHALLENGE_LEN),
                                  span_of(temp)};
    return crypto_hmac_md5(key, NTLM_KEY_LEN, spans, ARRAY_LEN(spans), proof);
}

bool ntlm_v2_session_key(const uint8_t key[NTLM_KEY_LEN], const uint8_t proof[16],
                         uint8_t out[NTLM_KEY_LEN])
{
    struct crypto_span span = crypto_span_of(proof, 16);
    return crypto_hmac_md5(key, NTLM_KEY_LEN, &span, 1, out);
}

bool ntlm_rc4k(const uint8_t key[NTLM_KEY_LEN], uint8_t *p, size_t len)
{
    CLEANUP(crypto_rc4_free) struct crypto_rc4 *rc4 = crypto_rc4_new(key, NTLM_KEY_LEN);
    return rc4 && crypto_rc4_apply(rc4, p, len);
}

bool ntlm_mic(const uint8_t exported_key[NTLM_KEY_LEN], struct auth_slice negotiate,
              struct auth_slice challenge, struct auth_slice authenticate,
              uint8_t mic[NTLM_MIC_LEN])
{
    static const uint8_t zero[NTLM_MIC_LEN];
    size_t after = NTLM_MIC_OFFSET + NTLM_MIC_LEN;
    ASSERT(authenticate.len >= after);
    struct crypto_span spans[] = {
        span_of(negotiate),
        span_of(challenge),
        crypto_span_of(authenticate.p, NTLM_MIC_OFFSET),
        crypto_span_of(zero, sizeof(zero)),
        crypto_span_of(authenticate.p + after, authenticate.len - after),
    };
    return crypto_hmac_md5(exported_key, NTLM_KEY_LEN, spans, ARRAY_LEN(spans), mic);
}

/* SIGNKEY and SEALKEY: MD5 of the key and a text with its zero. */
static bool derive(const uint8_t exported_key[NTLM_KEY_LEN], const char *magic,
                   uint8_t out[NTLM_KEY_LEN])
{
    struct crypto_span spans[] = {crypto_span_of(exported_key, NTLM_KEY_LEN),
                                  crypto_span_of(magic, str_len(magic) + 1)};
    return crypto_md5(spans, ARRAY_LEN(spans), out);
}

bool ntlm_mac(const uint8_t exported_key[NTLM_KEY_LEN], uint32_t flags, enum ntlm_side side,
              struct auth_slice data, uint8_t mac[NTLM_MAC_LEN])
{
    static const uint8_t sequence[4];
    uint8_t sign_key[NTLM_KEY_LEN];
    uint8_t seal_key[NTLM_KEY_LEN];
    uint8_t digest[16];
    struct crypto_span spans[] = {crypto_span_of(sequence, sizeof(sequence)), span_of(data)};
    bool ok = derive(exported_key, sign_magic[side], sign_key) &&
              derive(exported_key, seal_magic[side], seal_key) &&
              crypto_hmac_md5(sign_key, sizeof(sign_key), spans, ARRAY_LEN(spans), digest) &&
              (!(flags & NTLM_KEY_EXCH) || ntlm_rc4k(seal_key, digest, 8));
    mem_zero(mac, NTLM_MAC_LEN);
    if (ok) {
        mac[0] = 1; /* Version */
        mem_copy(mac + 4, digest, 8);
    }
    mem_wipe(sign_key, sizeof(sign_key));
    mem_wipe(seal_key, sizeof(seal_key));
    return ok;
}
