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

/* Sets of positions in the pattern, as bits: which the name so far leads to, which elements let a
 * character through, and so on. All positions move at once, a word of them at a time. */
#define WORD 64

typedef uint64_t word;

/* Which elements are one literal. */
struct literal {
    uint32_t cp;
    word *at;
};

struct wildcard {
    bool matches_all;
    bool matches_none; /* too long */
    size_t len;
    size_t words; /* of a set: position len belongs to it */
    word *star;   /* elements that are STAR, and so on */
    word *dos_star;
    word *one;
    word *dos_qm;
    word *dos_dot;
    size_t literal_count;
    struct literal *literals; /* ascending by cp */
    word *pool;               /* the memory of all sets */
};

#define KINDS 5 /* star .. dos_dot */

static void put(word *set, size_t i)
{
    set[i / WORD] |= (word)1 << (i % WORD);
}

/* ---- making ---- */

/* Where cp is, or belongs, among the literals. */
static size_t literal_at(const struct wildcard *w, uint32_t cp)
{
    size_t low = 0;
    size_t high = w->literal_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (w->literals[mid].cp < cp) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static word *literal_set(struct wildcard *w, uint32_t cp)
{
    size_t i = literal_at(w, cp);
    if (i == w->literal_count || w->literals[i].cp != cp) {
        mem_move(&w->literals[i + 1], &w->literals[i],
                 (w->literal_count - i) * sizeof(w->literals[0]));
        w->literals[i] = (struct literal){cp, w->pool + (KINDS + w->literal_count) * w->words};
        w->literal_count++;
    }
    return w->literals[i].at;
}

static word *set_of(struct wildcard *w, uint32_t element)
{
    switch (element) {
    case STAR:
        return w->star;
    case DOS_STAR:
        return w->dos_star;
    case ONE:
        return w->one;
    case DOS_QM:
        return w->dos_qm;
    case DOS_DOT:
        return w->dos_dot;
    default:
        return literal_set(w, element);
    }
}

/* The elements, folded; stars in a row count as one. False: too many. */
static bool decode(const char *pattern, uint32_t out[WILDCARD_PATTERN_MAX], size_t *len_r)
{
    size_t left = str_len(pattern);
    size_t len = 0;
    while (left > 0) {
        uint32_t cp;
        size_t n = decode_folded(pattern, left, &cp);
        pattern += n;
        left -= n;
        if (cp == STAR && len > 0 && out[len - 1] == STAR) {
            continue;
        }
        if (len == WILDCARD_PATTERN_MAX) {
            return false;
        }
        out[len++] = cp;
    }
    *len_r = len;
    return true;
}

static bool make_sets(struct wildcard *w, const uint32_t *elements)
{
    w->words = w->len / WORD + 1;
    w->pool = mem_calloc((KINDS + w->len) * w->words, sizeof(*w->pool));
    w->literals = mem_calloc(w->len, sizeof(*w->literals));
    if (!w->pool || !w->literals) {
        return false;
    }
    word **kinds[KINDS] = {&w->star, &w->dos_star, &w->one, &w->dos_qm, &w->dos_dot};
    for (size_t i = 0; i < KINDS; i++) {
        *kinds[i] = w->pool + i * w->words;
    }
    for (size_t i = 0; i < w->len; i++) {
        put(set_of(w, elements[i]), i);
    }
    return true;
}

struct wildcard *wildcard_new(const char *pattern)
{
    uint32_t elements[WILDCARD_PATTERN_MAX];
    struct wildcard *w = mem_zalloc(sizeof(*w));
    if (!w) {
        return NULL;
    }
    w->matches_all = *pattern == '\0' || str_eq(pattern, "*") || str_eq(pattern, "*.*");
    w->matches_none = !decode(pattern, elements, &w->len);
    if (!w->matches_all && !w->matches_none && !make_sets(w, elements)) {
        wildcard_free(w);
        return NULL;
    }
    return w;
}

void wildcard_free(struct wildcard *w)
{
    if (w) {
        mem_free(w->pool);
        mem_free(w->literals);
        mem_free(w);
    }
}

/* ---- matching ---- */

#define WORDS_MAX (WILDCARD_PATTERN_MAX / WORD + 1)

/* Elements that may match nothing, with next (0: the end of the name) to come, are passed over:
 * from each position, through as many of them as follow in a row. [MS-FSA] 2.1.4.4: DOS_QM gives
 * way to a period and to the end, DOS_DOT to the end. */
static void skip_elements(const struct wildcard *w, word at[WORDS_MAX], uint32_t next)
{
    bool carry = false;
    for (size_t i = 0; i < w->words; i++) {
        word free = w->star[i] | w->dos_star[i];
        free |= next == 0 || next == '.' ? w->dos_qm[i] : 0;
        free |= next == 0 ? w->dos_dot[i] : 0;
        /* Adding a position to a row of free ones carries to the element behind the row, and
         * changes the bits on its way. */
        word sum;
        bool carry1 = __builtin_add_overflow(at[i] & free, free, &sum);
        bool carry2 = __builtin_add_overflow(sum, (word)carry, &sum);
        carry = carry1 || carry2;
        at[i] |= sum ^ free;
    }
}

static const word *literal_find(const struct wildcard *w, uint32_t cp)
{
    size_t i = literal_at(w, cp);
    return i < w->literal_count && w->literals[i].cp == cp ? w->literals[i].at : NULL;
}

/* Take c into account; false: nothing can match any more. DOS_STAR stops before the last period. */
static bool step(const struct wildcard *w, word at[WORDS_MAX], uint32_t c, bool is_last_period)
{
    const word *literal = literal_find(w, c);
    word any = 0;
    word shifted_in = 0;
    skip_elements(w, at, c);
    for (size_t i = 0; i < w->words; i++) {
        word moves = w->one[i] | (c == '.' ? w->dos_dot[i] : w->dos_qm[i]);
        word stays = w->star[i] | (is_last_period ? 0 : w->dos_star[i]);
        moves |= literal ? literal[i] : 0;
        word moving = at[i] & moves;
        at[i] = (at[i] & stays) | moving << 1 | shifted_in;
        shifted_in = moving >> (WORD - 1);
        any |= at[i];
    }
    return any != 0;
}

/* The last period; NULL: none. */
static const char *last_period(const char *name)
{
    const char *found = NULL;
    for (; *name; name++) {
        found = *name == '.' ? name : found;
    }
    return found;
}

bool wildcard_matches(const struct wildcard *w, const char *name)
{
    word at[WORDS_MAX];
    if (w->matches_all || w->matches_none) {
        return w->matches_all;
    }
    mem_zero(at, w->words * sizeof(at[0]));
    at[0] = 1;
    const char *last = last_period(name);
    size_t left = str_len(name);
    while (left > 0) {
        uint32_t c;
        size_t n = decode_folded(name, left, &c);
        if (!step(w, at, c, name == last)) {
            return false;
        }
        name += n;
        left -= n;
    }
    skip_elements(w, at, 0);
    return at[w->len / WORD] >> (w->len % WORD) & 1;
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
