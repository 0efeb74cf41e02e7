/* SPDX-License-Identifier: Apache-2.0 */
/* Leases for the tests of the core: counted breaks, and opens that have one. */
#pragma once

#include "vfs_fixture.h"

struct told {
    struct lease lease;
    unsigned breaks;
    uint8_t to; /* by the last one */
};

static UNUSED void told_broken(struct lease *l, const struct lease_break *b)
{
    struct told *t = CONTAINER_OF(l, struct told, lease);
    t->breaks++;
    t->to = b->to;
}

static UNUSED void told_counted(struct lease *l)
{
    (void)l;
}

static UNUSED const struct lease_ops told_ops = {
    .broken = told_broken, .ref = told_counted, .unref = told_counted};

/* What is there, with a lease of its own, shared with all. NULL: the test has failed. */
static UNUSED struct vfs_open *open_leased(struct fixture *f, const char *path, uint32_t access,
                                           const struct vfs_lease_want *want)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out = {.open = NULL};
    in.desired_access = access;
    in.share_access = SHARE_ALL;
    in.disposition = SMBKIT_OPEN;
    in.lease = want;
    CHECK_INT(vfs_create(&f->call, &in, &out), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(out.lease.caching, OPLOCK_R | OPLOCK_H);
    return out.open;
}

/* parent: the key of its directory's lease, 0: none is named. */
static UNUSED struct vfs_open *open_cached(struct fixture *f, const char *path, struct told *t,
                                           uint8_t parent)
{
    const struct vfs_lease_want want = {.lease = &t->lease,
                                        .caching = OPLOCK_R | OPLOCK_H,
                                        .has_epoch = true,
                                        .on_directories = true,
                                        .has_parent = parent != 0,
                                        .parent_key = {parent}};
    return open_leased(f, path, SMBKIT_READ_DATA | SMBKIT_WRITE_ATTRIBUTES, &want);
}
