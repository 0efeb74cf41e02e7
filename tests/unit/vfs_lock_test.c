/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks of a file, and calls that wait for them. */
#include "vfs_fixture.h"

#include "vfs/fsctl.h"

#include "vfs/wait.h"

#define S(name) SMBKIT_STATUS_##name

static void locks(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *a = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    struct vfs_open *b = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    struct vfs_open *c = must_open(&f, "file", SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, 0);
    REQUIRE(a && b && c);
    char buf[8];
    CHECK_INT(write_at(&f, a, 0, "0123456789"), 0);
    struct vfs_lock l = {.offset = 2, .length = 3, .exclusive = true};
    CHECK_INT(vfs_lock(&f.call, c, &l, 1), S(ACCESS_DENIED));
    CHECK_INT(vfs_lock(&f.call, a, &l, 0), S(INVALID_PARAMETER));
    CHECK_INT(vfs_lock(&f.call, a, &l, 1), 0);
    CHECK_INT(read_at(&f, b, 0, buf, 3), 0);
    CHECK_INT(read_at(&f, b, 0, buf, 4), S(FILE_LOCK_CONFLICT));
    CHECK_INT(write_at(&f, b, 4, "x"), S(FILE_LOCK_CONFLICT));
    CHECK_INT(write_at(&f, a, 4, "x"), 0);
    CHECK_INT(vfs_zero_range(&f.call, b, 0, 9), S(FILE_LOCK_CONFLICT));

    /* All or nothing. */
    struct vfs_lock two[2] = {{.offset = 100, .length = 1, .exclusive = true},
                              {.offset = 2, .length = 1, .exclusive = true}};
    two[0].fail_immediately = two[1].fail_immediately = true;
    CHECK_INT(vfs_lock(&f.call, b, two, 2), S(LOCK_NOT_GRANTED));
    CHECK_INT(vfs_lock(&f.call, a, two, 1), 0);
    two[1].unlock = true;
    CHECK_INT(vfs_lock(&f.call, a, two, 2), S(INVALID_PARAMETER));

    struct waiter w, w2;
    waiter_init(&w);
    waiter_init(&w2);
    struct vfs_call call = f.call, call2 = f.call;
    call.wait = &w.wait;
    call2.wait = &w2.wait;
    CHECK_INT(vfs_lock(&call, b, &l, 1), S(WAIT));
    CHECK_INT(vfs_lock(&call2, b, &l, 1), S(WAIT));
    CHECK(vfs_wait_cancel(&w2.wait));
    struct vfs_lock u = {.offset = 2, .length = 3, .unlock = true};
    CHECK_INT(vfs_lock(&f.call, a, &u, 1), 0);
    CHECK_INT(w.woken, 1);
    CHECK_INT(w2.woken, 0);
    CHECK_INT(vfs_lock(&call, b, &l, 1), 0);
    CHECK_INT(vfs_lock(&f.call, a, &u, 1), S(RANGE_NOT_LOCKED));

    /* A close gives up its locks, and ends who waits on the open itself. */
    CHECK_INT(vfs_lock(&call, a, &l, 1), S(WAIT));
    struct vfs_open *kept = vfs_open_ref(a);
    must_close(&f, a);
    CHECK_INT(w.woken, 2);
    CHECK_INT(vfs_lock(&call, kept, &l, 1), S(RANGE_NOT_LOCKED));
    vfs_open_unref(kept);
    must_close(&f, b);
    must_close(&f, c);
    waiter_fini(&w);
    waiter_fini(&w2);
    fixture_close(&f);
}

/* Calls that wait for locks of one file, each by an open of its own. */
#define LOCKERS 5
struct lockers {
    struct fixture f;
    struct vfs_open *o[LOCKERS];
    struct waiter w[LOCKERS];
};

static void lockers_init(struct lockers *l)
{
    *l = (struct lockers){0};
    CHECK(fixture_fake(&l->f));
    for (int i = 0; i < LOCKERS; i++) {
        l->o[i] = must_open(&l->f, "file", RW, i == 0 ? SMBKIT_CREATE : SMBKIT_OPEN, 0);
        waiter_init(&l->w[i]);
    }
}

static smbkit_status lock_by(struct lockers *l, int i, const struct vfs_lock *lock)
{
    struct vfs_call call = l->f.call;
    call.wait = &l->w[i].wait;
    return vfs_lock(&call, l->o[i], lock, 1);
}

static void lockers_fini(struct lockers *l)
{
    for (int i = 0; i < LOCKERS; i++) {
        waiter_fini(&l->w[i]);
        if (l->o[i]) {
            must_close(&l->f, l->o[i]);
        }
    }
    fixture_close(&l->f);
}

#define WOKEN(l, a, b, c, d)                                                                       \
    do {                                                                                           \
        CHECK_INT((l).w[1].woken, a);                                                              \
        CHECK_INT((l).w[2].woken, b);                                                              \
        CHECK_INT((l).w[3].woken, c);                                                              \
        CHECK_INT((l).w[4].woken, d);                                                              \
    } while (0)

