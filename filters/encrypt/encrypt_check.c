/* SPDX-License-Identifier: Apache-2.0 */
/* The check file, which has the volume's master key sealed with the key of a file. It is made
 * before the first file of the volume, and written beside its place first: half of one is never
 * there. It alone has the master key: nothing is acknowledged before it is durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "encrypt.h"
#include "side.h"

#define CHECK_NEW ENCRYPT_CHECK ".new" /* and digits: that of another server is another */
#define CHECK_NEW_SIZE (sizeof(CHECK_NEW) + 8)
#define OLD_MAX 8u

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
    uint32_t old_count;
    char old[OLD_MAX][CHECK_NEW_SIZE]; /* new check files that did not come to their place */
};

static int32_t look_at(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct search *s = (struct search *)sink;
    size_t len = strlen(entry->name);
    bool is_old = len < CHECK_NEW_SIZE && strncmp(entry->name, CHECK_NEW, strlen(CHECK_NEW)) == 0;
    s->has_ours = s->has_ours || encrypt_name_may_be(entry->name);
    if (is_old && s->old_count < OLD_MAX) {
        memcpy(s->old[s->old_count++], entry->name, len + 1);
    }
    sink->cookie = entry->cookie;
    return 1;
}

static smbkit_status open_root(struct encrypt *e, struct smbkit_op *op, void **file_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = "",
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES,
                              .attr = &attr};
    smbkit_status st = smbkit_next_create(e->next, op, &a);
    *file_r = a.file;
    return st;
}

/* What of the filter's is in the root? */
static smbkit_status look_at_root(struct encrypt *e, struct smbkit_op *op, struct search *s)
{
    void *root;
    uint64_t before;
    *s = (struct search){.sink = {.struct_size = sizeof(s->sink), .entry = look_at}};
    smbkit_status st = open_root(e, op, &root);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    do { /* until nothing comes: a layer may tell a few at a time */
        before = s->sink.cookie;
        st = smbkit_next_enumerate(e->next, op, root, &s->sink);
    } while (SMBKIT_OK(st) && s->sink.cookie != before);
    smbkit_next_close(e->next, op, root);
    return st;
}

/* A new volume has a master key that nobody knows of until check_write. */
static smbkit_status begin_new(struct encrypt *e, struct smbkit_op *op)
{
    struct search found;
    smbkit_status st = look_at_root(e, op, &found);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (found.has_ours) {
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

enum seen {
    SEEN_NOTHING, /* none is there, or it cannot be read */
    SEEN_OURS,    /* that key opens it, and it has the master key of this server */
    SEEN_OTHER,
};

static enum seen check_see(struct encrypt *e, struct smbkit_op *op,
                           const uint8_t key[ENCRYPT_KEY_LEN])
{
    uint8_t in[ENCRYPT_CHECK_LEN + 1];
    uint8_t master[ENCRYPT_KEY_LEN];
    struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(in), .buffer = in};
    void *file;
    if (!SMBKIT_OK(check_open(e, op, ENCRYPT_CHECK, SMBKIT_OPEN, &file))) {
        return SEEN_NOTHING;
    }
    smbkit_status st = smbkit_next_read(e->next, op, file, &io);
    smbkit_next_close(e->next, op, file);
    if (!SMBKIT_OK(st)) {
        return SEEN_NOTHING;
    }
    bool is_ours = encrypt_check_open(key, in, io.done, master) &&
                   memcmp(master, e->master, sizeof(master)) == 0;
    explicit_bzero(master, sizeof(master));
    return is_ours ? SEEN_OURS : SEEN_OTHER;
}

/* ---- writing; checking is held ---- */

static const struct smbkit_flush flush_all = {.struct_size = sizeof(flush_all)};

/* Durable, and where the layer below has its data only then, uploaded. */
static smbkit_status fill(struct encrypt *e, struct smbkit_op *op, void *file,
                          const uint8_t text[ENCRYPT_CHECK_LEN])
{
    const struct smbkit_segment seg = {.base = text, .len = ENCRYPT_CHECK_LEN};
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = ENCRYPT_CHECK_LEN, .segs = &seg, .seg_count = 1};
    smbkit_status st = smbkit_next_write(e->next, op, file, &io);
    st = SMBKIT_OK(st) && io.done < ENCRYPT_CHECK_LEN ? SMBKIT_STATUS_DISK_FULL : st;
    st = SMBKIT_OK(st) ? smbkit_next_flush(e->next, op, file, &flush_all) : st;
    return SMBKIT_OK(st) ? smbkit_next_commit(e->next, op, file, &flush_all) : st;
}

static void remove_one(struct encrypt *e, struct smbkit_op *op, const char *name)
{
    const struct side below = {.next = e->next};
    (void)!SMBKIT_OK(side_remove(&below, op, name)); /* one that stays does no harm */
}

