/* SPDX-License-Identifier: Apache-2.0 */
/* Short names: what they are made of, and files found by them in volumes that mind case and that do
 * not. */
#include "vfs_fixture.h"

#include "vfs/names_short.h"
#include "vfs/rules.h"
#include "vfs/short_name.h"

static uint64_t time_us;

static uint64_t clock_us(void)
{
    return time_us;
}

static void made_of(void)
{
    static const struct {
        const char *name, *begins, *ends;
    } rows[] = {
        {"Long name.text", "L", ".TEX"},
        {"a.b.c", "A", ".C"},
        {".bashrc", "B", ""},
        {"...", "_", ""},
        {"\xc3\xa4\xc3\xb6", "_", ""},
        {"no extension here", "N", ""},
        {"x.y z", "X", ".YZ"},
        {"+++.html", "H", ".HTM"},
        {"12345678.", "1", ""},
        {"123456789.a", "1", ".A"},
    };
    char made[SHORT_NAME_MAX + 1];
    char other[SHORT_NAME_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        REQUIRE(short_name_make(rows[i].name, made));
        CHECK_INT(made[0], rows[i].begins[0]);
        CHECK_INT(made[6], '~');
        CHECK_STR(made + 8, rows[i].ends);
        CHECK(short_name_is(made) && short_name_may_be(made));
        CHECK(!short_name_make(made, other)); /* it has no other */
    }
    /* Clients write them down: they must never change. */
    REQUIRE(short_name_make("Long name.text", made) && short_name_make("LONG NAME.TEXT", other));
    CHECK_STR(made, other);
    CHECK_STR(made, "LSSBQ8~4.TEX");
    REQUIRE(short_name_make("\xc3\x84pfel und Birnen", made));
    REQUIRE(short_name_make("\xc3\xa4pfel und birnen", other));
    CHECK_STR(made, other);
}

