/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a DFS namespace: opens, referrals, listings, and who is told of its links. */
#include "smb_dfs.h"
#include "smb_fake_client.h"
#include "smb_late.h"

#include "base/str.h"
#include "base/utf.h"
#include "wire/dfs.h"
#include "wire/fscc_dir.h"
#include "wire/ioctl.h"
#include "wire/query_directory.h"
#include "wire/tree_connect.h"

/* ---- a conversation ---- */

static bool was_late; /* a plugin's call of the last request */

static struct fake_reply ask_late(struct fake *f, struct wr *w)
{
    fake_submit(f, w);
    was_late = late.op != NULL;
    if (was_late) {
        late_complete();
        fake_pump(f);
    }
    struct fake_reply r = fake_take(f);
    if (was_late && r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(f);
    }
    return r;
}

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
    *reply = ask_late(f, &w);
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
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("no root: %s, flags %x", rows[i].name, rows[i].flags);
        CHECK_INT(open_it(&f, rows[i].name, rows[i].flags, rows[i].options), rows[i].elsewhere);
    }
    leave(&f);
}

/* Who was told that the share is a root names files as in one, also when it is none any more; and
 * who was not may do so once it is one. */
static void test_told_before(void)
{
    static const uint32_t DFS = SMB2_FLAGS_DFS_OPERATIONS;
    struct fake f;
    enter(&f);
    share_set(&f, false, false, NULL);
    CHECK_INT(open_it(&f, "s\\mem\\dir\\x", DFS, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(&f, "s\\mem", DFS, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(&f, "s\\mem\\dir\\x", 0, 0), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    /* A link is what it is in no root. */
    CHECK_INT(open_it(&f, "s\\mem\\dir\\link\\a", DFS, 0), SMBKIT_STATUS_STOPPED_ON_SYMLINK);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(&f, "s\\mem\\dir\\x", DFS, 0), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    share_set(&f, true, false, NULL);
    CHECK_INT(open_it(&f, "s\\mem\\dir\\x", DFS, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(&f, "s\\mem\\dir\\link\\a", DFS, 0), SMBKIT_STATUS_PATH_NOT_COVERED);
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

/* ---- listings ---- */

/* "name attributes tag, ..."; owned. */
static char *list(struct fake *f, struct smb2_file_id dir, const char *pattern)
{
    uint8_t name[64];
    struct wr n = wr_init(name, sizeof(name));
    wr_utf16(&n, pattern);
    struct smb2_query_directory_rsp rsp = {0};
    const struct smb2_query_directory_req req = {.info_class = SMB2_FILE_ID_BOTH_DIRECTORY_INFO,
                                                 .flags = SMB2_REOPEN,
                                                 .file_id = dir,
                                                 .pattern = {name, wr_pos(&n)},
                                                 .output_max = 4096};
    struct wr w = fake_request(f, SMB2_QUERY_DIRECTORY);
    smb2_query_directory_req_format(&w, &req);
    struct fake_reply r = ask_late(f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_query_directory_rsp_parse(&r.body, &rsp), WIRE_OK);
    struct chain ch = chain_init(rsp.output, 8, 16);
    struct cur element;
    char *text = str_dup("");
    while (chain_next(&ch, &element)) {
        struct fscc_dir_raw raw;
        CHECK_INT(fscc_dir_entry_parse(&element, req.info_class, &raw), WIRE_OK);
        char *leaf = utf16le_to_utf8(raw.name.p, raw.name.len);
        char *more = str_printf("%s%s%s %x %x", text, *text ? ", " : "", leaf, raw.entry.attributes,
                                raw.entry.ea_size);
        mem_free(leaf);
        mem_free(text);
        text = more;
    }
    fake_reply_fini(&r);
    return text;
}

static void check_list(struct fake *f, struct smb2_file_id dir, const char *pattern,
                       const char *wanted)
{
    char *got = list(f, dir, pattern);
    test_context("listing %s", pattern);
    CHECK_STR(got, wanted);
    mem_free(got);
}

/* A link shows as a directory that is elsewhere, in a root. */
static void test_listed(void)
{
    struct fake f;
    struct smb2_create_rsp open = {0};
    enter(&f);
    CHECK_INT(fake_create(&f, "dir", SMBKIT_OPEN, &open), SMBKIT_STATUS_SUCCESS);
    check_list(&f, open.file_id, "*l*", "link 410 8000000a, plain 420 a000000c");
    check_list(&f, open.file_id, "LINK", "link 410 8000000a");
    check_list(&f, open.file_id, "plain", "plain 420 a000000c");
    check_list(&f, open.file_id, "x", "x 20 0");
    share_set(&f, false, false, NULL);
    check_list(&f, open.file_id, "*l*", "link 420 a000000c, plain 420 a000000c");
    check_list(&f, open.file_id, "link", "link 420 a000000c");
    leave(&f);
}

/* ---- plugins that answer later ---- */

/* dir\link on a plugin that can. */
static void enter_late(struct fake *f)
{
    struct smb2_create_rsp open = {0};
    late.at = 0;
    fake_init(f);
    f->filter = &late_filter;
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
    share_set(f, true, false, NULL);
    f->credits = 10;
    fake_enter(f, SMB2_DIALECT_311);
    CHECK_INT(fake_create_dir(f, "dir", &open), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, open.file_id), SMBKIT_STATUS_SUCCESS);
    make_link(f, "dir\\link", "msdfs:one\\s,two\\t\\u");
}

/* The nth call of the plugin is answered later: the listing is answered as ever. */
static void test_late_listing(void)
{
    static const char *const patterns[] = {"l*", "link"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        unsigned at = 1;
        for (was_late = true; was_late && at < 100; at++) {
            struct fake f;
            struct smb2_create_rsp open = {0};
            enter_late(&f);
            CHECK_INT(fake_create(&f, "dir", SMBKIT_OPEN, &open), SMBKIT_STATUS_SUCCESS);
            late.at = at;
            check_list(&f, open.file_id, patterns[i], "link 410 8000000a");
            late.at = 0;
            leave(&f);
        }
        CHECK(at > 3); /* the link was opened and read, one by one */
    }
}

/* Likewise a referral. */
static void test_late_referral(void)
{
    static const struct question link = {"\\S\\mem\\dir\\link\\rest", 4};
    unsigned at = 1;
    for (was_late = true; was_late && at < 100; at++) {
        struct fake f;
        enter_late(&f);
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
        late.at = at;
        check_ask(&f, &link, SMBKIT_STATUS_SUCCESS, "15 > \\one\\s \\two\\t\\u");
        late.at = 0;
        leave(&f);
    }
    CHECK(at > 4);
}

static void refuse(unsigned at, smbkit_status refusal)
{
    late.at = at;
    late.refuses = late.at_once = at > 0;
    late.refusal = refusal;
}

/* The nth call of the plugin fails. A link that is not there, or not for who asks, is none: ask the
 * root. Any other failure is told as it is; it may be over the next time. */
static void test_failing(void)
{
    static const struct question link = {"\\S\\mem\\dir\\link\\rest", 4};
    static const struct {
        smbkit_status refusal;
        bool is_none;
    } rows[] = {
        {SMBKIT_STATUS_IO_DEVICE_ERROR},
        {SMBKIT_STATUS_TOO_MANY_OPENED_FILES},
        {SMBKIT_STATUS_INSUFFICIENT_RESOURCES},
        {SMBKIT_STATUS_CANCELLED},
        {SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND, true},
        {SMBKIT_STATUS_ACCESS_DENIED, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool fired = true;
        struct fake f;
        enter_late(&f);
        for (unsigned at = 2; fired; at++) { /* the first one is the CREATE's own */
            char *got;
            test_context("call %u answers %x", at, (unsigned)rows[i].refusal);
            refuse(at, rows[i].refusal);
            smbkit_status status = open_it(&f, "dir\\link\\a", SMB2_FLAGS_DFS_OPERATIONS, 0);
            CHECK_INT(status, late.at > 0       ? SMBKIT_STATUS_PATH_NOT_COVERED
                              : rows[i].is_none ? SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED
                                                : rows[i].refusal);
            refuse(at - 1, rows[i].refusal);
            status = ask(&f, &link, &got);
            fired = late.at == 0;
            CHECK_INT(status, fired && !rows[i].is_none ? rows[i].refusal : SMBKIT_STATUS_SUCCESS);
            CHECK_STR(got ? got : "", !fired            ? "15 > \\one\\s \\two\\t\\u"
                                      : rows[i].is_none ? "6 > \\S\\mem"
                                                        : "");
            CHECK(fired || at > 5); /* two folders, the link, its text */
            refuse(0, 0);
            mem_free(got);
        }
        leave(&f);
    }
}

static const struct test_case cases[] = {
    {"opens", test_opens},
    {"told before", test_told_before},
    {"referrals", test_referrals},
    {"bad requests", test_bad_requests},
    {"not admitted", test_not_admitted},
    {"advertised", test_advertised},
    {"listed", test_listed},
    {"late listing", test_late_listing},
    {"late referral", test_late_referral},
    {"failing", test_failing},
};
TEST_MAIN(cases)
