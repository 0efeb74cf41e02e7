/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once with each set of headers; ABI_OFFSETS is the table's name. */
#include <smbkit/plugin.h>

#include "abi_offsets.h"
#include "abi_v1.h"

#define ROW(s, m) {#s "." #m, offsetof(struct s, m), sizeof(((struct s *)0)->m)},

#define OPERATION(kind, name, type) ROW(smbkit_plugin, name)

const struct abi_offset ABI_OFFSETS[] = {ABI_V1_MEMBERS(ROW)
                                             SMBKIT_OPERATIONS(OPERATION){NULL, 0, 0}};
