/* SPDX-License-Identifier: Apache-2.0 */
/* A git repository as folders. Nothing of it is remembered but contents: each path is looked up in
 * the references as they are, and what is open keeps the objects that it was opened by.
 *
 * Lock order: blobs->lock and volume->lock are taken alone; neither is held while libgit2 runs. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <git2.h>

#include <smbkit/plugin.h>

#define GITFS_DEPTH_MAX 128u    /* folders of a tree within each other */
#define GITFS_HOPS_MAX 16u      /* links that lead to links */
#define GITFS_STEPS_MAX 256u    /* names that the links of one look say in all */
#define GITFS_LINK_MAX 4096u    /* bytes of what a link says */
#define GITFS_REF_MAX 1024u     /* bytes of a reference's name */
#define GITFS_NAMES_MAX 200000u /* names that a folder of references shows */
#define GITFS_STASH_MAX 1000u
#define GITFS_KEPT_MAX 1024u /* contents that are kept */
#define GITFS_REPOS_MAX 8u   /* handles of libgit2, each used by one call at a time */

/* ---- where a path leads: git_look.c ---- */

enum gitfs_kind {
    GITFS_ROOT,
    GITFS_REFS, /* references whose names begin with ref and a slash */
    GITFS_COMMITS,
    GITFS_STASHES,
    GITFS_TREE,
    GITFS_BLOB,
    GITFS_EMPTY, /* a submodule */
};

struct gitfs_spot {
    enum gitfs_kind kind;
    int via;        /* reached through a link to a folder: there are no others below */
    uint64_t time;  /* FILETIME, of the commit; 0: none */
    uint64_t size;  /* BLOB */
    git_oid oid;    /* TREE, BLOB */
    uint32_t steps; /* that links have taken */
    uint32_t depth; /* of stack */
    git_oid stack[GITFS_DEPTH_MAX + 1]; /* the trees from that of the commit on */
    char ref[GITFS_REF_MAX];            /* REFS */
};

/* One of the folders at the root. */
struct gitfs_top {
    const char *name;
    enum gitfs_kind kind;
    const char *ref;
};
extern const struct gitfs_top gitfs_tops[]; /* the last one without a name */

/* The path of a client. What the repository cannot give though it should is DATA_ERROR, and logged.
 */
smbkit_status gitfs_look(git_repository *repo, const char *path, struct gitfs_spot *spot);
/* From a tree to an entry of it, which is at hand; a link is followed. */
smbkit_status gitfs_enter(git_repository *repo, struct gitfs_spot *spot, const git_tree_entry *e);
smbkit_status gitfs_failed(const char *what);

/* ---- contents: git_blobs.c ---- */

struct gitfs_blob;
struct gitfs_blobs;
struct gitfs_blobs *gitfs_blobs_new(uint64_t max);
void gitfs_blobs_free(struct gitfs_blobs *b);
/* len bytes from `at` on, which are there. */
struct gitfs_want {
    const git_oid *oid;
    uint64_t at;
    uint8_t *to;
    uint32_t len;
};
/* 0: it is not kept (any more). */
int gitfs_blobs_kept(struct gitfs_blobs *b, const struct gitfs_want *w);
/* One is loaded at a time: waits to be the one, without a handle. CANCELLED. */
smbkit_status gitfs_blobs_begin(struct gitfs_blobs *b, const struct smbkit_op *op);
void gitfs_blobs_end(struct gitfs_blobs *b);
/* Between the two. */
smbkit_status gitfs_blobs_read(struct gitfs_blobs *b, git_repository *repo,
                               const struct gitfs_want *w);

/* ---- the volume: git_volume.c ---- */

struct gitfs_file {
    struct gitfs_file *next; /* volume->lock */
    struct gitfs_file **prev;
    struct gitfs_spot spot;
    char path[];
};

struct gitfs_volume {
    struct smbkit_host *host;
    char *path;
    uint64_t commits; /* how many are listed */
    struct gitfs_blobs *blobs;
    pthread_t watcher;
    int has_watcher;
    git_repository *watched; /* the watcher's own, once it runs */
    uint64_t refs_at_first;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    int is_ending;
    git_repository *idle[GITFS_REPOS_MAX];
    uint32_t idle_count;
    uint32_t repo_count;
    struct gitfs_file *files;
};

/* Takes repo. */
smbkit_status gitfs_volume_start(struct gitfs_volume *v, git_repository *repo);
void gitfs_volume_stop(struct gitfs_volume *v);
/* A handle of this call's own; waits until there is one. DATA_ERROR: it cannot be opened (any
 * more); CANCELLED. */
smbkit_status gitfs_repo_take(struct gitfs_volume *v, const struct smbkit_op *op,
                              git_repository **repo_r);
void gitfs_repo_give(struct gitfs_volume *v, git_repository *repo);

/* ---- listings: git_list.c ---- */

struct gitfs_listing {
    struct gitfs_volume *v;
    git_repository *repo;
    const struct smbkit_op *op;
    const struct gitfs_file *f;
};
/* CANCELLED, or as far as it came. */
smbkit_status gitfs_list(const struct gitfs_listing *l, struct smbkit_sink *sink);
void gitfs_describe(const struct gitfs_spot *spot, const char *path, const char *name,
                    struct smbkit_attr *attr);
