/* SPDX-License-Identifier: Apache-2.0 */
/* An open goes on in another volume. */
#include "vfs_fixture.h"

#include <pthread.h>

#include "vfs/brlock.h"
#include "vfs/move.h"
#include "vfs/wait.h"

#define S(name) SMBKIT_STATUS_##name

/* Two volumes with a file each. */
struct both {
    struct fixture a, b;
};

static bool begin(struct both *t)
{
    *t = (struct both){0};
    if (!fixture_fake(&t->a) || !fixture_fake(&t->b)) {
        return false;
    }
    make(&t->a, "file", false);
    make(&t->b, "file", false);
    return true;
}

static void end(struct both *t)
{
    fixture_close(&t->a);
    fixture_close(&t->b);
}

/* o is closed. */
static struct vfs_open *move(struct both *t, struct vfs_open *o)
{
    const struct vfs_move m = {.from = o, .volume = t->b.v};
    struct vfs_open *to = NULL;
    CHECK_INT(vfs_open_move(&t->a.call, &m, &to), 0);
    must_close(&t->a, o);
    return to;
}

static void state_goes_along(void)
{
    struct both t;
    REQUIRE(begin(&t));
    struct vfs_open *o =
        must_open(&t.a, "file", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_SEQUENTIAL_ONLY);
    REQUIRE(o);
    vfs_open_position_set(o, 4711);
    struct vfs_open *to = move(&t, o);
    REQUIRE(to);
    CHECK_INT(vfs_open_position(to), 4711);
    CHECK_INT(vfs_open_options(to), VFS_SEQUENTIAL_ONLY);
    CHECK_INT(vfs_open_granted_access(to), SMBKIT_READ_DATA);
    CHECK_INT(vfs_open_share_access(to), SHARE_ALL);
    CHECK(vfs_open_volume(to) == t.b.v);
    must_close(&t.b, to);
    end(&t);
}

static bool note_name(void *arg, const struct vfs_dir_entry *e)
{
    snprintf(arg, 16, "%s", e->name);
    return true;
}

/* Its place means nothing there: it begins anew, with the same pattern. */
static void listing_begins_anew(void)
{
    struct both t;
    char name[16] = "";
    REQUIRE(begin(&t));
    make(&t.a, "f2", false);
    make(&t.b, "g", false);
    struct vfs_open *o = must_open(&t.a, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(o);
    struct vfs_dir_query q = {.pattern = "f*", .single = true, .entry = note_name, .arg = name};
    CHECK_INT(vfs_query_directory(&t.a.call, o, &q), 0);
    struct vfs_open *to = move(&t, o);
    REQUIRE(to);
    q.pattern = NULL;
    CHECK_INT(vfs_query_directory(&t.b.call, to, &q), 0);
    CHECK(strcmp(name, "file") == 0);
    CHECK_INT(vfs_query_directory(&t.b.call, to, &q), S(NO_MORE_FILES));
    must_close(&t.b, to);
    end(&t);
}

/* Whoever has as many locks as he may goes on with them: none is charged twice. */
static void locks_are_charged_once(void)
{
    struct both t;
    struct budget budget;
    REQUIRE(begin(&t));
    budget_init(&budget, NULL, 2 * (size_t)VFS_LOCK_BYTES, 0);
    struct vfs_open *o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o);
    vfs_open_locks_charge(o, &budget);
    const struct vfs_lock two[] = {{.offset = 1, .length = 1}, {.offset = 5, .length = 1}};
    CHECK_INT(vfs_lock(&t.a.call, o, two, 2), 0);
    const struct vfs_move m = {.from = o, .volume = t.b.v};
    CHECK_INT(vfs_open_move_try(&t.a.call, &m, true), 0);
    CHECK_INT(budget_used(&budget), 2 * VFS_LOCK_BYTES);
    struct vfs_open *to = move(&t, o);
    REQUIRE(to);
    CHECK_INT(budget_used(&budget), 2 * VFS_LOCK_BYTES);
    const struct vfs_lock third = {.offset = 9, .length = 1, .fail_immediately = true};
    CHECK_INT(vfs_lock(&t.b.call, to, &third, 1), S(INSUFFICIENT_RESOURCES));
    must_close(&t.b, to);
    CHECK_INT(budget_used(&budget), 0);
    budget_fini(&budget);
    end(&t);
}

