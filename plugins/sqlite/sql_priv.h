/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite: an SQLite database as files, on smbkit-tree(3). sql_db.c has connections and runs SQL
 * within bounds, sql_out.c writes CSV and JSON, sql_json.c reads JSON, sql_key.c turns keys into
 * names and back, sql_slow.c has functions of SQL that end in time, sql_row.c has rows, sql_query.c
 * saved queries, sql_text.c and sql_names.c files that clients write, sql_tree.c the folders,
 * sql_watch.c looks for changes, sqlite.c is the volume.
 *
 * Lock order: text->saving, text->lock, volume->lock. No SQL is run under the last two. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <sys/types.h>

#include <smbkit/tree.h>

#define SQL_KEY_COLUMNS_MAX 16  /* of a primary key; tables with more have no folder of rows */
#define SQL_COLUMNS_MAX 2000    /* of a table: what SQLite itself allows */
#define SQL_PATH_MAX 4096       /* bytes of a path in the share */
#define SQL_NAME_MAX 1024       /* bytes of a key or query as a name */
#define SQL_IDLE_MAX 8          /* connections kept */
#define SQL_BYTES_MAX 65536     /* of one statement */
#define SQL_VALUE_MAX (4 << 20) /* bytes of a value in a saved query */
#define SQL_PATTERN_MAX 256     /* bytes of a pattern of LIKE or GLOB */
#define SQL_QUOTE_MAX 400       /* bytes of what goes to the log, quoted */

struct sql_text;

/* A connection that nobody uses. */
struct sql_idle {
    sqlite3 *db;
    dev_t dev; /* of the file that it has open */
    ino_t ino;
};

struct sql_volume {
    /* immutable after the volume is open */
    struct smbkit_tree *tree;
    char *path;
    char *queries; /* folder of the host, or NULL */
    uint64_t size_max;
    uint64_t time_ms;
    uint64_t busy_ms;
    uint64_t rows_max;
    int is_read_only;
    smbkit_tree_id tables;
    smbkit_tree_id saved; /* NONE: no queries */
    smbkit_tree_id rows;
    smbkit_tree_id schema;
    pthread_t watcher;
    int has_watcher;
    int is_stopping;     /* atomic: SQL that runs ends soon */
    int has_told_hidden; /* atomic: of rows that have no name */
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    /* guarded by lock */
    struct sql_text *texts; /* those that are open, and drafts */
    uint32_t draft_count;
    uint32_t idle_count;
    uint64_t text_bytes;
    struct sql_idle idle[SQL_IDLE_MAX];
};

/* ---- sql_db.c ---- */

/* A connection in use, for one call of a callback; it keeps its address. */
struct sql_db {
    sqlite3 *db;
    struct sql_volume *v;
    struct smbkit_tree_call *call; /* NULL: nobody who could go away */
    uint64_t until_ms;             /* when SQL is ended */
    uint64_t busy_until_ms;        /* when a lock of another process is no longer waited for */
    int is_writing;
    dev_t dev;
    ino_t ino;
};

enum sql_use {
    SQL_READ,   /* what SQL of the plugin reads, and views */
    SQL_QUERY,  /* what a saved query reads, which is a client's */
    SQL_GLANCE, /* likewise, but a lock is not waited for and no failure is logged */
    SQL_WRITE,  /* changes: each is on the disk when COMMIT has succeeded */
};
/* Errors are logged. Thread: not an event loop. */
smbkit_status sql_db_open(struct sql_db *d, struct sql_volume *v, struct smbkit_tree_call *call,
                          enum sql_use use);
void sql_db_close(struct sql_db *d);
/* Has its time passed, or does nobody wait for it? */
int sql_db_is_over(const struct sql_db *d);
/* Closes what is kept. */
void sql_db_close_idle(struct sql_volume *v);
/* What sqlite3 said last, as a status; logged with what was being done. */
smbkit_status sql_db_error(struct sql_db *d, const char *what);
/* sql is one statement that only reads: a saved query, which is a client's. */
smbkit_status sql_db_prepare(struct sql_db *d, const char *sql, sqlite3_stmt **stmt_r);
/* The plugin's own, and frees it; NULL: no memory. */
smbkit_status sql_db_prepare_own(struct sql_db *d, char *sql, sqlite3_stmt **stmt_r);
/* Statements without results. */
smbkit_status sql_db_run(struct sql_db *d, const char *sql);
/* Calls fn for each row of stmt until it fails. */
smbkit_status sql_db_each(struct sql_db *d, sqlite3_stmt *stmt,
                          smbkit_status (*fn)(void *arg, sqlite3_stmt *row), void *arg);
/* A line in the log: what was wrong with which file of the share. */
void sql_log(const struct sql_volume *v, const char *what, const char *error);
/* When the database was changed last: FILETIME, 0 if it is not there. */
uint64_t sql_db_time(const struct sql_volume *v);

/* ---- sql_slow.c ---- */

/* Functions of SQL that ask sql_db_is_over(), as long as d is open. A code of SQLite. */
int sql_slow_add(struct sql_db *d);

/* ---- sql_out.c ---- */

/* Text that grows, beyond SQL_SPILL bytes in a file without a name. More than max bytes make
 * status INSUFFICIENT_RESOURCES. */
