/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of what a client may have and ask for: each was missing in some server.
 * docs/conformance.md has the whole list. */
#include "smb_faults.h"

#include "smb/client.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "wire/query_directory.h"
#include "wire/query_info.h"
#include "wire/set_info.h"

/* A connection has so many sessions, and no more. */
static void test_sessions(void)
{
    struct fake f;
    uint8_t blob[40];
    struct wr n = wr_init(blob, sizeof(blob));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    start(&f, NULL);
    fake_enter(&f, 0x0311); /* with one */
    f.signs = false;
    for (unsigned i = 1; i <= SMB_SESSIONS_PER_CONN; i++) {
        f.session_id = 0;
        struct fake_reply r = fake_setup_round(&f, blob, sizeof(blob));
        CHECK_INT(r.status, i < SMB_SESSIONS_PER_CONN ? SMBKIT_STATUS_MORE_PROCESSING_REQUIRED
                                                      : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        fake_reply_fini(&r);
    }
    stop(&f);
}

static void two_units(struct smb_config *c)
{
    c->transact_max_bytes = 2 * 65536;
}

/* A request of so many credits, that asks for or carries so many bytes. */
static struct wr sized_request(struct fake *f, uint16_t command, uint16_t charge, uint32_t bytes)
{
    static const uint8_t data[2 * 65536 + 1];
    struct wr w = fake_request(f, command);
    wr_put_u16(&w, 6, charge);
    f->mid += charge ? charge - 1u : 0;
    const struct smb2_file_id none = {1, 1};
    const struct smb2_read_req read = {.length = bytes, .file_id = none};
    const struct smb2_write_req write = {.length = bytes, .file_id = none, .data = {data, bytes}};
    const struct smb2_query_directory_req list = {
        .info_class = SMB2_FILE_NAMES_INFO, .file_id = none, .output_max = bytes};
    const struct smb2_query_info_req query = {.info_type = SMB2_0_INFO_FILE,
                                              .info_class = SMB2_FILE_ALL_INFO,
                                              .output_max = bytes,
                                              .file_id = none};
    switch (command) {
    case SMB2_READ:
        smb2_read_req_format(&w, &read);
        break;
    case SMB2_WRITE:
        smb2_write_req_format(&w, &write);
        break;
    case SMB2_QUERY_DIRECTORY:
        smb2_query_directory_req_format(&w, &list);
        break;
    default:
        smb2_query_info_req_format(&w, &query);
        break;
    }
    return w;
}

/* What is asked for or sent is paid for, and no more than was announced. The file is none of ours:
 * whatever passes is told that. [MS-SMB2] 3.3.5.2.5, 3.3.5.12, 3.3.5.13, 3.3.5.18, 3.3.5.20 */
static void test_credit_charge(void)
{
    static const struct {
        uint16_t dialect;
        uint16_t charge;
        uint32_t bytes;
        bool passes;
    } rows[] = {
        {0x0311, 0, 65536, true},          {0x0311, 0, 65537, false}, {0x0311, 1, 65536, true},
        {0x0311, 1, 65537, false},         {0x0311, 2, 65537, true},  {0x0311, 2, 2 * 65536, true},
        {0x0311, 3, 2 * 65536 + 1, false}, {0x0202, 0, 65536, true},  {0x0202, 0, 65537, false},
        {0x0202, 2, 65537, false},
    };
    static const uint16_t commands[] = {SMB2_READ, SMB2_WRITE, SMB2_QUERY_DIRECTORY,
                                        SMB2_QUERY_INFO};
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(commands); i++) {
        size_t row = i / ARRAY_LEN(commands);
        uint16_t command = commands[i % ARRAY_LEN(commands)];
        struct fake f;
        test_context("command %u, dialect %x, charge %u, %u bytes", command, rows[row].dialect,
                     rows[row].charge, rows[row].bytes);
        start(&f, two_units);
        fake_enter(&f, rows[row].dialect);
        struct wr w = sized_request(&f, command, rows[row].charge, rows[row].bytes);
        CHECK_INT(ask(&f, &w),
                  rows[row].passes ? SMBKIT_STATUS_FILE_CLOSED : SMBKIT_STATUS_INVALID_PARAMETER);
        stop(&f);
    }
}

