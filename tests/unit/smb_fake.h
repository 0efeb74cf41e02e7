/* SPDX-License-Identifier: Apache-2.0 */
/* An SMB server without sockets, threads or a clock, and a client that talks to it byte by byte.
 * Jobs are run in the order of posting, first the loop's, then a worker's, so that a conversation
 * always goes the same way. */
#pragma once

#include "auth_client.h"
#include "base/list.h"
#include "smb/smb.h"
#include "wire/close.h"
#include "wire/create.h"
#include "wire/error.h"
#include "wire/hdr.h"
#include "wire/negotiate.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/tree_connect.h"
#include "wire/write.h"

const struct smbkit_plugin *smbkit_static_mem(void);

#define FAKE_TIMERS 64
#define FAKE_SENT 256

struct fake_msg {
    uint8_t *p; /* the SMB2 message, opened when it was sealed */
    size_t len;
    bool sealed;
};

struct fake {
    struct smb_server *server;
    struct smb_conn *conn;
    struct vfs_volume *volume;
    struct smbkit_plugin *plugin;
    struct list loop_jobs;
    struct list work_jobs;
    struct smb_timer *timers[FAKE_TIMERS];
    uint64_t due_ms[FAKE_TIMERS];
    uint64_t now_ms;
    uint64_t seed;
    bool closed; /* the server asked for the end */
    bool released;
    struct fake_msg sent[FAKE_SENT];
    unsigned sent_count;
    unsigned taken;
    /* the client */
    uint16_t dialect;
    uint64_t mid;
    uint64_t session_id;
    uint32_t tree_id;
    bool signs;
    bool seals;
    uint8_t preauth[64];
    uint8_t key[16];
    uint16_t cipher;
    uint16_t sign_alg;
    struct crypto_signer *signer;
    struct crypto_sealer *seal_out;
    struct crypto_sealer *seal_in;
    uint64_t nonce;
    uint16_t credits; /* asked for in every request */
};

/* ---- the transport ---- */

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
    iochain_fini(m);
    CHECK_INT(((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]), len - 4);
    memmove(p, p + 4, len - 4);
    f->sent[f->sent_count++] = (struct fake_msg){.p = p, .len = len - 4};
}

static void fake_close(void *io)
{
    ((struct fake *)io)->closed = true;
}

static void fake_post(void *io, struct job *job)
{
    list_push_back(&((struct fake *)io)->loop_jobs, &job->link);
}

static void fake_work(void *io, struct job *job)
{
    list_push_back(&((struct fake *)io)->work_jobs, &job->link);
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
    .close = fake_close,
    .post = fake_post,
    .work = fake_work,
    .timer_set = fake_timer_set,
    .timer_cancel = fake_timer_cancel,
    .released = fake_released,
};

static bool fake_run_one(struct list *jobs)
{
    struct list *l = list_pop_front(jobs);
    if (!l) {
        return false;
    }
    struct job *job = LIST_ENTRY(l, struct job, link);
    job->fn(job);
    return true;
}

/* Run everything that can run now. */
static UNUSED void fake_pump(struct fake *f)
{
    while (fake_run_one(&f->loop_jobs) || fake_run_one(&f->work_jobs)) {
    }
}

/* Let time pass, timers fire. */
static UNUSED void fake_pass(struct fake *f, uint64_t ms)
{
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
        .env = {.now = fake_now, .monotonic_ms = fake_monotonic, .random = fake_random, .arg = f},
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
    f->plugin = vfs_plugin_adopt(smbkit_static_mem(), err, sizeof(err));
    ASSERT(f->plugin);
    struct vfs_layer_spec layer = {.plugin = f->plugin};
    struct vfs_volume_spec spec = {.share_name = "mem", .layers = &layer, .layer_count = 1};
    ASSERT(SMBKIT_OK(vfs_volume_open(&spec, &f->volume, err, sizeof(err))));
    f->server = smb_server_new(config);
    ASSERT(f->server);
    struct smb_share_spec share = {.name = "mem", .comment = "in memory", .volume = f->volume};
    ASSERT(SMBKIT_OK(smb_server_share_set(f->server, &share)));
}

