/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/base.h"
#include "base/mem.h"
#include "vfs/brlock.h"

static struct brlock_owner owners[4];
#define H (&owners[0])
#define H2 (&owners[1])

enum act { EX, SH, UN, RD, WR };
struct step {
    enum act act;
    struct brlock_owner *owner;
    uint64_t offset, length;
    smbkit_status want;
};
#define OK 0
#define REFUSED ((smbkit_status)0xC0000055)
#define NOT_LOCKED ((smbkit_status)0xC000007E)
#define BAD_RANGE ((smbkit_status)0xC00001A1)
#define CONFLICT ((smbkit_status)0xC0000054)
#define MAX64 UINT64_MAX

static void begin(struct brlock_table *t)
{
    brlock_init(t);
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        brlock_owner_init(&owners[i]);
    }
}

static uint32_t release(struct brlock_table *t, struct brlock_owner *owner)
{
    struct brlock_freed freed = {0};
    uint32_t count = owner->count;
    brlock_release_owner(t, owner, &freed);
    CHECK_INT(owner->count, 0);
    return count;
}

static void end(struct brlock_table *t)
{
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        (void)release(t, &owners[i]);
    }
    brlock_fini(t);
}

static smbkit_status run(struct brlock_table *t, const struct step *s)
{
    switch (s->act) {
    case EX:
    case SH:
        return brlock_lock(t, s->owner, s->offset, s->length, s->act == EX);
    case UN:
        return brlock_unlock(t, s->owner, s->offset, s->length, NULL);
    default:
        return brlock_io_conflicts(t, s->owner, s->offset, s->length, s->act == WR) ? CONFLICT : OK;
    }
}

static const struct {
    const char *name;
    struct step steps[14];
} scripts[] = {
    {"shared: all read, nobody writes",
     {{SH, H, 0, 10, OK},
      {RD, H, 0, 1, OK},
      {RD, H2, 0, 1, OK},
      {WR, H, 0, 1, CONFLICT},
      {WR, H2, 0, 1, CONFLICT},
      {WR, H2, 10, 1, OK},
      {UN, H, 0, 10, OK},
      {WR, H2, 0, 1, OK}}},
    {"exclusive: its open only",
     {{EX, H, 0, 10, OK},
      {RD, H, 5, 1, OK},
      {WR, H, 5, 1, OK},
      {RD, H2, 5, 1, CONFLICT},
      {WR, H2, 9, 100, CONFLICT},
      {RD, H2, 5, 0, OK},
      {RD, H2, 10, 1, OK}}},
    {"stacking: shared on own exclusive",
     {{EX, H, 0, 10, OK},
      {SH, H, 0, 10, OK},
      {SH, H, 0, 10, OK},
      {SH, H2, 0, 10, REFUSED},
      {UN, H, 0, 10, OK},
      {SH, H2, 0, 10, OK},
      {UN, H2, 0, 10, OK},
      {UN, H, 0, 10, OK},
      {UN, H, 0, 10, OK},
      {UN, H, 0, 10, NOT_LOCKED},
      {EX, H2, 0, 10, OK}}},
    {"exclusive on own shared is refused",
     {{SH, H, 0, 10, OK}, {EX, H, 0, 10, REFUSED}, {UN, H, 0, 10, OK}, {UN, H, 0, 10, NOT_LOCKED}}},
    {"two exclusive do not stack",
     {{EX, H, 0, 10, OK}, {EX, H, 0, 10, REFUSED}, {EX, H, 9, 5, REFUSED}, {EX, H, 10, 5, OK}}},
    {"unlock must match",
     {{SH, H, 110, 4, OK},
      {SH, H, 112, 4, OK},
      {UN, H, 110, 6, NOT_LOCKED},
      {UN, H2, 110, 4, NOT_LOCKED},
      {UN, H, 110, 4, OK},
      {UN, H, 112, 4, OK}}},
    {"empty ranges, as smb2.lock.zerobytelength",
     {{EX, H, 10, 0, OK},
      {EX, H2, 10, 0, OK},
      {EX, H2, 9, 1, OK},
      {EX, H2, 10, 1, OK},
      {EX, H2, 9, 2, REFUSED},
      {EX, H, 9, 3, REFUSED},
      {UN, H2, 9, 1, OK},
      {UN, H2, 10, 1, OK},
      {EX, H2, 10, 2, OK},
      {UN, H, 10, 0, OK},
      {UN, H2, 10, 0, OK}}},
    {"empty range within a range",
     {{EX, H, 9, 2, OK},
      {EX, H, 10, 0, REFUSED},
      {SH, H2, 10, 0, REFUSED},
      {EX, H2, 9, 0, OK},
      {EX, H2, 11, 0, OK}}},
    {"zero zero touches nothing",
     {{EX, H, 0, MAX64, OK},
      {EX, H2, 0, 0, OK},
      {EX, H2, 0, 0, OK},
      {UN, H2, 0, 0, OK},
      {UN, H2, 0, 0, OK},
      {UN, H2, 0, 0, NOT_LOCKED},
      {UN, H, 0, MAX64, OK},
      {EX, H, 0, 0, OK},
      {EX, H2, 0, 1, OK}}},
    {"exclusive is unlocked before shared",
     {{EX, H, 10, 10, OK},
      {SH, H, 10, 10, OK},
      {SH, H2, 5, 10, REFUSED},
      {UN, H, 10, 10, OK},
      {SH, H2, 5, 10, OK},
      {EX, H2, 30, 1, OK},
      {UN, H, 10, 10, OK}}},
    {"the end of the range",
     {{EX, H, MAX64, 1, OK},
      {EX, H2, MAX64 - 1, 1, OK},
      {EX, H2, MAX64, 1, REFUSED},
      {EX, H2, MAX64, 2, BAD_RANGE},
      {UN, H2, MAX64, 2, BAD_RANGE},
      {EX, H2, 1, MAX64, REFUSED},
      {EX, H2, 2, MAX64, BAD_RANGE},
      {EX, H2, MAX64, 0, OK},
      {WR, H2, MAX64 - 1, 5, CONFLICT},
      {WR, H2, 0, MAX64, OK}}},
    {"a long lock found behind many short ones",
     {{EX, H, 0, 1000, OK},
      {SH, H, 10, 1, OK},
      {SH, H, 20, 1, OK},
      {SH, H, 30, 1, OK},
      {RD, H2, 500, 1, CONFLICT},
      {UN, H, 0, 1000, OK},
      {RD, H2, 500, 1, OK},
      {WR, H2, 30, 1, CONFLICT}}},
};

