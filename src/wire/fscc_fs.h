/* SPDX-License-Identifier: Apache-2.0 */
/* Volume information classes. [MS-FSCC] 2.5 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

/* FileFsControlInformation, 2.5.2; also what a set carries */
struct fscc_fs_control {
    uint64_t free_space_start_filtering;
    uint64_t free_space_threshold;
    uint64_t free_space_stop_filtering;
    uint64_t default_quota_threshold;
    uint64_t default_quota_limit;
    uint32_t flags; /* FILE_VC_* */
};

/* FileFsObjectIdInformation, 2.5.6 */
struct fscc_fs_object_id {
    uint8_t object_id[WIRE_GUID_SIZE];
    uint8_t extended_info[48];
};

struct fscc_fs_info {
    uint64_t create_time; /* Volume */
    uint32_t serial;
    bool supports_objects;
    const char *label;        /* UTF-8 */
    uint64_t total_units;     /* allocation units: Size, FullSize */
    uint64_t available_units; /* to the caller */
    uint64_t free_units;      /* on the volume: FullSize */
    uint32_t sectors_per_unit;
    uint32_t bytes_per_sector;
    uint32_t device_type;            /* SMB2_FILE_DEVICE_* */
    uint32_t device_characteristics; /* SMB2_FILE_* */
    uint32_t attributes;             /* SMB2_FS_* */
    uint32_t component_max;          /* characters */
    const char *fs_name;             /* UTF-8 */
    struct fscc_fs_control control;
    struct fscc_fs_object_id object_id;
    /* SectorSize, 2.5.8; 0 fields are taken from bytes_per_sector */
    uint32_t physical_sector_atomic;
    uint32_t physical_sector_performance;
    uint32_t effective_physical_sector;
    uint32_t sector_flags;
    uint32_t sector_offset;    /* ByteOffsetForSectorAlignment */
    uint32_t partition_offset; /* ByteOffsetForPartitionAlignment */
};

struct fscc_fs_class {
    uint8_t info_class; /* enum smb2_fs_class */
    bool is_variable;
    uint16_t size_min; /* an output buffer below this is STATUS_INFO_LENGTH_MISMATCH */
    const char *name;
    void (*format)(struct wr *w, const struct fscc_fs_info *info);
};
/* NULL: unknown or not queryable. */
const struct fscc_fs_class *fscc_fs_class_get(uint8_t info_class);
uint16_t fscc_fs_query_min_size(uint8_t info_class);
NODISCARD enum wire_err fscc_fs_query_format(struct wr *w, uint8_t info_class,
                                             const struct fscc_fs_info *info);

struct fscc_fs_set {
    uint8_t info_class;
    union {
        struct wire_slice label; /* Label 2.5.5: UTF-16LE */
        struct fscc_fs_control control;
        struct fscc_fs_object_id object_id;
    };
};
bool fscc_fs_set_is_known(uint8_t info_class, uint16_t *size_min_r);
/* Errors as fscc_set_parse. */
NODISCARD enum wire_err fscc_fs_set_parse(struct wire_slice buffer, uint8_t info_class,
                                          struct fscc_fs_set *out);

/* The client's side (client_fscc_fs.c). Names come as a raw slice. */
NODISCARD enum wire_err fscc_fs_query_parse(struct wire_slice in, uint8_t info_class,
                                            struct fscc_fs_info *out, struct wire_slice *name_r);
