/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and sealing of whole messages. [MS-SMB2] 3.1.4.1, 3.1.4.3, 3.3.5.2.1.1 */
#pragma once

#include "smb/conn.h"
#include "smb/session.h"
#include "wire/hdr.h"

/* Is the signature in the header of p[0..len) right? */
NODISCARD bool smb_signature_verify(struct smb_session *s, const uint8_t *p, size_t len,
                                    const struct smb2_hdr *hdr);
/* Sign one element that lies in spans (the first begins with the header): sets flag and signature.
 */
NODISCARD bool smb_signature_make(struct smb_session *s, const struct crypto_span *spans, size_t n);
/* Open a sealed frame in place. *inner_r, *inner_len_r: the message. *session_r: owned. false: end
 * the connection. */
NODISCARD bool smb_unseal(struct smb_conn *c, struct iobuf *frame, const uint8_t **inner_r,
                          size_t *inner_len_r, struct smb_session **session_r);
/* Seal the segments of a message in place; hdr: SMB2_TRANSFORM_SIZE bytes to fill. */
NODISCARD bool smb_seal(struct smb_session *s, uint8_t *hdr, const struct crypto_span *spans,
                        size_t n);
