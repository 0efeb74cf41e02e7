/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a DFS namespace: names, links, referrals, and who is told of them. */
#include "smb_fake_client.h"
#include "smb_late.h"

#include "base/str.h"
#include "base/utf.h"
#include "smb/dfs.h"
#include "wire/dfs.h"
#include "wire/fsctl.h"
#include "wire/ioctl.h"
#include "wire/tree_connect.h"

/* ---- names ---- */

static void test_names(void)
{
    static const struct {
        const char *name, *below;
    } rows[] = {
        {"server\\root\\a\\b", "a\\b"},
        {"server\\ROOT\\a", "a"},
        {"server\\root", ""},
        {"server\\root\\", ""},
        {"\\server\\root\\a", "a"},
        {"\\\\192.0.2.1\\root\\a", "a"},
        {"server\\root\\root\\a", "root\\a"},
        {"server\\root:s", "server\\root:s"},
        {"server\\other\\a", "server\\other\\a"},
        {"server\\rootless\\a", "server\\rootless\\a"},
        {"server", "server"},
        {"root\\a", "root\\a"},
        {"\\a", "\\a"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].name);
        CHECK_STR(smb_dfs_name_below(rows[i].name, "Root"), rows[i].below);
    }
}

/* ---- links ---- */

static void link_format(struct wr *w, const char *target)
{
    struct wr data = wr_new(FSCTL_REPARSE_DATA_MAX);
    fsctl_symlink_format(&data, target, target, SMB2_SYMLINK_FLAG_RELATIVE);
    const struct fsctl_reparse reparse = {.tag = SMB2_IO_REPARSE_TAG_SYMLINK,
                                          .data = {data.base, wr_pos(&data)}};
    fsctl_reparse_format(w, &reparse);
    wr_fini(&data);
}

static void test_links(void)
{
    static const struct {
        const char *text;
        size_t count;
        const char *first, *last;
    } rows[] = {
        {"msdfs:a\\b", 1, "\\a\\b", "\\a\\b"},
        {"MsDfs:a\\b\\c d", 1, "\\a\\b\\c d", "\\a\\b\\c d"},
        {"msdfs:a/b/c,d\\e", 2, "\\a\\b\\c", "\\d\\e"},
        {"msdfs:\\\\a\\b,//c/d", 2, "\\a\\b", "\\c\\d"},
        {"msdfs:,a\\b,,c\\d,", 2, "\\a\\b", "\\c\\d"},
        {"msdfs:a,b\\c", 1, "\\b\\c", "\\b\\c"},
        {"msdfs\uf022a\uf026b", 1, "\\a\\b", "\\a\\b"},
        {"msdfs:", 0, NULL, NULL},
        {"msdfs:a", 0, NULL, NULL},
        {"msdfs:a\\", 0, NULL, NULL},
        {"msdfs:a\\\\", 0, NULL, NULL},
        {"msdfs:\\,/", 0, NULL, NULL},
        {"msdfs", 0, NULL, NULL},
        {"a\\msdfs:b\\c", 0, NULL, NULL},
        {"", 0, NULL, NULL},
    };
    static struct smb_dfs_link link;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
        link_format(&w, rows[i].text);
        test_context("%s", rows[i].text);
        CHECK_INT(smb_dfs_link_parse(&w, &link), rows[i].count > 0);
        CHECK_INT(smb_dfs_is_link(&w), rows[i].count > 0);
        REQUIRE(link.count == rows[i].count);
        if (link.count > 0) {
            CHECK_STR(link.targets[0], rows[i].first);
            CHECK_STR(link.targets[link.count - 1], rows[i].last);
            smb_dfs_link_fini(&link);
        }
        wr_fini(&w);
    }
}

/* Targets up to the bound are told, and as long as the text has room for. */
static void test_many_targets(void)
{
    static struct smb_dfs_link link;
    for (size_t n = SMB_DFS_TARGETS_MAX - 1; n <= SMB_DFS_TARGETS_MAX + 1; n++) {
        struct wr text = wr_new(8192);
        wr_bytes(&text, "msdfs:", 6);
        for (size_t i = 0; i < n; i++) {
            wr_bytes(&text, "a\\b,", 4);
        }
        wr_u8(&text, 0);
        struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
        link_format(&w, (const char *)text.base);
        REQUIRE(smb_dfs_link_parse(&w, &link));
        CHECK_INT(link.count, MIN(n, SMB_DFS_TARGETS_MAX));
        CHECK_STR(link.targets[link.count - 1], "\\a\\b");
        smb_dfs_link_fini(&link);
        wr_fini(&w);
        wr_fini(&text);
    }
}