#define MOVES 4000

/* On a thread with a small stack. */
static void *let_go(void *o)
{
    vfs_open_unref(o);
    return NULL;
}

/* What has seen many moves takes all that came after it along when it goes. */
static void first_of_many(void)
{
    struct both t;
    pthread_t thread;
    pthread_attr_t attr;
    REQUIRE(begin(&t));
    struct vfs_open *o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o);
    struct vfs_open *first = vfs_open_ref(o);
    for (unsigned i = 0; i < MOVES; i++) {
        struct fixture *from = i % 2 ? &t.b : &t.a;
        const struct vfs_move m = {.from = o, .volume = i % 2 ? t.a.v : t.b.v};
        struct vfs_open *to = NULL;
        REQUIRE(vfs_open_move(&from->call, &m, &to) == 0);
        must_close(from, o);
        o = to;
    }
    must_close(&t.a, o);
    CHECK_INT(pthread_attr_init(&attr), 0);
    CHECK_INT(pthread_attr_setstacksize(&attr, 64 << 10), 0);
    CHECK_INT(pthread_create(&thread, &attr, let_go, first), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attr);
    end(&t);
}

static void cannot_go(void)
{
    struct both t;
    REQUIRE(begin(&t));
    make(&t.a, "gone", false);
    make(&t.a, "d", true);
    make(&t.b, "d", false);
    static const struct {
        const char *path;
        uint32_t options;
        bool deletes;
        smbkit_status status;
    } rows[] = {
        {"gone", 0, false, S(OBJECT_NAME_NOT_FOUND)},
        {"d", VFS_DIRECTORY_FILE, false, S(NOT_A_DIRECTORY)},
        {"file", VFS_DELETE_ON_CLOSE, false, S(DELETE_PENDING)},
        {"gone", 0, true, S(DELETE_PENDING)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_open *o =
            must_open(&t.a, rows[i].path, RW | SMBKIT_DELETE, SMBKIT_OPEN, rows[i].options);
        REQUIRE(o);
        if (rows[i].deletes) {
            CHECK_INT(vfs_set_disposition(&t.a.call, o, 1), 0);
        }
        const struct vfs_move m = {.from = o, .volume = t.b.v};
        struct vfs_open *to = NULL;
        test_context("%s %zu", rows[i].path, i);
        CHECK_INT(vfs_open_move_try(&t.a.call, &m, true), rows[i].status);
        CHECK_INT(vfs_open_move(&t.a.call, &m, &to), rows[i].status);
        CHECK(!to);
        must_close(&t.a, o);
    }
    end(&t);
}

/* A lock that was given to who waits for it, and is not taken yet: it is had there once. */
static void granted(bool takes)
{
    struct both t;
    struct waiter w;
    REQUIRE(begin(&t));
    waiter_init(&w);
    struct vfs_open *has = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    struct vfs_open *waits = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(has && waits);
    const struct vfs_lock l = {.offset = 2, .length = 3, .exclusive = true};
    const struct vfs_lock u = {.offset = 2, .length = 3, .unlock = true};
    struct vfs_call call = t.a.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_lock(&t.a.call, has, &l, 1), 0);
    CHECK_INT(vfs_lock(&call, waits, &l, 1), S(WAIT));
    CHECK_INT(vfs_lock(&t.a.call, has, &u, 1), 0);
    CHECK_INT(w.woken, 1);
    must_close(&t.a, has);
    struct vfs_open *to = move(&t, waits);
    REQUIRE(to);
    CHECK_INT(vfs_open_lock_count(to), 1);
    if (takes) {
        CHECK_INT(vfs_lock(&call, to, &l, 1), 0);
        CHECK_INT(vfs_open_lock_count(to), 1);
    }
    waiter_fini(&w);
    CHECK_INT(vfs_open_lock_count(to), takes ? 1 : 0);
    must_close(&t.b, to);
    end(&t);
}

