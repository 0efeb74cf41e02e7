/* SPDX-License-Identifier: Apache-2.0 */
/* LOGOFF. [MS-SMB2] 2.2.7, 2.2.8 */
#pragma once

#include "wire/empty.h"

static inline NODISCARD enum wire_err smb2_logoff_req_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}

static inline void smb2_logoff_req_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline void smb2_logoff_rsp_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline NODISCARD enum wire_err smb2_logoff_rsp_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}
