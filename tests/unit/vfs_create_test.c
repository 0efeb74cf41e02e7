/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1: dispositions, options, attributes, share modes, delete-on-close. */
#include "vfs_fixture.h"

#define S(name) SMBKIT_STATUS_##name

/* The same as constants, for static tables. */
#define BAD_PARAMETER ((smbkit_status)0xC000000D)
#define NO_NAME ((smbkit_status)0xC0000034)
#define COLLISION ((smbkit_status)0xC0000035)
#define DENIED ((smbkit_status)0xC0000022)

static void dispositions(void)
{
    /* disposition x {missing, file, directory}: status; action */
    static const struct {
        uint32_t disposition;
        smbkit_status status[3];
        uint32_t action[3];
    } rows[] = {
        {SMBKIT_SUPERSEDE, {0, 0, BAD_PARAMETER}, {SMBKIT_CREATED, SMBKIT_SUPERSEDED, 0}},
        {SMBKIT_OPEN, {NO_NAME, 0, 0}, {0, SMBKIT_OPENED, SMBKIT_OPENED}},
        {SMBKIT_CREATE, {0, COLLISION, COLLISION}, {SMBKIT_CREATED, 0, 0}},
        {SMBKIT_OPEN_IF, {0, 0, 0}, {SMBKIT_CREATED, SMBKIT_OPENED, SMBKIT_OPENED}},
        {SMBKIT_OVERWRITE, {NO_NAME, 0, BAD_PARAMETER}, {0, SMBKIT_OVERWRITTEN, 0}},
        {SMBKIT_OVERWRITE_IF, {0, 0, BAD_PARAMETER}, {SMBKIT_CREATED, SMBKIT_OVERWRITTEN, 0}},
        {6, {BAD_PARAMETER, BAD_PARAMETER, BAD_PARAMETER}, {0}},
    };
    static const char *const paths[] = {"missing", "file", "dir"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned k = 0; k < 3; k++) {
            struct fixture f = {0};
            REQUIRE(fixture_fake(&f));
            struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
            CHECK_INT(write_at(&f, o, 0, "data"), 0);
            must_close(&f, o);
            make(&f, "dir", true);
            struct vfs_create_in in = create_in(&f, paths[k]);
            in.disposition = rows[i].disposition;
            struct vfs_create_out out;
            test_context("disposition %u on %s", rows[i].disposition, paths[k]);
            CHECK_INT(vfs_create(&f.call, &in, &out), rows[i].status[k]);
            if (SMBKIT_OK(rows[i].status[k])) {
                CHECK_INT(out.action, rows[i].action[k]);
                bool kept = k == 1 && out.action == SMBKIT_OPENED;
                CHECK_INT(out.attr.size, kept ? 4 : 0);
                must_close(&f, out.open);
            } else {
                CHECK(out.open == NULL);
            }
            fixture_close(&f);
        }
    }
    test_context("%s", "");
}

struct refusal {
    const char *name;
    const char *path;
    const char *stream;
    uint32_t access;
    uint32_t attributes;
    uint32_t share;
    uint32_t disposition;
    uint32_t options;
    smbkit_status status;
};

static void refusals_of(struct fixture *f, const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct refusal *r = &rows[i];
        test_context("%s", r->name);
        struct vfs_create_in in = create_in(f, r->path);
        in.stream = r->stream;
        in.desired_access = r->access;
        in.file_attributes = r->attributes;
        in.share_access = r->share;
        in.disposition = r->disposition;
        in.options = r->options;
        CHECK_INT(try_open(f, &in), r->status);
    }
    test_context("%s", "");
}

static void refusals_prepare(struct fixture *f)
{
    make(f, "file", false);
    make(f, "dir", true);
    struct vfs_create_in in = create_in(f, "ro");
    in.file_attributes = SMBKIT_ATTR_READONLY;
    CHECK_INT(try_open(f, &in), 0);
    in.path = "hidden";
    in.file_attributes = SMBKIT_ATTR_HIDDEN;
    CHECK_INT(try_open(f, &in), 0);
}

