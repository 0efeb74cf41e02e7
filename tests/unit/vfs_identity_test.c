/* SPDX-License-Identifier: Apache-2.0 */
/* What makes two opens opens of one file: ids, domains, names. */
#include "vfs_fixture.h"

#include "vfs/overlap.h"

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

/* ---- one file, several paths ---- */

static void host_rename(struct fixture *f, const char *from, const char *to)
{
    struct fake_node *n = fake_child(&f->fake, f->fake.root, from);
    fake_detach(&f->fake, n);
    fake_attach(&f->fake, f->fake.root, n, to);
}

static void check_path(struct fixture *f, struct vfs_open *o, const char *expect)
{
    char *path = vfs_open_path(&f->call, o);
    CHECK_STR(path, expect);
    mem_free(path);
}

/* Renamed behind the server's back while it is open: who meets it by its new name gets it, and the
 * first handle tells that name. */
static void renamed_by_host(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *first = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    host_rename(&f, "f", "g");
    struct vfs_open *second = must_open(&f, "g", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(first && second);
    check_path(&f, first, "g");
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    REQUIRE(other);
    check_path(&f, other, "f");
    check_path(&f, first, "g");
    CHECK_INT(vfs_set_disposition(&f.call, second, 1), 0);
    CHECK(vfs_open_is_delete_pending(first) && !vfs_open_is_delete_pending(other));
    must_close(&f, other);
    must_close(&f, second);
    must_close(&f, first);
    CHECK(!fake_child(&f.fake, f.fake.root, "g") && fake_child(&f.fake, f.fake.root, "f"));
    fixture_close(&f);
}

/* A directory that the host renamed takes what is open below it along. */
static void directory_renamed_by_host(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    struct vfs_open *file = must_open(&f, "d/x", RW, SMBKIT_CREATE, 0);
    struct vfs_open *dir = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    host_rename(&f, "d", "e");
    make(&f, "e", true);
    check_path(&f, dir, "e");
    check_path(&f, file, "e/x");
    must_close(&f, dir);
    must_close(&f, file);
    fixture_close(&f);
}

/* An inode that gets another number while it is open, as on mergerfs, stays the file it is. */
static void renumbered(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct fake_node *n = fake_child(&f.fake, f.fake.root, "f");
    n->id += 1000;
    struct vfs_create_in in = create_in(&f, "F");
    in.disposition = SMBKIT_OPEN;
    in.share_access = VFS_SHARE_READ;
    CHECK_INT(try_open(&f, &in), S(SHARING_VIOLATION));
    n->id += 1000;
    in.share_access = SHARE_ALL;
    CHECK_INT(try_open(&f, &in), 0);
    CHECK_INT(vfs_rename(&f.call, o, "g", false), 0);
    n->id += 1000;
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), 0);
    in.path = "g";
    CHECK_INT(try_open(&f, &in), S(DELETE_PENDING));
    must_close(&f, o);
    CHECK_INT(try_open(&f, &in), S(OBJECT_NAME_NOT_FOUND));
    /* Another file that the host puts in its place is another file. */
    o = must_open(&f, "h", RW, SMBKIT_CREATE, 0);
    n = fake_child(&f.fake, f.fake.root, "h");
    fake_detach(&f.fake, n);
    fake_attach(&f.fake, f.fake.root, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "h");
    in.path = "h";
    in.share_access = VFS_SHARE_READ;
    CHECK_INT(try_open(&f, &in), 0);
    must_close(&f, o);
    fake_node_free(n);
    fixture_close(&f);
}

