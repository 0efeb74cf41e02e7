/* SPDX-License-Identifier: Apache-2.0 */
/* Opening beneath the folder. A file is first opened as a mere place (O_PATH), which has no side
 * effect whatever it is; only a regular file or a directory is then opened for its data. So a FIFO
 * cannot hang the server, and no device is touched. */
#include "dir_past.h"
#include "dir_reparse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BENEATH_TRIES 64 /* the kernel says EAGAIN when a ".." in a symlink meets a rename */

#define READ_BITS (SMBKIT_READ_DATA | SMBKIT_EXECUTE)
#define WRITE_BITS (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA)

static int openat2_retry(const struct dirfs_volume *vol, const char *path,
                         const struct open_how *how)
{
    bool nowait = how->resolve & RESOLVE_CACHED;
    for (int i = 0; i < BENEATH_TRIES; i++) {
        long fd = syscall(SYS_openat2, vol->root, path[0] ? path : ".", how, sizeof(*how));
        if (fd >= 0) {
            return (int)fd;
        }
        if (errno != EINTR && (errno != EAGAIN || nowait)) {
            return -errno;
        }
    }
    return nowait ? -EAGAIN : dirfs_waited(-EAGAIN);
}

int dirfs_openat2(const struct dirfs_volume *vol, const char *path, uint64_t flags, bool nowait)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? dirfs_mode_first(&vol->modes, false) : 0,
        .resolve = vol->resolve | RESOLVE_NO_SYMLINKS | (nowait ? RESOLVE_CACHED : 0),
    };
    int fd = openat2_retry(vol, path, &how);
    if (fd != -ELOOP || (vol->resolve & RESOLVE_NO_SYMLINKS)) {
        return fd;
    }
    if (nowait) {
        return -EAGAIN; /* its links are looked at first */
    }
    /* A client could make a file beside it that has its target for a name, to be in its place. */
    if (dirfs_meets_dfs_link(vol, path, flags)) {
        return -ENOENT;
    }
    how.resolve = vol->resolve;
    fd = openat2_retry(vol, path, &how);
    return fd == -EXDEV ? dirfs_open_by_links(vol, path, flags) : fd;
}

int dirfs_openat2_plain(const struct dirfs_volume *vol, const char *path, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? dirfs_mode_first(&vol->modes, false) : 0,
        .resolve = vol->resolve | RESOLVE_NO_SYMLINKS,
    };
    return openat2_retry(vol, path, &how);
}

int dirfs_open_parent(const struct dirfs_volume *vol, const char *path, bool nowait,
                      const char **name_r)
{
    char parent[DIRFS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name_r = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;
    memcpy(parent, path, len);
    parent[len] = '\0';
    return dirfs_openat2(vol, parent, O_PATH | O_DIRECTORY, nowait);
}

int dirfs_stat_fd(int fd, struct statx *stx)
{
    return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, stx) == 0
               ? 0
               : -errno;
}

int dirfs_stat_where(const struct dirfs_where *where, struct statx *stx)
{
    if (where->fd >= 0) {
        return dirfs_stat_fd(where->fd, stx);
    }
    int flags = AT_NO_AUTOMOUNT | (where->is_entry ? AT_SYMLINK_NOFOLLOW : 0);
    return statx(AT_FDCWD, where->path, flags, STATX_BASIC_STATS | STATX_BTIME, stx) == 0 ? 0
                                                                                          : -errno;
}

uint64_t dirfs_dev(const struct statx *stx)
{
    return (uint64_t)stx->stx_dev_major << 32 | stx->stx_dev_minor;
}

void dirfs_proc_path(int fd, char *buf)
{
    snprintf(buf, DIRFS_PROC_MAX, "/proc/self/fd/%d", fd);
}

static void close_unless_root(const struct dirfs_volume *vol, int fd)
{
    if (fd != vol->root) {
        close(fd);
    }
}

smbkit_status dirfs_lookup_status(int err)
{
    switch (err) {
    case ENOENT:
    case ELOOP: /* a symlink that is not to be followed, or a loop */
    case EXDEV: /* leads out of the folder */
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    case ENOTDIR:
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    case EAGAIN:
        return SMBKIT_STATUS_WOULD_BLOCK;
    default:
        return smbkit_status_from_errno(err);
    }
}

/* Is it the name in a link on the way that is longer than any, and not one of the path itself? */
static bool is_fault_of_link(const char *host, int err)
{
    bool is_short = err == ENAMETOOLONG && strlen(host) < DIRFS_PATH_MAX - 1;
    while (is_short && *host) {
        size_t len = strcspn(host, "/");
        is_short = len < DIRFS_NAME_MAX;
        host += len + (host[len] == '/');
    }
    return is_short;
}