struct sql_out {
    char *data;
    size_t len; /* of data; before it come what was spilled */
    size_t cap;
    uint64_t spilled;
    uint64_t max;
    int is_counting; /* bytes are counted alone, as if spilled */
    int is_whole;    /* all is in memory */
    int fd;          /* of the file + 1; 0: none */
    smbkit_status status;
};
void sql_out_put(struct sql_out *o, const void *data, size_t len);
void sql_out_text(struct sql_out *o, const char *text);
void sql_out_fini(struct sql_out *o);
/* All of it as the content of a file; o is finished. */
smbkit_status sql_out_give(struct sql_out *o, struct smbkit_tree_load *load);
/* All rows of stmt: CSV of RFC 4180 with a header, or an array of objects. */
smbkit_status sql_out_csv(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o);
smbkit_status sql_out_json(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o);
/* The row that stmt is at, from the column first on, as an object of a line for each column. */
void sql_out_row(struct sql_out *o, sqlite3_stmt *row, int first);

/* ---- sql_json.c ---- */

enum sql_kind { SQL_NULL, SQL_INTEGER, SQL_REAL, SQL_STRING };

/* A member of an object: its name, its value. Text is terminated, but may hold zero bytes. */
struct sql_member {
    char *name;
    char *text; /* of SQL_STRING */
    size_t len;
    enum sql_kind kind;
    int64_t integer;
    double real;
};
struct sql_members {
    struct sql_member *list;
    uint32_t count;
};
/* One JSON object (RFC 8259) of null, true, false (1, 0), numbers and strings. What is wrong with
 * it, or NULL; out is to be finished in any case. */
const char *sql_json_parse(const char *text, size_t len, struct sql_members *out);
void sql_members_fini(struct sql_members *m);
/* The bytes of a text in base64 (RFC 4648, 4.), in its place; 0: it is none. */
int sql_base64_decode(char *text, size_t *len);

/* ---- sql_key.c ---- */

struct sql_key {
    uint32_t count; /* 0: the table has no primary key that names could be made of */
    uint32_t reserved;
    char *columns[SQL_KEY_COLUMNS_MAX];
};
smbkit_status sql_key_load(struct sql_db *d, const char *table, struct sql_key *k);
void sql_key_fini(struct sql_key *k);
/* The first 2 * count columns of row, as sql_key_columns() asks for them, as a name. is_other:
 * another spelling of the same, for names that differ in the case of letters only. 0: there is
 * none, as a column is NULL or the name too long. */
int sql_key_format(char name[SQL_NAME_MAX], sqlite3_stmt *row, uint32_t count, int is_other);
/* Is that the name of the row, in either spelling? */
int sql_key_is(const char *name, sqlite3_stmt *row, uint32_t count);
/* The other way: count values bound to parameters first and so on. 0: it is no such name. */
int sql_key_bind(sqlite3_stmt *stmt, uint32_t first, const char *name, uint32_t count);
/* SQL that goes on sql, which is freed; sqlite3_free(), NULL: no memory. What sql_key_format()
 * reads, and "k = ?1 AND ...". */
char *sql_key_columns(char *sql, const struct sql_key *k);
char *sql_key_where(char *sql, const struct sql_key *k);

/* ---- sql_row.c, sql_query.c ---- */

/* Where a text comes from and goes to. Paths are those of the share, as the store has them. */
struct sql_store {
    /* May a file of that path be made? OBJECT_NAME_COLLISION: it is there. */
    smbkit_status (*check)(struct sql_volume *v, struct smbkit_tree_call *c, const char *path);
    /* use: SQL_READ, or SQL_GLANCE. */
    smbkit_status (*load)(struct sql_volume *v, struct smbkit_tree_call *c, const char *path,
                          enum sql_use use, struct sql_out *o);
    /* is_new: there must be none yet, else there must be one. */
    smbkit_status (*save)(struct sql_volume *v, const char *path, int is_new, const char *text,
                          size_t len);
    smbkit_status (*remove)(struct sql_volume *v, const char *path);
    /* replaces: what is called so goes. */
    smbkit_status (*move)(struct sql_volume *v, const char *from, const char *to, int replaces);
};
extern const struct sql_store sql_rows;
extern const struct sql_store sql_queries;

/* Is there a row of that path, spelled so? OBJECT_NAME_NOT_FOUND. */
smbkit_status sql_row_find(struct sql_volume *v, struct smbkit_tree_call *c, const char *path);
/* "rows/TABLE/KEY.json" taken apart in place; 0: it is not. */
int sql_row_path(char *path, char **table_r, char **key_r);
/* The SQL of a saved query, malloc'd, terminated. */
smbkit_status sql_query_read(struct sql_volume *v, const char *name, char **sql_r);

/* ---- sql_text.c, sql_names.c ---- */

extern const struct smbkit_tree_file sql_text_file;
extern const struct smbkit_tree_file sql_fixed_file; /* that is only read */
/* Callbacks of a folder with such files. */
smbkit_status sql_text_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how);
smbkit_status sql_text_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how);
smbkit_status sql_text_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg);
/* For a fill: adds again what is no row yet, and what clients have open and is still there. */
smbkit_status sql_text_add_again(struct smbkit_tree_call *c);
smbkit_status sql_text_add(struct smbkit_tree_call *c, const char *name);
/* Adds to the folder of the call. An entry that is there in other letters keeps its name, by which
 * it leads to what it did: OBJECT_NAME_COLLISION. */
smbkit_status sql_add(struct smbkit_tree_call *c, const struct smbkit_tree_entry *e);
/* The database is another: what is open and not as it was is told. */
void sql_texts_changed(struct sql_volume *v);
/* Drops drafts, when all is closed. */
void sql_texts_fini(struct sql_volume *v);

/* ---- sql_tree.c, sql_watch.c ---- */

smbkit_status sql_tree_fill(struct sql_volume *v);
smbkit_status sql_watch_start(struct sql_volume *v);
void sql_watch_stop(struct sql_volume *v);
