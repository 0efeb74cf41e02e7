/* SPDX-License-Identifier: Apache-2.0 */
/* NEGOTIATE. [MS-SMB2] 3.3.5.3, 3.3.5.4 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "smb/client.h"
#include "smb/command.h"
#include "smb/limits.h"
#include "smb/negotiate.h"
#include "smb/reply.h"
#include "wire/negotiate.h"

static const uint16_t dialects[] = {SMB2_DIALECT_311, SMB2_DIALECT_302, SMB2_DIALECT_300,
                                    SMB2_DIALECT_210, SMB2_DIALECT_202};
/* Best first: what one core does fastest, then the longer key. */
static const uint16_t ciphers[] = {SMB2_CIPHER_AES128_GCM, SMB2_CIPHER_AES256_GCM,
                                   SMB2_CIPHER_AES128_CCM, SMB2_CIPHER_AES256_CCM};
static const uint16_t signings[] = {SMB2_SIGNING_AES_GMAC, SMB2_SIGNING_AES_CMAC,
                                    SMB2_SIGNING_HMAC_SHA256};

uint64_t smb_dialects_hash(const struct smb_server *s, const uint16_t *offered, size_t count)
{
    return hash_bytes(s->hash_seed, offered, count * sizeof(*offered));
}

uint16_t smb_negotiate_dialect(const struct smb_server *s, const uint16_t *offered, size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        if (dialects[i] < s->config.dialect_min || dialects[i] > s->config.dialect_max) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (offered[k] == dialects[i]) {
                return dialects[i];
            }
        }
    }
    return 0;
}

static bool pick(const uint16_t *ours, size_t count, const struct smb2_alg_list *theirs,
                 uint16_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (smb2_alg_list_has(theirs, ours[i])) {
            *out = ours[i];
            return true;
        }
    }
    return false;
}

