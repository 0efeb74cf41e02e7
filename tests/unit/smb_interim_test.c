/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told STATUS_PENDING while he waits for a break: CREATE wherever it stands in a compound,
 * SET_INFO only when it takes long. [MS-SMB2] 3.3.4.2, 3.3.5.2.7 */
#include "smb_compound.h"
#include "smb_pair.h"

#include "smb/limits.h"
#include "wire/read.h"
#include "wire/set_info.h"

static struct wr rename_request(struct fake *f, struct smb2_file_id id)
{
    uint8_t info[22] = {0};
    info[16] = 2; /* [MS-FSCC] 2.4.42.2: the length, then the name */
    info[20] = 'z';
    const struct smb2_set_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                          .info_class = SMB2_FILE_RENAME_INFO,
                                          .file_id = id,
                                          .buffer = {info, sizeof(info)}};
    struct wr w = fake_request(f, SMB2_SET_INFO);
    smb2_set_info_req_format(&w, &req);
    return w;
}

static struct wr close_request(struct fake *f, struct smb2_file_id id)
{
    const struct smb2_close_req req = {.file_id = id};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    return w;
}

static void add(struct fake *f, struct compound *c, struct wr w)
{
    compound_add(f, c, &w, wr_pos(&c->w) > 0);
}

/* The replies of one message: their commands and status. */
static void expect_message(struct fake *f, const uint16_t *commands, unsigned count,
                           smbkit_status status)
{
    struct fake_reply r = {0};
    REQUIRE(fake_next(f, &r));
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        struct smb2_hdr h = {0};
        struct cur c = cur_init(r.p + at, r.len - at);
        CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
        CHECK_INT(h.command, commands[i]);
        CHECK_INT((smbkit_status)h.status, status);
        CHECK_INT(h.next_command == 0, i + 1 == count);
        at += h.next_command;
    }
    fake_reply_fini(&r);
}

static void expect_together(struct fake *f, const uint16_t *commands, unsigned count)
{
    expect_message(f, commands, count, SMBKIT_STATUS_SUCCESS);
}

static void expect_nothing(struct fake *f)
{
    CHECK_INT(f->sent_count, f->taken);
}

static void open_first(struct pair *p, uint32_t state)
{
    struct smb2_create_rsp rsp;
    const struct smb2_lease l = lease_of(1, state, 0);
    CHECK_INT(open_leased(&p->f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, state, 0, 1);
}

/* The one that waits is told, those behind it are not; whatever FileId they name, theirs is that of
 * the CREATE. [MS-SMB2] 3.3.5.2.7.2 */
static void test_create_in_front(void)
{
    static const uint16_t both[] = {SMB2_CREATE, SMB2_CLOSE};
    static const struct smb2_file_id ids[] = {
        {UINT64_MAX, UINT64_MAX}, {UINT64_MAX, 0}, {0, UINT64_MAX}, {1, 1}};
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        struct pair p;
        struct compound c = {.w = wr_new(1 << 16)};
        test_context("id %u", i);
        begin(&p, SMB2_DIALECT_311);
        open_first(&p, RWH);
        add(&p.g, &c, create_with(&p.g, "f", NULL));
        add(&p.g, &c, close_request(&p.g, ids[i]));
        compound_send(&p.g, &c);
        struct fake_reply r = fake_take(&p.g);
        CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
        CHECK_INT(r.hdr.command, SMB2_CREATE);
        CHECK_INT(r.hdr.next_command, 0);
        CHECK(r.hdr.flags & SMB2_FLAGS_ASYNC_COMMAND);
        fake_reply_fini(&r);
        expect_nothing(&p.g);
        check_break(&p.f, 1, RWH, RH, 2);
        CHECK_INT(ack(&p.f, 1, RH), SMBKIT_STATUS_SUCCESS);
        expect_together(&p.g, both, 2);
        end(&p);
    }
}

