/* SPDX-License-Identifier: Apache-2.0 */
/* File systems that lack something: xattrs and fallocate (ramfs), room (a small tmpfs). They are
 * mounted in a name space of the test's own; where that is not allowed, the tests say so and pass.
 */
#include "dir_test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PLACE "/tmp" /* covered for this process alone */

static bool put_proc(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* In a user name space of its own the process is root, which is who it was outside. */
static bool become_root(void)
{
    char uid_map[64];
    char gid_map[64];
    snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned)geteuid());
    snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put_proc("/proc/self/uid_map", uid_map) &&
           put_proc("/proc/self/setgroups", "deny") && put_proc("/proc/self/gid_map", gid_map);
}

static bool mount_here(const char *type, const char *options)
{
    static bool is_alone;
    if (!is_alone) {
        is_alone = unshare(CLONE_NEWNS) == 0 || become_root();
        is_alone = is_alone && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    }
    if (!is_alone || mount("none", PLACE, type, 0, options) != 0) {
        printf("# cannot mount a %s here: %s\n", type, strerror(errno));
        return false;
    }
    return true;
}

static void test_no_xattrs(void)
{
    struct world w;
    if (!mount_here("ramfs", NULL)) {
        return;
    }
    if (!world_start(&w, PLACE, NULL)) {
        umount(PLACE);
        return;
    }
    struct pt *t = &w.t;
    CHECK_INT(t->features & SMBKIT_FEATURE_SECURITY, 0);
    void *f = pt_new(t, "f");
    struct stat st;
    struct smbkit_attr set = {.attributes = SMBKIT_ATTR_READONLY | SMBKIT_ATTR_ARCHIVE,
                              .create_time = 10,
                              .write_time = 116444736000000000ull};
    CHECK_INT(pt_attr(t, f).attributes, SMBKIT_ATTR_ARCHIVE);
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &set), 0);
    CHECK_INT(pt_attr(t, f).attributes, SMBKIT_ATTR_ARCHIVE | SMBKIT_ATTR_READONLY);
    CHECK_INT(fstatat(w.fd, "f", &st, 0), 0);
    CHECK_INT(st.st_mode & 0222, 0);
    set.attributes = SMBKIT_ATTR_ARCHIVE | SMBKIT_ATTR_HIDDEN;
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &set), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_CREATE_TIME | SMBKIT_HAS_WRITE_TIME, &set),
              SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(pt_attr(t, f).write_time, set.write_time); /* what can be kept is */
    CHECK(pt_attr(t, f).create_time > 10);
    uint32_t needed;
    CHECK_INT(pt_get_security(t, f, NULL, 0, &needed), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(pt_set_security(t, f, (const uint8_t *)"x", 1), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(pt_write(t, f, 0, "x", 1), 0);
    pt_close(t, f);
    f = NULL;
    /* A descriptor or attributes that cannot be kept do not keep the file from being made. */
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "g",
                                .kind = SMBKIT_KIND_FILE,
                                .attributes = SMBKIT_ATTR_HIDDEN,
                                .alloc_size = 10,
                                .security = {.base = (const uint8_t *)"abc", .len = 3}};
    CHECK_INT(pt_create(t, &how, &f, &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_ARCHIVE);
    pt_close(t, f);
    world_end(&w);
    umount(PLACE);
}

static smbkit_status check_remove(struct pt *t, const char *path)
{
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    void *file = pt_any(t, path);
    smbkit_status status = file ? t->p->check_remove(t->v, &t->op, file, &a) : 0;
    pt_close(t, file);
    return status;
}

/* Read-only since the volume was opened. */
static void test_read_only_meanwhile(void)
{
    struct world w;
    if (!mount_here("tmpfs", NULL)) {
        return;
    }
    if (!world_start(&w, PLACE, NULL)) {
        umount(PLACE);
        return;
    }
    pt_close(&w.t, pt_new(&w.t, "f"));
    CHECK_INT(check_remove(&w.t, "f"), 0);
    CHECK_INT(mount("none", PLACE, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = "f",
                                .access = SMBKIT_DELETE};
    const struct smbkit_remove a = {.struct_size = sizeof(a)};
    struct smbkit_attr attr;
    void *f = NULL;
    CHECK_INT(pt_create(&w.t, &how, &f, &attr), 0);
    CHECK_INT(w.t.p->check_remove(w.t.v, &w.t.op, f, &a), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    pt_close(&w.t, f);
    CHECK_INT(mount("none", PLACE, NULL, MS_REMOUNT, NULL), 0);
    /* What is mounted in the folder stays while it is. */
    mkdirat(w.fd, "mnt", 0755);
    char path[128];
    snprintf(path, sizeof(path), "%s/mnt", w.share);
    CHECK_INT(mount("none", path, "tmpfs", 0, NULL), 0);
    CHECK_INT(check_remove(&w.t, "mnt"), SMBKIT_STATUS_CANNOT_DELETE);
    umount(path);
    CHECK_INT(check_remove(&w.t, "mnt"), 0);
    world_end(&w);
    umount(PLACE);
}

/* Without holes in the file system, zeroes are written. */
static void test_no_holes(void)
{
    struct world w;
    static uint8_t data[200000];
    if (!mount_here("ramfs", NULL)) {
        return;
    }
    if (!world_start(&w, PLACE, NULL)) {
        umount(PLACE);
        return;
    }
    struct pt *t = &w.t;
    atomic_int cancelled = 0;
    t->op.core = &cancelled;
    memset(data, 'x', sizeof(data));
    void *f = pt_new(t, "f");
    CHECK_INT(pt_write(t, f, 0, data, sizeof(data)), 0);
    CHECK_INT(pt_zero_range(t, f, 10, 150000), 0);
    CHECK_INT(pt_read(t, f, 0, data, sizeof(data)), sizeof(data));
    CHECK(data[9] == 'x' && data[10] == 0 && data[150009] == 0 && data[150010] == 'x');
    CHECK_INT(pt_zero_range(t, f, 199990, UINT64_MAX), 0);
    CHECK_INT(pt_attr(t, f).size, sizeof(data));
    CHECK_INT(pt_allocate(t, f, 300000), 0);
    CHECK_INT(pt_attr(t, f).size, sizeof(data));
    atomic_store(&cancelled, 1);
    CHECK_INT(pt_zero_range(t, f, 0, 10), SMBKIT_STATUS_CANCELLED);
    CHECK_INT(pt_read(t, f, 0, data, 10), 10);
    CHECK_INT(data[0], 'x');
    struct smbkit_range r[2];
    uint32_t n = 2;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(r[0].length, sizeof(data));
    t->op.core = NULL;
    pt_close(t, f);
    CHECK_INT(pt_rename(t, "f", "g", 0), 0);
    world_end(&w);
    umount(PLACE);
}

static void test_full(void)
{
    struct world w;
    static uint8_t data[65536];
    uint64_t at = 0;
    if (!mount_here("tmpfs", "size=1m,mode=1777")) {
        return;
    }
    if (!world_start(&w, PLACE, NULL)) {
        umount(PLACE);
        return;
    }
    struct pt *t = &w.t;
    smbkit_status status;
    memset(data, 'x', sizeof(data));
    void *f = pt_new(t, "f");
    while ((status = pt_write(t, f, at, data, sizeof(data))) == SMBKIT_STATUS_SUCCESS) {
        at += sizeof(data);
        REQUIRE(at <= 1 << 20);
    }
    CHECK_INT(status, SMBKIT_STATUS_DISK_FULL);
    CHECK(at >= (1 << 20) - 4 * sizeof(data));
    CHECK_INT(pt_read(t, f, at - 65536, data, 65536), 65536);
    CHECK_INT(data[65535], 'x');
    CHECK_INT(pt_allocate(t, f, 2 << 20), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_remove_file(t, f), 0);
    pt_close(t, f);
    f = pt_new(t, "g");
    CHECK_INT(pt_write(t, f, 0, data, sizeof(data)), 0);
    pt_close(t, f);
    world_end(&w);
    umount(PLACE);
}

static struct smbkit_volume_info info_at(struct pt *t, void *file)
{
    struct smbkit_volume_info info = {.struct_size = sizeof(info), .file = file, .serial = 77};
    CHECK_INT(t->p->volume_info(t->v, &t->op, &info), 0);
    return info;
}

/* Space, serial and GUID are those of the file system that the file is in. */
static void check_infos(struct pt *t, void *above, void *below)
{
    struct smbkit_volume_info root = info_at(t, NULL);
    struct smbkit_volume_info a = info_at(t, above);
    struct smbkit_volume_info b = info_at(t, below);
    CHECK(memcmp(&root.total_bytes, &a.total_bytes, sizeof(a) - offsetof(typeof(a), total_bytes)) ==
          0);
    CHECK_INT(root.serial, 77);
    CHECK_INT(a.serial, 77);
    CHECK(b.serial != 77);
    CHECK(memcmp(a.object_id, b.object_id, sizeof(b.object_id)) != 0);
    CHECK_INT(b.total_bytes, 2 << 20);
    CHECK(a.total_bytes != b.total_bytes);
}

/* Another file system below the folder: its inodes are not taken for the folder's. */
static void test_mounted_below(void)
{
    struct world w;
    char path[96];
    if (!mount_here("tmpfs", "mode=1777")) {
        return;
    }
    if (!world_start(&w, PLACE, NULL)) {
        umount(PLACE);
        return;
    }
    struct pt *t = &w.t;
    pt_mkdir(t, "below");
    snprintf(path, sizeof(path), "%s/below", w.share);
    if (mount("none", path, "tmpfs", 0, "size=2m") == 0) {
        pt_close(t, pt_new(t, "a"));
        void *b = pt_new(t, "below/b");
        uint64_t domain = pt_attr(t, b).file_domain;
        CHECK_INT(pt_rename_file(t, b, "b", 0), SMBKIT_STATUS_NOT_SAME_DEVICE);
        CHECK_INT(pt_link_file(t, b, "b", 0), SMBKIT_STATUS_NOT_SAME_DEVICE);
        void *a = pt_any(t, "a");
        CHECK(pt_attr(t, a).file_domain != domain);
        check_infos(t, a, b);
        pt_close(t, b);
        pt_close(t, a);
        umount(path);
    }
    world_end(&w);
    umount(PLACE);
}

/* Have openat2 fail with err from now on, in this process. */
static bool forbid_openat2(uint32_t err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* An old kernel, or a container's filter: the volume does not open, and the error says why. */
static void test_no_openat2(void)
{
    static const struct {
        uint32_t err;
        const char *says;
    } rows[] = {{ENOSYS, "Linux 5.6"}, {EPERM, "seccomp"}};
    static const char *const args[] = {"path=/tmp", NULL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("errno %u", rows[i].err);
        pid_t pid = fork();
        if (pid == 0) {
            struct pt t;
            if (!forbid_openat2(rows[i].err)) {
                _exit(77);
            }
            bool failed = !SMBKIT_OK(pt_open_volume(&t, smbkit_static_dir(&pt_api), args, NULL));
            _exit(failed && strstr(t.error, rows[i].says) ? 0 : 1);
        }
        int result = -1;
        CHECK_INT(waitpid(pid, &result, 0), pid);
        CHECK(WIFEXITED(result));
        if (WEXITSTATUS(result) == 77) {
            printf("# no seccomp filters here\n");
        } else {
            CHECK_INT(WEXITSTATUS(result), 0);
        }
    }
}

/* Ids below a mount point: other than any of the folder's, the same in listings and opens, and the
 * same for another volume's look at the same files. */
static void test_ids_below_mount(void)
{
    struct world w;
    struct world other;
    struct smbkit_attr a[4];
    static struct pt_page page;
    char path[128];
    if (!mount_here("tmpfs", NULL)) {
        return;
    }
    if (world_start(&w, PLACE, NULL)) {
        mkdirat(w.fd, "m", 0755);
        mkdirat(w.fd, "d", 0755);
        snprintf(path, sizeof(path), "%s/m", w.share);
        CHECK_INT(mount("none", path, "tmpfs", 0, NULL), 0);
        put_file(w.fd, "m/f", "f");
        put_file(w.fd, "d/f", "f");
        static const char *const names[] = {"", "m", "m/f", "d/f"};
        for (int i = 0; i < 4; i++) {
            struct smbkit_attr looked;
            void *f = pt_any(&w.t, names[i]);
            a[i] = pt_attr(&w.t, f);
            CHECK_INT(pt_lookup(&w.t, names[i], &looked), 0);
            CHECK_INT(looked.file_id, a[i].file_id);
            CHECK_INT(looked.file_domain, a[i].file_domain);
            CHECK_INT(a[i].file_id_high, 0);
            pt_close(&w.t, f);
            for (int k = 0; k < i; k++) {
                CHECK(a[k].file_id != a[i].file_id);
            }
        }
        CHECK(a[0].file_domain == a[3].file_domain && a[1].file_domain == a[2].file_domain);
        CHECK(a[0].file_domain != a[1].file_domain);
        struct stat st;
        CHECK_INT(fstatat(w.fd, "d/f", &st, 0), 0);
        CHECK_INT(a[3].file_id, st.st_ino);
        void *dir = pt_any(&w.t, "m");
        page.cookie = 0;
        CHECK_INT(pt_list(&w.t, dir, &page, 5), 1);
        CHECK_INT(page.attrs[0].file_id, a[2].file_id);
        pt_close(&w.t, dir);
        /* another volume of the same folder */
        other = w;
        if (world_mount(&other, NULL, NULL)) {
            void *f = pt_any(&other.t, "m/f");
            CHECK_INT(pt_attr(&other.t, f).file_id, a[2].file_id);
            CHECK_INT(pt_attr(&other.t, f).file_domain, a[2].file_domain);
            pt_close(&other.t, f);
            pt_close_volume(&other.t);
        }
        umount2(path, MNT_DETACH);
        world_end(&w);
    }
    umount(PLACE);
}

static const struct test_case cases[] = {
    {"without xattrs", test_no_xattrs},
    {"read-only since it was opened", test_read_only_meanwhile},
    {"without holes", test_no_holes},
    {"a full file system", test_full},
    {"a file system mounted below", test_mounted_below},
    {"without openat2", test_no_openat2},
    {"ids below a mount point", test_ids_below_mount},
};

TEST_MAIN(cases)
