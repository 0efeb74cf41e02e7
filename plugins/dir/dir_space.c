/* SPDX-License-Identifier: Apache-2.0 */
/* Size, reservation, holes. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A descriptor of the file to change it through; extra is to be closed after. */
struct access {
    const struct dirfs_volume *vol;
    struct dirfs_file *file;
    struct dirfs_own_turn turn;
    int fd;
    int extra;
};

static smbkit_status let_go(const struct access *a, int err)
{
    if (a->extra >= 0) {
        close(a->extra);
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status end(struct access *a, int err)
{
    dirfs_own_end(a->vol, a->file, &a->turn);
    return let_go(a, err);
}

/* Until end. */
static smbkit_status begin(const struct dirfs_volume *vol, const struct smbkit_op *op,
                           struct dirfs_file *file, struct access *a)
{
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (file->is_dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    *a = (struct access){.vol = vol, .file = file, .extra = -1};
    dirfs_own_begin(vol, file, &a->turn);
    a->fd = dirfs_real_fd(file, true, &a->extra);
    return a->fd < 0 ? end(a, a->fd) : SMBKIT_STATUS_SUCCESS;
}

static int truncate_fd(int fd, uint64_t size)
{
    int r;
    if (size > INT64_MAX) {
        return -EINVAL;
    }
    do {
        r = ftruncate(fd, (off_t)size);
    } while (r != 0 && errno == EINTR);
    return r == 0 ? 0 : -errno;
}

smbkit_status dirfs_set_size(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *how)
{
    uint64_t size = how->size;
    struct access a;
    if (((struct dirfs_file *)file)->is_stream) {
        return dirfs_stream_set_size(volume, op, file, size);
    }
    smbkit_status status = begin(volume, op, file, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct statx stx;
    int err = dirfs_stat_fd(a.fd, &stx);
    if (!err && stx.stx_size != size) {
        err = truncate_fd(a.fd, size);
        if (!err) {
            dirfs_note_write(volume, file);
        }
    }
    return end(&a, err);
}

/* Is there room for bytes, of which the file has have already? */
static int check_room(int fd, uint64_t bytes, uint64_t have)
{
    struct statvfs fs;
    if (bytes <= have || fstatvfs(fd, &fs) != 0 || fs.f_blocks == 0) {
        return 0; /* 0 blocks: the file system does not say (ramfs) */
    }
    return (bytes - have) / fs.f_frsize < fs.f_bavail ? 0 : -ENOSPC;
}

int dirfs_reserve(int fd, uint64_t bytes)
{
    int r;
    if (bytes > INT64_MAX) {
        return -ENOSPC;
    }
    do {
        r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
    } while (r != 0 && errno == EINTR);
    if (r == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? check_room(fd, bytes, 0) : -errno;
}

static int check_overwrite(int fd, uint64_t alloc_size)
{
    struct statx stx;
    int err = dirfs_stat_fd(fd, &stx);
    return err ? err : check_room(fd, alloc_size, stx.stx_blocks * 512);
}

static int overwrite_fd(int fd, uint64_t alloc_size)
{
    int err = truncate_fd(fd, 0);
    return !err && alloc_size > 0 ? dirfs_reserve(fd, alloc_size) : err;
}

/* The new EAs in place of the old ones and of streams. */
static smbkit_status overwrite_extras(struct dirfs_volume *vol, int fd,
                                      const struct smbkit_overwrite *how)
{
    const struct dirfs_where where = {.fd = fd};
    if (!vol->has_xattrs) {
        return SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_lock(&vol->stream_lock); /* else a write under way would bring one back */
    int err = dirfs_drop_extras(&where);
    pthread_mutex_unlock(&vol->stream_lock);
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    return how->ea.len > 0 ? dirfs_ea_apply(&where, &how->ea) : SMBKIT_STATUS_SUCCESS;
}

/* Its own data; the attributes are the file's. */
static smbkit_status overwrite_stream(struct dirfs_volume *vol, const struct smbkit_op *op,
                                      struct dirfs_file *file, struct smbkit_overwrite *how)
{
    const struct smbkit_attr set = {.attributes = how->attributes};
    smbkit_status status = dirfs_stream_allocate(vol, op, file, how->alloc_size);
    if (SMBKIT_OK(status)) {
        status = dirfs_stream_set_size(vol, op, file, 0);
    }
    if (SMBKIT_OK(status)) {
        status = dirfs_set_dos(vol, file, SMBKIT_HAS_ATTRIBUTES, &set);
    }
    return SMBKIT_OK(status) ? dirfs_stream_getattr(vol, file, how->attr) : status;
}

smbkit_status dirfs_overwrite(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_overwrite *how)
{
    uint32_t attributes = how->attributes;
    uint64_t alloc_size = how->alloc_size;
    struct smbkit_attr *attr = how->attr;
    struct access a;
    if (((struct dirfs_file *)file)->is_stream) {
        return overwrite_stream(volume, op, file, how);
    }
    smbkit_status status = begin(volume, op, file, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    /* All that may be refused comes before the old data goes. */
    int err = check_overwrite(a.fd, alloc_size);
    if (!err) {
        status = overwrite_extras(volume, a.fd, how);
        dirfs_known_forget(volume, ((struct dirfs_file *)file)->seen.ino);
    }
    if (!err && SMBKIT_OK(status)) {
        err = overwrite_fd(a.fd, alloc_size);
    }
    smbkit_status ended = end(&a, err);
    if (!SMBKIT_OK(ended) || !SMBKIT_OK(status)) {
        return SMBKIT_OK(ended) ? status : ended;
    }
    struct smbkit_attr set = {.attributes = attributes | SMBKIT_ATTR_ARCHIVE};
    status = dirfs_set_dos(volume, file, SMBKIT_HAS_ATTRIBUTES, &set);
    if (!SMBKIT_OK(status) && status != SMBKIT_STATUS_NOT_SUPPORTED) {
        return status;
    }
    return dirfs_file_attr(volume, file, attr);
}

/* [MS-FSA] 2.1.5.15.1: a reservation below the size cuts the file. */
smbkit_status dirfs_allocate(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *how)
{
    uint64_t alloc_size = how->size;
    struct access a;
    if (((struct dirfs_file *)file)->is_stream) {
        return dirfs_stream_allocate(volume, op, file, alloc_size);
    }
    smbkit_status status = begin(volume, op, file, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct statx stx;
    int err = dirfs_stat_fd(a.fd, &stx);
    if (!err && alloc_size < stx.stx_size) {
        err = truncate_fd(a.fd, alloc_size);
        dirfs_note_write(volume, file);
    } else if (!err && alloc_size > 0) {
        err = dirfs_reserve(a.fd, alloc_size);
    }
    return end(&a, err);
}

/* Zeroes where no hole can be made. 0 or -errno. */
static int write_zeroes(const struct smbkit_op *op, int fd, uint64_t offset, uint64_t length)
{
    static const char zeroes[65536];
    while (length > 0) {
        if (smbkit_op_is_cancelled(op)) {
            return -ECANCELED;
        }
        size_t piece = length < sizeof(zeroes) ? (size_t)length : sizeof(zeroes);
        ssize_t n = pwrite(fd, zeroes, piece, (off_t)offset);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        offset += n > 0 ? (uint64_t)n : 0;
        length -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

/* A hole. 0 or -errno. */
static int punch_fd(int fd, uint64_t offset, uint64_t length)
{
    int r;
    do {
        r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
    } while (r != 0 && errno == EINTR);
    return r == 0 ? 0 : -errno;
}

static int zero_fd(const struct smbkit_op *op, int fd, uint64_t offset, uint64_t length)
{
    int err = punch_fd(fd, offset, length);
    return err == -EOPNOTSUPP || err == -ENOSYS ? write_zeroes(op, fd, offset, length) : err;
}

/* The part of [offset, offset + length) that lies within size. */
static uint64_t clip(uint64_t offset, uint64_t length, uint64_t size)
{
    uint64_t left = offset < size ? size - offset : 0;
    return length < left ? length : left;
}

smbkit_status dirfs_zero_range(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_span *how)
{
    uint64_t offset = how->offset;
    uint64_t length = how->length;
    struct access a;
    if (((struct dirfs_file *)file)->is_stream) {
        return dirfs_stream_zero(volume, op, file, how);
    }
    smbkit_status status = begin(volume, op, file, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct statx stx;
    int err = dirfs_stat_fd(a.fd, &stx);
    length = err ? 0 : clip(offset, length, stx.stx_size);
    if (length > 0) {
        err = zero_fd(op, a.fd, offset, length);
        dirfs_note_write(volume, file);
    }
    status = end(&a, err);
    return err == -ECANCELED ? SMBKIT_STATUS_CANCELLED : status;
}

/* What is not needed any more goes, where the file system can make holes; else it stays. */
smbkit_status dirfs_trim(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_span *how)
{
    struct access a;
    if (((struct dirfs_file *)file)->is_stream) {
        return SMBKIT_STATUS_SUCCESS; /* there is nothing to be gained */
    }
    smbkit_status status = begin(volume, op, file, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct statx stx;
    int err = dirfs_stat_fd(a.fd, &stx);
    uint64_t length = err ? 0 : clip(how->offset, how->length, stx.stx_size);
    if (length > 0) {
        err = punch_fd(a.fd, how->offset, length);
    }
    return end(&a, err == -EOPNOTSUPP || err == -ENOSYS ? 0 : err);
}

/* A file that is sparse no more has room for all of its size, where the file system can reserve it.
 * [MS-FSA] 2.1.5.10.36 */
smbkit_status dirfs_set_sparse(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_value *how)
{
    struct access a;
    struct statx stx;
    bool has_holes = !((struct dirfs_file *)file)->is_stream;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!how->value && has_holes) {
        smbkit_status status = begin(volume, op, file, &a);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        int err = dirfs_stat_fd(a.fd, &stx);
        if (!err && stx.stx_size > 0) {
            err = dirfs_reserve(a.fd, stx.stx_size);
        }
        status = end(&a, err);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    return ((const struct dirfs_volume *)volume)->is_readonly
               ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED
               : dirfs_set_state(volume, file, SMBKIT_ATTR_SPARSE, how->value);
}

#define COMPRESSION_LZNT1 2u /* [MS-FSCC] 2.3.9 */

smbkit_status dirfs_get_compression(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_value *a)
{
    struct dirfs_dos dos;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int err = dirfs_current_dos(volume, file, &dos);
    a->value = !err && (dos.attributes & SMBKIT_ATTR_COMPRESSED) ? COMPRESSION_LZNT1 : 0;
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

/* A state that is kept and shown: whether the host's file system compresses is its own affair. */
smbkit_status dirfs_set_compression(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_value *a)
{
    const struct dirfs_volume *vol = volume;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return vol->is_readonly ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED
                            : dirfs_set_state(volume, file, SMBKIT_ATTR_COMPRESSED, a->value);
}

/* Data and holes from the file system. -errno, or the ranges' number; room + 1: there are more. */
static int64_t find_ranges(int fd, uint64_t offset, uint64_t end_at, struct smbkit_range *out,
                           uint32_t room)
{
    uint32_t count = 0;
    while (offset < end_at) {
        off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO ? (int64_t)count : -errno; /* no data any more */
        }
        if ((uint64_t)data >= end_at) {
            break;
        }
        off_t hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0) {
            return errno == ENXIO ? (int64_t)count : -errno; /* cut meanwhile */
        }
        if (count == room) {
            return (int64_t)room + 1;
        }
        uint64_t to = (uint64_t)hole < end_at ? (uint64_t)hole : end_at;
        out[count++] = (struct smbkit_range){(uint64_t)data, to - (uint64_t)data};
        offset = (uint64_t)hole;
    }
    return count;
}

smbkit_status dirfs_ranges(void *volume, struct smbkit_op *op, void *file,
                           struct smbkit_ranges *how)
{
    uint64_t offset = how->offset;
    uint64_t length = how->length;
    struct smbkit_range *out = how->out;
    uint32_t *count_r = &how->count;
    *count_r = how->room;
    (void)volume;
    const struct dirfs_file *f = file;
    if (f->is_stream) {
        return dirfs_stream_ranges(op, file, how);
    }
    uint32_t room = *count_r;
    *count_r = 0;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (f->is_dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct access a;
    struct statx stx;
    a.fd = dirfs_real_fd(f, false, &a.extra);
    int err = a.fd < 0 ? a.fd : dirfs_stat_fd(a.fd, &stx);
    int64_t n = 0;
    if (!err) {
        length = clip(offset, length, stx.stx_size);
        n = length > 0 ? find_ranges(a.fd, offset, offset + length, out, room) : 0;
        err = n < 0 ? (int)n : 0;
    }
    smbkit_status status = let_go(&a, err); /* nothing was changed */
    if (!SMBKIT_OK(status)) {
        return status;
    }
    *count_r = n > room ? room : (uint32_t)n;
    return n > room ? SMBKIT_STATUS_BUFFER_OVERFLOW : SMBKIT_STATUS_SUCCESS;
}
