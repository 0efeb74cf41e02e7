/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas. [MS-SMB2] 2.2.37.1, [MS-FSCC] 2.4 FileQuotaInformation */
#pragma once

#include "wire/chain.h"
#include "wire/wire.h"

#define FSCC_QUOTA_SIDS_MAX 1024
#define FSCC_SID_MAX 68 /* 8 + 15 * 4, [MS-DTYP] 2.4.2 */

/* SMB2_QUERY_QUOTA_INFO */
struct smb2_query_quota {
    bool return_single;
    bool restart_scan;
    struct wire_slice sids;      /* FILE_GET_QUOTA_INFORMATION list: fscc_get_quota_list */
    struct wire_slice start_sid; /* one SID */
};
NODISCARD enum wire_err smb2_query_quota_parse(struct wire_slice in, struct smb2_query_quota *out);

/* Walk as fscc_ea_list. sid: 8..68 bytes, not looked into. */
struct chain fscc_get_quota_list(struct wire_slice list);
NODISCARD bool fscc_get_quota_next(struct chain *ch, struct wire_slice *sid);

/* FILE_QUOTA_INFORMATION */
struct fscc_quota {
    uint64_t change_time;
    int64_t used;
    int64_t threshold; /* -1: none */
    int64_t limit;     /* -1: none, -2: delete the entry */
    struct wire_slice sid;
};
/* Append an entry begun with chain_wr_begin inside; cw: chain_wr_init(w, 8). */
void fscc_quota_format(struct chain_wr *cw, const struct fscc_quota *quota);
struct chain fscc_quota_list(struct wire_slice list);
NODISCARD bool fscc_quota_next(struct chain *ch, struct fscc_quota *out);
