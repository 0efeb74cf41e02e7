/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_fs.h"

#include "base/utf.h"

#define VOLUME_LABEL_LEN_MIN 6 /* bytes that bring FILE_FS_VOLUME_INFORMATION to 24 */

static void volume_format(struct wr *w, const struct fscc_fs_info *info)
{
    const char *label = info->label ? info->label : "";
    wr_u64(w, info->create_time);
    wr_u32(w, info->serial);
    wr_u32(w, (uint32_t)utf16_len_bytes(label));
    wr_u8(w, info->supports_objects);
    wr_u8(w, 0);
    size_t len = wr_utf16(w, label);
    /* smbclient takes less than the C structure's size for no answer at all. */
    for (; len < VOLUME_LABEL_LEN_MIN; len += 2) {
        wr_u16(w, 0);
    }
}

static void size_format(struct wr *w, const struct fscc_fs_info *info)
{
    wr_u64(w, info->total_units);
    wr_u64(w, info->available_units);
    wr_u32(w, info->sectors_per_unit);
    wr_u32(w, info->bytes_per_sector);
}

static void device_format(struct wr *w, const struct fscc_fs_info *info)
{
    wr_u32(w, info->device_type);
    wr_u32(w, info->device_characteristics);
}

static void attribute_format(struct wr *w, const struct fscc_fs_info *info)
{
    const char *name = info->fs_name ? info->fs_name : "";
    wr_u32(w, info->attributes);
    wr_u32(w, info->component_max);
    wr_u32(w, (uint32_t)utf16_len_bytes(name));
    wr_utf16(w, name);
}

static void control_format(struct wr *w, const struct fscc_fs_info *info)
{
    const struct fscc_fs_control *q = &info->control;
    wr_u64(w, q->free_space_start_filtering);
    wr_u64(w, q->free_space_threshold);
    wr_u64(w, q->free_space_stop_filtering);
    wr_u64(w, q->default_quota_threshold);
    wr_u64(w, q->default_quota_limit);
    wr_u32(w, q->flags);
    wr_u32(w, 0);
}

static void full_size_format(struct wr *w, const struct fscc_fs_info *info)
{
    wr_u64(w, info->total_units);
    wr_u64(w, info->available_units);
    wr_u64(w, info->free_units);
    wr_u32(w, info->sectors_per_unit);
    wr_u32(w, info->bytes_per_sector);
}

static void object_id_format(struct wr *w, const struct fscc_fs_info *info)
{
    wr_bytes(w, info->object_id.object_id, sizeof(info->object_id.object_id));
    wr_bytes(w, info->object_id.extended_info, sizeof(info->object_id.extended_info));
}

static uint32_t or_else(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

static void sector_size_format(struct wr *w, const struct fscc_fs_info *info)
{
    uint32_t logical = info->bytes_per_sector;
    wr_u32(w, logical);
    wr_u32(w, or_else(info->physical_sector_atomic, logical));
    wr_u32(w, or_else(info->physical_sector_performance, logical));
    wr_u32(w, or_else(info->effective_physical_sector, logical));
    wr_u32(w, info->sector_flags);
    wr_u32(w, info->sector_offset);
    wr_u32(w, info->partition_offset);
}

/* size_min: as in fscc_file.c, sizes of the C structures; smbtorture's
 * smb2.getinfo.qfs_buffercheck. */
static const struct fscc_fs_class classes[] = {
    {SMB2_FS_VOLUME_INFO, true, 24, "FileFsVolumeInformation", volume_format},
    {SMB2_FS_SIZE_INFO, false, 24, "FileFsSizeInformation", size_format},
    {SMB2_FS_DEVICE_INFO, false, 8, "FileFsDeviceInformation", device_format},
    {SMB2_FS_ATTRIBUTE_INFO, true, 16, "FileFsAttributeInformation", attribute_format},
    {SMB2_FS_CONTROL_INFO, false, 48, "FileFsControlInformation", control_format},
    {SMB2_FS_FULL_SIZE_INFO, false, 32, "FileFsFullSizeInformation", full_size_format},
    {SMB2_FS_OBJECT_ID_INFO, false, 64, "FileFsObjectIdInformation", object_id_format},
    {SMB2_FS_SECTOR_SIZE_INFO, false, 28, "FileFsSectorSizeInformation", sector_size_format},
};

const struct fscc_fs_class *fscc_fs_class_get(uint8_t info_class)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].info_class == info_class) {
            return &classes[i];
        }
    }
    return NULL;
}

