/* SPDX-License-Identifier: Apache-2.0 */
/* An archive as a folder. An index is made of all its headers once and never changed; what is read
 * comes from the archive itself where it lies there as it is, else from a cache of decoded chunks.
 *
 * Lock order: nested->lock, volume->lock, cache->lock, pool->lock; none is held while libarchive
 * decodes. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include <smbkit/plugin.h>

#define ARC_ENTRIES_MAX (16u << 20) /* files and folders of an archive */
#define ARC_NAMES_MAX (1u << 30)    /* bytes of all their names; of what links say, as many */
#define ARC_TARGET_MAX 4096u        /* bytes of what a symbolic link says */
#define ARC_DEPTH_MAX 128u          /* folders within each other */
#define ARC_FAILURES_MAX 1000u      /* headers one after the other that cannot be read */
#define ARC_TOLD_MAX 8u             /* lines in the log about what is left out */
#define ARC_BLOCK (64u << 10)       /* bytes read of the archive at a time */
#define ARC_CHUNK (64u << 10)       /* bytes of a chunk of the cache */
#define ARC_DECODERS_MAX 8u         /* places in an archive that are read on from */
#define ARC_PASSPHRASES_MAX 64u     /* lines of a passphrase file */
#define ARC_CACHE_MIN (4u << 20)    /* least cache: what reads in flight need */

#define ARC_NESTED_DEPTH 4u           /* archives within each other */
#define ARC_NESTED_KEPT 64u           /* archives within others that are kept open */
#define ARC_NESTED_BYTES (4ull << 30) /* of their files, which are unpacked for that */

#define ARC_NONE UINT32_MAX
#define ARC_ROOT 0u

/* ---- the file on the host: arc_source.c ---- */

/* Which file it was, and in what state. */
struct arc_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t sec;
    int64_t nsec;
    int64_t change_sec; /* who writes in place may put the other time back */
    int64_t change_nsec;
};
struct arc_stamp arc_stamp_of(const struct stat *st);
int arc_stamp_is(const struct arc_stamp *a, const struct arc_stamp *b);

/* What an open archive is read with. Immutable. */
struct arc_settings {
    char *path;
    char *charset;                          /* of names that are no UTF-8; NULL: unknown */
    char *passphrases[ARC_PASSPHRASES_MAX]; /* NULL behind the last one */
    uint64_t unpacked_max;                  /* bytes that are decoded to make an index */
    uint64_t cache_max;                     /* bytes */
    int is_nested;                          /* archives within are folders, too */
};

/* 0: it is not there now. */
int arc_stamp_now(const struct arc_settings *set, struct arc_stamp *stamp);

/* A stream over a part of the file for libarchive, with a place of its own. */
struct arc_source {
    int fd; /* borrowed: of the index */
    uint64_t base;
    uint64_t at;
    uint64_t end;
    int (*is_over)(void *arg); /* asked now and then: give up? */
    void *arg;
    uint8_t block[ARC_BLOCK];
};

/* How libarchive is to look at it. */
enum arc_how { ARC_ALL, ARC_RAW, ARC_TAR_ALONE, ARC_ZIP_ALONE };

/* A handle at the beginning of source, or NULL with a line in error[256]. */
struct archive *arc_source_open(struct arc_source *s, const struct arc_settings *set,
                                enum arc_how how, char *error);
/* What archive_read_next_header() answered: is there an entry, whose data may be asked for? */
static inline int arc_has_entry(int r)
{
    return r == ARCHIVE_OK || r == ARCHIVE_WARN;
}
/* libarchive takes names to be in the encoding of the thread's locale: UTF-8 between the two. */
locale_t arc_locale_enter(void);
void arc_locale_leave(locale_t before);
void arc_locale_init(void);
void arc_locale_fini(void);

/* ---- the index: arc_index.c ---- */

#define ARC_FOLDER 0x1u
#define ARC_MADE 0x2u /* a folder without an entry of its own */
#define ARC_ENCRYPTED 0x4u
#define ARC_LINK 0x8u /* target is what it leads to */
#define ARC_SPARSE 0x10u
#define ARC_HAS_OFFSET 0x20u /* offset is said */
#define ARC_NESTED 0x40u     /* a folder that is the archive target */
#define ARC_DOS_SHIFT 16u    /* SMBKIT_ATTR_* that the archive has, READONLY to ARCHIVE */

struct arc_node {
    uint32_t parent;
    uint32_t name; /* in names */
    uint32_t hash;
    uint32_t next; /* of the same hash; ARC_NONE */
    uint32_t first_child;
    uint32_t last_child;
    uint32_t next_child; /* in the order of the archive */
    uint32_t flags;
    uint32_t target;  /* ARC_LINK, ARC_NESTED */
    uint32_t ordinal; /* of the header whose data it is */
    uint64_t size;
    uint64_t offset; /* of its data, in an archive that is not compressed */
    uint64_t header; /* offset of its header, likewise */
    uint64_t write_time;
    uint64_t create_time;
};

/* Archives within others, whether kept or in use alone. */
struct arc_live {
    atomic_uint_fast64_t bytes; /* of their files and indexes */
    atomic_uint count;
};

