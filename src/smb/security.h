/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and sealing of whole messages. [MS-SMB2] 3.1.4.1, 3.1.4.3, 3.3.5.2.1.1 */
#pragma once

#include "smb/conn.h"
#include "smb/request.h"
#include "smb/session.h"

/* A request is rightly signed: if that was by the session's key, of its first channel or about a
 * binding, it is remembered which MessageId has met that key. */
void smb_nonce_asked(struct smb_request *r);
/* Is the signature in the header of p[0..len) right? */
NODISCARD bool smb_signature_verify(const struct smb_channel *ch, const uint8_t *p, size_t len,
                                    const struct smb2_hdr *hdr);
/* Show a request to who listens (smb_env.tap), once it is known whether its signature is good. */
void smb_tap_request(const struct smb_request *r);
/* The last thing done with one element of a reply, of 1 or 2 spans (the first begins with the
 * header): show it to who listens, then sign it if it is to be: sets flag and signature. Once for a
 * request. [MS-SMB2] 3.3.4.1.1 */
NODISCARD bool smb_sign_reply(struct smb_request *r, const struct crypto_span *spans, size_t n);
/* The same for a message of our own accord, which is never signed: it has no MessageId of its own.
 * [MS-SMB2] 3.3.4.6 */
void smb_tap_own(const struct smb_conn *c, bool sealed, const struct crypto_span *span);
/* Open a sealed frame in place. *inner_r, *inner_len_r: the message. *session_r: owned. false: end
 * the connection. */
NODISCARD bool smb_unseal(struct smb_conn *c, struct iobuf *frame, const uint8_t **inner_r,
                          size_t *inner_len_r, struct smb_session **session_r);
/* Seal the segments of a message in place; hdr: SMB2_TRANSFORM_SIZE bytes to fill. */
NODISCARD bool smb_seal(struct smb_session *s, uint8_t *hdr, const struct crypto_span *spans,
                        size_t n);
