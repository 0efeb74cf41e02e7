/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as CSV (RFC 4180) and JSON (RFC 8259). */
#include "sql_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shown.h"
#include "unnamed.h"

#define SPILL ((size_t)1 << 20) /* bytes that are held in memory */

/* ---- where it goes ---- */

static int make_room(struct sql_out *o, size_t len)
{
    size_t cap = o->cap ? o->cap : 256;
    while (cap < o->len + len) {
        cap *= 2;
    }
    char *data = cap > o->cap ? realloc(o->data, cap) : o->data;
    if (!data) {
        o->status = SMBKIT_STATUS_NO_MEMORY;
        return 0;
    }
    o->data = data;
    o->cap = cap;
    return 1;
}

static smbkit_status status_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? SMBKIT_STATUS_DISK_FULL
                                              : SMBKIT_STATUS_IO_DEVICE_ERROR;
}

static smbkit_status write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno != EINTR) {
            return status_of_errno();
        }
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* What is in memory goes to the file. */
static void spill(struct sql_out *o)
{
    if (!o->fd) {
        o->fd = unnamed_file("smbkit-sqlite") + 1;
        o->status = o->fd ? o->status : status_of_errno();
    }
    if (SMBKIT_OK(o->status)) {
        o->status = write_all(o->fd - 1, o->data, o->len);
        o->spilled += o->len;
        o->len = 0;
    }
}

void sql_out_put(struct sql_out *o, const void *data, size_t len)
{
    if (len == 0 || !SMBKIT_OK(o->status)) {
        return;
    }
    if (len > o->max || o->spilled + o->len > o->max - len) {
        o->status = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        return;
    }
    if (o->is_counting) {
        o->spilled += len;
        return;
    }
    if (o->len + len > SPILL && o->len && !o->is_whole) {
        spill(o);
    }
    if (SMBKIT_OK(o->status) && make_room(o, len)) {
        memcpy(o->data + o->len, data, len);
        o->len += len;
    }
}

void sql_out_fini(struct sql_out *o)
{
    free(o->data);
    o->data = NULL;
    o->len = o->cap = 0;
    if (o->fd) {
        close(o->fd - 1);
        o->fd = 0;
    }
}

/* A file that is mapped. */
struct mapped {
    void *data;
    size_t len;
};

static void unmap(void *arg)
{
    struct mapped *m = arg;
    munmap(m->data, m->len);
    free(m);
}

static smbkit_status give_mapped(struct sql_out *o, struct smbkit_tree_load *load)
{
    struct mapped *m = calloc(1, sizeof(*m));
    if (!m) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    m->len = (size_t)o->spilled;
    m->data = mmap(NULL, m->len, PROT_READ, MAP_SHARED, o->fd - 1, 0);
    if (m->data == MAP_FAILED) {
        free(m);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    load->data = m->data;
    load->size = m->len;
    load->release = unmap;
    load->release_arg = m;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status sql_out_give(struct sql_out *o, struct smbkit_tree_load *load)
{
    if (SMBKIT_OK(o->status) && o->fd) {
        spill(o);
    }
    if (SMBKIT_OK(o->status) && o->fd) {
        o->status = give_mapped(o, load);
    } else if (SMBKIT_OK(o->status)) {
        load->data = o->data;
        load->size = o->len;
        load->release = free;
        load->release_arg = o->data;
        o->data = NULL;
    }
    smbkit_status status = o->status;
    sql_out_fini(o);
    return status;
}

void sql_out_text(struct sql_out *o, const char *text)
{
    sql_out_put(o, text, strlen(text));
}

/* RFC 4648, 4. */
static void put_base64(struct sql_out *o, const uint8_t *p, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len && SMBKIT_OK(o->status); i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v =
            (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                        n > 2 ? digits[v & 63] : '='};
        sql_out_put(o, four, 4);
    }
}

/* The shortest that is read back as the same; JSON knows no infinity, but numbers that are one. */
static void put_real(struct sql_out *o, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    if (strchr(text, 'n')) { /* SQLite has no NaN */
        snprintf(text, sizeof(text), "%s", v < 0 ? "-1e999" : "1e999");
    } else if (!strpbrk(text, ".e")) {
        strcat(text, ".0");
    }
    sql_out_text(o, text);
}

static void put_integer(struct sql_out *o, int64_t v)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)v);
    sql_out_text(o, text);
}

/* ---- CSV ---- */

static void put_field(struct sql_out *o, const char *text, size_t len)
{
    int is_quoted = len == 0;
    for (size_t i = 0; i < len; i++) {
        is_quoted |= text[i] == '"' || text[i] == ',' || text[i] == '\r' || text[i] == '\n';
    }
    if (!is_quoted) {
        sql_out_put(o, text, len);
        return;
    }
    sql_out_text(o, "\"");
    for (size_t i = 0; i < len; i++) {
        sql_out_put(o, text[i] == '"' ? "\"\"" : text + i, text[i] == '"' ? 2 : 1);
    }
    sql_out_text(o, "\"");
}

