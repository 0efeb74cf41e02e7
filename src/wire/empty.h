/* SPDX-License-Identifier: Apache-2.0 */
/* The four-byte bodies: StructureSize 4 and two reserved bytes. LOGOFF 2.2.7 and 2.2.8,
 * TREE_DISCONNECT 2.2.11 and 2.2.12, ECHO 2.2.28 and 2.2.29, CANCEL 2.2.30, the LOCK and FLUSH
 * responses 2.2.27 and 2.2.18. [MS-SMB2] */
#pragma once

#include "wire/wire.h"

NODISCARD enum wire_err smb2_empty_parse(struct cur *c);
void smb2_empty_format(struct wr *w);
