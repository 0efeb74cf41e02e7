/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way while a share gets another volume. */
#include "smb_move.h"

#include <sched.h>

#include "wire/ioctl.h"

/* ---- requests that run ---- */

static void read_and_complete(struct move *m)
{
    if (m->frozen_turn == 1) {
        struct wr w = read_request(&m->p.f, m->id);
        fake_submit(&m->p.f, &w); /* comes behind, and waits */
        CHECK_INT(next_status(&m->p.f), SMBKIT_STATUS_PENDING);
    }
    if (m->frozen_turn == 8) {
        slow_now.pends = false;
        CHECK(slow_complete());
    }
}

static void check_answer(struct fake *f, const char *text)
{
    struct fake_reply r = {0};
    struct smb2_read_rsp rsp;
    do {
        fake_reply_fini(&r);
        r = (struct fake_reply){0};
        REQUIRE(fake_next(f, &r));
    } while (r.status == SMBKIT_STATUS_PENDING);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_read_rsp_parse(&r.body, &rsp), WIRE_OK);
    CHECK(rsp.data.len == strlen(text) && memcmp(rsp.data.p, text, rsp.data.len) == 0);
    fake_reply_fini(&r);
}

static void begin_reading(struct move *m, const struct smbkit_plugin *filter)
{
    move_begin_over(m, filter);
    put(&m->p.f, "a", "old");
    put(&m->p.g, "a", "new");
    m->id = open_it(&m->p.f, "a");
    slow_now.pends = true;
    struct wr w = read_request(&m->p.f, m->id);
    fake_submit(&m->p.f, &w);
    CHECK_INT(next_status(&m->p.f), SMBKIT_STATUS_PENDING);
    CHECK_INT(slow_now.count, 1);
}

/* It answers from where it was asked; who comes behind it is answered from where the handle is. */
static void test_read(void)
{
    static const uint32_t features[] = {SMBKIT_FEATURE_NEVER_BLOCKS, SMBKIT_FEATURE_TRIES_NOWAIT,
                                        0};
    for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
        struct move m;
        const struct smbkit_plugin slow = slow_filter(features[i]);
        begin_reading(&m, &slow);
        m.meanwhile = read_and_complete;
        CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(m.out.moved, 1);
        check_answer(&m.p.f, "old");
        check_answer(&m.p.f, "new");
        CHECK_INT(fake_close_file(&m.p.f, m.id), SMBKIT_STATUS_SUCCESS);
        move_end(&m);
    }
}

/* It does not come to an end: the handle does, when it has. */
static void test_read_hangs(void)
{
    struct move m;
    const struct smbkit_plugin slow = slow_filter(SMBKIT_FEATURE_NEVER_BLOCKS);
    begin_reading(&m, &slow);
    m.step_ms = 1000;
    uint64_t before = m.p.f.now_ms;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.p.f.now_ms - before >= SMB_MOVE_REST_MS);
    CHECK(m.p.f.now_ms - before <= SMB_MOVE_REST_MS + 10000);
    CHECK_INT(m.out.moved, 0);
    CHECK_INT(m.out.closed, 1);
    slow_now.pends = false;
    CHECK(slow_complete());
    fake_pump(&m.p.f);
    check_answer(&m.p.f, "old");
    CHECK_INT(read_status(&m.p.f, m.id), SMBKIT_STATUS_FILE_CLOSED);
    move_end(&m);
}

static void close_at_rest(struct move *m)
{
    if (m->frozen_turn == 1) {
        struct wr w = close_request(&m->p.f, m->id);
        fake_submit(&m->p.f, &w);
    }
}

static void complete(struct move *m)
{
    slow_now.pends = false;
    CHECK(slow_complete());
    fake_pump(&m->p.f);
}

static void test_close(void)
{
    struct move m;
    const struct smbkit_plugin slow = slow_filter(SMBKIT_FEATURE_NEVER_BLOCKS);
    begin_reading(&m, &slow);
    m.meanwhile = close_at_rest;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved + m.out.closed, 0);
    complete(&m);
    check_answer(&m.p.f, "old");
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_status(&m.p.f, m.id), SMBKIT_STATUS_FILE_CLOSED);
    move_end(&m);
}

static void logoff_at_rest(struct move *m)
{
    if (m->frozen_turn == 1) {
        struct wr w = fake_request(&m->p.f, SMB2_LOGOFF);
        smb2_logoff_req_format(&w);
        fake_submit(&m->p.f, &w);
    }
}

static void test_logoff(void)
{
    struct move m;
    const struct smbkit_plugin slow = slow_filter(SMBKIT_FEATURE_NEVER_BLOCKS);
    begin_reading(&m, &slow);
    m.meanwhile = logoff_at_rest;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved + m.out.closed, 0);
    complete(&m);
    move_end(&m);
}

