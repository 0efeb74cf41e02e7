/* SPDX-License-Identifier: Apache-2.0 */
/* What is pending against what ends it: CANCELs in compounds, breaks before the CREATE is answered,
 * replies too large for one frame, transfers whose file, tree or session goes. */
#include "smb_fake_client.h"
#include "smb_slow.h"

#include "wire/change_notify.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/oplock_break.h"
#include "wire/query_directory.h"
#include "wire/tree_disconnect.h"

static void start(struct fake *f, const struct smbkit_plugin *filter)
{
    fake_init(f);
    f->credits = 400;
    f->filter = filter;
    slow_now = (struct slow){0};
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
    fake_enter(f, 0x0311);
}

static void stop(struct fake *f)
{
    fake_disconnect(f);
    fake_stop(f);
}

static struct smb2_file_id open_file(struct fake *f, const char *name, uint8_t oplock)
{
    struct smb2_create_rsp rsp = {0};
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN_IF, oplock, 7);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static struct smb2_file_id open_root(struct fake *f)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, "", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static struct wr create_request(struct fake *f, const char *name)
{
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN_IF, SMB2_OPLOCK_LEVEL_BATCH, 7);
    return w;
}

static struct wr notify_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_change_notify_req req = {
        .output_max = 1000, .file_id = id, .completion_filter = 0xfff};
    struct wr w = fake_request(f, SMB2_CHANGE_NOTIFY);
    smb2_change_notify_req_format(&w, &req);
    return w;
}

static struct wr read_request(struct fake *f, struct smb2_file_id id, uint32_t length)
{
    struct smb2_read_req req = {.length = length, .file_id = id};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    wr_put_u16(&w, 6, (uint16_t)((length + 65535) / 65536)); /* CreditCharge */
    f->mid += (length + 65535) / 65536 - 1;
    return w;
}

struct compound {
    struct wr w;
    size_t last;
};

static void add(struct compound *c, struct wr element, bool related)
{
    if (wr_pos(&c->w) > 0) {
        wr_align(&c->w, 0, 8);
        wr_put_u32(&c->w, c->last + SMB2_HDR_NEXT_OFFSET, (uint32_t)(wr_pos(&c->w) - c->last));
    }
    c->last = wr_pos(&c->w);
    if (related) {
        element.base[SMB2_HDR_FLAGS_OFFSET] |= SMB2_FLAGS_RELATED_OPERATIONS;
    }
    wr_bytes(&c->w, element.base, wr_pos(&element));
    wr_fini(&element);
}

static void send_compound(struct fake *f, struct compound *c)
{
    for (size_t at = 0, next = 1; next; at += next) {
        struct cur n = cur_init(c->w.base + at + SMB2_HDR_NEXT_OFFSET, 4);
        next = cur_u32(&n);
        fake_sign(f, c->w.base + at, next ? next : wr_pos(&c->w) - at);
    }
    f->signs = false;
    fake_submit(f, &c->w);
    f->signs = true;
}

static unsigned count_replies(struct fake *f, uint16_t command, smbkit_status status)
{
    struct fake_reply r;
    unsigned n = 0;
    while (fake_next(f, &r)) {
        n += r.hdr.command == command && r.status == status;
        fake_reply_fini(&r);
    }
    return n;
}

/* As fake_submit, but nothing that it posts is run yet. */
static void deliver(struct fake *f, struct wr *w)
{
    fake_sign(f, w->base, wr_pos(w));
    struct iobuf *frame = iobuf_new(wr_pos(w));
    memcpy(frame->base, w->base, wr_pos(w));
    wr_fini(w);
    smb_conn_frame(f->conn, frame);
}

/* ---- CANCEL ---- */

/* A message ends, by the end of the connection, with a CANCEL of the message behind it. */
static void test_cancel_of_the_next(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool shutdown = i & 1;
        bool by_async = i & 2;
        struct fake f;
        start(&f, NULL);
        struct smb2_file_id root = open_root(&f);
        (void)open_file(&f, "f", SMB2_OPLOCK_LEVEL_BATCH);
        struct compound c = {.w = wr_new(1 << 16)};
        uint64_t mid = f.mid;
        add(&c, create_request(&f, "f"), false);                    /* waits for the break */
        add(&c, fake_cancel_request(&f, by_async, mid + 1), false); /* 1 will be its AsyncId */
        send_compound(&f, &c);
        struct wr w = notify_request(&f, root);
        fake_submit(&f, &w);
        CHECK_INT(count_replies(&f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_PENDING), 1);
        if (shutdown) {
            smb_conn_shutdown(f.conn);
            fake_pump(&f);
            CHECK(f.closed);
        }
        stop(&f);
    }
}

