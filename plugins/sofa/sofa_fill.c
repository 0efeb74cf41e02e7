/* SPDX-License-Identifier: Apache-2.0 */
/* What folders are asked for: https://docs.couchdb.org/en/stable/api/ , _all_dbs, /{db},
 * /{db}/_all_docs, /{db}/_design/{ddoc}/_view/{view}. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

/* ---- the end ---- */

static void fill_end(struct sofa_job *job)
{
    struct sofa_items old = {NULL, 0, 0, 0};
    if (!job->call) {
        old = sofa_watch_known(job);
    }
    smbkit_status st = sofa_show(job, &old);
    sofa_items_fini(&old);
    if (SMBKIT_OK(st)) {
        sofa_watch(job);
    }
    sofa_job_end(job, st);
}

static bool fill_check(struct sofa_job *job, bool is_right)
{
    if (!is_right) {
        smbkit_log(1, "%s answer not understood", job->s->name);
        sofa_job_end(job, SMBKIT_STATUS_DATA_ERROR);
    }
    return is_right;
}

/* ---- databases ---- */

static void databases_work(struct sofa_job *job)
{
    bool ok = sofa_databases_parse((const char *)job->text, job->text_len, &job->items);
    if (fill_check(job, ok)) {
        fill_end(job);
    }
}

static void views_show(struct sofa_job *job, const struct sofa_views *v)
{
    for (uint32_t i = 0; i < v->count; i++) {
        struct sofa_item item = {.kind = v->all[i].view ? SOFA_VIEW : SOFA_DOCUMENTS,
                                 .name = strdup(v->all[i].name)};
        sofa_items_add(&job->items, &item);
    }
}

static void views_work(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    struct sofa_views *v = sofa_views_parse((const char *)job->text, job->text_len);
    if (!fill_check(job, v != NULL)) {
        return;
    }
    views_show(job, v);
    job->views = sofa_views_ref(v);
    pthread_mutex_lock(&db->lock);
    struct sofa_views *old = db->views;
    db->views = v;
    pthread_mutex_unlock(&db->lock);
    sofa_views_unref(old);
    fill_end(job);
}

/* The feed begins before anything is asked for that it is to keep true. */
static void database_work(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    char *seq = sofa_member_text((const char *)job->text, job->text_len, "update_seq");
    if (!fill_check(job, seq != NULL)) {
        return;
    }
    sofa_feed_begin(db, seq);
    pthread_mutex_lock(&db->lock);
    job->is_live = db->is_on;
    job->changes = db->changes;
    pthread_mutex_unlock(&db->lock);
    sofa_job_get(job,
                 sofa_text(db->url, "_all_docs?include_docs=true", "&startkey=%22_design%2F%22",
                           "&endkey=%22_design0%22"),
                 views_work);
}

/* ---- rows ---- */

static void page_work(struct sofa_job *job);

static uint64_t rows_wanted(const struct sofa_job *job)
{
    uint64_t most = job->query.limit < job->s->rows_max ? job->query.limit : job->s->rows_max;
    uint64_t left = job->rows < most ? most - job->rows : 0;
    return left < SOFA_PAGE ? left : SOFA_PAGE;
}

/* By skip, as that goes with each query; what shifts meanwhile is told as a change. */
static void page_ask(struct sofa_job *job)
{
    const struct sofa_query *q = &job->query;
    const struct sofa_view *view = q->view;
    char tail[64];
    snprintf(tail, sizeof(tail), "?limit=%" PRIu64 "&skip=%" PRIu64, rows_wanted(job),
             q->skip + job->rows);
    const char *how = q->is_grouped      ? (strstr(q->params, "group_level=") ? "" : "&group=true")
                      : view->is_reduced ? "&reduce=false&include_docs=true"
                                         : "&include_docs=true";
    char *design = view->view ? sofa_escape(view->design) : NULL;
    char *name = view->view ? sofa_escape(view->view) : NULL;
    char *path = view->view ? sofa_text("_design/", design, "/_view/", name)
                            : sofa_text("_all_docs", "", "", "");
    char *query = sofa_text(tail, how, q->params, "");
    char *url = sofa_text(job->node->db->url, path, query, "");
    free(design);
    free(name);
    free(path);
    free(query);
    sofa_job_get(job, url, page_work);
}

