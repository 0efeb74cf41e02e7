/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/security.h"

#include "base/mem.h"

/* ---- who listens ---- */

static void tap(const struct smb_conn *c, struct smb_tap_message *m)
{
    const struct smb_env *env = &c->server->config.env;
    if (env->tap) {
        m->conn_id = c->log.conn_id;
        env->tap(env->arg, m);
    }
}

void smb_tap_request(const struct smb_request *r)
{
    struct smb_tap_message m = {
        .sealed = r->msg->seal, .signed_ = r->signed_in, .head = r->raw, .head_len = r->raw_len};
    tap(r->conn, &m);
}

void smb_tap_own(const struct smb_conn *c, bool sealed, const struct crypto_span *span)
{
    struct smb_tap_message m = {
        .from_server = true, .sealed = sealed, .head = span->base, .head_len = span->len};
    tap(c, &m);
}

/* ---- signing ---- */

/* The 12-byte nonce of AES-GMAC: MessageId, then a bit each for "from the server" and "CANCEL".
 * [MS-SMB2] 3.1.4.1 */
static void gmac_nonce(uint8_t nonce[12], const uint8_t *hdr)
{
    struct cur c = cur_init(hdr, SMB2_HDR_SIZE);
    cur_skip(&c, 12);
    uint16_t command = cur_u16(&c);
    cur_skip(&c, 2);
    uint32_t flags = cur_u32(&c);
    mem_zero(nonce, 12);
    mem_copy(nonce, hdr + 24, 8); /* MessageId */
    nonce[8] =
        (uint8_t)((flags & SMB2_FLAGS_SERVER_TO_REDIR ? 1 : 0) | (command == SMB2_CANCEL ? 2 : 0));
}

/* While a binding is under way what is said about it bears the session's key. 3.3.5.2.4 */
static struct crypto_signer *signer_of(const struct smb_channel *ch)
{
    return smb_channel_is_binding(ch) ? ch->lent : ch->signer;
}

bool smb_signature_verify(const struct smb_channel *ch, const uint8_t *p, size_t len,
                          const struct smb2_hdr *hdr)
{
    uint8_t head[SMB2_HDR_SIZE];
    uint8_t nonce[12];
    uint8_t mac[CRYPTO_MAC_LEN];
    mem_copy(head, p, sizeof(head));
    mem_zero(head + SMB2_HDR_SIGNATURE_OFFSET, SMB2_SIGNATURE_SIZE);
    gmac_nonce(nonce, head);
    /* crypto_span is not const because sealing shares it; signing only reads */
    struct crypto_span spans[2] = {
        {head, sizeof(head)}, {(uint8_t *)(uintptr_t)(p + SMB2_HDR_SIZE), len - SMB2_HDR_SIZE}};
    return crypto_sign(signer_of(ch), spans, 2, nonce, mac) &&
           mem_eq_ct(mac, hdr->signature, sizeof(mac));
}

/* [MS-SMB2] 3.3.4.1.1. An interim reply bears the MessageId of the final one, so it is never
 * signed: two messages under one nonce give AES-GMAC's key away. */
static bool wants_signature(const struct smb_request *r)
{
    const struct smb_session *s = r->session;
    if (!s || r->msg->seal || !smb_session_is_keyed(s) || r->hdr.command == SMB2_NEGOTIATE ||
        r->status == SMBKIT_STATUS_PENDING) {
        return false;
    }
    return r->sign_reply || r->signed_in || s->signing_required;
}

/* Several connections make nonces for the first channel's key: it, and those that a binding is
 * under way on. */
static bool shares_nonces(const struct smb_request *r)
{
    return r->session->keys.sign_alg == CRYPTO_SIGN_AES_GMAC &&
           (r->channel->is_first || smb_channel_is_binding(r->channel));
}

static bool bit_set(uint64_t *bits, uint64_t i)
{
    uint64_t bit = 1ull << (i % 64);
    bool was = bits[i / 64] & bit;
    bits[i / 64] |= bit;
    return was;
}

/* For the reply. false: it must not be this one. */
static bool nonce_take(struct smb_request *r)
{
    struct smb_session *s = r->session;
    if (r->nonce_taken || !shares_nonces(r)) {
        return true;
    }
    if (r->hdr.message_id >= SMB_NONCES) {
        return r->channel->is_first;
    }
    SCOPED_LOCK(&s->lock);
    bool was = bit_set(s->nonces.answered, r->hdr.message_id);
    r->nonce_taken = !was || r->nonce_repeats;
    return r->nonce_taken;
}

void smb_nonce_asked(struct smb_request *r)
{
    struct smb_session *s = r->session;
    if (shares_nonces(r) && r->hdr.message_id < SMB_NONCES) {
        SCOPED_LOCK(&s->lock);
        r->nonce_repeats = bit_set(s->nonces.asked, r->hdr.message_id);
    }
}

/* The nonce of a reply. That no key meets one twice rests on these: a MessageId is used once on its
 * connection (credits_use), a signer makes nonces of one connection's MessageIds alone, but for the
 * first channel's (nonce_take), each request signs once, and what answers CANCEL, which shares
 * another's MessageId, or is interim never signs. Asserted for every algorithm, so that no test
 * needs GMAC to see it. */
