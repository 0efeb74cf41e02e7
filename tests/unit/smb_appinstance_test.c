/* SPDX-License-Identifier: Apache-2.0 */
/* An application that begins anew on another machine takes its files with it; nobody else does.
 * [MS-SMB2] 3.3.5.9.13 */
#include "smb_durable.h"
#include "smb_late.h"

#include "wire/empty.h"
#include "wire/set_info.h"

#define APP SMB2_CTX_APP_INSTANCE_ID
#define VERSION SMB2_CTX_APP_INSTANCE_VERSION

/* Shares nothing, so that only one who takes it opens it. */
static const struct ask first = {.present = APP | SMB2_CTX_DH2Q,
                                 .oplock = SMB2_OPLOCK_LEVEL_BATCH,
                                 .disposition = SMBKIT_OPEN_IF,
                                 .guid = 0x11,
                                 .app = 0xa1,
                                 .timeout_ms = 20000};

static unsigned overwrites;
static unsigned looks;         /* at a descriptor */
static unsigned looks_on_loop; /* of these */

static smbkit_status counted_overwrite(void *v, struct smbkit_op *op, void *file,
                                       struct smbkit_overwrite *a)
{
    overwrites++;
    return late_overwrite(v, op, file, a);
}

static smbkit_status counted_get_security(void *v, struct smbkit_op *op, void *file,
                                          struct smbkit_get_security *a)
{
    looks++;
    looks_on_loop += (op->flags & SMBKIT_OP_NOWAIT) != 0;
    return late_get_security(v, op, file, a);
}

/* f and g are two machines; a call of the plugin may be late. */
static void begin_two(struct scene *s, uint16_t dialect)
{
    static struct smbkit_plugin filter;
    filter = late_filter;
    filter.overwrite = counted_overwrite;
    filter.get_security = counted_get_security;
    late.at = 0;
    late.op = NULL;
    overwrites = 0;
    begin_over(s, &filter);
    s->g.machine = 0x99;
    fake_enter(&s->g, dialect);
}

static void end_two(struct scene *s)
{
    fake_disconnect(&s->g);
    end(s);
}

/* g asks for it, and waits until what was in the way is closed. */
static smbkit_status ask_through(struct scene *s, const struct ask *a, struct smb2_create_rsp *rsp)
{
    struct wr w = create_of(&s->g, a);
    struct fake_reply r = fake_ask(&s->g, &w);
    if (r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(&s->g);
    }
    return fake_create_done(&r, rsp);
}

static smbkit_status ask_next(struct scene *s, const struct ask *a)
{
    struct smb2_create_rsp rsp = {0};
    smbkit_status status = ask_through(s, a, &rsp);
    if (SMBKIT_OK(status)) {
        CHECK_INT(rsp.create_action, SMB2_FILE_OPENED);
    }
    return status;
}

static struct ask next(void)
{
    struct ask a = first;
    a.guid = 0x22;
    return a;
}

static bool was_told(struct fake *f)
{
    struct fake_reply r;
    bool is_told = fake_next(f, &r);
    if (is_told) {
        fake_reply_fini(&r);
    }
    return is_told;
}

static void test_takes_over(void)
{
    struct scene s;
    begin_two(&s, SMB2_DIALECT_311);
    CHECK_INT(create(&s.f, &first, &s.rsp), SMBKIT_STATUS_SUCCESS);
    const struct ask a = next();
    CHECK_INT(ask_next(&s, &a), SMBKIT_STATUS_SUCCESS);
    CHECK(!was_told(&s.f)); /* no break: it is closed */
    CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "x", 1), SMBKIT_STATUS_FILE_CLOSED);
    CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_FILE_CLOSED);
    end_two(&s);
}

