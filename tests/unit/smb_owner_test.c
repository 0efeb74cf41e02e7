/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns what: opens, sessions and their limits, and what ending them costs. */
#include <time.h>

#include "smb_compound.h"

#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/open.h"
#include "wire/echo.h"
#include "wire/oplock_break.h"

static void start(struct fake *f)
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    fake_start(f, &config);
}

/* ---- long compounds ---- */

static void test_long_compound(void)
{
    static const struct {
        unsigned count;
        bool answered;
    } rows[] = {
        {200, true},
        {SMB_COMPOUND_MAX - 1, true},
        {SMB_COMPOUND_MAX, true},
        {SMB_COMPOUND_MAX + 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct compound c = {.w = wr_new(1 << 20)};
        test_context("%u elements", rows[i].count);
        start(&f);
        f.credits = 512;
        fake_enter(&f, 0x0311);
        for (unsigned k = 0; k < rows[i].count; k++) {
            struct wr w = fake_request(&f, SMB2_ECHO);
            smb2_empty_format(&w);
            compound_add(&f, &c, &w, k > 0);
        }
        compound_send(&f, &c);
        CHECK_INT(f.closed, !rows[i].answered);
        struct fake_reply r;
        unsigned replies = 0;
        while (fake_next(&f, &r)) {
            for (size_t at = 0, next = 1; next; at += next, replies++) {
                struct cur n = cur_init(r.p + at + SMB2_HDR_NEXT_OFFSET, 4);
                next = cur_u32(&n);
            }
            fake_reply_fini(&r);
        }
        CHECK_INT(replies, rows[i].answered ? rows[i].count : 0);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* The second CREATE waits for the oplock of the first, in the middle of a compound: the client must
 * hear of that, which it can only if it has heard of the first. */
static void test_compound_in_its_own_way(void)
{
    struct fake f;
    struct fake_reply r;
    struct compound c = {.w = wr_new(1 << 20)};
    struct smb2_create_rsp made = {0};
    bool is_told = false;
    start(&f);
    f.credits = 64;
    fake_enter(&f, 0x0311);
    for (unsigned k = 0; k < 3; k++) {
        struct wr w = fake_request(&f, k < 2 ? SMB2_CREATE : SMB2_ECHO);
        if (k < 2) {
            fake_create_format(&w, "a", SMBKIT_OPEN_IF, k ? 0 : SMB2_OPLOCK_LEVEL_BATCH, 7);
        } else {
            smb2_empty_format(&w);
        }
        compound_add(&f, &c, &w, false);
    }
    compound_send(&f, &c);
    while (fake_next(&f, &r)) {
        if (r.hdr.command == SMB2_CREATE) {
            CHECK_INT(smb2_create_rsp_parse(&r.body, &made), WIRE_OK);
        }
        is_told = is_told || (r.hdr.command == SMB2_OPLOCK_BREAK && made.file_id.persistent);
        fake_reply_fini(&r);
    }
    CHECK(is_told);
    fake_pass(&f, SMB_OPLOCK_TIME_MS);
    fake_pump(&f);
    unsigned more = 0;
    for (; fake_next(&f, &r); more++) {
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        fake_reply_fini(&r);
    }
    CHECK(more > 0);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- many opens ---- */

static struct smb2_file_id make_dir(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create_dir(f, name, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

/* What it costs to end them: bench/growth. */
#define MANY 40000
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true /* many times slower */
#else
#define IS_SANITIZED false
#endif

static void test_many_opens_of_one_directory(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    start(&f);
    f.credits = 64;
    fake_enter(&f, 0x0311);
    (void)make_dir(&f, "many");
    for (unsigned i = 0; i < (IS_SANITIZED ? MANY / 20 : MANY); i++) {
        REQUIRE(SMBKIT_OK(fake_create(&f, "many", SMBKIT_OPEN, &rsp)));
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- totals ---- */

#define FULL 4 /* clients of one machine and user, each with a full session */

static void fill(struct fake *f, unsigned count)
{
    struct smb2_create_rsp rsp = {0};
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(SMBKIT_OK(fake_create(f, "many", SMBKIT_OPEN_IF, &rsp)));
    }
}

static uint64_t size_of(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, name, SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    return rsp.end_of_file;
}

/* Refused means that nothing happened: neither emptied nor deleted nor made. */
static void check_refused(struct fake *f, struct fake *other)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, "victim", SMBKIT_OVERWRITE_IF, &rsp),
              SMBKIT_STATUS_TOO_MANY_OPENED_FILES);
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, "victim", SMBKIT_OPEN, 0, 7);
    wr_put_u32(&w, SMB2_HDR_SIZE + 40, VFS_DELETE_ON_CLOSE);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_TOO_MANY_OPENED_FILES);
    CHECK_INT(fake_create(f, "new", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_TOO_MANY_OPENED_FILES);
    CHECK_INT(size_of(other, "victim"), 8);
    CHECK_INT(fake_create(other, "new", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

static void test_totals(void)
{
    struct fake f[FULL + 1];
    struct fake other;
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(FULL * SMB_OPENS_PER_SESSION, SMB_OPENS_PER_CLIENT);
    start(&f[0]);
    fake_init(&other);
    other.server = f[0].server;
    other.credits = 64;
    fake_enter_as(&other, 0x0202, "j\xc3\xbcrgen", "p\xc3\xa4ss"); /* a client of its own */
    CHECK_INT(fake_create(&other, "victim", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&other, rsp.file_id, 0, "precious", 8), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&other, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i <= FULL; i++) {
        if (i > 0) {
            fake_init(&f[i]);
            f[i].server = f[0].server;
        }
        f[i].credits = 64;
        fake_enter(&f[i], 0x0311);
    }
    fill(&f[0], SMB_OPENS_PER_SESSION);
    check_refused(&f[0], &other); /* the session's */
    for (unsigned i = 1; i < FULL && !IS_SANITIZED; i++) {
        fill(&f[i], SMB_OPENS_PER_SESSION);
    }
    if (!IS_SANITIZED) {
        check_refused(&f[FULL], &other); /* the client's and the user's */
    }
    for (unsigned i = 0; i < FULL; i++) {
        fake_disconnect(&f[i]);
    }
    CHECK_INT(fake_create(&f[FULL], "new", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f[FULL]);
    fake_disconnect(&other);
    fake_stop(&f[0]);
}

/* ---- an open without a session ---- */

static struct smb_tree *tree_of(struct fake *f)
{
    struct smb_session *s = smb_session_find(f->server, f->session_id);
    struct smb_tree *t = smb_tree_find(s, f->tree_id);
    smb_session_unref(s);
    return t;
}

/* Taken off one session and put into another, as a durable handle will be: the first one's end does
 * not close it, the second finds it by a FileId of its own. */
static void test_taken_off(void)
{
    struct fake f;
    struct fake g;
    struct smb2_create_rsp rsp = {0};
    start(&f);
    fake_init(&g);
    g.server = f.server;
    f.credits = g.credits = 64;
    fake_enter(&f, 0x0311);
    fake_enter(&g, 0x0311);
    CHECK_INT(fake_create(&f, "a", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&f, rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    struct smb_open *o = smb_open_find_any(f.server, rsp.file_id.persistent);
    REQUIRE(o);
    CHECK(smb_open_take_off(o));
    CHECK(!smb_open_take_off(o));
    struct smb_tree *was = tree_of(&f);
    CHECK(!smb_open_detach(o, was));
    smb_tree_unref(was);
    CHECK_INT(fake_write(&f, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_FILE_CLOSED);
    fake_disconnect(&f);
    CHECK_INT(size_of(&g, "a"), 5);
    struct smb_tree *t = tree_of(&g);
    CHECK_INT(smb_open_put_back(o, t), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id id = {o->persistent_id, o->volatile_id};
    CHECK_INT(id.persistent, rsp.file_id.persistent);
    CHECK_INT(fake_write(&g, id, 5, "!", 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(size_of(&g, "a"), 6);
    CHECK(smb_open_take_off(o));
    CHECK(smb_tree_end(t));
    CHECK_INT(smb_open_put_back(o, t), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    fake_pump(&g);
    CHECK_INT(fake_tree(&g, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    smb_tree_unref(t);
    t = tree_of(&g);
    CHECK_INT(smb_open_put_back(o, t), SMBKIT_STATUS_SUCCESS);
    smb_tree_unref(t);
    smb_open_unref(o);
    fake_disconnect(&g); /* closes it */
    fake_stop(&f);
}

/* ---- two channels ---- */

/* As binding will: g's connection becomes another channel of f's session. */
static void add_channel(struct fake *f, struct fake *g)
{
    struct smb_session *s = smb_session_find(f->server, f->session_id);
    struct smb_channel *ch = smb_channel_new(s, g->conn);
    CHECK(smb_channel_add(ch));
    smb_channel_unref(ch);
    smb_session_unref(s);
}

static unsigned breaks_told(struct fake *f)
{
    unsigned n = 0;
    struct fake_reply r;
    while (fake_next(f, &r)) {
        n += r.hdr.command == SMB2_OPLOCK_BREAK;
        fake_reply_fini(&r);
    }
    return n;
}

static void open_with_oplock(struct fake *f, const char *name)
{
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN_IF, SMB2_OPLOCK_LEVEL_BATCH, 7);
    fake_submit(f, &w);
}

/* The session outlives the connection that made it; a break is told on a channel that is there when
 * it is sent, and once more when that one goes before the client has answered. */
static void test_two_channels(void)
{
    for (unsigned late = 0; late < 2; late++) {
        struct fake f;
        struct fake g;
        struct fake h;
        struct fake_reply r;
        struct smb2_create_rsp rsp;
        struct smb2_negotiate_req req = fake_negotiate_req(0x0311);
        test_context("%s", late ? "gone after the break" : "gone before the break");
        start(&f);
        fake_init(&g);
        fake_init(&h);
        g.server = h.server = f.server;
        f.credits = g.credits = h.credits = 64;
        fake_enter(&f, 0x0311);
        fake_enter(&h, 0x0311);
        fake_connect(&g);
        CHECK_INT(fake_negotiate(&g, &req), SMBKIT_STATUS_SUCCESS);
        add_channel(&f, &g);
        open_with_oplock(&f, "o");
        r = fake_take(&f);
        CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.oplock_level, SMB2_OPLOCK_LEVEL_BATCH);
        if (!late) {
            fake_disconnect(&f);
        }
        open_with_oplock(&h, "o"); /* waits for the break */
        fake_pump(&f);
        fake_pump(&g);
        if (late) {
            CHECK_INT(breaks_told(&f), 1);
            CHECK_INT(breaks_told(&g), 0);
            fake_disconnect(&f);
            fake_pump(&g);
        }
        CHECK_INT(breaks_told(&g), 1);
        (void)breaks_told(&h); /* STATUS_PENDING */
        fake_disconnect(&g);   /* the last channel: the session ends, the file is closed */
        fake_pump(&h);
        REQUIRE(fake_next(&h, &r));
        CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&h);
        fake_stop(&f);
    }
}

/* ---- the machine that a session is on ---- */

static void identity_of(struct fake *f, uint64_t *client_r, uint64_t *session_r)
{
    struct smb_session *s = smb_session_find(f->server, f->session_id);
    REQUIRE(s);
    mutex_lock(&s->lock);
    const struct smbkit_identity *who = vfs_token_identity_get(s->token);
    *client_r = who->client_id;
    *session_r = who->session_id;
    mutex_unlock(&s->lock);
    smb_session_unref(s);
}

/* Plugins tell machines apart by the ClientGuid; dialect 2.0.2 has none. */
static void test_client_id(void)
{
    struct fake f[3];
    uint64_t client[3];
    uint64_t session[3];
    start(&f[0]);
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0) {
            fake_init(&f[i]);
            f[i].server = f[0].server;
        }
        f[i].credits = 64;
        fake_enter(&f[i], i == 2 ? 0x0202 : 0x0311);
        identity_of(&f[i], &client[i], &session[i]);
        CHECK(client[i] != 0 && session[i] == f[i].session_id);
    }
    CHECK(client[0] == client[1] && client[0] != client[2]);
    for (unsigned i = 0; i < 3; i++) {
        fake_disconnect(&f[i]);
    }
    fake_stop(&f[0]);
}

static const struct test_case cases[] = {
    {"long compounds", test_long_compound},
    {"a compound in its own way", test_compound_in_its_own_way},
    {"many opens of one directory", test_many_opens_of_one_directory},
    {"totals of opens", test_totals},
    {"an open taken off and put back", test_taken_off},
    {"two channels", test_two_channels},
    {"client id", test_client_id},
};
TEST_MAIN(cases)
