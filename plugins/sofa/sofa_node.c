/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, databases, handles. */
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

char *sofa_text(const char *a, const char *b, const char *c, const char *d)
{
    if (!a || !b || !c || !d) {
        return NULL;
    }
    size_t n[4] = {strlen(a), strlen(b), strlen(c), strlen(d)};
    char *text = malloc(n[0] + n[1] + n[2] + n[3] + 1);
    if (text) {
        memcpy(text, a, n[0]);
        memcpy(text + n[0], b, n[1]);
        memcpy(text + n[0] + n[1], c, n[2]);
        memcpy(text + n[0] + n[1] + n[2], d, n[3] + 1);
    }
    return text;
}

/* ---- nodes ---- */

struct sofa_node *sofa_node_new(enum sofa_kind kind, struct sofa_db *db)
{
    struct sofa_node *n = calloc(1, sizeof(*n));
    if (n) {
        n->refs = 1;
        n->kind = kind;
        n->db = db;
        pthread_mutex_init(&n->lock, NULL);
    }
    return n;
}

struct sofa_node *sofa_node_ref(struct sofa_node *n)
{
    __atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return n;
}

void sofa_node_unref(struct sofa_node *n)
{
    /* What others did with it is over before it is freed. */
    if (!n || __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    pthread_mutex_destroy(&n->lock);
    free(n->id);
    free(n->detail);
    free(n->url);
    free(n->keys);
    free(n->name);
    free(n->key);
    free(n->tag);
    free(n);
}

bool sofa_node_rename(struct sofa_node *n, const char *name)
{
    char *copy = strdup(name);
    if (!copy) {
        return false;
    }
    pthread_mutex_lock(&n->lock);
    char *old = n->name;
    char *old_key = n->key;
    n->name = copy;
    n->key = NULL;
    pthread_mutex_unlock(&n->lock);
    free(old);
    free(old_key);
    return true;
}

char *sofa_node_tag(struct sofa_node *n)
{
    pthread_mutex_lock(&n->lock);
    char *tag = n->tag ? strdup(n->tag) : NULL;
    pthread_mutex_unlock(&n->lock);
    return tag;
}

void sofa_node_set_tag(struct sofa_node *n, const char *tag)
{
    char *copy = strdup(tag);
    if (!copy) {
        return; /* the old one leads to a conflict: nothing is lost */
    }
    pthread_mutex_lock(&n->lock);
    char *old = n->tag;
    n->tag = copy;
    pthread_mutex_unlock(&n->lock);
    free(old);
}

/* Of what it has already a tree releases nothing when it is added again: one for each time. */
struct sofa_shown *sofa_shown_new(struct sofa_node *n)
{
    struct sofa_shown *shown = malloc(sizeof(*shown));
    if (shown) {
        shown->node = sofa_node_ref(n);
    }
    return shown;
}

void sofa_shown_free(void *shown)
{
    sofa_node_unref(((struct sofa_shown *)shown)->node);
    free(shown);
}

/* ---- databases ---- */

static struct sofa_db *db_new(struct sofa *s, const char *name)
{
    struct sofa_db *db = calloc(1, sizeof(*db));
    char *escaped = sofa_escape(name);
    if (db) {
        pthread_mutex_init(&db->lock, NULL);
        db->s = s;
        db->name = strdup(name);
        db->url = sofa_text(s->url, escaped, "/", "");
    }
    free(escaped);
    if (db && (!db->name || !db->url)) {
        sofa_db_free(db);
        return NULL;
    }
    return db;
}

void sofa_db_free(struct sofa_db *db)
{
    for (struct sofa_watched *w = db->watched; w; w = db->watched) {
        db->watched = w->next;
        sofa_items_fini(&w->known);
        sofa_node_unref(w->node);
        free(w);
    }
    for (uint32_t i = 0; i < db->made_count; i++) {
        sofa_node_unref(db->made[i].node);
    }
    free(db->made);
    sofa_views_unref(db->views);
    pthread_mutex_destroy(&db->lock);
    free(db->seq);
    free(db->line);
    free(db->name);
    free(db->url);
    free(db);
}

struct sofa_db *sofa_db_get(struct sofa *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    struct sofa_db *db = s->dbs;
    while (db && strcmp(db->name, name) != 0) {
        db = db->next;
    }
    if (!db && s->db_count < SOFA_DATABASES_MAX) {
        db = db_new(s, name);
        if (db) {
            db->next = s->dbs;
            s->dbs = db;
            s->db_count++;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return db;
}

/* Design and local documents have a slash in their path that is one. */
char *sofa_document_url(const struct sofa_db *db, const char *id)
{
    const char *prefix = strncmp(id, "_design/", 8) == 0  ? "_design/"
                         : strncmp(id, "_local/", 7) == 0 ? "_local/"
                                                          : "";
    char *escaped = sofa_escape(id + strlen(prefix));
    char *url = sofa_text(db->url, prefix, escaped, "");
    free(escaped);
    return url;
}

/* ---- open files ---- */

void sofa_handle_add(struct sofa_handle *h, const struct smbkit_tree_call *c)
{
    struct sofa_node *n = sofa_shown_of(c->arg);
    h->id = c->id;
    h->rev = sofa_node_tag(n);
    h->node = sofa_node_ref(n);
    pthread_mutex_lock(&n->db->lock);
    h->next = n->db->handles;
    n->db->handles = h;
    pthread_mutex_unlock(&n->db->lock);
}

void sofa_handle_remove(struct sofa_handle *h)
{
    struct sofa_db *db = h->node->db;
    pthread_mutex_lock(&db->lock);
    struct sofa_handle **at = &db->handles;
    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
    pthread_mutex_unlock(&db->lock);
    sofa_node_unref(h->node);
    web_object_unref(h->object);
    web_block_unref(h->block);
    free(h->rev);
    free(h);
}
