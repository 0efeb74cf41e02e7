/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the volume classes. */
#include "base/mem.h"
#include "wire/fscc_fs.h"

static void slice_read(struct cur *c, uint32_t len, struct wire_slice *name)
{
    struct cur bytes = cur_take(c, len);
    *name = wire_rest(&bytes);
}

static void volume_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    info->create_time = cur_u64(c);
    info->serial = cur_u32(c);
    uint32_t len = cur_u32(c);
    info->supports_objects = cur_u8(c) != 0;
    cur_skip(c, 1);
    slice_read(c, len, name);
}

static void size_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    info->total_units = cur_u64(c);
    info->available_units = cur_u64(c);
    info->sectors_per_unit = cur_u32(c);
    info->bytes_per_sector = cur_u32(c);
}

static void device_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    info->device_type = cur_u32(c);
    info->device_characteristics = cur_u32(c);
}

static void attribute_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    info->attributes = cur_u32(c);
    info->component_max = cur_u32(c);
    uint32_t len = cur_u32(c);
    slice_read(c, len, name);
}

static void control_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    info->control.free_space_start_filtering = cur_u64(c);
    info->control.free_space_threshold = cur_u64(c);
    info->control.free_space_stop_filtering = cur_u64(c);
    info->control.default_quota_threshold = cur_u64(c);
    info->control.default_quota_limit = cur_u64(c);
    info->control.flags = cur_u32(c);
    cur_skip(c, 4);
}

static void full_size_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    info->total_units = cur_u64(c);
    info->available_units = cur_u64(c);
    info->free_units = cur_u64(c);
    info->sectors_per_unit = cur_u32(c);
    info->bytes_per_sector = cur_u32(c);
}

static void object_id_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    cur_copy(c, info->object_id.object_id, sizeof(info->object_id.object_id));
    cur_copy(c, info->object_id.extended_info, sizeof(info->object_id.extended_info));
}

static void sector_size_read(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name)
{
    (void)name;
    info->bytes_per_sector = cur_u32(c);
    info->physical_sector_atomic = cur_u32(c);
    info->physical_sector_performance = cur_u32(c);
    info->effective_physical_sector = cur_u32(c);
    info->sector_flags = cur_u32(c);
    info->sector_offset = cur_u32(c);
    info->partition_offset = cur_u32(c);
}

static const struct {
    uint8_t info_class;
    void (*read)(struct cur *c, struct fscc_fs_info *info, struct wire_slice *name);
} readers[] = {
    {SMB2_FS_VOLUME_INFO, volume_read},       {SMB2_FS_SIZE_INFO, size_read},
    {SMB2_FS_DEVICE_INFO, device_read},       {SMB2_FS_ATTRIBUTE_INFO, attribute_read},
    {SMB2_FS_CONTROL_INFO, control_read},     {SMB2_FS_FULL_SIZE_INFO, full_size_read},
    {SMB2_FS_OBJECT_ID_INFO, object_id_read}, {SMB2_FS_SECTOR_SIZE_INFO, sector_size_read},
};

enum wire_err fscc_fs_query_parse(struct wire_slice in, uint8_t info_class,
                                  struct fscc_fs_info *out, struct wire_slice *name_r)
{
    *out = (struct fscc_fs_info){0};
    *name_r = (struct wire_slice){0};
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (readers[i].info_class != info_class) {
            continue;
        }
        struct fscc_fs_info info = {0};
        struct wire_slice name = {0};
        struct cur c = wire_slice_cur(in);
        readers[i].read(&c, &info, &name);
        if (!cur_ok(&c)) {
            return WIRE_SHORT;
        }
        *out = info;
        *name_r = name;
        return WIRE_OK;
    }
    return WIRE_VALUE;
}
