/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/reply.h"

#include "base/mem.h"
#include "smb/command.h"
#include "smb/limits.h"
#include "smb/room.h"
#include "smb/security.h"
#include "wire/error.h"

struct wr *smb_reply_begin(struct smb_request *r)
{
    wr_cut(&r->rsp, 0);
    smb_reply_room(&r->rsp);
    r->keep_body = false;
    return &r->rsp;
}

void smb_reply_room(struct wr *w)
{
    wr_zero(w, SMB_REPLY_BODY);
}

/* ---- header ---- */

static uint16_t grant(struct smb_request *r)
{
    if (r->credits_granted || r->hdr.command == SMB2_CANCEL) {
        return 0;
    }
    r->credits_granted = true;
    r->granted = credits_grant(&r->conn->credits, r->hdr.credit_charge, r->hdr.credits);
    return r->granted;
}

static void put_header(struct smb_request *r, struct wr *w, smbkit_status status)
{
    struct smb2_hdr h = {
        .credit_charge = r->hdr.credit_charge,
        .command = r->hdr.command,
        .status = (uint32_t)status,
        .credits = grant(r),
        .flags = SMB2_FLAGS_SERVER_TO_REDIR |
                 (r->hdr.flags & (SMB2_FLAGS_RELATED_OPERATIONS | SMB2_FLAGS_PRIORITY_MASK)),
        .message_id = r->hdr.message_id,
        .process_id = r->hdr.process_id,
        .tree_id = r->hdr.tree_id,
        .session_id = r->session ? r->session->id : r->hdr.session_id,
    };
    if (r->async_id) {
        h.flags |= SMB2_FLAGS_ASYNC_COMMAND;
        h.async_id = r->async_id;
    }
    struct wr head = wr_init(w->base + SMB_REPLY_ROOM, SMB2_HDR_SIZE);
    smb2_hdr_format(&head, &h);
    ASSERT(wr_ok(&head));
}

void smb_reply_build(struct smb_request *r, smbkit_status status)
{
    bool has_body = wr_ok(&r->rsp) && wr_pos(&r->rsp) > SMB_REPLY_BODY;
    if (!has_body && SMBKIT_OK(status)) {
        status = SMBKIT_STATUS_INSUFFICIENT_RESOURCES; /* the writer ran out of memory */
    }
    if (!has_body || !(SMBKIT_OK(status) || r->keep_body)) {
        wr_fini(&r->rsp);
        r->rsp = wr_new(SMB_FRAME_OVERHEAD);
        smb_reply_room(&r->rsp);
        smb2_error_format(&r->rsp);
        iobuf_unref(r->payload);
        r->payload = NULL;
    }
    if (!wr_ok(&r->rsp)) {
        smb_conn_end(r->conn, "out of memory");
        r->no_reply = true;
        return;
    }
    put_header(r, &r->rsp, status);
    r->status = status;
}

/* Unused bytes that a buffer may hold on its way out. */
#define WASTE_BYTES 4096u

/* ---- one element ready to send ---- */

/* Preauthentication integrity covers NEGOTIATE and every SESSION_SETUP but the last
 * reply. 3.3.5.4, 3.3.5.5 */
static void extend_preauth(struct smb_request *r, const struct crypto_span *spans, size_t n)
{
    if (r->conn->dialect != SMB2_DIALECT_311) {
        return;
    }
    if (r->hdr.command == SMB2_NEGOTIATE) {
        crypto_sha512_extend(r->conn->preauth, spans, n);
    } else if (r->hdr.command == SMB2_SESSION_SETUP && r->channel &&
               r->status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        crypto_sha512_extend(r->channel->preauth, spans, n);
    }
}

static bool seal_element(struct smb_request *r, const struct crypto_span *spans, size_t n)
{
    bool ok = smb_sign_reply(r, spans, n);
    extend_preauth(r, spans, n); /* as it is sent: what answers a binding is signed */
    return ok;
}

static void frame_length(uint8_t *p, size_t len)
{
    p[0] = 0;
    p[1] = (uint8_t)(len >> 16);
    p[2] = (uint8_t)(len >> 8);
    p[3] = (uint8_t)len;
}

/* A message about to go out: buf begins with SMB_REPLY_ROOM bytes of room; payload follows it. */
struct outgoing {
    struct iobuf *buf;
    size_t len;
    struct iobuf *payload; /* NULL: none */
    size_t payload_len;
};

static void outgoing_fini(struct outgoing *o)
{
    iobuf_unref(o->buf);
    iobuf_unref(o->payload);
    *o = (struct outgoing){0};
}

/* The message's pieces without the room: what is signed or sealed. Returns how many. */
static size_t outgoing_spans(const struct outgoing *o, struct crypto_span spans[2])
{
    spans[0] = (struct crypto_span){o->buf->base + SMB_REPLY_ROOM, o->len - SMB_REPLY_ROOM};
    spans[1] = (struct crypto_span){o->payload ? o->payload->base : NULL, o->payload_len};
    return o->payload_len ? 2 : 1;
}

