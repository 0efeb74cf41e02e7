/* SPDX-License-Identifier: Apache-2.0 */
/* File information classes that QUERY_INFO asks for. [MS-FSCC] 2.4 */
#pragma once

#include "wire/fscc_ea.h"
#include "wire/smb2.h"
#include "wire/wire.h"

/* [MS-FSCC] 2.4 FileStreamInformation. Names with the decoration: "::$DATA", ":name:$DATA". */
#define FSCC_STREAM_FIXED_SIZE 24 /* bytes in front of the name */
struct fscc_stream {
    const char *name; /* UTF-8 */
    uint64_t size;
    uint64_t allocation_size;
};

/* [MS-FSCC] 2.4 FileHardLinkInformation: FILE_LINK_ENTRY_INFORMATION */
struct fscc_hard_link {
    uint64_t parent_file_id;
    const char *name; /* UTF-8, the last component */
};

/* Everything the classes can tell. A class reads only what it is about; see the table in
 * fscc_file.c. Borrowed pointers must stay good for the call. NULL strings are written as empty. */
struct fscc_file_info {
    uint64_t create_time; /* FILETIME */
    uint64_t access_time;
    uint64_t write_time;
    uint64_t change_time;
    uint32_t attributes; /* 0 is written as FILE_ATTRIBUTE_NORMAL */
    uint64_t allocation_size;
    uint64_t end_of_file;
    uint32_t link_count;       /* that can be opened: without those that are to be deleted */
    uint32_t link_count_total; /* StandardLink */
    bool is_delete_pending;
    bool is_directory;
    uint64_t file_id;
    uint8_t file_id_128[16];
    uint64_t volume_serial; /* FileIdInformation */
    uint32_t ea_size;
    uint32_t access; /* granted */
    uint64_t position;
    uint32_t mode;
    uint32_t alignment; /* FILE_BYTE_ALIGNMENT 0 ... */
    const char
        *name; /* UTF-8 with backslashes, from the share's root, leading backslash: Name, All */
    const char *normalized_name; /* the same without leading backslash: NormalizedName */
    const char *alternate_name;  /* 8.3 */
    uint32_t reparse_tag;
    const struct fscc_stream *streams;
    size_t stream_count;
    const struct fscc_hard_link *hard_links;
    size_t hard_link_count;
    const struct fscc_ea *eas;
    size_t ea_count;
    /* FileCompressionInformation */
    uint64_t compressed_size;
    uint16_t compression_format;
    uint8_t compression_unit_shift;
    uint8_t chunk_shift;
    uint8_t cluster_shift;
    /* FilePipeInformation, FilePipeLocalInformation, FilePipeRemoteInformation */
    uint32_t pipe_read_mode;
    uint32_t pipe_completion_mode;
    uint32_t pipe_type;
    uint32_t pipe_configuration;
    uint32_t pipe_instances_max;
    uint32_t pipe_instances;
    uint32_t pipe_inbound_quota;
    uint32_t pipe_read_available;
    uint32_t pipe_outbound_quota;
    uint32_t pipe_write_quota;
    uint32_t pipe_state;
    uint32_t pipe_end;
    uint64_t pipe_collect_time;
    uint32_t pipe_collect_count_max;
    /* StatLx (ntifs.h FILE_STAT_LX_INFORMATION) */
    uint32_t lx_flags;
    uint32_t lx_uid;
    uint32_t lx_gid;
    uint32_t lx_mode;
    uint32_t lx_device_major;
    uint32_t lx_device_minor;
};

struct fscc_file_class {
    uint8_t info_class; /* enum smb2_file_class */
    bool is_variable;   /* ends in a name or list: a short buffer takes a part
                           (STATUS_BUFFER_OVERFLOW) */
    bool is_list;       /* of whole entries: cut between them (fscc_list_cut), never inside */
    bool is_local;      /* [MS-FSCC] 2.4 calls it local or does not have it: not for clients */
    uint16_t size_min;  /* an output buffer below this is STATUS_INFO_LENGTH_MISMATCH */
    const char *name;   /* "FileBasicInformation" */
    void (*format)(struct wr *w, const struct fscc_file_info *info);
};
/* The row of a queryable class, NULL: unknown or not queryable. */
const struct fscc_file_class *fscc_file_class_get(uint8_t info_class);
/* size_min of the row; 0: unknown class. */
uint16_t fscc_file_query_min_size(uint8_t info_class);
/* Append the class in full; the caller cuts to the client's buffer. WIRE_VALUE: unknown class. */
NODISCARD enum wire_err fscc_file_query_format(struct wr *w, uint8_t info_class,
                                               const struct fscc_file_info *info);
/* How many of the len bytes at p (a formatted class whose row says is_list) a buffer of max bytes
 * can take: whole entries. Corrects the NextEntryOffset of the last one kept. 0: not even the first
 * fits. */
NODISCARD size_t fscc_list_cut(uint8_t *p, size_t len, size_t max);

/* The client's side (client_fscc.c): the fixed-size classes and the names (as raw slices). */
struct fscc_file_names {
    struct wire_slice name; /* UTF-16LE */
};
NODISCARD enum wire_err fscc_file_query_parse(struct wire_slice in, uint8_t info_class,
                                              struct fscc_file_info *out,
                                              struct fscc_file_names *names);
/* One entry of FileStreamInformation from chain_next's element (align 8). */
struct fscc_stream_raw {
    struct wire_slice name; /* UTF-16LE */
    uint64_t size;
    uint64_t allocation_size;
};
NODISCARD enum wire_err fscc_stream_parse(struct cur *element, struct fscc_stream_raw *out);
