/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that servers of this kind had, each by its name: what may not get past the checks that
 * stand before every command. docs/conformance.md has the whole list. */
#include "smb_compound.h"
#include "smb_faults.h"
#include "smb_slow.h"

#include "wire/echo.h"
#include "wire/fsctl.h"
#include "wire/ioctl.h"
#include "wire/logoff.h"
#include "wire/tree_disconnect.h"

static struct wr echo_request(struct fake *f)
{
    struct wr w = fake_request(f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    return w;
}

/* ---- sessions ---- */

/* Whoever logs in names the session that he had before, and ends it: his own and no other.
 * [MS-SMB2] 3.3.5.5.3 */
static void test_previous_session(void)
{
    static const struct {
        const char *user;
        const char *password;
        bool ends;
    } rows[] = {
        {"bob", "", false},
        {"mallory", "x", false}, /* a guest */
        {"Alice", "s3cret", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct fake g;
        struct smb2_negotiate_req req = fake_negotiate_req(0x0311);
        test_context("%s", rows[i].user);
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        config.auth.allow_guest = true;
        fake_start(&f, &config);
        fake_enter(&f, 0x0311);
        fake_init(&g);
        g.server = f.server;
        g.peer = &f;
        f.peer = &g;
        fake_connect(&g);
        CHECK_INT(fake_negotiate(&g, &req), SMBKIT_STATUS_SUCCESS);
        g.previous_session_id = f.session_id;
        CHECK_INT(fake_login(&g, rows[i].user, rows[i].password), SMBKIT_STATUS_SUCCESS);
        fake_pump(&f);
        if (rows[i].ends) {
            f.signs = false; /* what is said of a session that is not there cannot be signed */
        }
        CHECK_INT(fake_tree(&f, "\\\\fake\\mem"),
                  rows[i].ends ? SMBKIT_STATUS_USER_SESSION_DELETED : SMBKIT_STATUS_SUCCESS);
        f.peer = NULL;
        g.peer = NULL;
        fake_disconnect(&g);
        stop(&f);
    }
}

/* An ECHO that names a session is answered only while that is there. [MS-SMB2] 3.3.5.17 */
static void test_echo_of_a_session(void)
{
    enum whose { OWN, ANOTHERS, NOBODYS };
    static const smbkit_status want[] = {
        [OWN] = SMBKIT_STATUS_SUCCESS,
        [ANOTHERS] = SMBKIT_STATUS_USER_SESSION_DELETED,
        [NOBODYS] = SMBKIT_STATUS_SUCCESS,
    };
    struct fake f;
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        test_context("whose: %zu", i);
        f.signs = i == OWN;
        f.session_id = i == OWN ? f.session_id : i == ANOTHERS ? 0x1234567 : 0;
        struct wr w = echo_request(&f);
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(r.status, want[i]);
        fake_reply_fini(&r);
    }
    stop(&f);
}

static void let_all_in(struct smb_config *c)
{
    c->auth.allow_anonymous = true;
}

/* Who logs in again as nobody has nothing left of who he was. [MS-SMB2] 3.3.5.5.2 */
static void test_stale_identity(void)
{
    struct fake f;
    struct conv c = {.m = {.user = "", .password = NULL, .domain = "", .raw = true}};
    start(&f, let_all_in);
    fake_enter(&f, 0x0311);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    struct fake_reply r = fake_login_rounds(&f, &c);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_ACCESS_DENIED);
    stop(&f);
}

/* ---- compounds ---- */

static void sign_who_likes(struct smb_config *c)
{
    c->signing_required = false;
}

/* Where the second of two elements begins, which stands there, as far as there is room: nothing but
 * the place is wrong with it. Unsigned, since it may lie over the first one's signature.
 * [MS-SMB2] 3.3.5.2.7 */
