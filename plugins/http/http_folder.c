/* SPDX-License-Identifier: Apache-2.0 */
/* Folders: their page is fetched, or found to be the same still, and read on a worker; sizes that
 * it does not tell are asked for, all at once; then the entries are added. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_priv.h"

#define TICKS_A_MINUTE UINT64_C(600000000)

/* ---- entries ---- */

static int by_key(const void *a, const void *b)
{
    const struct http_node *const *x = a;
    const struct http_node *const *y = b;
    return strcmp(http_node_key(*x), http_node_key(*y));
}

/* The node that the folder had for it, or a new one; a reference, or NULL. */
static struct http_node *node_of(const struct http_node *folder, struct http_item *item)
{
    struct http_node key = {.url = folder->place ? item->name : item->url};
    struct http_node *at = &key;
    struct http_node **found = folder->child_count
                                   ? bsearch(&at, folder->children, folder->child_count,
                                             sizeof(folder->children[0]), by_key)
                                   : NULL;
    bool is_it = found && (*found)->is_folder == item->is_folder &&
                 strcmp((*found)->url, item->url) == 0 &&
                 (!item->place || (*found)->place->part == item->place->part);
    return is_it ? http_node_ref(*found) : http_node_of_item(item, folder->place != NULL);
}

/* What the index says of it. A time to the minute says nothing against one to the second. */
static void node_update(struct http_node *n, const struct http_item *item)
{
    pthread_mutex_lock(&n->lock);
    bool is_same_minute =
        item->is_coarse && item->time / TICKS_A_MINUTE == n->time / TICKS_A_MINUTE;
    bool is_new = (item->time && item->time != n->time && !is_same_minute) ||
                  (item->has_size && item->size != n->size);
    if (is_new) {
        n->time = item->time ? item->time : n->time;
        n->is_known = false; /* what a HEAD told is no more */
    }
    if (item->has_size) {
        n->size = item->size;
        n->has_size = true;
    }
    if (item->has_size && !n->object) {
        n->is_known = true;
        n->known_ms = web_now_ms();
    }
    pthread_mutex_unlock(&n->lock);
}

/* A file of which nothing could be told is shown all the same; who opens it is told what it is. */
static void node_show(struct http_node *n)
{
    pthread_mutex_lock(&n->lock);
    if (!n->has_size) {
        n->has_size = true;
        n->is_known = true;
        n->known_ms = web_now_ms();
    }
    pthread_mutex_unlock(&n->lock);
}

static void shown_free(void *arg)
{
    struct http_shown *shown = arg;
    http_node_unref(shown->node);
    free(shown);
}

/* A reference of its own for each time that an entry is added: of what it has already a tree
 * releases nothing when it is added again. */
static struct http_shown *shown_new(struct http_node *n)
{
    struct http_shown *shown = malloc(sizeof(*shown));
    if (shown) {
        shown->node = http_node_ref(n);
    }
    return shown;
}

smbkit_status http_entry_add(struct smbkit_tree_call *c, const struct http_item *item,
                             struct http_node *n)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(item->name);
    e.arg = shown_new(n);
    e.release = shown_free;
    if (!e.arg) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (item->is_folder) {
        e.flags = SMBKIT_TREE_IS_FOLDER;
        e.folder = n->place ? &http_mapped_folder : &http_folder;
    } else {
        node_show(n);
        e.file = &http_file;
    }
    pthread_mutex_lock(&n->lock);
    e.size = item->is_folder ? 0 : n->size;
    e.write_time = n->time;
    pthread_mutex_unlock(&n->lock);
    return smbkit_tree_add(c->tree, c->id, &e, NULL);
}

static bool is_fatal(smbkit_status st)
{
    return st == SMBKIT_STATUS_NO_MEMORY || st == SMBKIT_STATUS_INSUFFICIENT_RESOURCES ||
           st == SMBKIT_STATUS_NOT_FOUND;
}

