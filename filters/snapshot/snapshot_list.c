/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a folder in a snapshot: of each, what the oldest of it and the newer ones says, and
 * those of today that none of them knows. */
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "snapshot.h"

/* Names that were decided on, as they are compared: open addressing. */
struct seen {
    const struct snapshot *v;
    const char **list; /* borrowed: from notes, or of today */
    uint32_t count, room;
};

struct listing {
    struct seen seen;
    struct names *names;
    bool no_memory;
};

static uint32_t hash_name(const struct snapshot *v, const char *name)
{
    uint32_t h = 0x811c9dc5u;
    while (*name) {
        uint32_t c = letters_next(&name);
        h = (h ^ (v->ignores_case ? smbkit_upcase(c) : c)) * 0x01000193u;
    }
    return h ^ (h >> 15);
}

/* Where it is, or would be. */
static const char **seen_at(const struct seen *s, const char *name)
{
    uint32_t at = hash_name(s->v, name);
    for (;; at++) {
        const char **slot = &s->list[at & (s->room - 1)];
        const char *rest = *slot ? letters_below(*slot, name, s->v->ignores_case) : "";
        if (rest && !*rest) {
            return slot;
        }
    }
}

static bool seen_grow(struct seen *s)
{
    struct seen was = *s;
    s->room = was.room ? 2 * was.room : 64;
    s->list = calloc(s->room, sizeof(const char *));
    if (!s->list) {
        *s = was;
        return false;
    }
    for (uint32_t i = 0; i < was.room; i++) {
        if (was.list[i]) {
            *seen_at(s, was.list[i]) = was.list[i];
        }
    }
    free(was.list);
    return true;
}

/* A note of an older snapshot has told of it, or it is told of now. */
static bool take_note(void *arg, const char *name, const struct snap_note *note)
{
    struct listing *l = arg;
    if (2 * (l->seen.count + 1) > l->seen.room && !seen_grow(&l->seen)) {
        l->no_memory = true;
        return false;
    }
    const char **slot = seen_at(&l->seen, name);
    if (*slot) {
        return true;
    }
    *slot = name;
    l->seen.count++;
    l->no_memory = note->kind != SNAP_ABSENT && !side_names_add(l->names, name);
    return !l->no_memory;
}

/* Names of today that no note tells of. */
static smbkit_status add_todays(struct listing *l, struct smbkit_op *op, const char *folder)
{
    const struct snapshot *v = l->seen.v;
    struct names today = {0};
    smbkit_status st = side_names_at(&v->below, op, folder, &today);
    for (uint32_t i = 0; SMBKIT_OK(st) && i < today.count; i++) {
        const char *name = today.list[i];
        bool is_hidden = !*folder && snap_is_hidden(v, name);
        bool is_told = l->seen.count > 0 && *seen_at(&l->seen, name);
        if (!is_hidden && !is_told && !side_names_add(l->names, name)) {
            st = SMBKIT_STATUS_NO_MEMORY;
        }
    }
    side_names_fini(&today);
    return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st; /* it is gone: notes tell of all */
}

smbkit_status snap_names(struct snapshot *v, struct smbkit_op *op, const struct snap *s,
                         const char *folder, struct names *n)
{
    struct listing l = {.seen = {.v = v}, .names = n};
    bool is_closed = false;
    for (; s && !is_closed && !l.no_memory; s = s->newer) {
        (void)snap_kids(v, s, folder, take_note, &l);
        is_closed = snap_is_closed(v, s, folder);
    }
    smbkit_status st = l.no_memory ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(st) && !is_closed) {
        st = add_todays(&l, op, folder);
    }
    free(l.seen.list);
    return st;
}

/* ---- spelling ---- */

/* The name that is in the folder by those letters, or else by others; owned. NULL: none. */
static char *spell_name(struct snapshot *v, struct smbkit_op *op, const struct snap *s,
                        const char *folder, const char *name)
{
    struct names n = {0};
    const char *found = NULL;
    if (SMBKIT_OK(snap_names(v, op, s, folder, &n))) {
        for (uint32_t i = 0; i < n.count && (!found || strcmp(found, name) != 0); i++) {
            const char *rest = letters_below(n.list[i], name, true);
            found = rest && !*rest ? n.list[i] : found;
        }
    }
    char *own = found ? strdup(found) : NULL;
    side_names_fini(&n);
    return own;
}

bool snap_spell(struct snapshot *v, struct smbkit_op *op, const struct snap *s, char **path)
{
    char *at = strdup("");
    const char *rest = *path;
    while (at && *rest) {
        size_t len = strcspn(rest, "/");
        char *name = strndup(rest, len);
        char *spelled = name ? spell_name(v, op, s, at, name) : NULL;
        char *next = name ? side_join(at, spelled ? spelled : name) : NULL;
        free(name);
        free(spelled);
        free(at);
        at = next;
        rest += len + (rest[len] == '/');
    }
    if (!at || strcmp(at, *path) == 0) {
        free(at);
        return false;
    }
    free(*path);
    *path = at;
    return true;
}
