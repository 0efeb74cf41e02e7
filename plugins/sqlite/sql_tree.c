/* SPDX-License-Identifier: Apache-2.0 */
/* The folders tables, queries and rows, and the files that are made of results. What a file is
 * about stands in its path. */
#include "sql_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES_MAX 1000 /* that are shown */
#define LOOKED_UP_MAX                                                                              \
    10000u /* rows beyond those that are listed, until a folder is filled anew                     \
            */

/* ---- files ---- */

typedef smbkit_status write_fn(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o);

/* The SQL of a file of that path: a table's or view's, or a query's; malloc'd. */
static smbkit_status sql_of(struct sql_volume *v, char *path, char **sql_r)
{
    char *name = strchr(path, '/');
    char *end = strrchr(path, '.');
    *sql_r = NULL;
    if (!name || end < name) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    *name++ = '\0';
    *end = '\0';
    if (strcmp(path, "queries") == 0) {
        return sql_query_read(v, name, sql_r);
    }
    char *sql = sqlite3_mprintf("SELECT * FROM main.\"%w\"", name);
    *sql_r = sql ? strdup(sql) : NULL;
    sqlite3_free(sql);
    return *sql_r ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* What is asked. */
struct asking {
    const char *sql;
    enum sql_use use;
    write_fn *write;
};

static smbkit_status run(struct smbkit_tree_call *c, const struct asking *a, struct sql_out *o)
{
    struct sql_db d;
    sqlite3_stmt *stmt = NULL;
    smbkit_status status = sql_db_open(&d, smbkit_tree_data(c->tree), c, a->use);
    status = SMBKIT_OK(status) ? sql_db_prepare(&d, a->sql, &stmt) : status;
    status = SMBKIT_OK(status) ? a->write(&d, stmt, o) : status;
    sqlite3_finalize(stmt);
    sql_db_close(&d);
    return status;
}

static smbkit_status load(struct smbkit_tree_call *c, struct smbkit_tree_load *load,
                          const char *fixed, write_fn *write)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    char *sql = NULL;
    struct sql_out o = {.max = v->size_max};
    smbkit_status status = smbkit_tree_path(c->tree, c->id, path, sizeof(path));
    if (SMBKIT_OK(status) && !fixed) {
        status = sql_of(v, path, &sql); /* which leaves the folder in path */
    }
    if (SMBKIT_OK(status)) {
        int is_query = !fixed && strcmp(path, "queries") == 0;
        const struct asking a = {fixed ? fixed : sql, is_query ? SQL_QUERY : SQL_READ, write};
        status = run(c, &a, &o);
        o.status = SMBKIT_OK(o.status) ? status : o.status;
    }
    if (o.status == SMBKIT_STATUS_INSUFFICIENT_RESOURCES) {
        sql_log(v, fixed ? "schema.sql" : sql, "it may take more than size= allows");
    }
    free(sql);
    return SMBKIT_OK(status) ? sql_out_give(&o, load) : (sql_out_fini(&o), status);
}

static smbkit_status db_stat(struct smbkit_tree_call *c, struct smbkit_attr *attr)
{
    uint64_t changed = sql_db_time(smbkit_tree_data(c->tree));
    if (changed) {
        attr->write_time = attr->change_time = changed;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status csv_load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    return load(c, l, NULL, sql_out_csv);
}
static const struct smbkit_tree_file csv = {
    .struct_size = sizeof(csv), .flags = SMBKIT_TREE_FRESH, .load = csv_load, .stat = db_stat};

static smbkit_status json_load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    return load(c, l, NULL, sql_out_json);
}
static const struct smbkit_tree_file json = {
    .struct_size = sizeof(json), .flags = SMBKIT_TREE_FRESH, .load = json_load, .stat = db_stat};

static smbkit_status put_schema(void *arg, sqlite3_stmt *row)
{
    struct sql_out *o = arg;
    sql_out_put(o, sqlite3_column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    sql_out_text(o, ";\n");
    return o->status;
}

static smbkit_status write_schema(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o)
{
    return sql_db_each(d, stmt, put_schema, o);
}

static smbkit_status schema_load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    return load(c, l,
                "SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL "
                "ORDER BY type = 'trigger', type = 'view', type = 'index', rowid",
                write_schema);
}
static const struct smbkit_tree_file schema = {.struct_size = sizeof(schema),
                                               .flags = SMBKIT_TREE_FRESH,
                                               .load = schema_load,
                                               .stat = db_stat};

/* ---- folders of files that are read ---- */

