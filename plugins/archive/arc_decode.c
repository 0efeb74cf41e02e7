/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders stand somewhere in an archive and read on from there; each read takes the one that gets
 * there with the least work. What they pass in the entry that is asked for goes into the cache, so
 * that reads which come in another order than they were sent find it. */
#include "arc_priv.h"

#include <stdlib.h>
#include <string.h>

#include "moment.h"

uint64_t arc_entry_key(const struct arc_index *x, uint32_t node)
{
    return (uint64_t)x->generation << 32 | node;
}

struct arc_piece arc_piece_of(const struct arc_index *x, uint32_t node, uint64_t at, uint32_t len)
{
    uint32_t within = (uint32_t)(at % ARC_CHUNK);
    uint32_t left = ARC_CHUNK - within;
    return (struct arc_piece){.entry = arc_entry_key(x, node),
                              .chunk = at / ARC_CHUNK,
                              .at = within,
                              .len = len < left ? len : left};
}

void arc_pool_init(struct arc_pool *p, const struct arc_settings *set, struct arc_cache *cache)
{
    *p = (struct arc_pool){.set = set, .cache = cache};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->freed, NULL);
    atomic_init(&p->is_ending, 0);
}

/* ---- one decoder ---- */

static void decoder_free(struct arc_decoder *d)
{
    if (d) {
        if (d->a) {
            archive_read_free(d->a);
        }
        arc_index_unref(d->index);
        free(d);
    }
}

static int decoder_is_over(void *arg)
{
    const struct arc_decoder *d = arg;
    return atomic_load_explicit(d->is_ending, memory_order_relaxed) || /* only ever becomes set */
           (d->op && smbkit_op_is_cancelled(d->op));
}

/* At none yet, and with nothing read: decoder_open follows. */
static struct arc_decoder *decoder_new(struct arc_pool *p, const struct arc_want *w)
{
    struct arc_decoder *d = calloc(1, sizeof(*d));
    if (!d) {
        return NULL;
    }
    d->is_alone = w->way == ARC_WAY_START;
    d->op = w->op;
    d->is_ending = &p->is_ending;
    d->node = ARC_NONE;
    d->ordinal = ARC_NONE; /* the next header makes it 0 */
    d->source.fd = w->index->fd;
    d->source.base = d->source.at = d->is_alone ? w->start : 0;
    d->source.end = w->index->stamp.size;
    d->source.is_over = decoder_is_over;
    d->source.arg = d;
    arc_index_ref(w->index);
    d->index = w->index;
    return d;
}

/* Reads the beginning, to see what it is. */
static smbkit_status decoder_open(struct arc_decoder *d, const struct arc_settings *set)
{
    static const enum arc_how alone[2] = {ARC_TAR_ALONE, ARC_ZIP_ALONE};
    char error[256];
    enum arc_how how = d->is_alone        ? alone[d->index->format == ARCHIVE_FORMAT_ZIP]
                       : d->index->is_raw ? ARC_RAW
                                          : ARC_ALL;
    d->a = arc_source_open(&d->source, set, how, error);
    if (d->a) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (decoder_is_over(d)) {
        return SMBKIT_STATUS_CANCELLED;
    }
    smbkit_log(1, "archive cannot be read again reason=%s", error);
    return SMBKIT_STATUS_DATA_ERROR;
}

static smbkit_status failed(const struct arc_decoder *d)
{
    char name[300];
    const char *why = archive_error_string(d->a);
    if (decoder_is_over(d->source.arg)) {
        return SMBKIT_STATUS_CANCELLED;
    }
    const char *of = d->node == ARC_NONE ? "" : arc_name(d->index, d->node);
    smbkit_log(0, "archive entry cannot be read name=%s reason=%s",
               smbkit_quote(of, name, sizeof(name)), why ? why : "it ends too early");
    int is_secret = why && (strstr(why, "assphrase") || strstr(why, "ncrypt"));
    return is_secret ? SMBKIT_STATUS_ACCESS_DENIED : SMBKIT_STATUS_DATA_ERROR;
}

