/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that filters have beside the layer below. */
#include "filter_fixture.h"

/* A filter whose files are those of another volume. */
struct aside {
    struct smbkit_next *next; /* of the other volume */
    uint32_t features;
    struct smbkit_volume_args args;
};
static const char *aside_spec;
static bool aside_fails; /* after the other one is open */
static struct aside aside;
static struct smbkit_host *aside_host;

static smbkit_status aside_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct smbkit_mount m = {.struct_size = sizeof(m), .spec = aside_spec};
    smbkit_status st = smbkit_mount_open(args, &m);
    if (SMBKIT_OK(st) && aside_fails) {
        smbkit_mount_close(m.next);
        snprintf(args->error, args->error_size, "not today");
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    aside = (struct aside){.next = m.next, .features = m.features, .args = *args};
    aside_host = args->host;
    *volume_r = &aside;
    return st;
}

static void aside_volume_close(void *volume)
{
    smbkit_mount_close(((struct aside *)volume)->next);
}

static smbkit_status aside_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    return smbkit_next_create(((struct aside *)volume)->next, op, a);
}

static void aside_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(((struct aside *)volume)->next, op, file);
}

#define PASS(name, type)                                                                           \
    static smbkit_status aside_##name(void *volume, struct smbkit_op *op, void *file, type *a)     \
    {                                                                                              \
        return smbkit_next_##name(((struct aside *)volume)->next, op, file, a);                    \
    }
PASS(read, struct smbkit_io)
PASS(write, struct smbkit_io)
PASS(getattr, struct smbkit_attr)
PASS(enumerate, struct smbkit_sink)
PASS(get_security, struct smbkit_get_security)

static const struct smbkit_plugin ASIDE = {
    .struct_size = sizeof(ASIDE),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "aside",
    .volume_open = aside_open,
    .volume_close = aside_volume_close,
    .create = aside_create,
    .close = aside_close,
    .read = aside_read,
    .write = aside_write,
    .getattr = aside_getattr,
    .enumerate = aside_enumerate,
    .get_security = aside_get_security,
};

static bool start(struct fixture *f, char err[256])
{
    const struct stack_layer layers[] = {{&ASIDE, {NULL}}, {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_try(f, layers, 2, NULL, err);
}

static void used(void)
{
    char buf[16];
    char err[256];
    char names[1024];
    struct fixture f;
    aside_spec = "mem:";
    REQUIRE(start(&f, err));
    CHECK(aside.features & SMBKIT_FEATURE_IGNORES_CASE);
    CHECK_INT(make_below(&f, "below", SMBKIT_KIND_FILE), 0);
    struct vfs_open *o = must_open(&f, "beside", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    must_close(&f, o);
    list_names(&f, "", names);
    CHECK_STR(names, "beside ");
    /* Once the share is open no more come to it. */
    struct smbkit_mount m = {.struct_size = sizeof(m), .spec = "mem:"};
    aside.args.error = err;
    aside.args.error_size = sizeof(err);
    CHECK_INT(smbkit_mount_open(&aside.args, &m), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK(strstr(err, "open already") != NULL);
    CHECK(m.next == NULL);
    aside.args.next = NULL;
    CHECK_INT(smbkit_mount_open(&aside.args, &m), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK(strstr(err, "only a filter") != NULL);
    fixture_close(&f);
}

static void refused(void)
{
    char err[256];
    struct fixture f;
    aside_spec = "none:";
    CHECK(!start(&f, err));
    CHECK_STR(err, "aside: none:: there is no such plugin");
    aside_spec = "mem:";
    aside_fails = true;
    CHECK(!start(&f, err));
    CHECK_STR(err, "aside: not today");
    aside_fails = false;
}

static void letters(void)
{
    CHECK_INT(smbkit_upcase('a'), 'A');
    CHECK_INT(smbkit_upcase(0xf6), 0xd6);
    CHECK_INT(smbkit_upcase(0x450), 0x400);
    CHECK_INT(smbkit_upcase('-'), '-');
}

static const struct test_case cases[] = {
    {"another volume", used},
    {"one that cannot be had", refused},
    {"capitals", letters},
};
TEST_MAIN(cases)
