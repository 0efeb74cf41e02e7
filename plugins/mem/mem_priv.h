/* SPDX-License-Identifier: Apache-2.0 */
/* A file system in memory: what its files share.
 *
 * A node is a file or directory, an entry one name of it, an open (struct memfs_open) one handle,
 * which holds the entry that it was opened by. Entries keep nodes alive, opens and directories keep
 * entries alive; so a removed file lives until its last handle is closed. The streams of a file are
 * entries of a directory of its own; their nodes are files of which only the data counts.
 *
 * Lock order: volume tree_lock, then one node's lock, then slab_lock. Two nodes' locks are never
 * held at once. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/plugin.h>

#define MEMFS_CLUSTER 4096u /* bytes; what space is counted in */
#define MEMFS_CHUNK 65536u  /* bytes; what data is kept in, and the unit of a hole */
#define MEMFS_CHUNK_BITS 16
/* Of a file, in bytes: 16 TiB less 64 KiB, as NTFS has it with such clusters. */
#define MEMFS_SIZE_MAX (((uint64_t)1 << 44) - 65536)
#define MEMFS_NAME_MAX_BYTES (255 * 3)  /* 255 UTF-16 units are at most so many bytes of UTF-8 */
#define MEMFS_SECURITY_MAX_BYTES 65536u /* of a descriptor: the largest ACL, [MS-DTYP] 2.4.5 */
#define MEMFS_SID_MAX 68u               /* [MS-DTYP] 2.4.2.2 */
#define MEMFS_OWNERS_MAX 4096u          /* what others own is nobody's */
#define MEMFS_OWNER_BUCKETS 64u
#define MEMFS_TRIM_BYTES (32u << 20) /* freed small blocks, then the heap is asked to shrink */

/* Up to MEMFS_CHUNK bytes of a file; what lies beyond cap reads as zeroes. */
struct memfs_chunk {
    uint8_t *bytes;
    uint32_t cap; /* multiple of MEMFS_CLUSTER; MEMFS_CHUNK: a slot of a slab, else malloc'ed */
    atomic_uint moves; /* how often data was copied in or out, while that is few */
};

/* Chunk number -> chunk, a tree of 256 ways; an absent chunk is a hole. */
struct memfs_pages {
    void *root; /* height 0: chunk 0 itself */
    uint32_t height;
};

/* Whose data is how much; lives as long as the volume. */
struct memfs_owner {
    struct memfs_owner *chain; /* immutable once it is found */
    uint32_t number;           /* immutable: from 1 up, the cookie of enumeration */
    uint32_t sid_len;
    uint8_t sid[MEMFS_SID_MAX];
    atomic_uint_fast64_t used;
    atomic_uint_fast64_t threshold; /* UINT64_MAX: none; relaxed, as the next */
    atomic_uint_fast64_t limit;
};

struct memfs_data {
    struct memfs_owner *owner; /* NULL: nobody's */
    struct memfs_pages pages;
    uint64_t size;    /* bytes; backed bytes beyond it are zero */
    uint64_t backed;  /* sum of the chunks' cap */
    uint64_t reserve; /* bytes asked for by allocate; the larger of both is charged to the volume */
};

struct memfs_times {
    uint64_t create, access, write, change;
};

struct memfs_order {
    uint64_t seq;
    struct memfs_entry *entry; /* NULL: removed since */
};

/* The names in a directory: a hash for finding, a list by sequence number for enumeration. Guarded
 * by tree_lock. */
struct memfs_dir {
    struct memfs_entry *self; /* the directory's own name: borrowed, valid while it has a parent */
    struct memfs_entry **buckets;
    uint32_t bucket_count;     /* a power of two, or 0 */
    uint32_t count;            /* entries */
    struct memfs_order *order; /* ascending seq */
    uint32_t order_len;        /* with the removed ones: at most twice the others, and some */
    uint32_t order_cap;
    uint64_t seq_last;
};

/* What few files have. */
struct memfs_extra {
    bool has_object_id;
    uint8_t object_id[16];
    uint8_t birth[48];
    uint32_t reparse_tag;
    uint32_t reparse_len; /* 0: it is no reparse point */
    uint8_t *reparse;     /* REPARSE_DATA_BUFFER */
};

