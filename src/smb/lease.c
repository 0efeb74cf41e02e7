/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/lease.h"

#include "base/mem.h"
#include "smb/conn.h"
#include "wire/oplock_break.h"

static struct smb_lease *of_vfs(struct lease *l)
{
    return CONTAINER_OF(l, struct smb_lease, lease);
}

/* ---- its break ---- */

static struct smb_lease *of_break(const struct smb_break *b)
{
    return CONTAINER_OF((struct smb_break *)(uintptr_t)b, struct smb_lease, brk);
}

static void break_ref(struct smb_break *b)
{
    (void)smb_lease_ref(of_break(b));
}

static void break_unref(struct smb_break *b)
{
    smb_lease_unref(of_break(b));
}

/* While a CREATE is on its way that may have been granted more, the client would take the break for
 * one of that. */
static bool is_announced(const struct smb_break *b)
{
    return of_break(b)->creating == 0;
}

/* [MS-SMB2] 3.3.4.7: the lease is its client's, so any session of that will do; Windows and Samba
 * take its oldest. If all channels of that are silent, the next. */
static struct smb_conn *choose(struct smb_break *b, struct smb_session **s_r)
{
    struct smb_client *client = of_break(b)->client;
    struct smb_conn *found = NULL;
    SCOPED_LOCK(&client->lock);
    LIST_FOR_EACH (link, &client->sessions) {
        struct smb_session *s = LIST_ENTRY(link, struct smb_session, client_link);
        bool is_valid = smb_session_state_get(s) == SMB_SESSION_VALID;
        struct smb_conn *c = is_valid ? smb_session_conn(s) : NULL;
        if (c && (!found || !smb_conn_is_silent(c))) {
            smb_conn_unref(found);
            smb_session_unref(*s_r);
            found = c;
            *s_r = smb_session_ref(s);
        } else {
            smb_conn_unref(c);
        }
        if (found && !smb_conn_is_silent(found)) {
            break;
        }
    }
    return found;
}

static void format(const struct smb_break *b, struct wr *w)
{
    const struct smb_lease *l = of_break(b);
    struct smb2_lease_break_notify n = {
        .new_epoch = l->told.epoch,
        .flags = l->told.ack ? SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED : 0,
        .current_state = l->told.from,
        .new_state = l->told.to,
    };
    mem_copy(n.lease_key, l->lease.id.key, sizeof(n.lease_key));
    smb2_lease_break_notify_format(w, &n);
}

/* lock is held. Opens that are kept end, or give up what they cache. */
static void unheard(struct smb_break *b)
{
    LIST_FOR_EACH (link, &of_break(b)->opens) {
        struct smb_open *o = LIST_ENTRY(link, struct smb_open, lease_link);
        SCOPED_LOCK(&o->lock);
        (void)smb_durable_broken_locked(o);
    }
}

static void timed_out(struct smb_break *b)
{
    vfs_lease_timeout(&of_break(b)->lease);
}

static const struct smb_break_kind break_kind = {
    .ref = break_ref,
    .unref = break_unref,
    .is_announced = is_announced,
    .choose = choose,
    .format = format,
    .unheard = unheard,
    .timed_out = timed_out,
};

/* ---- what vfs calls ---- */

static void broken(struct lease *vfs, const struct lease_break *b)
{
    struct smb_lease *l = of_vfs(vfs);
    SCOPED_LOCK(&l->lock);
    l->told = *b;
    l->told_count++;
    smb_break_due_locked(&l->brk, b->ack);
    /* 3.3.4.7: Open.Connection is NULL. While any session of the client is there it is told, but
     * can close no handle that waits for it. */
    if (!l->brk.conn || !(b->to & OPLOCK_H)) {
        unheard(&l->brk);
    }
}

void smb_lease_give_up(struct smb_lease *l)
{
    mutex_lock(&l->lock);
    bool is_heard = l->brk.conn != NULL;
    mutex_unlock(&l->lock);
    if (is_heard) {
        return; /* by another session of the client, which answers for all of it */
    }
    vfs_lease_timeout(&l->lease);
    SCOPED_LOCK(&l->lock);
    smb_break_void_locked(&l->brk);
}

static void vfs_ref(struct lease *vfs)
{
    (void)smb_lease_ref(of_vfs(vfs));
}

