/* SPDX-License-Identifier: Apache-2.0 */
#include "encrypt_name.h"

#include <stdlib.h>
#include <string.h>

#include "encrypt_format.h"

#define SIV 16u /* bytes */
#define RAW_MAX (SIV + ENCRYPT_NAME_MAX)

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

/* ---- digits of five bits ---- */

static void spell(const uint8_t *raw, size_t len, char out[ENCRYPT_NAME_ROOM])
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | raw[i];
        for (count += 8; count >= 5; count -= 5) {
            out[n++] = digits[bits >> (count - 5) & 31];
        }
    }
    if (count > 0) {
        out[n++] = digits[bits << (5 - count) & 31];
    }
    out[n] = '\0';
}

/* Bytes; 0: not how spell would write anything. */
static size_t unspell(const char *text, uint8_t raw[RAW_MAX])
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t n = 0;
    for (; *text; text++) {
        const char *at = strchr(digits, *text);
        if (!at || n == RAW_MAX) {
            return 0;
        }
        bits = bits << 5 | (uint32_t)(at - digits);
        count += 5;
        if (count >= 8) {
            count -= 8;
            raw[n++] = (uint8_t)(bits >> count);
        }
    }
    bool is_tidy = count < 5 && (bits & ((1u << count) - 1)) == 0;
    return is_tidy ? n : 0;
}

/* ---- one name ---- */

static bool run_cipher(const struct encrypt_name_keys *k, const uint8_t siv[SIV], uint8_t *p,
                       size_t len)
{
    gcry_cipher_hd_t h;
    if (gcry_cipher_open(&h, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR, 0)) {
        return false;
    }
    bool is_good = !gcry_cipher_setkey(h, k->cipher, sizeof(k->cipher)) &&
                   !gcry_cipher_setctr(h, siv, SIV) && !gcry_cipher_encrypt(h, p, len, NULL, 0);
    gcry_cipher_close(h);
    return is_good;
}

static smbkit_status spell_name(const struct encrypt_name_keys *k, char kind,
                                struct smbkit_bytes name, char out[ENCRYPT_NAME_ROOM])
{
    uint8_t raw[RAW_MAX];
    uint8_t mac[32];
    if (name.len == 0 || name.len > ENCRYPT_NAME_MAX) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (!encrypt_mac(k->mac, kind, name.base, name.len, mac)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    memcpy(raw, mac, SIV);
    memcpy(raw + SIV, name.base, name.len);
    if (!run_cipher(k, mac, raw + SIV, name.len)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    spell(raw, SIV + name.len, out);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status encrypt_name(const struct encrypt_name_keys *k, char kind, const char *name,
                           char out[ENCRYPT_NAME_ROOM])
{
    const struct smbkit_bytes whole = {(const uint8_t *)name, (uint32_t)strlen(name)};
    return spell_name(k, kind, whole, out);
}

bool encrypt_name_back(const struct encrypt_name_keys *k, char kind, const char *below,
                       char out[ENCRYPT_NAME_ROOM])
{
    uint8_t raw[RAW_MAX];
    uint8_t mac[32];
    size_t len = unspell(below, raw);
    if (len <= SIV || !run_cipher(k, raw, raw + SIV, len - SIV)) {
        return false;
    }
    if (!encrypt_mac(k->mac, kind, raw + SIV, len - SIV, mac) || memcmp(mac, raw, SIV) != 0) {
        return false;
    }
    memcpy(out, raw + SIV, len - SIV);
    out[len - SIV] = '\0';
    return true;
}

uint32_t encrypt_name_fits(uint32_t below)
{
    uint32_t raw = below < ENCRYPT_NAME_ROOM ? below * 5 / 8 : RAW_MAX;
    return raw > SIV ? raw - SIV : 0;
}

bool encrypt_name_may_be(const char *below)
{
    uint8_t raw[RAW_MAX];
    return unspell(below, raw) > SIV;
}

/* ---- paths ---- */

smbkit_status encrypt_path(const struct encrypt_name_keys *k, const char *path, char **out)
{
    size_t parts = 1;
    for (const char *p = path; *p; p++) {
        parts += *p == '/';
    }
    char *made = malloc(parts * ENCRYPT_NAME_ROOM);
    size_t at = 0;
    smbkit_status st = made ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    *out = NULL;
    if (made) {
        made[0] = '\0';
    }
    while (SMBKIT_OK(st) && *path) {
        const struct smbkit_bytes one = {(const uint8_t *)path, (uint32_t)strcspn(path, "/")};
        st = spell_name(k, ENCRYPT_OF_FILE, one, made + at);
        path += one.len;
        if (SMBKIT_OK(st) && *path) {
            at += strlen(made + at);
            made[at++] = '/';
            path++;
        }
    }
    if (!SMBKIT_OK(st)) {
        free(made);
        return st;
    }
    *out = made;
    return st;
}

char *encrypt_path_back(const struct encrypt_name_keys *k, const char *below)
{
    char *made = malloc(strlen(below) + 1); /* names are shorter than they are below */
    size_t at = 0;
    bool is_good = made != NULL;
    while (is_good && *below) {
        char one[ENCRYPT_NAME_ROOM];
        char name[ENCRYPT_NAME_ROOM];
        size_t len = strcspn(below, "/");
        is_good = len < sizeof(one);
        if (is_good) {
            memcpy(one, below, len);
            one[len] = '\0';
            is_good = encrypt_name_back(k, ENCRYPT_OF_FILE, one, name);
        }
        if (is_good) {
            memcpy(made + at, name, strlen(name));
            at += strlen(name);
            below += len;
            if (*below) {
                made[at++] = '/';
                below++;
            }
        }
    }
    if (!is_good) {
        free(made);
        return NULL;
    }
    made[at] = '\0';
    return made;
}
