/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an op: what a plugin may do wrong is refused, logged with its name, and ends
 * nothing. */
#include "vfs_every.h"

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

static const struct test_case cases[] = {
    {"completing twice, and completing and returning", misuse},
    {"cancels", cancels},
    {"memory that is given", given},
};

TEST_MAIN(cases)
