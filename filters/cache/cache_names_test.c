/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, missing names and listings: how often the layer below is asked, and that what clients
 * see is what is there. */
#include "cache_fixture.h"

#include <unistd.h>

#include "cache_names.h"

static bool start_names(struct fixture *f)
{
    return start(f, "attr_ttl=1h", "ttl=1h", NULL);
}

static uint64_t size_of(struct fixture *f, struct vfs_open *o)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    CHECK_INT(vfs_getattr(&f->call, o, 0, &attr), 0);
    return attr.size;
}

static void test_getattr(void)
{
    struct fixture f;
    REQUIRE(start_names(&f));
    struct vfs_open *o = must_open(&f, "a", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(size_of(&f, o), 0);
    calls_below(&f, "getattr");
    CHECK_INT(size_of(&f, o), 0);
    CHECK_INT(size_of(&f, other), 0);
    CHECK_INT(calls_below(&f, "getattr"), 0);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(size_of(&f, other), 3);
    CHECK_INT(size_of(&f, o), 3);
    CHECK_INT(vfs_set_end_of_file(&f.call, other, 7), 0);
    CHECK_INT(size_of(&f, o), 7);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), 0);
    CHECK_INT(write_at(&f, o, 0, "0123456789"), 0);
    CHECK_INT(size_of(&f, other), 10);
    CHECK_INT(try_access(&f, "b", RW, SMBKIT_OVERWRITE), 0);
    CHECK_INT(size_of(&f, other), 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    calls_below(&f, "getattr");
    CHECK_INT(size_of(&f, o), 0);
    CHECK_INT(calls_below(&f, "getattr"), 1);
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

/* By another name the file is the same. */
static void test_links(void)
{
    struct fixture f;
    REQUIRE(start_names(&f));
    make(&f, "d", true);
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(size_of(&f, o), 0);
    CHECK_INT(vfs_link(&f.call, o, "d/b", false), 0);
    struct vfs_open *other = must_open(&f, "d/b", RW, SMBKIT_OPEN, 0);
    for (unsigned i = 1; i < 5; i++) {
        CHECK_INT(vfs_set_end_of_file(&f.call, i % 2 ? o : other, i), 0);
        CHECK_INT(size_of(&f, o), i);
        CHECK_INT(size_of(&f, other), i);
    }
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_missing(void)
{
    struct fixture f;
    REQUIRE(start_names(&f));
    make(&f, "d", true);
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    calls_below(&f, "create");
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    const char *json;
    CHECK_INT(say(&f, "stats json", &json), 0);
    CHECK(!strstr(json, "\"create\":") && !strstr(json, "\"lookup\":"));
    CHECK_INT(make_below(&f, "d/a", SMBKIT_KIND_FILE), 0);
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(say(&f, "drop", NULL), 0);
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), 0);
    /* Made by the share, in other letters. */
    CHECK_INT(try_access(&f, "d/b", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&f, "D/B", RW, SMBKIT_CREATE), 0);
    CHECK_INT(try_access(&f, "d/b", RW, SMBKIT_OPEN), 0);
    /* A folder that goes takes along what is known of what is in it. */
    make(&f, "e", true);
    CHECK_INT(try_access(&f, "e/x", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    struct vfs_open *o = must_open(&f, "e", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_rename(&f.call, o, "g", false), 0);
    CHECK_INT(try_access(&f, "e/x", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), 0);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "g/x", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    fixture_close(&f);
}

static void list_open(struct fixture *f, struct vfs_open *o, char names[1024])
{
    const struct vfs_dir_query q = {
        .pattern = "*", .entry = note_entry, .arg = names, .want_attr = true};
    names[0] = 0;
    while (SMBKIT_OK(vfs_query_directory(&f->call, o, &q))) {
    }
}

/* As a client does that shows them. */
static void list_attr(struct fixture *f, const char *path, char names[1024])
{
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    list_open(f, o, names);
    must_close(f, o);
}

static void test_listing(void)
{
    struct fixture f;
    char names[1024];
    REQUIRE(start_names(&f));
    make(&f, "d", true);
    make(&f, "d/a", false);
    make(&f, "d/b", false);
    list_attr(&f, "d", names);
    CHECK_STR(names, "a b ");
    calls_below(&f, "enumerate");
    list_attr(&f, "d", names);
    CHECK_STR(names, "a b ");
    CHECK_INT(calls_below(&f, "enumerate"), 0);
    /* Who opens a folder looks at its times. */
    struct vfs_open *o = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(make_below(&f, "d/c", SMBKIT_KIND_FILE), 0);
    list_open(&f, o, names);
    CHECK_STR(names, "a b ");
    must_close(&f, o);
    list_attr(&f, "d", names);
    CHECK_STR(names, "a b c ");
    make(&f, "d/e", false);
    list_attr(&f, "d", names);
    CHECK_STR(names, "a b c e ");
    calls_below(&f, "enumerate");
    make(&f, "f", false); /* beside it */
    list_attr(&f, "d", names);
    list_attr(&f, "d", names);
    CHECK_INT(calls_below(&f, "enumerate"), 0);
    /* Of names alone the core makes an index, which it keeps: that is of what is there. */
    list_names(&f, "d", names);
    CHECK(calls_below(&f, "enumerate") > 0);
    fixture_close(&f);
}

/* It is over, and with it what is known. */
static void test_time(void)
{
    struct fixture f;
    char names[1024];
    REQUIRE(start(&f, "attr_ttl=1", NULL, NULL));
    make(&f, "d", true);
    list_names(&f, "d", names);
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), (int)SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(make_below(&f, "d/a", SMBKIT_KIND_FILE), 0);
    usleep(5000);
    list_names(&f, "d", names);
    CHECK_STR(names, "a ");
    CHECK_INT(try_access(&f, "d/a", RW, SMBKIT_OPEN), 0);
    fixture_close(&f);
}

/* Not for ever, and not at all without being asked for. */
static void test_off(void)
{
    struct fixture f;
    char names[1024];
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    make(&f, "d", true);
    list_names(&f, "d", names);
    calls_below(&f, "enumerate");
    list_names(&f, "d", names);
    CHECK(calls_below(&f, "enumerate") > 0);
    CHECK(says(&f, "\"attr_hits\":0,\"attr_misses\":0,\"attr_bytes\":0"));
    fixture_close(&f);
}

/* ---- whose ---- */

static void test_users(void)
{
    struct cache_names n;
    static const uint8_t sids[2][12] = {{1, 1, 0, 0, 0, 0, 0, 5}, {1, 1, 0, 0, 0, 0, 0, 6}};
    const struct smbkit_identity users[] = {
        {.sid = sids[0], .sid_len_bytes = 12, .user = "anna", .domain = "WG"},
        {.sid = sids[1], .sid_len_bytes = 12, .user = "anna", .domain = "WG"},
        {.user = "anna", .domain = "WG"},
        {.user = "annaW", .domain = "G"},
        {.user = "", .domain = ""},
    };
    const struct cache_known known = {.status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND};
    struct cache_known got;
    REQUIRE(cache_names_init(&n, 1u << 20, 3600000, false));
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct cache_ask ask = {&users[i], CACHE_LOOKUP, "a/b"};
        const struct cache_mark mark = cache_names_mark(&n, "a/b");
        CHECK(!cache_names_get(&n, &ask, &got));
        cache_names_put(&n, &ask, &mark, &known);
        CHECK(cache_names_get(&n, &ask, &got));
    }
    cache_names_fini(&n);
}

