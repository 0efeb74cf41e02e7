/* SPDX-License-Identifier: Apache-2.0 */
/* Who caches a directory's listing is told of whatever is listed otherwise; and who caches the
 * handle of a file, of its removal. */
#include "vfs_told.h"

#include "vfs/ea.h"
#include "vfs/fsctl.h"

static smbkit_status set_sparse(struct fixture *f, struct vfs_open *o)
{
    return vfs_set_sparse(&f->call, o, true);
}

static smbkit_status set_compression(struct fixture *f, struct vfs_open *o)
{
    return vfs_set_compression(&f->call, o, 2);
}

static smbkit_status set_ea(struct fixture *f, struct vfs_open *o)
{
    static const uint8_t list[] = {0, 0, 0, 0, 0, 1, 1, 0, 'N', 0, 'v'};
    return vfs_ea_set(&f->call, o, (struct smbkit_bytes){.base = list, .len = sizeof(list)});
}

static const uint8_t point[] = {0x0c, 0, 0, 0xa0, 4, 0, 0, 0, 1, 2, 3, 4};
static smbkit_status set_reparse(struct fixture *f, struct vfs_open *o)
{
    const struct smbkit_bytes data = {.base = point, .len = sizeof(point)};
    return vfs_set_reparse(&f->call, o, &data);
}

static smbkit_status delete_reparse(struct fixture *f, struct vfs_open *o)
{
    const uint8_t header[] = {0x0c, 0, 0, 0xa0, 0, 0, 0, 0};
    const struct smbkit_bytes data = {.base = header, .len = sizeof(header)};
    return vfs_delete_reparse(&f->call, o, &data);
}

static smbkit_status set_change_time(struct fixture *f, struct vfs_open *o)
{
    const struct vfs_basic_info b = {.change_time = 130000000000000000};
    return vfs_set_basic(&f->call, o, &b);
}

static const struct {
    const char *name;
    smbkit_status (*change)(struct fixture *f, struct vfs_open *o);
} rows[] = {
    {"sparse", set_sparse},
    {"compressed", set_compression},
    {"EAs", set_ea},
    {"change time", set_change_time},
    {"reparse point", set_reparse},
    {"no reparse point", delete_reparse},
};

static void check_row(struct fixture *f, struct vfs_open *file, size_t row)
{
    struct told t = {.breaks = 0};
    const struct lease_id id = {.client = {1}, .key = {(uint8_t)row}};
    test_context("%s", rows[row].name);
    lease_init(&t.lease, &id, &told_ops);
    struct vfs_open *dir = open_cached(f, "d", &t, 0);
    CHECK_INT(rows[row].change(f, file), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(t.breaks, 1);
    must_close(f, dir);
    lease_fini(&t.lease);
}

static void test_changes(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    make(&f, "d", true);
    struct vfs_open *file =
        must_open(&f, "d/file", SMBKIT_ALL_ACCESS & ~SMBKIT_SYNCHRONIZE, SMBKIT_CREATE, 0);
    REQUIRE(file);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_row(&f, file, i);
    }
    must_close(&f, file);
    fixture_close(&f);
}

/* The key of the directory's lease alone spares it, whichever client names it. */
static void test_parent_key(void)
{
    static const struct {
        const char *name;
        uint8_t client, parent;
        unsigned breaks;
    } who[] = {
        {"own", 1, 7, 0},
        {"another client's", 2, 7, 0},
        {"own, another key", 1, 8, 1},
        {"another client's", 2, 8, 1},
        {"none", 1, 0, 1},
    };
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    make(&f, "d", true);
    make(&f, "d/file", false);
    for (size_t i = 0; i < ARRAY_LEN(who); i++) {
        struct told of_dir = {.breaks = 0};
        struct told of_file = {.breaks = 0};
        const struct lease_id dir_id = {.client = {1}, .key = {7}};
        const struct lease_id file_id = {.client = {who[i].client}, .key = {9}};
        test_context("%s", who[i].name);
        lease_init(&of_dir.lease, &dir_id, &told_ops);
        lease_init(&of_file.lease, &file_id, &told_ops);
        struct vfs_open *dir = open_cached(&f, "d", &of_dir, 0);
        struct vfs_open *file = open_cached(&f, "d/file", &of_file, who[i].parent);
        CHECK_INT(set_sparse(&f, file), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(of_dir.breaks, who[i].breaks);
        must_close(&f, file);
        must_close(&f, dir);
        lease_fini(&of_file.lease);
        lease_fini(&of_dir.lease);
    }
    fixture_close(&f);
}

/* A file that another's close marks as deleted is to be let go of by who caches its handle. */
static void test_delete_on_close(void)
{
    struct fixture f = {0};
    struct told t = {.breaks = 0};
    const struct lease_id id = {.client = {1}, .key = {1}};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    make(&f, "file", false);
    lease_init(&t.lease, &id, &told_ops);
    struct vfs_open *cached = open_cached(&f, "file", &t, 0);
    struct vfs_open *other = must_open(&f, "file", SMBKIT_READ_ATTRIBUTES | SMBKIT_DELETE,
                                       SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    REQUIRE(other);
    CHECK_INT(t.breaks, 0);
    must_close(&f, other);
    CHECK_INT(t.breaks, 1);
    must_close(&f, cached);
    lease_fini(&t.lease);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"a key spares its directory", test_parent_key},
    {"delete on close", test_delete_on_close},
    {"changes of what is listed", test_changes},
};

TEST_MAIN(cases)