/* A name that SMB cannot have, or that is there in other letters, is left out, and logged. */
static smbkit_status add_result(struct smbkit_tree_call *c, const char *name, const char *suffix,
                                const struct smbkit_tree_file *file)
{
    char *whole = sqlite3_mprintf("%s%s", name, suffix);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(whole);
    e.file = file;
    e.flags = SMBKIT_TREE_FIXED;
    smbkit_status status = whole ? sql_add(c, &e) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(status) && whole) {
        sql_log(smbkit_tree_data(c->tree), whole, "not shown: the name is taken, or cannot be");
    }
    sqlite3_free(whole);
    return status == SMBKIT_STATUS_NO_MEMORY ? status : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status add_both(struct smbkit_tree_call *c, const char *name)
{
    smbkit_status status = add_result(c, name, ".csv", &csv);
    return SMBKIT_OK(status) ? add_result(c, name, ".json", &json) : status;
}

/* What a fill goes through. */
struct filling {
    struct sql_db d;
    struct smbkit_tree_call *c;
    struct sql_key key;
    uint64_t hidden; /* rows without a name */
};

/* fn for each row of the plugin's own sql, which is freed. */
static smbkit_status each(struct filling *f, char *sql,
                          smbkit_status (*fn)(void *arg, sqlite3_stmt *row))
{
    sqlite3_stmt *stmt = NULL;
    smbkit_status status = sql_db_prepare_own(&f->d, sql, &stmt);
    status = SMBKIT_OK(status) ? sql_db_each(&f->d, stmt, fn, f) : status;
    sqlite3_finalize(stmt);
    return status;
}

/* A folder that is filled from one statement. */
static smbkit_status fill_from(struct smbkit_tree_call *c, const char *sql,
                               smbkit_status (*fn)(void *arg, sqlite3_stmt *row))
{
    struct filling f = {.c = c};
    smbkit_status status = sql_db_open(&f.d, smbkit_tree_data(c->tree), c, SQL_READ);
    status = SMBKIT_OK(status) ? each(&f, sqlite3_mprintf("%s", sql), fn) : status;
    sql_db_close(&f.d);
    return status;
}