/* Each total by itself: of all users, of one machine, of one user. */
static void test_totals(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb_open *o = smb_open_find_any(f.server, rsp.file_id.persistent);
    REQUIRE(o);
    const struct {
        const char *name;
        atomic_uint_fast32_t *now;
        uint32_t max;
    } rows[] = {
        {"server", &f.server->opens_now, SMB_OPENS_MAX},
        {"client", &o->client->opens, SMB_OPENS_PER_CLIENT},
        {"user", &o->account->opens, SMB_OPENS_PER_USER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].name);
        CHECK_INT(atomic_load(rows[i].now), 1);
        atomic_store(rows[i].now, rows[i].max);
        CHECK_INT(fake_create(&f, "b", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_TOO_MANY_OPENED_FILES);
        CHECK_INT(atomic_load(rows[i].now), rows[i].max);
        atomic_store(rows[i].now, 1);
        CHECK_INT(fake_create(&f, "b", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
    smb_open_unref(o);
    stop(&f);
}

/* An entry of a list of EAs: where the next one is, the length of its name, the name. */
static void put_ea(struct wr *w, uint32_t next, uint8_t name_len, const char *name)
{
    wr_u32(w, next);
    wr_u8(w, 0);
    wr_u8(w, name_len);
    wr_u16(w, 1);
    wr_bytes(w, name, strlen(name) + 1);
    wr_u8(w, 'v');
}

/* Nothing of a list is set unless all of it is right. [MS-FSCC] 2.4.16, [MS-FSA] 2.1.5.15.5 */
static void test_ea_lists(void)
{
    const smbkit_status invalid_name = (smbkit_status)0x80000013;
    const smbkit_status inconsistent = (smbkit_status)0x80000014;
    static const struct {
        const char *name;
        uint32_t next;
        uint8_t len;
        const char *second;
    } rows[] = {
        {"right", 16, 5, "other"},
        {"a colon in the name", 16, 5, "ot:er"},
        {"a control in the name", 16, 5, "o\ther"},
        {"without a name", 16, 0, ""},
        {"not aligned", 13, 5, "other"},
        {"Next within the entry", 4, 5, "other"},
        {"Next beyond the end", 64, 5, "other"},
        {"Next far beyond", UINT32_MAX - 3, 5, "other"},
        {"a longer name than the list", 16, 200, "other"},
        {"a name that does not end", 16, 4, "other"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct smb2_create_rsp made = {0};
        uint8_t list[64];
        struct wr l = wr_init(list, sizeof(list));
        test_context("%s", rows[i].name);
        put_ea(&l, rows[i].next, 3, "one");
        wr_zero(&l, (rows[i].next == 13 ? 13 : 16) - wr_pos(&l));
        put_ea(&l, 0, rows[i].len, rows[i].second);
        start(&f, NULL);
        fake_enter(&f, 0x0311);
        CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &made), SMBKIT_STATUS_SUCCESS);
        const struct smb2_set_info_req set = {.info_type = SMB2_0_INFO_FILE,
                                              .info_class = SMB2_FILE_FULL_EA_INFO,
                                              .file_id = made.file_id,
                                              .buffer = {list, wr_pos(&l)}};
        struct wr w = fake_request(&f, SMB2_SET_INFO);
        smb2_set_info_req_format(&w, &set);
        smbkit_status want = i == 0 ? SMBKIT_STATUS_SUCCESS : i < 3 ? invalid_name : inconsistent;
        CHECK_INT(ask(&f, &w), want);
        const struct smb2_query_info_req query = {.info_type = SMB2_0_INFO_FILE,
                                                  .info_class = SMB2_FILE_FULL_EA_INFO,
                                                  .output_max = 4096,
                                                  .file_id = made.file_id};
        w = fake_request(&f, SMB2_QUERY_INFO);
        smb2_query_info_req_format(&w, &query);
        CHECK_INT(ask(&f, &w), i == 0 ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_EAS_ON_FILE);
        stop(&f);
    }
}

static void test_trees(void)
{
    struct fake f;
    start(&f, NULL);
    fake_enter(&f, 0x0311); /* with one */
    for (unsigned i = 1; i < SMB_TREES_PER_SESSION; i++) {
        REQUIRE(SMBKIT_OK(fake_tree(&f, "\\\\fake\\mem")));
    }
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    stop(&f);
}

/* As long as was announced, and sealed: there is room for all headers beside the data. */
static void test_largest_sealed(void)
{
    const uint32_t len = 8u << 20;
    struct fake f;
    struct smb2_create_rsp made = {0};
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    f.seals = true;
    CHECK_INT(fake_create(&f, "large", SMBKIT_CREATE, &made), SMBKIT_STATUS_SUCCESS);
    CLEANUP_MEM uint8_t *data = mem_zalloc(len);
    data[0] = 1;
    data[len - 1] = 2;
    struct wr w = fake_request(&f, SMB2_WRITE);
    wr_put_u16(&w, 6, (uint16_t)(len / 65536));
    f.mid += len / 65536 - 1;
    const struct smb2_write_req write = {
        .length = len, .file_id = made.file_id, .data = {data, len}};
    smb2_write_req_format(&w, &write);
    CHECK_INT(ask(&f, &w), SMBKIT_STATUS_SUCCESS);
    w = fake_request(&f, SMB2_READ);
    wr_put_u16(&w, 6, (uint16_t)(len / 65536));
    f.mid += len / 65536 - 1;
    const struct smb2_read_req read = {.length = len, .file_id = made.file_id};
    struct smb2_read_rsp rsp = {0};
    smb2_read_req_format(&w, &read);
    struct fake_reply r = fake_ask(&f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_read_rsp_parse(&r.body, &rsp), WIRE_OK);
    CHECK(rsp.data.len == len && memcmp(rsp.data.p, data, len) == 0);
    fake_reply_fini(&r);
    stop(&f);
}

static const struct test_case cases[] = {
    {"sessions of a connection", test_sessions},
    {"trees of a session", test_trees},
    {"each total of opens", test_totals},
    {"credit charge and announced sizes", test_credit_charge},
    {"the largest messages, sealed", test_largest_sealed},
    {"EA lists", test_ea_lists},
};
TEST_MAIN(cases)
