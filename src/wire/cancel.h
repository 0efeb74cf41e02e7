/* SPDX-License-Identifier: Apache-2.0 */
/* CANCEL: a request that has no response. [MS-SMB2] 2.2.30 */
#pragma once

#include "wire/empty.h"

static inline NODISCARD enum wire_err smb2_cancel_req_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}

static inline void smb2_cancel_req_format(struct wr *w)
{
    smb2_empty_format(w);
}
