/* SPDX-License-Identifier: Apache-2.0 */
/* Changes: a continuous feed for each database that somebody has looked at, from the sequence that
 * the database had before that; a sequence is opaque. A folder that somebody has open is looked at
 * again, others when somebody looks. While there is no feed nothing is kept, so that a database
 * that is down is not shown as if it were there.
 * https://docs.couchdb.org/en/stable/api/database/changes.html */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

#define TOLD_MAX                                                                                   \
    64u /* opens of one document that are told of a change; others find out by reading */

/* ---- the timer ---- */

void sofa_timer_need(struct sofa *s, uint64_t ms)
{
    pthread_mutex_lock(&s->lock);
    uint64_t due = web_now_ms() + ms;
    if (s->timer && !s->is_over && (!s->due_ms || due < s->due_ms)) {
        s->due_ms = due;
        smbkit_timer_set(s->timer, ms);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- lines ---- */

/* Who has the document open, in which revision he may know it, is told. */
static void handles_tell(struct sofa_db *db, const struct sofa_change *c)
{
    smbkit_tree_id ids[TOLD_MAX];
    uint32_t count = 0;
    pthread_mutex_lock(&db->lock);
    for (struct sofa_handle *h = db->handles; h && count < TOLD_MAX; h = h->next) {
        struct sofa_node *n = h->node;
        pthread_mutex_lock(&n->lock);
        bool is_own = n->kind == SOFA_DOCUMENT && n->tag && c->rev && strcmp(n->tag, c->rev) == 0;
        pthread_mutex_unlock(&n->lock);
        if (!is_own && strcmp(n->id, c->id) == 0) {
            ids[count++] = h->id;
        }
    }
    pthread_mutex_unlock(&db->lock);
    for (uint32_t i = 0; i < count; i++) {
        (void)smbkit_tree_changed(db->s->tree, ids[i]);
    }
}

static void line_take(struct sofa_db *db, const char *line, size_t len)
{
    struct sofa_change c;
    if (len == 0 || !sofa_change_parse(line, len, &c)) {
        return; /* a heartbeat */
    }
    if (c.id) {
        handles_tell(db, &c);
    }
    pthread_mutex_lock(&db->lock);
    char *old = db->seq;
    db->seq = c.seq;
    db->is_due |= c.id != NULL;
    db->has_views |= c.id && strncmp(c.id, "_design/", 8) == 0;
    db->changes += c.id != NULL;
    pthread_mutex_unlock(&db->lock);
    if (c.id) {
        sofa_timer_need(db->s, SOFA_SETTLE_MS);
    }
    free(old);
    free(c.id);
    free(c.rev);
}

static bool line_add(struct sofa_db *db, const char *bytes, size_t len)
{
    if (len > SOFA_LINE_MAX - db->line_len) {
        return false;
    }
    char *line = realloc(db->line, db->line_len + len + 1);
    if (!line) {
        return false;
    }
    memcpy(line + db->line_len, bytes, len);
    db->line = line;
    db->line_len += len;
    return true;
}

static bool feed_data(void *arg, const uint8_t *bytes, size_t len)
{
    struct sofa_db *db = arg;
    const char *at = (const char *)bytes;
    const char *end = at + len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!line_add(db, at, (size_t)((stop ? stop : end) - at))) {
            return false;
        }
        if (!stop) {
            break;
        }
        line_take(db, db->line, db->line_len);
        db->line_len = 0;
        at = stop + 1;
    }
    return true;
}

/* ---- the feed ---- */

/* Nothing of the database is kept. tells: it is another one now. */
static void folders_drop(struct sofa_db *db, bool tells)
{
    smbkit_tree_id *ids = NULL;
    uint32_t count = 0;
    pthread_mutex_lock(&db->lock);
    for (const struct sofa_watched *w = db->watched; w; w = w->next) {
        count++;
    }
    ids = tells ? malloc((count + 1) * sizeof(*ids)) : NULL;
    count = 0;
    for (const struct sofa_watched *w = db->watched; w; w = w->next) {
        (void)smbkit_tree_drop(db->s->tree, w->id);
        if (ids) {
            ids[count++] = w->id;
        }
    }
    pthread_mutex_unlock(&db->lock);
    for (uint32_t i = 0; ids && i < count; i++) {
        (void)smbkit_tree_changed(db->s->tree, ids[i]);
    }
    free(ids);
}