/* By a folder that two paths lead to: one file, one link. */
static void two_paths(void)
{
    struct fixture f = {0};
    f.fake.alias = "link";
    f.fake.alias_of = "dir";
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    struct vfs_open *a = must_open(&f, "dir/x", RW, SMBKIT_CREATE, 0);
    struct vfs_open *b = must_open(&f, "link/x", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(a && b);
    check_path(&f, a, "dir/x");
    check_path(&f, b, "link/x");
    CHECK_INT(vfs_set_disposition(&f.call, b, 1), 0);
    CHECK(vfs_open_is_delete_pending(a));
    must_close(&f, b);
    struct vfs_create_in in = create_in(&f, "dir/x");
    in.disposition = SMBKIT_OPEN;
    CHECK_INT(try_open(&f, &in), S(DELETE_PENDING));
    must_close(&f, a);
    CHECK_INT(try_open(&f, &in), S(OBJECT_NAME_NOT_FOUND));
    /* And a rename by one is seen by the other. */
    a = must_open(&f, "dir/y", RW, SMBKIT_CREATE, 0);
    b = must_open(&f, "link/y", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(a && b);
    CHECK_INT(vfs_rename(&f.call, b, "link/z", false), 0);
    check_path(&f, a, "dir/z");
    check_path(&f, b, "link/z");
    must_close(&f, a);
    must_close(&f, b);
    fixture_close(&f);
}

/* ---- two volumes of the same files ---- */

struct two {
    struct fixture one;
    struct vfs_volume *other;
    struct vfs_layer_spec layer;
};

static bool two_open(struct two *t, uint64_t domain)
{
    char err[256];
    t->one.nodes = vfs_nodes_new(1, NULL);
    t->one.fake.domain = domain;
    t->one.fake.features = SMBKIT_FEATURE_HARD_LINKS;
    if (!fixture_fake(&t->one)) {
        return false;
    }
    t->layer.plugin = t->one.plugin;
    const struct vfs_volume_spec spec = {
        .nodes = t->one.nodes, .share_name = "other", .layers = &t->layer, .layer_count = 1};
    return SMBKIT_OK(vfs_volume_open(&spec, &t->other, err, sizeof(err)));
}

static void two_close(struct two *t)
{
    vfs_volume_unref(t->other);
    fixture_close(&t->one);
    vfs_nodes_unref(t->one.nodes);
}

static struct vfs_create_in in_other(struct two *t, const char *path)
{
    struct vfs_create_in in = create_in(&t->one, path);
    in.volume = t->other;
    in.disposition = SMBKIT_OPEN;
    return in;
}

/* Share modes, locks, oplocks and delete-pending hold in both. */
static void two_shares(void)
{
    struct two t = {0};
    REQUIRE(two_open(&t, 7));
    struct fixture *f = &t.one;
    struct vfs_create_in in = create_in(f, "f");
    struct breaks broken = {0};
    in.share_access = VFS_SHARE_READ;
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &broken};
    in.desired_access |= SMBKIT_DELETE;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f->call, &in, &out)));
    CHECK_INT(out.oplock_level, VFS_OPLOCK_BATCH);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f->call;
    call.wait = &w.wait;
    struct vfs_create_in other = in_other(&t, "F");
    struct vfs_create_out met;
    CHECK_INT(vfs_create(&call, &other, &met), S(WAIT));
    CHECK_INT(broken.count, 1);
    uint8_t level;
    CHECK_INT(vfs_oplock_ack(out.open, VFS_OPLOCK_II, &level), 0);
    CHECK_INT(w.woken, 1);
    CHECK_INT(vfs_create(&call, &other, &met), S(SHARING_VIOLATION));
    other.desired_access = SMBKIT_READ_DATA;
    REQUIRE(SMBKIT_OK(vfs_create(&call, &other, &met)));
    const struct vfs_lock lock = {.length = 1, .exclusive = true, .fail_immediately = true};
    CHECK_INT(vfs_lock(&call, out.open, &lock, 1), 0);
    char byte[2];
    CHECK_INT(read_at(f, met.open, 0, byte, sizeof(byte)), S(FILE_LOCK_CONFLICT));
    CHECK_INT(vfs_set_disposition(&call, out.open, 1), 0);
    CHECK(vfs_open_is_delete_pending(met.open));
    must_close(f, out.open);
    CHECK_INT(try_open(f, &other), S(DELETE_PENDING));
    must_close(f, met.open);
    CHECK_INT(try_open(f, &other), S(OBJECT_NAME_NOT_FOUND));
    waiter_fini(&w);
    two_close(&t);
}

