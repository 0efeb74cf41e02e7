/* SPDX-License-Identifier: Apache-2.0 */
/* The simple way through the core: open, write, read, list, close, with the fake plugin and with
 * mem. */
#include "vfs_fixture.h"

#include "base/log.h"
#include "vfs/core.h"

struct listing {
    char names[8][32];
    unsigned count;
    unsigned room;
};

static bool list_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct listing *l = arg;
    if (l->count == l->room) {
        return false;
    }
    snprintf(l->names[l->count++], sizeof(l->names[0]), "%s", e->name);
    return true;
}

static void simple_path(struct fixture *f)
{
    char buf[32];
    make(f, "dir", true);
    struct vfs_open *o = must_open(f, "dir/file.txt", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(write_at(f, o, 0, "hello"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_at(f, o, 1, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "ello");
    CHECK_INT(read_at(f, o, 5, buf, sizeof(buf)), SMBKIT_STATUS_END_OF_FILE);
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&f->call, o, SMBKIT_READ_ATTRIBUTES, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.size, 5);
    CHECK(attr.attributes & SMBKIT_ATTR_ARCHIVE);
    char *path = vfs_open_path(&f->call, o);
    CHECK_STR(path, "dir/file.txt");
    mem_free(path);
    must_close(f, o);
    o = must_open(f, "DIR/FILE.TXT", RW, SMBKIT_OPEN, 0);
    REQUIRE(o);
    path = vfs_open_path(&f->call, o);
    CHECK_STR(path, "dir/file.txt");
    mem_free(path);
    must_close(f, o);
    struct vfs_open *d = must_open(f, "dir", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    struct listing l = {.room = 2};
    struct vfs_dir_query q = {.entry = list_entry, .arg = &l, .want_attr = true};
    CHECK_INT(vfs_query_directory(&f->call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(l.count, 2);
    CHECK_STR(l.names[0], ".");
    CHECK_STR(l.names[1], "..");
    l.room = 8;
    CHECK_INT(vfs_query_directory(&f->call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(l.count, 3);
    CHECK_STR(l.names[2], "file.txt");
    CHECK_INT(vfs_query_directory(&f->call, d, &q), SMBKIT_STATUS_NO_MORE_FILES);
    must_close(f, d);
}

static char long_name[256 + 1], endless_name[70000 + 1]; /* filled by bad_names */

static smbkit_status bad_enumerate(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_sink *sink)
{
    static const char *const names[] = {"good", "a/b",   "",           "c:d",         "e\\f", ".",
                                        "..",   "g\x01", endless_name, long_name,     "\xff", "*",
                                        "i?",   "j|",    "k<",         "last\xc3\xa9"};
    (void)volume;
    (void)op;
    (void)file;
    for (uint64_t i = sink->cookie; i < ARRAY_LEN(names); i++) {
        const struct smbkit_entry e = {.struct_size = sizeof(e), .name = names[i], .cookie = i + 1};
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static char said[1024];
static unsigned said_count;

static void hear(void *arg, enum log_level level, enum log_module module, const struct log_ctx *ctx,
                 const char *text)
{
    (void)arg;
    (void)level;
    (void)module;
    (void)ctx;
    snprintf(said, sizeof(said), "%s", text);
    said_count++;
}

/* Clients see none of them, and the plugin's author is told of some, but of each once, however
 * often the directory is listed. */
static void bad_names(void)
{
    struct fixture f = {0};
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.enumerate = bad_enumerate;
    memset(long_name, 'x', sizeof(long_name) - 1);
    memset(endless_name, 'y', sizeof(endless_name) - 1);
    REQUIRE(fixture_open(&f, &p, false));
    log_set_sink(hear, NULL);
    for (unsigned round = 0; round < 3; round++) {
        struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
        REQUIRE(d);
        struct listing l = {.room = 8};
        struct vfs_dir_query q = {.entry = list_entry, .arg = &l};
        CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(l.count, 4);
        CHECK_STR(l.names[2], "good");
        CHECK_STR(l.names[3], "last\xc3\xa9");
        must_close(&f, d);
    }
    log_set_sink(NULL, NULL);
    CHECK_INT(said_count, 8);
    CHECK_STR(said, "plugin lists a name that SMB cannot carry plugin=fake directory=\"\" "
                    "name=\"\\ufffd\"");
    fixture_close(&f);
}

static smbkit_status failing_enumerate(void *volume, struct smbkit_op *op, void *file,
                                       struct smbkit_sink *sink)
{
    static const struct smbkit_entry entry = {
        .struct_size = sizeof(entry), .cookie = 1, .name = "good"};
    (void)volume;
    (void)op;
    (void)file;
    if (said_count > 1 && sink->cookie == 0) {
        (void)sink->entry(sink, &entry);
    }
    return said_count > 2 ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_SERVER_UNAVAILABLE;
}

/* A listing that fails at once is no empty directory. Of one that fails later what there was is
 * told before; and when the error has gone all is there, dots first. */
static void failing_listing(void)
{
    static const smbkit_status answers[] = {SMBKIT_STATUS_SERVER_UNAVAILABLE,
                                            SMBKIT_STATUS_SERVER_UNAVAILABLE, SMBKIT_STATUS_SUCCESS,
                                            SMBKIT_STATUS_NO_MORE_FILES};
    struct fixture f = {0};
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.enumerate = failing_enumerate;
    REQUIRE(fixture_open(&f, &p, false));
    struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    for (said_count = 0; said_count < 4; said_count++) {
        struct listing l = {.room = 8};
        struct vfs_dir_query q = {.entry = list_entry, .arg = &l};
        CHECK_INT(vfs_query_directory(&f.call, d, &q), answers[said_count]);
        if (said_count == 2) {
            CHECK_INT(l.count, 3);
            CHECK_STR(l.names[0], ".");
            CHECK_STR(l.names[2], "good");
        }
    }
    must_close(&f, d);
    fixture_close(&f);
}

static smbkit_status null_enumerate(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_sink *sink)
{
    static const struct smbkit_entry nameless = {.struct_size = sizeof(nameless), .cookie = 1};
    (void)volume;
    (void)op;
    (void)file;
    (void)sink->entry(sink, said_count % 2 ? NULL : &nameless);
    return SMBKIT_STATUS_SUCCESS;
}

/* An entry that is none ends the listing, not the server. */
static void null_entries(void)
{
    struct fixture f = {0};
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.enumerate = null_enumerate;
    REQUIRE(fixture_open(&f, &p, false));
    said_count = 0;
    log_set_sink(hear, NULL);
    for (unsigned round = 0; round < 8; round++) {
        struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
        REQUIRE(d);
        struct listing l = {.room = 8};
        struct vfs_dir_query q = {.entry = list_entry, .arg = &l, .pattern = "n*"};
        CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_INTERNAL_ERROR);
        must_close(&f, d);
    }
    struct vfs_create_in in = create_in(&f, "in other letters");
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    CHECK(!SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    log_set_sink(NULL, NULL);
    CHECK_INT(said_count, 4); /* the 1st, 2nd, 4th and 8th time */
    CHECK_STR(said, "plugin lists without name or cookie plugin=fake times=8");
    fixture_close(&f);
}

static smbkit_status odd_get_path(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_buffer *a)
{
    (void)volume;
    (void)op;
    (void)file;
    a->len = (uint32_t)snprintf((char *)a->base, a->cap, "..\\..\\F");
    return SMBKIT_STATUS_SUCCESS;
}

/* A path that clients cannot use is not told them. */
static void bad_paths(void)
{
    struct fixture f = {.fake = {.features = SMBKIT_FEATURE_IGNORES_CASE}};
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.get_path = odd_get_path;
    REQUIRE(fixture_open(&f, &p, false));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    char *path = vfs_open_path(&f.call, o);
    CHECK_STR(path, "f");
    mem_free(path);
    must_close(&f, o);
    struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    struct listing l = {.room = 8};
    struct vfs_dir_query q = {.entry = list_entry, .arg = &l, .pattern = "f"};
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(l.names[0], "f");
    must_close(&f, d);
    fixture_close(&f);
}

/* Half a surrogate pair is a name like any other, [MS-FSCC] 2.1.5: two halves are two names. */
static void surrogates(struct fixture *f)
{
    static const char *const names[] = {"\xed\xa0\x80", "\xed\xb0\x80", "\xf0\x90\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct vfs_path path;
        REQUIRE(SMBKIT_OK(vfs_path_parse(names[i], &path)));
        CHECK_STR(path.path, names[i]);
        must_close(f, must_open(f, path.path, RW, SMBKIT_CREATE, 0));
        vfs_path_fini(&path);
    }
    struct vfs_open *d = must_open(f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    struct listing l = {.room = 8};
    struct vfs_dir_query q = {.entry = list_entry, .arg = &l};
    CHECK_INT(vfs_query_directory(&f->call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(l.count, 2 + ARRAY_LEN(names));
    must_close(f, d);
}

static void with_fake(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    simple_path(&f);
    fixture_close(&f);
    f = (struct fixture){0};
    REQUIRE(fixture_fake(&f));
    surrogates(&f);
    fixture_close(&f);
}

static void with_mem(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    simple_path(&f);
    fixture_close(&f);
    f = (struct fixture){0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    surrogates(&f);
    fixture_close(&f);
}

/* A stream has its own share modes and its own end; the file's end is its end. */
static void streams(void)
{
    struct fixture f = {0};
    f.fake.features = SMBKIT_FEATURE_STREAMS;
    REQUIRE(fixture_fake(&f));
    make(&f, "file", false);
    struct vfs_create_in in = create_in(&f, "file");
    in.stream = "s";
    in.desired_access |= SMBKIT_DELETE;
    in.share_access = 0;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(&f, out.open, 0, "abc"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SHARING_VIOLATION);
    in.stream = NULL;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SHARING_VIOLATION); /* DELETE takes the streams */
    in.desired_access &= ~SMBKIT_DELETE;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_disposition(&f.call, out.open, 1), SMBKIT_STATUS_SUCCESS);
    must_close(&f, out.open);
    in.stream = "s";
    in.disposition = SMBKIT_OPEN;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    in.stream = NULL;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS);
    fixture_close(&f);
}

/* Each allocation in turn fails while a volume is opened. */
static void volume_without_memory(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    for (uint64_t n = 1;; n++) {
        struct fake_volume fake = {0};
        fake_next = &fake;
        const struct vfs_layer_spec layer = {.plugin = f.plugin};
        const struct vfs_volume_spec spec = {.share_name = "s", .layers = &layer, .layer_count = 1};
        struct vfs_volume *v;
        char err[256];
        test_context("allocation %llu", (unsigned long long)n);
        mem_fail_nth(n);
        smbkit_status st = vfs_volume_open(&spec, &v, err, sizeof(err));
        bool reached = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(st, reached ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS);
        if (SMBKIT_OK(st)) {
            vfs_volume_unref(v);
            break;
        }
        CHECK(err[0] != 0 && v == NULL && n < 50);
    }
    test_context("%s", "");
    fixture_close(&f);
}

struct counted {
    unsigned count;
    unsigned room;
};

static bool count_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct counted *c = arg;
    (void)e;
    c->count += c->count < c->room;
    return c->count < c->room;
}

/* A listing of many names, few of which match, goes on from a worker; the position has not moved.
 */
static void long_listing(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    for (unsigned i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "file%04u", i);
        make(&f, name, false);
    }
    struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(d);
    struct listing l = {.room = 8};
    struct vfs_dir_query q = {.entry = list_entry, .arg = &l, .pattern = "*2999"};
    f.call.on_loop = true;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(l.count, 0);
    f.call.on_loop = false;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(l.count, 1);
    CHECK_STR(l.names[0], "file2999");
    struct counted all = {.room = 2000};
    q.entry = count_entry;
    q.arg = &all;
    q.pattern = "*";
    q.restart = true;
    f.call.on_loop = true; /* as with many that match */
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_WOULD_BLOCK);
    f.call.on_loop = false;
    all.count = 0;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(all.count, 2000);
    q.entry = list_entry;
    q.arg = &l;
    q.pattern = "file00*";
    q.restart = true;
    q.single = true;
    f.call.on_loop = true; /* quick enough */
    CHECK_INT(vfs_query_directory(&f.call, d, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(l.count, 2);
    must_close(&f, d);
    fixture_close(&f);
}

/* The places of clients' names in hash tables come from a secret, not from the share's name; what
 * must be the same after a restart does not. */
static void seeds(void)
{
    struct fixture f = {0};
    struct smbkit_volume_info info[2];
    uint64_t ids[2][2];
    REQUIRE(fixture_fake(&f));
    const struct vfs_layer_spec layer = {.plugin = f.plugin};
    for (unsigned i = 0; i < 2; i++) {
        struct fake_volume fake = {0};
        fake_next = &fake;
        const struct vfs_volume_spec spec = {
            .share_name = "s", .layers = &layer, .layer_count = 1, .hash_seed = 77 + i};
        struct vfs_volume *v;
        char err[256];
        REQUIRE(SMBKIT_OK(vfs_volume_open(&spec, &v, err, sizeof(err))));
        CHECK_INT(v->hash_seed, 77 + i);
        CHECK_INT(v->notify.seed, 77 + i);
        volume_path_id(v, "a/b", &ids[i][0], &ids[i][1]);
        CHECK_INT(vfs_volume_info(&f.call, v, &info[i]), SMBKIT_STATUS_SUCCESS);
        vfs_volume_unref(v);
    }
    CHECK(memcmp(ids[0], ids[1], sizeof(ids[0])) == 0);
    CHECK_INT(info[0].serial, info[1].serial);
    fixture_close(&f);
}

/* How large the volume is, is asked where the open is: something else may be mounted there. */
static void info_of_an_open(void)
{
    struct fixture f = {0};
    struct smbkit_volume_info info;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", SMBKIT_READ_DATA, SMBKIT_OPEN_IF, 0);
    REQUIRE(o);
    f.fake.info_file = &f;
    CHECK_INT(vfs_volume_info(&f.call, f.v, &info), SMBKIT_STATUS_SUCCESS);
    CHECK(f.fake.info_file == NULL);
    CHECK_INT(vfs_open_volume_info(&f.call, o, &info), SMBKIT_STATUS_SUCCESS);
    CHECK(f.fake.info_file == o->f.file && o->f.file);
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"with_fake", with_fake},
    {"with_mem", with_mem},
    {"streams", streams},
    {"bad_names", bad_names},
    {"failing_listing", failing_listing},
    {"null_entries", null_entries},
    {"bad_paths", bad_paths},
    {"long_listing", long_listing},
    {"seeds", seeds},
    {"info_of_an_open", info_of_an_open},
    {"volume_without_memory", volume_without_memory},
};
TEST_MAIN(cases)