static void vfs_unref(struct lease *vfs)
{
    smb_lease_unref(of_vfs(vfs));
}

static const struct lease_ops lease_ops = {.broken = broken, .ref = vfs_ref, .unref = vfs_unref};

/* ---- the table ---- */

static bool key_eq(const struct hash_link *link, const void *key)
{
    return mem_eq(CONTAINER_OF(link, struct smb_lease, link)->lease.id.key, key, 16);
}

static uint64_t key_hash(const struct smb_client *c, const uint8_t key[16])
{
    return hash_bytes(c->server->hash_seed, key, 16);
}

static struct smb_lease *lease_new(struct smb_client *c, const uint8_t key[16])
{
    struct smb_lease *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return NULL;
    }
    struct lease_id id;
    mem_copy(id.client, c->guid, sizeof(id.client));
    mem_copy(id.key, key, sizeof(id.key));
    refcount_init(&l->refs);
    lease_init(&l->lease, &id, &lease_ops);
    mutex_init(&l->lock);
    list_init(&l->opens);
    smb_break_init(&l->brk, &break_kind, &l->lock);
    l->client = smb_client_ref(c);
    atomic_fetch_add_explicit(&c->server->leases_now, 1, memory_order_relaxed); /* only told */
    return l;
}

static void lease_free(struct smb_lease *l)
{
    ASSERT(list_is_empty(&l->opens));
    atomic_fetch_sub_explicit(&l->client->server->leases_now, 1, memory_order_relaxed);
    smb_client_unref(l->client);
    smb_break_fini(&l->brk);
    mutex_fini(&l->lock);
    lease_fini(&l->lease);
    mem_free(l);
}

/* lock is held. */
static struct smb_lease *find_locked(struct smb_client *c, const uint8_t key[16])
{
    struct hash_link *link = hash_table_get(&c->leases, key_hash(c, key), key_eq, key);
    return link ? smb_lease_ref(CONTAINER_OF(link, struct smb_lease, link)) : NULL;
}

struct smb_lease *smb_lease_find(struct smb_client *c, const uint8_t key[16])
{
    SCOPED_LOCK(&c->lock);
    return find_locked(c, key);
}

struct smb_lease *smb_lease_get(struct smb_client *c, const uint8_t key[16])
{
    struct smb_lease *made = NULL;
    mutex_lock(&c->lock);
    struct smb_lease *l = find_locked(c, key);
    if (!l) {
        made = lease_new(c, key);
        l = made && hash_table_add(&c->leases, &made->link, key_hash(c, key)) ? made : NULL;
    }
    mutex_unlock(&c->lock);
    if (made && !l) {
        lease_free(made);
    }
    return l;
}

struct smb_lease *smb_lease_ref(struct smb_lease *l)
{
    refcount_get(&l->refs);
    return l;
}

/* The last reference is given up under the table's lock, as of clients (client.c). */
void smb_lease_unref(struct smb_lease *l)
{
    if (!l || refcount_put_unless_last(&l->refs)) {
        return;
    }
    struct smb_client *c = l->client;
    mutex_lock(&c->lock);
    bool last = refcount_put(&l->refs);
    if (last) {
        hash_table_remove(&c->leases, &l->link);
    }
    mutex_unlock(&c->lock);
    if (last) {
        lease_free(l);
    }
}

/* ---- CREATE ---- */

/* [MS-SMB2] 3.3.5.9.8, 3.3.5.9.11: what is not of the dialect is ignored. */
static bool is_asked(const struct smb_open *o, const struct smb2_create_req *req)
{
    uint16_t dialect = o->session->dialect;
    uint16_t needs = req->ctxs.lease.is_v2 ? SMB2_DIALECT_300 : SMB2_DIALECT_210;
    return req->oplock_level == SMB2_OPLOCK_LEVEL_LEASE && (req->ctxs.present & SMB2_CTX_RQLS) &&
           dialect >= needs;
}

