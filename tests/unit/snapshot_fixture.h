/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots as clients have them, for the tests of the filter. */
#pragma once

#include "filter_fixture.h"

#include "vfs/fsctl.h"

const struct smbkit_plugin *smbkit_static_snapshot(const struct smbkit_host_table *api);

#define SNAPS_MAX 64u

static UNUSED bool start(struct fixture *f, const char *arg, const char *size)
{
    const struct stack_layer layers[] = {
        {.plugin = smbkit_static_snapshot(&vfs_api), .args = {arg}},
        {.plugin = smbkit_static_mem(&vfs_api), .args = {size}}};
    return stack_open(f, layers, 2);
}

/* ---- what was ---- */

/* Times of the snapshots, newest first. */
static UNUSED uint32_t times_of(struct fixture *f, uint64_t times[SNAPS_MAX])
{
    uint32_t count = SNAPS_MAX;
    struct vfs_open *o = must_open(f, "", SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_snapshots(&f->call, o, times, &count), 0);
    must_close(f, o);
    return count;
}

static UNUSED uint64_t take(struct fixture *f)
{
    uint64_t times[SNAPS_MAX] = {0};
    const char *text;
    CHECK_INT(say(f, "take", &text), 0);
    CHECK(strncmp(text, "@GMT-", 5) == 0);
    CHECK(times_of(f, times) > 0);
    return times[0];
}

/* time 0: today. */
static UNUSED smbkit_status open_in(struct fixture *f, uint64_t time, const char *path,
                                    struct vfs_open **open_r)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.desired_access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES;
    in.disposition = SMBKIT_OPEN;
    in.snapshot_time = time;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    *open_r = SMBKIT_OK(st) ? out.open : NULL;
    return st;
}

static UNUSED smbkit_status read_in(struct fixture *f, uint64_t time, const char *path,
                                    char buf[32])
{
    struct vfs_open *o;
    smbkit_status st = open_in(f, time, path, &o);
    if (SMBKIT_OK(st)) {
        st = read_at(f, o, 0, buf, 32);
        must_close(f, o);
    }
    return st == SMBKIT_STATUS_END_OF_FILE ? SMBKIT_STATUS_SUCCESS : st;
}

static UNUSED void check_in(struct fixture *f, uint64_t time, const char *path, const char *want)
{
    char buf[32] = "";
    smbkit_status st = read_in(f, time, path, buf);
    test_context("%s at %llu", path, (unsigned long long)time);
    if (want) {
        CHECK_INT(st, 0);
        CHECK_STR(buf, want);
    } else {
        CHECK(st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ||
              st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    }
}

static UNUSED smbkit_status put(struct fixture *f, const char *path, const char *text)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OVERWRITE_IF;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (SMBKIT_OK(st)) {
        st = write_at(f, out.open, 0, text);
        smbkit_status closed = vfs_close(&f->call, out.open, NULL);
        st = SMBKIT_OK(st) ? closed : st;
    }
    return st;
}

static UNUSED smbkit_status move(struct fixture *f, const char *from, const char *to, bool replace)
{
    struct vfs_create_in in = create_in(f, from);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (SMBKIT_OK(st)) {
        st = vfs_rename(&f->call, out.open, to, replace);
        smbkit_status closed = vfs_close(&f->call, out.open, NULL);
        st = SMBKIT_OK(st) ? closed : st;
    }
    return st;
}

static UNUSED smbkit_status take_away(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (SMBKIT_OK(st)) {
        st = vfs_set_disposition(&f->call, out.open, true);
        smbkit_status closed = vfs_close(&f->call, out.open, NULL);
        st = SMBKIT_OK(st) ? closed : st;
    }
    return st;
}
