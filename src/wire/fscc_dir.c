/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_dir.h"

#include "base/mem.h"
#include "base/utf.h"
#include "wire/fscc_dir_priv.h"
#include "wire/fscc_priv.h"

static const struct fscc_dir_class classes[] = {
    {SMB2_FILE_DIRECTORY_INFO, 64, FSCC_DIR_ATTR, "FileDirectoryInformation"},
    {SMB2_FILE_FULL_DIRECTORY_INFO, 68, FSCC_DIR_ATTR | FSCC_DIR_EA,
     "FileFullDirectoryInformation"},
    {SMB2_FILE_BOTH_DIRECTORY_INFO, 94, FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_SHORT_FIRST,
     "FileBothDirectoryInformation"},
    {SMB2_FILE_NAMES_INFO, 12, 0, "FileNamesInformation"},
    {SMB2_FILE_ID_BOTH_DIRECTORY_INFO, 104,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_SHORT_FIRST | FSCC_DIR_ID,
     "FileIdBothDirectoryInformation"},
    {SMB2_FILE_ID_FULL_DIRECTORY_INFO, 80, FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_ID,
     "FileIdFullDirectoryInformation"},
    {SMB2_FILE_ID_EXTD_DIRECTORY_INFO, 88,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID_128,
     "FileIdExtdDirectoryInformation"},
    {SMB2_FILE_ID_EXTD_BOTH_DIRECTORY_INFO, 114,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID_128 | FSCC_DIR_SHORT_LAST,
     "FileIdExtdBothDirectoryInformation"},
    {SMB2_FILE_ID_64_EXTD_DIRECTORY_INFO, 80,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID, "FileId64ExtdDirectoryInformation"},
    {SMB2_FILE_ID_64_EXTD_BOTH_DIRECTORY_INFO, 106,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID | FSCC_DIR_SHORT_LAST,
     "FileId64ExtdBothDirectoryInformation"},
    {SMB2_FILE_ID_ALL_EXTD_DIRECTORY_INFO, 96,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID | FSCC_DIR_ID_128,
     "FileIdAllExtdDirectoryInformation"},
    {SMB2_FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFO, 122,
     FSCC_DIR_ATTR | FSCC_DIR_EA | FSCC_DIR_TAG | FSCC_DIR_ID | FSCC_DIR_ID_128 |
         FSCC_DIR_SHORT_LAST,
     "FileIdAllExtdBothDirectoryInformation"},
};

const struct fscc_dir_class *fscc_dir_class_get(uint8_t info_class)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].info_class == info_class) {
            return &classes[i];
        }
    }
    return NULL;
}

uint16_t fscc_dir_min_size(uint8_t info_class)
{
    const struct fscc_dir_class *row = fscc_dir_class_get(info_class);
    return row ? row->size_min : 0;
}

const char *fscc_dir_class_name(uint8_t info_class)
{
    const struct fscc_dir_class *row = fscc_dir_class_get(info_class);
    return row ? row->name : NULL;
}

enum wire_err fscc_dir_writer_init(struct fscc_dir_writer *dw, struct wr *w, uint8_t info_class,
                                   size_t limit)
{
    *dw = (struct fscc_dir_writer){
        .chain = chain_wr_init(w, 8),
        .limit = limit,
        .info_class = info_class,
    };
    return fscc_dir_class_get(info_class) ? WIRE_OK : WIRE_VALUE;
}

/* ShortNameLength, a byte of padding, 24 bytes of name. */
static void short_name_format(struct wr *w, const char *name)
{
    size_t len = name ? utf16_len_bytes(name) : 0;
    if (len > FSCC_DIR_SHORT_NAME_SIZE) {
        len = 0;
    }
    wr_u8(w, (uint8_t)len);
    wr_u8(w, 0);
    if (len > 0) {
        wr_utf16(w, name);
    }
    wr_zero(w, FSCC_DIR_SHORT_NAME_SIZE - len);
}

/* Times, sizes, attributes. */
static void attr_format(struct wr *w, const struct fscc_dir_entry *e)
{
    wr_u64(w, e->create_time);
    wr_u64(w, e->access_time);
    wr_u64(w, e->write_time);
    wr_u64(w, e->change_time);
    wr_u64(w, e->end_of_file);
    wr_u64(w, e->allocation_size);
    wr_u32(w, fscc_attributes(e->attributes));
}

/* What the classes have between FileNameLength and FileName. start: of the entry. */
static void extras_format(struct wr *w, uint8_t has, const struct fscc_dir_entry *e, size_t start)
{
    if (has & FSCC_DIR_EA) {
        bool tag_here = !(has & FSCC_DIR_TAG) && (e->attributes & FSCC_ATTRIBUTE_REPARSE_POINT);
        wr_u32(w, tag_here ? e->reparse_tag : e->ea_size);
    }
    if (has & FSCC_DIR_TAG) {
        wr_u32(w, e->reparse_tag);
    }
    if (has & FSCC_DIR_SHORT_FIRST) {
        short_name_format(w, e->short_name);
    }
    if (has & (FSCC_DIR_ID | FSCC_DIR_ID_128)) {
        wr_align(w, start, 8);
    }
    if (has & FSCC_DIR_ID) {
        wr_u64(w, e->file_id);
    }
    if (has & FSCC_DIR_ID_128) {
        wr_bytes(w, e->file_id_128, sizeof(e->file_id_128));
    }
    if (has & FSCC_DIR_SHORT_LAST) {
        short_name_format(w, e->short_name);
    }
}

bool fscc_dir_entry_format(struct fscc_dir_writer *dw, const struct fscc_dir_entry *e)
{
    const struct fscc_dir_class *row = fscc_dir_class_get(dw->info_class);
    ASSERT(row);
    struct wr *w = dw->chain.w;
    struct chain_wr before = dw->chain;
    size_t len = wr_pos(w);
    chain_wr_begin(&dw->chain);
    wr_u32(w, e->file_index);
    if (row->has & FSCC_DIR_ATTR) {
        attr_format(w, e);
    }
    wr_u32(w, (uint32_t)utf16_len_bytes(e->name));
    extras_format(w, row->has, e, dw->chain.last);
    wr_utf16(w, e->name);
    if (wr_ok(w) && wr_pos(w) - dw->chain.start <= dw->limit) {
        dw->count++;
        return true;
    }
    chain_wr_undo(&dw->chain, len, before.last, before.any);
    return false;
}
