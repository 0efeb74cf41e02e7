/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/replay.h"

#include "base/mem.h"
#include "smb/conn.h"
#include "smb/lease.h"
#include "smb/open.h"
#include "smb/request.h"

struct key {
    const struct smb_client *client;
    const uint8_t *create_guid;
};

static bool mark_eq(const struct hash_link *link, const void *key)
{
    const struct smb_replay *m = CONTAINER_OF(link, struct smb_replay, link);
    const struct key *k = key;
    return m->client == k->client && mem_eq(m->create_guid, k->create_guid, WIRE_GUID_SIZE);
}

static uint64_t key_hash(const struct key *k)
{
    return hash_bytes(k->client->server->hash_seed ^ k->client->id, k->create_guid, WIRE_GUID_SIZE);
}

void smb_replays_init(struct smb_replays *t)
{
    mutex_init(&t->lock);
    hash_table_init(&t->marks);
}

void smb_replays_fini(struct smb_replays *t)
{
    ASSERT(t->marks.count == 0);
    hash_table_fini(&t->marks);
    mutex_fini(&t->lock);
}

/* ---- marks ---- */

static struct smb_replay *mark_new(const struct key *k, struct smb_client *client)
{
    struct smb_replay *m = mem_zalloc(sizeof(*m));
    if (m) {
        m->client = smb_client_ref(client);
        mem_copy(m->create_guid, k->create_guid, sizeof(m->create_guid));
    }
    return m;
}

static void mark_free(struct smb_replay *m)
{
    smb_client_unref(m->client);
    mem_free(m);
}

/* lock is held. */
static bool mark_add(struct smb_replays *t, const struct key *k, struct smb_request *r)
{
    struct smb_replay *m = mark_new(k, r->session->client);
    if (m && hash_table_add(&t->marks, &m->link, key_hash(k))) {
        r->replay = m;
        return true;
    }
    if (m) {
        mark_free(m);
    }
    return false;
}

void smb_replay_settle(struct smb_request *r, struct smb_open *o, uint32_t action)
{
    if (r->replay) {
        SCOPED_LOCK(&o->server->replays.lock);
        r->replay->open = o;
        r->replay->action = action;
        o->replay = r->replay;
        o->is_marked = true;
        r->replay = NULL;
    }
}

static void end(struct smb_replays *t, struct smb_replay **m)
{
    mutex_lock(&t->lock);
    struct smb_replay *mine = *m;
    *m = NULL;
    if (mine) {
        hash_table_remove(&t->marks, &mine->link);
    }
    mutex_unlock(&t->lock);
    if (mine) {
        mark_free(mine);
    }
}

void smb_replay_drop(struct smb_request *r)
{
    if (r->replay) {
        end(&r->conn->server->replays, &r->replay);
    }
}

void smb_replay_spent(struct smb_open *o)
{
    if (o->is_marked) { /* since before it was shown: most are not */
        end(&o->server->replays, &o->replay);
    }
}

/* [MS-SMB2] 3.3.7.1 has requests cancelled with their channel, as far as the object store can; but
 * the client is to send this one again (3.2.7.1), and asks what became of it: if it had been ended,
 * the second would be another CREATE, which finds what the first one made and broke. So Windows,
 * too, lets it go on. The handler has the mark while a worker runs it. */
bool smb_replay_awaits(struct smb_request *r)
{
    bool is_marked = r->hdr.command == SMB2_CREATE && (r->on_worker || r->replay);
    if (is_marked && !r->is_orphan) {
        r->is_orphan = smb_channel_orphan(r->channel);
    }
    return is_marked && r->is_orphan;
}

/* ---- CREATE ---- */

/* Only its own session is told of an open again, and only if it asks for the same kind of caching.
 * [MS-SMB2] 3.3.5.9.10 */
static smbkit_status check_again(const struct smb_request *r, const struct smb2_create_req *req,
                                 struct smb_open *o)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    (void)smb_open_owner_get(o, &s, &t); /* false: s is NULL */
    bool is_here = s == r->session && t == r->tree;
    smb_tree_unref(t);
    smb_session_unref(s);
    if (!is_here) {
        return SMBKIT_STATUS_DUPLICATE_OBJECTID;
    }
    bool asks = (req->ctxs.present & SMB2_CTX_RQLS) && req->oplock_level == SMB2_OPLOCK_LEVEL_LEASE;
    bool is_same =
        o->lease ? asks && mem_eq(o->lease->lease.id.key, req->ctxs.lease.key, SMB2_LEASE_KEY_SIZE)
                 : !asks;
    return is_same ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

static smbkit_status look(struct smb_request *r, const struct key *k, struct smb_open **o_r,
                          uint32_t *action_r)
{
    struct smb_replays *t = &r->conn->server->replays;
    bool is_replay = r->hdr.flags & SMB2_FLAGS_REPLAY_OPERATION;
    SCOPED_LOCK(&t->lock);
    struct hash_link *l = hash_table_get(&t->marks, key_hash(k), mark_eq, k);
    if (!l) {
        return mark_add(t, k, r) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct smb_replay *m = CONTAINER_OF(l, struct smb_replay, link);
    if (!is_replay) {
        return SMBKIT_STATUS_DUPLICATE_OBJECTID;
    }
    if (!m->open) {
        return SMBKIT_STATUS_FILE_NOT_AVAILABLE;
    }
    *o_r = smb_open_ref(m->open); /* it gives the mark up before its last reference */
    *action_r = m->action;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smb_replay_begin(struct smb_request *r, const struct smb2_create_req *req,
                               uint32_t *action_r)
{
    if (!(req->ctxs.present & SMB2_CTX_DH2Q) || !smb_conn_is_3x(r->conn) || r->replay) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct key k = {.client = r->session->client, .create_guid = req->ctxs.dh2q_create_guid};
    struct smb_open *o = NULL;
    smb_open_unref(r->open); /* an earlier run's */
    r->open = NULL;
    smbkit_status status = look(r, &k, &o, action_r);
    if (o) {
        status = check_again(r, req, o);
    }
    if (o && SMBKIT_OK(status)) {
        r->open = o;
    } else {
        smb_open_unref(o);
    }
    return status;
}
