/* SPDX-License-Identifier: Apache-2.0 */
/* The libgcrypt backend: the only file that includes gcrypt.h. */
#include "crypto/crypto.h"

#include <gcrypt.h>

#include "base/mem.h"
#include "os/sync.h"

#define HASH_BLOCK 64 /* bytes a block of MD5 and SHA-256: HMAC pads its key to it. RFC 2104 */
#define HASH_LEN_MAX 64

struct crypto_signer {
    struct mutex lock;
    gcry_mac_hd_t mac;        /* guarded by lock */
    enum crypto_sign_alg alg; /* immutable */
};

struct crypto_sealer {
    struct mutex lock;
    gcry_cipher_hd_t cipher; /* guarded by lock */
    enum crypto_cipher kind; /* immutable */
};

struct crypto_rc4 {
    gcry_cipher_hd_t cipher;
};

static const struct {
    int algo;
    int mode;
    size_t key_len;
    size_t nonce_len;
} ciphers[] = {
    [CRYPTO_CIPHER_NONE] = {0, 0, 0, 0},
    [CRYPTO_AES128_CCM] = {GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_CCM, 16, 11},
    [CRYPTO_AES128_GCM] = {GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_GCM, 16, 12},
    [CRYPTO_AES256_CCM] = {GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CCM, 32, 11},
    [CRYPTO_AES256_GCM] = {GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 32, 12},
};

static const int mac_algos[] = {
    [CRYPTO_SIGN_HMAC_SHA256] = GCRY_MAC_HMAC_SHA256,
    [CRYPTO_SIGN_AES_CMAC] = GCRY_MAC_CMAC_AES,
    [CRYPTO_SIGN_AES_GMAC] = GCRY_MAC_GMAC_AES,
};

int crypto_init(void)
{
    if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        if (!gcry_check_version(GCRYPT_VERSION)) {
            return -1;
        }
        /* Locked memory is a small pool that a server with thousands of keys would exhaust. */
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(mac_algos); i++) {
        if (gcry_mac_test_algo(mac_algos[i]) != 0) {
            return -1;
        }
    }
    bool has_all = gcry_md_test_algo(GCRY_MD_SHA256) == 0 &&
                   gcry_md_test_algo(GCRY_MD_SHA512) == 0 &&
                   gcry_cipher_test_algo(GCRY_CIPHER_AES128) == 0 &&
                   gcry_cipher_test_algo(GCRY_CIPHER_AES256) == 0;
    return has_all ? 0 : -1;
}

struct crypto_signer *crypto_signer_new(enum crypto_sign_alg alg, const uint8_t key[16])
{
    ASSERT((size_t)alg < ARRAY_LEN(mac_algos));
    struct crypto_signer *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->alg = alg;
    if (gcry_mac_open(&s->mac, mac_algos[alg], 0, NULL) != 0) {
        mem_free(s);
        return NULL;
    }
    if (gcry_mac_setkey(s->mac, key, 16) != 0) {
        gcry_mac_close(s->mac);
        mem_free(s);
        return NULL;
    }
    mutex_init(&s->lock);
    return s;
}

void crypto_signer_free(struct crypto_signer *s)
{
    if (s) {
        gcry_mac_close(s->mac); /* wipes the key schedule */
        mutex_fini(&s->lock);
        mem_free(s);
    }
}

static bool sign_locked(struct crypto_signer *s, const struct crypto_span *spans, size_t n,
                        const uint8_t *nonce, uint8_t *mac)
{
    if (gcry_mac_reset(s->mac) != 0) {
        return false;
    }
    if (s->alg == CRYPTO_SIGN_AES_GMAC && gcry_mac_setiv(s->mac, nonce, 12) != 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (spans[i].len && gcry_mac_write(s->mac, spans[i].base, spans[i].len) != 0) {
            return false;
        }
    }
    size_t len = CRYPTO_MAC_LEN; /* gcrypt gives the first len bytes of a longer MAC */
    return gcry_mac_read(s->mac, mac, &len) == 0 && len == CRYPTO_MAC_LEN;
}

bool crypto_sign(struct crypto_signer *s, const struct crypto_span *spans, size_t n,
                 const uint8_t nonce[12], uint8_t mac[CRYPTO_MAC_LEN])
{
    ASSERT(n <= CRYPTO_SPANS_MAX && (nonce || s->alg != CRYPTO_SIGN_AES_GMAC));
    SCOPED_LOCK(&s->lock);
    if (!sign_locked(s, spans, n, nonce, mac)) {
        mem_zero(mac, CRYPTO_MAC_LEN);
        return false;
    }
    return true;
}

