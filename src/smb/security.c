/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/security.h"

#include "base/mem.h"

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

bool smb_signature_verify(struct smb_session *s, const uint8_t *p, size_t len,
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
    return crypto_sign(s->keys.signer, spans, 2, nonce, mac) &&
           mem_eq_ct(mac, hdr->signature, sizeof(mac));
}

bool smb_signature_make(struct smb_session *s, const struct crypto_span *spans, size_t n)
{
    uint8_t nonce[12];
    uint8_t mac[CRYPTO_MAC_LEN];
    uint8_t *head = spans[0].base;
    head[SMB2_HDR_FLAGS_OFFSET] |= SMB2_FLAGS_SIGNED;
    mem_zero(head + SMB2_HDR_SIGNATURE_OFFSET, SMB2_SIGNATURE_SIZE);
    gmac_nonce(nonce, head);
    if (!crypto_sign(s->keys.signer, spans, n, nonce, mac)) {
        return false;
    }
    mem_copy(head + SMB2_HDR_SIGNATURE_OFFSET, mac, sizeof(mac));
    return true;
}

bool smb_unseal(struct smb_conn *c, struct iobuf *frame, const uint8_t **inner_r,
                size_t *inner_len_r, struct smb_session **session_r)
{
    struct cur in = cur_init(frame->base, frame->len);
    struct smb2_transform t;
    if (smb2_transform_parse(&in, &t) != WIRE_OK || t.flags != SMB2_TRANSFORM_ENCRYPTED ||
        t.original_size != cur_left(&in) || t.original_size < SMB2_HDR_SIZE) {
        return false;
    }
    struct smb_session *s = smb_session_find(c->server, t.session_id);
    if (!s) {
        return false;
    }
    struct crypto_span span = {frame->base + SMB2_TRANSFORM_SIZE, t.original_size};
    if (s->conn != c || smb_session_state_get(s) == SMB_SESSION_IN_PROGRESS ||
        !smb_session_is_keyed(s) || !s->keys.unseal ||
        !crypto_open(s->keys.unseal, t.nonce, frame->base + SMB2_TRANSFORM_AAD_OFFSET,
                     SMB2_TRANSFORM_AAD_SIZE, &span, 1, t.signature)) {
        smb_session_unref(s);
        return false;
    }
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
    /* A counter: it cannot come twice under one key. relaxed: only its uniqueness matters */
    uint64_t nonce = atomic_fetch_add_explicit(&s->nonce, 1, memory_order_relaxed);
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
