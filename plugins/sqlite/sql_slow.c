/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of SQL that SQLite runs in one go, for as long as the product of their arguments'
 * lengths: whoever writes a query would have a thread for hours. Here they say the same, and end
 * when the call does. SQLite's documentation, "Built-In Scalar SQL Functions". */
#include "sql_priv.h"

#include <string.h>

#define STEPS (1u << 20) /* comparisons between looks at whether it is over, */
#define FINDS (1u << 12) /* and searches */

/* Has it ended? Then that is the function's result. */
static int has_ended(sqlite3_context *c)
{
    int is = sql_db_is_over(sqlite3_user_data(c));
    if (is) {
        sqlite3_result_error_code(c, SQLITE_INTERRUPT);
    }
    return is;
}

/* An argument's bytes, as text unless as_blob; NULL: it is NULL, or there is no memory. */
static const char *bytes_of(sqlite3_value *value, int as_blob, size_t *len_r)
{
    const char *p = as_blob ? sqlite3_value_blob(value) : (const char *)sqlite3_value_text(value);
    *len_r = (size_t)sqlite3_value_bytes(value);
    return p || !as_blob || sqlite3_value_type(value) == SQLITE_NULL ? p : "";
}

/* A byte of UTF-8 behind the first of a character. */
static int is_inner(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t character_count(const char *p, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += !is_inner(p[i]);
    }
    return n;
}

static void slow_instr(sqlite3_context *c, int count, sqlite3_value **args)
{
    size_t len;
    size_t part_len;
    int are_blobs =
        sqlite3_value_type(args[0]) == SQLITE_BLOB && sqlite3_value_type(args[1]) == SQLITE_BLOB;
    const char *text = bytes_of(args[0], are_blobs, &len);
    const char *part = bytes_of(args[1], are_blobs, &part_len);
    (void)count;
    if (!text || !part || has_ended(c)) {
        return; /* NULL */
    }
    const char *at = memmem(text, len, part, part_len);
    while (!are_blobs && at && at > text && is_inner(*at) &&
           part_len) { /* no character begins there */
        if (has_ended(c)) {
            return;
        }
        at++;
        at = memmem(at, len - (size_t)(at - text), part, part_len);
    }
    size_t before = at ? (size_t)(at - text) : 0;
    before = are_blobs ? before : character_count(text, before);
    sqlite3_result_int64(c, at ? (sqlite3_int64)before + 1 : 0);
}

/* Where it is next. Right here is looked at first: where it follows itself it is found without
 * going through what is left, as a checked build does. */
static const char *find(const char *text, size_t len, const char *part, size_t part_len)
{
    int is_here = part_len <= len && memcmp(text, part, part_len) == 0;
    return is_here ? text : memmem(text, len, part, part_len);
}

static void slow_replace(sqlite3_context *c, int count, sqlite3_value **args)
{
    size_t len;
    size_t part_len;
    size_t with_len;
    const char *text = bytes_of(args[0], 0, &len);
    const char *part = bytes_of(args[1], 0, &part_len);
    const char *with = bytes_of(args[2], 0, &with_len);
    (void)count;
    if (!text || !part || (*part && !with) || has_ended(c)) {
        return; /* NULL */
    }
    if (!*part) {
        sqlite3_result_value(c, args[0]);
        return;
    }
    const char *end = text + len;
    sqlite3_str *s = sqlite3_str_new(sqlite3_context_db_handle(c));
    uint32_t steps = 0;
    for (const char *at = text; text; text = at ? at + part_len : NULL) {
        if (++steps % FINDS == 0 && has_ended(c)) {
            sqlite3_free(sqlite3_str_finish(s));
            return;
        }
        at = find(text, (size_t)(end - text), part, part_len);
        sqlite3_str_append(s, text, (int)((at ? at : end) - text));
        sqlite3_str_append(s, with, at ? (int)with_len : 0);
    }
    int code = sqlite3_str_errcode(s);
    uint64_t made = (uint64_t)sqlite3_str_length(s);
    char *data = sqlite3_str_finish(s);
    if (code != SQLITE_OK) {
        sqlite3_free(data);
        sqlite3_result_error_code(c, code);
    } else if (data) {
        sqlite3_result_text64(c, data, made, sqlite3_free, SQLITE_UTF8);
    } else {
        sqlite3_result_text(c, "", 0, SQLITE_STATIC);
    }
}

/* ---- trim() ---- */

struct trimming {
    sqlite3_context *c;
    const char *set; /* characters that go */
    size_t set_len;
    uint32_t steps;
    int has_ended;
};

/* Bytes of the character at p. */
static size_t character_len(const char *p, size_t len)
{
    size_t n = 1;
    while ((unsigned char)p[0] >= 0xc0 && n < len && is_inner(p[n])) {
        n++;
    }
    return n;
}

/* Bytes of the character of the set that the text begins with, or ends with; 0: there is none. */
static size_t goes(struct trimming *t, const char *text, size_t len, int at_end)
{
    for (size_t i = 0; i < t->set_len && !t->has_ended;) {
        size_t n = character_len(t->set + i, t->set_len - i);
        const char *at = at_end ? text + len - n : text;
        if (n <= len && memcmp(at, t->set + i, n) == 0) {
            return n;
        }
        i += n;
        t->has_ended = ++t->steps % STEPS == 0 && has_ended(t->c);
    }
    return 0;
}

static void trim(sqlite3_context *c, sqlite3_value **args, int begin, int end)
{
    size_t len;
    struct trimming t = {.c = c};
    const char *text = bytes_of(args[0], 0, &len);
    t.set = bytes_of(args[1], 0, &t.set_len);
    t.set_len = t.set ? strlen(t.set) : 0; /* a zero byte ends it */
    if (!text || !t.set || has_ended(c)) {
        return; /* NULL */
    }
    for (size_t n = begin ? goes(&t, text, len, 0) : 0; n; n = goes(&t, text, len, 0)) {
        text += n;
        len -= n;
    }
    for (size_t n = end ? goes(&t, text, len, 1) : 0; n; n = goes(&t, text, len, 1)) {
        len -= n;
    }
    if (!t.has_ended) {
        sqlite3_result_text64(c, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
}

static void slow_trim(sqlite3_context *c, int count, sqlite3_value **args)
{
    (void)count;
    trim(c, args, 1, 1);
}

static void slow_ltrim(sqlite3_context *c, int count, sqlite3_value **args)
{
    (void)count;
    trim(c, args, 1, 0);
}

static void slow_rtrim(sqlite3_context *c, int count, sqlite3_value **args)
{
    (void)count;
    trim(c, args, 0, 1);
}

int sql_slow_add(struct sql_db *d)
{
    static const struct {
        const char *name;
        int count;
        void (*fn)(sqlite3_context *c, int count, sqlite3_value **args);
    } all[] = {{"instr", 2, slow_instr},
               {"replace", 3, slow_replace},
               {"trim", 2, slow_trim},
               {"ltrim", 2, slow_ltrim},
               {"rtrim", 2, slow_rtrim}};
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && code == SQLITE_OK; i++) {
        code = sqlite3_create_function_v2(d->db, all[i].name, all[i].count, flags, d, all[i].fn,
                                          NULL, NULL, NULL);
    }
    return code;
}
