/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/os.h"
#include "os/posix/path.h"
#include "os/process.h"

#define READ_CHUNK 16384u

/* All of fd into w; stops one byte above max, so that the caller can tell. */
static int read_all(int fd, size_t max, struct wr *w)
{
    while (wr_pos(w) <= max) {
        size_t start = wr_pos(w);
        size_t want = MIN(max - start + 1, READ_CHUNK);
        uint8_t *p = wr_space(w, want);
        if (!p) {
            return -ENOMEM;
        }
        ssize_t n = read(fd, p, want);
        int err = n < 0 ? errno : 0;
        wr_cut(w, start + (n > 0 ? (size_t)n : 0));
        if (err && err != EINTR) {
            return -err;
        }
        if (n == 0) {
            return 0;
        }
    }
    return -EFBIG;
}

static int check_regular(const struct stat *st)
{
    return S_ISREG(st->st_mode) ? 0 : S_ISDIR(st->st_mode) ? -EISDIR : -OS_NOT_REGULAR;
}

/* Opening a pipe waits for its other end, and a device may do anything: so they are looked at
 * first, and once more, since the name may lead elsewhere by then. */
int os_file_open(const char *path)
{
    struct stat st;
    int err = stat(path, &st) == 0 ? check_regular(&st) : -errno;
    if (err != 0) {
        return err;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    err = fstat(fd, &st) == 0 ? check_regular(&st) : -errno;
    if (err != 0) {
        close(fd);
        return err;
    }
    return fd;
}

int os_file_read(const char *path, size_t max, char **data_r, size_t *len_r)
{
    *data_r = NULL;
    *len_r = 0;
    ASSERT(max <= SIZE_MAX - 2);
    int fd = os_file_open(path);
    if (fd < 0) {
        return fd;
    }
    struct wr w = wr_new(max + 2); /* the byte too many, and the terminator */
    int err = read_all(fd, max, &w);
    close(fd);
    wr_u8(&w, 0);
    if (!err && !wr_ok(&w)) {
        err = -ENOMEM;
    }
    if (err) {
        wr_fini(&w);
        return err;
    }
    *data_r = (char *)wr_take(&w, len_r);
    *len_r -= 1;
    return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno != EINTR) {
                return -errno;
            }
            continue;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A new file with its bytes and mode, on the disk. */
static int file_create(const char *path, const void *data, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    /* fchmod: the umask has no say; before the bytes, so that nobody else ever sees them */
    int err = fchmod(fd, (mode_t)mode) == 0 ? 0 : -errno;
    if (!err) {
        err = write_all(fd, data, len);
    }
    if (!err && fsync(fd) != 0) {
        err = -errno;
    }
    if (close(fd) != 0 && !err) {
        err = -errno;
    }
    if (err) {
        unlink(path);
    }
    return err;
}

static int folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    /* Some file systems have no fsync of folders; their renames are as durable as they get. */
    return err == -EINVAL ? 0 : err;
}

int os_file_replace(const char *path, const void *data, size_t len, unsigned mode)
{
    uint64_t nonce;
    os_random(&nonce, sizeof(nonce));
    CLEANUP_MEM char *folder = path_folder(path);
    CLEANUP_MEM char *temp =
        folder ? str_printf("%s/.smbkit-%016llx.tmp", folder, (unsigned long long)nonce) : NULL;
    if (!temp) {
        return -ENOMEM;
    }
    int err = file_create(temp, data, len, mode);
    if (err) {
        return err;
    }
    if (rename(temp, path) != 0) {
        err = -errno;
        unlink(temp);
        return err;
    }
    return folder_sync(folder);
}

int os_file_mode(const char *path, unsigned *mode_r)
{
    struct stat st;
    *mode_r = 0;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    *mode_r = st.st_mode & 07777;
    return 0;
}

int64_t os_file_read_at(int64_t fd, uint64_t offset, void *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread((int)fd, (char *)buf + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (int64_t)done;
}
