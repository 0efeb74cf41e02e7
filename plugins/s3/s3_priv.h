/* SPDX-License-Identifier: Apache-2.0 */
/* s3: buckets of an object store as folders, on a tree. A node is an object or a prefix; the tree's
 * entries have s3_shown as their arg. A job is a callback of the tree that waits for answers.
 *
 * What clients write goes to a stage, a file of the host without a name, which all opens of the
 * node share, and to the store when it is flushed or closed. What changes a node (writes, uploads,
 * its own renaming) are acts: one at a time, in the order in which they were asked for.
 *
 * Lock order: a node's, then the table's. */
#pragma once

#include <pthread.h>

#include <smbkit/tree.h>

#include "s3_xml.h"
#include "web.h"
#include "web_cache.h"
#include "web_tree.h"

/* ---- bounds ---- */

#define S3_ITEMS_MAX 1000000u /* of one folder; what is beyond is left out */
#define S3_PAGES_MAX 4000u    /* of one listing; pages may be short */
#define S3_URL_MAX 8192u      /* bytes, with its end */
#define S3_MOVE_MAX 10000u    /* keys of a folder that is renamed */
#define S3_MOVES_AT_ONCE 8u
#define S3_PARTS_MAX 10000u /* of an upload: Amazon S3, "multipart upload limits" */
#define S3_PARTS_AT_ONCE 4u
#define S3_PART_MIN (UINT64_C(5) << 20)  /* likewise: all but the last one */
#define S3_PART_MAX (UINT64_C(5) << 30)  /* likewise; also of what one copy takes */
#define S3_FILE_MAX (UINT64_C(5) << 40)  /* of an object */
#define S3_FETCH (UINT64_C(4) << 20)     /* bytes that are fetched at once for a stage */
#define S3_ANSWER_MAX 65536u             /* bytes of an answer that is no listing */
#define S3_KEEP_MAX (UINT64_C(64) << 20) /* of a file that is deleted while others have it open */
#define S3_MARK_ROOM 33u                 /* a number that an upload is known by, with its end */
#define S3_SMALL_MS 60000u               /* the whole of an attempt of what has no long body */

/* ---- where objects are ---- */

struct s3_place {
    char *scheme_host; /* "https://host:port", and a path of the end point's, without a slash */
    bool is_host_style;
    bool has_bucket; /* the volume is one bucket, or a prefix of it */
    char *root;      /* "bucket/prefix/", "bucket/" or "" */
};

/* Paths are "bucket/key"; a folder's ends in a slash. Encoded for a URL; a slash of the key stays
 * one, if keeps_slash. False: it does not fit. */
bool s3_encode(const char *text, bool keeps_slash, char *to, size_t room);
/* What a request is for: query is appended as it is. False: it does not fit. */
bool s3_url(const struct s3_place *p, const char *path, const char *query, char to[S3_URL_MAX]);
/* One line of what is wrong, or NULL. */
const char *s3_place_init(struct s3_place *p, const char *endpoint, const char *bucket,
                          const char *prefix);
void s3_place_fini(struct s3_place *p);

/* ---- who asks ---- */

/* Of a file as ~/.aws/credentials, the section profile; or of the environment. Errors, with a line
 * for the user: INVALID_PARAMETER, or what the system says. */
smbkit_status s3_credentials_read(const char *path, const char *profile,
                                  struct web_credentials *out, char *error, size_t error_size);
smbkit_status s3_credentials_environment(struct web_credentials *out, char *error,
                                         size_t error_size);

/* ---- nodes ---- */

struct s3_stage {
    uint32_t refs; /* atomic */
    int fd;        /* immutable */
    /* Guarded by the node's lock; while an act is on, that act's */
    uint64_t size;
    uint64_t changes;       /* that clients have made */
    uint64_t stored;        /* of them are in the store */
    char etag[WEB_TAG_MAX]; /* of the object that they are changes of; "": none is known */
};

struct s3_handle {
    struct s3_handle *next; /* guarded by the node's lock, as object */
    struct s3_node *node;   /* a reference */
    struct web_object *object;
    bool is_writer; /* immutable */
};

