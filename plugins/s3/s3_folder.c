/* SPDX-License-Identifier: Apache-2.0 */
/* What clients make, delete and rename. An object is there with its name; a folder is there as long
 * as some key begins with its name, so one that is empty has an object of that name, its marker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

static const char if_none[] = "If-None-Match: *";

static void ask_or(struct s3_job *job, const struct s3_ask *ask,
                   void (*answered)(struct s3_job *job, struct web_answer *a),
                   void (*end)(struct s3_job *job, smbkit_status st))
{
    smbkit_status st = s3_job_ask(job, ask, answered);
    if (!SMBKIT_OK(st)) {
        end(job, st);
    }
}

/* "bucket/a/b" and "c", or NULL: no memory, or too long for a key. */
static char *path_in(struct s3_node *folder, const char *name, bool is_folder)
{
    char *base = s3_node_path(folder);
    size_t room = base ? strlen(base) + strlen(name) + 2 : 0;
    char *path = base ? malloc(room) : NULL;
    if (path) {
        snprintf(path, room, "%s%s%s", base, name, is_folder ? "/" : "");
        const char *key = strchr(path, '/');
        if (!key || strlen(key + 1) >= S3_KEY_MAX) {
            free(path);
            path = NULL;
        }
    }
    free(base);
    return path;
}

/* ---- making ---- */

/* The entry is the object's; what is known of it is that it is empty. */
static void made_end(struct s3_job *job, const char *etag)
{
    bool is_folder = job->how->kind == SMBKIT_KIND_DIRECTORY;
    struct s3_node *n = s3_node_get(job->s, job->path);
    struct smbkit_tree_entry *e = job->how->entry;
    e->arg = n ? s3_shown_new(n) : NULL;
    if (!e->arg) {
        s3_node_unref(n);
        s3_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    e->release = s3_shown_free;
    e->flags = SMBKIT_TREE_WRITABLE | (is_folder ? SMBKIT_TREE_IS_FOLDER : 0);
    e->file = is_folder ? NULL : &s3_file;
    e->folder = is_folder ? &s3_folder : NULL;
    pthread_mutex_lock(&n->lock);
    if (is_folder) {
        n->has_marker = true;
    } else {
        s3_node_stored_locked(n, job->path, etag, 0);
    }
    pthread_mutex_unlock(&n->lock);
    s3_node_unref(n);
    s3_job_end(job, SMBKIT_STATUS_SUCCESS);
}

/* Did the store take it, and the answer was lost? */
static void made_looked(struct s3_job *job, struct web_answer *a)
{
    bool is_ours = SMBKIT_OK(a->status) && a->kept[S3_KEPT_MARK] &&
                   strcmp(a->kept[S3_KEPT_MARK], job->mark) == 0;
    if (is_ours) {
        made_end(job, a->etag);
    } else {
        s3_job_end(job, SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
}

static void made(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st)) {
        made_end(job, a->etag);
    } else if (st == SMBKIT_STATUS_SHARING_VIOLATION) {
        const struct s3_ask ask = {.method = WEB_HEAD, .path = job->path};
        ask_or(job, &ask, made_looked, s3_job_end);
    } else {
        s3_job_end(job, st);
    }
}

/* An empty object, which is not to be there yet. */
static void empty_put(struct s3_job *job, const char *path,
                      void (*answered)(struct s3_job *job, struct web_answer *a))
{
    char mark[sizeof(S3_MARK_HEADER) + 2 + S3_MARK_ROOM];
    s3_mark_new(job->mark);
    snprintf(mark, sizeof(mark), S3_MARK_HEADER ": %s", job->mark);
    const struct s3_ask ask = {.method = WEB_PUT,
                               .path = path,
                               .headers = {mark, job->s->is_conditional ? if_none : NULL, NULL}};
    ask_or(job, &ask, answered, s3_job_end);
}

smbkit_status s3_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    struct s3_job *job = s3_job_new(c, s3_node_of(c));
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->how = how;
    job->path = path_in(job->node, how->name, how->kind == SMBKIT_KIND_DIRECTORY);
    if (!job->path) {
        s3_job_end(job, SMBKIT_STATUS_OBJECT_NAME_INVALID);
        return SMBKIT_STATUS_PENDING;
    }
    empty_put(job, job->path, made);
    return SMBKIT_STATUS_PENDING;
}

/* ---- folders that are to stay ---- */

static void marked(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    bool is_there = SMBKIT_OK(st) || st == SMBKIT_STATUS_SHARING_VIOLATION;
    job->then(job, is_there ? SMBKIT_STATUS_SUCCESS : st);
}

