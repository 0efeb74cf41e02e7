/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a conversation is at when it ends - the peer vanishes, the server stops, memory runs out
 * - nothing may crash, hang or be left behind. One conversation with everything that can be pending
 * is recorded and then ended at every step of it. */
#include "smb_tape.h"

#include "wire/change_notify.h"
#include "wire/echo.h"
#include "wire/flush.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/oplock_break.h"
#include "wire/query_directory.h"
#include "wire/tree_disconnect.h"

enum finish {
    FINISH_NOTHING,
    FINISH_LOGOFF,
    FINISH_TREE,
    FINISH_CLOSE,
    FINISH_CANCEL,
    FINISH_PREVIOUS,
    FINISH_REAUTH,
    FINISH_FAILED_REAUTH,
    FINISH_TIME,
    FINISH_LOGIN_FAILURES,
    FINISHES
};

struct talk {
    struct fake *f; /* has the things pending */
    struct fake *g; /* another client */
    struct smb2_file_id root, oplocked, locked, waiting, data, pipe;
    uint64_t lock_mid;
};

static void drop_replies(struct fake *f)
{
    struct fake_reply r;
    while (fake_next(f, &r)) {
        fake_reply_fini(&r);
    }
}

static void run_both(struct talk *t)
{
    for (unsigned i = 0; i < 4; i++) {
        fake_pump(t->f);
        fake_pump(t->g);
        while (slow_complete()) {
        }
    }
    fake_pump(t->f);
    drop_replies(t->f);
    drop_replies(t->g);
}

/* Send, let all that can happen happen, look at no answer. */
static void say(struct talk *t, struct fake *f, struct wr *w)
{
    fake_submit(f, w);
    run_both(t);
}

static struct smb2_file_id open_file(struct talk *t, struct fake *f, const char *name,
                                     uint8_t oplock)
{
    struct smb2_create_rsp rsp = {0};
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN_IF, oplock, 7);
    fake_submit(f, &w);
    fake_pump(f);
    struct fake_reply r = fake_take(f);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    run_both(t);
    return rsp.file_id;
}

static struct smb2_file_id open_root(struct fake *f)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, "", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static struct wr lock_request(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    struct smb2_lock_req req = {.count = 1, .file_id = id};
    req.locks[0].length = 10;
    req.locks[0].flags = flags;
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
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

static struct wr close_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_close_req req = {.file_id = id, .flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    return w;
}

static struct wr read_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_read_req req = {.length = 100, .file_id = id};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    return w;
}

static struct wr write_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_write_req req = {.length = 5, .file_id = id, .data = {(const uint8_t *)"hello", 5}};
    struct wr w = fake_request(f, SMB2_WRITE);
    smb2_write_req_format(&w, &req);
    return w;
}

static struct wr create_request(struct fake *f, const char *name)
{
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, SMBKIT_OPEN_IF, SMB2_OPLOCK_LEVEL_II, 7);
    return w;
}

static struct wr empty_request(struct fake *f, uint16_t command)
{
    struct wr w = fake_request(f, command);
    smb2_empty_format(&w);
    return w;
}

/* ---- compounds ---- */

static const struct smb2_file_id any = {UINT64_MAX, UINT64_MAX};

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

static void say_compound(struct talk *t, struct fake *f, struct compound *c)
{
    for (size_t at = 0, next = 1; f->signs && !f->seals && next; at += next) {
        struct cur n = cur_init(c->w.base + at + SMB2_HDR_NEXT_OFFSET, 4);
        next = cur_u32(&n);
        fake_sign(f, c->w.base + at, next ? next : wr_pos(&c->w) - at);
    }
    bool signs = f->signs;
    f->signs = false;
    say(t, f, &c->w);
    f->signs = signs;
}

/* A wait in the middle, one at the end, and CANCELs of what is in other messages. */
static void say_compounds(struct talk *t)
{
    struct fake *f = t->f;
    struct compound a = {.w = wr_new(1 << 20)};
    add(&a, create_request(f, "oplocked"), false);
    add(&a, write_request(f, any), true);
    add(&a, fake_cancel_request(f, 0, t->lock_mid), false);
    add(&a, close_request(f, any), true);
    say_compound(t, f, &a);
    struct compound b = {.w = wr_new(1 << 20)};
    uint64_t mid = f->mid;
    add(&b, create_request(f, "oplocked"), false);
    add(&b, fake_cancel_request(f, 0, mid + 3),
        false); /* the lock in c, the message behind this one */
    say_compound(t, f, &b);
    struct compound c = {.w = wr_new(1 << 20)};
    add(&c, create_request(f, "data"), false);
    add(&c, read_request(f, any), true);
    add(&c, lock_request(f, t->waiting, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), false);
    say_compound(t, f, &c);
    struct compound d = {.w = wr_new(1 << 20)};
    add(&d, lock_request(f, t->waiting, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), false);
    add(&d, notify_request(f, t->root), false);
    add(&d, close_request(f, t->root), false);
    say_compound(t, f, &d);
}