/* As dirfs_lookup_status, of a path whose last component was not to be followed: and tells a
 * missing directory on the way from a missing last component. */
static smbkit_status missing_status(const struct dirfs_volume *vol, const char *host, int err,
                                    bool nowait)
{
    smbkit_status status = dirfs_lookup_status(is_fault_of_link(host, err) ? ENOENT : err);
    if (status != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || !strchr(host, '/')) {
        return status;
    }
    const char *name;
    int parent = dirfs_open_parent(vol, host, nowait, &name);
    if (parent < 0) {
        return parent == -EAGAIN ? SMBKIT_STATUS_WOULD_BLOCK : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    close(parent);
    return status;
}

/* Open what an O_PATH descriptor stands for. flags without O_CLOEXEC. */
static int reopen(int fd, int flags)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    /* Non-blocking: a file lease of another process must not hold the server up. */
    int real = open(proc, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return real < 0 ? -errno : real;
}

static int reopen_for(int fd, bool is_dir, uint32_t access, bool *can_write)
{
    *can_write = false;
    if (is_dir) {
        return reopen(fd, O_RDONLY | O_DIRECTORY);
    }
    if (!(access & WRITE_BITS)) {
        return reopen(fd, O_RDONLY);
    }
    *can_write = true;
    int real = reopen(fd, O_RDWR);
    return real == -EACCES && !(access & READ_BITS) ? reopen(fd, O_WRONLY) : real;
}

int dirfs_real_fd(const struct dirfs_file *file, bool write, int *extra_r)
{
    *extra_r = -1;
    if (file->is_stream) {
        return -EOPNOTSUPP; /* its data is no file's */
    }
    if (file->is_link) {
        return -EACCES; /* as a write of it is answered: it has no data, and takes none */
    }
    if (!file->is_path && (!write || file->can_write)) {
        return file->fd;
    }
    int fd = file->is_dir ? reopen(file->fd, O_RDONLY | O_DIRECTORY)
                          : reopen(file->fd, write ? O_RDWR : O_RDONLY);
    if (fd >= 0) {
        *extra_r = fd;
    }
    return fd;
}

static smbkit_status check_kind(const struct statx *stx, uint32_t kind)
{
    bool is_dir = S_ISDIR(stx->stx_mode);
    if (kind == SMBKIT_KIND_FILE && is_dir) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    if (kind == SMBKIT_KIND_DIRECTORY && !is_dir) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Put a descriptor that can do what access asks for in the place of the O_PATH one. */
static smbkit_status open_data(const struct dirfs_volume *vol, const struct smbkit_create *how,
                               struct dirfs_opened *o)
{
    bool is_dir = S_ISDIR(o->stx.stx_mode);
    if (S_ISLNK(o->stx.stx_mode)) {
        return SMBKIT_STATUS_SUCCESS; /* itself: there is nothing to read in it */
    }
    if (!is_dir && !S_ISREG(o->stx.stx_mode)) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* FIFO, socket, device */
    }
    int real = reopen_for(o->fd, is_dir, how->access, &o->can_write);
    if (real == -EAGAIN) {
        return SMBKIT_STATUS_SHARING_VIOLATION; /* a lease of a process on the host */
    }
    if (real < 0) {
        return smbkit_status_from_errno(-real);
    }
    close_unless_root(vol, o->fd);
    o->fd = real;
    o->is_path = false;
    return SMBKIT_STATUS_SUCCESS;
}

static bool wants_data(const struct smbkit_create *how, bool is_dir)
{
    return (how->access & (READ_BITS | (is_dir ? 0 : WRITE_BITS))) != 0;
}

static smbkit_status stat_status(int fd, struct statx *stx)
{
    int err = dirfs_stat_fd(fd, stx);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

/* What is wrong with the path in a link, and so leads to nothing, is no fault of the client's. */
static smbkit_status follow_status(int err)
{
    smbkit_status status = dirfs_lookup_status(err);
    bool is_nothing =
        status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || err == ENOTDIR || err == ENAMETOOLONG;
    return is_nothing ? SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED : status;
}

/* Put what a link leads to in the place of the link. IO_REPARSE_TAG_NOT_HANDLED: to no file of the
 * folder's; o is as it was. */
static smbkit_status follow(const struct dirfs_volume *vol, const char *host, bool nowait,
                            struct dirfs_opened *o)
{
    int fd = dirfs_openat2(vol, host, O_PATH, nowait);
    if (fd < 0) {
        return follow_status(-fd);
    }
    close(o->fd);
    o->fd = fd;
    return stat_status(fd, &o->stx);
}

/* What the path leads to, as a mere place, to be closed unless it is the folder itself. is_itself:
 * a link is not followed. IO_REPARSE_TAG_NOT_HANDLED: a link that leads to no file of the folder's,
 * which is what o has then; after any other failure o has nothing. */
static smbkit_status open_place(const struct dirfs_volume *vol, const char *host, bool is_itself,
                                bool nowait, struct dirfs_opened *o)
{
    *o = (struct dirfs_opened){.is_path = true};
    /* First the last component as it is: so what is missing costs one call, and who finds a link
     * knows that it is there. */
    o->fd = host[0] ? dirfs_openat2(vol, host, O_PATH | O_NOFOLLOW, nowait) : vol->root;
    if (o->fd < 0) {
        return missing_status(vol, host, -o->fd, nowait);
    }
    smbkit_status status = stat_status(o->fd, &o->stx);
    if (SMBKIT_OK(status) && S_ISLNK(o->stx.stx_mode) && !is_itself) {
        status = follow(vol, host, nowait, o);
    }
    if (!SMBKIT_OK(status) && status != SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED) {
        close_unless_root(vol, o->fd);
        o->fd = -1;
    }
    return status;
}

static smbkit_status open_existing(struct dirfs_volume *vol, const struct smbkit_create *how,
                                   const char *host, bool nowait, struct dirfs_opened *o)
{
    bool is_itself = how->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT;
    smbkit_status status = open_place(vol, host, is_itself, nowait, o);
    if (SMBKIT_OK(status)) {
        status = check_kind(&o->stx, how->kind);
    }
    if (SMBKIT_OK(status) && wants_data(how, S_ISDIR(o->stx.stx_mode))) {
        status = open_data(vol, how, o);
    }
    if (!SMBKIT_OK(status) && o->fd >= 0) {
        close_unless_root(vol, o->fd);
    }
    return status;
}

/* The object for what was opened, which it takes over, also on failure. */
static smbkit_status file_new(const struct dirfs_volume *vol, const struct dirfs_opened *o,
                              const struct smbkit_create *how, const char *host,
                              struct dirfs_file **file_r)
{
    struct dirfs_file *file = calloc(1, sizeof(*file));
    char *path = strdup(host);
    if (!file || !path) {
        close_unless_root(vol, o->fd);
        free(path);
        free(file);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    file->fd = o->fd;
    file->path = path;
    file->is_path = o->is_path;
    file->can_write = o->can_write;
    file->is_dir = S_ISDIR(o->stx.stx_mode);
    file->is_link = S_ISLNK(o->stx.stx_mode);
    file->is_own = o->stx.stx_uid == vol->euid && (o->stx.stx_mode & S_IWUSR);
    file->writes_through = (how->flags & SMBKIT_CREATE_WRITE_THROUGH) != 0;
    file->seen = dirfs_seen(&o->stx);
    pthread_mutex_init(&file->lock, NULL);
    *file_r = file;
    return SMBKIT_STATUS_SUCCESS;
}

static void advise(const struct dirfs_file *file, uint32_t flags)
{
    if (file->is_path || file->is_dir) {
        return;
    }
    if (flags & SMBKIT_CREATE_SEQUENTIAL) {
        (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else if (flags & SMBKIT_CREATE_RANDOM) {
        (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
    }
}

static bool is_known(const struct dirfs_volume *vol, const struct statx *stx, int *found_r)
{
    struct dirfs_dos dos;
    struct dirfs_seen seen = dirfs_seen(stx);
    return dirfs_known_dos(vol, &seen, found_r, &dos);
}

/* The attributes of a file that is opened; where it was found to have some of its own, and nobody
 * knew, its directory is marked as one that has such files. */
static smbkit_status attr_of_opened(struct dirfs_volume *vol, struct dirfs_file *file,
                                    const struct statx *stx, bool nowait, struct smbkit_attr *attr)
{
    int found = 0;
    bool was_known = is_known(vol, stx, &found);
    smbkit_status status = dirfs_file_attr_of(vol, file, stx, attr);
    if (!SMBKIT_OK(status) || was_known || !is_known(vol, stx, &found) || found <= 0) {
        return status;
    }
    if (nowait && !dirfs_is_parent_marked(vol, file->fd)) {
        dirfs_known_forget(vol, stx->stx_ino);
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!nowait) {
        (void)dirfs_mark_parent(vol, file->fd); /* else it is listed without, as it was */
    }
    return status;
}

/* A stream is opened, or made, in what is there. */
static smbkit_status create_stream(struct dirfs_volume *vol, struct smbkit_op *op,
                                   struct smbkit_create *how)
{
    struct smbkit_create base = {.struct_size = sizeof(base),
                                 .disposition = SMBKIT_OPEN,
                                 .path = how->path,
                                 .flags = how->flags,
                                 .attr = how->attr};
    smbkit_status status = dirfs_create(vol, op, &base);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = dirfs_stream_attach(vol, base.file, how, how->attr);
    if (!SMBKIT_OK(status)) {
        dirfs_close(vol, op, base.file);
        return status;
    }
    how->file = base.file;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    void **file_r = &how->file;
    struct smbkit_attr *attr = how->attr;
    struct dirfs_volume *vol = volume;
    bool nowait = dirfs_is_nowait(op);
    bool is_new = how->disposition == SMBKIT_CREATE;
    if (how->snapshot_time) {
        return dirfs_past_create(vol, op, how);
    }
    if (how->stream) {
        return nowait ? SMBKIT_STATUS_WOULD_BLOCK : create_stream(vol, op, how);
    }
    if (how->ea.len > 0 && !vol->has_xattrs) {
        return SMBKIT_STATUS_EAS_NOT_SUPPORTED;
    }
    if (nowait && (is_new || !vol->tries_nowait)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    unsigned archive_taken = atomic_load_explicit(&vol->archive_taken, memory_order_acquire);
    char host[DIRFS_PATH_MAX];
    struct dirfs_opened o;
    smbkit_status status = dirfs_name_to_host(how->path, host);
    if (SMBKIT_OK(status)) {
        status =
            is_new ? dirfs_make(vol, how, host, &o) : open_existing(vol, how, host, nowait, &o);
    }
    struct dirfs_file *file = NULL;
    if (SMBKIT_OK(status)) {
        status = file_new(vol, &o, how, host, &file);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (is_new) {
        dirfs_set_flag(file, DIRFS_NEW_NAME | DIRFS_MADE);
    }
    advise(file, how->flags);
    status = attr_of_opened(vol, file, &o.stx, nowait, attr);
    if (!SMBKIT_OK(status)) {
        dirfs_close(vol, op, file);
        return status;
    }
    if (attr->attributes & SMBKIT_ATTR_ARCHIVE) {
        atomic_store_explicit(&file->archived, archive_taken, memory_order_release);
    }
    *file_r = file;
    return SMBKIT_STATUS_SUCCESS;
}

void dirfs_close(void *volume, struct smbkit_op *op, void *file)
{
    (void)op;
    struct dirfs_file *f = file;
    struct dirfs_past *past = f->past;
    struct dirfs_volume *vol = dirfs_of(volume, f);
    dirfs_watch_end(vol, f);
    dirfs_cache_end(vol, f);
    close_unless_root(vol, f->fd);
    dirfs_list_free(f->list);
    dirfs_was_free(f->was);
    free(f->stream);
    free(f->path);
    pthread_mutex_destroy(&f->lock);
    free(f);
    dirfs_past_put(volume, past);
}

static uint64_t names_told(const struct dirfs_volume *vol, const struct dirfs_opened *o,
                           const char *path)
{
    const struct dirfs_seen seen = dirfs_seen(&o->stx);
    bool can_be_watched = S_ISDIR(o->stx.stx_mode) && seen.dev == vol->root_dev;
    return vol->snaps && can_be_watched ? dirfs_names_told(vol->snaps, o->fd, &seen, path) : 0;
}

smbkit_status dirfs_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    const char *path = a->path;
    struct smbkit_attr *attr = a->attr;
    struct dirfs_volume *vol = volume;
    bool nowait = dirfs_is_nowait(op);
    if (a->snapshot_time) {
        return dirfs_past_lookup(vol, op, a);
    }
    if (nowait && !vol->tries_nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    char host[DIRFS_PATH_MAX];
    smbkit_status status = dirfs_name_to_host(path, host);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct dirfs_opened o;
    bool is_itself = a->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT;
    status = open_place(vol, host, is_itself, nowait, &o);
    if (o.fd < 0) {
        return status;
    }
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(o.fd, true, proc);
    const char *slash = strrchr(host, '/');
    int err = dirfs_fill_attr(vol, slash ? slash + 1 : host, &o.stx, &where, attr);
    if (!err && attr->struct_size >= sizeof(*attr)) {
        attr->names_told = names_told(vol, &o, path);
    }
    close_unless_root(vol, o.fd);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
