/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: who shares one, and who is told when it breaks. [MS-SMB2] 3.3.1.11, 3.3.1.12
 *
 * A lease is found by its key in the table of its client, as long as an open has it, or a request
 * looks at it. What it holds is vfs's to know. */
#pragma once

#include "smb/break.h"
#include "smb/open.h"
#include "vfs/lease.h"
#include "wire/create.h"

struct smb_lease {
    struct refcount refs; /* opens, here and in vfs; requests; the break while it is under way */
    struct lease lease;
    struct smb_client *client; /* a reference */
    struct hash_link link;     /* client->lock: in client->leases */
    struct mutex lock;         /* guards what follows; before open->lock; under locks of vfs */
    struct list opens;         /* by smb_open.lease_link: those that share it */
    unsigned creating;         /* CREATEs that may have been granted it and are not answered yet */
    struct smb_break brk;
    struct lease_break told; /* the break that is due or was told last */
    unsigned told_count;     /* how many there were; wraps */
    uint32_t had_term;       /* in which a record of it was had again (restart.h); 0: in none */
};

/* The client's lease of this key, made when it is not there. An owned reference; NULL: no memory.
 */
NODISCARD struct smb_lease *smb_lease_get(struct smb_client *c, const uint8_t key[16]);
/* Only if it is there. An owned reference, or NULL. */
NODISCARD struct smb_lease *smb_lease_find(struct smb_client *c, const uint8_t key[16]);
struct smb_lease *smb_lease_ref(struct smb_lease *l);
void smb_lease_unref(struct smb_lease *l);

/* What the CREATE asks for, by the rules of its dialect. false: no lease. The open, which has a
 * place only, gets a reference of the lease; *want is for vfs. INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_lease_want(struct smb_open *o, const struct smb2_create_req *req,
                                       struct vfs_lease_want *want, bool *wants_r);
/* Before vfs_create is called, or an open is told of again; and after vfs_create, with whether the
 * open shares the lease now. What breaks in between is told when the open is announced. Harmless
 * without a lease, and twice. */
void smb_lease_create_begin(struct smb_open *o);
void smb_lease_create_end(struct smb_open *o, bool has_it);
/* The same around the attempt to get back an open that is kept, of which there may be several at
 * once: until it is announced where it has come back, else only as long as the attempt lasts. */
void smb_lease_return_begin(struct smb_open *o);
void smb_lease_return_end(struct smb_open *o, bool is_back);
/* What it has, for an answer; while a break of it is not told yet, what it had before that, which
 * the client is told from. */
void smb_lease_told(struct smb_open *o, struct vfs_lease_got *out);
/* The client is being told of the open. */
void smb_lease_announce(struct smb_open *o);
/* The open is closed. Harmless twice. */
void smb_lease_leave(struct smb_open *o);
/* A break of it was told to nobody, and is not waited for. No lock held. */
void smb_lease_give_up(struct smb_lease *l);
/* The client's answer to a break. [MS-SMB2] 3.3.5.22.2; *kept_r: what it has from now on. */
NODISCARD smbkit_status smb_lease_ack(struct smb_client *c, const uint8_t key[16], uint32_t state,
                                      uint8_t *kept_r);
