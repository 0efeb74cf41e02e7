/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "vfs/oplock.h"
#include "vfs/vfs.h"

#define NONE VFS_OPLOCK_NONE
#define II VFS_OPLOCK_II
#define EX VFS_OPLOCK_EXCLUSIVE
#define BATCH VFS_OPLOCK_BATCH
#define STAY 0xff /* not broken */

static uint8_t grant(struct oplock_state *s, struct oplock_holder *h, uint8_t level, bool others)
{
    struct oplock_want want = {.level = level, .has_other_opens = others};
    oplock_holder_init(h, OPLOCK_OF_OPEN);
    return oplock_request(s, h, &want);
}

/* For each operation of another open (A) and of the holder's own (O): what each level goes to. */
static const struct {
    const char *name;
    enum oplock_op op;
    uint32_t access, disposition;
    uint8_t other[3]; /* II, exclusive, batch */
    uint8_t own[3];
} rows[] = {
    {"open", OPLOCK_OP_OPEN, SMBKIT_READ_DATA, SMBKIT_OPEN, {STAY, II, II}, {STAY, STAY, STAY}},
    {"open for delete",
     OPLOCK_OP_OPEN,
     SMBKIT_DELETE,
     SMBKIT_OPEN,
     {STAY, II, II},
     {STAY, STAY, STAY}},
    {"open for read control",
     OPLOCK_OP_OPEN,
     SMBKIT_READ_CONTROL,
     SMBKIT_OPEN_IF,
     {STAY, II, II},
     {STAY, STAY, STAY}},
    {"open attributes",
     OPLOCK_OP_OPEN,
     SMBKIT_READ_ATTRIBUTES | SMBKIT_WRITE_ATTRIBUTES | SMBKIT_SYNCHRONIZE,
     SMBKIT_OPEN,
     {STAY, STAY, STAY},
     {STAY, STAY, STAY}},
    {"open attributes, overwriting",
     OPLOCK_OP_OPEN,
     SMBKIT_READ_ATTRIBUTES,
     SMBKIT_OVERWRITE_IF,
     {NONE, NONE, NONE},
     {STAY, STAY, STAY}},
    {"overwrite",
     OPLOCK_OP_OPEN,
     SMBKIT_WRITE_DATA,
     SMBKIT_OVERWRITE,
     {NONE, NONE, NONE},
     {STAY, STAY, STAY}},
    {"supersede",
     OPLOCK_OP_OPEN,
     SMBKIT_WRITE_DATA,
     SMBKIT_SUPERSEDE,
     {NONE, NONE, NONE},
     {STAY, STAY, STAY}},
    {"open, before sharing",
     OPLOCK_OP_OPEN_BEFORE_SHARING,
     SMBKIT_READ_DATA,
     SMBKIT_OPEN,
     {STAY, STAY, II},
     {STAY, STAY, STAY}},
    {"overwrite, before sharing",
     OPLOCK_OP_OPEN_BEFORE_SHARING,
     SMBKIT_READ_DATA,
     SMBKIT_OVERWRITE,
     {STAY, STAY, NONE},
     {STAY, STAY, STAY}},
    {"attributes, before sharing",
     OPLOCK_OP_OPEN_BEFORE_SHARING,
     SMBKIT_READ_ATTRIBUTES,
     SMBKIT_OPEN,
     {STAY, STAY, STAY},
     {STAY, STAY, STAY}},
    {"open refused by sharing",
     OPLOCK_OP_OPEN_REFUSED,
     SMBKIT_READ_DATA,
     SMBKIT_OPEN,
     {STAY, STAY, STAY},
     {STAY, STAY, STAY}},
    {"read", OPLOCK_OP_READ, 0, 0, {STAY, II, II}, {STAY, STAY, STAY}},
    {"write", OPLOCK_OP_WRITE, 0, 0, {NONE, NONE, NONE}, {NONE, STAY, STAY}},
    {"flush", OPLOCK_OP_FLUSH, 0, 0, {STAY, II, II}, {STAY, STAY, STAY}},
    {"lock", OPLOCK_OP_LOCK, 0, 0, {NONE, NONE, NONE}, {NONE, STAY, STAY}},
    {"unlock", OPLOCK_OP_UNLOCK, 0, 0, {STAY, STAY, STAY}, {STAY, STAY, STAY}},
    {"set size", OPLOCK_OP_SET_SIZE, 0, 0, {NONE, NONE, NONE}, {NONE, STAY, STAY}},
    {"zero data", OPLOCK_OP_ZERO_DATA, 0, 0, {NONE, NONE, NONE}, {NONE, STAY, STAY}},
    {"rename", OPLOCK_OP_RENAME, 0, 0, {STAY, STAY, NONE}, {STAY, STAY, STAY}},
    {"delete", OPLOCK_OP_DELETE, 0, 0, {STAY, STAY, NONE}, {STAY, STAY, STAY}},
    {"changed below", OPLOCK_OP_CHANGED_BELOW, 0, 0, {NONE, NONE, NONE}, {NONE, STAY, STAY}},
    {"child", OPLOCK_OP_CHILD, 0, 0, {STAY, STAY, STAY}, {STAY, STAY, STAY}},
};

