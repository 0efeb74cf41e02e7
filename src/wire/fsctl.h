/* SPDX-License-Identifier: Apache-2.0 */
/* The buffers of IOCTL, by control code. [MS-SMB2] 2.2.31.x and 2.2.32.x, [MS-FSCC] 2.3.
 * Parsers take the request's input buffer; formatters append the response's output buffer. */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

/* FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 2.2.31.4, 2.2.32.6 */
#define FSCTL_VALIDATE_DIALECTS_MAX 64
struct fsctl_validate_negotiate_req {
    uint32_t capabilities;
    uint8_t guid[WIRE_GUID_SIZE];
    uint16_t security_mode;
    uint16_t dialect_count;
    uint16_t dialects[FSCTL_VALIDATE_DIALECTS_MAX];
};
NODISCARD enum wire_err
fsctl_validate_negotiate_req_parse(struct wire_slice in, struct fsctl_validate_negotiate_req *out);
void fsctl_validate_negotiate_req_format(struct wr *w,
                                         const struct fsctl_validate_negotiate_req *req);
struct fsctl_validate_negotiate_rsp {
    uint32_t capabilities;
    uint8_t guid[WIRE_GUID_SIZE];
    uint16_t security_mode;
    uint16_t dialect;
};
#define FSCTL_VALIDATE_NEGOTIATE_RSP_SIZE 24
void fsctl_validate_negotiate_rsp_format(struct wr *w,
                                         const struct fsctl_validate_negotiate_rsp *rsp);
NODISCARD enum wire_err
fsctl_validate_negotiate_rsp_parse(struct wire_slice in, struct fsctl_validate_negotiate_rsp *out);

/* FSCTL_PIPE_WAIT, [MS-FSCC] 2.3 */
struct fsctl_pipe_wait {
    uint64_t timeout_100ns;
    bool has_timeout;
    struct wire_slice name; /* UTF-16LE, without \pipe\ */
};
NODISCARD enum wire_err fsctl_pipe_wait_parse(struct wire_slice in, struct fsctl_pipe_wait *out);

/* FSCTL_PIPE_PEEK reply, [MS-FSCC] 2.3; data follows */
struct fsctl_pipe_peek {
    uint32_t state; /* FILE_PIPE_*_STATE: 3 is connected */
    uint32_t read_data_available;
    uint32_t message_count;
    uint32_t message_length;
    struct wire_slice data;
};
#define FSCTL_PIPE_PEEK_FIXED_SIZE 16
void fsctl_pipe_peek_format(struct wr *w, const struct fsctl_pipe_peek *rsp);

/* FSCTL_SRV_REQUEST_RESUME_KEY reply, [MS-SMB2] 2.2.32.3: 32 bytes */
#define FSCTL_RESUME_KEY_SIZE 24
#define FSCTL_RESUME_KEY_RSP_SIZE 32
void fsctl_resume_key_format(struct wr *w, const uint8_t key[FSCTL_RESUME_KEY_SIZE]);
NODISCARD enum wire_err fsctl_resume_key_parse(struct wire_slice in,
                                               uint8_t key_r[FSCTL_RESUME_KEY_SIZE]);

/* FSCTL_SRV_COPYCHUNK and _WRITE, [MS-SMB2] 2.2.31.1, 2.2.32.1 */
#define FSCTL_COPYCHUNKS_MAX 256 /* ServerSideCopyMaxNumberofChunks of Windows, 3.3.3 */
struct fsctl_copychunk {
    uint64_t source_offset;
    uint64_t target_offset;
    uint32_t length;
};
struct fsctl_copychunk_req {
    uint8_t source_key[FSCTL_RESUME_KEY_SIZE];
    uint32_t count_asked; /* as sent: above FSCTL_COPYCHUNKS_MAX nothing is in chunks, and the
                             server answers its limits */
    uint32_t count;
    struct fsctl_copychunk chunks[FSCTL_COPYCHUNKS_MAX];
};
/* WIRE_SHORT: fewer chunks than ChunkCount says (not looked at when count_asked is above the
 * bound). */
NODISCARD enum wire_err fsctl_copychunk_req_parse(struct wire_slice in,
                                                  struct fsctl_copychunk_req *out);
void fsctl_copychunk_req_format(struct wr *w, const struct fsctl_copychunk_req *req);
struct fsctl_copychunk_rsp {
    uint32_t chunks_written; /* or the limits, with STATUS_INVALID_PARAMETER */
    uint32_t chunk_bytes_written;
    uint32_t total_bytes_written;
};
#define FSCTL_COPYCHUNK_RSP_SIZE 12
void fsctl_copychunk_rsp_format(struct wr *w, const struct fsctl_copychunk_rsp *rsp);
NODISCARD enum wire_err fsctl_copychunk_rsp_parse(struct wire_slice in,
                                                  struct fsctl_copychunk_rsp *out);

