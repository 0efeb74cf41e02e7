/* SPDX-License-Identifier: Apache-2.0 */
/* What filters that only pass on cost: see bench/filter.
 *
 * usage: filter FILTERS LAYERS OPERATION COUNT; FILTERS: "same" or "own". On standard output: the
 * CPU time of an operation, in ns. */
#include "filter_fixture.h"

#include <time.h>

#include "every.h"
#include "pass.h"

const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

#define IO_BYTES 4096

/* ---- a filter that gives on the operation that it got, or one of its own (SMBKIT_OP_*) ---- */

static bool gives_own;

static smbkit_status pass_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void pass_close(void *volume)
{
    (void)volume;
}

static smbkit_status end_as_it_was(void *arg, smbkit_status status)
{
    (void)arg;
    return status;
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    return gives_own ? pass_down(volume, &c, end_as_it_was, NULL) : pass_next(volume, &c);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void every_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(volume, op, file);
}

static const struct smbkit_plugin pass_plugin = {.struct_size = sizeof(pass_plugin),
                                                 .api_version = SMBKIT_FILTER_VERSION,
                                                 .name = "pass",
                                                 .version = "1",
                                                 .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING |
                                                          SMBKIT_SEES_SEGMENTS,
                                                 .thread_model = SMBKIT_PARALLEL,
                                                 .volume_open = pass_open,
                                                 .volume_close = pass_close,
                                                 .close = every_close,
                                                 SMBKIT_OPERATIONS(EVERY_MEMBER)};

/* ---- the operations ---- */

static struct fixture f;
static struct vfs_open *file;
static char buf[IO_BYTES + 1];

static bool do_getattr(void)
{
    struct smbkit_attr attr;
    return SMBKIT_OK(vfs_getattr(&f.call, file, 0, &attr));
}

static bool do_read(void)
{
    return SMBKIT_OK(read_at(&f, file, 0, buf, sizeof(buf)));
}

static bool do_write(void)
{
    const struct smbkit_segment seg = {.base = (const uint8_t *)buf, .len = IO_BYTES};
    struct vfs_io io;
    vfs_io_init(&io);
    io.length = IO_BYTES;
    io.segs = &seg;
    io.seg_count = 1;
    smbkit_status st = vfs_write(&f.call, file, &io);
    vfs_io_fini(&io);
    return SMBKIT_OK(st);
}

static bool do_open(void)
{
    struct vfs_open *o = must_open(&f, "other", RW, SMBKIT_OPEN, 0);
    return o && SMBKIT_OK(vfs_close(&f.call, o, NULL));
}

static const struct {
    const char *name;
    bool (*fn)(void);
} operations[] = {
    {"getattr", do_getattr}, {"read", do_read}, {"write", do_write}, {"open", do_open}};

/* Counted by callgrind: by this name. */
__attribute__((noinline)) void measured(bool (*fn)(void), unsigned long count);
void measured(bool (*fn)(void), unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        if (!fn()) {
            abort();
        }
    }
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool (*operation(const char *name))(void)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return operations[i].fn;
        }
    }
    abort();
}

int main(int argc, char **argv)
{
    struct stack_layer layers[VFS_LAYERS_MAX] = {{0}};
    if (argc != 5) {
        return 2;
    }
    gives_own = strcmp(argv[1], "own") == 0;
    uint32_t count = (uint32_t)atoi(argv[2]);
    for (uint32_t i = 0; i < count; i++) {
        layers[i].plugin = vfs_plugin_adopt(&pass_plugin, buf, sizeof(buf));
        layers[i].is_linked_in = true; /* as those that come with smbkit */
    }
    layers[count].plugin = smbkit_static_mem(&vfs_api);
    layers[count].is_linked_in = true;
    if (!stack_open(&f, layers, count + 1)) {
        return 1;
    }
    make(&f, "other", false);
    file = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    if (!do_write()) {
        return 1;
    }
    bool (*fn)(void) = operation(argv[3]);
    unsigned long n = strtoul(argv[4], NULL, 10);
    (void)fn();
    double from = now_ns();
    measured(fn, n);
    printf("%.1f\n", (now_ns() - from) / (double)n);
    must_close(&f, file);
    fixture_close(&f);
    return 0;
}