static void granted_and_taken(void)
{
    granted(true);
}

static void granted_and_given_back(void)
{
    granted(false);
}

/* ---- what was written ---- */

/* It is committed where it was written, once, and how that went the close there tells; what is
 * written after the move, where it went. */
static void commits_where_it_wrote(void)
{
    static const smbkit_status ends[] = {S(SUCCESS), S(DISK_FULL)};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct both t;
        REQUIRE(begin(&t));
        struct vfs_open *o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
        const struct vfs_move m = {.from = o, .volume = t.b.v};
        struct vfs_open *to = NULL;
        REQUIRE(o);
        CHECK_INT(write_at(&t.a, o, 0, "text"), 0);
        atomic_store(&t.a.fake.fail_at, SMBKIT_OK(ends[i]) ? 0 : 1);
        atomic_store(&t.a.fake.fail_with, ends[i]);
        CHECK_INT(vfs_open_commit(&t.a.call, o), 0);
        CHECK_INT(t.a.fake.calls[FAKE_COMMIT], 1);
        CHECK_INT(vfs_open_move(&t.a.call, &m, &to), 0);
        REQUIRE(to);
        CHECK_INT(vfs_close(&t.a.call, o, NULL), ends[i]);
        CHECK_INT(t.a.fake.calls[FAKE_COMMIT], 1);
        CHECK_INT(t.b.fake.calls[FAKE_COMMIT], 0);
        CHECK_INT(write_at(&t.b, to, 0, "there"), 0);
        must_close(&t.b, to);
        CHECK_INT(t.b.fake.calls[FAKE_COMMIT], 1);
        end(&t);
    }
}

/* ---- a plugin that hears of locks ---- */

#define HEARD_MAX 8u
#define MANY_LOCKS 130u
static struct {
    uint64_t at[HEARD_MAX];
    bool exclusive[HEARD_MAX];
    unsigned count;
    uint64_t refused;
    unsigned files_there; /* open in the old volume when the last was asked for */
    struct fake_volume *old;
} heard;

static smbkit_status hear_lock(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_lock *a)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_LOCK, file);
    bool takes = SMBKIT_OK(st) && !(a->flags & SMBKIT_LOCK_UNLOCK);
    heard.files_there = (unsigned)atomic_load(&heard.old->files);
    if (takes && a->offset == heard.refused) {
        st = S(LOCK_NOT_GRANTED);
    } else if (takes && heard.count < HEARD_MAX) {
        CHECK(heard.count == 3 || !(a->flags & SMBKIT_LOCK_WAIT));
        heard.at[heard.count] = a->offset;
        heard.exclusive[heard.count++] = a->flags & SMBKIT_LOCK_EXCLUSIVE;
    } else if (SMBKIT_OK(st) && !takes) {
        heard.count--;
    }
    return fake_leave(v, op, FAKE_LOCK, file, st);
}

static bool begin_heard(struct both *t)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    *t = (struct both){0};
    memset(&heard, 0, sizeof(heard));
    heard.old = &t->a.fake;
    p.lock = hear_lock;
    if (!fixture_fake(&t->a) || !fixture_open(&t->b, &p, false)) {
        return false;
    }
    make(&t->a, "file", false);
    make(&t->b, "file", false);
    return true;
}

static struct vfs_open *with_locks(struct both *t)
{
    struct vfs_open *o = must_open(&t->a, "file", RW, SMBKIT_OPEN, 0);
    const struct vfs_lock first = {.offset = 30, .length = 5, .exclusive = true};
    const struct vfs_lock shared = {.offset = 10, .length = 5};
    CHECK_INT(vfs_lock(&t->a.call, o, &first, 1), 0);
    CHECK_INT(vfs_lock(&t->a.call, o, &shared, 1), 0);
    CHECK_INT(vfs_lock(&t->a.call, o, &shared, 1), 0);
    return o;
}

