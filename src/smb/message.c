/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/command.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "smb/request.h"
#include "smb/room.h"

/* Count the elements of a compound and check that each begins where the one before says. 0:
 * *fault_r tells why the connection ends. [MS-SMB2] 3.3.5.2.7: NextCommand must be a multiple of 8
 * and lie within the frame. How many there may be it leaves open.
 */
static unsigned count_elements(const uint8_t *p, size_t len, const char **fault_r)
{
    *fault_r = "malformed message";
    unsigned count = 0;
    size_t at = 0;
    for (;;) {
        struct cur c = cur_init(p + at, len - at);
        cur_skip(&c, SMB2_HDR_NEXT_OFFSET);
        uint32_t next = cur_u32(&c);
        if (!cur_ok(&c)) {
            return 0;
        }
        if (++count > SMB_COMPOUND_MAX) {
            *fault_r = "compound of too many requests";
            return 0;
        }
        if (next == 0) {
            return count;
        }
        if (next % 8 != 0 || next < SMB2_HDR_SIZE || next > len - at) {
            return 0;
        }
        at += next;
    }
}

/* False: malformed. */
static bool fill_elements(struct smb_message *m, const uint8_t *p, size_t len)
{
    size_t at = 0;
    for (unsigned i = 0; i < m->count; i++) {
        struct smb_request *r = &m->requests[i];
        r->msg = m;
        r->conn = m->conn;
        r->body = cur_init(p + at, len - at);
        if (smb2_hdr_parse(&r->body, &r->hdr) != WIRE_OK) {
            return false;
        }
        r->raw = p + at;
        r->raw_len = r->hdr.next_command ? r->hdr.next_command : len - at;
        r->body.end = r->raw + r->raw_len;
        at += r->raw_len;
    }
    return true;
}

/* Every element takes its ids from the window before any runs. CANCEL takes none.
 * [MS-SMB2] 3.3.5.2.3 */
static bool take_credits(struct smb_message *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        struct smb2_hdr *h = &m->requests[i].hdr;
        if (h->command == SMB2_CANCEL) {
            continue;
        }
        if (!m->conn->multi_credit) {
            h->credit_charge = 0;
        }
        if (!credits_use(&m->conn->credits, h->message_id, h->credit_charge)) {
            log_info(&m->conn->log, "message id outside window mid=%llu charge=%u",
                     (unsigned long long)h->message_id, h->credit_charge);
            return false;
        }
    }
    return true;
}

static void request_fini(struct smb_request *r)
{
    if (r->has_io) {
        vfs_io_fini(&r->io);
    }
    if (r->has_turn) {
        vfs_notify_turn_end(&r->turn);
    }
    if (r->is_ready) {
        vfs_journal_fini(&r->journal);
        vfs_wait_fini(&r->wait);
    }
    vfs_token_unref(r->call.token);
    if (r->holds_setup) {
        smb_channel_setup_end(r->channel);
    }
    smb_open_unref(r->open);
    smb_tree_unref(r->tree);
    smb_session_unref(r->session);
    smb_session_unref(r->previous);
    smb_channel_unref(r->channel);
    iobuf_unref(r->payload);
    wr_fini(&r->rsp);
    smb_room_give(r);
}

static size_t message_size(unsigned count)
{
    return sizeof(struct smb_message) + count * sizeof(struct smb_request);
}

static void message_drop(struct smb_conn *c, struct smb_message *m)
{
    if (m->count == 1) {
        mem_spare_free(&c->spare, m, message_size(1));
    } else {
        mem_free(m);
    }
}

static void message_free(struct smb_message *m)
{
    struct smb_conn *c = m->conn;
    for (unsigned i = 0; i < m->count; i++) {
        request_fini(&m->requests[i]);
    }
    smb_session_unref(m->seal);
    if (m->charged > 0) {
        budget_give(&c->budget, m->charged);
    }
    iobuf_unref(m->frame);
    message_drop(c, m);
}

static void next_run(struct job *job)
{
    smb_message_next(CONTAINER_OF(job, struct smb_message, next_job));
}

/* With its requests' headers; NULL: why the connection ends. */
static struct smb_message *message_parse(struct smb_conn *c, const uint8_t *p, size_t len,
                                         const char **fault_r)
{
    unsigned count = count_elements(p, len, fault_r);
    struct smb_message *m = count ? mem_spare_zalloc(&c->spare, message_size(count)) : NULL;
    if (!m) {
        if (count) {
            *fault_r = "out of memory";
        }
        return NULL;
    }
    m->conn = c;
    m->count = count;
    if (!fill_elements(m, p, len)) {
        message_drop(c, m);
        *fault_r = "malformed message";
        return NULL;
    }
    return m;
}

void smb_message_run(struct smb_conn *c, struct iobuf *frame, const uint8_t *p, size_t len,
                     struct smb_session *seal)
{
    const char *fault = NULL;
    struct smb_message *m = message_parse(c, p, len, &fault);
    if (!m) {
        iobuf_unref(frame);
        smb_session_unref(seal);
        smb_conn_end(c, fault);
        return;
    }
    (void)smb_conn_ref(c);
    m->frame = frame;
    m->seal = seal;
    m->next_job.fn = next_run;
    list_init(&m->next_job.link);
    list_init(&m->starved_link);
    smb_room_chain(m);
    list_push_back(&c->messages, &m->link);
    c->message_count++;
    if (c->message_count > SMB_MESSAGES_MAX || !take_credits(m)) {
        m->current = m->count;
        m->sent = m->count;
        smb_conn_end(c, "credits");
    }
    atomic_fetch_add_explicit(&c->server->requests, m->count, memory_order_relaxed); /* only told */
    smb_message_next(m);
}

/* A loop of its own, so that a long chain of quick requests does not nest: smb_request_finish comes
 * back here. */
void smb_message_next(struct smb_message *m)
{
    struct smb_conn *c = m->conn;
    if (m->running) {
        return; /* the loop below goes on */
    }
    m->running = true;
    unsigned turn_end = m->started + SMB_CHAIN_TURN;
    while (m->current < m->count && m->started == m->current) {
        if (c->closed) {
            m->current = m->count; /* its session is gone, and nobody is there to be told */
            break;
        }
        if (m->started == turn_end) {
            m->running = false;
            c->ops->post(c->io, &m->next_job);
            return;
        }
        m->started++;
        smb_request_start(&m->requests[m->current]);
    }
    m->running = false;
    if (m->current < m->count) {
        return; /* it waits, or runs on a worker */
    }
    smb_reply_flush(m, m->count);
    list_remove(&m->link);
    message_free(m);
    smb_conn_message_done(c);
}

void smb_message_cancel(struct smb_message *m)
{
    if (m->current < m->count && m->started > m->current) {
        smb_request_cancel(&m->requests[m->current]);
    }
}

void smb_message_lost(struct smb_message *m)
{
    bool is_under_way = m->current < m->count && m->started > m->current;
    if (is_under_way && !smb_replay_awaits(&m->requests[m->current])) {
        smb_request_cancel(&m->requests[m->current]);
    }
}