/* What changes while it is asked for below is not kept. */
static void test_meanwhile(void)
{
    struct cache_names n;
    const struct smbkit_identity who = {.user = "", .domain = ""};
    const struct cache_ask ask = {&who, CACHE_LOOKUP, "a/b"};
    const struct cache_known known = {.status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND};
    struct cache_known got;
    static const char *const changes[] = {"a/b", "A/b", "a/b/c", "a/c", "x", NULL};
    static const unsigned levels[] = {1, 1, 2, 2, 3, 0};
    static const bool is_kept[] = {false, true, false, true, true, false};
    REQUIRE(cache_names_init(&n, 1u << 20, 3600000, false));
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        test_context("row %zu", i);
        const struct cache_mark mark = cache_names_mark(&n, "a/b");
        if (changes[i]) {
            cache_names_changed(&n, changes[i], levels[i]);
        } else {
            cache_names_changed_all(&n);
        }
        cache_names_put(&n, &ask, &mark, &known);
        CHECK_INT(cache_names_get(&n, &ask, &got), is_kept[i]);
        cache_names_drop(&n);
    }
    CHECK_INT(n.bytes, 0);
    cache_names_fini(&n);
}

/* What is kept is as old as the question, however long the answer took. */
static void test_age(void)
{
    struct cache_names n;
    struct cache_file f = {0};
    const struct smbkit_identity who = {.user = "", .domain = ""};
    const struct cache_ask ask = {&who, CACHE_LOOKUP, "a/b"};
    const struct cache_known known = {.status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct cache_known got;
    REQUIRE(cache_names_init(&n, 1u << 20, 3600000, false));
    struct cache_mark mark = cache_names_mark(&n, "a/b");
    cache_file_begin(&n, &f, "a/b", &mark);
    cache_file_put(&n, &f, &mark, &attr);
    CHECK(cache_file_get(&n, &f, &attr));
    mark.when_ms -= 3600001;
    cache_names_put(&n, &ask, &mark, &known);
    CHECK(!cache_names_get(&n, &ask, &got));
    cache_file_put(&n, &f, &mark, &attr);
    CHECK(!cache_file_get(&n, &f, &attr));
    cache_file_end(&n, &f);
    cache_names_fini(&n);
}

/* A file whose folder was renamed while it was opened has no path that is known. */
static void test_moved_meanwhile(void)
{
    struct cache_names n;
    struct cache_file folder = {0};
    struct cache_file f = {0};
    REQUIRE(cache_names_init(&n, 1u << 20, 3600000, false));
    const struct cache_mark mark = cache_names_mark(&n, "d/a");
    cache_file_begin(&n, &folder, "d", &mark);
    cache_file_moved(&n, &folder, "e");
    cache_file_begin(&n, &f, "d/a", &mark);
    CHECK(cache_file_path(&n, &f) == NULL);
    cache_file_end(&n, &f);
    cache_file_end(&n, &folder);
    cache_names_fini(&n);
}

static void test_bound(void)
{
    struct cache_names n;
    const struct smbkit_identity who = {.user = "", .domain = ""};
    const struct cache_known known = {.status = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND};
    struct cache_known got;
    char path[32];
    REQUIRE(cache_names_init(&n, 1u << 20, 3600000, false));
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "folder/%u", i);
        const struct cache_ask ask = {&who, CACHE_LOOKUP, path};
        const struct cache_mark mark = cache_names_mark(&n, path);
        cache_names_put(&n, &ask, &mark, &known);
        CHECK(n.bytes <= n.max);
        CHECK(cache_names_get(&n, &ask, &got));
    }
    const struct cache_ask first = {&who, CACHE_LOOKUP, "folder/0"};
    CHECK(!cache_names_get(&n, &first, &got));
    cache_names_fini(&n);
}