/* Of those that were cut off. */
static void remove_old(struct encrypt *e, struct smbkit_op *op)
{
    struct search found;
    if (SMBKIT_OK(look_at_root(e, op, &found))) {
        for (uint32_t i = 0; i < found.old_count; i++) {
            remove_one(e, op, found.old[i]);
        }
    }
}

/* A check file that is to be. */
struct sealed {
    const uint8_t *key; /* that it is sealed with */
    uint32_t flags;     /* SMBKIT_RENAME_* */
    char name[CHECK_NEW_SIZE];
};

static smbkit_status write_beside(struct encrypt *e, struct smbkit_op *op, const struct sealed *s)
{
    uint8_t text[ENCRYPT_CHECK_LEN];
    void *file;
    if (!encrypt_check_seal(s->key, e->master, text)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = check_open(e, op, s->name, SMBKIT_CREATE, &file);
    if (SMBKIT_OK(st)) {
        st = fill(e, op, file, text);
        smbkit_next_close(e->next, op, file);
    }
    return st;
}

static smbkit_status flush_root(struct encrypt *e, struct smbkit_op *op)
{
    void *root;
    smbkit_status st = open_root(e, op, &root);
    if (SMBKIT_OK(st)) {
        st = smbkit_next_flush(e->next, op, root, &flush_all);
        smbkit_next_close(e->next, op, root);
    }
    return st;
}

/* What is written to the place of the check file, in it at once and durable there. What counts is
 * what is there then: an error may be told of a move that was made, as where one is a copy. */
static smbkit_status move_in(struct encrypt *e, struct smbkit_op *op, const struct sealed *s)
{
    const struct smbkit_rename to = {
        .struct_size = sizeof(to), .flags = s->flags, .new_path = ENCRYPT_CHECK};
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_OPEN, .attr = &attr};
    const struct side below = {.next = e->next};
    smbkit_status st = side_open(&below, op, s->name, &a);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    smbkit_status moved = smbkit_next_rename(e->next, op, a.file, &to);
    if (check_see(e, op, s->key) == SEEN_OURS) {
        st = smbkit_next_flush(e->next, op, a.file, &flush_all);
        st = SMBKIT_OK(st) ? flush_root(e, op) : st;
    } else {
        st = SMBKIT_OK(moved) ? SMBKIT_STATUS_DATA_ERROR : moved;
    }
    smbkit_next_close(e->next, op, a.file);
    if (!SMBKIT_OK(moved)) {
        remove_one(e, op, s->name);
    }
    return st;
}

/* The master key under that key, in the file's place at once. flags: SMBKIT_RENAME_*. */
static smbkit_status check_write(struct encrypt *e, struct smbkit_op *op,
                                 const uint8_t key[ENCRYPT_KEY_LEN], uint32_t flags)
{
    struct sealed s = {.key = key, .flags = flags};
    uint32_t number;
    encrypt_random(&number, sizeof(number));
    snprintf(s.name, sizeof(s.name), CHECK_NEW "%08x", number);
    remove_old(e, op);
    smbkit_status st = write_beside(e, op, &s);
    if (!SMBKIT_OK(st)) {
        remove_one(e, op, s.name);
        return st;
    }
    return move_in(e, op, &s);
}

static smbkit_status check_make(struct encrypt *e, struct smbkit_op *op)
{
    smbkit_status st = check_write(e, op, e->key, 0);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && check_see(e, op, e->key) == SEEN_OTHER) {
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

/* Which key opens the volume now? */
static smbkit_status change_failed(struct encrypt *e, struct smbkit_op *op,
                                   struct smbkit_control *a, const uint8_t key[ENCRYPT_KEY_LEN],
                                   smbkit_status status)
{
    const char *name = smbkit_status_name(status);
    if (check_see(e, op, key) == SEEN_OURS) {
        memcpy(e->key, key, ENCRYPT_KEY_LEN);
        return answer_wrong(a,
                            "key: %s: the new key opens the volume now, but a loss of power may "
                            "undo that: keep both, and try again",
                            name);
    }
    if (check_see(e, op, e->key) == SEEN_OURS) {
        return answer_wrong(a, "key: %s: the old key opens the volume, as before", name);
    }
    return answer_wrong(a, "key: %s: which key opens the volume is not known: keep both", name);
}

/* checking is held. */
static smbkit_status change_key(struct encrypt *e, struct smbkit_op *op, struct smbkit_control *a,
                                const uint8_t key[ENCRYPT_KEY_LEN])
{
    smbkit_status st = ready(e, op, true);
    if (!SMBKIT_OK(st)) {
        return answer_wrong(a, "key: %s",
                            atomic_load(&e->is_bad) ? e->bad : smbkit_status_name(st));
    }
    st = check_write(e, op, key, SMBKIT_RENAME_REPLACE);
    if (!SMBKIT_OK(st)) {
        return change_failed(e, op, a, key, st);
    }
    memcpy(e->key, key, ENCRYPT_KEY_LEN);
    smbkit_log(2, "encrypt_key_changed: the volume opens with another key");
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