static UNUSED void fake_connect(struct fake *f)
{
    f->mid = 0;
    f->session_id = 0;
    f->closed = false;
    f->released = false;
    f->conn = smb_conn_new(f->server, &fake_io, f, "192.0.2.1", 1);
    ASSERT(f->conn);
}

static UNUSED void fake_disconnect(struct fake *f)
{
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
    smb_server_free(f->server);
    vfs_volume_stats(f->volume, &stats);
    CHECK_INT(stats.opens_now, 0); /* nothing may be left open, whatever happened */
    CHECK_INT(stats.nodes_now, 0);
    vfs_volume_unref(f->volume);
    mem_free(f->plugin);
}

/* ---- the client: requests ---- */

/* A writer behind a request header; charge 1. The header's ids are the client's present ones. */
static UNUSED struct wr fake_request(struct fake *f, uint16_t command)
{
    struct wr w = wr_new(16u << 20);
    struct smb2_hdr h = {
        .credit_charge = 1,
        .command = command,
        .credits = f->credits,
        .message_id = f->mid++,
        .process_id = 0xfeff,
        .tree_id = f->tree_id,
        .session_id = f->session_id,
    };
    smb2_hdr_format(&w, &h);
    return w;
}

static UNUSED void fake_sign(struct fake *f, uint8_t *p, size_t len)
{
    uint8_t nonce[12] = {0};
    uint8_t mac[16];
    struct crypto_span span = {p, len};
    p[16] |= SMB2_FLAGS_SIGNED;
    memset(p + 48, 0, 16);
    memcpy(nonce, p + 24, 8);
    nonce[8] = p[12] == SMB2_CANCEL ? 2 : 0;
    CHECK(crypto_sign(f->signer, &span, 1, nonce, mac));
    memcpy(p + 48, mac, 16);
}

