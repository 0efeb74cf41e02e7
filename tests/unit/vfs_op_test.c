/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an op: what a plugin may do wrong is refused, logged with its name, and ends
 * nothing. */
#include "vfs_every.h"

#include "vfs/listing.h"

static struct smbkit_op *held; /* by the plugin below */
static int told;               /* how often a function of on_cancel was called */
static int released;

static void release_cb(void *arg)
{
    released++;
}

static void told_cb(void *arg)
{
    told++;
}

static void complete_cb(void *arg)
{
    told++;
    smbkit_complete(arg, S(CANCELLED));
}

static smbkit_status hold(struct smbkit_op *op, uint32_t id, void *args)
{
    held = op;
    return S(PENDING);
}

static smbkit_status complete_twice(struct smbkit_op *op, uint32_t id, void *args)
{
    smbkit_complete(op, S(SUCCESS));
    smbkit_complete(op, S(SUCCESS));
    return S(PENDING);
}

static smbkit_status complete_and_return(struct smbkit_op *op, uint32_t id, void *args)
{
    smbkit_complete(op, S(IO_DEVICE_ERROR));
    return S(SUCCESS);
}

static smbkit_status register_and_return(struct smbkit_op *op, uint32_t id, void *args)
{
    CHECK_INT(smbkit_on_cancel(op, told_cb, NULL), S(SUCCESS));
    return S(SUCCESS);
}

static smbkit_status hold_with_cancel(struct smbkit_op *op, uint32_t id, void *args)
{
    held = op;
    CHECK_INT(smbkit_on_cancel(op, complete_cb, op), S(SUCCESS));
    return S(PENDING);
}

static bool start(struct stack *s, struct op **op_r, smbkit_status *st_r)
{
    static const struct smbkit_flush a = {.struct_size = sizeof(a)};
    *op_r = op_new(&s->v->ops, &s->call);
    if (!*op_r) {
        return false;
    }
    *st_r = layer_call(s->v->layers, SMBKIT_OP_flush, &(*op_r)->pub, NULL, (void *)(uintptr_t)&a);
    return true;
}

static void misuse(void)
{
    static const struct smbkit_plugin *const plugins[] = {&EVERY};
    struct stack s;
    struct op *op;
    smbkit_status st;
    log_set_sink(logged_sink, NULL);
    REQUIRE(stack_open(&s, plugins, 1));
    every.hook = complete_twice;
    REQUIRE(start(&s, &op, &st));
    CHECK_INT(st, S(PENDING));
    CHECK_INT(op_await(op), S(SUCCESS));
    CHECK(was_logged("plugin_completed_twice plugin=every op=flush"));
    op_put(op);
    smbkit_complete(&op->pub, S(SUCCESS)); /* at rest */
    CHECK(was_logged("plugin_completed_twice plugin=every op=flush"));
    every.hook = complete_and_return;
    REQUIRE(start(&s, &op, &st));
    CHECK_INT(st, S(SUCCESS));
    CHECK(was_logged("plugin_completed_and_returned plugin=every op=flush"));
    op_put(op);
    stack_close(&s);
}

static smbkit_status finished_status;
static void finished_cb(void *arg, smbkit_status status)
{
    finished_status = status;
}

static void cancels(void)
{
    static const struct smbkit_plugin *const plugins[] = {&CHILD, &EVERY};
    struct stack s;
    struct op *op;
    smbkit_status st;
    REQUIRE(stack_open(&s, plugins, 2));
    told = 0;
    every.hook = hold_with_cancel; /* completes from within on_cancel, through the child */
    REQUIRE(start(&s, &op, &st));
    CHECK_INT(st, S(PENDING));
    op_hand_up(op, finished_cb, NULL, &st);
    CHECK_INT(st, S(PENDING));
    op_cancel(op);
    CHECK_INT(told, 1);
    CHECK_INT(finished_status, S(CANCELLED));
    op_cancel(op);
    CHECK_INT(told, 1);
    op_put(op);
    every.hook = register_and_return; /* nobody is told any more, also not of the op's next use */
    for (unsigned i = 0; i < OPS_RESTING + 4; i++) {
        REQUIRE(start(&s, &op, &st));
        CHECK_INT(st, S(SUCCESS));
        op_cancel(op);
        op_put(op);
    }
    CHECK_INT(told, 1);
    every.hook = hold; /* late: it would block */
    REQUIRE(start(&s, &op, &st));
    op_hand_up(op, finished_cb, NULL, &st);
    smbkit_complete(held, S(WOULD_BLOCK));
    CHECK_INT(finished_status, S(INTERNAL_ERROR));
    CHECK(was_logged("plugin_bad_status plugin=every op=flush"));
    op_put(op);
    stack_close(&s);
}

