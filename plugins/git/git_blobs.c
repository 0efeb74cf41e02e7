/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of files, as a whole: git keeps them compressed, and as differences. What was used
 * longest ago goes first. One is loaded at a time, so that what they take is bounded. */
#include "git_priv.h"

#include <stdlib.h>
#include <string.h>

#include "moment.h"

struct gitfs_blob {
    struct gitfs_blob *next; /* the one used before */
    git_oid oid;
    uint64_t size;
    uint8_t data[];
};

struct gitfs_blobs {
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    uint64_t max;
    /* lock */
    int is_loading;
    struct gitfs_blob *first; /* used last */
};

struct gitfs_blobs *gitfs_blobs_new(uint64_t max)
{
    struct gitfs_blobs *b = calloc(1, sizeof(*b));
    if (b) {
        b->max = max;
        pthread_mutex_init(&b->lock, NULL);
        pthread_cond_init(&b->loaded, NULL);
    }
    return b;
}

void gitfs_blobs_free(struct gitfs_blobs *b)
{
    struct gitfs_blob *next;
    for (struct gitfs_blob *i = b ? b->first : NULL; i; i = next) {
        next = i->next;
        free(i);
    }
    if (b) {
        pthread_mutex_destroy(&b->lock);
        pthread_cond_destroy(&b->loaded);
    }
    free(b);
}

/* Copied under the lock, so that none goes meanwhile. */
int gitfs_blobs_kept(struct gitfs_blobs *b, const struct gitfs_want *w)
{
    pthread_mutex_lock(&b->lock);
    struct gitfs_blob **at = &b->first;
    while (*at && !git_oid_equal(&(*at)->oid, w->oid)) {
        at = &(*at)->next;
    }
    struct gitfs_blob *found = *at;
    int ok = found && w->at <= found->size && w->len <= found->size - w->at;
    if (ok) {
        memcpy(w->to, found->data + w->at, w->len);
        *at = found->next;
        found->next = b->first;
        b->first = found;
    }
    pthread_mutex_unlock(&b->lock);
    return ok;
}

/* The last ones go until there is room. */
static void keep(struct gitfs_blobs *b, struct gitfs_blob *blob)
{
    pthread_mutex_lock(&b->lock);
    blob->next = b->first;
    b->first = blob;
    uint64_t sum = 0;
    uint32_t count = 0;
    struct gitfs_blob **at = &b->first;
    while (*at && sum + (*at)->size + sizeof(**at) <= b->max && count < GITFS_KEPT_MAX) {
        sum += (*at)->size + sizeof(**at);
        count++;
        at = &(*at)->next;
    }
    struct gitfs_blob *gone = *at;
    *at = NULL;
    pthread_mutex_unlock(&b->lock);
    while (gone) {
        struct gitfs_blob *next = gone->next;
        free(gone);
        gone = next;
    }
}

/* Too large is said before it is read. */
static smbkit_status load(struct gitfs_blobs *b, git_repository *repo, const git_oid *oid)
{
    git_odb *odb = NULL;
    git_odb_object *o = NULL;
    size_t len = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    const char *hex = git_oid_tostr_s(oid);
    if (git_repository_odb(&odb, repo) != 0 || git_odb_read_header(&len, &type, odb, oid) != 0 ||
        type != GIT_OBJECT_BLOB) {
        status = gitfs_failed(hex);
    } else if (len + sizeof(struct gitfs_blob) > b->max) {
        smbkit_log(0, "git file is too large blob=%s bytes=%zu; see memory=", hex, len);
        status = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    } else if (git_odb_read(&o, odb, oid) != 0) {
        status = gitfs_failed(hex);
    }
    struct gitfs_blob *blob = NULL;
    if (SMBKIT_OK(status)) {
        len = git_odb_object_size(o);
        blob = malloc(sizeof(*blob) + len);
        status = blob ? status : SMBKIT_STATUS_NO_MEMORY;
    }
    if (blob) {
        *blob = (struct gitfs_blob){.size = len};
        git_oid_cpy(&blob->oid, oid);
        memcpy(blob->data, git_odb_object_data(o), len);
        keep(b, blob);
    }
    git_odb_object_free(o);
    git_odb_free(odb);
    return status;
}

smbkit_status gitfs_blobs_begin(struct gitfs_blobs *b, const struct smbkit_op *op)
{
    pthread_mutex_lock(&b->lock);
    while (b->is_loading && !smbkit_op_is_cancelled(op)) {
        moment_wait(&b->loaded, &b->lock, MOMENT_NS);
    }
    int is_mine = !b->is_loading;
    b->is_loading = 1;
    pthread_mutex_unlock(&b->lock);
    return is_mine ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_CANCELLED;
}

void gitfs_blobs_end(struct gitfs_blobs *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_loading = 0;
    pthread_cond_broadcast(&b->loaded);
    pthread_mutex_unlock(&b->lock);
}

smbkit_status gitfs_blobs_read(struct gitfs_blobs *b, git_repository *repo,
                               const struct gitfs_want *w)
{
    if (gitfs_blobs_kept(b, w)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status status = load(b, repo, w->oid);
    int is_there = SMBKIT_OK(status) && gitfs_blobs_kept(b, w);
    return is_there || !SMBKIT_OK(status) ? status : SMBKIT_STATUS_DATA_ERROR;
}
