/* SPDX-License-Identifier: Apache-2.0 */
/* A folder gets another name: each key below it is copied, and when all are there each is deleted.
 * In between both are there; what fails half-way leaves what was copied. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

struct s3_move {
    struct s3_job *job;
    char *from; /* the folder's path */
    char *to;
    char *bucket; /* of from, with its slash */
    char **keys;  /* below it */
    uint32_t count;
    uint32_t room;
    bool is_deleting;
    pthread_mutex_t lock; /* guards what follows */
    uint32_t next;
    uint32_t in_flight;
    smbkit_status status;
};

struct step {
    struct s3_move *m;
    bool is_deleting;
};

void s3_move_free(struct s3_move *m)
{
    if (!m) {
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        free(m->keys[i]);
    }
    pthread_mutex_destroy(&m->lock);
    free(m->keys);
    free(m->from);
    free(m->to);
    free(m->bucket);
    free(m);
}

/* ---- copies, and then the ends of what was copied ---- */

static void step_over(struct s3_move *m, smbkit_status st);

static void step_done(void *arg, struct web_answer *a)
{
    struct step *step = arg;
    struct s3_move *m = step->m;
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    if (step->is_deleting) {
        st = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
    } else if (SMBKIT_OK(st) && (!p || p->kind != S3_XML_COPY)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    s3_page_free(p);
    free(step);
    step_over(m, st);
}

/* The path of a key of the old folder, below the new one. */
static bool path_below(const struct s3_move *m, const char *key, char to[S3_KEY_MAX + 300])
{
    size_t skip = strlen(m->from) - strlen(m->bucket);
    int n = snprintf(to, S3_KEY_MAX + 300, "%s%s", m->to, key + skip);
    const char *slash = strchr(to, '/');
    return n > 0 && n < (int)S3_KEY_MAX + 300 && slash && strlen(slash + 1) < S3_KEY_MAX;
}

static smbkit_status step_ask(struct s3_move *m, const char *key)
{
    char source[S3_URL_MAX];
    char from[S3_KEY_MAX + 300];
    char to[S3_KEY_MAX + 300];
    snprintf(from, sizeof(from), "%s%s", m->bucket, key);
    if (!path_below(m, key, to) || !s3_copy_source(from, source)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    struct step *step = malloc(sizeof(*step));
    if (!step) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *step = (struct step){m, m->is_deleting};
    const struct s3_ask copy = {
        .method = WEB_PUT, .path = to, .headers = {source, NULL}, .is_long = true};
    const struct s3_ask gone = {.method = WEB_DELETE, .path = from};
    smbkit_status st = s3_ask_for(m->job->s, m->is_deleting ? &gone : &copy, step_done, step);
    if (!SMBKIT_OK(st)) {
        free(step);
    }
    return st;
}

static void copies_over(struct s3_job *job, smbkit_status st)
{
    struct s3_move *m = job->moving;
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
        return;
    }
    m->is_deleting = true;
    m->next = 0;
    m->in_flight = 1; /* its own */
    step_over(m, SMBKIT_STATUS_SUCCESS);
}

static void all_over(struct s3_move *m)
{
    struct s3_job *job = m->job;
    if (!SMBKIT_OK(m->status)) {
        s3_act_end(job, m->status);
    } else if (m->is_deleting) {
        s3_nodes_rename(job->s, m->from, m->to);
        s3_act_end(job, SMBKIT_STATUS_SUCCESS);
    } else {
        char *folder = s3_folder_of(m->from);
        if (folder) {
            s3_folder_keep(job, job->move->from, folder, copies_over);
        } else {
            s3_act_end(job, SMBKIT_STATUS_NO_MEMORY);
        }
        free(folder);
    }
}

/* One is over: as many are begun as may be at once. Who sees that none is under way goes on. */
static void step_over(struct s3_move *m, smbkit_status st)
{
    pthread_mutex_lock(&m->lock);
    m->status = SMBKIT_OK(m->status) ? st : m->status;
    m->in_flight--;
    while (SMBKIT_OK(m->status) && m->next < m->count && m->in_flight < S3_MOVES_AT_ONCE) {
        m->status = step_ask(m, m->keys[m->next++]);
        m->in_flight += SMBKIT_OK(m->status);
    }
    bool is_over = m->in_flight == 0;
    pthread_mutex_unlock(&m->lock);
    if (is_over) {
        all_over(m);
    }
}

/* ---- what is to be moved ---- */

static void page_ask(struct s3_job *job);

static bool key_add(struct s3_move *m, char **key)
{
    if (m->count == m->room) {
        uint32_t room = m->room ? m->room * 2 : 64;
        char **keys = realloc(m->keys, room * sizeof(*keys));
        if (!keys) {
            return false;
        }
        m->keys = keys;
        m->room = room;
    }
    m->keys[m->count++] = *key;
    *key = NULL;
    return true;
}

static smbkit_status keys_take(struct s3_move *m, struct s3_page *p)
{
    if (p->left_out || m->count + p->count > S3_MOVE_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (!key_add(m, &p->items[i].key)) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        p->items[i].key = strdup(""); /* the page frees it */
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void marked(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st)) {
        s3_nodes_rename(job->s, job->moving->from, job->moving->to);
    }
    s3_act_end(job, st);
}

/* All keys are known. A folder without any was there in the tree alone. */
static void keys_known(struct s3_job *job)
{
    struct s3_move *m = job->moving;
    if (m->count > 0) {
        m->in_flight = 1; /* its own */
        step_over(m, SMBKIT_STATUS_SUCCESS);
        return;
    }
    const struct s3_ask ask = {.method = WEB_PUT, .path = m->to};
    smbkit_status st = s3_job_ask(job, &ask, marked);
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
    }
}

