/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of the map: what nobody can list is there once its name was looked up. Such names stay,
 * also beyond a fill, which knows nothing of them; of a folder's, and of the volume's, the newest.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_priv.h"

#define MADE_TRIES 32u /* of the oldest names, before one more is kept than there should be */

struct made {
    struct made *next;
    struct http_node *node; /* a reference */
};
struct http_made_list {
    struct made *first; /* the oldest */
    struct made **end;
    uint32_t count;
};

/* ---- what was looked up ---- */

static void made_free(struct made *m)
{
    http_node_unref(m->node);
    free(m);
}

void http_made_fini(struct http_node *folder)
{
    for (struct made *m = folder->made ? folder->made->first : NULL; m;) {
        struct made *next = m->next;
        made_free(m);
        m = next;
    }
    free(folder->made);
}

/* Folder's lock held. */
static struct http_made_list *list_locked(struct http_node *folder)
{
    if (!folder->made) {
        folder->made = calloc(1, sizeof(*folder->made));
        if (folder->made) {
            folder->made->end = &folder->made->first;
        }
    }
    return folder->made;
}

static smbkit_status list_push(struct http_node *folder, struct http_node *n)
{
    struct made *m = malloc(sizeof(*m));
    pthread_mutex_lock(&folder->lock);
    struct http_made_list *l = m ? list_locked(folder) : NULL;
    if (l) {
        *m = (struct made){NULL, http_node_ref(n)};
        *l->end = m;
        l->end = &m->next;
        l->count++;
    }
    pthread_mutex_unlock(&folder->lock);
    if (!l) {
        free(m);
    }
    return l ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* The oldest, if there are more than max. */
static struct made *made_pop(struct http_node *folder, uint32_t max)
{
    struct made *m = NULL;
    pthread_mutex_lock(&folder->lock);
    struct http_made_list *l = folder->made;
    if (l && l->count > max) {
        m = l->first;
        l->first = m->next;
        l->end = l->first ? l->end : &l->first;
        l->count--;
    }
    pthread_mutex_unlock(&folder->lock);
    return m;
}

/* The one that is n's goes from the list. */
static void list_drop(struct http_node *folder, const struct http_node *n)
{
    struct made *gone = NULL;
    pthread_mutex_lock(&folder->lock);
    struct http_made_list *l = folder->made;
    for (struct made **at = l ? &l->first : NULL; at && *at; at = &(*at)->next) {
        if ((*at)->node == n) {
            gone = *at;
            *at = gone->next;
            l->end = *at ? l->end : at;
            l->count--;
            break;
        }
    }
    pthread_mutex_unlock(&folder->lock);
    if (gone) {
        made_free(gone);
    }
}

/* ---- the volume's ---- */

static void take_out(struct http_made_all *all, struct http_node *n)
{
    *(n->made_before ? &n->made_before->made_after : &all->first) = n->made_after;
    *(n->made_after ? &n->made_after->made_before : &all->last) = n->made_before;
    n->made_before = n->made_after = n->made_in = NULL;
    all->count--;
}

/* The newest by now. */
static void queue_put(struct http_made_all *all, struct http_node *n, struct http_node *folder,
                      smbkit_tree_id at)
{
    http_node_ref(n);
    http_node_ref(folder);
    pthread_mutex_lock(&all->lock);
    struct http_node *old = n->made_in;
    if (old) {
        take_out(all, n);
    }
    n->made_in = folder;
    n->made_at = at;
    n->made_before = all->last;
    *(all->last ? &all->last->made_after : &all->first) = n;
    all->last = n;
    all->count++;
    pthread_mutex_unlock(&all->lock);
    if (old) {
        http_node_unref(old);
        http_node_unref(n);
    }
}

static void queue_drop(struct http_made_all *all, struct http_node *n)
{
    pthread_mutex_lock(&all->lock);
    struct http_node *folder = n->made_in;
    if (folder) {
        take_out(all, n);
    }
    pthread_mutex_unlock(&all->lock);
    if (folder) {
        http_node_unref(folder);
        http_node_unref(n);
    }
}

struct oldest {
    struct http_node *node;   /* a reference, as is */
    struct http_node *folder; /* that it is in */
    smbkit_tree_id at;
};

/* If there are more than max. */
static bool queue_pop(struct http_made_all *all, uint32_t max, struct oldest *o)
{
    pthread_mutex_lock(&all->lock);
    bool is_over = all->count > max;
    if (is_over) {
        *o = (struct oldest){all->first, all->first->made_in, all->first->made_at};
        take_out(all, o->node);
    }
    pthread_mutex_unlock(&all->lock);
    return is_over;
}

static void oldest_fini(struct oldest *o)
{
    http_node_unref(o->node);
    http_node_unref(o->folder);
}

void http_made_all_fini(struct http_made_all *all)
{
    struct oldest o;
    while (queue_pop(all, 0, &o)) {
        oldest_fini(&o);
    }
    pthread_mutex_destroy(&all->lock);
}

/* ---- both ---- */

static struct http_made_all *all_of(const struct smbkit_tree_call *c)
{
    return &((struct http *)smbkit_tree_data(c->tree))->made;
}

static smbkit_status made_push(struct smbkit_tree_call *c, struct http_node *folder,
                               struct http_node *n)
{
    smbkit_status st = list_push(folder, n);
    if (SMBKIT_OK(st)) {
        queue_put(all_of(c), n, folder, c->id);
    }
    return st;
}

static bool is_gone(struct http_node *n)
{
    pthread_mutex_lock(&n->lock);
    bool is_gone = n->is_gone;
    pthread_mutex_unlock(&n->lock);
    return is_gone;
}

/* Is it a folder that the call's is in, or that one? */
static bool is_above(const struct smbkit_tree_call *c, smbkit_tree_id id)
{
    struct smbkit_tree_info info;
    smbkit_tree_id at = c->id;
    while (at != id && at != SMBKIT_TREE_ROOT && SMBKIT_OK(smbkit_tree_get(c->tree, at, &info))) {
        at = info.folder;
    }
    return at == id;
}

/* Takes a name away, if it is there. False: somebody needs it. */
static bool is_removed(struct smbkit_tree_call *c, smbkit_tree_id folder, const char *name)
{
    struct smbkit_tree_info info;
    smbkit_tree_id id;
    if (!SMBKIT_OK(smbkit_tree_find(c->tree, folder, name, &id)) ||
        !SMBKIT_OK(smbkit_tree_get(c->tree, id, &info))) {
        return true;
    }
    if (info.opens || is_above(c, id)) {
        return false;
    }
    (void)smbkit_tree_remove(c->tree, id, 0);
    return true;
}

/* Of a folder. One that clients have open becomes the newest. False: there is no more to do. */
static bool oldest_remove(struct smbkit_tree_call *c, struct http_node *folder)
{
    struct made *m = made_pop(folder, HTTP_MADE_MAX);
    if (!m) {
        return false;
    }
    if (is_removed(c, c->id, m->node->name) || !SMBKIT_OK(made_push(c, folder, m->node))) {
        queue_drop(all_of(c), m->node);
    }
    made_free(m);
    return true;
}

static bool has_made(struct http_node *folder)
{
    pthread_mutex_lock(&folder->lock);
    bool has = folder->made && folder->made->count > 0;
    pthread_mutex_unlock(&folder->lock);
    return has;
}

/* Of the volume, likewise; of a folder go the names in it first. */
static bool oldest_of_all_remove(struct smbkit_tree_call *c)
{
    struct oldest o;
    if (!queue_pop(all_of(c), HTTP_MADE_ALL_MAX, &o)) {
        return false;
    }
    if (!has_made(o.node) && is_removed(c, o.at, o.node->name)) {
        list_drop(o.folder, o.node);
    } else {
        queue_put(all_of(c), o.node, o.folder, o.at);
    }
    oldest_fini(&o);
    return true;
}

static smbkit_status made_add(struct smbkit_tree_call *c, struct http_node *n)
{
    const struct http_item item = {.name = n->name, .is_folder = n->is_folder};
    return http_entry_add(c, &item, n);
}

static smbkit_status made_show(struct smbkit_tree_call *c, struct http_node *folder,
                               struct http_node *n)
{
    smbkit_status st = made_add(c, n);
    bool is_listed = st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    if (SMBKIT_OK(st)) {
        return made_push(c, folder, n);
    }
    queue_drop(all_of(c), n);
    return is_listed ? SMBKIT_STATUS_SUCCESS : st;
}

smbkit_status http_made_show(struct http_job *job)
{
    struct http_node *folder = job->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&folder->lock);
    uint32_t count = folder->made ? folder->made->count : 0;
    pthread_mutex_unlock(&folder->lock);
    for (; count > 0 && SMBKIT_OK(st); count--) {
        struct made *m = made_pop(folder, 0);
        if (!m) {
            break;
        }
        if (is_gone(m->node)) {
            queue_drop(&job->h->made, m->node);
        } else {
            st = made_show(job->w.call, folder, m->node);
        }
        made_free(m);
    }
    return st;
}

