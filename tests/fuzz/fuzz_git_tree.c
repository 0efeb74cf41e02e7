/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of a repository that is not to be trusted: their bytes as they are, or entries made of
 * names, modes and targets, links among them; each is listed, and each name looked up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "../../plugins/git/git_priv.h"
#include "base/log.h"
#include "vfs/op.h"

#define TREES_MAX 8u
#define RAW_MAX 4096u
#define LISTED_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const struct smbkit_plugin *smbkit_static_git(const struct smbkit_host_table *api);

static git_repository *repo;
static git_odb_backend *store;
static git_odb *odb;

static void log_nothing(void *arg, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *line)
{
    (void)arg;
    (void)level;
    (void)module;
    (void)ctx;
    (void)line;
}

/* Objects in memory; no references. */
static int start(void)
{
    log_set_sink(log_nothing, NULL);
    return SMBKIT_OK(smbkit_static_git(smbkit_api)->load()) &&
           git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0) == 0 && git_odb_new(&odb) == 0 &&
           git_mempack_new(&store) == 0 && git_odb_add_backend(odb, store, 1) == 0 &&
           git_repository_wrap_odb(&repo, odb) == 0;
}

struct bytes {
    const uint8_t *p;
    size_t left;
};

static uint8_t take(struct bytes *b)
{
    if (b->left == 0) {
        return 0;
    }
    b->left--;
    return *b->p++;
}

/* What an entry leads to: a tree made before, a file or link of some bytes, or nothing. */
static git_oid target(struct bytes *b, uint8_t mode, const git_oid *trees, uint32_t count)
{
    git_oid id;
    memset(&id, 0x11, sizeof(id));
    if (mode % 5 == 0 && count > 0) {
        return trees[take(b) % count];
    }
    size_t len = take(b) % 32u;
    len = len < b->left ? len : b->left;
    git_odb_write(&id, odb, b->p, len, GIT_OBJECT_BLOB);
    b->p += len;
    b->left -= len;
    return id;
}

/* "MODE NAME\0" and the number, again and again. */
static git_oid tree_made(struct bytes *b, const git_oid *trees, uint32_t count)
{
    static const char *const modes[] = {"40000", "120000", "100644", "100755", "160000"};
    uint8_t raw[RAW_MAX];
    size_t len = 0;
    git_oid id;
    memset(&id, 0x22, sizeof(id));
    for (uint8_t entries = take(b) % 8; entries > 0 && len + 128 < sizeof(raw); entries--) {
        uint8_t mode = take(b);
        size_t name = 1 + take(b) % 16u;
        len += (size_t)sprintf((char *)raw + len, "%s ", modes[mode % 5]);
        for (; name > 0; name--) {
            uint8_t c = take(b);
            raw[len++] = c ? c : 'a';
        }
        raw[len++] = '\0';
        git_oid to = target(b, mode, trees, count);
        memcpy(raw + len, to.id, sizeof(to.id));
        len += sizeof(to.id);
    }
    git_odb_write(&id, odb, raw, len, GIT_OBJECT_TREE);
    return id;
}

struct seen {
    struct smbkit_sink sink;
    uint32_t count;
    uint64_t last;
};

static int32_t entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct seen *s = (struct seen *)sink->core;
    if (s->count == LISTED_MAX) {
        return 0;
    }
    if (!*e->name || strchr(e->name, '/') || strcmp(e->name, ".") == 0 ||
        strcmp(e->name, "..") == 0 || e->cookie <= s->last || !e->attr->attributes) {
        abort();
    }
    s->last = e->cookie;
    s->count++;
    return 1;
}

/* A commit of that tree: what a client's path goes through. */
static git_oid commit_of(const git_oid *tree)
{
    char raw[256];
    git_oid id = {{0}};
    int len =
        snprintf(raw, sizeof(raw), "tree %s\nauthor a <a> 9 +0000\ncommitter a <a> 9 +0000\n\nc\n",
                 git_oid_tostr_s(tree));
    git_odb_write(&id, odb, raw, (size_t)len, GIT_OBJECT_COMMIT);
    return id;
}

static void look_up(const git_oid *tree)
{
    static const char *const names[] = {"a", "aa", "..", ".", "a/b", "\xff"};
    struct gitfs_spot *spot = malloc(sizeof(*spot));
    git_oid commit = commit_of(tree);
    for (size_t i = 0; spot && i < sizeof(names) / sizeof(names[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "/commits/%s/%s", git_oid_tostr_s(&commit), names[i]);
        if (SMBKIT_OK(gitfs_look(repo, path, spot)) &&
            (spot->depth == 0 || spot->depth > GITFS_DEPTH_MAX)) {
            abort();
        }
    }
    free(spot);
}

static void look_at(const git_oid *tree)
{
    static struct gitfs_volume v;
    static struct op op; /* which nobody cancels */
    op.root = &op;
    op.pub.core = &op;
    struct gitfs_file *f = calloc(1, sizeof(*f) + 1);
    if (!f) {
        return;
    }
    f->spot.kind = GITFS_TREE;
    f->spot.depth = 1;
    f->spot.oid = *tree;
    f->spot.stack[0] = *tree;
    struct seen s = {.sink = {.struct_size = sizeof(s.sink), .entry = entry}};
    s.sink.core = &s;
    gitfs_list(&(struct gitfs_listing){.v = &v, .repo = repo, .op = &op.pub, .f = f}, &s.sink);
    look_up(tree);
    free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int is_ready = -1;
    struct bytes b = {data, size};
    git_oid trees[TREES_MAX] = {{{0}}};
    is_ready = is_ready < 0 ? start() : is_ready;
    if (!is_ready) {
        abort();
    }
    uint8_t how = take(&b);
    for (uint32_t i = 0; i < 1u + how % TREES_MAX; i++) {
        if (how & 0x80) {
            git_odb_write(&trees[i], odb, b.p, b.left, GIT_OBJECT_TREE);
        } else {
            trees[i] = tree_made(&b, trees, i);
        }
        look_at(&trees[i]);
        if (how & 0x80) {
            break;
        }
    }
    git_mempack_reset(store);
    return 0;
}
