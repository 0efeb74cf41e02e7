/* SPDX-License-Identifier: Apache-2.0 */
/* The volume: arguments, and what is shared by all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sofa_priv.h"
#include "web_words.h"

struct words {
    struct web_words web;
    const char *url;
    const char *database;
    const char *credentials;
    const char *files;
    const char *name;
    const char *path;
    uint64_t rows;
    uint64_t whole;
    uint64_t cache;
    uint32_t login;
    uint32_t reserved;
};

#define URL_MAX 4096u /* bytes of url= */

enum { LOGIN_BASIC, LOGIN_SESSION };
static const char *const logins[] = {"basic", "session", NULL};

#define WORD(name, what, ...)                                                                      \
    {                                                                                              \
        .key = name, .offset = offsetof(struct words, what), .kind = __VA_ARGS__                   \
    }
static const struct smbkit_param params[] = {
    WORD("url", url, SMBKIT_PARAM_TEXT, .min = 1, .flags = SMBKIT_PARAM_REQUIRED),
    WORD("database", database, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("credentials", credentials, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("login", login, SMBKIT_PARAM_CHOICE, .words = logins),
    WORD("files", files, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("name", name, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("path", path, SMBKIT_PARAM_TEXT, .min = 1),
    WORD("rows", rows, SMBKIT_PARAM_NUMBER, .min = 1, .max = 1000000),
    WORD("whole", whole, SMBKIT_PARAM_SIZE, .max = UINT64_C(1) << 30),
    WORD("cache", cache, SMBKIT_PARAM_SIZE, .max = UINT64_C(1) << 36),
    WEB_WORDS(struct words, web),
    {.key = NULL}};

/* ---- the end ---- */

static void sofa_stop(void *arg)
{
    struct sofa *s = arg;
    pthread_mutex_lock(&s->lock);
    struct smbkit_timer *timer = s->timer;
    s->timer = NULL;
    s->is_over = true;
    pthread_mutex_unlock(&s->lock);
    if (timer) {
        smbkit_timer_free(timer);
    }
    if (s->feeds) {
        web_stop(s->feeds);
    }
    if (s->web) {
        web_stop(s->web);
    }
}

static void text_wipe(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void sofa_release(void *arg)
{
    struct sofa *s = arg;
    web_free(s->feeds);
    web_free(s->web);
    web_cache_free(s->cache);
    for (; s->idle_count; s->idle_count--) {
        struct sofa_job *job = s->idle;
        s->idle = job->next;
        pthread_mutex_destroy(&job->lock);
        free(job);
    }
    if (s->timer) {
        smbkit_timer_free(s->timer);
    }
    for (struct sofa_db *db = s->dbs; db; db = s->dbs) {
        s->dbs = db->next;
        sofa_db_free(db);
    }
    sofa_node_unref(s->root);
    pthread_mutex_destroy(&s->lock);
    text_wipe(s->login);
    text_wipe(s->cookie);
    free(s->name);
    free(s->url);
    free(s->name_field);
    free(s->path_field);
    free(s->files);
    free(s);
}

static void sofa_info(void *arg, struct smbkit_volume_info *info)
{
    (void)arg;
    snprintf(info->label, sizeof(info->label), "sofa");
}

/* ---- the beginning ---- */

/* The form that _session takes, of "user:password". */
static char *login_form(const char *user_password)
{
    const char *colon = strchr(user_password, ':');
    char *user = strndup(user_password, (size_t)(colon - user_password));
    char *name = user ? sofa_escape(user) : NULL;
    char *password = sofa_escape(colon + 1);
    char *form = sofa_text("name=", name, "&password=", password);
    free(user);
    free(name);
    text_wipe(password);
    return form;
}

static smbkit_status who_read(struct sofa *s, const struct smbkit_volume_args *args,
                              const struct words *w, struct web_credentials *c)
{
    if (!w->credentials) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = web_credentials_read(w->credentials, c, args->error, args->error_size);
    if (!SMBKIT_OK(st) || w->login != LOGIN_SESSION) {
        return st;
    }
    if (!c->user_password) {
        snprintf(args->error, args->error_size,
                 "login=session needs a line \"user:password\" in %s", w->credentials);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    s->login = login_form(c->user_password);
    web_credentials_fini(c);
    return s->login ? st : SMBKIT_STATUS_NO_MEMORY;
}

static bool credentials_copy(const struct web_credentials *from, struct web_credentials *to)
{
    to->user_password = from->user_password ? strdup(from->user_password) : NULL;
    to->bearer = from->bearer ? strdup(from->bearer) : NULL;
    return (to->user_password || !from->user_password) && (to->bearer || !from->bearer);
}

static smbkit_status clients_open(struct sofa *s, const struct smbkit_volume_args *args,
                                  const struct words *w)
{
    struct web_credentials credentials = {NULL, NULL, NULL};
    struct web_credentials again = {NULL, NULL, NULL};
    smbkit_status st = who_read(s, args, w, &credentials);
    if (!SMBKIT_OK(st)) {
        web_credentials_fini(&credentials);
        return st;
    }
    bool ok = credentials_copy(&credentials, &again);
    struct web_spec spec = web_words_spec(&w->web, args->host, s->name, w->url);
    spec.credentials = &credentials;
    spec.held_max = w->cache + WEB_HELD;
    s->web = ok ? web_new(&spec) : NULL;
    spec.credentials = &again;
    spec.in_flight_max = SOFA_FEEDS_MAX;
    spec.retries = 0; /* it begins anew by itself */
    spec.idle_ms = UINT64_C(3) * SOFA_HEARTBEAT_MS;
    s->feeds = s->web ? web_new(&spec) : NULL;
    web_credentials_fini(&credentials);
    web_credentials_fini(&again);
    return s->feeds ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status root_make(struct sofa *s, const char *database)
{
    struct sofa_db *db = database ? sofa_db_get(s, database) : NULL;
    if (database && !db) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->root = sofa_node_new(database ? SOFA_DATABASE : SOFA_SERVER, db);
    return s->root ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status sofa_init(struct sofa *s, const struct smbkit_volume_args *args,
                               const struct words *w)
{
    size_t n = strlen(w->url);
    s->name = sofa_text("sofa share=", args->share_name, "", "");
    s->url = sofa_text(w->url, w->url[n - 1] == '/' ? "" : "/", "", "");
    s->name_field = strdup(w->name);
    s->path_field = strdup(w->path);
    s->cache = web_cache_new(w->cache);
    s->rows_max = w->rows;
    s->whole_max = w->whole;
    if (!s->name || !s->url || !s->name_field || !s->path_field || !s->cache) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->files = w->files ? realpath(w->files, NULL) : NULL;
    if (w->files && !s->files) {
        snprintf(args->error, args->error_size, "files=%s is not there", w->files);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = root_make(s, w->database);
    st = SMBKIT_OK(st) ? clients_open(s, args, w) : st;
    s->timer = SMBKIT_OK(st) ? smbkit_timer_new(args->host, sofa_timer_due, s) : NULL;
    return st;
}

static smbkit_status sofa_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {.web = WEB_WORDS_DEFAULT,
                      .name = "Name",
                      .path = "Path",
                      .rows = 10000,
                      .whole = UINT64_C(64) << 20,
                      .cache = UINT64_C(256) << 20};
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const char *wrong = web_url_wrong(w.url, URL_MAX);
    wrong = wrong ? wrong : w.whole > w.cache / 2 ? "whole= is more than half of cache=" : NULL;
    wrong = !wrong && w.login == LOGIN_SESSION && !w.credentials
                ? "login=session needs credentials="
                : wrong;
    if (wrong) {
        snprintf(args->error, args->error_size, "%s", wrong);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct sofa *s = calloc(1, sizeof(*s));
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&s->lock, NULL);
    snprintf(args->error, args->error_size, "no memory");
    st = sofa_init(s, args, &w);
    if (!SMBKIT_OK(st)) {
        sofa_release(s);
        return st;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = s->files ? SMBKIT_TREE_HOST_FILES : 0;
    spec.root = w.database ? &sofa_query_folder : &sofa_folder;
    spec.arg = s;
    spec.stop = sofa_stop;
    spec.release = sofa_release;
    spec.info = sofa_info;
    st = smbkit_tree_open(args, &spec, volume_r);
    if (SMBKIT_OK(st)) {
        s->tree = *volume_r;
    }
    return st;
}

SMBKIT_TREE_PLUGIN(sofa, "sofa",
                   "CouchDB: databases, documents, and folders whose names are queries",
                   sofa_volume_open,
                   "url=URL            the server: http://... or https://...\n"
                   "database=NAME      that one alone; all of them\n"
                   "credentials=FILE   has the line user:password, or Bearer token; none\n"
                   "login=HOW          basic, or session: by a cookie; basic\n"
                   "ca-file=FILE       certificates to trust; the system's\n"
                   "proxy=URL          go by that; none\n"
                   "files=FOLDER       of the files that documents name by their path; none\n"
                   "path=FIELD         of documents: the path; Path\n"
                   "name=FIELD         of documents: the name of the file; Name\n"
                   "rows=N             entries of a folder at most; 10000\n"
                   "requests=N         at once; 64\n"
                   "retries=N          attempts after the first one; 3\n"
                   "connect-timeout=TIME  10s\n"
                   "idle-timeout=TIME  without a byte; 30s\n"
                   "whole=SIZE         the longest attachment that is fetched as a whole; 64M\n"
                   "cache=SIZE         memory for what was fetched; 256M\n")