/* Each is asked for there, in order, before the old volume hears of an end. */
static void locks_are_asked_for(void)
{
    for (unsigned pends = 0; pends < 2; pends++) {
        struct both t;
        REQUIRE(begin_heard(&t));
        atomic_store(&t.b.fake.pend_all, pends);
        struct vfs_open *to = move(&t, with_locks(&t));
        REQUIRE(to);
        CHECK_INT(heard.count, 3);
        CHECK(heard.at[0] == 30 && heard.at[1] == 10 && heard.at[2] == 10);
        CHECK(heard.exclusive[0] && !heard.exclusive[1] && !heard.exclusive[2]);
        CHECK_INT(heard.files_there, 1);
        CHECK_INT(vfs_open_lock_count(to), 3);
        const struct vfs_lock unlock = {.offset = 30, .length = 5, .unlock = true};
        CHECK_INT(vfs_lock(&t.b.call, to, &unlock, 1), 0);
        CHECK_INT(heard.count, 2);
        must_close(&t.b, to);
        atomic_store(&t.b.fake.pend_all, false);
        end(&t);
    }
}

/* One is refused there: it does not go, and has what it had. */
static void lock_is_refused(void)
{
    struct both t;
    REQUIRE(begin_heard(&t));
    struct vfs_open *o = with_locks(&t);
    const struct vfs_move m = {.from = o, .volume = t.b.v};
    struct vfs_open *to = NULL;
    heard.refused = 10;
    CHECK_INT(vfs_open_move_try(&t.a.call, &m, true), S(LOCK_NOT_GRANTED));
    CHECK_INT(vfs_open_move(&t.a.call, &m, &to), S(LOCK_NOT_GRANTED));
    CHECK(!to);
    CHECK_INT(heard.count, 0); /* the first one was taken back */
    CHECK_INT(t.a.fake.locks, 3);
    CHECK_INT(vfs_open_lock_count(o), 3);
    heard.refused = 0;
    CHECK_INT(vfs_open_move_try(&t.a.call, &m, true), 0);
    must_close(&t.a, o);
    end(&t);
}

static bool is_late_at(void *arg)
{
    return --*(unsigned *)arg == 0;
}

/* Many locks end with the time that there is for them, and a trial that is not to be seen by others
 * of the store asks for none. */
static void many_locks_take_their_time(void)
{
    static const struct {
        unsigned late_at; /* at that look */
        smbkit_status status;
        unsigned asked;
    } rows[] = {{1, S(IO_TIMEOUT), 64}, {2, S(IO_TIMEOUT), 128}, {3, S(SUCCESS), MANY_LOCKS}};
    struct both t;
    REQUIRE(begin_heard(&t));
    struct vfs_open *o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o);
    for (unsigned i = 0; i < MANY_LOCKS; i++) {
        const struct vfs_lock l = {.offset = 10 * i, .length = 5, .exclusive = true};
        CHECK_INT(vfs_lock(&t.a.call, o, &l, 1), 0);
    }
    unsigned looks;
    const struct vfs_move m = {
        .from = o, .volume = t.b.v, .is_late = is_late_at, .late_arg = &looks};
    heard.refused = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_open *to = NULL;
        test_context("late at %u", rows[i].late_at);
        for (unsigned goes = 0; goes < 2; goes++) {
            looks = rows[i].late_at;
            t.b.fake.calls[FAKE_LOCK] = 0;
            CHECK_INT(goes ? vfs_open_move(&t.a.call, &m, &to)
                           : vfs_open_move_try(&t.a.call, &m, true),
                      rows[i].status);
            CHECK_INT(t.b.fake.calls[FAKE_LOCK], rows[i].asked);
            CHECK_INT(t.b.fake.files, to ? 1 : 0);
        }
        must_close(&t.b, to);
        if (i == 0) {
            t.b.fake.calls[FAKE_LOCK] = 0;
            CHECK_INT(vfs_open_move_try(&t.a.call, &m, false), 0);
            CHECK_INT(t.b.fake.calls[FAKE_LOCK], 0);
        }
    }
    test_context("%s", "");
    must_close(&t.a, o);
    end(&t);
}

