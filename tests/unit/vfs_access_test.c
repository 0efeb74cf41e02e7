/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1.2.1: who may do what, by descriptors that are kept and by those that are made
 * up. */
#include "vfs_fixture.h"

#include "vfs/secdesc.h"

#define S(name) SMBKIT_STATUS_##name
#define S_DENIED ((smbkit_status)0xC0000022) /* a constant, for static tables */

/* Everyone may read; Anna (the caller) owns nothing. */
static smbkit_status sd_read_only(struct wr *w)
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
        vfs_volume_private_files_set(f.v, private);
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
        vfs_volume_private_files_set(f.v, private);
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
    REQUIRE(o);
    CHECK_INT(sd_read_only(&w), 0);
    CHECK_INT(vfs_set_security(&f.call, o, SD_DACL, w.base, w.len), 0);
    wr_fini(&w);
    must_close(&f, o);
    in = create_in(&f, "dir/new");
    CHECK_INT(try_open(&f, &in), S(ACCESS_DENIED));
    fixture_close(&f);
}
static const struct test_case cases[] = {
    {"made_up_descriptors", made_up_descriptors},
    {"rights_without_descriptor", rights_without_descriptor},
    {"security", security},
};
TEST_MAIN(cases)
