/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, and the table by which one is found again by its path: so a folder that is looked at anew
 * has the nodes that are open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

#define BUCKETS_MIN 64u

/* ---- the table; its lock is held ---- */

/* FNV-1a */
static uint32_t hash_of(const char *path)
{
    uint32_t h = 0x811c9dc5u;
    for (; *path; path++) {
        h = (h ^ (uint8_t)*path) * 0x01000193u;
    }
    return h;
}

static struct s3_node **place_of(struct s3 *s, const char *path)
{
    struct s3_node **at = &s->buckets[hash_of(path) & (s->bucket_count - 1)];
    while (*at && strcmp((*at)->path, path) != 0) {
        at = &(*at)->chain;
    }
    return at;
}

/* More chains than there are; without memory they become longer. */
static void grow(struct s3 *s)
{
    uint32_t count = s->bucket_count ? s->bucket_count * 2 : BUCKETS_MIN;
    struct s3_node **buckets = calloc(count, sizeof(struct s3_node *));
    if (!buckets) {
        return;
    }
    for (uint32_t i = 0; i < s->bucket_count; i++) {
        for (struct s3_node *n = s->buckets[i]; n; n = s->buckets[i]) {
            s->buckets[i] = n->chain;
            struct s3_node **to = &buckets[hash_of(n->path) & (count - 1)];
            n->chain = *to;
            *to = n;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
}

static void list_take(struct s3_node *n)
{
    if (n->is_listed) {
        struct s3_node **at = &n->s->buckets[hash_of(n->path) & (n->s->bucket_count - 1)];
        while (*at != n) {
            at = &(*at)->chain;
        }
        *at = n->chain;
        n->is_listed = false;
        n->s->node_count--;
    }
}

/* Who was there under that path is not any more. */
static void list_put(struct s3_node *n)
{
    struct s3_node **at = place_of(n->s, n->path);
    if (*at) {
        list_take(*at);
    }
    at = place_of(n->s, n->path);
    n->chain = NULL;
    *at = n;
    n->is_listed = true;
    n->s->node_count++;
}

/* ---- nodes ---- */

static void node_free(struct s3_node *n)
{
    web_object_unref(n->object);
    s3_stage_unref(n->stage);
    pthread_mutex_destroy(&n->lock);
    free(n->path);
    free(n);
}

static struct s3_node *node_new(struct s3 *s, const char *path)
{
    struct s3_node *n = calloc(1, sizeof(*n));
    if (!n) {
        return NULL;
    }
    size_t len = strlen(path);
    pthread_mutex_init(&n->lock, NULL);
    n->refs = 1;
    n->s = s;
    n->is_folder = len == 0 || path[len - 1] == '/';
    n->path = strdup(path);
    if (!n->path) {
        node_free(n);
        return NULL;
    }
    return n;
}

struct s3_node *s3_node_get(struct s3 *s, const char *path)
{
    pthread_mutex_lock(&s->lock);
    if (s->node_count >= s->bucket_count) {
        grow(s);
    }
    struct s3_node *n = s->bucket_count ? *place_of(s, path) : NULL;
    if (n) {
        n->refs++;
    } else if (s->bucket_count) {
        n = node_new(s, path);
        if (n) {
            list_put(n);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

struct s3_node *s3_node_ref(struct s3_node *n)
{
    pthread_mutex_lock(&n->s->lock);
    n->refs++;
    pthread_mutex_unlock(&n->s->lock);
    return n;
}

void s3_node_unref(struct s3_node *n)
{
    if (!n) {
        return;
    }
    struct s3 *s = n->s;
    pthread_mutex_lock(&s->lock);
    bool is_last = --n->refs == 0;
    if (is_last) {
        list_take(n);
    }
    pthread_mutex_unlock(&s->lock);
    if (is_last) {
        node_free(n);
    }
}

char *s3_node_path(struct s3_node *n)
{
    pthread_mutex_lock(&n->s->lock);
    char *path = strdup(n->path);
    pthread_mutex_unlock(&n->s->lock);
    return path;
}

void s3_node_detach(struct s3_node *n)
{
    pthread_mutex_lock(&n->s->lock);
    list_take(n);
    pthread_mutex_unlock(&n->s->lock);
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return n > 0 && folder[n - 1] == '/' && strncmp(path, folder, n) == 0;
}

/* Lock of the table held: those of the old name, taken out, as a chain. */
static struct s3_node *named_take(struct s3 *s, const char *from)
{
    struct s3_node *taken = NULL;
    for (uint32_t i = 0; i < s->bucket_count; i++) {
        struct s3_node *next;
        for (struct s3_node *n = s->buckets[i]; n; n = next) {
            next = n->chain;
            if (strcmp(n->path, from) == 0 || is_below(n->path, from)) {
                list_take(n);
                n->chain = taken;
                taken = n;
            }
        }
    }
    return taken;
}

void s3_nodes_rename(struct s3 *s, const char *from, const char *to)
{
    pthread_mutex_lock(&s->lock);
    struct s3_node *next;
    for (struct s3_node *n = named_take(s, from); n; n = next) {
        next = n->chain;
        size_t room = strlen(to) + strlen(n->path) - strlen(from) + 1;
        char *path = malloc(room);
        if (path) {
            snprintf(path, room, "%s%s", to, n->path + strlen(from));
            free(n->path);
            n->path = path;
            list_put(n);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- what is known of an object ---- */

/* A tag says all that there is to be known; HEADs tell times to the second, listings not. */
static struct web_object *object_new(const struct s3 *s, const char *path,
                                     const struct web_answer *a)
{
    char url[S3_URL_MAX];
    struct web_answer as = {.has_length = true, .length = a->length};
    memcpy(as.etag, a->etag, sizeof(as.etag));
    memcpy(as.modified, a->modified, a->etag[0] ? 0 : sizeof(as.modified));
    return s3_url(&s->place, path, NULL, url) ? web_object_new(url, &as, a->length) : NULL;
}

void s3_node_learn_locked(struct s3_node *n, const char *path, const struct web_answer *a)
{
    bool is_same = n->object && a->etag[0] && strcmp(n->object->etag, a->etag) == 0;
    struct web_object *o = object_new(n->s, path, a);
    uint64_t time = web_time_parse(a->modified);
    web_object_unref(n->object);
    n->object = o;
    n->is_known = o != NULL;
    n->known_ms = web_now_ms();
    n->size = a->length;
    n->is_news = !is_same && time;
    n->time = !is_same && time ? time : n->time;
}

/* What is known is of its path as it is now: its folder may have another name since. */
static bool is_there(const struct s3_node *n)
{
    char url[S3_URL_MAX];
    pthread_mutex_lock(&n->s->lock);
    bool ok = s3_url(&n->s->place, n->path, NULL, url);
    pthread_mutex_unlock(&n->s->lock);
    return ok && strcmp(url, n->object->url) == 0;
}

bool s3_node_is_fresh_locked(const struct s3_node *n)
{
    return n->is_known && n->object && web_now_ms() - n->known_ms < n->s->fresh.fresh_ms &&
           is_there(n);
}

void s3_node_stored_locked(struct s3_node *n, const char *path, const char *etag, uint64_t size)
{
    struct web_answer a = {.has_length = true, .length = size};
    snprintf(a.etag, sizeof(a.etag), "%s", etag);
    s3_node_learn_locked(n, path, &a);
    n->is_known = n->object && etag[0];
    for (struct s3_handle *h = n->handles; h && n->object; h = h->next) {
        web_object_unref(h->object);
        h->object = web_object_ref(n->object);
    }
}

void s3_node_forget(struct s3_node *n)
{
    pthread_mutex_lock(&n->lock);
    n->is_known = false;
    pthread_mutex_unlock(&n->lock);
}

uint64_t s3_node_size_locked(const struct s3_node *n)
{
    return n->stage ? n->stage->size : n->size;
}

/* ---- entries ---- */

struct s3_shown *s3_shown_new(struct s3_node *n)
{
    struct s3_shown *shown = malloc(sizeof(*shown));
    if (shown) {
        shown->node = s3_node_ref(n);
    }
    return shown;
}

void s3_shown_free(void *arg)
{
    struct s3_shown *shown = arg;
    s3_node_unref(shown->node);
    free(shown);
}

struct s3_node *s3_node_of(const struct smbkit_tree_call *c)
{
    const struct s3 *s = smbkit_tree_data(c->tree);
    return c->id == SMBKIT_TREE_ROOT ? s->root : ((const struct s3_shown *)c->arg)->node;
}