/* Those behind it have no other file than what it was to open. */
static void test_create_cancelled(void)
{
    static const uint16_t both[] = {SMB2_CREATE, SMB2_CLOSE};
    for (unsigned is_first = 0; is_first < 2; is_first++) {
        struct pair p;
        struct compound c = {.w = wr_new(1 << 16)};
        test_context("first %u", is_first);
        begin(&p, SMB2_DIALECT_311);
        open_first(&p, RWH);
        if (!is_first) {
            add(&p.g, &c, create_with(&p.g, "other", NULL));
        }
        uint64_t mid = p.g.mid;
        add(&p.g, &c, create_with(&p.g, "f", NULL));
        add(&p.g, &c, close_request(&p.g, any));
        compound_send(&p.g, &c);
        struct fake_reply r = {0};
        REQUIRE(fake_next(&p.g, &r)); /* it waits; with what is before it */
        fake_reply_fini(&r);
        expect_nothing(&p.g);
        fake_cancel(&p.g, 0, mid);
        expect_message(&p.g, both, 2, SMBKIT_STATUS_CANCELLED);
        end(&p);
    }
}

/* Who renames is answered once, unless it takes long. */
static void test_rename(void)
{
    for (unsigned is_long = 0; is_long < 2; is_long++) {
        struct pair p;
        struct smb2_create_rsp rsp;
        test_context("%u", is_long);
        begin(&p, SMB2_DIALECT_311);
        open_first(&p, RH);
        CHECK_INT(open_leased(&p.g, "f", NULL, &rsp), SMBKIT_STATUS_SUCCESS);
        struct wr w = rename_request(&p.g, rsp.file_id);
        fake_submit(&p.g, &w);
        check_break(&p.f, 1, RH, R, 2);
        fake_pass(&p.f, is_long ? 6000 : 4000);
        fake_pass(&p.g, is_long ? 6000 : 4000);
        if (is_long) {
            expect_waits(&p.g);
        }
        expect_nothing(&p.g);
        CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_SUCCESS);
        struct fake_reply r = fake_take(&p.g);
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        CHECK_INT(!(r.hdr.flags & SMB2_FLAGS_ASYNC_COMMAND), !is_long);
        fake_reply_fini(&r);
        end(&p);
    }
}

/* The whole compound is answered at once, unless a break may be of what its CREATE was granted: its
 * client would not know what that is about. */
static void test_rename_in_compound(void)
{
    static const uint16_t all[] = {SMB2_CREATE, SMB2_SET_INFO, SMB2_CLOSE};
    for (unsigned is_last = 0; is_last < 2; is_last++) {
        for (unsigned caches = 0; caches < 2; caches++) {
            struct pair p;
            struct compound c = {.w = wr_new(1 << 16)};
            const struct smb2_lease l = lease_of(2, RH, 0);
            test_context("last %u, caches %u", is_last, caches);
            begin(&p, SMB2_DIALECT_311);
            open_first(&p, RH);
            add(&p.g, &c, create_with(&p.g, "f", caches ? &l : NULL));
            add(&p.g, &c, rename_request(&p.g, any));
            if (!is_last) {
                add(&p.g, &c, close_request(&p.g, any));
            }
            compound_send(&p.g, &c);
            check_break(&p.f, 1, RH, R, 2);
            if (caches) {
                expect_together(&p.g, all, 1);
            }
            expect_nothing(&p.g);
            CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_SUCCESS);
            expect_together(&p.g, all + caches, 3 - caches - is_last);
            end(&p);
        }
    }
}

