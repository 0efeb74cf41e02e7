/* SPDX-License-Identifier: Apache-2.0 */
#include "server/args.h"

#include "base/mem.h"
#include "base/str.h"
#include "server/problems.h"

struct args args_init(int argc, char **argv, int first)
{
    return (struct args){.argv = argv, .argc = argc, .pos = first};
}

static const char *option_name_at(const void *arg, size_t i)
{
    const struct arg_option *options = arg;
    return options[i].name;
}

const char *args_meant(const struct arg_option *options, const char *word)
{
    return closest_word(word, option_name_at, options);
}

static int unknown(struct args *a, const struct arg_option *options, const char *name)
{
    const char *meant = args_meant(options, name);
    if (meant) {
        str_format(a->err, sizeof(a->err), "unknown option --%s; did you mean --%s?", name, meant);
    } else {
        str_format(a->err, sizeof(a->err), "unknown option --%s", name);
    }
    return ARGS_ERROR;
}

static int take_value(struct args *a, const struct arg_option *o, const char *after_equals)
{
    a->value = after_equals;
    if (!o->takes_value && after_equals) {
        str_format(a->err, sizeof(a->err), "--%s takes no value", o->name);
        return ARGS_ERROR;
    }
    if (o->takes_value && !after_equals) {
        if (a->pos == a->argc) {
            str_format(a->err, sizeof(a->err), "--%s needs a value", o->name);
            return ARGS_ERROR;
        }
        a->value = a->argv[a->pos++];
    }
    return o->id;
}

static int take_option(struct args *a, const struct arg_option *options, const char *word)
{
    char name[64];
    size_t n = 0;
    while (word[n] && word[n] != '=') {
        n++;
    }
    const char *value = word[n] == '=' ? word + n + 1 : NULL;
    n = MIN(n, sizeof(name) - 1);
    mem_copy(name, word, n);
    name[n] = '\0';
    for (const struct arg_option *o = options; o->name; o++) {
        if (str_eq(o->name, name)) {
            return take_value(a, o, value);
        }
    }
    return unknown(a, options, name);
}

int args_next(struct args *a, const struct arg_option *options)
{
    if (a->pos == a->argc) {
        return ARGS_END;
    }
    const char *word = a->argv[a->pos++];
    if (a->only_words || word[0] != '-' || word[1] == '\0') {
        a->value = word;
        return ARGS_WORD;
    }
    if (str_eq(word, "--")) {
        a->only_words = true;
        return args_next(a, options);
    }
    if (word[1] != '-') {
        str_format(a->err, sizeof(a->err), "unknown option %s; options begin with two hyphens",
                   word);
        return ARGS_ERROR;
    }
    return take_option(a, options, word + 2);
}
