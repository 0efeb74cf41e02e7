/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation of the table, through filters that hand it on: each argument arrives, each answer
 * comes back, whether the plugin answers at once, before its call has returned, or later. */
#include "vfs_every.h"

static int lower_file, lower_source; /* the plugin's */

/* A filter with files of its own that has no operation but create: the rest passes by. */
struct wrapped {
    void *below;
};
static struct wrapped wrapped_file = {&lower_file};
static struct wrapped wrapped_source = {&lower_source};

static smbkit_status wrap_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    smbkit_status st = smbkit_next_create(volume, op, a);
    if (SMBKIT_OK(st) && st != S(PENDING)) {
        CHECK(a->file == &lower_file);
        a->file = &wrapped_file;
    }
    return st;
}
static void wrap_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(volume, op, ((struct wrapped *)file)->below);
}
static void *wrap_below(void *volume, void *file)
{
    return ((struct wrapped *)file)->below;
}
static const struct smbkit_plugin WRAP = {FILTER_HEADER("wrap"), .create = wrap_create,
                                          .close = wrap_close, .file_below = wrap_below};

/* Something in every byte, but pointers and lengths as they may be. */
static void args_fill(uint32_t id, uint8_t byte, uint8_t *args, void *source)
{
    const struct op_row *row = &op_rows[id];
    memset(args, byte, row->size);
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        void *member = args + p->offset;
        if (p->kind == OP_PTR_BUFFER) {
            *(struct smbkit_buffer *)member = (struct smbkit_buffer){.cap = 300, .len = byte};
        } else if (p->kind == OP_PTR_FILE) {
            *(void **)member = source;
        } else {
            memset(member, 0,
                   p->kind == OP_PTR_BYTES ? sizeof(struct smbkit_bytes) : sizeof(void *));
        }
    }
    if (id == SMBKIT_OP_read || id == SMBKIT_OP_write) {
        struct smbkit_io *io = (struct smbkit_io *)args;
        *io = (struct smbkit_io){.struct_size = byte, .offset = byte, .length = 300, .done = byte};
    } else if (id == SMBKIT_OP_ranges) {
        ((struct smbkit_ranges *)args)->room = 300;
        ((struct smbkit_ranges *)args)->count = byte;
    } else if (id == SMBKIT_OP_create) {
        ((struct smbkit_create *)args)->file = SMBKIT_OK(every.status) ? &lower_file : NULL;
    } else if (id == SMBKIT_OP_volume_info) {
        struct smbkit_volume_info *info = (struct smbkit_volume_info *)args;
        info->label[sizeof(info->label) - 1] = 0;
        info->fs_name[sizeof(info->fs_name) - 1] = 0;
    }
}

static void *complete_late(void *arg)
{
    smbkit_complete(arg, every.status);
    return NULL;
}

static smbkit_status call(struct stack *s, uint32_t id, void *file, void *args)
{
    struct op *op = op_new(&s->v->ops, &s->call);
    smbkit_status st = layer_call(s->v->layers, id, &op->pub, file, args);
    CHECK(every.mode == EVERY_LATE ? st == S(PENDING) : true);
    if (st == S(PENDING)) {
        pthread_t t;
        bool threaded = every.late && pthread_create(&t, NULL, complete_late, every.late) == 0;
        st = op_await(op);
        st = layer_answer_check(op, st);
        if (threaded) {
            pthread_join(t, NULL);
        }
    }
    op_put(op);
    return st;
}

struct row {
    const struct smbkit_plugin *plugins[5];
    uint32_t count;
    bool wraps;
};

/* The plugin answers status; want comes out. */
static void one(struct stack *s, const struct row *row, uint32_t id, smbkit_status status,
                smbkit_status want)
{
    static uint8_t args[ARGS_MAX] __attribute__((aligned(16)));
    bool of_file = op_rows[id].of_file;
    every.id = id;
    every.status = status;
    every.late = NULL;
    every.file = of_file ? &lower_file : NULL;
    args_fill(id, 0x11, every.expected, &lower_source);
    args_fill(id, 0x22, every.answer, &lower_source);
    args_fill(id, 0x11, args, row->wraps ? (void *)&wrapped_source : &lower_source);
    void *file = row->wraps ? (void *)&wrapped_file : &lower_file;
    unsigned before = every.calls[id];
    CHECK_INT(call(s, id, of_file ? file : NULL, args), want);
    CHECK_INT(every.calls[id], before + 1);
    if (every_is_const[id]) {
        CHECK_MEM(args, op_rows[id].size, every.expected, op_rows[id].size);
        return;
    }
    args_fill(id, 0x22, every.answer, row->wraps ? (void *)&wrapped_source : &lower_source);
    CHECK_MEM(args, op_rows[id].size, every.answer, op_rows[id].size);
}

