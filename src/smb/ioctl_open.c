/* SPDX-License-Identifier: Apache-2.0 */
/* Control codes that are about the open itself, and not about its file. */
#include "smb/ioctl.h"

/* [MS-SMB2] 3.3.5.15.9: it is kept for its client, whatever it caches. */
FSCTL_FN(fsctl_request_resiliency)
{
    (void)w;
    struct fsctl_resiliency in;
    if (r->conn->dialect == SMB2_DIALECT_202) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (fsctl_resiliency_parse(req->input, &in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return smb_durable_resilient(r->open, r, in.timeout_ms);
}
