/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes over the wire. [MS-SMB2] 3.3.5.9, 3.3.5.20.1, 3.3.5.21.1 */
#pragma once

#include "smb/request.h"
#include "wire/query_info.h"

/* A client's list, checked and written anew, as plugins get it. EA_LIST_INCONSISTENT,
 * INVALID_EA_NAME, EA_TOO_LARGE, NO_MEMORY. *out: to be given to wr_fini whatever the answer. */
NODISCARD smbkit_status smb_ea_list_take(struct wire_slice list, struct wr *out);
/* FileFullEaInformation: those that the client names, or the next ones of its scan; appended to the
 * reply. NO_EAS_ON_FILE, NO_MORE_EAS, NONEXISTENT_EA_ENTRY, BUFFER_TOO_SMALL; BUFFER_OVERFLOW:
 * there are more. */
NODISCARD smbkit_status smb_ea_query(struct smb_request *r, const struct smb2_query_info_req *req);
NODISCARD smbkit_status smb_ea_set(struct smb_request *r, struct wire_slice list);
