/* SPDX-License-Identifier: Apache-2.0 */
/* Copies, holes and states of files of the host. */
#include "dir_test.h"

static void test_copy(void)
{
    static const struct {
        const char *name;
        uint64_t from, to, len, done;
    } cases[] = {
        {"all", 0, 0, 300000, 300000},         {"within", 1000, 7, 5000, 5000},
        {"behind the end", 0, 400000, 10, 10}, {"beyond its end", 299990, 0, 100, 10},
        {"at its end", 300000, 0, 100, 0},
    };
    static uint8_t data[300000], want[500000], got[500000];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        test_context("%s", cases[i].name);
        if (!world_start(&w, "/tmp", NULL)) {
            return;
        }
        struct pt *t = &w.t;
        void *from = pt_new(t, "from");
        void *to = pt_new(t, "to");
        CHECK_INT(pt_write(t, from, 0, data, sizeof(data)), 0);
        struct smbkit_copy a = {.struct_size = sizeof(a),
                                .source = from,
                                .source_offset = cases[i].from,
                                .offset = cases[i].to,
                                .length = cases[i].len};
        CHECK_INT(t->p->copy_range(t->v, &t->op, to, &a), 0);
        CHECK_INT(a.done, cases[i].done);
        memset(want, 0, sizeof(want));
        memcpy(want + cases[i].to, data + cases[i].from, cases[i].done);
        uint64_t end = cases[i].done > 0 ? cases[i].to + cases[i].done : 0;
        CHECK_INT(pt_read(t, to, 0, got, sizeof(got)), (int64_t)end);
        CHECK(memcmp(want, got, end) == 0);
        pt_close(t, from);
        pt_close(t, to);
        world_end(&w);
    }
}

/* Shared blocks, or an honest refusal that changes nothing; never longer than it was. */
static void test_clone(void)
{
    struct world w;
    static uint8_t data[8192], got[8192];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    void *from = pt_new(t, "from");
    void *to = pt_new(t, "to");
    memset(data, 'x', sizeof(data));
    CHECK_INT(pt_write(t, from, 0, data, sizeof(data)), 0);
    CHECK_INT(pt_set_size(t, to, sizeof(data)), 0);
    struct smbkit_copy a = {.struct_size = sizeof(a), .source = from, .length = sizeof(data)};
    smbkit_status status = t->p->clone_range(t->v, &t->op, to, &a);
    CHECK(status == SMBKIT_STATUS_SUCCESS || status == SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(pt_read(t, to, 0, got, sizeof(got)), sizeof(got));
    memset(data, SMBKIT_OK(status) ? 'x' : 0, sizeof(data));
    CHECK(memcmp(data, got, sizeof(got)) == 0);
    pt_close(t, from);
    pt_close(t, to);
    world_end(&w);
}

static void test_states(void)
{
    struct world w;
    static uint8_t data[65536];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    void *f = pt_new(t, "f");
    if (!(t->features & SMBKIT_FEATURE_COMPRESSION)) {
        pt_close(t, f);
        world_end(&w);
        return; /* no xattrs here */
    }
    CHECK_INT(pt_write(t, f, 1 << 20, data, sizeof(data)), 0);
    CHECK_INT(pt_set_value(t, f, 1, t->p->set_sparse), 0);
    CHECK_INT(pt_set_value(t, f, 2, t->p->set_compression), 0);
    uint32_t both = SMBKIT_ATTR_SPARSE | SMBKIT_ATTR_COMPRESSED;
    CHECK_INT(pt_attr(t, f).attributes & both, both);
    struct smbkit_attr hidden = {.attributes = SMBKIT_ATTR_HIDDEN};
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &hidden), 0);
    CHECK_INT(pt_attr(t, f).attributes, both | SMBKIT_ATTR_HIDDEN);
    uint64_t before = pt_attr(t, f).alloc_size;
    const struct smbkit_span span = {
        .struct_size = sizeof(span), .offset = 1 << 20, .length = sizeof(data)};
    CHECK_INT(t->p->trim(t->v, &t->op, f, &span), 0);
    CHECK(pt_attr(t, f).alloc_size <= before);
    CHECK_INT(pt_attr(t, f).size, (1 << 20) + sizeof(data));
    CHECK_INT(pt_set_value(t, f, 0, t->p->set_sparse), 0);
    CHECK_INT(pt_set_value(t, f, 0, t->p->set_compression), 0);
    CHECK_INT(pt_attr(t, f).attributes & both, 0);
    pt_close(t, f);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"copies", test_copy},
    {"clones", test_clone},
    {"states", test_states},
};

TEST_MAIN(cases)
