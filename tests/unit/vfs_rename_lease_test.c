/* SPDX-License-Identifier: Apache-2.0 */
/* Renames that are in the way of who caches handles: [MS-FSA] 2.1.4.2, 2.1.4.12, 2.1.5.15.11. */
#include "vfs_told.h"

#include <semaphore.h>
#include <unistd.h>

#define S(name) SMBKIT_STATUS_##name

static void told_init(struct told *t, uint8_t key)
{
    const struct lease_id id = {.client = {1}, .key = {key}};
    *t = (struct told){.breaks = 0};
    lease_init(&t->lease, &id, &told_ops);
}

static void acknowledge(struct told *t)
{
    uint8_t kept;
    CHECK_INT(vfs_lease_ack(&t->lease, OPLOCK_R, &kept), 0);
}

/* A directory with two files in it, one of them open. */
struct folder {
    struct fixture f;
    struct vfs_open *dir; /* may be renamed */
    struct told first, second;
    struct vfs_open *first_open, *second_open;
};

static bool folder_open(struct folder *d)
{
    memset(d, 0, sizeof(*d));
    if (!fixture_fake(&d->f)) {
        return false;
    }
    make(&d->f, "dir", true);
    make(&d->f, "dir/1", false);
    make(&d->f, "dir/2", false);
    d->dir = must_open(&d->f, "dir", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    told_init(&d->first, 1);
    told_init(&d->second, 2);
    d->first_open = open_cached(&d->f, "dir/1", &d->first, 0);
    d->second_open = open_cached(&d->f, "dir/2", &d->second, 0);
    return d->dir && d->first_open && d->second_open;
}

static void folder_close(struct folder *d)
{
    must_close(&d->f, d->dir);
    lease_fini(&d->first.lease);
    lease_fini(&d->second.lease);
    fixture_close(&d->f);
}

/* Each is asked to let go of its handle, one after the other, before the rename is done. */
static void below_lets_go(void)
{
    struct folder d;
    REQUIRE(folder_open(&d));
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = d.f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), S(WAIT));
    CHECK_INT(d.first.breaks, 1);
    CHECK_INT(d.second.breaks, 0);
    must_close(&d.f, d.first_open);
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), S(WAIT));
    CHECK_INT(d.second.breaks, 1);
    must_close(&d.f, d.second_open);
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), 0);
    waiter_fini(&w);
    folder_close(&d);
}

static void below_keeps(void)
{
    struct folder d;
    REQUIRE(folder_open(&d));
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = d.f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), S(WAIT));
    acknowledge(&d.first);
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), S(ACCESS_DENIED));
    waiter_fini(&w);
    must_close(&d.f, d.first_open);
    must_close(&d.f, d.second_open);
    folder_close(&d);
}

/* ---- a rename that looks while the one that it waits for is being closed ---- */

struct looker {
    struct waiter w; /* first: its wake comes under the lock of what is being closed */
    struct folder *d;
    sem_t go;
    smbkit_status status;
};

static void looker_wake(struct vfs_wait *wait)
{
    struct looker *l = CONTAINER_OF(CONTAINER_OF(wait, struct waiter, wait), struct looker, w);
    sem_post(&l->go);
    usleep(20000); /* most likely it has found what is being closed by then, and waits for it */
}

static void *looker_run(void *arg)
{
    struct looker *l = arg;
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = l->d->f.call;
    call.wait = &w.wait;
    sem_wait(&l->go);
    l->status = vfs_rename(&call, l->d->dir, "moved", false);
    waiter_fini(&w);
    return NULL;
}

/* It was found open, and is not open any more: another one still is. */
static void below_is_being_closed(void)
{
    struct folder d;
    REQUIRE(folder_open(&d));
    struct looker l = {.d = &d};
    sem_init(&l.go, 0, 0);
    vfs_wait_init(&l.w.wait, looker_wake);
    struct vfs_call call = d.f.call;
    call.wait = &l.w.wait;
    CHECK_INT(vfs_rename(&call, d.dir, "moved", false), S(WAIT));
    pthread_t t;
    REQUIRE(pthread_create(&t, NULL, looker_run, &l) == 0);
    must_close(&d.f, d.first_open);
    pthread_join(t, NULL);
    CHECK_INT(l.status, S(WAIT));
    CHECK_INT(d.second.breaks, 1);
    must_close(&d.f, d.second_open);
    vfs_wait_fini(&l.w.wait);
    sem_destroy(&l.go);
    folder_close(&d);
}