static void test_scripts(void)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct brlock_table t;
        begin(&t);
        for (size_t k = 0; k < ARRAY_LEN(scripts[i].steps) && scripts[i].steps[k].owner; k++) {
            test_context("%s, step %zu", scripts[i].name, k);
            CHECK_INT(run(&t, &scripts[i].steps[k]), scripts[i].steps[k].want);
        }
        end(&t);
    }
}

/* [MS-FSA] 2.1.4.10 over a plain list. */
struct model_lock {
    uint64_t offset, length;
    const struct brlock_owner *owner;
    bool exclusive;
};
struct model {
    struct model_lock locks[64];
    unsigned count;
};

static bool model_conflicts(const struct model *m, const struct step *s, bool is_lock)
{
    bool exclusive = s->act == EX || s->act == WR;
    for (unsigned i = 0; i < m->count; i++) {
        const struct model_lock *l = &m->locks[i];
        if ((s->offset == 0 && s->length == 0) || (l->offset == 0 && l->length == 0)) {
            continue;
        }
        uint64_t last1 = s->offset + s->length - 1;
        uint64_t last2 = l->offset + l->length - 1;
        if (s->offset > last2 || last1 < l->offset) {
            continue;
        }
        if (l->exclusive ? l->owner != s->owner || (is_lock && exclusive) : exclusive) {
            return true;
        }
    }
    return false;
}

static smbkit_status model_unlock(struct model *m, const struct step *s)
{
    unsigned found = m->count;
    for (unsigned i = 0; i < m->count; i++) {
        const struct model_lock *l = &m->locks[i];
        if (l->offset == s->offset && l->length == s->length && l->owner == s->owner) {
            found = i;
            if (l->exclusive) {
                break;
            }
        }
    }
    if (found == m->count) {
        return NOT_LOCKED;
    }
    m->locks[found] = m->locks[--m->count];
    return OK;
}

