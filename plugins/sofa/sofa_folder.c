/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do with folders: a name is a query, given when a folder is made or renamed. What
 * they delete in a folder that answers a query is off its list until it is asked for again; only
 * in the folder of all documents is a document deleted. */
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

static struct sofa_node *node_get(const struct smbkit_tree_call *c)
{
    struct sofa *s = smbkit_tree_data(c->tree);
    return c->id == SMBKIT_TREE_ROOT ? s->root : sofa_shown_of(c->arg);
}

static smbkit_status folder_fill(struct smbkit_tree_call *c)
{
    struct sofa *s = smbkit_tree_data(c->tree);
    struct sofa_job *job = sofa_job_new(s, c, c->id, node_get(c));
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    sofa_fill(job);
    return SMBKIT_STATUS_PENDING;
}

/* ---- queries ---- */

static smbkit_status name_check(struct sofa_node *folder, const char *name)
{
    struct sofa_query q;
    pthread_mutex_lock(&folder->db->lock);
    struct sofa_views *v = folder->db->views ? sofa_views_ref(folder->db->views) : NULL;
    pthread_mutex_unlock(&folder->db->lock);
    if (!v) {
        return SMBKIT_STATUS_SUCCESS; /* nobody has looked at the database: nothing, for now */
    }
    enum sofa_meaning is = sofa_query_parse(v, folder->keys, name, &q);
    if (is == SOFA_QUERY) {
        sofa_query_fini(&q);
    }
    sofa_views_unref(v);
    return is == SOFA_NO_MEMORY ? SMBKIT_STATUS_NO_MEMORY
           : is == SOFA_WRONG   ? SMBKIT_STATUS_OBJECT_NAME_INVALID
                                : SMBKIT_STATUS_SUCCESS;
}

/* The entry of a folder that a client makes. */
static smbkit_status made_set(struct smbkit_tree_entry *e, smbkit_tree_id id,
                              struct sofa_node *folder, const char *name)
{
    struct sofa_node *n = sofa_node_new(SOFA_VIEW, folder->db);
    if (!n) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    n->keys = folder->keys ? strdup(folder->keys) : NULL;
    bool ok = (n->keys || !folder->keys) && sofa_node_rename(n, name);
    struct sofa_shown *shown = ok ? sofa_shown_new(n) : NULL;
    smbkit_status st = shown ? sofa_made_add(folder->db, id, n) : SMBKIT_STATUS_NO_MEMORY;
    sofa_node_unref(n);
    if (!SMBKIT_OK(st)) {
        if (shown) {
            sofa_shown_free(shown);
        }
        return st;
    }
    e->folder = &sofa_query_folder;
    e->arg = shown;
    e->release = sofa_shown_free;
    return st;
}

static smbkit_status query_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    struct sofa_node *folder = node_get(c);
    if (how->kind != SMBKIT_KIND_DIRECTORY) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = name_check(folder, how->name);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    return made_set(how->entry, c->id, folder, how->name);
}

static smbkit_status query_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    struct sofa_node *folder = node_get(c);
    struct smbkit_tree_info info;
    smbkit_status st = smbkit_tree_get(c->tree, how->id, &info);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct sofa_node *n = how->arg ? sofa_shown_of(how->arg) : NULL;
    bool is_query = (info.flags & SMBKIT_TREE_IS_FOLDER) && n && n->kind == SOFA_VIEW;
    if (!is_query || n->db != folder->db) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    st = name_check(folder, how->to_name);
    st = SMBKIT_OK(st) ? sofa_made_add(n->db, c->id, n) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!sofa_node_rename(n, how->to_name)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    (void)smbkit_tree_changed(c->tree, how->id); /* it is asked for by its new name */
    (void)smbkit_tree_drop(c->tree, how->from);  /* and the view that it was is there again */
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status query_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    struct smbkit_tree_info info;
    smbkit_status st = smbkit_tree_get(c->tree, id, &info);
    if (SMBKIT_OK(st) && (info.flags & SMBKIT_TREE_IS_FOLDER) && arg) {
        sofa_made_remove(node_get(c)->db, sofa_shown_of(arg));
    }
    return st;
}

