/* SPDX-License-Identifier: Apache-2.0 */
/* Two client machines, one of which has leases that the other breaks. */
#pragma once

#include "smb_fake_client.h"

#include "wire/oplock_break.h"

#define R SMB2_LEASE_READ_CACHING
#define RH (R | SMB2_LEASE_HANDLE_CACHING)
#define RWH (RH | SMB2_LEASE_WRITE_CACHING)

struct pair {
    struct fake f; /* whose lease it is */
    struct fake g; /* another machine */
};

static UNUSED void begin(struct pair *p, uint16_t dialect)
{
    fake_init(&p->f);
    p->f.credits = 100;
    struct smb_config config = fake_config(&p->f);
    config.credits_max = 1024; /* more than may wait */
    fake_start(&p->f, &config);
    fake_enter(&p->f, dialect);
    fake_init(&p->g);
    p->g.server = p->f.server;
    p->g.credits = 100;
    p->g.machine = 0x22;
    p->g.peer = &p->f;
    p->f.peer = &p->g;
    fake_enter(&p->g, SMB2_DIALECT_311);
}

static UNUSED void end(struct pair *p)
{
    fake_disconnect(&p->g);
    p->f.peer = NULL;
    fake_disconnect(&p->f);
    fake_stop(&p->f);
}

static UNUSED struct smb2_lease lease_of(uint8_t key, uint32_t state, uint16_t epoch)
{
    struct smb2_lease l = {.state = state, .is_v2 = true, .epoch = epoch};
    memset(l.key, key, sizeof(l.key));
    return l;
}

static UNUSED struct wr create_with(struct fake *f, const char *name, const struct smb2_lease *l)
{
    uint8_t utf[128];
    struct wr n = wr_init(utf, sizeof(utf));
    wr_utf16(&n, name);
    struct smb2_create_req req = {
        .oplock_level = l ? SMB2_OPLOCK_LEVEL_LEASE : SMB2_OPLOCK_LEVEL_NONE,
        .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
        .desired_access =
            SMBKIT_GENERIC_READ | (name[0] ? SMBKIT_GENERIC_WRITE | SMBKIT_DELETE : 0),
        .share_access = 7,
        .disposition = SMBKIT_OPEN_IF,
        .name = {utf, wr_pos(&n)},
    };
    if (l) {
        req.ctxs.present = SMB2_CTX_RQLS;
        req.ctxs.lease = *l;
    }
    struct wr w = fake_request(f, SMB2_CREATE);
    smb2_create_req_format(&w, &req);
    return w;
}

static UNUSED smbkit_status open_leased(struct fake *f, const char *name,
                                        const struct smb2_lease *l, struct smb2_create_rsp *rsp)
{
    *rsp = (struct smb2_create_rsp){0};
    struct wr w = create_with(f, name, l);
    struct fake_reply r = fake_ask(f, &w);
    return fake_create_done(&r, rsp);
}

static UNUSED void check_lease(const struct smb2_create_rsp *rsp, uint32_t state, uint32_t flags,
                               uint16_t epoch)
{
    CHECK_INT(rsp->oplock_level, SMB2_OPLOCK_LEVEL_LEASE);
    REQUIRE(rsp->ctxs.present & SMB2_CTX_RQLS);
    CHECK_INT(rsp->ctxs.lease.state, state);
    CHECK_INT(rsp->ctxs.lease.flags, flags);
    CHECK_INT(rsp->ctxs.lease.epoch, epoch);
}

static UNUSED void check_break(struct fake *f, uint8_t key, uint32_t from, uint32_t to,
                               uint16_t epoch)
{
    struct fake_reply r = {0};
    struct smb2_lease_break_notify n = {0};
    REQUIRE(fake_next(f, &r));
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    CHECK_INT(r.hdr.message_id, UINT64_MAX);
    CHECK_INT(smb2_lease_break_notify_parse(&r.body, &n), WIRE_OK);
    CHECK_INT(n.lease_key[0], key);
    CHECK_INT(n.current_state, from);
    CHECK_INT(n.new_state, to);
    CHECK_INT(n.new_epoch, epoch);
    CHECK_INT(n.flags, from == R ? 0 : SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED);
    fake_reply_fini(&r);
}

static UNUSED smbkit_status ack(struct fake *f, uint8_t key, uint32_t state)
{
    struct smb2_oplock_break req = {.is_lease = true, .lease_state = state};
    memset(req.lease_key, key, sizeof(req.lease_key));
    struct wr w = fake_request(f, SMB2_OPLOCK_BREAK);
    smb2_oplock_break_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    if (SMBKIT_OK(r.status)) {
        struct smb2_oplock_break rsp = {0};
        CHECK_INT(smb2_oplock_break_rsp_parse(&r.body, &rsp), WIRE_OK);
        CHECK(rsp.is_lease && rsp.lease_state == state && rsp.lease_key[0] == key);
    }
    fake_reply_fini(&r);
    return r.status;
}

/* The other machine's open comes to its end. */
static UNUSED struct smb2_create_rsp finish(struct fake *g)
{
    struct smb2_create_rsp rsp = {0};
    struct fake_reply r = fake_take(g);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp;
}

static UNUSED void expect_waits(struct fake *g)
{
    struct fake_reply r = fake_take(g);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
}