/* ---- listings ---- */

#define NAMES 1000u

static unsigned long long list_bytes(struct fixture *f)
{
    const char *json = NULL;
    CHECK_INT(say(f, "status json", &json), 0);
    const char *at = strstr(json, "\"list_bytes\":");
    return at ? strtoull(at + strlen("\"list_bytes\":"), NULL, 10) : UINT64_MAX;
}

static bool take_name(void *arg, const struct vfs_dir_entry *e)
{
    *(unsigned *)arg += e->name[0] == 'a';
    return true;
}

/* Handles that have listed a long folder half, and stay: that is not kept without end. */
static void test_lists_bound(void)
{
    struct fixture f;
    char name[64];
    struct vfs_open *handles[20];
    REQUIRE(start(&f, "attr_ttl=1h", "attr_size=1M", NULL));
    make(&f, "d", true);
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "d/a-name-of-some-length-%u", i);
        CHECK_INT(make_below(&f, name, SMBKIT_KIND_FILE), 0);
    }
    unsigned seen = 0;
    const struct vfs_dir_query q = {
        .pattern = "*", .single = true, .entry = take_name, .arg = &seen, .want_attr = true};
    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        handles[i] = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
        for (unsigned n = 0; n < 600; n++) {
            CHECK_INT(vfs_query_directory(&f.call, handles[i], &q), 0);
        }
        CHECK(list_bytes(&f) > 0 && list_bytes(&f) <= (2u << 20) + (256u << 10));
    }
    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        seen = 0;
        while (SMBKIT_OK(vfs_query_directory(&f.call, handles[i], &q))) {
        }
        CHECK_INT(seen, NAMES + 2 - 600); /* "." and ".." were among those before */
        must_close(&f, handles[i]);
    }
    /* One that was read to its end, an entry at a time, is kept. */
    calls_below(&f, "enumerate");
    handles[0] = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    seen = 0;
    while (SMBKIT_OK(vfs_query_directory(&f.call, handles[0], &q))) {
    }
    CHECK_INT(seen, NAMES);
    CHECK_INT(calls_below(&f, "enumerate"), 0);
    must_close(&f, handles[0]);
    CHECK(list_bytes(&f) <= 1u << 20);
    CHECK_INT(say(&f, "drop", NULL), 0);
    CHECK_INT(list_bytes(&f), 0);
    fixture_close(&f);
}

