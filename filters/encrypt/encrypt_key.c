/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a file, and the block of the check file that it opens: the volume's master key, of
 * which the others are made. So the key can be changed, and the data stays as it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encrypt.h"

#define MAGIC_LEN 8u

/* Versions of the block: a word, a nonce, 32 bytes, a tag. */
static const struct check_kind {
    const char *magic, *label; /* of the key that seals it */
    bool has_master;           /* the 32 bytes; else they are only random, and the key is it */
} kinds[] = {
    {"smbkitC2", "smbkit encrypt 2 master", true},
    {"smbkitC1", "smbkit encrypt 1 check", false},
};

bool encrypt_keys_make(struct encrypt_keys *k, const uint8_t master[ENCRYPT_KEY_LEN])
{
    return encrypt_derive(master, "smbkit encrypt 1 content", k->content) &&
           encrypt_derive(master, "smbkit encrypt 1 attributes", k->ea) &&
           encrypt_derive(master, "smbkit encrypt 1 name tags", k->names.mac) &&
           encrypt_derive(master, "smbkit encrypt 1 names", k->names.cipher);
}

/* What is wrong with the file itself; NULL: nothing. */
static const char *fault_of(const struct stat *st)
{
    if (!S_ISREG(st->st_mode)) {
        return "it is no file";
    }
    if (st->st_mode & 077) {
        return "others than its owner may use it: chmod 600 is needed";
    }
    return st->st_size == ENCRYPT_KEY_LEN
               ? NULL
               : "a key is 32 bytes: (umask 077; head -c32 /dev/urandom > FILE) makes one";
}

bool encrypt_key_read(const char *path, uint8_t key[ENCRYPT_KEY_LEN], char *why, size_t size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, size, "key=%s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    const char *fault = fault_of(&st);
    if (!fault && read(fd, key, ENCRYPT_KEY_LEN) != (ssize_t)ENCRYPT_KEY_LEN) {
        fault = "it cannot be read";
    }
    close(fd);
    if (fault) {
        snprintf(why, size, "key=%s: %s", path, fault);
    }
    return !fault;
}

/* ---- the check block ---- */

static gcry_cipher_hd_t check_cipher(const struct check_kind *kind,
                                     const uint8_t key[ENCRYPT_KEY_LEN])
{
    uint8_t own[ENCRYPT_KEY_LEN];
    gcry_cipher_hd_t h = encrypt_derive(key, kind->label, own) ? encrypt_gcm(own) : NULL;
    explicit_bzero(own, sizeof(own));
    return h;
}

bool encrypt_check_seal(const uint8_t key[ENCRYPT_KEY_LEN], const uint8_t master[ENCRYPT_KEY_LEN],
                        uint8_t out[ENCRYPT_CHECK_LEN])
{
    gcry_cipher_hd_t h = check_cipher(&kinds[0], key);
    memcpy(out, kinds[0].magic, MAGIC_LEN);
    memcpy(out + MAGIC_LEN + ENCRYPT_NONCE, master, ENCRYPT_KEY_LEN);
    bool is_good =
        h && encrypt_seal(h, kinds[0].magic, MAGIC_LEN, out + MAGIC_LEN, ENCRYPT_KEY_LEN);
    gcry_cipher_close(h);
    if (!is_good) {
        explicit_bzero(out, ENCRYPT_CHECK_LEN);
    }
    return is_good;
}

bool encrypt_check_open(const uint8_t key[ENCRYPT_KEY_LEN], const uint8_t *in, size_t len,
                        uint8_t master[ENCRYPT_KEY_LEN])
{
    uint8_t text[ENCRYPT_KEY_LEN + ENCRYPT_EXTRA];
    const struct check_kind *kind = kinds;
    const struct check_kind *end = kinds + sizeof(kinds) / sizeof(kinds[0]);
    while (kind < end && (len != ENCRYPT_CHECK_LEN || memcmp(in, kind->magic, MAGIC_LEN) != 0)) {
        kind++;
    }
    if (kind == end) {
        return false;
    }
    memcpy(text, in + MAGIC_LEN, sizeof(text));
    gcry_cipher_hd_t h = check_cipher(kind, key);
    bool is_good = h && encrypt_unseal(h, kind->magic, MAGIC_LEN, text, ENCRYPT_KEY_LEN);
    gcry_cipher_close(h);
    if (is_good) {
        memcpy(master, kind->has_master ? text + ENCRYPT_NONCE : key, ENCRYPT_KEY_LEN);
    }
    explicit_bzero(text, sizeof(text));
    return is_good;
}

bool encrypt_key_is_wrong(const uint8_t key[ENCRYPT_KEY_LEN], const char *folder)
{
    uint8_t in[ENCRYPT_CHECK_LEN + 1];
    uint8_t master[ENCRYPT_KEY_LEN];
    size_t len = strlen(folder) + sizeof("/" ENCRYPT_CHECK);
    char *path = malloc(len);
    int fd = -1;
    if (path) {
        snprintf(path, len, "%s/" ENCRYPT_CHECK, folder);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        free(path);
    }
    if (fd < 0) {
        return false; /* it is looked for again before the first call */
    }
    ssize_t got = read(fd, in, sizeof(in));
    close(fd);
    bool fits = encrypt_check_open(key, in, got > 0 ? (size_t)got : 0, master);
    explicit_bzero(master, sizeof(master));
    return !fits;
}