struct arc_index {
    atomic_uint refs;
    /* immutable once made */
    int fd;
    uint32_t generation;
    uint32_t depth;        /* archives that this one is within */
    uint64_t key[2];       /* of hashes: who packs an archive cannot have its names collide */
    uint64_t root_id;      /* as the folder in the outer one has it; 0: not within one */
    struct arc_live *live; /* that it counts in; NULL: not within another archive */
    uint64_t live_bytes;   /* as so many */
    struct arc_stamp stamp;
    int format;   /* ARCHIVE_FORMAT_*, base */
    int is_plain; /* not compressed as a whole */
    int is_raw;
    struct arc_node *nodes;
    uint32_t count;
    uint32_t room;
    char *names;
    uint32_t names_len;
    uint32_t names_room;
    uint32_t *table; /* by folder and name */
    uint32_t table_size;
};

struct arc_index *arc_index_new(void);
void arc_index_ref(struct arc_index *x);
void arc_index_unref(struct arc_index *x);
/* Is the file that was read still what it was? One that was replaced is. */
int arc_index_is_current(const struct arc_index *x);
static inline const char *arc_name(const struct arc_index *x, uint32_t node)
{
    return x->names + x->nodes[node].name;
}
uint32_t arc_index_child(const struct arc_index *x, uint32_t folder, const char *name, size_t len);
/* ARC_NONE: out of memory, or beyond a bound. */
uint32_t arc_index_add(struct arc_index *x, uint32_t folder, const char *name, size_t len);
/* Makes it one that is not there: no folder is its parent, though it stays in the list of one. */
void arc_index_take_out(struct arc_index *x, uint32_t node);

/* A path of a client, from the root. status: as create answers it. via: reached through a link to a
 * folder, below which there are no others: so a tree with loops has an end. */
struct arc_found {
    uint32_t node;
    int via;
    const char *rest; /* of the path; not all of it, if node is ARC_NESTED */
};
smbkit_status arc_index_find(const struct arc_index *x, const char *path, struct arc_found *found);
/* What a link leads to, or the node. */
uint32_t arc_real(const struct arc_index *x, uint32_t node);
/* Is it to be shown in a folder reached so? */
int arc_is_shown(const struct arc_index *x, uint32_t node, int via);

/* ---- made of the headers: arc_scan.c, arc_links.c ---- */

struct arc_late { /* a symbolic link, resolved when all is known */
    uint32_t node;
    char *target;
};

struct arc_scan {
    struct arc_index *x;
    const struct arc_settings *set;
    struct archive *a;
    struct arc_late *late;
    uint32_t late_count;
    uint32_t late_room;
    uint64_t late_bytes;
    uint32_t left_out;
    char raw_name[256]; /* of what is one compressed file */
    uint64_t unpacked;
    int (*is_over)(void *arg);
    void *arg;
};

/* One without entries, of a file of the host; NULL: error[256] and errno say why. */
struct arc_index *arc_index_open(const char *path, char *error);
/* Likewise; takes fd in any case. */
smbkit_status arc_index_of_file(struct arc_index *x, int fd);
/* Fills it; on failure it is gone, and error[256] says why. */
smbkit_status arc_scan(const struct arc_settings *set, int (*is_over)(void *arg), void *arg,
                       struct arc_index **index, char *error);
/* Is it an archive at all? For messages when a volume is opened; reads its beginning. */
smbkit_status arc_probe(const struct arc_settings *set, char *error);
/* A line in the log, for the first few. */
void arc_left_out(struct arc_scan *s, const char *path, const char *why);
/* Folders are made as needed. ARC_NONE: it has been told why it is left out, or *status. */
uint32_t arc_place(struct arc_scan *s, const char *path, smbkit_status *status);
/* A path of the archive that is there already, or ARC_NONE. No link on the way is followed, since
 * not all is known yet; it may be one itself. */
uint32_t arc_lookup(struct arc_scan *s, const char *path);
smbkit_status arc_links_add(struct arc_scan *s, uint32_t node, const char *target);
void arc_links_resolve(struct arc_scan *s);

/* ---- decoded chunks: arc_cache.c ---- */

struct arc_cache;
/* Gone when it is closed; -1. */
int arc_file_without_name(void);
struct arc_cache *arc_cache_new(uint64_t max);
void arc_cache_free(struct arc_cache *c);
/* A part of a chunk. */
struct arc_piece {
    uint64_t entry; /* arc_entry_key */
    uint64_t chunk;
    uint32_t at;
    uint32_t len;
};
/* 0: it is not there (any more); nowait: or who waits for nothing cannot have it. */
int arc_cache_get(struct arc_cache *c, const struct arc_piece *p, void *to, int nowait);
void arc_cache_put(struct arc_cache *c, uint64_t entry, uint64_t chunk, const void *data,
                   uint32_t len);

/* ---- where the data of an entry lies: arc_way.c ---- */