static void which_are(void)
{
    static const char *const are[] = {"a", "README.TXT", "abcdefgh.ijk", "A~1", "_{}", "x.y"};
    static const char *const are_not[] = {"",    ".",      "..",    "a.",  ".a",       "abcdefghi",
                                          "a b", "a.bcde", "a.b.c", "a+b", "\xc3\xa4", "a.b "};
    static const char *const may_be[] = {"ABCDEF~1", "abcdef~z.txt", "_BCDEF~0.$"};
    static const char *const may_not[] = {"",          "ABCDE~1",       "ABCDEFG~", "ABCDEF~1.",
                                          "ABCDEF~1x", "ABCDEF~1.abcd", "A_CDEF~1", "-BCDEF~1",
                                          "ABCDEF~_",  "ABCDEF~1.a.b"};
    for (size_t i = 0; i < ARRAY_LEN(are); i++) {
        CHECK(short_name_is(are[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(are_not); i++) {
        CHECK(!short_name_is(are_not[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(may_be); i++) {
        CHECK(short_name_may_be(may_be[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(may_not); i++) {
        CHECK(!short_name_may_be(may_not[i]));
    }
    CHECK(short_name_may_be_in("ABCDEF~1") && short_name_may_be_in("a/ABCDEF~1/b") &&
          short_name_may_be_in("a/b/ABCDEF~1"));
    CHECK(!short_name_may_be_in("") && !short_name_may_be_in("a/b"));
}

#define DIR_NAME "A long directory"
#define FILE_NAME "A long file.text"

static void path_of(char out[64], const char *dir, const char *leaf)
{
    char made[SHORT_NAME_MAX + 1];
    REQUIRE(short_name_make(leaf, made));
    snprintf(out, 64, "%s%s%s", dir, *dir ? "/" : "", made);
}

static void check_path(struct fixture *f, struct vfs_open *o, const char *want)
{
    REQUIRE(o);
    char *path = vfs_open_path(&f->call, o);
    CHECK_STR(path, want);
    mem_free(path);
    must_close(f, o);
}

struct found {
    char name[64], short_name[16];
    unsigned count;
};

static bool found_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct found *f = arg;
    snprintf(f->name, sizeof(f->name), "%s", e->name);
    snprintf(f->short_name, sizeof(f->short_name), "%s", e->short_name ? e->short_name : "");
    f->count++;
    return true;
}

static struct found list(struct fixture *f, const char *dir, const char *pattern)
{
    struct found found = {.count = 0};
    struct vfs_open *d = must_open(f, dir, SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    const struct vfs_dir_query q = {
        .pattern = pattern, .want_attr = true, .entry = found_entry, .arg = &found};
    if (d) {
        (void)!vfs_query_directory(&f->call, d, &q);
    }
    must_close(f, d);
    return found;
}

/* Opened, listed and matched by it, at every place of a path; and in the way of another. */
static void find(struct fixture *f)
{
    char dir[64];
    char file[64];
    make(f, DIR_NAME, true);
    make(f, DIR_NAME "/" FILE_NAME, false);
    make(f, DIR_NAME "/SHORT.TXT", false);
    path_of(dir, "", DIR_NAME);
    path_of(file, dir, FILE_NAME);
    struct vfs_create_in in = create_in(f, file);
    in.disposition = SMBKIT_OPEN;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND); /* not asked for */
    vfs_volume_short_names_set(f->v, true);
    check_path(f, must_open(f, file, RW, SMBKIT_OPEN, 0), DIR_NAME "/" FILE_NAME);
    in.disposition = SMBKIT_CREATE;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    for (char *p = file; *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    }
    check_path(f, must_open(f, file, RW, SMBKIT_OPEN, 0), DIR_NAME "/" FILE_NAME);

    struct found all = list(f, dir, FILE_NAME);
    CHECK_INT(all.count, 1);
    CHECK(short_name_may_be(all.short_name));
    CHECK_STR(list(f, dir, "SHORT.TXT").short_name, "");
    CHECK_STR(list(f, dir, all.short_name).name, FILE_NAME);
    CHECK_STR(list(f, dir, "*.TEX").name, FILE_NAME);
    CHECK_INT(list(f, dir, "*.TE").count, 0);

    /* A new file in a directory that is named so, and one that only looks like a short name. */
    char fresh[80];
    snprintf(fresh, sizeof(fresh), "%s/new", dir);
    make(f, fresh, false);
    CHECK_STR(list(f, DIR_NAME, "new").name, "new");
    in.path = "ABCDEF~1";
    in.disposition = SMBKIT_OPEN;
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    make(f, "ABCDEF~1", false);
    CHECK_INT(try_open(f, &in), SMBKIT_STATUS_SUCCESS);
}

/* A file of the short name is made in place of the long one. */
static void rename_over(struct fixture *f)
{
    char file[64];
    vfs_volume_short_names_set(f->v, true);
    make(f, FILE_NAME, false);
    make(f, "other", false);
    path_of(file, "", FILE_NAME);
    struct vfs_open *o = must_open(f, "other", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f->call, o, file, false), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(vfs_rename(&f->call, o, file, true), SMBKIT_STATUS_SUCCESS);
    check_path(f, o, file);
    CHECK_INT(list(f, "", FILE_NAME).count, 0);
    CHECK_INT(list(f, "", "*").count, 3); /* with the dots */
    /* To the short name of itself. */
    make(f, "Another long name", false);
    path_of(file, "", "Another long name");
    o = must_open(f, "Another long name", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f->call, o, file, false), SMBKIT_STATUS_SUCCESS);
    check_path(f, o, file);
}

struct heard {
    char text[256];
};

static void heard_event(void *arg, const struct vfs_notify_event *e)
{
    struct heard *h = arg;
    size_t len = strlen(h->text);
    snprintf(h->text + len, sizeof(h->text) - len, "%u:%s ", e->action, e->name);
}

static void check_heard(struct fixture *f, struct vfs_open *dir, const char *expect)
{
    struct heard heard = {""};
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f->call;
    call.wait = &w.wait;
    const struct vfs_notify_query q = {
        .filter = NOTIFY_CHANGE_FILE_NAME, .max_bytes = 4096, .event = heard_event, .arg = &heard};
    smbkit_status st = vfs_notify(&call, dir, &q);
    CHECK_INT(st, expect[0] ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_WAIT);
    CHECK_STR(heard.text, expect);
    waiter_fini(&w);
}

/* Who shows the folder learns that the long name has gone, and not of a file that it did not see.
 */
static void rename_told(struct fixture *f)
{
    char file[64];
    char expect[128];
    vfs_volume_short_names_set(f->v, true);
    make(f, FILE_NAME, false);
    make(f, "other", false);
    path_of(file, "", FILE_NAME);
    struct vfs_open *dir = must_open(f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    struct vfs_open *o = must_open(f, "other", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(dir && o);
    check_heard(f, dir, "");
    CHECK_INT(vfs_rename(&f->call, o, file, true), SMBKIT_STATUS_SUCCESS);
    snprintf(expect, sizeof(expect), "2:" FILE_NAME " 4:other 5:%s ", file);
    check_heard(f, dir, expect);
    /* Back, and to the short name of itself: nothing goes. */
    CHECK_INT(vfs_rename(&f->call, o, FILE_NAME, false), SMBKIT_STATUS_SUCCESS);
    snprintf(expect, sizeof(expect), "4:%s 5:" FILE_NAME " ", file);
    check_heard(f, dir, expect);
    CHECK_INT(vfs_rename(&f->call, o, file, false), SMBKIT_STATUS_SUCCESS);
    snprintf(expect, sizeof(expect), "4:" FILE_NAME " 5:%s ", file);
    check_heard(f, dir, expect);
    must_close(f, o);
    must_close(f, dir);
}

static void delete_by(struct fixture *f, const char *path)
{
    must_close(f, must_open(f, path, SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE));
}

/* [MS-FSA] 2.1.1.2: a program that knows the short name only saves its file. */
static void tunnel(struct fixture *f)
{
    char file[64];
    vfs_volume_short_names_set(f->v, true);
    path_of(file, "", FILE_NAME);
    make(f, FILE_NAME, false);
    delete_by(f, file);
    check_path(f, must_open(f, file, RW, SMBKIT_CREATE, 0), FILE_NAME);
    /* By its long name: that one is not wanted any more. */
    delete_by(f, FILE_NAME);
    time_us += TUNNEL_LIFE_US + 1;
    check_path(f, must_open(f, file, RW, SMBKIT_CREATE, 0), file);
    delete_by(f, file);
    /* Renamed away, and another renamed to it. */
    make(f, FILE_NAME, false);
    struct vfs_open *o = must_open(f, file, SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f->call, o, "backup", false), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    make(f, "temp", false);
    o = must_open(f, "temp", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f->call, o, file, false), SMBKIT_STATUS_SUCCESS);
    check_path(f, o, FILE_NAME);
}

/* More names than are remembered: the oldest are forgotten, and nothing is lost. */
static void tunnel_full(struct fixture *f)
{
    char name[64];
    char file[64];
    vfs_volume_short_names_set(f->v, true);
    for (unsigned i = 0; i <= TUNNEL_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "A long name %u", i);
        make(f, name, false);
        path_of(file, "", name);
        delete_by(f, file);
    }
    check_path(f, must_open(f, file, RW, SMBKIT_CREATE, 0), name);
    path_of(file, "", "A long name 0");
    check_path(f, must_open(f, file, RW, SMBKIT_CREATE, 0), file);
}

#define VETOED "A secret file.text"
#define VETOED_DIR "A secret directory"

/* Whatever is asked by a short name ends as it does for the long one; and nothing is made, moved or
 * lost. */
static void veto_refuses(struct fixture *f, const char *short_path, smbkit_status want)
{
    for (uint32_t d = SMBKIT_SUPERSEDE; d <= SMBKIT_OVERWRITE_IF; d++) {
        struct vfs_create_in in = create_in(f, short_path);
        in.disposition = d;
        test_context("%s %u", short_path, d);
        CHECK_INT(try_open(f, &in), want);
    }
    struct vfs_open *o = must_open(f, "other", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    for (unsigned replace = 0; replace < 2; replace++) {
        CHECK_INT(vfs_rename(&f->call, o, short_path, replace), want);
        if (f->v->features & SMBKIT_FEATURE_HARD_LINKS) {
            CHECK_INT(vfs_link(&f->call, o, short_path, replace), want);
        }
    }
    check_path(f, o, "other");
}

static void is_there(struct fixture *f, const char *path)
{
    struct smbkit_attr attr;
    struct door_file file = {.volume = f->v};
    const struct door_open how = {.path = path, .access = SMBKIT_READ_ATTRIBUTES};
    CHECK_INT(door_open(&f->call, &file, &how, &attr), SMBKIT_STATUS_SUCCESS);
    door_close(&f->call, &file);
}

static void veto(struct fixture *f)
{
    char file[64];
    char below[80];
    vfs_volume_short_names_set(f->v, true);
    make(f, VETOED, false);
    make(f, VETOED_DIR, true);
    make(f, VETOED_DIR "/old", false);
    make(f, "other", false);
    path_of(file, "", VETOED);
    delete_by(f, file);
    rules_fini(&f->v->rules);
    REQUIRE(SMBKIT_OK(rules_init(&f->v->rules, "/a secret*/", NULL)));
    veto_refuses(f, file, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND); /* it was there until now */
    struct rules rules = f->v->rules;
    f->v->rules = (struct rules){0};
    make(f, VETOED, false);
    f->v->rules = rules;
    veto_refuses(f, file, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    path_of(file, "", VETOED_DIR);
    veto_refuses(f, file, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    static const char *const leaves[] = {"old", "new", "deep/new"};
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
        snprintf(below, sizeof(below), "%s/%s", file, leaves[i]);
        veto_refuses(f, below, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    }
    is_there(f, VETOED);
    is_there(f, VETOED_DIR "/old");
    is_there(f, "other");
}

static void with_both(void (*fn)(struct fixture *f))
{
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f = {.nodes = vfs_nodes_new(1, clock_us)};
        REQUIRE(f.nodes);
        REQUIRE(i == 0 ? fixture_fake(&f) : fixture_open(&f, smbkit_static_mem(&vfs_api), false));
        fn(&f);
        fixture_close(&f);
        vfs_nodes_unref(f.nodes);
    }
}

/* A large directory is not searched on an event loop. */
static void search_long(void)
{
    struct fixture f = {0};
    char name[32];
    char file[64];
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    vfs_volume_short_names_set(f.v, true);
    for (unsigned i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "A long name %u", i);
        make(&f, name, false);
    }
    path_of(file, "", "none of these");
    struct vfs_create_in in = create_in(&f, file);
    in.disposition = SMBKIT_OPEN;
    f.call.on_loop = true;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_WOULD_BLOCK);
    struct vfs_open *o = must_open(&f, name, SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f.call, o, file, true), SMBKIT_STATUS_WOULD_BLOCK);
    make(&f, "small", true);
    make(&f, "small/" FILE_NAME, false);
    path_of(file, "small", FILE_NAME);
    in.path = file;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS); /* quick enough */
    f.call.on_loop = false;
    path_of(file, "", name);
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_rename(&f.call, o, file, true), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    fixture_close(&f);
}

static void found_by(void)
{
    with_both(find);
}

static void renamed_over(void)
{
    with_both(rename_over);
}

static void tunnelled(void)
{
    with_both(tunnel);
}

static void tunnel_bound(void)
{
    with_both(tunnel_full);
}

static void told_of(void)
{
    with_both(rename_told);
}

static void vetoed(void)
{
    with_both(veto);
}

static const struct test_case cases[] = {
    {"told_of", told_of},           {"made_of", made_of},
    {"which_are", which_are},       {"found_by", found_by},
    {"renamed_over", renamed_over}, {"tunnelled", tunnelled},
    {"tunnel_bound", tunnel_bound}, {"vetoed", vetoed},
    {"search_long", search_long},
};
TEST_MAIN(cases)