/* ---- a conversation ---- */

static bool was_late; /* a plugin's call of the last IOCTL */

static void share_set(struct fake *f, bool dfs_root, bool encrypt,
                      const struct smb_admission *admission)
{
    const struct smb_share_spec spec = {.name = "mem",
                                        .volume = f->volume,
                                        .encrypt = encrypt,
                                        .dfs_root = dfs_root,
                                        .admission = admission};
    CHECK_INT(smb_server_share_set(f->server, &spec), SMBKIT_STATUS_SUCCESS);
}

static smbkit_status control(struct fake *f, struct smb2_ioctl_req *req, struct fake_reply *reply,
                             struct wire_slice *out)
{
    struct smb2_ioctl_rsp rsp;
    struct wr w = fake_request(f, SMB2_IOCTL);
    req->flags = SMB2_0_IOCTL_IS_FSCTL;
    smb2_ioctl_req_format(&w, req);
    fake_submit(f, &w);
    was_late = late.op != NULL;
    if (was_late) {
        late_complete();
        fake_pump(f);
    }
    *reply = fake_take(f);
    if (was_late && reply->status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(reply);
        *reply = fake_take(f);
    }
    *out = (struct wire_slice){0};
    if (SMBKIT_OK(reply->status)) {
        CHECK_INT(smb2_ioctl_rsp_parse(&reply->body, &rsp), WIRE_OK);
        *out = rsp.output;
    }
    return reply->status;
}

static void make_link(struct fake *f, const char *name, const char *target)
{
    struct smb2_create_rsp open = {0};
    struct fake_reply r;
    struct wire_slice out;
    struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
    link_format(&w, target);
    CHECK_INT(fake_create(f, name, SMBKIT_CREATE, &open), SMBKIT_STATUS_SUCCESS);
    struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_SET_REPARSE_POINT,
                                 .file_id = open.file_id,
                                 .input = {w.base, wr_pos(&w)}};
    CHECK_INT(control(f, &req, &r, &out), SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
    CHECK_INT(fake_close_file(f, open.file_id), SMBKIT_STATUS_SUCCESS);
    wr_fini(&w);
}

/* dir\link leads to two places, dir\plain is a link of another kind; dir\x is no link. */
static void enter(struct fake *f)
{
    struct smb2_create_rsp open = {0};
    fake_init(f);
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
    share_set(f, true, false, NULL);
    f->credits = 10;
    fake_enter(f, SMB2_DIALECT_311);
    CHECK_INT(fake_create_dir(f, "dir", &open), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, open.file_id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(f, "dir\\x", SMBKIT_CREATE, &open), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, open.file_id), SMBKIT_STATUS_SUCCESS);
    make_link(f, "dir\\link", "msdfs:one\\s,two\\t\\u");
    make_link(f, "dir\\plain", "elsewhere");
}

static void leave(struct fake *f)
{
    fake_disconnect(f);
    fake_stop(f);
}

