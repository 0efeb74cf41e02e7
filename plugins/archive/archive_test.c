/* SPDX-License-Identifier: Apache-2.0 */
/* archive, through the whole of vfs, and its parts by themselves. What other programs pack and
 * unpack is compared in the scenario "archive". */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "arc_priv.h"
#include "vfs_fixture.h"

const struct smbkit_plugin *smbkit_static_archive(const struct smbkit_host_table *api);

static int never_over(void *arg)
{
    (void)arg;
    return 0;
}

static smbkit_status scan(const struct arc_settings *set, struct arc_index **x_r)
{
    char error[256];
    *x_r = arc_index_open(set->path, error);
    return *x_r ? arc_scan(set, never_over, NULL, x_r, error) : SMBKIT_STATUS_NO_MEMORY;
}

/* ---- archives to read ---- */

struct packed {
    char path[64];
    struct archive *a;
};

static bool pack_begin(struct packed *p, int (*format)(struct archive *a),
                       int (*filter)(struct archive *a), const char *options)
{
    snprintf(p->path, sizeof(p->path), "/tmp/smbkit-archive-XXXXXX");
    int fd = mkstemp(p->path);
    p->a = archive_write_new();
    if (fd < 0 || !p->a) {
        return false;
    }
    close(fd);
    format(p->a);
    if (filter) {
        filter(p->a);
    }
    return archive_write_set_options(p->a, options) == ARCHIVE_OK &&
           archive_write_open_filename(p->a, p->path) == ARCHIVE_OK;
}

static void pack(struct packed *p, const char *name, mode_t type, const char *data, size_t len)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_mtime(e, 1580608922, 0);
    archive_entry_set_size(e, type == AE_IFREG ? (la_int64_t)len : 0);
    if (type == AE_IFLNK) {
        archive_entry_set_symlink(e, data);
    }
    if (archive_write_header(p->a, e) != ARCHIVE_OK ||
        (type == AE_IFREG && archive_write_data(p->a, data, len) != (la_ssize_t)len)) {
        test_fail(__FILE__, __LINE__, "pack %s: %s", name, archive_error_string(p->a));
    }
    archive_entry_free(e);
}

static void pack_text(struct packed *p, const char *name, const char *text)
{
    pack(p, name, AE_IFREG, text, strlen(text));
}

static void pack_end(struct packed *p)
{
    archive_write_free(p->a);
}

static bool begin(struct fixture *f, const struct packed *p)
{
    static struct smbkit_arg args[2];
    args[0] = (struct smbkit_arg){"file", p->path};
    args[1] = (struct smbkit_arg){"nested", "yes"};
    *f = (struct fixture){.args = args, .arg_count = 2};
    return fixture_open(f, smbkit_static_archive(smbkit_api), false);
}

static void check_content(struct fixture *f, const char *path, const char *want)
{
    char buf[64] = "";
    test_context("%s", path);
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        CHECK(strncmp(buf, want, strlen(want)) == 0);
        must_close(f, o);
    }
    test_context("%s", "");
}

static void check_missing(struct fixture *f, const char *path, smbkit_status want)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_DATA;
    test_context("%s", path);
    CHECK_INT(try_open(f, &in), want);
    test_context("%s", "");
}

/* ---- cases ---- */

