/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing, flushing. */
#include "dir_priv.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOV_PER_CALL 64 /* segments handed to the kernel at once */

/* -errno of a call that was not to wait: is it for want of waiting? */
static bool would_wait(int64_t n)
{
    return n == -EAGAIN || n == -EOPNOTSUPP || n == -ENOSYS || n == -EINVAL;
}

static int64_t read_once(const struct dirfs_file *file, const struct smbkit_io *io, bool nowait)
{
    struct iovec iov = {io->buffer + io->done, io->length - io->done};
    off_t at = (off_t)(io->offset + io->done);
    ssize_t n;
    do {
        n = preadv2(file->fd, &iov, 1, at, nowait ? RWF_NOWAIT : 0);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? n : nowait ? -errno : dirfs_waited(-errno);
}

/* All of it from the page cache, or nothing. */
static smbkit_status read_nowait(struct dirfs_file *file, struct smbkit_io *io)
{
    if (dirfs_has_flag(file, DIRFS_NO_NOWAIT_READ)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int64_t n = read_once(file, io, true);
    if (n < 0) {
        if (n != -EAGAIN && would_wait(n)) {
            dirfs_set_flag(file, DIRFS_NO_NOWAIT_READ);
        }
        return would_wait(n) ? SMBKIT_STATUS_WOULD_BLOCK : smbkit_status_from_errno((int)-n);
    }
    if (n < io->length) {
        /* The end of the file, or the end of what is cached? */
        struct statx stx;
        if (dirfs_stat_fd(file->fd, &stx) != 0 || io->offset + (uint64_t)n < stx.stx_size) {
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
    }
    io->done = (uint32_t)n;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    const struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    io->done = 0;
    if (f->is_stream) {
        return dirfs_stream_read(op, f, io);
    }
    if (f->is_dir) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (f->is_link) {
        return SMBKIT_STATUS_SUCCESS; /* at its end */
    }
    if (f->is_path) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (io->offset > INT64_MAX - (uint64_t)io->length) {
        return io->offset > INT64_MAX ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS;
    }
    if (dirfs_is_nowait(op)) {
        return vol->tries_nowait ? read_nowait(f, io) : SMBKIT_STATUS_WOULD_BLOCK;
    }
    while (io->done < io->length) {
        int64_t n = read_once(f, io, false);
        if (n < 0) {
            return smbkit_status_from_errno((int)-n);
        }
        if (n == 0) {
            break;
        }
        io->done += (uint32_t)n;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The part of the segments that begins done bytes in, as an iovec; returns how many. */
static int fill_iov(const struct smbkit_io *io, struct iovec *iov)
{
    uint64_t skip = io->done;
    uint64_t left = io->length - io->done;
    int count = 0;
    for (uint32_t i = 0; i < io->seg_count && count < IOV_PER_CALL && left > 0; i++) {
        uint64_t len = io->segs[i].len;
        if (skip >= len) {
            skip -= len;
            continue;
        }
        len = len - skip < left ? len - skip : left;
        iov[count++] = (struct iovec){(void *)(uintptr_t)(io->segs[i].base + skip), len};
        left -= len;
        skip = 0;
    }
    return count;
}

static int64_t write_once(const struct dirfs_file *file, const struct smbkit_io *io, int flags)
{
    struct iovec iov[IOV_PER_CALL];
    int count = fill_iov(io, iov);
    off_t at = (off_t)(io->offset + io->done);
    ssize_t n;
    do {
        n = pwritev2(file->fd, iov, count, at, flags);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? n : flags & RWF_NOWAIT ? -errno : dirfs_waited(-errno);
}

static smbkit_status write_nowait(struct dirfs_volume *vol, struct dirfs_file *file,
                                  struct smbkit_io *io)
{
    /* The first write of a handle looks at an xattr, and write-through waits by its nature. */
    const uint32_t waits = SMBKIT_IO_WRITE_THROUGH | SMBKIT_IO_APPEND; /* a part would go twice */
    if (!vol->tries_nowait || file->writes_through || (io->flags & waits) ||
        atomic_load_explicit(&vol->lacks_nowait_write, memory_order_relaxed) || /* a hint */
        !dirfs_is_archived(vol, file)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int64_t n = write_once(file, io, RWF_NOWAIT);
    if (n == io->length) {
        io->done = io->length;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (n < 0 && n != -EAGAIN && would_wait(n)) {
        /* ext4 has no such writes through the cache */
        atomic_store_explicit(&vol->lacks_nowait_write, true, memory_order_relaxed);
    }
    /* Part of it may have been written: the worker writes the same bytes there again. */
    return n >= 0 || would_wait(n) ? SMBKIT_STATUS_WOULD_BLOCK : smbkit_status_from_errno((int)-n);
}

static smbkit_status write_all(const struct dirfs_file *file, struct smbkit_io *io)
{
    bool through = file->writes_through || (io->flags & SMBKIT_IO_WRITE_THROUGH);
    int flags = through ? RWF_DSYNC : 0;
    flags |= io->flags & SMBKIT_IO_APPEND ? RWF_APPEND : 0;
    while (io->done < io->length) {
        int64_t n = write_once(file, io, flags);
        if (n <= 0) {
            return n < 0 ? smbkit_status_from_errno((int)-n) : SMBKIT_STATUS_INVALID_PARAMETER;
        }
        io->done += (uint32_t)n;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    io->done = 0;
    if (f->is_stream) {
        return dirfs_stream_write(vol, op, f, io);
    }
    if (f->is_dir) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (!f->can_write) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!(io->flags & SMBKIT_IO_APPEND) && io->offset > INT64_MAX - (uint64_t)io->length) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (io->length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct dirfs_own_turn turn;
    dirfs_own_begin(vol, f, &turn);
    bool is_nowait = dirfs_is_nowait(op);
    smbkit_status status = is_nowait ? write_nowait(vol, f, io) : write_all(f, io);
    if (!is_nowait && io->done > 0) {
        dirfs_note_write(vol, f);
    }
    dirfs_own_end(vol, f, &turn);
    return status;
}

/* Make a new name durable: on some file systems syncing the file does not. 0 or -errno. */
static int sync_parent(const struct dirfs_volume *vol, struct dirfs_file *file)
{
    char path[DIRFS_PATH_MAX];
    const char *name;
    pthread_mutex_lock(&file->lock);
    strcpy(path, file->path); /* fits: it came from such a buffer */
    pthread_mutex_unlock(&file->lock);
    int parent = dirfs_open_parent(vol, path, false, &name);
    if (parent < 0) {
        return parent == -ENOENT ? 0 : parent; /* gone, and its names with it */
    }
    struct dirfs_file dir = {.fd = parent, .is_path = true, .is_dir = true};
    int extra;
    int fd = dirfs_real_fd(&dir, false, &extra);
    int err = fd < 0 ? fd : fsync(fd) == 0 ? 0 : -errno;
    if (extra >= 0) {
        close(extra);
    }
    close(parent);
    return err;
}

/* whole: times and sizes too that are not needed to read it. 0 or -errno. */
static int sync_file(const struct dirfs_file *file, bool whole)
{
    int extra;
    /* A stream is durable with the file that it is in. */
    const struct dirfs_file base = {.fd = file->fd, .is_path = file->is_path};
    int fd = dirfs_real_fd(file->is_stream ? &base : file, false, &extra);
    if (fd < 0) {
        return fd;
    }
    int r = whole ? fsync(fd) : fdatasync(fd);
    int err = r == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno; /* nothing to sync there */
    if (extra >= 0) {
        close(extra);
    }
    return err;
}

smbkit_status dirfs_flush(void *volume, struct smbkit_op *op, void *file,
                          const struct smbkit_flush *a)
{
    (void)a;
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    bool is_new = dirfs_has_flag(f, DIRFS_NEW_NAME);
    int err =
        f->is_link ? 0 : sync_file(f, f->is_dir || f->is_stream || is_new); /* a link is all name */
    if (!err && is_new) {
        dirfs_clear_flag(f, DIRFS_NEW_NAME);
        err = sync_parent(vol, f);
        if (err) {
            dirfs_set_flag(f, DIRFS_NEW_NAME);
        }
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
