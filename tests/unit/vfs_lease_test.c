/* SPDX-License-Identifier: Apache-2.0 */
/* Leases in the state machine: what each operation takes, what is granted beside what, acks, and a
 * walk with oplocks and leases on one stream. */
#include "test.h"

#include <time.h>

#include "base/mem.h"
#include "vfs/lease.h"
#include "vfs/vfs.h"

#define R OPLOCK_R
#define RW (OPLOCK_R | OPLOCK_W)
#define RH (OPLOCK_R | OPLOCK_H)
#define RWH (OPLOCK_R | OPLOCK_W | OPLOCK_H)

static void new_lease(struct lease *l, uint8_t n)
{
    struct lease_id id = {.client = {1}, .key = {n}};
    lease_init(l, &id, NULL);
}

static uint8_t ask(struct oplock_state *s, struct lease *l, uint8_t caching, bool others)
{
    struct lease_want want = {.caching = caching, .has_other_opens = others};
    return lease_request(s, l, &want);
}

/* ---- what operations take ---- */

static const uint8_t states[] = {R, RW, RH, RWH};

/* For each operation under another key: what R, RW, RH, RWH go to, and whether it waits for the
 * answer. The tables of Windows' oplock package, and [MS-FSA] 2.1.4.12. */
static const struct {
    const char *name;
    enum oplock_op op;
    uint32_t access, disposition;
    uint8_t to[4];
    bool waits[4];
} rows[] = {
    {"open", OPLOCK_OP_OPEN, SMBKIT_READ_DATA, SMBKIT_OPEN, {R, R, RH, RH}, {0, 1, 0, 1}},
    {"open attributes",
     OPLOCK_OP_OPEN,
     SMBKIT_READ_ATTRIBUTES,
     SMBKIT_OPEN,
     {R, RW, RH, RWH},
     {0, 0, 0, 0}},
    {"overwrite", OPLOCK_OP_OPEN, SMBKIT_READ_DATA, SMBKIT_OVERWRITE, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"before sharing",
     OPLOCK_OP_OPEN_BEFORE_SHARING,
     SMBKIT_READ_DATA,
     SMBKIT_OPEN,
     {R, RW, RH, RWH},
     {0, 0, 0, 0}},
    {"refused",
     OPLOCK_OP_OPEN_REFUSED,
     SMBKIT_READ_DATA,
     SMBKIT_OPEN,
     {R, RW, R, RW},
     {0, 0, 1, 1}},
    {"read", OPLOCK_OP_READ, 0, 0, {R, R, RH, RH}, {0, 1, 0, 1}},
    {"write", OPLOCK_OP_WRITE, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"lock", OPLOCK_OP_LOCK, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"unlock", OPLOCK_OP_UNLOCK, 0, 0, {R, RW, RH, RWH}, {0, 0, 0, 0}},
    {"set size", OPLOCK_OP_SET_SIZE, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"zero", OPLOCK_OP_ZERO_DATA, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"flush", OPLOCK_OP_FLUSH, 0, 0, {R, R, RH, RH}, {0, 1, 0, 1}},
    {"rename", OPLOCK_OP_RENAME, 0, 0, {R, RW, R, RW}, {0, 0, 1, 1}},
    {"delete", OPLOCK_OP_DELETE, 0, 0, {R, RW, R, RW}, {0, 0, 1, 1}},
    {"changed below", OPLOCK_OP_CHANGED_BELOW, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
    {"child", OPLOCK_OP_CHILD, 0, 0, {0, 0, 0, 0}, {0, 1, 0, 1}},
};

static void check_row(size_t row, size_t state)
{
    struct oplock_state s;
    struct lease l;
    struct oplock_result out;
    struct oplock_result more;
    uint8_t was = states[state];
    uint8_t to = rows[row].to[state];
    oplock_init(&s);
    new_lease(&l, 1);
    test_context("%s, state %u", rows[row].name, was);
    CHECK_INT(ask(&s, &l, was, false), was);
    struct oplock_query q = {rows[row].op, &l.holder, rows[row].access, rows[row].disposition};
    oplock_check(&s, &q, &out); /* under its own key */
    CHECK(list_is_empty(&out.breaks) && !out.wait);
    q.by = NULL;
    oplock_check(&s, &q, &out);
    CHECK_INT(out.wait, rows[row].waits[state]);
    CHECK_INT(list_is_empty(&out.breaks), to == was);
    if (to == was) {
        return;
    }
    REQUIRE(list_pop_front(&out.breaks) == &l.holder.break_link);
    CHECK_INT(l.holder.break_to, to);
    CHECK_INT(l.holder.tell_ack, was != R);
    oplock_check(&s, &q, &out); /* nobody is told twice */
    CHECK(list_is_empty(&out.breaks));
    CHECK_INT(out.wait, rows[row].waits[state]);
    CHECK_INT(lease_ack(&s, &l, to, &more),
              was == R ? SMBKIT_STATUS_UNSUCCESSFUL : SMBKIT_STATUS_SUCCESS);
    CHECK(list_is_empty(&more.breaks));
    CHECK_INT(l.holder.caching, to);
    oplock_check(&s, &q, &out);
    CHECK(list_is_empty(&out.breaks) && !out.wait);
}

static void test_operations(void)
{
    CHECK(ARRAY_LEN(rows) >= OPLOCK_OPS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < ARRAY_LEN(states); k++) {
            check_row(i, k);
        }
    }
}

