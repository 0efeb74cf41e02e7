/* SPDX-License-Identifier: Apache-2.0 */
/* The key derivation of SMB 3: NIST SP800-108 5.1 with HMAC-SHA256. [MS-SMB2] 3.1.4.2 */
#include "crypto/crypto.h"

#include "base/mem.h"

void crypto_kdf(const uint8_t *key, size_t key_len, const void *label, size_t label_len,
                const void *context, size_t context_len, uint8_t *out, size_t out_len)
{
    ASSERT(out_len == 16 || out_len == 32); /* one block of the PRF is enough: i stays 1 */
    static const uint8_t counter[4] = {0, 0, 0, 1};
    static const uint8_t separator[1] = {0};
    const uint8_t bits[4] = {0, 0, (uint8_t)(out_len * 8 >> 8), (uint8_t)(out_len * 8)};
    const struct crypto_span spans[] = {
        crypto_span_of(counter, sizeof(counter)),     crypto_span_of(label, label_len),
        crypto_span_of(separator, sizeof(separator)), crypto_span_of(context, context_len),
        crypto_span_of(bits, sizeof(bits)),
    };
    uint8_t block[32];
    crypto_hmac_sha256(key, key_len, spans, ARRAY_LEN(spans), block);
    mem_copy(out, block, out_len);
    mem_wipe(block, sizeof(block));
}
