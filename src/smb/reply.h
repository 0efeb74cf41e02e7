/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: header, body, signature, seal, frame. A reply is built in one growing writer that leaves
 * room in front for the frame's length and a transform header, so that nothing is copied to send
 * it. */
#pragma once

#include "smb/request.h"

/* Frame length (4) and transform header (52); a multiple of 8, so alignments of the body hold. */
#define SMB_REPLY_ROOM (4 + SMB2_TRANSFORM_SIZE)
#define SMB_REPLY_BODY (SMB_REPLY_ROOM + SMB2_HDR_SIZE)

/* Start the body of a reply in r->rsp (anew, when the handler runs again). Returns r->rsp. */
struct wr *smb_reply_begin(struct smb_request *r);
/* The same for a message of our own accord; the writer is the caller's. */
void smb_reply_room(struct wr *w);

/* Keep what the handler wrote although its status is an error or a warning (BUFFER_OVERFLOW, error
 * data). */
static inline void smb_reply_keep(struct smb_request *r)
{
    r->keep_body = true;
}

/* Format the header (and the error body) of a finished request. */
void smb_reply_build(struct smb_request *r, smbkit_status status);
/* Tell STATUS_PENDING, together with what is finished of the compound. */
void smb_reply_interim(struct smb_request *r);
/* Send the finished replies of requests before `end`. */
void smb_reply_flush(struct smb_message *m, unsigned end);
/* A message outside of any request, neither signed nor sealed; takes the writer's buffer. Loop
 * thread. */
void smb_reply_plain(struct smb_conn *c, struct wr *w, const struct smb2_hdr *h);
/* A message of our own accord to the session's client on this connection: body in w behind
 * smb_reply_room; takes the writer's buffer. Loop thread. */
void smb_reply_notify(struct smb_conn *c, struct smb_session *s, struct wr *w, uint16_t command);
