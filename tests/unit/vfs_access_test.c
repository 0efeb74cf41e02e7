/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1.2.1: who may do what, by descriptors that are kept and by those that are made
 * up. */
#include "vfs_fixture.h"

#include "vfs/core.h"

#define S(name) SMBKIT_STATUS_##name
#define S_DENIED ((smbkit_status)0xC0000022) /* a constant, for static tables */

static void make_read_only(struct fixture *f, struct vfs_open *o)
{
    struct wr w = wr_new(65536);
    REQUIRE(o);
    CHECK_INT(sd_read_only(&w), 0);
    CHECK_INT(vfs_set_security(&f->call, o, SD_DACL, w.base, w.len), 0);
    wr_fini(&w);
}

static uint32_t rights_on(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_MAXIMUM_ALLOWED;
    in.want_max_access = true;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (!SMBKIT_OK(st)) {
        test_fail(__FILE__, __LINE__, "open \"%s\": %s", path, smbkit_status_name(st));
        return 0;
    }
    uint32_t granted = vfs_open_granted_access(out.open);
    CHECK_INT(out.max_access, granted);
    must_close(f, out.open);
    return granted;
}

/* What has no descriptor lets everybody do everything, but that nobody takes hold of a folder in
 * which others have private files. */
static void rights_without_descriptor(void)
{
    const uint32_t hold = SMBKIT_DELETE_CHILD | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER;
    for (unsigned private = 0; private < 2; private ++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_SECURITY;
        REQUIRE(fixture_fake(&f));
        vfs_volume_habits_set(f.v, private ? VFS_PRIVATE_FILES : 0);
        fake_attach(&f.fake, f.fake.root, fake_new(&f.fake, SMBKIT_ATTR_DIRECTORY), "dir");
        fake_attach(&f.fake, f.fake.root, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "file");
        test_context("private %u", private);
        const uint32_t of_folder = SMBKIT_ALL_ACCESS & ~(private ? hold : 0u);
        CHECK_INT(rights_on(&f, ""), of_folder);
        CHECK_INT(rights_on(&f, "dir"), of_folder);
        CHECK_INT(rights_on(&f, "file"), SMBKIT_ALL_ACCESS);
        struct vfs_create_in in = create_in(&f, "dir");
        in.disposition = SMBKIT_OPEN;
        in.desired_access = SMBKIT_WRITE_DAC;
        CHECK_INT(try_open(&f, &in), private ? S(ACCESS_DENIED) : 0);
        fixture_close(&f);
    }
}

/* A folder without a descriptor: what is made in it is everybody's, or the maker's alone. */
static void made_up_descriptors(void)
{
    for (unsigned private = 0; private < 2; private ++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_SECURITY;
        REQUIRE(fixture_fake(&f));
        vfs_volume_habits_set(f.v, private ? VFS_PRIVATE_FILES : 0);
        make(&f, "dir", true);
        make(&f, "dir/file", false);
        const struct vfs_token_spec spec = {
            .user = "berta", .domain = "", .client_address = "", .rid = 1002};
        struct vfs_token *berta = vfs_token_new(&spec);
        struct vfs_create_in in = create_in(&f, "dir/file");
        in.disposition = SMBKIT_OPEN;
        struct vfs_call call = f.call;
        call.token = berta;
        test_context("private %u", private);
        SWAP(f.call, call);
        CHECK_INT(try_open(&f, &in), private ? S(ACCESS_DENIED) : 0);
        SWAP(f.call, call);
        CHECK_INT(try_open(&f, &in), 0);
        vfs_token_unref(berta);
        fixture_close(&f);
    }
}

