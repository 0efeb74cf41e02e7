/* SPDX-License-Identifier: Apache-2.0 */
/* The volume: arguments, and what is shared by all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_priv.h"
#include "web_words.h"

struct words {
    struct web_words web;
    const char *url;
    const char *credentials;
    const char *map;
    uint64_t fresh_ms;
    uint64_t whole;
    uint64_t cache;
    uint64_t heads;
    uint32_t index;
    uint32_t reserved;
};

static const char *const kinds[] = {"auto", "html", "json", NULL};

#define WORD(name, what, ...)                                                                      \
    {                                                                                              \
        .key = name, .offset = offsetof(struct words, what), .kind = __VA_ARGS__                   \
    }
static const struct smbkit_param params[] = {
    WORD("url", url, SMBKIT_PARAM_TEXT, .min = 1, .flags = SMBKIT_PARAM_REQUIRED),
    WORD("credentials", credentials, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("map", map, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("fresh", fresh_ms, SMBKIT_PARAM_MS, .max = 86400000),
    WORD("whole", whole, SMBKIT_PARAM_SIZE, .max = UINT64_C(1) << 30),
    WORD("cache", cache, SMBKIT_PARAM_SIZE, .max = UINT64_C(1) << 36),
    WORD("sizes", heads, SMBKIT_PARAM_NUMBER, .max = HTTP_HEADS_MAX),
    WORD("index", index, SMBKIT_PARAM_CHOICE, .words = kinds),
    WEB_WORDS(struct words, web),
    {.key = NULL}};

/* ---- the end ---- */

static void http_stop(void *arg)
{
    struct http *h = arg;
    if (h->web) {
        web_stop(h->web);
    }
    web_fresh_stop(&h->fresh);
}

static void http_release(void *arg)
{
    struct http *h = arg;
    web_free(h->web);
    web_cache_free(h->cache);
    web_fresh_fini(&h->fresh);
    web_jobs_fini(&h->jobs);
    http_made_all_fini(&h->made);
    http_node_unref(h->root);
    http_map_free(h->map);
    free(h->base);
    free(h->name);
    free(h);
}

static void http_info(void *arg, struct smbkit_volume_info *info)
{
    (void)arg;
    snprintf(info->label, sizeof(info->label), "http");
}

/* ---- the beginning ---- */

/* With a slash at its end. */
static char *base_of(const char *url)
{
    size_t n = strlen(url);
    char *base = malloc(n + 2);
    if (base) {
        memcpy(base, url, n + 1);
        if (n == 0 || base[n - 1] != '/') {
            memcpy(base + n, "/", 2);
        }
    }
    return base;
}