static smbkit_status add_table(void *arg, sqlite3_stmt *row)
{
    struct filling *f = arg;
    const char *name = (const char *)sqlite3_column_text(row, 0);
    return name ? add_both(f->c, name) : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status tables_fill(struct smbkit_tree_call *c)
{
    return fill_from(c,
                     "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') "
                     "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                     add_table);
}
static const struct smbkit_tree_folder tables = {
    .struct_size = sizeof(tables), .flags = SMBKIT_TREE_FRESH, .fill = tables_fill};

/* ---- queries ---- */

static smbkit_status add_query(struct smbkit_tree_call *c, const char *file)
{
    char name[256];
    size_t len = strlen(file);
    if (file[0] == '.' || len <= 4 || len >= sizeof(name) || strcmp(file + len - 4, ".sql") != 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    memcpy(name, file, len - 4);
    name[len - 4] = '\0';
    smbkit_status status = sql_text_add(c, file);
    return SMBKIT_OK(status) ? add_both(c, name) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status queries_fill(struct smbkit_tree_call *c)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    DIR *folder = opendir(v->queries);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    const struct dirent *e;
    if (!folder) {
        sql_log(v, v->queries, "the folder of queries cannot be read");
        return SMBKIT_STATUS_SERVER_UNAVAILABLE;
    }
    for (int left = QUERIES_MAX; left && SMBKIT_OK(status) && (e = readdir(folder)); left--) {
        status = add_query(c, e->d_name);
    }
    closedir(folder);
    return SMBKIT_OK(status) ? sql_text_add_again(c) : status;
}
static const struct smbkit_tree_folder queries = {.struct_size = sizeof(queries),
                                                  .flags = SMBKIT_TREE_FRESH,
                                                  .fill = queries_fill,
                                                  .create = sql_text_create,
                                                  .rename = sql_text_rename,
                                                  .remove = sql_text_remove};

/* ---- rows ---- */

/* Names that differ in the case of letters only come in another spelling. */
static smbkit_status add_row(void *arg, sqlite3_stmt *row)
{
    struct filling *f = arg;
    smbkit_status status = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    for (int other = 0; other < 2 && status == SMBKIT_STATUS_OBJECT_NAME_COLLISION; other++) {
        char name[SQL_NAME_MAX + 8];
        status = SMBKIT_STATUS_OBJECT_NAME_INVALID;
        if (sql_key_format(name, row, f->key.count, other)) {
            strcat(name, ".json");
            status = sql_text_add(f->c, name);
        }
    }
    f->hidden += !SMBKIT_OK(status);
    return status == SMBKIT_STATUS_NO_MEMORY ? status : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status fill_rows(struct filling *f, struct sql_volume *v, const char *name)
{
    smbkit_status status = sql_key_load(&f->d, name, &f->key);
    if (SMBKIT_OK(status) && f->key.count) {
        char *sql = sql_key_columns(sqlite3_mprintf("SELECT "), &f->key);
        sql = sql ? sqlite3_mprintf("%z FROM main.\"%w\" LIMIT %llu", sql, name,
                                    (unsigned long long)v->rows_max)
                  : NULL;
        status = each(f, sql, add_row);
    }
    sql_key_fini(&f->key);
    if (f->hidden && !__atomic_exchange_n(&v->has_told_hidden, 1, __ATOMIC_RELAXED)) {
        sql_log(v, name, "rows whose key is NULL or too long for a name are not shown");
    }
    return status;
}

static smbkit_status table_fill(struct smbkit_tree_call *c)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    struct filling f = {.c = c};
    char path[SQL_PATH_MAX];
    smbkit_status status = smbkit_tree_path(c->tree, c->id, path, sizeof(path));
    const char *name = SMBKIT_OK(status) ? strchr(path, '/') : NULL;
    if (!name) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    status = sql_db_open(&f.d, v, c, SQL_READ);
    status = SMBKIT_OK(status) ? fill_rows(&f, v, name + 1) : status;
    sql_db_close(&f.d);
    return SMBKIT_OK(status) ? sql_text_add_again(c) : status;
}

/* A row beyond those that are listed, or newer than the listing. */
static smbkit_status table_lookup(struct smbkit_tree_call *c, const char *name)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    struct smbkit_tree_info info;
    smbkit_status status = smbkit_tree_path(c->tree, c->id, path, sizeof(path));
    size_t len = SMBKIT_OK(status) ? strlen(path) : 0;
    int n = snprintf(path + len, sizeof(path) - len, "/%s", name);
    if (len == 0 || n >= (int)(sizeof(path) - len)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    status = sql_row_find(v, c, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (SMBKIT_OK(smbkit_tree_get(c->tree, c->id, &info)) &&
        info.count > v->rows_max + LOOKED_UP_MAX) {
        smbkit_tree_drop(c->tree, c->id); /* the next who looks fills it, and those go */
    }
    return sql_text_add(c, name);
}
static const struct smbkit_tree_folder table = {.struct_size = sizeof(table),
                                                .fill = table_fill,
                                                .lookup = table_lookup,
                                                .create = sql_text_create,
                                                .rename = sql_text_rename,
                                                .remove = sql_text_remove};

static smbkit_status add_folder(void *arg, sqlite3_stmt *row)
{
    struct filling *f = arg;
    const char *name = (const char *)sqlite3_column_text(row, 0);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.folder = &table;
    e.flags = SMBKIT_TREE_IS_FOLDER | SMBKIT_TREE_FIXED;
    smbkit_status status = name ? sql_add(f->c, &e) : SMBKIT_STATUS_NO_MEMORY;
    return status == SMBKIT_STATUS_NO_MEMORY ? status : SMBKIT_STATUS_SUCCESS;
}

/* Not virtual ones: they have no key, and this SQLite may lack what makes them. */
static smbkit_status rows_fill(struct smbkit_tree_call *c)
{
    return fill_from(c,
                     "SELECT name FROM main.sqlite_schema AS s WHERE type = 'table' "
                     "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND rootpage > 0 "
                     "AND EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE pk > 0) "
                     "ORDER BY name",
                     add_folder);
}
static const struct smbkit_tree_folder rows = {
    .struct_size = sizeof(rows), .flags = SMBKIT_TREE_FRESH, .fill = rows_fill};

smbkit_status sql_tree_fill(struct sql_volume *v)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new("schema.sql");
    e.file = &schema;
    e.flags = SMBKIT_TREE_FIXED;
    smbkit_status status = smbkit_tree_add(v->tree, SMBKIT_TREE_ROOT, &e, &v->schema);
    v->tables = smbkit_tree_add_folder(v->tree, SMBKIT_TREE_ROOT, "tables", &tables, NULL);
    v->rows = smbkit_tree_add_folder(v->tree, SMBKIT_TREE_ROOT, "rows", &rows, NULL);
    v->saved = v->queries
                   ? smbkit_tree_add_folder(v->tree, SMBKIT_TREE_ROOT, "queries", &queries, NULL)
                   : SMBKIT_TREE_NONE;
    int is_there = v->tables && v->rows && (v->saved || !v->queries);
    return SMBKIT_OK(status) && !is_there ? SMBKIT_STATUS_NO_MEMORY : status;
}
