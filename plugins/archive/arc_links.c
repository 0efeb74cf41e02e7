/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as archives have them, and symbolic links among them. Nothing leads out of the archive:
 * names are looked up in the index alone. */
#include "arc_priv.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

#define HOPS_MAX 16u /* links that lead to links */

void arc_left_out(struct arc_scan *s, const char *path, const char *why)
{
    char text[300];
    if (s->left_out++ < ARC_TOLD_MAX) {
        smbkit_log(1, "archive entry left out name=%s reason=%s",
                   smbkit_quote(path, text, sizeof(text)), why);
    }
}

/* The path in UTF-8 by the share's charset, malloc; NULL: as it is. */
static char *recoded(const struct arc_scan *s, const char *path)
{
    size_t len = strlen(path);
    if (!s->set->charset || shown_is_utf8(path, len)) {
        return NULL;
    }
    iconv_t cd = iconv_open("UTF-8", s->set->charset);
    size_t room = 4 * len + 1;
    char *out = cd == (iconv_t)-1 ? NULL : malloc(room);
    char *from = (char *)(uintptr_t)path;
    char *to = out;
    room--;
    if (out && iconv(cd, &from, &len, &to, &room) != (size_t)-1) {
        *to = '\0';
    } else {
        free(out);
        out = NULL;
    }
    if (cd != (iconv_t)-1) {
        iconv_close(cd);
    }
    return out;
}

/* The next component of a path; 0: there is none. */
static size_t next_part(const char **at, const char **part)
{
    const char *p = *at + strspn(*at, "/");
    size_t len = strcspn(p, "/");
    *part = p;
    *at = p + len;
    return len;
}

static int is_dots(const char *part, size_t len)
{
    return len == 2 && part[0] == '.' && part[1] == '.';
}

static int is_here(const char *part, size_t len)
{
    return len == 1 && part[0] == '.';
}

/* Only a folder has anything in it: what was a file or a link is none any more. */
static void become_folder(struct arc_node *n)
{
    if (!(n->flags & ARC_FOLDER)) {
        n->flags = ARC_FOLDER | ARC_MADE;
        n->size = 0;
        n->target = ARC_NONE;
    }
}

/* NULL, or why a path has no place. */
static const char *what_is_wrong(const char *path)
{
    char name[SHOWN_ROOM];
    uint32_t depth = 0;
    const char *part;
    for (size_t len = next_part(&path, &part); len; len = next_part(&path, &part)) {
        if (is_dots(part, len)) {
            return "it has .. in its path";
        }
        if (!is_here(part, len) && (shown_name(part, len, name) == 0 || ++depth > ARC_DEPTH_MAX)) {
            return "too long or too deep";
        }
    }
    return NULL;
}

/* ARC_NONE: no room. */
static uint32_t place(struct arc_scan *s, const char *path)
{
    uint32_t at = ARC_ROOT;
    const char *part;
    for (size_t len = next_part(&path, &part); len; len = next_part(&path, &part)) {
        char name[SHOWN_ROOM];
        if (is_here(part, len)) {
            continue;
        }
        size_t n = shown_name(part, len, name);
        become_folder(&s->x->nodes[at]);
        uint32_t child = arc_index_child(s->x, at, name, n);
        if (child == ARC_NONE) {
            child = arc_index_add(s->x, at, name, n);
            if (child == ARC_NONE) {
                return ARC_NONE;
            }
            s->x->nodes[child].flags = ARC_FOLDER | ARC_MADE;
        }
        at = child;
    }
    return at;
}

uint32_t arc_place(struct arc_scan *s, const char *path, smbkit_status *status)
{
    char *better = recoded(s, path);
    const char *why = what_is_wrong(better ? better : path);
    uint32_t at = why ? ARC_NONE : place(s, better ? better : path);
    free(better);
    *status = at == ARC_NONE && !why ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_SUCCESS;
    if (why) {
        arc_left_out(s, path, why);
    }
    return at;
}

/* ---- links ---- */