static smbkit_status model_run(struct model *m, const struct step *s)
{
    if (s->act == RD || s->act == WR) {
        return s->length != 0 && model_conflicts(m, s, false) ? CONFLICT : OK;
    }
    if (s->length != 0 && s->offset + (s->length - 1) < s->offset) {
        return BAD_RANGE;
    }
    if (s->act == UN) {
        return model_unlock(m, s);
    }
    if (model_conflicts(m, s, true)) {
        return REFUSED;
    }
    m->locks[m->count++] = (struct model_lock){
        .offset = s->offset, .length = s->length, .owner = s->owner, .exclusive = s->act == EX};
    return OK;
}

static unsigned model_release(struct model *m, const struct brlock_owner *owner)
{
    unsigned kept = 0;
    unsigned before = m->count;
    for (unsigned i = 0; i < before; i++) {
        if (m->locks[i].owner != owner) {
            m->locks[kept++] = m->locks[i];
        }
    }
    m->count = kept;
    return before - kept;
}

static void random_walk(uint64_t seed, uint64_t base)
{
    struct brlock_table t;
    struct model m = {.count = 0};
    begin(&t);
    for (int i = 0; i < 20000; i++) {
        uint64_t x = test_random(&seed);
        struct step s = {.act = (enum act)(x % 5),
                         .owner = &owners[(x >> 8) % 4],
                         .offset = base + (x >> 16) % 24,
                         .length = (x >> 24) % 7};
        if (m.count == ARRAY_LEN(m.locks) || (x >> 32) % 200 == 0) {
            CHECK_INT(release(&t, s.owner), model_release(&m, s.owner));
            CHECK_INT(t.count, m.count);
            continue;
        }
        if (s.length && s.offset + s.length - 1 < s.offset) {
            s.act = EX; /* a read that wraps is the caller's to refuse */
        }
        smbkit_status want = model_run(&m, &s);
        smbkit_status got = run(&t, &s);
        if (got != want || t.count != m.count) {
            test_context("step %d act %d offset %" PRIu64 " length %" PRIu64, i, s.act, s.offset,
                         s.length);
            CHECK_INT(got, want);
            break;
        }
    }
    end(&t);
}

static void test_random_walk(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        test_context("seed %" PRIu64, seed);
        random_walk(seed, 0);
        random_walk(seed, UINT64_MAX - 12);
    }
}

/* A shared lock is kept out by what keeps out a read; an empty one is taken for granted. */
static bool would_lock(struct brlock_table *t, const struct step *s)
{
    if (s->act == SH) {
        return !brlock_io_conflicts(t, s->owner, s->offset, s->length, false);
    }
    bool can = SMBKIT_OK(brlock_lock(t, s->owner, s->offset, s->length, s->act == EX));
    if (can) {
        CHECK_INT(brlock_unlock(t, s->owner, s->offset, s->length, NULL), OK);
    }
    return can;
}

static struct step random_lock(uint64_t *seed)
{
    uint64_t x = test_random(seed);
    return (struct step){.act = x % 2 ? EX : SH,
                         .owner = &owners[(x >> 8) % 4],
                         .offset = (x >> 16) % 24,
                         .length = (x >> 24) % 7};
}

/* A lock that could not be taken before an unlock and can be taken after it lies within what the
 * unlock says was freed. */
static void test_freed(void)
{
    struct brlock_table t;
    begin(&t);
    uint64_t seed = 7;
    unsigned found = 0;
    for (int i = 0; i < 200000; i++) {
        const struct step wish = random_lock(&seed);
        const struct step s = random_lock(&seed);
        bool could = would_lock(&t, &wish);
        struct brlock_freed freed = {0};
        if (t.count > 20) {
            brlock_release_owner(&t, s.owner, &freed);
        } else if (run(&t, &s) != OK) {
            (void)!brlock_unlock(&t, s.owner, s.offset, s.length, &freed);
        }
        if (!could && would_lock(&t, &wish)) {
            found++;
            CHECK(freed.any && wish.offset <= freed.last &&
                  brlock_last(wish.offset, wish.length) >= freed.first);
        }
    }
    CHECK(found > 100);
    end(&t);
}

