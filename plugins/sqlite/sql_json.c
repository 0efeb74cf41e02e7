/* SPDX-License-Identifier: Apache-2.0 */
/* A row as clients write it: one flat JSON object (RFC 8259), read without recursion, its numbers
 * as SQLite has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"
#include "sql_priv.h"

#define NUMBER_MAX 400 /* characters of a number: what is longer is of no use in a double */

struct reader {
    const char *p;
    const char *end;
    const char *wrong; /* NULL: nothing */
};

static int peek(const struct reader *r)
{
    return r->p < r->end ? (unsigned char)*r->p : -1;
}

static void skip_blank(struct reader *r)
{
    while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p) {
        r->p++;
    }
}

static void fail(struct reader *r, const char *why)
{
    r->wrong = r->wrong ? r->wrong : why;
}

/* The character c after blanks, or what is wrong. */
static void want(struct reader *r, char c, const char *why)
{
    skip_blank(r);
    if (peek(r) == (unsigned char)c) {
        r->p++;
    } else {
        fail(r, why);
    }
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Four hexadecimal digits, or -1. */
static int take_hex4(struct reader *r)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->p < r->end ? hex_digit(*r->p) : -1;
        if (digit < 0) {
            return -1;
        }
        v = v << 4 | digit;
        r->p++;
    }
    return v;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(first[n] | c);
    return n;
}

/* Behind "\u": the character, of two of them where it is beyond U+FFFF. */
static size_t take_unicode(struct reader *r, char *out)
{
    int high = take_hex4(r);
    uint32_t c = (uint32_t)high;
    if (high >= 0xd800 && high < 0xdc00) {
        int is_pair = r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u';
        r->p += is_pair ? 2 : 0;
        int low = is_pair ? take_hex4(r) : -1;
        c = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        high = low >= 0xdc00 && low < 0xe000 ? high : -1;
    } else if (high >= 0xdc00 && high < 0xe000) {
        high = -1;
    }
    if (high < 0) {
        fail(r, "a \\u that is no character");
        return 0;
    }
    return put_utf8(out, c);
}

/* What stands behind a backslash. */
static size_t take_escape(struct reader *r, char *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *at = c > 0 ? strchr(from, c) : NULL;
    r->p += c >= 0;
    if (c == 'u') {
        return take_unicode(r, out);
    }
    if (!at) {
        fail(r, "a backslash before what is no escape");
        return 0;
    }
    out[0] = to[at - from];
    return 1;
}

/* Malloc'd and terminated, or NULL with what is wrong. */
static char *take_string(struct reader *r, size_t *len_r)
{
    want(r, '"', "no string where one must be");
    const char *close = r->p;
    while (close < r->end && *close != '"') {
        close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    }
    if (close >= r->end) {
        fail(r, "a string without an end");
    }
    char *out = r->wrong ? NULL : malloc((size_t)(close - r->p) + 1); /* no escape gets longer */
    size_t n = 0;
    while (out && !r->wrong && r->p < close) {
        char c = *r->p++;
        if ((unsigned char)c < 0x20) {
            fail(r, "a control character within a string");
        } else if (c == '\\') {
            n += take_escape(r, out + n);
        } else {
            out[n++] = c;
        }
    }
    if (out && !r->wrong && !shown_is_utf8(out, n)) {
        fail(r, "a string that is no UTF-8");
    }
    if (!out || r->wrong) {
        fail(r, "no memory");
        free(out);
        return NULL;
    }
    r->p = close + 1;
    out[n] = '\0';
    *len_r = n;
    return out;
}

/* ---- numbers and words ---- */

static size_t digits_at(const char *p)
{
    return strspn(p, "0123456789");
}

/* Is it a number as JSON has them? *is_real_r: with a fraction or an exponent. */
static int is_number(const char *p, int *is_real_r)
{
    p += *p == '-';
    size_t n = digits_at(p);
    if (n == 0 || (n > 1 && *p == '0')) {
        return 0;
    }
    p += n;
    *is_real_r = *p == '.' || *p == 'e' || *p == 'E';
    if (*p == '.') {
        n = digits_at(++p);
        p += n;
        if (n == 0) {
            return 0;
        }
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        n = digits_at(p);
        p += n;
        if (n == 0) {
            return 0;
        }
    }
    return *p == '\0';
}

