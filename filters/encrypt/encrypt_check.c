/* SPDX-License-Identifier: Apache-2.0 */
/* The check file, which has the volume's master key sealed with the key of a file. It is made
 * before the first file of the volume, and written beside its place first: half of one is never
 * there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "encrypt.h"

#define CHECK_NEW ENCRYPT_CHECK ".new"

static smbkit_status check_open(struct encrypt *e, struct smbkit_op *op, const char *path,
                                uint32_t disposition, void **file_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = disposition,
                              .path = path,
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

/* ---- reading; checking is held ---- */

static smbkit_status find_bad(struct encrypt *e, const char *what)
{
    e->bad = what;
    atomic_store(&e->is_bad, true);
    smbkit_log(0, "encrypt_refused what=\"%s\": nothing of the volume is shown", what);
    return SMBKIT_STATUS_SUCCESS;
}

struct search {
    struct smbkit_sink sink; /* first */
    bool has_ours;
};

static int32_t look_at(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct search *s = (struct search *)sink;
    s->has_ours = encrypt_name_may_be(entry->name);
    return !s->has_ours;
}

/* Does the root have names as the filter makes them? */
static smbkit_status look_for_names(struct encrypt *e, struct smbkit_op *op, bool *has_r)
{
    struct search s = {.sink = {.struct_size = sizeof(s.sink), .entry = look_at}};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = "",
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES,
                              .attr = &attr};
    smbkit_status st = smbkit_next_create(e->next, op, &a);
    if (SMBKIT_OK(st)) {
        st = smbkit_next_enumerate(e->next, op, a.file, &s.sink);
        smbkit_next_close(e->next, op, a.file);
    }
    *has_r = s.has_ours;
    return st;
}

/* A new volume has a master key that nobody knows of until check_write. */
static smbkit_status begin_new(struct encrypt *e, struct smbkit_op *op)
{
    bool has_names;
    smbkit_status st = look_for_names(e, op, &has_names);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (has_names) {
        return find_bad(e, "the file " ENCRYPT_CHECK " is missing, and files are there");
    }
    encrypt_random(e->master, sizeof(e->master));
    return encrypt_keys_make(&e->keys, e->master) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status read_check(struct encrypt *e, struct smbkit_op *op, void *file)
{
    uint8_t in[ENCRYPT_CHECK_LEN + 1];
    struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(in), .buffer = in};
    smbkit_status st = smbkit_next_read(e->next, op, file, &io);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!encrypt_check_open(e->key, in, io.done, e->master)) {
        return find_bad(e, "the key is not that of the volume (file " ENCRYPT_CHECK ")");
    }
    atomic_store(&e->has_check, true);
    return encrypt_keys_make(&e->keys, e->master) ? st : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status check_look(struct encrypt *e, struct smbkit_op *op)
{
    void *file;
    smbkit_status st = check_open(e, op, ENCRYPT_CHECK, SMBKIT_OPEN, &file);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        st = begin_new(e, op);
    } else if (SMBKIT_OK(st)) {
        st = read_check(e, op, file);
        smbkit_next_close(e->next, op, file);
    }
    atomic_store(&e->is_checked, SMBKIT_OK(st));
    return st;
}

/* ---- writing; checking is held ---- */

static smbkit_status fill(struct encrypt *e, struct smbkit_op *op, void *file,
                          const uint8_t text[ENCRYPT_CHECK_LEN])
{
    const struct smbkit_flush all = {.struct_size = sizeof(all)};
    const struct smbkit_segment seg = {.base = text, .len = ENCRYPT_CHECK_LEN};
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = ENCRYPT_CHECK_LEN, .segs = &seg, .seg_count = 1};
    smbkit_status st = smbkit_next_write(e->next, op, file, &io);
    st = SMBKIT_OK(st) && io.done < ENCRYPT_CHECK_LEN ? SMBKIT_STATUS_DISK_FULL : st;
    return SMBKIT_OK(st) ? smbkit_next_commit(e->next, op, file, &all) : st;
}

