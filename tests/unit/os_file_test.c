/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/process.h"
#include "test.h"

static char folder[64];
static char path[128];

static bool folder_make(void)
{
    str_copy(folder, sizeof(folder), "/tmp/smbkit-os-test-XXXXXX");
    return mkdtemp(folder) != NULL;
}

static const char *path_of(const char *name)
{
    str_format(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* How many names are in the folder, all of them freed; they are removed, too. */
static size_t folder_clear(void)
{
    char **names = NULL;
    size_t count = 0;
    CHECK_INT(os_dir_list(folder, "", &names, &count), 0);
    for (size_t i = 0; i < count; i++) {
        unlink(path_of(names[i]));
        mem_free(names[i]);
    }
    mem_free(names);
    CHECK_INT(rmdir(folder), 0);
    return count;
}

static void check_content(const char *name, const char *want)
{
    char *data = NULL;
    size_t len = 0;
    CHECK_INT(os_file_read(path_of(name), 1000, &data, &len), 0);
    CHECK_STR(data, want);
    CHECK_INT(len, strlen(want));
    mem_free(data);
}

static void replace(void)
{
    unsigned mode = 0;
    struct stat before;
    struct stat after;
    REQUIRE(folder_make());
    mode_t old = umask(077);
    CHECK_INT(os_file_replace(path_of("f"), "one", 3, 0640), 0);
    check_content("f", "one");
    CHECK_INT(os_file_mode(path_of("f"), &mode), 0);
    CHECK_INT(mode, 0640); /* whatever the umask */
    CHECK_INT(stat(path_of("f"), &before), 0);
    CHECK_INT(os_file_replace(path_of("f"), "", 0, 0600), 0);
    umask(old);
    check_content("f", "");
    CHECK_INT(os_file_mode(path_of("f"), &mode), 0);
    CHECK_INT(mode, 0600);
    CHECK_INT(stat(path_of("f"), &after), 0);
    CHECK(before.st_ino != after.st_ino); /* a new file in its place, not the old one rewritten */
    CHECK_INT(folder_clear(), 1);         /* nothing left beside it */
}

/* Somebody who has the old file open goes on reading the old bytes. */
static void replace_is_atomic(void)
{
    char buf[8] = "";
    REQUIRE(folder_make());
    CHECK_INT(os_file_replace(path_of("f"), "old", 3, 0600), 0);
    FILE *open_before = fopen(path_of("f"), "r");
    REQUIRE(open_before);
    CHECK_INT(os_file_replace(path_of("f"), "newer", 5, 0600), 0);
    CHECK_INT(fread(buf, 1, sizeof(buf), open_before), 3);
    CHECK_STR(buf, "old");
    fclose(open_before);
    check_content("f", "newer");
    CHECK_INT(folder_clear(), 1);
}

static void replace_fails(void)
{
    REQUIRE(folder_make());
    CHECK_INT(os_file_replace(path_of("no/such"), "x", 1, 0600), -ENOENT);
    CHECK_INT(mkdir(path_of("d"), 0700), 0);
    CHECK(os_file_replace(path_of("d"), "x", 1, 0600) < 0);
    CHECK_INT(rmdir(path_of("d")), 0);
    CHECK_INT(os_file_replace(path_of("f"), "old", 3, 0600), 0);
    for (unsigned nth = 1; nth <= 2; nth++) {
        mem_fail_nth(nth);
        CHECK_INT(os_file_replace(path_of("f"), "x", 1, 0600), -ENOMEM);
    }
    mem_fail_nth(0);
    check_content("f", "old");
    CHECK_INT(folder_clear(), 1); /* no temporary file stays behind */
}

static void replace_in_current_folder(void)
{
    char cwd[4096];
    char *data = NULL;
    size_t len = 0;
    REQUIRE(folder_make() && getcwd(cwd, sizeof(cwd)) && chdir(folder) == 0);
    CHECK_INT(os_file_replace("plain", "x", 1, 0600), 0);
    CHECK_INT(os_file_read("plain", 1, &data, &len), 0);
    CHECK_STR(data, "x");
    mem_free(data);
    CHECK_INT(chdir(cwd), 0);
    CHECK_INT(folder_clear(), 1);
}

/* The limit, around a read chunk as well. */
static void read_limit(void)
{
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 100000};
    char *bytes = mem_alloc(100000);
    REQUIRE(bytes && folder_make());
    memset(bytes, 'x', 100000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i];
        CHECK_INT(os_file_replace(path_of("f"), bytes, size, 0600), 0);
        for (size_t max = size ? size - 1 : 0; max <= size + 1; max++) {
            char *data = bytes;
            size_t len = 5;
            test_context("%zu bytes, at most %zu", size, max);
            CHECK_INT(os_file_read(path_of("f"), max, &data, &len), max < size ? -EFBIG : 0);
            CHECK_INT(len, max < size ? 0 : size);
            CHECK_INT(data == NULL, max < size);
            CHECK(!data || (data[size] == '\0' && memcmp(data, bytes, size) == 0));
            mem_free(data);
        }
    }
    mem_free(bytes);
    CHECK_INT(folder_clear(), 1);
}