/* ---- the conversation ---- */

static void begin(struct talk *t)
{
    fake_enter(t->f, 0x0311);
    fake_enter(t->g, 0x0311);
    struct fake *f = t->f;
    uint32_t tree = f->tree_id;
    CHECK_INT(fake_tree(f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    t->pipe = open_file(t, f, "srvsvc", 0);
    struct wr w = read_request(f, t->pipe);
    say(t, f, &w);
    f->tree_id = tree;
    t->root = open_root(f);
    t->data = open_file(t, f, "data", 0);
    t->oplocked = open_file(t, t->g, "oplocked", SMB2_OPLOCK_LEVEL_BATCH);
    t->locked = open_file(t, t->g, "locked", 0);
    t->waiting = open_file(t, f, "locked", 0);
}

static void pend(struct talk *t)
{
    struct fake *f = t->f;
    struct wr w = notify_request(f, t->root);
    say(t, f, &w);
    w = lock_request(t->g, t->locked, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    say(t, t->g, &w);
    t->lock_mid = f->mid;
    w = lock_request(f, t->waiting, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    say(t, f, &w);
    w = create_request(f, "oplocked");
    say(t, f, &w);
    w = write_request(f, t->data);
    say(t, f, &w);
    w = read_request(f, t->data);
    say(t, f, &w);
    w = fake_request(f, SMB2_FLUSH);
    smb2_flush_req_format(&w, &(struct smb2_flush_req){.file_id = t->data});
    say(t, f, &w);
    say_compounds(t);
    w = create_request(t->g, "changed"); /* tells the notify */
    say(t, t->g, &w);
    w = notify_request(f, t->root);
    say(t, f, &w);
}

static void reauthenticate(struct fake *f, const char *password)
{
    bool seals = f->seals;
    (void)fake_login(f, "Alice", password);
    f->seals = seals;
}

static void finish(struct talk *t, enum finish how)
{
    struct fake *f = t->f;
    struct wr w;
    switch (how) {
    case FINISH_LOGOFF:
        w = empty_request(f, SMB2_LOGOFF);
        say(t, f, &w);
        break;
    case FINISH_TREE:
        w = empty_request(f, SMB2_TREE_DISCONNECT);
        say(t, f, &w);
        break;
    case FINISH_CLOSE:
        w = read_request(f, t->data);
        say(t, f, &w);
        w = close_request(f, t->data);
        say(t, f, &w);
        w = close_request(f, t->waiting);
        say(t, f, &w);
        w = close_request(t->g, t->oplocked);
        say(t, t->g, &w);
        break;
    case FINISH_CANCEL:
        for (uint64_t mid = t->lock_mid; mid < f->mid; mid++) {
            w = fake_cancel_request(f, 0, mid);
            say(t, f, &w);
        }
        break;
    case FINISH_PREVIOUS:
        t->g->previous_session_id = f->session_id;
        t->g->peer = f; /* the new session waits until the other's files are closed */
        reauthenticate(t->g, "s3cret");
        t->g->peer = NULL;
        break;
    case FINISH_REAUTH:
        reauthenticate(f, "s3cret");
        break;
    case FINISH_FAILED_REAUTH:
        reauthenticate(f, "wrong");
        break;
    case FINISH_LOGIN_FAILURES: /* whose answers are held back */
        for (unsigned i = 0; i < 6; i++) {
            t->g->session_id = 0;
            t->g->seals = false;
            CHECK_INT(fake_login(t->g, "Alice", "wrong"), SMBKIT_STATUS_LOGON_FAILURE);
        }
        break;
    case FINISH_TIME:
        fake_pass(t->g, 36000);
        break;
    default:
        break;
    }
    run_both(t);
}

/* What varies between the recordings. */
struct setting {
    bool has_filter;
    uint32_t flags;
    bool blocks, pends;
    bool encrypts;
};

static void record(struct tape *tape, const struct setting *s, enum finish how)
{
    struct fake f;
    struct fake g;
    struct talk t = {.f = &f, .g = &g};
    struct smbkit_plugin filter = slow_filter(s->flags);
    fake_init(&g);
    fake_init(&f);
    f.credits = g.credits = 64;
    f.filter = s->has_filter ? &filter : NULL;
    slow_now = (struct slow){.blocks = s->blocks};
    struct smb_config config = fake_config(&f);
    config.encryption = s->encrypts ? SMB_ENCRYPT_DESIRED : SMB_ENCRYPT_OFF;
    fake_start(&f, &config);
    g.server = f.server;
    tape_record(tape, 0, &f);
    tape_record(tape, 1, &g);
    begin(&t);
    pend(&t);
    finish(&t, how);
    fake_disconnect(&f);
    fake_pump(&g);
    fake_disconnect(&g);
    fake_stop(&f);
    slow_now = (struct slow){.blocks = s->blocks, .pends = s->pends};
}

static void play_with(const struct tape *tape, const struct setting *s, struct play *p)
{
    p->tape = tape;
    p->has_filter = s->has_filter;
    p->filter_flags = s->flags;
    p->encrypts = s->encrypts;
}

static const struct setting settings[] = {
    {.has_filter = false},
    {.has_filter = true, .flags = SMBKIT_FEATURE_TRIES_NOWAIT, .blocks = true},
    {.has_filter = true, .flags = SMBKIT_FEATURE_TRIES_NOWAIT, .pends = true},
    {.has_filter = true, .flags = 0, .pends = true},
    {.has_filter = true, .flags = SMBKIT_FEATURE_NEVER_BLOCKS, .pends = true, .encrypts = true},
};

static const unsigned pauses[] = {UINT_MAX, 0, 1, 3};

/* Cut off after every step. */
static void cut_everywhere(const struct tape *tape, const struct setting *s, struct play with)
{
    unsigned cut = 0;
    unsigned done;
    do {
        struct play p = with;
        p.steps_max = cut;
        play_with(tape, s, &p);
        test_context("setting %d cut %u order %d pause %u end %d", (int)(s - settings), cut,
                     (int)p.order, p.jobs_between, (int)p.end);
        done = play_tape(&p, NULL);
    } while (done >= cut++);
    CHECK(done > 30); /* the conversation was had */
}

#define COMBINATIONS (TAPE_ORDERS * TAPE_ENDS * (unsigned)ARRAY_LEN(pauses))
#define COMBINATIONS_EACH 3 /* of the orders, pauses and ends for one recording */

static void test_cut_everywhere(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(settings) * FINISHES; i++) {
        const struct setting *s = &settings[i % ARRAY_LEN(settings)];
        struct tape tape = {0};
        test_context("setting %u finish %u", i % (unsigned)ARRAY_LEN(settings),
                     i / (unsigned)ARRAY_LEN(settings));
        record(&tape, s, (enum finish)(i / ARRAY_LEN(settings)));
        for (unsigned k = 0; k < COMBINATIONS_EACH; k++) {
            unsigned c = (i * COMBINATIONS_EACH + k) * 5 % COMBINATIONS;
            struct play with = {.order = (enum tape_order)(c % TAPE_ORDERS),
                                .end = (enum tape_end)(c / TAPE_ORDERS % TAPE_ENDS),
                                .jobs_between = pauses[c / TAPE_ORDERS / TAPE_ENDS]};
            cut_everywhere(&tape, s, with);
        }
        tape_free(&tape);
    }
}

/* Every allocation of the conversation fails once. */
static void test_no_memory(void)
{
    for (unsigned i = 0; i < FINISHES; i++) {
        unsigned k = i % (unsigned)ARRAY_LEN(settings);
        struct tape tape = {0};
        bool failed = true;
        uint64_t nth = 0;
        test_context("setting %u finish %u", k, i);
        record(&tape, &settings[k], (enum finish)i);
        while (failed) {
            struct play p = {.order = TAPE_LOOP_FIRST,
                             .jobs_between = UINT_MAX,
                             .steps_max = UINT_MAX,
                             .fail_nth = ++nth};
            play_with(&tape, &settings[k], &p);
            test_context("setting %u finish %u allocation %llu", k, i, (unsigned long long)nth);
            (void)play_tape(&p, &failed);
        }
        CHECK(nth > 100);
        tape_free(&tape);
    }
}

static const struct test_case cases[] = {
    {"cut off after every step", test_cut_everywhere},
    {"without memory at every place", test_no_memory},
};
TEST_MAIN(cases)
