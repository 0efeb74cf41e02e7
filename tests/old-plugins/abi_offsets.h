/* SPDX-License-Identifier: Apache-2.0 */
/* Where the members of the ABI lie, as one set of headers has it. */
#pragma once

#include <stddef.h>

struct abi_offset {
    const char *name; /* struct.member; NULL ends the table */
    size_t offset;    /* bytes */
    size_t size;
};

/* Of tests/old-plugins/v1, and of include/smbkit. */
extern const struct abi_offset abi_offsets_v1[];
extern const struct abi_offset abi_offsets_now[];
