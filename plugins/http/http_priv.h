/* SPDX-License-Identifier: Apache-2.0 */
/* http: what a web server shows, as a read-only file system on a tree. A node is a file or folder
 * as the server has it; the tree's entries have http_shown as their arg. A job is a callback of the
 * tree that waits for an answer. */
#pragma once

#include <pthread.h>

#include <smbkit/tree.h>

#include "http_map.h"
#include "web.h"
#include "web_cache.h"
#include "web_tree.h"

#define HTTP_INDEX_BYTES_MAX (UINT64_C(16) << 20) /* of a folder's page */
#define HTTP_HEADS_MAX 1000u  /* files of a folder whose size is asked for before it is shown */
#define HTTP_WHOLE UINT64_MAX /* the number of the block that is a whole file */

enum http_kind { HTTP_AUTO, HTTP_HTML, HTTP_JSON };

struct http_made_list;
struct http_node {
    uint32_t refs;            /* atomic */
    bool is_folder;           /* immutable, as what follows */
    bool is_made;             /* by a look-up: no list has told of it */
    char *url;                /* "": a folder of the map that nothing is asked for */
    char *name;               /* in a folder of the map; else NULL */
    struct http_place *place; /* of a folder of the map; else NULL */

    pthread_mutex_t lock;      /* guards what follows */
    struct web_object *object; /* as it was at known_ms; NULL: only the index told of it. Folders:
                                  their page */
    bool is_whole;             /* no ranges of it are to be had */
    bool has_size;
    bool is_known; /* known_ms is set */
    uint64_t size;
    uint64_t time; /* FILETIME; 0: not told */
    uint64_t known_ms;
    struct http_node **children; /* of a folder, by their names in the map, or else their URLs; of
                                    the one fill that there is */
    uint32_t child_count;
    bool is_gone;                /* one that is_made: the server has it no more */
    struct http_made_list *made; /* of a folder of the map; or NULL */

    /* of one that is_made; guarded by http_made_all.lock */
    struct http_node *made_before, *made_after;
    struct http_node *made_in; /* the folder; a reference; NULL: it is in no queue */
    smbkit_tree_id made_at;    /* that folder's entry */
};
static inline const char *http_node_key(const struct http_node *n)
{
    return n->name ? n->name : n->url;
}
struct http_node *http_node_new(const char *url, bool is_folder); /* NULL: no memory */
struct http_node *http_node_ref(struct http_node *n);
void http_node_unref(void *node); /* or NULL */

/* All names of the volume that were looked up and are shown, each with a reference. */
struct http_made_all {
    pthread_mutex_t lock;    /* guards what follows; no other is taken while it is held */
    struct http_node *first; /* the oldest */
    struct http_node *last;
    uint32_t count;
};

struct http {
    struct smbkit_tree *tree;
    struct web *web;
    struct web_cache *cache;
    struct web_jobs jobs;
    struct web_fresh fresh;
    struct http_made_all made;
    /* immutable after volume_open */
    char *name;
    uint64_t whole_max;
    uint32_t kind;          /* enum http_kind */
    uint32_t heads_max;     /* HTTP_HEADS_MAX at most */
    char *base;             /* the URL that all begins with */
    struct http_map *map;   /* or NULL */
    struct http_node *root; /* a reference */
};

/* The arg of an entry: a reference to its node. */
struct http_shown {
    struct http_node *node;
};
static inline struct http_node *http_shown_of(const struct smbkit_tree_call *c)
{
    return ((const struct http_shown *)c->arg)->node;
}

/* An open file. */
struct http_handle {
    struct web_object *object;
    struct web_block *block; /* all of it; NULL: read by ranges */
};

enum http_need { HTTP_LISTED, HTTP_OPENED, HTTP_MADE };

struct http_job {
    struct web_job w;
    struct http *h;
    struct http_node *node; /* a reference */
    enum http_need need;
    struct smbkit_attr *attr; /* stat */
    void **handle_r;          /* open */
    struct smbkit_io *io;     /* read */
    uint32_t io_length;
    struct web_object *object; /* what the HEAD told of */
    struct web_block *block;   /* what was fetched */
    struct http_node *folder;  /* that node is looked up in; a reference, or NULL */
    struct http_index index;   /* fill */
    struct http_node **nodes;  /* of the items; references */
    char *base;
    uint32_t heads_left; /* guarded by w.lock */
};

struct http_job *http_job_new(struct http *h, struct smbkit_tree_call *c, struct http_node *n);
/* The callback is over. */
void http_job_end(struct http_job *job, smbkit_status st);
/* A request of the job's own; false: it has ended, by what went wrong. */
bool http_job_ask(struct http_job *job, const struct web_ask *ask);

/* Adds what a folder has. */
smbkit_status http_entry_add(struct smbkit_tree_call *c, const struct http_item *item,
                             struct http_node *n);
/* item's node, with its place taken over; NULL: no memory. */
struct http_node *http_node_of_item(struct http_item *item, bool is_mapped);
/* Files: fetches all of it, and ends the job. */
void http_whole_ask(struct http_job *job);

/* ---- the map ---- */

extern const struct smbkit_tree_folder http_mapped_folder;
#define HTTP_MADE_MAX 1000u      /* names of a folder that were looked up and are shown */
#define HTTP_MADE_ALL_MAX 20000u /* of the volume */
void http_made_all_fini(struct http_made_all *all);
void http_made_fini(struct http_node *folder);
/* A look-up has been answered. */
void http_made_end(struct http_job *job, smbkit_status st);
/* Within a fill: shows again what was looked up. */
smbkit_status http_made_show(struct http_job *job);
/* The server has it no more. */
void http_made_gone(struct smbkit_tree_call *c, struct http_node *n);

extern const struct smbkit_tree_folder http_folder;
smbkit_status http_folder_fill(struct smbkit_tree_call *c);
static inline struct http_node *http_folder_of(const struct smbkit_tree_call *c)
{
    struct http *h = (struct http *)smbkit_tree_data(c->tree);
    return c->id == SMBKIT_TREE_ROOT ? h->root : http_shown_of(c);
}
extern const struct smbkit_tree_file http_file;

/* What a HEAD told. */
void http_node_learn(struct http_node *n, const struct web_answer *a);