static void test_bound(void)
{
    struct brlock_table t;
    begin(&t);
    for (uint32_t i = 0; i < BRLOCK_NODE_MAX; i++) {
        REQUIRE(brlock_lock(&t, H, (uint64_t)i * 2, 1, true) == OK);
    }
    CHECK_INT(brlock_lock(&t, H, MAX64, 1, true), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(brlock_lock(&t, H2, 4, 1, true), REFUSED);
    CHECK_INT(brlock_unlock(&t, H, 4, 1, NULL), OK);
    CHECK_INT(brlock_lock(&t, H, MAX64, 1, true), OK);
    CHECK_INT(release(&t, H), BRLOCK_NODE_MAX);
    CHECK(brlock_is_empty(&t));
    end(&t);
}

static void test_budget(void)
{
    struct brlock_table t;
    struct budget b;
    begin(&t);
    budget_init(&b, NULL, (size_t)3 * BRLOCK_BYTES, 0);
    brlock_owner_init(H);
    H->budget = &b;
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_INT(brlock_lock(&t, H, i * 2, 1, false), OK);
    }
    CHECK_INT(brlock_lock(&t, H, 2, 1, false), OK); /* once more: no more memory */
    CHECK_INT(brlock_lock(&t, H, 6, 1, false), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(brlock_unlock(&t, H, 2, 1, NULL), OK);
    CHECK_INT(budget_used(&b), 3 * BRLOCK_BYTES);
    CHECK_INT(brlock_unlock(&t, H, 2, 1, NULL), OK);
    CHECK_INT(budget_used(&b), 2 * BRLOCK_BYTES);
    mem_fail_nth(1);
    CHECK_INT(brlock_lock(&t, H, 6, 1, false), SMBKIT_STATUS_NO_MEMORY);
    mem_fail_nth(0);
    CHECK_INT(budget_used(&b), 2 * BRLOCK_BYTES);
    CHECK_INT(release(&t, H), 2);
    CHECK_INT(budget_used(&b), 0);
    H->budget = NULL;
    budget_fini(&b);
    end(&t);
}

static void test_no_memory(void)
{
    struct brlock_table t;
    begin(&t);
    mem_fail_nth(1);
    CHECK_INT(brlock_lock(&t, H, 0, 1, true), SMBKIT_STATUS_NO_MEMORY);
    mem_fail_nth(0);
    CHECK(brlock_is_empty(&t));
    CHECK_INT(brlock_lock(&t, H2, 0, 1, true), OK);
    end(&t);
}

struct seen {
    unsigned count;
    uint64_t first;
};

static void see_lock(void *arg, const struct range_link *r, bool exclusive)
{
    struct seen *s = arg;
    s->count++;
    s->first = r->first;
    CHECK(!exclusive);
}

/* A shared lock that an owner has twice, of which one is not taken yet. */
static void test_offered(void)
{
    struct brlock_table t;
    begin(&t);
    const struct brlock_offer offer = {.offset = 4, .length = 2};
    const struct brlock_offer none = {.offset = 4, .length = 3};
    struct seen seen = {0};
    CHECK_INT(brlock_lock(&t, H, 4, 2, false), OK);
    CHECK_INT(brlock_lock(&t, H, 4, 2, false), OK);
    brlock_offer_set(&t, H, &none, true);
    brlock_offer_set(&t, H, &offer, true);
    brlock_each_taken(H, see_lock, &seen);
    CHECK(seen.count == 1 && seen.first == 4);
    brlock_offer_set(&t, H, &offer, false);
    brlock_offer_set(&t, H, &offer, false); /* harmless */
    brlock_each_taken(H, see_lock, &seen);
    CHECK_INT(seen.count, 3);
    /* One that is given up is one that was taken; what is left is offered. */
    brlock_offer_set(&t, H, &offer, true);
    CHECK_INT(brlock_unlock(&t, H, 4, 2, NULL), OK);
    seen.count = 0;
    brlock_each_taken(H, see_lock, &seen);
    CHECK_INT(seen.count, 0);
    CHECK_INT(brlock_unlock(&t, H, 4, 2, NULL), OK);
    end(&t);
}

static const struct test_case cases[] = {
    {"scripts", test_scripts}, {"random walk", test_random_walk}, {"freed", test_freed},
    {"bound", test_bound},     {"budget", test_budget},           {"no memory", test_no_memory},
    {"offered", test_offered}};
TEST_MAIN(cases)
