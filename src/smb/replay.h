/* SPDX-License-Identifier: Apache-2.0 */
/* CREATEs that are sent again, because the channel that they were sent on is lost: told apart by
 * ClientGuid and CreateGuid. [MS-SMB2] 3.3.1.10 (Open.CreateGuid, Open.IsReplayEligible), 3.3.5.9,
 * 3.3.5.9.10
 *
 * While a CREATE is under way its request has the mark, afterwards the open, until another request
 * shows that the client knows it. */
#pragma once

#include "base/hash.h"
#include "smb/client.h"
#include "wire/create.h"

struct smb_open;
struct smb_request;

struct smb_replay {
    struct hash_link link;     /* server->replays.lock: in its table */
    struct smb_client *client; /* a reference */
    uint8_t create_guid[16];
    struct smb_open *open; /* replays.lock; NULL: its CREATE is under way. It has this */
    uint32_t action;       /* with open: what its CREATE did */
};

struct smb_replays {
    struct mutex lock; /* a leaf */
    struct hash_table marks;
};

void smb_replays_init(struct smb_replays *t);
void smb_replays_fini(struct smb_replays *t);

/* A CREATE begins, or is run again. SUCCESS: r->open NULL: go on; else it is one that was answered
 * before, and that is its open, to be told again with *action_r. DUPLICATE_OBJECTID,
 * FILE_NOT_AVAILABLE (the first one is under way), ACCESS_DENIED, INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_replay_begin(struct smb_request *r, const struct smb2_create_req *req,
                                         uint32_t *action_r);
/* It has opened o, which nobody has found yet. */
void smb_replay_settle(struct smb_request *r, struct smb_open *o, uint32_t action);
/* The connection is gone. Does r, which is under way, go on all the same? A CREATE does whose
 * client may send it again on another channel of the session, until that ends. Loop thread. */
NODISCARD bool smb_replay_awaits(struct smb_request *r);
/* It came to nothing. Harmless without. */
void smb_replay_drop(struct smb_request *r);
/* The client knows the open, or it is closed. Harmless without. */
void smb_replay_spent(struct smb_open *o);