/* [MS-SMB2] 3.3.5.4: the contexts of 3.1.1. */
static smbkit_status settle_contexts(struct smb_conn *c, const struct smb2_negotiate_ctxs *in)
{
    const uint32_t once = SMB2_NEGCTX_PREAUTH | SMB2_NEGCTX_ENCRYPTION | SMB2_NEGCTX_COMPRESSION |
                          SMB2_NEGCTX_RDMA_TRANSFORM | SMB2_NEGCTX_SIGNING;
    if (!(in->present & SMB2_NEGCTX_PREAUTH) || (in->duplicates & once)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!smb2_alg_list_has(&in->hashes, SMB2_PREAUTH_SHA512)) {
        return SMBKIT_STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP;
    }
    c->cipher = CRYPTO_CIPHER_NONE;
    if (in->present & SMB2_NEGCTX_ENCRYPTION) {
        (void)pick(ciphers, ARRAY_LEN(ciphers), &in->ciphers, &c->cipher); /* none in common: 0 */
    }
    c->sign_alg = SMB2_SIGNING_AES_CMAC;
    if (in->present & SMB2_NEGCTX_SIGNING) {
        (void)pick(signings, ARRAY_LEN(signings), &in->signings, &c->sign_alg);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void settle_limits(struct smb_conn *c)
{
    const struct smb_server *s = c->server;
    c->multi_credit = c->dialect >= SMB2_DIALECT_210;
    c->transact_max = c->multi_credit ? s->config.transact_max_bytes : 65536;
    c->capabilities =
        c->multi_credit ? SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_LEASING : 0; /* of 2.1 on */
    if (smb_server_is_dfs(c->server)) {
        c->capabilities |= SMB2_GLOBAL_CAP_DFS;
    }
    if (smb_conn_is_3x(c)) { /* to who has them as well: impacket stumbles over what it does not */
        uint32_t have = SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
                        (s->config.multichannel ? SMB2_GLOBAL_CAP_MULTI_CHANNEL : 0);
        c->capabilities |= have & c->client_capabilities;
    }
    if (c->dialect < SMB2_DIALECT_311) {
        c->sign_alg = smb_conn_is_3x(c) ? SMB2_SIGNING_AES_CMAC : SMB2_SIGNING_HMAC_SHA256;
        c->cipher = CRYPTO_CIPHER_NONE;
        if (smb_conn_is_3x(c) && (c->client_capabilities & SMB2_GLOBAL_CAP_ENCRYPTION)) {
            c->cipher = CRYPTO_AES128_CCM; /* the one cipher of 3.0 and 3.0.2 */
            c->capabilities |= SMB2_GLOBAL_CAP_ENCRYPTION;
        }
    }
}

/* The contexts to answer with; arrays of one. [MS-SMB2] 3.3.5.4 */
static void answer_contexts(const struct smb_conn *c, const struct smb2_negotiate_ctxs *in,
                            const uint8_t salt[32], struct smb2_negotiate_ctxs *out)
{
    out->present = SMB2_NEGCTX_PREAUTH;
    out->hashes = (struct smb2_alg_list){.count = 1, .ids = {SMB2_PREAUTH_SHA512}};
    out->salt = (struct wire_slice){salt, 32};
    if (in->present & SMB2_NEGCTX_ENCRYPTION) {
        out->present |= SMB2_NEGCTX_ENCRYPTION;
        out->ciphers = (struct smb2_alg_list){.count = 1, .ids = {c->cipher}};
    }
    if (in->present & SMB2_NEGCTX_SIGNING) {
        out->present |= SMB2_NEGCTX_SIGNING;
        out->signings = (struct smb2_alg_list){.count = 1, .ids = {c->sign_alg}};
    }
}

static smbkit_status write_reply(struct smb_conn *c, struct wr *w, uint16_t dialect,
                                 const struct smb2_negotiate_ctxs *asked)
{
    struct smb_server *s = c->server;
    uint8_t salt[32];
    CLEANUP_MEM uint8_t *blob = NULL;
    size_t blob_len = 0;
    smbkit_status status = auth_negotiate_blob(&s->config.auth, &blob, &blob_len);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct smb2_negotiate_rsp rsp = {
        .security_mode = c->security_mode,
        .dialect = dialect,
        .capabilities = c->capabilities,
        .max_transact_size = c->transact_max,
        .max_read_size = c->transact_max,
        .max_write_size = c->transact_max,
        .system_time = smb_server_now(s),
        .security = {blob, blob_len},
    };
    mem_copy(rsp.server_guid, s->config.server_guid, sizeof(rsp.server_guid));
    if (dialect == SMB2_DIALECT_311) {
        smb_server_random(s, salt, sizeof(salt));
        answer_contexts(c, asked, salt, &rsp.ctxs);
    }
    smb2_negotiate_rsp_format(w, &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

static void own_security_mode(struct smb_conn *c)
{
    c->security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED;
    if (smb_server_policy(c->server).signing_required) {
        c->security_mode |= SMB2_NEGOTIATE_SIGNING_REQUIRED;
    }
}

/* From now on it is a client's; which one, dialect 2.0.2 does not say. [MS-SMB2] 2.2.3 */
static bool settle_dialect(struct smb_conn *c, uint16_t dialect)
{
    static const uint8_t none[16];
    c->client = smb_client_get(c->server, dialect == SMB2_DIALECT_202 ? none : c->client_guid);
    c->dialect = c->client ? dialect : 0;
    return c->client != NULL;
}

smbkit_status cmd_negotiate(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    struct smb2_negotiate_req req;
    struct cur in = r->body;
    if (c->dialect != 0) {
        /* A second NEGOTIATE ends the connection. [MS-SMB2] 3.3.5.3 */
        r->no_reply = true;
        r->end_reason = "second negotiate";
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (smb2_negotiate_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint16_t dialect = smb_negotiate_dialect(c->server, req.dialects, req.dialect_count);
    if (dialect == 0) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (dialect == SMB2_DIALECT_311) {
        smbkit_status status = settle_contexts(c, &req.ctxs);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        struct crypto_span span = {(uint8_t *)(uintptr_t)r->raw, r->raw_len};
        mem_zero(c->preauth, sizeof(c->preauth));
        crypto_sha512_extend(c->preauth, &span, 1);
    }
    c->client_capabilities = req.capabilities;
    c->client_security_mode = req.security_mode;
    c->client_dialects = smb_dialects_hash(c->server, req.dialects, req.dialect_count);
    mem_copy(c->client_guid, req.client_guid, sizeof(c->client_guid));
    if (!settle_dialect(c, dialect)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    settle_limits(c);
    own_security_mode(c);
    log_info(&c->log, "negotiated dialect=0x%04x cipher=%u signing=%u", dialect, c->cipher,
             c->sign_alg);
    return write_reply(c, smb_reply_begin(r), dialect, &req.ctxs);
}

/* ---- SMB1 ---- */

bool smb_negotiate_smb1(struct smb_conn *c, const uint8_t *p, size_t len)
{
    struct cur in = cur_init(p, len);
    struct smb1_negotiate req;
    if (c->dialect != 0 || c->wildcard_sent || smb1_negotiate_parse(&in, &req) != WIRE_OK) {
        return false;
    }
    uint16_t dialect = 0;
    if (req.has_smb2_wildcard && c->server->config.dialect_max > SMB2_DIALECT_202) {
        dialect = SMB2_DIALECT_WILDCARD; /* the client says more in a second NEGOTIATE */
        c->wildcard_sent = true;
    } else if (req.has_smb2_002 && c->server->config.dialect_min == SMB2_DIALECT_202) {
        dialect = SMB2_DIALECT_202;
    } else {
        return false;
    }
    if (dialect == SMB2_DIALECT_202 && !settle_dialect(c, dialect)) {
        return false;
    }
    settle_limits(c);
    own_security_mode(c);
    struct wr w = wr_new(SMB_FRAME_OVERHEAD);
    smb_reply_room(&w);
    const struct smb2_negotiate_ctxs none = {0};
    if (!SMBKIT_OK(write_reply(c, &w, dialect, &none))) {
        wr_fini(&w);
        return false;
    }
    /* MessageId 0 is used, 1 is granted. */
    if (!credits_use(&c->credits, 0, 1)) {
        wr_fini(&w);
        return false;
    }
    const struct smb2_hdr h = {.command = SMB2_NEGOTIATE,
                               .flags = SMB2_FLAGS_SERVER_TO_REDIR,
                               .credits = credits_grant(&c->credits, 1, 1)};
    smb_reply_plain(c, &w, &h);
    return true;
}
