/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "encrypt.h"
#include "fair_lock.h"

/* ---- the table ---- */

static struct encrypt_node **chain_of(struct encrypt *e, const struct encrypt_id *id)
{
    uint64_t h = (id->id ^ id->id_high * 3 ^ id->domain * 5) * 0x9e3779b97f4a7c15u;
    return &e->nodes[(h >> 32) % ENCRYPT_NODES];
}

static bool is_node(const struct encrypt_node *n, const struct encrypt_id *id, const char *stream)
{
    return n->id.id == id->id && n->id.id_high == id->id_high && n->id.domain == id->domain &&
           (n->stream && stream ? strcmp(n->stream, stream) == 0 : !n->stream && !stream);
}

static struct encrypt_node *node_new(const struct encrypt_id *id, const char *stream)
{
    struct encrypt_node *n = calloc(1, sizeof(*n));
    if (!n) {
        return NULL;
    }
    n->id = *id;
    n->refs = 1;
    n->stream = stream ? strdup(stream) : NULL;
    if (stream && !n->stream) {
        free(n);
        return NULL;
    }
    fair_lock_init(&n->lock);
    return n;
}

static void node_free(struct encrypt_node *n)
{
    pthread_rwlock_destroy(&n->lock);
    explicit_bzero(&n->head, sizeof(n->head));
    free(n->stream);
    free(n);
}

struct encrypt_node *encrypt_node_get(struct encrypt *e, const struct smbkit_create *how,
                                      const char *stream)
{
    const struct encrypt_id id = {how->attr->file_domain, how->attr->file_id,
                                  how->attr->file_id_high};
    if (id.id == 0 || how->snapshot_time != 0) { /* snapshots have the ids of the present */
        struct encrypt_node *n = node_new(&id, stream);
        if (n) {
            n->is_private = true;
        }
        return n;
    }
    pthread_mutex_lock(&e->lock);
    struct encrypt_node **at = chain_of(e, &id);
    struct encrypt_node *n = *at;
    while (n && !is_node(n, &id, stream)) {
        n = n->next;
    }
    if (n) {
        n->refs++;
    } else {
        n = node_new(&id, stream);
        if (n) {
            n->next = *at;
            *at = n;
        }
    }
    pthread_mutex_unlock(&e->lock);
    return n;
}

void encrypt_node_put(struct encrypt *e, struct encrypt_node *n)
{
    pthread_mutex_lock(&e->lock);
    bool goes = --n->refs == 0;
    struct encrypt_node **at = chain_of(e, &n->id);
    while (goes && *at && *at != n) {
        at = &(*at)->next;
    }
    if (goes && *at) {
        *at = n->next;
    }
    pthread_mutex_unlock(&e->lock);
    if (goes) {
        node_free(n);
    }
}

void encrypt_node_rename(struct encrypt *e, struct encrypt_node *n, char **stream)
{
    pthread_mutex_lock(&e->lock);
    char *old = n->stream;
    n->stream = *stream;
    *stream = old;
    pthread_mutex_unlock(&e->lock);
}

bool encrypt_node_is(struct encrypt *e, const struct encrypt_node *n, const char *stream)
{
    pthread_mutex_lock(&e->lock);
    bool is = n->stream && strcmp(n->stream, stream) == 0;
    pthread_mutex_unlock(&e->lock);
    return is;
}

/* ---- calls below ---- */

smbkit_status encrypt_move(const struct encrypt_call *c, uint32_t id, struct smbkit_io *io)
{
    return smbkit_api->next(c->e->next, id, c->op, c->f->below, io);
}

