/* SPDX-License-Identifier: Apache-2.0 */
/* What CANCEL finds. */
#include "smb/request.h"

static bool mid_is(const struct hash_link *link, const void *id)
{
    return CONTAINER_OF(link, struct smb_request, mid_link)->hdr.message_id ==
           *(const uint64_t *)id;
}

static bool async_is(const struct hash_link *link, const void *id)
{
    return CONTAINER_OF(link, struct smb_request, async_link)->async_id == *(const uint64_t *)id;
}

void smb_request_index_mid(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    if (!r->has_mid_link && r->hdr.command != SMB2_CANCEL) { /* which bears another's MessageId */
        r->has_mid_link = hash_table_add(&c->by_mid, &r->mid_link,
                                         hash_u64(c->server->hash_seed, r->hdr.message_id));
    }
}

void smb_request_index_async(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    r->has_async_link =
        hash_table_add(&c->by_async, &r->async_link, hash_u64(c->server->hash_seed, r->async_id));
}

void smb_request_index_drop(struct smb_request *r)
{
    if (r->has_mid_link) {
        hash_table_remove(&r->conn->by_mid, &r->mid_link);
        r->has_mid_link = false;
    }
    if (r->has_async_link) {
        hash_table_remove(&r->conn->by_async, &r->async_link);
        r->has_async_link = false;
    }
}

struct smb_request *smb_request_find(const struct smb_conn *c, bool is_async, uint64_t id)
{
    uint64_t hash = hash_u64(c->server->hash_seed, id);
    if (is_async) {
        struct hash_link *l = hash_table_get(&c->by_async, hash, async_is, &id);
        return l ? CONTAINER_OF(l, struct smb_request, async_link) : NULL;
    }
    struct hash_link *l = hash_table_get(&c->by_mid, hash, mid_is, &id);
    return l ? CONTAINER_OF(l, struct smb_request, mid_link) : NULL;
}
