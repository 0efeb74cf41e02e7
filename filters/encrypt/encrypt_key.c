/* SPDX-License-Identifier: Apache-2.0 */
/* The key, what is made of it, and the check file: a random text sealed with the key, by which
 * another key is noticed. It is made before the first file of the volume. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encrypt.h"

#define CHECK_TEXT 32u
#define CHECK_MAGIC "smbkitC1"
#define CHECK_LEN (8u + CHECK_TEXT + ENCRYPT_EXTRA)

static bool keys_make(struct encrypt_keys *k, const uint8_t master[ENCRYPT_KEY_LEN])
{
    return encrypt_derive(master, "smbkit encrypt 1 content", k->content) &&
           encrypt_derive(master, "smbkit encrypt 1 check", k->check) &&
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

bool encrypt_key_read(const char *path, struct encrypt_keys *keys, char *why, size_t size)
{
    uint8_t master[ENCRYPT_KEY_LEN];
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
    if (!fault && read(fd, master, sizeof(master)) != (ssize_t)sizeof(master)) {
        fault = "it cannot be read";
    }
    close(fd);
    if (!fault && !keys_make(keys, master)) {
        fault = "out of memory";
    }
    explicit_bzero(master, sizeof(master));
    if (fault) {
        snprintf(why, size, "key=%s: %s", path, fault);
    }
    return !fault;
}

/* ---- the check file ---- */

static bool check_make(const struct encrypt_keys *k, uint8_t out[CHECK_LEN])
{
    gcry_cipher_hd_t h = encrypt_gcm(k->check);
    memcpy(out, CHECK_MAGIC, 8);
    encrypt_random(out + 8 + ENCRYPT_NONCE, CHECK_TEXT);
    bool is_good = h && encrypt_seal(h, CHECK_MAGIC, 8, out + 8, CHECK_TEXT);
    gcry_cipher_close(h);
    return is_good;
}

/* What was read is opened in place. */
static bool check_is_good(const struct encrypt_keys *k, uint8_t in[CHECK_LEN], size_t len)
{
    if (len != CHECK_LEN || memcmp(in, CHECK_MAGIC, 8) != 0) {
        return false;
    }
    gcry_cipher_hd_t h = encrypt_gcm(k->check);
    bool is_good = h && encrypt_unseal(h, CHECK_MAGIC, 8, in + 8, CHECK_TEXT);
    gcry_cipher_close(h);
    return is_good;
}

bool encrypt_key_is_wrong(const struct encrypt_keys *keys, const char *folder)
{
    uint8_t in[CHECK_LEN + 1];
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
    return !check_is_good(keys, in, got > 0 ? (size_t)got : 0);
}

static smbkit_status check_open(struct encrypt *e, struct smbkit_op *op, uint32_t disposition,
                                void **file_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = disposition,
                              .path = ENCRYPT_CHECK,
                              .kind = SMBKIT_KIND_FILE,
                              .access = SMBKIT_READ_DATA,
                              .attributes = SMBKIT_ATTR_HIDDEN,
                              .attr = &attr};
    if (disposition == SMBKIT_CREATE) {
        a.access |= SMBKIT_WRITE_DATA | SMBKIT_DELETE;
    }
    smbkit_status st = smbkit_next_create(e->next, op, &a);
    *file_r = a.file;
    return st;
}

/* checking is held. */
static smbkit_status check_look(struct encrypt *e, struct smbkit_op *op)
{
    uint8_t in[CHECK_LEN];
    void *file;
    struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(in), .buffer = in};
    smbkit_status st = check_open(e, op, SMBKIT_OPEN, &file);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        atomic_store(&e->is_checked, true);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = smbkit_next_read(e->next, op, file, &io);
    smbkit_next_close(e->next, op, file);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    atomic_store(&e->has_check, true);
    atomic_store(&e->is_bad, !check_is_good(&e->keys, in, io.done));
    atomic_store(&e->is_checked, true);
    if (atomic_load(&e->is_bad)) {
        smbkit_log(
            0, "encrypt_wrong_key what=\"the key is not that of this volume (file " ENCRYPT_CHECK
               "): nothing of it is shown\"");
    }
    return st;
}

/* checking is held. */
static smbkit_status check_write(struct encrypt *e, struct smbkit_op *op)
{
    uint8_t text[CHECK_LEN];
    void *file;
    const struct smbkit_remove gone = {.struct_size = sizeof(gone)};
    const struct smbkit_flush all = {.struct_size = sizeof(all)};
    const struct smbkit_segment seg = {.base = text, .len = sizeof(text)};
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = sizeof(text), .segs = &seg, .seg_count = 1};
    if (!check_make(&e->keys, text)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = check_open(e, op, SMBKIT_CREATE, &file);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = smbkit_next_write(e->next, op, file, &io);
    st = SMBKIT_OK(st) && io.done < sizeof(text) ? SMBKIT_STATUS_DISK_FULL : st;
    st = SMBKIT_OK(st) ? smbkit_next_commit(e->next, op, file, &all) : st;
    if (!SMBKIT_OK(st)) {
        (void)!SMBKIT_OK(smbkit_next_remove(e->next, op, file, &gone));
    }
    smbkit_next_close(e->next, op, file);
    atomic_store(&e->has_check, SMBKIT_OK(st));
    return st;
}

smbkit_status encrypt_ready(struct encrypt *e, struct smbkit_op *op, bool makes)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!atomic_load(&e->is_checked) || (makes && !atomic_load(&e->has_check))) {
        pthread_mutex_lock(&e->checking);
        st = atomic_load(&e->is_checked) ? st : check_look(e, op);
        if (SMBKIT_OK(st) && makes && !atomic_load(&e->has_check)) {
            st = check_write(e, op);
        }
        pthread_mutex_unlock(&e->checking);
    }
    return SMBKIT_OK(st) && atomic_load(&e->is_bad) ? SMBKIT_STATUS_ACCESS_DENIED : st;
}
