/* SPDX-License-Identifier: Apache-2.0 */
/* Copies on the server: what is checked, and what arrives. */
#include "vfs_fixture.h"

#include "vfs/fsctl.h"

#include "test.h"

#define TEXT "0123456789abcdefghij"

struct pair {
    struct fixture f;
    struct vfs_open *source;
    struct vfs_open *target;
};

static bool pair_open(struct pair *p, uint32_t target_access)
{
    if (!fixture_fake(&p->f)) {
        return false;
    }
    p->source = must_open(&p->f, "source", RW, SMBKIT_OPEN_IF, 0);
    p->target = must_open(&p->f, "target", target_access, SMBKIT_OPEN_IF, 0);
    CHECK_INT(write_at(&p->f, p->source, 0, TEXT), SMBKIT_STATUS_SUCCESS);
    return p->source && p->target;
}

static void pair_close(struct pair *p)
{
    must_close(&p->f, p->source);
    must_close(&p->f, p->target);
    fixture_close(&p->f);
}

static smbkit_status copy(struct pair *p, struct vfs_copy *c, const struct vfs_copy_chunk *chunks,
                          uint32_t count)
{
    c->source = c->source ? c->source : p->source;
    c->chunks = chunks;
    c->chunk_count = count;
    return vfs_copy(&p->f.call, p->target, c);
}

