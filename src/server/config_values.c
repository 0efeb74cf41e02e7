/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_values.h"

#include "base/mem.h"
#include "base/str.h"
#include "server/config.h"

bool value_refuse(char err[256], const char *text)
{
    str_copy(err, 256, text);
    return false;
}

bool value_text(char **slot, const char *value, char err[256])
{
    return config_set_string(slot, value) || value_refuse(err, "out of memory");
}

bool value_bool(bool *slot, const char *value, char err[256])
{
    return str_to_bool(value, slot) || value_refuse(err, "expected yes or no");
}

bool value_number(unsigned *slot, const char *value, unsigned min, unsigned max, char err[256])
{
    uint64_t n = 0;
    if (!str_to_u64(value, max, &n) || n < min) {
        str_format(err, 256, "expected a number from %u to %u", min, max);
        return false;
    }
    *slot = (unsigned)n;
    return true;
}

static const char *word_text_at(const void *words, size_t i)
{
    return ((const struct value_word *)words)[i].text;
}

bool value_choose(const struct value_word *words, const char *value, int *out, char err[256])
{
    const char *meant = closest_word(value, word_text_at, words);
    str_copy(err, 256, "expected one of");
    for (const struct value_word *w = words; w->text; w++) {
        if (str_ieq(w->text, value)) {
            *out = w->value;
            return true;
        }
        size_t n = str_len(err);
        str_format(err + n, 256 - n, "%s %s", w == words ? "" : ",", w->text);
    }
    if (meant) {
        size_t n = str_len(err);
        str_format(err + n, 256 - n, "; did you mean \"%s\"?", meant);
    }
    return false;
}

bool value_each_word(const char *value, bool (*fn)(void *arg, const char *word), void *arg)
{
    while (*value) {
        size_t len = 0;
        while (value[len] && value[len] != ' ' && value[len] != '\t' && value[len] != ',') {
            len++;
        }
        if (len > 0) {
            CLEANUP_MEM char *word = str_ndup(value, len);
            if (!word || !fn(arg, word)) {
                return false;
            }
        }
        value += len;
        value += *value != '\0';
    }
    return true;
}