static void test_tree(void)
{
    static int (*const formats[])(struct archive * a) = {
        archive_write_set_format_pax, archive_write_set_format_zip, archive_write_set_format_7zip,
        archive_write_set_format_cpio_newc};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct packed p;
        struct fixture f;
        REQUIRE(pack_begin(&p, formats[i], NULL, NULL));
        pack_text(&p, "a.txt", "first");
        pack_text(&p, "d/e/b.txt", "inner");
        pack(&p, "d/link", AE_IFLNK, "../a.txt", 0);
        pack(&p, "out", AE_IFLNK, "../../etc/passwd", 0);
        pack_text(&p, "a.txt", "the last one");
        pack_end(&p);
        REQUIRE(begin(&f, &p));
        check_content(&f, "A.TXT", "the last one");
        check_content(&f, "d/E/b.txt", "inner");
        check_content(&f, "d/link", "the last one");
        check_missing(&f, "out", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        check_missing(&f, "x/y", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
        fixture_close(&f);
        unlink(p.path);
    }
}

/* Every cut of an archive: opened or refused, never more than was there. */
static void test_cuts(void)
{
    struct packed p;
    struct stat st;
    REQUIRE(pack_begin(&p, archive_write_set_format_ustar, archive_write_add_filter_gzip, NULL));
    pack_text(&p, "one", "first");
    pack_text(&p, "two", "second");
    pack_end(&p);
    REQUIRE(stat(p.path, &st) == 0);
    uint32_t last = 3;
    for (off_t size = st.st_size; size >= 0; size--) {
        struct arc_index *x = NULL;
        const struct arc_settings set = {.path = p.path, .unpacked_max = 1u << 20};
        CHECK(truncate(p.path, size) == 0);
        smbkit_status status = scan(&set, &x);
        uint32_t count = SMBKIT_OK(status) ? x->count : 0;
        CHECK(count <= last);
        last = count;
        arc_index_unref(x);
    }
    CHECK_INT(last, 0);
    unlink(p.path);
}

static void test_unpacked(void)
{
    static char zeroes[100000];
    static const struct {
        uint64_t max;
        uint32_t count;
    } rows[] = {{99999, 2}, {100000, 3}, {100001, 3}}; /* with the root */
    struct packed p;
    REQUIRE(pack_begin(&p, archive_write_set_format_ustar, archive_write_add_filter_gzip, NULL));
    pack(&p, "zeroes", AE_IFREG, zeroes, sizeof(zeroes));
    pack_text(&p, "behind", "");
    pack_end(&p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arc_index *x = NULL;
        const struct arc_settings set = {.path = p.path, .unpacked_max = rows[i].max};
        CHECK_INT(scan(&set, &x), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(x ? x->count : 0, rows[i].count);
        arc_index_unref(x);
    }
    unlink(p.path);
}

/* Stored files are read where they lie; nothing else is. */
static void test_ways(void)
{
    static const struct {
        const char *name;
        int (*format)(struct archive *a);
        const char *options;
        enum arc_way way;
    } rows[] = {
        {"ustar", archive_write_set_format_ustar, NULL, ARC_WAY_DIRECT},
        {"pax", archive_write_set_format_pax, NULL, ARC_WAY_DIRECT},
        {"gnutar", archive_write_set_format_gnutar, NULL, ARC_WAY_DIRECT},
        {"stored zip", archive_write_set_format_zip, "zip:compression=store", ARC_WAY_DIRECT},
        {"zip", archive_write_set_format_zip, "zip:compression=deflate", ARC_WAY_START},
        {"7z", archive_write_set_format_7zip, "7zip:compression=store", ARC_WAY_WALK},
        {"cpio", archive_write_set_format_cpio_newc, NULL, ARC_WAY_WALK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct packed p;
        char text[16] = "";
        uint64_t start = 0;
        struct arc_index *x = NULL;
        test_context("%s", rows[i].name);
        REQUIRE(pack_begin(&p, rows[i].format, NULL, rows[i].options));
        pack_text(&p, "a", "PK\3\4 is not a header");
        pack_text(&p, "b", "the second");
        pack_end(&p);
        const struct arc_settings set = {.path = p.path, .unpacked_max = 1u << 20};
        CHECK_INT(scan(&set, &x), SMBKIT_STATUS_SUCCESS);
        REQUIRE(x && x->count == 3);
        CHECK_INT(arc_way_find(x, 2, &start), rows[i].way);
        if (rows[i].way == ARC_WAY_DIRECT) {
            CHECK_INT(pread(x->fd, text, 10, (off_t)x->nodes[2].offset), 10);
            CHECK_STR(text, "the second");
        }
        arc_index_unref(x);
        unlink(p.path);
    }
}

static uint8_t got[16];

static int get(struct arc_cache *c, uint64_t entry, uint64_t chunk, uint32_t at, uint32_t len)
{
    const struct arc_piece p = {entry, chunk, at, len};
    return arc_cache_get(c, &p, got, 0);
}

static void test_cache(void)
{
    char data[ARC_CHUNK];
    struct arc_cache *c = arc_cache_new(4 * ARC_CHUNK);
    REQUIRE(c);
    for (uint64_t i = 0; i < 4; i++) {
        memset(data, 'a' + (int)i, sizeof(data));
        arc_cache_put(c, 7, i, data, ARC_CHUNK);
    }
    CHECK(get(c, 7, 0, 5, 3) && got[0] == 'a');
    arc_cache_put(c, 8, 0, "short", 5); /* in the place of chunk 1, the oldest now */
    CHECK(!get(c, 7, 1, 0, 1));
    CHECK(get(c, 7, 0, ARC_CHUNK - 1, 1) && got[0] == 'a');
    CHECK(!get(c, 7, 0, ARC_CHUNK - 1, 2));
    CHECK(get(c, 8, 0, 1, 4) && memcmp(got, "hort", 4) == 0);
    CHECK(!get(c, 8, 0, 1, 5));
    CHECK(!get(c, 9, 0, 0, 1));
    arc_cache_free(c);
}

/* Against a naive model. */
static void test_cache_random(void)
{
    enum { KEYS = 40 };
    uint8_t last[KEYS] = {0};
    uint64_t seed = 42;
    uint32_t hits = 0;
    struct arc_cache *c = arc_cache_new(16 * ARC_CHUNK);
    REQUIRE(c);
    for (int i = 0; i < 5000; i++) {
        uint64_t key = test_random(&seed) % KEYS;
        if (test_random(&seed) % 2) {
            last[key] = (uint8_t)(test_random(&seed) | 1);
            memset(got, last[key], 3);
            arc_cache_put(c, key / 4, key % 4, got, 3);
        } else if (get(c, key / 4, key % 4, 0, 3)) {
            hits++;
            CHECK(got[0] == last[key] && got[2] == last[key]);
        }
    }
    CHECK(hits > 500);
    arc_cache_free(c);
}

static void test_depth(void)
{
    static const struct {
        uint32_t depth;
        uint32_t count;
    } rows[] = {{127, 128}, {128, 129}, {129, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[2 * 130 + 1] = "";
        smbkit_status status;
        const struct arc_settings set = {.path = path};
        struct arc_scan s = {.x = arc_index_new(), .set = &set};
        for (uint32_t k = 0; k < rows[i].depth; k++) {
            memcpy(path + 2 * k, "d/", 3);
        }
        uint32_t at = arc_place(&s, path, &status);
        CHECK_INT(at == ARC_NONE, rows[i].count == 1);
        CHECK_INT(status, SMBKIT_STATUS_SUCCESS);
        CHECK_INT(s.x->count, rows[i].count);
        arc_index_unref(s.x);
    }
}

/* The longest that a link may say, and a byte less and more. */
static void test_targets(void)
{
    char target[ARC_TARGET_MAX + 2];
    struct packed p;
    struct fixture f;
    REQUIRE(pack_begin(&p, archive_write_set_format_pax, NULL, NULL));
    pack_text(&p, "a", "text");
    for (uint32_t len = ARC_TARGET_MAX - 1; len <= ARC_TARGET_MAX + 1; len++) {
        char name[16];
        memset(target, '/', sizeof(target));
        target[0] = '.';
        target[len - 1] = 'a';
        target[len] = '\0';
        snprintf(name, sizeof(name), "to-%u", len - ARC_TARGET_MAX + 1);
        pack(&p, name, AE_IFLNK, target, 0);
    }
    pack_end(&p);
    REQUIRE(begin(&f, &p));
    check_content(&f, "to-0", "text");
    check_content(&f, "to-1", "text");
    check_missing(&f, "to-2", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fixture_close(&f);
    unlink(p.path);
}

/* The file that was packed before, in another one. */
static bool pack_again(struct packed *p)
{
    static char data[64 << 10];
    FILE *f = fopen(p->path, "rb");
    size_t len = f ? fread(data, 1, sizeof(data), f) : 0;
    if (f) {
        fclose(f);
    }
    unlink(p->path);
    if (!pack_begin(p, archive_write_set_format_ustar, NULL, NULL)) {
        return false;
    }
    pack(p, "n.tar", AE_IFREG, data, len);
    pack_end(p);
    return true;
}

/* One in another, as deep as they are shown and one more. */
static void test_nested(void)
{
    struct packed p;
    struct fixture f;
    REQUIRE(pack_begin(&p, archive_write_set_format_ustar, NULL, NULL));
    pack_text(&p, "innermost", "text");
    pack_end(&p);
    for (uint32_t i = 0; i < ARC_NESTED_DEPTH; i++) {
        REQUIRE(pack_again(&p));
    }
    REQUIRE(begin(&f, &p));
    check_content(&f, "n.tar!/n.tar!/n.tar!/n.tar!/innermost", "text");
    fixture_close(&f);
    REQUIRE(pack_again(&p));
    REQUIRE(begin(&f, &p));
    check_missing(&f, "n.tar!/n.tar!/n.tar!/n.tar!/n.tar!/innermost",
                  SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    check_content(&f, "n.tar!/n.tar!/n.tar!/n.tar!/n.tar", "innermost");
    fixture_close(&f);
    unlink(p.path);
}

/* Who reads an entry behind what is wanted is not waited for. */
static void test_reader_ahead(void)
{
    static char data[4 * ARC_CHUNK];
    char byte = 'x';
    struct packed p;
    struct arc_pool pool;
    struct arc_index *x = NULL;
    REQUIRE(pack_begin(&p, archive_write_set_format_zip, NULL, "zip:compression=deflate"));
    pack(&p, "a", AE_IFREG, data, sizeof(data));
    pack_end(&p);
    const struct arc_settings set = {.path = p.path, .unpacked_max = 1u << 20};
    REQUIRE(SMBKIT_OK(scan(&set, &x)));
    struct arc_cache *cache = arc_cache_new(ARC_CACHE_MIN);
    struct arc_decoder ahead = {.index = x, .node = 1, .is_busy = 1, .taken_node = 1};
    atomic_init(&ahead.passed, 3ull * ARC_CHUNK);
    arc_pool_init(&pool, &set, cache);
    pool.list[0] = &ahead; /* it never comes to an end */
    struct arc_want w = {.index = x, .node = 1, .at = 5, .to = (uint8_t *)&byte, .len = 1};
    w.way = arc_way_find(x, 1, &w.start);
    CHECK_INT(arc_pool_decode(&pool, &w), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(byte, 0);
    pool.list[0] = NULL;
    arc_pool_fini(&pool);
    arc_cache_free(cache);
    arc_index_unref(x);
    unlink(p.path);
}

/* A link that leads to another archive by and by. */
static void test_link(void)
{
    static const char *const texts[] = {"the first", "the second"};
    struct packed p[2];
    struct fixture f;
    struct packed link = {.path = "/tmp/smbkit-archive-link-XXXXXX"};
    for (uint32_t i = 0; i < 2; i++) {
        REQUIRE(pack_begin(&p[i], archive_write_set_format_zip, NULL, NULL));
        pack_text(&p[i], "a", texts[i]);
        pack_end(&p[i]);
    }
    int fd = mkstemp(link.path); /* for its name */
    REQUIRE(fd >= 0);
    close(fd);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_INT(unlink(link.path), 0);
        CHECK_INT(symlink(p[i].path, link.path), 0);
        if (i > 0 || begin(&f, &link)) {
            check_content(&f, "a", texts[i]);
        }
    }
    fixture_close(&f);
    unlink(link.path);
    unlink(p[0].path);
    unlink(p[1].path);
}

/* Archives within one that is replaced count as long as somebody has them open. */
static void test_nested_of_old(void)
{
    struct packed p;
    struct packed next;
    struct fixture f;
    struct vfs_open *opens[ARC_NESTED_KEPT] = {NULL};
    REQUIRE(pack_begin(&p, archive_write_set_format_ustar, NULL, NULL));
    pack_text(&p, "innermost", "text");
    pack_end(&p);
    REQUIRE(pack_again(&p));
    REQUIRE(begin(&f, &p));
    for (uint32_t i = 0; i < ARC_NESTED_KEPT; i++) {
        opens[i] = must_open(&f, "n.tar!/innermost", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
        next = p;
        REQUIRE(opens[i] && pack_begin(&next, archive_write_set_format_ustar, NULL, NULL));
        pack_text(&next, "innermost", "text");
        pack_end(&next);
        REQUIRE(pack_again(&next));
        CHECK_INT(rename(next.path, p.path), 0);
    }
    check_missing(&f, "n.tar!/innermost", SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    must_close(&f, opens[0]);
    check_content(&f, "n.tar!/innermost", "text");
    for (uint32_t i = 1; i < ARC_NESTED_KEPT; i++) {
        must_close(&f, opens[i]);
    }
    fixture_close(&f);
    unlink(p.path);
}

struct toucher {
    const char *path;
    atomic_int stops;
};

static void *touch(void *arg)
{
    struct toucher *t = arg;
    while (!atomic_load(&t->stops)) {
        (void)utimensat(AT_FDCWD, t->path, NULL, 0);
    }
    return NULL;
}

/* So many that an index takes longer than a tick of the clock. */
#define WRITTEN_COUNT 20000u

/* A file that is being written all the time is opened as it is. */
static void test_written_all_the_time(void)
{
    struct packed p;
    struct fixture f;
    pthread_t thread;
    REQUIRE(pack_begin(&p, archive_write_set_format_ustar, archive_write_add_filter_gzip, NULL));
    for (uint32_t i = 0; i < WRITTEN_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%u", i);
        pack_text(&p, name, name);
    }
    pack_end(&p);
    struct toucher t = {.path = p.path};
    atomic_init(&t.stops, 0);
    REQUIRE(begin(&f, &p));
    REQUIRE(pthread_create(&thread, NULL, touch, &t) == 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct vfs_open *o = must_open(&f, "19999", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
        if (o) {
            must_close(&f, o);
        }
    }
    atomic_store(&t.stops, 1);
    CHECK_INT(pthread_join(thread, NULL), 0);
    check_content(&f, "19999", "19999");
    fixture_close(&f);
    unlink(p.path);
}

static const struct test_case cases[] = {
    {"what is in it", test_tree},
    {"every cut", test_cuts},
    {"the bound of what is decoded", test_unpacked},
    {"where data lies", test_ways},
    {"the cache", test_cache},
    {"the cache at random", test_cache_random},
    {"depth", test_depth},
    {"the longest link", test_targets},
    {"archives within archives", test_nested},
    {"archives within an old one", test_nested_of_old},
    {"a reader ahead", test_reader_ahead},
    {"a link", test_link},
    {"written all the time", test_written_all_the_time},
};
TEST_MAIN(cases)
