/* SPDX-License-Identifier: Apache-2.0 */
/* error: makes operations fail on purpose, so that what happens then can be tested. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smbkit/filter.h>

#define RULES_MAX 16u /* in one filter; filters can be stacked */
#define ANY_OP SMBKIT_OP_COUNT

#define OP_NAME(kind, name, type) #name,
static const char *const op_names[] = {SMBKIT_OPERATIONS(OP_NAME) "any", NULL};

#define STATUS_NAME(name, value) #name,
#define STATUS_VALUE(name, value) (smbkit_status)(value),
static const char *const status_names[] = {SMBKIT_STATUS_TABLE(STATUS_NAME) NULL};
static const smbkit_status statuses[] = {SMBKIT_STATUS_TABLE(STATUS_VALUE)};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

/* As status= takes them: first what may be answered, which is told to who writes another. */
struct status_words {
    const char *names[STATUS_COUNT + 1];
    smbkit_status values[STATUS_COUNT];
};

/* Which calls of an operation fail, and how. */
struct rule {
    /* immutable after volume_open */
    uint32_t op;
    uint32_t status; /* which of the words */
    uint64_t nth;    /* the first that fails, from 1 */
    uint64_t count;  /* how many fail; 0: all from there on */
    uint64_t every;  /* of those from the nth on, each such; 1: each */
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t failed;
};

struct error {
    struct smbkit_next *next;
    uint32_t rule_count;
    struct rule rules[RULES_MAX];
    struct status_words words; /* immutable after volume_open */
};

static bool is_about(const struct rule *rule, uint32_t op)
{
    return rule->op == op || rule->op == ANY_OP;
}

/* Count one call; does it fail? The counters stand alone, so no order between threads is needed. */
static bool rule_fires(struct rule *rule)
{
    uint64_t n = atomic_fetch_add_explicit(&rule->calls, 1, memory_order_relaxed) + 1;
    if (n < rule->nth || (n - rule->nth) % rule->every != 0) {
        return false;
    }
    uint64_t failed = atomic_fetch_add_explicit(&rule->failed, 1, memory_order_relaxed) + 1;
    return rule->count == 0 || failed <= rule->count;
}

static smbkit_status error_before(struct error *e, uint32_t op)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; i < e->rule_count; i++) {
        struct rule *rule = &e->rules[i];
        if (is_about(rule, op) && rule_fires(rule) && SMBKIT_OK(status)) {
            status = e->words.values[rule->status];
        }
    }
    return status;
}

/* A call that could not be done without waiting will come again: it has not been one yet. */
static smbkit_status error_after(struct error *e, uint32_t op, smbkit_status status)
{
    for (uint32_t i = 0; status == SMBKIT_STATUS_WOULD_BLOCK && i < e->rule_count; i++) {
        if (is_about(&e->rules[i], op)) {
            atomic_fetch_sub_explicit(&e->rules[i].calls, 1, memory_order_relaxed);
        }
    }
    return status;
}

#define OP_WRAP(kind, name, type)                                                                  \
    static smbkit_status error_##name(void *volume, struct smbkit_op *op,                          \
                                      SMBKIT_FILE_PARAM_##kind type *a)                            \
    {                                                                                              \
        struct error *e = volume;                                                                  \
        smbkit_status status = error_before(e, SMBKIT_OP_##name);                                  \
        if (!SMBKIT_OK(status)) {                                                                  \
            return status;                                                                         \
        }                                                                                          \
        return error_after(e, SMBKIT_OP_##name,                                                    \
                           smbkit_next_##name(e->next, op, SMBKIT_FILE_ARG_##kind a));             \
    }
SMBKIT_OPERATIONS(OP_WRAP)

static void error_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(((struct error *)volume)->next, op, file);
}

#define COUNT_UNSET UINT64_MAX /* until the end: 1, or with every 0 */
#define COUNT_MAX UINT32_MAX

#define NUMBER(name, least)                                                                        \
    {                                                                                              \
        .key = #name, .kind = SMBKIT_PARAM_NUMBER, .offset = offsetof(struct rule, name),          \
        .min = (least), .max = COUNT_MAX                                                           \
    }
#define CHOICE(name, list)                                                                         \
    {                                                                                              \
        .key = #name, .kind = SMBKIT_PARAM_CHOICE, .offset = offsetof(struct rule, name),          \
        .words = (list)                                                                            \
    }
static void words_fill(struct status_words *w)
{
    uint32_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < STATUS_COUNT; i++) {
            if (smbkit_status_is_answer(statuses[i]) == (pass == 0)) {
                w->names[n] = status_names[i];
                w->values[n++] = statuses[i];
            }
        }
    }
}

