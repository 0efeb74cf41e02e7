/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/plugin_args.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define VALUE_SHOWN_MAX 60 /* bytes of a word of the user's in a message */
#define NOT_TAKEN (-1)
#define VALUES_MAX 65536u /* bytes of a struct of values: an offset beyond is a slip */
#define MEMBER_ALIGN 4u   /* the least of any member, on every machine */
#define LOG_MODULE LOG_PLUGIN

/* The rows of a plugin, which may be longer or shorter than ours. */
struct rows {
    const struct smbkit_param *first;
    size_t size; /* bytes of one */
};

static struct smbkit_param row_at(const struct rows *rows, size_t i)
{
    struct smbkit_param row = {0};
    mem_copy(&row, (const char *)rows->first + i * rows->size, MIN(rows->size, sizeof(row)));
    return row;
}

static const char *key_at(const void *rows, size_t i)
{
    return row_at(rows, i).key;
}

static const char *word_at(const void *words, size_t i)
{
    return ((const char *const *)words)[i];
}

/* ---- messages ---- */

struct text {
    char *buf;
    size_t size;
    size_t len;
};

static void PRINTF_LIKE(2, 3) say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vformat(t->buf + t->len, t->size - t->len, fmt, ap);
    va_end(ap);
    t->len += str_len(t->buf + t->len);
}

#define LIST_SHORT 8 /* words of a list behind a good guess */

/* A list that is cut, being longer than max words or than the message, says so. */
static void say_list(struct text *t, const char *(*next)(const void *arg, size_t i),
                     const void *arg, size_t max)
{
    static const char rest[] = ", ...";
    for (size_t i = 0; next(arg, i); i++) {
        const char *before = i == 0 ? "" : next(arg, i + 1) ? ", " : " or ";
        if (i == max || t->len + str_len(before) + str_len(next(arg, i)) + sizeof(rest) > t->size) {
            say(t, "%s", rest);
            return;
        }
        say(t, "%s%s", before, next(arg, i));
    }
}

/* A guess, if there is a good one. Returns how many words of the list are to follow. */
static size_t say_meant(struct text *t, const char *word,
                        const char *(*next)(const void *arg, size_t i), const void *arg)
{
    const char *meant = closest_word(word, next, arg);
    if (!meant) {
        return SIZE_MAX;
    }
    say(t, "did you mean \"%s\"? ", meant);
    return LIST_SHORT;
}

static void say_size(struct text *t, uint64_t n)
{
    static const char units[] = "KMGT";
    size_t at = 0;
    while (at < sizeof(units) - 1 && n > 0 && n % 1024 == 0) {
        n /= 1024;
        at++;
    }
    say(t, "%llu%.*s", (unsigned long long)n, at > 0, units + (at > 0 ? at - 1 : 0));
}

static void say_ms(struct text *t, uint64_t n)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (n == 0 ? i + 1 < ARRAY_LEN(units) : n % units[i].ms != 0) {
        i++;
    }
    say(t, "%llu%s", (unsigned long long)(n / units[i].ms), units[i].unit);
}

static void say_plain(struct text *t, uint64_t n)
{
    say(t, "%llu", (unsigned long long)n);
}

/* "from 1 to 4M", as far as there are bounds. */
static void say_bounds(struct text *t, const struct smbkit_param *p)
{
    void (*number)(struct text * t, uint64_t n) = p->kind == SMBKIT_PARAM_MS     ? say_ms
                                                  : p->kind == SMBKIT_PARAM_SIZE ? say_size
                                                                                 : say_plain;
    if (p->min > 0) {
        say(t, " from ");
        number(t, p->min);
        say(t, "%s", p->max > 0 ? "" : " on");
    }
    if (p->max > 0) {
        say(t, "%s", p->min > 0 ? " to " : " up to ");
        number(t, p->max);
    }
}

/* What the value of a key can be, if it is none of a list. */
static void say_allowed(struct text *t, const struct smbkit_param *p)
{
    static const char *const kinds[] = {
        [SMBKIT_PARAM_TEXT] = "text, bytes",
        [SMBKIT_PARAM_FLAG] = "yes or no",
        [SMBKIT_PARAM_NUMBER] = "a number",
        [SMBKIT_PARAM_SIZE] = "a number such as 500, 64K, 20M or 1G",
        [SMBKIT_PARAM_MS] = "a time such as 250ms, 2s, 5m or 1h",
    };
    say(t, "it is %s", kinds[p->kind]);
    say_bounds(t, p);
}

