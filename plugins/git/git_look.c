/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to what is there now. */
#include "git_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shown.h"

const struct gitfs_top gitfs_tops[] = {{"branches", GITFS_REFS, "refs/heads"},
                                       {"tags", GITFS_REFS, "refs/tags"},
                                       {"remotes", GITFS_REFS, "refs/remotes"},
                                       {"commits", GITFS_COMMITS, NULL},
                                       {"stash", GITFS_STASHES, NULL},
                                       {"HEAD", GITFS_TREE, NULL},
                                       {NULL, GITFS_ROOT, NULL}};

smbkit_status gitfs_failed(const char *what)
{
    char text[300];
    char quoted[300];
    const git_error *e = git_error_last();
    smbkit_log(0, "git object cannot be read of=%s reason=%s",
               smbkit_quote(what, quoted, sizeof(quoted)),
               smbkit_quote(e ? e->message : "unknown", text, sizeof(text)));
    return SMBKIT_STATUS_DATA_ERROR;
}

/* The next component; 0: there is none. */
static size_t next_part(const char **at, const char **part)
{
    const char *p = *at + strspn(*at, "/");
    size_t len = strcspn(p, "/");
    *part = p;
    *at = p + len;
    return len;
}

static uint64_t filetime(git_time_t seconds)
{
    const int64_t first = -11644473600;
    const int64_t last = 910692730085; /* what fits in 63 bits */
    int64_t s = seconds <= first ? first + 1 : seconds > last ? last : seconds;
    return (uint64_t)(s - first) * 10000000u;
}

/* ---- within a tree ---- */

static smbkit_status enter_blob(git_repository *repo, struct gitfs_spot *spot, const git_oid *oid)
{
    git_odb *odb = NULL;
    size_t len = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    int ok = git_repository_odb(&odb, repo) == 0 &&
             git_odb_read_header(&len, &type, odb, oid) == 0 && type == GIT_OBJECT_BLOB;
    git_odb_free(odb);
    git_oid_cpy(&spot->oid, oid);
    spot->kind = GITFS_BLOB;
    spot->size = len;
    return ok ? SMBKIT_STATUS_SUCCESS : gitfs_failed(git_oid_tostr_s(oid));
}