static uint32_t status_index(const struct status_words *w, smbkit_status status)
{
    uint32_t i = 0;
    while (w->values[i] != status) {
        i++;
    }
    return i;
}

static int32_t take(const struct error *e, const struct smbkit_volume_args *args, uint32_t i,
                    struct rule *rule)
{
    const struct smbkit_param params[] = {CHOICE(op, op_names), CHOICE(status, e->words.names),
                                          NUMBER(nth, 1),       NUMBER(every, 1),
                                          NUMBER(count, 0),     {.key = NULL}};
    return smbkit_arg_take(args, i, params, rule);
}

static bool refuse(const struct smbkit_volume_args *args, const char *text)
{
    snprintf(args->error, args->error_size, "%s", text);
    return false;
}

static void begin_rule(struct error *e)
{
    struct rule *rule = &e->rules[e->rule_count++];
    rule->status = status_index(&e->words, SMBKIT_STATUS_IO_DEVICE_ERROR);
    rule->nth = 1;
    rule->count = COUNT_UNSET;
}

/* Every op= begins a rule; what follows is about it. */
static bool parse_arg(struct error *e, const struct smbkit_volume_args *args, uint32_t i)
{
    bool begins = strcmp(args->args[i].key, "op") == 0;
    if (begins && e->rule_count == RULES_MAX) {
        return refuse(args, "more than 16 times op=; filters can be stacked");
    }
    if (begins) {
        begin_rule(e);
    }
    struct rule unused;
    struct rule *rule = e->rule_count > 0 ? &e->rules[e->rule_count - 1] : &unused;
    if (take(e, args, i, rule) < 0) {
        return false;
    }
    if (e->rule_count == 0) {
        return refuse(args, "op= must come first: it begins a rule");
    }
    if (!smbkit_status_is_answer(e->words.values[rule->status])) {
        snprintf(args->error, args->error_size,
                 "status=%s: no error that a plugin may answer; it is the server's own word",
                 e->words.names[rule->status]);
        return false;
    }
    return true;
}

static void settle(struct rule *rule)
{
    if (rule->count == COUNT_UNSET) {
        rule->count = rule->every == 0 ? 1 : 0;
    }
    if (rule->every == 0) {
        rule->every = 1;
    }
}

static smbkit_status error_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct error *e = calloc(1, sizeof(*e));
    if (!e) {
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    e->next = args->next;
    words_fill(&e->words);
    for (uint32_t i = 0; i < args->arg_count; i++) {
        if (!parse_arg(e, args, i)) {
            free(e);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    for (uint32_t i = 0; i < e->rule_count; i++) {
        settle(&e->rules[i]);
    }
    *volume_r = e;
    return SMBKIT_STATUS_SUCCESS;
}

static void error_volume_close(void *volume)
{
    free(volume);
}

#define OP_MEMBER(kind, name, type) .name = error_##name,
static const struct smbkit_plugin error_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "error",
    .description = "makes operations fail on purpose",
    .version = "1",
    .config_help = "op=OPERATION  begins a rule: read, write, create, ..., or any\n"
                   "status=NAME   what it fails with, such as DISK_FULL; IO_DEVICE_ERROR\n"
                   "nth=N         the first call that fails; 1\n"
                   "every=N       from there on, each Nth call\n"
                   "count=N       how many calls fail; 1, with every=: 0, which is no limit\n",
    .volume_open = error_volume_open,
    .volume_close = error_volume_close,
    .close = error_close,
    SMBKIT_OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(error_filter)
