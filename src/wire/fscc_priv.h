/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the FSCC classes. */
#pragma once

#include "base/base.h"

#define FSCC_ATTRIBUTE_NORMAL 0x00000080u
#define FSCC_ATTRIBUTE_REPARSE_POINT 0x00000400u

/* A file without attributes has exactly NORMAL. [MS-FSCC] 2.6 */
static inline uint32_t fscc_attributes(uint32_t attributes)
{
    return attributes != 0 ? attributes : FSCC_ATTRIBUTE_NORMAL;
}
