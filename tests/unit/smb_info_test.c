/* SPDX-License-Identifier: Apache-2.0 */
/* What each class that a client may ask for tells of one file, whose every attribute is known: not
 * only how long the answer is. [MS-FSCC] 2.4 */
#include <uchar.h>

#include "smb_faults.h"

#include "wire/fscc_dir.h"
#include "wire/fscc_file.h"
#include "wire/fscc_fs.h"
#include "wire/output.h"
#include "wire/query_directory.h"
#include "wire/query_info.h"
#include "wire/set_info.h"

#define DATA_BYTES 5000u
#define POSITION 77u
#define MODE 6u /* write through, sequential only */
#define ACCESS 0x13019fu
#define ANSWER_MAX 1024u
#define NAME u"\\folder\\A long name.text"

enum { CREATED = 1000001, ACCESSED = 2000002, WRITTEN = 3000003, CHANGED = 4000004 };

struct known {
    struct fake f;
    struct smb2_file_id id;
};

static void set(struct known *k, uint8_t info_class, struct wr *value)
{
    const struct smb2_set_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                          .info_class = info_class,
                                          .file_id = k->id,
                                          .buffer = {value->base, wr_pos(value)}};
    struct wr w = fake_request(&k->f, SMB2_SET_INFO);
    smb2_set_info_req_format(&w, &req);
    CHECK_INT(ask(&k->f, &w), SMBKIT_STATUS_SUCCESS);
}

static void make(struct known *k)
{
    static const uint8_t data[DATA_BYTES];
    struct smb2_create_rsp made = {0};
    uint8_t room[64];
    start(&k->f, NULL);
    vfs_volume_short_names_set(k->f.volume, true);
    fake_enter(&k->f, SMB2_DIALECT_311);
    CHECK_INT(fake_create_dir(&k->f, "folder", &made), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&k->f, made.file_id), SMBKIT_STATUS_SUCCESS);
    struct wr w = fake_request(&k->f, SMB2_CREATE);
    fake_create_format(&w, "folder\\A long name.text", SMBKIT_CREATE, 0, 7);
    wr_put_u32(&w, SMB2_HDR_SIZE + 40, MODE | VFS_NON_DIRECTORY_FILE);
    struct fake_reply r = fake_ask(&k->f, &w);
    CHECK_INT(fake_create_done(&r, &made), SMBKIT_STATUS_SUCCESS);
    k->id = made.file_id;
    CHECK_INT(fake_write(&k->f, k->id, 0, data, sizeof(data)), SMBKIT_STATUS_SUCCESS);
    struct wr ea = wr_init(room, sizeof(room));
    wr_zero(&ea, 5);
    wr_u8(&ea, 3);
    wr_u16(&ea, 1);
    wr_bytes(&ea, "one\0v", 5);
    set(k, SMB2_FILE_FULL_EA_INFO, &ea);
    struct wr basic = wr_init(room, sizeof(room));
    wr_u64(&basic, CREATED);
    wr_u64(&basic, ACCESSED);
    wr_u64(&basic, WRITTEN);
    wr_u64(&basic, CHANGED);
    wr_u32(&basic, SMBKIT_ATTR_HIDDEN);
    wr_u32(&basic, 0);
    set(k, SMB2_FILE_BASIC_INFO, &basic);
    struct wr position = wr_init(room, sizeof(room));
    wr_u64(&position, POSITION);
    set(k, SMB2_FILE_POSITION_INFO, &position);
}

/* The answer's bytes, up to ANSWER_MAX. */
static size_t query_of(struct known *k, uint8_t info_type, uint8_t info_class, uint8_t *p)
{
    struct wire_slice out = {0};
    const struct smb2_query_info_req req = {.info_type = info_type,
                                            .info_class = info_class,
                                            .output_max = ANSWER_MAX,
                                            .file_id = k->id};
    struct wr w = fake_request(&k->f, SMB2_QUERY_INFO);
    smb2_query_info_req_format(&w, &req);
    struct fake_reply r = fake_ask(&k->f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_output_parse(&r.body, &out), WIRE_OK);
    size_t len = MIN(out.len, ANSWER_MAX);
    memcpy(p, len ? out.p : p, len);
    fake_reply_fini(&r);
    return len;
}