/* Takes what o holds. */
static void send_message(struct smb_conn *c, struct smb_session *seal, struct outgoing *o)
{
    struct crypto_span spans[2];
    size_t n = outgoing_spans(o, spans);
    uint8_t *start = o->buf->base + SMB2_TRANSFORM_SIZE;
    size_t total = o->len - SMB_REPLY_ROOM + o->payload_len;
    if (seal) {
        start = o->buf->base;
        total += SMB2_TRANSFORM_SIZE;
        if (!smb_seal(seal, start + 4, spans, n)) {
            smb_conn_end(c, "cannot seal");
            outgoing_fini(o);
            return;
        }
    }
    if (c->closed) {
        outgoing_fini(o);
        return;
    }
    frame_length(start, total);
    struct iochain chain; /* large, and not looked at beyond its count */
    chain.count = 0;
    bool ok =
        iochain_push(&chain, iobuf_ref(o->buf), start, (size_t)(o->buf->base + o->len - start));
    ok = ok && (n == 1 || iochain_push(&chain, iobuf_ref(o->payload), spans[1].base, spans[1].len));
    ASSERT(ok); /* two of IOCHAIN_SEGS_MAX */
    atomic_fetch_add_explicit(&c->server->bytes_out, total + 4, memory_order_relaxed); /* told */
    c->ops->send(c->io, &chain);
    outgoing_fini(o);
}

/* What the first buffer of a message brings to its end: the credits that it grants are the client's
 * now. */
struct sent {
    struct smb_conn *conn; /* borrowed: it outlives what its transport sends */
    uint8_t *bytes;
    uint32_t credits;
};

static void sent_release(void *arg)
{
    struct sent *s = arg;
    credits_sent(&s->conn->credits, s->credits);
    mem_free(s->bytes);
}

/* The writer's buffer as the first of a message, charged to the connection until it is sent. m:
 * what it answers, or NULL. NULL without memory; the buffer is gone in any case. */
static struct iobuf *take_writer(struct smb_conn *c, struct smb_message *m, struct wr *w,
                                 uint32_t credits, size_t *len_r)
{
    size_t cap = w->cap;
    uint8_t *p = wr_take(w, len_r);
    if (p && cap - *len_r > *len_r / 4 + WASTE_BYTES) {
        uint8_t *smaller = mem_realloc(p, *len_r);
        p = smaller ? smaller : p;
        cap = smaller ? *len_r : cap;
    }
    struct iobuf *b = p ? iobuf_wrap_arg(p, *len_r, sent_release, sizeof(struct sent)) : NULL;
    if (!b) {
        mem_free(p);
        return NULL;
    }
    *(struct sent *)b->arg = (struct sent){.conn = c, .bytes = p, .credits = credits};
    smb_room_reply(c, m, b, cap + iobuf_cost(sizeof(struct sent)));
    return b;
}

/* A read that found much less than it asked for does not hold a large buffer until it is sent. */
static void trim_payload(struct smb_request *r)
{
    struct iobuf *large = r->payload;
    if (!large || large->release || r->payload_len > large->len / 2 || large->len < WASTE_BYTES) {
        return;
    }
    struct iobuf *small = iobuf_new(r->payload_len);
    if (small) {
        mem_copy(small->base, large->base, r->payload_len);
        iobuf_unref(large);
        r->payload = small;
    }
}

static void send_single(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    trim_payload(r);
    smb_room_pass(r);
    struct outgoing o = {.payload = r->payload, .payload_len = r->payload ? r->payload_len : 0};
    struct crypto_span spans[2];
    r->payload = NULL;
    o.buf = take_writer(c, r->msg, &r->rsp, r->granted, &o.len);
    if (!o.buf || !seal_element(r, spans, outgoing_spans(&o, spans))) {
        outgoing_fini(&o);
        smb_conn_end(c, "out of memory, or cannot sign");
        return;
    }
    send_message(c, r->msg->seal, &o);
}

/* ---- compounds ---- */

/* Append the reply of r to w; returns where its header is. */
static size_t append_element(struct wr *w, struct smb_request *r)
{
    size_t at = wr_pos(w);
    wr_bytes(w, r->rsp.base + SMB_REPLY_ROOM, wr_pos(&r->rsp) - SMB_REPLY_ROOM);
    if (r->payload) {
        wr_bytes(w, r->payload->base, r->payload_len);
    }
    return at;
}

/* The replies of a compound are copied into one buffer: they are small as a rule, and padding,
 * links and signatures are then simple. [MS-SMB2] 3.3.4.1.3 */