/* ---- what is granted ---- */

static void test_grants(void)
{
    static const struct {
        const char *name;
        uint8_t level, lease; /* held by another: an oplock, or a lease */
        struct lease_want want;
        uint8_t granted;
    } grants[] = {
        {"all alone", 0, 0, {.caching = RWH}, RWH},
        {"no legal combination", 0, 0, {.caching = OPLOCK_H}, 0},
        {"nor this", 0, 0, {.caching = OPLOCK_W | OPLOCK_H}, 0},
        {"beside other opens", 0, 0, {.caching = RWH, .has_other_opens = true}, RH},
        {"a directory", 0, 0, {.caching = RWH, .is_directory = true}, RH},
        {"reads where there are locks", 0, 0, {.caching = RH, .has_byte_locks = true}, 0},
        {"all where there are own locks", 0, 0, {.caching = RWH, .has_byte_locks = true}, RWH},
        {"beside R", 0, R, {.caching = RWH}, RH},
        {"beside RH", 0, RH, {.caching = RWH}, RH},
        {"beside RW", 0, RW, {.caching = RWH}, 0},
        {"beside level II", VFS_OPLOCK_II, 0, {.caching = RWH}, R},
        {"beside batch", VFS_OPLOCK_BATCH, 0, {.caching = RWH}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        struct oplock_state s;
        struct oplock_holder h;
        struct lease first;
        struct lease l;
        oplock_init(&s);
        oplock_holder_init(&h, OPLOCK_OF_OPEN);
        new_lease(&first, 1);
        new_lease(&l, 2);
        test_context("%s", grants[i].name);
        if (grants[i].level) {
            struct oplock_want want = {.level = grants[i].level};
            CHECK_INT(oplock_request(&s, &h, &want), grants[i].level);
        } else if (grants[i].lease) {
            CHECK_INT(ask(&s, &first, grants[i].lease, false), grants[i].lease);
        }
        CHECK_INT(lease_request(&s, &l, &grants[i].want), grants[i].granted);
        CHECK_INT(l.epoch, grants[i].granted != 0);
        CHECK_INT(l.holder.caching, grants[i].granted);
    }
}

/* Upwards only, and not during a break; a level II oplock is not granted beside RH. */
static void test_upgrade(void)
{
    struct oplock_state s;
    struct lease l;
    struct oplock_holder h;
    struct oplock_result out;
    oplock_init(&s);
    new_lease(&l, 1);
    oplock_holder_init(&h, OPLOCK_OF_OPEN);
    CHECK_INT(ask(&s, &l, R, false), R);
    CHECK_INT(ask(&s, &l, RH, false), RH);
    CHECK_INT(ask(&s, &l, RW, false), RH); /* would lose H */
    CHECK_INT(ask(&s, &l, R, false), RH);
    CHECK_INT(l.epoch, 2);
    CHECK_INT(oplock_request(&s, &h, &(struct oplock_want){.level = VFS_OPLOCK_II}), 0);
    CHECK_INT(ask(&s, &l, RWH, false), RWH);
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_READ}, &out);
    lease_break_begins(&l);
    CHECK_INT(l.epoch, 4);
    CHECK_INT(ask(&s, &l, RWH, false), RWH);
    CHECK_INT(l.epoch, 4);
    CHECK_INT(lease_ack(&s, &l, RWH, &out), SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
    CHECK(l.holder.breaking);
    CHECK_INT(lease_ack(&s, &l, R, &out), SMBKIT_STATUS_SUCCESS); /* less than offered */
    CHECK_INT(l.holder.caching, R);
}

