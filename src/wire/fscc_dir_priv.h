/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of directory entries, for writing and for reading them. All are: NextEntryOffset,
 * FileIndex, [attr], FileNameLength, [ea], [tag], [short], [id, aligned to 8], [128-bit id],
 * [short], FileName. */
#pragma once

#include "base/base.h"

#define FSCC_DIR_ATTR 0x01u
#define FSCC_DIR_EA 0x02u
#define FSCC_DIR_TAG 0x04u
#define FSCC_DIR_SHORT_FIRST 0x08u
#define FSCC_DIR_ID 0x10u
#define FSCC_DIR_ID_128 0x20u
#define FSCC_DIR_SHORT_LAST 0x40u
#define FSCC_DIR_SHORT_NAME_SIZE 24

struct fscc_dir_class {
    uint8_t info_class;
    uint16_t size_min; /* up to FileName */
    uint8_t has;       /* FSCC_DIR_* */
    const char *name;
};
const struct fscc_dir_class *fscc_dir_class_get(uint8_t info_class);