static void refusals(void)
{
    const struct refusal rows[] = {
        {"no access", "file", NULL, 0, 0, 7, 1, 0, S(ACCESS_DENIED)},
        {"reserved access", "file", NULL, 0x200, 0, 7, 1, 0, S(ACCESS_DENIED)},
        {"reserved access, attributes", "file", NULL, 0x08000000, 8, 7, 1, 0, S(ACCESS_DENIED)},
        {"share", "file", NULL, RW, 0, 8, 1, 0, S(INVALID_PARAMETER)},
        {"attributes", "file", NULL, RW, 0x40, 7, 1, 0, S(INVALID_PARAMETER)},
        {"option unknown", "file", NULL, RW, 0, 7, 1, 0x1000000, S(INVALID_PARAMETER)},
        {"by id", "file", NULL, RW, 0, 7, 1, VFS_OPEN_BY_FILE_ID, S(NOT_SUPPORTED)},
        {"opfilter", "file", NULL, RW, 0, 7, 1, VFS_RESERVE_OPFILTER, S(NOT_SUPPORTED)},
        {"both kinds", "file", NULL, RW, 0, 7, 1, VFS_DIRECTORY_FILE | VFS_NON_DIRECTORY_FILE,
         S(INVALID_PARAMETER)},
        {"overwrite a directory", "dir", NULL, RW, 0, 7, 5, VFS_DIRECTORY_FILE,
         S(INVALID_PARAMETER)},
        {"temporary directory", "new", NULL, RW, SMBKIT_ATTR_TEMPORARY, 7, 2, VFS_DIRECTORY_FILE,
         S(INVALID_PARAMETER)},
        {"delete without DELETE", "file", NULL, RW, 0, 7, 1, VFS_DELETE_ON_CLOSE,
         S(INVALID_PARAMETER)},
        {"delete readonly", "ro", NULL, SMBKIT_DELETE, 0, 7, 1, VFS_DELETE_ON_CLOSE,
         S(CANNOT_DELETE)},
        {"new readonly delete", "new", NULL, SMBKIT_DELETE, SMBKIT_ATTR_READONLY, 7, 2,
         VFS_DELETE_ON_CLOSE, S(CANNOT_DELETE)},
        {"delete the root", "", NULL, SMBKIT_DELETE, 0, 7, 1, VFS_DELETE_ON_CLOSE,
         S(CANNOT_DELETE)},
        {"write readonly", "ro", NULL, SMBKIT_WRITE_DATA, 0, 7, 1, 0, S(ACCESS_DENIED)},
        {"overwrite readonly", "ro", NULL, RW, 0, 7, 4, 0, S(ACCESS_DENIED)},
        {"overwrite hidden", "hidden", NULL, RW, 0, 7, 5, 0, S(ACCESS_DENIED)},
        {"overwrite hidden knowing", "hidden", NULL, RW, SMBKIT_ATTR_HIDDEN, 7, 5, 0, 0},
        {"file as directory", "file", NULL, RW, 0, 7, 1, VFS_DIRECTORY_FILE, S(NOT_A_DIRECTORY)},
        {"directory as file", "dir", NULL, RW, 0, 7, 1, VFS_NON_DIRECTORY_FILE,
         S(FILE_IS_A_DIRECTORY)},
        {"root as file", "", NULL, RW, 0, 7, 1, VFS_NON_DIRECTORY_FILE, S(FILE_IS_A_DIRECTORY)},
        {"root", "", NULL, RW, 0, 7, 1, 0, 0},
        {"create the root", "", NULL, RW, 0, 7, 2, VFS_DIRECTORY_FILE, S(OBJECT_NAME_COLLISION)},
        {"path missing", "no/such", NULL, RW, 0, 7, 3, 0, S(OBJECT_PATH_NOT_FOUND)},
        {"file in the middle", "file/x", NULL, RW, 0, 7, 3, 0, S(OBJECT_PATH_NOT_FOUND)},
        {"stream to open", "file", "s", RW, 0, 7, 1, 0, S(OBJECT_NAME_INVALID)},
        {"stream to create", "file", "s", RW, 0, 7, 3, 0, S(OBJECT_NAME_INVALID)},
        {"other case", "FILE", NULL, RW, 0, 7, 2, 0, S(OBJECT_NAME_COLLISION)},
        {"privilege", "file", NULL, SMBKIT_ACCESS_SYSTEM_SECURITY, 0, 7, 1, 0,
         S(PRIVILEGE_NOT_HELD)},
        {"append unbuffered", "file", NULL, SMBKIT_APPEND_DATA, 0, 7, 1,
         VFS_NO_INTERMEDIATE_BUFFERING, S(INVALID_PARAMETER)},
    };
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    refusals_prepare(&f);
    refusals_of(&f, rows, ARRAY_LEN(rows));
    fixture_close(&f);
}

