/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to a database that nobody vouches for, and SQL that ends in time. */
#include "sql_priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define STEPS_BETWEEN 1000 /* instructions of SQLite's machine between looks at the clock */
#define BUSY_TURN_MS 10    /* between attempts to get a lock */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int is_given_up(const struct sql_db *d)
{
    struct smbkit_tree_call *c = d->call;
    return __atomic_load_n(&d->v->is_stopping, __ATOMIC_RELAXED) ||
           (c && (c->op ? smbkit_op_is_cancelled(c->op) : !smbkit_tree_is_wanted(c)));
}

int sql_db_is_over(const struct sql_db *d)
{
    return is_given_up(d) || now_ms() >= d->until_ms;
}

/* Called by SQLite while it works: not 0 ends it. */
static int is_over(void *arg)
{
    return sql_db_is_over(arg);
}

/* Called by SQLite when another has a lock: 0 gives up. What is waited does not count as work. */
static int wait_for_lock(void *arg, int count)
{
    struct sql_db *d = arg;
    const struct timespec turn = {.tv_nsec = BUSY_TURN_MS * 1000000L};
    (void)count;
    if (is_given_up(d) || now_ms() >= d->busy_until_ms) {
        return 0;
    }
    nanosleep(&turn, NULL);
    d->until_ms += BUSY_TURN_MS;
    return 1;
}

/* What SQL that only reads may do. The pragmas are those that the plugin and full text search ask;
 * a function that is a pragma's has an update of the schema authorized as it is declared.
 * fts3_tokenizer() tells where in memory something is. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    static const char *const pragmas[] = {"table_info", "table_xinfo", "data_version", "page_size"};
    int is_allowed = action == SQLITE_SELECT || action == SQLITE_READ ||
                     (action == SQLITE_FUNCTION && b && strcasecmp(b, "fts3_tokenizer") != 0) ||
                     action == SQLITE_RECURSIVE ||
                     (action == SQLITE_UPDATE && a && strcmp(a, "sqlite_master") == 0);
    for (size_t i = 0; action == SQLITE_PRAGMA && i < sizeof(pragmas) / sizeof(*pragmas); i++) {
        is_allowed |= a && strcmp(a, pragmas[i]) == 0;
    }
    return is_allowed ? SQLITE_OK : SQLITE_DENY;
}

/* For good. Sorting and the like is done in memory, which sqlite.c bounds, so that no query fills
 * a disk. */
static void restrict_db(sqlite3 *db, const struct sql_volume *v, int is_writing)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 4 * SQL_BYTES_MAX); /* of a row's columns, too */
    sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SQL_PATTERN_MAX);
    sqlite3_exec(db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
    if (is_writing) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    } else {
        sqlite3_exec(db, "PRAGMA query_only=ON", NULL, NULL, NULL);
        sqlite3_set_authorizer(db, authorize, NULL);
    }
}

void sql_log(const struct sql_volume *v, const char *what, const char *error)
{
    char file[SQL_QUOTE_MAX];
    char name[SQL_QUOTE_MAX];
    char text[SQL_QUOTE_MAX];
    smbkit_log(1, "sqlite file=%s what=%s error=%s", smbkit_quote(v->path, file, sizeof(file)),
               smbkit_quote(what, name, sizeof(name)), smbkit_quote(error, text, sizeof(text)));
}

