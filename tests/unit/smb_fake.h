/* SPDX-License-Identifier: Apache-2.0 */
/* An SMB server without sockets, threads or a clock, and a client that talks to it byte by byte.
 * Jobs are run in the order of posting, first the loop's, then a worker's, so that a conversation
 * always goes the same way. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "auth_client.h"
#include "base/list.h"
#include "smb/smb.h"
#include "wire/hdr.h"

const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

#define FAKE_TIMERS 64
#define FAKE_SENT 256
#define FAKE_MIDS 131072 /* MessageIds whose signatures are remembered */
#define FAKE_HELD 64

struct fake_msg {
    uint8_t *p; /* the SMB2 message, opened when it was sealed */
    size_t len;
    bool sealed;
};

/* What a test that records a conversation is told (see smb_tape.h). */
enum fake_event { FAKE_EVENT_CONNECT, FAKE_EVENT_FRAME, FAKE_EVENT_PASS };

struct fake {
    void (*on_event)(struct fake *f, enum fake_event what, const void *p, size_t n);
    void *event_arg;
    const struct smbkit_plugin *filter; /* a layer over mem; NULL: none */
    struct smbkit_plugin *filter_adopted;
    struct smb_server *server;
    struct smb_conn *conn;
    struct vfs_volume *volume;
    struct smbkit_plugin *plugin;
    struct fake *peer; /* another client of the same server, whose jobs run too; or NULL. A ring of
                          several: the last one's is the first */
    struct list loop_jobs;
    struct list work_jobs;
    atomic_uint works[WORK_KIND_COUNT]; /* how many there have been */
    struct smb_timer *timers[FAKE_TIMERS];
    uint64_t due_ms[FAKE_TIMERS];
    uint64_t now_ms;
    uint64_t tick_ms; /* the server wants a tick then; 0: none */
    uint64_t seed;
    bool holds; /* the client does not read: what is sent stays with us */
    struct iochain held[FAKE_HELD];
    unsigned held_count;
    bool is_deaf;     /* its TCP acknowledges nothing any more */
    uint64_t bytes;   /* that were sent to it */
    uint64_t heard;   /* of these, what it had acknowledged before */
    bool refused;     /* there was no room for the last frame */
    unsigned resumed; /* there is room again for a frame */
    bool logged_on;
    bool closed; /* the server asked for the end */
    bool released;
    struct fake_msg sent[FAKE_SENT];
    unsigned sent_count;
    unsigned taken;
    /* the client */
    uint8_t machine; /* not 0: fills its ClientGuid, which is the same for all others */
    uint16_t dialect;
    uint64_t mid;
    uint64_t session_id;
    uint32_t tree_id;
    bool signs;
    bool seals;
    bool binds;               /* SESSION_SETUP is a binding: signer is the session's */
    unsigned rounds_unsigned; /* of it, whose answer to go on was */
    uint8_t preauth[64];
    uint8_t conn_preauth[64]; /* of NEGOTIATE alone: each log-in goes on from there */
    uint8_t key[16];
    uint16_t cipher;
    uint16_t sign_alg;
    struct crypto_signer *signer;
    struct crypto_sealer *seal_out;
    struct crypto_sealer *seal_in;
    uint8_t seal_keys[2][32]; /* out, in */
    uint64_t nonce;
    uint16_t credits; /* asked for in every request */
    uint64_t previous_session_id;
    const char *address; /* NULL: 192.0.2.1 */
    /* what the server has used as a nonce on this connection */
    uint8_t mids_signed[FAKE_MIDS / 8];
    bool has_seal_nonce;
    uint64_t seal_nonce;
};

/* ---- the transport ---- */

/* Every test is one of nonces too: no MessageId signs twice, no interim reply at all, and the
 * nonces of sealed messages rise. One session a connection, as the tests have it. */
static void fake_check_nonces(struct fake *f, const uint8_t *p, size_t len)
{
    struct cur c = cur_init(p, len);
    struct smb2_transform t;
    struct smb2_hdr h = {.next_command = 1};
    if (smb2_protocol_identify(p, len) == SMB2_PROTOCOL_TRANSFORM) {
        CHECK_INT(smb2_transform_parse(&c, &t), WIRE_OK);
        uint64_t nonce;
        memcpy(&nonce, t.nonce, sizeof(nonce));
        CHECK(!f->has_seal_nonce || nonce > f->seal_nonce);
        f->has_seal_nonce = true;
        f->seal_nonce = nonce;
        return;
    }
    for (size_t at = 0; h.next_command; at += h.next_command) {
        c = cur_init(p + at, len - at);
        CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
        if (h.flags & SMB2_FLAGS_SIGNED) {
            ASSERT(h.message_id < FAKE_MIDS);
            uint8_t bit = (uint8_t)(1u << (h.message_id % 8));
            CHECK(h.status != (uint32_t)SMBKIT_STATUS_PENDING);
            CHECK(!(f->mids_signed[h.message_id / 8] & bit));
            f->mids_signed[h.message_id / 8] |= bit;
        }
    }
}

