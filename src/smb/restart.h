/* SPDX-License-Identifier: Apache-2.0 */
/* Durable opens over a restart of the server: those that are kept are written down when it stops
 * (record.h), and the next one opens their files again for the clients that come back.
 *
 * Until then nothing of such an open is there: no share modes, locks or oplock. So it is only had
 * again if nobody has taken from it meanwhile what a client that is away would have lost: the file
 * is still as it was left, and it can be opened as it was, with the same caching and locks. Once
 * one open of a lease is had again, its client may change the file before it asks for the next.
 * [MS-SMB2] 3.3.5.9.7 and .12 ask the rest, as of any open that is kept. */
#pragma once

#include "base/hash.h"
#include "smb/durable.h"

/* How many are taken from what was written down; each holds a few hundred bytes. */
#define SMB_RECORDS_MAX 65536u

struct smb_records {
    struct mutex lock;       /* a leaf; guards all of it */
    struct hash_table table; /* by persistent id */
    uint64_t until_ms;       /* the last one's time is up */
};

void smb_records_init(struct smb_records *t);
void smb_records_fini(struct smb_records *t);
/* Forgets them when the time of all is up. true: some are left. */
bool smb_records_tick(struct smb_server *s);
/* A CREATE asks for an open of that id, which nobody has. On success it is r->open, in r->tree,
 * with that id. Errors: OBJECT_NAME_NOT_FOUND, INVALID_PARAMETER, ACCESS_DENIED as of one that is
 * kept; those of smb_open_reserve; WAIT, WOULD_BLOCK: to be run again. */
NODISCARD smbkit_status smb_record_reopen(struct smb_request *r, const struct smb2_create_req *req,
                                          uint64_t persistent_id);
