/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin grants of caching, takes back, and hears of: wherever it stops the request. */
#include "vfs_lender.h"

#include "vfs/caching.h"

enum ending { ACKED, TIMED_OUT, CLOSED, AT_ONCE, WRONGLY };

static void end_break(struct fixture *f, struct vfs_open **o, enum ending how, uint8_t level)
{
    uint8_t now;
    if (how == ACKED) {
        CHECK_INT(vfs_oplock_ack(*o, level, &now), 0);
    } else if (how == WRONGLY) {
        CHECK_INT(vfs_oplock_ack(*o, VFS_OPLOCK_BATCH, &now), S(INVALID_OPLOCK_PROTOCOL));
    } else if (how == TIMED_OUT) {
        vfs_oplock_timeout(*o);
    } else if (how == CLOSED) {
        must_close(f, *o);
        *o = NULL;
        CHECK_INT(lender.files_at_ack, 1); /* before its close */
    }
}

static void oplocks(void)
{
    static const struct {
        const char *name;
        uint8_t has;
        uint32_t to;
        uint8_t told; /* level */
        enum ending how;
        uint32_t kept;
    } rows[] = {
        {"to reads", VFS_OPLOCK_BATCH, 1, VFS_OPLOCK_II, ACKED, 1},
        {"handles cannot stay", VFS_OPLOCK_BATCH, 3, VFS_OPLOCK_II, ACKED, 1},
        {"nor writes", VFS_OPLOCK_BATCH, 5, VFS_OPLOCK_II, ACKED, 1},
        {"to nothing", VFS_OPLOCK_BATCH, 0, VFS_OPLOCK_NONE, ACKED, 0},
        {"nothing without reads", VFS_OPLOCK_BATCH, 6, VFS_OPLOCK_NONE, ACKED, 0},
        {"exclusive", VFS_OPLOCK_EXCLUSIVE, 1, VFS_OPLOCK_II, ACKED, 1},
        {"no answer", VFS_OPLOCK_BATCH, 1, VFS_OPLOCK_II, TIMED_OUT, 0},
        {"a wrong answer", VFS_OPLOCK_BATCH, 1, VFS_OPLOCK_II, WRONGLY, 0},
        {"closed", VFS_OPLOCK_BATCH, 1, VFS_OPLOCK_II, CLOSED, 0},
        {"reads end at once", VFS_OPLOCK_II, 0, VFS_OPLOCK_NONE, AT_ONCE, 0},
        {"no more than that", VFS_OPLOCK_II, 3, 0xff, AT_ONCE, 1},
    };
    struct fixture f = {0};
    REQUIRE(lender_open(&f, ALL));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct breaks b;
        lender.requests = 0;
        test_context("%s", rows[i].name);
        struct vfs_open *o = open_oplock(&f, rows[i].has, rows[i].has, &b);
        REQUIRE(o);
        CHECK(lender.keys[0] != 0);
        CHECK_INT(take_back(&f, 0, rows[i].to), 0);
        CHECK_INT(b.count, rows[i].told == 0xff ? 0 : 1);
        CHECK(rows[i].told == 0xff || b.to == rows[i].told);
        if (rows[i].how != AT_ONCE) {
            check_silent(); /* the client has not answered */
        }
        end_break(&f, &o, rows[i].how, rows[i].told);
        check_acked(0, rows[i].kept);
        check_silent();
        must_close(&f, o);
        CHECK_INT(take_back(&f, 0, 0), S(NOT_FOUND));
        check_silent();
    }
    test_context("%s", "");
    fixture_close(&f);
}

/* Where there is no caching there is none to take back. */
static void nobody(void)
{
    struct fixture f = {0};
    struct breaks b;
    REQUIRE(lender_open(&f, SMBKIT_CACHE_READ));
    CHECK_INT(smbkit_cache_break(f.fake.host, 0, 0), S(NOT_FOUND));
    CHECK_INT(smbkit_cache_break(f.fake.host, 12345, 0), S(NOT_FOUND));
    struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_II, &b);
    REQUIRE(o);
    CHECK_INT(lender.asked[0], ALL);
    must_close(&f, o);
    lender.grants = 0;
    o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_NONE, &b);
    REQUIRE(o);
    CHECK_INT(take_back(&f, 1, 0), S(NOT_FOUND));
    CHECK(!o->cache_grant); /* its close has nothing to tell, and needs no worker */
    must_close(&f, o);
    o = open_oplock(&f, VFS_OPLOCK_NONE, VFS_OPLOCK_NONE, &b);
    REQUIRE(o);
    CHECK_INT(lender.requests, 2);
    must_close(&f, o);
    check_silent();
    fixture_close(&f);
}

