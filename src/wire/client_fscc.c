/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the file classes: what a server's answer says. */
#include "base/mem.h"
#include "wire/fscc_file.h"

struct reader {
    struct cur *c;
    struct fscc_file_info *info;
    struct fscc_file_names *names;
};

static void times_read(struct reader *r)
{
    r->info->create_time = cur_u64(r->c);
    r->info->access_time = cur_u64(r->c);
    r->info->write_time = cur_u64(r->c);
    r->info->change_time = cur_u64(r->c);
}

static void name_read(struct reader *r)
{
    uint32_t len = cur_u32(r->c);
    struct cur name = cur_take(r->c, len);
    r->names->name = wire_rest(&name);
}

static void basic_read(struct reader *r)
{
    times_read(r);
    r->info->attributes = cur_u32(r->c);
    cur_skip(r->c, 4);
}

static void standard_read(struct reader *r)
{
    r->info->allocation_size = cur_u64(r->c);
    r->info->end_of_file = cur_u64(r->c);
    r->info->link_count = cur_u32(r->c);
    r->info->is_delete_pending = cur_u8(r->c) != 0;
    r->info->is_directory = cur_u8(r->c) != 0;
    cur_skip(r->c, 2);
}

static void internal_read(struct reader *r)
{
    r->info->file_id = cur_u64(r->c);
}

static void ea_read(struct reader *r)
{
    r->info->ea_size = cur_u32(r->c);
}

static void access_read(struct reader *r)
{
    r->info->access = cur_u32(r->c);
}

static void position_read(struct reader *r)
{
    r->info->position = cur_u64(r->c);
}

static void mode_read(struct reader *r)
{
    r->info->mode = cur_u32(r->c);
}

static void alignment_read(struct reader *r)
{
    r->info->alignment = cur_u32(r->c);
}

static void all_read(struct reader *r)
{
    basic_read(r);
    standard_read(r);
    internal_read(r);
    ea_read(r);
    access_read(r);
    position_read(r);
    mode_read(r);
    alignment_read(r);
    name_read(r);
}

static void compression_read(struct reader *r)
{
    r->info->compressed_size = cur_u64(r->c);
    r->info->compression_format = cur_u16(r->c);
    r->info->compression_unit_shift = cur_u8(r->c);
    r->info->chunk_shift = cur_u8(r->c);
    r->info->cluster_shift = cur_u8(r->c);
    cur_skip(r->c, 3);
}

static void network_open_read(struct reader *r)
{
    times_read(r);
    r->info->allocation_size = cur_u64(r->c);
    r->info->end_of_file = cur_u64(r->c);
    r->info->attributes = cur_u32(r->c);
    cur_skip(r->c, 4);
}

static void attribute_tag_read(struct reader *r)
{
    r->info->attributes = cur_u32(r->c);
    r->info->reparse_tag = cur_u32(r->c);
}

static void id_read(struct reader *r)
{
    r->info->volume_serial = cur_u64(r->c);
    cur_copy(r->c, r->info->file_id_128, sizeof(r->info->file_id_128));
}

static const struct {
    uint8_t info_class;
    void (*read)(struct reader *r);
} readers[] = {
    {SMB2_FILE_BASIC_INFO, basic_read},
    {SMB2_FILE_STANDARD_INFO, standard_read},
    {SMB2_FILE_INTERNAL_INFO, internal_read},
    {SMB2_FILE_EA_INFO, ea_read},
    {SMB2_FILE_ACCESS_INFO, access_read},
    {SMB2_FILE_NAME_INFO, name_read},
    {SMB2_FILE_POSITION_INFO, position_read},
    {SMB2_FILE_MODE_INFO, mode_read},
    {SMB2_FILE_ALIGNMENT_INFO, alignment_read},
    {SMB2_FILE_ALL_INFO, all_read},
    {SMB2_FILE_ALTERNATE_NAME_INFO, name_read},
    {SMB2_FILE_COMPRESSION_INFO, compression_read},
    {SMB2_FILE_NETWORK_OPEN_INFO, network_open_read},
    {SMB2_FILE_ATTRIBUTE_TAG_INFO, attribute_tag_read},
    {SMB2_FILE_NORMALIZED_NAME_INFO, name_read},
    {SMB2_FILE_ID_INFO, id_read},
};

enum wire_err fscc_file_query_parse(struct wire_slice in, uint8_t info_class,
                                    struct fscc_file_info *out, struct fscc_file_names *names)
{
    *out = (struct fscc_file_info){0};
    *names = (struct fscc_file_names){0};
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (readers[i].info_class != info_class) {
            continue;
        }
        struct fscc_file_info info = {0};
        struct fscc_file_names found = {0};
        struct cur c = wire_slice_cur(in);
        readers[i].read(&(struct reader){.c = &c, .info = &info, .names = &found});
        if (!cur_ok(&c)) {
            return WIRE_SHORT;
        }
        *out = info;
        *names = found;
        return WIRE_OK;
    }
    return WIRE_VALUE;
}

enum wire_err fscc_stream_parse(struct cur *element, struct fscc_stream_raw *out)
{
    struct fscc_stream_raw s = {0};
    *out = s;
    uint32_t len = cur_u32(element);
    s.size = cur_u64(element);
    s.allocation_size = cur_u64(element);
    struct cur name = cur_take(element, len);
    if (!cur_ok(&name)) {
        return WIRE_SHORT;
    }
    s.name = wire_rest(&name);
    *out = s;
    return WIRE_OK;
}