static void check_row(size_t row, uint8_t level, bool own, uint8_t want)
{
    struct oplock_state s;
    struct oplock_holder h;
    struct oplock_result out;
    oplock_init(&s);
    CHECK_INT(grant(&s, &h, level, false), level);
    struct oplock_query q = {rows[row].op, own ? &h : NULL, rows[row].access,
                             rows[row].disposition};
    test_context("%s by %s, level %u", rows[row].name, own ? "itself" : "another", level);
    oplock_check(&s, &q, &out);
    CHECK_INT(list_is_empty(&out.breaks), want == STAY);
    CHECK_INT(out.wait, want != STAY && level != II);
    if (want == STAY) {
        CHECK_INT(oplock_holder_level(&h), level);
        return;
    }
    REQUIRE(list_pop_front(&out.breaks) == &h.break_link);
    CHECK_INT(oplock_level_of(h.break_to), want);
    CHECK_INT(h.tell_ack, level != II);
    /* again: still waiting, nobody told twice */
    oplock_check(&s, &q, &out);
    CHECK(list_is_empty(&out.breaks));
    CHECK_INT(out.wait, level != II);
    uint8_t got = 77;
    CHECK_INT(oplock_ack(&s, &h, II, &got),
              level == II ? SMBKIT_STATUS_INVALID_OPLOCK_PROTOCOL : SMBKIT_STATUS_SUCCESS);
    CHECK_INT(got, want);
    oplock_check(&s, &q, &out);
    CHECK(!out.wait && list_is_empty(&out.breaks));
    oplock_holder_gone(&s, &h);
    CHECK(oplock_is_idle(&s));
}

static void test_transitions(void)
{
    static const uint8_t levels[] = {II, EX, BATCH};
    CHECK_INT(ARRAY_LEN(rows) >= OPLOCK_OPS, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t l = 0; l < ARRAY_LEN(levels); l++) {
            check_row(i, levels[l], false, rows[i].other[l]);
            check_row(i, levels[l], true, rows[i].own[l]);
        }
    }
}

static const struct {
    const char *name;
    struct oplock_want want;
    uint8_t held; /* by another open already */
    uint8_t granted;
} grants[] = {
    {"batch alone", {.level = BATCH}, NONE, BATCH},
    {"exclusive alone", {.level = EX}, NONE, EX},
    {"level II alone", {.level = II}, NONE, II},
    {"none", {.level = NONE}, NONE, NONE},
    {"unknown", {.level = 0x42}, NONE, NONE},
    {"batch with others", {.level = BATCH, .has_other_opens = true}, NONE, II},
    {"exclusive with others", {.level = EX, .has_other_opens = true}, NONE, II},
    {"level II with others", {.level = II, .has_other_opens = true}, NONE, II},
    {"batch beside level II", {.level = BATCH, .has_other_opens = true}, II, II},
    {"batch beside a stat open's level II", {.level = BATCH}, II, II},
    {"level II beside a stat open's batch", {.level = II}, BATCH, NONE},
    {"batch beside a stat open's batch", {.level = BATCH}, BATCH, NONE},
    {"level II with locks", {.level = II, .has_byte_locks = true}, NONE, NONE},
    {"batch with others and locks",
     {.level = BATCH, .has_other_opens = true, .has_byte_locks = true},
     NONE,
     NONE},
    {"directory", {.level = BATCH, .is_directory = true}, NONE, NONE},
};

