/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter encrypt; docs/internals/encrypt.md tells the format.
 *
 * What is open by several handles has one node, whose lock is held for reading while its data is
 * read and for writing while it is changed, calls of the layer below within. Nodes of files that
 * have no id of their own are not shared: all of them take the volume's lock `common`, and look at
 * the header anew in each call. Lock order: checking, a node's lock or common, then `lock`. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "encrypt_format.h"
#include "encrypt_name.h"

#define ENCRYPT_CHECK ".smbkit-encrypt" /* a file of the root below; clients do not see it */
#define ENCRYPT_NODES 1024u             /* chains of nodes */

struct encrypt_keys {
    uint8_t content[ENCRYPT_KEY_LEN], ea[ENCRYPT_KEY_LEN];
    struct encrypt_name_keys names;
};

/* What a file is by. Of a stream: with its name as the layer below has it. */
struct encrypt_id {
    uint64_t domain, id, id_high;
};

struct encrypt_node {
    /* guarded by encrypt.lock */
    struct encrypt_node *next;
    struct encrypt_id id;
    char *stream; /* owned; NULL: the file's own data */
    uint32_t refs;
    /* immutable */
    bool is_private;
    pthread_rwlock_t lock;
    /* guarded by lock, of private ones by encrypt.common */
    bool is_loaded;
    bool is_dirty; /* head.whole is more than the header on the store says */
    struct encrypt_head head;
    uint64_t stored; /* bytes that the layer below has */
};

struct encrypt {
    struct smbkit_next *next;
    struct encrypt_keys keys; /* immutable after is_checked */
    pthread_rwlock_t common;
    pthread_mutex_t lock;
    /* guarded by lock */
    struct encrypt_node *nodes[ENCRYPT_NODES];
    /* of the check file; written with checking held, in which calls below are made */
    pthread_mutex_t checking;
    uint8_t key[ENCRYPT_KEY_LEN];    /* of the file; guarded by checking */
    uint8_t master[ENCRYPT_KEY_LEN]; /* likewise */
    const char *bad;                 /* why nothing is shown; immutable once is_bad */
    atomic_bool is_checked, has_check, is_bad;
    atomic_uint opens;
    atomic_ullong damaged; /* how often something was found to be */
};

struct encrypt_file {
    void *below;
    struct encrypt_node *node; /* NULL: a folder */
    char *path;                /* as it was opened by, for the log; owned */
    char *stream;              /* as the layer below had it then; owned; NULL: none */
};

/* A call on a file's data. */
struct encrypt_call {
    struct encrypt *e;
    struct smbkit_op *op;
    struct encrypt_file *f;
};

/* ---- encrypt_key.c ---- */

/* The key of a file; false: *why_r says what is wrong with it, cut to size bytes. */
bool encrypt_key_read(const char *path, uint8_t key[ENCRYPT_KEY_LEN], char *why, size_t size);
bool encrypt_keys_make(struct encrypt_keys *k, const uint8_t master[ENCRYPT_KEY_LEN]);
#define ENCRYPT_CHECK_LEN (8u + ENCRYPT_KEY_LEN + ENCRYPT_EXTRA) /* bytes of the check file */
/* The master key, sealed with the key of a file, and back. false: no memory; that key does not open
 * it. */
bool encrypt_check_seal(const uint8_t key[ENCRYPT_KEY_LEN], const uint8_t master[ENCRYPT_KEY_LEN],
                        uint8_t out[ENCRYPT_CHECK_LEN]);
bool encrypt_check_open(const uint8_t key[ENCRYPT_KEY_LEN], const uint8_t *in, size_t len,
                        uint8_t master[ENCRYPT_KEY_LEN]);
/* Is the check file there, in that folder of the host, by another key? */
bool encrypt_key_is_wrong(const uint8_t key[ENCRYPT_KEY_LEN], const char *folder);

/* ---- encrypt_check.c ---- */

/* Before each operation of the volume. makes: something is about to be made. ACCESS_DENIED: the
 * key is another than that of the volume, or its check file is missing. */
smbkit_status encrypt_ready(struct encrypt *e, struct smbkit_op *op, bool makes);
/* By command: the volume opens with the key of that file of the host. */
smbkit_status encrypt_key_change(struct encrypt *e, struct smbkit_op *op, struct smbkit_control *a,
                                 const char *path);

/* ---- encrypt_node.c ---- */

/* The node of what was opened, or made. stream: as the layer below has it. NULL: no memory. */
struct encrypt_node *encrypt_node_get(struct encrypt *e, const struct smbkit_create *how,
                                      const char *stream);
