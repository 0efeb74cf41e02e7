/* SPDX-License-Identifier: Apache-2.0 */
/* Durable opens that are written down, and opened again by another server on the same volume. */
#include "smb_durable.h"

#include <stdlib.h>
#include <unistd.h>

#include "smb/record.h"
#include "wire/lock.h"
#include "wire/set_info.h"

const struct smbkit_plugin *smbkit_static_dir(const struct smbkit_host_table *api);

static bool are_roots; /* of DFS: the shares */

static void share_add(struct scene *s, const char *name)
{
    struct smb_share_spec share = {.name = name, .volume = s->f.volume, .dfs_root = are_roots};
    CHECK_INT(smb_server_share_set(s->f.server, &share), SMBKIT_STATUS_SUCCESS);
}

/* As begin(), on a folder. */
static void begin_on(struct scene *s, const char *folder)
{
    char err[256] = "";
    *s = (struct scene){0};
    fake_init(&s->f);
    s->config = fake_config(&s->f);
    s->f.plugin = vfs_plugin_adopt(smbkit_static_dir(&vfs_api), err, sizeof(err));
    const struct smbkit_arg arg = {.key = "path", .value = folder};
    struct vfs_layer_spec layer = {.plugin = s->f.plugin, .args = &arg, .arg_count = 1};
    struct vfs_volume_spec spec = {.share_name = "mem", .layers = &layer, .layer_count = 1};
    REQUIRE(SMBKIT_OK(vfs_volume_open(&spec, &s->f.volume, err, sizeof(err))));
    s->f.server = smb_server_new(&s->config);
    share_add(s, "mem");
    fake_init(&s->g);
    s->g.server = s->f.server;
    s->g.peer = &s->f;
    s->f.credits = s->g.credits = 64;
    fake_enter(&s->f, SMB2_DIALECT_311);
}

/* f's connection is lost, and the server stops. How many were written down. */
static size_t stop(struct scene *s, struct wr *w)
{
    struct smb_server_stats stats;
    size_t count = 0;
    fake_disconnect(&s->f);
    CHECK(smb_server_write_down(s->f.server, w, &count));
    CHECK(smb_server_keep_none(s->f.server));
    fake_pump(&s->f);
    smb_server_stats(s->f.server, &stats);
    CHECK_INT(stats.opens_now, 0);
    smb_server_free(s->f.server);
    s->f.tick_ms = 0;
    return count;
}

static size_t unread; /* of what the last server was given, in bytes */

/* Another server has its shares and what was written down; f is back. How many it has taken. */
static size_t start(struct scene *s, const struct wr *w)
{
    s->f.server = s->g.server = smb_server_new(&s->config);
    ASSERT(s->f.server);
    share_add(s, "mem");
    share_add(s, "other");
    size_t taken = smb_server_restore(s->f.server, w->base, wr_pos(w), &unread);
    fake_enter(&s->f, SMB2_DIALECT_311);
    return taken;
}

/* How many were written down. */
static size_t restart(struct scene *s, uint64_t away_ms)
{
    CLEANUP(wr_fini) struct wr w = wr_new(1u << 20);
    size_t count = stop(s, &w);
    s->f.now_ms += away_ms;
    CHECK_INT(start(s, &w), away_ms < 20000 ? count : 0);
    return count;
}