/* The next block of libarchive's. An entry with holes may end in one, which nothing follows. */
static smbkit_status next_block(struct arc_decoder *d)
{
    const struct arc_node *n = &d->index->nodes[d->node];
    const void *block = NULL;
    la_int64_t at = 0;
    d->rest_len = 0;
    int r = archive_read_data_block(d->a, &block, &d->rest_len, &at);
    if (r == ARCHIVE_EOF && (n->flags & ARC_SPARSE)) {
        at = (la_int64_t)n->size;
        d->rest_len = 0;
        r = ARCHIVE_OK;
    }
    d->rest = block;
    d->rest_at = (uint64_t)at;
    int is_bad = r < ARCHIVE_WARN || r == ARCHIVE_EOF || at < 0 || d->rest_at < d->at;
    if (is_bad || decoder_is_over(d)) {
        d->rest_len = 0;
        return failed(d);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The next len bytes of the entry, with zeroes for holes. */
static smbkit_status decode(struct arc_decoder *d, uint8_t *to, uint32_t len)
{
    uint64_t end = d->at + len;
    while (d->at < end) {
        smbkit_status status =
            d->rest_len == 0 && d->rest_at <= d->at ? next_block(d) : SMBKIT_STATUS_SUCCESS;
        if (!SMBKIT_OK(status)) {
            return status;
        }
        uint64_t left = end - d->at;
        uint64_t hole = d->rest_at - d->at < left ? d->rest_at - d->at : left;
        uint64_t n = d->rest_len < left - hole ? d->rest_len : left - hole;
        memset(to, 0, hole);
        if (n > 0) {
            memcpy(to + hole, d->rest, n);
            d->rest += n;
        }
        to += hole + n;
        d->at += hole + n;
        d->rest_len -= n;
        d->rest_at += n;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The rest of the entry that it is in, so that giving up works in the midst of it. */
static smbkit_status pass_over(struct arc_decoder *d)
{
    const void *block;
    size_t len;
    la_int64_t at;
    int r = ARCHIVE_OK;
    d->rest_len = 0;
    d->rest_at = 0;
    while (d->has_data && !d->index->is_plain && r >= ARCHIVE_WARN) {
        if (decoder_is_over(d)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        r = archive_read_data_block(d->a, &block, &len, &at);
        if (r == ARCHIVE_EOF || r == ARCHIVE_FATAL) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* To the beginning of an entry's data. */
static smbkit_status go_to(struct arc_decoder *d, uint32_t node)
{
    const struct arc_node *n = &d->index->nodes[node];
    struct archive_entry *e;
    uint32_t failures = 0;
    d->node = node;
    d->at = 0;
    while (d->is_alone ? d->ordinal == ARC_NONE
                       : d->ordinal == ARC_NONE || d->ordinal < n->ordinal) {
        smbkit_status status = pass_over(d);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        int r = archive_read_next_header(d->a, &e);
        if (r == ARCHIVE_EOF || r == ARCHIVE_FATAL || failures > ARC_FAILURES_MAX ||
            decoder_is_over(d)) {
            return failed(d);
        }
        d->has_data = arc_has_entry(r);
        failures = d->has_data ? 0 : failures + 1;
        if (r != ARCHIVE_RETRY) {
            d->ordinal++; /* ARC_NONE and one is 0 */
        }
    }
    d->ordinal = n->ordinal;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the pool ---- */

void arc_pool_drop_old(struct arc_pool *p, const struct arc_index *now)
{
    struct arc_decoder *old[ARC_DECODERS_MAX] = {NULL};
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < ARC_DECODERS_MAX; i++) {
        struct arc_decoder *d = p->list[i];
        if (d && !d->is_busy && d->index != now) {
            p->list[i] = NULL;
            old[i] = d;
        }
    }
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < ARC_DECODERS_MAX; i++) {
        decoder_free(old[i]);
    }
}

void arc_pool_fini(struct arc_pool *p)
{
    for (uint32_t i = 0; i < ARC_DECODERS_MAX; i++) {
        decoder_free(p->list[i]);
    }
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
}

/* Does it get there, and how much has it to do? Less is better; UINT64_MAX: it does not. One that
 * is in the midst of another entry is left to who reads that. */
static uint64_t cost(const struct arc_decoder *d, const struct arc_want *w)
{
    const struct arc_node *n = &w->index->nodes[w->node];
    if (!d || d->index != w->index) {
        return UINT64_MAX;
    }
    if (d->is_busy) { /* who has it will be there */
        int is_ahead = atomic_load_explicit(&d->passed, memory_order_relaxed) > w->at; /* a hint */
        return d->taken_node == w->node && !is_ahead ? 0 : UINT64_MAX;
    }
    if (d->node == w->node && d->at <= w->at) {
        return 0;
    }
    int is_done = d->node == ARC_NONE || d->at >= d->index->nodes[d->node].size;
    int is_before = d->ordinal == ARC_NONE || d->ordinal < n->ordinal;
    if (d->is_alone || !is_done || !is_before) {
        return UINT64_MAX;
    }
    return 1ull + n->ordinal - (d->ordinal == ARC_NONE ? 0 : d->ordinal);
}

/* Where a new one may be: a free place, or that of the idle one used longest ago; -1: all are busy.
 */
static int place_for_new(struct arc_pool *p)
{
    int best = -1;
    for (int i = 0; i < (int)ARC_DECODERS_MAX; i++) {
        struct arc_decoder *d = p->list[i];
        if (!d) {
            return i;
        }
        if (!d->is_busy && (best < 0 || d->used < p->list[best]->used)) {
            best = i;
        }
    }
    return best;
}

/* The lock is held. The place of a decoder that is now this call's; -1: look again, after having
 * waited; an empty place is one to make a new one in. old_r: whose place that was. */
static int take_locked(struct arc_pool *p, const struct arc_want *w, struct arc_decoder **old_r)
{
    int best = -1;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < (int)ARC_DECODERS_MAX; i++) {
        uint64_t c = cost(p->list[i], w);
        if (c < least && (w->way == ARC_WAY_WALK || c == 0)) {
            least = c;
            best = i;
        }
    }
    if (best >= 0 && p->list[best]->is_busy) {
        best = -1; /* it passes what is wanted */
    } else if (best < 0) {
        best = place_for_new(p);
        if (best >= 0) {
            *old_r = p->list[best];
            p->list[best] = NULL;
        }
    }
    if (best < 0) {
        moment_wait(&p->freed, &p->lock, MOMENT_NS);
    }
    return best;
}

/* A decoder for it, made busy; NULL: none can be made, or (with SUCCESS) look into the cache again.
 */
static struct arc_decoder *take(struct arc_pool *p, const struct arc_want *w, smbkit_status *status)
{
    struct arc_decoder *old = NULL;
    *status = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&p->lock);
    int i = take_locked(p, w, &old);
    struct arc_decoder *d = i < 0 ? NULL : p->list[i];
    if (i >= 0 && !d) {
        d = p->list[i] = decoder_new(p, w);
        *status = d ? *status : SMBKIT_STATUS_NO_MEMORY;
    }
    if (d) {
        d->is_busy = 1;
        uint64_t at = d->node == w->node && d->at <= w->at ? d->at : 0;
        atomic_store_explicit(&d->passed, at, memory_order_relaxed);
        d->taken_node = w->node;
        d->used = ++p->calls;
        d->op = w->op;
    }
    pthread_mutex_unlock(&p->lock);
    decoder_free(old);
    return d;
}

static void give_back(struct arc_pool *p, struct arc_decoder *d, int is_good)
{
    pthread_mutex_lock(&p->lock);
    d->is_busy = 0;
    d->op = NULL;
    for (uint32_t i = 0; i < ARC_DECODERS_MAX && !is_good; i++) {
        if (p->list[i] == d) {
            p->list[i] = NULL;
        }
    }
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
    if (!is_good) {
        decoder_free(d);
    }
}

/* ---- what is asked for ---- */

/* The part of a chunk that is wanted. */
static void copy_part(const struct arc_want *w, uint64_t chunk, const uint8_t *data)
{
    uint64_t from = chunk * ARC_CHUNK;
    uint64_t begin = w->at > from ? w->at : from;
    uint64_t end = from + ARC_CHUNK < w->at + w->len ? from + ARC_CHUNK : w->at + w->len;
    if (begin < end) {
        memcpy(w->to + (begin - w->at), data + (begin - from), end - begin);
    }
}

static uint32_t chunk_len(const struct arc_node *n, uint64_t chunk)
{
    uint64_t left = n->size - chunk * ARC_CHUNK;
    return left < ARC_CHUNK ? (uint32_t)left : ARC_CHUNK;
}

/* Over whole chunks of a hole that nobody wants, up to this place at most. */
static void skip_hole(struct arc_decoder *d, uint64_t up_to)
{
    uint64_t end = d->rest_at - d->rest_at % ARC_CHUNK;
    uint64_t to = end < up_to ? end : up_to;
    if (d->at % ARC_CHUNK == 0 && d->at < to) {
        d->at = to;
    }
}

/* From where the decoder is to the end of what is wanted. */
static smbkit_status decode_all(struct arc_pool *p, struct arc_decoder *d, const struct arc_want *w)
{
    const struct arc_node *n = &w->index->nodes[w->node];
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (d->node != w->node || d->at > w->at) {
        status = go_to(d, w->node);
    }
    uint8_t *data = SMBKIT_OK(status) ? malloc(ARC_CHUNK) : NULL;
    if (SMBKIT_OK(status) && !data) {
        status = SMBKIT_STATUS_NO_MEMORY;
    }
    while (SMBKIT_OK(status) && d->at < w->at + w->len) {
        if (decoder_is_over(d)) { /* a hole has no blocks, by which it would be seen */
            status = SMBKIT_STATUS_CANCELLED;
            break;
        }
        skip_hole(d, w->at - w->at % ARC_CHUNK);
        uint64_t chunk = d->at / ARC_CHUNK;
        uint32_t len = chunk_len(n, chunk);
        status = decode(d, data, len);
        if (SMBKIT_OK(status)) {
            arc_cache_put(p->cache, arc_entry_key(w->index, w->node), chunk, data, len);
            copy_part(w, chunk, data);
            atomic_store_explicit(&d->passed, d->at, memory_order_relaxed);
        }
    }
    free(data);
    return status;
}

/* Of w, what the cache has from its beginning on. */
static void from_cache(struct arc_pool *p, struct arc_want *w)
{
    int is_there = 1;
    while (w->len > 0 && is_there) {
        struct arc_piece piece = arc_piece_of(w->index, w->node, w->at, w->len);
        is_there = arc_cache_get(p->cache, &piece, w->to, 0);
        if (is_there) {
            w->at += piece.len;
            w->to += piece.len;
            w->len -= piece.len;
        }
    }
}

smbkit_status arc_pool_decode(struct arc_pool *p, const struct arc_want *want)
{
    struct arc_want w = *want;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (from_cache(p, &w); SMBKIT_OK(status) && w.len > 0; from_cache(p, &w)) {
        if ((w.op && smbkit_op_is_cancelled(w.op)) || atomic_load(&p->is_ending)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        if (!arc_index_is_current(w.index)) {
            return SMBKIT_STATUS_DATA_ERROR; /* the file was written over */
        }
        struct arc_decoder *d = take(p, &w, &status);
        if (d) {
            locale_t before = arc_locale_enter();
            status = d->a ? SMBKIT_STATUS_SUCCESS : decoder_open(d, p->set);
            status = SMBKIT_OK(status) ? decode_all(p, d, &w) : status;
            arc_locale_leave(before);
            give_back(p, d, SMBKIT_OK(status));
            return status;
        }
    }
    return status;
}
