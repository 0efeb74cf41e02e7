/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be removed says so before it is promised to be. */
#include "dir_test.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* Would it be removed? Then the answer is that of trying, too: 0 stands for a file that is gone. */
static smbkit_status check(struct pt *t, const char *path)
{
    const struct smbkit_create how = {.struct_size = sizeof(how),
                                      .disposition = SMBKIT_OPEN,
                                      .path = path,
                                      .access = SMBKIT_DELETE};
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    struct smbkit_create copy = how;
    struct smbkit_attr attr;
    void *file = NULL;
    CHECK_INT(pt_create(t, &copy, &file, &attr), 0);
    smbkit_status status = t->p->check_remove(t->v, &t->op, file, &a);
    smbkit_status truth = pt_remove_file(t, file);
    CHECK_INT(SMBKIT_OK(status), SMBKIT_OK(truth));
    pt_close(t, file);
    return status;
}

static void test_directories(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    bool is_root = geteuid() == 0;
    mkdirat(w.fd, "open", 0777);
    mkdirat(w.fd, "shut", 0755);
    mkdirat(w.fd, "sticky", 0755);
    put_file(w.fd, "open/f", "f");
    put_file(w.fd, "shut/f", "f");
    put_file(w.fd, "sticky/others", "f");
    put_file(w.fd, "sticky/own", "f");
    fchmodat(w.fd, "open", 0777, 0);
    fchmodat(w.fd, "sticky", 01777, 0);
    if (is_root) {
        CHECK_INT(fchownat(w.fd, "sticky/own", 65534, 65534, 0), 0);
        CHECK_INT(chmod(w.base, 0755), 0);
        CHECK_INT(seteuid(65534), 0);
    } else {
        fchmodat(w.fd, "shut", 0555, 0);
    }
    pt_close_volume(&w.t);
    if (world_mount(&w, NULL, NULL)) {
        CHECK_INT(check(&w.t, "open/f"), 0);
        CHECK_INT(check(&w.t, "shut/f"), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(check(&w.t, "sticky/own"), 0);
        CHECK_INT(check(&w.t, "sticky/others"), is_root ? SMBKIT_STATUS_ACCESS_DENIED : 0);
    }
    if (is_root) {
        CHECK_INT(seteuid(0), 0);
    }
    fchmodat(w.fd, "shut", 0755, 0);
    world_end(&w);
}

static bool set_flags(struct world *w, const char *name, int flags)
{
    int fd = openat(w->fd, name, O_RDONLY);
    int r = ioctl(fd, FS_IOC_SETFLAGS, &flags);
    close(fd);
    return r == 0;
}

static void test_immutable(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "f", "f");
    mkdirat(w.fd, "d", 0755);
    put_file(w.fd, "d/f", "f");
    if (set_flags(&w, "f", FS_IMMUTABLE_FL)) {
        CHECK_INT(check(&w.t, "f"), SMBKIT_STATUS_CANNOT_DELETE);
        CHECK(set_flags(&w, "f", FS_APPEND_FL));
        CHECK_INT(check(&w.t, "f"), SMBKIT_STATUS_CANNOT_DELETE);
        CHECK(set_flags(&w, "d", FS_IMMUTABLE_FL));
        CHECK_INT(check(&w.t, "d/f"), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK(set_flags(&w, "d", FS_APPEND_FL));
        CHECK_INT(check(&w.t, "d/f"), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK(set_flags(&w, "f", 0) && set_flags(&w, "d", 0));
        CHECK_INT(check(&w.t, "f"), 0);
    } else {
        printf("# no immutable files here: %s\n", strerror(errno));
    }
    world_end(&w);
}

static const struct test_case cases[] = {
    {"directories that keep what is in them", test_directories},
    {"immutable files", test_immutable},
};

TEST_MAIN(cases)
