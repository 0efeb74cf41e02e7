/* SPDX-License-Identifier: Apache-2.0 */
/* Answers become entries: all of them for a fill, and what is another now when a folder that is
 * open is looked at again. The tree itself shows what SMB cannot have in names; JSON is UTF-8, so
 * that there is no need of plugins/common/shown.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sofa_priv.h"

/* ---- names ---- */

static int by_name(const void *a, const void *b)
{
    const struct sofa_item *x = a;
    const struct sofa_item *y = b;
    int by = strcasecmp(x->name, y->name);
    by = by ? by : strcmp(x->id ? x->id : "", y->id ? y->id : "");
    return by ? by : strcmp(x->name, y->name);
}

/* "Name (id).json". False: no memory, or it is too long. */
static bool name_part(struct sofa_item *item)
{
    const char *dot = strrchr(item->name, '.');
    size_t stem = dot ? (size_t)(dot - item->name) : strlen(item->name);
    size_t room = strlen(item->name) + (item->id ? strlen(item->id) : 1) + 4;
    char *name = room <= SOFA_NAME_MAX ? malloc(room) : NULL;
    if (name) {
        snprintf(name, room, "%.*s (%s)%s", (int)stem, item->name, item->id ? item->id : "2",
                 dot ? dot : "");
        free(item->name);
        item->name = name;
    }
    return name != NULL;
}

/* Sorted, and each name once. */
static void names_settle(struct sofa_items *x)
{
    struct sofa_items all = *x;
    if (all.count == 0) {
        return;
    }
    qsort(all.all, all.count, sizeof(all.all[0]), by_name);
    for (uint32_t i = all.count - 1; i > 0; i--) {
        if (strcasecmp(all.all[i].name, all.all[i - 1].name) == 0) {
            (void)name_part(&all.all[i]); /* else the tree refuses it */
        }
    }
    qsort(all.all, all.count, sizeof(all.all[0]), by_name);
}

/* ---- files on disk ---- */

/* path, below the folder that the share names, or absolute in it: its real path, which may lead
 * through links, but not out of the folder. malloc'd, or NULL. */
static char *path_within(const struct sofa *s, const char *path, const char *more)
{
    char *given = sofa_text(path[0] == '/' ? "" : s->files, path[0] == '/' ? "" : "/", path, more);
    char *real = given ? realpath(given, NULL) : NULL;
    size_t n = strlen(s->files);
    bool is_within = real && strncmp(real, s->files, n) == 0 && (real[n] == '/' || n == 1);
    free(given);
    if (!is_within) {
        free(real);
        return NULL;
    }
    return real;
}

static char *path_of(const struct sofa *s, const struct sofa_item *item)
{
    struct stat st;
    char *real = path_within(s, item->path, "");
    if (real && stat(real, &st) == 0 && S_ISDIR(st.st_mode)) {
        free(real); /* a folder: the file in it has the document's name */
        const char *name = item->path_name ? item->path_name : "";
        const char *after = strstr(name, " - ");
        char *below = sofa_text("/", after ? after + 3 : name, "", "");
        real = below ? path_within(s, item->path, below) : NULL;
        free(below);
    }
    if (real && (stat(real, &st) != 0 || !S_ISREG(st.st_mode))) {
        free(real);
        return NULL;
    }
    return real;
}

/* Documents whose files are there are shown as them; the others as what they are. */
static void paths_settle(const struct sofa *s, struct sofa_items *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        struct sofa_item *item = &x->all[i];
        char *real = item->path && item->path_name ? path_of(s, item) : NULL;
        free(item->path);
        item->path = real;
        if (real) {
            char *name = item->name;
            item->name = item->path_name;
            item->path_name = name;
        }
    }
}

/* ---- nodes ---- */

static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool folder_set(struct sofa_job *job, struct sofa_node *n, const struct sofa_item *item)
{
    const struct sofa_view *of = item->detail ? job->query.view : NULL;
    if (item->kind == SOFA_VIEW && !of && job->views) {
        of = sofa_views_find(job->views, item->name, strlen(item->name));
        of = of && of->is_reduced ? of : NULL;
    }
    return copy(&n->keys, of ? of->name : job->node->keys) && copy(&n->name, item->name) &&
           copy(&n->key, item->detail);
}

static bool file_set(struct sofa_node *n, const struct sofa_item *item)
{
    n->url = sofa_document_url(n->db, item->id);
    if (item->kind == SOFA_ATTACHMENT && n->url) {
        char *escaped = sofa_escape(item->detail);
        char *url = sofa_text(n->url, "/", escaped, "");
        free(escaped);
        free(n->url);
        n->url = url;
        return url && copy(&n->detail, item->detail);
    }
    return n->url != NULL;
}

static struct sofa_node *node_of(struct sofa_job *job, const struct sofa_item *item)
{
    bool is_database = item->kind == SOFA_DATABASE;
    struct sofa_db *db = is_database ? sofa_db_get(job->s, item->id) : job->node->db;
    struct sofa_node *n = db ? sofa_node_new(item->kind, db) : NULL;
    bool is_file = item->kind == SOFA_DOCUMENT || item->kind == SOFA_ATTACHMENT;
    if (n && !(copy(&n->id, item->id) && copy(&n->tag, item->tag) &&
               (is_file ? file_set(n, item) : folder_set(job, n, item)))) {
        sofa_node_unref(n);
        return NULL;
    }
    return n;
}