static void page_work(struct sofa_job *job)
{
    const struct sofa *s = job->s;
    const char *text = (const char *)job->text;
    uint64_t wanted = rows_wanted(job);
    uint64_t rows;
    const struct sofa_naming how = {.is_documents = job->node->kind == SOFA_DOCUMENTS,
                                    .name_field = s->name_field,
                                    .path_field = s->files ? s->path_field : NULL};
    bool ok = job->query.is_grouped
                  ? sofa_keys_parse(text, job->text_len, &job->items, &rows)
                  : sofa_rows_parse(text, job->text_len, &how, &job->items, &rows);
    if (!fill_check(job, ok)) {
        return;
    }
    job->rows += rows;
    if (rows >= wanted && job->rows == s->rows_max && job->query.limit > s->rows_max) {
        smbkit_log(1, "%s folder not shown whole rows=%" PRIu64, s->name, job->rows);
    }
    if (job->call && !smbkit_tree_is_wanted(job->call)) {
        sofa_job_end(job, SMBKIT_STATUS_CANCELLED);
    } else if (rows < wanted || rows_wanted(job) == 0) {
        fill_end(job);
    } else {
        page_ask(job);
    }
}

/* ---- what a folder means ---- */

static enum sofa_meaning query_of(struct sofa_job *job)
{
    struct sofa_node *n = job->node;
    const struct sofa_views *v = job->views;
    const struct sofa_view *keys = sofa_views_keys(v, n->keys);
    enum sofa_meaning is;
    pthread_mutex_lock(&n->lock);
    if (n->kind == SOFA_DOCUMENTS) {
        is = sofa_query_parse(v, NULL, SOFA_DOCUMENTS_NAME, &job->query);
    } else if (!n->key) {
        is = sofa_query_parse(v, n->keys, n->name, &job->query);
    } else if (!keys) {
        is = SOFA_NOTHING;
    } else {
        is = sofa_query_of_key(keys, n->key, &job->query) ? SOFA_QUERY : SOFA_NO_MEMORY;
    }
    pthread_mutex_unlock(&n->lock);
    return is;
}

static void query_fill(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    pthread_mutex_lock(&db->lock);
    job->views = db->views ? sofa_views_ref(db->views) : NULL;
    pthread_mutex_unlock(&db->lock);
    enum sofa_meaning is = job->views ? query_of(job) : SOFA_NOTHING;
    if (is == SOFA_NO_MEMORY) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
    } else if (is == SOFA_QUERY && rows_wanted(job) > 0) {
        page_ask(job);
    } else {
        fill_end(job);
    }
}

static void attachments_work(struct sofa_job *job)
{
    bool ok = sofa_attachments_parse((const char *)job->text, job->text_len, &job->items);
    if (fill_check(job, ok)) {
        fill_end(job);
    }
}

void sofa_fill(struct sofa_job *job)
{
    struct sofa_node *n = job->node;
    if (n->kind == SOFA_SERVER) {
        sofa_job_get(job, sofa_text(job->s->url, "_all_dbs", "", ""), databases_work);
        return;
    }
    pthread_mutex_lock(&n->db->lock);
    job->is_live = n->db->is_on;
    job->changes = n->db->changes;
    pthread_mutex_unlock(&n->db->lock);
    if (n->kind == SOFA_DATABASE) {
        sofa_job_get(job, strdup(n->db->url), database_work);
    } else if (n->kind == SOFA_ATTACHMENTS) {
        sofa_job_get(job, sofa_document_url(n->db, n->id), attachments_work);
    } else {
        query_fill(job);
    }
}