static void open_with_data(struct scene *s, const struct ask *a)
{
    CHECK_INT(create(&s->f, a, &s->rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s->f, s->rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
}

static void comes_back(struct scene *s)
{
    open_with_data(s, &durable_v2);
    uint64_t first = s->rsp.file_id.persistent;
    CHECK_INT(restart(s, 5000), 1);
    struct smb2_create_rsp rsp = {0};
    const struct ask another = {.name = "another", .disposition = SMBKIT_OPEN_IF};
    CHECK_INT(create(&s->f, &another, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK(rsp.file_id.persistent > first); /* nobody else gets its id */
    const struct ask back = back_v2(s);
    CHECK_INT(come_back(&s->f, &back), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(come_back(&s->f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    /* It is as durable as before: without a restart, and over another one. */
    fake_disconnect(&s->f);
    CHECK_INT(kept(s), 1);
    fake_enter(&s->f, SMB2_DIALECT_311);
    CHECK_INT(come_back(&s->f, &back), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(restart(s, 5000), 1);
    CHECK_INT(come_back(&s->f, &back), SMBKIT_STATUS_SUCCESS);
}

static void test_comes_back(void)
{
    struct scene s;
    begin(&s);
    comes_back(&s);
    end(&s);
}

static void test_on_dir(void)
{
    char folder[] = "/tmp/smbkit-restart-XXXXXX";
    char path[64];
    struct scene s;
    REQUIRE(mkdtemp(folder) != NULL);
    begin_on(&s, folder);
    comes_back(&s);
    end(&s);
    static const char *const made[] = {"file", "another"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, made[i]);
        CHECK_INT(unlink(path), 0);
    }
    CHECK_INT(rmdir(folder), 0);
}

/* ---- who gets it back ---- */

enum { GOOD, BY_V1, ID, GUID, LEASE, OTHER_USER, OTHER_SHARE, TIME, ROWS };

static void test_is_refused(void)
{
    static const char *const names[ROWS] = {"good",  "v1",   "id",    "guid",
                                            "lease", "user", "share", "time"};
    for (unsigned i = GOOD; i < ROWS; i++) {
        struct scene s;
        test_context("%s", names[i]);
        begin(&s);
        open_with_data(&s, i == BY_V1 ? &durable_v1 : &durable_v2);
        CHECK_INT(restart(&s, i == TIME ? 20000 : 0), 1);
        struct ask back = i == BY_V1 ? back_v1(&s) : back_v2(&s);
        const struct ask good = back;
        bool is_good = i == GOOD || i == BY_V1;
        smbkit_status want = is_good ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        struct fake *by = &s.f;
        back.id.persistent += i == ID;
        back.guid += i == GUID;
        back.present |= i == LEASE ? SMB2_CTX_RQLS : 0;
        if (i == OTHER_USER) {
            by = &s.g;
            fake_enter_as(by, SMB2_DIALECT_311, "j\xc3\xbcrgen", "p\xc3\xa4ss");
            want = SMBKIT_STATUS_ACCESS_DENIED;
        } else if (i == OTHER_SHARE) {
            by = &s.g;
            fake_enter(by, SMB2_DIALECT_311);
            CHECK_INT(fake_tree(by, "\\\\fake\\other"), SMBKIT_STATUS_SUCCESS);
        }
        CHECK_INT(come_back(by, &back), want);
        if (by == &s.g) {
            fake_disconnect(by);
        }
        if (!is_good && i != TIME) { /* it has cost the owner nothing */
            CHECK_INT(come_back(&s.f, &good), SMBKIT_STATUS_SUCCESS);
        }
        end(&s);
    }
}

/* ---- what has become of the file ---- */

enum { KEPT, MOVED, CHANGED, OPENED, READ, GONE, REPLACED, FATES };

static void open_as(struct fake *by, uint32_t access, uint32_t options, struct smb2_create_rsp *rsp)
{
    const struct ask a = {
        .disposition = SMBKIT_OPEN_IF, .share = 7, .access = access, .options = options};
    CHECK_INT(create(by, &a, rsp), SMBKIT_STATUS_SUCCESS);
}

static smbkit_status fake_rename(struct fake *f, struct smb2_file_id id, const char *name)
{
    uint8_t buf[128] = {0};
    struct wr in = wr_init(buf, sizeof(buf));
    wr_zero(&in, 16);
    wr_u32(&in, (uint32_t)utf16_len_bytes(name));
    wr_utf16(&in, name);
    const struct smb2_set_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                          .info_class = SMB2_FILE_RENAME_INFO,
                                          .file_id = id,
                                          .buffer = {buf, MAX(wr_pos(&in), 24)}};
    struct wr w = fake_request(f, SMB2_SET_INFO);
    smb2_set_info_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static void meet_fate(struct scene *s, unsigned fate)
{
    struct smb2_create_rsp rsp = {0};
    fake_enter(&s->g, SMB2_DIALECT_311);
    switch (fate) {
    case MOVED:
    case CHANGED:
    case OPENED:
    case READ:
        open_as(&s->g, 0, 0, &rsp);
        break;
    case GONE:
    case REPLACED:
        open_as(&s->g, SMBKIT_DELETE, VFS_DELETE_ON_CLOSE, &rsp);
        break;
    default:
        return;
    }
    if (fate == MOVED) {
        CHECK_INT(fake_rename(&s->g, rsp.file_id, "elsewhere"), SMBKIT_STATUS_SUCCESS);
    }
    if (fate == CHANGED) {
        s->f.now_ms += 1000;
        CHECK_INT(fake_write(&s->g, rsp.file_id, 0, "HALLO", 5), SMBKIT_STATUS_SUCCESS);
    }
    if (fate == OPENED) {
        return;
    }
    CHECK_INT(fake_close_file(&s->g, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    if (fate == REPLACED) {
        open_as(&s->g, 0, 0, &rsp);
        CHECK_INT(fake_write(&s->g, rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&s->g, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    }
}

static void test_fates(void)
{
    static const char *const names[FATES] = {"kept", "moved", "changed", "opened",
                                             "read", "gone",  "replaced"};
    for (unsigned i = KEPT; i < FATES; i++) {
        struct scene s;
        test_context("%s", names[i]);
        begin(&s);
        struct ask a = durable_v2;
        a.share = 7;
        open_with_data(&s, &a);
        CHECK_INT(restart(&s, 0), 1);
        meet_fate(&s, i);
        const struct ask back = back_v2(&s);
        /* A renamed file has another change time. */
        bool is_had = i == KEPT || i == READ;
        CHECK_INT(come_back(&s.f, &back),
                  is_had ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        if (s.g.conn) {
            fake_disconnect(&s.g);
        }
        end(&s);
    }
}

/* ---- what comes back with it ---- */

static smbkit_status lock(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    const struct smb2_lock_element one = {.offset = 2, .length = 3, .flags = flags};
    struct smb2_lock_req req = {.file_id = id, .count = 1};
    req.locks[0] = one;
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static void test_lease_and_locks(void)
{
    for (unsigned v2 = 0; v2 < 2; v2++) {
        struct scene s;
        struct ask a = durable_v2;
        struct smb2_create_rsp rsp = {0};
        test_context("lease of version %u", v2 + 1);
        begin(&s);
        a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
        a.present |= SMB2_CTX_RQLS;
        a.key = 0x33;
        a.writes = true;
        a.lease_v2 = v2;
        open_with_data(&s, &a);
        uint16_t epoch = s.rsp.ctxs.lease.epoch;
        CHECK_INT(lock(&s.f, s.rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(restart(&s, 0), 1);
        struct ask back = back_v2(&s);
        back.present |= SMB2_CTX_RQLS;
        back.key = 0x33;
        back.lease_v2 = v2;
        back.name = "wrong";
        CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_INVALID_PARAMETER);
        back.name = NULL;
        CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.ctxs.lease.state, 7);
        CHECK(!v2 || rsp.ctxs.lease.epoch == (uint16_t)(epoch + 1));
        CHECK_INT(lock(&s.f, rsp.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(lock(&s.f, rsp.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_RANGE_NOT_LOCKED);
        end(&s);
    }
}

/* Named from the server on, in the root of a namespace. */
static void test_lease_by_dfs_name(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    struct ask a = durable_v2;
    begin(&s);
    a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
    a.present |= SMB2_CTX_RQLS;
    a.key = 0x33;
    open_with_data(&s, &a);
    are_roots = true;
    CHECK_INT(restart(&s, 0), 1);
    struct ask back = back_v2(&s);
    back.present |= SMB2_CTX_RQLS;
    back.key = 0x33;
    back.flags = SMB2_FLAGS_DFS_OPERATIONS;
    back.name = "server\\mem\\wrong";
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_INVALID_PARAMETER);
    back.name = "server\\mem\\file";
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    are_roots = false;
    end(&s);
}

static struct ask of_lease(struct ask a)
{
    a.present |= SMB2_CTX_RQLS;
    a.key = 0x33;
    return a;
}

/* f has two opens of a lease, each with a CreateGuid of its own. */
static void open_two(struct scene *s, struct ask back[2])
{
    for (unsigned i = 0; i < 2; i++) {
        struct smb2_create_rsp rsp = {0};
        struct ask a = of_lease(durable_v2);
        a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
        a.writes = true;
        a.share = 7;
        a.guid = (uint8_t)(0x77 + i);
        CHECK_INT(create(&s->f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
        back[i] = of_lease((struct ask){
            .present = SMB2_CTX_DH2C, .id = rsp.file_id, .guid = a.guid, .writes = true});
    }
}

/* What a close does to the times of its file is no doing of somebody else: it is done before
 * anything is written down, whichever open has written. */
static void test_late_times(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        struct ask back[2];
        struct smb2_create_rsp rsp = {0};
        test_context("by open %u", i);
        begin(&s);
        vfs_volume_habits_set(s.f.volume, VFS_LATE_TIMES);
        open_two(&s, back);
        CHECK_INT(fake_write(&s.f, back[i].id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(restart(&s, 0), 2);
        CHECK_INT(create(&s.f, &back[0], &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(create(&s.f, &back[1], &rsp), SMBKIT_STATUS_SUCCESS);
        end(&s);
    }
}

/* It has one open of the lease again and changes the file; then it asks for the other. */
static void test_own_changes(void)
{
    enum { OWN, CLOSED, NEW, CASES };
    for (unsigned i = OWN; i < CASES; i++) {
        struct scene s;
        struct ask back[2];
        struct smb2_create_rsp rsp = {0};
        test_context("row %u", i);
        begin(&s);
        open_two(&s, back);
        CHECK_INT(restart(&s, 0), 2);
        if (i == NEW) { /* whose file may be anything */
            struct ask a =
                of_lease((struct ask){.oplock = SMB2_OPLOCK_LEVEL_LEASE, .writes = true});
            a.disposition = SMBKIT_OPEN;
            a.share = 7;
            CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
        } else {
            CHECK_INT(create(&s.f, &back[0], &rsp), SMBKIT_STATUS_SUCCESS);
        }
        CHECK_INT(rsp.ctxs.lease.state, 7);
        CHECK_INT(fake_write(&s.f, rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
        if (i == CLOSED) {
            CHECK_INT(fake_close_file(&s.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        }
        CHECK_INT(create(&s.f, &back[1], &rsp),
                  i == OWN ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        end(&s);
    }
}

/* What is to be deleted with its open goes when the server stops, as before. */
static void test_not_written(void)
{
    struct scene s;
    struct ask a = durable_v2;
    begin(&s);
    a.options = VFS_DELETE_ON_CLOSE;
    open_with_data(&s, &a);
    CHECK_INT(restart(&s, 0), 0);
    const struct ask back = back_v2(&s);
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    end(&s);
}

/* Nothing is left of those that nobody came for. */
static void test_forgotten(void)
{
    struct scene s;
    begin(&s);
    open_with_data(&s, &durable_v2);
    CHECK_INT(restart(&s, 0), 1);
    CHECK(s.f.tick_ms != 0);
    fake_pass(&s.f, 30000);
    CHECK_INT(s.f.tick_ms, 0); /* the server's clock rests */
    const struct ask back = back_v2(&s);
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    end(&s);
}

/* Its client has not come back when the server stops once more: it has the time that is left. */
static void test_two_restarts(void)
{
    for (unsigned late = 0; late < 2; late++) {
        struct scene s;
        test_context("late %u", late);
        begin(&s);
        open_with_data(&s, &durable_v2);
        CHECK_INT(restart(&s, 5000), 1);
        s.f.now_ms += 5000;
        CHECK_INT(restart(&s, 5000), 1);
        s.f.now_ms += late ? 5000 : 4999;
        const struct ask back = back_v2(&s);
        CHECK_INT(come_back(&s.f, &back),
                  late ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : SMBKIT_STATUS_SUCCESS);
        CHECK_INT(restart(&s, 0), !late); /* once: the open, or nothing */
        end(&s);
    }
}

/* What is before it in the file. */
static void test_after_another(void)
{
    enum { UNSOUND, DAMAGED };
    for (unsigned i = UNSOUND; i <= DAMAGED; i++) {
        CLEANUP(wr_fini) struct wr w = wr_new(1u << 20);
        CLEANUP(wr_fini) struct wr both = wr_new(1u << 20);
        struct scene s;
        struct smb_record rec;
        test_context("row %u", i);
        begin(&s);
        open_with_data(&s, &durable_v2);
        CHECK_INT(stop(&s, &w), 1);
        struct cur c = cur_init(w.base, wr_pos(&w));
        REQUIRE(smb_record_parse(&c, &rec) == SMB_RECORD_OK);
        rec.share_access = 8;
        smb_record_format(&both, &rec);
        smb_record_fini(&rec);
        size_t first = wr_pos(&both);
        both.base[SMB_RECORD_HEADER_SIZE] ^= i == DAMAGED; /* its sum is wrong */
        wr_bytes(&both, w.base, wr_pos(&w));
        CHECK_INT(start(&s, &both), i == UNSOUND);
        CHECK_INT(unread, i == UNSOUND ? first : wr_pos(&both));
        const struct ask back = back_v2(&s);
        CHECK_INT(come_back(&s.f, &back),
                  i == UNSOUND ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        end(&s);
    }
}

/* The second of two is cut off. */
static void test_cut(void)
{
    CLEANUP(wr_fini) struct wr w = wr_new(1u << 20);
    struct scene s;
    struct ask back[2];
    begin(&s);
    open_two(&s, back);
    CHECK_INT(stop(&s, &w), 2);
    struct cur c = cur_init(w.base, wr_pos(&w));
    struct smb_record rec;
    REQUIRE(smb_record_parse(&c, &rec) == SMB_RECORD_OK);
    smb_record_fini(&rec);
    size_t second = cur_left(&c);
    wr_cut(&w, wr_pos(&w) - 1);
    CHECK_INT(start(&s, &w), 1);
    CHECK_INT(unread, second - 1);
    end(&s);
}

static void test_begins(void)
{
    CHECK(smb_server_wrote("SKDO\x09", 5));
    CHECK(!smb_server_wrote("SKD", 3));
    CHECK(!smb_server_wrote("# smbkit users", 14));
}

/* The next server keeps nothing, or not for so long: that holds for what it is told, too. */
static void test_kept_for_less(void)
{
    for (uint32_t max_ms = 0; max_ms <= 1000; max_ms += 1000) {
        CLEANUP(wr_fini) struct wr w = wr_new(1u << 20);
        struct scene s;
        test_context("%u ms", max_ms);
        begin(&s);
        open_with_data(&s, &durable_v2);
        CHECK_INT(stop(&s, &w), 1);
        s.config.durable_max_ms = max_ms;
        CHECK_INT(start(&s, &w), max_ms > 0);
        CHECK_INT(unread, 0);
        s.f.now_ms += max_ms;
        const struct ask back = back_v2(&s);
        CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        end(&s);
    }
}

static const struct test_case cases[] = {
    {"comes back", test_comes_back},
    {"on dir", test_on_dir},
    {"is refused", test_is_refused},
    {"what has become of the file", test_fates},
    {"lease and locks", test_lease_and_locks},
    {"lease, by a DFS name", test_lease_by_dfs_name},
    {"late write times", test_late_times},
    {"own changes", test_own_changes},
    {"not written down", test_not_written},
    {"forgotten", test_forgotten},
    {"two restarts", test_two_restarts},
    {"after another one", test_after_another},
    {"cut off", test_cut},
    {"begins as a record", test_begins},
    {"kept for less", test_kept_for_less},
};
TEST_MAIN(cases)