/* Each message, when cancelled, cancels the next: no matter how many. */
static void test_cancel_chain(void)
{
    struct fake f;
    enum { LINKS = 120 };
    start(&f, NULL);
    (void)open_file(&f, "f", SMB2_OPLOCK_LEVEL_BATCH);
    uint64_t first = f.mid;
    for (unsigned i = 0; i < LINKS; i++) {
        struct compound c = {.w = wr_new(1 << 16)};
        uint64_t mid = f.mid;
        add(&c, create_request(&f, "f"), false);
        add(&c, fake_cancel_request(&f, 0, mid + 1), false);
        send_compound(&f, &c);
    }
    (void)count_replies(&f, 0, 0);
    struct wr w = fake_cancel_request(&f, 0, first);
    fake_submit(&f, &w);
    CHECK_INT(count_replies(&f, SMB2_CREATE, SMBKIT_STATUS_CANCELLED), LINKS);
    stop(&f);
}

/* ---- breaks ---- */

/* Somebody else's open breaks the oplock of a CREATE that is done but not answered yet: the break
 * follows the answer, and bears the FileId. */
static void test_break_before_the_answer(void)
{
    struct smbkit_plugin filter = slow_filter(0); /* on workers */
    struct fake f;
    struct fake g;
    struct smb2_create_rsp rsp = {0};
    start(&f, &filter);
    fake_init(&g);
    g.server = f.server;
    fake_enter(&g, 0x0311);
    struct wr w = create_request(&f, "f");
    deliver(&f, &w);
    CHECK(fake_run_one(&f.work_jobs)); /* its answer is a job of the loop, not run yet */
    CHECK(!fake_run_one(&f.work_jobs));
    struct list *answer = list_pop_front(&f.loop_jobs);
    REQUIRE(answer);
    w = create_request(&g, "f");
    fake_submit(&g, &w);
    struct list *brk = list_pop_front(&f.loop_jobs);
    REQUIRE(brk);
    struct job *job = LIST_ENTRY(brk, struct job, link);
    job->fn(job); /* a fast loop: the break is there before the answer */
    CHECK_INT(f.sent_count, 0);
    list_push_back(&f.loop_jobs, answer);
    fake_pump(&f);
    struct fake_reply r = fake_take(&f);
    CHECK_INT(r.hdr.command, SMB2_CREATE);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_oplock_break b = {0};
    CHECK(fake_next(&f, &r));
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    CHECK_INT(smb2_oplock_break_rsp_parse(&r.body, &b), WIRE_OK);
    CHECK(b.file_id.volatile_id == rsp.file_id.volatile_id);
    fake_reply_fini(&r);
    fake_disconnect(&g);
    stop(&f);
}

