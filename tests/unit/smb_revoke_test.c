/* SPDX-License-Identifier: Apache-2.0 */
/* A changed configuration holds for those who are connected already. */
#include "smb_fake_client.h"

#include "base/utf.h"

struct change {
    struct fake f;
    struct smb_config config;
    struct names list;
    struct smb2_create_rsp open;
};

static uint64_t current_version;

static bool user_is_current(void *arg, const char *name, uint64_t version)
{
    (void)arg;
    return utf8_ieq(name, "Alice") && version == current_version;
}

/* Alice is on the share with a file open. */
static void enter(struct change *c)
{
    *c = (struct change){0};
    current_version = 0;
    fake_init(&c->f);
    c->config = fake_config(&c->f);
    c->config.auth.user_is_current = user_is_current;
}

static void open_file(struct change *c)
{
    fake_start(&c->f, &c->config);
    fake_enter(&c->f, SMB2_DIALECT_311);
    CHECK_INT(fake_create(&c->f, "file", SMBKIT_CREATE, &c->open), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&c->f, c->open.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
}

static void leave(struct change *c)
{
    fake_disconnect(&c->f);
    fake_stop(&c->f);
    names_fini(&c->list);
}

static struct smb_share_spec share_of(struct change *c)
{
    return (struct smb_share_spec){.name = "mem", .volume = c->f.volume};
}

static void apply(struct change *c, const struct smb_share_spec *share)
{
    CHECK_INT(smb_server_share_set(c->f.server, share), SMBKIT_STATUS_SUCCESS);
    CHECK(smb_server_enforce(c->f.server));
    fake_pump(&c->f);
}

static smbkit_status write_one(struct change *c)
{
    return fake_write(&c->f, c->open.file_id, 0, "y", 1);
}

static uint64_t opens_now(struct change *c)
{
    struct smb_server_stats now;
    smb_server_stats(c->f.server, &now);
    return now.opens_now;
}

static void unchanged(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    struct smb_share_spec share = share_of(&c);
    share.comment = "another";
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

static void read_only(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    struct smb_share_spec share = share_of(&c);
    share.read_only = true;
    vfs_volume_read_only_set(c.f.volume, true);
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    struct smb2_create_rsp rsp;
    CHECK_INT(fake_create(&c.f, "new", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_ACCESS_DENIED);
    share.read_only = false;
    vfs_volume_read_only_set(c.f.volume, false);
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS); /* the file is still open */
    leave(&c);
}

static void delete_on_close_when_read_only(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    struct smb2_create_rsp rsp;
    uint8_t utf[64];
    struct wr name = wr_init(utf, sizeof(utf));
    wr_utf16(&name, "gone");
    struct smb2_create_req req = {
        .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
        .desired_access = SMBKIT_DELETE,
        .share_access = 7,
        .disposition = SMBKIT_CREATE,
        .options = VFS_DELETE_ON_CLOSE,
        .name = {utf, wr_pos(&name)},
    };
    struct wr w = fake_request(&c.f, SMB2_CREATE);
    smb2_create_req_format(&w, &req);
    struct fake_reply r = fake_ask(&c.f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    vfs_volume_read_only_set(c.f.volume, true);
    CHECK_INT(fake_close_file(&c.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    vfs_volume_read_only_set(c.f.volume, false);
    CHECK_INT(fake_create(&c.f, "gone", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

static void valid_users(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    CHECK(names_add(&c.list, "bob") && names_add(&c.list, "aLICE"));
    struct smb_share_spec share = share_of(&c);
    share.users = &c.list;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    names_fini(&c.list);
    apply(&c, &share); /* an empty list: nobody */
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(opens_now(&c), 0);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

static void share_encryption(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    struct smb_share_spec share = share_of(&c);
    share.encrypt = true;
    apply(&c, &share);
    CHECK_INT(opens_now(&c), 0);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    c.f.seals = true;
    CHECK_INT(fake_create(&c.f, "file", SMBKIT_OPEN, &c.open), SMBKIT_STATUS_SUCCESS);
    apply(&c, &share); /* who was told stays */
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

/* Changed so that it has another volume, then removed: neither leaves anybody on the old one. */
static void another_volume(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    char err[256];
    struct vfs_layer_spec layer = {.plugin = c.f.plugin};
    struct vfs_volume_spec spec = {.share_name = "mem", .layers = &layer, .layer_count = 1};
    struct vfs_volume *other = NULL;
    CHECK_INT(vfs_volume_open(&spec, &other, err, sizeof(err)), SMBKIT_STATUS_SUCCESS);
    struct smb_share_spec share = share_of(&c);
    share.volume = other;
    apply(&c, &share);
    vfs_volume_unref(other); /* the share's now */
    CHECK_INT(opens_now(&c), 0);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&c.f, "file", SMBKIT_CREATE, &c.open), SMBKIT_STATUS_SUCCESS);
    CHECK(smb_server_share_remove(c.f.server, "MEM"));
    CHECK(smb_server_enforce(c.f.server));
    fake_pump(&c.f);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_BAD_NETWORK_NAME);
    leave(&c);
}

static void reconfigure(struct change *c)
{
    CHECK(smb_server_reconfigure(c->f.server, &c->config));
    CHECK(smb_server_enforce(c->f.server));
    fake_pump(&c->f);
}

static void changed_user(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    reconfigure(&c);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    current_version = 1;
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 0);
    CHECK(!c.f.closed);
    c.f.signs = false; /* nobody is left to sign the answer */
    CHECK_INT(write_one(&c), SMBKIT_STATUS_USER_SESSION_DELETED);
    leave(&c);
}

/* Changed while the log-in was under way: what was looked up does not count any more. */
static void changed_user_in_log_in(void)
{
    struct change c;
    enter(&c);
    fake_start(&c.f, &c.config);
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    fake_connect(&c.f);
    CHECK_INT(fake_negotiate(&c.f, &req), SMBKIT_STATUS_SUCCESS);
    current_version = 1;
    CHECK_INT(fake_login(&c.f, "Alice", "s3cret"), SMBKIT_STATUS_USER_SESSION_DELETED);
    leave(&c);
}

static void administrator(void)
{
    struct change c;
    enter(&c);
    CHECK(names_add(&c.list, "alice"));
    c.config.admins = &c.list;
    open_file(&c);
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 1);
    c.config.admins = NULL;
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 0);
    leave(&c);
}

static void server_encryption(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    c.config.encryption = SMB_ENCRYPT_DESIRED; /* for those who come */
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 1);
    c.config.encryption = SMB_ENCRYPT_REQUIRED;
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 0);
    leave(&c);
}

static void server_signing(void)
{
    struct change c;
    enter(&c);
    c.config.signing_required = false;
    open_file(&c);
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 1);
    c.config.signing_required = true;
    reconfigure(&c);
    CHECK_INT(opens_now(&c), 0);
    CHECK(c.f.closed); /* only a new NEGOTIATE tells the client */
    leave(&c);
}

static const struct test_case cases[] = {
    {"unchanged", unchanged},
    {"read_only", read_only},
    {"delete_on_close_when_read_only", delete_on_close_when_read_only},
    {"valid_users", valid_users},
    {"share_encryption", share_encryption},
    {"another_volume", another_volume},
    {"changed_user", changed_user},
    {"changed_user_in_log_in", changed_user_in_log_in},
    {"administrator", administrator},
    {"server_encryption", server_encryption},
    {"server_signing", server_signing},
};
TEST_MAIN(cases)
