/* SPDX-License-Identifier: Apache-2.0 */
/* dir: a folder of the host. The volume, its arguments, and what the core sees of it. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CLUSTER_MAX 65536u

static smbkit_status say(const struct smbkit_volume_args *args, const char *what, const char *about)
{
    snprintf(args->error, args->error_size, "%s%s", what, about);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

struct words {
    const char *path;
    uint32_t symlinks;
    uint32_t is_readonly;
    uint32_t hides_dot_files;
};
static const char *const symlinks_words[] = {"follow", "nofollow", NULL};
static const struct smbkit_param params[] = {
    {.key = "path", .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, path)},
    {.key = "symlinks",
     .kind = SMBKIT_PARAM_CHOICE,
     .offset = offsetof(struct words, symlinks),
     .words = symlinks_words},
    {.key = "readonly", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, is_readonly)},
    {.key = "hide-dot-files",
     .kind = SMBKIT_PARAM_FLAG,
     .offset = offsetof(struct words, hides_dot_files)},
    {.key = NULL}};

/* *path_r points into args. */
static smbkit_status parse_args(struct dirfs_volume *vol, const struct smbkit_volume_args *args,
                                const char **path_r)
{
    struct words words = {0};
    smbkit_status status = smbkit_args_take(args, params, &words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!words.path || !words.path[0]) {
        return say(args, "path=FOLDER is missing", "");
    }
    bool nofollow = words.symlinks == 1;
    vol->resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (nofollow ? RESOLVE_NO_SYMLINKS : 0);
    vol->is_readonly = words.is_readonly;
    vol->hides_dot_files = words.hides_dot_files;
    *path_r = words.path;
    return status;
}

/* -errno of what the kernel must have, tried out on the folder itself. */
static int try_openat2(const struct dirfs_volume *vol, uint64_t more)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = vol->resolve | more};
    long fd = syscall(SYS_openat2, vol->root, ".", &how, sizeof(how));
    if (fd < 0) {
        return -errno;
    }
    close((int)fd);
    return 0;
}

static smbkit_status check_kernel(const struct dirfs_volume *vol,
                                  const struct smbkit_volume_args *args)
{
    int err = try_openat2(vol, 0);
    if (err == -ENOSYS) {
        return say(args, "needs the system call openat2: Linux 5.6 or later",
                   ", or a sandbox that knows it");
    }
    if (err == -EPERM) {
        return say(args, "the system call openat2 is forbidden: allow it in the seccomp filter",
                   " of the container or service");
    }
    if (err) {
        return say(args, "cannot resolve names in the folder: ", strerror(-err));
    }
    if (access("/proc/self/fd", X_OK) != 0) {
        return say(args, "needs /proc to be mounted", "");
    }
    return SMBKIT_STATUS_SUCCESS;
}

static bool is_local(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && dirfs_is_local(&fs);
}

/* May the process do with any file what else its owner may? */
static bool has_fowner(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1u << CAP_FOWNER);
}

static smbkit_status probe(struct dirfs_volume *vol, const struct smbkit_volume_args *args)
{
    struct statx stx;
    smbkit_status status = check_kernel(vol, args);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int err = dirfs_stat_fd(vol->root, &stx);
    if (err) {
        return say(args, "cannot look at the folder: ", strerror(-err));
    }
    vol->root_dev = dirfs_dev(&stx);
    vol->euid = geteuid();
    vol->has_fowner = has_fowner();
    vol->has_xattrs = fgetxattr(vol->root, "user.smbkit.dos", NULL, 0) >= 0 || errno == ENODATA;
    err = try_openat2(vol, RESOLVE_CACHED);
    vol->tries_nowait = (err == 0 || err == -EAGAIN) && is_local(vol->root);
    return SMBKIT_STATUS_SUCCESS;
}

/* Where the folder lies, for shares that lie in each other. Not for the root: all is in there. */
static void tell_location(const struct smbkit_volume_args *args, const char *path)
{
    char *real = args->location_size > 0 ? realpath(path, NULL) : NULL;
    if (real && real[1] && strlen(real) < args->location_size) {
        memcpy(args->location, real, strlen(real) + 1);
    }
    free(real);
}