struct s3 {
    struct smbkit_tree *tree;
    struct smbkit_host *host;
    struct web *web;
    struct web_cache *cache;
    struct web_jobs jobs;
    struct web_fresh fresh;
    /* immutable after volume_open */
    char *name;
    struct s3_place place;
    char *temp;
    uint64_t part;
    bool is_conditional;
    struct s3_node *root; /* a reference */

    pthread_mutex_t lock; /* of the table: guards what follows */
    struct s3_node **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t node_count;
};

struct s3_node {
    struct s3_node *chain; /* guarded by the table's lock, as refs, is_listed and path */
    uint32_t refs;
    bool is_listed; /* in the table */
    char *path;     /* "bucket/key", of a folder with a slash at its end */
    struct s3 *s;   /* immutable, as what follows */
    bool is_folder;

    pthread_mutex_t lock; /* guards what follows */
    bool has_marker;      /* of a folder: an object of its name is there */
    bool is_known;        /* known_ms is set */
    uint64_t known_ms;
    uint64_t size;
    uint64_t time;             /* FILETIME; 0: not told */
    bool is_news;              /* a HEAD told of another time than the tree knows */
    struct web_object *object; /* NULL: only its name is known */
    bool is_gone;              /* deleted: its path is another's */
    struct s3_handle *handles;
    uint32_t writers;
    struct s3_stage *stage; /* a reference; NULL: none */
    bool is_acting;         /* the act that was begun last is not over */
    struct s3_job *acts;    /* that wait */
    struct s3_job *acts_last;
};
/* The node of that path, or a new one; a reference. NULL: no memory. */
struct s3_node *s3_node_get(struct s3 *s, const char *path);
struct s3_node *s3_node_ref(struct s3_node *n);
void s3_node_unref(struct s3_node *n); /* or NULL */
/* A copy, malloc'd. NULL: no memory. */
char *s3_node_path(struct s3_node *n);
/* It is gone, and its path is another's. */
void s3_node_detach(struct s3_node *n);
/* What was "from", or began with it if it is a folder, is called anew. Without memory for it a node
 * is out of the table, and its path as it was. */
void s3_nodes_rename(struct s3 *s, const char *from, const char *to);
/* What the store says of it: a HEAD, a listing, an upload. Lock held. */
void s3_node_learn_locked(struct s3_node *n, const char *path, const struct web_answer *a);
/* It is another one now, or nothing is known of it. */
void s3_node_forget(struct s3_node *n);
bool s3_node_is_fresh_locked(const struct s3_node *n);

/* The arg of an entry: a reference to its node. Released by s3_shown_free. NULL: no memory. */
struct s3_shown {
    struct s3_node *node;
};
struct s3_shown *s3_shown_new(struct s3_node *n);
void s3_shown_free(void *arg);
struct s3_node *s3_node_of(const struct smbkit_tree_call *c); /* borrowed */

/* ---- jobs ---- */

struct s3_move;
struct s3_upload;
struct s3_job {
    struct web_job w;
    struct s3 *s;
    struct s3_node *node; /* a reference */
    void (*answered)(struct s3_job *job, struct web_answer *a);
    /* acts */
    struct s3_job *act_next;
    smbkit_status (*act)(struct s3_job *job); /* PENDING: s3_act_end() ends it */
    /* of the call */
    void **handle_r;
    struct smbkit_attr *attr;
    struct smbkit_io *io;
    uint32_t io_length;
    struct web_object *object; /* a reference: that is read */
    bool is_writer;
    uint64_t size;
    struct smbkit_tree_create *how;
    const struct smbkit_tree_move *move;
    /* of what is under way */
    struct s3_node *other; /* a reference: the folder of what is removed */
    char *path;            /* of what is made, or where it goes; malloc'd */
    void (*then)(struct s3_job *job, smbkit_status st);
    struct s3_page *page;
    uint32_t pages;
    uint32_t added;
    uint32_t left_out;
    char *token;
    char mark[S3_MARK_ROOM];
    struct s3_upload *upload;
    struct s3_move *moving;
    struct s3_stage *stage; /* a reference: that is being fetched, or stored */
    uint64_t fetched;
    uint8_t *body; /* of what was fetched */
    size_t body_len;
};
struct s3_job *s3_job_new(struct smbkit_tree_call *c, struct s3_node *n);
void s3_job_end(struct s3_job *job, smbkit_status st);