/* The machine is gone, and its open is kept for it. */
static void test_takes_what_is_kept(void)
{
    struct scene s;
    begin_two(&s, SMB2_DIALECT_311);
    lose(&s, &first);
    CHECK_INT(kept(&s), 1);
    const struct ask a = next();
    CHECK_INT(ask_next(&s, &a), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(kept(&s), 0);
    end_two(&s);
}

/* The machine is lost while a WRITE of it is under way: whether its open is kept is not decided
 * before that is over. */
static void test_takes_what_is_reaped(void)
{
    struct scene s;
    begin_two(&s, SMB2_DIALECT_311);
    CHECK_INT(create(&s.f, &first, &s.rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = fake_request(&s.f, SMB2_WRITE);
    smb2_write_req_format(&w, &(struct smb2_write_req){.length = 1,
                                                       .file_id = s.rsp.file_id,
                                                       .data = {(const uint8_t *)"x", 1}});
    late.at = 1;
    fake_submit(&s.f, &w);
    CHECK(late.op);
    smb_conn_closed(s.f.conn);
    fake_pump(&s.f);
    const struct ask a = next();
    w = create_of(&s.g, &a);
    struct fake_reply r = fake_ask(&s.g, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
    late_complete();
    fake_pump(&s.f);
    fake_pump(&s.g);
    r = fake_take(&s.g);
    CHECK_INT(fake_create_done(&r, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(kept(&s), 0);
    s.f.conn = smb_conn_new(s.f.server, &fake_io, &s.f, "192.0.2.1", 3);
    end_two(&s);
}

/* Any kind of open, and not only what is durable; of the file under its name of now. */
static void test_what_is_found(void)
{
    enum { PLAIN, OTHER_APP, OTHER_FILE, NO_APP, SAME_MACHINE, IN_30, IN_21, ROWS };
    static const char *const names[ROWS] = {"not durable",
                                            "another application",
                                            "another file",
                                            "no application",
                                            "the same machine",
                                            "3.0",
                                            "2.1"};
    for (unsigned i = 0; i < ROWS; i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        test_context("%s", names[i]);
        begin(&s);
        s.g.machine = i == SAME_MACHINE ? 0 : 0x99;
        fake_enter(&s.g, i == IN_30   ? SMB2_DIALECT_300
                         : i == IN_21 ? SMB2_DIALECT_210
                                      : SMB2_DIALECT_311);
        struct ask a = first;
        a.oplock = 0;
        a.present = APP;
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        a.app = i == OTHER_APP ? 0xa2 : a.app;
        a.present = i == NO_APP ? 0 : a.present;
        a.name = i == OTHER_FILE ? "other" : a.name;
        bool closes = i == PLAIN || i == IN_30;
        CHECK_INT(ask_through(&s, &a, &rsp), closes || i == OTHER_FILE
                                                 ? SMBKIT_STATUS_SUCCESS
                                                 : SMBKIT_STATUS_SHARING_VIOLATION);
        CHECK_INT(fake_close_file(&s.f, s.rsp.file_id),
                  closes ? SMBKIT_STATUS_FILE_CLOSED : SMBKIT_STATUS_SUCCESS);
        end_two(&s);
    }
}

/* Of versions the higher one has it; who has none does not take it from who has one. */
static void test_versions(void)
{
    static const struct {
        const char *name;
        uint32_t had, has;
        uint64_t high, low; /* of the second; the first has 5, 7 */
        uint16_t dialect;
        bool takes;
    } rows[] = {
        {"neither", 0, 0, 0, 0, SMB2_DIALECT_311, true},
        {"only the second", 0, VERSION, 0, 0, SMB2_DIALECT_311, true},
        {"only the first", VERSION, 0, 0, 0, SMB2_DIALECT_311, false},
        {"lower", VERSION, VERSION, 4, 9, SMB2_DIALECT_311, false},
        {"lower in the low half", VERSION, VERSION, 5, 6, SMB2_DIALECT_311, false},
        {"equal", VERSION, VERSION, 5, 7, SMB2_DIALECT_311, false},
        {"higher in the low half", VERSION, VERSION, 5, 8, SMB2_DIALECT_311, true},
        {"higher", VERSION, VERSION, 6, 0, SMB2_DIALECT_311, true},
        {"higher, but by 3.0.2, which has none", VERSION, VERSION, 6, 0, SMB2_DIALECT_302, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        test_context("%s", rows[i].name);
        begin_two(&s, rows[i].dialect);
        struct ask a = first;
        a.present |= rows[i].had;
        a.version_high = 5;
        a.version_low = 7;
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        a = next();
        a.present |= rows[i].has;
        a.version_high = rows[i].high;
        a.version_low = rows[i].low;
        CHECK_INT(ask_next(&s, &a),
                  rows[i].takes ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_FILE_FORCED_CLOSED);
        CHECK_INT(fake_close_file(&s.f, s.rsp.file_id),
                  rows[i].takes ? SMBKIT_STATUS_FILE_CLOSED : SMBKIT_STATUS_SUCCESS);
        end_two(&s);
    }
}

/* Who has got hold of an id takes nothing from who may do more than he: a reader ends no writer's
 * open. */
static void test_reader(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        test_context("against a %s", i ? "writer" : "reader");
        begin_two(&s, SMB2_DIALECT_311);
        CHECK_INT(fake_create(&s.f, "file", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OPEN};
        a.access = i ? 0 : SMBKIT_GENERIC_READ;
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        /* g's tree connect may only read */
        struct smb_session *session = smb_session_find(s.g.server, s.g.session_id);
        struct smb_tree *tree = smb_tree_find(session, s.g.tree_id);
        atomic_store(&tree->read_only, true);
        a.access = SMBKIT_GENERIC_READ;
        CHECK_INT(ask_through(&s, &a, &rsp),
                  i ? SMBKIT_STATUS_SHARING_VIOLATION : SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&s.f, s.rsp.file_id),
                  i ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_FILE_CLOSED);
        smb_tree_unref(tree);
        smb_session_unref(session);
        end_two(&s);
    }
}

/* A reader keeps no writer off by a version; a reader he does. */
static void test_reader_version(void)
{
    static const struct {
        const char *name;
        uint32_t access, disposition;
        bool takes;
    } rows[] = {
        {"reads", SMBKIT_GENERIC_READ, SMBKIT_OPEN, false},
        {"writes", SMBKIT_GENERIC_READ | SMBKIT_GENERIC_WRITE, SMBKIT_OPEN, true},
        {"deletes", SMBKIT_DELETE, SMBKIT_OPEN, true},
        {"overwrites", SMBKIT_GENERIC_READ, SMBKIT_OVERWRITE_IF, true},
        {"does all", SMBKIT_MAXIMUM_ALLOWED, SMBKIT_OPEN, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        test_context("%s", rows[i].name);
        begin_two(&s, SMB2_DIALECT_311);
        CHECK_INT(fake_create(&s.f, "file", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        struct ask a = {.present = APP | VERSION,
                        .app = 0xa1,
                        .disposition = SMBKIT_OPEN,
                        .access = SMBKIT_GENERIC_READ,
                        .version_high = UINT64_MAX,
                        .version_low = UINT64_MAX};
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        a.version_high = 1;
        a.access = rows[i].access;
        a.disposition = rows[i].disposition;
        CHECK_INT(ask_through(&s, &a, &rsp),
                  rows[i].takes ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_FILE_FORCED_CLOSED);
        CHECK_INT(fake_close_file(&s.f, s.rsp.file_id),
                  rows[i].takes ? SMBKIT_STATUS_FILE_CLOSED : SMBKIT_STATUS_SUCCESS);
        end_two(&s);
    }
}

/* An open that he may not close keeps none of the others from being closed. */
static void test_reader_of_several(void)
{
    for (unsigned first_writes = 0; first_writes < 2; first_writes++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        struct smb2_create_rsp opens[2] = {0};
        test_context("the writer %s", first_writes ? "first" : "last");
        begin_two(&s, SMB2_DIALECT_311);
        CHECK_INT(fake_create(&s.f, "file", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OPEN, .share = 7};
        for (unsigned i = 0; i < 2; i++) {
            a.access = i == first_writes ? SMBKIT_GENERIC_READ : 0;
            CHECK_INT(create(&s.f, &a, &opens[i]), SMBKIT_STATUS_SUCCESS);
        }
        struct smb_session *session = smb_session_find(s.g.server, s.g.session_id);
        struct smb_tree *tree = smb_tree_find(session, s.g.tree_id);
        atomic_store(&tree->read_only, true);
        a.access = SMBKIT_GENERIC_READ;
        CHECK_INT(ask_through(&s, &a, &rsp), SMBKIT_STATUS_SUCCESS);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_INT(fake_close_file(&s.f, opens[i].file_id),
                      i == first_writes ? SMBKIT_STATUS_FILE_CLOSED : SMBKIT_STATUS_SUCCESS);
        }
        smb_tree_unref(tree);
        smb_session_unref(session);
        end_two(&s);
    }
}

/* What g, who may only read, pays for being refused by so many opens of a writer, which stay. */
static unsigned looks_of_refused(unsigned many)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin_two(&s, SMB2_DIALECT_311);
    CHECK_INT(fake_create(&s.f, "file", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OPEN, .share = 7};
    for (unsigned i = 0; i < many; i++) {
        CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
    }
    struct smb_session *session = smb_session_find(s.g.server, s.g.session_id);
    struct smb_tree *tree = smb_tree_find(session, s.g.tree_id);
    atomic_store(&tree->read_only, true);
    a.access = SMBKIT_GENERIC_READ;
    looks = looks_on_loop = 0;
    CHECK_INT(ask_through(&s, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    unsigned looked = looks;
    CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    smb_tree_unref(tree);
    smb_session_unref(session);
    end_two(&s);
    return looked;
}

static void test_refused_by_many(void)
{
    enum { FEW = 64 };
    unsigned one = looks_of_refused(1);
    CHECK(one > 0);
    CHECK_INT(looks_of_refused(FEW), one);
    CHECK(looks_on_loop > 0);
    CHECK_INT(looks_of_refused(FEW + 1), one);
    CHECK_INT(looks_on_loop, 0); /* a worker's from its beginning */
}

/* Nothing is closed for who is refused. */
static void test_refused_by_one(void)
{
    struct scene s;
    struct smb2_create_rsp opens[2] = {0};
    struct smb2_create_rsp rsp = {0};
    begin_two(&s, SMB2_DIALECT_311);
    struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OPEN_IF, .share = 7};
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(create(&s.f, &a, &opens[i]), SMBKIT_STATUS_SUCCESS);
        a.present = APP | VERSION;
        a.version_high = 9;
    }
    a.version_high = 8;
    CHECK_INT(ask_through(&s, &a, &rsp), SMBKIT_STATUS_FILE_FORCED_CLOSED);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(fake_close_file(&s.f, opens[i].file_id), SMBKIT_STATUS_SUCCESS);
    }
    end_two(&s);
}

static void rename_to(struct fake *f, struct smb2_file_id id, const char *name)
{
    uint8_t utf[64];
    uint8_t buf[128];
    struct wr n = wr_init(utf, sizeof(utf));
    struct wr b = wr_init(buf, sizeof(buf));
    wr_utf16(&n, name);
    wr_zero(&b, 16); /* do not replace; no root */
    wr_u32(&b, (uint32_t)wr_pos(&n));
    wr_bytes(&b, utf, wr_pos(&n));
    wr_zero(&b, 4);
    struct smb2_set_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                    .info_class = SMB2_FILE_RENAME_INFO,
                                    .file_id = id,
                                    .buffer = {buf, wr_pos(&b)}};
    struct wr w = fake_request(f, SMB2_SET_INFO);
    smb2_set_info_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
}

/* All that it has there is closed, in whatever order some of them were before. */
static void test_many(void)
{
    enum { MANY = 5 };
    for (unsigned closed = 0; closed < 1u << MANY; closed++) {
        struct scene s;
        struct smb2_create_rsp rsp[MANY] = {0};
        test_context("closed before: %x", closed);
        begin_two(&s, SMB2_DIALECT_311);
        struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OPEN_IF, .share = 7};
        for (unsigned i = 0; i < MANY; i++) {
            CHECK_INT(create(&s.f, &a, &rsp[i]), SMBKIT_STATUS_SUCCESS);
        }
        for (unsigned i = 0; i < MANY; i++) {
            if (closed & 1u << i) {
                CHECK_INT(fake_close_file(&s.f, rsp[i].file_id), SMBKIT_STATUS_SUCCESS);
            }
        }
        CHECK_INT(s.f.server->apps.opens.count, closed + 1 < 1u << MANY);
        CHECK_INT(ask_next(&s, &a), SMBKIT_STATUS_SUCCESS);
        for (unsigned i = 0; i < MANY; i++) {
            CHECK_INT(fake_close_file(&s.f, rsp[i].file_id), SMBKIT_STATUS_FILE_CLOSED);
        }
        end_two(&s);
    }
}

static void test_renamed(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin_two(&s, SMB2_DIALECT_311);
    CHECK_INT(create(&s.f, &first, &s.rsp), SMBKIT_STATUS_SUCCESS);
    rename_to(&s.f, s.rsp.file_id, "moved");
    struct ask a = next();
    a.name = "Moved";
    CHECK_INT(ask_next(&s, &a), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_FILE_CLOSED);
    CHECK_INT(create(&s.f, &first, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.create_action, SMB2_FILE_CREATED);
    end_two(&s);
}

/* f's CREATE, of which the nth call is late, while g opens the file for the same application.
 * false: it makes fewer. */
static bool stop_in_create(unsigned n)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    test_context("call %u is late", n);
    begin_two(&s, SMB2_DIALECT_311);
    CHECK_INT(fake_create(&s.g, "file", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s.g, rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&s.g, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OVERWRITE_IF, .share = 7};
    struct wr w = create_of(&s.f, &a);
    late.at = n;
    fake_submit(&s.f, &w);
    bool was_late = late.op != NULL;
    late.at = 0;
    a.disposition = SMBKIT_OPEN;
    if (was_late) {
        CHECK_INT(ask_through(&s, &a, &rsp), SMBKIT_STATUS_SUCCESS);
        late_complete();
        fake_pump(&s.f);
    }
    struct fake_reply r = fake_take(&s.f);
    if (r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(&s.f);
    }
    CHECK_INT(fake_create_done(&r, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(s.rsp.create_action, SMB2_FILE_OVERWRITTEN);
    CHECK_INT(overwrites, 1);
    if (was_late) {
        CHECK_INT(fake_write(&s.g, rsp.file_id, 0, "anew", 4), SMBKIT_STATUS_SUCCESS);
    }
    CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    end_two(&s);
    return was_late;
}

/* What it has begun at the plugin it carries to its end, whoever has come meanwhile. */
static void test_stopped(void)
{
    unsigned n = 1;
    while (stop_in_create(n)) {
        n++;
    }
    CHECK(n > 2);
}

/* The same of a CREATE that takes the file. */
static bool stop_in_taking(unsigned n)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    test_context("call %u is late", n);
    begin_two(&s, SMB2_DIALECT_311);
    struct ask a = {.present = APP, .app = 0xa1, .disposition = SMBKIT_OVERWRITE_IF, .share = 7};
    CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = create_of(&s.g, &a);
    late.at = n;
    fake_submit(&s.g, &w);
    bool was_late = late.op != NULL;
    late.at = 0;
    if (was_late) {
        late_complete();
        fake_pump(&s.g);
    }
    struct fake_reply r = fake_take(&s.g);
    if (r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(&s.g);
    }
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(overwrites, 1);
    CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_FILE_CLOSED);
    end_two(&s);
    return was_late;
}

static void test_stopped_taking(void)
{
    unsigned n = 1;
    while (stop_in_taking(n)) {
        n++;
    }
    CHECK(n > 3);
}

static const struct test_case cases[] = {
    {"takes over", test_takes_over},
    {"takes what is kept", test_takes_what_is_kept},
    {"what is found", test_what_is_found},
    {"versions", test_versions},
    {"who may only read", test_reader},
    {"takes what is reaped", test_takes_what_is_reaped},
    {"many of one machine", test_many},
    {"a reader's version", test_reader_version},
    {"who may only read, of several", test_reader_of_several},
    {"refused by one of several", test_refused_by_one},
    {"who may only read, of many", test_refused_by_many},
    {"renamed", test_renamed},
    {"stopped by its plugin", test_stopped},
    {"stopped when it takes", test_stopped_taking},
};
TEST_MAIN(cases)
