/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: which session is on which connection. [MS-SMB2] 3.3.1.7, 3.3.1.14 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/request.h"
#include "smb/session.h"

static void look_run(struct job *job);

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
    list_init(&ch->orphan_link);
    list_init(&ch->look_job.link);
    ch->look_job.fn = look_run;
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
        crypto_signer_free(ch->lent);
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
    uint64_t h = hash_u64(0, s->id);
    SCOPED_LOCK(&s->lock);
    SCOPED_LOCK(&c->lock);
    /* relaxed: it only ever grows */
    bool logged_on = atomic_load_explicit(&c->logged_on, memory_order_relaxed);
    if (s->state == SMB_SESSION_DELETED || s->channel_count >= SMB_CHANNELS_PER_SESSION ||
        c->channels.count >= (logged_on ? SMB_SESSIONS_PER_CONN : SMB_SESSIONS_PREAUTH) ||
        hash_table_get(&c->channels, h, channel_eq, &s->id) ||
        !hash_table_add(&c->channels, &ch->conn_link, h)) {
        return false;
    }
    s->channel_count++;
    ch->in_conn = true;
    (void)smb_channel_ref(ch); /* the connection's */
    list_push_back(&s->channels, &smb_channel_ref(ch)->session_link);
    return true;
}

struct smb_channel *smb_channel_find(struct smb_conn *c, uint64_t session_id)
{
    struct smb_channel *ch = smb_channel_find_any(c, session_id);
    if (ch && smb_channel_is_binding(ch)) {
        smb_channel_unref(ch);
        return NULL;
    }
    return ch;
}

struct smb_channel *smb_channel_find_any(struct smb_conn *c, uint64_t session_id)
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
static void look_run(struct job *job)
{
    struct smb_channel *ch = CONTAINER_OF(job, struct smb_channel, look_job);
    struct smb_session *s = ch->session;
    mutex_lock(&s->lock);
    ch->look_posted = false; /* what goes from here on is looked at again */
    const char *end_reason = s->end_conn;
    mutex_unlock(&s->lock);
    smb_requests_unwanted(ch->conn);
    if (end_reason) {
        smb_conn_end(ch->conn, end_reason);
    }
    smb_channel_unref(ch);
}

/* session->lock is held. */
static void look_locked(struct smb_channel *ch)
{
    if (!ch->look_posted) {
        ch->look_posted = true;
        (void)smb_channel_ref(ch);
        ch->conn->ops->post(ch->conn->io, &ch->look_job);
    }
}

void smb_session_look(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (l, &s->channels) {
        look_locked(LIST_ENTRY(l, struct smb_channel, session_link));
    }
    LIST_FOR_EACH (l, &s->orphaned) {
        look_locked(LIST_ENTRY(l, struct smb_channel, orphan_link));
    }
}

/* session->lock is held. */
static bool has_other_locked(const struct smb_channel *ch)
{
    LIST_FOR_EACH (l, &ch->session->channels) {
        const struct smb_channel *other = LIST_ENTRY(l, struct smb_channel, session_link);
        if (other != ch && !smb_channel_is_binding(other)) {
            return true;
        }
    }
    return false;
}

bool smb_channel_orphan(struct smb_channel *ch)
{
    struct smb_session *s = ch->session;
    SCOPED_LOCK(&s->lock);
    if (s->state != SMB_SESSION_VALID || !has_other_locked(ch)) {
        return false;
    }
    if (ch->orphans++ == 0) {
        list_push_back(&s->orphaned, &smb_channel_ref(ch)->orphan_link);
    }
    return true;
}

void smb_channel_orphan_end(struct smb_channel *ch)
{
    mutex_lock(&ch->session->lock);
    bool is_last = --ch->orphans == 0;
    if (is_last) {
        list_remove(&ch->orphan_link);
    }
    mutex_unlock(&ch->session->lock);
    if (is_last) {
        smb_channel_unref(ch);
    }
}

/* Out of its connection's table, unless it is already. */
static void leave_conn(struct smb_channel *ch)
{
    struct smb_conn *c = ch->conn;
    mutex_lock(&c->lock);
    bool was_in = ch->in_conn;
    if (was_in) {
        take_out(c, ch);
    }
    mutex_unlock(&c->lock);
    if (was_in) {
        smb_channel_unref(ch);
    }
}

void smb_channel_leave(struct smb_channel *ch)
{
    mutex_lock(&ch->session->lock);
    look_locked(ch);
    mutex_unlock(&ch->session->lock);
    leave_conn(ch);
    smb_channel_unref(ch); /* the list's */
}

bool smb_channel_out_locked(struct smb_channel *ch)
{
    if (ch->gone) {
        return false;
    }
    ch->gone = true;
    list_remove(&ch->session_link);
    ch->session->channel_count--;
    return true;
}

void smb_channel_drop(struct smb_channel *ch)
{
    mutex_lock(&ch->session->lock);
    bool was_in = smb_channel_out_locked(ch);
    mutex_unlock(&ch->session->lock);
    leave_conn(ch);
    if (was_in) {
        smb_channel_unref(ch);
    }
}

void smb_channel_setup_end(struct smb_channel *ch)
{
    SCOPED_LOCK(&ch->session->lock);
    ch->setup_busy = false;
}

bool smb_conn_is_silent(const struct smb_conn *c)
{
    return atomic_load_explicit(&c->is_silent, memory_order_relaxed); /* a hint */
}

static bool is_better(const struct smb_channel *a, const struct smb_channel *b)
{
    bool a_silent = smb_conn_is_silent(a->conn);
    bool b_silent = smb_conn_is_silent(b->conn);
    /* relaxed: times */
    return a_silent != b_silent ? b_silent
                                : atomic_load_explicit(&a->used_at, memory_order_relaxed) >
                                      atomic_load_explicit(&b->used_at, memory_order_relaxed);
}

struct smb_channel *smb_channel_bound_locked(struct smb_session *s)
{
    struct smb_channel *best = NULL;
    LIST_FOR_EACH (l, &s->channels) {
        struct smb_channel *ch = LIST_ENTRY(l, struct smb_channel, session_link);
        if (!smb_channel_is_binding(ch) && (!best || is_better(ch, best))) {
            best = ch;
        }
    }
    return best;
}

struct smb_conn *smb_session_conn(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    struct smb_channel *ch = smb_channel_bound_locked(s);
    return ch ? smb_conn_ref(ch->conn) : NULL;
}