static void lose_at_rest(struct move *m)
{
    if (m->frozen_turn == 1) {
        slow_now.pends = false;
        smb_conn_closed(m->p.f.conn);
        fake_pump(&m->p.f);
        (void)slow_complete();
        fake_pump(&m->p.f);
        m->is_over = true;
    }
}

static void test_lost(void)
{
    struct move m;
    const struct smbkit_plugin slow = slow_filter(SMBKIT_FEATURE_NEVER_BLOCKS);
    begin_reading(&m, &slow);
    m.meanwhile = lose_at_rest;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over && m.p.f.released);
    CHECK_INT(m.out.moved + m.out.closed, 0);
    fake_connect(&m.p.f);
    move_end(&m);
}

/* ---- what is being made ---- */

static void complete_create_at_5(struct move *m)
{
    struct wr w;
    if (m->closed_turn == 2) { /* what begins now waits until it is over */
        w = fake_request(&m->p.f, SMB2_CREATE);
        fake_create_format(&w, "a", SMBKIT_OPEN, 0, 7);
        fake_submit(&m->p.f, &w);
        CHECK_INT(next_status(&m->p.f), SMBKIT_STATUS_PENDING);
    }
    if (m->closed_turn == 5) {
        late_complete();
    }
}

static void begin_making(struct move *m)
{
    move_begin_over(m, &late_filter);
    put(&m->p.f, "a", "old");
    put(&m->p.g, "a", "new");
    late.at = 1;
    struct wr w = fake_request(&m->p.f, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, 0, 7);
    fake_submit(&m->p.f, &w);
    CHECK_INT(next_status(&m->p.f), SMBKIT_STATUS_PENDING);
    REQUIRE(late.op);
}

static struct smb2_file_id created(struct fake *f)
{
    struct smb2_create_rsp rsp = {0};
    struct fake_reply r = {.status = SMBKIT_STATUS_PENDING};
    while (r.status == SMBKIT_STATUS_PENDING && fake_next(f, &r)) {
        if (r.status == SMBKIT_STATUS_PENDING) {
            fake_reply_fini(&r);
        }
    }
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static void test_create(void)
{
    struct move m;
    begin_making(&m);
    m.meanwhile = complete_create_at_5;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    struct smb2_file_id first = created(&m.p.f);
    struct smb2_file_id second = created(&m.p.f);
    CHECK(first.persistent != second.persistent);
    check_reads(&m.p.f, first, "new");
    check_reads(&m.p.f, second, "new");
    move_end(&m);
}

/* It does not come to an end: what it opens is closed at once. */
static void test_create_hangs(void)
{
    struct move m;
    begin_making(&m);
    m.step_ms = 1000;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 0);
    CHECK_INT(m.out.closed, 1);
    late_complete();
    fake_pump(&m.p.f);
    CHECK_INT(read_status(&m.p.f, created(&m.p.f)), SMBKIT_STATUS_FILE_CLOSED);
    check_reads(&m.p.f, open_it(&m.p.f, "a"), "new");
    move_end(&m);
}

static void connect_at_2(struct move *m)
{
    if (m->closed_turn == 2) {
        uint8_t name[64];
        struct wr n = wr_init(name, sizeof(name));
        wr_utf16(&n, "\\\\fake\\mem");
        const struct smb2_tree_connect_req req = {.path = {name, wr_pos(&n)}};
        struct wr w = fake_request(&m->p.g, SMB2_TREE_CONNECT);
        smb2_tree_connect_req_format(&w, &req);
        fake_submit(&m->p.g, &w);
        fake_pump(&m->p.f);
        CHECK_INT(m->p.g.taken, m->p.g.sent_count);
    }
    if (m->closed_turn == 6) {
        slow_now.pends = false;
        CHECK(slow_complete());
    }
}

static void test_tree_connect(void)
{
    struct move m;
    const struct smbkit_plugin slow = slow_filter(SMBKIT_FEATURE_NEVER_BLOCKS);
    begin_reading(&m, &slow);
    m.meanwhile = connect_at_2;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    struct fake_reply r = fake_take(&m.p.g);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    m.p.g.tree_id = r.hdr.tree_id;
    fake_reply_fini(&r);
    check_reads(&m.p.g, open_it(&m.p.g, "a"), "new");
    move_end(&m);
}

/* ---- who caches in the new volume ---- */

