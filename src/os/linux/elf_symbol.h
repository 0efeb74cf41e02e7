/* SPDX-License-Identifier: Apache-2.0 */
/* Names of functions from an ELF file's full symbol table, which has the hidden and the static
 * ones that dladdr() does not see. Async-signal-safe: system calls and arithmetic. Inside os/ only.
 */
#pragma once

#include <elf.h>

#include "base/base.h"

struct elf_file {
    const uint8_t *map; /* NULL: not open */
    size_t size;
};

NODISCARD bool elf_file_open(struct elf_file *f, const char *path);
void elf_file_close(struct elf_file *f);
/* The function that link-time address vaddr lies in; NULL when unknown. The name is borrowed from
 * f. */
const char *elf_symbol_get(const struct elf_file *f, uint64_t vaddr, uint64_t *offset_r);
