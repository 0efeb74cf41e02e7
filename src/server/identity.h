/* SPDX-License-Identifier: Apache-2.0 */
/* The server's lasting identity. */
#pragma once

#include "base/base.h"

/* machine_sid: the three sub-authorities of S-1-5-21-...; the same for every server of this
 * machine. guid: the same whenever a server of this machine uses this port. Both come from
 * /etc/machine-id by a keyed hash whose key is the id itself, so that the id cannot be told from
 * them (machine-id(5)); where there is no such file they are random and change with each start. */
void identity_get(uint16_t port, uint32_t machine_sid[3], uint8_t guid[16]);
/* The same from a given machine id (32 hexadecimal digits, other text after them ignored). False:
 * not one. */
NODISCARD bool identity_from_text(const char *machine_id, uint16_t port, uint32_t machine_sid[3],
                                  uint8_t guid[16]);