/* Handles were asked for, then somebody wrote, who does not wait: after the answer comes the rest.
 */
static void test_two_breaks(void)
{
    struct oplock_state s;
    struct lease l;
    struct oplock_result out;
    oplock_init(&s);
    new_lease(&l, 1);
    CHECK_INT(ask(&s, &l, RH, false), RH);
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_RENAME}, &out);
    CHECK(out.wait && l.holder.break_to == R);
    list_pop_front(&out.breaks);
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_WRITE}, &out);
    CHECK(!out.wait && list_is_empty(&out.breaks));
    CHECK_INT(lease_ack(&s, &l, R, &out), SMBKIT_STATUS_SUCCESS);
    REQUIRE(list_pop_front(&out.breaks) == &l.holder.break_link);
    CHECK(!l.holder.tell_ack && l.holder.break_to == 0);
    CHECK(oplock_is_idle(&s));
}

/* ---- oplocks and leases together ---- */

#define LEASES 4
#define OPLOCKS 3

struct walk {
    struct oplock_state s;
    struct lease leases[LEASES];
    struct oplock_holder oplocks[OPLOCKS];
};

static struct oplock_holder *holder(struct walk *w, unsigned i)
{
    return i < LEASES ? &w->leases[i].holder : &w->oplocks[i - LEASES];
}

static void check_invariants(struct walk *w)
{
    unsigned holding = 0, writers = 0, handles = 0, level2 = 0;
    for (unsigned i = 0; i < LEASES + OPLOCKS; i++) {
        const struct oplock_holder *h = holder(w, i);
        holding += h->caching != 0;
        writers += (h->caching & OPLOCK_W) != 0;
        handles += i < LEASES && (h->caching & OPLOCK_H);
        level2 += i >= LEASES && h->caching == R;
        CHECK(h->caching == 0 || (h->caching & R));
        CHECK(h->caching != 0 || (list_is_empty(&h->alike) && list_is_empty(&h->group)));
        CHECK((h->break_to & ~h->caching) == 0);
        CHECK(!h->breaking || (h->caching & (OPLOCK_W | OPLOCK_H)));
    }
    CHECK_INT(w->s.count, holding);
    CHECK(writers == 0 || holding == 1);
    CHECK(handles == 0 || level2 == 0);
}

static void random_answer(struct walk *w, unsigned i, uint8_t bits)
{
    struct oplock_result out;
    uint8_t got;
    if (i >= LEASES) {
        (void)!oplock_ack(&w->s, &w->oplocks[i - LEASES], bits & 1, &got);
        return;
    }
    (void)!lease_ack(&w->s, &w->leases[i], bits & RWH, &out);
    while (list_pop_front(&out.breaks)) {
    }
}

static void random_request(struct walk *w, unsigned i, uint64_t x)
{
    static const uint8_t levels[] = {VFS_OPLOCK_II, VFS_OPLOCK_EXCLUSIVE, VFS_OPLOCK_BATCH};
    bool others = x % 3 == 0;
    if (i < LEASES) {
        uint8_t before = w->leases[i].holder.caching;
        uint8_t now = ask(&w->s, &w->leases[i], (x >> 8) & 7, others);
        CHECK_INT(before & ~now, 0);
    } else if (w->oplocks[i - LEASES].caching == 0) {
        struct oplock_want want = {.level = levels[(x >> 8) % 3], .has_other_opens = others};
        (void)oplock_request(&w->s, &w->oplocks[i - LEASES], &want);
    }
}

