/* SPDX-License-Identifier: Apache-2.0 */
/* Alternate data streams, each the value of an xattr, as Samba's streams_xattr has them: NAME is
 * user.DosStream.NAME:$DATA, and one zero byte follows the data, since a value may not be empty.
 * So a stream is small: 64 KiB at most, on ext4 all xattrs of a file together 4 KiB. What does not
 * fit is refused with DISK_FULL, and the stream stays as it was.
 *
 * A value can only be set as a whole. Who changes a part of it holds the volume's stream_lock and
 * flock() of the file meanwhile, against other servers; a process on the host that holds that lock
 * for itself is not waited for long. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <wctype.h>

#define TYPE ":$DATA"
#define PREFIX_LEN (sizeof(DIRFS_STREAM_PREFIX) - 1)
#define NAME_ROOM 256u /* bytes of an xattr's name, XATTR_NAME_MAX, terminated */
#define DATA_MAX (DIRFS_XATTR_MAX - 1)
#define LOCK_TRIES 50 /* each waits 2 ms */

/* ---- names ---- */

/* One character of UTF-8 in upper case, 0 at the end; bytes that are none stand for themselves. */
static wint_t next_upper(const struct dirfs_volume *vol, const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    unsigned more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
    wint_t c = more == 3 ? p[0] & 7u : more == 2 ? p[0] & 15u : more == 1 ? p[0] & 31u : p[0];
    *at += p[0] ? 1 : 0;
    for (; more > 0 && ((unsigned char)**at & 0xc0) == 0x80; more--, ++*at) {
        c = c << 6 | ((unsigned char)**at & 0x3fu);
    }
    return vol->locale ? towupper_l(c, vol->locale) : c < 128 ? towupper(c) : c;
}

static bool is_same_name(const struct dirfs_volume *vol, const char *a, const char *b)
{
    wint_t c;
    do {
        c = next_upper(vol, &a);
        if (c != next_upper(vol, &b)) {
            return false;
        }
    } while (c);
    return true;
}

/* A name that the core can carry. */
static bool is_utf8(const char *name)
{
    const unsigned char *p = (const unsigned char *)name;
    while (*p) {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        bool is_first = *p < 0x80 || (*p >= 0xc2 && *p < 0xf5);
        for (p++; is_first && more > 0 && (*p & 0xc0) == 0x80; more--) {
            p++;
        }
        if (!is_first || more > 0) {
            return false;
        }
    }
    return true;
}

/* The stream's name in an xattr's name, NAME_ROOM bytes at name. False: it is no stream. */
static bool stream_name(const char *xattr, char *name)
{
    if (strncmp(xattr, DIRFS_STREAM_PREFIX, PREFIX_LEN) != 0 || strlen(xattr) >= NAME_ROOM) {
        return false;
    }
    strcpy(name, xattr + PREFIX_LEN);
    char *type = strchr(name, ':');
    if (type && strcmp(type, TYPE) != 0) {
        return false;
    }
    if (type) { /* Samba may be told to leave it away */
        *type = '\0';
    }
    return name[0] != '\0' && !strpbrk(name, "/\\") && is_utf8(name);
}

/* The xattr of a new stream. NAME_TOO_LONG: the host has no such long ones. */
static smbkit_status new_xattr(const char *name, char *xattr)
{
    int n = snprintf(xattr, NAME_ROOM, DIRFS_STREAM_PREFIX "%s" TYPE, name);
    return n < (int)NAME_ROOM ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NAME_TOO_LONG;
}

/* The xattr that has the stream by that name, in whatever letters. -ENODATA: there is none. */
static int find_stream(const struct dirfs_volume *vol, const struct dirfs_where *where,
                       const char *name, char *xattr)
{
    char have[NAME_ROOM];
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? -ENODATA : err;
    }
    size_t at = 0;
    err = -ENODATA;
    for (const char *x; err && (x = dirfs_xattrs_next(&names, &at));) {
        if (stream_name(x, have) && is_same_name(vol, have, name)) {
            strcpy(xattr, x);
            err = 0;
        }
    }
    dirfs_xattrs_free(&names);
    return err;
}

static void get_xattr_name(struct dirfs_file *file, char *xattr)
{
    pthread_mutex_lock(&file->lock);
    strcpy(xattr, file->stream);
    pthread_mutex_unlock(&file->lock);
}

char *dirfs_stream_name(struct dirfs_file *file)
{
    char xattr[NAME_ROOM];
    char name[NAME_ROOM];
    get_xattr_name(file, xattr);
    return stream_name(xattr, name) ? strdup(name) : NULL;
}

/* ---- values ---- */