/* Without a domain that the plugin tells they are strangers, whatever the ids. */
static void two_strangers(void)
{
    struct two t = {0};
    REQUIRE(two_open(&t, 0));
    struct vfs_create_in in = create_in(&t.one, "f");
    in.share_access = 0;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&t.one.call, &in, &out)));
    struct vfs_create_in other = in_other(&t, "f");
    CHECK_INT(try_open(&t.one, &other), 0);
    must_close(&t.one, out.open);
    two_close(&t);
}

struct told {
    char text[512];
};

static void told_event(void *arg, const struct vfs_notify_event *e)
{
    struct told *t = arg;
    size_t n = strlen(t->text);
    snprintf(t->text + n, sizeof(t->text) - n, "%u %s;", e->action, e->name);
}

static void check_told(struct two *t, struct vfs_open *watch, const char *expect)
{
    struct told told = {""};
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = t->one.call;
    call.wait = &w.wait;
    struct vfs_notify_query q = {
        .filter = 0xfff, .tree = true, .max_bytes = 4096, .event = told_event, .arg = &told};
    smbkit_status st = vfs_notify(&call, watch, &q);
    CHECK(st == S(WAIT) || SMBKIT_OK(st));
    CHECK_STR(told.text, expect);
    waiter_fini(&w);
}

static void map_paths(void)
{
    static const struct {
        const char *from, *path, *to, *expect;
    } CASES[] = {
        {"/srv/a", "x/y", "/srv/a", "x/y"}, {"/srv/a", "x/y", "/srv", "a/x/y"},
        {"/srv", "a/x/y", "/srv/a", "x/y"}, {"/srv", "a", "/srv/a", ""},
        {"/srv", "ab/x", "/srv/a", NULL},   {"/srv", "", "/srv/a", NULL},
        {"/srv/a", "x", "/srv/b", NULL},    {"/srv/a", "", "/srv", "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char *path = overlap_map(CASES[i].from, CASES[i].path, CASES[i].to);
        test_context("case %zu", i);
        CHECK(!path == !CASES[i].expect);
        if (path && CASES[i].expect) {
            CHECK_STR(path, CASES[i].expect);
        }
        mem_free(path);
    }
    test_context("%s", "");
}

/* Who watches one share hears of what is done through the other, by his own paths. */
static void two_shares_notify(void)
{
    struct two t = {.one.fake.location = "/srv"};
    REQUIRE(two_open(&t, 7));
    struct vfs_create_in in = in_other(&t, "");
    in.desired_access = SMBKIT_READ_DATA;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&t.one.call, &in, &out)));
    check_told(&t, out.open, "");
    make(&t.one, "d", true);
    struct vfs_open *o = must_open(&t.one, "d/a", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    check_told(&t, out.open, "1 d;1 d/a;");
    CHECK_INT(vfs_rename(&t.one.call, o, "d/b", false), 0);
    CHECK_INT(vfs_set_disposition(&t.one.call, o, 1), 0);
    must_close(&t.one, o);
    check_told(&t, out.open, "4 d/a;5 d/b;2 d/b;");
    must_close(&t.one, out.open);
    two_close(&t);
}

/* A folder in which something is open through the other share stays; who watches the folder there
 * goes with it. */
