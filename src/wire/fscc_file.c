/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_file.h"

#include "base/utf.h"
#include "wire/fscc_priv.h"

static void times_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->create_time);
    wr_u64(w, info->access_time);
    wr_u64(w, info->write_time);
    wr_u64(w, info->change_time);
}

/* FileNameLength in bytes, FileName. */
static void name_format(struct wr *w, const char *name)
{
    const char *s = name ? name : "";
    wr_u32(w, (uint32_t)utf16_len_bytes(s));
    wr_utf16(w, s);
}

static void basic_format(struct wr *w, const struct fscc_file_info *info)
{
    times_format(w, info);
    wr_u32(w, fscc_attributes(info->attributes));
    wr_u32(w, 0);
}

static void standard_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->allocation_size);
    wr_u64(w, info->end_of_file);
    wr_u32(w, info->link_count);
    wr_u8(w, info->is_delete_pending);
    wr_u8(w, info->is_directory);
    wr_u16(w, 0);
}

static void internal_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->file_id);
}

static void ea_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->ea_size);
}

static void access_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->access);
}

static void full_name_format(struct wr *w, const struct fscc_file_info *info)
{
    name_format(w, info->name);
}

static void position_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->position);
}

static void full_ea_format(struct wr *w, const struct fscc_file_info *info)
{
    fscc_ea_list_format(w, info->eas, info->ea_count);
}

static void mode_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->mode);
}

static void alignment_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->alignment);
}

static void all_format(struct wr *w, const struct fscc_file_info *info)
{
    basic_format(w, info);
    standard_format(w, info);
    internal_format(w, info);
    ea_format(w, info);
    access_format(w, info);
    position_format(w, info);
    mode_format(w, info);
    alignment_format(w, info);
    full_name_format(w, info);
}

static void alternate_name_format(struct wr *w, const struct fscc_file_info *info)
{
    name_format(w, info->alternate_name);
}

static void stream_format(struct wr *w, const struct fscc_file_info *info)
{
    struct chain_wr cw = chain_wr_init(w, 8);
    for (size_t i = 0; i < info->stream_count; i++) {
        const struct fscc_stream *s = &info->streams[i];
        chain_wr_begin(&cw);
        wr_u32(w, (uint32_t)utf16_len_bytes(s->name));
        wr_u64(w, s->size);
        wr_u64(w, s->allocation_size);
        wr_utf16(w, s->name);
    }
}

static void pipe_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->pipe_read_mode);
    wr_u32(w, info->pipe_completion_mode);
}

static void pipe_local_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->pipe_type);
    wr_u32(w, info->pipe_configuration);
    wr_u32(w, info->pipe_instances_max);
    wr_u32(w, info->pipe_instances);
    wr_u32(w, info->pipe_inbound_quota);
    wr_u32(w, info->pipe_read_available);
    wr_u32(w, info->pipe_outbound_quota);
    wr_u32(w, info->pipe_write_quota);
    wr_u32(w, info->pipe_state);
    wr_u32(w, info->pipe_end);
}

static void pipe_remote_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->pipe_collect_time);
    wr_u32(w, info->pipe_collect_count_max);
}

static void compression_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->compressed_size);
    wr_u16(w, info->compression_format);
    wr_u8(w, info->compression_unit_shift);
    wr_u8(w, info->chunk_shift);
    wr_u8(w, info->cluster_shift);
    wr_zero(w, 3);
}

static void network_open_format(struct wr *w, const struct fscc_file_info *info)
{
    times_format(w, info);
    wr_u64(w, info->allocation_size);
    wr_u64(w, info->end_of_file);
    wr_u32(w, fscc_attributes(info->attributes));
    wr_u32(w, 0);
}

static void attribute_tag_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, fscc_attributes(info->attributes));
    wr_u32(w, info->reparse_tag);
}

/* FILE_LINKS_INFORMATION; the length of a name counts characters here, not bytes. */
static void hard_link_format(struct wr *w, const struct fscc_file_info *info)
{
    size_t start = wr_pos(w);
    wr_u32(w, 0);
    wr_u32(w, (uint32_t)info->hard_link_count);
    struct chain_wr cw = chain_wr_init(w, 8);
    for (size_t i = 0; i < info->hard_link_count; i++) {
        const struct fscc_hard_link *link = &info->hard_links[i];
        chain_wr_begin(&cw);
        wr_u32(w, 0);
        wr_u64(w, link->parent_file_id);
        wr_u32(w, (uint32_t)(utf16_len_bytes(link->name) / 2));
        wr_utf16(w, link->name);
    }
    if (wr_ok(w)) {
        wr_put_u32(w, start, (uint32_t)(wr_pos(w) - start));
    }
}

static void normalized_name_format(struct wr *w, const struct fscc_file_info *info)
{
    name_format(w, info->normalized_name);
}

static void standard_link_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u32(w, info->link_count);
    wr_u32(w, info->link_count_total);
    wr_u8(w, info->is_delete_pending);
    wr_u8(w, info->is_directory);
    wr_u16(w, 0);
}