static smbkit_status setup(struct dirfs_volume *vol, const struct smbkit_volume_args *args)
{
    const char *path;
    smbkit_status status = parse_args(vol, args, &path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    vol->path = strdup(path);
    if (!vol->path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vol->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (vol->root < 0) {
        status = smbkit_status_from_errno(errno);
        snprintf(args->error, args->error_size, "%s: %s", path, strerror(errno));
        return status;
    }
    status = probe(vol, args);
    if (!SMBKIT_OK(status)) {
        close(vol->root);
        return status;
    }
    tell_location(args, path);
    return status;
}

static uint32_t features(const struct dirfs_volume *vol)
{
    struct statvfs fs;
    bool is_readonly =
        vol->is_readonly || (fstatvfs(vol->root, &fs) == 0 && (fs.f_flag & ST_RDONLY));
    return SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_SPARSE | SMBKIT_FEATURE_HARD_LINKS |
           SMBKIT_FEATURE_STABLE_IDS | SMBKIT_FEATURE_DESCRIPTORS |
           (vol->has_xattrs ? SMBKIT_FEATURE_SECURITY : 0) |
           (is_readonly ? SMBKIT_FEATURE_READ_ONLY : 0);
}

static smbkit_status dirfs_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct dirfs_volume *vol = calloc(1, sizeof(*vol));
    struct dirfs_others *others = calloc(1, sizeof(*others));
    if (!vol || !others) {
        free(vol);
        free(others);
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = setup(vol, args);
    if (!SMBKIT_OK(status)) {
        free(others);
        free(vol->path);
        free(vol);
        return status;
    }
    pthread_mutex_init(&vol->dos_lock, NULL);
    vol->features = features(vol);
    args->features = vol->features;
    pthread_mutex_init(&others->lock, NULL);
    vol->others = others;
    atomic_init(&vol->archive_taken, 1);
    if (vol->tries_nowait) { /* without: slower */
        vol->known = dirfs_known_new();
        vol->snaps = dirfs_snaps_new(args->host);
    }
    *volume_r = vol;
    return SMBKIT_STATUS_SUCCESS;
}

static void dirfs_volume_close(void *volume)
{
    struct dirfs_volume *vol = volume;
    close(vol->root);
    pthread_mutex_destroy(&vol->dos_lock);
    dirfs_known_free(vol->known);
    dirfs_snaps_free(vol->snaps);
    pthread_mutex_destroy(&vol->others->lock);
    free(vol->others);
    free(vol->path);
    free(vol);
}

#ifndef STATX_MNT_ID /* Linux 5.8 */
#define STATX_MNT_ID 0u
#endif

/* By the same mount: one that is made over it with other flags is another folder. */
static bool is_same_folder(const struct statx *a, const struct statx *b)
{
    bool told = a->stx_mask & b->stx_mask & STATX_MNT_ID;
    return a->stx_ino == b->stx_ino && dirfs_dev(a) == dirfs_dev(b) &&
           (!told || a->stx_mnt_id == b->stx_mnt_id);
}

/* Does the path lead to the folder that is open, and may as much be done there as then? */
static bool is_there(const struct dirfs_volume *vol)
{
    struct statx now;
    struct statx then;
    unsigned mask = STATX_BASIC_STATS | STATX_MNT_ID;
    return statx(AT_FDCWD, vol->path, 0, mask, &now) == 0 &&
           statx(vol->root, "", AT_EMPTY_PATH, mask, &then) == 0 && is_same_folder(&now, &then) &&
           features(vol) == vol->features;
}

static smbkit_status dirfs_reconfigure(void *volume, struct smbkit_op *op,
                                       struct smbkit_reconfigure *a)
{
    (void)op;
    const struct dirfs_volume *vol = volume;
    struct dirfs_volume asked = {.root = -1};
    const struct smbkit_volume_args args = {
        .args = a->args, .arg_count = a->arg_count, .error = a->error, .error_size = a->error_size};
    const char *path;
    smbkit_status status = parse_args(&asked, &args, &path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool is_same = strcmp(path, vol->path) == 0 && asked.resolve == vol->resolve &&
                   asked.is_readonly == vol->is_readonly &&
                   asked.hides_dot_files == vol->hides_dot_files;
    if (!is_same) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* to be opened anew */
    }
    return is_there(vol) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_VOLUME_DISMOUNTED;
}

static smbkit_status dirfs_volume_info(void *volume, struct smbkit_op *op,
                                       struct smbkit_volume_info *info)
{
    const struct dirfs_volume *vol = volume;
    const struct dirfs_file *file = info->file;
    bool is_below = file && file->seen.dev != vol->root_dev; /* a mount point */
    struct statvfs fs;
    if (dirfs_is_nowait(op) && (!vol->tries_nowait || is_below)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (fstatvfs(is_below ? file->fd : vol->root, &fs) != 0) {
        return smbkit_status_from_errno(errno);
    }
    if (is_below) {
        dirfs_fill_volume_id(vol, file, info);
    }
    bool is_plausible = fs.f_frsize % 512 == 0 && fs.f_frsize > 0 && fs.f_frsize <= CLUSTER_MAX;
    if (fs.f_blocks > 0) { /* else the file system does not say (ramfs) */
        info->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
        info->free_bytes = (uint64_t)fs.f_bfree * fs.f_frsize;
        info->available_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    }
    info->sector_size_bytes = 512;
    info->cluster_size_bytes = is_plausible ? (uint32_t)fs.f_frsize : 4096;
    info->component_max = 255;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin dirfs_plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "dir",
    .description = "a folder of this machine",
    .version = "1",
    .config_help = "path=FOLDER            the folder; required\n"
                   "symlinks=follow|nofollow  follow those that stay inside (default), or none\n"
                   "readonly=yes|no        refuse every change\n"
                   "hide-dot-files=yes|no  names that begin with a dot are hidden files\n",
    .volume_open = dirfs_volume_open,
    .volume_close = dirfs_volume_close,
    .volume_info = dirfs_volume_info,
    .reconfigure = dirfs_reconfigure,
    .create = dirfs_create,
    .close = dirfs_close,
    .lookup = dirfs_lookup,
    .enumerate = dirfs_enumerate,
    .rename = dirfs_rename,
    .link = dirfs_link,
    .remove = dirfs_remove,
    .getattr = dirfs_getattr,
    .setattr = dirfs_setattr,
    .get_security = dirfs_get_security,
    .set_security = dirfs_set_security,
    .get_reparse = dirfs_get_reparse,
    .read = dirfs_read,
    .write = dirfs_write,
    .flush = dirfs_flush,
    .set_size = dirfs_set_size,
    .overwrite = dirfs_overwrite,
    .allocate = dirfs_allocate,
    .zero_range = dirfs_zero_range,
    .ranges = dirfs_ranges,
    .check_remove = dirfs_check_remove,
};

SMBKIT_REGISTER(dirfs_plugin)