/* The nodes are at hand: one for each item, or NULL. They become the folder's. */
static smbkit_status entries_add(struct http_job *job, struct http_node **nodes)
{
    struct http_node *folder = job->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    uint32_t count = 0;
    for (uint32_t i = 0; i < job->index.count; i++) {
        struct http_node *n = nodes[i];
        if (n && !is_fatal(st)) {
            st = http_entry_add(job->w.call, &job->index.items[i], n);
        }
        if (n) {
            nodes[count++] = n;
        }
    }
    qsort(nodes, count, sizeof(nodes[0]), by_key);
    pthread_mutex_lock(&folder->lock);
    struct http_node **old = folder->children;
    uint32_t old_count = folder->child_count;
    folder->children = nodes;
    folder->child_count = count;
    pthread_mutex_unlock(&folder->lock);
    for (uint32_t i = 0; i < old_count; i++) {
        http_node_unref(old[i]);
    }
    free(old);
    return is_fatal(st) ? st : SMBKIT_STATUS_SUCCESS;
}

/* Of the map only what has a list. */
static bool is_asked(const struct http_node *n)
{
    return !n->place || n->place->part->fields;
}

static void fill_end(struct http_job *job)
{
    struct http_node **nodes = job->nodes;
    job->nodes = NULL;
    smbkit_status st = entries_add(job, nodes);
    st = SMBKIT_OK(st) ? http_made_show(job) : st;
    if (SMBKIT_OK(st) && is_asked(job->node)) {
        web_fresh_add(&job->h->fresh, job->w.call->id);
    }
    http_job_end(job, st);
}

/* ---- sizes ---- */

struct head {
    struct http_job *job;
    struct http_node *node; /* a reference */
};

static void head_over(struct http_job *job)
{
    pthread_mutex_lock(&job->w.lock);
    bool is_last = --job->heads_left == 0;
    pthread_mutex_unlock(&job->w.lock);
    if (is_last) {
        fill_end(job);
    }
}

static void head_done(void *arg, struct web_answer *a)
{
    struct head *head = arg;
    struct http_job *job = head->job;
    if (SMBKIT_OK(a->status)) {
        http_node_learn(head->node, a);
    }
    http_node_unref(head->node);
    free(head);
    head_over(job);
}

static void head_ask(struct http_job *job, struct http_node *n)
{
    uint64_t id;
    struct head *head = malloc(sizeof(*head));
    if (!head) {
        return;
    }
    *head = (struct head){job, http_node_ref(n)};
    const struct web_ask ask = {.method = WEB_HEAD, .url = n->url, .done = head_done, .arg = head};
    pthread_mutex_lock(&job->w.lock);
    job->heads_left++;
    pthread_mutex_unlock(&job->w.lock);
    if (!SMBKIT_OK(web_ask(job->h->web, &ask, &id))) {
        http_node_unref(n);
        free(head);
        pthread_mutex_lock(&job->w.lock);
        job->heads_left--; /* the one of sizes_ask() is there still */
        pthread_mutex_unlock(&job->w.lock);
    }
}

static void sizes_ask(struct http_job *job)
{
    uint32_t heads = 0;
    job->heads_left = 1; /* its own, until all are asked for */
    for (uint32_t i = 0; i < job->index.count && heads < job->h->heads_max; i++) {
        const struct http_item *item = &job->index.items[i];
        if (job->nodes[i] && !item->is_folder && !item->has_size) {
            head_ask(job, job->nodes[i]);
            heads++;
        }
    }
    head_over(job);
}

/* ---- the page ---- */

static bool looks_like_json(const struct web_block *b)
{
    size_t i = 0;
    while (i < b->size && strchr(" \t\r\n", b->data[i]) && b->data[i]) {
        i++;
    }
    return i < b->size && (b->data[i] == '[' || b->data[i] == '{');
}

/* Of the map: what the table names, and what the list tells of. */
static bool mapped_parse(struct http_job *job)
{
    const struct http_place *place = job->node->place;
    const struct web_block *b = job->block;
    http_map_fixed(place, job->h->base, &job->index);
    return !b || http_map_list(place, job->h->base, (const char *)b->data, b->size, &job->index);
}

static bool page_parse(struct http_job *job)
{
    const struct web_block *b = job->block;
    uint32_t kind = job->h->kind;
    bool is_json = kind == HTTP_JSON || (kind == HTTP_AUTO && looks_like_json(b));
    if (is_json) {
        return http_json_parse(job->base, (const char *)b->data, b->size, &job->index);
    }
    http_html_parse(job->base, (const char *)b->data, b->size, &job->index);
    return true;
}