static void security(void)
{
    struct fixture f = {0};
    f.fake.features = SMBKIT_FEATURE_SECURITY;
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    struct vfs_open *o =
        must_open(&f, "dir/file", RW | SMBKIT_WRITE_DAC | SMBKIT_READ_CONTROL, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct wr w = wr_new(65536);
    CHECK_INT(sd_read_only(&w), 0);
    CHECK_INT(vfs_set_security(&f.call, o, SD_DACL, w.base, w.len), 0);
    CHECK_INT(vfs_set_security(&f.call, o, SD_OWNER, w.base, w.len), S(ACCESS_DENIED));
    wr_fini(&w);
    CHECK_INT(vfs_query_security(&f.call, o, SD_SACL, &w), S(ACCESS_DENIED));
    CHECK_INT(vfs_query_security(&f.call, o, SD_DACL, &w), 0);
    CHECK(w.len > 20);
    wr_fini(&w);
    must_close(&f, o);
    /* The owner may always read and write the DACL; the data only as it says. DELETE comes from the
     * directory. */
    static const struct {
        uint32_t access;
        smbkit_status status;
    } rows[] = {
        {SMBKIT_READ_DATA, 0},
        {SMBKIT_WRITE_DATA, S_DENIED},
        {SMBKIT_READ_DATA | SMBKIT_WRITE_DATA, S_DENIED},
        {SMBKIT_DELETE, 0},
        {SMBKIT_DELETE | SMBKIT_WRITE_DATA, S_DENIED},
        {SMBKIT_WRITE_DAC, 0},
    };
    struct vfs_create_in in = create_in(&f, "dir/file");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("row %zu", i);
        in.desired_access = rows[i].access;
        CHECK_INT(try_open(&f, &in), rows[i].status);
    }
    test_context("%s", "");
    in.desired_access = SMBKIT_MAXIMUM_ALLOWED;
    in.want_max_access = true;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    uint32_t granted = vfs_open_granted_access(out.open);
    CHECK(granted & SMBKIT_READ_DATA);
    CHECK(granted & SMBKIT_DELETE);
    CHECK(!(granted & SMBKIT_WRITE_DATA));
    CHECK_INT(out.max_access, granted);
    must_close(&f, out.open);
    in.desired_access = SMBKIT_READ_DATA;
    in.disposition = SMBKIT_OVERWRITE_IF;
    CHECK_INT(try_open(&f, &in), S(ACCESS_DENIED));

    /* A directory that may only be read takes no new file. */
    o = must_open(&f, "dir", SMBKIT_WRITE_DAC, SMBKIT_OPEN, 0);
    make_read_only(&f, o);
    must_close(&f, o);
    in = create_in(&f, "dir/new");
    CHECK_INT(try_open(&f, &in), S(ACCESS_DENIED));
    fixture_close(&f);
}

/* [MS-FSA] 2.1.5.1.2.2: nobody who may only read keeps others from reading, by whatever he says of
 * sharing; who may write does. */
static void reader_shares_reading(void)
{
    for (unsigned may_write = 0; may_write < 2; may_write++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_SECURITY;
        REQUIRE(fixture_fake(&f));
        test_context("may write: %u", may_write);
        struct vfs_open *o = must_open(&f, "file", SMBKIT_WRITE_DAC, SMBKIT_CREATE, 0);
        REQUIRE(o);
        if (!may_write) {
            make_read_only(&f, o);
        }
        must_close(&f, o);
        struct vfs_create_in in = create_in(&f, "file");
        struct vfs_create_out out;
        in.desired_access = SMBKIT_READ_DATA;
        in.disposition = SMBKIT_OPEN;
        in.share_access = 0;
        REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
        in.share_access = VFS_SHARE_READ | VFS_SHARE_WRITE | VFS_SHARE_DELETE;
        CHECK_INT(try_open(&f, &in), may_write ? S(SHARING_VIOLATION) : 0);
        in.share_access = 0; /* the other way round, too */
        CHECK_INT(try_open(&f, &in), may_write ? S(SHARING_VIOLATION) : 0);
        in.desired_access = SMBKIT_DELETE; /* everything else he may deny */
        in.share_access = VFS_SHARE_READ | VFS_SHARE_WRITE | VFS_SHARE_DELETE;
        CHECK_INT(try_open(&f, &in), S(SHARING_VIOLATION));
        must_close(&f, out.open);
        fixture_close(&f);
    }
    test_context("%s", "");
}