static size_t query_raw(struct known *k, uint8_t info_class, uint8_t *p)
{
    return query_of(k, SMB2_0_INFO_FILE, info_class, p);
}

/* Its fields; its name in UTF-16. */
static struct fscc_file_info query(struct known *k, uint8_t info_class, uint8_t *name,
                                   size_t *name_len_r)
{
    struct fscc_file_info info;
    struct fscc_file_names names = {0};
    uint8_t p[ANSWER_MAX];
    const struct wire_slice answer = {p, query_raw(k, info_class, p)};
    CHECK_INT(fscc_file_query_parse(answer, info_class, &info, &names), WIRE_OK);
    *name_len_r = MIN(names.name.len, 256u);
    memcpy(name, names.name.p ? names.name.p : name, *name_len_r);
    return info;
}

enum {
    TIMES = 1,
    ATTRIBUTES = 2,
    SIZES = 4,
    LINKS = 8,
    ID = 16,
    EAS = 32,
    OPEN = 64, /* granted access, position, mode, alignment: one of each, or all */
    TAG = 128,
};

static void check_open(const struct fscc_file_info *i, uint8_t c)
{
    bool all = c == SMB2_FILE_ALL_INFO;
    CHECK(!(all || c == SMB2_FILE_ACCESS_INFO) || i->access == ACCESS);
    CHECK(!(all || c == SMB2_FILE_POSITION_INFO) || i->position == POSITION);
    CHECK(!(all || c == SMB2_FILE_MODE_INFO) || i->mode == MODE);
    CHECK(!(all || c == SMB2_FILE_ALIGNMENT_INFO) || i->alignment == 0);
}

static void check_file(const struct fscc_file_info *i, unsigned has, uint64_t file_id)
{
    if (has & TIMES) {
        CHECK_INT(i->create_time, CREATED);
        CHECK_INT(i->access_time, ACCESSED);
        CHECK_INT(i->write_time, WRITTEN);
        CHECK_INT(i->change_time, CHANGED);
    }
    if (has & ATTRIBUTES) {
        CHECK_INT(i->attributes, SMBKIT_ATTR_HIDDEN);
    }
    if (has & SIZES) {
        CHECK_INT(i->end_of_file, DATA_BYTES);
        CHECK(i->allocation_size >= DATA_BYTES && i->allocation_size % 512 == 0);
    }
    if (has & LINKS) {
        CHECK_INT(i->link_count, 1);
        CHECK(!i->is_delete_pending && !i->is_directory);
    }
    if (has & ID) {
        CHECK(i->file_id != 0 && i->file_id == file_id);
    }
    if (has & EAS) {
        CHECK(i->ea_size != 0);
    }
    if (has & TAG) {
        CHECK_INT(i->reparse_tag, 0);
    }
}

static void test_every_class(void)
{
    static const struct {
        uint8_t info_class;
        unsigned has;
        const char16_t *name;
    } rows[] = {
        {SMB2_FILE_BASIC_INFO, TIMES | ATTRIBUTES, u""},
        {SMB2_FILE_STANDARD_INFO, SIZES | LINKS, u""},
        {SMB2_FILE_INTERNAL_INFO, ID, u""},
        {SMB2_FILE_EA_INFO, EAS, u""},
        {SMB2_FILE_ACCESS_INFO, OPEN, u""},
        {SMB2_FILE_POSITION_INFO, OPEN, u""},
        {SMB2_FILE_MODE_INFO, OPEN, u""},
        {SMB2_FILE_ALIGNMENT_INFO, OPEN, u""},
        {SMB2_FILE_ALL_INFO, TIMES | ATTRIBUTES | SIZES | LINKS | ID | EAS | OPEN, NAME},
        {SMB2_FILE_NETWORK_OPEN_INFO, TIMES | SIZES | ATTRIBUTES, u""},
        {SMB2_FILE_ATTRIBUTE_TAG_INFO, ATTRIBUTES | TAG, u""},
        {SMB2_FILE_NAME_INFO, 0, NAME},
        {SMB2_FILE_NORMALIZED_NAME_INFO, 0, &NAME[1]},
    };
    struct known k;
    uint8_t name[256];
    size_t len;
    make(&k);
    const uint64_t file_id = query(&k, SMB2_FILE_INTERNAL_INFO, name, &len).file_id;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("class %u", rows[i].info_class);
        struct fscc_file_info info = query(&k, rows[i].info_class, name, &len);
        check_file(&info, rows[i].has, file_id);
        if (rows[i].has & OPEN) {
            check_open(&info, rows[i].info_class);
        }
        size_t want = 0;
        while (rows[i].name[want]) {
            want++;
        }
        CHECK_MEM(name, len, rows[i].name, want * 2);
    }
    test_context("%s", "");
    struct fscc_file_info id = query(&k, SMB2_FILE_ID_INFO, name, &len);
    CHECK_MEM(id.file_id_128, 8, &file_id, 8);
    struct fscc_file_info data = query(&k, SMB2_FILE_COMPRESSION_INFO, name, &len);
    CHECK_INT(data.compressed_size, DATA_BYTES);
    CHECK_INT(data.compression_format, 0);
    (void)query(&k, SMB2_FILE_ALTERNATE_NAME_INFO, name, &len);
    CHECK(len > 2 && len <= 24 && len % 2 == 0);
    stop(&k.f);
}

