/* SPDX-License-Identifier: Apache-2.0 */
/* The volume: arguments, and what is shared by all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "s3_priv.h"
#include "web_words.h"

struct words {
    struct web_words web;
    const char *endpoint;
    const char *region;
    const char *bucket;
    const char *prefix;
    const char *credentials;
    const char *profile;
    const char *temp;
    uint64_t fresh_ms;
    uint64_t part;
    uint64_t cache;
    uint32_t style;
    uint32_t conditional;
};

enum { STYLE_PATH, STYLE_HOST };
static const char *const styles[] = {"path", "host", NULL};
static const char *const switches[] = {"no", "yes", NULL};

#define WORD(name, what, ...)                                                                      \
    {                                                                                              \
        .key = name, .offset = offsetof(struct words, what), .kind = __VA_ARGS__                   \
    }
static const struct smbkit_param params[] = {
    WORD("endpoint", endpoint, SMBKIT_PARAM_TEXT, .min = 1, .flags = SMBKIT_PARAM_REQUIRED),
    WORD("region", region, SMBKIT_PARAM_TEXT, .min = 1, .max = 64),
    WORD("bucket", bucket, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("prefix", prefix, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("style", style, SMBKIT_PARAM_CHOICE, .words = styles),
    WORD("credentials", credentials, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("profile", profile, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("conditional", conditional, SMBKIT_PARAM_CHOICE, .words = switches),
    WORD("temp", temp, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("part", part, SMBKIT_PARAM_SIZE, .min = S3_PART_MIN, .max = S3_PART_MAX),
    WORD("fresh", fresh_ms, SMBKIT_PARAM_MS, .max = 86400000),
    WORD("cache", cache, SMBKIT_PARAM_SIZE, .max = UINT64_C(1) << 36),
    WEB_WORDS(struct words, web),
    {.key = NULL}};

/* ---- the end ---- */

static void s3_stop(void *arg)
{
    struct s3 *s = arg;
    if (s->web) {
        web_stop(s->web);
    }
    web_fresh_stop(&s->fresh);
}

static void s3_release(void *arg)
{
    struct s3 *s = arg;
    web_free(s->web);
    web_cache_free(s->cache);
    web_fresh_fini(&s->fresh);
    web_jobs_fini(&s->jobs);
    s3_node_unref(s->root);
    s3_place_fini(&s->place);
    pthread_mutex_destroy(&s->lock);
    free(s->buckets);
    free(s->name);
    free(s->temp);
    free(s);
}

/* There is no end of it that could be asked for. */
static void s3_info(void *arg, struct smbkit_volume_info *info)
{
    const struct s3 *s = arg;
    const char *bucket = s->place.root;
    int n = (int)strcspn(bucket, "/");
    snprintf(info->label, sizeof(info->label), "%.*s", n < 31 ? n : 31, n ? bucket : "s3");
    info->total_bytes = UINT64_C(1) << 50;
    info->free_bytes = UINT64_C(1) << 50;
    info->available_bytes = UINT64_C(1) << 50;
}

/* ---- the beginning ---- */

static smbkit_status credentials_take(const struct smbkit_volume_args *args, const struct words *w,
                                      struct web_credentials *c)
{
    if (!w->credentials) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (strcmp(w->credentials, "environment") == 0) {
        return s3_credentials_environment(c, args->error, args->error_size);
    }
    return s3_credentials_read(w->credentials, w->profile, c, args->error, args->error_size);
}