/* Closing the file answers the break: its timer ends and holds the file no longer. */
static void test_close_ends_the_break(void)
{
    struct fake f;
    start(&f, NULL);
    struct smb2_file_id id = open_file(&f, "f", SMB2_OPLOCK_LEVEL_BATCH);
    unsigned before = 0;
    for (unsigned i = 0; i < FAKE_TIMERS; i++) {
        before += f.timers[i] != NULL;
    }
    struct wr w = create_request(&f, "f");
    fake_submit(&f, &w);
    (void)count_replies(&f, 0, 0);
    struct smb2_close_req req = {.file_id = id};
    w = fake_request(&f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    fake_submit(&f, &w);
    CHECK_INT(count_replies(&f, SMB2_CREATE, SMBKIT_STATUS_SUCCESS), 1);
    unsigned after = 0;
    for (unsigned i = 0; i < FAKE_TIMERS; i++) {
        after += f.timers[i] != NULL;
    }
    CHECK_INT(after, before);
    stop(&f);
}

/* ---- replies ---- */

/* Two reads of 8 MiB in one compound: more than a frame's 24 bits of length tell. */
static void test_replies_of_several_frames(void)
{
    struct fake f;
    enum { SIZE = 8 << 20 };
    start(&f, NULL);
    struct smb2_file_id id = open_file(&f, "f", 0);
    CHECK_INT(fake_write(&f, id, SIZE - 1, "x", 1), SMBKIT_STATUS_SUCCESS);
    struct compound c = {.w = wr_new(1 << 16)};
    add(&c, read_request(&f, id, SIZE), false);
    add(&c, read_request(&f, id, SIZE), false);
    send_compound(&f, &c);
    for (unsigned i = 0; i < 2; i++) {
        struct fake_reply r = fake_take(&f);
        struct smb2_read_rsp rsp = {0};
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        CHECK_INT(r.hdr.next_command, 0);
        CHECK_INT(smb2_read_rsp_parse(&r.body, &rsp), WIRE_OK);
        CHECK_INT(rsp.data.len, SIZE);
        fake_reply_fini(&r);
    }
    stop(&f);
}

/* ---- transfers that the plugin answers only when nobody wants them any more ---- */

/* Complete what the core has marked as cancelled, as a plugin does that asks now and then. */
static unsigned complete_cancelled(void)
{
    unsigned n = 0;
    while (slow_now.count > n) {
        if (smbkit_op_is_cancelled(slow_now.ops[0])) {
            (void)slow_complete();
        } else {
            break;
        }
    }
    return slow_now.count;
}

enum ending { END_CLOSE, END_TREE, END_LOGOFF, END_ADMIN, END_DISCONNECT, ENDINGS };

static void end_it(struct fake *f, enum ending how, struct smb2_file_id id)
{
    struct smb2_close_req req = {.file_id = id};
    struct wr w;
    switch (how) {
    case END_CLOSE:
        w = fake_request(f, SMB2_CLOSE);
        smb2_close_req_format(&w, &req);
        break;
    case END_TREE:
        w = fake_request(f, SMB2_TREE_DISCONNECT);
        smb2_tree_disconnect_req_format(&w);
        break;
    case END_LOGOFF:
        w = fake_request(f, SMB2_LOGOFF);
        smb2_logoff_req_format(&w);
        break;
    case END_ADMIN:
        CHECK(smb_server_session_close(f->server, f->session_id));
        return;
    default:
        smb_conn_closed(f->conn);
        return;
    }
    fake_sign(f, w.base, wr_pos(&w));
    struct iobuf *frame = iobuf_new(wr_pos(&w));
    memcpy(frame->base, w.base, wr_pos(&w));
    wr_fini(&w);
    smb_conn_frame(f->conn, frame);
}

/* The end must reach the plugin before anything waits for the transfer. */
static void test_transfer_is_told(void)
{
    for (unsigned how = 0; how < ENDINGS; how++) {
        struct smbkit_plugin filter = slow_filter(SMBKIT_FEATURE_TRIES_NOWAIT);
        struct fake f;
        test_context("ending %u", how);
        start(&f, &filter);
        struct smb2_file_id id = open_file(&f, "f", 0);
        CHECK_INT(fake_write(&f, id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
        slow_now.pends = true;
        struct wr w = read_request(&f, id, 5);
        fake_submit(&f, &w);
        CHECK_INT(slow_now.count, 1);
        end_it(&f, (enum ending)how, id);
        while (fake_run_one(&f.loop_jobs)) { /* the worker's part, which blocks, comes after */
        }
        test_context("ending %u: pending", how);
        CHECK_INT(complete_cancelled(), 0);
        while (slow_complete()) {
        }
        fake_pump(&f);
        if (how == END_DISCONNECT) {
            CHECK(f.released);
            f.conn = smb_conn_new(f.server, &fake_io, &f, "192.0.2.1", 2);
        }
        stop(&f);
    }
}

/* ---- what CLOSE comes behind ---- */

static struct wr listing_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_query_directory_req req = {.info_class = 1, .file_id = id, .output_max = 4096};
    uint8_t star[2] = {'*', 0};
    req.pattern = (struct wire_slice){star, sizeof(star)};
    struct wr w = fake_request(f, SMB2_QUERY_DIRECTORY);
    smb2_query_directory_req_format(&w, &req);
    return w;
}

static struct wr close_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_close_req req = {.file_id = id};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    return w;
}

/* A CLOSE sent right behind what has to go to a worker does not overtake it, whichever of the two
 * the workers take first. */
static void test_close_keeps_behind(void)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t features = i & 1 ? SMBKIT_FEATURE_TRIES_NOWAIT : 0;
        bool is_listing = i & 2;
        struct smbkit_plugin filter = slow_filter(features);
        struct fake f;
        start(&f, &filter);
        struct smb2_file_id id = is_listing ? open_root(&f) : open_file(&f, "f", 0);
        slow_now.blocks = true;
        struct wr w = is_listing ? listing_request(&f, id) : read_request(&f, id, 10);
        deliver(&f, &w);
        struct list *first = list_pop_front(&f.work_jobs);
        REQUIRE(first);
        w = close_request(&f, id);
        deliver(&f, &w);
        list_push_back(&f.work_jobs, first); /* another lane was quicker */
        fake_pump(&f);
        struct fake_reply r = fake_take(&f);
        CHECK_INT(r.hdr.command, is_listing ? SMB2_QUERY_DIRECTORY : SMB2_READ);
        CHECK_INT(r.status, is_listing ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_END_OF_FILE);
        fake_reply_fini(&r);
        CHECK(fake_next(&f, &r));
        CHECK_INT(r.hdr.command, SMB2_CLOSE);
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        fake_reply_fini(&r);
        stop(&f);
    }
}

