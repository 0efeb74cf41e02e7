/* SPDX-License-Identifier: Apache-2.0 */
/* For sql_text.c and sql_names.c: a file that clients write, while it is open or a draft. */
#pragma once

#include "sql_priv.h"

struct sql_text {
    struct sql_volume *v;
    const struct sql_store *store;
    /* guarded by v->lock */
    struct sql_text *next; /* in v->texts while is_listed */
    char *path;
    smbkit_tree_id id;
    uint32_t refs; /* opens, calls, and that of a draft */
    int is_listed; /* others who open that path get it */
    int is_draft;
    int is_gone;            /* what it was is deleted: nothing is saved any more */
    pthread_mutex_t saving; /* held while it is saved */
    pthread_mutex_t lock;
    /* guarded by lock */
    char *data;
    size_t len;
    size_t cap;
    uint64_t written; /* counts changes */
    uint64_t saved;   /* that many are where they belong */
};

/* Where a path's text comes from. */
const struct sql_store *sql_store_of(const char *path);
/* Under v->lock: the one that who opens the path gets, or NULL. */
struct sql_text *sql_text_find(struct sql_volume *v, const char *path);
/* Likewise, referred to. */
struct sql_text *sql_text_take(struct sql_volume *v, const char *path);
/* One that nobody knows yet, with a reference; takes what o has, which may be NULL. */
struct sql_text *sql_text_new(struct sql_volume *v, const char *path, struct sql_out *o);
void sql_text_free(struct sql_text *t);
void sql_text_unref(struct sql_text *t);
/* With v->lock, which is let go. */
void sql_text_unref_and_unlock(struct sql_text *t);
/* Under v->lock: who opens its path gets it, or does not any more. */
void sql_text_list(struct sql_text *t);
void sql_text_unlist(struct sql_text *t);
/* Under v->lock: what it was is not there any more. The caller has a reference. */
void sql_text_gone(struct sql_text *t);
/* The path of an entry, or of a name in a folder. OBJECT_NAME_NOT_FOUND: it is gone. */
smbkit_status sql_text_path(struct smbkit_tree_call *c, smbkit_tree_id id, const char *name,
                            char path[SQL_PATH_MAX]);
