/* SPDX-License-Identifier: Apache-2.0 */
/* Changes by whoever: a connection of its own asks for data_version, which is another when any
 * other connection has changed the database. The file of that name may become another, too. */
#include "sql_priv.h"

#include <sys/stat.h>
#include <time.h>

#include "quiet_thread.h"

#define WATCH_MS 300

/* What was seen last. */
struct seen {
    struct sql_volume *v;
    sqlite3 *db; /* NULL: it is not there, or cannot be opened now */
    dev_t dev;
    ino_t ino;
    int64_t version; /* 0: not known */
    struct timespec queries;
};

static int32_t tell_file(void *arg, const struct smbkit_tree_info *info)
{
    struct sql_volume *v = arg;
    if (info->opens || (info->flags & SMBKIT_TREE_IS_FOLDER)) {
        smbkit_tree_changed(v->tree, info->id);
    }
    return !__atomic_load_n(&v->is_stopping, __ATOMIC_RELAXED);
}

/* Files that are open, and folders; of rows only those that are others are told. */
static void tell(struct sql_volume *v)
{
    const smbkit_tree_id folders[] = {v->tables, v->rows, v->saved};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (folders[i]) {
            smbkit_tree_list(v->tree, folders[i], tell_file, v);
            smbkit_tree_changed(v->tree, folders[i]);
        }
    }
    smbkit_tree_changed(v->tree, v->schema);
    sql_texts_changed(v);
}

/* 0: it cannot be told now. */
static int64_t version(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t n = 0;
    if (db && sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        n = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return n;
}

/* The file of that name, if it is another: is it? */
static int look_at_file(struct seen *s)
{
    struct stat st = {0};
    int is_there = stat(s->v->path, &st) == 0 && S_ISREG(st.st_mode);
    if (is_there && s->db && st.st_dev == s->dev && st.st_ino == s->ino) {
        return 0;
    }
    int was_there = s->db != NULL;
    sqlite3_close_v2(s->db);
    s->db = NULL;
    s->version = 0;
    if (is_there && sqlite3_open_v2(s->v->path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                                    NULL) != SQLITE_OK) {
        sqlite3_close_v2(s->db);
        s->db = NULL;
    }
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return was_there || s->db;
}

/* Is anything another than at the last turn? */
static int look(struct seen *s)
{
    int is_other = look_at_file(s);
    int64_t now = version(s->db);
    is_other |= now && now != s->version;
    s->version = now ? now : s->version;
    return is_other;
}

/* Names come and go in the folder of queries. */
static int look_at_queries(struct seen *s)
{
    struct stat st;
    if (!s->v->queries || stat(s->v->queries, &st) != 0) {
        return 0;
    }
    int is_other =
        st.st_mtim.tv_sec != s->queries.tv_sec || st.st_mtim.tv_nsec != s->queries.tv_nsec;
    s->queries = st.st_mtim;
    return is_other;
}

/* Until the volume stops. */
static int wait_turn(struct sql_volume *v)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WATCH_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&v->lock);
    if (!__atomic_load_n(&v->is_stopping, __ATOMIC_RELAXED)) {
        pthread_cond_timedwait(&v->stopped, &v->lock, &until);
    }
    pthread_mutex_unlock(&v->lock);
    return !__atomic_load_n(&v->is_stopping, __ATOMIC_RELAXED);
}

static void *watch(void *arg)
{
    struct seen s = {.v = arg};
    look(&s);
    look_at_queries(&s);
    while (wait_turn(s.v)) {
        if (look(&s)) {
            tell(s.v);
        }
        if (look_at_queries(&s)) {
            smbkit_tree_changed(s.v->tree, s.v->saved);
        }
    }
    sqlite3_close_v2(s.db);
    return NULL;
}

smbkit_status sql_watch_start(struct sql_volume *v)
{
    v->has_watcher = quiet_thread_start(&v->watcher, watch, v) == 0;
    return v->has_watcher ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

void sql_watch_stop(struct sql_volume *v)
{
    pthread_mutex_lock(&v->lock);
    __atomic_store_n(&v->is_stopping, 1, __ATOMIC_RELAXED);
    pthread_cond_signal(&v->stopped);
    pthread_mutex_unlock(&v->lock);
    if (v->has_watcher) {
        pthread_join(v->watcher, NULL);
        v->has_watcher = 0;
    }
}
