/* SPDX-License-Identifier: Apache-2.0 */
/* Two clients of a server whose share "mem" gets another volume, which is the share "two" too.
 * While the server waits, what is to be done is done, and a test has its say. */
#pragma once

#include "smb_pair.h"

#include "smb/limits.h"
#include "smb/open.h"
#include "smb/server.h"
#include "smb_late.h"
#include "smb_slow.h"
#include "wire/change_notify.h"
#include "wire/lock.h"
#include "wire/logoff.h"

struct move {
    struct pair p;
    struct vfs_volume *volume;    /* the new one */
    struct smbkit_plugin *plugin; /* of that */
    struct smb_moved out;
    void (*meanwhile)(struct move *m); /* NULL: nothing */
    unsigned closed_turns;             /* of that, while the gate was closed */
    unsigned frozen_turns;             /* while nothing could begin on the handle id */
    unsigned closed_turn, frozen_turn; /* the how manieth this is; 0: it is none */
    uint32_t step_ms;                  /* how much time a turn takes */
    bool is_over;                      /* a test's own note */
    struct smb2_file_id id;
};

static struct move *moving; /* whose server is replacing */

static UNUSED bool gate_is_closed(const struct move *m)
{
    struct smb_share *share = smb_server_share_find(m->p.f.server, "mem");
    bool is = smb_share_is_closed(share);
    smb_share_unref(share);
    return is;
}

static void count_turn(struct move *m)
{
    struct smb_open *o = smb_open_find_any(m->p.f.server, m->id.persistent);
    m->closed_turn = gate_is_closed(m) ? ++m->closed_turns : 0;
    m->frozen_turn = o && o->is_moving ? ++m->frozen_turns : 0;
    smb_open_unref(o);
}

static uint64_t move_monotonic(void *arg)
{
    struct move *m = moving;
    if (m) {
        moving = NULL; /* not within itself */
        fake_pump(&m->p.f);
        count_turn(m);
        if (m->meanwhile) {
            m->meanwhile(m);
        }
        fake_pass(&m->p.g, m->step_ms);
        fake_pass(&m->p.f, m->step_ms);
        fake_pump(&m->p.f);
        moving = m;
    }
    return fake_monotonic(arg);
}

static UNUSED struct vfs_volume *move_volume(struct move *m)
{
    char err[256] = "";
    struct vfs_volume *v = NULL;
    m->plugin = vfs_plugin_adopt(smbkit_static_mem(&vfs_api), err, sizeof(err));
    const struct vfs_layer_spec layer = {.plugin = m->plugin};
    const struct vfs_volume_spec spec = {.share_name = "two", .layers = &layer, .layer_count = 1};
    ASSERT(SMBKIT_OK(vfs_volume_open(&spec, &v, err, sizeof(err))));
    return v;
}

static UNUSED void move_begin_over(struct move *m, const struct smbkit_plugin *filter)
{
    struct fake *f = &m->p.f;
    struct fake *g = &m->p.g;
    *m = (struct move){.step_ms = 5};
    fake_init(f);
    f->credits = 100;
    f->filter = filter;
    struct smb_config config = fake_config(f);
    config.credits_max = 1024;
    config.env.monotonic_ms = move_monotonic;
    fake_start(f, &config);
    fake_enter(f, SMB2_DIALECT_311);
    m->volume = move_volume(m);
    const struct smb_share_spec two = {.name = "two", .volume = m->volume};
    CHECK_INT(smb_server_share_set(f->server, &two), SMBKIT_STATUS_SUCCESS);
    fake_init(g);
    g->server = f->server;
    g->credits = 100;
    g->machine = 0x22;
    g->peer = f;
    f->peer = g;
    fake_enter(g, SMB2_DIALECT_311);
    CHECK_INT(fake_tree(g, "\\\\fake\\two"), SMBKIT_STATUS_SUCCESS);
}

static UNUSED void move_begin(struct move *m)
{
    move_begin_over(m, NULL);
}

static UNUSED void move_end(struct move *m)
{
    struct vfs_volume_stats stats;
    fake_disconnect(&m->p.g);
    m->p.f.peer = NULL;
    fake_disconnect(&m->p.f);
    fake_stop(&m->p.f);
    vfs_volume_stats(m->volume, &stats);
    CHECK_INT(stats.opens_now, 0);
    CHECK_INT(stats.nodes_now, 0);
    vfs_volume_unref(m->volume);
    mem_free(m->plugin);
}

static UNUSED smbkit_status replace(struct move *m, enum smb_handles how)
{
    const struct smb_share_spec spec = {.name = "MEM", .volume = m->volume};
    m->closed_turns = m->frozen_turns = 0;
    moving = m;
    smbkit_status status = smb_server_share_replace(m->p.f.server, &spec, how, &m->out);
    moving = NULL;
    fake_pump(&m->p.f);
    return status;
}

/* A file with that content. */
static UNUSED void put(struct fake *f, const char *name, const char *text)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, name, SMBKIT_OVERWRITE_IF, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(f, rsp.file_id, 0, text, strlen(text)), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
}

static UNUSED struct smb2_file_id open_it(struct fake *f, const char *name)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, name, SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static UNUSED void check_reads(struct fake *f, struct smb2_file_id id, const char *text)
{
    uint8_t buf[64];
    size_t len = 0;
    CHECK_INT(fake_read(f, id, 0, (struct crypto_span){buf, sizeof(buf)}, &len),
              SMBKIT_STATUS_SUCCESS);
    CHECK(len == strlen(text) && memcmp(buf, text, len) == 0);
}

static UNUSED smbkit_status read_status(struct fake *f, struct smb2_file_id id)
{
    uint8_t buf[64];
    size_t len = 0;
    return fake_read(f, id, 0, (struct crypto_span){buf, sizeof(buf)}, &len);
}

static UNUSED struct wr read_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_read_req req = {.length = 64, .file_id = id};
    struct wr w = fake_request(f, SMB2_READ);
    smb2_read_req_format(&w, &req);
    return w;
}

static UNUSED struct wr lock_request(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    struct smb2_lock_req req = {.count = 1, .file_id = id};
    req.locks[0].length = 10;
    req.locks[0].flags = flags;
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    return w;
}

static UNUSED struct wr notify_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_change_notify_req req = {
        .output_max = 1000, .file_id = id, .completion_filter = 0xfff};
    struct wr w = fake_request(f, SMB2_CHANGE_NOTIFY);
    smb2_change_notify_req_format(&w, &req);
    return w;
}

static UNUSED struct wr close_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_close_req req = {.file_id = id};
    struct wr w = fake_request(f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    return w;
}

static UNUSED smbkit_status ask_status(struct fake *f, struct wr *w)
{
    struct fake_reply r = fake_ask(f, w);
    fake_reply_fini(&r);
    return r.status;
}

/* The next answer, if there is one; else PENDING. Interim answers are passed by. */
static UNUSED smbkit_status next_status(struct fake *f)
{
    struct fake_reply r = {.status = SMBKIT_STATUS_PENDING};
    fake_pump(f);
    while (r.status == SMBKIT_STATUS_PENDING && fake_next(f, &r)) {
        fake_reply_fini(&r);
    }
    return r.status;
}