static void every_operation(void)
{
    static const struct row rows[] = {
        {{&EVERY}, 1, false},
        {{&PASS, &EVERY}, 2, false},
        {{&CHILD, &EVERY}, 2, false},
        {{&PASS, &CHILD, &EVERY}, 3, false},
        {{&CHILD, &CHILD, &PASS, &EVERY}, 4, false},
        {{&WRAP, &CHILD, &EVERY}, 3, true},
        {{&PASS, &WRAP, &PASS, &CHILD, &EVERY}, 5, true},
    };
    log_set_sink(logged_sink, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stack s;
        REQUIRE(stack_open(&s, rows[i].plugins, rows[i].count));
        every.hook = NULL;
        for (uint32_t id = 0; id < SMBKIT_OP_COUNT; id++) {
            REQUIRE(op_rows[id].size <= ARGS_MAX);
            /* With files of its own: create is the filter's, and lookup hidden by it. */
            bool is_other = rows[i].wraps && (id == SMBKIT_OP_create || id == SMBKIT_OP_lookup);
            is_other |= rows[i].count > 1 && op_rows[id].asks_each; /* see asked_each */
            for (int mode = 0; mode < EVERY_MODES && !is_other; mode++) {
                test_context("stack %zu, %s, mode %d", i, op_rows[id].name, mode);
                every.mode = (enum every_mode)mode;
                one(&s, &rows[i], id, S(SUCCESS), S(SUCCESS));
                one(&s, &rows[i], id, S(IO_DEVICE_ERROR), S(IO_DEVICE_ERROR));
            }
        }
        CHECK(!was_logged("plugin_")); /* and clears */
        stack_close(&s);
    }
}

/* What is asked of each layer with its own arguments: a filter passes that on to none. */
static void asked_each(void)
{
    static const struct smbkit_plugin *const plugins[] = {&PASS, &PASS, &EVERY};
    struct stack s;
    REQUIRE(stack_open(&s, plugins, ARRAY_LEN(plugins)));
    every.id = SMBKIT_OP_reconfigure;
    struct smbkit_reconfigure a = {.struct_size = sizeof(a)};
    every.mode = EVERY_SYNC;
    CHECK_INT(call(&s, SMBKIT_OP_reconfigure, NULL, &a), S(NOT_SUPPORTED));
    CHECK_INT(every.calls[SMBKIT_OP_reconfigure], 0);
    const struct vfs_layer_spec layers[ARRAY_LEN(plugins)] = {{0}};
    every.hook = every_info; /* answers SUCCESS */
    CHECK(vfs_volume_is_current(s.v, layers));
    CHECK_INT(every.calls[SMBKIT_OP_reconfigure], 1);
    stack_close(&s);
}

