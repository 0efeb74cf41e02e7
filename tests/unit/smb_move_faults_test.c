/* SPDX-License-Identifier: Apache-2.0 */
/* A share gets another volume, and something is in the way of all of it, or in between: roots of
 * users, memory, a question. */
#include "smb_move.h"

#include "wire/fscc_file.h"
#include "wire/output.h"
#include "wire/query_info.h"

/* ---- users with a root of their own ---- */

static bool has_roots;
static unsigned root_calls;

static smbkit_status root_session_root(void *v, struct smbkit_op *op, struct smbkit_session_root *a)
{
    (void)v;
    (void)op;
    root_calls++;
    if (!has_roots) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    memcpy(a->path.base, "home", 5);
    a->path.len = 5;
    return SMBKIT_STATUS_SUCCESS;
}

static struct move *slowed; /* each create takes so long there; NULL: none does */
static uint32_t create_ms;
static unsigned creates;

static smbkit_status root_create(void *v, struct smbkit_op *op, struct smbkit_create *how)
{
    creates++;
    if (slowed) {
        slowed->p.f.now_ms += create_ms;
    }
    return smbkit_next_create(v, op, how);
}

static struct move *asked; /* the share is replaced while the plugin is asked */

static smbkit_status root_getattr(void *v, struct smbkit_op *op, void *file, struct smbkit_attr *a)
{
    struct move *m = asked;
    if (m) {
        asked = NULL;
        CHECK_INT(replace(m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(m->out.moved, 1);
        m->is_over = true;
    }
    return smbkit_next_getattr(v, op, file, a);
}

static bool refuses_locks;

static smbkit_status root_lock(void *v, struct smbkit_op *op, void *file,
                               const struct smbkit_lock *a)
{
    bool takes = !(a->flags & SMBKIT_LOCK_UNLOCK);
    return takes && refuses_locks ? SMBKIT_STATUS_LOCK_NOT_GRANTED
                                  : smbkit_next_lock(v, op, file, a);
}

static void root_close(void *v, struct smbkit_op *op, void *file)
{
    smbkit_next_close(v, op, file);
}

static smbkit_status root_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void root_volume_close(void *volume)
{
    (void)volume;
}

static const struct smbkit_plugin root_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING,
    .name = "root",
    .description = "root",
    .version = "1",
    .volume_open = root_volume_open,
    .volume_close = root_volume_close,
    .create = root_create,
    .close = root_close,
    .getattr = root_getattr,
    .lock = root_lock,
    .session_root = root_session_root,
};

/* What was his root is none there: his tree connect ends, with its handles. */
static void test_root_before(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin_over(&m, &root_filter);
    CHECK_INT(fake_create_dir(&m.p.f, "home", &rsp), SMBKIT_STATUS_SUCCESS);
    has_roots = true;
    CHECK_INT(fake_tree(&m.p.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    put(&m.p.f, "a", "his");
    put(&m.p.g, "a", "another's");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    check_reads(&m.p.f, id, "his");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 2); /* and the folder, which was opened before */
    CHECK_INT(read_status(&m.p.f, id), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    has_roots = false;
    move_end(&m);
}

/* Nor may he see all of what has a root for him now. */
static void test_root_after(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin_over(&m, &root_filter);
    put(&m.p.f, "a", "another's");
    put(&m.p.g, "a", "new");
    CHECK_INT(fake_create_dir(&m.p.f, "home", &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&m.p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    struct vfs_volume *two = m.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id id = open_it(&m.p.f, "a");
    has_roots = true;
    m.volume = m.p.f.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(read_status(&m.p.f, id), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&m.p.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&m.p.f, "a", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    has_roots = false;
    m.volume = two;
    move_end(&m);
}

/* The new volume's plugin refuses what is locked: the handle cannot go. */
static void test_lock_refused(void)
{
    struct move m;
    move_begin_over(&m, &root_filter);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct vfs_volume *two = m.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id id = open_it(&m.p.f, "a");
    struct wr w = lock_request(&m.p.f, id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    m.volume = m.p.f.volume;
    refuses_locks = true;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    check_reads(&m.p.f, id, "new");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(read_status(&m.p.f, id), SMBKIT_STATUS_FILE_CLOSED);
    refuses_locks = false;
    m.volume = two;
    move_end(&m);
}

#define FILES 8u

/* The time is the new volume's plugin's: it has so much for all files, and not more. */
static void test_time_is_bounded(void)
{
    struct move m;
    struct smb2_file_id ids[FILES];
    char name[2] = "a";
    move_begin_over(&m, &root_filter);
    struct vfs_volume *two = m.volume;
    for (unsigned i = 0; i < FILES; i++, name[0]++) {
        put(&m.p.f, name, "old");
        put(&m.p.g, name, "new");
    }
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    name[0] = 'a';
    for (unsigned i = 0; i < FILES; i++, name[0]++) {
        ids[i] = open_it(&m.p.f, name);
    }
    m.volume = m.p.f.volume;
    slowed = &m;
    create_ms = SMB_MOVE_REST_MS * 2 / 3; /* two are tried */
    creates = 0;
    uint64_t before = m.p.f.now_ms;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(creates, 2);
    CHECK(m.p.f.now_ms - before < 2 * SMB_MOVE_REST_MS);
    check_reads(&m.p.f, ids[FILES - 1], "new");
    create_ms = SMB_MOVE_ALL_MS / (FILES - 2);
    before = m.p.f.now_ms;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    slowed = NULL;
    CHECK_INT(m.out.moved + m.out.closed, FILES);
    CHECK(m.out.moved >= FILES / 2 && m.out.moved < FILES);
    CHECK(m.p.f.now_ms - before < SMB_MOVE_ALL_MS + 2 * create_ms);
    unsigned ended = 0;
    for (unsigned i = 0; i < FILES; i++) {
        ended += read_status(&m.p.f, ids[i]) == SMBKIT_STATUS_FILE_CLOSED;
    }
    CHECK_INT(ended, m.out.closed);
    m.volume = two;
    move_end(&m);
}

/* The plugin is asked for a user once, however many handles he has. */
static void test_root_asked_once(void)
{
    struct move m;
    move_begin_over(&m, &root_filter);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    for (unsigned i = 0; i < 10; i++) {
        (void)open_it(&m.p.f, "a");
    }
    struct vfs_volume *two = m.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 10);
    m.volume = m.p.f.volume;
    root_calls = 0;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 10);
    CHECK_INT(root_calls, 2); /* one for each client */
    m.volume = two;
    move_end(&m);
}

/* ---- a call that is not its requests' ---- */

static uint64_t opens_of(struct vfs_volume *v)
{
    struct vfs_volume_stats stats;
    vfs_volume_stats(v, &stats);
    return stats.opens_now;
}

/* Somebody copies from the file: it goes, and what it leaves is closed when that is over. */
static void test_in_use(void)
{
    struct move m;
    struct smbkit_attr attr;
    move_begin_over(&m, &root_filter);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    struct smb_open *o = smb_open_find_any(m.p.f.server, id.persistent);
    struct vfs_open *file = smb_open_file_ref(o);
    struct vfs_token *token = smb_session_token(o->session);
    struct vfs_call call = {.token = token};
    asked = &m;
    CHECK_INT(vfs_getattr(&call, file, 0, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over);
    CHECK_INT(attr.size, 3);
    CHECK_INT(opens_of(m.p.f.volume), 1);
    fake_pump(&m.p.f);
    CHECK_INT(opens_of(m.p.f.volume), 0);
    check_reads(&m.p.f, id, "new");
    vfs_token_unref(token);
    vfs_open_unref(file);
    smb_open_unref(o);
    move_end(&m);
}

/* ---- what its volume is ---- */

static uint32_t serial_of(struct move *m)
{
    struct fscc_file_info info = {0};
    struct fscc_file_names names = {0};
    struct wire_slice out = {0};
    const struct smb2_query_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                            .info_class = SMB2_FILE_ID_INFO,
                                            .output_max = 64,
                                            .file_id = m->id};
    struct wr w = fake_request(&m->p.f, SMB2_QUERY_INFO);
    smb2_query_info_req_format(&w, &req);
    struct fake_reply r = fake_ask(&m->p.f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smb2_output_parse(&r.body, &out), WIRE_OK);
    CHECK_INT(fscc_file_query_parse(out, SMB2_FILE_ID_INFO, &info, &names), WIRE_OK);
    fake_reply_fini(&r);
    return (uint32_t)info.volume_serial;
}

static uint32_t serial_before;

static void ask_in_between(struct move *m)
{
    struct smb_share *share = smb_server_share_find(m->p.f.server, "mem");
    if (!m->is_over && smb_share_is_on(share, m->volume) && m->frozen_turn == 0) {
        m->is_over = true;
        CHECK(smb_share_serial(share) != serial_before);
        CHECK_INT(serial_of(m), serial_before);
    }
    smb_share_unref(share);
}

/* That goes with its file id, which is of the volume that it has itself. */
static void test_serial(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    m.id = open_it(&m.p.f, "a");
    serial_before = serial_of(&m);
    m.meanwhile = ask_in_between;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over);
    CHECK_INT(m.out.moved, 1);
    CHECK(serial_of(&m) != serial_before);
    move_end(&m);
}

/* ---- without memory ---- */

/* A handle goes, or ends, or nothing has changed: whichever allocation fails. */
static bool without_memory(enum smb_handles how, uint64_t nth)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    uint8_t buf[8] = {0};
    size_t len = 0;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(fake_create_dir(&m.p.f, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create_dir(&m.p.g, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id dir = open_it(&m.p.f, "d");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    struct wr w = lock_request(&m.p.f, id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    w = notify_request(&m.p.f, dir);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    test_context("allocation %llu", (unsigned long long)nth);
    const struct smb_share_spec spec = {.name = "mem", .volume = m.volume};
    mem_fail_nth(nth);
    smbkit_status status = smb_server_share_replace(m.p.f.server, &spec, how, &m.out);
    bool failed = mem_fail_happened();
    mem_fail_nth(0);
    if (m.p.f.taken < m.p.f.sent_count) {
        fake_pump(&m.p.f);
    }
    smbkit_status notified = next_status(&m.p.f);
    smbkit_status read = fake_read(&m.p.f, id, 0, (struct crypto_span){buf, sizeof(buf)}, &len);
    if (!SMBKIT_OK(status)) {
        CHECK(failed);
        CHECK_INT(notified, SMBKIT_STATUS_PENDING);
        CHECK(SMBKIT_OK(read) && memcmp(buf, "old", 3) == 0);
    } else if (SMBKIT_OK(read)) {
        CHECK(memcmp(buf, "new", 3) == 0);
        CHECK(m.out.moved > 0);
    } else {
        /* Whether the user has a root of his own was not to be found out: the tree ends. */
        bool is_tree = read == SMBKIT_STATUS_NETWORK_NAME_DELETED;
        CHECK(failed && (is_tree || m.out.closed > 0));
        CHECK(is_tree || read == SMBKIT_STATUS_FILE_CLOSED);
    }
    test_context("%s", "");
    move_end(&m);
    return failed;
}

static void test_without_memory(void)
{
    for (uint64_t n = 1; without_memory(SMB_HANDLES_MOVE, n); n++) {
    }
    for (uint64_t n = 1; without_memory(SMB_HANDLES_MOVE_ALL, n); n++) {
    }
}

static const struct test_case cases[] = {
    {"root before", test_root_before},
    {"root after", test_root_after},
    {"lock refused", test_lock_refused},
    {"time is bounded", test_time_is_bounded},
    {"root asked once", test_root_asked_once},
    {"in use", test_in_use},
    {"serial", test_serial},
    {"without memory", test_without_memory},
};
TEST_MAIN(cases)