struct memfs_node {
    atomic_uint refs;          /* entries that name it */
    uint64_t id;               /* immutable */
    struct memfs_dir *dir;     /* immutable; NULL: a file */
    struct memfs_dir *streams; /* guarded by tree_lock; NULL: it never had one */
    struct memfs_entry *names; /* guarded by tree_lock, as the next: those that have a parent */
    struct memfs_node *id_chain;
    pthread_rwlock_t lock;
    /* guarded by lock */
    uint32_t attributes;
    uint32_t links;
    uint32_t opens;
    uint32_t security_len;
    uint32_t ea_len;
    uint8_t *security;
    struct memfs_extra *extra; /* NULL: none of it */
    uint8_t *ea;
    struct memfs_times times;
    struct memfs_data data;
};

struct memfs_entry {
    atomic_uint refs;        /* one of the parent directory, one of each open */
    struct memfs_node *node; /* owned reference; immutable */
    /* guarded by tree_lock */
    struct memfs_node *parent; /* NULL: removed, or the root */
    struct memfs_entry *chain;
    struct memfs_entry *name_chain; /* of node->names */
    uint64_t hash;
    uint64_t seq; /* the cookie of enumeration; kept by a rename within the directory */
    char *name;
};

struct memfs_open {
    struct memfs_entry *entry;  /* owned reference: of the file */
    struct memfs_entry *stream; /* owned reference; NULL: the file itself */
};

/* Attributes, times, descriptor. */
static inline struct memfs_node *memfs_file_of(const struct memfs_open *open)
{
    return open->entry->node;
}
/* Data: of the file, or of the stream that was opened. */
static inline struct memfs_node *memfs_data_of(const struct memfs_open *open)
{
    return open->stream ? open->stream->node : open->entry->node;
}

struct memfs_slab;

struct memfs_volume {
    pthread_rwlock_t tree_lock; /* every name and every struct memfs_dir */
    struct memfs_entry *root;   /* immutable */
    struct memfs_node **ids;    /* buckets; tree_lock, as the next two. NULL: none yet */
    uint32_t ids_size;          /* a power of two, or 0 */
    uint32_t ids_count;
    uint64_t bytes_max;   /* immutable; a multiple of MEMFS_CLUSTER */
    uint64_t nodes_max;   /* immutable; counts the root */
    uint64_t seed;        /* immutable; of the name hash */
    uint64_t create_time; /* immutable */
    atomic_uint_fast64_t bytes_used;
    atomic_uint_fast64_t nodes_used;
    atomic_uint_fast64_t id_last;
    atomic_bool has_reparse_points; /* there was one: else no node is asked; relaxed */
    atomic_uint_fast64_t freed;     /* bytes given back to malloc since the heap was trimmed */
    pthread_mutex_t slab_lock;
    struct memfs_slab *slabs; /* with a free slot; guarded by slab_lock */
    uint64_t slab_file_end;   /* guarded by slab_lock */
    pthread_mutex_t owners_lock;
    struct memfs_owner *owner_buckets[MEMFS_OWNER_BUCKETS]; /* owners_lock, as the next two */
    struct memfs_owner *owners[MEMFS_OWNERS_MAX];           /* by number */
    uint32_t owner_count;
    atomic_uint_fast64_t default_threshold; /* relaxed, as the next two */
    atomic_uint_fast64_t default_limit;
    atomic_bool enforces_quotas;
    int slab_file; /* immutable; -1: none */
};

/* --- mem_limit.c --- */

/* Of the machine, or as much as is left to the process's control groups (cgroups: the file that
 * names them; mount: where they are to be seen). 0: not known. */
uint64_t memfs_memory_bytes(const char *cgroups, const char *mount);

/* --- mem_quota.c: who owns how many bytes of data. A leaf: no other lock is taken under its own.
 * --- */

void memfs_owners_init(struct memfs_volume *vol);
void memfs_owners_fini(struct memfs_volume *vol);
/* The owner that a self-relative descriptor names. NULL: none, or too many. */
struct memfs_owner *memfs_owner_of(struct memfs_volume *vol, const uint8_t *security, uint32_t len);
/* Count bytes more. false: beyond the owner's limit, and limits are enforced. NULL: nobody. */
bool memfs_owner_charge(const struct memfs_volume *vol, struct memfs_owner *owner, uint64_t bytes);
void memfs_owner_uncharge(struct memfs_owner *owner, uint64_t bytes);
/* The data is that owner's from now on, whatever his limit. The holder of its node's lock. */
void memfs_data_give(struct memfs_data *data, struct memfs_owner *owner);
smbkit_status memfs_get_quota(void *volume, struct smbkit_op *op, struct smbkit_quota *a);
smbkit_status memfs_set_quota(void *volume, struct smbkit_op *op, const struct smbkit_quota *a);