smbkit_status smb_lease_want(struct smb_open *o, const struct smb2_create_req *req,
                             struct vfs_lease_want *want, bool *wants_r)
{
    const struct smb2_lease *asked = &req->ctxs.lease;
    *wants_r = is_asked(o, req);
    if (!*wants_r) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!o->lease) {
        o->lease = smb_lease_get(o->client, asked->key);
    }
    if (!o->lease) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    *want = (struct vfs_lease_want){
        .lease = &o->lease->lease,
        .caching = asked->state > UINT8_MAX ? 0 : (uint8_t)asked->state,
        .has_epoch = asked->is_v2,
        .epoch = asked->epoch,
        .on_directories = asked->is_v2, /* 3.3.5.9.11; of version 1 only files have any */
        .has_parent = asked->is_v2 && (asked->flags & SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET),
    };
    mem_copy(want->parent_key, asked->parent_key, sizeof(want->parent_key));
    return SMBKIT_STATUS_SUCCESS;
}

/* lease->lock is held. */
static void creating_locked(struct smb_open *o)
{
    if (!o->lease_creating) {
        o->lease_creating = true;
        o->lease->creating++;
    }
}

void smb_lease_create_begin(struct smb_open *o)
{
    if (o->lease) {
        SCOPED_LOCK(&o->lease->lock);
        creating_locked(o);
    }
}

/* lease->lock is held. */
static void created_locked(struct smb_open *o)
{
    if (o->lease_creating) {
        o->lease_creating = false;
        o->lease->creating--;
        smb_break_go_locked(&o->lease->brk);
    }
}

void smb_lease_create_end(struct smb_open *o, bool has_it)
{
    if (!o->lease) {
        return;
    }
    SCOPED_LOCK(&o->lease->lock);
    if (has_it) {
        list_push_back(&o->lease->opens, &o->lease_link);
    } else {
        created_locked(o);
    }
}

void smb_lease_return_begin(struct smb_open *o)
{
    if (o->lease) {
        SCOPED_LOCK(&o->lease->lock);
        o->lease->creating++;
    }
}

void smb_lease_return_end(struct smb_open *o, bool is_back)
{
    if (!o->lease) {
        return;
    }
    SCOPED_LOCK(&o->lease->lock);
    if (is_back) {
        creating_locked(o);
    }
    o->lease->creating--;
    smb_break_go_locked(&o->lease->brk);
}

void smb_lease_told(struct smb_open *o, struct vfs_lease_got *out)
{
    struct vfs_open *file = smb_open_file_ref(o);
    vfs_open_lease_told(file, out);
    vfs_open_unref(file);
    if (!o->lease) {
        return;
    }
    SCOPED_LOCK(&o->lease->lock);
    if (o->lease->brk.due) {
        out->caching = o->lease->told.from;
        out->epoch = (uint16_t)(out->has_epoch ? o->lease->told.epoch - 1 : 0);
        out->is_breaking = false;
    }
}

void smb_lease_announce(struct smb_open *o)
{
    if (o->lease) {
        SCOPED_LOCK(&o->lease->lock);
        created_locked(o);
        smb_break_go_locked(&o->lease->brk); /* or there was nobody to tell, until now */
    }
}

void smb_lease_leave(struct smb_open *o)
{
    struct smb_lease *l = o->lease;
    if (!l) {
        return;
    }
    SCOPED_LOCK(&l->lock);
    created_locked(o);
    bool was_in = !list_is_empty(&o->lease_link);
    list_remove(&o->lease_link);
    if (was_in && list_is_empty(&l->opens)) {
        smb_break_answered_locked(&l->brk); /* [MS-SMB2] 3.3.5.10 */
    }
}

/* ---- OPLOCK_BREAK ---- */

smbkit_status smb_lease_ack(struct smb_client *c, const uint8_t key[16], uint32_t state,
                            uint8_t *kept_r)
{
    struct smb_lease *l = smb_lease_find(c, key);
    *kept_r = 0;
    if (!l) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    uint8_t caching = state > UINT8_MAX ? UINT8_MAX : (uint8_t)state;
    mutex_lock(&l->lock);
    unsigned told_count = l->told_count;
    mutex_unlock(&l->lock);
    smbkit_status status = vfs_lease_ack(&l->lease, caching, kept_r);
    mutex_lock(&l->lock);
    if (SMBKIT_OK(status) && l->told_count == told_count) { /* else another break is under way */
        smb_break_answered_locked(&l->brk);
    }
    mutex_unlock(&l->lock);
    smb_lease_unref(l);
    return status;
}
