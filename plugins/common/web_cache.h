/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of what was fetched, by a key and a number, and range reads through them. A key holds the
 * validators (entity tag, time of the last change): what has another content has another key, and
 * blocks of what is no more are dropped as the oldest. */
#pragma once

#include <smbkit/plugin.h>

#include "web.h"

#define WEB_BLOCK 131072u /* bytes of a block of a file */
#define WEB_READ_HEADERS_MAX 4u

struct web_block {
    uint32_t refs; /* atomic */
    size_t size;
    uint8_t *data;
    struct web_budget *budget; /* that size is charged against; a reference, or NULL */
};
/* Takes data over, malloc'd, also when it fails. NULL: no memory. */
struct web_block *web_block_new(uint8_t *data, size_t size);
/* Of what was answered, whose body is gone then. NULL: no memory. */
struct web_block *web_block_take(struct web_answer *a);
struct web_block *web_block_ref(struct web_block *b);
void web_block_unref(struct web_block *b); /* or NULL */

/* Bytes of a read of what has that size. */
static inline uint32_t web_read_length(const struct smbkit_io *io, uint64_t size)
{
    uint64_t left = io->offset < size ? size - io->offset : 0;
    return left < io->length ? (uint32_t)left : io->length;
}
/* Answers a read of that length by what the block has. */
smbkit_status web_block_give(struct web_block *b, struct smbkit_io *io, uint32_t length);

struct web_cache;
struct web_cache *web_cache_new(uint64_t bytes_max); /* NULL: no memory */
void web_cache_free(struct web_cache *c);
/* A reference, or NULL. */
struct web_block *web_cache_get(struct web_cache *c, const char *key, uint64_t index);
/* The cache has a reference of its own afterwards, if there is room for it and memory. */
void web_cache_put(struct web_cache *c, const char *key, uint64_t index, struct web_block *b);

/* What a URL held when it was looked at. Immutable but for refs. */
struct web_object {
    uint32_t refs; /* atomic */
    char *url;
    char etag[WEB_TAG_MAX];
    char modified[64];
    uint64_t size;
    char *key;
};
/* NULL: no memory. */
struct web_object *web_object_new(const char *url, const struct web_answer *a, uint64_t size);
struct web_object *web_object_ref(struct web_object *o);
void web_object_unref(struct web_object *o); /* or NULL */

/* A read of a range. */
struct web_read {
    struct web *web;
    struct web_cache *cache;
    struct web_object *object;
    const char *const *headers; /* more of them, the last one NULL, at most WEB_READ_HEADERS_MAX; or
                                   NULL. Copied */
    uint64_t offset;
    uint32_t length; /* within the object */
    uint8_t *to;
    /* Once, unless web_read() answers something else than PENDING. DATA_ERROR: it is another object
     * now, or the server sent something else than it was asked for. */
    void (*done)(void *arg, smbkit_status status);
    void *arg;
};
/* SUCCESS: it was all there. PENDING: *id_r is for web_cancel(). */
smbkit_status web_read(const struct web_read *r, uint64_t *id_r);
