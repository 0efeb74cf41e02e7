/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of the lower volume that are hidden: a hash table of names as they are compared. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "overlay.h"

static uint64_t hash_upto(const struct overlay *o, const char *path, const char *end)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (path < end) {
        uint32_t c = letters_next(&path);
        h = (h ^ (o->ignores_case ? smbkit_upcase(c) : c)) * 0x100000001b3u;
    }
    return h ^ (h >> 31);
}

/* Is it the path, up to end? */
static bool is_same(const struct overlay *o, const char *key, const char *path, const char *end)
{
    const char *rest = letters_below(path, key, o->ignores_case);
    return rest && (*end ? rest == end + 1 : !*rest);
}

static bool has_upto(const struct overlay *o, const char *path, const char *end)
{
    const struct hidden *h = &o->hidden;
    uint64_t at = hash_upto(o, path, end);
    for (uint32_t i = 0; i < h->room; i++) {
        const char *key = h->keys[(at + i) & (h->room - 1)];
        if (!key) {
            return false;
        }
        if (is_same(o, key, path, end)) {
            return true;
        }
    }
    return false;
}

/* Itself, or a folder above. */
bool hidden_has(const struct overlay *o, const char *path)
{
    if (o->hidden.count == 0 || !*path) {
        return false;
    }
    for (const char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
        if (has_upto(o, path, end)) {
            return true;
        }
    }
    return has_upto(o, path, path + strlen(path));
}

static void insert(struct overlay *o, char *key)
{
    struct hidden *h = &o->hidden;
    uint64_t at = hash_upto(o, key, key + strlen(key));
    while (h->keys[at & (h->room - 1)]) {
        at++;
    }
    h->keys[at & (h->room - 1)] = key;
    h->count++;
}

static bool grow(struct overlay *o)
{
    struct hidden was = o->hidden;
    uint32_t room = was.room ? 2 * was.room : 64;
    char **keys = calloc(room, sizeof(*keys));
    if (!keys) {
        return false;
    }
    o->hidden = (struct hidden){.keys = keys, .room = room};
    for (uint32_t i = 0; i < was.room; i++) {
        if (was.keys[i]) {
            insert(o, was.keys[i]);
        }
    }
    free(was.keys);
    return true;
}

bool hidden_put(struct overlay *o, const char *path)
{
    if (hidden_has(o, path)) {
        return true;
    }
    if (o->hidden.count == OVERLAY_HIDDEN_MAX ||
        (2 * (o->hidden.count + 1) > o->hidden.room && !grow(o))) {
        return false;
    }
    char *key = strdup(path);
    if (key) {
        insert(o, key);
    }
    return key != NULL;
}

void hidden_fini(struct hidden *h)
{
    for (uint32_t i = 0; i < h->room; i++) {
        free(h->keys[i]);
    }
    free(h->keys);
    *h = (struct hidden){0};
}
