/* SPDX-License-Identifier: Apache-2.0 */
/* What a client makes the server hold: bounds, waiting for room, and that all is given back (which
 * fake_stop's server asserts). */
#include "smb_compound.h"

#include "smb/request.h"
#include "smb/limits.h"
#include "wire/change_notify.h"
#include "wire/echo.h"

#define MIB (1u << 20)

struct ground {
    struct fake f;
    struct smb2_create_rsp file; /* of 8 MiB */
};

static void ground_init(struct ground *g)
{
    static uint8_t chunk[65536];
    fake_init(&g->f);
    struct smb_config config = fake_config(&g->f);
    config.credits_max = 8192;
    fake_start(&g->f, &config);
    g->f.credits = 8192;
    fake_enter(&g->f, SMB2_DIALECT_300);
    CHECK_INT(fake_create(&g->f, "big", SMBKIT_CREATE, &g->file), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i < 128; i++) {
        CHECK_INT(
            fake_write(&g->f, g->file.file_id, (uint64_t)i * sizeof(chunk), chunk, sizeof(chunk)),
            SMBKIT_STATUS_SUCCESS);
    }
}

static void ground_fini(struct ground *g)
{
    fake_disconnect(&g->f);
    fake_stop(&g->f);
}

static struct wr read_request(struct ground *g, uint32_t length)
{
    struct smb2_read_req req = {.length = length, .file_id = g->file.file_id};
    uint16_t charge = (uint16_t)((length + 65535) / 65536);
    struct wr w = fake_request(&g->f, SMB2_READ);
    wr_put_u16(&w, 6, charge);
    g->f.mid += charge - 1u;
    smb2_read_req_format(&w, &req);
    return w;
}

/* Ask for this much without reading; false: there was no room for the frame. */
static bool ask_read(struct ground *g, uint32_t length)
{
    uint64_t mid = g->f.mid;
    struct wr w = read_request(g, length);
    fake_submit(&g->f, &w);
    if (g->f.refused) {
        g->f.mid = mid;
    }
    return !g->f.refused;
}

static unsigned drop_replies(struct ground *g)
{
    struct fake_reply r;
    unsigned n = 0;
    while (fake_next(&g->f, &r)) {
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        fake_reply_fini(&r);
        n++;
    }
    return n;
}

static void test_replies_that_nobody_reads(void)
{
    static const uint32_t lengths[] = {MIB, 4 * MIB, 8 * MIB, 65536};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct ground g;
        test_context("%u bytes", lengths[i]);
        ground_init(&g);
        size_t bound = 8u * MIB + SMB_CONN_BYTES;
        unsigned asked = 0;
        unsigned got = 0;
        g.f.holds = true;
        while (asked < 60 && ask_read(&g, lengths[i])) {
            asked++;
            CHECK(budget_used(&g.f.conn->budget) <= bound);
        }
        /* As many replies as fit, one request more that waits for room, and then no frame. */
        CHECK_INT(g.f.held_count, MIN(60u, bound / lengths[i]));
        CHECK(asked == 60 || asked == g.f.held_count + 1);
        CHECK_INT(budget_used(&g.f.conn->account->memory),
                  budget_used(&g.f.conn->budget) - SMB_CONN_FREE_BYTES);
        for (unsigned turn = 0; turn < 60 && got < asked; turn++) {
            got += drop_replies(&g);
            fake_read_held(&g.f);
        }
        CHECK_INT(got, asked);
        CHECK(asked == 60 || g.f.resumed > 0);
        g.f.holds = false;
        CHECK(ask_read(&g, lengths[i]));
        CHECK_INT(drop_replies(&g), 1);
        ground_fini(&g);
    }
}

/* The end of the connection, and CANCEL, end what waits for room. */
static void test_ends_without_room(void)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        struct ground g;
        ground_init(&g);
        g.f.holds = true;
        CHECK(ask_read(&g, 8 * MIB));
        CHECK(ask_read(&g, 8 * MIB));
        CHECK_INT(g.f.held_count, 1);
        CHECK(!list_is_empty(&g.f.conn->starved));
        if (cancel) {
            struct smb_request *r = smb_request_find(g.f.conn, false, g.f.mid - 128);
            REQUIRE(r);
            smb_request_cancel(r);
            fake_pump(&g.f);
            CHECK_INT(g.f.held_count, 2); /* its refusal */
            CHECK(list_is_empty(&g.f.conn->starved));
        }
        ground_fini(&g);
    }
}

/* A chain that reads more than a message holds is answered piece by piece, as the client reads. */
static void test_chain_of_large_reads(void)
{
    struct ground g;
    ground_init(&g);
    struct compound c = {.w = wr_new(MIB)};
    for (int i = 0; i < 3; i++) {
        struct wr w = read_request(&g, 8 * MIB);
        compound_add(&g.f, &c, &w, false);
    }
    g.f.holds = true;
    compound_send(&g.f, &c);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(drop_replies(&g), 1);
        fake_read_held(&g.f);
    }
    ground_fini(&g);
}

