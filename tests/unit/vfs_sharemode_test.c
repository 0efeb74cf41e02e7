/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "vfs/sharemode.h"
#include "vfs/vfs.h"

#define R SMBKIT_READ_DATA
#define X SMBKIT_EXECUTE
#define W SMBKIT_WRITE_DATA
#define A SMBKIT_APPEND_DATA
#define D SMBKIT_DELETE
#define ATTR (SMBKIT_READ_ATTRIBUTES | SMBKIT_WRITE_ATTRIBUTES | SMBKIT_READ_CONTROL)
#define SR VFS_SHARE_READ
#define SW VFS_SHARE_WRITE
#define SD VFS_SHARE_DELETE
#define ALL (SR | SW | SD)

static const struct {
    uint32_t a, share_a, b, share_b;
    bool conflicts;
} rows[] = {
    {R, SR, R, SR, false},      {R, 0, R, ALL, true},        {R, ALL, R, 0, true},
    {R, SR, W, ALL, true},      {R, SR | SW, W, SR, false},  {R, SR | SW, W, SW, true},
    {X, SR, R, SR, false},      {X, SW, R, SR, true},        {A, ALL, W, SR | SD, true},
    {D, ALL, R, SR, true},      {D, ALL, R, SR | SD, false}, {ATTR, 0, W | D, 0, false},
    {R | W, 0, ATTR, 0, false}, {D, 0, D, SD, true},         {D, SD, D, SD, false},
};

static bool runs_into(uint32_t access, uint32_t share)
{
    return ((access & (R | X)) && !(share & SR)) || ((access & (W | A)) && !(share & SW)) ||
           ((access & D) && !(share & SD));
}

/* The rule for two opens. */
static bool pair_conflicts(uint32_t a, uint32_t share_a, uint32_t b, uint32_t share_b)
{
    bool counts = (a & (R | X | W | A | D)) && (b & (R | X | W | A | D));
    return counts && (runs_into(a, share_b) || runs_into(b, share_a));
}

static void test_pairs(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sharemode s = {0};
        test_context("row %zu", i);
        CHECK_INT(pair_conflicts(rows[i].a, rows[i].share_a, rows[i].b, rows[i].share_b),
                  rows[i].conflicts);
        CHECK_INT(pair_conflicts(rows[i].b, rows[i].share_b, rows[i].a, rows[i].share_a),
                  rows[i].conflicts);
        sharemode_add(&s, rows[i].a, rows[i].share_a);
        CHECK_INT(!sharemode_is_allowed(&s, rows[i].b, rows[i].share_b), rows[i].conflicts);
    }
}

/* The counts against every pair of a list of opens. */
static void test_random_walk(void)
{
    static const uint32_t accesses[] = {R, X, W, A, D, ATTR, R | W, R | W | D, A | X};
    struct {
        uint32_t access, share;
    } opens[8];
    unsigned count = 0;
    struct sharemode s = {0};
    uint64_t seed = 7;
    for (int step = 0; step < 100000; step++) {
        uint64_t x = test_random(&seed);
        uint32_t access = accesses[x % ARRAY_LEN(accesses)];
        uint32_t share = (x >> 8) & ALL;
        if ((x >> 16) % 3 == 0 && count > 0) {
            unsigned i = (x >> 24) % count;
            sharemode_remove(&s, opens[i].access, opens[i].share);
            opens[i] = opens[--count];
            continue;
        }
        bool allowed = true;
        for (unsigned i = 0; i < count; i++) {
            allowed = allowed && !pair_conflicts(opens[i].access, opens[i].share, access, share);
        }
        if (sharemode_is_allowed(&s, access, share) != allowed) {
            CHECK(!"differs from the pairs");
            return;
        }
        if (allowed && count < ARRAY_LEN(opens)) {
            sharemode_add(&s, access, share);
            opens[count].access = access;
            opens[count++].share = share;
        }
    }
    while (count > 0) {
        count--;
        sharemode_remove(&s, opens[count].access, opens[count].share);
    }
    CHECK_MEM(&s, sizeof(s), &(struct sharemode){0}, sizeof(s));
}

static const struct test_case cases[] = {{"pairs", test_pairs}, {"random walk", test_random_walk}};
TEST_MAIN(cases)