/* --- mem_name.c: names without regard to case. Pure. --- */

uint64_t memfs_name_hash(uint64_t seed, const char *name, size_t len);
/* name is len bytes, other terminated. */
bool memfs_name_equal(const char *name, size_t len, const char *other);

/* --- mem_dir.c: one directory's names. The caller holds tree_lock. --- */

struct memfs_dir *memfs_dir_new(void);      /* NULL: no memory */
void memfs_dir_free(struct memfs_dir *dir); /* empty, or its entries are taken care of */
struct memfs_entry *memfs_dir_find(const struct memfs_dir *dir, const char *name, size_t len,
                                   uint64_t hash);
/* Make room for one more entry, so that memfs_dir_add cannot fail. */
bool memfs_dir_reserve(struct memfs_dir *dir);
void memfs_dir_add(struct memfs_dir *dir, struct memfs_entry *entry);
void memfs_dir_remove(struct memfs_dir *dir, struct memfs_entry *entry);
/* The entry's hash becomes hash: it got another name, and keeps its place in the order. */
void memfs_dir_rehash(struct memfs_dir *dir, struct memfs_entry *entry, uint64_t hash);
/* The first index in order whose seq is above seq; order_len: none. O(log n). */
uint32_t memfs_dir_after(const struct memfs_dir *dir, uint64_t seq);

/* --- mem_node.c: nodes, entries and opens as objects --- */

/* A node with the attributes given, charged to the volume; the error is DISK_FULL or NO_MEMORY. */
smbkit_status memfs_node_new(struct memfs_volume *vol, uint32_t attributes,
                             struct memfs_node **node_r);
void memfs_node_unref(struct memfs_volume *vol, struct memfs_node *node);
/* An entry without a parent that takes over *node; NULL: no memory, *node stays the caller's. */
struct memfs_entry *memfs_entry_new(struct memfs_volume *vol, struct memfs_node **node,
                                    const char *name, size_t len);
struct memfs_entry *memfs_entry_ref(struct memfs_entry *entry);
void memfs_entry_unref(struct memfs_volume *vol, struct memfs_entry *entry);
/* Count a handle in or out of the node. */
void memfs_node_opened(struct memfs_node *node);
void memfs_node_closed(struct memfs_volume *vol, struct memfs_node *node);
/* Give the heap's free pages back to the system when enough has come together. */
void memfs_trim_heap(struct memfs_volume *vol);

/* --- mem_tree.c: operations on names --- */

smbkit_status memfs_create(void *volume, struct smbkit_op *op, struct smbkit_create *how);
void memfs_close(void *volume, struct smbkit_op *op, void *file);
smbkit_status memfs_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a);
smbkit_status memfs_get_path(void *volume, struct smbkit_op *op, void *file,
                             struct smbkit_buffer *a);
void memfs_tree_free(struct memfs_volume *vol); /* every name, at volume_close */

/* What a path leads to. Paths here are those of plugin.h; the caller holds tree_lock. */
struct memfs_place {
    struct memfs_node *dir; /* the directory that holds, or would hold, the last component; NULL:
                               path is the root */
    const char *name;       /* last component, not terminated */
    size_t len;
    uint64_t hash;
    struct memfs_entry *entry; /* borrowed; NULL: there is none of that name */
};
/* Errors: OBJECT_PATH_NOT_FOUND, OBJECT_NAME_INVALID. */
smbkit_status memfs_walk(struct memfs_volume *vol, const char *path, struct memfs_place *place);
/* Hang an entry into the place found (room reserved), and take it out again (gives up the
 * directory's reference). */
void memfs_attach(struct memfs_volume *vol, struct memfs_node *dir, struct memfs_entry *entry);
void memfs_detach(struct memfs_volume *vol, struct memfs_entry *entry);

/* --- mem_ids.c: files by their ids. The callers hold tree_lock. --- */