/* ---- by chance ---- */

#define FILES 6u
#define FOLDERS 3u
#define HANDLES 5u
#define STEPS 4000u

struct chance {
    struct fixture f;
    uint64_t state;
    struct vfs_open *handles[HANDLES];
    char text[2][2048];
};

static unsigned draw(struct chance *x, unsigned below)
{
    x->state = x->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(x->state >> 33) % below;
}

static void draw_path(struct chance *x, char path[32])
{
    unsigned folder = draw(x, FOLDERS + 1);
    unsigned n = draw(x, FILES);
    if (folder == FOLDERS) {
        snprintf(path, 32, "f%u", n);
    } else {
        snprintf(path, 32, "d%u/f%u", folder, n);
    }
}

static bool text_entry(void *arg, const struct vfs_dir_entry *e)
{
    char *text = arg;
    size_t len = strlen(text);
    if (e->name[0] != '.') {
        snprintf(text + len, 2048 - len, "%s=%llu/%llu ", e->name, (unsigned long long)e->attr.size,
                 (unsigned long long)e->attr.write_time);
    }
    return true;
}

static int32_t text_below(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    char *text = sink->core;
    size_t len = strlen(text);
    snprintf(text + len, 2048 - len, "%s=%llu/%llu ", e->name, (unsigned long long)e->attr->size,
             (unsigned long long)e->attr->write_time);
    return 1;
}

/* As the plugin has it. false: there is none. */
static bool list_below(struct fixture *f, const char *path, char text[2048])
{
    const struct layer *l = &f->v->layers[f->v->layer_count - 1];
    const struct smbkit_identity who = {.user = "", .domain = "", .client_address = ""};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = path,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .attr = &attr};
    struct smbkit_sink sink = {
        .struct_size = sizeof(sink), .want = SMBKIT_WANT_ATTR, .entry = text_below, .core = text};
    text[0] = 0;
    if (!SMBKIT_OK(l->plugin->create(l->volume, &op, &a))) {
        return false;
    }
    CHECK_INT(l->plugin->enumerate(l->volume, &op, a.file, &sink), 0);
    l->plugin->close(l->volume, &op, a.file);
    return true;
}

/* What clients see of all folders is what there is. */
static void compare(struct chance *x)
{
    char path[8];
    for (unsigned i = 0; i <= FOLDERS; i++) {
        snprintf(path, sizeof(path), "d%u", i);
        path[i == FOLDERS ? 0 : strlen(path)] = '\0'; /* the root comes last */
        struct vfs_create_in in = create_in(&x->f, path);
        struct vfs_create_out out;
        in.desired_access = SMBKIT_READ_DATA;
        in.disposition = SMBKIT_OPEN;
        in.options = VFS_DIRECTORY_FILE;
        bool is_there = list_below(&x->f, path, x->text[0]);
        smbkit_status st = vfs_create(&x->f.call, &in, &out);
        CHECK_INT(SMBKIT_OK(st), is_there);
        if (!SMBKIT_OK(st)) {
            continue;
        }
        const struct vfs_dir_query q = {
            .pattern = "*", .entry = text_entry, .arg = x->text[1], .want_attr = true};
        x->text[1][0] = 0;
        while (SMBKIT_OK(vfs_query_directory(&x->f.call, out.open, &q))) {
        }
        CHECK_STR(x->text[1], x->text[0]);
        must_close(&x->f, out.open);
    }
}