/* ---- where it is to go ---- */

/* "dir", made: it may not be opened to add to it while the handle is cached. */
static struct vfs_open *open_guarded(struct fixture *f, struct told *t)
{
    const struct vfs_lease_want want = {.lease = &t->lease,
                                        .caching = OPLOCK_R | OPLOCK_H,
                                        .has_epoch = true,
                                        .on_directories = true};
    make(f, "dir", true);
    return open_leased(f, "dir", SMBKIT_READ_DATA | SMBKIT_DELETE, &want);
}

/* Into a directory that may not be opened to add to it: who only caches that handle is asked. */
static void check_into(bool closes)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct told t;
    told_init(&t, 1);
    struct vfs_open *file = must_open(&f, "file", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    struct vfs_open *dir = open_guarded(&f, &t);
    REQUIRE(file && dir);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_rename(&call, file, "dir/file", false), S(WAIT));
    CHECK_INT(t.breaks, 1);
    CHECK_INT(t.to, OPLOCK_R);
    if (closes) {
        must_close(&f, dir);
    } else {
        acknowledge(&t);
    }
    CHECK_INT(w.woken, 1);
    CHECK_INT(vfs_rename(&call, file, "dir/file", false), closes ? 0 : S(SHARING_VIOLATION));
    waiter_fini(&w);
    if (!closes) {
        must_close(&f, dir);
    }
    must_close(&f, file);
    lease_fini(&t.lease);
    fixture_close(&f);
}

static void destination_lets_go(void)
{
    check_into(true);
}

static void destination_keeps(void)
{
    check_into(false);
}

/* Who may add nothing there asks nobody to let go, and is not told of who has it open. */
static void destination_is_not_his(void)
{
    struct fixture f = {.fake.features = SMBKIT_FEATURE_SECURITY};
    REQUIRE(fixture_fake(&f));
    struct told t;
    told_init(&t, 1);
    struct vfs_open *file = must_open(&f, "file", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    struct vfs_open *dir = open_guarded(&f, &t);
    REQUIRE(file && dir);
    fake_make_readable(fake_child(&f.fake, f.fake.root, "dir"));
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_rename(&call, file, "dir/file", false), S(ACCESS_DENIED));
    CHECK_INT(t.breaks, 0);
    CHECK_INT(vfs_set_disposition(&f.call, dir, 1), 0);
    CHECK_INT(vfs_rename(&call, file, "dir/file", false), S(ACCESS_DENIED));
    waiter_fini(&w);
    must_close(&f, dir);
    must_close(&f, file);
    lease_fini(&t.lease);
    fixture_close(&f);
}

/* ---- those who always have another handle in the way ---- */

#define PATIENT_S 34u /* they let go just before their time is over */
#define CHAIN 4u

static uint64_t time_us = 1;

static uint64_t clock_us(void)
{
    return time_us;
}

struct chain {
    struct fixture f;
    struct waiter w;
    struct told told[CHAIN];
    struct vfs_open *opens[CHAIN];
    struct vfs_open *moves; /* "file", or the directory "moves" */
};

static bool chain_open(struct chain *c)
{
    memset(c, 0, sizeof(*c));
    c->f.nodes = vfs_nodes_new(1, clock_us);
    waiter_init(&c->w);
    for (uint8_t i = 0; i < CHAIN; i++) {
        told_init(&c->told[i], (uint8_t)(i + 1));
    }
    return c->f.nodes && fixture_fake(&c->f);
}

static void chain_close(struct chain *c)
{
    waiter_fini(&c->w);
    must_close(&c->f, c->moves);
    for (unsigned i = 0; i < CHAIN; i++) {
        must_close(&c->f, c->opens[i]);
        lease_fini(&c->told[i].lease);
    }
    fixture_close(&c->f);
    vfs_nodes_unref(c->f.nodes);
}

static void chain_let_go(struct chain *c, unsigned i, unsigned after_s)
{
    time_us += after_s * 1000000u;
    must_close(&c->f, c->opens[i]);
    c->opens[i] = NULL;
}

static smbkit_status chain_rename(struct chain *c, const char *to)
{
    struct vfs_call call = c->f.call;
    call.wait = &c->w.wait;
    return vfs_rename(&call, c->moves, to, false);
}