smbkit_status encrypt_damage(const struct encrypt_call *c, const char *what, uint64_t where)
{
    char quoted[256];
    /* relaxed: a statistic, and which lines are written */
    unsigned long long n = atomic_fetch_add_explicit(&c->e->damaged, 1, memory_order_relaxed);
    if (n < 100 || (n & (n - 1)) == 0) {
        smbkit_log(0, "encrypt_damaged file=%s stream=%s %s=%llu times=%llu",
                   smbkit_quote(c->f->path, quoted, sizeof(quoted)), c->f->stream ? "yes" : "no",
                   what, (unsigned long long)where, n + 1);
    }
    return SMBKIT_STATUS_DATA_ERROR;
}

/* ---- headers ---- */

/* The lock is held for writing. */
static smbkit_status load(const struct encrypt_call *c)
{
    struct encrypt_node *n = c->f->node;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    uint8_t raw[ENCRYPT_HEAD];
    struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(raw), .buffer = raw};
    smbkit_status st = smbkit_next_getattr(c->e->next, c->op, c->f->below, &attr);
    st = SMBKIT_OK(st) ? encrypt_move(c, SMBKIT_OP_read, &io) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (io.done < sizeof(raw) || !encrypt_head_parse(c->e->keys.content, raw, &n->head)) {
        return encrypt_damage(c, "header", 0);
    }
    if (attr.size < encrypt_stored(n->head.size)) {
        return encrypt_damage(c, "ends_at", encrypt_plain(attr.size));
    }
    n->stored = attr.size;
    n->is_loaded = true;
    n->is_dirty = false;
    return st;
}

void encrypt_recover(const struct encrypt_call *c)
{
    if (SMBKIT_OK(load(c)) && !SMBKIT_OK(encrypt_settle(c))) {
        c->f->node->is_loaded = false; /* the next change tries again */
    }
}

static pthread_rwlock_t *lock_of(const struct encrypt_call *c)
{
    return c->f->node->is_private ? &c->e->common : &c->f->node->lock;
}

smbkit_status encrypt_enter(const struct encrypt_call *c, bool changes)
{
    struct encrypt_node *n = c->f->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!changes && !n->is_private) {
        pthread_rwlock_rdlock(&n->lock);
        if (n->is_loaded) {
            return st;
        }
        pthread_rwlock_unlock(&n->lock);
    }
    pthread_rwlock_wrlock(lock_of(c));
    if (!n->is_loaded || n->is_private) {
        st = load(c);
    }
    if (!SMBKIT_OK(st)) {
        encrypt_leave(c);
    }
    return st;
}

void encrypt_enter_anew(const struct encrypt_call *c)
{
    pthread_rwlock_wrlock(lock_of(c));
}

void encrypt_leave(const struct encrypt_call *c)
{
    pthread_rwlock_unlock(lock_of(c));
}

smbkit_status encrypt_head_write(const struct encrypt_call *c)
{
    struct encrypt_node *n = c->f->node;
    uint8_t raw[ENCRYPT_HEAD];
    const struct smbkit_segment seg = {.base = raw, .len = sizeof(raw)};
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = sizeof(raw), .segs = &seg, .seg_count = 1};
    if (!encrypt_head_format(&n->head, raw)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = encrypt_move(c, SMBKIT_OP_write, &io);
    if (SMBKIT_OK(st) && io.done < sizeof(raw)) {
        st = SMBKIT_STATUS_DISK_FULL;
    }
    if (SMBKIT_OK(st)) {
        n->is_dirty = false;
        n->stored = n->stored < ENCRYPT_HEAD ? ENCRYPT_HEAD : n->stored;
    }
    return st;
}

smbkit_status encrypt_renew(const struct encrypt_call *c)
{
    struct encrypt_node *n = c->f->node;
    const struct smbkit_size size = {.struct_size = sizeof(size), .size = ENCRYPT_HEAD};
    n->is_loaded = false;
    n->stored = 0;
    if (!encrypt_head_new(c->e->keys.content, &n->head)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = encrypt_head_write(c);
    st = SMBKIT_OK(st) ? smbkit_next_set_size(c->e->next, c->op, c->f->below, &size) : st;
    n->is_loaded = SMBKIT_OK(st);
    return st;
}