/* ---- a cancel and a completion at once ---- */

/* As a plugin keeps what it knows of a call: whoever takes it first ends the call, then frees it.
 */
struct race {
    struct smbkit_op *op;
    int alive;
};
static struct race *race;
static atomic_bool race_taken, race_go;
static atomic_uint race_ends;

static void race_end(struct race *r, smbkit_status st)
{
    smbkit_complete(r->op, st);
    free(r);
}

static void race_cancel(void *arg)
{
    struct race *r = arg;
    CHECK_INT(r->alive, 1);
    if (!atomic_exchange(&race_taken, true)) {
        race_end(r, S(CANCELLED));
    }
}

static smbkit_status race_hold(struct smbkit_op *op, uint32_t id, void *args)
{
    race = malloc(sizeof(*race));
    *race = (struct race){.op = op, .alive = 1};
    CHECK_INT(smbkit_on_cancel(op, race_cancel, race), S(SUCCESS));
    return S(PENDING);
}

static void race_finished(void *arg, smbkit_status status)
{
    CHECK(status == S(SUCCESS) || status == S(CANCELLED));
    atomic_fetch_add(&race_ends, 1);
}

static void *race_canceller(void *arg)
{
    while (!atomic_load(&race_go)) {
    }
    op_cancel(arg);
    return NULL;
}

static void race_once(struct stack *s)
{
    struct op *op;
    smbkit_status st;
    pthread_t thread;
    atomic_store(&race_taken, false);
    atomic_store(&race_go, false);
    atomic_store(&race_ends, 0);
    REQUIRE(start(s, &op, &st));
    op_hand_up(op, race_finished, NULL, &st);
    CHECK_INT(st, S(PENDING));
    CHECK_INT(pthread_create(&thread, NULL, race_canceller, op), 0);
    struct race *mine = race;
    atomic_store(&race_go, true);
    if (!atomic_exchange(&race_taken, true)) {
        race_end(mine, S(SUCCESS));
    }
    pthread_join(thread, NULL);
    CHECK_INT(atomic_load(&race_ends), 1);
    op_put(op);
}

static void cancel_against_complete(void)
{
    static const struct smbkit_plugin *const plugins[] = {&CHILD, &EVERY};
    for (uint32_t filters = 0; filters < 2; filters++) {
        struct stack s;
        REQUIRE(stack_open(&s, plugins + 1 - filters, filters + 1));
        every.hook = race_hold;
        for (unsigned i = 0; i < 400; i++) {
            race_once(&s);
        }
        stack_close(&s);
    }
}

/* ---- what is kept ---- */

static int kept;
static void (*keep_release[2])(void *arg);
static void *keep_arg[2];

static void keep_begin(void *arg)
{
    kept++;
}

static void keep_end(void *arg)
{
    kept--;
}

static smbkit_status keep(struct smbkit_op *op, uint32_t id, void *args)
{
    struct smbkit_io *io = args;
    smbkit_status st = S(SUCCESS);
    for (uint32_t i = 0; i < 2 && SMBKIT_OK(st); i++) {
        st = smbkit_io_keep(io, i, &keep_release[i], &keep_arg[i]);
    }
    CHECK_INT(smbkit_io_keep(io, 2, &keep_release[0], &keep_arg[0]), S(NOT_SUPPORTED));
    io->done = SMBKIT_OK(st) ? io->length : 0;
    return st;
}