static void access_cap(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    in.access_cap = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES;
    CHECK_INT(try_open(&f, &in), S(ACCESS_DENIED));
    in.desired_access = SMBKIT_MAXIMUM_ALLOWED;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    CHECK_INT(vfs_open_granted_access(out.open), SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES);
    must_close(&f, out.open);
    fixture_close(&f);
}

/* [MS-FSA] 2.1.5.1.2.2, said once more for a pair. */
static bool conflicts(uint32_t access, uint32_t other_share)
{
    return ((access & SMBKIT_READ_DATA) && !(other_share & VFS_SHARE_READ)) ||
           ((access & SMBKIT_WRITE_DATA) && !(other_share & VFS_SHARE_WRITE)) ||
           ((access & SMBKIT_DELETE) && !(other_share & VFS_SHARE_DELETE));
}

static void share_modes(void)
{
    static const uint32_t bits[] = {SMBKIT_READ_DATA, SMBKIT_WRITE_DATA, SMBKIT_DELETE};
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    struct vfs_create_in in2 = in;
    for (unsigned i = 0; i < 8 * 8 * 8 * 8; i++) {
        uint32_t access[2] = {SMBKIT_READ_ATTRIBUTES, SMBKIT_READ_ATTRIBUTES};
        for (unsigned b = 0; b < 3; b++) {
            access[0] |= i >> b & 1 ? bits[b] : 0;
            access[1] |= i >> (3 + b) & 1 ? bits[b] : 0;
        }
        in.desired_access = access[0];
        in2.desired_access = access[1];
        in.share_access = i >> 6 & 7;
        in2.share_access = i >> 9 & 7;
        bool stat = !(i & 7) || !(i >> 3 & 7);
        bool refused = !stat && (conflicts(access[0], in2.share_access) ||
                                 conflicts(access[1], in.share_access));
        struct vfs_create_out out;
        test_context("case %u", i);
        REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
        CHECK_INT(try_open(&f, &in2), refused ? S(SHARING_VIOLATION) : S(SUCCESS));
        must_close(&f, out.open);
    }
    test_context("%s", "");
    fixture_close(&f);
}

static void overwriting_needs_shared_write(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_create_in in = create_in(&f, "file");
    in.share_access = VFS_SHARE_READ;
    in.desired_access = SMBKIT_READ_DATA;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    in.disposition = SMBKIT_OVERWRITE_IF;
    CHECK_INT(try_open(&f, &in), S(SHARING_VIOLATION));
    must_close(&f, out.open);
    CHECK_INT(try_open(&f, &in), 0);
    fixture_close(&f);
}

static smbkit_status stat_of(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_ATTRIBUTES;
    return try_open(f, &in);
}

