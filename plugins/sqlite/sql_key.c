/* SPDX-License-Identifier: Apache-2.0 */
/* Primary keys as names. The values are joined by commas. Text and integers stand as they are;
 * what has a meaning here (',', '%', '/'), control characters and bytes that are no UTF-8 stand as
 * %XX; in front of a number with a fraction stands "%r", of a blob in hexadecimal "%x", of an
 * integer in a column that would take it for text "%i". */
#include "sql_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

static smbkit_status add_column(void *arg, sqlite3_stmt *row)
{
    struct sql_key *k = arg;
    const char *name = (const char *)sqlite3_column_text(row, 0);
    if (k->count == SQL_KEY_COLUMNS_MAX) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    k->columns[k->count] = name ? strdup(name) : NULL;
    if (!k->columns[k->count]) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    k->count++;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status sql_key_load(struct sql_db *d, const char *table, struct sql_key *k)
{
    sqlite3_stmt *stmt;
    *k = (struct sql_key){0};
    char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q) WHERE pk > 0 AND EXISTS "
                                "(SELECT 1 FROM main.sqlite_schema AS s WHERE s.type = 'table' AND "
                                "s.name = %Q) ORDER BY pk",
                                table, table);
    smbkit_status status = sql_db_prepare_own(d, sql, &stmt);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = sql_db_each(d, stmt, add_column, k);
    sqlite3_finalize(stmt);
    if (!SMBKIT_OK(status)) {
        sql_key_fini(k);
    }
    return status == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_SUCCESS : status;
}

void sql_key_fini(struct sql_key *k)
{
    for (uint32_t i = 0; i < k->count; i++) {
        free(k->columns[i]);
    }
    k->count = 0;
}

static int is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* U+F000 to U+F0FF, by which the server shows characters that SMB cannot have: they would come back
 * as those. */
static int is_private(const char *p, size_t left)
{
    const unsigned char *u = (const unsigned char *)p;
    return left >= 3 && u[0] == 0xef && u[1] >= 0x80 && u[1] <= 0x83;
}

static void put_text(struct sql_out *o, const char *text, size_t len, int is_other)
{
    int is_utf8 = shown_is_utf8(text, len);
    size_t private_end = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[4];
        private_end = is_private(text + i, len - i) ? i + 3 : private_end;
        if (c < 0x20 || c == ',' || c == '%' || c == '/' || i < private_end ||
            (c >= 0x80 && (!is_utf8 || is_other)) || (is_letter(c) && is_other)) {
            snprintf(escape, sizeof(escape), "%%%02X", c);
            sql_out_text(o, escape);
        } else {
            sql_out_put(o, text + i, 1);
        }
    }
}

static void put_hex(struct sql_out *o, const uint8_t *p, size_t len)
{
    char two[3];
    sql_out_text(o, "%x");
    for (size_t i = 0; i < len; i++) {
        snprintf(two, sizeof(two), "%02X", p[i]);
        sql_out_text(o, two);
    }
}

/* The column of the result behind the key says whether text would do: "k" = CAST("k" AS TEXT). */
static int put_value(struct sql_out *o, sqlite3_stmt *row, int i, int is_other)
{
    char text[40];
    int is_plain = sqlite3_column_int(row, i + 1);
    const void *data;
    switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER:
        snprintf(text, sizeof(text), "%s%lld", is_plain ? "" : "%i",
                 (long long)sqlite3_column_int64(row, i));
        sql_out_text(o, text);
        return 1;
    case SQLITE_FLOAT:
        snprintf(text, sizeof(text), "%%r%.17g", sqlite3_column_double(row, i));
        sql_out_text(o, text);
        return 1;
    case SQLITE_TEXT:
        data = sqlite3_column_text(row, i);
        put_text(o, data, (size_t)sqlite3_column_bytes(row, i), is_other);
        return 1;
    case SQLITE_BLOB:
        data = sqlite3_column_blob(row, i);
        put_hex(o, data, (size_t)sqlite3_column_bytes(row, i));
        return 1;
    default:
        return 0;
    }
}