/* An integer that has no room in 64 bits is a number with a fraction, as in SQL. */
static void put_number(struct sql_member *m, const char *text, int is_real)
{
    char *end;
    errno = 0;
    m->kind = SQL_INTEGER;
    m->integer = is_real ? 0 : strtoll(text, &end, 10);
    if (is_real || errno == ERANGE) {
        m->kind = SQL_REAL;
        m->real = strtod(text, &end); /* what is too large is infinite, as it is written out */
    }
}

static void take_word(struct reader *r, struct sql_member *m)
{
    char word[NUMBER_MAX];
    size_t n = 0;
    int is_real = 0;
    while (r->p < r->end && *r->p && !strchr(" \t\r\n,}", *r->p) && n < sizeof(word) - 1) {
        word[n++] = *r->p++;
    }
    word[n] = '\0';
    m->kind = SQL_INTEGER;
    m->integer = strcmp(word, "true") == 0;
    if (strcmp(word, "null") == 0) {
        m->kind = SQL_NULL;
    } else if (is_number(word, &is_real)) {
        put_number(m, word, is_real);
    } else if (!m->integer && strcmp(word, "false") != 0) {
        fail(r, *word == '{' || *word == '[' ? "a value that is an object or a list"
                                             : "a value that is none");
    }
}

/* ---- the object ---- */

static struct sql_member *add_member(struct reader *r, struct sql_members *out)
{
    if (out->count == SQL_COLUMNS_MAX) {
        fail(r, "more members than a table has columns");
        return NULL;
    }
    if ((out->count & (out->count - 1)) == 0) { /* full at powers of two */
        size_t room = out->count ? 2 * (size_t)out->count : 1;
        struct sql_member *list = realloc(out->list, room * sizeof(*list));
        if (!list) {
            fail(r, "no memory");
            return NULL;
        }
        out->list = list;
    }
    struct sql_member *m = &out->list[out->count++];
    *m = (struct sql_member){0};
    return m;
}

static void take_member(struct reader *r, struct sql_members *out)
{
    struct sql_member *m = add_member(r, out);
    size_t len = 0;
    if (!m) {
        return;
    }
    m->name = take_string(r, &len);
    if (m->name && strlen(m->name) != len) {
        fail(r, "a name with a zero byte");
    }
    want(r, ':', "no colon behind a name");
    skip_blank(r);
    if (r->wrong) {
        return;
    }
    if (peek(r) == '"') {
        m->kind = SQL_STRING;
        m->text = take_string(r, &m->len);
    } else {
        take_word(r, m);
    }
}

const char *sql_json_parse(const char *text, size_t len, struct sql_members *out)
{
    struct reader r = {text, text + len, NULL};
    *out = (struct sql_members){0};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        r.p += 3; /* a byte order mark, as editors of Windows write it */
    }
    want(&r, '{', "it does not begin with {");
    skip_blank(&r);
    int goes_on = !r.wrong && peek(&r) != '}';
    while (goes_on && !r.wrong) {
        take_member(&r, out);
        skip_blank(&r);
        goes_on = peek(&r) == ',';
        r.p += goes_on;
    }
    if (!r.wrong) {
        want(&r, '}', "no } at the end");
        skip_blank(&r);
    }
    if (!r.wrong && r.p < r.end) {
        fail(&r, "something behind the }");
    }
    return r.wrong;
}

void sql_members_fini(struct sql_members *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        free(m->list[i].name);
        free(m->list[i].text);
    }
    free(m->list);
    *m = (struct sql_members){0};
}

int sql_base64_decode(char *text, size_t *len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t out = 0;
    size_t in = *len;
    if (in % 4 != 0) {
        return 0;
    }
    in -= in && text[in - 1] == '=';
    in -= in && *len - in == 1 && text[in - 1] == '=';
    uint32_t bits = 0;
    for (size_t i = 0; i < in; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)(at - digits);
        if (i % 4) { /* 4 characters make 3 bytes */
            text[out++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *len = out;
    text[out] = '\0';
    return 1;
}
