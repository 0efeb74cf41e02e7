/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "smb/session.h"

static bool tree_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct smb_tree, link)->id == *(const uint32_t *)key;
}

static void tree_free(struct smb_tree *t)
{
    atomic_fetch_sub_explicit(&t->share->trees, 1, memory_order_relaxed); /* only told */
    atomic_fetch_sub_explicit(&t->session->server->trees_now, 1, memory_order_relaxed);
    smb_share_unref(t->share);
    smb_session_unref(t->session);
    mem_free(t);
}

struct smb_tree *smb_tree_ref(struct smb_tree *t)
{
    refcount_get(&t->refs);
    return t;
}

void smb_tree_unref(struct smb_tree *t)
{
    if (t && refcount_put(&t->refs)) {
        tree_free(t);
    }
}

/* session->lock is held. Ids count up and skip the two that mean something else. */
static smbkit_status insert(struct smb_session *s, struct smb_tree *t)
{
    if (s->state != SMB_SESSION_VALID) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    if (s->tree_count >= SMB_TREES_PER_SESSION) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    do {
        t->id = ++s->tree_id_next;
    } while (t->id == 0 || t->id == UINT32_MAX ||
             hash_table_get(&s->trees, hash_u64(0, t->id), tree_eq, &t->id));
    if (!hash_table_add(&s->trees, &t->link, hash_u64(0, t->id))) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    s->tree_count++;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smb_tree_new(struct smb_session *s, struct smb_share *share, struct smb_tree **tree_r)
{
    struct smb_tree *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    refcount_init(&t->refs);
    t->session = smb_session_ref(s);
    refcount_get(&share->refs);
    t->share = share;
    t->access_max = SMBKIT_ALL_ACCESS | SMBKIT_ACCESS_SYSTEM_SECURITY;
    t->created_at = smb_server_now(s->server);
    atomic_fetch_add_explicit(&share->trees, 1, memory_order_relaxed); /* only told */
    atomic_fetch_add_explicit(&s->server->trees_now, 1, memory_order_relaxed);
    if (share->read_only) {
        t->access_max &=
            ~(SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_EA | SMBKIT_WRITE_ATTRIBUTES |
              SMBKIT_DELETE_CHILD | SMBKIT_DELETE | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER);
    }
    mutex_lock(&s->lock);
    smbkit_status status = insert(s, t);
    mutex_unlock(&s->lock);
    if (!SMBKIT_OK(status)) {
        smb_tree_unref(t);
        return status;
    }
    *tree_r = smb_tree_ref(t); /* the first one is the table's */
    return SMBKIT_STATUS_SUCCESS;
}

struct smb_tree *smb_tree_find(struct smb_session *s, uint32_t id)
{
    SCOPED_LOCK(&s->lock);
    struct hash_link *l = hash_table_get(&s->trees, hash_u64(0, id), tree_eq, &id);
    return l ? smb_tree_ref(CONTAINER_OF(l, struct smb_tree, link)) : NULL;
}

bool smb_tree_detach(struct smb_tree *t)
{
    struct smb_session *s = t->session;
    mutex_lock(&s->lock);
    bool mine = !t->closed;
    if (mine) {
        t->closed = true;
        hash_table_remove(&s->trees, &t->link);
        s->tree_count--;
    }
    mutex_unlock(&s->lock);
    if (mine) {
        smb_tree_unref(t); /* the table's; the caller has its own */
    }
    return mine;
}

void smb_tree_reap(struct smb_tree *t)
{
    smb_opens_close(t->session, t);
}
