/* SPDX-License-Identifier: Apache-2.0 */
/* NEGOTIATE in its two forms. */
#pragma once

#include "smb/conn.h"

/* The SMB1 multi-protocol NEGOTIATE: answered with SMB2 when it offers that. [MS-SMB2] 3.3.5.3.1
 * false: end the connection. */
NODISCARD bool smb_negotiate_smb1(struct smb_conn *c, const uint8_t *p, size_t len);
/* The best dialect of those offered, 0: none. */
uint16_t smb_negotiate_dialect(const struct smb_server *s, const uint16_t *offered, size_t count);
/* Tells lists of dialects apart, those that a peer makes up too. */
uint64_t smb_dialects_hash(const struct smb_server *s, const uint16_t *offered, size_t count);
