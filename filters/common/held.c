/* SPDX-License-Identifier: Apache-2.0 */
#include "held.h"

#include <stddef.h>
#include <stdlib.h>

static uint32_t place_of(const struct smbkit_op *op)
{
    uint32_t h = 0x811c9dc5u;
    for (const char *c = op->who->client_address; *c; c++) {
        h = (h ^ (unsigned char)*c) * 0x01000193u;
    }
    return h % HELD_CLIENTS;
}

/* It waits no more. */
static void uncount_locked(struct held *h, const struct held_call *c)
{
    h->count--;
    h->of_client[c->place]--;
    h->awaited_count -= c->is_awaited;
}

static void take_locked(struct held *h, struct held_call *c)
{
    *(c->prev ? &c->prev->next : &h->first) = c->next;
    *(c->next ? &c->next->prev : &h->last) = c->prev;
    c->is_queued = false;
    c->next = c->prev = NULL;
    uncount_locked(h, c);
    if (h->left) {
        h->left(h->arg, c);
    }
}

static void push_locked(struct held *h, struct held_call *c)
{
    struct held_call *before = h->last;
    while (before && before->tag.order > c->tag.order) {
        before = before->prev;
    }
    c->prev = before;
    c->next = before ? before->next : h->first;
    *(c->prev ? &c->prev->next : &h->first) = c;
    *(c->next ? &c->next->prev : &h->last) = c;
    c->is_queued = true;
    if (h->look && h->first == h->last) {
        smbkit_timer_set(h->look, HELD_LOOK_MS);
    }
}

static void end(struct held_call *c, smbkit_status status)
{
    smbkit_complete(c->call.op, status);
    free(c); /* after: on_cancel does not run any more */
}

static void on_cancel(void *arg)
{
    struct held_call *c = arg;
    struct held *h = c->held;
    pthread_mutex_lock(&h->lock);
    bool ends = c->is_queued;
    c->is_cancelled = true;
    if (ends) {
        take_locked(h, c);
    }
    pthread_mutex_unlock(&h->lock);
    if (ends) {
        end(c, SMBKIT_STATUS_CANCELLED);
    }
}

static void end_all(struct held_call *list, smbkit_status status)
{
    for (struct held_call *c = list; c;) {
        struct held_call *next = c->next;
        end(c, status);
        c = next;
    }
}

/* Those of which which(arg, call) says so, in their order, in a list of their own. */
static struct held_call *take_some(struct held *h,
                                   bool (*which)(void *arg, const struct held_call *c), void *arg)
{
    struct held_call *list = NULL;
    struct held_call **last = &list;
    for (struct held_call *c = h->first; c;) {
        struct held_call *next = c->next;
        if (!which || which(arg, c)) {
            take_locked(h, c); /* it goes into no list meanwhile */
            *last = c;
            last = &c->next;
        }
        c = next;
    }
    return list;
}

static bool is_given_up(void *arg, const struct held_call *c)
{
    (void)arg;
    return smbkit_op_is_cancelled(c->call.op);
}

/* Nobody tells of those that a thread of the server waits for. */
static void look(void *arg)
{
    struct held *h = arg;
    pthread_mutex_lock(&h->lock);
    struct held_call *list = take_some(h, is_given_up, NULL);
    if (h->first) {
        smbkit_timer_set(h->look, HELD_LOOK_MS);
    }
    pthread_mutex_unlock(&h->lock);
    end_all(list, SMBKIT_STATUS_CANCELLED);
}

void held_init(struct held *h, struct smbkit_host *host,
               smbkit_status (*go)(void *arg, const struct pass_call *c), void *arg)
{
    *h = (struct held){.host = host, .go = go, .arg = arg};
    held_max_set(h, HELD_MAX_DEFAULT);
    pthread_mutex_init(&h->lock, NULL);
    h->look = host ? smbkit_timer_new(host, look, h) : NULL;
}

void held_max_set(struct held *h, uint32_t max)
{
    h->max = max;
    h->client_max = (max + 3) / 4;
}

void held_fini(struct held *h)
{
    if (h->look) {
        smbkit_timer_free(h->look);
    }
    pthread_mutex_lock(&h->lock);
    struct held_call *list = take_some(h, NULL, NULL);
    pthread_mutex_unlock(&h->lock);
    end_all(list, SMBKIT_STATUS_CANCELLED);
    pthread_mutex_destroy(&h->lock);
}

