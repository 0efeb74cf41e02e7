/* SPDX-License-Identifier: Apache-2.0 */
/* A git repository as a read-only share: smbkit-git-plugin(1). */
#include "git_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *path;
    uint64_t commits;
    uint64_t memory;
};
static const struct smbkit_param params[] = {{.key = "path",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct arguments, path),
                                              .min = 1,
                                              .max = 4096,
                                              .flags = SMBKIT_PARAM_REQUIRED},
                                             {.key = "commits",
                                              .kind = SMBKIT_PARAM_NUMBER,
                                              .offset = offsetof(struct arguments, commits),
                                              .max = 100000},
                                             {.key = "memory",
                                              .kind = SMBKIT_PARAM_SIZE,
                                              .offset = offsetof(struct arguments, memory),
                                              .min = 1u << 20},
                                             {.key = NULL}};

/* ---- operations ---- */

static int is_nowait(const struct smbkit_op *op)
{
    return (op->flags & SMBKIT_OP_NOWAIT) != 0;
}

static smbkit_status look(struct gitfs_volume *v, const struct smbkit_op *op, const char *path,
                          struct gitfs_spot *spot)
{
    git_repository *repo;
    smbkit_status status = gitfs_repo_take(v, op, &repo);
    if (SMBKIT_OK(status)) {
        status = gitfs_look(repo, path, spot);
        gitfs_repo_give(v, repo);
    }
    return status;
}

static smbkit_status check_kind(const struct gitfs_spot *spot, const struct smbkit_create *how)
{
    int is_file = spot->kind == GITFS_BLOB;
    if (how->disposition == SMBKIT_CREATE) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (!is_file && how->kind == SMBKIT_KIND_FILE) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    return is_file && how->kind == SMBKIT_KIND_DIRECTORY ? SMBKIT_STATUS_NOT_A_DIRECTORY
                                                         : SMBKIT_STATUS_SUCCESS;
}

static void file_add(struct gitfs_volume *v, struct gitfs_file *f)
{
    pthread_mutex_lock(&v->lock);
    f->next = v->files;
    f->prev = &v->files;
    if (f->next) {
        f->next->prev = &f->next;
    }
    v->files = f;
    pthread_mutex_unlock(&v->lock);
}

static smbkit_status git_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    struct gitfs_volume *v = volume;
    if (is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    size_t len = strlen(how->path) + 1;
    struct gitfs_file *f = calloc(1, sizeof(*f) + len);
    if (!f) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    memcpy(f->path, how->path, len);
    smbkit_status status = look(v, op, how->path, &f->spot);
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && how->disposition == SMBKIT_CREATE) {
        status = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    status = SMBKIT_OK(status) ? check_kind(&f->spot, how) : status;
    if (!SMBKIT_OK(status)) {
        free(f);
        return status;
    }
    file_add(v, f);
    gitfs_describe(&f->spot, f->path, NULL, how->attr);
    how->file = f;
    return status;
}

static smbkit_status git_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    if (is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    struct gitfs_spot *spot = malloc(sizeof(*spot));
    smbkit_status status = spot ? look(volume, op, a->path, spot) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(status)) {
        gitfs_describe(spot, a->path, NULL, a->attr);
    }
    free(spot);
    return status;
}

static void git_close(void *volume, struct smbkit_op *op, void *file)
{
    struct gitfs_volume *v = volume;
    struct gitfs_file *f = file;
    (void)op;
    pthread_mutex_lock(&v->lock);
    *f->prev = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_mutex_unlock(&v->lock);
    free(f);
}

