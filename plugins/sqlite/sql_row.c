/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as files: rows/TABLE/KEY.json. A change is one transaction, on the disk when it has
 * succeeded. Names of clients are looked up or bound, never made into SQL but quoted as names. */
#include "sql_priv.h"

#include <stdlib.h>
#include <string.h>

#define SUFFIX ".json"

int sql_row_path(char *path, char **table_r, char **key_r)
{
    static const char begin[] = "rows/";
    size_t len = strlen(path);
    char *last = strrchr(path, '/'); /* a key has none */
    *table_r = path + sizeof(begin) - 1;
    if (strncmp(path, begin, sizeof(begin) - 1) != 0 || last < *table_r ||
        strlen(last + 1) <= sizeof(SUFFIX) - 1 ||
        strcmp(path + len - (sizeof(SUFFIX) - 1), SUFFIX) != 0) {
        return 0;
    }
    *key_r = last + 1;
    *last = '\0';
    path[len - (sizeof(SUFFIX) - 1)] = '\0';
    return strlen(*key_r) < SQL_NAME_MAX;
}

/* A row that a call is about. */
struct where {
    struct sql_db d;
    struct sql_key key;
    char path[SQL_PATH_MAX];
    char *table;
    char *name;
};

static void where_fini(struct where *w)
{
    sql_key_fini(&w->key);
    sql_db_close(&w->d);
}

/* Opens the database; finished in any case. OBJECT_PATH_NOT_FOUND: no such table, or it has no key.
 */
