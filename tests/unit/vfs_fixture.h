/* SPDX-License-Identifier: Apache-2.0 */
/* A volume, a caller and shorthands for the tests of the core. */
#pragma once

#include "vfs_fake.h"

#include "base/mem.h"
#include "vfs/secdesc.h"

const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

struct fixture {
    struct vfs_nodes *nodes; /* of the volume; NULL: its own */
    const char *veto_files, *hide_files;
    const struct smbkit_arg *args; /* of the plugin */
    uint32_t arg_count;
    const struct vfs_services *services; /* NULL: none */
    struct smbkit_plugin *plugin;
    struct vfs_volume *v;
    struct vfs_token *token;
    struct fake_volume fake;
    struct vfs_call call; /* blocks instead of waiting */
};

static UNUSED bool fixture_open(struct fixture *f, const struct smbkit_plugin *p, bool read_only)
{
    static const uint32_t machine[3] = {1, 2, 3};
    const struct vfs_token_spec who = {.user = "anna",
                                       .domain = "WG",
                                       .client_address = "192.0.2.1",
                                       .rid = 1001,
                                       .machine_sid = machine};
    char err[256] = "";
    f->token = vfs_token_new(&who);
    f->plugin = vfs_plugin_adopt(p, err, sizeof(err));
    if (!f->token || !f->plugin) {
        test_fail(__FILE__, __LINE__, "adopt: %s", err);
        return false;
    }
    fake_next = &f->fake;
    const struct vfs_layer_spec layer = {
        .plugin = f->plugin, .args = f->args, .arg_count = f->arg_count};
    const struct vfs_volume_spec spec = {.nodes = f->nodes,
                                         .services = f->services,
                                         .share_name = "test",
                                         .layers = &layer,
                                         .layer_count = 1,
                                         .read_only = read_only,
                                         .veto_files = f->veto_files,
                                         .hide_files = f->hide_files};
    smbkit_status st = vfs_volume_open(&spec, &f->v, err, sizeof(err));
    if (!SMBKIT_OK(st)) {
        test_fail(__FILE__, __LINE__, "volume_open: %s: %s", smbkit_status_name(st), err);
        return false;
    }
    f->call = (struct vfs_call){.token = f->token};
    return true;
}

/* A volume of the fake plugin: features and thread model as set in f->fake before. */
static UNUSED bool fixture_fake(struct fixture *f)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.thread_model = f->fake.thread_model;
    return fixture_open(f, &p, false);
}

static UNUSED void fixture_close(struct fixture *f)
{
    struct vfs_volume_stats stats;
    vfs_volume_stats(f->v, &stats);
    CHECK_INT(stats.opens_now, 0);
    CHECK_INT(stats.nodes_now, 0);
    vfs_volume_unref(f->v);
    vfs_token_unref(f->token);
    mem_free(f->plugin);
}

#define RW (SMBKIT_READ_DATA | SMBKIT_WRITE_DATA | SMBKIT_READ_ATTRIBUTES | SMBKIT_WRITE_ATTRIBUTES)
#define SHARE_ALL (VFS_SHARE_READ | VFS_SHARE_WRITE | VFS_SHARE_DELETE)

/* Counts wakes and breaks. */
struct waiter {
    struct vfs_wait wait;
    struct vfs_wait_lock lock;
    atomic_int woken;
};
static UNUSED void waiter_wake(struct vfs_wait *w)
{
    atomic_fetch_add(&CONTAINER_OF(w, struct waiter, wait)->woken, 1);
}
static UNUSED void waiter_init(struct waiter *w)
{
    atomic_init(&w->woken, 0);
    vfs_wait_init(&w->wait, waiter_wake);
    vfs_wait_lock_init(&w->wait, &w->lock);
}
static UNUSED void waiter_fini(struct waiter *w)
{
    vfs_wait_fini(&w->wait);
}

struct breaks {
    atomic_int count;
    uint8_t to;
    bool ack;
};
static UNUSED void breaks_cb(void *arg, uint8_t to_level, bool ack)
{
    struct breaks *b = arg;
    b->to = to_level;
    b->ack = ack;
    atomic_fetch_add(&b->count, 1);
}

