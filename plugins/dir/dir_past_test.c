/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: what is found by which time, that nothing leads out of one, and its end while it is
 * open. */
#include "dir_test.h"

#define NEW_YEAR 133801632000000000ull /* 2025-01-01 00:00:00 */
#define SECONDS 10000000ull
#define TEXT_MAX 16

static smbkit_status open_past(struct pt *t, const char *path, uint64_t time, void **file)
{
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = path,
                                .access = SMBKIT_READ_DATA | SMBKIT_WRITE_DATA | SMBKIT_DELETE,
                                .snapshot_time = time};
    *file = NULL;
    return pt_create(t, &how, file, &attr);
}

/* What the file says at the time, or the name of the status. */
static const char *past(struct pt *t, const char *path, uint64_t time)
{
    static char text[TEXT_MAX];
    void *file;
    smbkit_status status = open_past(t, path, time, &file);
    if (!SMBKIT_OK(status)) {
        return smbkit_status_name(status);
    }
    int64_t n = pt_read(t, file, 0, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    pt_close(t, file);
    return text;
}

static bool start(struct world *w, const char *names)
{
    char folder[128];
    if (!world_start(w, "/tmp", NULL)) {
        return false;
    }
    mkdirat(w->base_fd, "past", 0755);
    snprintf(folder, sizeof(folder), "snapshots=%s/past", w->base);
    pt_close_volume(&w->t);
    return world_mount(w, folder, names);
}

static void make(struct world *w, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "past/%s", name);
    mkdirat(w->base_fd, path, 0755);
    int fd = openat(w->base_fd, path, O_RDONLY | O_DIRECTORY);
    put_file(fd, "f", text);
    (void)symlinkat("../../secret", fd, "out");
    (void)symlinkat("f", fd, "in");
    close(fd);
}

static uint32_t list_past(struct pt *t, uint64_t *times, uint32_t room, uint32_t *total)
{
    struct smbkit_snapshots a = {.struct_size = sizeof(a), .room = room, .times = times};
    CHECK_INT(t->p->snapshots(t->v, &t->op, &a), 0);
    *total = a.total;
    return a.count;
}

static void test_times(void)
{
    struct world w;
    uint64_t times[8];
    uint32_t total;
    if (!start(&w, NULL)) {
        return;
    }
    put_file(w.fd, "f", "today");
    make(&w, "@GMT-2025.01.01-00.00.00", "one");
    make(&w, "@GMT-2025.01.01-00.00.07", "two");
    make(&w, "@GMT-2025.01.01-00.00.07x", "none");
    make(&w, "@GMT-2025.13.01-00.00.07", "none");
    (void)symlinkat("@GMT-2025.01.01-00.00.00", w.base_fd, "past/@GMT-2025.01.01-00.00.09");
    CHECK_INT(list_past(&w.t, times, 8, &total), 2);
    CHECK_INT(list_past(&w.t, times, 1, &total), 1);
    CHECK_INT(total, 2);
    CHECK_INT(times[0], NEW_YEAR + 7 * SECONDS);
    CHECK_STR(past(&w.t, "f", 0), "today");
    CHECK_STR(past(&w.t, "f", NEW_YEAR), "one");
    CHECK_STR(past(&w.t, "f", NEW_YEAR + 7 * SECONDS), "two");
    CHECK_STR(past(&w.t, "f", NEW_YEAR + 7 * SECONDS + 1), "OBJECT_NAME_NOT_FOUND");
    CHECK_STR(past(&w.t, "f", NEW_YEAR + 8 * SECONDS), "OBJECT_NAME_NOT_FOUND");
    CHECK_STR(past(&w.t, "f", UINT64_MAX), "OBJECT_NAME_NOT_FOUND");
    /* A link is no snapshot, and leads out of none. */
    CHECK_STR(past(&w.t, "f", NEW_YEAR + 9 * SECONDS), "OBJECT_NAME_NOT_FOUND");
    CHECK_STR(past(&w.t, "in", NEW_YEAR), "one");
    CHECK_STR(past(&w.t, "out", NEW_YEAR), "IO_REPARSE_TAG_NOT_HANDLED");
    world_end(&w);
}

static void test_formats(void)
{
    struct world w;
    if (!start(&w, "snapshot-names=auto-%Y%m%d-%H%M")) {
        return;
    }
    make(&w, "auto-20250101-0001", "named otherwise");
    make(&w, "@GMT-2025.01.01-00.00.00", "none");
    uint64_t times[8];
    uint32_t total;
    CHECK_INT(list_past(&w.t, times, 8, &total), 1);
    CHECK_STR(past(&w.t, "f", NEW_YEAR + 60 * SECONDS), "named otherwise");
    CHECK_STR(past(&w.t, "f", NEW_YEAR), "OBJECT_NAME_NOT_FOUND");
    world_end(&w);
}

static void test_end(void)
{
    struct world w;
    char text[TEXT_MAX] = "";
    void *old;
    void *same;
    if (!start(&w, NULL)) {
        return;
    }
    make(&w, "@GMT-2025.01.01-00.00.00", "one");
    CHECK_INT(open_past(&w.t, "f", NEW_YEAR, &old), 0);
    CHECK_INT(open_past(&w.t, "f", NEW_YEAR, &same), 0);
    CHECK_INT(pt_write(&w.t, old, 0, "no", 2), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(renameat(w.base_fd, "past/@GMT-2025.01.01-00.00.00", w.base_fd, "gone"), 0);
    CHECK_STR(past(&w.t, "f", NEW_YEAR), "OBJECT_NAME_NOT_FOUND");
    make(&w, "@GMT-2025.01.01-00.00.00", "another");
    CHECK_STR(past(&w.t, "f", NEW_YEAR), "another");
    unlinkat(w.base_fd, "gone/f", 0);
    CHECK_INT(pt_read(&w.t, old, 0, text, 3), 3);
    CHECK_STR(text, "one");
    pt_close(&w.t, old);
    CHECK_INT(pt_read(&w.t, same, 0, text, 3), 3);
    pt_close(&w.t, same);
    world_end(&w);
}

static void test_arguments(void)
{
    struct world w;
    char path[96];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close_volume(&w.t);
    snprintf(path, sizeof(path), "path=%s", w.share);
    const char *args[] = {path, "snapshots=nowhere", NULL};
    CHECK(!SMBKIT_OK(pt_open_volume(&w.t, smbkit_static_dir(&pt_api), args, NULL)));
    CHECK_STR(w.t.error, "cannot open the folder of snapshots: nowhere");
    /* In the share, where clients can make links. */
    (void)symlinkat("..", w.fd, "nowhere");
    CHECK(!SMBKIT_OK(pt_open_volume(&w.t, smbkit_static_dir(&pt_api), args, NULL)));
    unlinkat(w.fd, "nowhere", 0);
    mkdirat(w.fd, "nowhere", 0755);
    CHECK(world_mount(&w, "snapshots=nowhere", NULL));
    CHECK(w.t.features & SMBKIT_FEATURE_SNAPSHOTS);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"by their times", test_times},
    {"names of another format", test_formats},
    {"a snapshot that goes while it is open", test_end},
    {"the folder of snapshots", test_arguments},
};

TEST_MAIN(cases)