/* A place among those that wait. */
static bool reserve(struct held *h, const struct held_call *c)
{
    pthread_mutex_lock(&h->lock);
    bool has_room = h->count < h->max && h->of_client[c->place] < h->client_max &&
                    (!c->is_awaited || h->awaited_count < HELD_AWAITED_MAX);
    if (has_room) {
        h->count++;
        h->of_client[c->place]++;
        h->awaited_count += c->is_awaited;
    }
    h->refused += !has_room;
    pthread_mutex_unlock(&h->lock);
    return has_room;
}

static void unreserve(struct held *h, const struct held_call *c)
{
    pthread_mutex_lock(&h->lock);
    uncount_locked(h, c);
    pthread_mutex_unlock(&h->lock);
}

static bool moves_data(uint32_t id)
{
    return id == SMBKIT_OP_read || id == SMBKIT_OP_write || id == SMBKIT_OP_copy_range ||
           id == SMBKIT_OP_clone_range;
}

bool held_may(const struct smbkit_op *op, uint32_t id)
{
    switch (id) {
    case SMBKIT_OP_commit:
    case SMBKIT_OP_session_root: /* TREE_CONNECT, which cannot say that it waits */
    case SMBKIT_OP_reconfigure:
    case SMBKIT_OP_cache_ack:
    case SMBKIT_OP_watch:
    case SMBKIT_OP_control:
        return false;
    default:
        return !(op->flags & SMBKIT_OP_SYNC) &&
               (!(op->flags & SMBKIT_OP_AWAITED) || moves_data(id));
    }
}

smbkit_status held_add(struct held *h, const struct pass_call *c, const struct held_tag *tag)
{
    struct held_call *held = calloc(1, sizeof(*held));
    if (!held) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    held->place = place_of(c->op);
    held->is_awaited = c->op->flags & SMBKIT_OP_AWAITED;
    if (!reserve(h, held)) {
        free(held);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    held->call = *c;
    held->call.drops = SMBKIT_OP_NOWAIT; /* a worker goes on with it */
    held->call.owned = held;
    held->held = h;
    held->tag = tag ? *tag : (struct held_tag){0};
    if (smbkit_on_cancel(c->op, on_cancel, held) == SMBKIT_STATUS_CANCELLED) {
        unreserve(h, held);
        free(held);
        return SMBKIT_STATUS_CANCELLED;
    }
    pthread_mutex_lock(&h->lock);
    bool is_over = held->is_cancelled;
    if (is_over) {
        uncount_locked(h, held);
        if (h->left) {
            h->left(h->arg, held);
        }
    } else {
        push_locked(h, held);
    }
    pthread_mutex_unlock(&h->lock);
    if (is_over) {
        end(held, SMBKIT_STATUS_CANCELLED); /* on_cancel may still be at it: that waits for it */
    }
    return SMBKIT_STATUS_PENDING;
}

static void go(void *arg)
{
    struct held_call *c = arg;
    smbkit_status status = c->held->go(c->held->arg, &c->call);
    if (status != SMBKIT_STATUS_PENDING) {
        end(c, status);
    }
}

uint32_t held_release(struct held *h, bool (*may_go)(void *arg, const struct held_call *c),
                      void *arg)
{
    uint32_t count = 0;
    pthread_mutex_lock(&h->lock);
    struct held_call *list = take_some(h, may_go, arg);
    pthread_mutex_unlock(&h->lock);
    for (struct held_call *c = list; c; count++) {
        struct held_call *next = c->next;
        c->next = NULL;
        smbkit_status st = h->host ? smbkit_run(h->host, go, c) : SMBKIT_STATUS_NOT_SUPPORTED;
        if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
            go(c); /* nobody lends a worker: a test program, or the volume closes */
        } else if (!SMBKIT_OK(st)) {
            end(c, st);
        }
        c = next;
    }
    return count;
}

uint32_t held_count(struct held *h)
{
    pthread_mutex_lock(&h->lock);
    uint32_t n = h->count;
    pthread_mutex_unlock(&h->lock);
    return n;
}
