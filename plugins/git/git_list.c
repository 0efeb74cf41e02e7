/* SPDX-License-Identifier: Apache-2.0 */
/* Folders. Trees never change, so an entry's place is its cookie; names of references come and go,
 * so theirs is made of the name, and they are listed in that order. */
#include "git_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

/* ---- attributes ---- */

/* The same for the same content by the same path, and another for any other. */
static uint64_t id_of(const struct gitfs_spot *spot, const char *path, const char *name)
{
    uint64_t h = mix(0xcbf29ce484222325u, spot->oid.id, sizeof(spot->oid.id));
    h = mix(h, path, strlen(path));
    if (name && *path) {
        h = mix(h, "/", 1);
    }
    h = name ? mix(h, name, strlen(name)) : h;
    return h ? h : 1;
}

void gitfs_describe(const struct gitfs_spot *spot, const char *path, const char *name,
                    struct smbkit_attr *attr)
{
    int is_file = spot->kind == GITFS_BLOB;
    attr->attributes = is_file ? SMBKIT_ATTR_NORMAL : SMBKIT_ATTR_DIRECTORY;
    attr->file_id = id_of(spot, path, name);
    attr->size = is_file ? spot->size : 0;
    attr->write_time = spot->time;
    attr->change_time = spot->time;
    attr->access_time = spot->time;
    attr->create_time = spot->time;
    attr->valid |= SMBKIT_HAS_SIZE | SMBKIT_HAS_FILE_ID;
    size_t end = offsetof(struct smbkit_attr, names_told) + sizeof(attr->names_told);
    if (spot->kind == GITFS_TREE && attr->struct_size >= end) {
        uint64_t names = 0;
        memcpy(&names, spot->oid.id, sizeof(names));
        attr->names_told = names | 1; /* the same tree has the same names */
    }
}

/* ---- trees ---- */

