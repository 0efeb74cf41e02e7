/* SPDX-License-Identifier: Apache-2.0 */
/* A request on the fake plugin that is stopped and run again, as the front end does. */
#pragma once

#include "vfs_fixture.h"

#include <unistd.h>

#define S(name) SMBKIT_STATUS_##name

/* A request: where it waits, and its journal. */
struct rig {
    struct fixture f;
    struct waiter w;
    struct vfs_journal j;
    struct vfs_call call;
    unsigned stops;
};

/* With a directory in the volume, which is open. */
static void rig_begin(struct rig *r)
{
    make(&r->f, "dir", true);
    waiter_init(&r->w);
    vfs_journal_init(&r->j);
    r->call = r->f.call;
    r->call.wait = &r->w.wait;
    r->call.journal = &r->j;
}

static UNUSED bool rig_open(struct rig *r)
{
    *r = (struct rig){0};
    r->f.fake.features = SMBKIT_FEATURE_SECURITY;
    if (!fixture_fake(&r->f)) {
        return false;
    }
    rig_begin(r);
    return true;
}

static UNUSED void rig_close(struct rig *r)
{
    vfs_journal_fini(&r->j);
    waiter_fini(&r->w);
    CHECK_INT(r->f.fake.files, 0);
    fixture_close(&r->f);
}

/* What the front end does with an answer; false: it is final. */
static UNUSED bool again(struct rig *r, smbkit_status st)
{
    r->call.nowait = true;
    if (st == S(WOULD_BLOCK)) {
        vfs_journal_would_block(&r->j);
        r->call.nowait = false;
    } else if (st == S(WAIT)) {
        CHECK(r->f.fake.pend_all || fake_complete(&r->f.fake));
        while (r->f.fake.pend_all && vfs_journal_is_busy(&r->j)) {
            usleep(100); /* a thread completes it */
        }
        CHECK(!vfs_journal_is_busy(&r->j));
        (void)vfs_wait_cancel(&r->w.wait);
    } else {
        return false;
    }
    CHECK(++r->stops < 1000);
    return r->stops < 1000;
}

#define RUN(r, expression)                                                                         \
    ({                                                                                             \
        smbkit_status run_st;                                                                      \
        (r)->call.nowait = true;                                                                   \
        do {                                                                                       \
            vfs_journal_begin(&(r)->j);                                                            \
            run_st = (expression);                                                                 \
        } while (again((r), run_st));                                                              \
        vfs_journal_fini(&(r)->j);                                                                 \
        run_st;                                                                                    \
    })