/* It is taken back before it is granted: nobody gets it; also when much else was missed since. */
static void too_early(void)
{
    for (unsigned others = 0; others <= 2 * CACHE_MISSED; others += CACHE_MISSED) {
        struct fixture f = {0};
        struct breaks b;
        REQUIRE(lender_open(&f, ALL));
        for (unsigned i = 0; i < others; i++) {
            CHECK_INT(smbkit_cache_break(f.fake.host, 1000000 + i, 0), S(NOT_FOUND));
        }
        lender.breaks_at_once = true;
        struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_NONE, &b);
        REQUIRE(o);
        must_close(&f, o);
        lender.breaks_at_once = false; /* that was another key */
        o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_BATCH, &b);
        REQUIRE(o);
        must_close(&f, o);
        check_silent();
        fixture_close(&f);
    }
}

/* Twice, before the client has answered: one ack, of what is left by both. */
static void twice(void)
{
    struct fixture f = {0};
    struct breaks b;
    uint8_t now;
    REQUIRE(lender_open(&f, ALL));
    struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_BATCH, &b);
    REQUIRE(o);
    CHECK_INT(take_back(&f, 0, 1), 0);
    CHECK_INT(take_back(&f, 0, 0), 0);
    CHECK_INT(b.count, 1); /* it hears the rest in the answer: [MS-SMB2] 3.3.5.22.1 */
    CHECK_INT(vfs_oplock_ack(o, VFS_OPLOCK_II, &now), 0);
    CHECK_INT(now, VFS_OPLOCK_NONE);
    check_acked(0, 0);
    must_close(&f, o);
    check_silent();
    fixture_close(&f);
}

/* Nothing runs for the volume any more: the close tells it. Once. */
static void told_by_close(void)
{
    struct fixture f = {0};
    struct breaks b;
    REQUIRE(lender_open(&f, ALL));
    struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_II, VFS_OPLOCK_II, &b);
    REQUIRE(o);
    lender.runs_nothing = true;
    CHECK_INT(take_back(&f, 0, 0), 0);
    check_silent();
    must_close(&f, o);
    check_acked(0, 0);
    lender.runs_nothing = false;
    /* The job comes after the close. */
    o = open_oplock(&f, VFS_OPLOCK_II, VFS_OPLOCK_II, &b);
    REQUIRE(o);
    CHECK_INT(take_back(&f, 1, 0), 0);
    must_close(&f, o);
    CHECK_INT(lender.acked, 1);
    check_acked(1, 0);
    fixture_close(&f);
}

/* ---- leases ---- */