/* Those before it are not kept for ever: some clients give up sooner than a break does. */
static void test_rename_in_the_middle(void)
{
    static const uint16_t all[] = {SMB2_CREATE, SMB2_SET_INFO, SMB2_CLOSE};
    struct pair p;
    struct compound c = {.w = wr_new(1 << 16)};
    begin(&p, SMB2_DIALECT_311);
    open_first(&p, RH);
    add(&p.g, &c, create_with(&p.g, "f", NULL));
    add(&p.g, &c, rename_request(&p.g, any));
    add(&p.g, &c, close_request(&p.g, any));
    compound_send(&p.g, &c);
    check_break(&p.f, 1, RH, R, 2);
    fake_pass(&p.f, SMB_INTERIM_QUIET_MS + 1000);
    fake_pass(&p.g, SMB_INTERIM_QUIET_MS + 1000);
    expect_together(&p.g, all, 1);
    expect_nothing(&p.g);
    CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_SUCCESS);
    expect_together(&p.g, all + 1, 2);
    end(&p);
}

static struct wr read_request(struct fake *f, uint32_t length)
{
    const struct smb2_read_req req = {.length = length, .file_id = any};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    return w;
}

/* What has been read goes out before it waits: the room for it may be what the answer to the break
 * needs. */
static void test_rename_behind_a_read(void)
{
    static const uint16_t all[] = {SMB2_CREATE, SMB2_READ, SMB2_SET_INFO};
    struct pair p;
    struct smb2_create_rsp rsp;
    struct compound c = {.w = wr_new(1 << 16)};
    begin(&p, SMB2_DIALECT_311);
    CHECK_INT(open_leased(&p.f, "f", NULL, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&p.f, rsp.file_id, 0, "data", 4), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    open_first(&p, RH);
    add(&p.g, &c, create_with(&p.g, "f", NULL));
    add(&p.g, &c, read_request(&p.g, 60000));
    add(&p.g, &c, rename_request(&p.g, any));
    compound_send(&p.g, &c);
    check_break(&p.f, 1, RH, R, 2);
    expect_together(&p.g, all, 2);
    expect_nothing(&p.g);
    CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_SUCCESS);
    expect_together(&p.g, all + 2, 1);
    end(&p);
}

/* One that is cancelled is not told later that it waits. */
static void test_cancelled(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    begin(&p, SMB2_DIALECT_311);
    open_first(&p, RH);
    CHECK_INT(open_leased(&p.g, "f", NULL, &rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = rename_request(&p.g, rsp.file_id);
    uint64_t mid = p.g.mid - 1;
    fake_submit(&p.g, &w);
    fake_cancel(&p.g, 0, mid);
    struct fake_reply r = fake_take(&p.g);
    CHECK_INT(r.status, SMBKIT_STATUS_CANCELLED);
    fake_reply_fini(&r);
    fake_pass(&p.f, SMB_INTERIM_QUIET_MS + 1000);
    fake_pass(&p.g, SMB_INTERIM_QUIET_MS + 1000);
    expect_nothing(&p.g);
    end(&p);
}

/* As many as may wait on a connection, though nobody is told that they do. */
static void test_bound(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    begin(&p, SMB2_DIALECT_311);
    p.g.credits = 600;
    open_first(&p, RH);
    CHECK_INT(open_leased(&p.g, "f", NULL, &rsp), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i < SMB_ASYNC_MAX; i++) {
        struct wr w = rename_request(&p.g, rsp.file_id);
        fake_submit(&p.g, &w);
    }
    expect_nothing(&p.g);
    struct wr w = rename_request(&p.g, rsp.file_id);
    struct fake_reply r = fake_ask(&p.g, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    fake_reply_fini(&r);
    end(&p);
}

static const struct test_case cases[] = {
    {"a CREATE with others behind it", test_create_in_front},
    {"a CREATE that is cancelled", test_create_cancelled},
    {"a rename", test_rename},
    {"a rename in a compound", test_rename_in_compound},
    {"a rename in the middle", test_rename_in_the_middle},
    {"a rename behind a read", test_rename_behind_a_read},
    {"a rename that is cancelled", test_cancelled},
    {"how many may wait", test_bound},
};

TEST_MAIN(cases)
