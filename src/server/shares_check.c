/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit check: what is wrong with the shares, of each layer and of each argument, although nothing
 * is opened above a layer that fails and a plugin stops at the first argument that it refuses. */
#include "base/mem.h"
#include "base/str.h"
#include "server/shares.h"

#define TRIES_MAX 64 /* openings of one layer: arguments beyond that are not told apart */
#define NONE UINT32_MAX

/* A share of one layer whose arguments are taken away one by one. */
struct trial {
    struct plugins *plugins;
    const struct config *config;
    const struct config_share *share; /* as it is configured */
    struct problems *problems;
    struct config_share probe;
    struct config_layer *layer; /* of probe */
    struct smbkit_arg list[CONFIG_ARGS_MAX];
    unsigned lines[CONFIG_ARGS_MAX];
    const char *removed[CONFIG_ARGS_MAX]; /* keys */
    uint32_t removed_count;
    unsigned tries;
};

static bool try_open(struct trial *t, char err[SHARES_ERR_SIZE])
{
    t->tries++;
    return shares_try(t->plugins, &t->probe, err);
}

static void take_away(struct config_args *a, uint32_t i)
{
    a->count--;
    mem_move(&a->list[i], &a->list[i + 1], (a->count - i) * sizeof(*a->list));
    mem_move(&a->lines[i], &a->lines[i + 1], (a->count - i) * sizeof(*a->lines));
}

static void put_back(struct config_args *a, uint32_t i, struct smbkit_arg arg, unsigned line)
{
    mem_move(&a->list[i + 1], &a->list[i], (a->count - i) * sizeof(*a->list));
    mem_move(&a->lines[i + 1], &a->lines[i], (a->count - i) * sizeof(*a->lines));
    a->list[i] = arg;
    a->lines[i] = line;
    a->count++;
}

/* Is the layer content, or does it say something else, without its i-th argument? */
static bool is_about(struct trial *t, uint32_t i, const char *said)
{
    char err[SHARES_ERR_SIZE] = "";
    struct config_args *a = &t->layer->args;
    const struct smbkit_arg arg = a->list[i];
    const unsigned line = a->lines[i];
    take_away(a, i);
    bool about = try_open(t, err) || !str_eq(err, said);
    put_back(a, i, arg, line);
    return about;
}

/* Where the word stands in the text, with `after` behind it; its end if nowhere. */
static size_t place_of(const char *text, const char *word, const char *after)
{
    size_t i = 0;
    for (; text[i]; i++) {
        if (str_has_prefix(text + i, word) && str_has_prefix(text + i + str_len(word), after)) {
            break;
        }
    }
    return i;
}

/* The argument that the layer complains of: a sentence names it early, if it names it. */
static uint32_t find_wrong(struct trial *t, const char *said)
{
    const struct config_args *a = &t->layer->args;
    bool seen[CONFIG_ARGS_MAX] = {false};
    for (uint32_t n = 0; n < a->count && t->tries < TRIES_MAX; n++) {
        uint32_t next = NONE;
        size_t place = SIZE_MAX;
        for (uint32_t i = 0; i < a->count; i++) {
            size_t at = place_of(said, a->list[i].key, "");
            if (!seen[i] && at < place) {
                next = i;
                place = at;
            }
        }
        if (is_about(t, next, said)) {
            return next;
        }
        seen[next] = true;
    }
    return NONE;
}

/* "path=FOLDER is missing", where path was taken away. */
static bool misses_removed(const struct trial *t, const char *said)
{
    for (uint32_t i = 0; i < t->removed_count; i++) {
        const char *key = t->removed[i];
        if (!config_args_get(&t->layer->args, key) && said[place_of(said, key, "=")]) {
            return true;
        }
    }
    return false;
}

static void tell(const struct trial *t, unsigned line, const char *said)
{
    const unsigned at = line ? line : t->layer->line;
    shares_problem(t->problems, t->config, t->share, at, said);
}

/* Can it be had at all? What is told then has nothing to do with arguments. */
static bool is_there(const struct trial *t)
{
    char err[512];
    enum plugin_kind kind = t->layer == &t->probe.plugin ? PLUGIN_SOURCE : PLUGIN_FILTER;
    return plugins_get(t->plugins, kind, t->layer->name, err) != NULL;
}

/* Everything that the layer has to say. */
static void find_all(struct trial *t)
{
    char said[SHARES_ERR_SIZE] = "";
    struct config_args *a = &t->layer->args;
    while (!try_open(t, said) && !misses_removed(t, said)) {
        uint32_t i = find_wrong(t, said);
        if (i == NONE) {
            if (!t->layer->lacks_args || !is_there(t)) {
                tell(t, 0, said);
            }
            return;
        }
        tell(t, a->lines[i], said);
        t->removed[t->removed_count++] = a->list[i].key;
        take_away(a, i);
    }
}

/* layer: of probe, whose arguments are copied. */
static void check_layer(struct trial *t, struct config_layer *layer)
{
    t->layer = layer;
    t->tries = t->removed_count = 0;
    for (uint32_t i = 0; i < layer->args.count; i++) {
        t->list[i] = layer->args.list[i];
        t->lines[i] = layer->args.lines[i];
    }
    layer->args.list = t->list;
    layer->args.lines = t->lines;
    find_all(t);
}

/* The plugin without filters, and each filter over an empty mem. */
static void check_layers(struct trial *t)
{
    for (uint32_t i = 0; i < t->share->filter_count; i++) {
        struct config_layer filter = t->share->filters[i];
        t->probe = *t->share;
        t->probe.filters = &filter;
        t->probe.filter_count = 1;
        t->probe.plugin = (struct config_layer){.name = (char *)(uintptr_t) "mem"};
        check_layer(t, &filter);
    }
    if (!t->share->plugin.is_unclear) {
        t->probe = *t->share;
        t->probe.filter_count = 0;
        check_layer(t, &t->probe.plugin);
    }
}

static void check_share(struct trial *t)
{
    char err[SHARES_ERR_SIZE] = "";
    unsigned before = t->problems->count;
    if (!t->share->is_unclear && shares_try(t->plugins, t->share, err)) {
        return;
    }
    check_layers(t);
    if (!t->share->is_unclear && t->problems->count == before) { /* only together they do not go */
        shares_problem(t->problems, t->config, t->share, t->share->plugin.line, err);
    }
}

void shares_check(struct plugins *plugins, const struct config *c, struct problems *problems)
{
    CLEANUP_MEM struct trial *t = mem_zalloc(sizeof(*t));
    if (!t) {
        problems_add(problems, "out of memory");
        return;
    }
    *t = (struct trial){.plugins = plugins, .config = c, .problems = problems};
    for (size_t i = 0; i < c->share_count; i++) {
        t->share = &c->shares[i];
        check_share(t);
    }
}