/* Those that have no reader of their own. */
static void test_links_and_stat(void)
{
    struct known k;
    uint8_t p[ANSWER_MAX];
    make(&k);
    CHECK_INT(query_raw(&k, SMB2_FILE_STANDARD_LINK_INFO, p), 12);
    CHECK_MEM(p, 12, "\1\0\0\0\1\0\0\0\0\0\0\0", 12);
    static const struct {
        uint8_t info_class;
        size_t len;
    } rows[] = {{SMB2_FILE_STAT_INFO, 72}, {SMB2_FILE_STAT_LX_INFO, 96}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("class %u", rows[i].info_class);
        CHECK_INT(query_raw(&k, rows[i].info_class, p), rows[i].len);
        struct cur c = cur_init(p, rows[i].len);
        CHECK(cur_u64(&c) != 0); /* its id */
        CHECK_INT(cur_u64(&c), CREATED);
        CHECK_INT(cur_u64(&c), ACCESSED);
        CHECK_INT(cur_u64(&c), WRITTEN);
        CHECK_INT(cur_u64(&c), CHANGED);
        CHECK(cur_u64(&c) >= DATA_BYTES);
        CHECK_INT(cur_u64(&c), DATA_BYTES);
        CHECK_INT(cur_u32(&c), SMBKIT_ATTR_HIDDEN);
        CHECK_INT(cur_u32(&c), 0); /* reparse tag */
        CHECK_INT(cur_u32(&c), 1); /* links */
        CHECK_INT(cur_u32(&c), ACCESS);
    }
    stop(&k.f);
}

/* The one entry of the folder that the pattern has. */
static struct fscc_dir_raw list_one(struct known *k, struct smb2_file_id folder, uint8_t info_class,
                                    uint8_t *p)
{
    struct fscc_dir_raw raw = {0};
    struct smb2_query_directory_rsp rsp = {0};
    const struct smb2_query_directory_req req = {.info_class = info_class,
                                                 .flags = SMB2_RESTART_SCANS,
                                                 .file_id = folder,
                                                 .pattern = {(const uint8_t *)u"A*", 4},
                                                 .output_max = ANSWER_MAX};
    struct wr w = fake_request(&k->f, SMB2_QUERY_DIRECTORY);
    smb2_query_directory_req_format(&w, &req);
    struct fake_reply r = fake_ask(&k->f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_query_directory_rsp_parse(&r.body, &rsp), WIRE_OK);
    size_t len = MIN(rsp.output.len, ANSWER_MAX);
    memcpy(p, len ? rsp.output.p : p, len);
    fake_reply_fini(&r);
    struct chain ch = chain_init((struct wire_slice){p, len}, 8, 9);
    struct cur element;
    CHECK(chain_next(&ch, &element));
    CHECK_INT(fscc_dir_entry_parse(&element, info_class, &raw), WIRE_OK);
    CHECK(!chain_next(&ch, &element));
    return raw;
}