/* A request. */
struct s3_ask {
    enum web_method method;
    const char *path;
    const char *query; /* "a=b&c=d", sorted; or NULL */
    const struct web_range *range;
    const char *headers[6]; /* the last one NULL */
    const struct web_body *body;
    uint64_t body_max;  /* 0: S3_ANSWER_MAX */
    bool is_repeatable; /* POST too */
    bool is_long;       /* nothing but idle time bounds it */
};
/* answered() comes later; anything else than SUCCESS: it does not. */
smbkit_status s3_job_ask(struct s3_job *job, const struct s3_ask *ask,
                         void (*answered)(struct s3_job *job, struct web_answer *a));
/* The same without a job of the tree's. */
smbkit_status s3_ask_for(struct s3 *s, const struct s3_ask *ask,
                         void (*done)(void *arg, struct web_answer *a), void *arg);
/* The headers that are kept of each answer. */
enum { S3_KEPT_MARK, S3_KEPT_DATE };
/* What a client is answered; *page_r, if not NULL, what the answer says in XML. A success whose
 * body is an error is none: CopyObject, CompleteMultipartUpload. */
smbkit_status s3_answer(const struct web_answer *a, struct s3_page **page_r);
/* Run it on a worker; without one the job ends. */
void s3_job_run(struct s3_job *job, void (*fn)(void *arg));
/* "x-amz-meta-smbkit-write: ", and a number that no other upload has. */
#define S3_MARK_HEADER "x-amz-meta-smbkit-write"
void s3_mark_new(char mark[S3_MARK_ROOM]);

/* ---- acts ---- */

/* On a worker: the job's turn comes when those before it are over. */
smbkit_status s3_act(struct s3_job *job, smbkit_status (*act)(struct s3_job *job));
/* An act that answered PENDING is over. From any thread. */
void s3_act_end(struct s3_job *job, smbkit_status st);

/* ---- files and folders ---- */

extern const struct smbkit_tree_folder s3_root_folder; /* whose entries are buckets */
extern const struct smbkit_tree_folder s3_folder;
extern const struct smbkit_tree_file s3_file;

/* The object is at that path now, as a copy or an upload told: also for those that have it open.
 * Lock held. */
void s3_node_stored_locked(struct s3_node *n, const char *path, const char *etag, uint64_t size);

/* Writing, of which the stage is there afterwards, and storing. Acts. */
/* In an act: a stage with what the object has, or, if is_empty, nothing. SUCCESS: it is there.
 * PENDING: the act is called again when it is, or over. */
smbkit_status s3_stage_need(struct s3_job *job, bool is_empty);
smbkit_status s3_act_write(struct s3_job *job);
smbkit_status s3_act_set_size(struct s3_job *job);
smbkit_status s3_act_store(struct s3_job *job);
struct s3_stage *s3_stage_ref(struct s3_stage *stage);
void s3_stage_unref(struct s3_stage *stage); /* or NULL */
/* The stage's data, or the store's, of which size bytes are to be there. */
uint64_t s3_node_size_locked(const struct s3_node *n);

/* job->stage goes to the store; s3_act_end() then. */
void s3_upload_start(struct s3_job *job);

smbkit_status s3_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how);
smbkit_status s3_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how);
smbkit_status s3_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg);
/* Something is about to leave the folder (id in the tree, of that path): if it is the last, the
 * folder gets a marker. then() goes on. */
void s3_folder_keep(struct s3_job *job, smbkit_tree_id id, const char *folder,
                    void (*then)(struct s3_job *job, smbkit_status st));
/* The folder that a path is in, malloc'd. */
char *s3_folder_of(const char *path);
/* The query for all keys that begin with path's, and its bucket, malloc'd; NULL: no memory, or it
 * does not fit. */
char *s3_below_query(const char *path, const char *token, uint32_t max, char query[S3_URL_MAX]);
/* The header that names what is copied. False: it does not fit. */
bool s3_copy_source(const char *from, char to[S3_URL_MAX]);
/* An act: the folder goes to job->path. */
smbkit_status s3_move_folder(struct s3_job *job);
void s3_move_free(struct s3_move *m);
