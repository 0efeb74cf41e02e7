/* SPDX-License-Identifier: Apache-2.0 */
/* Reads through the cache: what is missing is fetched by one range, and is taken only if it is of
 * the same object. [RFC 9110] 13.1.5, 14.2 */
#include "web_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- objects ---- */

struct web_object *web_object_new(const char *url, const struct web_answer *a, uint64_t size)
{
    struct web_object *o = calloc(1, sizeof(*o));
    size_t room = strlen(url) + sizeof(a->etag) + sizeof(a->modified) + 32;
    if (!o) {
        return NULL;
    }
    o->refs = 1;
    o->size = size;
    o->url = strdup(url);
    o->key = malloc(room);
    if (!o->url || !o->key) {
        web_object_unref(o);
        return NULL;
    }
    memcpy(o->etag, a->etag, sizeof(o->etag));
    memcpy(o->modified, a->modified, sizeof(o->modified));
    snprintf(o->key, room, "%s\n%s\n%s\n%llu", url, a->etag, a->modified, (unsigned long long)size);
    return o;
}

struct web_object *web_object_ref(struct web_object *o)
{
    __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return o;
}

void web_object_unref(struct web_object *o)
{
    /* What others did with it is over before it is freed. */
    if (o && __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(o->url);
        free(o->key);
        free(o);
    }
}

/* ---- reads ---- */

struct reading {
    struct web_read r;
    struct web_range asked;
    uint64_t first_block;
    uint32_t count;
    struct web_block *blocks[]; /* that were there, or have come; references */
};

static void reading_free(struct reading *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        web_block_unref(g->blocks[i]);
    }
    web_object_unref(g->r.object);
    free(g);
}

static void copy_out(const struct reading *g)
{
    uint64_t end = g->r.offset + g->r.length;
    for (uint32_t i = 0; i < g->count; i++) {
        uint64_t base = (g->first_block + i) * WEB_BLOCK;
        uint64_t from = base > g->r.offset ? base : g->r.offset;
        uint64_t to = base + g->blocks[i]->size < end ? base + g->blocks[i]->size : end;
        memcpy(g->r.to + (from - g->r.offset), g->blocks[i]->data + (from - base), to - from);
    }
}

/* A strong tag says all; else the time must be the same too. */
static bool is_same(const struct web_object *o, const struct web_answer *a)
{
    return strcmp(a->etag, o->etag) == 0 &&
           (o->etag[0] == '"' || strcmp(a->modified, o->modified) == 0);
}

/* Of the same object, the whole of the range, and nothing else? */
static smbkit_status check(const struct reading *g, const struct web_answer *a)
{
    const struct web_object *o = g->r.object;
    uint64_t wanted = g->asked.last - g->asked.first + 1;
    bool is_other =
        a->code == 200 || a->code == 412 || a->code == 416 || (a->code == 206 && !is_same(o, a));
    if (is_other) {
        return SMBKIT_STATUS_DATA_ERROR;
    }
    if (!SMBKIT_OK(a->status)) {
        return a->status;
    }
    bool is_whole = a->code == 206 && a->has_range && a->range.first == g->asked.first &&
                    a->range.last == g->asked.last && a->body_len == wanted &&
                    (a->range_total == o->size || a->range_total == UINT64_MAX);
    return is_whole ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_DATA_ERROR;
}

/* What came, block by block. */
static smbkit_status keep(struct reading *g, const struct web_answer *a)
{
    for (uint64_t at = g->asked.first; at <= g->asked.last; at += WEB_BLOCK) {
        uint64_t left = g->asked.last + 1 - at;
        size_t n = left < WEB_BLOCK ? (size_t)left : WEB_BLOCK;
        uint32_t i = (uint32_t)(at / WEB_BLOCK - g->first_block);
        uint8_t *data = malloc(n);
        struct web_block *b = data ? web_block_new(data, n) : NULL;
        if (!b) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        memcpy(data, a->body + (at - g->asked.first), n);
        web_block_unref(g->blocks[i]);
        g->blocks[i] = b;
        web_cache_put(g->r.cache, g->r.object->key, at / WEB_BLOCK, b);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void answered(void *arg, struct web_answer *a)
{
    struct reading *g = arg;
    smbkit_status st = check(g, a);
    st = SMBKIT_OK(st) ? keep(g, a) : st;
    if (SMBKIT_OK(st)) {
        copy_out(g);
    }
    g->r.done(g->r.arg, st);
    reading_free(g);
}

/* A weak tag and a time are looked at in the answer; only a strong tag makes a condition that
 * saves the bytes too. */
static smbkit_status fetch(struct reading *g, uint64_t *id_r)
{
    const struct web_object *o = g->r.object;
    char condition[WEB_TAG_MAX + 16];
    const char *headers[WEB_READ_HEADERS_MAX + 2] = {NULL};
    uint32_t count = 0;
    const char *by = o->etag[0] == '"' ? o->etag : o->etag[0] == 0 ? o->modified : "";
    if (by[0]) {
        snprintf(condition, sizeof(condition), "If-Range: %s", by);
        headers[count++] = condition;
    }
    for (uint32_t i = 0; g->r.headers && g->r.headers[i] && i < WEB_READ_HEADERS_MAX; i++) {
        headers[count++] = g->r.headers[i];
    }
    const struct web_ask ask = {.method = WEB_GET,
                                .url = o->url,
                                .range = &g->asked,
                                .headers = headers,
                                .body_max = g->asked.last - g->asked.first + 1,
                                .done = answered,
                                .arg = g};
    return web_ask(g->r.web, &ask, id_r);
}

smbkit_status web_read(const struct web_read *r, uint64_t *id_r)
{
    if (r->length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    uint64_t first = r->offset / WEB_BLOCK;
    uint64_t last = (r->offset + r->length - 1) / WEB_BLOCK;
    uint32_t count = (uint32_t)(last - first + 1);
    struct reading *g = calloc(1, sizeof(*g) + count * sizeof(g->blocks[0]));
    if (!g) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    g->r = *r;
    web_object_ref(r->object);
    g->first_block = first;
    g->count = count;
    uint64_t missing_first = UINT64_MAX;
    uint64_t missing_last = 0;
    for (uint32_t i = 0; i < count; i++) {
        g->blocks[i] = web_cache_get(r->cache, r->object->key, first + i);
        if (!g->blocks[i]) {
            missing_first = missing_first == UINT64_MAX ? first + i : missing_first;
            missing_last = first + i;
        }
    }
    if (missing_first == UINT64_MAX) {
        copy_out(g);
        reading_free(g);
        return SMBKIT_STATUS_SUCCESS;
    }
    uint64_t end = (missing_last + 1) * WEB_BLOCK;
    g->asked.first = missing_first * WEB_BLOCK;
    g->asked.last = (end < r->object->size ? end : r->object->size) - 1;
    smbkit_status st = fetch(g, id_r);
    if (!SMBKIT_OK(st)) {
        reading_free(g);
        return st;
    }
    return SMBKIT_STATUS_PENDING;
}