void http_made_gone(struct smbkit_tree_call *c, struct http_node *n)
{
    if (n->is_made) {
        pthread_mutex_lock(&n->lock);
        n->is_gone = true;
        pthread_mutex_unlock(&n->lock);
        queue_drop(all_of(c), n);
        (void)smbkit_tree_remove(c->tree, c->id, 0);
    }
}

/* ---- looking up ---- */

/* It is in the list before it is shown: a fill that begins in between shows it. */
static smbkit_status made_take(struct smbkit_tree_call *c, struct http_node *folder,
                               struct http_node *n)
{
    smbkit_status st = made_push(c, folder, n);
    st = SMBKIT_OK(st) ? made_add(c, n) : st;
    for (uint32_t i = 0; i < MADE_TRIES && oldest_remove(c, folder); i++) {
    }
    for (uint32_t i = 0; i < MADE_TRIES && oldest_of_all_remove(c); i++) {
    }
    return st == SMBKIT_STATUS_OBJECT_NAME_COLLISION ? SMBKIT_STATUS_SUCCESS : st;
}

void http_made_end(struct http_job *job, smbkit_status st)
{
    http_job_end(job, SMBKIT_OK(st) ? made_take(job->w.call, job->folder, job->node) : st);
}

static void looked_up(void *arg, struct web_answer *a)
{
    struct http_job *job = arg;
    smbkit_status st = a->status;
    if (st == SMBKIT_STATUS_NOT_SUPPORTED && !job->node->is_folder) {
        http_whole_ask(job); /* it has no HEAD */
        return;
    }
    if (SMBKIT_OK(st) && !job->node->is_folder) {
        http_node_learn(job->node, a);
    }
    http_made_end(job, st == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_SUCCESS : st);
}

