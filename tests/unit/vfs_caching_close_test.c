/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin hears of caching when the file is closed, and when it cannot be told at once. */
#include "vfs_lender.h"

/* Where a close may not wait it is run again where it may: the plugin is never told on a loop. */
static void closed_on_a_loop(void)
{
    static const struct {
        const char *name;
        bool is_taken_back;
        uint8_t level;
        bool again;
    } rows[] = {{"taken back", true, VFS_OPLOCK_BATCH, true},
                {"it may still be", false, VFS_OPLOCK_BATCH, true},
                {"never", false, VFS_OPLOCK_NONE, false}};
    struct fixture f = {0};
    REQUIRE(lender_open(&f, ALL));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct breaks b;
        test_context("%s", rows[i].name);
        lender.requests = 0;
        struct vfs_open *o = open_oplock(&f, rows[i].level, rows[i].level, &b);
        REQUIRE(o);
        CHECK_INT(rows[i].is_taken_back ? take_back(&f, 0, 0) : 0, 0);
        struct vfs_call call = f.call;
        call.nowait = true;
        smbkit_status st = vfs_close(&call, o, NULL);
        CHECK_INT(st, rows[i].again ? S(WOULD_BLOCK) : 0);
        if (st == S(WOULD_BLOCK)) {
            CHECK_INT(lender.acked, 0);
            must_close(&f, o);
        }
        CHECK_INT(lender.acked, rows[i].is_taken_back);
        lender.acked = 0;
    }
    test_context("%s", "");
    fixture_close(&f);
}

/* ---- of opens that share a lease one is closed ---- */

enum second { BEFORE, AFTER, WANTS_NOTHING };

/* The first of two is closed before the client has answered: what it has still is told, and one
 * more time when that is given up, of the other. */
static void shared_and_asked(void)
{
    static const struct {
        const char *name;
        enum second second; /* opened before or after it is taken back */
        uint32_t to;
        bool is_answered; /* else the other is closed */
    } rows[] = {
        {"opened before", BEFORE, 0, true},
        {"opened before, closed", BEFORE, 0, false},
        {"opened before, to reads", BEFORE, 1, true},
        {"opened after", AFTER, 0, true},
        {"opened after, closed", AFTER, 0, false},
        {"wants nothing itself", WANTS_NOTHING, 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = {0};
        struct told t;
        uint8_t kept;
        uint8_t wants = rows[i].second == WANTS_NOTHING ? 0 : ALL;
        test_context("%s", rows[i].name);
        REQUIRE(lender_open(&f, ALL));
        lease_of(&t);
        struct vfs_open *a = open_lease(&f, &t, ALL, ALL);
        struct vfs_open *b = rows[i].second == AFTER ? NULL : open_lease(&f, &t, wants, ALL);
        CHECK_INT(take_back(&f, 0, rows[i].to), 0);
        b = b ? b : open_lease(&f, &t, ALL, ALL);
        REQUIRE(a && b);
        CHECK_INT(lender.requests, 2);
        must_close(&f, a);
        check_acked(0, ALL);
        if (rows[i].is_answered) {
            CHECK_INT(vfs_lease_ack(&t.lease, t.to, &kept), 0);
            check_acked(1, rows[i].to);
        }
        must_close(&f, b);
        if (!rows[i].is_answered) {
            check_acked(1, 0);
        }
        check_silent();
        lease_fini(&t.lease);
        fixture_close(&f);
    }
    test_context("%s", "");
}

/* Nothing was taken back of the first, and the other was granted less: who wants to hear when the
 * client has given up the rest finds it by the other's key. */
static void shared_and_less(void)
{
    static const uint32_t grants[] = {0, SMBKIT_CACHE_READ};
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        struct fixture f = {0};
        struct told t;
        uint8_t kept;
        test_context("granted %u", grants[i]);
        REQUIRE(lender_open(&f, ALL));
        lease_of(&t);
        struct vfs_open *a = open_lease(&f, &t, ALL, ALL);
        lender.grants = grants[i];
        struct vfs_open *b = open_lease(&f, &t, ALL, ALL);
        REQUIRE(a && b);
        must_close(&f, a);
        CHECK_INT(t.breaks, 0);
        CHECK_INT(take_back(&f, 1, grants[i]), 0);
        CHECK_INT(t.breaks, 1);
        CHECK_INT(t.to, grants[i]);
        check_silent();
        CHECK_INT(vfs_lease_ack(&t.lease, t.to, &kept), 0);
        check_acked(1, grants[i]);
        must_close(&f, b);
        check_silent();
        lease_fini(&t.lease);
        fixture_close(&f);
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {
    {"shared and asked", shared_and_asked},
    {"shared and less", shared_and_less},
    {"closed on a loop", closed_on_a_loop},
};

TEST_MAIN(cases)