static void read_fails(void)
{
    char *data;
    size_t len;
    unsigned mode;
    CHECK_INT(os_file_read("/nonexistent/file", 10, &data, &len), -ENOENT);
    CHECK_INT(os_file_read("/", 10, &data, &len), -EISDIR);
    CHECK_INT(os_file_mode("/nonexistent/file", &mode), -ENOENT);
    mem_fail_nth(1);
    CHECK_INT(os_file_read("/proc/self/status", 100000, &data, &len), -ENOMEM);
    CHECK(data == NULL && mem_fail_happened());
    /* no size known beforehand */
    CHECK_INT(os_file_read("/proc/self/status", 100000, &data, &len), 0);
    CHECK(data && len > 100 && str_has_prefix(data, "Name:"));
    mem_free(data);
}

/* What would wait for somebody, or never end, is refused at once. */
static void read_only_files(void)
{
    char *data;
    char text[64];
    size_t len;
    REQUIRE(folder_make());
    CHECK_INT(mkfifo(path_of("pipe"), 0600), 0);
    CHECK_INT(os_file_read(path_of("pipe"), 10, &data, &len), -OS_NOT_REGULAR);
    CHECK_INT(os_file_read("/dev/zero", 10, &data, &len), -OS_NOT_REGULAR);
    CHECK_INT(os_file_open(path_of("pipe")), -OS_NOT_REGULAR);
    CHECK_INT(os_append_open(path_of("pipe")), -ENXIO); /* nobody reads it */
    int reader = open(path_of("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = os_append_open(path_of("pipe"));
    CHECK(reader >= 0 && writer >= 0);
    CHECK_INT(fcntl(writer, F_GETFL) & O_NONBLOCK, 0); /* no line is lost when it is full */
    os_append_close(writer);
    CHECK_INT(os_append_check(path_of("pipe")), 0);
    CHECK_INT(os_append_check(path_of("log")), 0);
    CHECK_INT(access(path_of("log"), F_OK), -1);
    CHECK_INT(os_append_check(path_of("no/log")), -ENOENT);
    CHECK_INT(os_append_check("/"), -EISDIR);
    close(reader);
    os_error_text(OS_NOT_REGULAR, text, sizeof(text));
    CHECK_STR(text, "it is no regular file");
    CHECK_INT(folder_clear(), 1);
}

static void dir_list(void)
{
    static const char *const files[] = {"b.conf", "a.conf", "C.conf", ".conf", "a.conf~", "conf"};
    static const char *const want[] = {".conf", "C.conf", "a.conf", "b.conf"};
    char **names;
    size_t count;
    REQUIRE(folder_make());
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CHECK_INT(os_file_replace(path_of(files[i]), "", 0, 0600), 0);
    }
    REQUIRE(os_dir_list(folder, ".conf", &names, &count) == 0);
    CHECK_INT(count, ARRAY_LEN(want));
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(names[i], i < ARRAY_LEN(want) ? want[i] : NULL);
        mem_free(names[i]);
    }
    mem_free(names);
    CHECK_INT(os_dir_list(folder, ".none", &names, &count), 0);
    CHECK_INT(count, 0);
    mem_free(names);
    CHECK_INT(os_dir_list("/nonexistent", "", &names, &count), -ENOENT);
    CHECK(names == NULL && count == 0);
    CHECK_INT(folder_clear(), ARRAY_LEN(files));
}

