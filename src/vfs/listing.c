/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/listing.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "vfs/attr.h"

/* In the page one after the other, each 8-byte aligned. */
struct kept {
    uint32_t size; /* to the next one */
    uint8_t has_attr;
    uint8_t has_short_name;
    uint64_t cookie;
    struct smbkit_attr attr;
    char names[]; /* terminated: name, then short name */
};

struct listing {
    struct smbkit_sink sink; /* first */
    smbkit_status status;
    bool is_full;
    uint32_t left; /* that it may take */
    size_t len;
    size_t cap;
    char *bytes;
};

static bool room_make(struct listing *l, size_t size)
{
    size_t cap = l->cap;
    while (cap - l->len < size) {
        cap = cap ? cap * 2 : 4096;
    }
    if (cap == l->cap) {
        return true;
    }
    char *bytes = mem_realloc(l->bytes, cap);
    if (!bytes) {
        l->status = SMBKIT_STATUS_NO_MEMORY;
        return false;
    }
    l->bytes = bytes;
    l->cap = cap;
    return true;
}

bool entry_is_whole(const struct smbkit_entry *e)
{
    return e && e->name && e->cookie != 0;
}

static size_t name_len(const char *name)
{
    size_t len = 0;
    while (len < LISTING_NAME_MAX && name[len]) {
        len++;
    }
    return len;
}

static int32_t keep(struct smbkit_sink *sink, const struct smbkit_entry *given)
{
    static const struct smbkit_entry not_whole = {.name = ""};
    const struct smbkit_entry *e = entry_is_whole(given) ? given : &not_whole;
    struct listing *l = (struct listing *)sink;
    size_t name = name_len(e->name);
    size_t short_name = e->short_name ? name_len(e->short_name) : 0;
    size_t size = (sizeof(struct kept) + name + 1 + short_name + 1 + 7) & ~(size_t)7;
    bool is_full = l->is_full || l->left == 0 || (l->len > 0 && l->len + size > LISTING_BYTES_MAX);
    if (is_full || !SMBKIT_OK(l->status)) {
        l->is_full = true;
        return 0;
    }
    if (!room_make(l, size)) {
        return 0;
    }
    struct kept *k = (struct kept *)(void *)(l->bytes + l->len);
    *k = (struct kept){.size = (uint32_t)size,
                       .has_attr = e->attr != NULL,
                       .has_short_name = e->short_name != NULL,
                       .cookie = e->cookie};
    if (e->attr) {
        attr_copy(&k->attr, e->attr);
    }
    mem_copy(k->names, e->name, name);
    k->names[name] = '\0';
    mem_copy(k->names + name + 1, e->short_name ? e->short_name : "", short_name);
    k->names[name + 1 + short_name] = '\0';
    l->len += size;
    l->left--;
    return 1;
}

struct listing *listing_new(const struct smbkit_sink *sink, uint32_t most)
{
    struct listing *l = mem_zalloc(sizeof(*l));
    CLEANUP_MEM char *pattern = sink->pattern ? str_dup(sink->pattern) : NULL;
    if (!l || (sink->pattern && !pattern)) {
        mem_free(l);
        return NULL;
    }
    l->sink = (struct smbkit_sink){.struct_size = sizeof(l->sink),
                                   .want = sink->want,
                                   .cookie = sink->cookie,
                                   .pattern = pattern,
                                   .entry = keep};
    pattern = NULL;
    l->left = most;
    return l;
}

void listing_free(struct listing *l)
{
    if (l) {
        mem_free((char *)(uintptr_t)l->sink.pattern);
        mem_free(l->bytes);
        mem_free(l);
    }
}

struct smbkit_sink *listing_sink(struct listing *l)
{
    return &l->sink;
}

smbkit_status listing_status(const struct listing *l)
{
    return l->status;
}

void listing_give(const struct listing *l, struct smbkit_sink *sink)
{
    for (size_t at = 0; at < l->len;) {
        const struct kept *k = (const struct kept *)(const void *)(l->bytes + at);
        const char *short_name = k->has_short_name ? k->names + str_len(k->names) + 1 : NULL;
        const struct smbkit_entry e = {.struct_size = sizeof(e),
                                       .name = k->names,
                                       .cookie = k->cookie,
                                       .attr = k->has_attr ? &k->attr : NULL,
                                       .short_name = short_name};
        if (!sink->entry(sink, &e)) {
            return;
        }
        sink->cookie = k->cookie;
        at += k->size;
    }
}
