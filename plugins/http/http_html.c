/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of links. What matters of HTML is <a href=...>, comments, and character references in
 * the link; anything else is text or a tag to be passed over. It never fails: what is not
 * understood names nothing. */
#include "http_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "web.h"

#define TAIL_MAX 512u      /* bytes behind a link, without tags, in which its time and size stand */
#define TAIL_SEEN_MAX 4096 /* and with them, for the page to be read in one go */

struct text {
    const char *at;
    const char *end;
};

static bool begins(const struct text *t, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(t->end - t->at) >= n && strncasecmp(t->at, what, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Behind the next what, or at the end. */
static void pass(struct text *t, const char *what)
{
    while (t->at < t->end && !begins(t, what)) {
        t->at++;
    }
    t->at += t->at < t->end ? strlen(what) : 0;
}

/* ---- character references ---- */

static size_t utf8_put(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    size_t n = c < 0x10000 ? 3 : 4;
    to[0] = (char)(n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
    for (size_t i = 1; i < n; i++) {
        to[i] = (char)(0x80 | ((c >> (6 * (n - 1 - i))) & 0x3f));
    }
    return n;
}

/* "&amp;" and its like at text: how long it is, and what it says; 0: it is none. */
static size_t reference(const char *text, const char *end, char to[4], size_t *n_r)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        size_t len = strlen(named[i].name);
        if ((size_t)(end - text) >= len && strncmp(text, named[i].name, len) == 0) {
            to[0] = named[i].c;
            *n_r = 1;
            return len;
        }
    }
    if (end - text < 4 || text[1] != '#') {
        return 0;
    }
    bool is_hex = (text[2] | 0x20) == 'x';
    uint32_t c = 0;
    const char *p = text + (is_hex ? 3 : 2);
    for (; p < end && *p != ';' && p - text < 12; p++) {
        int digit = *p >= '0' && *p <= '9'                               ? *p - '0'
                    : is_hex && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'f' ? (*p | 0x20) - 'a' + 10
                                                                         : -1;
        if (digit < 0 || c > 0x10ffff) {
            return 0;
        }
        c = c * (is_hex ? 16 : 10) + (uint32_t)digit;
    }
    if (p >= end || *p != ';' || c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return 0;
    }
    *n_r = utf8_put(c, to);
    return (size_t)(p - text) + 1;
}

/* The value of an attribute, its references replaced. False: too long, or with a byte 0. */
static bool value_take(const char *from, const char *end, char *to, size_t room)
{
    size_t n = 0;
    while (from < end) {
        char piece[4] = {*from};
        size_t piece_len = 1;
        size_t used = *from == '&' ? reference(from, end, piece, &piece_len) : 0;
        from += used ? used : 1;
        if (!used) {
            piece_len = 1;
        }
        if (piece[0] == 0 || n + piece_len >= room) {
            return false;
        }
        memcpy(to + n, piece, piece_len);
        n += piece_len;
    }
    to[n] = 0;
    return true;
}

/* ---- tags ---- */

/* The next attribute of a tag: its name and its value. False: there is none, and t is behind the
 * tag. */
static bool attribute(struct text *t, struct text *name, struct text *value)
{
    while (t->at < t->end && (is_blank(*t->at) || *t->at == '/')) {
        t->at++;
    }
    if (t->at == t->end || *t->at == '>') {
        t->at += t->at < t->end;
        return false;
    }
    name->at = t->at++;
    while (t->at < t->end && !is_blank(*t->at) && !strchr("=>", *t->at)) {
        t->at++;
    }
    name->end = t->at;
    while (t->at < t->end && is_blank(*t->at)) {
        t->at++;
    }
    *value = (struct text){t->at, t->at};
    if (t->at == t->end || *t->at != '=') {
        return true;
    }
    t->at++;
    while (t->at < t->end && is_blank(*t->at)) {
        t->at++;
    }
    char quote = t->at < t->end && (*t->at == '"' || *t->at == '\'') ? *t->at++ : 0;
    value->at = t->at;
    while (t->at < t->end && (quote ? *t->at != quote : !is_blank(*t->at) && *t->at != '>')) {
        t->at++;
    }
    value->end = t->at;
    t->at += quote && t->at < t->end;
    return true;
}

/* t is behind "<a": its href, and t is behind the tag. */
static bool href_take(struct text *t, char *href, size_t room)
{
    struct text name;
    struct text value;
    bool has_href = false;
    while (attribute(t, &name, &value)) {
        if (name.end - name.at == 4 && strncasecmp(name.at, "href", 4) == 0 && !has_href) {
            has_href = value_take(value.at, value.end, href, room);
        }
    }
    return has_href;
}

static bool is_link(const struct text *t)
{
    return begins(t, "<a") && t->end - t->at > 2 && is_blank(t->at[2]);
}

/* ---- what stands behind a link ---- */

/* The text up to the next link or row, without tags. */
static void tail_take(struct text t, char *to, size_t room)
{
    size_t n = 0;
    t.end = t.end - t.at > TAIL_SEEN_MAX ? t.at + TAIL_SEEN_MAX : t.end;
    while (t.at < t.end && !begins(&t, "</a>") && !is_link(&t)) {
        t.at++; /* a page of links that do not end is not read anew for each */
    }
    if (begins(&t, "</a>")) {
        pass(&t, ">");
    }
    while (t.at < t.end && n + 1 < room && !is_link(&t) && !begins(&t, "</tr") &&
           !begins(&t, "<li")) {
        if (*t.at == '<') {
            pass(&t, ">");
            to[n++] = ' ';
        } else {
            to[n++] = is_blank(*t.at) || *t.at == 0 ? ' ' : *t.at;
            t.at++;
        }
    }
    to[n] = 0;
}

static int month_of(const char *name)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12; i++) {
        if (strncasecmp(name, names + i * 3, 3) == 0) {
            return i;
        }
    }
    return -1;
}