static UNUSED void fake_deliver(struct fake *f, const void *p, size_t len)
{
    struct iobuf *b = iobuf_new(len);
    size_t size = 0;
    uint8_t header[4] = {0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    ASSERT(b);
    memcpy(b->base, p, len);
    if (smb_conn_frame_size(f->conn, header, &size) != 0) {
        f->closed = true;
        iobuf_unref(b);
        return;
    }
    smb_conn_frame(f->conn, b);
    fake_pump(f);
}

/* Sign or seal as the client is set to, send, run. Frees the writer. */
static UNUSED void fake_submit(struct fake *f, struct wr *w)
{
    ASSERT(wr_ok(w));
    size_t len = wr_pos(w);
    if (f->seals) {
        uint8_t *p = mem_zalloc(len + SMB2_TRANSFORM_SIZE);
        struct smb2_transform t = {
            .original_size = (uint32_t)len, .flags = 1, .session_id = f->session_id};
        uint64_t nonce = f->nonce++;
        memcpy(t.nonce, &nonce, 8);
        struct wr head = wr_init(p, SMB2_TRANSFORM_SIZE);
        smb2_transform_format(&head, &t);
        memcpy(p + SMB2_TRANSFORM_SIZE, w->base, len);
        struct crypto_span span = {p + SMB2_TRANSFORM_SIZE, len};
        CHECK(crypto_seal(f->seal_out, t.nonce, p + SMB2_TRANSFORM_AAD_OFFSET,
                          SMB2_TRANSFORM_AAD_SIZE, &span, 1, p + 4));
        fake_deliver(f, p, len + SMB2_TRANSFORM_SIZE);
        mem_free(p);
    } else {
        if (f->signs) {
            fake_sign(f, w->base, len);
        }
        fake_deliver(f, w->base, len);
    }
    wr_fini(w);
}

/* ---- the client: replies ---- */

struct fake_reply {
    uint8_t *p; /* owned */
    size_t len;
    struct smb2_hdr hdr;
    struct cur body;
    bool sealed;
    smbkit_status status;
};

static UNUSED void fake_reply_fini(struct fake_reply *r)
{
    mem_free(r->p);
    r->p = NULL;
}

static void fake_open_seal(struct fake *f, struct fake_msg *m)
{
    struct cur c = cur_init(m->p, m->len);
    struct smb2_transform t;
    CHECK_INT(smb2_transform_parse(&c, &t), WIRE_OK);
    struct crypto_span span = {m->p + SMB2_TRANSFORM_SIZE, m->len - SMB2_TRANSFORM_SIZE};
    CHECK_INT(t.original_size, span.len);
    CHECK(f->seal_in && crypto_open(f->seal_in, t.nonce, m->p + SMB2_TRANSFORM_AAD_OFFSET,
                                    SMB2_TRANSFORM_AAD_SIZE, &span, 1, t.signature));
    m->len -= SMB2_TRANSFORM_SIZE;
    memmove(m->p, m->p + SMB2_TRANSFORM_SIZE, m->len);
    m->sealed = true;
}

static void fake_check_signature(struct fake *f, uint8_t *p, size_t len, const struct smb2_hdr *h)
{
    uint8_t nonce[12] = {0};
    uint8_t mac[16];
    uint8_t want[16];
    struct crypto_span span = {p, len};
    memcpy(want, p + 48, 16);
    memset(p + 48, 0, 16);
    memcpy(nonce, p + 24, 8);
    nonce[8] = 1;
    CHECK(crypto_sign(f->signer, &span, 1, nonce, mac));
    test_context("signature of reply to command %u mid %llu", h->command,
                 (unsigned long long)h->message_id);
    CHECK_MEM(mac, 16, want, 16);
    test_context("%s", "");
    memcpy(p + 48, want, 16);
}

/* The next message of the server; false: none. With a key, every element must be signed or the
 * whole sealed. */
static UNUSED bool fake_next(struct fake *f, struct fake_reply *r)
{
    if (f->taken == f->sent_count) {
        return false;
    }
    struct fake_msg *m = &f->sent[f->taken++];
    if (smb2_protocol_identify(m->p, m->len) == SMB2_PROTOCOL_TRANSFORM) {
        fake_open_seal(f, m);
    }
    *r = (struct fake_reply){.p = m->p, .len = m->len, .sealed = m->sealed};
    m->p = NULL;
    r->body = cur_init(r->p, r->len);
    CHECK_INT(smb2_hdr_parse(&r->body, &r->hdr), WIRE_OK);
    r->status = (smbkit_status)r->hdr.status;
    if (f->taken == f->sent_count) {
        f->taken = 0;
        f->sent_count = 0;
    }
    return true;
}

/* As fake_next for a message that must be there, of one element, and rightly signed when the client
 * signs. */
static UNUSED struct fake_reply fake_take(struct fake *f)
{
    struct fake_reply r = {.status = SMBKIT_STATUS_UNSUCCESSFUL};
    CHECK(fake_next(f, &r));
    if (r.p && f->signs && !r.sealed) {
        CHECK(r.hdr.flags & SMB2_FLAGS_SIGNED);
        fake_check_signature(f, r.p, r.len, &r.hdr);
    }
    if (r.p && f->seals) {
        CHECK(r.sealed);
    }
    return r;
}

static UNUSED struct fake_reply fake_ask(struct fake *f, struct wr *w)
{
    fake_submit(f, w);
    return fake_take(f);
}

/* ---- the client: getting in ---- */

static UNUSED struct smb2_negotiate_req fake_negotiate_req(uint16_t dialect)
{
    struct smb2_negotiate_req req = {
        .security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
        .capabilities = SMB2_GLOBAL_CAP_ENCRYPTION | SMB2_GLOBAL_CAP_LARGE_MTU,
        .dialect_count = 1,
        .dialects = {dialect},
    };
    memset(req.client_guid, 0x11, sizeof(req.client_guid));
    if (dialect == SMB2_DIALECT_311) {
        req.has_ctxs = true;
        req.ctxs.present = SMB2_NEGCTX_PREAUTH | SMB2_NEGCTX_ENCRYPTION | SMB2_NEGCTX_SIGNING;
        req.ctxs.hashes = (struct smb2_alg_list){1, {SMB2_PREAUTH_SHA512}};
        req.ctxs.ciphers = (struct smb2_alg_list){1, {SMB2_CIPHER_AES128_GCM}};
        req.ctxs.signings = (struct smb2_alg_list){1, {SMB2_SIGNING_AES_GMAC}};
    }
    return req;
}

static UNUSED void fake_preauth(struct fake *f, const void *p, size_t len)
{
    struct crypto_span span = {(uint8_t *)(uintptr_t)p, len};
    crypto_sha512_extend(f->preauth, &span, 1);
}

static UNUSED smbkit_status fake_negotiate(struct fake *f, const struct smb2_negotiate_req *req)
{
    struct wr w = fake_request(f, SMB2_NEGOTIATE);
    struct smb2_negotiate_rsp rsp = {0};
    smb2_negotiate_req_format(&w, req);
    memset(f->preauth, 0, sizeof(f->preauth));
    fake_preauth(f, w.base, wr_pos(&w));
    struct fake_reply r = fake_ask(f, &w);
    smbkit_status status = r.status;
    if (SMBKIT_OK(status)) {
        CHECK_INT(smb2_negotiate_rsp_parse(&r.body, &rsp), WIRE_OK);
        fake_preauth(f, r.p, r.len);
        f->dialect = rsp.dialect;
        f->cipher = rsp.dialect == SMB2_DIALECT_311   ? rsp.ctxs.ciphers.ids[0]
                    : rsp.dialect >= SMB2_DIALECT_300 ? CRYPTO_AES128_CCM
                                                      : 0;
        f->sign_alg = rsp.dialect == SMB2_DIALECT_311   ? rsp.ctxs.signings.ids[0]
                      : rsp.dialect >= SMB2_DIALECT_300 ? CRYPTO_SIGN_AES_CMAC
                                                        : CRYPTO_SIGN_HMAC_SHA256;
    }
    fake_reply_fini(&r);
    return status;
}

static void fake_derive(const struct fake *f, const char *label, const char *context, uint8_t *out,
                        size_t len)
{
    bool new = f->dialect == SMB2_DIALECT_311;
    crypto_kdf(f->key, 16, label, strlen(label) + 1, new ? (const void *)f->preauth : context,
               new ? 64 : strlen(context) + 1, out, len);
}

static UNUSED void fake_keys(struct fake *f)
{
    uint8_t key[32];
    bool new = f->dialect == SMB2_DIALECT_311;
    memcpy(key, f->key, 16);
    if (f->dialect >= SMB2_DIALECT_300) {
        fake_derive(f, new ? "SMBSigningKey" : "SMB2AESCMAC", "SmbSign", key, 16);
    }
    f->signer = crypto_signer_new(f->sign_alg, key);
    f->signs = true;
    if (f->cipher) {
        size_t len = crypto_key_len(f->cipher);
        fake_derive(f, new ? "SMBC2SCipherKey" : "SMB2AESCCM", "ServerIn ", key, len);
        f->seal_out = crypto_sealer_new(f->cipher, key, len);
        fake_derive(f, new ? "SMBS2CCipherKey" : "SMB2AESCCM", "ServerOut", key, len);
        f->seal_in = crypto_sealer_new(f->cipher, key, len);
    }
}

static UNUSED struct fake_reply fake_setup_round(struct fake *f, const uint8_t *blob, size_t len)
{
    struct smb2_session_setup_req req = {.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
                                         .security = {blob, len}};
    struct wr w = fake_request(f, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    fake_preauth(f, w.base, wr_pos(&w));
    fake_submit(f, &w);
    struct fake_reply r = {.status = SMBKIT_STATUS_UNSUCCESSFUL};
    if (f->taken == f->sent_count) {
        fake_pass(f, 20000); /* a held-back refusal */
    }
    CHECK(fake_next(f, &r));
    return r;
}

/* Log in by raw NTLM. Sets the keys on success. */
static UNUSED smbkit_status fake_login(struct fake *f, const char *user, const char *password)
{
    struct conv c = {.m = {.user = user, .password = password, .domain = "", .raw = true}};
    struct smb2_session_setup_rsp rsp;
    struct wr n = wr_init(c.negotiate, sizeof(c.negotiate));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    struct fake_reply r = fake_setup_round(f, c.negotiate, sizeof(c.negotiate));
    if (r.status != SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        fake_reply_fini(&r);
        return r.status;
    }
    fake_preauth(f, r.p, r.len);
    f->session_id = r.hdr.session_id;
    CHECK_INT(smb2_session_setup_rsp_parse(&r.body, &rsp), WIRE_OK);
    challenge_keep(&c, auth_slice_of(rsp.security.p, rsp.security.len));
    fake_reply_fini(&r);
    authenticate_make(&c);
    r = fake_setup_round(f, c.auth, c.auth_len);
    smbkit_status status = r.status;
    if (SMBKIT_OK(status)) {
        CHECK_INT(smb2_session_setup_rsp_parse(&r.body, &rsp), WIRE_OK);
        memcpy(f->key, c.exported, 16);
        fake_keys(f);
        CHECK(r.hdr.flags & SMB2_FLAGS_SIGNED);
        fake_check_signature(f, r.p, r.len, &r.hdr);
        f->seals = rsp.session_flags & SMB2_SESSION_FLAG_ENCRYPT_DATA;
    }
    fake_reply_fini(&r);
    return status;
}

static UNUSED smbkit_status fake_tree(struct fake *f, const char *unc)
{
    uint8_t name[512];
    struct wr n = wr_init(name, sizeof(name));
    wr_utf16(&n, unc);
    struct smb2_tree_connect_req req = {.path = {name, wr_pos(&n)}};
    struct wr w = fake_request(f, SMB2_TREE_CONNECT);
    smb2_tree_connect_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    if (SMBKIT_OK(r.status)) {
        f->tree_id = r.hdr.tree_id;
    }
    fake_reply_fini(&r);
    return r.status;
}

/* Connected, logged in as Alice, on the share. */
static UNUSED void fake_enter(struct fake *f, uint16_t dialect)
{
    struct smb2_negotiate_req req = fake_negotiate_req(dialect);
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

/* ---- the client: files ---- */

static UNUSED void fake_create_format(struct wr *w, const char *name, uint32_t disposition,
                                      uint8_t oplock, uint32_t share)
{
    uint8_t utf[512];
    struct wr n = wr_init(utf, sizeof(utf));
    wr_utf16(&n, name);
    struct smb2_create_req req = {
        .oplock_level = oplock,
        .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
        .desired_access = SMBKIT_GENERIC_READ | SMBKIT_GENERIC_WRITE | SMBKIT_DELETE,
        .share_access = share,
        .disposition = disposition,
        .name = {utf, wr_pos(&n)},
    };
    smb2_create_req_format(w, &req);
}

static UNUSED smbkit_status fake_create_done(struct fake_reply *r, struct smb2_create_rsp *rsp)
{
    if (SMBKIT_OK(r->status)) {
        CHECK_INT(smb2_create_rsp_parse(&r->body, rsp), WIRE_OK);
        rsp->ctxs.aapl = (struct wire_slice){0};
        rsp->ctxs.posix = (struct wire_slice){0};
    }
    fake_reply_fini(r);
    return r->status;
}

static UNUSED smbkit_status fake_create(struct fake *f, const char *name, uint32_t disposition,
                                        struct smb2_create_rsp *rsp)
{
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, disposition, 0, 7);
    struct fake_reply r = fake_ask(f, &w);
    return fake_create_done(&r, rsp);
}

static UNUSED smbkit_status fake_close_file(struct fake *f, struct smb2_file_id id)
{
    struct smb2_close_req req = {.file_id = id};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static UNUSED smbkit_status fake_write(struct fake *f, struct smb2_file_id id, uint64_t offset,
                                       const void *p, size_t len)
{
    struct smb2_write_req req = {
        .length = (uint32_t)len, .offset = offset, .file_id = id, .data = {p, len}};
    struct wr w = fake_request(f, SMB2_WRITE);
    smb2_write_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

/* Returns the status; *len_r bytes into buf. */
static UNUSED smbkit_status fake_read(struct fake *f, struct smb2_file_id id, uint64_t offset,
                                      void *buf, uint32_t len, size_t *len_r)
{
    struct smb2_read_req req = {.length = len, .offset = offset, .file_id = id};
    struct smb2_read_rsp rsp;
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    if (SMBKIT_OK(r.status)) {
        CHECK_INT(smb2_read_rsp_parse(&r.body, &rsp), WIRE_OK);
        *len_r = MIN(rsp.data.len, len);
        memcpy(buf, rsp.data.p, *len_r);
    }
    fake_reply_fini(&r);
    return r.status;
}
