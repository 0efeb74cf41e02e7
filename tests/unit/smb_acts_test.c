/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin is doing when its session, tree, share or connection goes, or the client says
 * CANCEL: the answer tells what has happened to the file, whichever call of the request it is that
 * takes its time, and the end waits for it. [MS-SMB2] 3.3.5.6, 3.3.5.8, 3.3.5.16, 3.3.7.1 */
#include "smb_fake_client.h"
#include "smb_late.h"

#include "wire/empty.h"
#include "wire/logoff.h"
#include "wire/set_info.h"
#include "wire/tree_disconnect.h"

/* ---- what is done ---- */

enum act { ACT_OVERWRITE, ACT_MAKE, ACT_RENAME, ACT_REPLACE, ACT_SIZE, ACT_HIDE, ACT_WRITE, ACTS };

struct rig {
    struct fake f; /* acts, and goes */
    struct fake g; /* looks */
    struct smb2_file_id id;
};

static const char *file_of(enum act act)
{
    return act == ACT_MAKE ? "new" : "f";
}

static void file_make(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, name, SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(f, rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
}

static void rig_open(struct rig *r, enum act act)
{
    struct smb2_create_rsp rsp = {0};
    late.at = 0;
    late.op = NULL;
    fake_init(&r->f);
    fake_init(&r->g);
    r->f.filter = &late_filter;
    struct smb_config config = fake_config(&r->f);
    fake_start(&r->f, &config);
    r->g.server = r->f.server;
    r->f.credits = r->g.credits = 64;
    fake_enter(&r->f, SMB2_DIALECT_311);
    fake_enter(&r->g, SMB2_DIALECT_311);
    file_make(&r->g, "f");
    if (act == ACT_REPLACE) {
        file_make(&r->g, "to");
    }
    if (act > ACT_MAKE) {
        CHECK_INT(fake_create(&r->f, "f", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
        r->id = rsp.file_id;
    }
}

static struct wr set_info(struct rig *r, uint8_t info_class, const struct wr *buffer)
{
    struct wr w = fake_request(&r->f, SMB2_SET_INFO);
    const struct smb2_set_info_req req = {.info_type = 1, /* FILE */
                                          .info_class = info_class,
                                          .file_id = r->id,
                                          .buffer = {buffer->base, wr_pos(buffer)}};
    smb2_set_info_req_format(&w, &req);
    return w;
}

/* [MS-FSCC] 2.4.42.2, 2.4.14, 2.4.7 */
static struct wr set_info_request(struct rig *r, enum act act)
{
    uint8_t room[100];
    struct wr b = wr_init(room, sizeof(room));
    if (act == ACT_SIZE) {
        wr_u64(&b, 3);
        return set_info(r, 20, &b);
    }
    if (act == ACT_HIDE) {
        wr_zero(&b, 32);
        wr_u32(&b, SMBKIT_ATTR_HIDDEN);
        wr_zero(&b, 4);
        return set_info(r, 4, &b);
    }
    wr_u64(&b, act == ACT_REPLACE); /* ReplaceIfExists */
    wr_u64(&b, 0);                  /* RootDirectory */
    wr_u32(&b, 4);
    wr_utf16(&b, "to");
    wr_zero(&b, 4);
    return set_info(r, 10, &b);
}

static struct wr request_of(struct rig *r, enum act act)
{
    struct wr w;
    switch (act) {
    case ACT_OVERWRITE:
    case ACT_MAKE:
        w = fake_request(&r->f, SMB2_CREATE);
        fake_create_format(&w, file_of(act), SMBKIT_OVERWRITE_IF, 0, 7);
        return w;
    case ACT_WRITE:
        w = fake_request(&r->f, SMB2_WRITE);
        smb2_write_req_format(
            &w, &(struct smb2_write_req){
                    .length = 9, .file_id = r->id, .data = {(const uint8_t *)"farewell!", 9}});
        return w;
    default:
        return set_info_request(r, act);
    }
}

/* ---- what has become of it ---- */

static bool look(struct fake *g, const char *name, struct smb2_create_rsp *rsp)
{
    *rsp = (struct smb2_create_rsp){0};
    bool is_there = SMBKIT_OK(fake_create(g, name, SMBKIT_OPEN, rsp));
    if (is_there) {
        CHECK_INT(fake_close_file(g, rsp->file_id), SMBKIT_STATUS_SUCCESS);
    }
    return is_there;
}

static bool is_done(struct rig *r, enum act act)
{
    struct smb2_create_rsp is;
    bool is_there = look(&r->g, file_of(act), &is);
    switch (act) {
    case ACT_OVERWRITE:
        CHECK(is_there);
        return is.end_of_file == 0;
    case ACT_MAKE:
        return is_there;
    case ACT_RENAME:
        CHECK(look(&r->g, "to", &is) != is_there);
        return !is_there;
    case ACT_REPLACE:
        CHECK(look(&r->g, "to", &is));
        return !is_there;
    case ACT_SIZE:
        return is.end_of_file == 3;
    case ACT_HIDE:
        return is.file_attributes & SMBKIT_ATTR_HIDDEN;
    default:
        return is.end_of_file == 9;
    }
}

/* ---- what ends it ---- */

enum ending {
    END_NOTHING,
    END_CANCEL,
    END_TREE,
    END_LOGOFF,
    END_ADMIN,
    END_SHARE,
    END_READ_ONLY,
    END_DISCONNECT,
    ENDINGS
};

static void submit_empty(struct fake *f, uint16_t command)
{
    struct wr w = fake_request(f, command);
    smb2_empty_format(&w);
    fake_submit(f, &w);
}

static void end_it(struct rig *r, enum ending how, uint64_t mid)
{
    switch (how) {
    case END_CANCEL:
        fake_cancel(&r->f, 0, mid);
        break;
    case END_TREE:
        submit_empty(&r->f, SMB2_TREE_DISCONNECT);
        break;
    case END_LOGOFF:
        submit_empty(&r->f, SMB2_LOGOFF);
        break;
    case END_ADMIN:
        CHECK(smb_server_session_close(r->f.server, r->f.session_id));
        break;
    case END_SHARE:
        CHECK(smb_server_share_remove(r->f.server, "mem"));
        CHECK(smb_server_enforce(r->f.server));
        break;
    case END_READ_ONLY:
        vfs_volume_read_only_set(r->f.volume, true);
        break;
    case END_DISCONNECT:
        smb_conn_closed(r->f.conn);
        break;
    default:
        break;
    }
    fake_pump(&r->f);
}

/* For who looks. */
static void mend(struct rig *r, enum ending how)
{
    const struct smb_share_spec spec = {.name = "mem", .volume = r->f.volume};
    vfs_volume_read_only_set(r->f.volume, false);
    if (how == END_SHARE) {
        CHECK_INT(smb_server_share_set(r->f.server, &spec), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_tree(&r->g, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    }
    if (how == END_DISCONNECT) {
        r->f.conn = smb_conn_new(r->f.server, &fake_io, &r->f, "192.0.2.1", 3);
    }
}

static bool is_answered(enum ending how)
{
    return how == END_TREE || how == END_LOGOFF;
}

/* The answer to the act; that to what ends it comes behind it. */
static smbkit_status answer_of(struct rig *r, enum ending how, uint64_t mid)
{
    smbkit_status status = SMBKIT_STATUS_PENDING;
    bool ended = false;
    struct fake_reply reply;
    while (fake_next(&r->f, &reply)) {
        bool is_final = reply.status != SMBKIT_STATUS_PENDING;
        if (is_final && reply.hdr.message_id == mid) {
            CHECK(!ended);
            status = reply.status;
        } else if (is_final) {
            CHECK_INT(reply.status, SMBKIT_STATUS_SUCCESS);
            ended = true;
        }
        fake_reply_fini(&reply);
    }
    CHECK_INT(ended, is_answered(how));
    return status;
}

/* Its nth call is late. false: it made fewer. */
static bool run(enum act act, enum ending how, bool refuses, unsigned n)
{
    struct rig r;
    test_context("act %d end %d refuses %d call %u", (int)act, (int)how, refuses, n);
    rig_open(&r, act);
    uint64_t mid = r.f.mid;
    struct wr w = request_of(&r, act);
    late.refuses = refuses;
    late.at = n;
    fake_submit(&r.f, &w);
    bool was_late = late.op != NULL;
    late.at = 0;
    if (was_late) {
        end_it(&r, how, mid);
        late_complete();
        fake_pump(&r.f);
        smbkit_status st = how == END_DISCONNECT ? 0 : answer_of(&r, how, mid);
        mend(&r, how);
        bool done = is_done(&r, act);
        CHECK(how == END_DISCONNECT || done == SMBKIT_OK(st));
        CHECK(how != END_NOTHING || refuses || done);
    }
    fake_disconnect(&r.f);
    fake_disconnect(&r.g);
    fake_stop(&r.f);
    return was_late;
}

static void test_answers_are_true(void)
{
    for (unsigned i = 0; i < ACTS * ENDINGS * 2; i++) {
        enum act act = (enum act)(i % ACTS);
        enum ending how = (enum ending)(i / ACTS % ENDINGS);
        unsigned n = 1;
        while (run(act, how, i / ACTS / ENDINGS, n)) {
            n++;
        }
        CHECK(n > 1); /* it made a call */
    }
}

static const struct test_case cases[] = {
    {"answers are true", test_answers_are_true},
};
TEST_MAIN(cases)
