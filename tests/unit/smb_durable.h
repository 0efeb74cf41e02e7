/* SPDX-License-Identifier: Apache-2.0 */
/* Two clients of one server: f, whose connection is lost, and g; and what they ask of CREATE. */
#pragma once

#include "smb_fake_client.h"

#include "base/utf.h"
#include "smb/conn.h"
#include "smb/limits.h"
#include "smb/open.h"

struct scene {
    struct fake f;
    struct fake g;
    struct smb_config config;
    struct smb2_create_rsp rsp; /* of f's durable open */
};

static uint64_t current_version;

static bool user_is_current(void *arg, const char *name, uint64_t version)
{
    (void)arg;
    return !utf8_ieq(name, "Alice") || version == current_version;
}

/* What a CREATE asks for, beside the usual. */
struct ask {
    const char *name;
    uint32_t present;
    uint8_t oplock;
    uint32_t options;
    uint32_t share;
    uint32_t disposition;
    uint32_t flags; /* of the header */
    uint32_t timeout_ms;
    uint8_t guid; /* each byte of the CreateGuid */
    uint8_t key;  /* of the lease's key */
    bool writes;  /* the lease is to cache writes, too */
    bool lease_v2;
    uint8_t app; /* of the AppInstanceId */
    uint64_t version_high, version_low;
    uint32_t access; /* 0: the usual */
    struct smb2_file_id id;
};

static UNUSED struct wr create_of(struct fake *f, const struct ask *a)
{
    uint8_t utf[512];
    struct wr n = wr_init(utf, sizeof(utf));
    wr_utf16(&n, a->name ? a->name : "file");
    struct smb2_create_req req = {
        .oplock_level = a->oplock,
        .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
        .desired_access =
            a->access ? a->access : SMBKIT_GENERIC_READ | SMBKIT_GENERIC_WRITE | SMBKIT_DELETE,
        .share_access = a->share,
        .disposition = a->disposition,
        .options = a->options,
        .name = {utf, wr_pos(&n)},
        .ctxs = {.present = a->present,
                 .dhnc = a->id,
                 .dh2c_file_id = a->id,
                 .app_instance_version_high = a->version_high,
                 .app_instance_version_low = a->version_low,
                 .dh2q_timeout_ms = a->timeout_ms},
    };
    memset(req.ctxs.dh2q_create_guid, a->guid, 16);
    memset(req.ctxs.dh2c_create_guid, a->guid, 16);
    memset(req.ctxs.app_instance_id, a->app, 16);
    memset(req.ctxs.lease.key, a->key, sizeof(req.ctxs.lease.key));
    req.ctxs.lease.is_v2 = a->lease_v2;
    req.ctxs.lease.state = SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING |
                           (a->writes ? SMB2_LEASE_WRITE_CACHING : 0);
    struct wr w = fake_request(f, SMB2_CREATE);
    smb2_create_req_format(&w, &req);
    wr_put_u32(&w, 16, a->flags);
    return w;
}

static UNUSED smbkit_status create(struct fake *f, const struct ask *a, struct smb2_create_rsp *rsp)
{
    struct wr w = create_of(f, a);
    struct fake_reply r = fake_ask(f, &w);
    return fake_create_done(&r, rsp);
}

static const struct ask durable_v1 = {
    .present = SMB2_CTX_DHNQ, .oplock = SMB2_OPLOCK_LEVEL_BATCH, .disposition = SMBKIT_OPEN_IF};
static const struct ask durable_v2 = {.present = SMB2_CTX_DH2Q,
                                      .oplock = SMB2_OPLOCK_LEVEL_BATCH,
                                      .disposition = SMBKIT_OPEN_IF,
                                      .guid = 0x77,
                                      .timeout_ms = 20000};

/* filter: NULL: none. */
static UNUSED void begin_over(struct scene *s, const struct smbkit_plugin *filter)
{
    *s = (struct scene){0};
    current_version = 0;
    fake_init(&s->f);
    s->f.filter = filter;
    s->config = fake_config(&s->f);
    s->config.auth.user_is_current = user_is_current;
    fake_start(&s->f, &s->config);
    fake_init(&s->g);
    s->g.server = s->f.server;
    s->g.peer = &s->f;
    s->f.credits = s->g.credits = 64;
    fake_enter(&s->f, SMB2_DIALECT_311);
}

static UNUSED void begin(struct scene *s)
{
    begin_over(s, NULL);
}

static UNUSED void end(struct scene *s)
{
    fake_disconnect(&s->f);
    fake_stop(&s->f);
}

static UNUSED uint64_t kept(struct scene *s)
{
    struct smb_server_stats stats;
    smb_server_stats(s->f.server, &stats);
    return stats.kept_now;
}

/* f opens the file, five bytes in it, and comes back without it. */
static UNUSED void lose(struct scene *s, const struct ask *a)
{
    CHECK_INT(create(&s->f, a, &s->rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s->f, s->rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s->f);
    fake_enter(&s->f, SMB2_DIALECT_311);
}

static UNUSED struct ask back_v1(const struct scene *s)
{
    return (struct ask){.present = SMB2_CTX_DHNC, .id = s->rsp.file_id};
}

static UNUSED struct ask back_v2(const struct scene *s)
{
    return (struct ask){.present = SMB2_CTX_DH2C, .id = s->rsp.file_id, .guid = 0x77};
}

static UNUSED smbkit_status come_back(struct fake *f, const struct ask *a)
{
    struct smb2_create_rsp rsp = {0};
    smbkit_status status = create(f, a, &rsp);
    if (SMBKIT_OK(status)) {
        CHECK_INT(rsp.file_id.persistent, a->id.persistent);
        CHECK_INT(rsp.create_action, SMB2_FILE_OPENED);
        CHECK_INT(rsp.oplock_level,
                  a->present & SMB2_CTX_RQLS ? SMB2_OPLOCK_LEVEL_LEASE : SMB2_OPLOCK_LEVEL_BATCH);
        CHECK_INT(rsp.end_of_file, 5);
        CHECK_INT(fake_write(f, rsp.file_id, 0, "HELLO", 5), SMBKIT_STATUS_SUCCESS);
    }
    return status;
}
