/* SPDX-License-Identifier: Apache-2.0 */
/* Directory entries for QUERY_DIRECTORY. [MS-FSCC] 2.4.8, 2.4.10, 2.4.17-2.4.22 and the like */
#pragma once

#include "wire/chain.h"
#include "wire/smb2.h"
#include "wire/wire.h"

struct fscc_dir_entry {
    uint32_t file_index;
    uint64_t create_time;
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint64_t end_of_file;
    uint64_t allocation_size;
    uint32_t attributes; /* 0 is written as FILE_ATTRIBUTE_NORMAL */
    uint32_t ea_size;    /* classes without a tag field carry reparse_tag here for a reparse point,
                            [MS-FSA] 2.1.5.6.3.1 */
    uint32_t reparse_tag;
    uint64_t file_id;
    uint8_t file_id_128[16];
    const char *name;       /* UTF-8 */
    const char *short_name; /* UTF-8, 8.3 (at most 12 UTF-16 units are written); NULL: none */
};

/* Bytes in front of the name: a buffer below this is STATUS_INFO_LENGTH_MISMATCH. 0: not a
 * directory class. */
uint16_t fscc_dir_min_size(uint8_t info_class);
/* "FileIdBothDirectoryInformation"; NULL when unknown. */
const char *fscc_dir_class_name(uint8_t info_class);

/* Entries into w, 8-byte aligned from where it stood, together at most limit bytes. */
struct fscc_dir_writer {
    struct chain_wr chain;
    size_t limit;
    uint32_t count;
    uint8_t info_class;
};
/* WIRE_VALUE: not a directory class. */
NODISCARD enum wire_err fscc_dir_writer_init(struct fscc_dir_writer *dw, struct wr *w,
                                             uint8_t info_class, size_t limit);
/* False: it did not fit (nothing was added: offer it again in the next response) or the writer has
 * failed (wr_ok). */
NODISCARD bool fscc_dir_entry_format(struct fscc_dir_writer *dw, const struct fscc_dir_entry *e);

/* The client's side (client_fscc_set.c): one entry from chain_next's element (align 8). */
struct fscc_dir_raw {
    struct fscc_dir_entry entry; /* name and short_name are NULL */
    struct wire_slice name;      /* UTF-16LE */
    struct wire_slice short_name;
};
NODISCARD enum wire_err fscc_dir_entry_parse(struct cur *element, uint8_t info_class,
                                             struct fscc_dir_raw *out);