static void test_grants(void)
{
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        struct oplock_state s;
        struct oplock_holder first, h;
        oplock_init(&s);
        test_context("%s", grants[i].name);
        CHECK_INT(grant(&s, &first, grants[i].held, false), grants[i].held);
        oplock_holder_init(&h, OPLOCK_OF_OPEN);
        CHECK_INT(oplock_request(&s, &h, &grants[i].want), grants[i].granted);
        CHECK_INT(oplock_holder_level(&h), grants[i].granted);
        CHECK_INT(s.count, (grants[i].held != NONE) + (grants[i].granted != NONE));
    }
}

static void test_acks(void)
{
    static const struct {
        uint8_t offered, level;
        smbkit_status want;
        uint8_t level_r;
    } acks[] = {
        {II, II, 0, II},
        {II, NONE, 0, NONE},
        {NONE, NONE, 0, NONE},
        {NONE, II, 0, NONE},
        {II, EX, (smbkit_status)0xC00000E3, NONE},
        {II, BATCH, (smbkit_status)0xC00000E3, NONE},
        {II, 0xff, (smbkit_status)0xC000000D, NONE},
        {II, 0x05, (smbkit_status)0xC000000D, NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(acks); i++) {
        struct oplock_state s;
        struct oplock_holder h;
        struct oplock_result out;
        struct oplock_query q = {.op = acks[i].offered == II ? OPLOCK_OP_READ : OPLOCK_OP_WRITE};
        uint8_t got = 77;
        oplock_init(&s);
        grant(&s, &h, BATCH, false);
        test_context("row %zu", i);
        CHECK_INT(oplock_ack(&s, &h, II, &got), SMBKIT_STATUS_INVALID_OPLOCK_PROTOCOL);
        CHECK_INT(got, BATCH);
        oplock_check(&s, &q, &out);
        CHECK_INT(oplock_ack(&s, &h, acks[i].level, &got), acks[i].want);
        CHECK_INT(got, acks[i].level_r);
        CHECK_INT(oplock_holder_level(&h), acks[i].level_r);
        CHECK_INT(oplock_ack(&s, &h, NONE, &got), SMBKIT_STATUS_INVALID_OPLOCK_PROTOCOL);
        oplock_check(&s, &q, &out);
        CHECK(!out.wait);
    }
}

/* A reader asked for level II, then a writer for none, before the client answered. */
static void test_lowered_while_breaking(void)
{
    struct oplock_state s;
    struct oplock_holder h;
    struct oplock_result out;
    struct oplock_query read = {.op = OPLOCK_OP_READ}, write = {.op = OPLOCK_OP_WRITE};
    uint8_t got;
    oplock_init(&s);
    grant(&s, &h, EX, false);
    oplock_check(&s, &read, &out);
    CHECK(out.wait && h.break_to == OPLOCK_R);
    list_pop_front(&out.breaks);
    oplock_check(&s, &write, &out);
    CHECK(out.wait && list_is_empty(&out.breaks));
    CHECK_INT(oplock_ack(&s, &h, II, &got), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(got, NONE);
    CHECK(oplock_is_idle(&s));
}

static void test_timeout_and_close(void)
{
    struct oplock_state s;
    struct oplock_holder h;
    struct oplock_result out;
    struct oplock_query q = {.op = OPLOCK_OP_READ};
    oplock_init(&s);
    grant(&s, &h, BATCH, false);
    CHECK(!oplock_timeout(&s, &h));
    CHECK_INT(oplock_holder_level(&h), BATCH);
    oplock_check(&s, &q, &out);
    CHECK(oplock_timeout(&s, &h));
    CHECK_INT(oplock_holder_level(&h), NONE);
    CHECK(!oplock_timeout(&s, &h));
    grant(&s, &h, BATCH, false);
    oplock_check(&s, &q, &out);
    CHECK(oplock_holder_gone(&s, &h)); /* before the caller has taken it from breaks, too */
    CHECK(list_is_empty(&out.breaks) && oplock_is_idle(&s));
    CHECK(!oplock_holder_gone(&s, &h));
}

/* smb2.oplock.brl1: batch, a second open, then a lock by the first. */
static void test_own_lock_after_sharing(void)
{
    struct oplock_state s;
    struct oplock_holder h;
    struct oplock_result out;
    uint8_t got;
    oplock_init(&s);
    grant(&s, &h, BATCH, false);
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_LOCK, .by = &h}, &out);
    CHECK(!out.wait && list_is_empty(&out.breaks));
    oplock_check(&s, &(struct oplock_query){OPLOCK_OP_OPEN, NULL, SMBKIT_READ_DATA, SMBKIT_OPEN},
                 &out);
    CHECK(out.wait);
    /* the holder writes back what it has cached while all others wait */
    struct oplock_result own;
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_WRITE, .by = &h}, &own);
    CHECK(!own.wait && list_is_empty(&own.breaks));
    CHECK_INT(oplock_ack(&s, &h, II, &got), SMBKIT_STATUS_SUCCESS);
    oplock_check(&s, &(struct oplock_query){.op = OPLOCK_OP_LOCK, .by = &h}, &out);
    CHECK(!out.wait && list_pop_front(&out.breaks) == &h.break_link);
    CHECK_INT(oplock_level_of(h.break_to), NONE);
    CHECK(!h.tell_ack);
}

