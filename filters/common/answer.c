/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *answer_is(const struct smbkit_control *a, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(a->command, word, len) != 0 || (a->command[len] != ' ' && a->command[len])) {
        return NULL;
    }
    return a->command + len + (a->command[len] == ' ');
}

struct answer_text answer_begin(struct smbkit_control *a)
{
    return (struct answer_text){.a = a};
}

static void put_args(struct answer_text *t, const char *fmt, va_list ap)
{
    struct smbkit_buffer *b = &t->a->text;
    size_t room = t->len < b->cap ? b->cap - t->len : 0;
    int n = vsnprintf(room ? (char *)b->base + t->len : NULL, room, fmt, ap);
    t->len += n > 0 ? (size_t)n : 0;
}

void answer_put(struct answer_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_args(t, fmt, ap);
    va_end(ap);
}

/* Bytes of the character of UTF-8 at s, which goes to *c_r; 0: it is none, or a surrogate. */
static size_t char_get(const unsigned char *s, uint32_t *c_r)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    uint32_t c = n < 2 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    *c_r = c;
    return n > 1 && (c < least[n] || c > 0x10ffff || (c & 0xfffff800) == 0xd800) ? 0 : n;
}

/* What steers a terminal, or ends a line for some programs. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e);
}

/* One character as it stands in a string of JSON; bytes of it that were read. */
static size_t json_char(const char *s, char out[8])
{
    uint32_t c;
    size_t n = char_get((const unsigned char *)s, &c);
    if (n == 0) {
        snprintf(out, 8, "?");
        return 1;
    }
    if (is_hidden(c)) {
        snprintf(out, 8, "\\u%04x", (unsigned)(c & 0xffff));
    } else if (c == '"' || c == '\\') {
        snprintf(out, 8, "\\%c", (char)c);
    } else {
        snprintf(out, 8, "%.*s", (int)n, s);
    }
    return n;
}

size_t answer_json_string(const char *text, char *buf, size_t size)
{
    size_t n = 0;
    char one[8];
    buf[n++] = '"';
    while (*text) {
        text += json_char(text, one);
        size_t len = strlen(one);
        if (n + len + 2 > size) {
            break;
        }
        memcpy(buf + n, one, len);
        n += len;
    }
    buf[n++] = '"';
    buf[n] = '\0';
    return n;
}

void answer_put_json(struct answer_text *t, const char *text)
{
    char one[8];
    answer_put(t, "\"");
    while (*text) {
        text += json_char(text, one);
        answer_put(t, "%s", one);
    }
    answer_put(t, "\"");
}

smbkit_status answer_end(struct answer_text *t)
{
    t->a->text.len = (uint32_t)t->len + 1;
    return t->a->text.len > t->a->text.cap ? SMBKIT_STATUS_BUFFER_TOO_SMALL : SMBKIT_STATUS_SUCCESS;
}

smbkit_status answer(struct smbkit_control *a, const char *fmt, ...)
{
    struct answer_text t = answer_begin(a);
    va_list ap;
    va_start(ap, fmt);
    put_args(&t, fmt, ap);
    va_end(ap);
    return answer_end(&t);
}

smbkit_status answer_wrong(struct smbkit_control *a, const char *fmt, ...)
{
    struct answer_text t = answer_begin(a);
    va_list ap;
    va_start(ap, fmt);
    put_args(&t, fmt, ap);
    va_end(ap);
    smbkit_status st = answer_end(&t);
    return SMBKIT_OK(st) ? SMBKIT_STATUS_INVALID_PARAMETER : st;
}
