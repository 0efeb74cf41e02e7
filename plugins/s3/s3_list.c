/* SPDX-License-Identifier: Apache-2.0 */
/* Folders: pages of a listing, one after the other, each read on a worker. Amazon S3,
 * ListObjectsV2 and ListBuckets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

/* Is it the root of a volume that shows all buckets? Its path is the one that never changes. */
static bool lists_buckets(const struct s3_job *job)
{
    return job->node == job->s->root && !job->s->place.has_bucket;
}

/* ---- entries ---- */

/* The component of a key below the folder's; NULL: it has none that a client could see. */
static char *name_of(const char *key, const char *prefix, bool is_folder)
{
    size_t skip = strlen(prefix);
    size_t len = strlen(key);
    if (len <= skip || strncmp(key, prefix, skip) != 0) {
        return NULL;
    }
    char *name = strndup(key + skip, len - skip - is_folder);
    bool is_name =
        name && name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (!is_name) {
        free(name);
        return NULL;
    }
    return name;
}

/* What is the object that it was keeps the times that the tree has: those that clients set. */
static void times_fill(struct smbkit_tree *tree, smbkit_tree_id folder, bool is_same, uint64_t time,
                       struct smbkit_tree_entry *e)
{
    struct smbkit_tree_info info = {.id = SMBKIT_TREE_NONE};
    smbkit_tree_id id;
    bool is_there = is_same && SMBKIT_OK(smbkit_tree_find(tree, folder, e->name, &id)) &&
                    SMBKIT_OK(smbkit_tree_get(tree, id, &info));
    e->create_time = is_there ? info.create_time : time;
    e->write_time = is_there ? info.write_time : time;
    e->change_time = is_there ? info.change_time : time;
    e->access_time = is_there ? info.access_time : time;
}

/* The listing is as good as a HEAD. A node that is being written to is not touched. */
static bool node_update(struct s3_node *n, const char *path, const struct s3_item *item)
{
    struct web_answer a = {.has_length = true, .length = item->size};
    memcpy(a.etag, item->etag, sizeof(a.etag));
    pthread_mutex_lock(&n->lock);
    bool is_same = n->object && item->etag[0] && strcmp(n->object->etag, item->etag) == 0;
    if (n->stage) {
        is_same = true;
    } else {
        s3_node_learn_locked(n, path, &a);
        n->is_known &= item->etag[0] != 0; /* else nothing tells one object from the next */
        n->time = item->time;
    }
    pthread_mutex_unlock(&n->lock);
    return is_same;
}

static smbkit_status entry_add(struct s3_job *job, const struct s3_item *item, const char *path,
                               const char *name)
{
    struct s3_node *n = s3_node_get(job->s, path);
    if (!n) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    bool is_bucket = lists_buckets(job);
    bool is_same = n->is_folder || node_update(n, path, item);
    e.arg = s3_shown_new(n);
    e.release = s3_shown_free;
    e.flags = SMBKIT_TREE_WRITABLE;
    if (n->is_folder) {
        e.flags = SMBKIT_TREE_IS_FOLDER | (is_bucket ? SMBKIT_TREE_FIXED : SMBKIT_TREE_WRITABLE);
        e.folder = &s3_folder;
    } else {
        e.file = &s3_file;
        pthread_mutex_lock(&n->lock);
        e.size = s3_node_size_locked(n);
        pthread_mutex_unlock(&n->lock);
    }
    times_fill(job->w.call->tree, job->w.call->id, is_same, item->time, &e);
    s3_node_unref(n);
    return e.arg ? smbkit_tree_add(job->w.call->tree, job->w.call->id, &e, NULL)
                 : SMBKIT_STATUS_NO_MEMORY;
}

static bool is_fatal(smbkit_status st)
{
    return st == SMBKIT_STATUS_NO_MEMORY || st == SMBKIT_STATUS_INSUFFICIENT_RESOURCES ||
           st == SMBKIT_STATUS_NOT_FOUND;
}

/* An item of the page, as an entry. What has no name in SMB, or one that differs from another's in
 * its letters alone, is left out. */
static smbkit_status item_add(struct s3_job *job, const struct s3_item *item, const char *folder)
{
    bool is_bucket = folder[0] == 0;
    int bucket_len = is_bucket ? 0 : (int)(strchr(folder, '/') + 1 - folder);
    const char *prefix = folder + bucket_len;
    size_t len = strlen(item->key);
    bool is_folder = is_bucket || (item->is_prefix && len > 0 && item->key[len - 1] == '/');
    if (!is_bucket && strcmp(item->key, prefix) == 0) {
        pthread_mutex_lock(&job->node->lock);
        job->node->has_marker = true;
        pthread_mutex_unlock(&job->node->lock);
        return SMBKIT_STATUS_SUCCESS;
    }
    char *name = name_of(item->key, prefix, is_folder && !is_bucket);
    char path[S3_KEY_MAX + 300];
    snprintf(path, sizeof(path), "%.*s%s%s", bucket_len, folder, item->key, is_bucket ? "/" : "");
    smbkit_status st = name ? entry_add(job, item, path, name) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    free(name);
    job->added += SMBKIT_OK(st);
    job->left_out += !SMBKIT_OK(st);
    return is_fatal(st) ? st : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status items_add(struct s3_job *job, const struct s3_page *p, bool prefixes)
{
    char *folder = s3_node_path(job->node);
    smbkit_status st = folder ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < p->count && SMBKIT_OK(st); i++) {
        if (p->items[i].is_prefix == prefixes) {
            st = item_add(job, &p->items[i], folder);
        }
    }
    free(folder);
    return st;
}