/* Of one that was cut off. */
static void remove_old(struct encrypt *e, struct smbkit_op *op)
{
    const struct smbkit_remove gone = {.struct_size = sizeof(gone)};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = CHECK_NEW,
                              .access = SMBKIT_DELETE,
                              .attr = &attr};
    if (SMBKIT_OK(smbkit_next_create(e->next, op, &a))) {
        (void)!SMBKIT_OK(smbkit_next_remove(e->next, op, a.file, &gone));
        smbkit_next_close(e->next, op, a.file);
    }
}

/* The master key under that key, in the file's place at once. flags: SMBKIT_RENAME_*. */
static smbkit_status check_write(struct encrypt *e, struct smbkit_op *op,
                                 const uint8_t key[ENCRYPT_KEY_LEN], uint32_t flags)
{
    uint8_t text[ENCRYPT_CHECK_LEN];
    void *file;
    const struct smbkit_remove gone = {.struct_size = sizeof(gone)};
    const struct smbkit_rename to = {
        .struct_size = sizeof(to), .flags = flags, .new_path = ENCRYPT_CHECK};
    if (!encrypt_check_seal(key, e->master, text)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    remove_old(e, op);
    smbkit_status st = check_open(e, op, CHECK_NEW, SMBKIT_CREATE, &file);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = fill(e, op, file, text);
    st = SMBKIT_OK(st) ? smbkit_next_rename(e->next, op, file, &to) : st;
    if (!SMBKIT_OK(st)) {
        (void)!SMBKIT_OK(smbkit_next_remove(e->next, op, file, &gone));
    }
    smbkit_next_close(e->next, op, file);
    return st;
}

static smbkit_status check_make(struct encrypt *e, struct smbkit_op *op)
{
    smbkit_status st = check_write(e, op, e->key, 0);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION) {
        return find_bad(e, "another server has begun in the volume meanwhile: start again");
    }
    atomic_store(&e->has_check, SMBKIT_OK(st));
    return st;
}

/* checking is held. */
static smbkit_status ready(struct encrypt *e, struct smbkit_op *op, bool makes)
{
    smbkit_status st = atomic_load(&e->is_checked) ? SMBKIT_STATUS_SUCCESS : check_look(e, op);
    if (SMBKIT_OK(st) && makes && !atomic_load(&e->has_check) && !atomic_load(&e->is_bad)) {
        st = check_make(e, op);
    }
    return SMBKIT_OK(st) && atomic_load(&e->is_bad) ? SMBKIT_STATUS_ACCESS_DENIED : st;
}

smbkit_status encrypt_ready(struct encrypt *e, struct smbkit_op *op, bool makes)
{
    bool is_done = atomic_load(&e->is_checked) && (!makes || atomic_load(&e->has_check));
    if (is_done || atomic_load(&e->is_bad)) {
        return atomic_load(&e->is_bad) ? SMBKIT_STATUS_ACCESS_DENIED : SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_lock(&e->checking);
    smbkit_status st = ready(e, op, makes);
    pthread_mutex_unlock(&e->checking);
    return st;
}

/* ---- another key ---- */

/* checking is held. */
static smbkit_status change_key(struct encrypt *e, struct smbkit_op *op, struct smbkit_control *a,
                                const uint8_t key[ENCRYPT_KEY_LEN])
{
    smbkit_status st = ready(e, op, true);
    if (SMBKIT_OK(st)) {
        st = check_write(e, op, key, SMBKIT_RENAME_REPLACE);
    } else if (atomic_load(&e->is_bad)) {
        return answer_wrong(a, "key: %s", e->bad);
    }
    if (!SMBKIT_OK(st)) {
        return answer_wrong(a, "key: %s", smbkit_status_name(st));
    }
    memcpy(e->key, key, ENCRYPT_KEY_LEN);
    return answer(a, "the volume opens with that key from now on, and with no other");
}

smbkit_status encrypt_key_change(struct encrypt *e, struct smbkit_op *op, struct smbkit_control *a,
                                 const char *path)
{
    uint8_t key[ENCRYPT_KEY_LEN];
    char why[512];
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!encrypt_key_read(path, key, why, sizeof(why))) {
        return answer_wrong(a, "%s", why);
    }
    pthread_mutex_lock(&e->checking);
    smbkit_status st = change_key(e, op, a, key);
    pthread_mutex_unlock(&e->checking);
    explicit_bzero(key, sizeof(key));
    return st;
}
