/* SPDX-License-Identifier: Apache-2.0 */
/* A durable open, written down: all that it takes to open its file again for its client, after a
 * restart of the server. Format only; durable.h tells what is kept, restart.h what is done with
 * records.
 *
 * A record is 16 bytes of header (magic "SKDO", version, length and CRC-32 of what follows; numbers
 * are little endian) and the members of struct smb_record in their order, strings and the locks
 * after their 32-bit length or count. Records follow each other without anything between. */
#pragma once

#include "base/cur.h"
#include "base/wr.h"
#include "smb/durable.h"
#include "smb/lockseq.h"
#include "vfs/vfs.h"

#define SMB_RECORD_VERSION 1u
#define SMB_RECORD_HEADER_SIZE 16u
/* Byte-range locks of one; an open with more is not written down. */
#define SMB_RECORD_LOCKS_MAX 1024u
/* A path of 32,760 UTF-16 units, a stream, names, locks. */
#define SMB_RECORD_BYTES_MAX (160u * 1024)

#define SMB_RECORD_HAS_LEASE 0x1u
#define SMB_RECORD_HAS_EPOCH 0x2u  /* of its lease: version 2 */
#define SMB_RECORD_HAS_STREAM 0x4u /* it is open on a named one */
#define SMB_RECORD_FLAGS 0x7u

struct smb_record {
    uint8_t kind;          /* enum smb_durability, not NOT */
    uint8_t oplock_level;  /* VFS_OPLOCK_*; with a lease none */
    uint8_t lease_caching; /* OPLOCK_* */
    uint8_t flags;         /* SMB_RECORD_* */
    uint32_t timeout_ms;
    uint64_t until; /* FILETIME: its client may come until then */
    uint64_t persistent_id;
    uint8_t client_guid[16], create_guid[16], lease_key[16];
    uint32_t epoch;          /* of the lease; 16 bits */
    uint32_t rid, who_flags; /* of its owner, as struct smbkit_identity */
    uint32_t access, share_access, options;
    struct vfs_file_id file;
    /* What its client may have cached is good for a file that is still as it was. */
    uint64_t size, write_time, change_time;
    struct smb_lockseq lockseq;
    char *user, *domain, *share, *path, *stream; /* owned; UTF-8 */
    struct vfs_lock *locks;                      /* owned; offset, length, exclusive */
    uint32_t lock_count;
};

/* Appends one to w, which fails where a record would be longer than SMB_RECORD_BYTES_MAX. */
void smb_record_format(struct wr *w, const struct smb_record *r);
enum smb_record_err {
    SMB_RECORD_OK,
    SMB_RECORD_SHORT, /* it is cut off */
    SMB_RECORD_BAD,   /* of another version, or damaged: nobody knows where the next one is */
    /* c is at the next record, which may be good: */
    SMB_RECORD_UNSOUND, /* it is whole, and nothing that is ever written */
    SMB_RECORD_NO_MEMORY
};
/* Takes the next record from c. On success owned: smb_record_fini; else *out is zero. */
NODISCARD enum smb_record_err smb_record_parse(struct cur *c, struct smb_record *out);
void smb_record_fini(struct smb_record *r);
/* Does it begin as a record, of whatever version? */
bool smb_record_is_begun(const void *p, size_t len);
