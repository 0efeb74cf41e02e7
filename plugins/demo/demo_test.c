/* SPDX-License-Identifier: Apache-2.0 */
/* demo, through the whole of vfs; what clients see of changes is in the scenario "tree". */
#include <stdlib.h>
#include <unistd.h>

#include "vfs_fixture.h"

const struct smbkit_plugin *smbkit_static_demo(const struct smbkit_host_table *api);

static bool begin(struct fixture *f, const struct smbkit_arg *args, uint32_t count)
{
    *f = (struct fixture){.args = args, .arg_count = count};
    return fixture_open(f, smbkit_static_demo(smbkit_api), false);
}

static void check_content(struct fixture *f, const char *path, const char *want)
{
    char buf[64];
    test_context("%s", path);
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        CHECK(strncmp(buf, want, strlen(want)) == 0);
        must_close(f, o);
    }
    test_context("%s", "");
}

static void test_look(void)
{
    struct fixture f;
    REQUIRE(begin(&f, NULL, 0));
    check_content(&f, "what is this\xef\x80\xa5", "This share is made by a plugin on a tree");
    check_content(&f, "count/7 to 9/8.txt", "64\n");
    check_content(&f, "users/Anna/hello.txt", "Hello, anna!\n");
    check_content(&f, "orders.txt", "add NAME TEXT\n");
    char buf[8];
    struct vfs_open *o = must_open(&f, "pattern.bin", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(&f, o, 251 + 65, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "ABCDEFG");
    must_close(&f, o);
    struct vfs_create_in in = create_in(&f, "nothing");
    in.disposition = SMBKIT_OPEN;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_content(&f, "missed.txt", "nothing\n");
    fixture_close(&f);
}

static void test_host(void)
{
    char folder[] = "/tmp/smbkit-demo-XXXXXX";
    char path[64];
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.txt", folder);
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    fputs("of the host", file);
    fclose(file);
    const struct smbkit_arg args[] = {{"host", folder}, {"tick", "0"}};
    struct fixture f;
    REQUIRE(begin(&f, args, 2));
    check_content(&f, "host/A.TXT", "of the host");
    fixture_close(&f);
    unlink(path);
    rmdir(folder);
}

/* A wrong order is the answer to the close; those before it are done. */
static void test_orders(void)
{
    struct fixture f;
    REQUIRE(begin(&f, NULL, 0));
    struct vfs_open *o = must_open(&f, "orders.txt", RW, SMBKIT_OVERWRITE, 0);
    CHECK_INT(write_at(&f, o, 0, "add a some text\nrename a=b\nfly\n"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_close(&f.call, o, NULL), SMBKIT_STATUS_INVALID_PARAMETER);
    check_content(&f, "pushed/b", "some text");
    check_content(&f, "orders.txt", "add NAME TEXT\n");
    o = must_open(&f, "orders.txt", RW, SMBKIT_OVERWRITE, 0);
    CHECK_INT(write_at(&f, o, 0, "update b other\nclear\nadd c last\n"), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    check_content(&f, "pushed/c", "last");
    fixture_close(&f);
}

static void test_wrong(void)
{
    static const struct smbkit_arg args[] = {{"hist", "/"}};
    struct fixture f = {.args = args, .arg_count = 1};
    char err[256];
    const struct vfs_layer_spec layer = {
        .plugin = smbkit_static_demo(smbkit_api), .args = args, .arg_count = 1};
    const struct vfs_volume_spec spec = {.share_name = "t", .layers = &layer, .layer_count = 1};
    CHECK_INT(vfs_volume_open(&spec, &f.v, err, sizeof(err)), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK(strstr(err, "did you mean \"host\"?") != NULL);
}

static const struct test_case cases[] = {
    {"what there is", test_look},
    {"a folder of the host", test_host},
    {"orders", test_orders},
    {"a wrong argument", test_wrong},
};
TEST_MAIN(cases)