static void check_text(struct pair *p, struct vfs_open *o, const char *want)
{
    char buf[64];
    CHECK_INT(read_at(&p->f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, want);
}

static void test_chunks(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    const struct vfs_copy_chunk chunks[] = {{0, 5, 5}, {10, 0, 5}, {15, 10, 5}};
    struct vfs_copy c = {0};
    CHECK_INT(copy(&p, &c, chunks, 3), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(c.chunks_done, 3);
    CHECK_INT(c.chunk_bytes, 0);
    CHECK_INT(c.total_bytes, 15);
    check_text(&p, p.target, "abcde01234fghij");
    pair_close(&p);
}

/* What came before a chunk that is not in the source stays. */
static void test_beyond_source(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    const struct vfs_copy_chunk chunks[] = {{0, 0, 4}, {18, 4, 3}, {0, 8, 4}};
    struct vfs_copy c = {0};
    CHECK_INT(copy(&p, &c, chunks, 3), SMBKIT_STATUS_INVALID_VIEW_SIZE);
    CHECK_INT(c.chunks_done, 1);
    CHECK_INT(c.total_bytes, 4);
    check_text(&p, p.target, "0123");
    pair_close(&p);
}

/* Within one file, upwards and downwards: as if it had been read as a whole first. */
static void test_overlap(void)
{
    static const struct {
        const char *name;
        struct vfs_copy_chunk chunk;
        const char *want;
    } cases[] = {
        {"up", {0, 3, 10}, "0120123456789defghij"},
        {"down", {3, 0, 10}, "3456789abcabcdefghij"},
        {"beside", {0, 10, 10}, "01234567890123456789"},
        {"itself", {4, 4, 10}, TEXT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair p = {0};
        test_context("%s", cases[i].name);
        if (!pair_open(&p, RW)) {
            return;
        }
        struct vfs_open *same = must_open(&p.f, "source", RW, SMBKIT_OPEN, 0);
        struct vfs_copy c = {.source = same, .chunks = &cases[i].chunk, .chunk_count = 1};
        CHECK_INT(vfs_copy(&p.f.call, p.source, &c), SMBKIT_STATUS_SUCCESS);
        check_text(&p, p.source, cases[i].want);
        must_close(&p.f, same);
        pair_close(&p);
    }
}

/* In pieces larger than what the core moves at once. */
static void test_overlap_large(void)
{
    enum { SIZE = 200000, SHIFT = 70001, LENGTH = 120000 };
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    char *bytes = malloc(SIZE + 1);
    char *got = malloc(SIZE + 1);
    for (int i = 0; i < SIZE; i++) {
        bytes[i] = (char)('A' + i % 53);
    }
    bytes[SIZE] = 0;
    CHECK_INT(write_at(&p.f, p.source, 0, bytes), SMBKIT_STATUS_SUCCESS);
    const struct vfs_copy_chunk chunk = {1, 1 + SHIFT, LENGTH};
    struct vfs_copy c = {.source = p.source, .chunks = &chunk, .chunk_count = 1};
    CHECK_INT(vfs_copy(&p.f.call, p.source, &c), SMBKIT_STATUS_SUCCESS);
    memmove(bytes + 1 + SHIFT, bytes + 1, LENGTH);
    CHECK_INT(read_at(&p.f, p.source, 0, got, SIZE + 1), SMBKIT_STATUS_SUCCESS);
    CHECK(memcmp(bytes, got, SIZE) == 0);
    free(bytes);
    free(got);
    pair_close(&p);
}

/* One and the same file, or two of different volumes. */
static void test_volumes(void)
{
    struct pair p = {0};
    struct fixture other = {0};
    if (!pair_open(&p, RW) || !fixture_fake(&other)) {
        return;
    }
    struct vfs_open *o = must_open(&other, "other", RW, SMBKIT_OPEN_IF, 0);
    CHECK_INT(write_at(&other, o, 0, "other"), SMBKIT_STATUS_SUCCESS);
    const struct vfs_copy_chunk chunk = {0, 0, 5};
    struct vfs_copy c = {.source = o};
    CHECK_INT(copy(&p, &c, &chunk, 1), SMBKIT_STATUS_SUCCESS);
    check_text(&p, p.target, "other");
    CHECK_INT(vfs_clone(&p.f.call, p.target, o, &chunk), SMBKIT_STATUS_INVALID_PARAMETER);
    must_close(&other, o);
    fixture_close(&other);
    pair_close(&p);
}

static void test_rights(void)
{
    static const struct {
        const char *name;
        uint32_t source, target, asks;
        uint64_t offset;
        smbkit_status want;
    } cases[] = {
        {"source may not be read", SMBKIT_WRITE_DATA, RW, 0, 0, SMBKIT_STATUS_ACCESS_DENIED},
        {"source may be executed", SMBKIT_EXECUTE, RW, 0, 0, SMBKIT_STATUS_SUCCESS},
        {"target may not be written", RW, SMBKIT_READ_DATA, 0, 0, SMBKIT_STATUS_ACCESS_DENIED},
        {"target may not be read", RW, SMBKIT_WRITE_DATA, SMBKIT_READ_DATA, 0,
         SMBKIT_STATUS_ACCESS_DENIED},
        {"target need not be read", RW, SMBKIT_WRITE_DATA, 0, 0, SMBKIT_STATUS_SUCCESS},
        {"appends within", RW, SMBKIT_APPEND_DATA, 0, 1, SMBKIT_STATUS_ACCESS_DENIED},
        {"appends at the end", RW, SMBKIT_APPEND_DATA, 0, 2, SMBKIT_STATUS_SUCCESS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pair p = {0};
        test_context("%s", cases[i].name);
        if (!pair_open(&p, RW)) {
            return;
        }
        CHECK_INT(write_at(&p.f, p.target, 0, "zz"), SMBKIT_STATUS_SUCCESS);
        struct vfs_open *from = must_open(&p.f, "source", cases[i].source, SMBKIT_OPEN, 0);
        struct vfs_open *to = must_open(&p.f, "target", cases[i].target, SMBKIT_OPEN, 0);
        const struct vfs_copy_chunk chunk = {0, cases[i].offset, 4};
        struct vfs_copy c = {
            .source = from, .chunks = &chunk, .chunk_count = 1, .target_access = cases[i].asks};
        CHECK_INT(vfs_copy(&p.f.call, to, &c), cases[i].want);
        must_close(&p.f, from);
        must_close(&p.f, to);
        pair_close(&p);
    }
}

static void test_locks(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    struct vfs_open *locker = must_open(&p.f, "source", RW, SMBKIT_OPEN, 0);
    const struct vfs_lock lock = {.offset = 5, .length = 1, .exclusive = true};
    CHECK_INT(vfs_lock(&p.f.call, locker, &lock, 1), SMBKIT_STATUS_SUCCESS);
    const struct vfs_copy_chunk beside = {0, 0, 5};
    const struct vfs_copy_chunk within = {0, 0, 6};
    struct vfs_copy c = {0};
    CHECK_INT(copy(&p, &c, &beside, 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(copy(&p, &c, &within, 1), SMBKIT_STATUS_FILE_LOCK_CONFLICT);
    CHECK_INT(c.total_bytes, 0);
    /* The other way round: what is written is locked. */
    struct vfs_copy back = {.source = p.target, .chunks = &within, .chunk_count = 1};
    CHECK_INT(write_at(&p.f, p.target, 0, TEXT), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_copy(&p.f.call, p.source, &back), SMBKIT_STATUS_FILE_LOCK_CONFLICT);
    must_close(&p.f, locker);
    pair_close(&p);
}

/* Whoever caches the target is told, and waited for, before the first byte. */
static void test_breaks(void)
{
    struct pair p = {0};
    if (!fixture_fake(&p.f)) {
        return;
    }
    struct breaks told = {0};
    struct vfs_create_in in = create_in(&p.f, "target");
    struct vfs_create_out out;
    in.oplock_level = VFS_OPLOCK_II;
    in.owner = (struct vfs_owner){breaks_cb, &told};
    CHECK_INT(vfs_create(&p.f.call, &in, &out), SMBKIT_STATUS_SUCCESS);
    p.source = must_open(&p.f, "source", RW, SMBKIT_OPEN_IF, 0);
    p.target = must_open(&p.f, "target", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&p.f, p.source, 0, TEXT), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(told.count, 0);
    const struct vfs_copy_chunk chunk = {0, 0, 4};
    struct vfs_copy c = {0};
    CHECK_INT(copy(&p, &c, &chunk, 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(told.count, 1);
    CHECK_INT(told.to, VFS_OPLOCK_NONE);
    must_close(&p.f, out.open);
    pair_close(&p);
}

/* Which of the two is closed is told apart. */
static void test_closed(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    const struct vfs_copy_chunk chunk = {0, 0, 4};
    struct vfs_copy c = {.source = p.source, .chunks = &chunk, .chunk_count = 1};
    struct vfs_open *source = vfs_open_ref(p.source);
    struct vfs_open *target = vfs_open_ref(p.target);
    must_close(&p.f, p.source);
    CHECK_INT(vfs_copy(&p.f.call, target, &c), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(vfs_clone(&p.f.call, target, source, &chunk), SMBKIT_STATUS_INVALID_HANDLE);
    must_close(&p.f, p.target);
    CHECK_INT(vfs_copy(&p.f.call, target, &c), SMBKIT_STATUS_FILE_CLOSED);
    vfs_open_unref(source);
    vfs_open_unref(target);
    fixture_close(&p.f);
}

/* Zeroes are written after the chunks, also where those came from, and make no file longer. */
static void test_zeroes(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    const struct vfs_copy_chunk chunk = {4, 0, 4};
    struct vfs_copy c = {.source = p.source, .chunks = &chunk, .chunk_count = 1, .zeroes = {4, 2}};
    CHECK_INT(vfs_copy(&p.f.call, p.source, &c), SMBKIT_STATUS_SUCCESS);
    char buf[64];
    CHECK_INT(read_at(&p.f, p.source, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK(memcmp(buf,
                 "4567\0\0"
                 "6789abcdefghij",
                 21) == 0);
    struct vfs_copy tail = {.source = p.source, .zeroes = {18, 100}};
    CHECK_INT(vfs_copy(&p.f.call, p.source, &tail), SMBKIT_STATUS_SUCCESS);
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&p.f.call, p.source, 0, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.size, strlen(TEXT));
    struct vfs_call loop = p.f.call;
    loop.nowait = loop.on_loop = true;
    CHECK_INT(vfs_copy(&loop, p.source, &tail), SMBKIT_STATUS_WOULD_BLOCK);
    pair_close(&p);
}

/* On an event loop nothing is copied where the plugin may block; given up, it ends. */
static void test_elsewhere(void)
{
    struct pair p = {0};
    if (!pair_open(&p, RW)) {
        return;
    }
    struct vfs_call loop = p.f.call;
    const struct vfs_copy_chunk chunk = {0, 0, 4};
    struct vfs_copy c = {.source = p.source, .chunks = &chunk, .chunk_count = 1};
    loop.nowait = loop.on_loop = true;
    CHECK_INT(vfs_copy(&loop, p.target, &c), SMBKIT_STATUS_WOULD_BLOCK);
    atomic_bool given_up = true;
    struct vfs_call late = p.f.call;
    late.cancelled = &given_up;
    CHECK_INT(vfs_copy(&late, p.target, &c), SMBKIT_STATUS_CANCELLED);
    CHECK_INT(c.total_bytes, 0);
    pair_close(&p);
}

/* Nor is a large clone made there, or a large hole filled, whatever the plugin says of itself. */
static void test_large_elsewhere(void)
{
    const uint64_t size = 1ull << 30;
    const struct vfs_copy_chunk chunk = {0, 0, size};
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    struct vfs_open *from = must_open(&f, "source", RW, SMBKIT_OPEN_IF, 0);
    struct vfs_open *to = must_open(&f, "target", RW, SMBKIT_OPEN_IF, 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, from, size), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_end_of_file(&f.call, to, size), SMBKIT_STATUS_SUCCESS);
    struct vfs_call loop = f.call;
    loop.nowait = loop.on_loop = true;
    CHECK_INT(vfs_clone(&loop, to, from, &chunk), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(vfs_clone(&f.call, to, from, &chunk), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_sparse(&loop, to, true), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_sparse(&loop, to, false), SMBKIT_STATUS_WOULD_BLOCK);
    must_close(&f, from);
    must_close(&f, to);
    fixture_close(&f);
}

/* A plugin that fails at the Nth call, or answers each late. */
static void test_trouble(void)
{
    const struct vfs_copy_chunk chunks[] = {{0, 0, 5}, {5, 5, 5}};
    for (uint64_t n = 1; n < 20; n++) {
        struct pair p = {0};
        test_context("call %u fails", (unsigned)n);
        if (!pair_open(&p, RW)) {
            return;
        }
        atomic_store(&p.f.fake.fail_with, SMBKIT_STATUS_DISK_FULL);
        atomic_store(&p.f.fake.fail_at, n);
        struct vfs_copy c = {0};
        smbkit_status st = copy(&p, &c, chunks, 2);
        CHECK(SMBKIT_OK(st) ? c.total_bytes == 10 : c.total_bytes < 10);
        atomic_store(&p.f.fake.fail_at, 0);
        pair_close(&p);
    }
    struct pair p = {0};
    test_context("all pend");
    if (!pair_open(&p, RW)) {
        return;
    }
    atomic_store(&p.f.fake.pend_all, true);
    atomic_store(&p.f.fake.pend, 2);
    struct vfs_copy c = {0};
    CHECK_INT(copy(&p, &c, chunks, 2), SMBKIT_STATUS_SUCCESS);
    atomic_store(&p.f.fake.pend_all, false);
    atomic_store(&p.f.fake.pend, 0);
    check_text(&p, p.target, "0123456789");
    pair_close(&p);
}

static const struct test_case cases[] = {
    {"chunks", test_chunks},
    {"beyond the source", test_beyond_source},
    {"overlap", test_overlap},
    {"overlap, large", test_overlap_large},
    {"two volumes", test_volumes},
    {"rights", test_rights},
    {"locks", test_locks},
    {"breaks", test_breaks},
    {"zeroes", test_zeroes},
    {"closed", test_closed},
    {"elsewhere", test_elsewhere},
    {"trouble", test_trouble},
    {"large, elsewhere", test_large_elsewhere},
};
TEST_MAIN(cases)