static smbkit_status enter_tree(struct gitfs_spot *spot, const git_oid *oid)
{
    if (spot->depth >= GITFS_DEPTH_MAX) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    spot->kind = GITFS_TREE;
    git_oid_cpy(&spot->stack[spot->depth++], oid);
    git_oid_cpy(&spot->oid, oid);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status leave_tree(struct gitfs_spot *spot)
{
    if (spot->depth < 2) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* out of the commit */
    }
    spot->depth--;
    git_oid_cpy(&spot->oid, &spot->stack[spot->depth - 1]);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status step(git_repository *repo, struct gitfs_spot *spot, const char *raw,
                          uint32_t hops);

/* Where a link leads, from the tree that it is in. */
static smbkit_status walk_link(git_repository *repo, struct gitfs_spot *spot, char *target,
                               uint32_t hops)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    char *rest = NULL;
    for (char *part = strtok_r(target, "/", &rest); SMBKIT_OK(status) && part;
         part = strtok_r(NULL, "/", &rest)) {
        if (spot->kind != GITFS_TREE) {
            return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
        if (strcmp(part, ".") == 0) {
            continue;
        }
        if (++spot->steps > GITFS_STEPS_MAX) {
            return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
        status = strcmp(part, "..") == 0 ? leave_tree(spot) : step(repo, spot, part, hops + 1);
    }
    return status;
}

/* What a link says, if it is of a link's length: asked before it is read. */
static smbkit_status link_read(git_repository *repo, const git_oid *oid,
                               char target[GITFS_LINK_MAX + 1])
{
    git_odb *odb = NULL;
    git_odb_object *o = NULL;
    git_object_t type = GIT_OBJECT_INVALID;
    size_t len = 0;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (git_repository_odb(&odb, repo) != 0 || git_odb_read_header(&len, &type, odb, oid) != 0) {
        status = gitfs_failed(git_oid_tostr_s(oid));
    } else if (type != GIT_OBJECT_BLOB || len == 0 || len > GITFS_LINK_MAX) {
        status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    } else if (git_odb_read(&o, odb, oid) != 0) {
        status = gitfs_failed(git_oid_tostr_s(oid));
    }
    if (o) {
        len = git_odb_object_size(o);
        len = len > GITFS_LINK_MAX ? 0 : len;
        memcpy(target, git_odb_object_data(o), len);
        target[len] = '\0';
        int is_good = target[0] && target[0] != '/' && strlen(target) == len;
        status = is_good ? status : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    git_odb_object_free(o);
    git_odb_free(odb);
    return status;
}

/* Links that lead out, nowhere, or from a folder that a link led to into another are not there. */
static smbkit_status follow(git_repository *repo, struct gitfs_spot *spot, const git_oid *oid,
                            uint32_t hops)
{
    char target[GITFS_LINK_MAX + 1];
    int was_via = spot->via;
    if (hops >= GITFS_HOPS_MAX) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status status = link_read(repo, oid, target);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = walk_link(repo, spot, target, hops);
    if (SMBKIT_OK(status) && spot->kind != GITFS_BLOB) {
        status = was_via ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : status;
        spot->via = 1;
    }
    return status;
}

static smbkit_status enter(git_repository *repo, struct gitfs_spot *spot, const git_tree_entry *e,
                           uint32_t hops)
{
    const git_oid *oid = git_tree_entry_id(e);
    switch (git_tree_entry_filemode(e)) {
    case GIT_FILEMODE_TREE:
        return enter_tree(spot, oid);
    case GIT_FILEMODE_LINK:
        return follow(repo, spot, oid, hops);
    case GIT_FILEMODE_COMMIT:
        spot->kind = GITFS_EMPTY;
        git_oid_cpy(&spot->oid, oid);
        return SMBKIT_STATUS_SUCCESS;
    default:
        return enter_blob(repo, spot, oid);
    }
}

/* The entry that is shown so; raw is what it most likely is called. */
static const git_tree_entry *find_shown(const git_tree *tree, const char *raw)
{
    const git_tree_entry *e = git_tree_entry_byname(tree, raw);
    char wanted[SHOWN_ROOM];
    char shown[SHOWN_ROOM];
    if (e || shown_name(raw, strlen(raw), wanted) == 0) {
        return e;
    }
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const char *name = git_tree_entry_name(git_tree_entry_byindex(tree, i));
        if (shown_name(name, strlen(name), shown) && strcmp(shown, wanted) == 0) {
            return git_tree_entry_byindex(tree, i);
        }
    }
    return NULL;
}

static smbkit_status step(git_repository *repo, struct gitfs_spot *spot, const char *raw,
                          uint32_t hops)
{
    git_tree *tree = NULL;
    if (git_tree_lookup(&tree, repo, &spot->oid) != 0) {
        return gitfs_failed(git_oid_tostr_s(&spot->oid));
    }
    const git_tree_entry *e = find_shown(tree, raw);
    smbkit_status status = e ? enter(repo, spot, e, hops) : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    git_tree_free(tree);
    return status;
}

smbkit_status gitfs_enter(git_repository *repo, struct gitfs_spot *spot, const git_tree_entry *e)
{
    return enter(repo, spot, e, 0);
}

/* The rest of a client's path. */
static smbkit_status walk(git_repository *repo, struct gitfs_spot *spot, const char *path)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    const char *part;
    for (size_t len = next_part(&path, &part); SMBKIT_OK(status) && len;
         len = next_part(&path, &part)) {
        char raw[SHOWN_ROOM];
        if (spot->kind != GITFS_TREE) {
            return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        if (len >= sizeof(raw)) {
            return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
        shown_original(part, len, raw);
        status = step(repo, spot, raw, 0);
        if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && *path) {
            status = SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
    }
    return status;
}

/* ---- to a tree ---- */

/* A commit, a tag of one, or of a tree, or of a file. */
static smbkit_status enter_object(git_repository *repo, struct gitfs_spot *spot, git_object *o)
{
    git_object *to = NULL;
    if (git_object_peel(&to, o, GIT_OBJECT_COMMIT) == 0) {
        const git_commit *commit = (const git_commit *)to;
        spot->time = filetime(git_commit_time(commit));
        smbkit_status status = enter_tree(spot, git_commit_tree_id(commit));
        git_object_free(to);
        return status;
    }
    if (git_object_peel(&to, o, GIT_OBJECT_TREE) == 0) {
        smbkit_status status = enter_tree(spot, git_object_id(to));
        git_object_free(to);
        return status;
    }
    if (git_object_peel(&to, o, GIT_OBJECT_BLOB) != 0) {
        return gitfs_failed(git_oid_tostr_s(git_object_id(o)));
    }
    smbkit_status status = enter_blob(repo, spot, git_object_id(to));
    git_object_free(to);
    return status;
}

static smbkit_status enter_id(git_repository *repo, struct gitfs_spot *spot, const git_oid *id)
{
    git_object *o = NULL;
    if (git_object_lookup(&o, repo, id, GIT_OBJECT_ANY) != 0) {
        return gitfs_failed(git_oid_tostr_s(id));
    }
    smbkit_status status = enter_object(repo, spot, o);
    git_object_free(o);
    return status;
}

/* OBJECT_NAME_NOT_FOUND: there is no such reference. */
static smbkit_status enter_ref(git_repository *repo, struct gitfs_spot *spot, const char *name)
{
    git_oid id;
    int r = git_reference_name_to_id(&id, repo, name);
    if (r == GIT_ENOTFOUND || r == GIT_EINVALIDSPEC) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return r == 0 ? enter_id(repo, spot, &id) : gitfs_failed(name);
}

static int has_refs_below(git_repository *repo, const char *ref)
{
    git_reference_iterator *it = NULL;
    const char *name = NULL;
    size_t len = strlen(ref);
    int found = 0;
    if (git_reference_iterator_new(&it, repo) != 0) {
        return 0;
    }
    while (!found && git_reference_next_name(&name, it) == 0) {
        found = strncmp(name, ref, len) == 0 && name[len] == '/';
    }
    git_reference_iterator_free(it);
    return found;
}

/* References have slashes in their names: as many components as it takes. */
static smbkit_status look_refs(git_repository *repo, const struct gitfs_top *top, const char *path,
                               struct gitfs_spot *spot)
{
    const char *part;
    spot->kind = GITFS_REFS;
    size_t at = (size_t)snprintf(spot->ref, sizeof(spot->ref), "%s", top->ref);
    for (size_t len = next_part(&path, &part); len; len = next_part(&path, &part)) {
        if (at + len + 2 > sizeof(spot->ref)) {
            return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        }
        spot->ref[at++] = '/';
        at += shown_original(part, len, spot->ref + at);
        smbkit_status status = enter_ref(repo, spot, spot->ref);
        if (status != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
            return SMBKIT_OK(status) ? walk(repo, spot, path) : status;
        }
        if (!has_refs_below(repo, spot->ref)) {
            return *path ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : status;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* By as many digits of its number as make it the only one. */
static smbkit_status enter_commit(git_repository *repo, struct gitfs_spot *spot, const char *part,
                                  size_t len)
{
    git_oid id;
    git_object *o = NULL;
    if (len < GIT_OID_MINPREFIXLEN || len > GIT_OID_HEXSZ ||
        git_oid_fromstrn(&id, part, len) != 0 ||
        git_object_lookup_prefix(&o, repo, &id, len, GIT_OBJECT_COMMIT) != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status status = enter_object(repo, spot, o);
    git_object_free(o);
    return status;
}

static smbkit_status enter_stash(git_repository *repo, struct gitfs_spot *spot, const char *part,
                                 size_t len)
{
    git_reflog *log = NULL;
    char *end = NULL;
    unsigned long n = strtoul(part, &end, 10);
    if (end != part + len || *part < '0' || *part > '9' || (len > 1 && *part == '0') ||
        n >= GITFS_STASH_MAX || git_reflog_read(&log, repo, "refs/stash") != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    const git_reflog_entry *e = git_reflog_entry_byindex(log, n);
    smbkit_status status =
        e ? enter_id(repo, spot, git_reflog_entry_id_new(e)) : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    git_reflog_free(log);
    return status;
}

/* In commits/ or stash/. */
static smbkit_status look_numbered(git_repository *repo, const struct gitfs_top *top,
                                   const char *path, struct gitfs_spot *spot)
{
    const char *part;
    size_t len = next_part(&path, &part);
    spot->kind = top->kind;
    if (len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status status = top->kind == GITFS_COMMITS ? enter_commit(repo, spot, part, len)
                                                      : enter_stash(repo, spot, part, len);
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && *path) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    return SMBKIT_OK(status) ? walk(repo, spot, path) : status;
}

static smbkit_status look_head(git_repository *repo, const char *path, struct gitfs_spot *spot)
{
    smbkit_status status = enter_ref(repo, spot, "HEAD");
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && *path) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    return SMBKIT_OK(status) ? walk(repo, spot, path) : status;
}

smbkit_status gitfs_look(git_repository *repo, const char *path, struct gitfs_spot *spot)
{
    const char *part;
    memset(spot, 0, sizeof(*spot));
    size_t len = next_part(&path, &part);
    if (len == 0) {
        return SMBKIT_STATUS_SUCCESS; /* GITFS_ROOT */
    }
    const struct gitfs_top *top = gitfs_tops;
    while (top->name && (strlen(top->name) != len || memcmp(top->name, part, len) != 0)) {
        top++;
    }
    if (!top->name) {
        return *path ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (top->kind == GITFS_REFS) {
        return look_refs(repo, top, path, spot);
    }
    return top->kind == GITFS_TREE ? look_head(repo, path, spot)
                                   : look_numbered(repo, top, path, spot);
}