static smbkit_status write_kept(struct stack *s, struct vfs_io *io,
                                const struct smbkit_segment segs[2])
{
    vfs_io_init(io);
    io->segs = segs;
    io->seg_count = 2;
    io->plugin_io = (struct smbkit_io){.struct_size = sizeof(io->plugin_io),
                                       .length = 6,
                                       .segs = segs,
                                       .seg_count = 2,
                                       .core = io};
    io->keep = keep_begin;
    io->unkeep = keep_end;
    struct op *op = op_new(&s->v->ops, &s->call);
    smbkit_status st = layer_call(s->v->layers, SMBKIT_OP_write, &op->pub, NULL, &io->plugin_io);
    op_put(op);
    vfs_io_fini(io);
    return st;
}

/* A filter that writes something else: that is its own memory. */
static smbkit_status other_write(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_io *io)
{
    static const struct smbkit_segment segs[2] = {{(const uint8_t *)"xxx", 3},
                                                  {(const uint8_t *)"yyy", 3}};
    struct smbkit_io own = *io;
    own.segs = segs;
    smbkit_status st = smbkit_next_write(volume, op, file, &own);
    io->done = own.done;
    return st;
}

static void keeping(void)
{
    static const struct smbkit_segment segs[2] = {{(const uint8_t *)"abc", 3},
                                                  {(const uint8_t *)"def", 3}};
    const struct smbkit_plugin other = {FILTER_HEADER("other"), .write = other_write};
    const struct smbkit_plugin *const plugins[] = {&other, &EVERY};
    struct stack s;
    struct vfs_io io;
    REQUIRE(stack_open(&s, plugins + 1, 1));
    every.hook = keep;
    kept = 0;
    CHECK_INT(write_kept(&s, &io, segs), S(SUCCESS));
    CHECK_INT(kept, 2); /* the write is over, the plugin has them still */
    keep_release[1](keep_arg[1]);
    keep_release[0](keep_arg[0]);
    CHECK_INT(kept, 0);
    stack_close(&s);
    REQUIRE(stack_open(&s, plugins, 2));
    every.hook = keep;
    CHECK_INT(write_kept(&s, &io, segs), S(NOT_SUPPORTED));
    CHECK_INT(kept, 0);
    stack_close(&s);
}

/* ---- what is given ---- */

static unsigned give_count;
static uint32_t give_bytes, give_done;
static smbkit_status give_last;

static smbkit_status give(struct smbkit_op *op, uint32_t id, void *args)
{
    static const uint8_t bytes[64] = "abcdefghijklmnopqrstuvwxyz";
    for (unsigned i = 0; i < give_count; i++) {
        give_last = smbkit_io_give(args, bytes, give_bytes, release_cb, NULL);
    }
    if (give_done) {
        ((struct smbkit_io *)args)->done = give_done;
    }
    return S(SUCCESS);
}

static smbkit_status read_given(struct stack *s, unsigned count, uint32_t bytes, uint32_t done,
                                uint8_t buffer[32])
{
    struct vfs_io io;
    vfs_io_init(&io);
    io.plugin_io = (struct smbkit_io){
        .struct_size = sizeof(io.plugin_io), .length = 32, .buffer = buffer, .core = &io};
    give_count = count;
    give_bytes = bytes;
    give_done = done;
    released = 0;
    struct op *op = op_new(&s->v->ops, &s->call);
    smbkit_status st = layer_call(s->v->layers, SMBKIT_OP_read, &op->pub, NULL, &io.plugin_io);
    op_put(op);
    vfs_io_fini(&io);
    CHECK_INT(released, count); /* each once, whatever became of it */
    return st;
}

static smbkit_status looks_read(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    smbkit_status st = smbkit_next_read(volume, op, file, io);
    CHECK_INT(io->seg_count, 0);
    for (uint32_t i = 0; SMBKIT_OK(st) && i < io->done; i++) {
        io->buffer[i] ^= 0x20;
    }
    return st;
}