static smbkit_status value_status(int err)
{
    switch (err) {
    case 0:
        return SMBKIT_STATUS_SUCCESS;
    case -ENODATA: /* removed on the host, or by another server */
        return SMBKIT_STATUS_FILE_DELETED;
    case -E2BIG:
    case -ERANGE:
    case -ENOSPC:
    case -EDQUOT:
        return SMBKIT_STATUS_DISK_FULL;
    default:
        return smbkit_status_from_errno(-err);
    }
}

/* A stream while its value is read, or changed. */
struct value {
    char xattr[NAME_ROOM];
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where;
    uint8_t *data; /* room for DIRFS_XATTR_MAX */
    size_t len;    /* without the last byte */
    int lock_fd;
};

static int load(struct dirfs_file *file, struct value *v)
{
    get_xattr_name(file, v->xattr);
    v->where = dirfs_where_file(file->fd, file->is_path, v->proc);
    v->lock_fd = -1;
    int64_t n = dirfs_load_xattr(&v->where, v->xattr, &v->data);
    v->len = n > 0 ? (size_t)n - 1 : 0;
    return n < 0 ? (int)n : 0;
}

static void lock_file(struct value *v, const struct dirfs_file *file)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(file->fd, proc);
    v->lock_fd = open(proc, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    for (int i = 0; v->lock_fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(v->lock_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

/* Until end_change. 0 or -errno. */
static int begin_change(struct dirfs_volume *vol, struct dirfs_file *file, struct value *v)
{
    struct value locked = {.lock_fd = -1};
    dirfs_own_change(vol, file);
    pthread_mutex_lock(&vol->stream_lock);
    lock_file(&locked, file);
    int err = load(file, v);
    v->lock_fd = locked.lock_fd;
    return err;
}

/* Store the value unless err is set; err, or what came of it. */
static int end_change(struct dirfs_volume *vol, struct value *v, int err)
{
    if (!err) {
        v->data[v->len] = 0;
        err = dirfs_set_xattr(&v->where, v->xattr, v->data, v->len + 1);
    }
    if (v->lock_fd >= 0) {
        close(v->lock_fd); /* and unlocked */
    }
    pthread_mutex_unlock(&vol->stream_lock);
    free(v->data);
    return err;
}

static smbkit_status check_change(const struct dirfs_volume *vol, const struct smbkit_op *op)
{
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return vol->is_readonly ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED : SMBKIT_STATUS_SUCCESS;
}

static int set_len(struct value *v, uint64_t len)
{
    if (len > DATA_MAX) {
        return -E2BIG;
    }
    if (len > v->len) {
        memset(v->data + v->len, 0, len - v->len);
    }
    v->len = (size_t)len;
    return 0;
}

/* ---- opening ---- */

/* Streams are files in a directory too. */
static void put_size(struct smbkit_attr *attr, uint64_t size)
{
    attr->attributes &= ~(uint32_t)(SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_SPARSE);
    attr->attributes = attr->attributes ? attr->attributes : SMBKIT_ATTR_NORMAL;
    attr->size = size;
    attr->alloc_size = size;
    attr->valid |= SMBKIT_HAS_ALLOC_SIZE;
}

static smbkit_status make_stream(struct dirfs_volume *vol, struct dirfs_file *file,
                                 const struct dirfs_where *where, const struct smbkit_create *how,
                                 char *xattr)
{
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (how->alloc_size > DATA_MAX) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    int err = find_stream(vol, where, how->stream, xattr);
    if (err != -ENODATA) {
        return err ? value_status(err) : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    smbkit_status status = new_xattr(how->stream, xattr);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    dirfs_own_change(vol, file);
    int r = where->fd >= 0 ? fsetxattr(where->fd, xattr, "", 1, XATTR_CREATE)
                           : setxattr(where->path, xattr, "", 1, XATTR_CREATE);
    if (r != 0 && errno == EEXIST) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    return value_status(r == 0 ? 0 : -errno);
}

static smbkit_status open_stream(const struct dirfs_volume *vol, const struct dirfs_where *where,
                                 const char *name, char *xattr, int64_t *size_r)
{
    int err = find_stream(vol, where, name, xattr);
    int64_t n = err ? err : dirfs_get_xattr(where, xattr, NULL, 0);
    if (n < 0) {
        return n == -ENODATA ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : value_status((int)n);
    }
    *size_r = n > 0 ? n - 1 : 0;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_stream_attach(struct dirfs_volume *vol, struct dirfs_file *file,
                                  const struct smbkit_create *how, struct smbkit_attr *attr)
{
    char proc[DIRFS_PROC_MAX];
    char xattr[NAME_ROOM];
    int64_t size = 0;
    const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    if (file->is_link) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* Linux has none for links */
    }
    smbkit_status status = how->disposition == SMBKIT_CREATE
                               ? make_stream(vol, file, &where, how, xattr)
                               : open_stream(vol, &where, how->stream, xattr, &size);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    file->stream = strdup(xattr);
    if (!file->stream) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    file->is_stream = true;
    file->is_dir = false;
    file->can_write = true;
    put_size(attr, (uint64_t)size);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_stream_getattr(struct dirfs_volume *vol, struct dirfs_file *file,
                                   struct smbkit_attr *attr)
{
    char proc[DIRFS_PROC_MAX];
    char xattr[NAME_ROOM];
    const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    smbkit_status status = dirfs_file_attr(vol, file, attr);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    get_xattr_name(file, xattr);
    int64_t n = dirfs_get_xattr(&where, xattr, NULL, 0);
    put_size(attr, n > 0 ? (uint64_t)n - 1 : 0);
    return value_status(n < 0 ? (int)n : 0);
}

/* ---- data ---- */

smbkit_status dirfs_stream_read(const struct smbkit_op *op, struct dirfs_file *file,
                                struct smbkit_io *io)
{
    struct value v;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int err = load(file, &v);
    if (err) {
        return value_status(err);
    }
    if (io->offset < v.len) {
        uint64_t left = v.len - io->offset;
        io->done = left < io->length ? (uint32_t)left : io->length;
        memcpy(io->buffer, v.data + io->offset, io->done);
    }
    free(v.data);
    return SMBKIT_STATUS_SUCCESS;
}

static void copy_segments(uint8_t *to, const struct smbkit_io *io)
{
    uint64_t left = io->length;
    for (uint32_t i = 0; i < io->seg_count && left > 0; i++) {
        uint64_t len = io->segs[i].len < left ? io->segs[i].len : left;
        memcpy(to, io->segs[i].base, len);
        to += len;
        left -= len;
    }
}

smbkit_status dirfs_stream_write(struct dirfs_volume *vol, const struct smbkit_op *op,
                                 struct dirfs_file *file, struct smbkit_io *io)
{
    struct value v;
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status) || io->length == 0) {
        return status;
    }
    int err = begin_change(vol, file, &v);
    uint64_t offset = io->flags & SMBKIT_IO_APPEND ? v.len : io->offset;
    if (!err && (offset > DATA_MAX || io->length > DATA_MAX - offset)) {
        err = -E2BIG;
    }
    if (!err && offset + io->length > v.len) {
        err = set_len(&v, offset + io->length);
    }
    if (!err) {
        copy_segments(v.data + offset, io);
    }
    err = end_change(vol, &v, err);
    if (err) {
        return value_status(err);
    }
    io->done = io->length;
    dirfs_own_change(vol, file);
    dirfs_note_write(vol, file);
    bool through = file->writes_through || (io->flags & SMBKIT_IO_WRITE_THROUGH);
    return through ? dirfs_flush(vol, (struct smbkit_op *)(uintptr_t)op, file, NULL)
                   : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_stream_set_size(struct dirfs_volume *vol, const struct smbkit_op *op,
                                    struct dirfs_file *file, uint64_t size)
{
    struct value v;
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int err = begin_change(vol, file, &v);
    err = err ? err : set_len(&v, size);
    err = end_change(vol, &v, err);
    if (!err) {
        dirfs_own_change(vol, file);
        dirfs_note_write(vol, file);
    }
    return value_status(err);
}

smbkit_status dirfs_stream_allocate(struct dirfs_volume *vol, const struct smbkit_op *op,
                                    struct dirfs_file *file, uint64_t size)
{
    struct value v;
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (size > DATA_MAX) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    int err = load(file, &v);
    bool cuts = !err && size < v.len;
    if (!err) {
        free(v.data);
    }
    return cuts ? dirfs_stream_set_size(vol, op, file, size) : value_status(err);
}

smbkit_status dirfs_stream_zero(struct dirfs_volume *vol, const struct smbkit_op *op,
                                struct dirfs_file *file, const struct smbkit_span *span)
{
    struct value v;
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int err = begin_change(vol, file, &v);
    if (!err && span->offset < v.len) {
        uint64_t left = v.len - span->offset;
        memset(v.data + span->offset, 0, span->length < left ? span->length : left);
    }
    return value_status(end_change(vol, &v, err));
}

smbkit_status dirfs_stream_ranges(const struct smbkit_op *op, struct dirfs_file *file,
                                  struct smbkit_ranges *a)
{
    struct value v;
    uint32_t room = a->room;
    a->count = 0;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int err = load(file, &v);
    if (err) {
        return value_status(err);
    }
    free(v.data);
    if (a->offset >= v.len || a->length == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (room == 0) {
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    uint64_t left = v.len - a->offset;
    a->out[0] = (struct smbkit_range){a->offset, a->length < left ? a->length : left};
    a->count = 1;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- names again ---- */

smbkit_status dirfs_stream_remove(struct dirfs_volume *vol, const struct smbkit_op *op,
                                  struct dirfs_file *file)
{
    char proc[DIRFS_PROC_MAX];
    char xattr[NAME_ROOM];
    const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    get_xattr_name(file, xattr);
    dirfs_own_change(vol, file);
    return value_status(dirfs_drop_xattr(&where, xattr));
}

/* Put the value under another name, and take the old one away. Where there is room for one only,
 * the old one goes first, and comes back if the new one does not fit. */
static int move_value(const struct value *v, const char *to)
{
    v->data[v->len] = 0;
    int err = dirfs_set_xattr(&v->where, to, v->data, v->len + 1);
    if (!err) {
        return dirfs_drop_xattr(&v->where, v->xattr);
    }
    if (err != -ENOSPC || dirfs_drop_xattr(&v->where, v->xattr) != 0) {
        return err;
    }
    err = dirfs_set_xattr(&v->where, to, v->data, v->len + 1);
    if (err) {
        (void)dirfs_set_xattr(&v->where, v->xattr, v->data, v->len + 1);
    }
    return err;
}

/* -EEXIST: there is one by that name, not to be replaced. What is replaced is gone then. */
static int make_way(const struct dirfs_volume *vol, const struct value *v,
                    const struct smbkit_rename *a)
{
    char there[NAME_ROOM];
    int err = find_stream(vol, &v->where, a->new_stream, there);
    if (err || strcmp(there, v->xattr) == 0) {
        return err == -ENODATA ? 0 : err;
    }
    return a->flags & SMBKIT_RENAME_REPLACE ? dirfs_drop_xattr(&v->where, there) : -EEXIST;
}

smbkit_status dirfs_stream_rename(struct dirfs_volume *vol, const struct smbkit_op *op,
                                  struct dirfs_file *file, const struct smbkit_rename *a)
{
    struct value v;
    char to[NAME_ROOM];
    smbkit_status status = check_change(vol, op);
    if (SMBKIT_OK(status)) {
        status = a->new_stream ? new_xattr(a->new_stream, to) : SMBKIT_STATUS_ACCESS_DENIED;
    }
    char *name = SMBKIT_OK(status) ? strdup(to) : NULL;
    if (!name) {
        return SMBKIT_OK(status) ? SMBKIT_STATUS_NO_MEMORY : status;
    }
    int err = begin_change(vol, file, &v);
    err = err ? err : make_way(vol, &v, a);
    if (!err && strcmp(to, v.xattr) != 0) {
        err = move_value(&v, to);
    }
    (void)end_change(vol, &v, -ECANCELED); /* nothing more to store */
    if (err) {
        free(name);
        return err == -EEXIST ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : value_status(err);
    }
    pthread_mutex_lock(&file->lock);
    free(file->stream);
    file->stream = name;
    pthread_mutex_unlock(&file->lock);
    return SMBKIT_STATUS_SUCCESS;
}

/* Cookies count the xattrs; who adds or removes one meanwhile may show another twice, or not. */
smbkit_status dirfs_streams(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_sink *sink)
{
    (void)volume;
    const struct dirfs_file *f = file;
    char proc[DIRFS_PROC_MAX];
    char name[NAME_ROOM];
    struct dirfs_xattrs names;
    const struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int err = f->is_link ? -EOPNOTSUPP : dirfs_xattrs_read(&where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? SMBKIT_STATUS_SUCCESS : smbkit_status_from_errno(-err);
    }
    size_t at = 0;
    uint64_t cookie = 0;
    for (const char *xattr; (xattr = dirfs_xattrs_next(&names, &at));) {
        bool is_one = ++cookie > sink->cookie && stream_name(xattr, name);
        int64_t n = is_one ? dirfs_get_xattr(&where, xattr, NULL, 0) : -1;
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        put_size(&attr, n > 0 ? (uint64_t)n - 1 : 0);
        const struct smbkit_entry entry = {
            .struct_size = sizeof(entry), .name = name, .cookie = cookie, .attr = &attr};
        if (n >= 0 && sink->entry(sink, &entry) == 0) {
            break;
        }
    }
    dirfs_xattrs_free(&names);
    return SMBKIT_STATUS_SUCCESS;
}
