/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that clients made or named: the database knows nothing of them, and a fill that does not
 * add them would take them away. They live as long as the volume. */
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

/* Lock held. Of folders that are gone. */
static void prune(struct sofa_db *db)
{
    struct smbkit_tree_info info;
    uint32_t count = 0;
    for (uint32_t i = 0; i < db->made_count; i++) {
        if (SMBKIT_OK(smbkit_tree_get(db->s->tree, db->made[i].folder, &info))) {
            db->made[count++] = db->made[i];
        } else {
            sofa_node_unref(db->made[i].node);
        }
    }
    db->made_count = count;
}

/* Lock held. */
static struct sofa_made *find(struct sofa_db *db, const struct sofa_node *n)
{
    for (uint32_t i = 0; i < db->made_count; i++) {
        if (db->made[i].node == n) {
            return &db->made[i];
        }
    }
    return NULL;
}

smbkit_status sofa_made_add(struct sofa_db *db, smbkit_tree_id folder, struct sofa_node *n)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&db->lock);
    struct sofa_made *m = find(db, n);
    if (!m && db->made_count >= SOFA_MADE_MAX) {
        prune(db);
    }
    if (!m && db->made_count < SOFA_MADE_MAX) {
        struct sofa_made *all = realloc(db->made, (db->made_count + 1) * sizeof(*all));
        if (all) {
            db->made = all;
            m = &all[db->made_count++];
            m->node = sofa_node_ref(n);
        }
        st = all ? st : SMBKIT_STATUS_NO_MEMORY;
    } else if (!m) {
        st = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    if (m) {
        m->folder = folder;
    }
    pthread_mutex_unlock(&db->lock);
    return st;
}

void sofa_made_remove(struct sofa_db *db, struct sofa_node *n)
{
    struct sofa_node *found = NULL;
    pthread_mutex_lock(&db->lock);
    struct sofa_made *m = find(db, n);
    if (m) {
        found = m->node;
        *m = db->made[--db->made_count];
    }
    pthread_mutex_unlock(&db->lock);
    sofa_node_unref(found);
}

static smbkit_status show(struct sofa_job *job, struct sofa_node *n)
{
    pthread_mutex_lock(&n->lock);
    char *name = n->name ? strdup(n->name) : NULL;
    pthread_mutex_unlock(&n->lock);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.folder = &sofa_query_folder;
    e.arg = name ? sofa_shown_new(n) : NULL;
    e.release = sofa_shown_free;
    smbkit_status st =
        e.arg ? smbkit_tree_add(job->s->tree, job->id, &e, NULL) : SMBKIT_STATUS_NO_MEMORY;
    free(name);
    /* The database may have got one of that name. */
    return st == SMBKIT_STATUS_OBJECT_NAME_COLLISION ? SMBKIT_STATUS_SUCCESS : st;
}

smbkit_status sofa_made_show(struct sofa_job *job)
{
    struct sofa_db *db = job->node->db;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; db && SMBKIT_OK(st); i++) {
        struct sofa_node *n = NULL;
        pthread_mutex_lock(&db->lock);
        while (i < db->made_count && db->made[i].folder != job->id) {
            i++;
        }
        if (i < db->made_count) {
            n = sofa_node_ref(db->made[i].node);
        }
        pthread_mutex_unlock(&db->lock);
        if (!n) {
            break;
        }
        st = show(job, n);
        sofa_node_unref(n);
    }
    return st;
}
