/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"
#include "server/lend.h"

/* ---- a plugin that only keeps its host ---- */

static struct smbkit_host *host;
static atomic_bool is_closed;

static smbkit_status keep_open(struct smbkit_volume_args *args, void **volume_r)
{
    host = args->host;
    *volume_r = &host;
    return SMBKIT_STATUS_SUCCESS;
}

static void keep_close(void *volume)
{
    (void)volume;
    atomic_store(&is_closed, true);
}

static smbkit_status no_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    (void)volume, (void)op, (void)a;
    return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}
static void no_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)volume, (void)op, (void)file;
}
static smbkit_status no_enumerate(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_sink *a)
{
    (void)volume, (void)op, (void)file, (void)a;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status no_getattr(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_attr *a)
{
    (void)volume, (void)op, (void)file, (void)a;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status no_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *a)
{
    (void)volume, (void)op, (void)file, (void)a;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin keeper = {.struct_size = sizeof(keeper),
                                            .api_version = SMBKIT_API_VERSION,
                                            .thread_model = SMBKIT_PARALLEL,
                                            .name = "keeper",
                                            .volume_open = keep_open,
                                            .volume_close = keep_close,
                                            .close = no_close,
                                            .create = no_create,
                                            .enumerate = no_enumerate,
                                            .getattr = no_getattr,
                                            .read = no_read};

/* ---- a server's parts ---- */

struct rig {
    struct loop *loops[2];
    struct os_thread *threads[2];
    struct workers *workers;
    struct lend *lend;
    struct smbkit_plugin *plugin;
    struct vfs_volume *volume;
    const struct vfs_services *services;
};

static void loop_main(void *arg)
{
    loop_run(arg);
}

static bool rig_open(struct rig *r)
{
    const struct work_quota quota[WORK_KIND_COUNT] = {
        [WORK_LOGON] = {1, 1, 1}, [WORK_END] = {1, 1, 1}, [WORK_CALL] = {4, 2, 2}};
    char err[256];
    *r = (struct rig){.workers = workers_new(quota, 60000)};
    for (unsigned i = 0; i < 2; i++) {
        if (loop_new(&r->loops[i]) != 0 ||
            os_thread_start(&r->threads[i], "loop", loop_main, r->loops[i]) != 0) {
            return false;
        }
    }
    const struct lend_spec spec = {.workers = r->workers, .loops = r->loops, .loop_count = 2};
    r->lend = lend_new(&spec);
    r->plugin = vfs_plugin_adopt(&keeper, err, sizeof(err));
    const struct vfs_layer_spec layer = {.plugin = r->plugin};
    r->services = lend_services_new(r->lend);
    const struct vfs_volume_spec volume = {
        .share_name = "x", .layers = &layer, .layer_count = 1, .services = r->services};
    atomic_store(&is_closed, false);
    return SMBKIT_OK(vfs_volume_open(&volume, &r->volume, err, sizeof(err)));
}

static void rig_close(struct rig *r)
{
    vfs_volume_unref(r->volume);
    lend_end(r->lend);
    for (unsigned i = 0; i < 2; i++) {
        loop_stop(r->loops[i]);
        os_thread_join(r->threads[i]);
        loop_free(r->loops[i]);
    }
    workers_free(r->workers);
    CHECK(atomic_load(&is_closed));
    lend_free(r->lend);
    mem_free(r->plugin);
}

/* ---- what is called ---- */

struct note {
    struct mutex lock;
    struct cond moved;
    unsigned count;
    uint32_t ready;
    uintptr_t thread;
    struct smbkit_timer *timer; /* freed by its own function */
    int fd;                     /* a byte of it is read; -1: none */
    bool holds;                 /* until let go */
    bool is_inside;
};

static void note_init(struct note *n)
{
    *n = (struct note){.fd = -1};
    mutex_init(&n->lock);
    cond_init(&n->moved);
}

static void note_fini(struct note *n)
{
    cond_fini(&n->moved);
    mutex_fini(&n->lock);
}

static void called(void *arg)
{
    struct note *n = arg;
    SCOPED_LOCK(&n->lock);
    n->count++;
    n->thread = thread_self();
    n->is_inside = true;
    cond_broadcast(&n->moved);
    while (n->holds) {
        cond_wait(&n->moved, &n->lock);
    }
    if (n->timer) {
        smbkit_timer_free(n->timer);
        n->timer = NULL;
    }
    n->is_inside = false;
}

static bool ran_elsewhere(struct note *n)
{
    SCOPED_LOCK(&n->lock);
    return n->thread != thread_self();
}

static uint32_t ready_of(struct note *n)
{
    SCOPED_LOCK(&n->lock);
    return n->ready;
}

static void is_ready(void *arg, uint32_t ready)
{
    struct note *n = arg;
    char byte;
    mutex_lock(&n->lock);
    n->ready = ready;
    if (n->fd >= 0) {
        CHECK(read(n->fd, &byte, 1) <= 1);
    }
    mutex_unlock(&n->lock);
    called(n);
}

static void wait_count(struct note *n, unsigned count)
{
    SCOPED_LOCK(&n->lock);
    while (n->count < count) {
        cond_wait(&n->moved, &n->lock);
    }
}

static unsigned count_of(struct note *n)
{
    SCOPED_LOCK(&n->lock);
    return n->count;
}

static void let_go(struct note *n)
{
    SCOPED_LOCK(&n->lock);
    n->holds = false;
    cond_broadcast(&n->moved);
}

/* ---- timers ---- */

static void test_timer(void)
{
    struct rig r;
    struct note n, never;
    note_init(&n);
    note_init(&never);
    REQUIRE(rig_open(&r));
    struct smbkit_timer *t = smbkit_timer_new(host, called, &n);
    struct smbkit_timer *off = smbkit_timer_new(host, called, &never);
    REQUIRE(t && off);
    smbkit_timer_set(off, 1000000);
    smbkit_timer_set(off, UINT64_MAX);
    smbkit_timer_set(t, 1000000);
    smbkit_timer_set(t, 1); /* takes the place of the first */
    wait_count(&n, 1);
    CHECK(ran_elsewhere(&n));
    smbkit_timer_set(t, 0);
    wait_count(&n, 2);
    smbkit_timer_free(t);
    smbkit_timer_free(off);
    CHECK_INT(count_of(&n), 2); /* once for each time that it was set */
    CHECK_INT(count_of(&never), 0);
    rig_close(&r);
    note_fini(&n);
    note_fini(&never);
}

static void test_timer_frees_itself(void)
{
    struct rig r;
    struct note n;
    note_init(&n);
    REQUIRE(rig_open(&r));
    struct smbkit_timer *t = smbkit_timer_new(host, called, &n);
    n.timer = t;
    smbkit_timer_set(t, 0);
    wait_count(&n, 1);
    rig_close(&r);
    CHECK(n.timer == NULL);
    note_fini(&n);
}

struct freeing {
    struct smbkit_timer *timer;
    struct note *note;
    atomic_bool is_free;
    bool was_inside;
};

static void free_it(void *arg)
{
    struct freeing *f = arg;
    smbkit_timer_free(f->timer);
    SCOPED_LOCK(&f->note->lock);
    f->was_inside = f->note->is_inside;
    atomic_store(&f->is_free, true);
}

/* Who frees it waits for its function. */
static void test_timer_free_waits(void)
{
    struct rig r;
    struct note n;
    struct os_thread *thread;
    note_init(&n);
    n.holds = true;
    REQUIRE(rig_open(&r));
    struct freeing f = {.timer = smbkit_timer_new(host, called, &n), .note = &n};
    smbkit_timer_set(f.timer, 0);
    wait_count(&n, 1);
    REQUIRE(os_thread_start(&thread, "freeing", free_it, &f) == 0);
    usleep(20000);
    CHECK(!atomic_load(&f.is_free));
    let_go(&n);
    os_thread_join(thread);
    CHECK(!f.was_inside);
    rig_close(&r);
    note_fini(&n);
}

/* ---- descriptors ---- */

static void test_watch(void)
{
    struct rig r;
    struct note n;
    int ends[2];
    note_init(&n);
    REQUIRE(rig_open(&r) && pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    n.fd = ends[0];
    struct smbkit_fd_watch *w = smbkit_fd_watch_new(host, ends[0], is_ready, &n);
    REQUIRE(w);
    CHECK_INT(write(ends[1], "abc", 3), 3);
    smbkit_fd_watch_set(w, SMBKIT_FD_READABLE);
    wait_count(&n, 3); /* a byte each: it is told as long as there is something */
    CHECK_INT(ready_of(&n), SMBKIT_FD_READABLE);
    smbkit_fd_watch_set(w, 0);
    CHECK_INT(write(ends[1], "d", 1), 1);
    usleep(20000);
    CHECK(count_of(&n) <= 4);
    smbkit_fd_watch_free(w);
    unsigned last = count_of(&n);
    CHECK_INT(write(ends[1], "e", 1), 1);
    usleep(20000);
    CHECK_INT(count_of(&n), last);
    close(ends[0]);
    close(ends[1]);
    rig_close(&r);
    note_fini(&n);
}

static void test_watch_writable_and_end(void)
{
    struct rig r;
    struct note n;
    int ends[2];
    note_init(&n);
    REQUIRE(rig_open(&r) && pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    struct smbkit_fd_watch *w = smbkit_fd_watch_new(host, ends[1], is_ready, &n);
    smbkit_fd_watch_set(w, SMBKIT_FD_WRITABLE);
    wait_count(&n, 1);
    CHECK_INT(ready_of(&n), SMBKIT_FD_WRITABLE);
    close(ends[0]);
    unsigned before = count_of(&n);
    wait_count(&n, before + 2);
    CHECK(ready_of(&n) & SMBKIT_FD_ERROR);
    smbkit_fd_watch_free(w);
    close(ends[1]);
    rig_close(&r);
    note_fini(&n);
}

/* ---- workers ---- */

static void test_run(void)
{
    struct rig r;
    struct note n;
    note_init(&n);
    n.holds = true;
    REQUIRE(rig_open(&r));
    CHECK_INT(smbkit_run(host, called, &n), SMBKIT_STATUS_SUCCESS);
    wait_count(&n, 1);
    CHECK(ran_elsewhere(&n));
    /* The volume stays until it has returned. */
    struct vfs_volume *v = r.volume;
    vfs_volume_unref(v);
    CHECK(!atomic_load(&is_closed));
    let_go(&n);
    lend_end(r.lend);
    workers_free(r.workers);
    CHECK(atomic_load(&is_closed));
    r.workers = NULL;
    for (unsigned i = 0; i < 2; i++) {
        loop_stop(r.loops[i]);
        os_thread_join(r.threads[i]);
        loop_free(r.loops[i]);
    }
    lend_free(r.lend);
    mem_free(r.plugin);
    note_fini(&n);
}

/* Stuck calls of the volume, as many as it may have, do not keep it waiting, nor does want of
 * memory. */
static void test_run_one(void)
{
    struct rig r;
    struct note stuck, n;
    note_init(&stuck);
    note_init(&n);
    stuck.holds = true;
    REQUIRE(rig_open(&r));
    CHECK_INT(r.services->run_one(r.services, r.volume, called, &n), SMBKIT_STATUS_SUCCESS);
    wait_count(&n, 1);
    CHECK(ran_elsewhere(&n));
    CHECK_INT(smbkit_run(host, called, &stuck), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_run(host, called, &stuck), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_run(host, called, &stuck), SMBKIT_STATUS_SUCCESS);
    wait_count(&stuck, 2);
    mem_fail_nth(1);
    CHECK_INT(r.services->run_one(r.services, r.volume, called, &n), SMBKIT_STATUS_SUCCESS);
    wait_count(&n, 2);
    mem_fail_nth(0);
    let_go(&stuck);
    wait_count(&stuck, 3);
    lend_end(r.lend);
    CHECK_INT(r.services->run_one(r.services, r.volume, called, &n), SMBKIT_STATUS_NOT_SUPPORTED);
    rig_close(&r);
    note_fini(&stuck);
    note_fini(&n);
}

/* ---- the end ---- */

/* What a plugin forgot goes with the volume, and is not called any more. */
static void test_left_over(void)
{
    struct rig r;
    struct note n;
    note_init(&n);
    REQUIRE(rig_open(&r));
    struct smbkit_timer *t = smbkit_timer_new(host, called, &n);
    smbkit_timer_set(t, 30);
    REQUIRE(smbkit_timer_new(host, called, &n));
    rig_close(&r);
    usleep(50000);
    CHECK_INT(count_of(&n), 0);
    note_fini(&n);
}

static void test_after_the_end(void)
{
    struct rig r;
    struct note n;
    note_init(&n);
    REQUIRE(rig_open(&r));
    struct smbkit_timer *t = smbkit_timer_new(host, called, &n);
    lend_end(r.lend);
    smbkit_timer_set(t, 0);
    CHECK(smbkit_timer_new(host, called, &n) == NULL);
    CHECK(smbkit_fd_watch_new(host, 0, is_ready, &n) == NULL);
    CHECK_INT(smbkit_run(host, called, &n), SMBKIT_STATUS_NOT_SUPPORTED);
    smbkit_timer_free(t);
    rig_close(&r);
    CHECK_INT(count_of(&n), 0);
    note_fini(&n);
}

/* ---- many at once ---- */

#define BUSY_THREADS 4
#define BUSY_ROUNDS 400

static void busy(void *arg)
{
    struct note *n = arg;
    for (unsigned i = 0; i < BUSY_ROUNDS; i++) {
        struct smbkit_timer *t = smbkit_timer_new(host, called, n);
        smbkit_status st = i % 8 == 0 ? smbkit_run(host, called, n) : SMBKIT_STATUS_SUCCESS;
        if (!t || !SMBKIT_OK(st)) {
            smbkit_timer_free(t);
            return; /* the server ends */
        }
        smbkit_timer_set(t, 0);
        if (i % 3 == 0) {
            smbkit_timer_set(t, i % 2);
        }
        if (i % 7 == 0) {
            usleep(500);
        }
        smbkit_timer_free(t);
    }
}

static void test_busy(void)
{
    struct rig r;
    struct note n;
    struct os_thread *threads[BUSY_THREADS];
    note_init(&n);
    REQUIRE(rig_open(&r));
    for (unsigned i = 0; i < BUSY_THREADS; i++) {
        REQUIRE(os_thread_start(&threads[i], "busy", busy, &n) == 0);
    }
    usleep(30000);
    lend_end(r.lend);
    for (unsigned i = 0; i < BUSY_THREADS; i++) {
        os_thread_join(threads[i]);
    }
    rig_close(&r);
    note_fini(&n);
}

static const struct test_case cases[] = {
    {"timer", test_timer},
    {"timer: frees itself", test_timer_frees_itself},
    {"timer: free waits", test_timer_free_waits},
    {"watch: readable", test_watch},
    {"watch: writable, and the other side's end", test_watch_writable_and_end},
    {"run", test_run},
    {"run one", test_run_one},
    {"left over", test_left_over},
    {"after the end", test_after_the_end},
    {"many at once, and the end in the middle", test_busy},
};
TEST_MAIN(cases)