uint16_t fscc_fs_query_min_size(uint8_t info_class)
{
    const struct fscc_fs_class *row = fscc_fs_class_get(info_class);
    return row ? row->size_min : 0;
}

enum wire_err fscc_fs_query_format(struct wr *w, uint8_t info_class,
                                   const struct fscc_fs_info *info)
{
    const struct fscc_fs_class *row = fscc_fs_class_get(info_class);
    if (!row) {
        return WIRE_VALUE;
    }
    row->format(w, info);
    return WIRE_OK;
}

static enum wire_err label_parse(struct cur *c, struct fscc_fs_set *s)
{
    uint32_t len = cur_u32(c);
    struct cur label = cur_take(c, len);
    if (!cur_ok(&label)) {
        return WIRE_RANGE;
    }
    s->label = wire_rest(&label);
    return len % 2 == 0 ? WIRE_OK : WIRE_VALUE;
}

static enum wire_err control_parse(struct cur *c, struct fscc_fs_set *s)
{
    s->control.free_space_start_filtering = cur_u64(c);
    s->control.free_space_threshold = cur_u64(c);
    s->control.free_space_stop_filtering = cur_u64(c);
    s->control.default_quota_threshold = cur_u64(c);
    s->control.default_quota_limit = cur_u64(c);
    s->control.flags = cur_u32(c);
    return WIRE_OK;
}

static enum wire_err object_id_parse(struct cur *c, struct fscc_fs_set *s)
{
    cur_copy(c, s->object_id.object_id, sizeof(s->object_id.object_id));
    cur_copy(c, s->object_id.extended_info, sizeof(s->object_id.extended_info));
    return WIRE_OK;
}

static const struct set_class {
    uint8_t info_class;
    uint16_t size_min;
    enum wire_err (*parse)(struct cur *c, struct fscc_fs_set *s);
} set_classes[] = {
    {SMB2_FS_LABEL_INFO, 4, label_parse},
    {SMB2_FS_CONTROL_INFO, 48, control_parse},
    {SMB2_FS_OBJECT_ID_INFO, 64, object_id_parse},
};

static const struct set_class *set_class_get(uint8_t info_class)
{
    for (size_t i = 0; i < ARRAY_LEN(set_classes); i++) {
        if (set_classes[i].info_class == info_class) {
            return &set_classes[i];
        }
    }
    return NULL;
}

bool fscc_fs_set_is_known(uint8_t info_class, uint16_t *size_min_r)
{
    const struct set_class *row = set_class_get(info_class);
    if (row && size_min_r) {
        *size_min_r = row->size_min;
    }
    return row != NULL;
}

enum wire_err fscc_fs_set_parse(struct wire_slice buffer, uint8_t info_class,
                                struct fscc_fs_set *out)
{
    struct fscc_fs_set s = {.info_class = info_class};
    *out = (struct fscc_fs_set){0};
    const struct set_class *row = set_class_get(info_class);
    if (!row) {
        return WIRE_VALUE;
    }
    if (buffer.len < row->size_min) {
        return WIRE_SHORT;
    }
    struct cur c = wire_slice_cur(buffer);
    enum wire_err err = row->parse(&c, &s);
    if (err == WIRE_OK) {
        *out = s;
    }
    return err;
}