static smbkit_status git_getattr(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_attr *attr)
{
    const struct gitfs_file *f = file;
    (void)volume;
    (void)op;
    gitfs_describe(&f->spot, f->path, NULL, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status git_enumerate(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_sink *sink)
{
    if (is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    struct gitfs_listing l = {.v = volume, .op = op, .f = file};
    smbkit_status status = gitfs_repo_take(volume, op, &l.repo);
    if (SMBKIT_OK(status)) {
        status = gitfs_list(&l, sink);
        gitfs_repo_give(volume, l.repo);
    }
    return status;
}

static smbkit_status read_blob(struct gitfs_volume *v, const struct smbkit_op *op,
                               const struct gitfs_want *w)
{
    git_repository *repo;
    if (gitfs_blobs_kept(v->blobs, w)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status status = gitfs_blobs_begin(v->blobs, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = gitfs_repo_take(v, op, &repo);
    if (SMBKIT_OK(status)) {
        status = gitfs_blobs_read(v->blobs, repo, w);
        gitfs_repo_give(v, repo);
    }
    gitfs_blobs_end(v->blobs);
    return status;
}

static smbkit_status git_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    const struct gitfs_file *f = file;
    uint64_t left = io->offset < f->spot.size ? f->spot.size - io->offset : 0;
    uint32_t len = io->length < left ? io->length : (uint32_t)left;
    io->done = 0;
    if (f->spot.kind != GITFS_BLOB) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    if (len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!io->buffer && !smbkit_io_buffer(io)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const struct gitfs_want w = {
        .oid = &f->spot.oid, .at = io->offset, .to = io->buffer, .len = len};
    smbkit_status status = read_blob(volume, op, &w);
    io->done = SMBKIT_OK(status) ? len : 0;
    return status;
}

/* ---- the volume ---- */

static void git_volume_close(void *volume)
{
    struct gitfs_volume *v = volume;
    gitfs_volume_stop(v);
    gitfs_blobs_free(v->blobs);
    pthread_cond_destroy(&v->changed);
    pthread_mutex_destroy(&v->lock);
    free(v->path);
    free(v);
}

static smbkit_status begin(struct gitfs_volume *v, struct smbkit_volume_args *args)
{
    struct arguments given = {.commits = 100, .memory = 256u << 20};
    git_repository *repo = NULL;
    smbkit_status status = smbkit_args_take(args, params, &given);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    v->commits = given.commits;
    v->path = realpath(given.path, NULL); /* the server may change its folder */
    if (!v->path) {
        snprintf(args->error, args->error_size, "%s: %s", given.path, strerror(errno));
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (git_repository_open(&repo, v->path) != 0) {
        const git_error *e = git_error_last();
        int is_none = !e || e->klass == GIT_ERROR_REPOSITORY; /* which says the path again */
        snprintf(args->error, args->error_size, "%s is no git repository%s%s", v->path,
                 is_none ? ": it is neither bare nor has it a .git" : ": ",
                 is_none ? "" : e->message);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    v->blobs = gitfs_blobs_new(given.memory);
    if (!v->blobs) {
        git_repository_free(repo);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return gitfs_volume_start(v, repo);
}

static smbkit_status git_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct gitfs_volume *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->host = args->host;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->changed, NULL);
    smbkit_status status = begin(v, args);
    if (!SMBKIT_OK(status)) {
        git_volume_close(v);
        return status;
    }
    args->features =
        SMBKIT_FEATURE_READ_ONLY | SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_REPORTS;
    *volume_r = v;
    return status;
}

/* Whose the repository is does not matter, since nothing of it is run; and no configuration but its
 * own is read. */
static smbkit_status git_load(void)
{
    if (git_libgit2_init() < 0) {
        return SMBKIT_STATUS_UNSUCCESSFUL;
    }
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++) {
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void git_unload(void)
{
    git_libgit2_shutdown();
}

static const struct smbkit_plugin git_plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "git",
    .description = "a git repository: branches, tags, commits, stashes as folders, read only",
    .version = "1",
    .config_help = "path=FOLDER   the repository, bare or not\n"
                   "commits=N     how many the folder commits lists; 100\n"
                   "memory=SIZE   contents of files that are kept, and the largest; 256M\n",
    .load = git_load,
    .unload = git_unload,
    .volume_open = git_volume_open,
    .volume_close = git_volume_close,
    .create = git_create,
    .lookup = git_lookup,
    .close = git_close,
    .enumerate = git_enumerate,
    .getattr = git_getattr,
    .read = git_read,
};
SMBKIT_REGISTER(git_plugin)
