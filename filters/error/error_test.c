/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_test.h"

const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

struct stack {
    struct pt mem;
    struct smbkit_next next;
    struct pt t;
};

static bool start(struct stack *s, const char *const *args)
{
    if (!SMBKIT_OK(pt_open_volume(&s->mem, smbkit_static_mem(&pt_api), NULL, NULL))) {
        return false;
    }
    s->next = (struct smbkit_next){s->mem.p, s->mem.v};
    bool good = SMBKIT_OK(pt_open_volume(&s->t, smbkit_static_error(&pt_api), args, &s->next));
    if (!good) {
        pt_close_volume(&s->mem);
    }
    return good;
}

static void stop(struct stack *s)
{
    pt_close_volume(&s->t);
    pt_close_volume(&s->mem);
}

/* Which of ten writes fail. */
static void test_which(void)
{
    static const struct {
        const char *args[6];
        const char *want; /* '.': good, 'F': DISK_FULL, 'D': ACCESS_DENIED, 'I': IO_DEVICE_ERROR */
    } rows[] = {
        {{NULL}, ".........."},
        {{"op=write"}, "I........."},
        {{"op=write", "nth=3", "status=DISK_FULL"}, "..F......."},
        {{"op=write", "nth=3", "count=2", "status=DISK_FULL"}, "..FF......"},
        {{"op=write", "nth=3", "count=0", "status=DISK_FULL"}, "..FFFFFFFF"},
        {{"op=write", "nth=2", "every=3", "status=DISK_FULL"}, ".F..F..F.."},
        {{"op=write", "every=4", "count=2", "status=DISK_FULL"}, "F...F....."},
        {{"op=write", "every=1"}, "IIIIIIIIII"},
        {{"op=read", "count=0"}, ".........."},
        {{"op=any", "nth=2", "count=1", "status=ACCESS_DENIED"},
         "D........."}, /* create is the first */
        {{"op=write", "nth=2", "op=write", "nth=4", "status=DISK_FULL"}, ".I.F......"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stack s;
        char got[11] = {0};
        test_context("row %zu", i);
        if (!start(&s, rows[i].args)) {
            test_fail(__FILE__, __LINE__, "%s", s.t.error);
            continue;
        }
        void *f = pt_new(&s.t, "f");
        for (int n = 0; n < 10; n++) {
            smbkit_status status = pt_write(&s.t, f, (uint64_t)n, "x", 1);
            got[n] = status == SMBKIT_STATUS_SUCCESS           ? '.'
                     : status == SMBKIT_STATUS_DISK_FULL       ? 'F'
                     : status == SMBKIT_STATUS_ACCESS_DENIED   ? 'D'
                     : status == SMBKIT_STATUS_IO_DEVICE_ERROR ? 'I'
                                                               : '?';
        }
        CHECK_STR(got, rows[i].want);
        pt_close(&s.t, f);
        stop(&s);
    }
}

/* A failed operation has not reached the plugin. */
static void test_no_effect(void)
{
    struct stack s;
    static const char *const args[] = {
        "op=remove", "op=rename", "op=set_size", "op=create", "status=ACCESS_DENIED",
        "nth=2",     NULL};
    REQUIRE(start(&s, args));
    struct pt *t = &s.t;
    void *g = NULL;
    void *f = pt_new(t, "f");
    CHECK_INT(pt_create_kind(t, "g", SMBKIT_CREATE, SMBKIT_KIND_FILE, &g),
              SMBKIT_STATUS_ACCESS_DENIED);
    CHECK(g == NULL);
    CHECK_INT(pt_set_size(t, f, 10), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(pt_rename_file(t, f, "h", 0), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(pt_remove_file(t, f), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(pt_attr(t, f).size, 0);
    pt_close(t, f);
    CHECK_INT(pt_try(t, "f"), 0);
    CHECK_INT(pt_try(t, "g"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_try(t, "h"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    stop(&s);
}

/* A layer below that will not do anything without waiting. */
static smbkit_status busy_getattr(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_attr *attr)
{
    (void)volume;
    (void)file;
    *attr = (struct smbkit_attr){0};
    return op->flags & SMBKIT_OP_NOWAIT ? SMBKIT_STATUS_WOULD_BLOCK : SMBKIT_STATUS_SUCCESS;
}

/* A call that comes again on a worker counts once. */
static void test_nowait(void)
{
    static const struct smbkit_plugin busy = {.getattr = busy_getattr};
    static const char *const args[] = {"op=getattr", "nth=3", NULL};
    struct smbkit_next next = {&busy, NULL};
    struct pt t;
    struct smbkit_attr attr;
    REQUIRE(SMBKIT_OK(pt_open_volume(&t, smbkit_static_error(&pt_api), args, &next)));
    for (int n = 1; n <= 2; n++) {
        t.op.flags = SMBKIT_OP_NOWAIT;
        CHECK_INT(t.p->getattr(t.v, &t.op, NULL, &attr), SMBKIT_STATUS_WOULD_BLOCK);
        t.op.flags = 0;
        CHECK_INT(t.p->getattr(t.v, &t.op, NULL, &attr), 0);
    }
    CHECK_INT(t.p->getattr(t.v, &t.op, NULL, &attr), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(t.p->getattr(t.v, &t.op, NULL, &attr), 0);
    pt_close_volume(&t);
}

static void *call_often(void *arg)
{
    struct pt t = *(struct pt *)arg;
    uintptr_t failed = 0;
    struct smbkit_attr attr;
    void *f = pt_any(&t, "f");
    for (int i = 0; i < 1000; i++) {
        failed += !SMBKIT_OK(t.p->getattr(t.v, &t.op, f, &attr));
    }
    pt_close(&t, f);
    return (void *)failed;
}

/* Exactly count calls fail, however many threads call. */
static void test_threads(void)
{
    struct stack s;
    static const char *const args[] = {"op=getattr", "nth=100", "count=57", NULL};
    REQUIRE(start(&s, args));
    pt_close(&s.t, pt_new(&s.t, "f"));
    pthread_t threads[4];
    uintptr_t failed = 0;
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, call_often, &s.t), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *n;
        pthread_join(threads[i], &n);
        failed += (uintptr_t)n;
    }
    CHECK_INT(failed, 57);
    stop(&s);
}

static void test_args(void)
{
    static const struct {
        const char *args[2];
        const char *says; /* NULL: good */
    } rows[] = {
        {{"op=volume_info", "status=ACCESS_DENIED"}, NULL},
        {{"op=any", "nth=4294967295"}, NULL},
        {{"op=any", "nth=4294967296"}, "nth="},
        {{"op=any", "nth=0"}, "nth=0"},
        {{"op=any", "every=0"}, "every=0"},
        {{"op=any", "count=-1"}, "count=-1"},
        {{"op=any", "count=1x"}, "count=1x"},
        {{"op=any", "status=SUCCESS"}, "SUCCESS"},
        {{"op=any", "status=PENDING"}, "PENDING"},
        {{"op=any", "status=WOULD_BLOCK"}, "WOULD_BLOCK"},
        {{"op=any", "status=WAIT"}, "WAIT"},
        {{"op=any", "status=STOPPED_ON_SYMLINK"},
         "status=STOPPED_ON_SYMLINK: no error that a plugin may answer"},
        {{"op=any", "status=MORE_PROCESSING_REQUIRED"},
         "status=MORE_PROCESSING_REQUIRED: no error that a plugin may answer"},
        {{"op=any", "status=NETWORK_NAME_DELETED"},
         "status=NETWORK_NAME_DELETED: no error that a plugin may answer"},
        {{"op=any", "status=NO_MORE_FILES"},
         "status=NO_MORE_FILES: no error that a plugin may answer"},
        {{"op=any", "status=BUFFER_OVERFLOW"},
         "status=BUFFER_OVERFLOW: no error that a plugin may answer"},
        {{"op=set_ea", "status=EA_LIST_INCONSISTENT"}, NULL},
        {{"op=any", "status=NONSENSE"}, "NONSENSE"},
        {{"op=any", "status=DISC_FULL"}, "did you mean \"DISK_FULL\"?"},
        {{"op=reed", NULL}, "did you mean \"read\"?"},
        {{"op=close", NULL}, "op=close"},
        {{"op=", NULL}, "op="},
        {{"nth=3", "op=any"}, "op= must come first"},
        {{"op=any", "status=disk_full"}, NULL},
        {{"op=any", "cuont=3"}, "did you mean \"count\"?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[] = {rows[i].args[0], rows[i].args[1], NULL};
        test_context("row %zu", i);
        bool good = SMBKIT_OK(pt_open_volume(&t, smbkit_static_error(&pt_api), args, NULL));
        CHECK_INT(good, rows[i].says == NULL);
        if (good) {
            pt_close_volume(&t);
        } else if (!strstr(t.error, rows[i].says)) {
            test_fail(__FILE__, __LINE__, "error is: %s", t.error);
        }
    }
    static const struct smbkit_arg many[17] = {
        {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"},
        {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"},
        {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"}, {"op", "any"},
    };
    for (uint32_t n = 15; n <= 17; n++) {
        char error[256];
        void *volume;
        struct smbkit_volume_args va = {.struct_size = sizeof(va),
                                        .arg_count = n,
                                        .args = many,
                                        .share_name = "s",
                                        .error = error,
                                        .error_size = sizeof(error)};
        smbkit_status status = smbkit_static_error(&pt_api)->volume_open(&va, &volume);
        CHECK_INT(SMBKIT_OK(status), n <= 16);
        if (SMBKIT_OK(status)) {
            smbkit_static_error(&pt_api)->volume_close(volume);
        }
    }
}

static const struct test_case cases[] = {
    {"which calls fail", test_which},
    {"what fails has no effect", test_no_effect},
    {"NOWAIT counts once", test_nowait},
    {"threads", test_threads},
    {"arguments", test_args},
};

TEST_MAIN(cases)
