/* SPDX-License-Identifier: Apache-2.0 */
/* File information classes that SET_INFO sets. [MS-FSCC] 2.4 */
#pragma once

#include "wire/fscc_ea.h"
#include "wire/smb2.h"
#include "wire/wire.h"

/* What a time field of Basic says besides a FILETIME. [MS-FSCC] 2.4.7, [MS-FSA] 2.1.5.15.2 */
#define FSCC_TIME_KEEP 0ull             /* leave as it is */
#define FSCC_TIME_FREEZE UINT64_MAX     /* -1: no automatic updates through this open */
#define FSCC_TIME_THAW (UINT64_MAX - 1) /* -2: automatic updates again */

struct fscc_set_basic {
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint32_t attributes; /* 0: leave as they are */
};

/* Rename (10, type 2 as SMB2 has it), RenameEx (65), Link (11, type 2), LinkEx (72) */
struct fscc_set_rename {
    bool replace_if_exists;  /* of an Ex class: flag 1 */
    uint32_t flags;          /* Ex: SMB2_FILE_RENAME_*; otherwise 0 or 1 */
    uint64_t root_directory; /* 0 over SMB */
    struct wire_slice name;  /* UTF-16LE, from the share's root; "..:stream" forms as sent */
};

/* Pipe (23) */
struct fscc_set_pipe {
    uint32_t read_mode;
    uint32_t completion_mode;
};

struct fscc_set {
    uint8_t info_class;
    union {
        struct fscc_set_basic basic;
        struct fscc_set_rename rename; /* Rename, RenameEx, Link, LinkEx */
        uint32_t disposition; /* Disposition: 0 or 1; DispositionEx: SMB2_FILE_DISPOSITION_* */
        uint64_t position;
        uint32_t mode;
        uint64_t allocation_size;
        uint64_t end_of_file;
        uint64_t valid_data_length;
        struct wire_slice short_name; /* UTF-16LE */
        struct wire_slice eas;        /* walk with fscc_ea_list */
        struct fscc_set_pipe pipe;
    };
};

/* Can this class be set at all? Smallest buffer it needs in size_min_r (may be NULL). */
bool fscc_set_is_known(uint8_t info_class, uint16_t *size_min_r);
/* buffer: SET_INFO's. WIRE_VALUE: unknown class, or an odd or empty name. WIRE_SHORT: below the
 * class's smallest size (the server says STATUS_INFO_LENGTH_MISMATCH). WIRE_RANGE: a name length
 * beyond the buffer. */
NODISCARD enum wire_err fscc_set_parse(struct wire_slice buffer, uint8_t info_class,
                                       struct fscc_set *out);
/* The client's side (client_fscc_set.c). */
void fscc_set_format(struct wr *w, const struct fscc_set *set);