static void feed_done(void *arg, struct web_answer *a)
{
    struct sofa_db *db = arg;
    struct sofa *s = db->s;
    /* Gone, or made anew: the sequence means nothing. */
    bool is_other = a->code == 404 || a->code == 400;
    pthread_mutex_lock(&s->lock);
    bool is_over = s->is_over;
    s->feed_count--;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&db->lock);
    db->is_on = false;
    db->line_len = 0;
    db->begin_ms = web_now_ms() + SOFA_RETRY_MS;
    char *seq = is_other ? db->seq : NULL;
    db->seq = is_other ? NULL : db->seq;
    pthread_mutex_unlock(&db->lock);
    free(seq);
    if (is_over) {
        return;
    }
    folders_drop(db, is_other);
    if (a->code == 401 && s->login) {
        sofa_login(s, NULL);
    }
    sofa_timer_need(s, SOFA_RETRY_MS);
}

static smbkit_status feed_ask(struct sofa_db *db, const char *seq)
{
    struct sofa *s = db->s;
    char *escaped = sofa_escape(seq);
    char beat[64];
    snprintf(beat, sizeof(beat), "_changes?feed=continuous&heartbeat=%u&since=", SOFA_HEARTBEAT_MS);
    char *url = sofa_text(db->url, beat, escaped, "");
    char *cookie = sofa_cookie_get(s);
    const char *const headers[] = {"Accept: application/json", cookie, NULL};
    const struct web_ask ask = {.method = WEB_GET,
                                .url = url,
                                .headers = headers,
                                .body_max = SOFA_LINE_MAX,
                                .total_ms = UINT64_MAX,
                                .data = feed_data,
                                .done = feed_done,
                                .arg = db};
    uint64_t id;
    smbkit_status st = url && escaped ? web_ask(s->feeds, &ask, &id) : SMBKIT_STATUS_NO_MEMORY;
    if (cookie) {
        explicit_bzero(cookie, strlen(cookie));
    }
    free(cookie);
    free(url);
    free(escaped);
    return st;
}

/* Unless it is on, or there are too many. */
static void feed_start(struct sofa_db *db)
{
    struct sofa *s = db->s;
    pthread_mutex_lock(&s->lock);
    bool has_room = s->feed_count < SOFA_FEEDS_MAX && !s->is_over;
    s->feed_count += has_room;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&db->lock);
    bool starts = has_room && !db->is_on && db->seq;
    db->is_on |= starts;
    char *seq = starts ? strdup(db->seq) : NULL;
    pthread_mutex_unlock(&db->lock);
    smbkit_status st = seq      ? feed_ask(db, seq)
                       : starts ? SMBKIT_STATUS_NO_MEMORY
                                : SMBKIT_STATUS_SUCCESS;
    free(seq);
    if (has_room && (!starts || !SMBKIT_OK(st))) {
        pthread_mutex_lock(&s->lock);
        s->feed_count--;
        pthread_mutex_unlock(&s->lock);
    }
    if (starts && !SMBKIT_OK(st)) {
        pthread_mutex_lock(&db->lock);
        db->is_on = false;
        pthread_mutex_unlock(&db->lock);
    }
}

void sofa_feed_begin(struct sofa_db *db, char *seq)
{
    pthread_mutex_lock(&db->lock);
    char *other = seq;
    if (!db->seq) {
        db->seq = seq;
        other = NULL;
    }
    bool is_due = web_now_ms() >= db->begin_ms;
    pthread_mutex_unlock(&db->lock);
    free(other);
    if (is_due) {
        feed_start(db);
    } else {
        sofa_timer_need(db->s, SOFA_RETRY_MS);
    }
}

/* ---- folders ---- */

/* Lock held. */
static struct sofa_watched *watched_find(struct sofa_db *db, smbkit_tree_id id)
{
    struct sofa_watched *w = db->watched;
    while (w && w->id != id) {
        w = w->next;
    }
    return w;
}

/* Lock held. */
static struct sofa_watched *watched_get(struct sofa_db *db, smbkit_tree_id id)
{
    struct sofa_watched *w = watched_find(db, id);
    if (!w) {
        w = calloc(1, sizeof(*w));
        if (w) {
            w->id = id;
            w->next = db->watched;
            db->watched = w;
        }
    }
    return w;
}

void sofa_watch(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    if (!db) { /* the server tells nothing of its databases */
        (void)smbkit_tree_drop(job->s->tree, job->id);
        return;
    }
    pthread_mutex_lock(&db->lock);
    struct sofa_watched *w = watched_get(db, job->id);
    bool is_kept = w && job->is_live && db->is_on && db->changes == job->changes;
    if (w) {
        struct sofa_node *old = w->node;
        struct sofa_items known = w->known;
        w->node = sofa_node_ref(job->node);
        w->known = job->items;
        job->items = known; /* freed with the job */
        sofa_node_unref(old);
    }
    pthread_mutex_unlock(&db->lock);
    if (!is_kept) {
        (void)smbkit_tree_drop(job->s->tree, job->id); /* who looks next asks again */
    }
}