static void fake_send(void *io, struct iochain *m)
{
    struct fake *f = io;
    size_t len = iochain_len(m);
    ASSERT(f->sent_count < FAKE_SENT && len > 4);
    uint8_t *p = mem_alloc(len);
    size_t at = 0;
    ASSERT(p);
    for (unsigned i = 0; i < m->count; i++) {
        memcpy(p + at, m->segs[i].base, m->segs[i].len);
        at += m->segs[i].len;
    }
    if (f->holds) {
        ASSERT(f->held_count < FAKE_HELD);
        f->held[f->held_count++] = *m;
        m->count = 0;
    }
    iochain_fini(m);
    CHECK_INT(((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]), len - 4);
    memmove(p, p + 4, len - 4);
    fake_check_nonces(f, p, len - 4);
    f->bytes += len;
    f->heard = f->is_deaf ? f->heard : f->bytes;
    f->sent[f->sent_count++] = (struct fake_msg){.p = p, .len = len - 4};
}

static void fake_progress(void *io, uint64_t *sent_r, uint64_t *acked_r)
{
    const struct fake *f = io;
    *sent_r = f->bytes;
    *acked_r = f->heard;
}

static void fake_resume(void *io)
{
    ((struct fake *)io)->resumed++;
}

static void fake_logged_on(void *io)
{
    ((struct fake *)io)->logged_on = true;
}

static void fake_close(void *io)
{
    ((struct fake *)io)->closed = true;
}

/* Of every fake: a test may have another thread at work on the server, which posts. */
static pthread_mutex_t fake_jobs = PTHREAD_MUTEX_INITIALIZER;

static void fake_queue(struct list *jobs, struct job *job)
{
    pthread_mutex_lock(&fake_jobs);
    list_push_back(jobs, &job->link);
    pthread_mutex_unlock(&fake_jobs);
}

static void fake_post(void *io, struct job *job)
{
    fake_queue(&((struct fake *)io)->loop_jobs, job);
}

static void fake_work(void *io, const struct work_key *key, struct job *job)
{
    struct fake *f = io;
    atomic_fetch_add(&f->works[key->kind], 1);
    fake_queue(&f->work_jobs, job);
}

static void fake_timer_cancel(void *io, struct smb_timer *t)
{
    struct fake *f = io;
    for (unsigned i = 0; i < FAKE_TIMERS; i++) {
        if (f->timers[i] == t) {
            f->timers[i] = NULL;
        }
    }
    t->transport = NULL;
}

static void fake_timer_set(void *io, struct smb_timer *t, uint32_t ms)
{
    struct fake *f = io;
    unsigned i = 0;
    fake_timer_cancel(io, t);
    while (f->timers[i]) {
        i++;
        ASSERT(i < FAKE_TIMERS);
    }
    f->timers[i] = t;
    f->due_ms[i] = f->now_ms + ms;
    t->transport = f;
}

static void fake_released(void *io)
{
    ((struct fake *)io)->released = true;
}

static const struct smb_conn_io fake_io = {
    .send = fake_send,
    .progress = fake_progress,
    .resume = fake_resume,
    .logged_on = fake_logged_on,
    .close = fake_close,
    .post = fake_post,
    .work = fake_work,
    .timer_set = fake_timer_set,
    .timer_cancel = fake_timer_cancel,
    .released = fake_released,
};

static bool fake_run_one(struct list *jobs)
{
    pthread_mutex_lock(&fake_jobs);
    struct list *l = list_pop_front(jobs);
    pthread_mutex_unlock(&fake_jobs);
    if (!l) {
        return false;
    }
    struct job *job = LIST_ENTRY(l, struct job, link);
    job->fn(job);
    return true;
}

static bool fake_run_any(struct fake *f)
{
    struct fake *p = f;
    do {
        if (fake_run_one(&p->loop_jobs) || fake_run_one(&p->work_jobs)) {
            return true;
        }
        p = p->peer;
    } while (p && p != f);
    return false;
}

/* Run everything that can run now. */
static UNUSED void fake_pump(struct fake *f)
{
    while (fake_run_any(f)) {
    }
}

/* The client reads what is held. */
static UNUSED void fake_read_held(struct fake *f)
{
    unsigned n = f->held_count;
    f->held_count = 0;
    for (unsigned i = 0; i < n; i++) {
        struct iochain c = f->held[i];
        iochain_fini(&c);
    }
    fake_pump(f);
}

/* Let time pass, timers fire. */
static UNUSED void fake_pass(struct fake *f, uint64_t ms)
{
    if (f->on_event) {
        f->on_event(f, FAKE_EVENT_PASS, NULL, ms);
    }
    f->now_ms += ms;
    for (unsigned i = 0; i < FAKE_TIMERS; i++) {
        struct smb_timer *t = f->timers[i];
        if (t && f->due_ms[i] <= f->now_ms) {
            f->timers[i] = NULL;
            t->transport = NULL;
            t->fn(t);
            fake_pump(f);
        }
    }
    if (f->tick_ms && f->tick_ms <= f->now_ms) {
        f->tick_ms = 0;
        smb_server_tick(f->server);
        fake_pump(f);
    }
}

/* ---- the server ---- */