static smbkit_status ask(struct smbkit_tree_call *c, struct http_node *folder, struct http_node *n)
{
    struct http_job *job = http_job_new(smbkit_tree_data(c->tree), c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->folder = http_node_ref(folder);
    job->need = HTTP_MADE;
    const struct web_ask ask = {.method = WEB_HEAD, .url = n->url, .done = looked_up, .arg = job};
    (void)http_job_ask(job, &ask);
    return SMBKIT_STATUS_PENDING;
}

/* What clients look for in every folder, whatever is in it. */
static bool is_of_clients(const char *name)
{
    static const char *const names[] = {
        "desktop.ini", "thumbs.db", "autorun.inf",      "folder.jpg",  "folder.gif",
        "folder.jpeg", ".ds_store", ".directory",       ".hidden",     ".metadata_never_index",
        ".trash",      ".git",      ".xdg-volume-info", "ehthumbs.db", NULL};
    for (uint32_t i = 0; names[i]; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "._", 2) == 0 || strncmp(name, ".Trash", 6) == 0;
}

static smbkit_status mapped_lookup(struct smbkit_tree_call *c, const char *name)
{
    const struct http *h = smbkit_tree_data(c->tree);
    struct http_node *folder = http_folder_of(c);
    struct http_item item;
    char *value;
    const struct http_map_part *part = http_map_find(folder->place->part, name, &value);
    bool is_one =
        part && !is_of_clients(name) && http_map_item(folder->place, part, value, h->base, &item);
    free(value);
    if (!is_one) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    /* As it was looked up, whatever letters the table has. */
    free(item.name);
    item.name = strdup(name);
    struct http_node *n = item.name ? http_node_of_item(&item, true) : NULL;
    http_item_fini(&item);
    if (!n) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    n->is_made = true;
    smbkit_status st = n->url[0] ? ask(c, folder, n) : made_take(c, folder, n);
    http_node_unref(n);
    return st;
}

const struct smbkit_tree_folder http_mapped_folder = {.struct_size = sizeof(http_mapped_folder),
                                                      .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                                      .fill = http_folder_fill,
                                                      .lookup = mapped_lookup};
