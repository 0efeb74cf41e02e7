/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the fuzz targets of wire/. Build one with
 * clang -fsanitize=fuzzer,address,undefined -Iinclude -Isrc fuzz_wire_X.c and all of src/wire and
 * src/base */
#pragma once

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned fuzz_sink;

/* Read every byte, so that AddressSanitizer sees a slice that lies outside. */
static inline UNUSED void fuzz_touch(struct wire_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        fuzz_sink += s.p[i];
    }
}

#define FUZZ_NONE ((struct wire_slice){0})