static void delete_on_close(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    make(&f, "dir/file", false);
    struct vfs_open *o =
        must_open(&f, "dir/file", RW | SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    struct vfs_open *other = must_open(&f, "dir/file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    must_close(&f, o);
    CHECK(vfs_open_is_delete_pending(other));
    CHECK_INT(stat_of(&f, "dir/file"), S(DELETE_PENDING));
    CHECK_INT(stat_of(&f, "DIR/FILE"), S(DELETE_PENDING));
    struct vfs_create_in in = create_in(&f, "dir/file");
    in.disposition = SMBKIT_CREATE;
    CHECK_INT(try_open(&f, &in), S(DELETE_PENDING));
    CHECK_INT(write_at(&f, other, 0, "still"), 0);
    must_close(&f, other);
    CHECK_INT(stat_of(&f, "dir/file"), S(OBJECT_NAME_NOT_FOUND));

    /* A directory with something in it stays, and the close does not fail; nor is it marked for who
     * has it open still. */
    make(&f, "dir/again", false);
    o = must_open(&f, "dir", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    other = must_open(&f, "dir", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    CHECK_INT(vfs_close(&f.call, o, NULL), 0);
    CHECK(!vfs_open_is_delete_pending(other));
    must_close(&f, other);
    o = must_open(&f, "dir", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    REQUIRE(o);
    CHECK_INT(vfs_close(&f.call, o, NULL), 0);
    CHECK_INT(stat_of(&f, "dir/again"), 0);
    fixture_close(&f);
}

/* What the plugin would not remove is not promised; what it keeps against its word is told at the
 * close. */
static void promise_of_removal(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "kept", false);
    struct vfs_open *o = must_open(&f, "kept", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    struct vfs_create_in in = create_in(&f, "kept");
    in.desired_access = SMBKIT_DELETE;
    in.options = VFS_DELETE_ON_CLOSE;
    REQUIRE(o);
    f.fake.keeps = S(MEDIA_WRITE_PROTECTED);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), S(MEDIA_WRITE_PROTECTED));
    CHECK_INT(vfs_set_disposition(&f.call, o, 1 | 8), S(MEDIA_WRITE_PROTECTED));
    CHECK(!vfs_open_is_delete_pending(o));
    CHECK_INT(vfs_set_disposition(&f.call, o, 0), 0);
    CHECK_INT(try_open(&f, &in), S(MEDIA_WRITE_PROTECTED));
    in.options = 0;
    CHECK_INT(try_open(&f, &in), 0);
    f.fake.keeps = 0;
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), 0);
    f.fake.keeps = S(CANNOT_DELETE);
    CHECK_INT(vfs_close(&f.call, o, NULL), S(CANNOT_DELETE));
    f.fake.keeps = 0;
    CHECK_INT(stat_of(&f, "kept"), 0);
    fixture_close(&f);
}

static void disposition_info(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    struct vfs_open *file = must_open(&f, "dir/file", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    struct vfs_open *dir = must_open(&f, "dir", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    struct vfs_open *root = must_open(&f, "", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    struct vfs_open *weak = must_open(&f, "dir/file", RW, SMBKIT_OPEN, 0);
    REQUIRE(file && dir && root && weak);
    CHECK_INT(vfs_set_disposition(&f.call, weak, 1), S(ACCESS_DENIED));
    CHECK_INT(vfs_set_disposition(&f.call, root, 1), S(CANNOT_DELETE));
    CHECK_INT(vfs_set_disposition(&f.call, dir, 1), S(DIRECTORY_NOT_EMPTY));
    CHECK_INT(vfs_set_disposition(&f.call, file, 1), 0);
    CHECK(vfs_open_is_delete_pending(weak));
    CHECK_INT(vfs_set_disposition(&f.call, file, 0), 0);
    CHECK(!vfs_open_is_delete_pending(weak));
    const struct vfs_basic_info ro = {.attributes = SMBKIT_ATTR_READONLY};
    CHECK_INT(vfs_set_basic(&f.call, file, &ro), 0);
    CHECK_INT(vfs_set_disposition(&f.call, file, 1), S(CANNOT_DELETE));
    CHECK_INT(vfs_set_disposition(&f.call, file, 0x11), 0);
    must_close(&f, weak);
    must_close(&f, file);
    CHECK_INT(vfs_set_disposition(&f.call, dir, 1), 0);
    struct vfs_create_in in = create_in(&f, "dir/new");
    CHECK_INT(try_open(&f, &in), S(DELETE_PENDING));
    must_close(&f, dir);
    CHECK_INT(stat_of(&f, "dir"), S(OBJECT_NAME_NOT_FOUND));
    must_close(&f, root);
    fixture_close(&f);
}

static void read_only_volume(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    struct fake_volume *fake = &f.fake;
    struct vfs_open *o = must_open(&f, "file", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    must_close(&f, o);
    fixture_close(&f);

    memset(fake, 0, sizeof(*fake));
    fake->features = SMBKIT_FEATURE_READ_ONLY;
    REQUIRE(fixture_fake(&f));
    CHECK(vfs_volume_is_read_only(f.v));
    in = create_in(&f, "");
    CHECK_INT(try_open(&f, &in), S(ACCESS_DENIED));
    in.desired_access = SMBKIT_MAXIMUM_ALLOWED;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    CHECK(!(vfs_open_granted_access(out.open) & (SMBKIT_WRITE_DATA | SMBKIT_DELETE)));
    const struct vfs_basic_info b = {.attributes = SMBKIT_ATTR_HIDDEN};
    CHECK_INT(vfs_set_basic(&f.call, out.open, &b), S(MEDIA_WRITE_PROTECTED));
    CHECK_INT(vfs_set_disposition(&f.call, out.open, 1), S(MEDIA_WRITE_PROTECTED));
    CHECK_INT(vfs_rename(&f.call, out.open, "x", false), S(ACCESS_DENIED));
    must_close(&f, out.open);
    in.path = "new";
    CHECK_INT(try_open(&f, &in), S(MEDIA_WRITE_PROTECTED));
    fixture_close(&f);
}

/* [MS-FSA] 2.1.4.17: an open that has set the change time, or said that it stays, changes it no
 * more, by data or by attributes, until it says that it goes on; the others do. */
static void frozen_change_time(void)
{
    static const uint64_t ways[] = {888888, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct fixture f = {0};
        REQUIRE(fixture_fake(&f));
        test_context("%llx", (unsigned long long)ways[i]);
        struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
        struct vfs_open *o2 = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
        REQUIRE(o && o2);
        struct smbkit_attr attr;
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        uint64_t want = ways[i] == UINT64_MAX ? attr.change_time : ways[i];
        const struct vfs_basic_info fix = {.change_time = ways[i],
                                           .attributes = SMBKIT_ATTR_HIDDEN};
        CHECK_INT(vfs_set_basic(&f.call, o, &fix), 0);
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK_INT(attr.change_time, want);
        CHECK(attr.attributes & SMBKIT_ATTR_HIDDEN);
        uint64_t written = attr.write_time;
        CHECK_INT(write_at(&f, o, 0, "x"), 0);
        CHECK_INT(vfs_set_end_of_file(&f.call, o, 100), 0);
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK_INT(attr.change_time, want);
        CHECK(attr.write_time != written); /* each for itself */
        const struct vfs_basic_info system = {.attributes = SMBKIT_ATTR_SYSTEM};
        CHECK_INT(vfs_set_basic(&f.call, o, &system), 0);
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK_INT(attr.change_time, want);
        CHECK_INT(write_at(&f, o2, 0, "y"), 0);
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK(attr.change_time != want);
        want = attr.change_time;
        CHECK_INT(vfs_set_basic(&f.call, o, &system),
                  0); /* what another has changed stays as well */
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK_INT(attr.change_time, want);
        const struct vfs_basic_info go_on = {.change_time = UINT64_MAX - 1};
        CHECK_INT(vfs_set_basic(&f.call, o, &go_on), 0);
        CHECK_INT(write_at(&f, o, 0, "z"), 0);
        CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
        CHECK(attr.change_time != want);
        must_close(&f, o);
        must_close(&f, o2);
        fixture_close(&f);
    }
    test_context("%s", "");
}

static void basic_info(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    struct vfs_open *o2 = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && o2);
    struct smbkit_attr attr;
    struct vfs_basic_info b = {.write_time = 777777};
    CHECK_INT(vfs_set_basic(&f.call, o, &b), 0);
    CHECK_INT(write_at(&f, o, 0, "x"), 0);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK_INT(attr.write_time, 777777); /* fixed by this open */
    CHECK_INT(write_at(&f, o2, 0, "y"), 0);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK(attr.write_time != 777777); /* not for the others */
    uint64_t now = attr.write_time;
    CHECK_INT(write_at(&f, o, 0, "again"), 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 1), 0);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK_INT(attr.write_time, now); /* what another has written stays as well */
    b.write_time = UINT64_MAX;
    CHECK_INT(vfs_set_basic(&f.call, o2, &b), 0);
    CHECK_INT(write_at(&f, o2, 0, "z"), 0);
    CHECK_INT(vfs_getattr(&f.call, o2, 0, &attr), 0);
    CHECK_INT(attr.write_time, now);
    b.write_time = UINT64_MAX - 1;
    CHECK_INT(vfs_set_basic(&f.call, o2, &b), 0);
    CHECK_INT(write_at(&f, o2, 0, "z"), 0);
    CHECK_INT(vfs_getattr(&f.call, o2, 0, &attr), 0);
    CHECK(attr.write_time != now);
    b = (struct vfs_basic_info){.create_time = UINT64_MAX - 5};
    CHECK_INT(vfs_set_basic(&f.call, o, &b), S(INVALID_PARAMETER));
    b = (struct vfs_basic_info){.attributes = SMBKIT_ATTR_DIRECTORY};
    CHECK_INT(vfs_set_basic(&f.call, o, &b), S(INVALID_PARAMETER));
    b = (struct vfs_basic_info){.attributes = SMBKIT_ATTR_NORMAL};
    CHECK_INT(vfs_set_basic(&f.call, o, &b), 0);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_NORMAL);
    must_close(&f, o);
    must_close(&f, o2);
    fixture_close(&f);
}

/* ---- found at once ---- */

/* Somebody opens a file the moment it is made, and begins to rename it, which takes until its maker
 * has his answer, and then fails. */
struct quick {
    struct fixture f;
    struct vfs_open *o;
    pthread_t thread;
    atomic_bool renames;
    atomic_bool answered; /* the maker */
};

static _Thread_local bool is_renamer;

static void quick_hook(struct fake_volume *v, enum fake_call call)
{
    struct quick *q = CONTAINER_OF(v, struct quick, f.fake);
    if (!is_renamer || call != FAKE_LOOKUP) {
        return;
    }
    is_renamer = false; /* once */
    atomic_store(&q->renames, true);
    for (unsigned i = 0; i < 10000 && !atomic_load(&q->answered); i++) {
        struct timespec t = {.tv_nsec = 1000000};
        nanosleep(&t, NULL);
    }
    CHECK(atomic_load(&q->answered));
}

static void quick_renaming(void *arg)
{
    struct quick *q = arg;
    atomic_store(&q->f.fake.fail_at, 1); /* this call */
}

static void *quick_rename(void *arg)
{
    struct quick *q = arg;
    is_renamer = true;
    CHECK_INT(vfs_rename(&q->f.call, q->o, "taken", false), S(DISK_FULL));
    return NULL;
}

static void quick_made(void *arg)
{
    struct quick *q = arg;
    q->o = must_open(&q->f, "new", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(q->o);
    pthread_create(&q->thread, NULL, quick_rename, q);
    while (!atomic_load(&q->renames)) {
    }
}

/* Its maker neither waits for that, nor finds his own file in the way. */
static void found_at_once(void)
{
    struct quick q = {.f.fake.thread_model = SMBKIT_PARALLEL};
    REQUIRE(fixture_fake(&q.f));
    q.f.fake.made = quick_made;
    q.f.fake.hook = quick_hook;
    q.f.fake.renaming = quick_renaming;
    q.f.fake.hook_arg = &q;
    q.f.fake.fail_with = S(DISK_FULL);
    struct vfs_create_in in = create_in(&q.f, "new");
    in.disposition = SMBKIT_CREATE;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&q.f.call, &in, &out), 0);
    CHECK_INT(out.action, SMBKIT_CREATED);
    atomic_store(&q.answered, true);
    pthread_join(q.thread, NULL);
    must_close(&q.f, out.open);
    must_close(&q.f, q.o);
    fixture_close(&q.f);
}

/* Somebody closes a file that is to be removed, between a create's look at it and its answer. */
struct going {
    struct fixture f;
    struct vfs_open *o;
};

static void going_opened(void *arg)
{
    struct going *g = arg;
    must_close(&g->f, g->o);
}

/* Who makes a file of that name makes it: there is nothing that it collides with. */
static void gone_when_found(void)
{
    struct going g = {.f.fake.thread_model = SMBKIT_PARALLEL};
    REQUIRE(fixture_fake(&g.f));
    g.f.fake.hook_arg = &g;
    g.o = must_open(&g.f, "f", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(g.o);
    CHECK_INT(vfs_set_disposition(&g.f.call, g.o, 1), 0);
    g.f.fake.opened = going_opened;
    struct vfs_create_in in = create_in(&g.f, "f");
    in.disposition = SMBKIT_CREATE;
    struct vfs_create_out out;
    smbkit_status st = vfs_create(&g.f.call, &in, &out);
    CHECK(!g.f.fake.opened);
    REQUIRE(st == 0);
    CHECK_INT(out.action, SMBKIT_CREATED);
    must_close(&g.f, out.open);
    fixture_close(&g.f);
}

static const struct test_case cases[] = {
    {"dispositions", dispositions},
    {"refusals", refusals},
    {"access_cap", access_cap},
    {"share_modes", share_modes},
    {"overwriting_needs_shared_write", overwriting_needs_shared_write},
    {"delete_on_close", delete_on_close},
    {"promise_of_removal", promise_of_removal},
    {"disposition_info", disposition_info},
    {"read_only_volume", read_only_volume},
    {"basic_info", basic_info},
    {"frozen_change_time", frozen_change_time},
    {"found_at_once", found_at_once},
    {"gone_when_found", gone_when_found},
};
TEST_MAIN(cases)