static smbkit_status where_init(struct where *w, struct sql_volume *v, struct smbkit_tree_call *c,
                                const char *path, enum sql_use use)
{
    *w = (struct where){.d = {.v = v}};
    size_t len = strlen(path);
    if (len >= sizeof(w->path)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    memcpy(w->path, path, len + 1);
    if (!sql_row_path(w->path, &w->table, &w->name)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    smbkit_status status = sql_db_open(&w->d, v, c, use);
    status = SMBKIT_OK(status) ? sql_key_load(&w->d, w->table, &w->key) : status;
    return SMBKIT_OK(status) && !w->key.count ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : status;
}

/* The statement for the row; sql goes on with its condition, and is freed. OBJECT_NAME_INVALID: no
 * row can be called so. */
static smbkit_status prepare_where(struct where *w, char *sql, sqlite3_stmt **stmt_r)
{
    smbkit_status status = sql_db_prepare_own(&w->d, sql_key_where(sql, &w->key), stmt_r);
    if (SMBKIT_OK(status) && !sql_key_bind(*stmt_r, 1, w->name, w->key.count)) {
        status = SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    return status;
}

/* In whatever spelling. */
static smbkit_status find(struct where *w, sqlite3_stmt **stmt_r)
{
    char *sql = sql_key_columns(sqlite3_mprintf("SELECT "), &w->key);
    sql = sql ? sqlite3_mprintf("%z, t.* FROM main.\"%w\" AS t WHERE ", sql, w->table) : NULL;
    smbkit_status status = prepare_where(w, sql, stmt_r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int code = sqlite3_step(*stmt_r);
    return code == SQLITE_ROW    ? SMBKIT_STATUS_SUCCESS
           : code == SQLITE_DONE ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND
                                 : sql_db_error(&w->d, w->name);
}

static smbkit_status row_check(struct sql_volume *v, struct smbkit_tree_call *c, const char *path)
{
    struct where w;
    sqlite3_stmt *stmt = NULL;
    smbkit_status status = where_init(&w, v, c, path, SQL_READ);
    status = SMBKIT_OK(status) ? find(&w, &stmt) : status;
    sqlite3_finalize(stmt);
    where_fini(&w);
    return SMBKIT_OK(status)                               ? SMBKIT_STATUS_OBJECT_NAME_COLLISION
           : status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS
                                                           : status;
}

/* The row, if it is spelled so, to o if there is one. */
static smbkit_status row_load(struct sql_volume *v, struct smbkit_tree_call *c, const char *path,
                              enum sql_use use, struct sql_out *o)
{
    struct where w;
    sqlite3_stmt *stmt = NULL;
    smbkit_status status = where_init(&w, v, c, path, use);
    status = SMBKIT_OK(status) ? find(&w, &stmt) : status;
    if (SMBKIT_OK(status) && !sql_key_is(w.name, stmt, w.key.count)) {
        status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (SMBKIT_OK(status) && o) {
        sql_out_row(o, stmt, (int)(2 * w.key.count));
        status = o->status;
    }
    sqlite3_finalize(stmt);
    where_fini(&w);
    int is_none = status == SMBKIT_STATUS_OBJECT_NAME_INVALID ||
                  status == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    return is_none ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : status;
}

smbkit_status sql_row_find(struct sql_volume *v, struct smbkit_tree_call *c, const char *path)
{
    return row_load(v, c, path, SQL_READ, NULL);
}

/* ---- changes ---- */

/* OR ABORT, whatever the table says of conflicts: by REPLACE another row would go. */

/* Runs a statement that changes one row, whose name must be that of w then. NOT_FOUND: it changed
 * none. */
static smbkit_status run_one(struct where *w, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        return sql_db_error(&w->d, w->name);
    }
    if (sqlite3_changes(w->d.db) == 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    sqlite3_stmt *row = NULL;
    smbkit_status status = find(w, &row);
    int is_other = status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ||
                   (SMBKIT_OK(status) && !sql_key_is(w->name, row, w->key.count));
    sqlite3_finalize(row);
    if (is_other) {
        sql_log(w->d.v, w->name, "the row would have a key that is not what its file is called");
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    return status;
}

static smbkit_status begin(struct where *w)
{
    return sql_db_run(&w->d, "BEGIN IMMEDIATE");
}

/* Commits what succeeded, else takes it back. */
static smbkit_status end(struct where *w, smbkit_status status)
{
    status = SMBKIT_OK(status) ? sql_db_run(&w->d, "COMMIT") : status;
    if (!SMBKIT_OK(status) && !sqlite3_get_autocommit(w->d.db)) {
        sqlite3_exec(w->d.db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

static smbkit_status delete_row(struct where *w)
{
    sqlite3_stmt *stmt = NULL;
    smbkit_status status =
        prepare_where(w, sqlite3_mprintf("DELETE FROM main.\"%w\" WHERE ", w->table), &stmt);
    if (SMBKIT_OK(status) && sqlite3_step(stmt) != SQLITE_DONE) {
        status = sql_db_error(&w->d, w->name);
        status = status == SMBKIT_STATUS_INVALID_PARAMETER ? SMBKIT_STATUS_CANNOT_DELETE : status;
    }
    sqlite3_finalize(stmt);
    return status;
}

/* Is it still there? A trigger may keep it. */
static smbkit_status check_gone(struct where *w)
{
    sqlite3_stmt *stmt = NULL;
    smbkit_status status = find(w, &stmt);
    sqlite3_finalize(stmt);
    if (SMBKIT_OK(status)) {
        sql_log(w->d.v, w->name, "a trigger does not let it be deleted");
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : status;
}

static smbkit_status row_remove(struct sql_volume *v, const char *path)
{
    struct where w;
    smbkit_status status = where_init(&w, v, NULL, path, SQL_WRITE);
    status = SMBKIT_OK(status) ? begin(&w) : status;
    if (SMBKIT_OK(status)) {
        status = delete_row(&w);
        status = SMBKIT_OK(status) ? check_gone(&w) : status;
        status = end(&w, status);
    }
    where_fini(&w);
    return status;
}

/* w is what the row will be called, from what it is. */
static smbkit_status move_row(struct where *w, const char *from)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("UPDATE OR ABORT main.\"%w\" SET ", w->table);
    for (uint32_t i = 0; i < w->key.count && sql; i++) {
        sql = sqlite3_mprintf("%z%s\"%w\" = ?%u", sql, i ? ", " : "", w->key.columns[i],
                              w->key.count + i + 1);
    }
    sql = sql ? sqlite3_mprintf("%z WHERE ", sql) : NULL;
    smbkit_status status = sql_db_prepare_own(&w->d, sql_key_where(sql, &w->key), &stmt);
    if (SMBKIT_OK(status) && !(sql_key_bind(stmt, 1, from, w->key.count) &&
                               sql_key_bind(stmt, w->key.count + 1, w->name, w->key.count))) {
        status = SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    status = SMBKIT_OK(status) ? run_one(w, stmt) : status;
    sqlite3_finalize(stmt);
    return status;
}

static smbkit_status row_move(struct sql_volume *v, const char *from, const char *to, int replaces)
{
    struct where w;
    char other[SQL_PATH_MAX];
    char *table;
    char *name;
    size_t len = strlen(to);
    smbkit_status status = where_init(&w, v, NULL, from, SQL_WRITE);
    if (SMBKIT_OK(status)) {
        memcpy(other, to, len < sizeof(other) ? len + 1 : 1);
        int fits = len < sizeof(other) && sql_row_path(other, &table, &name);
        status = !fits                         ? SMBKIT_STATUS_OBJECT_NAME_INVALID
                 : strcmp(table, w.table) != 0 ? SMBKIT_STATUS_NOT_SAME_DEVICE
                                               : begin(&w);
    }
    if (SMBKIT_OK(status)) {
        const char *is = w.name;
        w.name = name;
        status = replaces ? delete_row(&w) : status;
        status = SMBKIT_OK(status) ? move_row(&w, is) : status;
        status = end(&w, status);
    }
    where_fini(&w);
    return status;
}

/* ---- a row as it was written ---- */

/* A column and what it is to get. */
struct column {
    char *name;
    int key_at;    /* its place in the key, from 1 on; 0: it is none of it */
    int is_hidden; /* generated: not written */
    const struct sql_member *member;
    enum { AS_IS, AS_BLOB, AS_TEXT } as; /* what base64 stands for */
};

struct saving {
    struct where w;
    struct sql_members members;
    struct column *columns;
    uint32_t count;
    int is_new;
};

static smbkit_status add_column(void *arg, sqlite3_stmt *row)
{
    struct saving *s = arg;
    const char *name = (const char *)sqlite3_column_text(row, 0);
    struct column *c = &s->columns[s->count];
    if (s->count == SQL_COLUMNS_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    c->name = name ? strdup(name) : NULL;
    c->key_at = sqlite3_column_int(row, 1);
    c->is_hidden = sqlite3_column_int(row, 2);
    s->count += c->name != NULL;
    return c->name ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status load_columns(struct saving *s)
{
    sqlite3_stmt *stmt = NULL;
    s->columns = calloc(SQL_COLUMNS_MAX, sizeof(*s->columns));
    if (!s->columns) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = sql_db_prepare_own(
        &s->w.d, sqlite3_mprintf("SELECT name, pk, hidden FROM pragma_table_xinfo(%Q)", s->w.table),
        &stmt);
    status = SMBKIT_OK(status) ? sql_db_each(&s->w.d, stmt, add_column, s) : status;
    sqlite3_finalize(stmt);
    return status;
}

/* The column that a member's name and one of the suffixes make. */
static struct column *column_of(struct saving *s, const char *name)
{
    static const char *const suffixes[] = {
        [AS_IS] = "", [AS_BLOB] = ":base64", [AS_TEXT] = ":text-base64"};
    size_t len = strlen(name);
    for (int as = AS_IS; as <= AS_TEXT; as++) {
        size_t end = strlen(suffixes[as]);
        for (uint32_t i = 0; end <= len && i < s->count; i++) {
            struct column *c = &s->columns[i];
            if (strlen(c->name) == len - end && memcmp(c->name, name, len - end) == 0 &&
                strcmp(name + len - end, suffixes[as]) == 0) {
                c->as = as;
                return c;
            }
        }
    }
    return NULL;
}

/* NULL: each member is one column's, and fits it; else what is wrong. */
static const char *match(struct saving *s)
{
    for (uint32_t i = 0; i < s->members.count; i++) {
        struct sql_member *m = &s->members.list[i];
        struct column *c = column_of(s, m->name);
        if (!c || c->member) {
            return c ? "a column comes twice" : "a member that is no column's name";
        }
        c->member = m;
        if (c->as != AS_IS && (m->kind != SQL_STRING || !sql_base64_decode(m->text, &m->len))) {
            return "a value that is not base64";
        }
    }
    return NULL;
}

/* Is the column to be written? A new row has its key from its name. */
static int is_given(const struct saving *s, const struct column *c)
{
    return c->member && !c->is_hidden && !(s->is_new && c->key_at);
}

/* "a" or "a = ?n" for all that are given, or "?n"; sql is freed. */
static char *list_given(const struct saving *s, char *sql, const char *format, int has_before)
{
    uint32_t at = s->w.key.count;
    for (uint32_t i = 0; i < s->count && sql; i++) {
        const struct column *c = &s->columns[i];
        if (!is_given(s, c)) {
            continue;
        }
        at++;
        sql = sqlite3_mprintf("%z%s", sql, has_before ? ", " : "");
        has_before = 1;
        if (sql && strchr(format, '"')) {
            sql = sqlite3_mprintf("%z\"%w\"", sql, c->name);
        }
        if (sql && strchr(format, '?')) {
            sql = sqlite3_mprintf("%z%s?%u", sql, strchr(format, '=') ? " = " : "", at);
        }
    }
    return sql;
}

static char *insert_sql(const struct saving *s)
{
    const struct sql_key *k = &s->w.key;
    char *sql = sqlite3_mprintf("INSERT OR ABORT INTO main.\"%w\"(", s->w.table);
    for (uint32_t i = 0; i < k->count && sql; i++) {
        sql = sqlite3_mprintf("%z%s\"%w\"", sql, i ? ", " : "", k->columns[i]);
    }
    sql = list_given(s, sql, "\"", 1);
    sql = sql ? sqlite3_mprintf("%z) VALUES (", sql) : NULL;
    for (uint32_t i = 0; i < k->count && sql; i++) {
        sql = sqlite3_mprintf("%z%s?%u", sql, i ? ", " : "", i + 1);
    }
    sql = list_given(s, sql, "?", 1);
    return sql ? sqlite3_mprintf("%z)", sql) : NULL;
}

static char *update_sql(const struct saving *s)
{
    const struct sql_key *k = &s->w.key;
    char *sql = sqlite3_mprintf("UPDATE OR ABORT main.\"%w\" SET ", s->w.table);
    size_t begin = sql ? strlen(sql) : 0;
    sql = list_given(s, sql, "\"=?", 0);
    if (sql && strlen(sql) == begin) { /* nothing: its key stays as it is */
        sql = sqlite3_mprintf("%z\"%w\" = \"%w\"", sql, k->columns[0], k->columns[0]);
    }
    sql = sql ? sqlite3_mprintf("%z WHERE ", sql) : NULL;
    return sql_key_where(sql, k);
}

static int bind_member(sqlite3_stmt *stmt, int at, const struct column *c)
{
    const struct sql_member *m = c->member;
    switch (m->kind) {
    case SQL_NULL:
        return sqlite3_bind_null(stmt, at);
    case SQL_INTEGER:
        return sqlite3_bind_int64(stmt, at, m->integer);
    case SQL_REAL:
        return sqlite3_bind_double(stmt, at, m->real);
    case SQL_STRING:
        break;
    }
    return c->as == AS_BLOB
               ? sqlite3_bind_blob64(stmt, at, m->text, m->len, SQLITE_STATIC)
               : sqlite3_bind_text64(stmt, at, m->text, m->len, SQLITE_STATIC, SQLITE_UTF8);
}

static smbkit_status bind_all(struct saving *s, sqlite3_stmt *stmt)
{
    uint32_t at = s->w.key.count;
    if (!sql_key_bind(stmt, 1, s->w.name, at)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (is_given(s, &s->columns[i]) &&
            bind_member(stmt, (int)++at, &s->columns[i]) != SQLITE_OK) {
            return sql_db_error(&s->w.d, s->w.name);
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status write_row(struct saving *s)
{
    sqlite3_stmt *stmt = NULL;
    smbkit_status status =
        sql_db_prepare_own(&s->w.d, s->is_new ? insert_sql(s) : update_sql(s), &stmt);
    status = SMBKIT_OK(status) ? bind_all(s, stmt) : status;
    status = SMBKIT_OK(status) ? run_one(&s->w, stmt) : status;
    sqlite3_finalize(stmt);
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        sql_log(s->w.d.v, s->w.name,
                s->is_new ? "a trigger does not let it be added" : "the row has gone meanwhile");
        return s->is_new ? SMBKIT_STATUS_ACCESS_DENIED : SMBKIT_STATUS_FILE_DELETED;
    }
    return status;
}

static void saving_fini(struct saving *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->columns[i].name);
    }
    free(s->columns);
    sql_members_fini(&s->members);
    where_fini(&s->w);
}

static smbkit_status save_all(struct saving *s)
{
    smbkit_status status = begin(&s->w); /* the columns are those that are written to, so */
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = load_columns(s);
    const char *wrong = SMBKIT_OK(status) ? match(s) : NULL;
    if (wrong) {
        sql_log(s->w.d.v, s->w.name, wrong);
        status = SMBKIT_STATUS_DATA_ERROR;
    }
    status = SMBKIT_OK(status) ? write_row(s) : status;
    return end(&s->w, status);
}

static smbkit_status row_save(struct sql_volume *v, const char *path, int is_new, const char *text,
                              size_t len)
{
    struct saving s = {.is_new = is_new};
    smbkit_status status = where_init(&s.w, v, NULL, path, SQL_WRITE);
    const char *wrong = SMBKIT_OK(status) ? sql_json_parse(text, len, &s.members) : NULL;
    if (wrong) {
        sql_log(v, s.w.name, wrong);
        status = SMBKIT_STATUS_DATA_ERROR;
    }
    status = SMBKIT_OK(status) ? save_all(&s) : status;
    saving_fini(&s);
    return status;
}

const struct sql_store sql_rows = {row_check, row_load, row_save, row_remove, row_move};