/* FSCTL_QUERY_NETWORK_INTERFACE_INFO reply, [MS-SMB2] 2.2.32.5: 152 bytes each, chained */
#define FSCTL_NETIF_RSS_CAPABLE 0x00000001u
#define FSCTL_NETIF_RDMA_CAPABLE 0x00000002u
struct fsctl_netif {
    uint32_t if_index;
    uint32_t capability; /* FSCTL_NETIF_* */
    uint64_t link_speed_bps;
    bool is_ipv6;
    uint8_t address[16]; /* network order; IPv4 in the first four */
    uint32_t scope_id;   /* IPv6 */
};
#define FSCTL_NETIF_SIZE 152
void fsctl_netifs_format(struct wr *w, const struct fsctl_netif *list, size_t count);

/* FSCTL_LMR_REQUEST_RESILIENCY, [MS-SMB2] 2.2.31.3 */
struct fsctl_resiliency {
    uint32_t timeout_ms;
};
NODISCARD enum wire_err fsctl_resiliency_parse(struct wire_slice in, struct fsctl_resiliency *out);

/* FSCTL_SRV_ENUMERATE_SNAPSHOTS reply, [MS-SMB2] 2.2.32.2. labels: "@GMT-2026.01.31-12.00.00".
 * Writes as many as max_bytes has room for: either all, or none with the size that is needed. */
void fsctl_snapshots_format(struct wr *w, const char *const *labels, size_t count,
                            size_t max_bytes);

/* FSCTL_SET_SPARSE, [MS-FSCC] 2.3. An empty buffer means true. */
NODISCARD enum wire_err fsctl_set_sparse_parse(struct wire_slice in, bool *out);

/* FSCTL_SET_ZERO_DATA, [MS-FSCC] 2.3 */
struct fsctl_zero_data {
    int64_t offset;
    int64_t beyond_final_zero;
};
NODISCARD enum wire_err fsctl_zero_data_parse(struct wire_slice in, struct fsctl_zero_data *out);

/* FSCTL_QUERY_ALLOCATED_RANGES, [MS-FSCC] 2.3 */
struct fsctl_range {
    int64_t offset;
    int64_t length;
};
#define FSCTL_RANGE_SIZE 16
NODISCARD enum wire_err fsctl_range_parse(struct wire_slice in, struct fsctl_range *out);
void fsctl_range_format(struct wr *w, const struct fsctl_range *range);

/* FSCTL_FILE_LEVEL_TRIM, [MS-FSCC] 2.3 */
#define FSCTL_TRIM_RANGES_MAX 256
struct fsctl_trim {
    uint32_t key;
    uint32_t count;
    struct fsctl_range ranges[FSCTL_TRIM_RANGES_MAX];
};
NODISCARD enum wire_err fsctl_trim_parse(struct wire_slice in, struct fsctl_trim *out);
#define FSCTL_TRIM_RSP_SIZE 4
void fsctl_trim_rsp_format(struct wr *w, uint32_t ranges_processed);

/* FSCTL_OFFLOAD_READ and _WRITE, [MS-FSCC] 2.3.41 to 2.3.44. Each struct begins with its own size,
 * which must be right: WIRE_SIZE. */
#define FSCTL_OFFLOAD_TOKEN_SIZE 512
#define FSCTL_OFFLOAD_TOKEN_ID_SIZE 504
#define FSCTL_OFFLOAD_TOKEN_ZERO_DATA 0xffff0001u
/* STORAGE_OFFLOAD_TOKEN, 2.1.11: type and length are big endian. */
struct fsctl_offload_token {
    uint32_t type;
    uint16_t id_len; /* FSCTL_OFFLOAD_TOKEN_ID_SIZE */
    uint8_t id[FSCTL_OFFLOAD_TOKEN_ID_SIZE];
};
struct fsctl_offload_read_req {
    uint32_t time_to_live_ms; /* 0: as the server likes */
    uint64_t file_offset;
    uint64_t copy_length;
};
NODISCARD enum wire_err fsctl_offload_read_req_parse(struct wire_slice in,
                                                     struct fsctl_offload_read_req *out);
#define FSCTL_OFFLOAD_READ_RSP_SIZE 528
void fsctl_offload_read_rsp_format(struct wr *w, uint64_t transfer_length,
                                   const struct fsctl_offload_token *token);
struct fsctl_offload_write_req {
    uint64_t file_offset;
    uint64_t copy_length;
    uint64_t transfer_offset; /* in what the token stands for */
    struct fsctl_offload_token token;
};
NODISCARD enum wire_err fsctl_offload_write_req_parse(struct wire_slice in,
                                                      struct fsctl_offload_write_req *out);
#define FSCTL_OFFLOAD_WRITE_RSP_SIZE 16
void fsctl_offload_write_rsp_format(struct wr *w, uint64_t length_written);

