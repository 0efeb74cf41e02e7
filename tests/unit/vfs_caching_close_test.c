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

static const struct test_case cases[] = {
    {"closed on a loop", closed_on_a_loop},
};

TEST_MAIN(cases)
