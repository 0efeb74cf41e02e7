/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that open, write, lock, rename, list and delete the same few names, in every thread
 * model; run it under TSan. */
#include "vfs_fixture.h"

#include <sched.h>

#define THREADS 4
#define STEPS 1500
#define NAMES 6

struct worker {
    struct fixture *f;
    uint64_t seed;
    unsigned done;
};

/* An oplock of one of the stress's opens: broken by whoever breaks it, at once. */
struct held {
    struct vfs_open *open;
    atomic_bool asked;
};

static void held_break(void *arg, uint8_t to_level, bool ack)
{
    (void)to_level;
    if (ack) {
        atomic_store(&((struct held *)arg)->asked, true);
    }
}

/* WAIT is answered by giving up: cancel, and go on. */
struct giver {
    struct vfs_wait wait;
    struct vfs_wait_lock lock;
    atomic_bool woken;
};

static void giver_wake(struct vfs_wait *w)
{
    atomic_store(&CONTAINER_OF(w, struct giver, wait)->woken, true);
}

static bool entry_any(void *arg, const struct vfs_dir_entry *e)
{
    unsigned *count = arg;
    *count += e->name[0] != 0;
    return true;
}

static void use(struct worker *w, struct vfs_call *call, struct vfs_open *o)
{
    struct fixture *f = w->f;
    char name[32];
    char buf[16];
    uint64_t r = test_random(&w->seed);
    struct vfs_lock lock = {.offset = r % 3, .length = 2, .exclusive = true};
    struct smbkit_attr attr;
    smbkit_status st;
    struct vfs_io io;
    switch (r >> 8 & 7) {
    case 0:
        st = vfs_lock(call, o, &lock, 1);
        lock.unlock = true;
        if (SMBKIT_OK(st)) {
            CHECK_INT(vfs_lock(call, o, &lock, 1), SMBKIT_STATUS_SUCCESS);
        }
        break;
    case 1:
        snprintf(name, sizeof(name), "d/N%u", (unsigned)(r >> 16) % NAMES);
        (void)!vfs_rename(call, o, name, true);
        break;
    case 2:
        (void)!vfs_set_disposition(call, o, 1);
        break;
    case 3:
    case 4:
        vfs_io_init(&io);
        const struct smbkit_segment seg = {.base = (const uint8_t *)"hello", .len = 5};
        io.length = 5;
        io.segs = &seg;
        io.seg_count = 1;
        (void)!vfs_write(call, o, &io);
        vfs_io_fini(&io);
        break;
    case 5:
        vfs_io_init(&io);
        io.length = sizeof(buf);
        io.buffer = (uint8_t *)buf;
        (void)!vfs_read(call, o, &io);
        vfs_io_fini(&io);
        break;
    default:
        CHECK_INT(vfs_getattr(&f->call, o, 0, &attr), SMBKIT_STATUS_SUCCESS);
    }
}

static void list(struct worker *w)
{
    struct vfs_create_in in = create_in(w->f, "d");
    in.desired_access = SMBKIT_READ_DATA;
    struct vfs_create_out out;
    if (SMBKIT_OK(vfs_create(&w->f->call, &in, &out))) {
        unsigned count = 0;
        struct vfs_dir_query q = {.entry = entry_any, .arg = &count, .want_attr = true};
        CHECK_INT(vfs_query_directory(&w->f->call, out.open, &q), SMBKIT_STATUS_SUCCESS);
        CHECK(count >= 2);
        must_close(w->f, out.open);
    }
}

static void step(struct worker *w)
{
    struct fixture *f = w->f;
    uint64_t r = test_random(&w->seed);
    char name[32];
    snprintf(name, sizeof(name), r & 1 ? "d/n%u" : "D/N%u", (unsigned)(r >> 8) % NAMES);
    struct giver g;
    atomic_init(&g.woken, false);
    vfs_wait_init(&g.wait, giver_wake);
    vfs_wait_lock_init(&g.wait, &g.lock);
    struct vfs_call call = f->call;
    call.wait = &g.wait;
    struct held held = {0};
    struct vfs_create_in in = create_in(f, name);
    in.desired_access |= SMBKIT_DELETE;
    in.share_access = r >> 16 & 15 ? SHARE_ALL : 0;
    in.disposition = (uint32_t)(r >> 20) % 6;
    in.options = r >> 24 & 3 ? 0 : VFS_DELETE_ON_CLOSE;
    in.oplock_level = r >> 28 & 1 ? VFS_OPLOCK_BATCH : VFS_OPLOCK_NONE;
    in.owner = (struct vfs_owner){.oplock_break = held_break, .arg = &held};
    struct vfs_create_out out;
    smbkit_status st = vfs_create(&call, &in, &out);
    if (SMBKIT_OK(st)) {
        use(w, &call, out.open);
        use(w, &call, out.open);
        uint8_t level;
        if (atomic_load(&held.asked)) {
            (void)!vfs_oplock_ack(out.open, VFS_OPLOCK_NONE, &level);
        }
        (void)vfs_wait_cancel(&g.wait);
        struct smbkit_attr attr;
        st = vfs_close(&f->call, out.open, &attr);
        CHECK(SMBKIT_OK(st));
        w->done++;
    } else if (st == SMBKIT_STATUS_WAIT && (r >> 32 & 1)) {
        for (unsigned i = 0; i < 50 && !atomic_load(&g.woken); i++) {
            sched_yield();
        }
    }
    vfs_wait_fini(&g.wait);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < STEPS; i++) {
        step(w);
        if (i % 16 == 0) {
            list(w);
        }
    }
    return NULL;
}

static void stress(uint32_t thread_model, const struct smbkit_plugin *plugin)
{
    struct fixture f = {0};
    f.fake.thread_model = thread_model;
    if (plugin ? !fixture_open(&f, plugin, false) : !fixture_fake(&f)) {
        return;
    }
    make(&f, "d", true);
    struct worker w[THREADS];
    pthread_t t[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.f = &f, .seed = i + 1};
        pthread_create(&t[i], NULL, run, &w[i]);
    }
    unsigned done = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        done += w[i].done;
    }
    CHECK(done > STEPS / 4);
    fixture_close(&f);
}

static void parallel(void)
{
    stress(SMBKIT_PARALLEL, NULL);
}
static void serialize_file(void)
{
    stress(SMBKIT_SERIALIZE_FILE, NULL);
}
static void serialize_all(void)
{
    stress(SMBKIT_SERIALIZE_ALL, NULL);
}
static void with_mem(void)
{
    stress(SMBKIT_PARALLEL, smbkit_static_mem(&vfs_api));
}

static const struct test_case cases[] = {
    {"parallel", parallel},
    {"serialize_file", serialize_file},
    {"serialize_all", serialize_all},
    {"with_mem", with_mem},
};
TEST_MAIN(cases)