static uint32_t resolve(struct arc_scan *s, uint32_t node, uint32_t hops);

/* One step of a path within the index. */
static uint32_t step(struct arc_scan *s, uint32_t at, const char *part, size_t len, uint32_t hops)
{
    char name[SHOWN_ROOM];
    if (is_here(part, len)) {
        return at;
    }
    if (is_dots(part, len)) {
        return s->x->nodes[at].parent; /* of the root: none, it leads out */
    }
    size_t n = shown_name(part, len, name);
    uint32_t child = n ? arc_index_child(s->x, at, name, n) : ARC_NONE;
    if (child != ARC_NONE && (s->x->nodes[child].flags & ARC_LINK)) {
        return resolve(s, child, hops + 1);
    }
    return child;
}

static uint32_t walk(struct arc_scan *s, uint32_t at, const char *path, uint32_t hops)
{
    const char *part;
    const char *rest = path;
    for (size_t len = next_part(&rest, &part); len && at != ARC_NONE;
         len = next_part(&rest, &part)) {
        at = s->x->nodes[at].flags & ARC_FOLDER ? step(s, at, part, len, hops) : ARC_NONE;
    }
    return at;
}

uint32_t arc_lookup(struct arc_scan *s, const char *path)
{
    char *better = recoded(s, path);
    const char *rest = better ? better : path;
    const char *part;
    uint32_t at = ARC_ROOT;
    for (size_t len = next_part(&rest, &part); len && at != ARC_NONE;
         len = next_part(&rest, &part)) {
        char name[SHOWN_ROOM];
        if (is_here(part, len)) {
            continue;
        }
        size_t n = is_dots(part, len) ? 0 : shown_name(part, len, name);
        at = n ? arc_index_child(s->x, at, name, n) : ARC_NONE; /* only a folder has children */
    }
    free(better);
    return at;
}

/* What a link leads to; one that leads nowhere is taken out. */
static uint32_t resolve(struct arc_scan *s, uint32_t node, uint32_t hops)
{
    struct arc_node *n = &s->x->nodes[node];
    if (n->target != ARC_NONE) {
        return n->target;
    }
    const char *target = s->late[n->ordinal].target;
    uint32_t to = ARC_NONE;
    if (hops < HOPS_MAX && target[0] != '/') {
        char *better = recoded(s, target);
        to = walk(s, n->parent, better ? better : target, hops);
        free(better);
    }
    if (to == ARC_NONE && n->parent != ARC_NONE) {
        arc_left_out(s, arc_name(s->x, node), "a link that leads out of the archive, or nowhere");
        arc_index_take_out(s->x, node);
    }
    n->target = to;
    return to;
}

smbkit_status arc_links_add(struct arc_scan *s, uint32_t node, const char *target)
{
    size_t len = strlen(target);
    if (len > ARC_TARGET_MAX) {
        arc_left_out(s, arc_name(s->x, node), "a link that says too much");
        arc_index_take_out(s->x, node);
        return SMBKIT_STATUS_SUCCESS;
    }
    s->late_bytes += len + 1;
    if (s->late_bytes > ARC_NAMES_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    if (s->late_count == s->late_room) {
        uint32_t room = s->late_room ? 2 * s->late_room : 64;
        struct arc_late *more = realloc(s->late, room * sizeof(*more));
        if (!more) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        s->late = more;
        s->late_room = room;
    }
    char *copy = strdup(target);
    if (!copy) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->x->nodes[node].ordinal = s->late_count;
    s->late[s->late_count++] = (struct arc_late){.node = node, .target = copy};
    return SMBKIT_STATUS_SUCCESS;
}

void arc_links_resolve(struct arc_scan *s)
{
    for (uint32_t i = 0; i < s->late_count; i++) {
        const struct arc_node *n = &s->x->nodes[s->late[i].node];
        if ((n->flags & ARC_LINK) && n->ordinal == i && n->parent != ARC_NONE) {
            resolve(s, s->late[i].node, 0);
        }
    }
}