/* A reader has the directory open again before he lets go of it: that ends. */
static void destination_is_reopened(void)
{
    struct chain c;
    REQUIRE(chain_open(&c));
    make(&c.f, "dir", true);
    c.moves = must_open(&c.f, "file", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(c.moves);
    for (unsigned i = 0; i < 3; i++) {
        const struct vfs_lease_want want = {.lease = &c.told[i].lease,
                                            .caching = OPLOCK_R | OPLOCK_H,
                                            .has_epoch = true,
                                            .on_directories = true};
        c.opens[i] = open_leased(&c.f, "dir", SMBKIT_READ_DATA | SMBKIT_DELETE, &want);
        if (i > 0) {
            chain_let_go(&c, i - 1, PATIENT_S);
        }
        CHECK_INT(chain_rename(&c, "dir/file"), i < 2 ? S(WAIT) : S(SHARING_VIOLATION));
        CHECK_INT(c.told[i].breaks, 1);
    }
    waiter_fini(&c.w);
    waiter_init(&c.w); /* another request has its own time */
    CHECK_INT(chain_rename(&c, "dir/file"), S(WAIT));
    chain_let_go(&c, 2, PATIENT_S);
    CHECK_INT(chain_rename(&c, "dir/file"), 0);
    chain_close(&c);
}

/* Likewise of what is itself renamed or deleted: then it is done. */
static void itself_is_reopened(bool deletes)
{
    struct chain c;
    REQUIRE(chain_open(&c));
    c.moves = must_open(&c.f, "file", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(c.moves);
    struct vfs_call call = c.f.call;
    call.wait = &c.w.wait;
    for (unsigned i = 0; i < 3; i++) {
        c.opens[i] = open_cached(&c.f, "file", &c.told[i], 0);
        if (i > 0) {
            chain_let_go(&c, i - 1, PATIENT_S);
        }
        CHECK_INT(deletes ? vfs_set_disposition(&call, c.moves, 1)
                          : vfs_rename(&call, c.moves, "moved", false),
                  i < 2 ? S(WAIT) : 0);
        CHECK_INT(c.told[i].breaks, 1);
    }
    chain_close(&c);
}

static void renamed_is_reopened(void)
{
    itself_is_reopened(false);
}

static void deleted_is_reopened(void)
{
    itself_is_reopened(true);
}

static bool open_below(struct chain *c, unsigned count)
{
    make(&c->f, "moves", true);
    c->moves = must_open(&c->f, "moves", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    for (unsigned i = 0; i < count; i++) {
        char path[] = "moves/0";
        path[6] = (char)('0' + i);
        make(&c->f, path, false);
        c->opens[i] = open_cached(&c->f, path, &c->told[i], 0);
    }
    return c->moves;
}

/* The first may refuse. When it has let go, all others are asked at once. */
static void below_are_many(void)
{
    struct chain c;
    REQUIRE(chain_open(&c) && open_below(&c, CHAIN));
    CHECK_INT(chain_rename(&c, "moved"), S(WAIT));
    for (unsigned i = 0; i < CHAIN; i++) {
        CHECK_INT(c.told[i].breaks, i == 0);
    }
    chain_let_go(&c, 0, 1);
    for (unsigned i = 1; i < CHAIN; i++) {
        CHECK_INT(chain_rename(&c, "moved"), S(WAIT));
        CHECK_INT(c.told[1].breaks + c.told[2].breaks + c.told[3].breaks, 3);
        chain_let_go(&c, i, 1);
    }
    CHECK_INT(chain_rename(&c, "moved"), 0);
    chain_close(&c);
}

static void below_takes_long(void)
{
    struct chain c;
    REQUIRE(chain_open(&c) && open_below(&c, 3));
    CHECK_INT(chain_rename(&c, "moved"), S(WAIT));
    chain_let_go(&c, 0, PATIENT_S);
    CHECK_INT(chain_rename(&c, "moved"), S(WAIT));
    chain_let_go(&c, 1, PATIENT_S);
    CHECK_INT(chain_rename(&c, "moved"), S(ACCESS_DENIED));
    chain_close(&c);
}

static const struct test_case cases[] = {
    {"destination_lets_go", destination_lets_go},
    {"destination_keeps", destination_keeps},
    {"destination_is_not_his", destination_is_not_his},
    {"below_lets_go", below_lets_go},
    {"below_keeps", below_keeps},
    {"below_is_being_closed", below_is_being_closed},
    {"destination_is_reopened", destination_is_reopened},
    {"renamed_is_reopened", renamed_is_reopened},
    {"deleted_is_reopened", deleted_is_reopened},
    {"below_are_many", below_are_many},
    {"below_takes_long", below_takes_long},
};

TEST_MAIN(cases)
