/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host that are only read. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "os/os.h"
#include "os/posix/path.h"
#include "os/process.h"

int os_read_open(const char *path, int64_t *fd_r)
{
    int fd = os_file_open(path);
    *fd_r = fd;
    return fd < 0 ? fd : 0;
}

static uint64_t filetime(const struct timespec *t)
{
    return filetime_from_unix(t->tv_sec, (uint32_t)t->tv_nsec);
}

static int info_take(const struct stat *st, struct os_file_info *info)
{
    if (!S_ISREG(st->st_mode)) {
        return S_ISDIR(st->st_mode) ? -EISDIR : -OS_NOT_REGULAR;
    }
    /* stat knows no time of birth: the earliest of the others is not after it. */
    *info = (struct os_file_info){.size = (uint64_t)st->st_size,
                                  .access_time = filetime(&st->st_atim),
                                  .write_time = filetime(&st->st_mtim),
                                  .change_time = filetime(&st->st_ctim)};
    info->create_time = MIN(info->write_time, info->change_time);
    return 0;
}

int os_read_info(int64_t fd, struct os_file_info *info)
{
    struct stat st;
    return fstat((int)fd, &st) == 0 ? info_take(&st, info) : -errno;
}

int os_file_info(const char *path, struct os_file_info *info)
{
    struct stat st;
    return stat(path, &st) == 0 ? info_take(&st, info) : -errno;
}

int64_t os_read_at(int64_t fd, void *buf, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread((int)fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return done > 0 ? (int64_t)done : -errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (int64_t)done;
}

void os_read_close(int64_t fd)
{
    if (fd >= 0) {
        close((int)fd);
    }
}