/* What was given to who waits is asked for when he takes it, once; not when he gives it back. */
static void given_is_asked_for(bool takes)
{
    struct both t;
    struct waiter w;
    REQUIRE(begin_heard(&t));
    waiter_init(&w);
    struct vfs_open *has = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
    struct vfs_open *waits = with_locks(&t);
    REQUIRE(has && waits);
    const struct vfs_lock l = {.offset = 2, .length = 3, .exclusive = true};
    const struct vfs_lock u = {.offset = 2, .length = 3, .unlock = true};
    struct vfs_call call = t.a.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_lock(&t.a.call, has, &l, 1), 0);
    CHECK_INT(vfs_lock(&call, waits, &l, 1), S(WAIT));
    CHECK_INT(vfs_lock(&t.a.call, has, &u, 1), 0);
    CHECK_INT(w.woken, 1);
    must_close(&t.a, has);
    struct vfs_open *to = move(&t, waits);
    REQUIRE(to);
    CHECK_INT(heard.count, 3);
    if (takes) {
        CHECK_INT(vfs_lock(&call, to, &l, 1), 0);
        CHECK(heard.at[3] == 2 && heard.exclusive[3]);
    }
    waiter_fini(&w);
    CHECK_INT(heard.count, takes ? 4 : 3);
    CHECK_INT(vfs_open_lock_count(to), takes ? 4 : 3);
    must_close(&t.b, to);
    end(&t);
}

static void given_and_taken_there(void)
{
    given_is_asked_for(true);
    given_is_asked_for(false);
}

/* ---- one file by both volumes ---- */

/* What it has itself is in nobody's way: not its share modes, its oplock, its locks. */
static void same_file(void)
{
    struct vfs_nodes *nodes = vfs_nodes_new(1, NULL);
    struct fixture f = {.nodes = nodes};
    struct breaks breaks = {0};
    struct vfs_create_out out;
    REQUIRE(nodes && fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    in.share_access = 0;
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &breaks};
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    const struct vfs_lock l = {.offset = 2, .length = 3, .exclusive = true};
    CHECK_INT(vfs_lock(&f.call, out.open, &l, 1), 0);
    /* As by another volume that leads to the same file: the node is one. */
    const struct vfs_move m = {.from = out.open, .volume = f.v};
    struct vfs_open *to = NULL;
    CHECK_INT(vfs_open_move_try(&f.call, &m, true), 0);
    CHECK_INT(breaks.count, 0);
    CHECK_INT(vfs_open_lock_count(out.open), 1);
    vfs_open_uncache(out.open);
    CHECK_INT(breaks.count, 1);
    CHECK_INT(breaks.to, VFS_OPLOCK_NONE);
    CHECK(!vfs_open_is_uncached(out.open));
    uint8_t level;
    CHECK_INT(vfs_oplock_ack(out.open, VFS_OPLOCK_NONE, &level), 0);
    CHECK(vfs_open_is_uncached(out.open));
    CHECK_INT(vfs_open_move(&f.call, &m, &to), 0);
    CHECK_INT(vfs_open_lock_count(to), 1);
    must_close(&f, out.open);
    CHECK_INT(try_open(&f, &in), S(SHARING_VIOLATION));
    const struct vfs_lock u = {.offset = 2, .length = 3, .unlock = true};
    CHECK_INT(vfs_lock(&f.call, to, &u, 1), 0);
    must_close(&f, to);
    CHECK_INT(try_open(&f, &in), 0);
    fixture_close(&f);
    vfs_nodes_unref(nodes);
}

