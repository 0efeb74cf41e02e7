/* SPDX-License-Identifier: Apache-2.0 */
/* Session binding: a session gets another channel. [MS-SMB2] 3.3.5.5 step 4, 3.3.5.5.3 */
#pragma once

#include "smb/request.h"
#include "smb/session.h"

/* The request is about this channel, and its session; takes the channel. */
void smb_request_channel_set(struct smb_request *r, struct smb_channel **ch);
/* A SESSION_SETUP that binds: the channel of the binding that it goes on with, or a new one, is the
 * request's. Where its signature is the session's own, errors bear that too. Worker thread. Errors:
 * those of 3.3.5.5. */
NODISCARD smbkit_status smb_binding_begin(struct smb_request *r);
/* One that does not bind, but names a session that is not on its connection. Always
 * USER_SESSION_DELETED, signed as above. */
NODISCARD smbkit_status smb_binding_refuse(struct smb_request *r);
/* The user is the session's: from now on the channel is one of its. USER_SESSION_DELETED: session
 * or connection have ended. */
NODISCARD smbkit_status smb_binding_end(struct smb_channel *ch, const uint8_t session_key[16]);