static void reply_nonce(struct smb_request *r, uint8_t nonce[12], const uint8_t *head)
{
    struct cur c = cur_init(head, SMB2_HDR_SIZE);
    struct smb2_hdr h;
    ASSERT(smb2_hdr_parse(&c, &h) == WIRE_OK);
    ASSERT(!r->nonce_used);
    ASSERT(h.message_id == r->hdr.message_id && h.flags & SMB2_FLAGS_SERVER_TO_REDIR);
    ASSERT(h.command != SMB2_CANCEL && (smbkit_status)h.status != SMBKIT_STATUS_PENDING);
    ASSERT(r->channel->conn == r->conn);
    r->nonce_used = true;
    gmac_nonce(nonce, head);
}

static bool sign_reply(struct smb_request *r, const struct crypto_span *spans, size_t n)
{
    uint8_t nonce[12];
    uint8_t mac[CRYPTO_MAC_LEN];
    uint8_t *head = spans[0].base;
    head[SMB2_HDR_FLAGS_OFFSET] |= SMB2_FLAGS_SIGNED;
    mem_zero(head + SMB2_HDR_SIGNATURE_OFFSET, SMB2_SIGNATURE_SIZE);
    reply_nonce(r, nonce, head);
    if (!nonce_take(r) || !crypto_sign(signer_of(r->channel), spans, n, nonce, mac)) {
        return false;
    }
    mem_copy(head + SMB2_HDR_SIGNATURE_OFFSET, mac, sizeof(mac));
    return true;
}

/* A session that is not on the connection has no key there, or no nonce. Clients believe that,
 * whatever its signature, but look for the flag: Samba's. */
static void flag_unsigned(const struct smb_request *r, uint8_t *head)
{
    if (r->status == SMBKIT_STATUS_USER_SESSION_DELETED && !r->msg->seal &&
        (r->hdr.flags & SMB2_FLAGS_SIGNED)) {
        head[SMB2_HDR_FLAGS_OFFSET] |= SMB2_FLAGS_SIGNED;
    }
}

bool smb_sign_reply(struct smb_request *r, const struct crypto_span *spans, size_t n)
{
    bool sign = wants_signature(r) && (!smb_channel_is_binding(r->channel) || nonce_take(r));
    struct smb_tap_message m = {.from_server = true,
                                .sealed = r->msg->seal,
                                .signed_ = sign,
                                .head = spans[0].base,
                                .head_len = spans[0].len};
    if (n > 1) {
        m.payload = spans[1].base;
        m.payload_len = spans[1].len;
    }
    tap(r->conn, &m);
    if (!sign) {
        flag_unsigned(r, spans[0].base);
    }
    return !sign || sign_reply(r, spans, n);
}

/* ---- sealing ---- */

bool smb_unseal(struct smb_conn *c, struct iobuf *frame, const uint8_t **inner_r,
                size_t *inner_len_r, struct smb_session **session_r)
{
    struct cur in = cur_init(frame->base, frame->len);
    struct smb2_transform t;
    if (smb2_transform_parse(&in, &t) != WIRE_OK || t.flags != SMB2_TRANSFORM_ENCRYPTED ||
        t.original_size != cur_left(&in) || t.original_size < SMB2_HDR_SIZE) {
        return false;
    }
    struct smb_channel *ch = smb_channel_find(c, t.session_id);
    if (!ch) {
        return false;
    }
    struct smb_session *s = smb_session_ref(ch->session);
    smb_channel_unref(ch);
    struct crypto_span span = {frame->base + SMB2_TRANSFORM_SIZE, t.original_size};
    if (smb_session_state_get(s) == SMB_SESSION_IN_PROGRESS || !smb_session_is_keyed(s) ||
        !s->keys.unseal ||
        !crypto_open(s->keys.unseal, t.nonce, frame->base + SMB2_TRANSFORM_AAD_OFFSET,
                     SMB2_TRANSFORM_AAD_SIZE, &span, 1, t.signature)) {
        smb_session_unref(s);
        return false;
    }
    atomic_store_explicit(&s->seen_sealed, true, memory_order_relaxed); /* only told */
    *inner_r = span.base;
    *inner_len_r = span.len;
    *session_r = s;
    return true;
}

bool smb_seal(struct smb_session *s, uint8_t *hdr, const struct crypto_span *spans, size_t n)
{
    struct smb2_transform t = {.flags = SMB2_TRANSFORM_ENCRYPTED, .session_id = s->id};
    for (size_t i = 0; i < n; i++) {
        t.original_size += (uint32_t)spans[i].len;
    }
    /* The key's own counter: it cannot come twice. relaxed: only its uniqueness matters */
    uint64_t nonce = atomic_fetch_add_explicit(&s->keys.seal_nonce, 1, memory_order_relaxed);
    ASSERT(nonce != UINT64_MAX);
    for (unsigned i = 0; i < 8; i++) {
        t.nonce[i] = (uint8_t)(nonce >> (8 * i));
    }
    struct wr w = wr_init(hdr, SMB2_TRANSFORM_SIZE);
    smb2_transform_format(&w, &t);
    uint8_t tag[CRYPTO_MAC_LEN];
    if (!wr_ok(&w) || !crypto_seal(s->keys.seal, t.nonce, hdr + SMB2_TRANSFORM_AAD_OFFSET,
                                   SMB2_TRANSFORM_AAD_SIZE, spans, n, tag)) {
        return false;
    }
    mem_copy(hdr + SMB2_TRANSFORM_SIGNATURE_OFFSET, tag, sizeof(tag));
    return true;
}