/* What has happened while the plugin is at its watch call is told when it has answered, and not in
 * another order. */
static void test_notify_after_its_watch(void)
{
    struct smbkit_plugin filter = slow_filter(SMBKIT_FEATURE_TRIES_NOWAIT);
    struct fake f;
    start(&f, &filter);
    struct smb2_file_id root = open_root(&f);
    slow_now.pends = true;
    slow_now.pends_watch = true;
    for (unsigned i = 0; i < 2; i++) {
        struct wr w = notify_request(&f, root);
        fake_submit(&f, &w);
        struct fake_reply r = fake_take(&f);
        CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
        fake_reply_fini(&r);
    }
    CHECK_INT(slow_now.count, 1); /* an open's first query asks for it */
    open_file(&f, "one", 0);
    open_file(&f, "two", 0);
    CHECK_INT(count_replies(&f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_SUCCESS), 0);
    CHECK(slow_complete());
    fake_pump(&f);
    const char *const told[] = {"one", "two"};
    for (unsigned i = 0; i < 2; i++) {
        struct fake_reply r = fake_take(&f);
        struct smb2_change_notify_rsp rsp = {0};
        CHECK_INT(r.hdr.command, SMB2_CHANGE_NOTIFY);
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        CHECK_INT(smb2_change_notify_rsp_parse(&r.body, &rsp), WIRE_OK);
        REQUIRE(rsp.output.len == 12 + 2 * strlen(told[i])); /* [MS-FSCC] 2.7.1 */
        CHECK_INT(rsp.output.p[12], told[i][0]);
        fake_reply_fini(&r);
    }
    stop(&f);
}

/* Cancelled there, it waits for what happens as well: its end is not to wake it. */
static void test_notify_cancelled_at_its_watch(void)
{
    struct smbkit_plugin filter = slow_filter(SMBKIT_FEATURE_TRIES_NOWAIT);
    struct fake f;
    start(&f, &filter);
    struct smb2_file_id root = open_root(&f);
    slow_now.pends = true;
    slow_now.pends_watch = true;
    struct wr w = notify_request(&f, root);
    fake_submit(&f, &w);
    struct fake_reply r = fake_take(&f);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_cancel(&f, r.hdr.async_id, 0);
    fake_reply_fini(&r);
    CHECK(slow_complete());
    fake_pump(&f);
    CHECK_INT(count_replies(&f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_CANCELLED), 1);
    stop(&f);
}

static const struct test_case cases[] = {
    {"a cancelled message cancels the next", test_cancel_of_the_next},
    {"a chain of cancels", test_cancel_chain},
    {"a break before the answer to the create", test_break_before_the_answer},
    {"close ends a break", test_close_ends_the_break},
    {"replies too large for one frame", test_replies_of_several_frames},
    {"a close keeps behind what came before it", test_close_keeps_behind},
    {"events after the watch call", test_notify_after_its_watch},
    {"a query cancelled at its watch call", test_notify_cancelled_at_its_watch},
    {"a transfer hears that it is not wanted", test_transfer_is_told},
};
TEST_MAIN(cases)
