/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of names for a time: attributes, names that are missing, listings. Each user has
 * his own: a volume may answer others otherwise.
 *
 * Nothing is looked for to be thrown away: each path has a mark, a number that a change of it
 * counts up, and what is known is good as long as the mark is the one from before it was asked.
 * Paths share marks; that only forgets too much. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/filter.h>

#include "cache_list.h"

#define CACHE_MARKS 8192u

struct cache_mark {
    uint64_t all, path;
    uint64_t when_ms; /* it was taken: so old is what was asked for then */
};

/* Of an open file. Guarded by the lock of struct cache_names. */
struct cache_file {
    char *path; /* follows renames; NULL: not known, what changes it changes all */
    struct cache_file *next, *prev;
    bool is_changed; /* by this handle */
    bool has_attr;
    struct smbkit_attr attr;
    struct cache_mark mark;
    struct cache_list *given;          /* the listing that is being read, counted; or NULL */
    struct cache_recording *recording; /* of the listing that is passed on; or NULL */
    struct cache_mark recorded;        /* its mark, of before it began */
};

enum cache_kind { CACHE_LOOKUP, CACHE_LOOKUP_ITSELF, CACHE_LISTING };

struct cache_entry;

struct cache_names {
    /* immutable after cache_names_init */
    uint64_t ttl_ms; /* 0: nothing is kept, and nothing below is there */
    uint64_t max;    /* bytes */
    bool ignores_case;
    uint32_t slot_count;
    struct cache_list_bound lists;
    pthread_mutex_t lock; /* a leaf */
    /* guarded by lock */
    uint64_t all;
    uint64_t *marks;            /* [CACHE_MARKS] */
    struct cache_entry **slots; /* [slot_count] */
    struct cache_entry *newest, *oldest;
    uint64_t bytes, hits, misses;
    struct cache_file *files;
};

/* By which a folder shows that names came or went. */
struct cache_times {
    uint64_t write, change;
};

/* Whose, what and where: a question. */
struct cache_ask {
    const struct smbkit_identity *who;
    enum cache_kind kind;
    const char *path;
};

/* What is known. status: SUCCESS with attr or list, or OBJECT_NAME_NOT_FOUND. */
struct cache_known {
    smbkit_status status;
    struct smbkit_attr attr;
    struct cache_list *list;  /* counted */
    struct cache_times times; /* of the folder, from before it was listed */
};

/* false: no memory */
bool cache_names_init(struct cache_names *n, uint64_t max, uint64_t ttl_ms, bool ignores_case);
void cache_names_fini(struct cache_names *n);
/* Nothing is known any more. */
void cache_names_drop(struct cache_names *n);

struct cache_names_counts {
    uint64_t hits, misses, bytes;
    uint64_t list_bytes; /* of listings, also of those that are not kept */
};

/* Each takes the lock. */

void cache_names_count(struct cache_names *n, struct cache_names_counts *out);
struct cache_mark cache_names_mark(struct cache_names *n, const char *path);
bool cache_names_get(struct cache_names *n, const struct cache_ask *ask, struct cache_known *out);
/* The folder of a listing looks so now: one from other times goes. */
void cache_names_looked(struct cache_names *n, const struct cache_ask *ask,
                        const struct cache_times *times);
/* mark: of before it was asked below. list is counted once more. */
void cache_names_put(struct cache_names *n, const struct cache_ask *ask,
                     const struct cache_mark *mark, const struct cache_known *known);
/* levels: 1 the path alone, 2 the folder that it is in too, 3 and the one that that is in. */
void cache_names_changed(struct cache_names *n, const char *path, unsigned levels);
void cache_names_changed_all(struct cache_names *n);

/* path NULL: not known. mark: of before it was opened; if paths have changed since, it may have
 * another one by now. */
void cache_file_begin(struct cache_names *n, struct cache_file *f, const char *path,
                      const struct cache_mark *mark);
void cache_file_end(struct cache_names *n, struct cache_file *f);
/* As cache_names_changed, by the path that it has. */
void cache_file_changed(struct cache_names *n, struct cache_file *f, unsigned levels);
struct cache_mark cache_file_mark(struct cache_names *n, const struct cache_file *f);
bool cache_file_get(struct cache_names *n, struct cache_file *f, struct smbkit_attr *attr);
void cache_file_put(struct cache_names *n, struct cache_file *f, const struct cache_mark *mark,
                    const struct smbkit_attr *attr);
char *cache_file_path(struct cache_names *n, const struct cache_file *f); /* owned, or NULL */
bool cache_file_is_changed(struct cache_names *n, const struct cache_file *f);
/* It has another path now, and so has what is below it. */
void cache_file_moved(struct cache_names *n, struct cache_file *f, const char *to);

/* The listing that is being read, counted once more for the caller, or NULL. is_set: it is that
 * from now on (the reference goes over), and what was it before is returned with its reference. */
struct cache_list *cache_file_given(struct cache_names *n, struct cache_file *f,
                                    struct cache_list *list, bool is_set);
/* The recording that is under way, owned, or NULL. */
struct cache_recording *cache_file_recording_take(struct cache_names *n, struct cache_file *f,
                                                  struct cache_mark *mark_r);
void cache_file_recording_put(struct cache_names *n, struct cache_file *f,
                              struct cache_recording *r, const struct cache_mark *mark);

/* Into the caller's room, but for its size. names_told is 0: what was told since is not known. */
void cache_attr_copy(struct smbkit_attr *to, const struct smbkit_attr *from);
/* A file with other names may change by those. */
bool cache_attr_is_kept(const struct smbkit_attr *a);