/* Each allocation of a listing that grows once fails in turn; ASan sees that nothing leaks. */
static void dir_list_no_memory(void)
{
    REQUIRE(folder_make());
    for (unsigned i = 0; i < 20; i++) {
        char name[16];
        str_format(name, sizeof(name), "%02u", i);
        CHECK_INT(os_file_replace(path_of(name), "", 0, 0600), 0);
    }
    unsigned nth = 1;
    for (bool failed = true; failed; nth++) {
        char **names = NULL;
        size_t count = 0;
        test_context("nth %u", nth);
        mem_fail_nth(nth);
        int err = os_dir_list(folder, "", &names, &count);
        failed = mem_fail_happened();
        CHECK_INT(err, failed ? -ENOMEM : 0);
        CHECK_INT(count, failed ? 0 : 20);
        for (size_t i = 0; i < count; i++) {
            mem_free(names[i]);
        }
        mem_free(names);
    }
    mem_fail_nth(0);
    CHECK_INT(nth, 24); /* 20 names and two arrays failed, then none */
    CHECK_INT(folder_clear(), 20);
}

static void guarded(void)
{
    REQUIRE(folder_make());
    CHECK(os_file_is_guarded(path_of("none")));
    CHECK_INT(os_file_replace(path_of("a"), "", 0, 0600), 0);
    CHECK(os_file_is_guarded(path));
    CHECK_INT(chmod(path, 0620), 0);
    CHECK(!os_file_is_guarded(path));
    CHECK_INT(chmod(path, 0602), 0);
    CHECK(!os_file_is_guarded(path));
    CHECK_INT(chmod(path, 0644), 0);
    CHECK(os_file_is_guarded(path));
    CHECK_INT(chmod(folder, 0770), 0);
    CHECK(!os_file_is_guarded(path));
    CHECK_INT(chmod(folder, 0755), 0);
    if (geteuid() == 0) {
        CHECK_INT(chown(path, 65534, 65534), 0);
        CHECK(!os_file_is_guarded(path));
    }
    CHECK_INT(folder_clear(), 1);
}

static void same_place(void)
{
    char other[160];
    REQUIRE(folder_make());
    str_format(other, sizeof(other), "%s/./a", folder);
    CHECK(os_path_is_same(path_of("a"), other));
    CHECK(!os_path_is_same(path_of("b"), other));
    CHECK_INT(os_file_replace(other, "", 0, 0600), 0);
    CHECK(!os_path_is_same(path_of("b"), other));
    CHECK(os_path_is_same(path_of("a"), other));
    CHECK_INT(symlink(other, path_of("b")), 0);
    CHECK(os_path_is_same(path_of("b"), other));
    CHECK_INT(folder_clear(), 2);
}

static const struct test_case cases[] = {
    {"replace", replace},
    {"replace_is_atomic", replace_is_atomic},
    {"replace_fails", replace_fails},
    {"replace_in_current_folder", replace_in_current_folder},
    {"read_limit", read_limit},
    {"read_fails", read_fails},
    {"read_only_files", read_only_files},
    {"dir_list", dir_list},
    {"dir_list_no_memory", dir_list_no_memory},
    {"guarded", guarded},
    {"same_place", same_place},
};
TEST_MAIN(cases)