static smbkit_status web_open(struct http *h, const struct smbkit_volume_args *args,
                              const struct words *w)
{
    struct web_credentials credentials = {NULL, NULL, NULL};
    if (w->credentials) {
        smbkit_status st =
            web_credentials_read(w->credentials, &credentials, args->error, args->error_size);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    struct web_spec spec = web_words_spec(&w->web, args->host, h->name, w->url);
    spec.credentials = &credentials;
    spec.held_max = w->cache + WEB_HELD;
    h->web = web_new(&spec);
    web_credentials_fini(&credentials);
    return h->web ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* The root, as the server has it or as the map does. */
static struct http_node *root_new(const struct http *h)
{
    struct http_item root = {.is_folder = true};
    if (!h->map) {
        return http_node_new(h->base, true);
    }
    const struct http_map_part *part = http_map_root(h->map);
    root.place = http_place_new(part, NULL, NULL);
    root.url = root.place ? http_map_url(h->base, part->url, root.place) : NULL;
    root.name = strdup("");
    struct http_node *n = root.name && root.url ? http_node_of_item(&root, true) : NULL;
    http_item_fini(&root);
    return n;
}

static smbkit_status http_init(struct http *h, const struct smbkit_volume_args *args,
                               const struct words *w)
{
    size_t room = strlen(args->share_name) + 32;
    h->base = base_of(w->url);
    h->name = malloc(room);
    h->map = w->map ? http_map_read(w->map, args->error, args->error_size) : NULL;
    if (w->map && !h->map) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    h->root = h->base ? root_new(h) : NULL;
    h->heads_max = (uint32_t)w->heads;
    h->cache = web_cache_new(w->cache);
    h->kind = w->index;
    h->whole_max = w->whole;
    if (!h->name || !h->root || !h->cache) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(h->name, room, "http share=%s", args->share_name);
    smbkit_status st = web_open(h, args, w);
    h->jobs.web = h->web;
    return st;
}

static smbkit_status http_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.web = WEB_WORDS_DEFAULT,
                      .fresh_ms = 10000,
                      .whole = UINT64_C(64) << 20,
                      .cache = UINT64_C(256) << 20,
                      .heads = HTTP_HEADS_MAX};
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const char *wrong = web_url_wrong(w.url, HTTP_URL_MAX - 2);
    wrong = wrong ? wrong : w.whole > w.cache / 2 ? "whole= is more than half of cache=" : NULL;
    if (wrong) {
        snprintf(args->error, args->error_size, "%s", wrong);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct http *h = calloc(1, sizeof(*h));
    if (!h) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    web_jobs_init(&h->jobs, sizeof(struct http_job));
    pthread_mutex_init(&h->made.lock, NULL);
    web_fresh_init(&h->fresh, args->host, w.fresh_ms);
    snprintf(args->error, args->error_size, "no memory");
    st = http_init(h, args, &w);
    if (!SMBKIT_OK(st)) {
        http_release(h);
        return st;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = SMBKIT_TREE_READ_ONLY;
    spec.root = h->map ? &http_mapped_folder : &http_folder;
    spec.arg = h;
    spec.stop = http_stop;
    spec.release = http_release;
    spec.info = http_info;
    st = smbkit_tree_open(args, &spec, volume_r);
    if (SMBKIT_OK(st)) {
        h->tree = *volume_r;
        h->fresh.tree = h->tree;
    }
    return st;
}

/* ---- the plugin ---- */

/* Who opens a file for its data wants to know it as it is now: file_stat() looks at the mark. */
static smbkit_status http_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    static const char mark;
    bool wants_data = a->access & (SMBKIT_READ_DATA | SMBKIT_EXECUTE);
    op->plugin = wants_data ? (void *)(uintptr_t)&mark : NULL;
    return smbkit_tree_op_create(volume, op, a);
}

SMBKIT_API_DEFINITION
SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *
SMBKIT_INIT_SYMBOL(const struct smbkit_host_table *api);
SMBKIT_EXTERN_C SMBKIT_EXPORT const struct smbkit_plugin *
SMBKIT_INIT_SYMBOL(const struct smbkit_host_table *api)
{
    static struct smbkit_plugin http;
    smbkit_api = api;
    http = smbkit_tree_plugin(
        "http", "what a web server shows, read only", http_volume_open,
        "url=URL            the folder that is shown: http://... or https://...\n"
        "index=KIND         its pages: html, json, or auto: as they look; auto\n"
        "map=FILE           a table of paths and what URL each is; none\n"
        "sizes=N            files of a folder whose size is asked for to show it; 1000\n"
        "fresh=TIME         how long what was told is taken for true; 10s\n"
        "credentials=FILE   has the line user:password, or Bearer token; none\n"
        "ca-file=FILE       certificates to trust; the system's\n"
        "proxy=URL          go by that; none\n"
        "requests=N         at once; 64\n"
        "retries=N          attempts after the first one; 3\n"
        "connect-timeout=TIME  10s\n"
        "idle-timeout=TIME  without a byte; 30s\n"
        "whole=SIZE         the longest file that is fetched as a whole; 64M\n"
        "cache=SIZE         memory for what was fetched; 256M\n");
    http.create = http_create;
    if (api->struct_size <= offsetof(struct smbkit_host_table, tree)) {
        http.api_version = api->version + 1; /* a server without trees refuses it */
    }
    return &http;
}
