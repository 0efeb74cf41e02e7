/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/room.h"

#include <errno.h>

#include "smb/command.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "wire/write.h"

/* What a request takes besides its frame: the records and a small reply. */
#define REPLY_BYTES 384u
#define REQUEST_BYTES (sizeof(struct smb_message) + sizeof(struct smb_request) + REPLY_BYTES)
#define PAGE_BYTES 4096u

/* ---- a connection's budget ---- */

static void room_run(struct job *job);

static void room_made(struct budget_wait *w)
{
    struct smb_conn *c = CONTAINER_OF(w, struct smb_conn, room);
    /* relaxed: posting orders it; the flag only keeps the job from being posted twice */
    if (!atomic_exchange_explicit(&c->room_posted, true, memory_order_relaxed)) {
        c->ops->post(c->io, &c->room_job);
    }
}

void smb_room_init(struct smb_conn *c)
{
    budget_init(&c->budget, &c->server->memory, SMB_CONN_PREAUTH_BYTES, SMB_CONN_FREE_BYTES);
    budget_wait_init(&c->room, room_made);
    list_init(&c->starved);
    list_init(&c->room_job.link);
    c->room_job.fn = room_run;
    atomic_init(&c->room_posted, false);
}

void smb_room_logged_on(struct smb_conn *c, struct smb_account *a)
{
    c->account = smb_account_ref(a);
    budget_move(&c->budget, &a->memory);
    budget_limit_set(&c->budget, (size_t)c->transact_max + SMB_CONN_BYTES);
}

void smb_room_closed(struct smb_conn *c)
{
    budget_wait_cancel(&c->room);
}

void smb_room_fini(struct smb_conn *c)
{
    budget_fini(&c->budget);
    smb_account_unref(c->account);
}

/* ---- frames ---- */

static size_t frame_mark(const struct smb_conn *c, size_t size)
{
    size_t mark = SMB2_HDR_SIZE + SMB2_WRITE_REQ_FIXED_SIZE;
    /* Large frames on a sealing connection are sealed, as a rule. */
    if (c->seen_sealed) {
        mark += SMB2_TRANSFORM_SIZE;
    }
    return MIN(mark, size);
}

int smb_conn_frame_new(struct smb_conn *c, size_t size, struct iobuf **frame_r)
{
    bool aligned = size >= SMB_ALIGN_FROM_BYTES && c->logged_on;
    size_t cost = iobuf_cost(size) + REQUEST_BYTES + (aligned ? PAGE_BYTES : 0);
    /* What is here already goes first: it may need the room to go out. */
    if (!list_is_empty(&c->starved) || !budget_take(&c->budget, cost, &c->room)) {
        c->reading_held = true;
        return -EAGAIN;
    }
    *frame_r = aligned ? iobuf_new_aligned_at(size, frame_mark(c, size)) : iobuf_new(size);
    if (!*frame_r) {
        budget_give(&c->budget, cost);
        return -ENOMEM;
    }
    iobuf_charge(*frame_r, &c->budget, cost);
    return 0;
}

void smb_room_chain(struct smb_message *m)
{
    m->reply_room = (unsigned)MIN(m->frame->charged, REPLY_BYTES);
    if (m->count == 1) {
        return;
    }
    m->charged = (m->count - 1) * sizeof(struct smb_request);
    budget_force(&m->conn->budget, m->charged);
}

static size_t waiting_bytes(const struct smb_request *r)
{
    return r->msg->frame->charged + r->msg->charged;
}

/* ---- payloads of replies ---- */

/* Most requests take and give back what they hold once: each time touches what others share. */
void smb_room_reply(struct smb_conn *c, struct smb_message *m, struct iobuf *b, size_t n)
{
    if (m && n <= m->reply_room) {
        m->reply_room -= (unsigned)n;
        m->frame->charged -= n;
    } else {
        budget_force(&c->budget, n);
    }
    iobuf_charge(b, &c->budget, n);
}

