/* SPDX-License-Identifier: Apache-2.0 */
/* Upper case of the BMP in two levels, for base/utf.c alone: cp + delta[index[cp / 64]][cp % 64],
 * modulo 2^16. */
#pragma once

#include "base/base.h"

#define CASETABLE_BLOCK 64u

extern const uint8_t casetable_index[0x10000 / CASETABLE_BLOCK];
extern const uint16_t casetable_delta[][CASETABLE_BLOCK];