static void ack_there(struct move *m)
{
    if (!m->is_over && m->p.g.taken < m->p.g.sent_count) {
        m->is_over = true;
        check_break(&m->p.g, 1, RWH, RH, 2);
        CHECK_INT(ack(&m->p.g, 1, RH), SMBKIT_STATUS_SUCCESS);
    }
}

/* He is asked as by any opener; whoever does not answer in time is in the way. */
static void cached_there(bool answers)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    const struct smb2_lease lease = lease_of(1, RWH, 0);
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    CHECK_INT(open_leased(&m.p.g, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    m.meanwhile = answers ? ack_there : NULL;
    m.step_ms = answers ? 5 : 1000;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, answers);
    CHECK_INT(m.out.closed, !answers);
    CHECK_INT(read_status(&m.p.f, id), answers ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_FILE_CLOSED);
    move_end(&m);
}

static void test_cached_there(void)
{
    cached_there(true);
    cached_there(false);
}

/* ---- what is kept for its client ---- */

static smbkit_status create_durable(struct fake *f, uint32_t present, struct smb2_file_id id,
                                    struct smb2_create_rsp *rsp)
{
    uint8_t utf[8];
    struct wr n = wr_init(utf, sizeof(utf));
    wr_utf16(&n, "a");
    struct smb2_create_req req = {.oplock_level =
                                      present & SMB2_CTX_DHNC ? 0 : SMB2_OPLOCK_LEVEL_BATCH,
                                  .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
                                  .desired_access = SMBKIT_GENERIC_READ | SMBKIT_GENERIC_WRITE,
                                  .share_access = 7,
                                  .disposition = SMBKIT_OPEN,
                                  .name = {utf, wr_pos(&n)},
                                  .ctxs = {.present = present, .dhnc = id}};
    struct wr w = fake_request(f, SMB2_CREATE);
    smb2_create_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    *rsp = (struct smb2_create_rsp){0};
    return fake_create_done(&r, rsp);
}

static uint64_t kept_now(struct move *m)
{
    struct smb_server_stats now;
    fake_pump(&m->p.f);
    smb_server_stats(m->p.f.server, &now);
    return now.kept_now;
}

/* By what it caches, which is no more. */
static void test_durable(void)
{
    struct move m;
    struct smb2_create_rsp rsp;
    struct smb2_create_rsp back;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(create_durable(&m.p.f, SMB2_CTX_DHNQ, (struct smb2_file_id){0}, &rsp),
              SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&m.p.f);
    CHECK_INT(kept_now(&m), 1);
    fake_enter(&m.p.f, SMB2_DIALECT_311);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(kept_now(&m), 1);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(kept_now(&m), 0);
    CHECK_INT(create_durable(&m.p.f, SMB2_CTX_DHNC, rsp.file_id, &back),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    move_end(&m);
}

static void make_resilient(struct fake *f, struct smb2_file_id id)
{
    uint8_t in[8] = {0};
    struct wr b = wr_init(in, sizeof(in));
    wr_u32(&b, 10000);
    const struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_LMR_REQUEST_RESILIENCY,
                                       .file_id = id,
                                       .flags = SMB2_0_IOCTL_IS_FSCTL,
                                       .input = {in, sizeof(in)}};
    struct wr w = fake_request(f, SMB2_IOCTL);
    smb2_ioctl_req_format(&w, &req);
    CHECK_INT(ask_status(f, &w), SMBKIT_STATUS_SUCCESS);
}