/* What the client asks for at most, as far as it may. */
static size_t wanted(const struct smb_request *r)
{
    if (r->row->output_at == 0) {
        return 0;
    }
    struct cur c = r->body;
    cur_skip(&c, r->row->output_at);
    uint32_t n = cur_u32(&c);
    bool is_fine = n <= r->conn->transact_max && smb_request_charge_covers(r, n);
    return is_fine ? n : 0; /* it is refused */
}

enum smb_room smb_room_take(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    struct smb_message *m = r->msg;
    size_t n = r->charged > 0 ? 0 : wanted(r);
    if (n == 0) {
        return SMB_ROOM_TAKEN;
    }
    if (n + m->frame->len + m->charged > (size_t)c->transact_max + SMB_FRAME_OVERHEAD) {
        return SMB_ROOM_NEVER;
    }
    bool is_first = list_is_empty(&c->starved);
    size_t cost = iobuf_cost(n);
    bool taken = is_first && budget_take(&c->budget, cost, NULL);
    if (!taken) {
        smb_reply_flush(m, m->current);
        taken = is_first && budget_take(&c->budget, cost, &c->room);
    }
    if (!taken) {
        list_push_back(&c->starved, &m->starved_link);
        return SMB_ROOM_LATER;
    }
    r->charged = cost;
    return SMB_ROOM_TAKEN;
}

void smb_room_give(struct smb_request *r)
{
    if (r->charged > 0) {
        budget_give(&r->conn->budget, r->charged);
        r->charged = 0;
    }
}

void smb_room_pass(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    if (!r->payload) {
        smb_room_give(r);
        return;
    }
    size_t n = iobuf_cost(r->payload->len);
    if (n > r->charged) {
        budget_force(&c->budget, n - r->charged);
    } else if (n < r->charged) {
        budget_give(&c->budget, r->charged - n);
    }
    r->charged = 0;
    iobuf_charge(r->payload, &c->budget, n);
}

void smb_room_forget(struct smb_request *r)
{
    list_remove(&r->msg->starved_link);
}

static void room_run(struct job *job)
{
    struct smb_conn *c = CONTAINER_OF(job, struct smb_conn, room_job);
    atomic_store_explicit(&c->room_posted, false, memory_order_relaxed); /* as in room_made */
    while (!list_is_empty(&c->starved)) {
        struct smb_message *m = LIST_ENTRY(c->starved.next, struct smb_message, starved_link);
        struct smb_request *r = &m->requests[m->current];
        size_t cost = iobuf_cost(wanted(r));
        if (!budget_take(&c->budget, cost, &c->room)) {
            return;
        }
        r->charged = cost;
        list_remove(&m->starved_link);
        smb_request_has_room(r);
    }
    if (c->reading_held && !c->closed) {
        c->reading_held = false;
        c->ops->resume(c->io);
    }
}

/* ---- those that wait ---- */

bool smb_place_is_free(const struct smb_request *r, bool is_endless)
{
    const struct smb_conn *c = r->conn;
    if (r->has_place) {
        return true;
    }
    bool has_room =
        c->waiting_bytes + waiting_bytes(r) <= SMB_WAITING_BYTES &&
        atomic_load_explicit(&c->server->waiting_now, memory_order_relaxed) < /* a rough bound */
            SMB_ASYNC_TOTAL_MAX;
    return c->async_count < SMB_ASYNC_MAX && (has_room || !is_endless);
}

void smb_place_take(struct smb_request *r, bool is_endless)
{
    struct smb_conn *c = r->conn;
    if (r->has_place) {
        return;
    }
    r->has_place = true;
    r->waiting_bytes = is_endless ? waiting_bytes(r) : 0;
    c->waiting_bytes += r->waiting_bytes;
    c->async_count++;
    /* relaxed: only told */
    atomic_fetch_add_explicit(&c->server->waiting_now, 1, memory_order_relaxed);
}

void smb_place_give(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    if (r->has_place) {
        c->async_count--;
        c->waiting_bytes -= r->waiting_bytes;
        atomic_fetch_sub_explicit(&c->server->waiting_now, 1, memory_order_relaxed); /* as above */
    }
}
