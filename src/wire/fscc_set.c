/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_set.h"

static enum wire_err basic_parse(struct cur *c, struct fscc_set *s)
{
    s->basic.create_time = cur_u64(c);
    s->basic.access_time = cur_u64(c);
    s->basic.write_time = cur_u64(c);
    s->basic.change_time = cur_u64(c);
    s->basic.attributes = cur_u32(c);
    return WIRE_OK;
}

/* FileNameLength and FileName, which is UTF-16 and not empty. */
static enum wire_err name_parse(struct cur *c, struct wire_slice *name)
{
    uint32_t len = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    struct cur bytes = cur_take(c, len);
    if (!cur_ok(&bytes)) {
        return WIRE_RANGE;
    }
    if (len == 0 || len % 2 != 0) {
        return WIRE_VALUE;
    }
    *name = wire_rest(&bytes);
    return WIRE_OK;
}

static enum wire_err rename_parse(struct cur *c, struct fscc_set *s)
{
    s->rename.replace_if_exists = cur_u8(c) != 0;
    s->rename.flags = s->rename.replace_if_exists ? SMB2_FILE_RENAME_REPLACE_IF_EXISTS : 0;
    cur_skip(c, 7);
    s->rename.root_directory = cur_u64(c);
    return name_parse(c, &s->rename.name);
}

static enum wire_err rename_ex_parse(struct cur *c, struct fscc_set *s)
{
    s->rename.flags = cur_u32(c);
    s->rename.replace_if_exists = (s->rename.flags & SMB2_FILE_RENAME_REPLACE_IF_EXISTS) != 0;
    cur_skip(c, 4);
    s->rename.root_directory = cur_u64(c);
    return name_parse(c, &s->rename.name);
}

static enum wire_err disposition_parse(struct cur *c, struct fscc_set *s)
{
    s->disposition = cur_u8(c) != 0;
    return WIRE_OK;
}

static enum wire_err disposition_ex_parse(struct cur *c, struct fscc_set *s)
{
    s->disposition = cur_u32(c);
    return WIRE_OK;
}

static enum wire_err position_parse(struct cur *c, struct fscc_set *s)
{
    s->position = cur_u64(c);
    return WIRE_OK;
}

static enum wire_err full_ea_parse(struct cur *c, struct fscc_set *s)
{
    s->eas = wire_rest(c);
    return WIRE_OK;
}

static enum wire_err mode_parse(struct cur *c, struct fscc_set *s)
{
    s->mode = cur_u32(c);
    return WIRE_OK;
}

static enum wire_err allocation_parse(struct cur *c, struct fscc_set *s)
{
    s->allocation_size = cur_u64(c);
    return WIRE_OK;
}

static enum wire_err end_of_file_parse(struct cur *c, struct fscc_set *s)
{
    s->end_of_file = cur_u64(c);
    return WIRE_OK;
}

static enum wire_err pipe_parse(struct cur *c, struct fscc_set *s)
{
    s->pipe.read_mode = cur_u32(c);
    s->pipe.completion_mode = cur_u32(c);
    return WIRE_OK;
}

static enum wire_err valid_data_parse(struct cur *c, struct fscc_set *s)
{
    s->valid_data_length = cur_u64(c);
    return WIRE_OK;
}

static enum wire_err short_name_parse(struct cur *c, struct fscc_set *s)
{
    return name_parse(c, &s->short_name);
}

/* size_min of the classes with a name is the offset of the name: clients exist that send short
 * names without the padding that Windows' own structure has. */
static const struct set_class {
    uint8_t info_class;
    uint16_t size_min;
    enum wire_err (*parse)(struct cur *c, struct fscc_set *s);
} classes[] = {
    {SMB2_FILE_BASIC_INFO, 40, basic_parse},
    {SMB2_FILE_RENAME_INFO, 20, rename_parse},
    {SMB2_FILE_LINK_INFO, 20, rename_parse},
    {SMB2_FILE_DISPOSITION_INFO, 1, disposition_parse},
    {SMB2_FILE_POSITION_INFO, 8, position_parse},
    {SMB2_FILE_FULL_EA_INFO, 8, full_ea_parse},
    {SMB2_FILE_MODE_INFO, 4, mode_parse},
    {SMB2_FILE_ALLOCATION_INFO, 8, allocation_parse},
    {SMB2_FILE_END_OF_FILE_INFO, 8, end_of_file_parse},
    {SMB2_FILE_PIPE_INFO, 8, pipe_parse},
    {SMB2_FILE_VALID_DATA_LENGTH_INFO, 8, valid_data_parse},
    {SMB2_FILE_SHORT_NAME_INFO, 4, short_name_parse},
    {SMB2_FILE_DISPOSITION_INFO_EX, 4, disposition_ex_parse},
    {SMB2_FILE_RENAME_INFO_EX, 20, rename_ex_parse},
    {SMB2_FILE_LINK_INFO_EX, 20, rename_ex_parse},
};

static const struct set_class *class_get(uint8_t info_class)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].info_class == info_class) {
            return &classes[i];
        }
    }
    return NULL;
}

bool fscc_set_is_known(uint8_t info_class, uint16_t *size_min_r)
{
    const struct set_class *row = class_get(info_class);
    if (row && size_min_r) {
        *size_min_r = row->size_min;
    }
    return row != NULL;
}

enum wire_err fscc_set_parse(struct wire_slice buffer, uint8_t info_class, struct fscc_set *out)
{
    struct fscc_set s = {.info_class = info_class};
    *out = (struct fscc_set){0};
    const struct set_class *row = class_get(info_class);
    if (!row) {
        return WIRE_VALUE;
    }
    if (buffer.len < row->size_min) {
        return WIRE_SHORT;
    }
    struct cur c = wire_slice_cur(buffer);
    enum wire_err err = row->parse(&c, &s);
    if (err == WIRE_OK && !cur_ok(&c)) {
        err = WIRE_SHORT;
    }
    if (err == WIRE_OK) {
        *out = s;
    }
    return err;
}
