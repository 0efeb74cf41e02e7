/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_list.h"

#include <stdlib.h>
#include <string.h>

#include "cache_names.h"

#define ENTRIES_FIRST 16u
#define NONE UINT32_MAX
#define NOWHERE UINT32_MAX

struct item {
    uint64_t cookie;
    uint32_t name, short_name; /* where they begin in text; short_name NONE: it has none */
    bool has_attr;
    struct smbkit_attr attr;
};

struct cache_list {
    atomic_uint refs;
    struct cache_list_bound *bound;
    size_t charged; /* there */
    uint32_t want;
    struct item *items;
    uint32_t count, room;
    char *text;
    size_t text_len, text_room;
};

struct cache_recording {
    struct cache_list *list;
    bool is_bad; /* it is not to be kept */
    bool is_over;
    uint32_t taken;            /* in the call that is made just now */
    bool is_full;              /* so is the sink's room */
    struct smbkit_sink *above; /* of the call that is made just now */
};

/* ---- lists ---- */

void cache_list_ref(struct cache_list *l)
{
    if (l) {
        /* relaxed: who has one may make more */
        atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    }
}

void cache_list_unref(struct cache_list *l)
{
    /* acq_rel: what others have read is behind them when it is freed */
    if (l && atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1) {
        atomic_fetch_sub_explicit(&l->bound->all, l->charged, memory_order_relaxed);
        free(l->items);
        free(l->text);
        free(l);
    }
}

size_t cache_list_bytes(const struct cache_list *l)
{
    return sizeof(*l) + l->room * sizeof(*l->items) + l->text_room;
}

bool cache_list_has(const struct cache_list *l, uint32_t want)
{
    return (want & ~l->want) == 0;
}

/* Where to go on. NOWHERE: no entry has that cookie. */
static uint32_t after_cookie(const struct cache_list *l, uint64_t cookie)
{
    if (cookie == 0) {
        return 0;
    }
    uint32_t i = 0;
    while (i < l->count && l->items[i].cookie != cookie) {
        i++;
    }
    return i < l->count ? i + 1 : NOWHERE;
}

bool cache_list_give(const struct cache_list *l, struct smbkit_sink *sink)
{
    uint32_t first = after_cookie(l, sink->cookie);
    for (uint32_t i = first; i < l->count; i++) {
        const struct item *it = &l->items[i];
        const struct smbkit_entry e = {
            .struct_size = sizeof(e),
            .name = l->text + it->name,
            .cookie = it->cookie,
            .attr = it->has_attr ? &it->attr : NULL,
            .short_name = it->short_name == NONE ? NULL : l->text + it->short_name};
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return first != NOWHERE;
}

/* ---- recordings ---- */

struct cache_recording *cache_recording_new(uint32_t want, struct cache_list_bound *bound)
{
    struct cache_recording *r = calloc(1, sizeof(*r));
    struct cache_list *l = calloc(1, sizeof(*l));
    if (!r || !l) {
        free(r);
        free(l);
        return NULL;
    }
    atomic_init(&l->refs, 1);
    l->want = want;
    l->bound = bound;
    *r = (struct cache_recording){.list = l};
    return r;
}

void cache_recording_free(struct cache_recording *r)
{
    if (r) {
        cache_list_unref(r->list);
        free(r);
    }
}

/* What was noted after the first count entries is forgotten. */
static void rewind_to(struct cache_list *l, uint32_t count)
{
    if (count < l->count) {
        l->text_len = l->items[count].name;
        l->count = count;
    }
}

/* Of what was offered last, one may not have taken all. */
bool cache_recording_goes_on(struct cache_recording *r, const struct smbkit_sink *sink)
{
    struct cache_list *l = r->list;
    uint32_t count = l->count;
    while (count > 0 && l->items[count - 1].cookie != sink->cookie) {
        count--;
    }
    if (r->is_bad || sink->want != l->want || sink->pattern || (count == 0 && sink->cookie != 0)) {
        return false;
    }
    rewind_to(l, count);
    return true;
}

static bool text_add(struct cache_list *l, const char *text, uint32_t *at_r)
{
    size_t size = strlen(text) + 1;
    if (l->text_len + size > l->text_room) {
        size_t room = 2 * (l->text_len + size);
        char *more = room < NONE ? realloc(l->text, room) : NULL;
        if (!more) {
            return false;
        }
        l->text = more;
        l->text_room = room;
    }
    memcpy(l->text + l->text_len, text, size);
    *at_r = (uint32_t)l->text_len;
    l->text_len += size;
    return true;
}

static bool items_grow(struct cache_list *l)
{
    uint32_t room = l->room == 0 ? ENTRIES_FIRST : 2 * l->room;
    struct item *more = l->count < l->room ? l->items : realloc(l->items, room * sizeof(*more));
    if (more && l->count == l->room) {
        l->items = more;
        l->room = room;
    }
    return more != NULL;
}

/* false: there may not be so much */
static bool charge(struct cache_list *l)
{
    size_t more = cache_list_bytes(l) - l->charged;
    l->charged += more;
    size_t before = atomic_fetch_add_explicit(&l->bound->all, more, memory_order_relaxed);
    return l->charged <= l->bound->one_max && before + more <= l->bound->all_max;
}

/* false: no memory */
static bool note(struct cache_list *l, const struct smbkit_entry *e)
{
    struct item it = {.cookie = e->cookie, .short_name = NONE, .has_attr = e->attr != NULL};
    if (!items_grow(l) || !text_add(l, e->name, &it.name) ||
        (e->short_name && !text_add(l, e->short_name, &it.short_name))) {
        return false;
    }
    if (e->attr) {
        it.attr.struct_size = sizeof(it.attr);
        uint32_t theirs = e->attr->struct_size;
        memcpy(&it.attr, e->attr, theirs < sizeof(it.attr) ? theirs : sizeof(it.attr));
        it.attr.struct_size = sizeof(it.attr);
        it.attr.names_told = 0;
    }
    l->items[l->count++] = it;
    return true;
}

/* An entry after which the sink is full may have been taken, or not: the next call tells. */
static int32_t entry_cb(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct cache_recording *r = sink->core;
    if (!r->is_bad) {
        r->is_bad = (e->attr && !cache_attr_is_kept(e->attr)) || e->cookie == 0 ||
                    !note(r->list, e) || !charge(r->list);
    }
    int32_t goes_on = r->above->entry(r->above, e);
    r->taken += goes_on != 0;
    r->is_full |= !goes_on;
    return goes_on;
}

/* What was not answered with success was not given. A listing is over when nothing comes any more,
 * though there is room. */
smbkit_status cache_recording_ask(struct cache_recording *r, struct smbkit_next *next,
                                  struct smbkit_op *op, void *file, struct smbkit_sink *sink)
{
    struct smbkit_sink own = *sink;
    uint32_t count = r->list->count;
    own.struct_size = sizeof(own);
    own.entry = entry_cb;
    own.core = r;
    r->above = sink;
    r->taken = 0;
    r->is_full = false;
    smbkit_status st = smbkit_next_enumerate(next, op, file, &own);
    r->above = NULL;
    if (!SMBKIT_OK(st)) {
        rewind_to(r->list, count);
    }
    r->is_over = SMBKIT_OK(st) && !r->is_full && r->taken == 0;
    return st;
}

bool cache_recording_is_over(const struct cache_recording *r)
{
    return r->is_over || r->is_bad;
}

struct cache_list *cache_recording_end(struct cache_recording *r)
{
    struct cache_list *l = r->is_bad || !r->is_over ? NULL : r->list;
    r->list = l ? NULL : r->list;
    cache_recording_free(r);
    return l;
}
