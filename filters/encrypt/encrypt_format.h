/* SPDX-License-Identifier: Apache-2.0 */
/* How a file lies on the store: a header, then blocks, each by itself. Little endian.
 *
 * header, 80 bytes:  0 magic  8 identity[16]  24 nonce[12]  36 block size  40 size  48 whole
 *                   56 zero[8]  64 tag[16], over the 64 bytes before it
 * block:             nonce[12]  data, of all but the last 4096 bytes  tag[16] */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gcrypt.h>

#define ENCRYPT_KEY_LEN 32u
#define ENCRYPT_HEAD 80u                                     /* bytes */
#define ENCRYPT_BLOCK 4096u                                  /* bytes of data in one */
#define ENCRYPT_NONCE 12u                                    /* bytes */
#define ENCRYPT_TAG 16u                                      /* bytes */
#define ENCRYPT_EXTRA (ENCRYPT_NONCE + ENCRYPT_TAG)          /* bytes */
#define ENCRYPT_STORED_BLOCK (ENCRYPT_BLOCK + ENCRYPT_EXTRA) /* bytes */
#define ENCRYPT_SIZE_MAX ((uint64_t)1 << 62)                 /* bytes of a file */

struct encrypt_head {
    uint8_t identity[16];
    uint8_t key[ENCRYPT_KEY_LEN]; /* of this file, made of its identity */
    uint64_t size;                /* bytes of data */
    uint64_t whole;               /* blocks before that one are no holes */
};

/* Must be called before all others. false: the library cannot do what is needed. */
bool encrypt_init(void);
/* HMAC-SHA-256 of a text behind a letter, '\0' for none; false: no memory. */
bool encrypt_mac(const uint8_t key[ENCRYPT_KEY_LEN], char kind, const void *text, size_t len,
                 uint8_t out[32]);
bool encrypt_derive(const uint8_t key[ENCRYPT_KEY_LEN], const char *label,
                    uint8_t out[ENCRYPT_KEY_LEN]);
void encrypt_random(void *p, size_t len);

/* AES-256-GCM; NULL: no memory. */
gcry_cipher_hd_t encrypt_gcm(const uint8_t key[ENCRYPT_KEY_LEN]);
/* p: nonce, len bytes, tag; the bytes are encrypted in place, the others made. */
bool encrypt_seal(gcry_cipher_hd_t h, const void *aad, size_t aad_len, uint8_t *p, size_t len);
/* The reverse. false: it is not what was sealed. */
bool encrypt_unseal(gcry_cipher_hd_t h, const void *aad, size_t aad_len, uint8_t *p, size_t len);
/* A block of len bytes; the aad is its number. */
bool encrypt_block_seal(gcry_cipher_hd_t h, uint64_t number, uint8_t *p, size_t len);
bool encrypt_block_unseal(gcry_cipher_hd_t h, uint64_t number, uint8_t *p, size_t len);

/* A header of a file without data and a new identity. false: no memory. */
bool encrypt_head_new(const uint8_t content[ENCRYPT_KEY_LEN], struct encrypt_head *h);
bool encrypt_head_format(const struct encrypt_head *h, uint8_t out[ENCRYPT_HEAD]);
/* false: it is none, or not as it was written. */
bool encrypt_head_parse(const uint8_t content[ENCRYPT_KEY_LEN], const uint8_t in[ENCRYPT_HEAD],
                        struct encrypt_head *h);

/* Bytes on the store of a file of so many, at most ENCRYPT_SIZE_MAX, and back. */
uint64_t encrypt_stored(uint64_t size);
uint64_t encrypt_plain(uint64_t stored);
/* Where a block lies. */
static inline uint64_t encrypt_place(uint64_t number)
{
    return ENCRYPT_HEAD + number * ENCRYPT_STORED_BLOCK;
}
static inline uint64_t encrypt_blocks(uint64_t size)
{
    return size / ENCRYPT_BLOCK + (size % ENCRYPT_BLOCK != 0);
}