enum arc_way {
    ARC_WAY_UNKNOWN,
    ARC_WAY_DIRECT, /* in the archive, as it is, from offset on */
    ARC_WAY_START,  /* a decoder may begin at start */
    ARC_WAY_WALK,   /* a decoder has to come from the beginning */
};
/* start_r: of ARC_WAY_START. Reads the archive. */
enum arc_way arc_way_find(const struct arc_index *x, uint32_t node, uint64_t *start_r);

/* ---- decoding: arc_decode.c ---- */

struct arc_decoder {
    struct arc_source source;
    struct archive *a;
    struct arc_index *index; /* ref; NULL: free */
    uint32_t node;           /* it is in; ARC_NONE: at none yet */
    uint32_t ordinal;
    int has_data; /* of the entry it is in may be asked for */
    int is_alone; /* begun at an entry: good for nothing else */
    /* pool->lock */
    int is_busy;
    uint32_t taken_node; /* what it was taken for */
    uint64_t used;       /* when, in calls */
    /* of who has it */
    atomic_uint_fast64_t
        passed;  /* of taken_node: what is before is in the cache, or was; relaxed */
    uint64_t at; /* bytes of the entry that were given */
    /* the rest of libarchive's last block */
    const uint8_t *rest;
    size_t rest_len;
    uint64_t rest_at;
    const struct smbkit_op *op;
    const atomic_int *is_ending;
};

struct arc_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct arc_decoder *list[ARC_DECODERS_MAX]; /* lock */
    uint64_t calls;                             /* lock */
    const struct arc_settings *set;
    struct arc_cache *cache;
    atomic_int is_ending;
};
void arc_pool_init(struct arc_pool *p, const struct arc_settings *set, struct arc_cache *cache);
void arc_pool_fini(struct arc_pool *p);
/* Idle ones of other indexes. */
void arc_pool_drop_old(struct arc_pool *p, const struct arc_index *now);
/* What is asked for: len bytes of an entry from byte `at` on, all of them within it. */
struct arc_want {
    struct arc_index *index;
    uint32_t node;
    enum arc_way way; /* START or WALK */
    uint64_t start;   /* of START */
    uint64_t at;
    uint8_t *to;
    uint32_t len;
    const struct smbkit_op *op;
};
/* By the cache or by decoding. May take long. */
smbkit_status arc_pool_decode(struct arc_pool *p, const struct arc_want *w);
uint64_t arc_entry_key(const struct arc_index *x, uint32_t node);
/* The chunk that has byte `at`, and what of len bytes from there is in it. */
struct arc_piece arc_piece_of(const struct arc_index *x, uint32_t node, uint64_t at, uint32_t len);

/* ---- the volume: arc_volume.c ---- */

struct arc_file {
    struct arc_file *next; /* volume->lock */
    struct arc_file **prev;
    struct arc_index *index;
    uint32_t node;
    int via;
    pthread_mutex_t lock;
    enum arc_way way;        /* lock */
    uint64_t start;          /* lock */
    struct arc_index *inner; /* lock: of ARC_NESTED, once it was listed; a ref */
    char path[];
};

struct arc_volume {
    struct smbkit_host *host;
    struct arc_settings set;
    struct arc_cache *cache;
    struct arc_pool pool;
    pthread_t builder; /* makes the index, and looks whether the file is another */
    int has_builder;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    struct arc_index *index; /* NULL: none yet */
    int is_wanted;           /* somebody waits for a new one */
    uint32_t generation;
    uint64_t begun;          /* how many have been made, or tried; the last one may be under way */
    uint64_t index_begun;    /* the how manieth index is */
    uint64_t failed_begun;   /* and what follows; 0: none */
    struct arc_stamp failed; /* what cannot be an index, and why */
    smbkit_status failed_status;
    struct arc_file *files;
    struct arc_nested *nested;
};

smbkit_status arc_volume_start(struct arc_volume *v);
void arc_volume_stop(struct arc_volume *v);
/* The index of the file as it is now; a ref. Without NOWAIT it waits for it to be made. */
smbkit_status arc_volume_index(struct arc_volume *v, const struct smbkit_op *op,
                               struct arc_index **index_r);
/* What is at a path of it, also within archives within; *index is replaced by the one that node is
 * of. The folder of an archive itself is the outer one's node. */
smbkit_status arc_volume_find(struct arc_volume *v, const struct smbkit_op *op, const char *path,
                              struct arc_index **index, struct arc_found *found);
/* len bytes of an entry, all of them within it, wherever they lie; w->way may be DIRECT, too. */
smbkit_status arc_volume_read(struct arc_volume *v, const struct arc_want *w, int nowait);

/* ---- archives within archives: arc_nested.c ---- */

/* A folder beside each file that is called like an archive. */
void arc_nested_add(struct arc_index *x);
struct arc_nested *arc_nested_new(void);
void arc_nested_free(struct arc_nested *n);
/* Of an outer archive that is no more; those in use count until they are not. */
void arc_nested_drop(struct arc_nested *n);
/* The index of the archive that the node of x stands for; a ref. */
smbkit_status arc_nested_get(struct arc_volume *v, const struct smbkit_op *op, struct arc_index *x,
                             uint32_t node, struct arc_index **index_r);
