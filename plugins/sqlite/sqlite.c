/* SPDX-License-Identifier: Apache-2.0 */
/* An SQLite database as a share: smbkit-sqlite-plugin(1). */
#include "sql_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAP_MAX ((sqlite3_int64)1 << 30) /* bytes that SQLite may take in this process */

struct words {
    const char *file;
    const char *queries;
    uint64_t size;
    uint64_t time_ms;
    uint64_t busy_ms;
    uint64_t rows;
    uint32_t is_read_only;
};
static const struct smbkit_param params[] = {
    {.key = "file",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, file),
     .min = 1,
     .max = 4096,
     .flags = SMBKIT_PARAM_REQUIRED},
    {.key = "queries",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, queries),
     .min = 1,
     .max = 4096},
    {.key = "size",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct words, size),
     .min = 4096,
     .max = SMBKIT_TREE_FILE_MAX},
    {.key = "time",
     .kind = SMBKIT_PARAM_MS,
     .offset = offsetof(struct words, time_ms),
     .min = 10,
     .max = 3600000},
    {.key = "busy",
     .kind = SMBKIT_PARAM_MS,
     .offset = offsetof(struct words, busy_ms),
     .min = 1,
     .max = 600000},
    {.key = "readonly", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, is_read_only)},
    {.key = "rows",
     .kind = SMBKIT_PARAM_NUMBER,
     .offset = offsetof(struct words, rows),
     .min = 1,
     .max = 1000000},
    {.key = NULL}};

static void sqlite_stop(void *arg)
{
    sql_watch_stop(arg);
}

static void sqlite_release(void *arg)
{
    struct sql_volume *v = arg;
    sql_texts_fini(v);
    sql_db_close_idle(v);
    pthread_cond_destroy(&v->stopped);
    pthread_mutex_destroy(&v->lock);
    free(v->path);
    free(v->queries);
    free(v);
}

static struct sql_volume *volume_new(const struct words *w)
{
    struct sql_volume *v = calloc(1, sizeof(*v));
    pthread_condattr_t attr;
    if (!v) {
        return NULL;
    }
    v->size_max = w->size;
    v->time_ms = w->time_ms;
    v->busy_ms = w->busy_ms;
    v->rows_max = w->rows;
    v->is_read_only = (int)w->is_read_only;
    pthread_mutex_init(&v->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&v->stopped, &attr);
    pthread_condattr_destroy(&attr);
    return v;
}

/* Is it a database, or locked by one who knows? One that cannot be written to is read only. */
static smbkit_status try_database(struct sql_volume *v, struct smbkit_volume_args *args)
{
    struct sql_db d;
    smbkit_status status = sql_db_open(&d, v, NULL, SQL_READ);
    if (!SMBKIT_OK(status)) {
        snprintf(args->error, args->error_size, "%s cannot be opened", v->path);
        return status;
    }
    int code = sqlite3_exec(d.db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
        snprintf(args->error, args->error_size, "%s: %s", v->path, sqlite3_errmsg(d.db));
        status = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (sqlite3_db_readonly(d.db, "main") == 1 && !v->is_read_only) {
        sql_log(v, "open", "it cannot be written to, and is served read only");
        v->is_read_only = 1;
    }
    sql_db_close(&d);
    return status;
}

/* As an absolute path, since the server may change its folder; links are followed each time. */
static char *absolute(const char *path)
{
    char *here = *path == '/' ? NULL : getcwd(NULL, 0);
    char *whole = NULL;
    if (*path != '/' && (!here || asprintf(&whole, "%s/%s", here, path) < 0)) {
        whole = NULL;
    } else if (*path == '/') {
        whole = strdup(path);
    }
    free(here);
    return whole;
}

static smbkit_status check_kind(const char *path, mode_t kind, const char *want,
                                struct smbkit_volume_args *args)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind) {
        return SMBKIT_STATUS_SUCCESS;
    }
    snprintf(args->error, args->error_size, "%s: %s", path, errno ? strerror(errno) : want);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status begin(struct sql_volume *v, const struct words *w,
                           struct smbkit_volume_args *args)
{
    v->path = absolute(w->file);
    v->queries = w->queries ? absolute(w->queries) : NULL;
    if (!v->path || (w->queries && !v->queries)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (strlen(v->path) >= SQL_PATH_MAX || (w->queries && strlen(v->queries) >= SQL_PATH_MAX)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    errno = 0;
    smbkit_status status = check_kind(v->path, S_IFREG, "not a file", args);
    if (SMBKIT_OK(status) && v->queries) {
        status = check_kind(v->queries, S_IFDIR, "not a folder", args);
    }
    return SMBKIT_OK(status) ? try_database(v, args) : status;
}

/* The tree of a volume that was begun; which goes if it cannot be. */
static smbkit_status open_tree(struct sql_volume *v, struct smbkit_volume_args *args,
                               void **volume_r)
{
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = v->is_read_only ? SMBKIT_TREE_READ_ONLY : 0;
    spec.arg = v;
    spec.stop = sqlite_stop;
    spec.release = sqlite_release;
    smbkit_status status = smbkit_tree_open(args, &spec, volume_r);
    if (!SMBKIT_OK(status)) {
        return status; /* v was released */
    }
    v->tree = *volume_r;
    status = sql_tree_fill(v);
    status = SMBKIT_OK(status) ? sql_watch_start(v) : status;
    if (!SMBKIT_OK(status)) {
        snprintf(args->error, args->error_size, "the tree cannot be made: %s",
                 smbkit_status_name(status));
        smbkit_tree_op_volume_close(*volume_r);
    }
    return status;
}

static smbkit_status sqlite_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.size = 256u << 20, .time_ms = 10000, .busy_ms = 5000, .rows = 10000};
    smbkit_status status = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct sql_volume *v = volume_new(&w);
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (sqlite3_hard_heap_limit64(-1) == 0) {
        sqlite3_hard_heap_limit64(HEAP_MAX);
    }
    status = begin(v, &w, args);
    if (!SMBKIT_OK(status)) {
        sqlite_release(v);
        return status;
    }
    return open_tree(v, args, volume_r);
}

SMBKIT_TREE_PLUGIN(sqlite, "sqlite", "an SQLite database: tables, queries and rows as files",
                   sqlite_volume_open,
                   "file=PATH       the database\n"
                   "queries=FOLDER  of the host, with saved queries as NAME.sql; none\n"
                   "readonly=yes|no clients change nothing; no\n"
                   "busy=TIME       how long a lock of another process is waited for; 5s\n"
                   "time=TIME       how long SQL may take; 10s\n"
                   "size=SIZE       the largest file; 256M\n"
                   "rows=N          how many rows of a table are listed; 10000\n")
