/* SPDX-License-Identifier: Apache-2.0 */
/* A log-in that expires, as Kerberos' will: what is still done, and what makes it good again. */
#include "smb_fake_binding.h"

#include "smb/session.h"
#include "wire/echo.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/tree_disconnect.h"

static void enter(struct fake *f)
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    config.multichannel = true;
    fake_start(f, &config);
    f->credits = 100;
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    req.ctxs.signings.ids[0] = SMB2_SIGNING_AES_CMAC;
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

/* NTLM gives no time, so it is set here. */
static void expire(struct fake *f, uint64_t in_ms)
{
    struct smb_session *s = smb_session_find(f->server, f->session_id);
    REQUIRE(s);
    atomic_store(&s->expires_at, fake_now(f) + in_ms * 10000);
    smb_session_unref(s);
}

static smbkit_status say(struct fake *f, struct wr *w)
{
    struct fake_reply r = fake_ask(f, w);
    fake_reply_fini(&r);
    return r.status;
}

static smbkit_status lock(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    struct smb2_lock_req req = {
        .file_id = id, .count = 1, .locks = {{.offset = 0, .length = 1, .flags = flags}}};
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    return say(f, &w);
}

/* [MS-SMB2] 3.3.5.2.9; that LOCK only unlocks is what Windows does. */
static void test_commands(void)
{
    const uint32_t take = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
    struct fake f;
    struct smb2_create_rsp made = {0};
    struct smb2_create_rsp none = {0};
    enter(&f);
    CHECK_INT(fake_create(&f, "file", SMBKIT_OPEN_IF, &made), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&f, made.file_id, take), SMBKIT_STATUS_SUCCESS);
    expire(&f, 1000);
    CHECK_INT(fake_write(&f, made.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    fake_pass(&f, 1000);
    CHECK_INT(fake_write(&f, made.file_id, 0, "x", 1), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    CHECK_INT(fake_create(&f, "file", SMBKIT_OPEN, &none), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    struct wr w = fake_request(&f, SMB2_TREE_DISCONNECT);
    smb2_tree_disconnect_req_format(&w);
    CHECK_INT(say(&f, &w), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    w = fake_request(&f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    CHECK_INT(say(&f, &w), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&f, made.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&f, made.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_RANGE_NOT_LOCKED);
    CHECK_INT(lock(&f, made.file_id, take), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    CHECK_INT(fake_close_file(&f, made.file_id), SMBKIT_STATUS_SUCCESS);
    w = fake_request(&f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    CHECK_INT(say(&f, &w), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* A log-in on any channel is one for all; no new channel meanwhile. */
static void test_log_in_again(void)
{
    struct fake f;
    struct fake g;
    struct fake h;
    struct smb2_create_rsp made = {0};
    enter(&f);
    fake_join(&g, &f, NULL);
    CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&f, "file", SMBKIT_OPEN_IF, &made), SMBKIT_STATUS_SUCCESS);
    expire(&f, 0);
    CHECK_INT(fake_write(&g, made.file_id, 0, "x", 1), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    fake_join(&h, &f, NULL);
    CHECK_INT(fake_bind(&h, &f), SMBKIT_STATUS_NETWORK_SESSION_EXPIRED);
    CHECK_INT(fake_login(&g, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&f, made.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&g, made.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    fake_part(&h);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

static const struct test_case cases[] = {{"commands", test_commands},
                                         {"log in again", test_log_in_again}};
TEST_MAIN(cases)