static void given(void)
{
    struct smbkit_plugin looks = {FILTER_HEADER("looks"), .read = looks_read};
    looks.flags &= ~SMBKIT_SEES_SEGMENTS;
    const struct smbkit_plugin *const plugins[] = {&looks, &EVERY};
    struct stack s;
    uint8_t buffer[33] = {0};
    REQUIRE(stack_open(&s, plugins + 1, 1));
    every.hook = give;
    CHECK_INT(read_given(&s, 16, 2, 0, buffer), S(SUCCESS));
    CHECK_INT(give_last, S(SUCCESS));
    CHECK_INT(read_given(&s, 17, 1, 0, buffer), S(SUCCESS)); /* the first 16 stand */
    CHECK_INT(give_last, S(INVALID_PARAMETER));
    CHECK(was_logged("plugin_gave_too_much"));
    CHECK_INT(read_given(&s, 1, 33, 0, buffer), S(SUCCESS));
    CHECK_INT(give_last, S(INVALID_PARAMETER));
    CHECK(was_logged("plugin_gave_too_much"));
    CHECK_INT(read_given(&s, 1, 8, 20, buffer), S(INTERNAL_ERROR)); /* says more than it gave */
    CHECK(was_logged("plugin_io_too_long plugin=every"));
    stack_close(&s);
    REQUIRE(stack_open(&s, plugins, 2)); /* joined, so that the filter sees it */
    every.hook = give;
    CHECK_INT(read_given(&s, 3, 4, 0, buffer), S(SUCCESS));
    CHECK_STR((char *)buffer, "ABCDABCDABCD");
    stack_close(&s);
}

/* ---- what is given, and is none ---- */

static unsigned said_times; /* lines of the log */

static void count_lines(void *arg, enum log_level level, enum log_module module,
                        const struct log_ctx *ctx, const char *text)
{
    said_times += strstr(text, "plugin_gave_null plugin=every bytes=2 ") != NULL;
}

static smbkit_status give_null(struct smbkit_op *op, uint32_t id, void *args)
{
    static const uint8_t bytes[2] = "ab";
    for (unsigned i = 0; i < 100; i++) {
        CHECK_INT(smbkit_io_give(args, bytes, 0, release_cb, NULL),
                  S(SUCCESS)); /* takes no place */
        CHECK_INT(smbkit_io_give(args, NULL, 2, release_cb, NULL), S(INVALID_PARAMETER));
    }
    CHECK_INT(((struct smbkit_io *)args)->done, 0);
    return smbkit_io_give(args, bytes, 2, release_cb, NULL);
}

static void given_null(void)
{
    const struct smbkit_plugin *const plugins[] = {&PASS, &EVERY};
    struct stack s;
    uint8_t buffer[32];
    REQUIRE(stack_open(&s, plugins, 2));
    every.hook = give_null;
    log_set_sink(count_lines, NULL);
    said_times = 0;
    struct vfs_io io;
    vfs_io_init(&io);
    io.plugin_io = (struct smbkit_io){
        .struct_size = sizeof(io.plugin_io), .length = 32, .buffer = buffer, .core = &io};
    released = 0;
    struct op *op = op_new(&s.v->ops, &s.call);
    CHECK_INT(layer_call(s.v->layers, SMBKIT_OP_read, &op->pub, NULL, &io.plugin_io), S(SUCCESS));
    op_put(op);
    CHECK_INT(io.plugin_io.done, 2);
    vfs_io_fini(&io);
    CHECK_INT(released, 201);
    CHECK_INT(said_times, 7); /* the 1st, 2nd, 4th, ... 64th time */
    log_set_sink(logged_sink, NULL);
    stack_close(&s);
}

/* ---- what is listed while the handler does not run ---- */

static struct smbkit_entry kept_entries[4];
static size_t kept_lens[4];
static unsigned kept_count;

static int32_t take_kept(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    kept_entries[kept_count] = *e;
    kept_lens[kept_count++] = strlen(e->name);
    return 1;
}