static smbkit_status status_of(int code)
{
    static const struct {
        int code;
        smbkit_status status;
    } table[] = {
        {SQLITE_CONSTRAINT_UNIQUE, SMBKIT_STATUS_OBJECT_NAME_COLLISION},
        {SQLITE_CONSTRAINT_PRIMARYKEY, SMBKIT_STATUS_OBJECT_NAME_COLLISION},
        {SQLITE_CONSTRAINT_ROWID, SMBKIT_STATUS_OBJECT_NAME_COLLISION},
        {SQLITE_CONSTRAINT, SMBKIT_STATUS_INVALID_PARAMETER},
        {SQLITE_MISMATCH, SMBKIT_STATUS_INVALID_PARAMETER},
        {SQLITE_BUSY, SMBKIT_STATUS_SHARING_VIOLATION},
        {SQLITE_LOCKED, SMBKIT_STATUS_SHARING_VIOLATION},
        {SQLITE_INTERRUPT, SMBKIT_STATUS_IO_TIMEOUT},
        {SQLITE_NOMEM, SMBKIT_STATUS_INSUFFICIENT_RESOURCES},
        {SQLITE_TOOBIG, SMBKIT_STATUS_INSUFFICIENT_RESOURCES},
        {SQLITE_FULL, SMBKIT_STATUS_DISK_FULL},
        {SQLITE_IOERR, SMBKIT_STATUS_IO_DEVICE_ERROR},
        {SQLITE_READONLY, SMBKIT_STATUS_MEDIA_WRITE_PROTECTED},
        {SQLITE_CANTOPEN, SMBKIT_STATUS_SERVER_UNAVAILABLE},
        {SQLITE_PERM, SMBKIT_STATUS_ACCESS_DENIED},
        {SQLITE_AUTH, SMBKIT_STATUS_ACCESS_DENIED},
    };
    for (int shift = 0; shift < 2; shift++) {
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
            if (table[i].code == (shift ? code & 0xff : code)) {
                return table[i].status;
            }
        }
    }
    return SMBKIT_STATUS_DATA_ERROR; /* CORRUPT, NOTADB, and SQL that fails */
}

smbkit_status sql_db_error(struct sql_db *d, const char *what)
{
    int code = d->db ? sqlite3_extended_errcode(d->db) : SQLITE_NOMEM;
    const char *text = d->db ? sqlite3_errmsg(d->db) : "out of memory";
    if (code == SQLITE_INTERRUPT) {
        text = "stopped: it takes longer than time=, or nobody waits for it";
    } else if ((code & 0xff) == SQLITE_BUSY) {
        text = "the database is locked by another for longer than busy=";
    } else if ((code & 0xff) == SQLITE_NOMEM) {
        text = "it takes more memory than SQLite may use";
    }
    if (d->busy_until_ms) { /* else it was a glance */
        sql_log(d->v, what, text);
    }
    return status_of(code);
}

/* ---- connections ---- */

/* One that is kept; of another file, which was replaced since, none is. */
static sqlite3 *take_idle(struct sql_volume *v, const struct stat *st)
{
    sqlite3 *db = NULL;
    pthread_mutex_lock(&v->lock);
    while (!db && v->idle_count) {
        struct sql_idle *i = &v->idle[--v->idle_count];
        db = i->dev == st->st_dev && i->ino == st->st_ino ? i->db : NULL;
        if (!db) {
            sqlite3_close_v2(i->db);
        }
    }
    pthread_mutex_unlock(&v->lock);
    return db;
}

static smbkit_status open_new(struct sql_db *d)
{
    /* To read also needs to write, where a journal of one that was killed is to be rolled back. */
    int flags = d->v->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(d->v->path, &d->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        smbkit_status status = sql_db_error(d, "open");
        sqlite3_close_v2(d->db);
        d->db = NULL;
        return status;
    }
    restrict_db(d->db, d->v, d->is_writing);
    return SMBKIT_STATUS_SUCCESS;
}

/* Functions take as long as values are long, and are not ended in their midst: those of a query
 * that a client has made get none that is very long. */
static int length_max(const struct sql_volume *v, enum sql_use use)
{
    return use == SQL_QUERY && v->size_max > SQL_VALUE_MAX ? SQL_VALUE_MAX : (int)v->size_max;
}

smbkit_status sql_db_open(struct sql_db *d, struct sql_volume *v, struct smbkit_tree_call *call,
                          enum sql_use use)
{
    struct stat st = {0};
    uint64_t now = now_ms();
    *d = (struct sql_db){.v = v, .call = call, .is_writing = use == SQL_WRITE};
    d->until_ms = now + v->time_ms;
    d->busy_until_ms = use == SQL_GLANCE ? 0 : now + v->busy_ms;
    if (stat(v->path, &st) != 0 || !S_ISREG(st.st_mode)) { /* a pipe would have it wait */
        if (use != SQL_GLANCE) {
            sql_log(v, "open", "the database is not there");
        }
        return SMBKIT_STATUS_SERVER_UNAVAILABLE;
    }
    d->dev = st.st_dev;
    d->ino = st.st_ino;
    d->db = d->is_writing ? NULL : take_idle(v, &st);
    smbkit_status status = d->db ? SMBKIT_STATUS_SUCCESS : open_new(d);
    if (SMBKIT_OK(status)) {
        sqlite3_busy_handler(d->db, wait_for_lock, d);
        sqlite3_progress_handler(d->db, STEPS_BETWEEN, is_over, d);
        sqlite3_limit(d->db, SQLITE_LIMIT_LENGTH, length_max(v, use));
        status = d->is_writing || sql_slow_add(d) == SQLITE_OK ? status : sql_db_error(d, "open");
        /* It reads the database, and may have to wait. */
        status =
            SMBKIT_OK(status) && d->is_writing ? sql_db_run(d, "PRAGMA synchronous=FULL") : status;
    }
    return status;
}