void s3_folder_keep(struct s3_job *job, smbkit_tree_id id, const char *folder,
                    void (*then)(struct s3_job *job, smbkit_status st))
{
    struct smbkit_tree_info info = {.id = SMBKIT_TREE_NONE};
    struct s3_node *n = s3_node_get(job->s, folder);
    bool is_few = SMBKIT_OK(smbkit_tree_get(job->w.call->tree, id, &info)) && info.count <= 1;
    bool is_root = strcmp(folder, job->s->root->path) == 0 || !strchr(folder, '/')[1];
    job->then = then;
    if (n) {
        pthread_mutex_lock(&n->lock);
        is_few &= !n->has_marker;
        pthread_mutex_unlock(&n->lock);
    }
    s3_node_unref(n);
    if (!is_few || is_root) {
        then(job, SMBKIT_STATUS_SUCCESS);
        return;
    }
    const struct s3_ask ask = {.method = WEB_PUT, .path = folder};
    ask_or(job, &ask, marked, then);
}

char *s3_folder_of(const char *path)
{
    size_t n = strlen(path);
    n -= n > 0 && path[n - 1] == '/';
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    return strndup(path, n);
}

/* ---- deleting ---- */

static void removed(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    bool is_gone = SMBKIT_OK(st) || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    if (is_gone) {
        s3_node_detach(job->node);
        pthread_mutex_lock(&job->node->lock);
        job->node->is_gone = true;
        pthread_mutex_unlock(&job->node->lock);
    }
    s3_act_end(job, is_gone ? SMBKIT_STATUS_SUCCESS : st);
}

static void remove_now(struct s3_job *job, smbkit_status st)
{
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
        return;
    }
    const struct s3_ask ask = {.method = WEB_DELETE, .path = job->path};
    ask_or(job, &ask, removed, s3_act_end);
}

static void remove_keep(struct s3_job *job)
{
    char *folder = s3_node_path(job->other);
    if (folder) {
        s3_folder_keep(job, job->w.call->id, folder, remove_now);
        free(folder);
    } else {
        s3_act_end(job, SMBKIT_STATUS_NO_MEMORY);
    }
}

/* Keys that clients do not see keep a folder too. */
static void emptiness_told(struct s3_job *job, struct web_answer *a)
{
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    if (SMBKIT_OK(st) && (!p || p->kind != S3_XML_LIST)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    const char *key = strchr(job->path, '/') + 1;
    bool is_full = SMBKIT_OK(st) && (p->left_out || p->is_truncated);
    for (uint32_t i = 0; SMBKIT_OK(st) && i < p->count; i++) {
        is_full |= strcmp(p->items[i].key, key) != 0;
    }
    s3_page_free(p);
    st = is_full ? SMBKIT_STATUS_DIRECTORY_NOT_EMPTY : st;
    if (SMBKIT_OK(st)) {
        remove_keep(job);
    } else {
        s3_act_end(job, st);
    }
}

char *s3_below_query(const char *path, const char *token, uint32_t max, char query[S3_URL_MAX])
{
    char encoded[S3_URL_MAX / 2] = "";
    char prefix[3 * S3_KEY_MAX];
    const char *key = strchr(path, '/') + 1;
    bool ok = s3_encode(key, false, prefix, sizeof(prefix)) &&
              s3_encode(token ? token : "", false, encoded, sizeof(encoded));
    int n = snprintf(query, S3_URL_MAX, "%s%s%sencoding-type=url&list-type=2&max-keys=%u&prefix=%s",
                     token ? "continuation-token=" : "", encoded, token ? "&" : "", max, prefix);
    return ok && n > 0 && n < (int)S3_URL_MAX ? strndup(path, (size_t)(key - path)) : NULL;
}

static void emptiness_ask(struct s3_job *job)
{
    char query[S3_URL_MAX];
    char *bucket = s3_below_query(job->path, NULL, 2, query);
    if (!bucket) {
        s3_act_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    const struct s3_ask ask = {.method = WEB_GET, .path = bucket, .query = query};
    ask_or(job, &ask, emptiness_told, s3_act_end);
    free(bucket);
}

/* Others may have it open, and go on with what it held: that is fetched before. */
static smbkit_status act_remove(struct s3_job *job)
{
    struct s3_node *n = job->node;
    free(job->path);
    job->path = s3_node_path(n);
    if (!job->path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (n->is_folder) {
        emptiness_ask(job);
        return SMBKIT_STATUS_PENDING;
    }
    pthread_mutex_lock(&n->lock);
    bool is_kept = n->handles && n->size <= S3_KEEP_MAX;
    pthread_mutex_unlock(&n->lock);
    smbkit_status st = is_kept ? s3_stage_need(job, false) : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(st) && st != SMBKIT_STATUS_PENDING) {
        remove_keep(job);
        st = SMBKIT_STATUS_PENDING;
    }
    return st;
}

/* On a worker: a file of the host may be made. */
static void remove_run(void *arg)
{
    (void)s3_act(arg, act_remove);
}

smbkit_status s3_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    (void)id;
    struct s3_job *job = s3_job_new(c, ((const struct s3_shown *)arg)->node);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->other = s3_node_ref(s3_node_of(c));
    s3_job_run(job, remove_run);
    return SMBKIT_STATUS_PENDING;
}

/* ---- renaming a file: an act of its node ---- */

/* The object is at job->path. */
static void moved_end(struct s3_job *job)
{
    struct s3_node *n = job->node;
    char *from = s3_node_path(n);
    if (from) {
        s3_nodes_rename(job->s, from, job->path);
    }
    free(from);
    const char *etag = job->page ? job->page->etag : "";
    pthread_mutex_lock(&n->lock);
    s3_node_stored_locked(n, job->path, etag, n->size);
    if (n->stage) {
        snprintf(n->stage->etag, sizeof(n->stage->etag), "%s", etag);
    }
    pthread_mutex_unlock(&n->lock);
    s3_act_end(job, SMBKIT_STATUS_SUCCESS);
}

static void source_gone(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st) || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        moved_end(job);
    } else {
        s3_act_end(job, st); /* it is there twice now */
    }
}