static void leases(void)
{
    static const struct {
        const char *name;
        uint32_t to;
        uint8_t told;
    } rows[] = {{"writes", 3, 3}, {"handles", 5, 5}, {"all but reads", 1, 1}, {"all", 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = {0};
        struct told t;
        uint8_t kept;
        test_context("%s", rows[i].name);
        REQUIRE(lender_open(&f, ALL));
        lease_of(&t);
        struct vfs_open *o = open_lease(&f, &t, ALL, ALL);
        REQUIRE(o);
        CHECK_INT(take_back(&f, 0, rows[i].to), 0);
        CHECK_INT(t.breaks, 1);
        CHECK_INT(t.to, rows[i].told);
        check_silent();
        CHECK_INT(vfs_lease_ack(&t.lease, rows[i].told, &kept), 0);
        check_acked(0, rows[i].told);
        must_close(&f, o);
        check_silent();
        lease_fini(&t.lease);
        fixture_close(&f);
    }
    test_context("%s", "");
}

/* What the client may keep goes on being taken: the ack comes when all of it has gone. */
static void lease_chain(void)
{
    struct fixture f = {0};
    struct told t;
    uint8_t kept;
    REQUIRE(lender_open(&f, ALL));
    lease_of(&t);
    struct vfs_open *o = open_lease(&f, &t, ALL, ALL);
    REQUIRE(o);
    CHECK_INT(take_back(&f, 0, 3), 0);
    CHECK_INT(take_back(&f, 0, 0), 0);
    CHECK_INT(vfs_lease_ack(&t.lease, 3, &kept), 0);
    check_silent();
    CHECK_INT(t.breaks, 2);
    CHECK_INT(vfs_lease_ack(&t.lease, t.to, &kept), 0);
    check_acked(0, 0);
    must_close(&f, o);
    check_silent();
    lease_fini(&t.lease);
    fixture_close(&f);
}

/* Opens that share a lease have keys of their own; it has what one of them was granted. */
static void lease_shared(void)
{
    struct fixture f = {0};
    struct told t;
    uint8_t kept;
    REQUIRE(lender_open(&f, ALL));
    lease_of(&t);
    struct vfs_open *a = open_lease(&f, &t, ALL, ALL);
    /* Who asks for less asks for what the lease has. */
    struct vfs_open *b = open_lease(&f, &t, SMBKIT_CACHE_READ, ALL);
    REQUIRE(a && b);
    CHECK_INT(lender.asked[1], ALL);
    CHECK(lender.keys[0] != lender.keys[1]);
    must_close(&f, a);
    CHECK_INT(t.breaks, 0);
    lender.grants = SMBKIT_CACHE_READ;
    struct vfs_open *c = open_lease(&f, &t, ALL, ALL);
    REQUIRE(c);
    must_close(&f, b); /* c was granted reads alone, but a close takes nothing from others */
    CHECK_INT(t.breaks, 0);
    CHECK_INT(take_back(&f, 2, SMBKIT_CACHE_READ), 0);
    CHECK_INT(t.breaks, 1);
    CHECK_INT(t.to, SMBKIT_CACHE_READ);
    CHECK_INT(vfs_lease_ack(&t.lease, SMBKIT_CACHE_READ, &kept), 0);
    check_acked(2, SMBKIT_CACHE_READ);
    /* While it is taken back from one nobody gets more. */
    lender.grants = ALL;
    struct vfs_open *d = open_lease(&f, &t, ALL, ALL);
    REQUIRE(d);
    CHECK_INT(take_back(&f, 3, SMBKIT_CACHE_READ), 0);
    struct vfs_open *e = open_lease(&f, &t, ALL, ALL);
    REQUIRE(e);
    CHECK(e->cache_grant != NULL);
    CHECK_INT(vfs_lease_ack(&t.lease, SMBKIT_CACHE_READ, &kept), 0);
    check_acked(3, SMBKIT_CACHE_READ);
    must_close(&f, c);
    must_close(&f, d);
    must_close(&f, e);
    check_silent();
    lease_fini(&t.lease);
    fixture_close(&f);
}

/* ---- stopped ---- */

/* How many calls its create made. */
static uint64_t stopped_script(struct rig *r, bool is_new)
{
    struct breaks b = {0};
    struct vfs_create_in in = create_in(&r->f, is_new ? "new" : "file");
    struct vfs_create_out out = {0};
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &b};
    in.disposition = is_new ? SMBKIT_CREATE : SMBKIT_OVERWRITE;
    CHECK_INT(RUN(r, vfs_create(&r->call, &in, &out)), 0);
    uint64_t calls = atomic_load(&r->f.fake.total);
    atomic_store(&r->f.fake.pend_at, 0); /* some calls of it cannot pend */
    atomic_store(&r->f.fake.block_at, 0);
    if (!out.open) {
        return calls;
    }
    CHECK_INT(out.oplock_level, VFS_OPLOCK_BATCH);
    unsigned last = lender.requests - 1;
    CHECK_INT(take_back(&r->f, last, 0), 0);
    CHECK_INT(b.count, 1);
    vfs_oplock_timeout(out.open);
    check_acked(last, 0);
    must_close(&r->f, out.open);
    return calls;
}