/* Make room for one more, so that memfs_id_add cannot fail. */
bool memfs_ids_reserve(struct memfs_volume *vol);
/* The entry has got a parent, or has lost it: its node is found as long as one of its names has. */
void memfs_id_add(struct memfs_volume *vol, struct memfs_entry *entry);
void memfs_id_remove(struct memfs_volume *vol, struct memfs_entry *entry);
/* A name of the node of that id; borrowed. NULL: there is none. */
struct memfs_entry *memfs_id_find(const struct memfs_volume *vol, uint64_t id);

/* --- mem_move.c --- */

smbkit_status memfs_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a);
smbkit_status memfs_link(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_rename *a);
smbkit_status memfs_remove(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_remove *a);

/* --- mem_stream.c: streams by name. The callers hold tree_lock, for reading or writing. --- */

/* Borrowed; NULL: there is none of that name. */
struct memfs_entry *memfs_stream_find(const struct memfs_volume *vol, const struct memfs_node *file,
                                      const char *name);
/* A new one, which the file has not. *entry_r carries a reference for the caller. */
smbkit_status memfs_stream_create(struct memfs_volume *vol, struct memfs_node *file,
                                  const struct smbkit_create *how, struct memfs_entry **entry_r);
smbkit_status memfs_stream_remove(struct memfs_volume *vol, struct memfs_open *open);
smbkit_status memfs_stream_rename(struct memfs_volume *vol, struct memfs_open *open,
                                  const struct smbkit_rename *a);
/* All of them lose their names; who has one open keeps it. */
void memfs_streams_drop(struct memfs_volume *vol, struct memfs_node *file);
/* Their data is that owner's from now on. */
void memfs_streams_give(struct memfs_node *file, struct memfs_owner *owner);

/* --- mem_list.c --- */

smbkit_status memfs_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink);
smbkit_status memfs_streams(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_sink *sink);

/* --- mem_meta.c --- */

uint64_t memfs_now(void); /* FILETIME */
/* Note a change: attributes or names (change only), or data (write, access and ARCHIVE too). The
 * caller holds the node's lock. [MS-FSA] 2.1.4.17 */
void memfs_note_change(struct memfs_node *node);
void memfs_note_write(struct memfs_node *node);
/* The lock of the data is given back after a change of it, which the file's times tell. */
void memfs_end_write(struct memfs_node *data, const struct memfs_open *open);
void memfs_fill_attr(struct memfs_node *node, struct smbkit_attr *attr);       /* locks the node */
void memfs_fill_open(const struct memfs_open *open, struct smbkit_attr *attr); /* likewise */
smbkit_status memfs_getattr(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_attr *attr);
smbkit_status memfs_setattr(void *volume, struct smbkit_op *op, void *file,
                            const struct smbkit_attr *attr);
smbkit_status memfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a);
smbkit_status memfs_set_security(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a);
/* Replace the stored descriptor by a copy; len 0: none. The caller holds the node's lock or is its
 * only user. */
smbkit_status memfs_keep_security(struct memfs_volume *vol, struct memfs_node *node,
                                  const uint8_t *security, uint32_t len);

/* --- mem_extra.c --- */

smbkit_status memfs_object_id(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_object_id *a);
smbkit_status memfs_get_reparse(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_get_reparse *a);
smbkit_status memfs_set_reparse(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_set_reparse *a);
void memfs_extra_free(struct memfs_extra *extra); /* NULL allowed */
/* Is it a reparse point, where a path stops? Takes the node's lock. */
bool memfs_stops(struct memfs_volume *vol, struct memfs_node *node);

/* --- mem_ea.c --- */

smbkit_status memfs_get_ea(void *volume, struct smbkit_op *op, void *file, struct smbkit_get_ea *a);
smbkit_status memfs_set_ea(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_set_ea *a);
/* Those named are set, or taken away. The caller holds the node's lock or is its only user.
 * EA_TOO_LARGE, NO_MEMORY: nothing has changed. */
smbkit_status memfs_ea_merge(struct memfs_volume *vol, struct memfs_node *node,
                             const struct smbkit_bytes *set);
/* Likewise, and all others go. */
smbkit_status memfs_ea_replace(struct memfs_volume *vol, struct memfs_node *node,
                               const struct smbkit_bytes *set);

/* --- mem_data.c --- */

smbkit_status memfs_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io);
smbkit_status memfs_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io);

