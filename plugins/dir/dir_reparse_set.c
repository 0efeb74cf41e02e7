/* SPDX-License-Identifier: Apache-2.0 */
/* A file or an empty directory that a client makes a symbolic link of, [MS-FSCC] 2.1.2.4, or a link
 * that it makes a file again.
 *
 * It becomes a link of this machine's, in the place of the file: both change names, then the file
 * goes. The handle is the link's from then on. Links that clients make lead up only as far as the
 * folder goes, not by an absolute path, and to no other server by DFS; whoever follows one through
 * the server is held beneath the folder by the kernel in any case. */
#include "dir_move.h"
#include "dir_reparse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES 8u
#define FIXED_BYTES 12u
#define SYMLINK_FLAG_RELATIVE 1u
#define TRIES 16u

/* ---- what the client says ---- */

/* A target for the host that is being written. */
struct target {
    char text[DIRFS_PATH_MAX];
    size_t len;
    unsigned ups; /* ".." at its beginning */
};

/* bytes of UTF-8, of WTF-8 for a lone surrogate, at out */
static unsigned encode(uint32_t cp, char *out)
{
    unsigned more = cp < 0x80 ? 0 : cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    for (unsigned i = more; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (char)(leads[more] | cp);
    return more + 1;
}

/* UTF-16LE to text of cap bytes, with '/' for '\\'. False: no path, or too long. */
static bool decode(const uint8_t *p, uint32_t bytes, char *text, size_t cap)
{
    size_t len = 0;
    for (uint32_t i = 0; i + 1 < bytes; i += 2) {
        uint32_t cp = (uint32_t)dirfs_get_le(p + i, 2);
        uint32_t low = i + 3 < bytes ? (uint32_t)dirfs_get_le(p + i + 2, 2) : 0;
        if (cp == 0 || cp == '/' || len + 5 > cap) {
            return false;
        }
        if ((cp & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
            cp = 0x10000 + ((cp & 0x3ff) << 10 | (low & 0x3ff));
            i += 2;
        }
        len += encode(cp == '\\' ? '/' : cp, text + len);
    }
    text[len] = '\0';
    return len > 0;
}

static smbkit_status put_component(struct target *t, const char *name)
{
    char host[DIRFS_PATH_MAX];
    if (strcmp(name, ".") == 0 || !name[0]) {
        return SMBKIT_STATUS_SUCCESS;
    }
    bool is_up = strcmp(name, "..") == 0;
    if (is_up && t->len > t->ups * 3) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* what comes before may be a link, and lead up itself
                                             */
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!is_up) {
        status = dirfs_name_to_host(name, host);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int n = snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s/", is_up ? name : host);
    t->len += (size_t)n;
    t->ups += is_up;
    return t->len < sizeof(t->text) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NAME_TOO_LONG;
}

static smbkit_status put_path(struct target *t, char *path)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    while (SMBKIT_OK(status) && *path) {
        size_t len = strcspn(path, "/");
        bool is_last = path[len] == '\0';
        path[len] = '\0';
        status = put_component(t, path);
        path += len + !is_last;
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (t->len == 0) {
        strcpy(t->text, "./");
        t->len = 2;
    }
    t->text[t->len - 1] = '\0'; /* the slash */
    return status;
}

/* The target that the buffer says. */
static smbkit_status read_target(const struct smbkit_bytes *data, struct target *t)
{
    char path[DIRFS_PATH_MAX];
    const uint8_t *p = data->base;
    uint32_t fixed = HEADER_BYTES + FIXED_BYTES;
    if (data->len < fixed) {
        return SMBKIT_STATUS_IO_REPARSE_DATA_INVALID;
    }
    uint32_t at = (uint32_t)dirfs_get_le(p + 8, 2);
    uint32_t bytes = (uint32_t)dirfs_get_le(p + 10, 2);
    bool is_relative = dirfs_get_le(p + 16, 4) & SYMLINK_FLAG_RELATIVE;
    if (at + bytes > data->len - fixed || bytes % 2 != 0 ||
        !decode(p + fixed + at, bytes, path, sizeof(path))) {
        return SMBKIT_STATUS_IO_REPARSE_DATA_INVALID;
    }
    if (!is_relative || path[0] == '/') {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status status = put_path(t, path);
    /* As this machine will have it: by then a colon is one, however it was written. */
    return SMBKIT_OK(status) && dirfs_is_dfs_target(t->text) ? SMBKIT_STATUS_ACCESS_DENIED : status;
}

/* ---- in the place of the file ---- */

/* How many directories below the folder that one really is; -1: it is not in there. */
static int depth_of(const struct dirfs_volume *vol, int dir)
{
    char path[DIRFS_PATH_MAX];
    const char *inside = dirfs_inside_now(vol, dir, path);
    int depth = inside ? 0 : -1;
    for (; inside && *inside; inside++) {
        depth += *inside == '/' && inside[1] != '\0';
    }
    return depth;
}

/* Under a name that nobody has; its descriptor (a link's is O_PATH), or -errno. target NULL: an
 * empty file. */
static int make_beside(const struct dirfs_volume *vol, const struct dirfs_spot *spot,
                       const char *target, char name[DIRFS_NAME_MAX])
{
    mode_t mode = dirfs_mode_first(&vol->modes, false);
    for (unsigned i = 0; i < TRIES; i++) {
        snprintf(name, DIRFS_NAME_MAX, DIRFS_MOMENTARY "%d-%llx-%u", (int)getpid(),
                 (unsigned long long)dirfs_now_ms(), i);
        int made = target ? symlinkat(target, spot->dir, name)
                          : openat(spot->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (made >= 0) {
            int fd = target ? openat(spot->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : made;
            return fd < 0 ? -errno : fd;
        }
        if (errno != EEXIST) {
            return -errno;
        }
    }
    return -EEXIST;
}

/* What fd is has the owner of what it is there for, and a file what a new one has besides, and the
 * descriptor that it had before it was a link. 0 or -errno. */
static int furnish(struct dirfs_volume *vol, const struct dirfs_file *f, const char *host, int fd)
{
    const struct dirfs_where where = {.fd = fd};
    struct statx was;
    struct statx is;
    int err = dirfs_stat_fd(f->fd, &was);
    err = err ? err : dirfs_stat_fd(fd, &is);
    if (!err && (was.stx_uid != is.stx_uid || was.stx_gid != is.stx_gid) &&
        fchownat(fd, "", was.stx_uid, was.stx_gid, AT_EMPTY_PATH) != 0) {
        err = -errno;
    }
    if (err || S_ISLNK(is.stx_mode)) {
        return err;
    }
    err = dirfs_mode_settle(vol, host, fd, false);
    if (!err && f->was && f->was->is_kept) {
        err = dirfs_keep_security(vol, &where, f->was->buf, f->was->len);
    }
    return err;
}

/* Is what has got that name the file, with nothing in it, and does it go? */
static bool drop_old(const struct dirfs_spot *spot, const char *name, const struct dirfs_file *f)
{
    struct statx stx;
    bool is_it = statx(spot->dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) == 0 &&
                 dirfs_is_same(&stx, f) && (!S_ISREG(stx.stx_mode) || stx.stx_size == 0);
    return is_it && unlinkat(spot->dir, name, S_ISDIR(stx.stx_mode) ? AT_REMOVEDIR : 0) == 0;
}

static int exchange(const struct dirfs_spot *spot, const char *name)
{
    return renameat2(spot->dir, name, spot->dir, spot->name, RENAME_EXCHANGE) == 0 ? 0 : -errno;
}

static void own_exchange(const struct dirfs_volume *vol, const struct dirfs_spot *spot)
{
    dirfs_own(vol, spot->path, DIRFS_OWN_REMOVED);
    dirfs_own(vol, spot->path, DIRFS_OWN_ADDED);
    dirfs_own(vol, spot->path, DIRFS_OWN_CHANGE);
}

/* The handle is that of what fd is from now on. */
static void become(struct dirfs_volume *vol, struct dirfs_file *f, int fd, bool is_link)
{
    dirfs_cache_end(vol, f);
    dirfs_watch_end(vol, f);
    f->can_write = false;
    f->is_path = true;
    f->is_dir = false;
    f->is_link = is_link;
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    int path = is_link ? -1 : open(proc, O_PATH | O_CLOEXEC);
    (void)dup3(path < 0 ? fd : path, f->fd,
               O_CLOEXEC); /* of two that are open: no reason to fail */
    if (path >= 0) {
        close(path);
    }
}

/* ---- what a link cannot keep ---- */

void dirfs_was_free(struct dirfs_security *was)
{
    if (was) {
        free(was->buf);
        free(was);
    }
}

/* A link has no streams, EAs or descriptor, and what is lost by it could not come back: who may
 * only write a file would take its descriptor away. */
static smbkit_status check_kept(const struct dirfs_volume *vol, struct dirfs_file *f,
                                struct dirfs_security *was)
{
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(&where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? SMBKIT_STATUS_SUCCESS : smbkit_status_from_errno(-err);
    }
    bool has_extras = dirfs_has_extras(&names);
    err = dirfs_load_security(vol, &where, &names, was);
    dirfs_xattrs_free(&names);
    if (has_extras || (was->is_kept && !dirfs_has_flag(f, DIRFS_MADE))) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_change(struct dirfs_volume *vol, struct dirfs_file *f,
                                  const struct statx *stx, bool removes)
{
    if (f->is_link) { /* else it would be a file that everybody may read */
        return removes && vol->has_xattrs && !f->was ? SMBKIT_STATUS_NOT_SUPPORTED
                                                     : SMBKIT_STATUS_SUCCESS;
    }
    if (S_ISREG(stx->stx_mode) && (stx->stx_size > 0 || stx->stx_nlink != 1)) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* a link of this machine's keeps no data */
    }
    struct dirfs_security *was = calloc(1, sizeof(*was));
    smbkit_status status = was ? check_kept(vol, f, was) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(status)) {
        dirfs_was_free(was);
        return status;
    }
    dirfs_was_free(f->was);
    f->was = was;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status replace(struct dirfs_volume *vol, struct dirfs_file *f,
                             const struct dirfs_spot *spot, const void *arg)
{
    const struct target *t = arg;
    char name[DIRFS_NAME_MAX];
    struct statx stx;
    int err = dirfs_stat_fd(f->fd, &stx);
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    smbkit_status status = check_change(vol, f, &stx, t == NULL);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (t && (int)t->ups > depth_of(vol, spot->dir)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    int fd = make_beside(vol, spot, t ? t->text : NULL, name);
    if (fd < 0) {
        return smbkit_status_from_errno(-fd);
    }
    own_exchange(vol, spot);
    err = furnish(vol, f, spot->path, fd);
    err = err ? err : exchange(spot, name);
    if (!err && !drop_old(spot, name, f)) {
        (void)exchange(spot, name);
        err = -EBUSY;
    }
    if (err) {
        (void)unlinkat(spot->dir, name, 0);
    } else {
        become(vol, f, fd, t != NULL);
        dirfs_known_forget(vol, stx.stx_ino);
    }
    close(fd);
    return err == -EINVAL ? SMBKIT_STATUS_NOT_SUPPORTED
           : err          ? smbkit_status_from_errno(-err)
                          : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_set_reparse(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_set_reparse *a)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    struct target t = {.len = 0};
    if (!vol->makes_links || f->is_stream || a->tag != DIRFS_TAG_SYMLINK) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    bool removes = a->data.len == 0;
    smbkit_status status = removes ? SMBKIT_STATUS_SUCCESS : read_target(&a->data, &t);
    if (SMBKIT_OK(status)) {
        status = dirfs_at_spot(vol, op, f, replace, removes ? NULL : &t);
    }
    return status;
}