static void listed(void)
{
    static char endless[70000 + 1];
    struct smbkit_sink taker = {.struct_size = sizeof(taker), .entry = take_kept};
    struct listing *l = listing_new(&taker, 3);
    REQUIRE(l);
    struct smbkit_sink *sink = listing_sink(l);
    struct smbkit_entry e = {.struct_size = sizeof(e), .cookie = 1};
    memset(endless, 'x', sizeof(endless) - 1);
    CHECK_INT(sink->entry(sink, NULL), 1);
    CHECK_INT(sink->entry(sink, &e), 1);
    e.name = e.short_name = endless;
    CHECK_INT(sink->entry(sink, &e), 1);
    CHECK_INT(sink->entry(sink, &e), 0); /* no more than were asked for */
    kept_count = 0;
    listing_give(l, &taker);
    CHECK_INT(kept_count, 3);
    CHECK(!entry_is_whole(&kept_entries[0]) && !entry_is_whole(&kept_entries[1]));
    CHECK(entry_is_whole(&kept_entries[2]));
    CHECK_INT(kept_lens[2], LISTING_NAME_MAX);
    listing_free(l);
}

/* ---- room that is not filled ---- */

static smbkit_status say_filled(struct smbkit_op *op, uint32_t id, void *args)
{
    if (id == SMBKIT_OP_read) {
        struct smbkit_io *io = args;
        io->done = io->length;
    } else if (id == SMBKIT_OP_get_security) {
        struct smbkit_get_security *a = args;
        a->buffer.len = a->buffer.cap;
    } else if (id == SMBKIT_OP_lookup) {
        struct smbkit_lookup *a = args;
        a->security_r->len = a->security_r->cap;
    }
    return S(SUCCESS);
}

static smbkit_status call_every(struct stack *s, uint32_t id, void *args)
{
    struct op *op = op_new(&s->v->ops, &s->call);
    smbkit_status st = layer_call(s->v->layers, id, &op->pub, NULL, args);
    op_put(op);
    return st;
}

/* What the memory held before may be another client's: nobody gets to see it. */
static void not_filled(void)
{
    static const struct smbkit_plugin *const plugins[] = {&PASS, &EVERY};
    static const uint8_t zeroes[32];
    for (uint32_t first = 0; first < ARRAY_LEN(plugins); first++) {
        uint8_t secret[32];
        struct stack s;
        REQUIRE(stack_open(&s, plugins + first, (uint32_t)ARRAY_LEN(plugins) - first));
        every.hook = say_filled;
        struct smbkit_io io = {.struct_size = sizeof(io), .length = 32, .buffer = secret};
        memset(secret, 'x', sizeof(secret));
        CHECK_INT(call_every(&s, SMBKIT_OP_read, &io), S(SUCCESS));
        CHECK_MEM(secret, sizeof(secret), zeroes, sizeof(zeroes));
        struct smbkit_get_security sd = {.struct_size = sizeof(sd),
                                         .buffer = {.base = secret, .cap = sizeof(secret)}};
        memset(secret, 'x', sizeof(secret));
        CHECK_INT(call_every(&s, SMBKIT_OP_get_security, &sd), S(SUCCESS));
        CHECK_INT(sd.buffer.len, sizeof(secret));
        CHECK_MEM(secret, sizeof(secret), zeroes, sizeof(zeroes));
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_lookup found = {
            .struct_size = sizeof(found), .path = "a", .attr = &attr, .security_r = &sd.buffer};
        memset(secret, 'x', sizeof(secret));
        CHECK_INT(call_every(&s, SMBKIT_OP_lookup, &found), S(SUCCESS));
        CHECK_MEM(secret, sizeof(secret), zeroes, sizeof(zeroes));
        stack_close(&s);
    }
}

static const struct test_case cases[] = {
    {"completing twice, and completing and returning", misuse},
    {"cancels", cancels},
    {"a cancel and a completion at once", cancel_against_complete},
    {"writes that are kept", keeping},
    {"memory that is given", given},
    {"memory that is given, and is none", given_null},
    {"a listing that is kept", listed},
    {"room that is not filled", not_filled},
};

TEST_MAIN(cases)