size_t crypto_key_len(enum crypto_cipher cipher)
{
    ASSERT((size_t)cipher < ARRAY_LEN(ciphers));
    return ciphers[cipher].key_len;
}

size_t crypto_nonce_len(enum crypto_cipher cipher)
{
    ASSERT((size_t)cipher < ARRAY_LEN(ciphers));
    return ciphers[cipher].nonce_len;
}

struct crypto_sealer *crypto_sealer_new(enum crypto_cipher cipher, const uint8_t *key,
                                        size_t key_len)
{
    ASSERT(key_len == crypto_key_len(cipher));
    if (cipher == CRYPTO_CIPHER_NONE) {
        return NULL;
    }
    struct crypto_sealer *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->kind = cipher;
    if (gcry_cipher_open(&s->cipher, ciphers[cipher].algo, ciphers[cipher].mode, 0) != 0) {
        mem_free(s);
        return NULL;
    }
    if (gcry_cipher_setkey(s->cipher, key, key_len) != 0) {
        gcry_cipher_close(s->cipher);
        mem_free(s);
        return NULL;
    }
    mutex_init(&s->lock);
    return s;
}

void crypto_sealer_free(struct crypto_sealer *s)
{
    if (s) {
        gcry_cipher_close(s->cipher); /* wipes the key schedule */
        mutex_fini(&s->lock);
        mem_free(s);
    }
}

/* What both directions have in common: nonce, lengths, additional data. */
struct aead {
    const uint8_t *nonce;
    const uint8_t *aad;
    size_t aad_len;
    const struct crypto_span *spans;
    size_t n;
};

static bool aead_begin(struct crypto_sealer *s, const struct aead *a)
{
    if (gcry_cipher_reset(s->cipher) != 0 ||
        gcry_cipher_setiv(s->cipher, a->nonce, ciphers[s->kind].nonce_len) != 0) {
        return false;
    }
    if (ciphers[s->kind].mode == GCRY_CIPHER_MODE_CCM) {
        /* CCM hashes the lengths first, so it must know them before the first byte. RFC 3610 2.2 */
        uint64_t lens[3] = {0, a->aad_len, CRYPTO_MAC_LEN};
        for (size_t i = 0; i < a->n; i++) {
            lens[0] += a->spans[i].len;
        }
        if (gcry_cipher_ctl(s->cipher, GCRYCTL_SET_CCM_LENGTHS, lens, sizeof(lens)) != 0) {
            return false;
        }
    }
    return a->aad_len == 0 || gcry_cipher_authenticate(s->cipher, a->aad, a->aad_len) == 0;
}

static bool seal_locked(struct crypto_sealer *s, const struct aead *a, uint8_t *tag)
{
    if (!aead_begin(s, a)) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (a->spans[i].len &&
            gcry_cipher_encrypt(s->cipher, a->spans[i].base, a->spans[i].len, NULL, 0) != 0) {
            return false;
        }
    }
    return gcry_cipher_gettag(s->cipher, tag, CRYPTO_MAC_LEN) == 0;
}

static bool open_locked(struct crypto_sealer *s, const struct aead *a, const uint8_t *tag)
{
    if (!aead_begin(s, a)) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (a->spans[i].len &&
            gcry_cipher_decrypt(s->cipher, a->spans[i].base, a->spans[i].len, NULL, 0) != 0) {
            return false;
        }
    }
    /* gcrypt compares in constant time */
    return gcry_cipher_checktag(s->cipher, tag, CRYPTO_MAC_LEN) == 0;
}

bool crypto_seal(struct crypto_sealer *s, const uint8_t *nonce, const uint8_t *aad, size_t aad_len,
                 const struct crypto_span *spans, size_t n, uint8_t tag[CRYPTO_MAC_LEN])
{
    ASSERT(n <= CRYPTO_SPANS_MAX);
    struct aead a = {.nonce = nonce, .aad = aad, .aad_len = aad_len, .spans = spans, .n = n};
    SCOPED_LOCK(&s->lock);
    return seal_locked(s, &a, tag);
}

bool crypto_open(struct crypto_sealer *s, const uint8_t *nonce, const uint8_t *aad, size_t aad_len,
                 const struct crypto_span *spans, size_t n, const uint8_t tag[CRYPTO_MAC_LEN])
{
    ASSERT(n <= CRYPTO_SPANS_MAX);
    struct aead a = {.nonce = nonce, .aad = aad, .aad_len = aad_len, .spans = spans, .n = n};
    SCOPED_LOCK(&s->lock);
    return open_locked(s, &a, tag);
}

