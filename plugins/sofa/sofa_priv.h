/* SPDX-License-Identifier: Apache-2.0 */
/* sofa: CouchDB as files, on a tree. A node is what an entry of the tree stands for; the entries
 * have sofa_shown as their arg. A job is a callback of the tree that waits for answers, or a folder
 * that is looked at again because the database told of a change. Lock order: sofa, database, node,
 * job. */
#pragma once

#include <pthread.h>

#include <smbkit/tree.h>

#include "sofa_parse.h"
#include "sofa_query.h"
#include "web.h"
#include "web_cache.h"

#define SOFA_ANSWER_MAX (UINT64_C(64) << 20)   /* bytes of one, but for attachments */
#define SOFA_DOCUMENT_MAX (UINT64_C(16) << 20) /* bytes of a document */
#define SOFA_PAGE 1000u                        /* rows that are asked for at once */
#define SOFA_FEEDS_MAX 64u                     /* databases that are followed */
#define SOFA_DATABASES_MAX 10000u
#define SOFA_MADE_MAX 10000u     /* folders of clients in a database */
#define SOFA_LINE_MAX (1u << 20) /* bytes of a line of _changes; a longer one ends the feed */
#define SOFA_HEARTBEAT_MS 10000u
#define SOFA_SETTLE_MS 100u   /* changes that come within this time are looked at together */
#define SOFA_RETRY_MS 1000u   /* before a feed that has ended is begun anew */
#define SOFA_WHOLE UINT64_MAX /* the number of the block that is a whole attachment */

struct sofa;
struct sofa_job;
struct sofa_node;

/* A folder that is filled, and is to be told of changes. */
struct sofa_watched {
    struct sofa_watched *next;
    smbkit_tree_id id;
    struct sofa_node *node;  /* a reference */
    struct sofa_items known; /* what it was filled with, by name */
    bool is_busy;            /* being looked at again */
    bool is_dirty;           /* and once more after that */
};

/* A folder that a client made, or gave a name. */
struct sofa_made {
    smbkit_tree_id folder;  /* that it is in */
    struct sofa_node *node; /* a reference */
};

/* An open file. */
struct sofa_handle {
    struct sofa_handle *next; /* guarded by its database's lock */
    smbkit_tree_id id;
    struct sofa_node *node;    /* a reference */
    char *rev;                 /* as it was opened, or committed through it; NULL: a new document.
                                  Guarded by its node's lock */
    struct web_object *object; /* attachments */
    struct web_block *block;   /* all of it; NULL: read by ranges */
};

/* Lives as long as the volume. */
struct sofa_db {
    struct sofa_db *next; /* immutable, as what follows */
    struct sofa *s;
    char *name;
    char *url;
    pthread_mutex_t lock; /* guards what follows */
    struct sofa_views *views;
    struct sofa_watched *watched;
    struct sofa_handle *handles;
    struct sofa_made *made;
    uint32_t made_count;
    /* The feed. What is_on and the line belong to is the one request that there is. */
    char *seq;   /* where it goes on; NULL: it is begun by who fills the database's folder next */
    bool is_on;  /* what is asked for from now on, its changes will be told */
    bool is_due; /* there are changes to look at */
    bool has_views;   /* of a design document too */
    uint64_t changes; /* that were told */
    uint64_t begin_ms;
    char *line; /* the driver's: it may come in pieces */
    size_t line_len;
};

struct sofa_node {
    uint32_t refs; /* atomic */
    /* immutable after it is shown */
    enum sofa_kind kind;
    struct sofa_db *db; /* NULL: SOFA_SERVER */
    char *id;
    char *detail; /* an attachment's name */
    char *url;    /* of a file */
    char *keys;   /* folders: the view whose keys are names in it; or NULL */

    pthread_mutex_t lock; /* guards what follows */
    char *name;           /* SOFA_VIEW: what it asks for, unless key is set */
    char *key;            /* SOFA_VIEW: as JSON, of the view keys */
    char *tag;            /* the revision, an attachment's digest; NULL: none yet */
};
struct sofa_node *sofa_node_new(enum sofa_kind kind, struct sofa_db *db); /* NULL: no memory */
struct sofa_node *sofa_node_ref(struct sofa_node *n);
void sofa_node_unref(struct sofa_node *n); /* or NULL */
/* A folder's name becomes its query. False: no memory. */
bool sofa_node_rename(struct sofa_node *n, const char *name);
char *sofa_node_tag(struct sofa_node *n); /* a copy, or NULL */
void sofa_node_set_tag(struct sofa_node *n, const char *tag);

struct sofa {
    struct smbkit_tree *tree;
    struct web *web;
    struct web *feeds; /* a client of its own: feeds take nobody's place */
    struct web_cache *cache;
    struct smbkit_timer *timer; /* of what is due with feeds and changes */
    /* immutable after volume_open */
    char *name;
    char *url; /* with a slash at its end */
    char *name_field;
    char *path_field;
    char *files; /* the real path of the folder on disk, or NULL */
    uint64_t rows_max;
    uint64_t whole_max;
    char *login; /* the form for _session, or NULL */
    struct sofa_node *root;