static void test_next_command(void)
{
    enum { ECHO_BYTES = SMB2_HDR_SIZE + 4, RIGHT = (ECHO_BYTES + 7) & ~7, ROOM = 256 };
    static const struct {
        const char *name;
        uint32_t next;
        uint32_t len;
        bool answered;
    } rows[] = {
        {"right", RIGHT, RIGHT + ECHO_BYTES, true},
        {"not aligned", RIGHT - 4, RIGHT - 4 + ECHO_BYTES, false},
        {"one off", RIGHT + 1, RIGHT + 1 + ECHO_BYTES, false},
        {"within the header", SMB2_HDR_SIZE - 8, SMB2_HDR_SIZE - 8 + ECHO_BYTES, false},
        {"cut short", RIGHT, RIGHT + SMB2_HDR_SIZE - 1, false},
        {"at the end", RIGHT, RIGHT, false},
        {"beyond the end", RIGHT + 8, RIGHT, false},
        {"before the beginning", UINT32_MAX - 7, RIGHT, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        uint8_t p[ROOM] = {0};
        test_context("%s", rows[i].name);
        start(&f, sign_who_likes);
        fake_enter(&f, 0x0311);
        f.signs = false;
        for (unsigned k = 0; k < 2; k++) {
            size_t at = k ? MIN(rows[i].next, ROOM - ECHO_BYTES) : 0;
            struct wr w = echo_request(&f);
            REQUIRE(wr_pos(&w) == ECHO_BYTES);
            memcpy(p + at, w.base, ECHO_BYTES);
            wr_fini(&w);
        }
        struct wr next = wr_init(p + SMB2_HDR_NEXT_OFFSET, 4);
        wr_u32(&next, rows[i].next);
        fake_deliver(&f, p, rows[i].len);
        CHECK_INT(f.closed, !rows[i].answered);
        CHECK_INT(f.sent_count, rows[i].answered ? 1 : 0);
        stop(&f);
    }
}

/* The statuses of a chain's replies, in their order. */
static void expect_chain(struct fake *f, const smbkit_status *want, size_t count)
{
    size_t n = 0;
    struct fake_reply r;
    while (fake_next(f, &r)) {
        for (size_t at = 0, next = 1; next; at += next, n++) {
            struct cur c = cur_init(r.p + at, r.len - at);
            struct smb2_hdr h;
            CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
            REQUIRE(n < count);
            CHECK_INT((smbkit_status)h.status, want[n]);
            next = h.next_command;
        }
        fake_reply_fini(&r);
    }
    CHECK_INT(n, count);
}

static void add(struct fake *f, struct compound *c, uint16_t command, bool related)
{
    struct wr w = fake_request(f, command);
    if (command == SMB2_CREATE) {
        fake_create_format(&w, "made", SMBKIT_CREATE, 0, 7);
    } else {
        smb2_empty_format(&w);
    }
    compound_add(f, c, &w, related);
}

/* Session, tree and open are looked at for each element, not once. [MS-SMB2] 3.3.5.2.7.2 */
static void test_related_elements(void)
{
    static const struct {
        const char *name;
        bool first_is_related;
        bool has_wrong_session;
        bool has_wrong_tree;
        uint16_t first;
        smbkit_status want[3];
    } rows[] = {
        {.name = "related to nothing",
         .first_is_related = true,
         .first = SMB2_ECHO,
         .want = {SMBKIT_STATUS_INVALID_PARAMETER, SMBKIT_STATUS_INVALID_PARAMETER,
                  SMBKIT_STATUS_INVALID_PARAMETER}},
        {.name = "no session",
         .has_wrong_session = true,
         .first = SMB2_LOGOFF,
         .want = {SMBKIT_STATUS_USER_SESSION_DELETED, SMBKIT_STATUS_INVALID_PARAMETER,
                  SMBKIT_STATUS_INVALID_PARAMETER}},
        {.name = "no tree",
         .has_wrong_tree = true,
         .first = SMB2_TREE_DISCONNECT,
         .want = {SMBKIT_STATUS_NETWORK_NAME_DELETED, SMBKIT_STATUS_INVALID_PARAMETER,
                  SMBKIT_STATUS_INVALID_PARAMETER}},
        {.name = "behind TREE_DISCONNECT",
         .first = SMB2_TREE_DISCONNECT,
         .want = {SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_NETWORK_NAME_DELETED,
                  SMBKIT_STATUS_INVALID_PARAMETER}},
        {.name = "behind LOGOFF",
         .first = SMB2_LOGOFF,
         .want = {SMBKIT_STATUS_SUCCESS, SMBKIT_STATUS_USER_SESSION_DELETED,
                  SMBKIT_STATUS_USER_SESSION_DELETED}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct fake g;
        struct smb2_create_rsp rsp = {0};
        struct compound c = {.w = wr_new(1 << 20)};
        test_context("%s", rows[i].name);
        start(&f, NULL);
        fake_enter(&f, 0x0311);
        f.session_id += rows[i].has_wrong_session;
        f.tree_id += rows[i].has_wrong_tree;
        add(&f, &c, rows[i].first, rows[i].first_is_related);
        f.session_id -= rows[i].has_wrong_session;
        f.tree_id -= rows[i].has_wrong_tree;
        add(&f, &c, SMB2_CREATE, true);
        add(&f, &c, SMB2_CREATE, true);
        compound_send(&f, &c);
        expect_chain(&f, rows[i].want, 3);
        fake_init(&g);
        g.server = f.server;
        fake_enter(&g, 0x0311);
        CHECK_INT(fake_create(&g, "made", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        fake_disconnect(&g);
        stop(&f);
    }
}

/* ---- protection ---- */

/* Nobody in between turns protection off: 3.1.1 has the first TREE_CONNECT proven even where
 * nothing need be signed. [MS-SMB2] 3.3.5.7 */
static void test_unproven_tree_connect(void)
{
    static const uint16_t dialects[] = {0x0210, 0x0302, 0x0311};
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        struct fake f;
        struct smb2_negotiate_req req = fake_negotiate_req(dialects[i]);
        bool is_refused = dialects[i] == 0x0311;
        test_context("dialect %x", dialects[i]);
        start(&f, sign_who_likes);
        fake_connect(&f);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
        f.signs = false;
        struct wr w = fake_request(&f, SMB2_TREE_CONNECT);
        uint8_t name[64];
        struct wr n = wr_init(name, sizeof(name));
        wr_utf16(&n, "\\\\fake\\mem");
        struct smb2_tree_connect_req tree = {.path = {name, wr_pos(&n)}};
        smb2_tree_connect_req_format(&w, &tree);
        fake_submit(&f, &w);
        CHECK_INT(f.closed, is_refused);
        CHECK_INT(f.sent_count, is_refused ? 0 : 1);
        stop(&f);
    }
}

/* Whoever asks whether NEGOTIATE came through as it was sent is answered, on a dialect that has no
 * better, when all of it did; else nobody is. [MS-SMB2] 3.3.5.15.12 */
static void test_validate_negotiate(void)
{
    static const struct {
        const char *name;
        uint32_t capabilities;
        uint16_t mode, dialect, more, guid, room, cut;
        bool answered;
    } rows[] = {
        {.name = "right", .room = 24, .answered = true},
        {.name = "other capabilities", .room = 24, .capabilities = 0x40},
        {.name = "another security mode", .room = 24, .mode = 2},
        {.name = "another machine", .room = 24, .guid = 1},
        {.name = "a dialect more, no better one", .room = 24, .more = 0x0300},
        {.name = "a better dialect", .room = 24, .more = 0x0311},
        {.name = "a dialect less", .room = 24, .more = 1},
        {.name = "too little room", .room = 23},
        {.name = "cut short", .room = 24, .cut = 1},
        {.name = "right, but 3.1.1", .room = 24, .dialect = 0x0311},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        uint16_t dialect = rows[i].dialect ? rows[i].dialect : 0x0302;
        struct smb2_negotiate_req req = fake_negotiate_req(dialect);
        req.dialect_count = 2;
        req.dialects[1] = 0x0210;
        test_context("%s", rows[i].name);
        start(&f, NULL);
        fake_connect(&f);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
        struct fsctl_validate_negotiate_req is = {
            .capabilities = req.capabilities ^ rows[i].capabilities,
            .security_mode = req.security_mode ^ rows[i].mode,
            .dialect_count = rows[i].more == 1 ? 1
                             : rows[i].more    ? 3
                                               : 2,
            .dialects = {dialect, 0x0210, rows[i].more},
        };
        memcpy(is.guid, req.client_guid, sizeof(is.guid));
        is.guid[15] ^= (uint8_t)rows[i].guid;
        uint8_t in[64];
        struct wr w = wr_init(in, sizeof(in));
        fsctl_validate_negotiate_req_format(&w, &is);
        const struct smb2_ioctl_req ioctl = {.ctl_code = SMB2_FSCTL_VALIDATE_NEGOTIATE_INFO,
                                             .file_id = any,
                                             .input = {in, wr_pos(&w) - rows[i].cut},
                                             .max_output_response = rows[i].room,
                                             .flags = SMB2_0_IOCTL_IS_FSCTL};
        w = fake_request(&f, SMB2_IOCTL);
        smb2_ioctl_req_format(&w, &ioctl);
        fake_submit(&f, &w);
        CHECK_INT(f.closed, !rows[i].answered);
        CHECK_INT(f.sent_count, rows[i].answered ? 1 : 0);
        if (f.sent_count) {
            struct smb2_ioctl_rsp rsp = {0};
            struct fsctl_validate_negotiate_rsp told = {0};
            struct fake_reply r = fake_take(&f);
            CHECK_INT(smb2_ioctl_rsp_parse(&r.body, &rsp), WIRE_OK);
            CHECK_INT(fsctl_validate_negotiate_rsp_parse(rsp.output, &told), WIRE_OK);
            CHECK_INT(told.dialect, dialect);
            CHECK_INT(told.guid[0], 0x42);
            CHECK_INT(told.security_mode, 3);
            CHECK(told.capabilities & SMB2_GLOBAL_CAP_LEASING);
            fake_reply_fini(&r);
        }
        stop(&f);
    }
}

/* An encrypted share has no plain request, of whoever could encrypt. [MS-SMB2] 3.3.5.2.11 */
static void test_plain_on_encrypted_share(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    start(&f, NULL);
    struct smb_share_spec share = {
        .name = "mem", .comment = "", .volume = f.volume, .encrypt = true};
    CHECK_INT(smb_server_share_set(f.server, &share), SMBKIT_STATUS_SUCCESS);
    fake_enter(&f, 0x0311);
    CHECK(!f.seals); /* the session need not be */
    CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_ACCESS_DENIED);
    struct wr w = fake_request(&f, SMB2_TREE_DISCONNECT);
    smb2_tree_disconnect_req_format(&w);
    CHECK_INT(ask(&f, &w), SMBKIT_STATUS_ACCESS_DENIED);
    f.seals = true;
    CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    stop(&f);
}

/* What a transform header says of itself. [MS-SMB2] 3.3.5.2.1.1 */
static void test_transform_header(void)
{
    static const struct {
        const char *name;
        int more_bytes;
        unsigned behind; /* bytes that are not said to be there */
        uint16_t flags;
        unsigned other_session;
        uint8_t tag;
        bool answered;
    } rows[] = {
        {"right", 0, 0, 1, 0, 0, true},
        {"not said to be encrypted", 0, 0, 0, 0, 0, false},
        {"another algorithm", 0, 0, 2, 0, 0, false},
        {"more flags", 0, 0, 3, 0, 0, false},
        {"longer than the message", 1, 0, 1, 0, 0, false},
        {"shorter than the message", -1, 0, 1, 0, 0, false},
        {"with more behind it", 0, 8, 1, 0, 0, false},
        {"of a session that is not there", 0, 0, 1, 1, 0, false},
        {"with a wrong signature", 0, 0, 1, 0, 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        test_context("%s", rows[i].name);
        start(&f, NULL);
        fake_enter(&f, 0x0311);
        f.seals = true;
        struct wr w = echo_request(&f);
        size_t len = wr_pos(&w);
        uint8_t p[SMB2_TRANSFORM_SIZE + SMB2_HDR_SIZE + 4 + 8] = {0};
        REQUIRE(len == SMB2_HDR_SIZE + 4);
        memcpy(p + SMB2_TRANSFORM_SIZE, w.base, len);
        wr_fini(&w);
        const struct smb2_transform t = {.nonce = {9},
                                         .original_size = (uint32_t)len + rows[i].more_bytes,
                                         .flags = rows[i].flags,
                                         .session_id = f.session_id + rows[i].other_session};
        struct wr head = wr_init(p, SMB2_TRANSFORM_SIZE);
        smb2_transform_format(&head, &t);
        struct crypto_span span = {p + SMB2_TRANSFORM_SIZE, len};
        CHECK(crypto_seal(f.seal_out, t.nonce, p + SMB2_TRANSFORM_AAD_OFFSET,
                          SMB2_TRANSFORM_AAD_SIZE, &span, 1, p + SMB2_TRANSFORM_SIGNATURE_OFFSET));
        p[SMB2_TRANSFORM_SIGNATURE_OFFSET] ^= rows[i].tag;
        fake_deliver(&f, p, SMB2_TRANSFORM_SIZE + len + rows[i].behind);
        CHECK_INT(f.closed, !rows[i].answered);
        CHECK_INT(f.sent_count, rows[i].answered ? 1 : 0);
        stop(&f);
    }
}

/* Two sessions on one connection: the key of one is no proof for the other. */
static void test_sealed_by_another_session(void)
{
    struct fake f;
    start(&f, NULL);
    fake_enter(&f, 0x0311);
    struct fake first = f;
    f.session_id = 0;
    f.signer = NULL;
    f.seal_out = NULL;
    f.seal_in = NULL;
    f.signs = false;
    memcpy(f.preauth, f.conn_preauth, sizeof(f.preauth));
    CHECK_INT(fake_login(&f, "bob", ""), SMBKIT_STATUS_SUCCESS);
    CHECK(f.session_id != first.session_id);
    struct wr w = fake_request(&f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    uint64_t bob = f.session_id;
    struct crypto_sealer *out = f.seal_out;
    struct crypto_sealer *in = f.seal_in;
    f.session_id = first.session_id;
    f.seal_out = first.seal_out;
    f.seal_in = first.seal_in;
    f.seals = true;
    CHECK_INT(ask(&f, &w), SMBKIT_STATUS_ACCESS_DENIED);
    f.session_id = bob;
    f.seal_out = out;
    f.seal_in = in;
    f.seals = false;
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS); /* it is still there */
    crypto_signer_free(first.signer);
    crypto_sealer_free(first.seal_in);
    crypto_sealer_free(first.seal_out);
    stop(&f);
}

/* ---- workers ---- */

/* What a volume that hangs cannot hold up: log-ins, and whatever gives something back. */
static void test_lanes(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    uint8_t buf[4];
    size_t len = 0;
    fake_init(&f);
    const struct smbkit_plugin filter = slow_filter(0);
    f.filter = &filter;
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    fake_enter(&f, 0x0311);
    CHECK_INT(f.works[WORK_LOGON], 2); /* the two rounds */
    CHECK_INT(f.works[WORK_CALL], 0);
    CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&f, rsp.file_id, 0, "abcd", 4), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_read(&f, rsp.file_id, 0, (struct crypto_span){buf, 4}, &len),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.works[WORK_CALL], 3);
    CHECK_INT(f.works[WORK_END], 0);
    CHECK_INT(fake_close_file(&f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.works[WORK_END], 1);
    struct wr w = fake_request(&f, SMB2_TREE_DISCONNECT);
    smb2_tree_disconnect_req_format(&w);
    CHECK_INT(ask(&f, &w), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.works[WORK_CALL], 3);
    CHECK_INT(f.works[WORK_LOGON], 2);
    stop(&f);
}

static const struct test_case cases[] = {
    {"a previous session", test_previous_session},
    {"ECHO of a session", test_echo_of_a_session},
    {"a stale identity", test_stale_identity},
    {"NextCommand", test_next_command},
    {"related elements", test_related_elements},
    {"an unproven tree connect", test_unproven_tree_connect},
    {"validate negotiate", test_validate_negotiate},
    {"plain on an encrypted share", test_plain_on_encrypted_share},
    {"transform header", test_transform_header},
    {"sealed by another session", test_sealed_by_another_session},
    {"lanes", test_lanes},
};
TEST_MAIN(cases)
