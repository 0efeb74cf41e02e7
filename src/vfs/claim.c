/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/claim.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

static bool is_of(const struct name_claim *c, const struct file_key *dir, const char *leaf)
{
    return file_key_eq(&c->dir, dir) && utf8_ieq(c->leaf, leaf);
}

static bool claim_eq(const struct hash_link *link, const void *arg)
{
    const struct name_claim *want = arg;
    return is_of(CONTAINER_OF(link, struct name_claim, hash), &want->dir, want->leaf);
}

static void claim_free(struct name_claim *c)
{
    mem_free(c->leaf);
    mem_free(c);
}

static struct name_claim *claim_new(const struct file_key *dir, const char *leaf)
{
    struct name_claim *c = mem_zalloc(sizeof(*c));
    char *copy = str_dup(leaf);
    if (!c || !copy) {
        mem_free(copy);
        mem_free(c);
        return NULL;
    }
    c->dir = *dir;
    c->leaf = copy;
    list_init(&c->waiters);
    list_init(&c->held);
    return c;
}

/* What an earlier run of the handler claimed. */
static struct name_claim *held_take(struct vfs_journal *j, const struct file_key *dir,
                                    const char *leaf)
{
    LIST_FOR_EACH (l, &j->claims) {
        struct name_claim *c = LIST_ENTRY(l, struct name_claim, held);
        if (is_of(c, dir, leaf)) {
            list_remove(&c->held);
            return c;
        }
    }
    return NULL;
}

/* SUCCESS: c is in the shard's table. */
static smbkit_status claim_enter(struct name_claim *c, const struct vfs_call *call,
                                 struct vfs_nodes *t)
{
    uint64_t h = utf8_ihash(file_key_hash(t->seed, &c->dir), c->leaf, str_len(c->leaf));
    struct node_shard *shard = node_shard_of(t, h);
    SCOPED_LOCK(&shard->lock);
    struct hash_link *other = hash_table_get(&shard->claims, h, claim_eq, c);
    if (other) {
        wait_register(&shard->waits, &CONTAINER_OF(other, struct name_claim, hash)->waiters,
                      call->wait);
        return SMBKIT_STATUS_WAIT;
    }
    c->shard = shard;
    return hash_table_add(&shard->claims, &c->hash, h) ? SMBKIT_STATUS_SUCCESS
                                                       : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status claim_take(struct name_claim **c, const struct vfs_call *call, struct vfs_nodes *t,
                         const struct file_key *dir, const char *leaf)
{
    ASSERT(!*c);
    *c = call->journal ? held_take(call->journal, dir, leaf) : NULL;
    if (*c) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct name_claim *fresh = claim_new(dir, leaf);
    smbkit_status st = fresh ? claim_enter(fresh, call, t) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        *c = fresh;
    } else if (fresh) {
        claim_free(fresh);
    }
    return st;
}

static void claim_release(struct name_claim *c)
{
    struct node_shard *shard = c->shard;
    mutex_lock(&shard->lock);
    hash_table_remove(&shard->claims, &c->hash);
    wait_wake_all(&shard->waits, &c->waiters);
    mutex_unlock(&shard->lock);
    claim_free(c);
}

void claim_give(struct name_claim **c, const struct vfs_call *call)
{
    struct name_claim *has = *c;
    *c = NULL;
    if (!has) {
        return;
    }
    if (call->journal && call->journal->resumes) {
        list_push_back(&call->journal->claims, &has->held);
        return;
    }
    claim_release(has);
}

void claims_release(struct vfs_journal *j)
{
    for (struct list *l; (l = list_pop_front(&j->claims));) {
        claim_release(LIST_ENTRY(l, struct name_claim, held));
    }
}
