/* SPDX-License-Identifier: Apache-2.0 */
/* What makes two opens opens of one file: ids, domains, names. */
#include "vfs_fixture.h"

#define S(name) SMBKIT_STATUS_##name
#define IDS_MAX 16

struct ids {
    char names[IDS_MAX][16];
    uint64_t ids[IDS_MAX];
    unsigned count;
};

static bool ids_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct ids *l = arg;
    if (l->count == IDS_MAX) {
        return false;
    }
    snprintf(l->names[l->count], sizeof(l->names[0]), "%s", e->name);
    l->ids[l->count++] = e->attr.file_id;
    return true;
}

static uint64_t id_of(struct fixture *f, const char *path)
{
    struct smbkit_attr attr = {0};
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(vfs_getattr(&f->call, o, SMBKIT_READ_ATTRIBUTES, &attr), 0);
    }
    must_close(f, o);
    return attr.file_id;
}

/* Listings, opens and open handles tell one id, and no two files the same. */
static void one_id_everywhere(bool ids_missing)
{
    struct fixture f = {0};
    f.fake.ids_missing = ids_missing;
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    struct fake_node *dir = fake_child(&f.fake, f.fake.root, "d");
    static const char *const NAMES[] = {"a", "b", "Make", "make", "e", "f"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        fake_attach(&f.fake, dir, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), NAMES[i]);
    }
    struct ids l = {0};
    struct vfs_dir_query q = {.entry = ids_entry, .arg = &l, .want_attr = true};
    struct vfs_open *d = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
    REQUIRE(l.count == 2 + ARRAY_LEN(NAMES));
    CHECK(l.ids[0] == id_of(&f, "d") && l.ids[1] == id_of(&f, ""));
    for (unsigned i = 0; i < l.count; i++) {
        char path[32];
        snprintf(path, sizeof(path), "d/%s", l.names[i]);
        CHECK(l.ids[i] != 0 && (i < 2 || l.ids[i] == id_of(&f, path)));
        for (unsigned k = 0; k < i; k++) {
            CHECK(l.ids[k] != l.ids[i]);
        }
    }
    must_close(&f, d);
    fixture_close(&f);
}

static void ids_of_plugin(void)
{
    one_id_everywhere(false);
}

static void ids_of_paths(void)
{
    one_id_everywhere(true);
}

/* An id made of the path moves with it, for who has the file open too. */
static void id_follows_rename(void)
{
    struct fixture f = {0};
    f.fake.ids_missing = true;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "a", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), 0);
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&f.call, o, SMBKIT_READ_ATTRIBUTES, &attr), 0);
    CHECK(attr.file_id == id_of(&f, "b"));
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"ids_of_plugin", ids_of_plugin},
    {"ids_of_paths", ids_of_paths},
    {"id_follows_rename", id_follows_rename},
};
TEST_MAIN(cases)
