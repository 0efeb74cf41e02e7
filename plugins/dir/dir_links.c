/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute symbolic links. The kernel refuses each (RESOLVE_BENEATH), also one that leads back into
 * the folder. So when a path has one, its links are read one after the other, which makes a path
 * without links; and that is what the kernel resolves, beneath the folder and following none. A
 * mistake here, or a link exchanged meanwhile, can only make the open fail. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel has it, MAXSYMLINKS */

/* A path under way. */
struct trail {
    char done[DIRFS_PATH_MAX]; /* below the folder, without links */
    char todo[DIRFS_PATH_MAX];
    unsigned links;
    bool met_dfs; /* one that only clients follow */
};

bool dirfs_is_dfs_target(const char *target)
{
    return strncasecmp(target, "msdfs:", 6) == 0;
}

/* The part of an absolute path that is below base, or NULL. */
static const char *below(const char *path, const char *base)
{
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    bool is_below = strncmp(path, base, len) == 0 && (path[len] == '/' || !path[len]);
    return is_below ? path + len : NULL;
}

/* Under the name that the folder has now, or that it was shared by. */
const char *dirfs_below_folder(const struct dirfs_volume *vol, const char *path)
{
    char proc[DIRFS_PROC_MAX];
    char folder[DIRFS_PATH_MAX];
    dirfs_proc_path(vol->root, proc);
    ssize_t n = readlink(proc, folder, sizeof(folder) - 1);
    folder[n > 0 ? n : 0] = '\0';
    const char *rest = folder[0] == '/' ? below(path, folder) : NULL;
    return rest || vol->path[0] != '/' ? rest : below(path, vol->path);
}

const char *dirfs_inside_now(const struct dirfs_volume *vol, int fd, char path[DIRFS_PATH_MAX])
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    ssize_t n = readlink(proc, path, DIRFS_PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return path[0] == '/' ? dirfs_below_folder(vol, path) : NULL;
}

/* todo := target, then what of todo comes after the component. */
static int put_target(struct trail *t, const char *target, const char *rest)
{
    char todo[DIRFS_PATH_MAX];
    int n = snprintf(todo, sizeof(todo), "%s%s", target, rest);
    if (n >= DIRFS_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    strcpy(t->todo, todo); /* as long */
    return ++t->links > LINKS_MAX ? -ELOOP : 0;
}

/* fd is a link, rest what follows it. */
static int take_link(const struct dirfs_volume *vol, struct trail *t, int fd, const char *rest)
{
    char target[DIRFS_PATH_MAX];
    struct statfs fs;
    ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
    if (n <= 0 || n == sizeof(target) - 1) {
        return n < 0 ? -errno : -ENAMETOOLONG;
    }
    target[n] = '\0';
    t->met_dfs = dirfs_is_dfs_target(target);
    if (t->met_dfs) {
        return -ENOENT;
    }
    if (target[0] != '/') {
        return put_target(t, target, rest);
    }
    /* /proc/N/fd and the like say where a file once was, which is not where they lead. */
    const char *inside = dirfs_below_folder(vol, target);
    if (!inside || fstatfs(fd, &fs) != 0 || fs.f_type == PROC_SUPER_MAGIC) {
        return -EXDEV;
    }
    t->done[0] = '\0';
    return put_target(t, inside, rest);
}

static int step_up(struct trail *t)
{
    char *slash = strrchr(t->done, '/');
    if (!t->done[0]) {
        return -EXDEV;
    }
    *(slash ? slash : t->done) = '\0';
    return 0;
}

/* One component of t->todo, of len bytes. keeps_last: a link that is the last one stays. */
static int step(const struct dirfs_volume *vol, struct trail *t, size_t len, bool keeps_last)
{
    char path[DIRFS_PATH_MAX];
    char rest[DIRFS_PATH_MAX];
    struct statx stx;
    strcpy(rest, t->todo + len); /* shorter */
    bool is_last = rest[strspn(rest, "/")] == '\0';
    int n =
        snprintf(path, sizeof(path), "%s%s%.*s", t->done, t->done[0] ? "/" : "", (int)len, t->todo);
    if (n >= DIRFS_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    int fd = dirfs_openat2_plain(vol, path, O_PATH | O_NOFOLLOW);
    int err = fd < 0 ? fd : dirfs_stat_fd(fd, &stx);
    if (!err && S_ISLNK(stx.stx_mode) && !(is_last && keeps_last)) {
        err = take_link(vol, t, fd, rest);
    } else if (!err || (err == -ENOENT && is_last)) {
        err = 0; /* what is not there may be about to be made */
        strcpy(t->done, path);
        strcpy(t->todo, rest);
    }
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

static int walk(const struct dirfs_volume *vol, struct trail *t, const char *path, bool keeps_last)
{
    int err = put_target(t, path, "");
    while (!err && t->todo[0]) {
        size_t len = strcspn(t->todo, "/");
        bool is_up = len == 2 && memcmp(t->todo, "..", 2) == 0;
        if (len == 0 || is_up || (len == 1 && t->todo[0] == '.')) {
            err = is_up ? step_up(t) : 0;
            len += t->todo[len] == '/';
            memmove(t->todo, t->todo + len, strlen(t->todo + len) + 1);
        } else {
            err = step(vol, t, len, keeps_last);
        }
    }
    return err;
}

int dirfs_open_by_links(const struct dirfs_volume *vol, const char *path, uint64_t flags)
{
    struct trail t = {.links = 0};
    int err = walk(vol, &t, path, flags & O_NOFOLLOW);
    return err ? err : dirfs_openat2_plain(vol, t.done, flags);
}

bool dirfs_meets_dfs_link(const struct dirfs_volume *vol, const char *path, uint64_t flags)
{
    struct trail t = {.links = 0};
    (void)walk(vol, &t, path, flags & O_NOFOLLOW); /* what else is wrong with it, the kernel says */
    return t.met_dfs;
}