static void id_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->volume_serial);
    wr_bytes(w, info->file_id_128, sizeof(info->file_id_128));
}

static void stat_format(struct wr *w, const struct fscc_file_info *info)
{
    wr_u64(w, info->file_id);
    times_format(w, info);
    wr_u64(w, info->allocation_size);
    wr_u64(w, info->end_of_file);
    wr_u32(w, fscc_attributes(info->attributes));
    wr_u32(w, info->reparse_tag);
    wr_u32(w, info->link_count);
    wr_u32(w, info->access);
}

static void stat_lx_format(struct wr *w, const struct fscc_file_info *info)
{
    stat_format(w, info);
    wr_u32(w, info->lx_flags);
    wr_u32(w, info->lx_uid);
    wr_u32(w, info->lx_gid);
    wr_u32(w, info->lx_mode);
    wr_u32(w, info->lx_device_major);
    wr_u32(w, info->lx_device_minor);
}

#define VARIABLE true, false
#define FIXED false, false
#define LIST true, true

/* size_min is the size of the C structure, padding and first character of a name included: that is
 * what a Windows server compares with, and what smbtorture's smb2.getinfo.qfile_buffercheck
 * expects. */
static const struct fscc_file_class classes[] = {
    {SMB2_FILE_BASIC_INFO, FIXED, false, 40, "FileBasicInformation", basic_format},
    {SMB2_FILE_STANDARD_INFO, FIXED, false, 24, "FileStandardInformation", standard_format},
    {SMB2_FILE_INTERNAL_INFO, FIXED, false, 8, "FileInternalInformation", internal_format},
    {SMB2_FILE_EA_INFO, FIXED, false, 4, "FileEaInformation", ea_format},
    {SMB2_FILE_ACCESS_INFO, FIXED, false, 4, "FileAccessInformation", access_format},
    {SMB2_FILE_NAME_INFO, VARIABLE, true, 8, "FileNameInformation", full_name_format},
    {SMB2_FILE_POSITION_INFO, FIXED, false, 8, "FilePositionInformation", position_format},
    {SMB2_FILE_FULL_EA_INFO, LIST, false, 8, "FileFullEaInformation", full_ea_format},
    {SMB2_FILE_MODE_INFO, FIXED, false, 4, "FileModeInformation", mode_format},
    {SMB2_FILE_ALIGNMENT_INFO, FIXED, false, 4, "FileAlignmentInformation", alignment_format},
    {SMB2_FILE_ALL_INFO, VARIABLE, false, 104, "FileAllInformation", all_format},
    {SMB2_FILE_ALTERNATE_NAME_INFO, VARIABLE, false, 8, "FileAlternateNameInformation",
     alternate_name_format},
    {SMB2_FILE_STREAM_INFO, LIST, false, 32, "FileStreamInformation", stream_format},
    {SMB2_FILE_PIPE_INFO, FIXED, false, 8, "FilePipeInformation", pipe_format},
    {SMB2_FILE_PIPE_LOCAL_INFO, FIXED, false, 40, "FilePipeLocalInformation", pipe_local_format},
    {SMB2_FILE_PIPE_REMOTE_INFO, FIXED, false, 12, "FilePipeRemoteInformation", pipe_remote_format},
    {SMB2_FILE_COMPRESSION_INFO, FIXED, false, 16, "FileCompressionInformation",
     compression_format},
    {SMB2_FILE_NETWORK_OPEN_INFO, FIXED, false, 56, "FileNetworkOpenInformation",
     network_open_format},
    {SMB2_FILE_ATTRIBUTE_TAG_INFO, FIXED, false, 8, "FileAttributeTagInformation",
     attribute_tag_format},
    {SMB2_FILE_HARD_LINK_INFO, VARIABLE, true, 32, "FileHardLinkInformation", hard_link_format},
    {SMB2_FILE_NORMALIZED_NAME_INFO, VARIABLE, false, 8, "FileNormalizedNameInformation",
     normalized_name_format},
    {SMB2_FILE_STANDARD_LINK_INFO, FIXED, true, 12, "FileStandardLinkInformation",
     standard_link_format},
    {SMB2_FILE_ID_INFO, FIXED, false, 24, "FileIdInformation", id_format},
    {SMB2_FILE_STAT_INFO, FIXED, true, 72, "FileStatInformation", stat_format},
    {SMB2_FILE_STAT_LX_INFO, FIXED, true, 96, "FileStatLxInformation", stat_lx_format},
};

const struct fscc_file_class *fscc_file_class_get(uint8_t info_class)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].info_class == info_class) {
            return &classes[i];
        }
    }
    return NULL;
}

uint16_t fscc_file_query_min_size(uint8_t info_class)
{
    const struct fscc_file_class *row = fscc_file_class_get(info_class);
    return row ? row->size_min : 0;
}

enum wire_err fscc_file_query_format(struct wr *w, uint8_t info_class,
                                     const struct fscc_file_info *info)
{
    const struct fscc_file_class *row = fscc_file_class_get(info_class);
    if (!row) {
        return WIRE_VALUE;
    }
    row->format(w, info);
    return WIRE_OK;
}
