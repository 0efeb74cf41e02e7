/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/wildcard.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

#define STAR '*'
#define ONE '?'
#define DOS_STAR '<'
#define DOS_QM '>'
#define DOS_DOT '"'
#define MALFORMED 0x110000u /* above every code point: a stray byte matches itself only */

static size_t decode_folded(const char *s, size_t left, uint32_t *cp)
{
    size_t n = utf8_decode(s, left, cp);
    if (n == 0) {
        *cp = MALFORMED + (uint8_t)s[0];
        return 1;
    }
    *cp = utf_upcase(*cp);
    return n;
}

/* The pattern as code points and the set of its positions that the name so far leads to. */
struct matcher {
    uint32_t pattern[WILDCARD_PATTERN_MAX];
    size_t len;
    bool at[WILDCARD_PATTERN_MAX + 1];
};

static bool load(struct matcher *m, const char *pattern)
{
    size_t left = str_len(pattern);
    m->len = 0;
    while (left > 0) {
        if (m->len == WILDCARD_PATTERN_MAX) {
            return false;
        }
        size_t n = decode_folded(pattern, left, &m->pattern[m->len++]);
        pattern += n;
        left -= n;
    }
    mem_zero(m->at, m->len + 1);
    m->at[0] = true;
    return true;
}

/* May the pattern's element match nothing, with next (0: the end of the name) to come?
 * [MS-FSA] 2.1.4.4: DOS_QM gives way to a period and to the end, DOS_DOT to the end. */
static bool can_skip(uint32_t element, uint32_t next)
{
    switch (element) {
    case STAR:
    case DOS_STAR:
        return true;
    case DOS_QM:
        return next == 0 || next == '.';
    case DOS_DOT:
        return next == 0;
    default:
        return false;
    }
}

static void skip_elements(struct matcher *m, uint32_t next)
{
    for (size_t i = 0; i < m->len; i++) {
        if (m->at[i] && can_skip(m->pattern[i], next)) {
            m->at[i + 1] = true;
        }
    }
}

/* Stays: the element may match more. DOS_STAR stops before the last period. */
static bool stays(uint32_t element, bool is_last_period)
{
    return element == STAR || (element == DOS_STAR && !is_last_period);
}

static bool moves_on(uint32_t element, uint32_t c)
{
    switch (element) {
    case STAR:
    case DOS_STAR:
        return false;
    case ONE:
        return true;
    case DOS_QM:
        return c != '.';
    case DOS_DOT:
        return c == '.';
    default:
        return element == c;
    }
}

/* Take c into account; false: nothing can match any more. */
static bool step(struct matcher *m, uint32_t c, bool is_last_period)
{
    bool any = false;
    skip_elements(m, c);
    /* From the end, so that what moves to i + 1 is not seen again. */
    m->at[m->len] = false;
    for (size_t i = m->len; i-- > 0;) {
        if (!m->at[i]) {
            continue;
        }
        any = true;
        if (moves_on(m->pattern[i], c)) {
            m->at[i + 1] = true;
        }
        m->at[i] = stays(m->pattern[i], is_last_period);
    }
    return any;
}

static bool has_period(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.') {
            return true;
        }
    }
    return false;
}

bool wildcard_match(const char *pattern, const char *name)
{
    struct matcher m;
    if (*pattern == '\0' || str_eq(pattern, "*") || str_eq(pattern, "*.*")) {
        return true;
    }
    if (!load(&m, pattern)) {
        return false;
    }
    size_t left = str_len(name);
    while (left > 0) {
        uint32_t c;
        size_t n = decode_folded(name, left, &c);
        bool is_last_period = c == '.' && !has_period(name + 1, left - 1);
        if (!step(&m, c, is_last_period)) {
            return false;
        }
        name += n;
        left -= n;
    }
    skip_elements(&m, 0);
    return m.at[m.len];
}

bool wildcard_has_any(const char *pattern)
{
    for (; *pattern; pattern++) {
        switch (*pattern) {
        case STAR:
        case ONE:
        case DOS_STAR:
        case DOS_QM:
        case DOS_DOT:
            return true;
        default:
            break;
        }
    }
    return false;
}