    pthread_mutex_t lock; /* guards what follows */
    struct sofa_db *dbs;
    uint32_t db_count;
    char *cookie; /* "Cookie: AuthSession=..." */
    bool is_logging_in;
    struct sofa_job *waiting; /* for the log-in */
    struct sofa_job *idle;    /* jobs are used again, and freed with the volume: who cancels may */
    struct sofa_job *idle_last; /* hold one that has just ended */
    uint32_t idle_count;
    uint32_t feed_count;
    uint64_t due_ms; /* of the timer; 0: it is not set */
    bool is_over;
};
/* The database of that name; NULL: no memory, or too many. */
struct sofa_db *sofa_db_get(struct sofa *s, const char *name);

/* The arg of an entry: a reference to its node. */
struct sofa_shown {
    struct sofa_node *node;
};
static inline struct sofa_node *sofa_shown_of(const void *arg)
{
    return ((const struct sofa_shown *)arg)->node;
}
struct sofa_shown *sofa_shown_new(struct sofa_node *n); /* NULL: no memory */
void sofa_shown_free(void *shown);

/* ---- jobs ---- */

struct sofa_job {
    struct sofa_job *next;
    struct sofa *s;
    pthread_mutex_t lock; /* guards the two below */
    uint64_t ask_id;
    bool is_cancelled;
    /* of whose turn it is */
    struct smbkit_tree_call *call;                        /* NULL: nobody waits */
    smbkit_tree_id id;                                    /* of the entry */
    struct sofa_node *node;                               /* a reference */
    void (*over)(struct sofa_job *job, smbkit_status st); /* before it is; or NULL */
    /* what is asked */
    enum web_method method;
    char *url;
    char *body;
    size_t body_len;
    bool has_logged_in; /* for this request */
    void (*answered)(struct sofa_job *job, struct web_answer *a);
    void (*work)(struct sofa_job *job);
    /* what was answered */
    uint8_t *text;
    size_t text_len;
    /* fill */
    struct sofa_items items;
    struct sofa_views *views; /* a reference, as long as query is used */
    struct sofa_query query;
    uint64_t rows;
    char *seq;
    bool is_live;     /* changes since it was begun will be told, or were: */
    uint64_t changes; /* how many there had been */
    /* files */
    bool is_second; /* a range that is asked for again */
    struct smbkit_tree_create *create;
    struct smbkit_tree_load *load;
    void **handle_r;
    struct sofa_handle *handle;
    struct smbkit_io *io;
    uint32_t io_length;
    struct web_object *object;
    struct web_block *block;
};
/* A call that will be answered by sofa_job_end(); or c NULL: the entry id is looked at again. NULL:
 * no memory. */
struct sofa_job *sofa_job_new(struct sofa *s, struct smbkit_tree_call *c, smbkit_tree_id id,
                              struct sofa_node *n);
void sofa_job_end(struct sofa_job *job, smbkit_status st);
/* Asks; job->answered() is told what came of it, unless that was for want of a log-in. Takes url
 * (NULL: no memory), and body as job->body; the job ends when it cannot be asked. */
void sofa_job_ask(struct sofa_job *job, enum web_method method, char *url,
                  void (*answered)(struct sofa_job *job, struct web_answer *a));
/* Gets url (taken over), and has work look at job->text on a worker; a failure ends the job. */
void sofa_job_get(struct sofa_job *job, char *url, void (*work)(struct sofa_job *job));
void sofa_job_work(struct sofa_job *job, void (*work)(struct sofa_job *job));
/* "Cookie: ..." to send, malloc'd, or NULL. */
char *sofa_cookie_get(struct sofa *s);
/* The log-in is asked for unless it is under way, and job, or nobody, goes on after it. */
void sofa_login(struct sofa *s, struct sofa_job *job);
/* a followed by b, and so on: malloc'd; NULL: no memory, or one of them is NULL. The last is "". */
char *sofa_text(const char *a, const char *b, const char *c, const char *d);

/* ---- folders, files, changes ---- */

extern const struct smbkit_tree_folder sofa_folder;       /* read only */
extern const struct smbkit_tree_folder sofa_query_folder; /* clients make queries in it */
extern const struct smbkit_tree_folder sofa_documents_folder;
extern const struct smbkit_tree_file sofa_document_file;
extern const struct smbkit_tree_file sofa_attachment_file;

/* The folder is asked for, for job->call or because it changed. */
void sofa_fill(struct sofa_job *job);
/* What job->items says becomes what its folder shows; old, what it showed before. */
smbkit_status sofa_show(struct sofa_job *job, const struct sofa_items *old);
/* Folders that clients made in the folder, or gave a name there; each stands once. */
smbkit_status sofa_made_add(struct sofa_db *db, smbkit_tree_id folder, struct sofa_node *n);
void sofa_made_remove(struct sofa_db *db, struct sofa_node *n);
smbkit_status sofa_made_show(struct sofa_job *job);
char *sofa_document_url(const struct sofa_db *db, const char *id);

void sofa_handle_add(struct sofa_handle *h, const struct smbkit_tree_call *c);
void sofa_handle_remove(struct sofa_handle *h);

/* The feed goes on from seq (taken over), unless it does already. */
void sofa_feed_begin(struct sofa_db *db, char *seq);
/* job->items, which it takes, are what the folder shows: it will be told of changes. */
void sofa_watch(struct sofa_job *job);
/* What the folder of the job showed, to be freed. */
struct sofa_items sofa_watch_known(struct sofa_job *job);
void sofa_timer_due(void *arg);
void sofa_timer_need(struct sofa *s, uint64_t ms);
void sofa_db_free(struct sofa_db *db);
