/* SPDX-License-Identifier: Apache-2.0 */
#include "encrypt_format.h"

#include <string.h>

static const char magic[8] = {'s', 'm', 'b', 'k', 'i', 't', 'E', '1'};

#define AT_IDENTITY 8u
#define AT_NONCE 24u
#define AT_BLOCK 36u
#define AT_SIZE 40u
#define AT_WHOLE 48u
#define AT_TAG 64u

bool encrypt_init(void)
{
    if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) { /* as the server does */
        if (!gcry_check_version(GCRYPT_VERSION)) {
            return false;
        }
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
    return gcry_cipher_test_algo(GCRY_CIPHER_AES256) == 0 &&
           gcry_mac_test_algo(GCRY_MAC_HMAC_SHA256) == 0;
}

static void put_u64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

bool encrypt_mac(const uint8_t key[ENCRYPT_KEY_LEN], char kind, const void *text, size_t len,
                 uint8_t out[32])
{
    const gcry_buffer_t pieces[] = {
        {.data = (void *)(uintptr_t)key, .len = ENCRYPT_KEY_LEN, .size = ENCRYPT_KEY_LEN},
        {.data = &kind, .len = kind != 0, .size = 1},
        {.data = (void *)(uintptr_t)text, .len = len, .size = len},
    };
    return !gcry_md_hash_buffers(GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC, out, pieces, 3);
}

bool encrypt_derive(const uint8_t key[ENCRYPT_KEY_LEN], const char *label,
                    uint8_t out[ENCRYPT_KEY_LEN])
{
    return encrypt_mac(key, 0, label, strlen(label), out);
}

void encrypt_random(void *p, size_t len)
{
    gcry_randomize(p, len, GCRY_STRONG_RANDOM);
}

/* ---- GCM ---- */

gcry_cipher_hd_t encrypt_gcm(const uint8_t key[ENCRYPT_KEY_LEN])
{
    gcry_cipher_hd_t h;
    if (gcry_cipher_open(&h, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0)) {
        return NULL;
    }
    if (gcry_cipher_setkey(h, key, ENCRYPT_KEY_LEN)) {
        gcry_cipher_close(h);
        return NULL;
    }
    return h;
}

static bool begin(gcry_cipher_hd_t h, const uint8_t *nonce, const void *aad, size_t aad_len)
{
    return !gcry_cipher_reset(h) && !gcry_cipher_setiv(h, nonce, ENCRYPT_NONCE) &&
           !gcry_cipher_authenticate(h, aad, aad_len);
}

bool encrypt_seal(gcry_cipher_hd_t h, const void *aad, size_t aad_len, uint8_t *p, size_t len)
{
    encrypt_random(p, ENCRYPT_NONCE);
    return begin(h, p, aad, aad_len) && !gcry_cipher_final(h) &&
           !gcry_cipher_encrypt(h, p + ENCRYPT_NONCE, len, NULL, 0) &&
           !gcry_cipher_gettag(h, p + ENCRYPT_NONCE + len, ENCRYPT_TAG);
}

bool encrypt_unseal(gcry_cipher_hd_t h, const void *aad, size_t aad_len, uint8_t *p, size_t len)
{
    return begin(h, p, aad, aad_len) && !gcry_cipher_final(h) &&
           !gcry_cipher_decrypt(h, p + ENCRYPT_NONCE, len, NULL, 0) &&
           !gcry_cipher_checktag(h, p + ENCRYPT_NONCE + len, ENCRYPT_TAG);
}

bool encrypt_block_seal(gcry_cipher_hd_t h, uint64_t number, uint8_t *p, size_t len)
{
    uint8_t aad[8];
    put_u64(aad, number);
    return encrypt_seal(h, aad, sizeof(aad), p, len);
}

bool encrypt_block_unseal(gcry_cipher_hd_t h, uint64_t number, uint8_t *p, size_t len)
{
    uint8_t aad[8];
    put_u64(aad, number);
    return encrypt_unseal(h, aad, sizeof(aad), p, len);
}

/* ---- the header ---- */

bool encrypt_head_new(const uint8_t content[ENCRYPT_KEY_LEN], struct encrypt_head *h)
{
    *h = (struct encrypt_head){0};
    encrypt_random(h->identity, sizeof(h->identity));
    return encrypt_mac(content, 0, h->identity, sizeof(h->identity), h->key);
}

static bool head_tag(const uint8_t key[ENCRYPT_KEY_LEN], const uint8_t *p, uint8_t tag[ENCRYPT_TAG])
{
    gcry_cipher_hd_t h = encrypt_gcm(key);
    bool is_good = h && begin(h, p + AT_NONCE, p, AT_TAG) && !gcry_cipher_final(h) &&
                   !gcry_cipher_encrypt(h, NULL, 0, NULL, 0) &&
                   !gcry_cipher_gettag(h, tag, ENCRYPT_TAG);
    gcry_cipher_close(h);
    return is_good;
}

bool encrypt_head_format(const struct encrypt_head *h, uint8_t out[ENCRYPT_HEAD])
{
    memset(out, 0, ENCRYPT_HEAD);
    memcpy(out, magic, sizeof(magic));
    memcpy(out + AT_IDENTITY, h->identity, sizeof(h->identity));
    encrypt_random(out + AT_NONCE, ENCRYPT_NONCE);
    out[AT_BLOCK + 1] = ENCRYPT_BLOCK >> 8;
    put_u64(out + AT_SIZE, h->size);
    put_u64(out + AT_WHOLE, h->whole);
    return head_tag(h->key, out, out + AT_TAG);
}

bool encrypt_head_parse(const uint8_t content[ENCRYPT_KEY_LEN], const uint8_t in[ENCRYPT_HEAD],
                        struct encrypt_head *h)
{
    uint8_t tag[ENCRYPT_TAG];
    uint8_t differs = 0;
    *h = (struct encrypt_head){.size = get_u64(in + AT_SIZE), .whole = get_u64(in + AT_WHOLE)};
    memcpy(h->identity, in + AT_IDENTITY, sizeof(h->identity));
    if (memcmp(in, magic, sizeof(magic)) != 0 ||
        !encrypt_mac(content, 0, h->identity, sizeof(h->identity), h->key) ||
        !head_tag(h->key, in, tag)) {
        return false;
    }
    for (unsigned i = 0; i < ENCRYPT_TAG; i++) {
        differs |= tag[i] ^ in[AT_TAG + i];
    }
    return differs == 0 && in[AT_BLOCK + 1] == ENCRYPT_BLOCK >> 8 && h->size <= ENCRYPT_SIZE_MAX &&
           h->whole <= encrypt_blocks(h->size);
}

uint64_t encrypt_stored(uint64_t size)
{
    return ENCRYPT_HEAD + size + encrypt_blocks(size) * ENCRYPT_EXTRA;
}

uint64_t encrypt_plain(uint64_t stored)
{
    uint64_t data = stored > ENCRYPT_HEAD ? stored - ENCRYPT_HEAD : 0;
    uint64_t rest = data % ENCRYPT_STORED_BLOCK;
    return data / ENCRYPT_STORED_BLOCK * ENCRYPT_BLOCK +
           (rest > ENCRYPT_EXTRA ? rest - ENCRYPT_EXTRA : 0);
}
