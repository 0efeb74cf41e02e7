/* SPDX-License-Identifier: Apache-2.0 */
#include "encrypt_fixture.h"

#include "vfs/ea.h"
#include "vfs/fsctl.h"
#include "vfs/stream.h"

/* ---- what is found in the folder ---- */

static void test_hidden(void)
{
    struct world w = {0};
    char text[4096];
    world_start(&w);
    struct vfs_open *o = must_open(&w.f, "a plain name", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&w.f, o, 0, "a plain text"), 0);
    must_close(&w.f, o);
    const char *path = below_of_size(&w, (off_t)encrypt_stored(12));
    CHECK(!strstr(path, "plain"));
    get_at(path, 0, text, encrypt_stored(12));
    CHECK(!memmem(text, encrypt_stored(12), "plain", 5));
    char names[1024];
    list_names(&w.f, "", names);
    CHECK_STR(names, "a plain name ");
    make(&w.f, "d", true);
    make(&w.f, "d/A", false);
    CHECK_INT(try_access(&w.f, "D/a", RW, SMBKIT_OPEN), 0);
    CHECK_INT(try_access(&w.f, "D/a", RW, SMBKIT_CREATE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(try_access(&w.f, ".smbkit-encrypt", RW, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    world_end(&w);
}

static void test_tampering(void)
{
    struct world w = {0};
    uint8_t a[ENCRYPT_STORED_BLOCK];
    uint8_t b[ENCRYPT_STORED_BLOCK];
    const uint8_t zero[ENCRYPT_STORED_BLOCK] = {0};
    world_start(&w);
    fill(&w.f, "three", 3, 'x');
    fill(&w.f, "four", 4, 'y');
    char *three = strdup(below_of_size(&w, (off_t)encrypt_stored(3 * ENCRYPT_BLOCK)));
    char *four = strdup(below_of_size(&w, (off_t)encrypt_stored(4 * ENCRYPT_BLOCK)));
    get_at(three, ENCRYPT_HEAD, a, sizeof(a));
    get_at(four, ENCRYPT_HEAD, b, sizeof(b));
    put_at(three, ENCRYPT_HEAD, b, sizeof(b)); /* of another file */
    check_damaged(&w.f, "three", 0);
    check_byte(&w.f, "three", ENCRYPT_BLOCK, 'x');
    put_at(three, ENCRYPT_HEAD, zero, sizeof(zero));
    check_damaged(&w.f, "three", 0);
    put_at(three, ENCRYPT_HEAD, a, sizeof(a));
    check_byte(&w.f, "three", 0, 'x');
    put_at(three, (off_t)encrypt_place(1), a, sizeof(a)); /* of another place */
    check_damaged(&w.f, "three", ENCRYPT_BLOCK);
    fill(&w.f, "three", 2, 'z'); /* whole blocks are written over */
    check_byte(&w.f, "three", ENCRYPT_BLOCK, 'z');
    CHECK_INT(truncate(four, (off_t)encrypt_stored(3 * ENCRYPT_BLOCK)), 0);
    check_damaged(&w.f, "four", 0);
    CHECK_INT(try_access(&w.f, "four", RW, SMBKIT_OVERWRITE), 0);
    fill(&w.f, "four", 1, 'w');
    check_byte(&w.f, "four", 0, 'w');
    put_at(four, 45, "\xff", 1); /* in the header */
    check_damaged(&w.f, "four", 0);
    const char *text = NULL;
    CHECK_INT(say(&w.f, "status json", &text), 0);
    CHECK(strstr(text, "\"damaged\":5") != NULL);
    free(three);
    free(four);
    world_end(&w);
}

static void add_behind(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    REQUIRE(fd >= 0);
    CHECK_INT(write(fd, data, len), (long)len);
    close(fd);
}

/* Whatever somebody has put behind a file is nothing of it. */
static void test_behind(void)
{
    static const uint32_t sizes[] = {1, 100, ENCRYPT_BLOCK, 2 * ENCRYPT_BLOCK + 7};
    static const size_t more[] = {1, 20, 29, ENCRYPT_BLOCK, 3 * ENCRYPT_STORED_BLOCK};
    struct world w = {0};
    char junk[3 * ENCRYPT_STORED_BLOCK];
    char text[2 * ENCRYPT_BLOCK + 8];
    memset(junk, 'j', sizeof(junk));
    world_start(&w);
    for (size_t i = 0; i < ARRAY_LEN(sizes) * ARRAY_LEN(more); i++) {
        uint32_t size = sizes[i / ARRAY_LEN(more)];
        test_context("%u bytes, %zu more", size, more[i % ARRAY_LEN(more)]);
        memset(text, 'a', size);
        text[size] = '\0';
        struct vfs_open *o = must_open(&w.f, "f", RW, SMBKIT_CREATE, 0);
        CHECK_INT(write_at(&w.f, o, 0, text), 0);
        must_close(&w.f, o);
        const char *path = below_of_size(&w, (off_t)encrypt_stored(size));
        add_behind(path, junk, more[i % ARRAY_LEN(more)]);
        check_byte(&w.f, "f", 0, 'a');
        check_byte(&w.f, "f", size - 1, 'a');
        o = must_open(&w.f, "f", RW | SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
        CHECK_INT(write_at(&w.f, o, 0, "b"), 0);
        CHECK_INT(read_at(&w.f, o, 0, text, size + 1), 0);
        CHECK(text[0] == 'b' && (size == 1 || text[size - 1] == 'a'));
        (void)below_of_size(&w, (off_t)encrypt_stored(size));
        must_close(&w.f, o);
    }
    world_end(&w);
}

/* ... and where the last block is damaged besides, the others can be written. */
static void test_damaged_end(void)
{
    struct world w = {0};
    world_start(&w);
    fill(&w.f, "f", 1, 'a');
    struct vfs_open *o = must_open(&w.f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&w.f, o, ENCRYPT_BLOCK, "end"), 0);
    must_close(&w.f, o);
    const char *path = below_of_size(&w, (off_t)encrypt_stored(ENCRYPT_BLOCK + 3));
    put_at(path, (off_t)encrypt_place(1) + 4, "\xff\x00\xff", 3);
    add_behind(path, "junk", 4);
    fill(&w.f, "f", 1, 'b');
    check_byte(&w.f, "f", 0, 'b');
    check_damaged(&w.f, "f", ENCRYPT_BLOCK);
    world_end(&w);
}

/* A write that the machine did not live to the end of: blocks, and no header that says so. */
static void test_cut_write(void)
{
    struct world w = {0};
    char buf[16];
    world_start(&w);
    struct vfs_open *o = must_open(&w.f, "f", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&w.f, o, 0, "abc"), 0);
    must_close(&w.f, o);
    const char *path = below_of_size(&w, (off_t)encrypt_stored(3));
    uint8_t head[ENCRYPT_HEAD];
    get_at(path, 0, head, sizeof(head));
    o = must_open(&w.f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&w.f, o, 3, "defg"), 0);
    must_close(&w.f, o);
    put_at(path, 0, head, sizeof(head)); /* as before the second write */
    o = must_open(&w.f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(&w.f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    CHECK_INT(write_at(&w.f, o, 5, "x"), 0);
    CHECK_INT(read_at(&w.f, o, 0, buf, sizeof(buf)), 0);
    CHECK(memcmp(buf, "abc\0\0x", 7) == 0);
    must_close(&w.f, o);
    (void)below_of_size(&w, (off_t)encrypt_stored(6));
    world_end(&w);
}

/* ---- streams and EAs ---- */

static void test_streams(void)
{
    struct world w = {0};
    char buf[16];
    world_start(&w);
    make(&w.f, "f", false);
    struct vfs_create_in in = create_in(&w.f, "f");
    struct vfs_create_out out;
    in.stream = "Stream";
    in.disposition = SMBKIT_CREATE;
    REQUIRE(SMBKIT_OK(vfs_create(&w.f.call, &in, &out)));
    CHECK_INT(write_at(&w.f, out.open, 0, "text"), 0);
    must_close(&w.f, out.open);
    in.stream = "sTREAM";
    CHECK_INT(try_open(&w.f, &in), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    in.disposition = SMBKIT_OPEN;
    REQUIRE(SMBKIT_OK(vfs_create(&w.f.call, &in, &out)));
    CHECK_INT(read_at(&w.f, out.open, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "text");
    must_close(&w.f, out.open);
    in.stream = "none";
    CHECK_INT(try_open(&w.f, &in), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    world_end(&w);
}

/* By one handle and then by another that was opened before: it never replaces itself. */
static void test_stream_renames(void)
{
    struct world w = {0};
    char buf[16];
    struct vfs_create_out a;
    struct vfs_create_out b;
    const struct vfs_stream_rename first = {.name = "two", .replace = true};
    const struct vfs_stream_rename second = {.name = "TWO", .replace = true};
    world_start(&w);
    fixture_close(&w.f);
    /* Over mem: a handle of dir does not follow what another one renames. */
    const struct stack_layer layers[] = {{smbkit_static_encrypt(&vfs_api), {w.key_arg}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    REQUIRE(stack_open(&w.f, layers, 2));
    make(&w.f, "f", false);
    struct vfs_create_in in = create_in(&w.f, "f");
    in.stream = "one";
    in.desired_access = RW | SMBKIT_DELETE;
    REQUIRE(SMBKIT_OK(vfs_create(&w.f.call, &in, &a)));
    REQUIRE(SMBKIT_OK(vfs_create(&w.f.call, &in, &b)));
    CHECK_INT(vfs_rename_stream(&w.f.call, a.open, &first), 0);
    CHECK_INT(vfs_rename_stream(&w.f.call, b.open, &second), 0);
    CHECK_INT(write_at(&w.f, a.open, 0, "text"), 0);
    must_close(&w.f, a.open);
    must_close(&w.f, b.open);
    in.stream = "Two";
    in.disposition = SMBKIT_OPEN;
    REQUIRE(SMBKIT_OK(vfs_create(&w.f.call, &in, &a)));
    CHECK_INT(read_at(&w.f, a.open, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "text");
    must_close(&w.f, a.open);
    world_end(&w);
}

static void check_eas(struct fixture *f, struct vfs_open *o, const void *want, size_t want_len)
{
    uint8_t *list;
    size_t len;
    CHECK_INT(vfs_ea_get(&f->call, o, &list, &len), 0);
    CHECK_INT(len, want_len);
    CHECK(len == want_len && (len == 0 || memcmp(list, want, len) == 0));
    mem_free(list);
}

static void test_eas(void)
{
    struct world w = {0};
    static const uint8_t one[] = "\0\0\0\0\0\1\2\0A\0vw";
    static const uint8_t none[] = "\0\0\0\0\0\1\0\0a";
    static const uint8_t two[] = "\0\0\0\0\0\1\1\0B\0x";
    static const uint8_t both[] = "\14\0\0\0\0\1\2\0A\0vw\0\0\0\0\0\1\1\0B\0x";
    const uint32_t access = SMBKIT_READ_EA | SMBKIT_WRITE_EA | RW;
    world_start(&w);
    struct vfs_open *o = must_open(&w.f, "f", access, SMBKIT_CREATE, 0);
    CHECK_INT(vfs_ea_set(&w.f.call, o, (struct smbkit_bytes){one, 12}), 0);
    check_eas(&w.f, o, one, 12);
    CHECK_INT(vfs_ea_set(&w.f.call, o, (struct smbkit_bytes){two, 11}), 0);
    check_eas(&w.f, o, both, 23);
    CHECK_INT(vfs_ea_set(&w.f.call, o, (struct smbkit_bytes){none, 10}), 0);
    check_eas(&w.f, o, two, 11);
    must_close(&w.f, o);
    world_end(&w);
}

/* ---- against a model ---- */

#define MODEL_MAX (40u * ENCRYPT_BLOCK)

struct model {
    uint32_t size;
    uint8_t data[MODEL_MAX];
};

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void model_size(struct model *m, uint32_t size)
{
    if (size < m->size) {
        memset(m->data + size, 0, m->size - size);
    }
    m->size = size;
}

static void model_write(struct fixture *f, struct vfs_open *o, struct model *m, uint64_t *seed)
{
    static char text[3 * ENCRYPT_BLOCK + 1];
    uint32_t len = 1 + next_random(seed) % (3 * ENCRYPT_BLOCK);
    uint32_t at = next_random(seed) % (MODEL_MAX - len);
    at = next_random(seed) % 3 == 0 ? at / ENCRYPT_BLOCK * ENCRYPT_BLOCK : at;
    memset(text, 'a' + (int)(next_random(seed) % 26), len);
    text[len] = '\0';
    CHECK_INT(write_at(f, o, at, text), 0);
    m->size = at + len > m->size ? at + len : m->size;
    memcpy(m->data + at, text, len);
}

static void model_zero(struct fixture *f, struct vfs_open *o, struct model *m, uint64_t *seed)
{
    uint32_t at = next_random(seed) % MODEL_MAX;
    uint32_t len = next_random(seed) % (MODEL_MAX - at);
    CHECK_INT(vfs_zero_range(&f->call, o, at, len), 0);
    uint32_t stop = at + len < m->size ? at + len : m->size;
    if (at < stop) {
        memset(m->data + at, 0, stop - at);
    }
}

static void model_check(struct fixture *f, struct vfs_open *o, const struct model *m)
{
    static char buf[MODEL_MAX + 1];
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), 0);
    for (uint32_t i = 0; i < m->size; i++) {
        if ((uint8_t)buf[i] != m->data[i]) {
            test_fail(__FILE__, __LINE__, "byte %u of %u differs", i, m->size);
            return;
        }
    }
    CHECK_INT(vfs_set_end_of_file(&f->call, o, m->size), 0); /* it is so long: nothing changes */
}

static void test_model(void)
{
    static struct model m;
    struct world w = {0};
    uint64_t seed = 11;
    world_start(&w);
    struct vfs_open *o = must_open(&w.f, "f", RW, SMBKIT_CREATE, 0);
    for (unsigned step = 0; step < 400; step++) {
        test_context("step %u", step);
        switch (next_random(&seed) % 8) {
        case 0: {
            uint32_t size = next_random(&seed) % MODEL_MAX;
            CHECK_INT(vfs_set_end_of_file(&w.f.call, o, size), 0);
            model_size(&m, size);
            break;
        }
        case 1:
            model_zero(&w.f, o, &m, &seed);
            break;
        case 2:
            must_close(&w.f, o);
            o = must_open(&w.f, "f", RW, SMBKIT_OPEN, 0);
            break;
        default:
            model_write(&w.f, o, &m, &seed);
        }
        model_check(&w.f, o, &m);
    }
    must_close(&w.f, o);
    (void)below_of_size(&w, (off_t)encrypt_stored(m.size));
    world_end(&w);
}

static const struct test_case cases[] = {
    {"nothing is told", test_hidden},         {"tampering", test_tampering},
    {"junk behind a file", test_behind},      {"a damaged last block", test_damaged_end},
    {"a write cut off", test_cut_write},      {"streams", test_streams},
    {"streams renamed", test_stream_renames}, {"EAs", test_eas},
    {"against a model", test_model},
};
TEST_MAIN(cases)