/* Credits of a reply that is not read are not the client's yet. */
static void test_credits_when_sent(void)
{
    struct ground g;
    ground_init(&g);
    g.f.holds = true;
    uint32_t before = g.f.conn->credits.available;
    CHECK(ask_read(&g, 65536));
    CHECK_INT(g.f.conn->credits.available, before - 1);
    CHECK_INT(g.f.conn->credits.promised, 1);
    fake_read_held(&g.f);
    CHECK_INT(g.f.conn->credits.available, before);
    CHECK_INT(drop_replies(&g), 1);
    ground_fini(&g);
}

/* Before log-in: few credits, and little memory. */
static void test_before_log_in(void)
{
    struct fake f;
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    fake_connect(&f);
    f.credits = 8192;
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.conn->credits.available, SMB_CREDITS_PREAUTH);
    CHECK(!f.logged_on);
    f.holds = true;
    for (unsigned i = 0; i < SMB_CREDITS_PREAUTH && !f.closed; i++) {
        struct wr w = fake_request(&f, SMB2_ECHO);
        smb2_echo_req_format(&w);
        fake_submit(&f, &w);
        CHECK(budget_used(&f.conn->budget) <= SMB_CONN_PREAUTH_BYTES);
    }
    CHECK(!f.closed);
    /* It has used all and read none: one more is out of the window. */
    struct wr w = fake_request(&f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    fake_submit(&f, &w);
    CHECK(f.closed);
    fake_disconnect(&f);
    fake_stop(&f);
}

static void submit_notify(struct ground *g, struct smb2_file_id id, size_t padding)
{
    struct smb2_change_notify_req req = {.output_max = 4096, .file_id = id, .completion_filter = 1};
    struct wr w = fake_request(&g->f, SMB2_CHANGE_NOTIFY);
    smb2_change_notify_req_format(&w, &req);
    wr_zero(&w, padding);
    fake_submit(&g->f, &w);
}

static smbkit_status notify_status(struct ground *g)
{
    struct fake_reply r = {.status = SMBKIT_STATUS_UNSUCCESSFUL};
    CHECK(fake_next(&g->f, &r));
    fake_reply_fini(&r);
    return r.status;
}

/* Waiting requests are bounded in number and in bytes, and leave room for others. As many fit as
 * may wait, with room for the struct of a request to grow. */
static void test_waiting(void)
{
    static const struct {
        size_t padding;
        unsigned max;
    } rows[] = {{0, SMB_ASYNC_MAX}, {64, SMB_ASYNC_MAX}, {400000, 2}, {800000, 1}, {960 * 1024, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ground g;
        struct smb2_create_rsp dir;
        unsigned n = 0;
        test_context("padding %zu", rows[i].padding);
        ground_init(&g);
        CHECK_INT(fake_create_dir(&g.f, "d", &dir), SMBKIT_STATUS_SUCCESS);
        for (; n <= rows[i].max; n++) {
            submit_notify(&g, dir.file_id, rows[i].padding);
            CHECK_INT(notify_status(&g), n < rows[i].max ? SMBKIT_STATUS_PENDING
                                                         : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        }
        CHECK(ask_read(&g, 8 * MIB)); /* the largest goes on beside them */
        CHECK_INT(drop_replies(&g), 1);
        ground_fini(&g);
    }
}

/* Log-ins under way are bounded; one that is over makes room. */
static void test_half_open(void)
{
    struct fake f;
    struct smb2_negotiate_req negotiate = fake_negotiate_req(SMB2_DIALECT_300);
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    fake_start(&f, &config);
    fake_connect(&f);
    f.credits = 64;
    CHECK_INT(fake_negotiate(&f, &negotiate), SMBKIT_STATUS_SUCCESS);
    uint8_t blob[40];
    struct wr n = wr_init(blob, sizeof(blob));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    uint64_t last = 0;
    for (unsigned i = 0; i <= SMB_SESSIONS_PREAUTH; i++) {
        f.session_id = 0;
        struct fake_reply r = fake_setup_round(&f, blob, sizeof(blob));
        bool fits = i < SMB_SESSIONS_PREAUTH;
        CHECK_INT(r.status, fits ? SMBKIT_STATUS_MORE_PROCESSING_REQUIRED
                                 : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        last = fits ? r.hdr.session_id : last;
        fake_reply_fini(&r);
    }
    f.session_id = last;
    struct fake_reply r = fake_setup_round(&f, blob, 3); /* nonsense: the end of that one */
    CHECK(r.status < 0 && r.status != SMBKIT_STATUS_MORE_PROCESSING_REQUIRED);
    fake_reply_fini(&r);
    f.session_id = 0;
    CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f);
    fake_stop(&f);
}

static const struct test_case cases[] = {
    {"replies that nobody reads", test_replies_that_nobody_reads},
    {"cancel and hang-up without room", test_ends_without_room},
    {"a chain of large reads", test_chain_of_large_reads},
    {"credits are granted when sent", test_credits_when_sent},
    {"before log-in", test_before_log_in},
    {"waiting requests", test_waiting},
    {"log-ins under way", test_half_open},
};
TEST_MAIN(cases)