/* A resilient one goes with the others, with its locks. */
static void test_resilient(void)
{
    struct move m;
    struct smb2_create_rsp back;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    make_resilient(&m.p.f, id);
    struct wr w = lock_request(&m.p.f, id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&m.p.f);
    CHECK_INT(kept_now(&m), 1);
    fake_enter(&m.p.f, SMB2_DIALECT_311);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    struct smb2_file_id other = open_it(&m.p.g, "a");
    w = lock_request(&m.p.g, other, SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
    CHECK_INT(ask_status(&m.p.g, &w), SMBKIT_STATUS_LOCK_NOT_GRANTED);
    CHECK_INT(create_durable(&m.p.f, SMB2_CTX_DHNC, id, &back), SMBKIT_STATUS_SUCCESS);
    check_reads(&m.p.f, back.file_id, "new");
    move_end(&m);
}

/* ---- threads ---- */

#define REPLACES 60
#define ROUNDS 100 /* at most to each of them: MessageIds are FAKE_MIDS */

/* A client at work, on its own thread, while the server's control thread replaces. */
struct client {
    struct move *m;
    struct smb2_file_id id; /* with an oplock */
    struct smb2_file_id dir;
    uint64_t notify_mid; /* 0: none is under way */
    unsigned told;
    atomic_uint rounds;
    atomic_uint rounds_max;
    atomic_bool stops;
};

static uint64_t mid_of(const struct wr *w)
{
    struct cur c = cur_init(w->base + 24, 8);
    return cur_u64(&c);
}

static void answer_break(struct client *k)
{
    const struct smb2_oplock_break req = {.file_id = k->id};
    struct wr w = fake_request(&k->m->p.f, SMB2_OPLOCK_BREAK);
    smb2_oplock_break_req_format(&w, &req);
    fake_submit(&k->m->p.f, &w);
}

/* Until that is answered; what else comes is seen to. */
static struct fake_reply ask_on(struct client *k, struct wr *w)
{
    struct fake *f = &k->m->p.f;
    uint64_t mid = mid_of(w);
    fake_submit(f, w);
    for (;;) {
        struct fake_reply r = {0};
        fake_pump(f);
        if (!fake_next(f, &r)) {
            sched_yield();
            continue;
        }
        if (r.status != SMBKIT_STATUS_PENDING && r.hdr.message_id == mid) {
            return r;
        }
        if (r.hdr.message_id == UINT64_MAX) {
            answer_break(k);
        } else if (r.status != SMBKIT_STATUS_PENDING && r.hdr.message_id == k->notify_mid) {
            CHECK_INT(r.status, SMBKIT_STATUS_NOTIFY_ENUM_DIR);
            k->notify_mid = 0;
            k->told++;
        }
        fake_reply_fini(&r);
    }
}

static void status_on(struct client *k, struct wr *w, smbkit_status status)
{
    struct fake_reply r = ask_on(k, w);
    CHECK_INT(r.status, status);
    fake_reply_fini(&r);
}

static struct smb2_file_id create_on(struct client *k, const char *name, uint8_t oplock)
{
    struct smb2_create_rsp rsp = {0};
    struct wr w = fake_request(&k->m->p.f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN, oplock, 7);
    struct fake_reply r = ask_on(k, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static void one_round(struct client *k)
{
    struct fake *f = &k->m->p.f;
    if (k->notify_mid == 0) {
        struct wr w = notify_request(f, k->dir);
        k->notify_mid = mid_of(&w);
        fake_submit(f, &w);
    }
    k->id = create_on(k, "a", SMB2_OPLOCK_LEVEL_BATCH);
    struct wr w = lock_request(f, k->id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    status_on(k, &w, SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        w = read_request(f, k->id);
        status_on(k, &w, SMBKIT_STATUS_SUCCESS);
    }
    w = lock_request(f, k->id, SMB2_LOCKFLAG_UNLOCK);
    status_on(k, &w, SMBKIT_STATUS_SUCCESS);
    w = close_request(f, k->id);
    status_on(k, &w, SMBKIT_STATUS_SUCCESS);
    atomic_fetch_add(&k->rounds, 1);
}

static void *client_main(void *arg)
{
    struct client *k = arg;
    k->dir = create_on(k, "d", 0);
    while (!atomic_load(&k->stops)) {
        if (atomic_load(&k->rounds) < atomic_load(&k->rounds_max)) {
            one_round(k);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void test_threads(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    pthread_t thread;
    struct client k = {.m = &m};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(fake_create_dir(&m.p.f, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create_dir(&m.p.g, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(pthread_create(&thread, NULL, client_main, &k), 0);
    struct vfs_volume *volumes[] = {m.volume, m.p.f.volume};
    for (unsigned i = 0; i < REPLACES; i++) {
        atomic_fetch_add(&k.rounds_max, ROUNDS);
        for (unsigned rounds = atomic_load(&k.rounds); atomic_load(&k.rounds) == rounds;) {
            sched_yield(); /* it goes on */
        }
        const struct smb_share_spec spec = {.name = "mem", .volume = volumes[i % 2]};
        enum smb_handles how = i % 3 ? SMB_HANDLES_MOVE_ALL : SMB_HANDLES_MOVE;
        CHECK_INT(smb_server_share_replace(m.p.f.server, &spec, how, &m.out),
                  SMBKIT_STATUS_SUCCESS);
        CHECK_INT(m.out.closed, 0);
    }
    atomic_store(&k.stops, true);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(k.told > 0);
    move_end(&m);
}

static const struct test_case cases[] = {
    {"read", test_read},
    {"read hangs", test_read_hangs},
    {"close", test_close},
    {"logoff", test_logoff},
    {"lost", test_lost},
    {"create", test_create},
    {"create hangs", test_create_hangs},
    {"tree connect", test_tree_connect},
    {"cached there", test_cached_there},
    {"durable", test_durable},
    {"resilient", test_resilient},
    {"threads", test_threads},
};
TEST_MAIN(cases)
