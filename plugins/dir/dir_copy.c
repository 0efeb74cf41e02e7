/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from file to file by the kernel: shared blocks where the file system can, else moved
 * without passing by us. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIECE (1u << 20) /* moved at once: then it is seen whether the client has given it up */

/* Descriptors of both files; those that were opened for the purpose are closed after. */
struct both {
    const struct dirfs_volume *vol;
    struct dirfs_file *target;
    struct dirfs_own_turn turn;
    int from, to;
    int extra_from, extra_to;
};

static void end(struct both *b)
{
    dirfs_own_end(b->vol, b->target, &b->turn);
    if (b->extra_from >= 0) {
        close(b->extra_from);
    }
    if (b->extra_to >= 0) {
        close(b->extra_to);
    }
}

static smbkit_status begin(const struct dirfs_volume *vol, const struct smbkit_op *op,
                           struct dirfs_file *target, const struct dirfs_file *source,
                           struct both *b)
{
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (source->is_dir || target->is_dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    *b = (struct both){.vol = vol, .target = target, .extra_from = -1, .extra_to = -1};
    dirfs_own_begin(vol, target, &b->turn);
    b->from = dirfs_real_fd(source, false, &b->extra_from);
    b->to = b->from < 0 ? -EBADF : dirfs_real_fd(target, true, &b->extra_to);
    int err = b->from < 0 ? b->from : b->to < 0 ? b->to : 0;
    if (err) {
        end(b);
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

/* The kernel does not: not between these file systems, or not at all. */
static bool is_not_for_kernel(int err)
{
    return err == ENOSYS || err == EXDEV || err == EOPNOTSUPP || err == EINVAL || err == EPERM;
}

static ssize_t move_by_hand(const struct both *b, off_t from, off_t to, size_t len)
{
    char *buffer = malloc(len);
    if (!buffer) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t got = pread(b->from, buffer, len, from);
    ssize_t n = got > 0 ? pwrite(b->to, buffer, (size_t)got, to) : got;
    int err = errno;
    free(buffer);
    errno = err;
    return n;
}

/* Bytes moved; 0: at the end of the source; -1 with errno. */
static ssize_t move(const struct both *b, uint64_t from, uint64_t to, uint64_t len)
{
    loff_t in = (loff_t)from;
    loff_t out = (loff_t)to;
    size_t piece = len < PIECE ? (size_t)len : PIECE;
    ssize_t n;
    do {
        n = copy_file_range(b->from, &in, b->to, &out, piece, 0);
    } while (n < 0 && errno == EINTR);
    return n < 0 && is_not_for_kernel(errno) ? move_by_hand(b, (off_t)from, (off_t)to, piece) : n;
}

#define STREAM_PIECE 65536u

/* Where one of the two is no file of the host but a stream, kept in an xattr. */
static smbkit_status copy_stream(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_copy *a)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    uint8_t *buffer = malloc(STREAM_PIECE);
    if (!buffer) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    while (SMBKIT_OK(status) && a->done < a->length) {
        uint64_t left = a->length - a->done;
        struct smbkit_io in = {.struct_size = sizeof(in),
                               .offset = a->source_offset + a->done,
                               .length = left < STREAM_PIECE ? (uint32_t)left : STREAM_PIECE,
                               .buffer = buffer};
        status = dirfs_read(volume, op, a->source, &in);
        if (!SMBKIT_OK(status) || in.done == 0) {
            break;
        }
        const struct smbkit_segment seg = {.base = buffer, .len = in.done};
        struct smbkit_io out = {.struct_size = sizeof(out),
                                .offset = a->offset + a->done,
                                .length = in.done,
                                .segs = &seg,
                                .seg_count = 1};
        status = dirfs_write(volume, op, file, &out);
        a->done += SMBKIT_OK(status) ? out.done : 0;
    }
    free(buffer);
    return status;
}

static bool is_of_stream(const struct dirfs_file *file, const struct smbkit_copy *a)
{
    return file->is_stream || ((const struct dirfs_file *)a->source)->is_stream;
}

smbkit_status dirfs_copy_range(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_copy *a)
{
    struct both b;
    if (is_of_stream(file, a)) {
        return dirfs_is_nowait(op) ? SMBKIT_STATUS_WOULD_BLOCK : copy_stream(volume, op, file, a);
    }
    smbkit_status status = begin(volume, op, file, a->source, &b);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    while (SMBKIT_OK(status) && a->done < a->length) {
        if (smbkit_op_is_cancelled(op)) {
            status = SMBKIT_STATUS_CANCELLED;
            break;
        }
        ssize_t n = move(&b, a->source_offset + a->done, a->offset + a->done, a->length - a->done);
        if (n == 0) {
            break;
        }
        status = n < 0 ? smbkit_status_from_errno(errno) : status;
        a->done += n > 0 ? (uint64_t)n : 0;
        dirfs_own_change(volume,
                         file); /* again: of what is in directories that counts for a second */
    }
    if (a->done > 0) {
        dirfs_note_write(volume, file);
    }
    end(&b);
    return status;
}

/* [MS-FSA] 2.1.5.10.4: the target becomes no longer by it; what is behind its end is left out. */
smbkit_status dirfs_clone_range(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_copy *a)
{
    struct both b;
    struct statx stx;
    if (is_of_stream(file, a)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status status = begin(volume, op, file, a->source, &b);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int err = dirfs_stat_fd(b.to, &stx);
    uint64_t left = !err && a->offset < stx.stx_size ? stx.stx_size - a->offset : 0;
    const struct file_clone_range range = {.src_fd = b.from,
                                           .src_offset = a->source_offset,
                                           .src_length = left < a->length ? left : a->length,
                                           .dest_offset = a->offset};
    if (!err && range.src_length > 0) {
        err = ioctl(b.to, FICLONERANGE, &range) < 0 ? -errno : 0;
    }
    if (!err) {
        dirfs_note_write(volume, file);
    }
    end(&b);
    if (err == -EOPNOTSUPP || err == -ENOTTY || err == -EXDEV) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    a->done = a->length;
    return SMBKIT_STATUS_SUCCESS;
}