static smbkit_status web_open(struct s3 *s, const struct smbkit_volume_args *args,
                              const struct words *w)
{
    struct web_credentials credentials = {NULL, NULL, NULL};
    char sigv4[96];
    smbkit_status st = credentials_take(args, w, &credentials);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    snprintf(sigv4, sizeof(sigv4), "aws:amz:%s:s3", w->region);
    struct web_spec spec = web_words_spec(&w->web, args->host, s->name, w->endpoint);
    spec.sigv4 = w->credentials ? sigv4 : NULL;
    spec.credentials = &credentials;
    spec.repeats_errors = true;
    s->web = web_new(&spec);
    web_credentials_fini(&credentials);
    snprintf(args->error, args->error_size, "no memory");
    return s->web ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static const char *region_wrong(const char *region)
{
    size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return region[n] ? "region= is no name of a region" : NULL;
}

static const char *temp_wrong(const char *temp)
{
    struct stat st;
    bool is_folder = stat(temp, &st) == 0 && S_ISDIR(st.st_mode);
    return is_folder ? NULL : "temp= is no folder";
}

static smbkit_status s3_init(struct s3 *s, const struct smbkit_volume_args *args,
                             const struct words *w)
{
    const char *wrong = region_wrong(w->region);
    wrong = wrong ? wrong : temp_wrong(w->temp);
    wrong = wrong ? wrong : s3_place_init(&s->place, w->endpoint, w->bucket, w->prefix);
    if (wrong) {
        snprintf(args->error, args->error_size, "%s", wrong);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    size_t room = strlen(args->share_name) + 32;
    s->name = malloc(room);
    s->temp = strdup(w->temp);
    s->host = args->host;
    s->part = w->part;
    s->is_conditional = w->conditional;
    s->place.is_host_style = w->style == STYLE_HOST;
    s->root = s3_node_get(s, s->place.root);
    s->cache = web_cache_new(w->cache);
    if (!s->name || !s->temp || !s->root || !s->cache) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(s->name, room, "s3 share=%s", args->share_name);
    smbkit_status st = web_open(s, args, w);
    s->jobs.web = s->web;
    return st;
}

static smbkit_status s3_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    const char *temp = getenv("TMPDIR");
    struct words w = {.web = WEB_WORDS_DEFAULT,
                      .region = "us-east-1",
                      .profile = "default",
                      .temp = temp && temp[0] ? temp : "/var/tmp",
                      .fresh_ms = 10000,
                      .part = UINT64_C(16) << 20,
                      .cache = UINT64_C(256) << 20,
                      .conditional = 1};
    w.web.retries = 4;
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct s3 *s = calloc(1, sizeof(*s));
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&s->lock, NULL);
    web_jobs_init(&s->jobs, sizeof(struct s3_job));
    web_fresh_init(&s->fresh, args->host, w.fresh_ms);
    snprintf(args->error, args->error_size, "no memory");
    st = s3_init(s, args, &w);
    if (!SMBKIT_OK(st)) {
        s3_release(s);
        return st;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.root = s->place.has_bucket ? &s3_folder : &s3_root_folder;
    spec.arg = s;
    spec.stop = s3_stop;
    spec.release = s3_release;
    spec.info = s3_info;
    st = smbkit_tree_open(args, &spec, volume_r);
    if (SMBKIT_OK(st)) {
        s->tree = *volume_r;
        s->fresh.tree = s->tree;
    }
    return st;
}

/* ---- the plugin ---- */

SMBKIT_TREE_PLUGIN(s3, "s3", "buckets of an object store", s3_volume_open,
                   "endpoint=URL       the store's: http://... or https://...\n"
                   "region=NAME        us-east-1\n"
                   "bucket=NAME        shown alone; all of them, as folders\n"
                   "prefix=PATH        of the bucket: what is below it\n"
                   "credentials=FILE   as ~/.aws/credentials; environment: AWS_ACCESS_KEY_ID, ...;"
                   " none: anonymous\n"
                   "profile=NAME       the section of that file; default\n"
                   "style=STYLE        where the bucket is named: path, or host; path\n"
                   "conditional=yes|no what somebody else has changed is not overwritten; yes\n"
                   "part=SIZE          of an upload; what is longer goes in parts; 16M\n"
                   "temp=FOLDER        for what is written until it is in the store; /var/tmp\n"
                   "fresh=TIME         how long what was told is taken for true; 10s\n"
                   "ca-file=FILE       certificates to trust; the system's\n"
                   "proxy=URL          go by that; none\n"
                   "requests=N         at once; 64\n"
                   "retries=N          attempts after the first one; 4\n"
                   "connect-timeout=TIME  10s\n"
                   "idle-timeout=TIME  without a byte; 30s\n"
                   "cache=SIZE         memory for what was read; 256M\n")
