/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/conn.h"

#include <errno.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include "smb/break.h"
#include "smb/limits.h"
#include "smb/negotiate.h"
#include "smb/request.h"
#include "smb/room.h"
#include "smb/security.h"
#include "wire/hdr.h"

/* ---- life ---- */

static void conn_free(struct job *job)
{
    struct smb_conn *c = CONTAINER_OF(job, struct smb_conn, free_job);
    struct smb_server *s = c->server;
    mutex_lock(&s->lock);
    list_remove(&c->link);
    mutex_unlock(&s->lock);
    ASSERT(c->channels.count == 0);
    hash_table_fini(&c->channels);
    smb_client_unref(c->client);
    mutex_fini(&c->lock);
    credits_fini(&c->credits);
    smb_room_fini(c);
    hash_table_fini(&c->by_mid);
    hash_table_fini(&c->by_async);
    mem_spare_fini(&c->spare);
    c->ops->released(c->io);
    mem_free(c);
}

struct smb_conn *smb_conn_ref(struct smb_conn *c)
{
    refcount_get(&c->refs);
    return c;
}

void smb_conn_unref(struct smb_conn *c)
{
    if (c && refcount_put(&c->refs)) {
        c->free_job.fn = conn_free;
        c->ops->post(c->io, &c->free_job); /* io must be released on its own thread */
    }
}

static void logon_timeout(struct smb_timer *t)
{
    smb_conn_end(CONTAINER_OF(t, struct smb_conn, logon_timer), "no log-in in time");
}

struct smb_conn *smb_conn_new(struct smb_server *s, const struct smb_conn_io *ops, void *io,
                              const char *address, uint64_t conn_id)
{
    struct smb_conn *c = mem_zalloc(sizeof(*c));
    uint32_t credits_max = smb_server_policy(s).credits_max;
    if (!c || !credits_init(&c->credits, credits_max)) {
        mem_free(c);
        return NULL;
    }
    refcount_init(&c->refs);
    c->server = s;
    c->credits_max = credits_max;
    credits_max_set(&c->credits, MIN(credits_max, SMB_CREDITS_PREAUTH));
    smb_room_init(c);
    c->ops = ops;
    c->io = io;
    c->log.conn_id = conn_id;
    (void)str_copy(c->address, sizeof(c->address), address);
    char place[ADDR_PREFIX_SIZE];
    addr_prefix(c->address, place);
    c->place_hash = hash_bytes(s->hash_seed, place, str_len(place));
    c->transact_max = 65536; /* until NEGOTIATE says more; bounds the reply to it */
    mutex_init(&c->lock);
    hash_table_init(&c->channels);
    list_init(&c->messages);
    hash_table_init(&c->by_mid);
    hash_table_init(&c->by_async);
    list_init(&c->breaks);
    list_init(&c->slow);
    list_init(&c->free_job.link);
    c->slow_timer.fn = smb_requests_slow;
    c->logon_timer.fn = logon_timeout;
    mutex_lock(&s->lock);
    list_push_back(&s->conns, &c->link);
    mutex_unlock(&s->lock);
    atomic_fetch_add_explicit(&s->conns_total, 1, memory_order_relaxed); /* only told */
    ops->timer_set(io, &c->logon_timer, SMB_LOGON_TIME_MS);
    log_info(&c->log, "connected from=%s", c->address);
    return c;
}

/* ---- end ---- */

void smb_conn_end(struct smb_conn *c, const char *reason)
{
    if (c->closing || c->closed) {
        return;
    }
    c->closing = true;
    log_info(&c->log, "ending connection reason=\"%s\"", reason);
    c->ops->close(c->io);
}

void smb_conn_shutdown(struct smb_conn *c)
{
    c->draining = true;
    smb_conn_ref(c);
    LIST_FOR_EACH_SAFE (l, &c->messages) {
        smb_message_cancel(LIST_ENTRY(l, struct smb_message, link));
    }
    if (c->message_count == 0) {
        smb_conn_end(c, "server stops");
    }
    smb_conn_unref(c);
}