static smbkit_status open_it(struct fake *f, const char *name, uint32_t flags, uint32_t options)
{
    struct smb2_create_rsp rsp = {0};
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN, 0, 7);
    wr_put_u32(&w, 16, flags);
    wr_put_u32(&w, SMB2_HDR_SIZE + 40, options);
    struct fake_reply r = fake_ask(f, &w);
    smbkit_status status = fake_create_done(&r, &rsp);
    if (SMBKIT_OK(status)) {
        CHECK_INT(fake_close_file(f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    }
    return status;
}

/* [MS-SMB2] 3.3.5.9, [MS-DFSC] 3.2.4.1 */
static void test_opens(void)
{
    static const uint32_t DFS = SMB2_FLAGS_DFS_OPERATIONS;
    static const struct {
        const char *name;
        uint32_t flags, options;
        smbkit_status in_root, elsewhere;
    } rows[] = {
        {"s\\mem\\dir\\x", DFS, 0, SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"s\\mem", DFS, 0, SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"s\\mem\\dir\\x", 0, 0, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND,
         SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"dir\\x", DFS, 0, SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_SUCCESS},
        {"s\\mem\\dir\\link", DFS, 0, SMBKIT_STATUS_PATH_NOT_COVERED,
         SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"s\\mem\\dir\\LINK\\a\\b", DFS, 0, SMBKIT_STATUS_PATH_NOT_COVERED,
         SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"dir\\link\\a", DFS, 0, SMBKIT_STATUS_PATH_NOT_COVERED, SMBKIT_STATUS_STOPPED_ON_SYMLINK},
        {"dir\\link:s", DFS, 0, SMBKIT_STATUS_PATH_NOT_COVERED,
         SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED},
        {"dir\\link", 0, 0, SMBKIT_STATUS_STOPPED_ON_SYMLINK, SMBKIT_STATUS_STOPPED_ON_SYMLINK},
        {"dir\\link\\a", 0, 0, SMBKIT_STATUS_STOPPED_ON_SYMLINK, SMBKIT_STATUS_STOPPED_ON_SYMLINK},
        {"dir\\link:s", 0, 0, SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED,
         SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED},
        {"dir\\plain\\a", DFS, 0, SMBKIT_STATUS_STOPPED_ON_SYMLINK,
         SMBKIT_STATUS_STOPPED_ON_SYMLINK},
        {"dir\\plain:s", DFS, 0, SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED,
         SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED},
        {"dir\\link", DFS, VFS_OPEN_REPARSE_POINT, SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_SUCCESS},
        {"dir\\link\\a", DFS, VFS_OPEN_REPARSE_POINT, SMBKIT_STATUS_PATH_NOT_COVERED,
         SMBKIT_STATUS_STOPPED_ON_SYMLINK},
    };
    struct fake f;
    enter(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s, flags %x, options %x", rows[i].name, rows[i].flags, rows[i].options);
        CHECK_INT(open_it(&f, rows[i].name, rows[i].flags, rows[i].options), rows[i].in_root);
    }
    share_set(&f, false, false, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("no root: %s, flags %x", rows[i].name, rows[i].flags);
        CHECK_INT(open_it(&f, rows[i].name, rows[i].flags, rows[i].options), rows[i].elsewhere);
    }
    leave(&f);
}

/* ---- referrals ---- */

static struct dfs_referrals told;

struct question {
    const char *path;
    uint16_t version;
    bool is_ex;
    uint32_t room;
};

/* *targets_r: "path > target, target"; owned; NULL unless it is answered. */
static smbkit_status ask(struct fake *f, const struct question *q, char **targets_r)
{
    uint8_t name[512];
    struct wr n = wr_init(name, sizeof(name));
    struct wr in = wr_new(1024);
    struct fake_reply r;
    struct wire_slice out;
    wr_utf16(&n, q->path);
    const struct dfs_referral_req asked = {.version_max = q->version, .path = {name, wr_pos(&n)}};
    dfs_referral_req_format(&in, q->is_ex, &asked);
    struct smb2_ioctl_req req = {.ctl_code = q->is_ex ? SMB2_FSCTL_DFS_GET_REFERRALS_EX
                                                      : SMB2_FSCTL_DFS_GET_REFERRALS,
                                 .file_id = {UINT64_MAX, UINT64_MAX},
                                 .input = {in.base, wr_pos(&in)},
                                 .max_output_response = q->room ? q->room : 4096};
    smbkit_status status = control(f, &req, &r, &out);
    *targets_r = NULL;
    if (SMBKIT_OK(status)) {
        CHECK_INT(dfs_referral_rsp_parse(out, &told), WIRE_OK);
        char *text = str_printf("%u >", told.path_consumed_bytes / 2);
        for (uint16_t i = 0; i < told.count; i++) {
            char *target = utf16le_to_utf8(told.entries[i].target.p, told.entries[i].target.len);
            char *more = str_printf("%s %s", text, target);
            mem_free(target);
            mem_free(text);
            text = more;
        }
        *targets_r = text;
    }
    fake_reply_fini(&r);
    wr_fini(&in);
    return status;
}

static void check_ask(struct fake *f, const struct question *q, smbkit_status status,
                      const char *targets)
{
    char *got;
    test_context("%s version %u room %u", q->path, q->version, q->room);
    CHECK_INT(ask(f, q, &got), status);
    CHECK_STR(got ? got : "", targets);
    mem_free(got);
}

/* [MS-DFSC] 3.2.5 */
static void test_referrals(void)
{
    static const struct {
        struct question q;
        smbkit_status status;
        const char *targets; /* UTF-16 units of the path that are consumed, and where to */
    } rows[] = {
        {{"\\S\\mem", 4}, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem"},
        {{"\\S\\MEM\\", 3}, SMBKIT_STATUS_SUCCESS, "6 > \\S\\MEM"},
        {{"\\\\S\\mem", 3}, SMBKIT_STATUS_SUCCESS, "7 > \\S\\mem"},
        {{"S\\mem", 3}, SMBKIT_STATUS_SUCCESS, "5 > \\S\\mem"},
        {{"\\S\\mem\\dir\\link", 4}, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\LINK\\more\\below", 4},
         SMBKIT_STATUS_SUCCESS,
         "15 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\link:s", 4}, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u"},
        {{"\\\u00fc\U0001d11e\\mem\\dir\\link\\\u00e4", 2},
         SMBKIT_STATUS_SUCCESS,
         "17 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\x", 4}, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem"},
        {{"\\S\\mem\\dir\\plain\\y", 4}, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem"},
        {{"\\S\\mem\\nowhere\\y", 4}, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem"},
        {{"\\S\\mem\\a*b", 4}, SMBKIT_STATUS_OBJECT_NAME_INVALID, ""},
        {{"\\S\\mem\\dir\\link", 4, .is_ex = true},
         SMBKIT_STATUS_SUCCESS,
         "15 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\link", 1}, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\link", 0}, SMBKIT_STATUS_INVALID_PARAMETER, ""},
        {{"\\S\\mem\\dir\\link", 0xffff}, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u"},
        {{"\\S\\mem\\dir\\link", 4, .room = 8}, SMBKIT_STATUS_BUFFER_OVERFLOW, ""},
        {{"\\S\\mem\\dir\\link", 4, .room = 100}, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s"},
        {{"\\S\\other", 4}, SMBKIT_STATUS_NOT_FOUND, ""},
        {{"\\S\\SYSVOL", 4}, SMBKIT_STATUS_NOT_FOUND, ""},
        {{"\\S\\IPC$", 4}, SMBKIT_STATUS_NOT_FOUND, ""},
        {{"\\S", 4}, SMBKIT_STATUS_INVALID_PARAMETER, ""},
        {{"\\S\\", 4}, SMBKIT_STATUS_INVALID_PARAMETER, ""},
        {{"\\", 4}, SMBKIT_STATUS_INVALID_PARAMETER, ""},
        {{"", 4}, SMBKIT_STATUS_INVALID_PARAMETER, ""},
    };
    struct fake f;
    enter(&f);
    CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_ask(&f, &rows[i].q, rows[i].status, rows[i].targets);
        if (SMBKIT_OK(rows[i].status)) {
            uint16_t version = MIN(rows[i].q.version, DFS_VERSION_MAX);
            CHECK_INT(told.entries[0].version, version);
            CHECK_INT(told.entries[0].ttl_sec, version > 1 ? SMB_DFS_TTL_SEC : 0);
            CHECK_INT(told.header_flags & DFS_HEADER_REFERRAL_SERVERS,
                      told.entries[0].server_type == DFS_SERVER_TYPE_ROOT);
        }
    }
    share_set(&f, false, false, NULL);
    check_ask(&f, &rows[0].q, SMBKIT_STATUS_FS_DRIVER_REQUIRED, "");
    leave(&f);
}

/* [MS-SMB2] 2.2.31: the parts of a request that are wrong. */
static void test_bad_requests(void)
{
    static const struct {
        const char *name, *hex;
        bool is_ex;
    } rows[] = {
        {"nothing", "", false},
        {"no path", "0400", false},
        {"a path without end", "0400 5c005300", false},
        {"a lone half", "0400 5c", false},
        {"ex: nothing", "", true},
        {"ex: a path that is not there", "0400 0000 10000000 0e00 5c00", true},
        {"ex: a terminator within", "0400 0000 08000000 0600 5c0000005c00", true},
    };
    struct fake f;
    enter(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[64];
        struct fake_reply r;
        struct wire_slice out;
        struct smb2_ioctl_req req = {.ctl_code = rows[i].is_ex ? SMB2_FSCTL_DFS_GET_REFERRALS_EX
                                                               : SMB2_FSCTL_DFS_GET_REFERRALS,
                                     .file_id = {UINT64_MAX, UINT64_MAX},
                                     .input = {raw, test_hex(raw, sizeof(raw), rows[i].hex)},
                                     .max_output_response = 4096};
        test_context("%s", rows[i].name);
        CHECK_INT(control(&f, &req, &r, &out), SMBKIT_STATUS_INVALID_PARAMETER);
        fake_reply_fini(&r);
    }
    leave(&f);
}

/* ---- who is told ---- */

/* Whom the share does not let in hears that it is a root, and the same of all that is in it. */
static void test_not_admitted(void)
{
    static const struct question root = {"\\S\\mem", 4}, link = {"\\S\\mem\\dir\\link", 4},
                                 other = {"\\S\\mem\\dir\\x", 4};
    struct fake f;
    struct smb_admission nobody = {.has_valid = true};
    enter(&f);
    CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    share_set(&f, true, false, &nobody);
    check_ask(&f, &root, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem");
    check_ask(&f, &link, SMBKIT_STATUS_ACCESS_DENIED, "");
    check_ask(&f, &other, SMBKIT_STATUS_ACCESS_DENIED, "");
    share_set(&f, true, true, NULL); /* encrypted: not in a plain message */
    check_ask(&f, &root, SMBKIT_STATUS_SUCCESS, "6 > \\S\\mem");
    check_ask(&f, &link, SMBKIT_STATUS_ACCESS_DENIED, "");
    check_ask(&f, &other, SMBKIT_STATUS_ACCESS_DENIED, "");
    share_set(&f, true, false, NULL);
    check_ask(&f, &link, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u");
    leave(&f);
}

static uint32_t capabilities(struct fake *f)
{
    struct smb2_negotiate_rsp rsp = {0};
    fake_connect(f);
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_210);
    struct wr w = fake_request(f, SMB2_NEGOTIATE);
    smb2_negotiate_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(smb2_negotiate_rsp_parse(&r.body, &rsp), WIRE_OK);
    fake_reply_fini(&r);
    fake_disconnect(f);
    return rsp.capabilities & SMB2_GLOBAL_CAP_DFS;
}

static struct smb2_tree_connect_rsp connect_to(struct fake *f, const char *unc)
{
    struct smb2_tree_connect_rsp rsp = {0};
    uint8_t name[64];
    struct wr n = wr_init(name, sizeof(name));
    wr_utf16(&n, unc);
    struct smb2_tree_connect_req req = {.path = {name, wr_pos(&n)}};
    struct wr w = fake_request(f, SMB2_TREE_CONNECT);
    smb2_tree_connect_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(smb2_tree_connect_rsp_parse(&r.body, &rsp), WIRE_OK);
    fake_reply_fini(&r);
    return rsp;
}

/* [MS-SMB2] 3.3.5.4, 3.3.5.7 */
static void test_advertised(void)
{
    const uint32_t flags = SMB2_SHAREFLAG_DFS | SMB2_SHAREFLAG_DFS_ROOT;
    for (int is_root = 0; is_root <= 1; is_root++) {
        struct fake f;
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        fake_start(&f, &config);
        share_set(&f, is_root, false, NULL);
        CHECK_INT(capabilities(&f), is_root ? SMB2_GLOBAL_CAP_DFS : 0);
        fake_enter(&f, SMB2_DIALECT_311);
        struct smb2_tree_connect_rsp rsp = connect_to(&f, "\\\\fake\\mem");
        CHECK_INT(rsp.share_flags & flags, is_root ? flags : 0);
        CHECK_INT(rsp.capabilities, is_root ? SMB2_SHARE_CAP_DFS : 0);
        rsp = connect_to(&f, "\\\\fake\\IPC$");
        CHECK_INT(rsp.share_flags & flags, 0);
        CHECK_INT(rsp.capabilities, 0);
        leave(&f);
    }
}

/* ---- plugins that answer later ---- */

/* The nth call of the plugin is answered later: the request is answered as ever. */
static void test_late(void)
{
    static const struct question link = {"\\S\\mem\\dir\\link\\rest", 4};
    unsigned at = 1;
    for (was_late = true; was_late && at < 100; at++) {
        struct fake f;
        fake_init(&f);
        f.filter = &late_filter;
        struct smb_config config = fake_config(&f);
        fake_start(&f, &config);
        share_set(&f, true, false, NULL);
        f.credits = 10;
        fake_enter(&f, SMB2_DIALECT_311);
        struct smb2_create_rsp open = {0};
        late.at = 0;
        CHECK_INT(fake_create_dir(&f, "dir", &open), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&f, open.file_id), SMBKIT_STATUS_SUCCESS);
        make_link(&f, "dir\\link", "msdfs:one\\s,two\\t\\u");
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
        late.at = at;
        check_ask(&f, &link, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u");
        late.at = 0;
        leave(&f);
    }
    CHECK(at > 4);
}

static const struct test_case cases[] = {
    {"names", test_names},
    {"links", test_links},
    {"many targets", test_many_targets},
    {"opens", test_opens},
    {"referrals", test_referrals},
    {"bad requests", test_bad_requests},
    {"not admitted", test_not_admitted},
    {"advertised", test_advertised},
    {"late", test_late},
};
TEST_MAIN(cases)