static void put_csv_value(struct sql_out *o, sqlite3_stmt *row, int i)
{
    switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER:
        put_integer(o, sqlite3_column_int64(row, i));
        break;
    case SQLITE_FLOAT:
        put_real(o, sqlite3_column_double(row, i));
        break;
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, i);
        put_field(o, text, (size_t)sqlite3_column_bytes(row, i));
        break;
    }
    case SQLITE_BLOB: {
        const uint8_t *blob = sqlite3_column_blob(row, i);
        sql_out_text(o, "base64:");
        put_base64(o, blob, (size_t)sqlite3_column_bytes(row, i));
        break;
    }
    default: /* NULL: nothing between the commas; an empty text has quotes */
        break;
    }
}

static smbkit_status csv_line(void *arg, sqlite3_stmt *row)
{
    struct sql_out *o = arg;
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        sql_out_text(o, i ? "," : "");
        put_csv_value(o, row, i);
    }
    sql_out_text(o, "\r\n");
    return o->status;
}

smbkit_status sql_out_csv(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const char *name = sqlite3_column_name(stmt, i);
        sql_out_text(o, i ? "," : "");
        put_field(o, name ? name : "", name ? strlen(name) : 0);
    }
    sql_out_text(o, "\r\n");
    return sql_db_each(d, stmt, csv_line, o);
}

/* ---- JSON ---- */

/* Well-formed UTF-8, but for names of columns, which nobody checks: what is not goes out as it is.
 */
static void put_string(struct sql_out *o, const char *text, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        sql_out_put(o, text + from, i - from);
        snprintf(escape, sizeof(escape), c < 0x20 ? "\\u%04x" : "\\%c", c);
        sql_out_text(o, escape);
        from = i + 1;
    }
    sql_out_put(o, text + from, len - from);
}

static void put_json_value(struct sql_out *o, sqlite3_stmt *row, int i)
{
    switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER:
        put_integer(o, sqlite3_column_int64(row, i));
        break;
    case SQLITE_FLOAT:
        put_real(o, sqlite3_column_double(row, i));
        break;
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, i);
        sql_out_text(o, "\"");
        put_string(o, text, (size_t)sqlite3_column_bytes(row, i));
        sql_out_text(o, "\"");
        break;
    }
    default:
        sql_out_text(o, "null");
        break;
    }
}

/* How text that is no UTF-8, and so is none in JSON, is told from other text. */
static int is_odd_text(sqlite3_stmt *row, int i)
{
    const char *text = (const char *)sqlite3_column_text(row, i);
    return !shown_is_utf8(text ? text : "", (size_t)sqlite3_column_bytes(row, i));
}

static const char *suffix_of(sqlite3_stmt *row, int i)
{
    int type = sqlite3_column_type(row, i);
    return type == SQLITE_BLOB                          ? ":base64"
           : type == SQLITE_TEXT && is_odd_text(row, i) ? ":text-base64"
                                                        : "";
}

static void put_member(struct sql_out *o, sqlite3_stmt *row, int i)
{
    const char *name = sqlite3_column_name(row, i);
    const char *suffix = suffix_of(row, i);
    sql_out_text(o, "\"");
    put_string(o, name ? name : "", name ? strlen(name) : 0);
    sql_out_text(o, suffix);
    sql_out_text(o, "\": ");
    if (*suffix) {
        const uint8_t *p = sqlite3_column_blob(row, i);
        sql_out_text(o, "\"");
        put_base64(o, p, (size_t)sqlite3_column_bytes(row, i));
        sql_out_text(o, "\"");
    } else {
        put_json_value(o, row, i);
    }
}

void sql_out_row(struct sql_out *o, sqlite3_stmt *row, int first)
{
    for (int i = first; i < sqlite3_column_count(row); i++) {
        sql_out_text(o, i > first ? ",\n  " : "{\n  ");
        put_member(o, row, i);
    }
    sql_out_text(o, "\n}\n");
}

static smbkit_status json_line(void *arg, sqlite3_stmt *row)
{
    struct sql_out *o = arg;
    sql_out_text(o, o->len > 1 || o->spilled ? ",\n{" : "\n{");
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        sql_out_text(o, i ? ", " : "");
        put_member(o, row, i);
    }
    sql_out_text(o, "}");
    return o->status;
}

smbkit_status sql_out_json(struct sql_db *d, sqlite3_stmt *stmt, struct sql_out *o)
{
    sql_out_text(o, "[");
    smbkit_status status = sql_db_each(d, stmt, json_line, o);
    sql_out_text(o, "\n]\n");
    return SMBKIT_OK(status) ? o->status : status;
}
