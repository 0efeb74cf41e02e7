/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of an operation's struct with all that it points to, by the pointers that its row names.
 * Pure but for the allocation. */
#pragma once

#include "vfs/ops.h"

/* Bytes that a copy needs. */
size_t args_copy_size(const struct op_row *row, const void *args);
/* Into size bytes at to, aligned as malloc does. */
void args_copy(const struct op_row *row, void *to, const void *args);
/* What was answered there, to where the caller wants it. */
void args_give_back(const struct op_row *row, const void *from, void *args);
/* Of what is asked: names and the lengths of what is handed in. */
uint64_t args_key(uint32_t id, const struct op_row *row, const void *args);