static void refuse_value(struct text *t, const struct smbkit_param *p, const char *value)
{
    say(t, "%s=%.*s: ", p->key, VALUE_SHOWN_MAX, value);
    if (p->kind == SMBKIT_PARAM_CHOICE) {
        size_t max = say_meant(t, value, word_at, p->words);
        say(t, "it is ");
        say_list(t, word_at, p->words, max);
        return;
    }
    say_allowed(t, p);
}

static void refuse_key(struct text *t, const struct rows *rows, const char *key)
{
    if (!rows->first->key) {
        say(t, "there is no argument \"%.*s\"; it takes none", VALUE_SHOWN_MAX, key);
        return;
    }
    say(t, "there is no argument \"%.*s\"; ", VALUE_SHOWN_MAX, key);
    size_t max = say_meant(t, key, key_at, rows);
    say(t, "there is ");
    say_list(t, key_at, rows, max);
}

static struct text message(const struct smbkit_volume_args *args)
{
    ASSERT(args->error_size > 0);
    args->error[0] = '\0';
    return (struct text){.buf = args->error, .size = args->error_size};
}

/* ---- values ---- */

static bool in_bounds(const struct smbkit_param *p, uint64_t n)
{
    return n >= p->min && (p->max == 0 || n <= p->max);
}

static bool put_u32(void *at, uint32_t value)
{
    mem_copy(at, &value, sizeof(value));
    return true;
}

static bool take_flag(const struct smbkit_param *p, const char *value, void *at)
{
    bool is_set;
    (void)p;
    return str_to_bool(value, &is_set) && put_u32(at, is_set);
}

static bool take_choice(const struct smbkit_param *p, const char *value, void *at)
{
    for (uint32_t i = 0; p->words[i]; i++) {
        if (str_ieq(p->words[i], value)) {
            return put_u32(at, i);
        }
    }
    return false;
}

static bool take_text(const struct smbkit_param *p, const char *value, void *at)
{
    mem_copy(at, &value, sizeof(value));
    return in_bounds(p, str_len(value));
}

static bool take_number(const struct smbkit_param *p, const char *value, void *at)
{
    uint64_t n = 0;
    bool ok = p->kind == SMBKIT_PARAM_MS     ? str_to_ms(value, &n)
              : p->kind == SMBKIT_PARAM_SIZE ? str_to_size(value, &n)
                                             : str_to_u64(value, UINT64_MAX, &n);
    if (!ok || !in_bounds(p, n)) {
        return false;
    }
    mem_copy(at, &n, sizeof(n));
    return true;
}

static bool (*const takers[])(const struct smbkit_param *p, const char *value, void *at) = {
    [SMBKIT_PARAM_TEXT] = take_text,     [SMBKIT_PARAM_FLAG] = take_flag,
    [SMBKIT_PARAM_NUMBER] = take_number, [SMBKIT_PARAM_SIZE] = take_number,
    [SMBKIT_PARAM_MS] = take_number,     [SMBKIT_PARAM_CHOICE] = take_choice,
};

/* ---- slips of a plugin's author ---- */

/* Bytes of the member that a value goes to, by its kind. */
static const uint32_t member_sizes[] = {
    [SMBKIT_PARAM_TEXT] = sizeof(const char *), [SMBKIT_PARAM_FLAG] = sizeof(uint32_t),
    [SMBKIT_PARAM_NUMBER] = sizeof(uint64_t),   [SMBKIT_PARAM_SIZE] = sizeof(uint64_t),
    [SMBKIT_PARAM_MS] = sizeof(uint64_t),       [SMBKIT_PARAM_CHOICE] = sizeof(uint32_t),
};

/* NULL: a sound row, as far as can be seen: the size of the struct is not told. */
static const char *row_slip(const struct smbkit_param *p)
{
    if (p->kind >= ARRAY_LEN(takers)) {
        return "the plugin wants a kind of argument that this server does not know";
    }
    if (p->kind == SMBKIT_PARAM_CHOICE && !p->words) {
        return "the plugin's table has no words for it";
    }
    if (p->offset % MEMBER_ALIGN != 0 || p->offset >= VALUES_MAX) {
        return "the plugin's table has an offset for it at which no member lies";
    }
    return NULL;
}