/* Each class of a listing, as far as it goes: the times and sizes of all but NAMES, and the id. */
static void test_listings(void)
{
    enum { NO_ID, ID_64, ID_128, ID_BOTH };
    static const struct {
        uint8_t info_class;
        uint8_t id;
        bool has_ea_size;
        bool has_short_name;
    } rows[] = {
        {SMB2_FILE_DIRECTORY_INFO, NO_ID, false, false},
        {SMB2_FILE_FULL_DIRECTORY_INFO, NO_ID, true, false},
        {SMB2_FILE_BOTH_DIRECTORY_INFO, NO_ID, true, true},
        {SMB2_FILE_ID_BOTH_DIRECTORY_INFO, ID_64, true, true},
        {SMB2_FILE_ID_FULL_DIRECTORY_INFO, ID_64, true, false},
        {SMB2_FILE_ID_EXTD_DIRECTORY_INFO, ID_128, true, false},
        {SMB2_FILE_ID_EXTD_BOTH_DIRECTORY_INFO, ID_128, true, true},
        {SMB2_FILE_ID_64_EXTD_DIRECTORY_INFO, ID_64, true, false},
        {SMB2_FILE_ID_64_EXTD_BOTH_DIRECTORY_INFO, ID_64, true, true},
        {SMB2_FILE_ID_ALL_EXTD_DIRECTORY_INFO, ID_BOTH, true, false},
        {SMB2_FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFO, ID_BOTH, true, true},
        {SMB2_FILE_NAMES_INFO, NO_ID, false, false},
    };
    const struct wire_slice leaf = {(const uint8_t *)&NAME[8], sizeof(NAME) - 16 - 2};
    struct known k;
    struct smb2_create_rsp folder = {0};
    uint8_t p[ANSWER_MAX];
    size_t len;
    make(&k);
    const uint64_t id = query(&k, SMB2_FILE_INTERNAL_INFO, p, &len).file_id;
    CHECK_INT(fake_create(&k.f, "folder", SMBKIT_OPEN, &folder), SMBKIT_STATUS_SUCCESS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("class %u", rows[i].info_class);
        const struct fscc_dir_raw raw = list_one(&k, folder.file_id, rows[i].info_class, p);
        const struct fscc_dir_entry *e = &raw.entry;
        CHECK_MEM(raw.name.p, raw.name.len, leaf.p, leaf.len);
        if (rows[i].info_class == SMB2_FILE_NAMES_INFO) {
            continue;
        }
        CHECK_INT(e->create_time, CREATED);
        CHECK_INT(e->access_time, ACCESSED);
        CHECK_INT(e->write_time, WRITTEN);
        CHECK_INT(e->change_time, CHANGED);
        CHECK_INT(e->end_of_file, DATA_BYTES);
        CHECK(e->allocation_size >= DATA_BYTES);
        CHECK_INT(e->attributes, SMBKIT_ATTR_HIDDEN);
        CHECK_INT(e->ea_size != 0, rows[i].has_ea_size);
        CHECK_INT(raw.short_name.len > 0, rows[i].has_short_name);
        CHECK(e->file_id == (rows[i].id & ID_64 ? id : 0));
        CHECK(memcmp(e->file_id_128, &id, 8) == 0 || !(rows[i].id & ID_128));
    }
    stop(&k.f);
}

/* [MS-FSCC] 2.4.37, 2.4.38: of a pipe that is made of messages; files have none of it. */
static void test_pipes(void)
{
    static const struct {
        uint8_t info_class;
        size_t len;
        const char *want;
    } rows[] = {
        {SMB2_FILE_PIPE_INFO, 8, "01000000 00000000"},
        {SMB2_FILE_PIPE_LOCAL_INFO, 40,
         "01000000 02000000 ffffffff 01000000 00100000 00000000 00100000 00100000 03000000 "
         "00000000"},
        {SMB2_FILE_PIPE_REMOTE_INFO, 12, "0000000000000000 00000000"},
    };
    struct known k;
    struct smb2_create_rsp made = {0};
    uint8_t p[ANSWER_MAX];
    uint8_t want[64];
    make(&k);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct smb2_query_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                                .info_class = rows[i].info_class,
                                                .output_max = ANSWER_MAX,
                                                .file_id = k.id};
        struct wr w = fake_request(&k.f, SMB2_QUERY_INFO);
        smb2_query_info_req_format(&w, &req);
        CHECK_INT(ask(&k.f, &w), SMBKIT_STATUS_INVALID_PARAMETER);
    }
    CHECK_INT(fake_tree(&k.f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&k.f, "srvsvc", SMBKIT_OPEN, &made), SMBKIT_STATUS_SUCCESS);
    k.id = made.file_id;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("class %u", rows[i].info_class);
        size_t len = query_raw(&k, rows[i].info_class, p);
        CHECK_MEM(p, len, want, test_hex(want, sizeof(want), rows[i].want));
    }
    stop(&k.f);
}