/* H(first || spans). For SHA-2 gcrypt needs no memory here and so cannot fail. */
static bool hash_spans(int algo, struct crypto_span first, const struct crypto_span *spans,
                       size_t n, uint8_t *out)
{
    gcry_buffer_t iov[CRYPTO_SPANS_MAX + 1] = {{0}};
    ASSERT(n <= CRYPTO_SPANS_MAX);
    size_t count = 0;
    if (first.len) {
        iov[count++] = (gcry_buffer_t){.len = first.len, .data = first.base};
    }
    for (size_t i = 0; i < n; i++) {
        if (spans[i].len) {
            iov[count++] = (gcry_buffer_t){.len = spans[i].len, .data = spans[i].base};
        }
    }
    return gcry_md_hash_buffers(algo, 0, out, iov, (int)count) == 0;
}

/* RFC 2104. Not gcrypt's HMAC objects, which allocate for each message. */
static bool hmac_spans(int algo, struct crypto_span key, const struct crypto_span *spans, size_t n,
                       uint8_t *out)
{
    uint8_t pad[HASH_BLOCK] = {0};
    uint8_t inner[HASH_LEN_MAX];
    struct crypto_span pad_span = {.base = pad, .len = sizeof(pad)};
    struct crypto_span inner_span = {.base = inner, .len = gcry_md_get_algo_dlen(algo)};
    bool ok = true;
    if (key.len > sizeof(pad)) {
        ok = hash_spans(algo, key, NULL, 0, pad);
    } else {
        mem_copy(pad, key.base, key.len);
    }
    for (size_t i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36;
    }
    ok = ok && hash_spans(algo, pad_span, spans, n, inner);
    for (size_t i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    ok = ok && hash_spans(algo, pad_span, &inner_span, 1, out);
    mem_wipe(pad, sizeof(pad));
    mem_wipe(inner, sizeof(inner));
    return ok;
}

void crypto_sha512_extend(uint8_t hash[64], const struct crypto_span *spans, size_t n)
{
    uint8_t next[64];
    ASSERT(hash_spans(GCRY_MD_SHA512, crypto_span_of(hash, 64), spans, n, next));
    mem_copy(hash, next, sizeof(next));
}

void crypto_sha256(const void *p, size_t len, uint8_t out[32])
{
    ASSERT(hash_spans(GCRY_MD_SHA256, crypto_span_of(p, len), NULL, 0, out));
}

void crypto_hmac_sha256(const uint8_t *key, size_t key_len, const struct crypto_span *spans,
                        size_t n, uint8_t out[32])
{
    ASSERT(hmac_spans(GCRY_MD_SHA256, crypto_span_of(key, key_len), spans, n, out));
}

uint32_t crypto_crc32(const void *p, size_t len)
{
    uint8_t be[4];
    gcry_md_hash_buffer(GCRY_MD_CRC32, be, p, len);
    return ((uint32_t)be[0] << 24) | ((uint32_t)be[1] << 16) | ((uint32_t)be[2] << 8) | be[3];
}

static bool zero_unless(bool ok, uint8_t out[16])
{
    if (!ok) {
        mem_zero(out, 16);
    }
    return ok;
}

bool crypto_md4(const void *p, size_t len, uint8_t out[16])
{
    return zero_unless(hash_spans(GCRY_MD_MD4, crypto_span_of(p, len), NULL, 0, out), out);
}

bool crypto_md5(const struct crypto_span *spans, size_t n, uint8_t out[16])
{
    return zero_unless(hash_spans(GCRY_MD_MD5, crypto_span_of(NULL, 0), spans, n, out), out);
}

bool crypto_hmac_md5(const uint8_t *key, size_t key_len, const struct crypto_span *spans, size_t n,
                     uint8_t out[16])
{
    return zero_unless(hmac_spans(GCRY_MD_MD5, crypto_span_of(key, key_len), spans, n, out), out);
}

struct crypto_rc4 *crypto_rc4_new(const uint8_t *key, size_t key_len)
{
    ASSERT(key_len >= 5 && key_len <= 32);
    struct crypto_rc4 *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return NULL;
    }
    if (gcry_cipher_open(&r->cipher, GCRY_CIPHER_ARCFOUR, GCRY_CIPHER_MODE_STREAM, 0) != 0) {
        mem_free(r);
        return NULL;
    }
    if (gcry_cipher_setkey(r->cipher, key, key_len) != 0) {
        crypto_rc4_free(r);
        return NULL;
    }
    return r;
}

void crypto_rc4_free(struct crypto_rc4 *r)
{
    if (r) {
        gcry_cipher_close(r->cipher); /* wipes the state */
        mem_free(r);
    }
}

bool crypto_rc4_apply(struct crypto_rc4 *r, uint8_t *p, size_t len)
{
    return len == 0 || gcry_cipher_encrypt(r->cipher, p, len, NULL, 0) == 0;
}