/* The next time that its descriptor is read the file is gone, behind the core's back. */
static void lose_file(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_GET_SD) {
        struct fixture *f = v->hook_arg;
        struct fake_node *n = fake_child(v, v->root, "file");
        fake_detach(v, n);
        fake_attach(v, v->root, n, "moved");
        atomic_fetch_add(&f->v->nodes->removals, 1);
        v->hook = NULL;
    }
}

/* What was not his to write is gone, and he makes it anew: that he need not share. */
static void maker_need_not_share(void)
{
    struct fixture f = {0};
    f.fake.features = SMBKIT_FEATURE_SECURITY;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "file", SMBKIT_WRITE_DAC, SMBKIT_CREATE, 0);
    make_read_only(&f, o);
    must_close(&f, o);
    struct vfs_create_in in = create_in(&f, "file");
    struct vfs_create_out out;
    in.desired_access = SMBKIT_READ_DATA;
    in.share_access = 0;
    f.fake.hook_arg = &f;
    f.fake.hook = lose_file;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    CHECK_INT(out.action, SMBKIT_CREATED);
    CHECK_INT(vfs_open_share_access(out.open), 0);
    must_close(&f, out.open);
    fixture_close(&f);
}

static unsigned fail_after; /* opens of the plugin that succeed before one fails */
static smbkit_status fail_with;

static void fail_create(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_CREATE && fail_after-- == 0) {
        v->fail_with = fail_with;
        v->fail_at = 1;
    }
}

static bool take_name(void *arg, const struct vfs_dir_entry *e)
{
    char *names = arg;
    strcat(names, e->name);
    return true;
}

static smbkit_status list_readable(struct fixture *f, const char *pattern, char names[64])
{
    names[0] = 0;
    struct vfs_open *d = must_open(f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    const struct vfs_dir_query q = {.pattern = pattern, .entry = take_name, .arg = names};
    f->fake.hook = fail_create;
    smbkit_status st = vfs_query_directory(&f->call, d, &q);
    f->fake.hook = NULL;
    must_close(f, d);
    return st;
}

/* Of what cannot be known whether it may be read, the rest of the folder is listed. */
static void odd_files_are_not_seen(void)
{
    static const smbkit_status odd[] = {SMBKIT_STATUS_SHARING_VIOLATION,
                                        SMBKIT_STATUS_IO_DEVICE_ERROR,
                                        SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND};
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        struct fixture f = {0};
        char names[64];
        f.fake.features = keeps ? SMBKIT_FEATURE_SECURITY : 0;
        REQUIRE(fixture_fake(&f));
        vfs_volume_habits_set(f.v, VFS_HIDE_UNREADABLE);
        make(&f, "a", false);
        make(&f, "b", false);
        make(&f, "c", false);
        for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
            test_context("%u %zu", keeps, i);
            fail_with = odd[i];
            fail_after = 1;
            CHECK_INT(list_readable(&f, "*", names), 0);
            CHECK_STR(names, "...ac");
            fail_after = 0;
            CHECK_INT(list_readable(&f, "b", names), S(NO_SUCH_FILE));
        }
        fail_with = S(NO_MEMORY);
        fail_after = 0;
        CHECK_INT(list_readable(&f, "b", names), S(NO_MEMORY));
        fail_after = UINT32_MAX;
        struct fake_node *b = fake_child(&f.fake, f.fake.root, "b");
        free(b->sd);
        b->sd = calloc(1, 7);
        b->sd_len = 7;
        CHECK_INT(list_readable(&f, "*", names), 0);
        CHECK_STR(names, keeps ? "...ac" : "...abc");
        fixture_close(&f);
    }
}

