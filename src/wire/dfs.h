/* SPDX-License-Identifier: Apache-2.0 */
/* DFS referrals, the buffers of FSCTL_DFS_GET_REFERRALS and _EX. [MS-DFSC] 2.2 */
#pragma once

#include "wire/wire.h"

#define DFS_VERSION_MAX 4        /* of referrals */
#define DFS_PATH_BYTES_MAX 65534 /* of what is asked about: PathConsumed has 16 bits */
#define DFS_RSP_BYTES_MAX 65535  /* of an answer: so have the offsets in it */

#define DFS_REQUEST_HAS_SITE 0x0001u /* RequestFlags of _EX */

/* REQ_GET_DFS_REFERRAL, 2.2.2, and REQ_GET_DFS_REFERRAL_EX, 2.2.3 */
struct dfs_referral_req {
    uint16_t version_max;   /* MaxReferralLevel, as sent */
    struct wire_slice path; /* UTF-16LE, not terminated; empty: about domains */
    struct wire_slice site; /* _EX: where the client is, UTF-16LE; empty: not said */
};
/* in: the whole input buffer; what follows the request in it is ignored.
 * Errors: WIRE_SHORT  fewer bytes than the fixed part, or than a length says
 *         WIRE_VALUE  a path that is not terminated, or of an odd length
 *         WIRE_COUNT  a path of more than DFS_PATH_BYTES_MAX */
NODISCARD enum wire_err dfs_referral_req_parse(struct wire_slice in, bool is_ex,
                                               struct dfs_referral_req *out);

/* RESP_GET_DFS_REFERRAL, 2.2.4, with entries of one version, 2.2.5.1 to 2.2.5.4 */
#define DFS_HEADER_REFERRAL_SERVERS 0x1u
#define DFS_HEADER_STORAGE_SERVERS 0x2u
#define DFS_SERVER_TYPE_ROOT 1u
#define DFS_ENTRY_TARGET_SET_BOUNDARY 0x4u /* of version 4 */
struct dfs_referral_rsp {
    uint16_t version; /* 1 to DFS_VERSION_MAX */
    bool is_root;     /* of a root; else of a link */
    uint16_t path_consumed_bytes;
    uint32_t ttl_sec;
    const char *path;           /* UTF-8: of the root or link */
    const char *const *targets; /* UTF-8, \server\share or more */
    size_t count;
};
/* Appends as many of the targets, from the first on, as max_bytes and DFS_RSP_BYTES_MAX have room
 * for, and tells how many. 0: nothing is written. [MS-DFSC] 3.2.5.1 */
size_t dfs_referral_rsp_format(struct wr *w, const struct dfs_referral_rsp *rsp, size_t max_bytes);

/* The client's side (client_dfs.c). */
void dfs_referral_req_format(struct wr *w, bool is_ex, const struct dfs_referral_req *req);
#define DFS_ENTRIES_MAX 256
struct dfs_referral_entry {
    uint16_t version;
    uint16_t server_type;     /* DFS_SERVER_TYPE_ROOT, or 0 */
    uint16_t flags;           /* DFS_ENTRY_* */
    uint32_t ttl_sec;         /* from version 2 on, as the next */
    struct wire_slice path;   /* UTF-16LE, not terminated */
    struct wire_slice target; /* likewise */
};
struct dfs_referrals {
    uint16_t path_consumed_bytes;
    uint32_t header_flags; /* DFS_HEADER_* */
    uint16_t count;
    struct dfs_referral_entry entries[DFS_ENTRIES_MAX];
};
/* Errors: WIRE_SHORT, WIRE_SIZE (of an entry), WIRE_RANGE (an offset), WIRE_VALUE (a version; a
 * string without end), WIRE_COUNT (more than DFS_ENTRIES_MAX). */
NODISCARD enum wire_err dfs_referral_rsp_parse(struct wire_slice in, struct dfs_referrals *out);
