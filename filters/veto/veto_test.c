/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

const struct smbkit_plugin *smbkit_static_veto(const struct smbkit_host_table *api);

static bool start(struct fixture *f, const char *deletes)
{
    const struct stack_layer layers[] = {
        {smbkit_static_veto(&vfs_api), {"files=/.*/*.tmp/Thumbs.db/", deletes}},
        {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static smbkit_status remove_path(struct fixture *f, const char *path, uint32_t options)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.desired_access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES;
    in.disposition = SMBKIT_OPEN;
    in.options = options;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (SMBKIT_OK(st)) {
        st = vfs_set_disposition(&f->call, out.open, true);
        must_close(f, out.open);
    }
    return st;
}

static void test_names(void)
{
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f, NULL));
    make(&f, "seen", false);
    CHECK_INT(make_below(&f, "x.tmp", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(&f, ".git", SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(make_below(&f, ".git/config", SMBKIT_KIND_FILE), 0);
    list_names(&f, "", names);
    CHECK_STR(names, "seen ");
    CHECK_INT(try_access(&f, "x.tmp", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&f, "X.TMP", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&f, ".git/config", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(try_access(&f, "new.tmp", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&f, ".git/new", RW, SMBKIT_CREATE), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    struct vfs_open *o = must_open(&f, "seen", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "seen.tmp", false), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(vfs_link(&f.call, o, ".seen", false), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(vfs_rename(&f.call, o, "seen.too", false), 0);
    must_close(&f, o);
    fixture_close(&f);
}

/* A page of a listing is full amid names that are not shown. */
static void test_pages(void)
{
    char path[32];
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f, NULL));
    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof(path), i % 3 ? "%02d.tmp" : "%02d", i);
        CHECK_INT(make_below(&f, path, SMBKIT_KIND_FILE), 0);
    }
    list_names(&f, "", names);
    CHECK_INT(strlen(names), 10 * 3);
    fixture_close(&f);
}

static void fill(struct fixture *f)
{
    make(f, "d", true);
    CHECK_INT(make_below(f, "d/a.tmp", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(f, "d/.x", SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(make_below(f, "d/.x/plain", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(f, "d/.x/more", SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(make_below(f, "d/.x/more/y", SMBKIT_KIND_FILE), 0);
}

static void test_folder_stays(void)
{
    struct fixture f;
    REQUIRE(start(&f, "delete=no"));
    fill(&f);
    CHECK_INT(remove_path(&f, "d", VFS_DIRECTORY_FILE), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    CHECK_INT(try_access(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
    make(&f, "empty", true);
    CHECK_INT(remove_path(&f, "empty", VFS_DIRECTORY_FILE), 0);
    fixture_close(&f);
}

static void test_folder_goes(void)
{
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f, "delete=yes"));
    fill(&f);
    make(&f, "d/seen", false);
    CHECK_INT(remove_path(&f, "d", VFS_DIRECTORY_FILE), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    CHECK_INT(make_below(&f, "d/a.tmp", SMBKIT_KIND_FILE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(remove_path(&f, "d/seen", 0), 0);
    CHECK_INT(remove_path(&f, "d", VFS_DIRECTORY_FILE), 0);
    list_names(&f, "", names);
    CHECK_STR(names, "");
    CHECK_INT(make_below(&f, "d", SMBKIT_KIND_DIRECTORY), 0); /* really */
    fixture_close(&f);
}

/* A layer that says it has removed what it has not. */
static struct smbkit_next *liar_next;
static unsigned lies;

static smbkit_status liar_open(struct smbkit_volume_args *args, void **volume_r)
{
    liar_next = args->next;
    lies = 0;
    *volume_r = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status liar_remove(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_remove *a)
{
    (void)volume;
    (void)op;
    (void)file;
    (void)a;
    lies++;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin LIAR = {
    .struct_size = sizeof(LIAR),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "liar",
    .volume_open = liar_open,
    .remove = liar_remove,
};

static void test_liar(void)
{
    struct fixture f;
    const struct stack_layer layers[] = {
        {smbkit_static_veto(&vfs_api), {"files=/*.tmp/", "delete=yes"}},
        {&LIAR, {NULL}},
        {smbkit_static_mem(&vfs_api), {NULL}}};
    REQUIRE(stack_open(&f, layers, 3));
    make(&f, "d", true);
    CHECK_INT(make_below(&f, "d/a.tmp", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(&f, "d/b.tmp", SMBKIT_KIND_FILE), 0);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_DELETE | SMBKIT_READ_DATA, SMBKIT_OPEN,
                                   VFS_DIRECTORY_FILE | VFS_DELETE_ON_CLOSE);
    must_close(&f, d);
    CHECK_INT(lies, 2);
    CHECK_INT(try_access(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
    fixture_close(&f);
}

/* A folder that is opened to go when it is closed may hold what a client sees: whether that is gone
 * by then is the core's business. */
static void test_seen(void)
{
    struct fixture f;
    REQUIRE(start(&f, NULL));
    make(&f, "d", true);
    make(&f, "d/seen", false);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_DELETE | SMBKIT_READ_DATA, SMBKIT_OPEN,
                                   VFS_DIRECTORY_FILE | VFS_DELETE_ON_CLOSE);
    CHECK_INT(remove_path(&f, "d/seen", 0), 0);
    must_close(&f, d);
    CHECK_INT(try_access(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{"files=/a*/", "delete=yes"}, NULL},
        {{NULL}, "files= is missing"},
        {{"files=///"}, "no name between the slashes"},
        {{"files=/a/", "delete=maybe"}, "delete=maybe"},
    };
    check_args(smbkit_static_veto(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"names", test_names},
    {"listings by pages", test_pages},
    {"a folder that holds nothing else stays", test_folder_stays},
    {"or goes", test_folder_goes},
    {"what a client sees in a folder that goes", test_seen},
    {"what does not go, whatever is said", test_liar},
    {"arguments", test_args},
};
TEST_MAIN(cases)
