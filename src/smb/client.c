/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/client.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/limits.h"
#include "smb/server.h"

/* Both tables keep an element until its last reference goes. That one is given up under
 * server->lock, so that nobody finds an element whose count is nought; no other takes the lock. */

/* ---- clients ---- */

static bool client_eq(const struct hash_link *link, const void *key)
{
    const struct smb_client *c = CONTAINER_OF(link, struct smb_client, link);
    return mem_eq(c->guid, key, sizeof(c->guid));
}

static const uint8_t no_guid[16];

/* The same whenever the machine comes back while the server runs; one without a GUID is not known
 * again. */
static uint64_t client_id(struct smb_server *s, const uint8_t guid[16])
{
    uint64_t id = hash_bytes(s->hash_seed, guid, 16);
    if (mem_eq(guid, no_guid, sizeof(no_guid))) {
        smb_server_random(s, &id, sizeof(id));
    }
    return id ? id : 1;
}

static struct smb_client *client_new(struct smb_server *s, const uint8_t guid[16])
{
    struct smb_client *c = mem_zalloc(sizeof(*c));
    if (c) {
        c->id = client_id(s, guid);
        refcount_init(&c->refs);
        c->server = s;
        mem_copy(c->guid, guid, sizeof(c->guid));
        list_init(&c->sessions);
        mutex_init(&c->lock);
        hash_table_init(&c->leases);
        budget_init(&c->kept, &s->memory, SMB_CLIENT_KEPT_BYTES, SMB_CONN_FREE_BYTES);
    }
    return c;
}

static void client_free(struct smb_client *c)
{
    ASSERT(c->leases.count == 0);
    hash_table_fini(&c->leases);
    mutex_fini(&c->lock);
    budget_fini(&c->kept);
    mem_free(c);
}

struct smb_client *smb_client_get(struct smb_server *s, const uint8_t guid[16])
{
    if (mem_eq(guid, no_guid, sizeof(no_guid))) {
        return client_new(s, guid);
    }
    uint64_t h = hash_bytes(s->hash_seed, guid, 16);
    SCOPED_LOCK(&s->lock);
    struct hash_link *l = hash_table_get(&s->clients, h, client_eq, guid);
    if (l) {
        return smb_client_ref(CONTAINER_OF(l, struct smb_client, link));
    }
    struct smb_client *c = client_new(s, guid);
    if (c && !hash_table_add(&s->clients, &c->link, h)) {
        client_free(c);
        return NULL;
    }
    if (c) {
        c->is_known = true;
    }
    return c;
}

struct smb_client *smb_client_ref(struct smb_client *c)
{
    refcount_get(&c->refs);
    return c;
}

void smb_client_unref(struct smb_client *c)
{
    if (!c || refcount_put_unless_last(&c->refs)) {
        return;
    }
    struct smb_server *s = c->server;
    mutex_lock(&s->lock);
    bool last = refcount_put(&c->refs);
    if (last && c->is_known) {
        hash_table_remove(&s->clients, &c->link);
    }
    mutex_unlock(&s->lock);
    if (last) {
        client_free(c);
    }
}

/* ---- accounts ---- */

static bool account_eq(const struct hash_link *link, const void *key)
{
    return utf8_ieq(CONTAINER_OF(link, struct smb_account, link)->name, key);
}

static struct smb_account *account_new(struct smb_server *s, const char *name)
{
    struct smb_account *a = mem_zalloc(sizeof(*a));
    char *own = str_dup(name);
    if (!a || !own) {
        mem_free(a);
        mem_free(own);
        return NULL;
    }
    refcount_init(&a->refs);
    a->server = s;
    a->name = own;
    budget_init(&a->memory, &s->memory, SMB_ACCOUNT_BYTES, 0);
    budget_init(&a->locks, &s->locks, SMB_ACCOUNT_LOCK_BYTES, 0);
    return a;
}

static void account_free(struct smb_account *a)
{
    budget_fini(&a->locks);
    budget_fini(&a->memory);
    mem_free(a->name);
    mem_free(a);
}

struct smb_account *smb_account_get(struct smb_server *s, const char *name)
{
    uint64_t h = utf8_ihash(s->hash_seed, name, str_len(name));
    SCOPED_LOCK(&s->lock);
    struct hash_link *l = hash_table_get(&s->accounts, h, account_eq, name);
    if (l) {
        return smb_account_ref(CONTAINER_OF(l, struct smb_account, link));
    }
    struct smb_account *a = account_new(s, name);
    if (a && !hash_table_add(&s->accounts, &a->link, h)) {
        account_free(a);
        return NULL;
    }
    return a;
}

struct smb_account *smb_account_ref(struct smb_account *a)
{
    refcount_get(&a->refs);
    return a;
}

void smb_account_unref(struct smb_account *a)
{
    if (!a || refcount_put_unless_last(&a->refs)) {
        return;
    }
    struct smb_server *s = a->server;
    mutex_lock(&s->lock);
    bool last = refcount_put(&a->refs);
    if (last) {
        hash_table_remove(&s->accounts, &a->link);
    }
    mutex_unlock(&s->lock);
    if (last) {
        account_free(a);
    }
}