/* ---- documents ---- */

/* The entry of a document that a client makes: job->url is its own. */
static smbkit_status new_set(struct sofa_job *job, struct smbkit_tree_entry *e, char *id)
{
    struct sofa_node *n = sofa_node_new(SOFA_DOCUMENT, job->node->db);
    if (!n) {
        free(id);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    n->id = id;
    n->url = strdup(job->url);
    struct sofa_shown *shown = n->id && n->url ? sofa_shown_new(n) : NULL;
    sofa_node_unref(n);
    if (!shown) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    e->file = &sofa_document_file;
    e->flags |= SMBKIT_TREE_WRITABLE;
    e->arg = shown;
    e->release = sofa_shown_free;
    return SMBKIT_STATUS_SUCCESS;
}

/* name.json is the document "name"; CouchDB has no others whose names begin with '_'. */
static char *id_of(const char *name)
{
    size_t n = strlen(name);
    bool is_json = n > 5 && strcmp(name + n - 5, ".json") == 0;
    bool is_reserved = name[0] == '_' && strncmp(name, "_design/", 8) != 0;
    return is_json && !is_reserved ? strndup(name, n - 5) : NULL;
}

static void create_answered(struct sofa_job *job, struct web_answer *a)
{
    smbkit_status st = SMBKIT_OK(a->status) ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : a->status;
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        st = new_set(job, job->create->entry, id_of(job->create->name));
    }
    sofa_job_end(job, st);
}

static smbkit_status documents_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    struct sofa_node *folder = node_get(c);
    if (how->kind != SMBKIT_KIND_FILE) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    char *id = id_of(how->name);
    if (!id) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    char *url = sofa_document_url(folder->db, id);
    free(id);
    struct sofa_job *job = sofa_job_new(folder->db->s, c, c->id, folder);
    if (!job) {
        free(url);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->create = how;
    sofa_job_ask(job, WEB_HEAD, url, create_answered);
    return SMBKIT_STATUS_PENDING;
}

static void remove_answered(struct sofa_job *job, struct web_answer *a)
{
    smbkit_status st = a->status;
    if (a->code == 409) {
        smbkit_log(1, "%s document not deleted error=conflict", job->s->name);
        st = SMBKIT_STATUS_SHARING_VIOLATION;
    } else if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        st = SMBKIT_STATUS_SUCCESS; /* it is gone */
    }
    sofa_job_end(job, st);
}

static smbkit_status documents_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    (void)id;
    struct sofa_node *n = sofa_shown_of(arg);
    if (n->kind != SOFA_DOCUMENT) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* attachments go with their document */
    }
    char *rev = sofa_node_tag(n);
    if (!rev) {
        return SMBKIT_STATUS_SUCCESS; /* it was never written */
    }
    struct sofa_job *job = sofa_job_new(n->db->s, c, c->id, n);
    char *escaped = job ? sofa_escape(rev) : NULL;
    char *url = sofa_text(n->url, "?rev=", escaped, "");
    free(escaped);
    free(rev);
    if (!job) {
        free(url);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    sofa_job_ask(job, WEB_DELETE, url, remove_answered);
    return SMBKIT_STATUS_PENDING;
}

const struct smbkit_tree_folder sofa_folder = {
    .struct_size = sizeof(sofa_folder), .flags = SMBKIT_TREE_NEVER_BLOCKS, .fill = folder_fill};
const struct smbkit_tree_folder sofa_query_folder = {.struct_size = sizeof(sofa_query_folder),
                                                     .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                                     .fill = folder_fill,
                                                     .create = query_create,
                                                     .rename = query_rename,
                                                     .remove = query_remove};
const struct smbkit_tree_folder sofa_documents_folder = {.struct_size =
                                                             sizeof(sofa_documents_folder),
                                                         .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                                         .fill = folder_fill,
                                                         .create = documents_create,
                                                         .remove = documents_remove};
