/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"
#include "os/posix/path.h"
#include "os/process.h"

#define LOOK_MS 20

int os_file_lock(const char *path, unsigned timeout_ms, int *lock_r)
{
    *lock_r = -1;
    CLEANUP_MEM char *folder = path_folder(path);
    if (!folder) {
        return -ENOMEM;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    uint64_t until = os_monotonic_ms() + timeout_ms;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        if (err != -EAGAIN || os_monotonic_ms() >= until) {
            close(fd);
            return err;
        }
        const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
    *lock_r = fd;
    return 0;
}

void os_file_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}