/* len bytes within the size; the node's lock is held. */
void memfs_data_read(struct memfs_volume *vol, const struct memfs_data *data, uint64_t offset,
                     uint8_t *to, uint32_t len);
/* Into memory that memfs_data_back has made; the node's lock is held exclusively. */
void memfs_data_write(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                      const uint8_t *from, uint64_t len);

/* --- mem_copy.c --- */

smbkit_status memfs_copy_range(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_copy *a);
smbkit_status memfs_clone_range(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_copy *a);

/* --- mem_space.c: size, reservation, holes --- */

smbkit_status memfs_set_size(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a);
smbkit_status memfs_overwrite(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_overwrite *a);
smbkit_status memfs_allocate(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a);
smbkit_status memfs_zero_range(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_span *a);
smbkit_status memfs_ranges(void *volume, struct smbkit_op *op, void *file, struct smbkit_ranges *a);
/* Charge the volume for data with these two in place of the present ones. False: no room, nothing
 * changed. */
bool memfs_recharge(struct memfs_volume *vol, struct memfs_data *data, uint64_t backed,
                    uint64_t reserve);
/* What a node keeps besides its data (a descriptor, EAs, a reparse point) is charged as well,
 * unless it is little; lengths in bytes. false: there is no room, and nothing has changed. */
bool memfs_charge_aside(struct memfs_volume *vol, uint32_t before, uint32_t after);
/* Zero what there is in the range. Cannot fail. */
void memfs_data_zero(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                     uint64_t length);
smbkit_status memfs_set_sparse(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_value *a);
smbkit_status memfs_trim(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_span *a);
smbkit_status memfs_get_compression(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_value *a);
smbkit_status memfs_set_compression(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_value *a);
/* Make data exactly size bytes long. Cannot fail. */
void memfs_data_resize(struct memfs_volume *vol, struct memfs_data *data, uint64_t size);
/* Back [offset, offset + length) by memory. DISK_FULL, NO_MEMORY: nothing of what can be read has
 * changed. */
smbkit_status memfs_data_back(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                              uint64_t length);
static inline uint64_t memfs_cluster_up(uint64_t n)
{
    return (n + MEMFS_CLUSTER - 1) & ~(uint64_t)(MEMFS_CLUSTER - 1);
}

/* --- mem_pages.c --- */

struct memfs_chunk *memfs_pages_get(const struct memfs_pages *pages, uint64_t index);
/* The first chunk at or after *index_r, which becomes its number; NULL: no more. */
struct memfs_chunk *memfs_pages_next(const struct memfs_pages *pages, uint64_t *index_r);
/* Set an absent chunk. False: no memory. */
bool memfs_pages_put(struct memfs_pages *pages, uint64_t index, struct memfs_chunk *chunk);
/* Take a chunk out; NULL: there is none. */
struct memfs_chunk *memfs_pages_take(struct memfs_pages *pages, uint64_t index);

/* --- mem_chunk.c: memory of chunks --- */

struct memfs_chunk *memfs_chunk_new(struct memfs_volume *vol, uint32_t cap); /* zeroed, or NULL */
void memfs_chunk_free(struct memfs_volume *vol, struct memfs_chunk *chunk);
/* Back cap bytes, more or fewer than now; new ones are zero. False: no memory, nothing changed. */
bool memfs_chunk_resize(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t cap);
/* Copy len bytes from byte at on, out or in: at + len <= cap. For writing, the node's lock is held
 * exclusively. */
void memfs_chunk_read(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t at, uint8_t *to,
                      uint32_t len);
void memfs_chunk_write(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t at,
                       const uint8_t *from, uint32_t len);

/* --- mem_slab.c: memory of whole chunks --- */

void memfs_slabs_init(struct memfs_volume *vol);
void memfs_slabs_fini(struct memfs_volume *vol);   /* when no chunk is left */
uint8_t *memfs_slot_new(struct memfs_volume *vol); /* MEMFS_CHUNK bytes, zeroed; NULL: no memory */
void memfs_slot_free(struct memfs_volume *vol, uint8_t *slot);
/* Copy from or to p, in a slot, without mapping it. False: not here, or not all; the memory itself
 * does. */
bool memfs_slot_read(struct memfs_volume *vol, const uint8_t *p, uint8_t *to, uint32_t len);
bool memfs_slot_write(struct memfs_volume *vol, const uint8_t *p, const uint8_t *from,
                      uint32_t len);