/* ---- a plugin with its own word ---- */

static uint32_t word; /* what it grants; UINT32_MAX: of this file the descriptor tells */
static int words;     /* how often it was asked */

static smbkit_status access_word(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_access *a)
{
    (void)volume;
    (void)file;
    words++;
    CHECK_STR(op->who->user, "anna");
    if (word == UINT32_MAX) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    a->granted = a->desired & SMBKIT_MAXIMUM_ALLOWED ? word : word & a->desired;
    return a->granted ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

static bool word_open(struct fixture *f)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.access_check = access_word;
    return fixture_open(f, &p, false);
}

static void plugin_knows_rights(void)
{
    const uint32_t reads = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES;
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        struct fixture f = {0};
        f.fake.features = keeps ? SMBKIT_FEATURE_SECURITY : 0;
        REQUIRE(word_open(&f));
        test_context("keeps descriptors: %u", keeps);
        word = UINT32_MAX;
        make(&f, "dir", true);
        make(&f, "file", false);
        CHECK(words > 0);
        CHECK_INT(rights_on(&f, "file"), SMBKIT_ALL_ACCESS);
        word = reads;
        CHECK_INT(rights_on(&f, "file"), reads);
        CHECK_INT(try_access(&f, "file", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
        /* It grants a part: that is not all that was desired. */
        CHECK_INT(try_access(&f, "file", RW, SMBKIT_OPEN), S(ACCESS_DENIED));
        CHECK_INT(try_access(&f, "dir/new", SMBKIT_READ_DATA, SMBKIT_CREATE), S(ACCESS_DENIED));
        word = SMBKIT_WRITE_DATA;
        CHECK_INT(try_access(&f, "dir/new", SMBKIT_READ_DATA, SMBKIT_CREATE), 0);
        word = SMBKIT_APPEND_DATA; /* for a directory in it */
        CHECK_INT(try_access(&f, "dir/new2", SMBKIT_READ_DATA, SMBKIT_CREATE), S(ACCESS_DENIED));
        /* The maximum beside what was desired. */
        word = reads;
        struct vfs_create_in in = create_in(&f, "file");
        struct vfs_create_out out;
        in.disposition = SMBKIT_OPEN;
        in.desired_access = SMBKIT_READ_DATA;
        in.want_max_access = true;
        CHECK_INT(vfs_create(&f.call, &in, &out), 0);
        CHECK_INT(vfs_open_granted_access(out.open), SMBKIT_READ_DATA);
        CHECK_INT(out.max_access, reads);
        must_close(&f, out.open);
        CHECK_INT(try_access(&f, "file", SMBKIT_ACCESS_SYSTEM_SECURITY, SMBKIT_OPEN),
                  S(PRIVILEGE_NOT_HELD));
        fixture_close(&f);
    }
}

/* A listing that shows what can be read goes by it. */
static void plugin_tells_what_is_seen(void)
{
    char names[64];
    struct fixture f = {0};
    REQUIRE(word_open(&f));
    word = UINT32_MAX;
    make(&f, "a", false);
    vfs_volume_habits_set(f.v, VFS_HIDE_UNREADABLE);
    word = SMBKIT_ALL_ACCESS;
    CHECK_INT(list_readable(&f, "a", names), 0);
    word = SMBKIT_READ_DATA;
    CHECK_INT(list_readable(&f, "a", names), S(NO_SUCH_FILE));
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"plugin_knows_rights", plugin_knows_rights},
    {"plugin_tells_what_is_seen", plugin_tells_what_is_seen},
    {"made_up_descriptors", made_up_descriptors},
    {"rights_without_descriptor", rights_without_descriptor},
    {"security", security},
    {"reader_shares_reading", reader_shares_reading},
    {"maker_need_not_share", maker_need_not_share},
    {"odd_files_are_not_seen", odd_files_are_not_seen},
};
TEST_MAIN(cases)