static void send_compound(struct smb_message *m, struct smb_request **list, unsigned count)
{
    struct wr w = wr_new(((size_t)m->conn->transact_max + SMB_FRAME_OVERHEAD) * count);
    size_t at[SMB_COMPOUND_MAX + 1];
    uint32_t credits = 0;
    wr_zero(&w, SMB_REPLY_ROOM);
    for (unsigned i = 0; i < count; i++) {
        credits += list[i]->granted;
        at[i] = append_element(&w, list[i]);
        wr_align(&w, at[i], 8); /* the last one too, as Windows does: it may be */
        if (i + 1 < count) {
            wr_put_u32(&w, at[i] + SMB2_HDR_NEXT_OFFSET, (uint32_t)(wr_pos(&w) - at[i]));
        }
    }
    bool ok = wr_ok(&w);
    for (unsigned i = 0; ok && i < count; i++) {
        size_t end = i + 1 < count ? at[i + 1] : wr_pos(&w);
        struct crypto_span span = {w.base + at[i], end - at[i]};
        ok = seal_element(list[i], &span, 1);
    }
    struct outgoing o = {0};
    o.buf = ok ? take_writer(m->conn, m, &w, credits, &o.len) : NULL;
    wr_fini(&w);
    if (!o.buf) {
        smb_conn_end(m->conn, "out of memory");
        return;
    }
    send_message(m->conn, m->seal, &o);
}

static bool are_small(struct smb_request **list, unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        total += align_up(wr_pos(&list[i]->rsp) - SMB_REPLY_ROOM +
                              (list[i]->payload ? list[i]->payload_len : 0),
                          8);
    }
    return total <= SMB_COMPOUND_COPY_BYTES;
}

/* A server may answer each request of a compound on its own ([MS-SMB2] 3.3.4.1.3), and does where
 * gathering would copy much. */
static void send_list(struct smb_message *m, struct smb_request **list, unsigned count)
{
    if (m->conn->closed || count == 0) {
        return;
    }
    if (count > 1 && are_small(list, count)) {
        send_compound(m, list, count);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        send_single(list[i]);
    }
}

static unsigned collect(struct smb_message *m, unsigned end, struct smb_request **list)
{
    unsigned count = 0;
    for (; m->sent < end; m->sent++) {
        struct smb_request *r = &m->requests[m->sent];
        if (r->hdr.command == SMB2_CREATE && r->open) {
            smb_open_announce(r->open);
        }
        if (!r->no_reply) {
            list[count++] = r;
        }
    }
    return count;
}

void smb_reply_flush(struct smb_message *m, unsigned end)
{
    struct smb_request *list[SMB_COMPOUND_MAX + 1];
    unsigned count = collect(m, end, list);
    send_list(m, list, count);
}

void smb_reply_interim(struct smb_request *r)
{
    struct smb_message *m = r->msg;
    struct smb_request *list[SMB_COMPOUND_MAX + 1];
    /* The handler may be at work on r on another thread: the interim reply is a request record of
     * its own. */
    struct smb_request interim = {
        .msg = m,
        .conn = r->conn,
        .hdr = r->hdr,
        .channel = r->channel,
        .session = r->session,
        .async_id = r->async_id,
        .signed_in = r->signed_in,
        .sign_reply = r->sign_reply,
        .status = SMBKIT_STATUS_PENDING,
        .rsp = wr_new(SMB_FRAME_OVERHEAD),
    };
    smb_reply_room(&interim.rsp);
    smb2_error_format(&interim.rsp);
    if (wr_ok(&interim.rsp)) {
        put_header(&interim, &interim.rsp, SMBKIT_STATUS_PENDING);
        r->credits_granted = true;
        unsigned count = collect(m, m->current, list);
        list[count] = &interim;
        send_list(m, list, count + 1);
    } else {
        /* The final reply would bear an AsyncId that the client has never heard of. */
        smb_conn_end(r->conn, "out of memory");
    }
    wr_fini(&interim.rsp);
}

static void send_own(struct smb_conn *c, struct smb_session *seal, struct wr *w,
                     const struct smb2_hdr *h)
{
    if (!wr_ok(w)) {
        wr_fini(w);
        return; /* without memory: the client learns by its time-out */
    }
    struct wr head = wr_init(w->base + SMB_REPLY_ROOM, SMB2_HDR_SIZE);
    smb2_hdr_format(&head, h);
    struct outgoing o = {0};
    o.buf = take_writer(c, NULL, w, h->credits, &o.len);
    if (o.buf) {
        struct crypto_span spans[2];
        (void)outgoing_spans(&o, spans); /* one: there is no payload */
        smb_tap_own(c, seal, &spans[0]);
        send_message(c, seal, &o);
    }
}

void smb_reply_plain(struct smb_conn *c, struct wr *w, const struct smb2_hdr *h)
{
    send_own(c, NULL, w, h);
}

void smb_reply_notify(struct smb_conn *c, struct smb_session *s, struct wr *w, uint16_t command)
{
    const struct smb2_hdr h = {
        .command = command,
        .flags = SMB2_FLAGS_SERVER_TO_REDIR,
        .message_id = UINT64_MAX,
    };
    send_own(c, s->encrypt ? s : NULL, w, &h);
}