/* What no plugin may answer never comes out, and its name stands in the log. */
static void impossible_answers(void)
{
    static const smbkit_status statuses[] = {
        S(STOPPED_ON_SYMLINK),
        S(MORE_PROCESSING_REQUIRED),
        S(NETWORK_NAME_DELETED),
        S(NETWORK_SESSION_EXPIRED),
        S(USER_SESSION_DELETED),
        S(PATH_NOT_COVERED),
        S(NO_MORE_FILES),
        S(BUFFER_OVERFLOW),
        S(WAIT),
        S(WOULD_BLOCK),
        S(OPLOCK_BREAK_IN_PROGRESS),
        S(NOTIFY_ENUM_DIR),
        S(SMB_BAD_CLUSTER_DIALECT),
        (smbkit_status)0xe0001234,
        (smbkit_status)0x80001234,
        (smbkit_status)0x40000000,
    };
    static const struct row row = {{&CHILD, &EVERY}, 2, false};
    struct stack s;
    log_set_sink(logged_sink, NULL);
    REQUIRE(stack_open(&s, row.plugins, row.count));
    every.hook = NULL;
    unsigned wrong = 0;
    for (uint32_t id = 0; id < SMBKIT_OP_COUNT; id++) {
        if (op_rows[id].asks_each) {
            continue; /* see asked_each */
        }
        for (size_t i = 0; i < ARRAY_LEN(statuses) * EVERY_MODES; i++) {
            smbkit_status status = statuses[i / EVERY_MODES];
            every.mode = (enum every_mode)(i % EVERY_MODES);
            test_context("%s, 0x%08x, mode %d", op_rows[id].name, (unsigned)status, every.mode);
            bool fits = status == S(BUFFER_OVERFLOW) && id == SMBKIT_OP_ranges;
            one(&s, &row, id, status, fits ? status : S(INTERNAL_ERROR));
            wrong += !fits;
            bool is_told = !fits && (wrong & (wrong - 1)) == 0; /* the 1st, 2nd, 4th, ... */
            CHECK_INT(was_logged("plugin_bad_status plugin=every op="), is_told);
        }
        every.mode = EVERY_SYNC;
        one(&s, &row, id, S(EA_LIST_INCONSISTENT), S(EA_LIST_INCONSISTENT));
        CHECK(!was_logged("plugin_"));
    }
    stack_close(&s);
}

static smbkit_status open_hook(struct smbkit_op *op, uint32_t id, void *args)
{
    if (id == SMBKIT_OP_create) {
        ((struct smbkit_create *)args)->file = &lower_file;
    }
    if (id == SMBKIT_OP_file_fd) {
        ((struct smbkit_file_fd *)args)->fd = 7;
    }
    return S(SUCCESS);
}

/* What the layers below say is not true of a filter's files. */
static smbkit_status own_io(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    return S(SUCCESS);
}

static void hidden(void)
{
    const struct smbkit_plugin readf = {FILTER_HEADER("reads"), .read = own_io, .write = own_io};
    const struct smbkit_plugin *const wraps[] = {&WRAP, &EVERY};
    const struct smbkit_plugin *const reads[] = {&readf, &EVERY};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_lookup look = {.struct_size = sizeof(look), .path = "x", .attr = &attr};
    struct smbkit_file_fd fd = {.struct_size = sizeof(fd)};
    struct smbkit_copy copy = {.struct_size = sizeof(copy), .source = &wrapped_source};
    struct stack s;
    every.mode = EVERY_SYNC;
    REQUIRE(stack_open(&s, wraps, 2));
    every.hook = open_hook;
    CHECK_INT(call(&s, SMBKIT_OP_lookup, NULL, &look), S(SUCCESS));
    CHECK_INT(every.calls[SMBKIT_OP_lookup], 0); /* opened and closed instead */
    CHECK_INT(every.calls[SMBKIT_OP_create], 1);
    CHECK_INT(every.closes, 1);
    CHECK_INT(call(&s, SMBKIT_OP_file_fd, &wrapped_file, &fd), S(SUCCESS));
    CHECK_INT(fd.fd, 7);
    CHECK_INT(call(&s, SMBKIT_OP_clone_range, &wrapped_file, &copy), S(SUCCESS));
    CHECK(copy.source == &wrapped_source);
    stack_close(&s);
    REQUIRE(stack_open(&s, reads, 2));
    every.hook = open_hook;
    CHECK_INT(call(&s, SMBKIT_OP_file_fd, &lower_file, &fd), S(NOT_SUPPORTED));
    CHECK_INT(call(&s, SMBKIT_OP_clone_range, &lower_file, &copy), S(NOT_SUPPORTED));
    CHECK_INT(every.calls[SMBKIT_OP_file_fd] + every.calls[SMBKIT_OP_clone_range], 0);
    CHECK_INT(call(&s, SMBKIT_OP_lookup, NULL, &look), S(SUCCESS));
    CHECK_INT(every.calls[SMBKIT_OP_lookup], 1);
    stack_close(&s);
}

static const struct test_case cases[] = {
    {"every operation through every stack", every_operation},
    {"what each layer is asked for itself", asked_each},
    {"what no plugin may answer", impossible_answers},
    {"what a filter hides", hidden},
};

TEST_MAIN(cases)