static struct fscc_fs_info query_fs(struct known *k, uint8_t info_class, uint8_t *p,
                                    struct wire_slice *name_r)
{
    struct fscc_fs_info info = {0};
    const struct wire_slice answer = {p, query_of(k, SMB2_0_INFO_FILESYSTEM, info_class, p)};
    CHECK_INT(fscc_fs_query_parse(answer, info_class, &info, name_r), WIRE_OK);
    return info;
}

/* The classes of the volume agree with each other, and with what is stored there. */
static void test_volume(void)
{
    struct known k;
    uint8_t p[ANSWER_MAX];
    struct wire_slice name = {0};
    size_t len;
    make(&k);
    struct fscc_fs_info i = query_fs(&k, SMB2_FS_SIZE_INFO, p, &name);
    const struct fscc_fs_info full = query_fs(&k, SMB2_FS_FULL_SIZE_INFO, p, &name);
    CHECK(i.total_units > 0 && i.total_units == full.total_units);
    CHECK(i.available_units > 0 && i.available_units < i.total_units);
    CHECK_INT(i.available_units, full.available_units);
    CHECK(full.free_units >= full.available_units && full.free_units < full.total_units);
    CHECK_INT(i.bytes_per_sector * i.sectors_per_unit,
              full.bytes_per_sector * full.sectors_per_unit);
    const struct fscc_fs_info sector = query_fs(&k, SMB2_FS_SECTOR_SIZE_INFO, p, &name);
    CHECK_INT(sector.bytes_per_sector, i.bytes_per_sector);
    i = query_fs(&k, SMB2_FS_DEVICE_INFO, p, &name);
    CHECK_INT(i.device_type, SMB2_FILE_DEVICE_DISK);
    CHECK(i.device_characteristics & SMB2_FILE_DEVICE_IS_MOUNTED);
    i = query_fs(&k, SMB2_FS_ATTRIBUTE_INFO, p, &name);
    CHECK(i.attributes & SMB2_FS_CASE_PRESERVED_NAMES);
    CHECK_INT(i.component_max, 255);
    CHECK_MEM(name.p, name.len, u"NTFS", 8);
    i = query_fs(&k, SMB2_FS_VOLUME_INFO, p, &name);
    CHECK_MEM(name.p, name.len, u"mem", 6);
    const uint32_t serial = i.serial;
    CHECK(serial != 0);
    const struct fscc_file_info id = query(&k, SMB2_FILE_ID_INFO, p, &len);
    CHECK_INT((uint32_t)id.volume_serial, serial);
    static const uint8_t none[WIRE_GUID_SIZE];
    i = query_fs(&k, SMB2_FS_OBJECT_ID_INFO, p, &name);
    CHECK(memcmp(i.object_id.object_id, none, sizeof(none)) != 0);
    stop(&k.f);
}

/* [MS-FSA] 2.1.5.12.27: a name that is to go counts no more. */
static void test_delete_pending(void)
{
    struct known k;
    uint8_t name[256];
    size_t len;
    uint8_t one = 1;
    make(&k);
    struct wr w = wr_init(&one, 1);
    wr_u8(&w, 1);
    set(&k, SMB2_FILE_DISPOSITION_INFO, &w);
    struct fscc_file_info info = query(&k, SMB2_FILE_STANDARD_INFO, name, &len);
    CHECK_INT(info.link_count, 0);
    CHECK(info.is_delete_pending);
    info = query(&k, SMB2_FILE_ALL_INFO, name, &len);
    CHECK_INT(info.link_count, 0);
    CHECK(info.is_delete_pending);
    stop(&k.f);
}

static const struct test_case cases[] = {
    {"every class", test_every_class},
    {"listings", test_listings},
    {"links and stat", test_links_and_stat},
    {"pipes", test_pipes},
    {"the volume", test_volume},
    {"delete pending", test_delete_pending},
};
TEST_MAIN(cases)