static void page_done(struct s3_job *job, struct web_answer *a)
{
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    if (SMBKIT_OK(st) && (!p || p->kind != S3_XML_LIST)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    st = SMBKIT_OK(st) ? keys_take(job->moving, p) : st;
    bool is_more = SMBKIT_OK(st) && p->is_truncated;
    if (is_more && (!p->token[0] || s3_page_loops(p, job->token) || ++job->pages > S3_MOVE_MAX)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    free(job->token);
    job->token = is_more && SMBKIT_OK(st) ? strdup(p->token) : NULL;
    s3_page_free(p);
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
    } else if (is_more) {
        page_ask(job);
    } else {
        keys_known(job);
    }
}

static void page_ask(struct s3_job *job)
{
    char query[S3_URL_MAX];
    char *bucket = s3_below_query(job->moving->from, job->token, S3_PAGE_ITEMS_MAX, query);
    const struct s3_ask ask = {
        .method = WEB_GET, .path = bucket, .query = query, .body_max = S3_PAGE_BYTES_MAX};
    smbkit_status st = bucket ? s3_job_ask(job, &ask, page_done) : SMBKIT_STATUS_NO_MEMORY;
    free(bucket);
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
    }
}

/* Nothing may be where it goes, also nothing that clients do not see. */
static void target_told(struct s3_job *job, struct web_answer *a)
{
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    if (SMBKIT_OK(st) && (!p || p->kind != S3_XML_LIST)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    if (SMBKIT_OK(st) && (p->count || p->left_out)) {
        st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    s3_page_free(p);
    if (SMBKIT_OK(st)) {
        page_ask(job);
    } else {
        s3_act_end(job, st);
    }
}

smbkit_status s3_move_folder(struct s3_job *job)
{
    char query[S3_URL_MAX];
    struct s3_move *m = calloc(1, sizeof(*m));
    if (!m) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&m->lock, NULL);
    job->moving = m;
    m->job = job;
    m->from = s3_node_path(job->node);
    m->to = strdup(job->path);
    m->bucket = m->from ? strndup(m->from, strcspn(m->from, "/") + 1) : NULL;
    char *bucket = m->bucket ? s3_below_query(job->path, NULL, 1, query) : NULL;
    if (!bucket || !m->to) {
        free(bucket);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const struct s3_ask ask = {.method = WEB_GET, .path = bucket, .query = query};
    smbkit_status st = s3_job_ask(job, &ask, target_told);
    free(bucket);
    return SMBKIT_OK(st) ? SMBKIT_STATUS_PENDING : st;
}
