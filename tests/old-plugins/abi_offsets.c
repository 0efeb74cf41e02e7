/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once with each set of headers; ABI_OFFSETS is the table's name. */
#include <smbkit/plugin.h>

#include "abi_offsets.h"
#include "abi_v1.h"

#define ROW(s, m) {#s "." #m, offsetof(struct s, m), sizeof(((struct s *)0)->m)},

const struct abi_offset ABI_OFFSETS[] = {ABI_V1_MEMBERS(ROW){NULL, 0, 0}};
