/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between files, sparse and compressed files. */
#include "mem_test.h"

static smbkit_status copy(struct pt *t, void *target, struct smbkit_copy a, uint64_t *done_r)
{
    a.struct_size = sizeof(a);
    smbkit_status status = t->p->copy_range(t->v, &t->op, target, &a);
    *done_r = a.done;
    return status;
}

/* Against memmove, at the edges of chunks; holes stay holes. */
static void test_copy(void)
{
    static const struct {
        const char *name;
        uint64_t from, to, len, done;
    } cases[] = {
        {"within a chunk", 10, 20, 100, 100},         {"over an edge", CHUNK - 5, 3, 10, 10},
        {"to an edge", 0, CHUNK, CHUNK, CHUNK},       {"all", 0, 7, 3 * CHUNK, 3 * CHUNK},
        {"beyond the end", 3 * CHUNK - 4, 0, 100, 4}, {"at the end", 3 * CHUNK, 0, 100, 0},
    };
    static uint8_t data[4 * CHUNK], want[8 * CHUNK], got[8 * CHUNK];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = i / CHUNK == 1 ? 0 : (uint8_t)(i * 7 + i / 251 + 1); /* the second: a hole */
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pt t;
        test_context("%s", cases[i].name);
        if (!start(&t, "size=4M", NULL)) {
            return;
        }
        void *from = pt_new(&t, "from");
        void *to = pt_new(&t, "to");
        CHECK_INT(pt_write(&t, from, 0, data, CHUNK), 0);
        CHECK_INT(pt_write(&t, from, 2 * CHUNK, data + 2 * CHUNK, CHUNK), 0);
        memset(want, 'w', 5 * CHUNK);
        CHECK_INT(pt_write(&t, to, 0, want, 5 * CHUNK), 0);
        const struct smbkit_copy a = {.source = from,
                                      .source_offset = cases[i].from,
                                      .offset = cases[i].to,
                                      .length = cases[i].len};
        uint64_t done;
        CHECK_INT(copy(&t, to, a, &done), 0);
        CHECK_INT(done, cases[i].done);
        memcpy(want + cases[i].to, data + cases[i].from, cases[i].done);
        CHECK_INT(pt_read(&t, to, 0, got, sizeof(got)), 5 * CHUNK);
        CHECK(memcmp(want, got, 5 * CHUNK) == 0);
        pt_close(&t, from);
        pt_close(&t, to);
        pt_close_volume(&t);
    }
}

/* A hole is copied as one: it takes nothing. What does not fit is not half there. */
static void test_room(void)
{
    struct pt t;
    static uint8_t data[CHUNK];
    if (!start(&t, "size=256K", NULL)) {
        return;
    }
    void *from = pt_new(&t, "from");
    void *to = pt_new(&t, "to");
    CHECK_INT(pt_write(&t, from, 100 * CHUNK, data, CHUNK), 0);
    uint64_t before = pt_free_bytes(&t);
    uint64_t done;
    struct smbkit_copy a = {.source = from, .length = 101 * CHUNK};
    CHECK_INT(copy(&t, to, a, &done), 0);
    CHECK_INT(done, 101 * CHUNK);
    CHECK_INT(before - pt_free_bytes(&t), CHUNK);
    CHECK_INT(pt_attr(&t, to).size, 101 * CHUNK);
    CHECK_INT(pt_write(&t, from, 50 * CHUNK, data, CHUNK), 0);
    CHECK_INT(pt_write(&t, from, 60 * CHUNK, data, CHUNK), 0);
    CHECK_INT(copy(&t, to, a, &done), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(done, 50 * CHUNK);
    pt_close(&t, from);
    pt_close(&t, to);
    pt_close_volume(&t);
}

static void test_values(void)
{
    struct pt t;
    if (!start(&t, "size=256K", NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_set_size(&t, f, 3 * CHUNK), 0);
    CHECK_INT(pt_set_value(&t, f, 1, t.p->set_sparse), 0);
    CHECK(pt_attr(&t, f).attributes & SMBKIT_ATTR_SPARSE);
    CHECK_INT(pt_attr(&t, f).alloc_size, 0);
    CHECK_INT(pt_set_value(&t, f, 2, t.p->set_compression), 0);
    CHECK(pt_attr(&t, f).attributes & SMBKIT_ATTR_COMPRESSED);
    struct smbkit_attr attr = {.attributes = SMBKIT_ATTR_HIDDEN};
    CHECK_INT(pt_setattr(&t, f, SMBKIT_HAS_ATTRIBUTES, &attr), 0);
    CHECK_INT(pt_attr(&t, f).attributes,
              SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SPARSE | SMBKIT_ATTR_COMPRESSED);
    /* Sparse no more: all of it has memory, or it stays as it was. */
    CHECK_INT(pt_set_value(&t, f, 0, t.p->set_sparse), 0);
    CHECK_INT(pt_attr(&t, f).alloc_size, 3 * CHUNK);
    CHECK_INT(pt_set_value(&t, f, 1, t.p->set_sparse), 0);
    CHECK_INT(pt_set_size(&t, f, 30 * CHUNK), 0);
    CHECK_INT(pt_set_value(&t, f, 0, t.p->set_sparse), SMBKIT_STATUS_DISK_FULL);
    CHECK(pt_attr(&t, f).attributes & SMBKIT_ATTR_SPARSE);
    CHECK_INT(pt_set_value(&t, f, 0, t.p->set_compression), 0);
    CHECK(!(pt_attr(&t, f).attributes & SMBKIT_ATTR_COMPRESSED));
    pt_close(&t, f);
    pt_close_volume(&t);
}

/* However large a hole is, it costs no time: its size is the client's word. */
static void test_large_holes(void)
{
    const uint64_t size = 1ull << 43;
    struct pt t;
    char byte = 'x';
    uint64_t done;
    if (!start(&t, "size=256K", NULL)) {
        return;
    }
    void *from = pt_new(&t, "from");
    void *to = pt_new(&t, "to");
    CHECK_INT(pt_set_size(&t, from, size), 0);
    CHECK_INT(pt_set_size(&t, to, size), 0);
    CHECK_INT(pt_set_value(&t, from, 1, t.p->set_sparse), 0);
    CHECK_INT(pt_set_value(&t, from, 0, t.p->set_sparse), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_write(&t, from, 1ull << 40, "a", 1), 0);
    CHECK_INT(pt_write(&t, to, 1ull << 42, "b", 1), 0);
    struct smbkit_copy a = {.struct_size = sizeof(a), .source = from, .length = size};
    CHECK_INT(t.p->clone_range(t.v, &t.op, to, &a), 0);
    CHECK_INT(pt_read(&t, to, 1ull << 40, &byte, 1), 1);
    CHECK_INT(byte, 'a');
    CHECK_INT(pt_read(&t, to, 1ull << 42, &byte, 1), 1);
    CHECK_INT(byte, 0);
    a = (struct smbkit_copy){.source = from, .offset = 3, .length = size - 3};
    CHECK_INT(copy(&t, to, a, &done), 0);
    CHECK_INT(done, size - 3);
    CHECK_INT(pt_read(&t, to, (1ull << 40) + 3, &byte, 1), 1);
    CHECK_INT(byte, 'a');
    pt_close(&t, from);
    pt_close(&t, to);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"copies", test_copy},
    {"large holes", test_large_holes},
    {"room", test_room},
    {"sparse and compressed", test_values},
};

TEST_MAIN(cases)