struct sofa_items sofa_watch_known(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    struct sofa_items known = {NULL, 0, 0, 0};
    pthread_mutex_lock(&db->lock);
    struct sofa_watched *w = watched_find(db, job->id);
    if (w) {
        known = w->known;
        w->known = (struct sofa_items){NULL, 0, 0, 0};
    }
    pthread_mutex_unlock(&db->lock);
    return known;
}

/* A folder was looked at again. */
static void again_over(struct sofa_job *job, smbkit_status st)
{
    struct sofa_db *db = job->node->db;
    bool is_again = false;
    pthread_mutex_lock(&db->lock);
    struct sofa_watched *w = watched_find(db, job->id);
    if (w) {
        is_again = w->is_dirty;
        w->is_busy = false;
        db->is_due |= is_again;
    }
    pthread_mutex_unlock(&db->lock);
    if (!SMBKIT_OK(st)) {
        (void)smbkit_tree_changed(job->s->tree, job->id);
    }
    if (is_again) {
        sofa_timer_need(job->s, SOFA_SETTLE_MS);
    }
}

static void look_again(struct sofa *s, smbkit_tree_id id, struct sofa_node *n)
{
    struct sofa_job *job = sofa_job_new(s, NULL, id, n);
    if (!job) {
        (void)smbkit_tree_changed(s->tree, id);
        return;
    }
    job->over = again_over;
    sofa_fill(job);
}

/* Folders to be looked at again, or to be dropped, if they have no node. */
struct todo {
    struct sofa_made *all;
    uint32_t count;
};

/* Without memory the tree drops it and tells nobody. */
static void todo_add(struct todo *t, const struct sofa *s, smbkit_tree_id id, struct sofa_node *n)
{
    struct sofa_made *all = realloc(t->all, (t->count + 1) * sizeof(*all));
    if (!all) {
        (void)smbkit_tree_drop(s->tree, id);
        return;
    }
    t->all = all;
    all[t->count++] = (struct sofa_made){id, n ? sofa_node_ref(n) : NULL};
}

/* Lock held. What is to be done about one; true: it is known no more. */
static bool watched_look(struct sofa_db *db, struct sofa_watched *w, struct todo *t)
{
    struct smbkit_tree_info info;
    if (!SMBKIT_OK(smbkit_tree_get(db->s->tree, w->id, &info))) {
        return true;
    }
    if (w->node->kind == SOFA_DATABASE && !db->has_views) {
        return false;
    }
    if (w->is_busy) {
        w->is_dirty = true;
        return false;
    }
    w->is_busy = info.opens > 0;
    w->is_dirty = false;
    todo_add(t, db->s, w->id, w->is_busy ? w->node : NULL);
    return !w->is_busy;
}

static void changes_look(struct sofa_db *db)
{
    struct todo t = {NULL, 0};
    pthread_mutex_lock(&db->lock);
    for (struct sofa_watched **at = &db->watched; db->is_due && *at;) {
        struct sofa_watched *w = *at;
        if (!watched_look(db, w, &t)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        sofa_items_fini(&w->known);
        sofa_node_unref(w->node);
        free(w);
    }
    db->is_due = false;
    db->has_views = false;
    pthread_mutex_unlock(&db->lock);
    for (uint32_t i = 0; i < t.count; i++) {
        if (t.all[i].node) {
            look_again(db->s, t.all[i].folder, t.all[i].node);
            sofa_node_unref(t.all[i].node);
        } else {
            (void)smbkit_tree_changed(db->s->tree, t.all[i].folder);
        }
    }
    free(t.all);
}

void sofa_timer_due(void *arg)
{
    struct sofa *s = arg;
    pthread_mutex_lock(&s->lock);
    s->due_ms = 0;
    struct sofa_db *db = s->dbs;
    pthread_mutex_unlock(&s->lock);
    for (; db; db = db->next) {
        pthread_mutex_lock(&db->lock);
        bool begins = db->seq && !db->is_on;
        uint64_t now = web_now_ms();
        uint64_t left = db->begin_ms > now ? db->begin_ms - now : 0;
        pthread_mutex_unlock(&db->lock);
        if (begins && left == 0) {
            feed_start(db);
        } else if (begins) {
            sofa_timer_need(s, left);
        }
        changes_look(db);
    }
}