#define HOLDERS 6

static void check_invariants(const struct oplock_state *s, const struct oplock_holder *holders)
{
    unsigned holding = 0, writers = 0;
    for (unsigned i = 0; i < HOLDERS; i++) {
        const struct oplock_holder *h = &holders[i];
        holding += h->caching != 0;
        writers += (h->caching & OPLOCK_W) != 0;
        CHECK(h->caching != 0 || (list_is_empty(&h->alike) && list_is_empty(&h->group)));
        CHECK(!h->breaking || (h->caching & OPLOCK_W));
        CHECK((h->break_to & ~OPLOCK_R) == 0);
        CHECK(!(h->caching & (OPLOCK_W | OPLOCK_H)) || (h->caching & OPLOCK_R));
    }
    CHECK_INT(s->count, holding);
    CHECK(writers == 0 || holding == 1);
}

/* An operation that need not wait leaves nobody with a right that it would break. */
static void check_nobody_left(const struct oplock_query *q, const struct oplock_holder *holders)
{
    for (unsigned i = 0; i < HOLDERS; i++) {
        if (&holders[i] == q->by) {
            continue;
        }
        if (q->op == OPLOCK_OP_WRITE || q->op == OPLOCK_OP_LOCK) {
            CHECK_INT(holders[i].caching, 0);
        } else if (q->op == OPLOCK_OP_READ) {
            CHECK(!(holders[i].caching & OPLOCK_W));
        }
    }
}

static void test_random_walk(void)
{
    struct oplock_state s;
    struct oplock_holder holders[HOLDERS];
    uint64_t seed = 99;
    oplock_init(&s);
    for (unsigned i = 0; i < HOLDERS; i++) {
        oplock_holder_init(&holders[i], OPLOCK_OF_OPEN);
    }
    for (unsigned step = 0; step < 200000; step++) {
        static const uint8_t levels[] = {NONE, II, EX, BATCH};
        uint64_t x = test_random(&seed);
        struct oplock_holder *h = &holders[x % HOLDERS];
        uint8_t got;
        test_context("step %u", step);
        switch ((x >> 8) % 5) {
        case 0:
            if (h->caching == 0) {
                struct oplock_want want = {.level = levels[(x >> 16) % 4],
                                           .has_other_opens = (x >> 24) % 3 == 0,
                                           .has_byte_locks = (x >> 26) % 8 == 0};
                got = oplock_request(&s, h, &want);
                CHECK(got <= want.level && got == oplock_holder_level(h));
            }
            break;
        case 1:
            (void)!oplock_ack(&s, h, levels[(x >> 16) % 4], &got);
            CHECK_INT(got, oplock_holder_level(h));
            break;
        case 2:
            if ((x >> 16) % 2) {
                oplock_timeout(&s, h);
            } else {
                oplock_holder_gone(&s, h);
            }
            break;
        default: {
            struct oplock_query q = {(enum oplock_op)((x >> 16) % OPLOCK_OPS),
                                     (x >> 24) % 2 ? h : NULL, (uint32_t)(x >> 32), (x >> 40) % 6};
            struct oplock_result out;
            oplock_check(&s, &q, &out);
            while (list_pop_front(&out.breaks)) {
            }
            if (!out.wait) {
                check_nobody_left(&q, holders);
            }
        }
        }
        check_invariants(&s, holders);
    }
}

static const struct test_case cases[] = {
    {"transitions", test_transitions},
    {"grants", test_grants},
    {"acks", test_acks},
    {"lowered while breaking", test_lowered_while_breaking},
    {"timeout and close", test_timeout_and_close},
    {"own lock after sharing", test_own_lock_after_sharing},
    {"random walk", test_random_walk},
};
TEST_MAIN(cases)
