/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of os/process.h. */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/posix/path.h"

int os_path_kind(const char *path, enum os_path_kind *kind_r)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    *kind_r = S_ISDIR(st.st_mode)   ? OS_PATH_DIRECTORY
              : S_ISREG(st.st_mode) ? OS_PATH_FILE
                                    : OS_PATH_OTHER;
    return 0;
}

bool os_path_is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

int os_path_check_folder(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    return access(path, R_OK | X_OK) == 0 ? 0 : -errno;
}

int os_path_real(const char *path, char **out)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        return -errno;
    }
    *out = str_dup(real);
    return *out ? 0 : -ENOMEM;
}

int os_file_stamp(const char *path, uint64_t *stamp_r)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    uint64_t h = hash_u64((uint64_t)st.st_ino, (uint64_t)st.st_size);
    h = hash_u64(h, (uint64_t)st.st_mtim.tv_sec);
    *stamp_r = hash_u64(h, (uint64_t)st.st_mtim.tv_nsec);
    return 0;
}

int os_folder_check_of(const char *path)
{
    struct stat st;
    CLEANUP_MEM char *folder = path_folder(path);
    if (!folder) {
        return -ENOMEM;
    }
    if (stat(folder, &st) != 0) {
        return -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

/* What is not there is written by nobody. */
static bool is_guarded(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT;
    }
    return (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

bool os_file_is_guarded(const char *path)
{
    CLEANUP_MEM char *folder = path_folder(path);
    return folder && is_guarded(folder) && is_guarded(path);
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_one(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool os_path_is_same(const char *a, const char *b)
{
    struct stat of_a;
    struct stat of_b;
    bool has_a = stat(a, &of_a) == 0;
    bool has_b = stat(b, &of_b) == 0;
    if (has_a || has_b) {
        return has_a && has_b && is_one(&of_a, &of_b);
    }
    CLEANUP_MEM char *folder_a = path_folder(a);
    CLEANUP_MEM char *folder_b = path_folder(b);
    return folder_a && folder_b && str_eq(last_name(a), last_name(b)) &&
           stat(folder_a, &of_a) == 0 && stat(folder_b, &of_b) == 0 && is_one(&of_a, &of_b);
}

int os_folder_make(const char *path, unsigned mode)
{
    return mkdir(path, (mode_t)mode) == 0 || errno == EEXIST ? 0 : -errno;
}