void sql_db_close(struct sql_db *d)
{
    struct sql_volume *v = d->v;
    if (!d->db) {
        return;
    }
    sqlite3_progress_handler(d->db, 0, NULL, NULL);
    sqlite3_busy_handler(d->db, NULL, NULL);
    pthread_mutex_lock(&v->lock);
    if (!d->is_writing && v->idle_count < SQL_IDLE_MAX) {
        v->idle[v->idle_count++] = (struct sql_idle){d->db, d->dev, d->ino};
        d->db = NULL;
    }
    pthread_mutex_unlock(&v->lock);
    sqlite3_close_v2(d->db);
    d->db = NULL;
}

void sql_db_close_idle(struct sql_volume *v)
{
    while (v->idle_count) {
        sqlite3_close_v2(v->idle[--v->idle_count].db);
    }
}

uint64_t sql_db_time(const struct sql_volume *v)
{
    static const char *const ends[] = {"", "-wal"};
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char path[SQL_PATH_MAX + 8];
        struct stat st;
        snprintf(path, sizeof(path), "%s%s", v->path, ends[i]);
        if (stat(path, &st) == 0) {
            uint64_t t = ((uint64_t)st.st_mtim.tv_sec + 11644473600u) * 10000000u +
                         (uint64_t)st.st_mtim.tv_nsec / 100;
            last = t > last ? t : last;
        }
    }
    return last;
}

/* ---- statements ---- */

static int is_blank(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r' || *s == ';') {
        s++;
    }
    return *s == '\0';
}

smbkit_status sql_db_prepare(struct sql_db *d, const char *sql, sqlite3_stmt **stmt_r)
{
    const char *tail = NULL;
    *stmt_r = NULL;
    if (sqlite3_prepare_v2(d->db, sql, -1, stmt_r, &tail) != SQLITE_OK) {
        return sql_db_error(d, sql);
    }
    if (*stmt_r && sqlite3_stmt_readonly(*stmt_r) && sqlite3_column_count(*stmt_r) &&
        !sqlite3_stmt_isexplain(*stmt_r) && is_blank(tail)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    sqlite3_finalize(*stmt_r);
    *stmt_r = NULL;
    sql_log(d->v, sql, "not one SELECT");
    return SMBKIT_STATUS_DATA_ERROR;
}

smbkit_status sql_db_prepare_own(struct sql_db *d, char *sql, sqlite3_stmt **stmt_r)
{
    *stmt_r = NULL;
    smbkit_status status = SMBKIT_STATUS_NO_MEMORY;
    if (sql) {
        status = sqlite3_prepare_v2(d->db, sql, -1, stmt_r, NULL) == SQLITE_OK
                     ? SMBKIT_STATUS_SUCCESS
                     : sql_db_error(d, sql);
    }
    sqlite3_free(sql);
    return status;
}

smbkit_status sql_db_run(struct sql_db *d, const char *sql)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SMBKIT_STATUS_SUCCESS
                                                                   : sql_db_error(d, sql);
}

smbkit_status sql_db_each(struct sql_db *d, sqlite3_stmt *stmt,
                          smbkit_status (*fn)(void *arg, sqlite3_stmt *row), void *arg)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    int code = SQLITE_ROW;
    while (SMBKIT_OK(status) && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = fn(arg, stmt);
    }
    if (SMBKIT_OK(status) && code != SQLITE_DONE) {
        status = sql_db_error(d, sqlite3_sql(stmt));
    }
    return status;
}