static void random_operation(struct walk *w, unsigned i, uint64_t x)
{
    struct oplock_query q = {(enum oplock_op)(x % OPLOCK_OPS), (x >> 8) % 2 ? holder(w, i) : NULL,
                             (uint32_t)(x >> 16), (x >> 24) % 6};
    struct oplock_result out;
    oplock_check(&w->s, &q, &out);
    while (list_pop_front(&out.breaks)) {
    }
    for (unsigned k = 0; k < LEASES + OPLOCKS && !out.wait && q.op == OPLOCK_OP_WRITE; k++) {
        const struct oplock_holder *h = holder(w, k);
        bool ends = h->caching == 0 || (h->breaking && h->break_last == 0);
        CHECK(h == q.by || ends); /* nobody goes on with what was overwritten */
    }
}

static void test_random_walk(void)
{
    struct walk w;
    uint64_t seed = 5;
    oplock_init(&w.s);
    for (unsigned i = 0; i < LEASES; i++) {
        new_lease(&w.leases[i], (uint8_t)i);
    }
    for (unsigned i = 0; i < OPLOCKS; i++) {
        oplock_holder_init(&w.oplocks[i], OPLOCK_OF_OPEN);
    }
    for (unsigned step = 0; step < 200000; step++) {
        uint64_t x = test_random(&seed);
        unsigned i = x % (LEASES + OPLOCKS);
        test_context("step %u", step);
        switch ((x >> 8) % 6) {
        case 0:
            random_answer(&w, i, (uint8_t)(x >> 16));
            break;
        case 1:
            (void)((x >> 16) % 2 ? oplock_timeout(&w.s, holder(&w, i))
                                 : oplock_holder_gone(&w.s, holder(&w, i)));
            break;
        case 2:
        case 3:
            random_request(&w, i, x >> 16);
            break;
        default:
            random_operation(&w, i, x >> 16);
            break;
        }
        check_invariants(&w);
    }
}

/* ---- many ---- */

static void operate(struct oplock_state *s, enum oplock_op op, const struct oplock_holder *by)
{
    const struct oplock_query q = {op, by, SMBKIT_READ_DATA, SMBKIT_OPEN};
    struct oplock_result out;
    oplock_check(s, &q, &out);
    CHECK(!out.wait);
    while (list_pop_front(&out.breaks)) {
    }
}

/* So many leases are taken, each in an open that breaks none; one of their holders and others go
 * on; a write breaks all of the rest, others write while the answers are awaited, and they come. */
static clock_t work(uint8_t caching, unsigned n)
{
    struct oplock_state s;
    struct oplock_result more;
    struct lease *leases = mem_calloc(n, sizeof(*leases));
    clock_t began = clock();
    oplock_init(&s);
    for (unsigned i = 0; leases && i < n; i++) {
        new_lease(&leases[i], (uint8_t)i);
        operate(&s, OPLOCK_OP_OPEN, &leases[i].holder);
        CHECK_INT(ask(&s, &leases[i], caching, true), caching);
        operate(&s, OPLOCK_OP_READ, &leases[i / 2].holder);
        operate(&s, OPLOCK_OP_OPEN_BEFORE_SHARING, NULL);
    }
    for (unsigned i = 0; leases && i < n; i++) {
        operate(&s, OPLOCK_OP_WRITE, &leases[0].holder);
    }
    CHECK_INT(s.count, caching & OPLOCK_H ? n : 1);
    for (unsigned i = 1; leases && i < n; i++) {
        CHECK_INT(lease_ack(&s, &leases[i], 0, &more),
                  caching & OPLOCK_H ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_UNSUCCESSFUL);
        operate(&s, OPLOCK_OP_WRITE, &leases[0].holder);
    }
    CHECK(leases && s.count == 1);
    clock_t took = clock() - began;
    mem_free(leases);
    return took;
}

/* Sixteen times as many: not 256 times the work. */
static void test_is_not_quadratic(void)
{
    static const uint8_t kinds[] = {R, RH};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        test_context("caching %u", kinds[i]);
        clock_t few = work(kinds[i], 4000);
        clock_t many = work(kinds[i], 64000);
        CHECK(many < 100 * few + CLOCKS_PER_SEC / 10);
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {
    {"operations", test_operations},   {"grants", test_grants},
    {"upgrade", test_upgrade},         {"two breaks", test_two_breaks},
    {"random walk", test_random_walk}, {"is not quadratic", test_is_not_quadratic},
};
TEST_MAIN(cases)