static void two_shares_folder(void)
{
    struct two t = {.one.fake.location = "/srv"};
    REQUIRE(two_open(&t, 7));
    make(&t.one, "d", true);
    make(&t.one, "d/f", false);
    struct vfs_create_in file = in_other(&t, "d/f");
    struct vfs_create_in folder = in_other(&t, "D");
    struct vfs_create_out below;
    struct vfs_create_out watched;
    folder.desired_access = SMBKIT_READ_DATA;
    struct vfs_open *o = must_open(&t.one, "d", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(SMBKIT_OK(vfs_create(&t.one.call, &file, &below)));
    REQUIRE(SMBKIT_OK(vfs_create(&t.one.call, &folder, &watched)));
    check_told(&t, watched.open, "");
    CHECK_INT(vfs_rename(&t.one.call, o, "e", false), S(ACCESS_DENIED));
    must_close(&t.one, below.open);
    CHECK_INT(vfs_rename(&t.one.call, o, "e", false), 0);
    char *path = vfs_open_path(&t.one.call, watched.open);
    CHECK_STR(path, "e");
    mem_free(path);
    make(&t.one, "e/new", false);
    check_told(&t, watched.open, "1 new;");
    /* What has its name now is another folder. */
    make(&t.one, "d", true);
    make(&t.one, "d/g", false);
    check_told(&t, watched.open, "");
    file.path = "D/F";
    CHECK_INT(try_open(&t.one, &file), S(OBJECT_NAME_NOT_FOUND));
    file.path = "E/F";
    CHECK_INT(try_open(&t.one, &file), 0);
    must_close(&t.one, watched.open);
    must_close(&t.one, o);
    two_close(&t);
}

/* A name that is made through one share is known in the other, whatever the directory's times say.
 */
static void two_shares_index(void)
{
    struct two t = {.one.fake.location = "/srv"};
    REQUIRE(two_open(&t, 7));
    struct vfs_create_in in = in_other(&t, "NEW");
    CHECK_INT(try_open(&t.one, &in), S(OBJECT_NAME_NOT_FOUND));
    struct fake_node *root = t.one.fake.root;
    uint64_t before = root->write_time;
    struct vfs_open *o = must_open(&t.one, "new", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    root->write_time = root->change_time = before; /* within a tick */
    CHECK_INT(try_open(&t.one, &in), 0);
    in.path = "New";
    in.disposition = SMBKIT_CREATE;
    CHECK_INT(try_open(&t.one, &in), S(OBJECT_NAME_COLLISION));
    CHECK_INT(vfs_rename(&t.one.call, o, "other", false), 0);
    root->write_time = root->change_time = before;
    in.path = "OTHER";
    CHECK_INT(try_open(&t.one, &in), S(OBJECT_NAME_COLLISION));
    CHECK_INT(vfs_set_disposition(&t.one.call, o, 1), 0);
    must_close(&t.one, o);
    root->write_time = root->change_time = before;
    CHECK_INT(try_open(&t.one, &in), 0);
    two_close(&t);
}

/* ---- one name, one maker ---- */

static struct race {
    struct two *t;
    struct vfs_call call;
    struct vfs_create_in in;
    struct vfs_create_out out;
    smbkit_status status;
    bool done;
} race;

/* In the middle of a create of "name" somebody wants the same in other letters by the other share.
 */
static void race_hook(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_GET_SD || call == FAKE_INFO || race.done || !race.t ||
        v->calls[FAKE_LOOKUP] < 2 || call != FAKE_CREATE) {
        return;
    }
    race.done = true;
    race.status = vfs_create(&race.call, &race.in, &race.out);
}

static void one_maker(void)
{
    struct two t = {0};
    REQUIRE(two_open(&t, 7));
    struct waiter w;
    waiter_init(&w);
    race = (struct race){.t = &t, .call = t.one.call, .in = in_other(&t, "NAME")};
    race.call.wait = &w.wait;
    race.in.disposition = SMBKIT_CREATE;
    t.one.fake.hook = race_hook;
    struct vfs_open *o = must_open(&t.one, "name", RW, SMBKIT_CREATE, 0);
    t.one.fake.hook = NULL;
    REQUIRE(o && race.done);
    CHECK_INT(race.status, S(WAIT));
    CHECK_INT(w.woken, 1);
    CHECK_INT(vfs_create(&race.call, &race.in, &race.out), S(OBJECT_NAME_COLLISION));
    CHECK(!fake_child(&t.one.fake, t.one.fake.root, "NAME"));
    must_close(&t.one, o);
    waiter_fini(&w);
    two_close(&t);
}

static const struct test_case cases[] = {
    {"ids_of_plugin", ids_of_plugin},
    {"ids_of_paths", ids_of_paths},
    {"id_follows_rename", id_follows_rename},
    {"renamed_by_host", renamed_by_host},
    {"directory_renamed_by_host", directory_renamed_by_host},
    {"renumbered", renumbered},
    {"two_paths", two_paths},
    {"two_shares", two_shares},
    {"two_strangers", two_strangers},
    {"map_paths", map_paths},
    {"two_shares_notify", two_shares_notify},
    {"two_shares_folder", two_shares_folder},
    {"two_shares_index", two_shares_index},
    {"one_maker", one_maker},
};
TEST_MAIN(cases)
