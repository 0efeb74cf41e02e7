/* SPDX-License-Identifier: Apache-2.0 */
/* TREE_DISCONNECT. [MS-SMB2] 2.2.11, 2.2.12 */
#pragma once

#include "wire/empty.h"

static inline NODISCARD enum wire_err smb2_tree_disconnect_req_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}

static inline void smb2_tree_disconnect_req_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline void smb2_tree_disconnect_rsp_format(struct wr *w)
{
    smb2_empty_format(w);
}

static inline NODISCARD enum wire_err smb2_tree_disconnect_rsp_parse(struct cur *c)
{
    return smb2_empty_parse(c);
}