/* Only its own caching is broken, not that of others. */
static void others_cache_on(void)
{
    struct fixture f = {0};
    struct breaks mine = {0};
    struct breaks theirs = {0};
    struct vfs_create_out a;
    struct vfs_create_out b;
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    in.oplock_level = VFS_OPLOCK_II;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &mine};
    CHECK_INT(vfs_create(&f.call, &in, &a), 0);
    in.owner.arg = &theirs;
    CHECK_INT(vfs_create(&f.call, &in, &b), 0);
    CHECK_INT(b.oplock_level, VFS_OPLOCK_II);
    vfs_open_uncache(a.open);
    CHECK_INT(mine.count, 1);
    CHECK_INT(theirs.count, 0);
    CHECK(vfs_open_is_uncached(a.open));
    CHECK_INT(vfs_oplock_level(b.open), VFS_OPLOCK_II);
    must_close(&f, a.open);
    must_close(&f, b.open);
    fixture_close(&f);
}

/* ---- races ---- */

#define LOCKS_EACH 300

struct locker {
    struct both *t;
    struct vfs_open *o; /* of the old volume; stays */
    atomic_bool stops;
};

/* Another of the file takes and gives a lock that the one that goes waits for, all the time. */
static void *lock_and_unlock(void *arg)
{
    struct locker *k = arg;
    const struct vfs_lock l = {.length = 1, .exclusive = true};
    const struct vfs_lock u = {.length = 1, .unlock = true};
    while (!atomic_load(&k->stops)) {
        CHECK_INT(vfs_lock(&k->t->a.call, k->o, &l, 1), 0);
        CHECK_INT(vfs_lock(&k->t->a.call, k->o, &u, 1), 0);
    }
    return NULL;
}

static void granted_meanwhile(void)
{
    struct both t;
    pthread_t thread;
    REQUIRE(begin(&t));
    struct locker k = {.t = &t, .o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0)};
    REQUIRE(k.o);
    CHECK_INT(pthread_create(&thread, NULL, lock_and_unlock, &k), 0);
    const struct vfs_lock l = {.length = 1, .exclusive = true};
    for (unsigned i = 0; i < LOCKS_EACH; i++) {
        struct waiter w;
        waiter_init(&w);
        struct vfs_call call = t.a.call;
        call.wait = &w.wait;
        struct vfs_open *o = must_open(&t.a, "file", RW, SMBKIT_OPEN, 0);
        REQUIRE(o);
        smbkit_status st = vfs_lock(&call, o, &l, 1);
        vfs_open_waits_end(o);
        struct vfs_open *to = move(&t, o);
        REQUIRE(to);
        if (st == S(WAIT)) {
            (void)vfs_wait_cancel(&w.wait);
            st = vfs_lock(&call, to, &l, 1);
        }
        CHECK_INT(st, 0);
        CHECK_INT(vfs_open_lock_count(to), 1);
        waiter_fini(&w);
        must_close(&t.b, to);
    }
    atomic_store(&k.stops, true);
    CHECK_INT(pthread_join(thread, NULL), 0);
    must_close(&t.a, k.o);
    end(&t);
}

static const struct test_case cases[] = {
    {"locks are charged once", locks_are_charged_once},
    {"the first of many", first_of_many},
    {"state goes along", state_goes_along},
    {"listing begins anew", listing_begins_anew},
    {"cannot go", cannot_go},
    {"granted and taken", granted_and_taken},
    {"granted and given back", granted_and_given_back},
    {"commits where it wrote", commits_where_it_wrote},
    {"locks are asked for", locks_are_asked_for},
    {"a lock is refused", lock_is_refused},
    {"many locks take their time", many_locks_take_their_time},
    {"given and taken there", given_and_taken_there},
    {"same file", same_file},
    {"others cache on", others_cache_on},
    {"granted meanwhile", granted_meanwhile},
};
TEST_MAIN(cases)