static void act(struct chance *x)
{
    char path[32];
    struct vfs_open **h = &x->handles[draw(x, HANDLES)];
    struct vfs_create_in in;
    struct vfs_create_out out;
    draw_path(x, path);
    switch (*h ? draw(x, 8) : 8) {
    case 0:
    case 1:
        CHECK_INT(vfs_set_end_of_file(&x->f.call, *h, draw(x, 1000)), 0);
        break;
    case 2:
        CHECK_INT(write_at(&x->f, *h, draw(x, 500), "text"), 0);
        break;
    case 3:
        (void)!vfs_rename(&x->f.call, *h, path, draw(x, 2));
        break;
    case 4:
        (void)!vfs_link(&x->f.call, *h, path, draw(x, 2));
        break;
    case 5:
        (void)!vfs_set_disposition(&x->f.call, *h, draw(x, 2));
        break;
    case 6:
        CHECK_INT(size_of(&x->f, *h) <= 1000, true);
        break;
    case 7:
        must_close(&x->f, *h);
        *h = NULL;
        break;
    default:
        in = create_in(&x->f, path);
        in.desired_access = RW | SMBKIT_DELETE;
        in.disposition = draw(x, 3) == 0 ? SMBKIT_OPEN : SMBKIT_OPEN_IF;
        *h = SMBKIT_OK(vfs_create(&x->f.call, &in, &out)) ? out.open : NULL;
    }
}

/* Folders are made, moved and taken away, while nothing is open in them. */
static void move_folder(struct chance *x)
{
    char path[8];
    char to[8];
    snprintf(path, sizeof(path), "d%u", draw(x, FOLDERS));
    snprintf(to, sizeof(to), "d%u", draw(x, FOLDERS));
    struct vfs_create_in in = create_in(&x->f, path);
    struct vfs_create_out out;
    in.desired_access = SMBKIT_DELETE;
    in.options = VFS_DIRECTORY_FILE;
    in.disposition = draw(x, 2) ? SMBKIT_OPEN : SMBKIT_OPEN_IF;
    if (SMBKIT_OK(vfs_create(&x->f.call, &in, &out))) {
        (void)!(draw(x, 2) ? vfs_rename(&x->f.call, out.open, to, false)
                           : vfs_set_disposition(&x->f.call, out.open, 1));
        must_close(&x->f, out.open);
    }
}

static void test_chance(void)
{
    struct chance x = {.state = 5};
    REQUIRE(start_names(&x.f));
    for (unsigned i = 0; i < FOLDERS; i++) {
        make(&x.f, i == 0 ? "d0" : i == 1 ? "d1" : "d2", true);
    }
    for (unsigned i = 0; i < STEPS; i++) {
        test_context("step %u", i);
        if (draw(&x, 20) == 0) {
            move_folder(&x);
        } else {
            act(&x);
        }
        compare(&x);
    }
    for (unsigned i = 0; i < HANDLES; i++) {
        must_close(&x.f, x.handles[i]);
    }
    CHECK(!says(&x.f, "\"attr_hits\":0,"));
    fixture_close(&x.f);
}

static const struct test_case cases[] = {
    {"attributes of what is open", test_getattr},
    {"hard links", test_links},
    {"names that are missing", test_missing},
    {"listings", test_listing},
    {"for a time", test_time},
    {"not asked for", test_off},
    {"users", test_users},
    {"changes meanwhile", test_meanwhile},
    {"age", test_age},
    {"moved meanwhile", test_moved_meanwhile},
    {"bound", test_bound},
    {"listings that are begun", test_lists_bound},
    {"by chance", test_chance},
};
TEST_MAIN(cases)
