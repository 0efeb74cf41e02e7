/* SPDX-License-Identifier: Apache-2.0 */
/* What snapshots know, in memory: two hash tables for each, of paths and of the folders that they
 * lie in, as names are compared. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "snapshot.h"

#define ROOM_MIN 64u

static uint64_t hash_upto(const struct snapshot *v, const char *path, const char *end)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (path < end) {
        uint32_t c = letters_next(&path);
        h = (h ^ (v->ignores_case ? smbkit_upcase(c) : c)) * 0x100000001b3u;
    }
    return h ^ (h >> 31);
}

static uint64_t hash_of(const struct snapshot *v, const char *path)
{
    return hash_upto(v, path, path + strlen(path));
}

/* The end of the folder that it lies in; the root lies in none. */
static const char *parent_end(const char *path)
{
    const char *leaf = side_leaf(path);
    return leaf > path ? leaf - 1 : path;
}

/* Is a the path b, up to b_end? */
static bool is_same(const struct snapshot *v, const char *a, const char *b, const char *b_end)
{
    if (!*a || b == b_end) {
        return !*a && b == b_end;
    }
    const char *rest = letters_below(b, a, v->ignores_case);
    return rest && (*b_end ? rest == b_end + 1 : !*rest);
}

static struct snap_note *find_upto(const struct snapshot *v, const struct snap *s, const char *path,
                                   const char *end)
{
    uint64_t h = hash_upto(v, path, end);
    struct snap_note *n = s->room ? s->by_path[h & (s->room - 1)] : NULL;
    while (n && (n->hash != h || !is_same(v, n->path, path, end))) {
        n = n->next;
    }
    return n;
}

const struct snap_note *snap_find(const struct snapshot *v, const struct snap *s, const char *path)
{
    return find_upto(v, s, path, path + strlen(path));
}

static bool is_closed_upto(const struct snapshot *v, const struct snap *s, const char *path,
                           const char *end)
{
    const struct snap_note *n = find_upto(v, s, path, end);
    return n && (n->is_closed || n->kind != SNAP_FOLDER);
}

/* By a folder above it. */
static bool is_closed_above(const struct snapshot *v, const struct snap *s, const char *path)
{
    for (const char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
        if (is_closed_upto(v, s, path, end)) {
            return true;
        }
    }
    return false;
}

bool snap_is_closed(const struct snapshot *v, const struct snap *s, const char *folder)
{
    return s->count > 0 &&
           (is_closed_above(v, s, folder) || is_closed_upto(v, s, folder, folder + strlen(folder)));
}

bool snap_covers(const struct snapshot *v, const struct snap *s, const char *path)
{
    return s->count > 0 && (snap_find(v, s, path) || is_closed_above(v, s, path));
}

/* ---- adding ---- */

static void enter(struct snap *s, struct snap_note *n)
{
    struct snap_note **at = &s->by_path[n->hash & (s->room - 1)];
    n->next = *at;
    *at = n;
    at = &s->by_parent[n->parent_hash & (s->room - 1)];
    n->next_kid = *at;
    *at = n;
}

static bool grow(struct snap *s)
{
    struct snap was = {.by_path = s->by_path, .by_parent = s->by_parent, .room = s->room};
    uint32_t room = was.room ? 2 * was.room : ROOM_MIN;
    struct snap_note **by_path = calloc(room, sizeof(struct snap_note *));
    struct snap_note **by_parent = calloc(room, sizeof(struct snap_note *));
    if (!by_path || !by_parent) {
        free(by_path);
        free(by_parent);
        return false;
    }
    s->by_path = by_path;
    s->by_parent = by_parent;
    s->room = room;
    for (uint32_t i = 0; i < was.room; i++) {
        for (struct snap_note *n = was.by_path[i]; n;) {
            struct snap_note *next = n->next;
            enter(s, n);
            n = next;
        }
    }
    free(was.by_path);
    free(was.by_parent);
    return true;
}

bool snap_note_add(struct snapshot *v, struct snap *s, const char *path, enum snap_kind kind,
                   uint64_t number)
{
    struct snap_note *known = find_upto(v, s, path, path + strlen(path));
    if (known) {
        known->is_closed |= kind == SNAP_ABSENT;
        return true;
    }
    if (v->notes >= SNAP_NOTES_MAX || (s->count >= s->room && !grow(s))) {
        return false;
    }
    struct snap_note *n = calloc(1, sizeof(*n));
    char *own = strdup(path);
    if (!n || !own) {
        free(n);
        free(own);
        return false;
    }
    *n = (struct snap_note){.path = own,
                            .number = number,
                            .kind = kind,
                            .is_closed = kind == SNAP_ABSENT,
                            .hash = hash_of(v, path),
                            .parent_hash = hash_upto(v, path, parent_end(path))};
    enter(s, n);
    s->count++;
    v->notes++;
    return true;
}

/* ---- folders ---- */

bool snap_kids(const struct snapshot *v, const struct snap *s, const char *folder,
               bool (*fn)(void *arg, const char *name, const struct snap_note *note), void *arg)
{
    uint64_t h = hash_of(v, folder);
    const struct snap_note *n = s->room ? s->by_parent[h & (s->room - 1)] : NULL;
    for (; n; n = n->next_kid) {
        bool is_kid =
            n->parent_hash == h && *n->path && is_same(v, folder, n->path, parent_end(n->path));
        if (is_kid && !fn(arg, side_leaf(n->path), n)) {
            return false;
        }
    }
    return true;
}

void snap_free(struct snapshot *v, struct snap *s)
{
    for (uint32_t i = 0; i < s->room; i++) {
        for (struct snap_note *n = s->by_path[i]; n;) {
            struct snap_note *next = n->next;
            free(n->path);
            free(n);
            n = next;
        }
    }
    v->notes -= s->count;
    free(s->by_path);
    free(s->by_parent);
    free(s);
}