static smbkit_status how_it_ends(const struct gitfs_listing *l)
{
    return smbkit_op_is_cancelled(l->op) ? SMBKIT_STATUS_CANCELLED : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status list_tree(const struct gitfs_listing *l, struct smbkit_sink *sink)
{
    const struct gitfs_file *f = l->f;
    git_tree *tree = NULL;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    struct gitfs_spot *spot = malloc(sizeof(*spot));
    if (!spot) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (git_tree_lookup(&tree, l->repo, &f->spot.oid) != 0) {
        free(spot);
        return gitfs_failed(git_oid_tostr_s(&f->spot.oid));
    }
    size_t count = git_tree_entrycount(tree);
    for (uint64_t i = sink->cookie; i < count && !smbkit_op_is_cancelled(l->op); i++) {
        char name[SHOWN_ROOM];
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_entry e = {
            .struct_size = sizeof(e), .name = name, .cookie = i + 1, .attr = &attr};
        const git_tree_entry *entry = git_tree_entry_byindex(tree, (size_t)i);
        const char *raw = git_tree_entry_name(entry);
        *spot = f->spot;
        status = gitfs_enter(l->repo, spot, entry);
        int is_there = status == SMBKIT_STATUS_SUCCESS || status == SMBKIT_STATUS_DATA_ERROR;
        if (!is_there || shown_name(raw, strlen(raw), name) == 0) {
            continue; /* a link that leads nowhere, or too long a name */
        }
        if (SMBKIT_OK(status)) {
            gitfs_describe(spot, f->path, name, &attr);
        } else { /* its object is missing: who opens it is told */
            attr.attributes = SMBKIT_ATTR_NORMAL;
            attr.write_time = f->spot.time;
        }
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    git_tree_free(tree);
    free(spot);
    return how_it_ends(l);
}

/* ---- names that are collected first ---- */

struct names {
    struct gitfs_name {
        uint64_t cookie;
        char *name;
        int is_folder; /* of references: what it is is known */
    } * list;
    uint32_t count;
    uint32_t room;
};

/* In the order of a listing. */
static int compare(const void *a, const void *b)
{
    const struct gitfs_name *x = a;
    const struct gitfs_name *y = b;
    return x->cookie != y->cookie ? (x->cookie < y->cookie ? -1 : 1) : strcmp(x->name, y->name);
}

/* 0: out of memory, or too many. */
static int names_add(struct names *n, const char *name, size_t len)
{
    char shown[SHOWN_ROOM];
    if (shown_name(name, len, shown) == 0) {
        return 1; /* too long */
    }
    if (n->count == n->room) {
        uint32_t room = n->room ? 2 * n->room : 64;
        void *more = room > GITFS_NAMES_MAX ? NULL : realloc(n->list, room * sizeof(*n->list));
        if (!more) {
            return 0;
        }
        n->list = more;
        n->room = room;
    }
    uint64_t cookie = mix(0xcbf29ce484222325u, shown, strlen(shown));
    char *copy = strdup(shown);
    if (copy) {
        n->list[n->count++] = (struct gitfs_name){.cookie = cookie ? cookie : 1, .name = copy};
    }
    return copy != NULL;
}

/* What follows the prefix and a slash, up to the next slash; names that follow each other once. */
static void collect_refs(const struct gitfs_listing *l, struct names *n)
{
    const char *prefix = l->f->spot.ref;
    git_reference_iterator *it = NULL;
    const char *name = NULL;
    const char *last = "";
    size_t len = strlen(prefix);
    int ok = git_reference_iterator_new(&it, l->repo) == 0;
    while (ok && !smbkit_op_is_cancelled(l->op) && git_reference_next_name(&name, it) == 0) {
        if (strncmp(name, prefix, len) != 0 || name[len] != '/') {
            continue;
        }
        const char *part = name + len + 1;
        size_t part_len = strcspn(part, "/");
        if (strlen(last) != part_len || strncmp(last, part, part_len) != 0) {
            uint32_t before = n->count;
            ok = names_add(n, part, part_len);
            last = "";
            if (n->count > before) {
                n->list[before].is_folder = part[part_len] == '/';
                last = n->list[before].name;
            }
        }
    }
    git_reference_iterator_free(it);
}

/* The last ones of all branches, and of HEAD. */
static void collect_commits(const struct gitfs_listing *l, struct names *n)
{
    git_revwalk *walk = NULL;
    git_oid id;
    if (git_revwalk_new(&walk, l->repo) != 0) {
        return;
    }
    git_revwalk_sorting(walk, GIT_SORT_TIME);
    git_revwalk_push_head(walk);
    git_revwalk_push_glob(walk, "refs/heads/*");
    while (n->count < l->v->commits && !smbkit_op_is_cancelled(l->op) &&
           git_revwalk_next(&id, walk) == 0 && names_add(n, git_oid_tostr_s(&id), GIT_OID_HEXSZ)) {
    }
    git_revwalk_free(walk);
}

static void collect_stashes(git_repository *repo, struct names *n)
{
    git_reflog *log = NULL;
    char name[16];
    if (git_reflog_read(&log, repo, "refs/stash") != 0) {
        return;
    }
    size_t count = git_reflog_entrycount(log);
    for (size_t i = 0; i < count && i < GITFS_STASH_MAX; i++) {
        names_add(n, name, (size_t)snprintf(name, sizeof(name), "%zu", i));
    }
    git_reflog_free(log);
}

static void collect(const struct gitfs_listing *l, struct names *n)
{
    switch (l->f->spot.kind) {
    case GITFS_ROOT:
        for (const struct gitfs_top *top = gitfs_tops; top->name; top++) {
            names_add(n, top->name, strlen(top->name));
        }
        break;
    case GITFS_REFS:
        collect_refs(l, n);
        break;
    case GITFS_COMMITS:
        collect_commits(l, n);
        break;
    case GITFS_STASHES:
        collect_stashes(l->repo, n);
        break;
    default:
        break; /* a submodule has nothing */
    }
    if (n->count > 0) {
        qsort(n->list, n->count, sizeof(*n->list), compare);
    }
}

/* 0: it is not shown. */
static int look_at(const struct gitfs_listing *l, const struct gitfs_name *n,
                   struct smbkit_attr *attr)
{
    const struct gitfs_file *f = l->f;
    const char *name = n->name;
    size_t room = strlen(f->path) + strlen(name) + 2;
    char *path = malloc(room);
    struct gitfs_spot *spot = malloc(sizeof(*spot));
    smbkit_status status = path && spot ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(status) && n->is_folder) { /* as it would be found, among all references */
        memset(spot, 0, sizeof(*spot));
        spot->kind = GITFS_REFS;
    } else if (SMBKIT_OK(status)) {
        snprintf(path, room, "%s%s%s", f->path, *f->path ? "/" : "", name);
        status = gitfs_look(l->repo, path, spot);
    }
    if (SMBKIT_OK(status)) {
        gitfs_describe(spot, f->path, name, attr);
    }
    free(path);
    free(spot);
    return SMBKIT_OK(status);
}

static smbkit_status list_names(const struct gitfs_listing *l, struct smbkit_sink *sink)
{
    struct names n = {0};
    int goes_on = 1;
    uint64_t last = sink->cookie;
    collect(l, &n);
    for (uint32_t i = 0; i < n.count; i++) {
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_entry e = {.struct_size = sizeof(e),
                                 .name = n.list[i].name,
                                 .cookie = n.list[i].cookie,
                                 .attr = &attr};
        goes_on = goes_on && !smbkit_op_is_cancelled(l->op);
        if (goes_on && e.cookie > last && look_at(l, &n.list[i], &attr)) {
            last = e.cookie;
            goes_on = sink->entry(sink, &e);
        }
        free(n.list[i].name);
    }
    free(n.list);
    return how_it_ends(l);
}

smbkit_status gitfs_list(const struct gitfs_listing *l, struct smbkit_sink *sink)
{
    return l->f->spot.kind == GITFS_TREE ? list_tree(l, sink) : list_names(l, sink);
}