/* The nth call of a create is stopped, 0: what is asked of caching. How many there are. */
static uint64_t stopped_at(uint64_t n, bool pends, bool is_new)
{
    struct rig r = {0};
    test_context("%s %s %llu", is_new ? "new" : "overwritten", pends ? "pending" : "blocking",
                 (unsigned long long)n);
    if (!lender_open(&r.f, ALL)) {
        return 0;
    }
    rig_begin(&r);
    atomic_store(&r.f.fake.total, 0);
    lender.pends = n == 0;
    atomic_store(pends ? &r.f.fake.pend_at : &r.f.fake.block_at, n);
    uint64_t calls = stopped_script(&r, is_new);
    CHECK_INT(lender.requests, 1); /* what was answered is not asked again */
    rig_close(&r);
    return calls;
}

static void stopped_at_each(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool pends = i & 1, is_new = i & 2;
        uint64_t calls = stopped_at(0, pends, is_new);
        CHECK(calls > 3);
        /* Of a new file's some are waited for on the spot, and nobody would complete them. */
        for (uint64_t n = 1; n <= calls && !(pends && is_new); n++) {
            (void)stopped_at(n, pends, is_new);
        }
    }
    test_context("%s", "");
}

/* The ack itself is completed later, by a thread; the close comes after it. */
static void pending_ack(void)
{
    struct fixture f = {0};
    struct breaks b;
    REQUIRE(lender_open(&f, ALL));
    struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_II, VFS_OPLOCK_II, &b);
    REQUIRE(o);
    atomic_store(&f.fake.pend_all, true);
    CHECK_INT(take_back(&f, 0, 0), 0);
    check_acked(0, 0);
    must_close(&f, o);
    o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_BATCH, &b);
    REQUIRE(o);
    CHECK_INT(take_back(&f, 1, 0), 0);
    must_close(&f, o);
    check_acked(1, 0);
    atomic_store(&f.fake.pend_all, false);
    fixture_close(&f);
}

/* Without cache_ack there is no key. */
static void no_ack(void)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    struct fixture f = {0};
    struct breaks b;
    lender = (struct lender){.grants = ALL};
    p.cache_request = cache_request;
    REQUIRE(fixture_open(&f, &p, false));
    make(&f, "file", false);
    struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_BATCH, VFS_OPLOCK_BATCH, &b);
    REQUIRE(o);
    CHECK_INT(lender.keys[0], 0);
    CHECK(!o->cache_grant);
    must_close(&f, o);
    fixture_close(&f);
}

/* ---- from threads ---- */

#define ROUNDS 300

struct breaker {
    struct fixture *f;
    atomic_uint_fast64_t key;
    atomic_bool ends;
    unsigned successes;
};

static void *breaker_main(void *arg)
{
    struct breaker *b = arg;
    while (!atomic_load(&b->ends)) {
        uint64_t key = atomic_load(&b->key);
        if (key && SMBKIT_OK(smbkit_cache_break(b->f->fake.host, key, 0))) {
            b->successes++;
            atomic_compare_exchange_strong(&b->key, &key, 0);
        }
    }
    return NULL;
}

/* Each break that finds somebody is answered once, before the close of the file. */
static void against_closes(void)
{
    struct fixture f = {0};
    struct breaker b = {.f = &f};
    struct breaks breaks;
    unsigned acked = 0;
    pthread_t t;
    REQUIRE(lender_open(&f, ALL));
    lender.runs_nothing = true; /* so that each waits for its close */
    REQUIRE(pthread_create(&t, NULL, breaker_main, &b) == 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        lender.requests = 0;
        struct vfs_open *o = open_oplock(&f, VFS_OPLOCK_II, VFS_OPLOCK_II, &breaks);
        atomic_store(&b.key, lender.keys[0]);
        if (i % 2) {
            usleep(20); /* now and then the break comes first */
        }
        must_close(&f, o);
        CHECK(lender.acked <= 1);
        acked += lender.acked;
        lender.acked = 0;
    }
    atomic_store(&b.ends, true);
    pthread_join(t, NULL);
    CHECK_INT(acked, b.successes);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"oplocks", oplocks},
    {"nobody", nobody},
    {"too early", too_early},
    {"twice", twice},
    {"told by close", told_by_close},
    {"leases", leases},
    {"lease chain", lease_chain},
    {"lease shared", lease_shared},
    {"stopped at each", stopped_at_each},
    {"pending ack", pending_ack},
    {"no ack", no_ack},
    {"against closes", against_closes},
};

TEST_MAIN(cases)
