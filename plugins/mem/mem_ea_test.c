/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

struct ea_list {
    uint8_t bytes[70000];
    uint32_t len, last;
};

static void put(struct ea_list *l, const char *name, const char *value, uint16_t value_len)
{
    uint32_t at = (l->len + 3) & ~3u;
    uint8_t name_len = (uint8_t)strlen(name);
    if (l->len > 0) {
        uint32_t next = at - l->last;
        memcpy(l->bytes + l->last, &next, 4);
    }
    memset(l->bytes + at, 0, 8);
    l->bytes[at + 5] = name_len;
    memcpy(l->bytes + at + 6, &value_len, 2);
    memcpy(l->bytes + at + 8, name, name_len + 1u);
    memcpy(l->bytes + at + 8 + name_len + 1, value, value_len);
    l->last = at;
    l->len = at + 8 + name_len + 1 + value_len;
}

static smbkit_status set(struct pt *t, void *file, const struct ea_list *l)
{
    const struct smbkit_set_ea a = {.struct_size = sizeof(a),
                                    .ea = {.base = l->bytes, .len = l->len}};
    return t->p->set_ea(t->v, &t->op, file, &a);
}

static void check_list(struct pt *t, void *file, const struct ea_list *want)
{
    static uint8_t buf[70000];
    struct smbkit_get_ea a = {.struct_size = sizeof(a),
                              .buffer = {.base = buf, .cap = sizeof(buf)}};
    CHECK_INT(t->p->get_ea(t->v, &t->op, file, &a), 0);
    CHECK_MEM(buf, a.buffer.len, want->bytes, want->len);
    CHECK_INT(pt_attr(t, file).ea_size, want->len);
}

static void test_ea(void)
{
    struct pt t;
    static struct ea_list l, want;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    check_list(&t, f, &want);
    put(&l, "one", "1", 1);
    put(&l, "two", "22", 2);
    put(&l, "three", "333", 3);
    CHECK_INT(set(&t, f, &l), 0);
    check_list(&t, f, &l);
    /* Another letter case is the same one; the last of two counts; empty takes away. */
    l = (struct ea_list){0};
    put(&l, "TWO", "x", 1);
    put(&l, "two", "y", 1);
    put(&l, "one", "", 0);
    put(&l, "none", "", 0);
    CHECK_INT(set(&t, f, &l), 0);
    put(&want, "three", "333", 3);
    put(&want, "two", "y", 1);
    check_list(&t, f, &want);
    /* Too much changes nothing. */
    static char large[60000];
    l = (struct ea_list){0};
    put(&l, "large", large, 60000);
    CHECK_INT(set(&t, f, &l), 0);
    put(&want, "large", large, 60000);
    l = (struct ea_list){0};
    put(&l, "two", "z", 1);
    put(&l, "more", large, 6000);
    CHECK_INT(set(&t, f, &l), SMBKIT_STATUS_EA_TOO_LARGE);
    check_list(&t, f, &want);
    struct smbkit_attr attr;
    CHECK_INT(pt_overwrite(&t, f, 0, 0, &attr), 0);
    CHECK_INT(attr.ea_size, 0);
    pt_close(&t, f);
    pt_close_volume(&t);
}

/* They take room as data does, unless they are small. */
static void test_room(void)
{
    static char value[60000];
    struct pt t;
    struct ea_list large = {.len = 0};
    struct ea_list none = {.len = 0};
    char name[8];
    if (!start(&t, "size=256K", NULL)) {
        return;
    }
    uint64_t before = pt_free_bytes(&t);
    put(&large, "A", value, sizeof(value));
    put(&none, "A", value, 0);
    void *files[5];
    for (unsigned i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "f%u", i);
        files[i] = pt_new(&t, name);
        CHECK_INT(set(&t, files[i], &large), i < 4 ? 0 : SMBKIT_STATUS_DISK_FULL);
    }
    CHECK(pt_free_bytes(&t) <= before - 4 * sizeof(value));
    CHECK_INT(set(&t, files[0], &none), 0);
    CHECK_INT(set(&t, files[4], &large), 0);
    struct smbkit_attr attr;
    CHECK_INT(pt_overwrite(&t, files[1], 0, 0, &attr), 0);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_INT(pt_remove_file(&t, files[i]), 0);
        pt_close(&t, files[i]);
    }
    CHECK_INT(pt_free_bytes(&t), before);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"room", test_room},
    {"extended attributes", test_ea},
};

TEST_MAIN(cases)