/* ---- pages ---- */

static void page_ask(struct s3_job *job);

static void fill_end(struct s3_job *job, smbkit_status st)
{
    if (SMBKIT_OK(st)) {
        web_fresh_add(&job->s->fresh, job->w.call->id);
    }
    if (SMBKIT_OK(st) && job->left_out) {
        smbkit_log(2, "%s keys left out of a folder count=%u", job->s->name, job->left_out);
    }
    s3_job_end(job, st);
}

/* On a worker. Folders come first: a file of the same name stands behind one. */
static void page_run(void *arg)
{
    struct s3_job *job = arg;
    struct s3_page *p = s3_page_parse(job->body, job->body_len);
    free(job->body);
    job->body = NULL;
    enum s3_kind wanted = lists_buckets(job) ? S3_XML_BUCKETS : S3_XML_LIST;
    smbkit_status st = !p                  ? SMBKIT_STATUS_NO_MEMORY
                       : p->kind == wanted ? SMBKIT_STATUS_SUCCESS
                                           : SMBKIT_STATUS_DATA_ERROR;
    if (SMBKIT_OK(st)) {
        job->left_out += p->left_out;
        st = items_add(job, p, true);
        st = SMBKIT_OK(st) ? items_add(job, p, false) : st;
    }
    if (SMBKIT_OK(st) && s3_page_loops(p, job->token)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    bool is_last = !SMBKIT_OK(st) || !p->is_truncated;
    bool is_more =
        !is_last && p->token[0] && job->added < S3_ITEMS_MAX && ++job->pages < S3_PAGES_MAX;
    free(job->token);
    job->token = is_more ? strdup(p->token) : NULL;
    s3_page_free(p);
    if (is_more && job->token && smbkit_tree_is_wanted(job->w.call)) {
        page_ask(job);
        return;
    }
    if (SMBKIT_OK(st) && !is_last && is_more) {
        st = job->token ? SMBKIT_STATUS_CANCELLED : SMBKIT_STATUS_NO_MEMORY;
    } else if (SMBKIT_OK(st) && !is_last) {
        job->left_out++;
        smbkit_log(1, "%s folder too long shown=%u", job->s->name, job->added);
    }
    fill_end(job, st);
}

static void page_done(struct s3_job *job, struct web_answer *a)
{
    if (!SMBKIT_OK(a->status)) {
        smbkit_status st = s3_answer(a, NULL);
        /* What is not there has no files in it; a bucket is a folder. */
        bool is_gone = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        s3_job_end(job, is_gone ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st);
        return;
    }
    job->body = a->body;
    job->body_len = a->body_len;
    a->body = NULL;
    s3_job_run(job, page_run);
}

/* "bucket/" and what is asked of it, sorted by names as the signature wants it. */
static bool query_make(struct s3_job *job, char *bucket, char query[S3_URL_MAX])
{
    char token[S3_URL_MAX / 2] = "";
    char prefix[3 * S3_KEY_MAX];
    char *slash = strchr(bucket, '/');
    bool ok = s3_encode(slash + 1, false, prefix, sizeof(prefix)) &&
              s3_encode(job->token ? job->token : "", false, token, sizeof(token));
    slash[1] = 0;
    int n = snprintf(query, S3_URL_MAX,
                     "%s%s%sdelimiter=%%2F&encoding-type=url&list-type=2&max-keys=%u&prefix=%s",
                     token[0] ? "continuation-token=" : "", token, token[0] ? "&" : "",
                     S3_PAGE_ITEMS_MAX, prefix);
    return ok && n > 0 && n < (int)S3_URL_MAX;
}

static void page_ask(struct s3_job *job)
{
    char query[S3_URL_MAX];
    char *path = s3_node_path(job->node);
    bool ok = path && (path[0] == 0 || query_make(job, path, query));
    const struct s3_ask ask = {.method = WEB_GET,
                               .path = path,
                               .query = path && path[0] ? query : NULL,
                               .body_max = S3_PAGE_BYTES_MAX};
    smbkit_status st = ok ? s3_job_ask(job, &ask, page_done) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    free(path);
    if (!SMBKIT_OK(st)) {
        s3_job_end(job, st);
    }
}

static smbkit_status folder_fill(struct smbkit_tree_call *c)
{
    struct s3_job *job = s3_job_new(c, s3_node_of(c));
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    page_ask(job);
    return SMBKIT_STATUS_PENDING;
}

const struct smbkit_tree_folder s3_root_folder = {
    .struct_size = sizeof(s3_root_folder), .flags = SMBKIT_TREE_NEVER_BLOCKS, .fill = folder_fill};
const struct smbkit_tree_folder s3_folder = {.struct_size = sizeof(s3_folder),
                                             .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                             .fill = folder_fill,
                                             .create = s3_create,
                                             .rename = s3_rename,
                                             .remove = s3_remove};