int sql_key_format(char name[SQL_NAME_MAX], sqlite3_stmt *row, uint32_t count, int is_other)
{
    struct sql_out o = {.max = SQL_NAME_MAX - 1};
    int is_named = 1;
    for (uint32_t i = 0; i < count && is_named; i++) {
        sql_out_text(&o, i ? "," : "");
        is_named = put_value(&o, row, (int)(2 * i), is_other);
    }
    is_named = is_named && SMBKIT_OK(o.status) && o.len > 0;
    if (is_named) {
        memcpy(name, o.data, o.len);
        name[o.len] = '\0';
    }
    sql_out_fini(&o);
    return is_named;
}

int sql_key_is(const char *name, sqlite3_stmt *row, uint32_t count)
{
    char is[SQL_NAME_MAX];
    for (int other = 0; other < 2; other++) {
        if (sql_key_format(is, row, count, other) && strcmp(is, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int hex(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Pairs of hexadecimal digits, each after a '%' where is_text and as they are otherwise; the number
 * of bytes, or -1. */
static int unescape(const char *p, size_t len, int is_text, char *out)
{
    int n = 0;
    for (size_t i = 0; i < len;) {
        if (is_text && p[i] != '%') {
            out[n++] = p[i++];
            continue;
        }
        i += is_text ? 1 : 0;
        int high = i + 1 < len ? hex(p[i]) : -1;
        int low = i + 1 < len ? hex(p[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return -1;
        }
        out[n++] = (char)(high << 4 | low);
        i += 2;
    }
    return n;
}

static int bind_number(sqlite3_stmt *stmt, int at, const char *p, size_t len)
{
    char text[64];
    char *end = text;
    if (len < 3 || len - 2 >= sizeof(text)) {
        return 0;
    }
    memcpy(text, p + 2, len - 2);
    text[len - 2] = '\0';
    int code = p[1] == 'i' ? sqlite3_bind_int64(stmt, at, strtoll(text, &end, 10))
                           : sqlite3_bind_double(stmt, at, strtod(text, &end));
    return code == SQLITE_OK && *end == '\0';
}

static int bind_value(sqlite3_stmt *stmt, int at, const char *p, size_t len)
{
    char kind = len >= 2 && p[0] == '%' ? p[1] : '\0';
    if (kind == 'i' || kind == 'r') {
        return bind_number(stmt, at, p, len);
    }
    char *out = malloc(len + 1);
    int skip = kind == 'x' ? 2 : 0;
    int n = out ? unescape(p + skip, len - (size_t)skip, kind != 'x', out) : -1;
    if (n < 0) {
        free(out);
        return 0;
    }
    return (kind == 'x' ? sqlite3_bind_blob(stmt, at, out, n, free)
                        : sqlite3_bind_text(stmt, at, out, n, free)) == SQLITE_OK;
}

int sql_key_bind(sqlite3_stmt *stmt, uint32_t first, const char *name, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strcspn(name, ",");
        if ((name[len] == ',') != (i + 1 < count) ||
            !bind_value(stmt, (int)(first + i), name, len)) {
            return 0;
        }
        name += len + 1;
    }
    return 1;
}

char *sql_key_columns(char *sql, const struct sql_key *k)
{
    for (uint32_t i = 0; i < k->count && sql; i++) {
        /* Does text find this value? A parameter has no affinity, as little as the right side. */
        const char *c = k->columns[i];
        sql = sqlite3_mprintf("%z%s\"%w\", \"%w\" = (CAST(\"%w\" AS TEXT) || '')", sql,
                              i ? ", " : "", c, c, c);
    }
    return sql;
}

/* By the column's own collation, which an index may have, and exactly: by NOCASE it would be other
 * rows, too. */
char *sql_key_where(char *sql, const struct sql_key *k)
{
    for (uint32_t i = 0; i < k->count && sql; i++) {
        const char *c = k->columns[i];
        sql = sqlite3_mprintf("%z%s\"%w\" = ?%u AND \"%w\" = ?%u COLLATE BINARY", sql,
                              i ? " AND " : "", c, i + 1, c, i + 1);
    }
    return sql;
}