/* A date at text, of nginx, Apache or lighttpd: how long it is; 0: there is none. */
static int date_take(const char *text, struct tm *tm)
{
    char month[4];
    int len = 0;
    *tm = (struct tm){0};
    if (sscanf(text, "%2d-%3[A-Za-z]-%4d %2d:%2d%n", &tm->tm_mday, month, &tm->tm_year,
               &tm->tm_hour, &tm->tm_min, &len) == 5 &&
        len > 0) {
        tm->tm_mon = month_of(month);
    } else if (sscanf(text, "%4d-%2d-%2d %2d:%2d%n", &tm->tm_year, &tm->tm_mon, &tm->tm_mday,
                      &tm->tm_hour, &tm->tm_min, &len) == 5 &&
               len > 0) {
        tm->tm_mon--;
    } else if (sscanf(text, "%4d-%3[A-Za-z]-%2d %2d:%2d%n", &tm->tm_year, month, &tm->tm_mday,
                      &tm->tm_hour, &tm->tm_min, &len) == 5 &&
               len > 0) {
        tm->tm_mon = month_of(month);
    } else {
        return 0;
    }
    tm->tm_year -= 1900;
    bool is_date = tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
                   tm->tm_year >= 70 && tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 &&
                   tm->tm_min < 60;
    return is_date ? len : 0;
}

/* Digits alone are bytes; "1.2K" is not exact. */
static void size_take(const char *text, struct http_item *item)
{
    uint64_t n = 0;
    text += strspn(text, " ");
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 18 || (text[len] && text[len] != ' ')) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    item->has_size = true;
    item->size = n;
}

static void about_take(const struct text *t, struct http_item *item)
{
    char tail[TAIL_MAX];
    struct tm tm;
    tail_take(*t, tail, sizeof(tail));
    for (const char *p = tail; *p; p++) {
        bool may_begin = *p >= '0' && *p <= '9' && (p == tail || p[-1] == ' ');
        int len = may_begin ? date_take(p, &tm) : 0;
        if (len == 0) {
            continue;
        }
        item->time = web_time_from_unix(timegm(&tm));
        item->is_coarse = true;
        p += len;
        if (!item->is_folder) {
            size_take(p + (*p == ':' ? strspn(p, ":0123456789") : 0), item);
        }
        return;
    }
}

void http_html_parse(const char *base, const char *text, size_t text_len, struct http_index *x)
{
    struct text t = {text, text + text_len};
    char href[HTTP_URL_MAX];
    while (t.at < t.end) {
        if (begins(&t, "<!--")) {
            pass(&t, "-->");
            continue;
        }
        bool is_one = is_link(&t);
        t.at += is_one ? 2 : 1;
        struct http_item item;
        if (is_one && href_take(&t, href, sizeof(href)) && http_item_of_href(base, href, &item)) {
            about_take(&t, &item);
            http_index_add(x, &item);
        }
    }
}