static void source_remove(struct s3_job *job, smbkit_status st)
{
    char *from = SMBKIT_OK(st) ? s3_node_path(job->node) : NULL;
    if (!from) {
        s3_act_end(job, SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st);
        return;
    }
    const struct s3_ask ask = {.method = WEB_DELETE, .path = from};
    ask_or(job, &ask, source_gone, s3_act_end);
    free(from);
}

static void copied(struct s3_job *job, struct web_answer *a)
{
    s3_page_free(job->page);
    smbkit_status st = s3_answer(a, &job->page);
    if (SMBKIT_OK(st) && (!job->page || job->page->kind != S3_XML_COPY)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    char *from = SMBKIT_OK(st) ? s3_node_path(job->node) : NULL;
    char *folder = from ? s3_folder_of(from) : NULL;
    free(from);
    if (folder) {
        s3_folder_keep(job, job->move->from, folder, source_remove);
        free(folder);
    } else {
        s3_act_end(job, SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st);
    }
}

bool s3_copy_source(const char *from, char to[S3_URL_MAX])
{
    static const char name[] = "x-amz-copy-source: /";
    memcpy(to, name, sizeof(name));
    return s3_encode(from, true, to + strlen(name), S3_URL_MAX - strlen(name));
}

static void copy_ask(struct s3_job *job, const char *from, const char *etag)
{
    char source[S3_URL_MAX];
    char match[WEB_TAG_MAX + 40];
    snprintf(match, sizeof(match), "x-amz-copy-source-if-match: %s", etag);
    const struct s3_ask ask = {.method = WEB_PUT,
                               .path = job->path,
                               .headers = {source, etag[0] ? match : NULL, NULL},
                               .is_long = true};
    if (s3_copy_source(from, source)) {
        ask_or(job, &ask, copied, s3_act_end);
    } else {
        s3_act_end(job, SMBKIT_STATUS_OBJECT_NAME_INVALID);
    }
}

static void copy_now(struct s3_job *job)
{
    struct s3_node *n = job->node;
    char etag[WEB_TAG_MAX];
    pthread_mutex_lock(&n->lock);
    bool is_too_long = n->size > S3_PART_MAX;
    snprintf(etag, sizeof(etag), "%s",
             n->stage    ? n->stage->etag
             : n->object ? n->object->etag
                         : "");
    pthread_mutex_unlock(&n->lock);
    char *from = s3_node_path(n);
    if (is_too_long || !from) {
        s3_act_end(job, from ? SMBKIT_STATUS_NOT_SUPPORTED : SMBKIT_STATUS_NO_MEMORY);
    } else {
        copy_ask(job, from, etag);
    }
    free(from);
}

/* What is not in the tree may be in the store. */
static void target_looked(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        copy_now(job);
    } else {
        s3_act_end(job, SMBKIT_OK(st) ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : st);
    }
}

static smbkit_status act_rename(struct s3_job *job)
{
    if (job->move->replaced != SMBKIT_TREE_NONE) {
        copy_now(job);
        return SMBKIT_STATUS_PENDING;
    }
    const struct s3_ask ask = {.method = WEB_HEAD, .path = job->path};
    ask_or(job, &ask, target_looked, s3_act_end);
    return SMBKIT_STATUS_PENDING;
}

smbkit_status s3_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    struct s3_node *n = ((const struct s3_shown *)how->arg)->node;
    struct s3_job *job = s3_job_new(c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->move = how;
    job->path = path_in(s3_node_of(c), how->to_name, n->is_folder);
    if (!job->path) {
        s3_job_end(job, SMBKIT_STATUS_OBJECT_NAME_INVALID);
        return SMBKIT_STATUS_PENDING;
    }
    return s3_act(job, n->is_folder ? s3_move_folder : act_rename);
}
