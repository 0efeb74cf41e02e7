/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of smb_fake.h: requests, replies with their signatures checked, and the way in.
 */
#pragma once

#include <errno.h>

#include "smb_fake.h"
#include "wire/cancel.h"
#include "wire/close.h"
#include "wire/create.h"
#include "wire/error.h"
#include "wire/negotiate.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/tree_connect.h"
#include "wire/write.h"

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

/* By AsyncId, or by MessageId when that is 0. It has no MessageId of its own. */
static UNUSED struct wr fake_cancel_request(struct fake *f, uint64_t async_id, uint64_t mid)
{
    struct wr w = wr_new(1000);
    struct smb2_hdr h = {.command = SMB2_CANCEL,
                         .flags = async_id ? SMB2_FLAGS_ASYNC_COMMAND : 0,
                         .session_id = f->session_id,
                         .async_id = async_id,
                         .message_id = mid};
    smb2_hdr_format(&w, &h);
    smb2_cancel_req_format(&w);
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
    if (f->on_event) {
        f->on_event(f, FAKE_EVENT_FRAME, p, len);
    }
    struct iobuf *b = NULL;
    size_t size = 0;
    uint8_t header[4] = {0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    if (smb_conn_frame_size(f->conn, header, &size) != 0) {
        f->closed = true;
        return;
    }
    int err = smb_conn_frame_new(f->conn, len, &b);
    f->refused = err == -EAGAIN; /* the test that expects it sends again */
    if (err != 0) {
        f->closed = f->closed || !f->refused;
        return;
    }
    memcpy(b->base, p, len);
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

static UNUSED void fake_cancel(struct fake *f, uint64_t async_id, uint64_t mid)
{
    struct wr w = fake_cancel_request(f, async_id, mid);
    fake_submit(f, &w);
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
 * signs, unless it is interim. [MS-SMB2] 3.2.5.1.3 */
static UNUSED struct fake_reply fake_take(struct fake *f)
{
    struct fake_reply r = {.status = SMBKIT_STATUS_UNSUCCESSFUL};
    CHECK(fake_next(f, &r));
    if (r.p && f->signs && !r.sealed && r.status != SMBKIT_STATUS_PENDING) {
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
        memcpy(f->conn_preauth, f->preauth, sizeof(f->preauth));
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

static UNUSED void fake_sealers(struct fake *f)
{
    size_t len = crypto_key_len(f->cipher);
    f->seal_out = crypto_sealer_new(f->cipher, f->seal_keys[0], len);
    f->seal_in = crypto_sealer_new(f->cipher, f->seal_keys[1], len);
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
        fake_derive(f, new ? "SMBC2SCipherKey" : "SMB2AESCCM", "ServerIn ", f->seal_keys[0], len);
        fake_derive(f, new ? "SMBS2CCipherKey" : "SMB2AESCCM", "ServerOut", f->seal_keys[1], len);
        fake_sealers(f);
    }
}

static UNUSED struct fake_reply fake_setup_round(struct fake *f, const uint8_t *blob, size_t len)
{
    struct smb2_session_setup_req req = {.flags = f->binds ? SMB2_SESSION_FLAG_BINDING : 0,
                                         .security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
                                         .previous_session_id = f->previous_session_id,
                                         .security = {blob, len}};
    struct wr w = fake_request(f, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    if (f->binds && f->signs) {
        fake_sign(f, w.base, wr_pos(&w)); /* what is hashed is what is sent */
    }
    fake_preauth(f, w.base, wr_pos(&w));
    fake_submit(f, &w);
    struct fake_reply r = {.status = SMBKIT_STATUS_UNSUCCESSFUL};
    if (f->taken == f->sent_count) {
        fake_pass(f, 20000); /* a held-back refusal */
    }
    CHECK(fake_next(f, &r));
    if (f->binds && r.status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        bool is_signed = r.hdr.flags & SMB2_FLAGS_SIGNED;
        f->rounds_unsigned += !is_signed;
        if (is_signed) {
            fake_check_signature(f, r.p, r.len, &r.hdr);
        }
    }
    return r;
}

/* The two rounds of raw NTLM; the last reply. */
static UNUSED struct fake_reply fake_login_rounds(struct fake *f, struct conv *c)
{
    struct smb2_session_setup_rsp rsp;
    struct wr n = wr_init(c->negotiate, sizeof(c->negotiate));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    struct fake_reply r = fake_setup_round(f, c->negotiate, sizeof(c->negotiate));
    if (r.status != SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        return r;
    }
    fake_preauth(f, r.p, r.len);
    f->session_id = r.hdr.session_id;
    CHECK_INT(smb2_session_setup_rsp_parse(&r.body, &rsp), WIRE_OK);
    challenge_keep(c, auth_slice_of(rsp.security.p, rsp.security.len));
    fake_reply_fini(&r);
    authenticate_make(c);
    return fake_setup_round(f, c->auth, c->auth_len);
}

/* Log in by raw NTLM. Sets the keys on success, unless as a guest or nobody, who have none. */
static UNUSED smbkit_status fake_login(struct fake *f, const char *user, const char *password)
{
    struct conv c = {.m = {.user = user, .password = password, .domain = "", .raw = true}};
    struct smb2_session_setup_rsp rsp = {0};
    struct fake_reply r = fake_login_rounds(f, &c);
    smbkit_status status = r.status;
    if (SMBKIT_OK(status)) {
        CHECK_INT(smb2_session_setup_rsp_parse(&r.body, &rsp), WIRE_OK);
    }
    const uint16_t keyless = SMB2_SESSION_FLAG_IS_GUEST | SMB2_SESSION_FLAG_IS_NULL;
    if (SMBKIT_OK(status) && !(rsp.session_flags & keyless)) {
        if (!f->signer) { /* reauthentication changes no key */
            memcpy(f->key, c.exported, 16);
            fake_keys(f);
        }
        if (!r.sealed) {
            CHECK(r.hdr.flags & SMB2_FLAGS_SIGNED);
            fake_check_signature(f, r.p, r.len, &r.hdr);
        }
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

/* Connected, logged in, on the share. */
static UNUSED void fake_enter_as(struct fake *f, uint16_t dialect, const char *user,
                                 const char *password)
{
    struct smb2_negotiate_req req = fake_negotiate_req(dialect);
    if (f->machine) {
        memset(req.client_guid, f->machine, sizeof(req.client_guid));
    }
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(f, user, password), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

static UNUSED void fake_enter(struct fake *f, uint16_t dialect)
{
    fake_enter_as(f, dialect, "Alice", "s3cret");
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

static UNUSED smbkit_status fake_create_dir(struct fake *f, const char *name,
                                            struct smb2_create_rsp *rsp)
{
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_CREATE, 0, 7);
    wr_put_u32(&w, SMB2_HDR_SIZE + 40, VFS_DIRECTORY_FILE); /* CreateOptions */
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

/* As many bytes as buf takes, or fewer. */
static UNUSED smbkit_status fake_read(struct fake *f, struct smb2_file_id id, uint64_t offset,
                                      struct crypto_span buf, size_t *len_r)
{
    struct smb2_read_req req = {.length = (uint32_t)buf.len, .offset = offset, .file_id = id};
    struct smb2_read_rsp rsp;
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    if (SMBKIT_OK(r.status)) {
        CHECK_INT(smb2_read_rsp_parse(&r.body, &rsp), WIRE_OK);
        *len_r = MIN(rsp.data.len, buf.len);
        memcpy(buf.base, rsp.data.p, *len_r);
    }
    fake_reply_fini(&r);
    return r.status;
}