/* Do the members of two sound rows lie in each other? Two keys may mean one member. */
static bool do_overlap(const struct smbkit_param *a, const struct smbkit_param *b)
{
    if (a->offset == b->offset && a->kind == b->kind) {
        return false;
    }
    return a->offset < b->offset + member_sizes[b->kind] &&
           b->offset < a->offset + member_sizes[a->kind];
}

static bool check_row(struct text *t, const struct rows *rows, size_t at)
{
    const struct smbkit_param p = row_at(rows, at);
    const char *slip = row_slip(&p);
    if (slip) {
        say(t, "%s: %s", p.key, slip);
        return false;
    }
    for (size_t i = 0; i < at; i++) {
        const struct smbkit_param before = row_at(rows, i);
        if (do_overlap(&before, &p)) {
            say(t, "%s: the plugin's table puts it where \"%s\" lies", p.key, before.key);
            return false;
        }
    }
    return true;
}

static bool check_rows(const struct smbkit_volume_args *args, const struct rows *rows,
                       const void *values)
{
    struct text t = message(args);
    if (!values && key_at(rows, 0)) {
        say(&t, "the plugin has no place for the values of its arguments");
        return false;
    }
    for (size_t i = 0; key_at(rows, i); i++) {
        if (!check_row(&t, rows, i)) {
            return false;
        }
    }
    return true;
}

/* A plugin that has no table takes no arguments. */
static struct rows rows_of(const struct smbkit_param *params, uint32_t param_size)
{
    static const struct smbkit_param none = {.key = NULL};
    return params ? (struct rows){.first = params, .size = param_size}
                  : (struct rows){.first = &none, .size = sizeof(none)};
}

/* ---- taking ---- */

static int32_t row_of(const struct rows *rows, const char *key)
{
    for (int32_t i = 0; key_at(rows, (size_t)i); i++) {
        if (str_eq(key_at(rows, (size_t)i), key)) {
            return i;
        }
    }
    return NOT_TAKEN;
}

static int32_t take_one(const struct smbkit_volume_args *args, uint32_t index,
                        const struct rows *rows, void *values)
{
    struct text t = message(args);
    const struct smbkit_arg *arg = &args->args[index];
    int32_t at = row_of(rows, arg->key);
    if (at == NOT_TAKEN) {
        refuse_key(&t, rows, arg->key);
        return NOT_TAKEN;
    }
    const struct smbkit_param p = row_at(rows, (size_t)at);
    if (!takers[p.kind](&p, arg->value, (char *)values + p.offset)) {
        refuse_value(&t, &p, arg->value);
        return NOT_TAKEN;
    }
    return at;
}

int32_t plugin_arg_take(const struct smbkit_volume_args *args, uint32_t index,
                        const struct smbkit_param *params, uint32_t param_size, void *values)
{
    const struct rows rows = rows_of(params, param_size);
    if (!args || index >= args->arg_count) {
        log_error(NULL, "plugin_arg_not_there call=smbkit_arg_take index=%u", index);
        return NOT_TAKEN;
    }
    return check_rows(args, &rows, values) ? take_one(args, index, &rows, values) : NOT_TAKEN;
}

static bool is_given(const struct smbkit_volume_args *args, const char *key)
{
    for (uint32_t i = 0; i < args->arg_count; i++) {
        if (str_eq(args->args[i].key, key)) {
            return true;
        }
    }
    return false;
}

smbkit_status plugin_args_take(const struct smbkit_volume_args *args,
                               const struct smbkit_param *params, uint32_t param_size, void *values)
{
    const struct rows rows = rows_of(params, param_size);
    if (!args) {
        log_error(NULL, "plugin_arg_not_there call=smbkit_args_take");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!check_rows(args, &rows, values)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < args->arg_count; i++) {
        if (take_one(args, i, &rows, values) == NOT_TAKEN) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    for (size_t i = 0; key_at(&rows, i); i++) {
        const struct smbkit_param p = row_at(&rows, i);
        if ((p.flags & SMBKIT_PARAM_REQUIRED) && !is_given(args, p.key)) {
            struct text t = message(args);
            say(&t, "%s= is missing", p.key);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}
