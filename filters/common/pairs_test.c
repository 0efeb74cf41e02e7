/* SPDX-License-Identifier: Apache-2.0 */
/* Each filter over each other, in both orders and twice, over mem: what a client does comes out the
 * same as without them. */
#include "filter_fixture.h"

#include <unistd.h>

static char key_arg[64] = "key=/tmp/smbkit-pairs-XXXXXX"; /* of encrypt */

#define FILTERS(X)                                                                                 \
    X(audit, NULL)                                                                                 \
    X(cache, "size=1M")                                                                            \
    X(delay, "all=0")                                                                              \
    X(encrypt, key_arg)                                                                            \
    X(error, "op=ioctl")                                                                           \
    X(limit, "ops=1000000000")                                                                     \
    X(log, "level=debug")                                                                          \
    X(overlay, "upper=mem:")                                                                       \
    X(pause, NULL)                                                                                 \
    X(quota, "default=1T")                                                                         \
    X(readonly, "paths=no-such/place")                                                             \
    X(recycle, "exclude=/*/")                                                                      \
    X(route, "/other=mem:")                                                                        \
    X(snapshot, "every=1s")                                                                        \
    X(stats, NULL)                                                                                 \
    X(veto, "files=/no-such-name/")

#define DECLARE(name, arg)                                                                         \
    const struct smbkit_plugin *smbkit_static_##name(const struct smbkit_host_table *api);
FILTERS(DECLARE)

static const struct {
    const char *name;
    const struct smbkit_plugin *(*get)(const struct smbkit_host_table *api);
    const char *arg;
} filters[] = {
#define ROW(name, arg) {#name, smbkit_static_##name, arg},
    FILTERS(ROW)};

/* Without the folder that a route shows. */
static void list_own(struct fixture *f, const char *path, char names[1024])
{
    char *other;
    list_names(f, path, names);
    while ((other = strstr(names, "other ")) != NULL) {
        memmove(other, other + 6, strlen(other + 6) + 1);
    }
}

/* Where there are no links, a file of its own is there. */
static void make_link(struct fixture *f, struct vfs_open *o, bool has_links)
{
    smbkit_status st = vfs_link(&f->call, o, "d/link", false);
    CHECK_INT(st, has_links ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_SUPPORTED);
    if (!has_links) {
        struct vfs_open *other = must_open(f, "d/link", RW, SMBKIT_CREATE, 0);
        CHECK_INT(write_at(f, other, 0, "abcx"), 0);
        must_close(f, other);
    }
}

static void check_data(struct fixture *f, bool has_links)
{
    char buf[16];
    struct vfs_open *o = must_open(f, "d/a", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "abcdef"), 0);
    CHECK_INT(vfs_set_end_of_file(&f->call, o, 3), 0);
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    make_link(f, o, has_links);
    CHECK_INT(vfs_rename(&f->call, o, "b", false), 0);
    CHECK_INT(write_at(f, o, 3, "x"), 0);
    must_close(f, o);
    o = must_open(f, "d/link", RW, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abcx");
    must_close(f, o);
    CHECK_INT(try_access(f, "b", RW, SMBKIT_OVERWRITE), 0);
    CHECK_INT(try_access(f, "d/a", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

static void check_stream(struct fixture *f)
{
    char buf[16];
    struct vfs_create_in in = create_in(f, "b");
    struct vfs_create_out out;
    in.stream = "s";
    in.disposition = SMBKIT_OPEN_IF;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    CHECK_INT(st, 0);
    if (SMBKIT_OK(st)) {
        CHECK_INT(write_at(f, out.open, 0, "stream"), 0);
        CHECK_INT(read_at(f, out.open, 0, buf, sizeof(buf)), 0);
        CHECK_STR(buf, "stream");
        must_close(f, out.open);
    }
}

static void remove_path(struct fixture *f, const char *path, uint32_t options)
{
    must_close(f, must_open(f, path, SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN,
                            options | VFS_DELETE_ON_CLOSE));
}

static void exercise(struct fixture *f, bool has_links)
{
    char names[1024];
    make(f, "d", true);
    check_data(f, has_links);
    check_stream(f);
    list_own(f, "d", names);
    CHECK_STR(names, "link ");
    list_own(f, "", names);
    CHECK(strcmp(names, "b d ") == 0 || strcmp(names, "d b ") == 0);
    remove_path(f, "d/link", 0);
    remove_path(f, "d", VFS_DIRECTORY_FILE);
    remove_path(f, "b", 0);
    list_own(f, "", names);
    CHECK_STR(names, "");
}

static bool key_make(void)
{
    static const char key[32] = "a key that is known to everybody";
    int fd = mkstemp(key_arg + 4);
    bool good = fd >= 0 && write(fd, key, sizeof(key)) == (ssize_t)sizeof(key);
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static void key_remove(void)
{
    unlink(key_arg + 4);
    strcpy(key_arg, "key=/tmp/smbkit-pairs-XXXXXX");
}

static void test_pairs(void)
{
    REQUIRE(key_make());
    for (size_t a = 0; a < ARRAY_LEN(filters); a++) {
        for (size_t b = 0; b < ARRAY_LEN(filters); b++) {
            struct fixture f;
            const struct stack_layer layers[] = {{filters[a].get(&vfs_api), {filters[a].arg}},
                                                 {filters[b].get(&vfs_api), {filters[b].arg}},
                                                 {smbkit_static_mem(&vfs_api), {NULL}}};
            test_context("%s over %s", filters[a].name, filters[b].name);
            if (stack_open(&f, layers, 3)) {
                exercise(&f, strcmp(filters[a].name, "overlay") != 0 &&
                                 strcmp(filters[b].name, "overlay") != 0);
                fixture_close(&f);
            }
        }
    }
    key_remove();
}

#define MOST 15 /* filters of a volume */

/* As many at once as there may be, beginning with that one. */
static void check_many(size_t from)
{
    struct fixture f;
    struct stack_layer layers[MOST + 1] = {{0}};
    size_t n = MIN(ARRAY_LEN(filters) - from, (size_t)MOST);
    test_context("%zu from %s on", n, filters[from].name);
    for (size_t i = 0; i < n; i++) {
        layers[i] = (struct stack_layer){filters[from + i].get(&vfs_api), {filters[from + i].arg}};
    }
    layers[n] = (struct stack_layer){smbkit_static_mem(&vfs_api), {NULL}};
    REQUIRE(stack_open(&f, layers, n + 1));
    exercise(&f, false); /* overlay has none */
    fixture_close(&f);
}

static void test_many(void)
{
    REQUIRE(key_make());
    check_many(0);
    check_many(ARRAY_LEN(filters) > MOST ? ARRAY_LEN(filters) - MOST : 0);
    key_remove();
}

static const struct test_case cases[] = {
    {"each over each", test_pairs},
    {"many at once", test_many},
};
TEST_MAIN(cases)