/* An unlock wakes those whose turn it is, in the order in which they came, and nobody else. */
static void locks_in_turn(void)
{
    struct lockers l;
    lockers_init(&l);
    const struct vfs_lock all = {.offset = 0, .length = 10, .exclusive = true};
    const struct vfs_lock head = {.offset = 0, .length = 2, .exclusive = true};
    const struct vfs_lock seen = {.offset = 5, .length = 1};
    const struct vfs_lock far = {.offset = 100, .length = 1, .exclusive = true};
    struct vfs_lock un_all = all;
    struct vfs_lock un_far = far;
    un_all.unlock = un_far.unlock = true;
    CHECK_INT(lock_by(&l, 0, &all), 0);
    CHECK_INT(lock_by(&l, 0, &far), 0);
    CHECK_INT(lock_by(&l, 1, &head), S(WAIT));
    CHECK_INT(lock_by(&l, 2, &all), S(WAIT));
    CHECK_INT(lock_by(&l, 3, &seen), S(WAIT));
    CHECK_INT(lock_by(&l, 4, &seen), S(WAIT));
    CHECK_INT(lock_by(&l, 0, &un_far), 0);
    WOKEN(l, 0, 0, 0, 0);
    CHECK_INT(lock_by(&l, 0, &un_all), 0);
    WOKEN(l, 1, 0, 1, 1);
    /* It is theirs already, before they ask again. */
    CHECK_INT(lock_by(&l, 0, &all), S(WAIT));
    CHECK(vfs_wait_cancel(&l.w[0].wait));
    CHECK_INT(lock_by(&l, 1, &head), 0);
    CHECK_INT(lock_by(&l, 3, &seen), 0);
    /* One gives up before it has taken what it was given. */
    waiter_fini(&l.w[4]);
    waiter_init(&l.w[4]);
    must_close(&l.f, l.o[1]);
    l.o[1] = NULL;
    WOKEN(l, 1, 0, 1, 0);
    must_close(&l.f, l.o[3]);
    l.o[3] = NULL;
    WOKEN(l, 1, 1, 1, 0);
    CHECK_INT(lock_by(&l, 2, &all), 0);
    CHECK_INT(lock_by(&l, 2, &un_all), 0);
    lockers_fini(&l);
}

/* What was given and not taken goes to the next; an open that is closed keeps nothing and waits for
 * nothing. */
static void locks_given_back(void)
{
    struct lockers l;
    lockers_init(&l);
    const struct vfs_lock one = {.offset = 7, .length = 1, .exclusive = true};
    struct vfs_lock un = one;
    un.unlock = true;
    CHECK_INT(lock_by(&l, 0, &one), 0);
    for (int i = 1; i < LOCKERS; i++) {
        CHECK_INT(lock_by(&l, i, &one), S(WAIT));
    }
    CHECK_INT(lock_by(&l, 0, &un), 0);
    WOKEN(l, 1, 0, 0, 0);
    waiter_fini(&l.w[1]); /* cancelled */
    waiter_init(&l.w[1]);
    WOKEN(l, 0, 1, 0, 0);
    struct vfs_open *kept = vfs_open_ref(l.o[2]);
    must_close(&l.f, l.o[2]);
    l.o[2] = NULL;
    WOKEN(l, 0, 1, 1, 0);
    struct vfs_call call = l.f.call;
    call.wait = &l.w[2].wait;
    CHECK_INT(vfs_lock(&call, kept, &one, 1), S(RANGE_NOT_LOCKED));
    waiter_fini(&l.w[2]);
    waiter_init(&l.w[2]);
    vfs_open_unref(kept);
    must_close(&l.f, l.o[4]);
    l.o[4] = NULL;
    WOKEN(l, 0, 0, 1, 1);
    CHECK_INT(lock_by(&l, 3, &one), 0);
    lockers_fini(&l);
}

/* Many wait for one byte. Locks beside it wake nobody; each unlock of it wakes one. */
static void lock_storm(void)
{
    enum { WAITERS = 5000 };
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *a = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    struct vfs_open *b = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    struct waiter *w = mem_calloc(WAITERS, sizeof(*w));
    REQUIRE(a && b && w);
    struct vfs_lock x = {.offset = 0, .length = 1, .exclusive = true};
    struct vfs_lock beside = {.offset = 10, .length = 1, .exclusive = true};
    CHECK_INT(vfs_lock(&f.call, a, &x, 1), 0);
    for (int i = 0; i < WAITERS; i++) {
        waiter_init(&w[i]);
        struct vfs_call call = f.call;
        call.wait = &w[i].wait;
        CHECK_INT(vfs_lock(&call, b, &x, 1), S(WAIT));
    }
    for (int i = 0; i < WAITERS; i++) {
        beside.unlock = i % 2;
        CHECK_INT(vfs_lock(&f.call, a, &beside, 1), 0);
    }
    x.unlock = true;
    CHECK_INT(vfs_lock(&f.call, a, &x, 1), 0);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_INT(w[i].woken, 1);
        CHECK_INT(i + 1 < WAITERS ? w[i + 1].woken : 0, 0);
        waiter_fini(&w[i]); /* gives it to the next */
    }
    mem_free(w);
    must_close(&f, a);
    must_close(&f, b);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"locks", locks},
    {"locks_in_turn", locks_in_turn},
    {"locks_given_back", locks_given_back},
    {"lock_storm", lock_storm},
};
TEST_MAIN(cases)