void encrypt_node_put(struct encrypt *e, struct encrypt_node *n);
/* It is called so now; the old name is given back. */
void encrypt_node_rename(struct encrypt *e, struct encrypt_node *n, char **stream);
/* Is that what the stream is called by now, whichever handle it was renamed by? */
bool encrypt_node_is(struct encrypt *e, const struct encrypt_node *n, const char *stream);
/* Lock it, and have its header. Of an error it is not locked. */
smbkit_status encrypt_enter(const struct encrypt_call *c, bool changes);
/* Lock it for a change that needs nothing of what there is. */
void encrypt_enter_anew(const struct encrypt_call *c);
void encrypt_leave(const struct encrypt_call *c);
/* A change failed in its midst: have the node as the store is, and the store as the header says. */
void encrypt_recover(const struct encrypt_call *c);
/* Write the header as the node has it. */
smbkit_status encrypt_head_write(const struct encrypt_call *c);
/* A new header, of an empty file, and no data. */
smbkit_status encrypt_renew(const struct encrypt_call *c);
/* Something of it is not as it was written: DATA_ERROR, and a line in the log. */
smbkit_status encrypt_damage(const struct encrypt_call *c, const char *what, uint64_t where);
smbkit_status encrypt_move(const struct encrypt_call *c, uint32_t id, struct smbkit_io *io);

/* ---- encrypt_data.c, encrypt_space.c ---- */

/* Where the bytes of a write come from. */
struct encrypt_source {
    const struct smbkit_segment *segs; /* NULL: zeroes */
    uint64_t skip;                     /* bytes of the first one that went already */
};
/* A change of bytes that are within the file, or make it longer. */
struct encrypt_change {
    uint64_t offset, length;
    uint64_t size; /* of the file when it is done */
    struct encrypt_source from;
};
/* The node is locked. What was done when an error is answered: *done_r bytes. */
smbkit_status encrypt_put(const struct encrypt_call *c, struct encrypt_change *ch,
                          uint64_t *done_r);
/* The last block of a file that becomes longer is as long as it must be then. */
smbkit_status encrypt_grow_tail(const struct encrypt_call *c, uint64_t size);
/* What the layer below has beyond the file's size goes. */
smbkit_status encrypt_settle(const struct encrypt_call *c);
smbkit_status encrypt_read(const struct encrypt_call *c, struct smbkit_io *io);
smbkit_status encrypt_write(const struct encrypt_call *c, struct smbkit_io *io);

smbkit_status encrypt_set_size(const struct encrypt_call *c, uint64_t size);
smbkit_status encrypt_allocate(const struct encrypt_call *c, const struct smbkit_size *a);
smbkit_status encrypt_zero(const struct encrypt_call *c, const struct smbkit_span *a);
smbkit_status encrypt_ranges(const struct encrypt_call *c, struct smbkit_ranges *a);
smbkit_status encrypt_copy(const struct encrypt_call *c, struct smbkit_copy *a);

/* ---- encrypt_open.c ---- */

smbkit_status encrypt_create(struct encrypt *e, struct smbkit_op *op, struct smbkit_create *how);
smbkit_status encrypt_lookup(struct encrypt *e, struct smbkit_op *op, struct smbkit_lookup *a);
void encrypt_file_close(struct encrypt *e, struct smbkit_op *op, struct encrypt_file *f);
/* What the layer below says of a file, as it is here. has_data: no folder, or a stream. */
void encrypt_attr(struct smbkit_attr *attr, bool has_data);
smbkit_status encrypt_rename(const struct encrypt_call *c, uint32_t id,
                             const struct smbkit_rename *a);

/* ---- encrypt_list.c ---- */

/* Names of a folder (SMBKIT_OP_enumerate) or streams of a file (SMBKIT_OP_streams). */
smbkit_status encrypt_list(const struct encrypt_call *c, uint32_t id, struct smbkit_sink *sink);
/* How the layer below has the stream of an open file that is so called in any letters. NULL in
 * *found_r: there is none. */
smbkit_status encrypt_find_stream(const struct encrypt_call *c, const char *stream, char **found_r);

/* ---- encrypt_ea.c ---- */

/* All EAs of a file are one below, with this name. */
#define ENCRYPT_EA_NAME "ENCRYPTED.EAS"
/* The size that clients see of those whose size below is so. */
uint32_t encrypt_ea_size(uint32_t below);
/* A list as the layer below gets it; base NULL in *out: no memory. Freed by the caller. */
bool encrypt_ea_seal(const struct encrypt *e, struct smbkit_bytes list, struct smbkit_bytes *out);
smbkit_status encrypt_get_ea(const struct encrypt_call *c, struct smbkit_get_ea *a);
smbkit_status encrypt_set_ea(const struct encrypt_call *c, const struct smbkit_set_ea *a);
