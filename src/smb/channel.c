/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: which session is on which connection. [MS-SMB2] 3.3.1.7, 3.3.1.14 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/request.h"
#include "smb/session.h"

static void gone_run(struct job *job);

struct smb_channel *smb_channel_new(struct smb_session *s, struct smb_conn *c)
{
    struct smb_channel *ch = mem_zalloc(sizeof(*ch));
    if (!ch) {
        return NULL;
    }
    refcount_init(&ch->refs);
    ch->session = smb_session_ref(s);
    ch->conn = smb_conn_ref(c);
    list_init(&ch->session_link);
    list_init(&ch->gone_job.link);
    ch->gone_job.fn = gone_run;
    mem_copy(ch->preauth, c->preauth, sizeof(ch->preauth));
    return ch;
}

struct smb_channel *smb_channel_ref(struct smb_channel *ch)
{
    refcount_get(&ch->refs);
    return ch;
}

void smb_channel_unref(struct smb_channel *ch)
{
    if (ch && refcount_put(&ch->refs)) {
        crypto_signer_free(ch->signer);
        auth_free(ch->auth);
        mem_free(ch->answer);
        smb_session_unref(ch->session);
        smb_conn_unref(ch->conn);
        mem_free(ch);
    }
}

static bool channel_eq(const struct hash_link *link, const void *key)
{
    const struct smb_channel *ch = CONTAINER_OF(link, struct smb_channel, conn_link);
    return ch->session->id == *(const uint64_t *)key;
}

bool smb_channel_add(struct smb_channel *ch)
{
    struct smb_session *s = ch->session;
    struct smb_conn *c = ch->conn;
    SCOPED_LOCK(&s->lock);
    SCOPED_LOCK(&c->lock);
    /* relaxed: it only ever grows */
    bool logged_on = atomic_load_explicit(&c->logged_on, memory_order_relaxed);
    if (c->channels.count >= (logged_on ? SMB_SESSIONS_PER_CONN : SMB_SESSIONS_PREAUTH) ||
        !hash_table_add(&c->channels, &ch->conn_link, hash_u64(0, s->id))) {
        return false;
    }
    ch->in_conn = true;
    (void)smb_channel_ref(ch); /* the connection's */
    list_push_back(&s->channels, &smb_channel_ref(ch)->session_link);
    return true;
}

struct smb_channel *smb_channel_find(struct smb_conn *c, uint64_t session_id)
{
    SCOPED_LOCK(&c->lock);
    struct hash_link *l =
        hash_table_get(&c->channels, hash_u64(0, session_id), channel_eq, &session_id);
    return l ? smb_channel_ref(CONTAINER_OF(l, struct smb_channel, conn_link)) : NULL;
}

/* conn->lock is held. */
static void take_out(struct smb_conn *c, struct smb_channel *ch)
{
    hash_table_remove(&c->channels, &ch->conn_link);
    ch->in_conn = false;
}

struct smb_channel *smb_channel_pop(struct smb_conn *c)
{
    SCOPED_LOCK(&c->lock);
    struct hash_link *l = hash_table_next(&c->channels, NULL);
    struct smb_channel *ch = l ? CONTAINER_OF(l, struct smb_channel, conn_link) : NULL;
    if (ch) {
        take_out(c, ch);
    }
    return ch;
}

/* Loop thread of the connection. */
static void gone_run(struct job *job)
{
    struct smb_channel *ch = CONTAINER_OF(job, struct smb_channel, gone_job);
    smb_requests_unwanted(ch->conn, ch->session, NULL, NULL);
    if (ch->session->end_conn) {
        smb_conn_end(ch->conn, ch->session->end_conn);
    }
    smb_channel_unref(ch);
}

void smb_channel_leave(struct smb_channel *ch)
{
    struct smb_conn *c = ch->conn;
    mutex_lock(&c->lock);
    bool was_in = ch->in_conn;
    if (was_in) {
        take_out(c, ch);
    }
    mutex_unlock(&c->lock);
    c->ops->post(c->io, &ch->gone_job); /* with the reference of the session's list */
    if (was_in) {
        smb_channel_unref(ch); /* the connection's; the job has its own */
    }
}

void smb_channel_setup_end(struct smb_channel *ch)
{
    SCOPED_LOCK(&ch->session->lock);
    ch->setup_busy = false;
}

struct smb_conn *smb_session_conn(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return list_is_empty(&s->channels)
               ? NULL
               : smb_conn_ref(LIST_ENTRY(s->channels.next, struct smb_channel, session_link)->conn);
}
