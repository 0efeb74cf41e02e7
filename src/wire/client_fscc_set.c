/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the classes that SET_INFO sets, of directory entries and of volumes. */
#include "base/mem.h"
#include "wire/fscc_dir.h"
#include "wire/fscc_dir_priv.h"
#include "wire/fscc_fs.h"
#include "wire/fscc_set.h"

static void basic_format(struct wr *w, const struct fscc_set *s)
{
    wr_u64(w, s->basic.create_time);
    wr_u64(w, s->basic.access_time);
    wr_u64(w, s->basic.write_time);
    wr_u64(w, s->basic.change_time);
    wr_u32(w, s->basic.attributes);
    wr_u32(w, 0);
}

static void rename_format(struct wr *w, const struct fscc_set *s)
{
    bool is_ex =
        s->info_class == SMB2_FILE_RENAME_INFO_EX || s->info_class == SMB2_FILE_LINK_INFO_EX;
    size_t start = wr_pos(w);
    wr_u32(w, is_ex ? s->rename.flags : s->rename.replace_if_exists);
    wr_u32(w, 0);
    wr_u64(w, s->rename.root_directory);
    wr_u32(w, (uint32_t)s->rename.name.len);
    wire_put_slice(w, s->rename.name);
    /* Windows' servers want the whole C structure, 24 bytes. */
    if (wr_ok(w) && wr_pos(w) - start < 24) {
        wr_zero(w, 24 - (wr_pos(w) - start));
    }
}

void fscc_set_format(struct wr *w, const struct fscc_set *set)
{
    switch (set->info_class) {
    case SMB2_FILE_BASIC_INFO:
        basic_format(w, set);
        break;
    case SMB2_FILE_RENAME_INFO:
    case SMB2_FILE_RENAME_INFO_EX:
    case SMB2_FILE_LINK_INFO:
    case SMB2_FILE_LINK_INFO_EX:
        rename_format(w, set);
        break;
    case SMB2_FILE_DISPOSITION_INFO:
        wr_u8(w, (uint8_t)set->disposition);
        break;
    case SMB2_FILE_DISPOSITION_INFO_EX:
        wr_u32(w, set->disposition);
        break;
    case SMB2_FILE_MODE_INFO:
        wr_u32(w, set->mode);
        break;
    case SMB2_FILE_POSITION_INFO:
        wr_u64(w, set->position);
        break;
    case SMB2_FILE_ALLOCATION_INFO:
        wr_u64(w, set->allocation_size);
        break;
    case SMB2_FILE_END_OF_FILE_INFO:
        wr_u64(w, set->end_of_file);
        break;
    case SMB2_FILE_VALID_DATA_LENGTH_INFO:
        wr_u64(w, set->valid_data_length);
        break;
    case SMB2_FILE_PIPE_INFO:
        wr_u32(w, set->pipe.read_mode);
        wr_u32(w, set->pipe.completion_mode);
        break;
    case SMB2_FILE_SHORT_NAME_INFO:
        wr_u32(w, (uint32_t)set->short_name.len);
        wire_put_slice(w, set->short_name);
        break;
    case SMB2_FILE_FULL_EA_INFO:
        wire_put_slice(w, set->eas);
        break;
    default:
        ASSERT(!"a class that fscc_set_is_known");
    }
}

static void attr_read(struct cur *c, struct fscc_dir_entry *e)
{
    e->create_time = cur_u64(c);
    e->access_time = cur_u64(c);
    e->write_time = cur_u64(c);
    e->change_time = cur_u64(c);
    e->end_of_file = cur_u64(c);
    e->allocation_size = cur_u64(c);
    e->attributes = cur_u32(c);
}

static void short_name_read(struct cur *c, struct wire_slice *name)
{
    uint8_t len = cur_u8(c);
    cur_skip(c, 1);
    struct cur bytes = cur_take(c, FSCC_DIR_SHORT_NAME_SIZE);
    struct cur used = cur_take(&bytes, len);
    if (!cur_ok(&used)) {
        cur_fail(c);
    }
    *name = wire_rest(&used);
}

static void extras_read(struct cur *c, uint8_t has, struct fscc_dir_raw *r)
{
    if (has & FSCC_DIR_EA) {
        r->entry.ea_size = cur_u32(c);
    }
    if (has & FSCC_DIR_TAG) {
        r->entry.reparse_tag = cur_u32(c);
    }
    if (has & FSCC_DIR_SHORT_FIRST) {
        short_name_read(c, &r->short_name);
    }
    if (has & (FSCC_DIR_ID | FSCC_DIR_ID_128)) {
        cur_align(c, 8);
    }
    if (has & FSCC_DIR_ID) {
        r->entry.file_id = cur_u64(c);
    }
    if (has & FSCC_DIR_ID_128) {
        cur_copy(c, r->entry.file_id_128, sizeof(r->entry.file_id_128));
    }
    if (has & FSCC_DIR_SHORT_LAST) {
        short_name_read(c, &r->short_name);
    }
}

enum wire_err fscc_dir_entry_parse(struct cur *element, uint8_t info_class,
                                   struct fscc_dir_raw *out)
{
    struct fscc_dir_raw r = {0};
    *out = r;
    const struct fscc_dir_class *row = fscc_dir_class_get(info_class);
    if (!row) {
        return WIRE_VALUE;
    }
    r.entry.file_index = cur_u32(element);
    if (row->has & FSCC_DIR_ATTR) {
        attr_read(element, &r.entry);
    }
    uint32_t name_len = cur_u32(element);
    extras_read(element, row->has, &r);
    if (!cur_ok(element)) {
        return WIRE_SHORT;
    }
    struct cur name = cur_take(element, name_len);
    if (!cur_ok(&name)) {
        return WIRE_RANGE;
    }
    r.name = wire_rest(&name);
    *out = r;
    return WIRE_OK;
}
