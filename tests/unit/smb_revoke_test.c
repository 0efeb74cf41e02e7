/* SPDX-License-Identifier: Apache-2.0 */
/* A changed configuration holds for those who are connected already. */
#include "smb_fake_binding.h"

#include "base/str.h"
#include "base/utf.h"
#include "smb/conn.h"

struct change {
    struct fake f;
    struct smb_config config;
    struct names list;
    struct smb2_create_rsp open;
};

static uint64_t current_version;
static struct fake *to_lose; /* not NULL: its connection is lost while somebody asks */

static bool user_is_current(void *arg, const char *name, uint64_t version)
{
    (void)arg;
    if (to_lose) {
        smb_conn_closed(to_lose->conn);
        to_lose = NULL;
    }
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
    struct smb_admission only = {.has_valid = true, .valid = c.list};
    share.admission = &only;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    names_fini(&c.list);
    only.valid = c.list;
    apply(&c, &share); /* an empty list: nobody */
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(opens_now(&c), 0);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

#define HERE "192.0.2.1" /* where the fake client sits */

static bool alices_groups(void *arg, const char *user, struct names *groups)
{
    return !utf8_ieq(user, "alice") || names_add(groups, *(const char **)arg);
}

/* A group that she is in; then she is in another. */
static void groups_of_users(void)
{
    struct change c;
    const char *group = "Staff";
    enter(&c);
    c.config.groups_of_user = alices_groups;
    c.config.users_arg = &group;
    open_file(&c);
    CHECK(names_add(&c.list, "@staff"));
    struct smb_admission only = {.has_valid = true, .valid = c.list};
    struct smb_share_spec share = share_of(&c);
    share.admission = &only;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    group = "others";
    apply(&c, &share);
    CHECK_INT(opens_now(&c), 0);
    leave(&c);
}

/* Who is in a read list, and who is in a write list. */
static void lists(void)
{
    struct change c;
    struct smb2_create_rsp rsp;
    enter(&c);
    open_file(&c);
    CHECK(names_add(&c.list, "ALICE"));
    struct smb_share_spec share = share_of(&c);
    struct smb_admission a = {.reads = c.list};
    share.admission = &a;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(fake_create(&c.f, "new", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_ACCESS_DENIED);
    a.writes = c.list;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    a.reads = (struct names){0};
    share.read_only = true;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
    a.writes = (struct names){0};
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    leave(&c);
}

static void invalid_users(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    CHECK(names_add(&c.list, "alice"));
    struct smb_share_spec share = share_of(&c);
    const struct smb_admission a = {.has_valid = true, .valid = c.list, .invalid = c.list};
    share.admission = &a;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    leave(&c);
}

static void hosts_of_share(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    CHECK(names_add(&c.list, "198.51.100."));
    struct smb_share_spec share = share_of(&c);
    struct smb_admission a = {.hosts = {.allow = c.list}};
    share.admission = &a;
    apply(&c, &share);
    CHECK_INT(write_one(&c), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK(names_add(&c.list, HERE));
    a.hosts.allow = c.list;
    apply(&c, &share);
    CHECK_INT(fake_tree(&c.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    leave(&c);
}

static void hosts_of_server(void)
{
    struct change c;
    enter(&c);
    open_file(&c);
    CHECK(names_add(&c.list, HERE));
    const struct smb_hosts hosts = {.deny = c.list};
    c.config.hosts = &hosts;
    CHECK(smb_server_reconfigure(c.f.server, &c.config));
    CHECK(!smb_server_admits(c.f.server, HERE));
    CHECK(smb_server_admits(c.f.server, "198.51.100.1"));
    struct smb_share_spec share = share_of(&c);
    apply(&c, &share);
    CHECK_INT(opens_now(&c), 0);
    leave(&c);
}

/* The same of a channel that was bound from elsewhere, or is about to be. */
static void hosts_of_channel(void)
{
    for (unsigned late = 0; late < 2; late++) {
        static const char there[] = "198.51.100.1";
        struct change c;
        struct fake g;
        struct smb_server_stats stats;
        bool is_signed = false;
        test_context("%s", late ? "about to be" : "bound");
        enter(&c);
        c.config.multichannel = true;
        open_file(&c);
        fake_join(&g, &c.f, NULL);
        (void)str_copy(g.conn->address, sizeof(g.conn->address), there);
        if (!late) {
            CHECK_INT(fake_bind(&g, &c.f), SMBKIT_STATUS_SUCCESS);
        }
        CHECK(names_add(&c.list, there));
        const struct smb_hosts hosts = {.deny = c.list};
        c.config.hosts = &hosts;
        CHECK(smb_server_reconfigure(c.f.server, &c.config));
        struct smb_share_spec share = share_of(&c);
        apply(&c, &share);
        smb_server_stats(c.f.server, &stats);
        CHECK_INT(stats.sessions_now, late ? 1 : 0);
        if (late) {
            CHECK_INT(fake_bind_as(&g, &c.f, "Alice", "s3cret", &is_signed),
                      SMBKIT_STATUS_ACCESS_DENIED);
            CHECK_INT(write_one(&c), SMBKIT_STATUS_SUCCESS);
        }
        fake_part(&g);
        leave(&c);
    }
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

/* The user is changed and the first connection lost in the middle of a binding: whoever it is that
 * ends the session, it has a channel until then. */
static void changed_user_in_binding(void)
{
    struct change c;
    struct fake g;
    struct smb_server_stats stats;
    bool is_signed = false;
    enter(&c);
    c.config.multichannel = true;
    open_file(&c);
    fake_join(&g, &c.f, NULL);
    to_lose = &c.f;
    current_version = 1;
    (void)fake_bind_as(&g, &c.f, "Alice", "s3cret", &is_signed);
    CHECK(smb_server_enforce(c.f.server));
    fake_pump(&c.f);
    CHECK(!to_lose);
    smb_server_stats(c.f.server, &stats);
    CHECK_INT(stats.sessions_now, 0);
    crypto_signer_free(c.f.signer);
    crypto_sealer_free(c.f.seal_in);
    crypto_sealer_free(c.f.seal_out);
    fake_part(&g);
    fake_stop(&c.f);
}

static const struct test_case cases[] = {
    {"unchanged", unchanged},
    {"read_only", read_only},
    {"delete_on_close_when_read_only", delete_on_close_when_read_only},
    {"valid_users", valid_users},
    {"groups_of_users", groups_of_users},
    {"lists", lists},
    {"invalid_users", invalid_users},
    {"hosts_of_share", hosts_of_share},
    {"hosts_of_server", hosts_of_server},
    {"hosts_of_channel", hosts_of_channel},
    {"share_encryption", share_encryption},
    {"another_volume", another_volume},
    {"changed_user", changed_user},
    {"changed_user_in_log_in", changed_user_in_log_in},
    {"changed_user_in_binding", changed_user_in_binding},
    {"administrator", administrator},
    {"server_encryption", server_encryption},
    {"server_signing", server_signing},
};
TEST_MAIN(cases)