/* ---- entries ---- */

static void entry_kind(struct smbkit_tree_entry *e, const struct sofa_item *item)
{
    switch (item->kind) {
    case SOFA_DOCUMENT:
        e->file = &sofa_document_file;
        e->flags |= SMBKIT_TREE_WRITABLE;
        break;
    case SOFA_ATTACHMENT:
        e->file = &sofa_attachment_file;
        break;
    case SOFA_DOCUMENTS:
        e->folder = &sofa_documents_folder;
        e->flags |= SMBKIT_TREE_FIXED;
        break;
    case SOFA_ATTACHMENTS:
        e->folder = &sofa_folder;
        break;
    case SOFA_DATABASE:
        e->flags |= SMBKIT_TREE_FIXED;
        e->folder = &sofa_query_folder;
        break;
    default:
        e->folder = &sofa_query_folder;
        break;
    }
}

static smbkit_status host_add(struct sofa_job *job, const struct sofa_item *item, uint32_t flags)
{
    struct stat st;
    if (stat(item->path, &st) != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* since just now */
    }
    struct smbkit_tree_entry e = smbkit_tree_entry_new(item->name);
    e.flags = flags;
    e.host_path = item->path;
    e.size = (uint64_t)st.st_size;
    e.write_time = web_time_from_unix(st.st_mtime);
    e.create_time = e.write_time;
    e.access_time = e.write_time;
    e.change_time = e.write_time;
    return smbkit_tree_add(job->s->tree, job->id, &e, NULL);
}

static smbkit_status item_add(struct sofa_job *job, const struct sofa_item *item, uint32_t flags)
{
    if (item->path) {
        return host_add(job, item, flags);
    }
    struct smbkit_tree_entry e = smbkit_tree_entry_new(item->name);
    struct sofa_node *n = node_of(job, item);
    e.flags = flags;
    e.size = item->size;
    e.arg = n ? sofa_shown_new(n) : NULL;
    e.release = sofa_shown_free;
    sofa_node_unref(n);
    if (!e.arg) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    entry_kind(&e, item);
    return smbkit_tree_add(job->s->tree, job->id, &e, NULL);
}

static bool is_fatal(smbkit_status st)
{
    return st == SMBKIT_STATUS_NO_MEMORY || st == SMBKIT_STATUS_INSUFFICIENT_RESOURCES ||
           st == SMBKIT_STATUS_NOT_FOUND;
}

/* ---- the folder ---- */

static bool is_same(const struct sofa_item *a, const struct sofa_item *b)
{
    return a->kind == b->kind && strcmp(a->tag ? a->tag : "", b->tag ? b->tag : "") == 0 &&
           strcmp(a->detail ? a->detail : "", b->detail ? b->detail : "") == 0 &&
           strcmp(a->path ? a->path : "", b->path ? b->path : "") == 0 &&
           strcmp(a->id ? a->id : "", b->id ? b->id : "") == 0;
}

static bool is_file(const struct sofa_item *item)
{
    return item->kind == SOFA_DOCUMENT || item->kind == SOFA_ATTACHMENT;
}

static void item_remove(struct sofa_job *job, const struct sofa_item *item)
{
    smbkit_tree_id id;
    if (SMBKIT_OK(smbkit_tree_find(job->s->tree, job->id, item->name, &id))) {
        (void)smbkit_tree_remove(job->s->tree, id, 0);
    }
}

/* Both are sorted by their names. */
static smbkit_status difference_show(struct sofa_job *job, const struct sofa_items *old)
{
    const struct sofa_items *new = &job->items;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    uint32_t i = 0;
    uint32_t j = 0;
    while ((i < old->count || j < new->count) && !is_fatal(st)) {
        const struct sofa_item *was = i < old->count ? &old->all[i] : NULL;
        const struct sofa_item *is = j < new->count ? &new->all[j] : NULL;
        int by = !was ? 1 : !is ? -1 : strcasecmp(was->name, is->name);
        if (by < 0 || (by == 0 && is_file(was) != is_file(is))) {
            item_remove(job, was);
        }
        if (by > 0 || (by == 0 && !is_same(was, is))) {
            st = item_add(job, is, SMBKIT_TREE_REPLACE);
        }
        i += by <= 0;
        j += by >= 0;
    }
    return st;
}

static smbkit_status all_show(struct sofa_job *job)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; i < job->items.count && !is_fatal(st); i++) {
        st = item_add(job, &job->items.all[i], 0);
        job->items.left_out += !SMBKIT_OK(st);
    }
    return is_fatal(st) ? st : sofa_made_show(job);
}

smbkit_status sofa_show(struct sofa_job *job, const struct sofa_items *old)
{
    paths_settle(job->s, &job->items);
    names_settle(&job->items);
    smbkit_status st = job->call ? all_show(job) : difference_show(job, old);
    if (job->items.left_out) {
        smbkit_log(1, "%s names left out count=%u", job->s->name, job->items.left_out);
    }
    return is_fatal(st) ? st : SMBKIT_STATUS_SUCCESS;
}
