/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as JSON files. Whoever opens one gets it as it is then; what was written is put to the
 * database when the client closes, with the revision that its text names, or else the one that was
 * opened: a document that has become another meanwhile is a conflict, and the answer to the close.
 * https://docs.couchdb.org/en/stable/api/document/common.html */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sofa_json.h"
#include "sofa_priv.h"

/* ---- reading ---- */

static void load_work(struct sofa_job *job)
{
    struct json_span text = {(const char *)job->text, job->text_len};
    char *rev = NULL;
    size_t len = 0;
    bool is_document = sofa_document_check(text.at, text.len, &rev);
    char *pretty = is_document && rev ? sofa_json_pretty(text, &len) : NULL;
    if (pretty) {
        sofa_node_set_tag(job->node, rev);
        job->load->data = pretty;
        job->load->size = len;
        job->load->release = free;
        job->load->release_arg = pretty;
    }
    bool is_wrong = !is_document || !rev;
    free(rev);
    sofa_job_end(job, pretty     ? SMBKIT_STATUS_SUCCESS
                      : is_wrong ? SMBKIT_STATUS_DATA_ERROR
                                 : SMBKIT_STATUS_NO_MEMORY);
}

static smbkit_status document_load(struct smbkit_tree_call *c, struct smbkit_tree_load *load)
{
    struct sofa_node *n = sofa_shown_of(c->arg);
    pthread_mutex_lock(&n->lock);
    bool is_new = !n->tag;
    pthread_mutex_unlock(&n->lock);
    if (is_new) {
        load->size = 0;
        return SMBKIT_STATUS_SUCCESS;
    }
    struct sofa_job *job = sofa_job_new(n->db->s, c, c->id, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->load = load;
    sofa_job_get(job, strdup(n->url), load_work);
    return SMBKIT_STATUS_PENDING;
}

static smbkit_status document_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    (void)access;
    struct sofa_handle *h = calloc(1, sizeof(*h));
    if (!h) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    sofa_handle_add(h, c);
    *handle_r = h;
    return SMBKIT_STATUS_SUCCESS;
}

static void document_close(void *arg, void *handle)
{
    (void)arg;
    sofa_handle_remove(handle);
}

/* ---- writing ---- */

static void not_written(const struct sofa_job *job, const struct web_answer *a)
{
    char quoted[2][256];
    char *reason = sofa_member_text((const char *)a->body, a->body_len, "reason");
    smbkit_log(1, "%s document not written id=%s code=%u reason=%s", job->s->name,
               smbkit_quote(job->node->id, quoted[0], sizeof(quoted[0])), a->code,
               smbkit_quote(reason ? reason : "", quoted[1], sizeof(quoted[1])));
    free(reason);
}

static void put_answered(struct sofa_job *job, struct web_answer *a)
{
    struct sofa_node *n = job->node;
    smbkit_status st = a->status;
    if (!SMBKIT_OK(st)) {
        not_written(job, a);
        st = a->code == 409                     ? SMBKIT_STATUS_SHARING_VIOLATION
             : a->code == 400                   ? SMBKIT_STATUS_INVALID_PARAMETER
             : a->code == 412 || a->code == 413 ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES
                                                : st;
        sofa_job_end(job, st);
        return;
    }
    char *rev = sofa_member_text((const char *)a->body, a->body_len, "rev");
    if (rev) {
        sofa_node_set_tag(n, rev);
    }
    pthread_mutex_lock(&n->lock);
    char *old = job->handle->rev;
    job->handle->rev = rev;
    pthread_mutex_unlock(&n->lock);
    free(old);
    sofa_job_end(job, SMBKIT_STATUS_SUCCESS);
}

/* The document's URL, with the revision that it is to follow unless the text names one. */
static char *put_url(const struct sofa_job *job, const char *named)
{
    struct sofa_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    char *rev = !named && job->handle->rev ? strdup(job->handle->rev) : NULL;
    pthread_mutex_unlock(&n->lock);
    char *escaped = rev ? sofa_escape(rev) : NULL;
    char *url = rev ? sofa_text(n->url, "?rev=", escaped, "") : strdup(n->url);
    free(escaped);
    free(rev);
    return url;
}

static void commit_work(struct sofa_job *job)
{
    char *rev;
    if (!sofa_document_check(job->body, job->body_len, &rev)) {
        char quoted[256];
        smbkit_log(1, "%s document not written id=%s reason=\"it is no JSON object\"", job->s->name,
                   smbkit_quote(job->node->id, quoted, sizeof(quoted)));
        sofa_job_end(job, SMBKIT_STATUS_INVALID_PARAMETER);
        return;
    }
    char *url = put_url(job, rev);
    free(rev);
    sofa_job_ask(job, WEB_PUT, url, put_answered);
}

static smbkit_status document_commit(struct smbkit_tree_call *c, void *handle,
                                     const struct smbkit_tree_commit *what)
{
    struct sofa_handle *h = handle;
    struct sofa_node *n = h->node;
    pthread_mutex_lock(&n->lock);
    bool is_new = !h->rev;
    pthread_mutex_unlock(&n->lock);
    if (what->size == 0 && is_new) {
        return SMBKIT_STATUS_SUCCESS; /* it becomes a document when there is something in it */
    }
    if (what->size > SOFA_DOCUMENT_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct sofa_job *job = sofa_job_new(n->db->s, c, c->id, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->handle = h;
    job->body = malloc(what->size + 1);
    job->body_len = what->size;
    if (!job->body) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return SMBKIT_STATUS_PENDING;
    }
    if (what->size) {
        memcpy(job->body, what->data, what->size);
    }
    sofa_job_work(job, commit_work);
    return SMBKIT_STATUS_PENDING;
}

const struct smbkit_tree_file sofa_document_file = {.struct_size = sizeof(sofa_document_file),
                                                    .flags = SMBKIT_TREE_NEVER_BLOCKS |
                                                             SMBKIT_TREE_FRESH,
                                                    .load = document_load,
                                                    .open = document_open,
                                                    .commit = document_commit,
                                                    .close = document_close};
