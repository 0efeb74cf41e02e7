/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the content of a row, or as its name. A name that is taken for a key must lead back
 * to the same row by the name that the key is given. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/sqlite/sql_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void content(const char *text, size_t size)
{
    struct sql_members m;
    const char *wrong = sql_json_parse(text, size, &m);
    must(m.count <= SQL_COLUMNS_MAX);
    for (uint32_t i = 0; !wrong && i < m.count; i++) {
        struct sql_member *one = &m.list[i];
        must(one->name != NULL && (one->kind == SQL_STRING) == (one->text != NULL));
        if (one->text) {
            size_t len = one->len;
            must(one->text[len] == '\0');
            must(!sql_base64_decode(one->text, &one->len) || one->len <= len / 4 * 3);
        }
    }
    sql_members_fini(&m);
}

/* The row of that name; *stmt_r stands at it, if there is one. */
static int finds(sqlite3 *db, const struct sql_key *key, const char *name, sqlite3_stmt **stmt_r)
{
    char *sql = sql_key_columns(sqlite3_mprintf("SELECT "), key);
    sql = sql_key_where(sql ? sqlite3_mprintf("%z FROM t WHERE ", sql) : NULL, key);
    must(sql && sqlite3_prepare_v2(db, sql, -1, stmt_r, NULL) == SQLITE_OK);
    sqlite3_free(sql);
    return sql_key_bind(*stmt_r, 1, name, key->count) && sqlite3_step(*stmt_r) == SQLITE_ROW;
}

/* Adds a row of that name, if it is one; *name becomes what the row is called. 1: there is one. */
static int stores(sqlite3 *db, const struct sql_key *key, char name[SQL_NAME_MAX])
{
    sqlite3_stmt *stmt = NULL;
    must(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO t VALUES (?1, ?2)", -1, &stmt, NULL) ==
         SQLITE_OK);
    int is_stored = sql_key_bind(stmt, 1, name, key->count) && sqlite3_step(stmt) == SQLITE_DONE;
    sqlite3_finalize(stmt);
    stmt = NULL;
    is_stored =
        is_stored && finds(db, key, name, &stmt) && sql_key_format(name, stmt, key->count, 0);
    must(!is_stored || sql_key_is(name, stmt, key->count));
    sqlite3_finalize(stmt);
    return is_stored;
}

/* Its other spelling leads to it as well. */
static void check_other(sqlite3 *db, const struct sql_key *key, const char *name)
{
    char is[SQL_NAME_MAX];
    sqlite3_stmt *stmt = NULL;
    must(finds(db, key, name, &stmt) && sql_key_is(name, stmt, key->count));
    int has_other = sql_key_format(is, stmt, key->count, 1);
    sqlite3_finalize(stmt);
    if (has_other) {
        must(finds(db, key, is, &stmt));
        must(sql_key_is(name, stmt, key->count) && sql_key_is(is, stmt, key->count));
        sqlite3_finalize(stmt);
    }
}

static void name(const char *types, const char *text, size_t size)
{
    char a[] = "a";
    char b[] = "b";
    const struct sql_key key = {.count = 2, .columns = {a, b}};
    char own[SQL_NAME_MAX];
    sqlite3 *db = NULL;
    must(sqlite3_open(":memory:", &db) == SQLITE_OK);
    must(sqlite3_exec(db, types, NULL, NULL, NULL) == SQLITE_OK);
    size = size < sizeof(own) ? size : sizeof(own) - 1;
    memcpy(own, text, size);
    own[size] = '\0';
    if (stores(db, &key, own)) {
        char again[SQL_NAME_MAX];
        memcpy(again, own, sizeof(own));
        check_other(db, &key, own);
        must(stores(db, &key, again) && strcmp(own, again) == 0);
    }
    sqlite3_close(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const tables[] = {"CREATE TABLE t(a, b, PRIMARY KEY (a, b))",
                                         "CREATE TABLE t(a TEXT, b INTEGER, PRIMARY KEY (a, b))",
                                         "CREATE TABLE t(a NUMERIC, b BLOB, PRIMARY KEY (a, b))"};
    if (size == 0) {
        return 0;
    }
    if (data[0] & 1) {
        content((const char *)data + 1, size - 1);
    } else {
        name(tables[(data[0] >> 1) % 3], (const char *)data + 1, size - 1);
    }
    return 0;
}