static smbkit_status parse(struct http_job *job)
{
    if (!(job->node->place ? mapped_parse(job) : page_parse(job))) {
        return SMBKIT_STATUS_DATA_ERROR;
    }
    if (job->index.left_out) {
        smbkit_log(1, "%s index too long left_out=%u", job->h->name, job->index.left_out);
    }
    job->nodes = calloc(job->index.count + 1, sizeof(job->nodes[0]));
    return job->nodes ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* On a worker: a page may be long. */
static void page_run(void *arg)
{
    struct http_job *job = arg;
    smbkit_status st = parse(job);
    if (!SMBKIT_OK(st)) {
        http_job_end(job, st);
        return;
    }
    for (uint32_t i = 0; i < job->index.count; i++) {
        job->nodes[i] = node_of(job->node, &job->index.items[i]);
        if (job->nodes[i]) {
            node_update(job->nodes[i], &job->index.items[i]);
        }
    }
    sizes_ask(job);
}

/* The page as it came, or as it was kept. */
static smbkit_status page_take(struct http_job *job, struct web_answer *a)
{
    if (!SMBKIT_OK(a->status)) {
        return a->status;
    }
    /* Where it was sent on to is where its links start from. */
    const char *slash = strrchr(a->url, '/');
    bool is_there = slash && slash > strstr(a->url, "://") + 2 && !strpbrk(a->url, "?#");
    job->base = is_there ? strndup(a->url, (size_t)(slash - a->url) + 1) : strdup(job->node->url);
    if (a->code == 304 && job->block) {
        return job->base ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    web_block_unref(job->block);
    job->block = a->code == 304 ? NULL : web_block_take(a);
    if (!job->base || !job->block) {
        return a->code == 304 ? SMBKIT_STATUS_DATA_ERROR : SMBKIT_STATUS_NO_MEMORY;
    }
    http_node_learn(job->node, a);
    pthread_mutex_lock(&job->node->lock);
    struct web_object *object =
        job->node->object ? web_object_ref(job->node->object) : NULL; /* another may learn more */
    pthread_mutex_unlock(&job->node->lock);
    if ((a->etag[0] || a->modified[0]) && object) {
        web_cache_put(job->h->cache, object->key, HTTP_WHOLE, job->block);
    }
    web_object_unref(object);
    return SMBKIT_STATUS_SUCCESS;
}

static void page_done(void *arg, struct web_answer *a)
{
    struct http_job *job = arg;
    smbkit_status st = page_take(job, a);
    st = SMBKIT_OK(st) ? smbkit_run(smbkit_tree_host(job->w.call->tree), page_run, job) : st;
    if (!SMBKIT_OK(st)) {
        http_job_end(job, st == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_CANCELLED : st);
    }
}

smbkit_status http_folder_fill(struct smbkit_tree_call *c)
{
    struct http *h = smbkit_tree_data(c->tree);
    struct http_node *n = http_folder_of(c);
    struct http_job *job = http_job_new(h, c, n);
    char condition[WEB_TAG_MAX + 32];
    const char *headers[] = {"Accept: application/json, text/html;q=0.9, */*;q=0.5", NULL, NULL};
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!is_asked(n)) {
        page_run(job);
        return SMBKIT_STATUS_PENDING;
    }
    pthread_mutex_lock(&n->lock);
    const struct web_object *o = n->object;
    job->block = o ? web_cache_get(h->cache, o->key, HTTP_WHOLE) : NULL;
    if (job->block) {
        snprintf(condition, sizeof(condition), "%s: %s",
                 o->etag[0] ? "If-None-Match" : "If-Modified-Since",
                 o->etag[0] ? o->etag : o->modified);
        headers[1] = condition;
    }
    pthread_mutex_unlock(&n->lock);
    const struct web_ask ask = {.method = WEB_GET,
                                .url = n->url,
                                .headers = headers,
                                .body_max = HTTP_INDEX_BYTES_MAX,
                                .done = page_done,
                                .arg = job};
    (void)http_job_ask(job, &ask);
    return SMBKIT_STATUS_PENDING;
}

const struct smbkit_tree_folder http_folder = {.struct_size = sizeof(http_folder),
                                               .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                               .fill = http_folder_fill};