static UNUSED struct vfs_create_in create_in(struct fixture *f, const char *path)
{
    return (struct vfs_create_in){.volume = f->v,
                                  .path = path,
                                  .desired_access = RW,
                                  .access_cap = SMBKIT_ALL_ACCESS | SMBKIT_ACCESS_SYSTEM_SECURITY,
                                  .share_access = SHARE_ALL,
                                  .disposition = SMBKIT_OPEN_IF};
}

/* Opens, or fails the test. */
static UNUSED struct vfs_open *must_open(struct fixture *f, const char *path, uint32_t access,
                                         uint32_t disposition, uint32_t options)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.desired_access = access;
    in.disposition = disposition;
    in.options = options;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (!SMBKIT_OK(st)) {
        test_fail(__FILE__, __LINE__, "open %s: %s", path, smbkit_status_name(st));
        return NULL;
    }
    return out.open;
}

static UNUSED smbkit_status try_open(struct fixture *f, const struct vfs_create_in *in)
{
    struct vfs_create_out out;
    smbkit_status st = vfs_create(&f->call, in, &out);
    if (SMBKIT_OK(st)) {
        smbkit_status closed = vfs_close(&f->call, out.open, NULL);
        if (!SMBKIT_OK(closed)) {
            test_fail(__FILE__, __LINE__, "close: %s", smbkit_status_name(closed));
        }
    }
    return st;
}

static UNUSED smbkit_status try_access(struct fixture *f, const char *path, uint32_t access,
                                       uint32_t disposition)
{
    struct vfs_create_in in = create_in(f, path);
    in.desired_access = access;
    in.disposition = disposition;
    return try_open(f, &in);
}

static UNUSED void must_close(struct fixture *f, struct vfs_open *o)
{
    if (o) {
        CHECK_INT(vfs_close(&f->call, o, NULL), SMBKIT_STATUS_SUCCESS);
    }
}

/* Make an empty file (or directory) and close it. */
static UNUSED void make(struct fixture *f, const char *path, bool is_directory)
{
    must_close(f, must_open(f, path, SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN_IF,
                            is_directory ? VFS_DIRECTORY_FILE : 0));
}

static UNUSED smbkit_status write_at(struct fixture *f, struct vfs_open *o, uint64_t offset,
                                     const char *text)
{
    const struct smbkit_segment seg = {.base = (const uint8_t *)text, .len = strlen(text)};
    struct vfs_io io;
    vfs_io_init(&io);
    io.offset = offset;
    io.length = (uint32_t)seg.len;
    io.segs = &seg;
    io.seg_count = 1;
    smbkit_status st = vfs_write(&f->call, o, &io);
    if (SMBKIT_OK(st)) {
        CHECK_INT(io.done, seg.len);
    }
    vfs_io_fini(&io);
    return st;
}

static UNUSED smbkit_status read_at(struct fixture *f, struct vfs_open *o, uint64_t offset,
                                    char *buf, uint32_t cap)
{
    struct vfs_io io;
    vfs_io_init(&io);
    io.offset = offset;
    io.length = cap - 1;
    io.buffer = (uint8_t *)buf;
    memset(buf, 0, cap);
    smbkit_status st = vfs_read(&f->call, o, &io);
    if (SMBKIT_OK(st) && io.memory) {
        memcpy(buf, io.memory, io.done);
    }
    vfs_io_fini(&io);
    return st;
}

/* A descriptor: everyone may read, and nothing else; the caller owns nothing. */
static UNUSED smbkit_status sd_read_only(struct wr *w)
{
    struct secdesc sd;
    sd_init(&sd);
    struct sid admins = sid_builtin(544);
    smbkit_status st = sd_default(&sd, SD_READABLE, &admins, &admins);
    if (SMBKIT_OK(st)) {
        sd_format(w, &sd, SD_OWNER | SD_GROUP | SD_DACL);
    }
    sd_fini(&sd);
    return st;
}

/* Behind the core's back. */
static UNUSED void fake_make_readable(struct fake_node *n)
{
    struct wr w = wr_new(65536);
    CHECK_INT(sd_read_only(&w), 0);
    free(n->sd);
    n->sd = malloc(w.len);
    memcpy(n->sd, w.base, w.len);
    n->sd_len = (uint32_t)w.len;
    wr_fini(&w);
}