void smb_conn_message_done(struct smb_conn *c)
{
    c->message_count--;
    if (c->closed) {
        smb_channels_end(c); /* a SESSION_SETUP that was under way may have made one */
    }
    if (c->draining && c->message_count == 0) {
        smb_conn_end(c, "server stops");
    }
    smb_conn_unref(c);
}

void smb_conn_closed(struct smb_conn *c)
{
    ASSERT(!c->closed);
    c->closed = true;
    log_info(&c->log, "disconnected from=%s", c->address);
    c->ops->timer_cancel(c->io, &c->logon_timer);
    c->ops->timer_cancel(c->io, &c->slow_timer);
    smb_room_closed(c);
    LIST_FOR_EACH_SAFE (l, &c->messages) {
        smb_message_lost(LIST_ENTRY(l, struct smb_message, link));
    }
    smb_channels_end(c);
    smb_breaks_end(c);
    smb_conn_unref(c);
}

void smb_conn_logged_on(struct smb_conn *c, struct smb_session *s)
{
    if (c->logged_on) {
        return;
    }
    c->logged_on = true;
    c->ops->timer_cancel(c->io, &c->logon_timer);
    credits_max_set(&c->credits, c->credits_max);
    mutex_lock(&s->lock);
    smb_room_logged_on(c, s->account);
    mutex_unlock(&s->lock);
    c->ops->logged_on(c->io);
}

/* ---- frames ---- */

int smb_conn_frame_size(struct smb_conn *c, const uint8_t header[4], size_t *size_r)
{
    /* Direct TCP: a zero byte and 24 bits of length ([MS-SMB2] 2.1). 0x85 is the keep-alive of
     * NetBIOS. */
    size_t size = ((size_t)header[1] << 16) | ((size_t)header[2] << 8) | header[3];
    *size_r = size;
    if (header[0] == 0x85 && size == 0) {
        return 0;
    }
    if (header[0] != 0) {
        return -EPROTO;
    }
    size_t max =
        c->logged_on ? (size_t)c->transact_max + SMB_FRAME_OVERHEAD : (size_t)SMB_FRAME_PREAUTH_MAX;
    return size <= max ? 0 : -EMSGSIZE;
}

static void sealed_frame(struct smb_conn *c, struct iobuf *frame)
{
    const uint8_t *p = NULL;
    size_t len = 0;
    struct smb_session *s = NULL;
    if (!smb_unseal(c, frame, &p, &len, &s)) {
        iobuf_unref(frame);
        smb_conn_end(c, "cannot decrypt");
        return;
    }
    c->seen_sealed = true;
    smb_message_run(c, frame, p, len, s);
}

void smb_conn_frame(struct smb_conn *c, struct iobuf *frame)
{
    if (c->closing || c->closed || c->draining) {
        iobuf_unref(frame);
        return;
    }
    /* relaxed: a hint where to send breaks */
    if (atomic_load_explicit(&c->is_silent, memory_order_relaxed)) {
        atomic_store_explicit(&c->is_silent, false, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&c->server->bytes_in, frame->len + 4,
                              memory_order_relaxed); /* told */
    switch (smb2_protocol_identify(frame->base, frame->len)) {
    case SMB2_PROTOCOL_SMB2:
        smb_message_run(c, frame, frame->base, frame->len, NULL);
        return;
    case SMB2_PROTOCOL_TRANSFORM:
        sealed_frame(c, frame);
        return;
    case SMB2_PROTOCOL_SMB1:
        if (!smb_negotiate_smb1(c, frame->base, frame->len)) {
            smb_conn_end(c, "SMB1 message");
        }
        break;
    case SMB2_PROTOCOL_COMPRESSED:
        smb_conn_end(c, "compressed message, but compression was not negotiated");
        break;
    case SMB2_PROTOCOL_UNKNOWN:
        smb_conn_end(c, "not SMB");
        break;
    }
    iobuf_unref(frame);
}