/* FSCTL_DUPLICATE_EXTENTS_TO_FILE and _EX in their SMB2 forms, [MS-FSCC] 2.3.7.2, 2.3.9.2 */
#define FSCTL_DUPLICATE_EXTENTS_SOURCE_ATOMIC 0x00000001u
struct fsctl_duplicate_extents {
    struct smb2_file_id source;
    int64_t source_offset;
    int64_t target_offset;
    int64_t length;
    uint32_t flags; /* _EX: FSCTL_DUPLICATE_EXTENTS_*; else 0 */
};
NODISCARD enum wire_err fsctl_duplicate_extents_parse(struct wire_slice in, bool is_ex,
                                                      struct fsctl_duplicate_extents *out);

/* FSCTL_GET_COMPRESSION reply and FSCTL_SET_COMPRESSION, [MS-FSCC] 2.3: 0 none, 1 default, 2 LZNT1
 */
NODISCARD enum wire_err fsctl_compression_parse(struct wire_slice in, uint16_t *out);
#define FSCTL_COMPRESSION_SIZE 2
void fsctl_compression_format(struct wr *w, uint16_t state);

/* FSCTL_GET_INTEGRITY_INFORMATION reply and FSCTL_SET_..., [MS-FSCC] 2.3 */
struct fsctl_integrity {
    uint16_t checksum_algorithm; /* 0xffff in a set: unchanged */
    uint32_t flags;
    uint32_t checksum_chunk_size_bytes; /* reply */
    uint32_t cluster_size_bytes;        /* reply */
};
NODISCARD enum wire_err fsctl_integrity_parse(struct wire_slice in, struct fsctl_integrity *out);
void fsctl_integrity_format(struct wr *w, const struct fsctl_integrity *info);

/* FSCTL_CREATE_OR_GET_OBJECT_ID and _GET_ reply, FSCTL_SET_OBJECT_ID: FILE_OBJECTID_BUFFER type 1,
 * [MS-FSCC] 2.1.3.1: 64 bytes */
struct fsctl_object_id {
    uint8_t object_id[WIRE_GUID_SIZE];
    uint8_t birth_volume_id[WIRE_GUID_SIZE];
    uint8_t birth_object_id[WIRE_GUID_SIZE];
    uint8_t domain_id[WIRE_GUID_SIZE];
};
#define FSCTL_OBJECT_ID_SIZE 64
NODISCARD enum wire_err fsctl_object_id_parse(struct wire_slice in, struct fsctl_object_id *out);
void fsctl_object_id_format(struct wr *w, const struct fsctl_object_id *id);

/* REPARSE_DATA_BUFFER, [MS-FSCC] 2.1.2.2; the GUID form 2.1.2.3 when the tag's Microsoft bit is
 * clear */
#define FSCTL_REPARSE_DATA_MAX 16384
struct fsctl_reparse {
    uint32_t tag;
    bool has_guid;
    uint8_t guid[WIRE_GUID_SIZE];
    struct wire_slice data;
};
/* WIRE_SIZE: ReparseDataLength does not fill the buffer, or is above FSCTL_REPARSE_DATA_MAX. */
NODISCARD enum wire_err fsctl_reparse_parse(struct wire_slice in, struct fsctl_reparse *out);
void fsctl_reparse_format(struct wr *w, const struct fsctl_reparse *reparse);

/* Symbolic link reparse data, [MS-FSCC] 2.1.2.4 (data of SMB2_IO_REPARSE_TAG_SYMLINK) */
struct fsctl_symlink {
    struct wire_slice substitute_name; /* UTF-16LE */
    struct wire_slice print_name;
    uint32_t flags; /* SMB2_SYMLINK_FLAG_RELATIVE */
};
NODISCARD enum wire_err fsctl_symlink_parse(struct wire_slice in, struct fsctl_symlink *out);
/* UTF-8 in; backslashes are the caller's business. */
void fsctl_symlink_format(struct wr *w, const char *substitute_name, const char *print_name,
                          uint32_t flags);

/* FSCTL_GET_NTFS_VOLUME_DATA reply, [MS-FSCC] 2.3: 96 bytes */
struct fsctl_ntfs_volume_data {
    uint64_t serial;
    uint64_t sector_count;
    uint64_t cluster_count;
    uint64_t free_clusters;
    uint32_t bytes_per_sector;
    uint32_t bytes_per_cluster;
};
#define FSCTL_NTFS_VOLUME_DATA_SIZE 96
void fsctl_ntfs_volume_data_format(struct wr *w, const struct fsctl_ntfs_volume_data *info);

/* FSCTL_QUERY_FILE_REGIONS, [MS-FSCC] 2.3 */
struct fsctl_file_regions_req {
    struct fsctl_range range; /* the whole file when the buffer is empty */
    uint32_t usage;           /* 1: valid cached data */
    bool is_empty;
};
NODISCARD enum wire_err fsctl_file_regions_req_parse(struct wire_slice in,
                                                     struct fsctl_file_regions_req *out);
#define FSCTL_FILE_REGIONS_FIXED_SIZE 16
#define FSCTL_FILE_REGION_SIZE 24
#define FSCTL_REGION_VALID_CACHED_DATA 1u
void fsctl_file_regions_format(struct wr *w, const struct fsctl_range *ranges, uint32_t count,
                               uint32_t total, uint32_t usage);
