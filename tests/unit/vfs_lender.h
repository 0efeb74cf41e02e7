/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that grants a part of what clients may cache, what the server lends to it, and clients
 * that cache. */
#pragma once

#include "vfs_rig.h"
#include "vfs_told.h"

#include "vfs/core.h"

#define CACHES 16u
#define ALL (SMBKIT_CACHE_READ | SMBKIT_CACHE_HANDLE | SMBKIT_CACHE_WRITE)

/* ---- a plugin that grants a part, and what the server lends to it ---- */

struct run {
    void (*fn)(void *arg);
    void *arg;
};

static struct lender {
    uint32_t grants;
    uint64_t keys[CACHES]; /* as they were asked about */
    uint32_t asked[CACHES];
    unsigned requests;
    bool breaks_at_once; /* while it is asked */
    bool pends;          /* the next time that it is asked */
    struct smbkit_cache acks[CACHES];
    unsigned acked;
    int files_at_ack; /* open then */
    struct run jobs[CACHES];
    unsigned job_count;
    bool runs_nothing;
} lender;

static smbkit_status cache_request(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_cache *a)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_CACHE, file);
    if (SMBKIT_OK(st) && lender.requests < CACHES) {
        lender.keys[lender.requests] = a->key;
        lender.asked[lender.requests++] = a->state;
        a->state &= lender.grants;
    }
    if (SMBKIT_OK(st) && lender.pends) {
        lender.pends = false;
        atomic_store(&v->pend_at, 1);
    }
    if (SMBKIT_OK(st) && lender.breaks_at_once) {
        CHECK_INT(smbkit_cache_break(v->host, a->key, 0), S(NOT_FOUND));
    }
    return fake_leave(v, op, FAKE_CACHE, file, st);
}

static smbkit_status cache_ack(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_cache *a)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_ACK, file);
    CHECK(!(op->flags & SMBKIT_OP_NOWAIT));
    if (lender.acked < CACHES) {
        lender.files_at_ack = atomic_load(&v->files);
        lender.acks[lender.acked++] = *a;
    }
    return fake_leave(v, op, FAKE_ACK, file, st);
}

static smbkit_status run(const struct vfs_services *s, struct vfs_volume *v, void (*fn)(void *arg),
                         void *arg)
{
    (void)s;
    (void)v; /* the test closes it when all have run */
    if (lender.runs_nothing || lender.job_count == CACHES) {
        return S(NOT_SUPPORTED);
    }
    lender.jobs[lender.job_count++] = (struct run){fn, arg};
    return S(SUCCESS);
}

static void nothing(const struct vfs_services *s)
{
    (void)s;
}

static const struct vfs_services SERVICES = {.run_one = run, .stop = nothing, .release = nothing};

static void run_jobs(void)
{
    while (lender.job_count > 0) {
        struct run job = lender.jobs[--lender.job_count];
        job.fn(job.arg);
    }
}

static UNUSED bool lender_open(struct fixture *f, uint32_t grants)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    lender = (struct lender){.grants = grants};
    p.cache_request = cache_request;
    p.cache_ack = cache_ack;
    f->services = &SERVICES;
    if (!fixture_open(f, &p, false)) {
        return false;
    }
    make(f, "file", false);
    return true;
}

/* The one ack since the last look: of the nth request's key. */
static UNUSED void check_acked(unsigned nth, uint32_t kept)
{
    run_jobs();
    CHECK_INT(lender.acked, 1);
    CHECK_INT(lender.acks[0].key, lender.keys[nth]);
    CHECK_INT(lender.acks[0].state, kept);
    lender.acked = 0;
}

static UNUSED void check_silent(void)
{
    run_jobs();
    CHECK_INT(lender.acked, 0);
}

static UNUSED smbkit_status take_back(struct fixture *f, unsigned nth, uint32_t state)
{
    return smbkit_cache_break(f->fake.host, lender.keys[nth], state);
}

/* ---- oplocks ---- */

static UNUSED struct vfs_open *open_oplock(struct fixture *f, uint8_t level, uint8_t got,
                                           struct breaks *breaks)
{
    struct vfs_create_in in = create_in(f, "file");
    struct vfs_create_out out = {0};
    *breaks = (struct breaks){0};
    in.oplock_level = level;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = breaks};
    CHECK_INT(vfs_create(&f->call, &in, &out), 0);
    CHECK_INT(out.oplock_level, got);
    return out.open;
}

static UNUSED struct vfs_open *open_lease(struct fixture *f, struct told *t, uint8_t caching,
                                          uint8_t got)
{
    const struct vfs_lease_want want = {.lease = &t->lease, .caching = caching};
    struct vfs_create_in in = create_in(f, "file");
    struct vfs_create_out out = {0};
    in.lease = &want;
    CHECK_INT(vfs_create(&f->call, &in, &out), 0);
    CHECK_INT(out.lease.caching, got);
    return out.open;
}

static UNUSED void lease_of(struct told *t)
{
    const struct lease_id id = {.key = {7}};
    *t = (struct told){0};
    lease_init(&t->lease, &id, &told_ops);
}
