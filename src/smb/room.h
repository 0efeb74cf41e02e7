/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a client may make us hold: each connection has a budget below the server's, and once
 * logged in below that of the user whom it saw first. Frames, requests and the payloads of replies
 * are charged to it before they are allocated, and given back when they are freed, which for a
 * reply is when it is sent. Loop thread only. */
#pragma once

#include "smb/request.h"

void smb_room_init(struct smb_conn *c);
/* The connection is gone: nothing waits for room any more. */
void smb_room_closed(struct smb_conn *c);
/* All that was charged was given back. */
void smb_room_fini(struct smb_conn *c);
/* From now on as much as a client may have that has logged in, as this user. */
void smb_room_logged_on(struct smb_conn *c, struct smb_account *a);

enum smb_room {
    SMB_ROOM_TAKEN,
    SMB_ROOM_LATER, /* smb_request_has_room comes, on another turn of the loop */
    SMB_ROOM_NEVER  /* more than one client may have */
};
/* Take room for what r's reply may hold besides its header. What is finished of its chain is sent
 * first if that helps. */
NODISCARD enum smb_room smb_room_take(struct smb_request *r);
/* Give it back: the reply holds it no more, or r begins to wait and holds none. */
void smb_room_give(struct smb_request *r);
/* It is the payload's from now on, as much of it as that holds. */
void smb_room_pass(struct smb_request *r);
/* Charge b, a reply's header and body, with n bytes: of the room that came with m's frame (NULL:
 * none), else what cannot be refused any more. */
void smb_room_reply(struct smb_conn *c, struct smb_message *m, struct iobuf *b, size_t n);
/* r waits for room no more. */
void smb_room_forget(struct smb_request *r);
/* request.c: r may run now. */
void smb_request_has_room(struct smb_request *r);

/* There is a bound to what waits until something happens (is_endless): it must leave room for what
 * makes it happen. What ends by itself is bounded by the budget alone, and by how many a connection
 * has. Taken once, however often r waits, and given back with r's answer. */
NODISCARD bool smb_place_is_free(const struct smb_request *r, bool is_endless);
void smb_place_take(struct smb_request *r, bool is_endless);
void smb_place_give(struct smb_request *r);
/* Room for the requests of a compound after the first, which came with the frame's; given back
 * with the message. */
void smb_room_chain(struct smb_message *m);
