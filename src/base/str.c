/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define DISTANCE_LEN_MAX 63u /* str_distance: bytes a string, so that a row fits on the stack */

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

size_t str_len(const char *s)
{
    return strlen(s);
}

bool str_eq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool str_ieq(const char *a, const char *b)
{
    while (*a && ascii_lower(*a) == ascii_lower(*b)) {
        a++;
        b++;
    }
    return ascii_lower(*a) == ascii_lower(*b);
}

bool str_has_char(const char *s, char c)
{
    while (*s && *s != c) {
        s++;
    }
    return c && *s == c;
}

bool str_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
    size_t len = strlen(s);
    size_t of = strlen(suffix);
    return len >= of && strcmp(s + len - of, suffix) == 0;
}

char *str_dup(const char *s)
{
    return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *str_ndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = mem_alloc(len + 1);
    if (copy) {
        mem_copy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}

char *str_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = len < 0 ? NULL : mem_alloc((size_t)len + 1);
    if (s) {
        va_start(ap, fmt);
        vsnprintf(s, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    return s;
}

bool str_vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
    ASSERT(size >= 1);
    int len = vsnprintf(buf, size, fmt, ap);
    if (len < 0) {
        buf[0] = '\0';
        return false;
    }
    return (size_t)len < size;
}

bool str_format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool fits = str_vformat(buf, size, fmt, ap);
    va_end(ap);
    return fits;
}

bool str_copy(char *buf, size_t size, const char *s)
{
    ASSERT(size >= 1);
    size_t len = strlen(s);
    size_t n = MIN(len, size - 1);
    mem_copy(buf, s, n);
    buf[n] = '\0';
    return n == len;
}

static int digit_value(char c, unsigned radix)
{
    char lower = ascii_lower(c);
    int v = -1;
    if (lower >= '0' && lower <= '9') {
        v = lower - '0';
    } else if (lower >= 'a' && lower <= 'f') {
        v = lower - 'a' + 10;
    }
    return v >= 0 && (unsigned)v < radix ? v : -1;
}

/* The digits at s; NULL when there are none or the number does not fit, else where they end. */
static const char *digits_parse(const char *s, unsigned radix, uint64_t *out)
{
    uint64_t n = 0;
    const char *p = s;
    for (; digit_value(*p, radix) >= 0; p++) {
        if (__builtin_mul_overflow(n, (uint64_t)radix, &n) ||
            __builtin_add_overflow(n, (uint64_t)digit_value(*p, radix), &n)) {
            return NULL;
        }
    }
    *out = n;
    return p == s ? NULL : p;
}

bool str_to_u64(const char *s, uint64_t max, uint64_t *out)
{
    uint64_t n;
    bool hex = s[0] == '0' && ascii_lower(s[1]) == 'x';
    const char *end = hex ? digits_parse(s + 2, 16, &n) : digits_parse(s, 10, &n);
    if (!end || *end || n > max) {
        return false;
    }
    *out = n;
    return true;
}

bool str_to_size(const char *s, uint64_t *out_bytes)
{
    static const char units[] = "kmgt";
    uint64_t n;
    const char *p = digits_parse(s, 10, &n);
    if (!p) {
        return false;
    }
    const char *unit = *p ? strchr(units, ascii_lower(*p)) : NULL;
    if (unit) {
        p++;
        if (ascii_lower(p[0]) == 'i' && ascii_lower(p[1]) == 'b') {
            p++;
        }
    }
    if (ascii_lower(*p) == 'b') {
        p++;
    }
    uint64_t scale = unit ? 1ull << (10 * (unit - units + 1)) : 1;
    return !*p && !__builtin_mul_overflow(n, scale, out_bytes);
}

bool str_to_ms(const char *s, uint64_t *out_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    uint64_t n;
    const char *p = digits_parse(s, 10, &n);
    for (size_t i = 0; p && i < ARRAY_LEN(units); i++) {
        if (str_ieq(p, units[i].unit)) {
            return !__builtin_mul_overflow(n, units[i].ms, out_ms);
        }
    }
    return false;
}

bool str_to_bool(const char *s, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"yes", true}, {"true", true},   {"on", true},   {"1", true},
        {"no", false}, {"false", false}, {"off", false}, {"0", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_ieq(s, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static bool is_same_letter(char a, char b)
{
    return ascii_lower(a) == ascii_lower(b);
}

unsigned str_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    unsigned rows[3][DISTANCE_LEN_MAX + 1];
    if (a_len > DISTANCE_LEN_MAX || b_len > DISTANCE_LEN_MAX) {
        return DISTANCE_LEN_MAX + 1;
    }
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = (unsigned)j;
    }
    /* rows[i % 3][j]: the distance between a[0..i) and b[0..j) */
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *one = rows[(i + 2) % 3]; /* one letter of a before */
        const unsigned *two = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] =
                MIN(one[j - 1] + !is_same_letter(a[i - 1], b[j - 1]), MIN(one[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
                is_same_letter(a[i - 2], b[j - 1])) {
                row[j] = MIN(row[j], two[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

const char *closest_word(const char *word, const char *(*next)(const void *arg, size_t i),
                         const void *arg)
{
    /* A third of the letters may be wrong, two at least in words of four letters and more. */
    size_t len = str_len(word);
    unsigned best = (unsigned)MAX(len / 3, len >= 4 ? 2u : 1u) + 1;
    const char *found = NULL;
    for (size_t i = 0; next(arg, i); i++) {
        unsigned d = str_distance(word, next(arg, i));
        if (d < best) {
            best = d;
            found = next(arg, i);
        }
    }
    return found;
}
