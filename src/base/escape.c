/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/utf.h"

#define REPLACEMENT 0xfffdu

static const struct {
    uint32_t first;
    uint32_t last;
} unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},        /* controls */
    {0xad, 0xad},     {0x61c, 0x61c},      /* soft hyphen, Arabic letter mark */
    {0x200b, 0x200f}, {0x2028, 0x202e},    /* zero width, marks; separators, embeddings */
    {0x2060, 0x206f}, {0xfeff, 0xfeff},    /* invisible operators, isolates; byte order mark */
    {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},  /* annotations; tags */
    {0xe000, 0xf8ff}, {0xf0000, 0x10ffff}, /* private use: no two see the same */
};

static bool is_unseen(uint32_t cp)
{
    for (size_t i = 0; i < ARRAY_LEN(unseen); i++) {
        if (cp >= unseen[i].first && cp <= unseen[i].last) {
            return true;
        }
    }
    return false;
}

/* The next character of s; what is none is U+FFFD. Returns its bytes. */
static size_t next(const char *s, size_t left, uint32_t *cp)
{
    size_t n = utf8_decode(s, left, cp);
    if (n == 0 || (*cp >= 0xd800 && *cp <= 0xdfff)) {
        *cp = REPLACEMENT;
    }
    return n ? n : 1;
}

static void put_escape(struct wr *w, uint32_t cp)
{
    if (cp < 0x10000) {
        wr_printf(w, "\\u%04x", cp);
    } else {
        wr_printf(w, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
    }
}

/* One character, of len bytes at s. */
static void put_escaped(struct wr *w, const char *s, size_t len, uint32_t cp)
{
    if (cp == REPLACEMENT || is_unseen(cp)) {
        put_escape(w, cp);
        return;
    }
    if (cp == '"' || cp == '\\') {
        wr_u8(w, '\\');
    }
    wr_bytes(w, s, len);
}

void wr_escaped(struct wr *w, const char *s)
{
    size_t n = 0;
    for (size_t left = str_len(s); left > 0; left -= n, s += n) {
        uint32_t cp;
        n = next(s, left, &cp);
        put_escaped(w, s, n, cp);
    }
}

void wr_plain(struct wr *w, const char *s)
{
    size_t n = 0;
    for (size_t left = str_len(s); left > 0; left -= n, s += n) {
        uint32_t cp;
        n = next(s, left, &cp);
        if (cp == REPLACEMENT || is_unseen(cp)) {
            wr_u8(w, '?');
        } else {
            wr_bytes(w, s, n);
        }
    }
}

const char *escape_quote(const char *s, char *buf, uint32_t size)
{
    static const char cut[] = "...\"";
    if (size <= sizeof(cut)) { /* not even the quotes of a cut name */
        return "\"...\"";
    }
    /* Room for what ends it whatever comes: dots, quote and zero. */
    struct wr w = wr_init(buf, size - sizeof(cut));
    size_t n = 0;
    wr_u8(&w, '"');
    size_t whole = wr_pos(&w);
    for (size_t left = s ? str_len(s) : 0; left > 0 && wr_ok(&w); left -= n, s += n) {
        uint32_t cp;
        n = next(s, left, &cp);
        put_escaped(&w, s, n, cp);
        whole = wr_ok(&w) ? wr_pos(&w) : whole;
    }
    str_copy(buf + whole, size - whole, wr_ok(&w) ? "\"" : cut);
    return buf;
}

struct escape_field quoted(const char *s)
{
    struct escape_field f;
    escape_quote(s, f.text, sizeof(f.text));
    return f;
}