static uint64_t fake_now(void *arg)
{
    return 133000000000000000ull + ((struct fake *)arg)->now_ms * 10000;
}

static uint64_t fake_monotonic(void *arg)
{
    return ((struct fake *)arg)->now_ms;
}

static void fake_random(void *arg, void *buf, size_t n)
{
    struct fake *f = arg;
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)test_random(&f->seed);
    }
}

static void fake_env_work(void *arg, const struct work_key *key, struct job *job)
{
    fake_work(arg, key, job);
}

static void fake_env_tick(void *arg, uint32_t ms)
{
    struct fake *f = arg;
    CHECK_INT(f->tick_ms, 0);
    f->tick_ms = f->now_ms + ms;
}

static UNUSED struct smb_config fake_config(struct fake *f)
{
    struct smb_config c = {
        .server_name = "FAKE",
        .dialect_min = SMB2_DIALECT_202,
        .dialect_max = SMB2_DIALECT_311,
        .signing_required = true,
        .transact_max_bytes = 8u << 20,
        .credits_max = 512,
        .machine_sid = {1, 2, 3},
        .auth = {.user_lookup = lookup,
                 .now = fake_now,
                 .random = fake_random,
                 .arg = f,
                 .target_name = "FAKE"},
        .durable_max_ms = 300000,
        .env = {.now = fake_now,
                .monotonic_ms = fake_monotonic,
                .random = fake_random,
                .work = fake_env_work,
                .tick = fake_env_tick,
                .arg = f},
    };
    memset(c.server_guid, 0x42, sizeof(c.server_guid));
    return c;
}

static UNUSED void fake_init(struct fake *f)
{
    *f = (struct fake){.seed = 7, .credits = 1};
    list_init(&f->loop_jobs);
    list_init(&f->work_jobs);
    ASSERT(crypto_init() == 0);
}

/* A server with one share "mem". config: changed from fake_config by the test. */
static UNUSED void fake_start(struct fake *f, const struct smb_config *config)
{
    char err[256] = "";
    f->plugin = vfs_plugin_adopt(smbkit_static_mem(&vfs_api), err, sizeof(err));
    ASSERT(f->plugin);
    struct vfs_layer_spec layers[2] = {{.plugin = f->plugin}, {.plugin = f->plugin}};
    struct vfs_volume_spec spec = {.share_name = "mem", .layers = layers, .layer_count = 1};
    if (f->filter) {
        f->filter_adopted = vfs_plugin_adopt(f->filter, err, sizeof(err));
        ASSERT(f->filter_adopted);
        layers[0].plugin = f->filter_adopted;
        spec.layer_count = 2;
    }
    ASSERT(SMBKIT_OK(vfs_volume_open(&spec, &f->volume, err, sizeof(err))));
    f->server = smb_server_new(config);
    ASSERT(f->server);
    struct smb_share_spec share = {.name = "mem", .comment = "in memory", .volume = f->volume};
    ASSERT(SMBKIT_OK(smb_server_share_set(f->server, &share)));
}

static UNUSED void fake_connect(struct fake *f)
{
    f->mid = 0;
    memset(f->mids_signed, 0, sizeof(f->mids_signed));
    f->has_seal_nonce = false;
    f->session_id = 0;
    f->closed = false;
    f->released = false;
    if (f->on_event) {
        f->on_event(f, FAKE_EVENT_CONNECT, NULL, 0);
    }
    f->conn = smb_conn_new(f->server, &fake_io, f, f->address ? f->address : "192.0.2.1", 1);
    ASSERT(f->conn);
}

static UNUSED void fake_disconnect(struct fake *f)
{
    f->holds = false;
    fake_read_held(f); /* a socket drops it */
    smb_conn_closed(f->conn);
    fake_pump(f);
    CHECK(f->released);
    crypto_signer_free(f->signer);
    crypto_sealer_free(f->seal_in);
    crypto_sealer_free(f->seal_out);
    f->signer = NULL;
    f->seal_in = NULL;
    f->seal_out = NULL;
    f->signs = false;
    f->seals = false;
    for (; f->taken < f->sent_count; f->taken++) {
        mem_free(f->sent[f->taken].p);
    }
    f->taken = 0;
    f->sent_count = 0;
}

static UNUSED void fake_stop(struct fake *f)
{
    struct vfs_volume_stats stats;
    struct smb_server_stats now;
    CHECK(smb_server_keep_none(f->server));
    fake_pump(f);
    smb_server_stats(f->server, &now);
    CHECK_INT(now.conns_now, 0);
    CHECK_INT(now.sessions_now, 0);
    CHECK_INT(now.trees_now, 0);
    CHECK_INT(now.opens_now, 0);
    CHECK_INT(now.kept_now, 0);
    CHECK_INT(now.waiting_now, 0);
    smb_server_free(f->server);
    vfs_volume_stats(f->volume, &stats);
    CHECK_INT(stats.opens_now, 0); /* nothing may be left open, whatever happened */
    CHECK_INT(stats.nodes_now, 0);
    vfs_volume_unref(f->volume);
    mem_free(f->plugin);
    mem_free(f->filter_adopted);
    f->filter_adopted = NULL;
}
