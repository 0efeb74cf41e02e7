/* SPDX-License-Identifier: Apache-2.0 */
/* dir: a folder of the host. The volume, its arguments, and what the core sees of it. */
#include "dir_move.h"
#include "dir_past.h"
#include "dir_reparse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
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
    uint32_t makes_links;
    const char *snapshots;
    const char *snapshot_names;
    struct dirfs_mode_words modes;
};
#define MODE_PARAM(key_, kind_, member)                                                            \
    {                                                                                              \
        .key = key_, .kind = kind_, .offset = offsetof(struct words, modes.member)                 \
    }
#define SNAPSHOT_NAMES "@GMT-%Y.%m.%d-%H.%M.%S"
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
    {.key = "make-symlinks",
     .kind = SMBKIT_PARAM_FLAG,
     .offset = offsetof(struct words, makes_links)},
    {.key = "snapshots", .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, snapshots)},
    {.key = "snapshot-names",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, snapshot_names)},
    MODE_PARAM("create-mask", SMBKIT_PARAM_TEXT, create_mask),
    MODE_PARAM("directory-mask", SMBKIT_PARAM_TEXT, directory_mask),
    MODE_PARAM("force-create-mode", SMBKIT_PARAM_TEXT, force_create_mode),
    MODE_PARAM("force-directory-mode", SMBKIT_PARAM_TEXT, force_directory_mode),
    MODE_PARAM("inherit-permissions", SMBKIT_PARAM_FLAG, inherits),
    MODE_PARAM("force-user", SMBKIT_PARAM_TEXT, force_user),
    MODE_PARAM("force-group", SMBKIT_PARAM_TEXT, force_group),
    {.key = NULL}};

/* Texts of words point into args. */
static smbkit_status parse_args(struct dirfs_volume *vol, const struct smbkit_volume_args *args,
                                struct words *words)
{
    *words = (struct words){.snapshot_names = SNAPSHOT_NAMES};
    smbkit_status status = smbkit_args_take(args, params, words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!words->path || !words->path[0]) {
        return say(args, "path=FOLDER is missing", "");
    }
    bool nofollow = words->symlinks == 1;
    vol->resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (nofollow ? RESOLVE_NO_SYMLINKS : 0);
    vol->is_readonly = words->is_readonly;
    vol->hides_dot_files = words->hides_dot_files;
    vol->makes_links = words->makes_links;
    return dirfs_modes_parse(&vol->modes, &words->modes, args);
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

static bool is_ext(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == EXT4_SUPER_MAGIC;
}

/* CAP_* of the process. */
static bool has_capability(unsigned which)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1u << which);
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
    vol->has_fowner = has_capability(CAP_FOWNER);
    atomic_init(&vol->writes_ntacl, has_capability(CAP_SYS_ADMIN));
    vol->has_xattrs = fgetxattr(vol->root, DIRFS_DOSATTRIB_XATTR, NULL, 0) >= 0 || errno == ENODATA;
    err = try_openat2(vol, RESOLVE_CACHED);
    vol->is_ext = is_ext(vol->root);
    vol->tries_nowait = (err == 0 || err == -EAGAIN) && is_local(vol->root);
    return SMBKIT_STATUS_SUCCESS;
}

/* Where the folder lies, for shares that lie in each other. Not for the root: all is in there. */
static void tell_location(const struct smbkit_volume_args *args, struct dirfs_volume *vol,
                          const char *path)
{
    char *real = realpath(path, NULL);
    if (real && real[1] && strlen(real) < args->location_size) {
        memcpy(args->location, real, strlen(real) + 1);
        vol->location = real;
        return;
    }
    free(real);
}

/* The folder of the share cannot be opened: what to do. */
static smbkit_status refuse_root(const struct smbkit_volume_args *args, const char *path, int err)
{
    const char *advice = err == ENOENT && path[0] == '~'
                             ? "; \"~\" is the home folder to a shell alone"
                         : err == ENOENT  ? "; make it first, or check the spelling"
                         : err == ENOTDIR ? "; share the folder that it is in"
                         : err == EACCES  ? "; who runs smbkit must be able to list and enter it"
                                          : "";
    snprintf(args->error, args->error_size, "%s: %s%s", path, strerror(err), advice);
    return smbkit_status_from_errno(err);
}

static smbkit_status setup(struct dirfs_volume *vol, const struct smbkit_volume_args *args)
{
    struct words words;
    smbkit_status status = parse_args(vol, args, &words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    const char *path = words.path;
    vol->path = strdup(path);
    if (!vol->path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vol->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (vol->root < 0) {
        return refuse_root(args, path, errno);
    }
    status = probe(vol, args);
    if (SMBKIT_OK(status) && words.snapshots) {
        status = dirfs_pasts_new(vol, words.snapshots, words.snapshot_names);
        if (!SMBKIT_OK(status)) {
            (void)say(args, "cannot open the folder of snapshots: ", words.snapshots);
        }
    }
    if (!SMBKIT_OK(status)) {
        close(vol->root);
        return status;
    }
    tell_location(args, vol, path);
    return status;
}

static uint32_t features(const struct dirfs_volume *vol)
{
    struct statvfs fs;
    bool is_readonly =
        vol->is_readonly || (fstatvfs(vol->root, &fs) == 0 && (fs.f_flag & ST_RDONLY));
    return SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_SPARSE | SMBKIT_FEATURE_HARD_LINKS |
           SMBKIT_FEATURE_STABLE_IDS | SMBKIT_FEATURE_DESCRIPTORS |
           (vol->has_xattrs
                ? SMBKIT_FEATURE_SECURITY | SMBKIT_FEATURE_EAS | SMBKIT_FEATURE_STREAMS |
                      SMBKIT_FEATURE_COMPRESSION | SMBKIT_FEATURE_OBJECT_IDS
                : 0) |
           (dirfs_shares_blocks(vol->root) ? SMBKIT_FEATURE_CLONE : 0) |
           (vol->pasts ? SMBKIT_FEATURE_SNAPSHOTS : 0) |
           (vol->makes_links ? SMBKIT_FEATURE_REPARSE : 0) |
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
    pthread_mutex_init(&vol->stream_lock, NULL);
    pthread_mutex_init(&vol->eyes_lock, NULL);
    vol->host = args->host;
    vol->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    vol->features = features(vol);
    args->features = vol->features;
    pthread_mutex_init(&others->lock, NULL);
    vol->others = others;
    vol->listed = &vol->bytes_listed;
    atomic_init(&vol->archive_taken, 1);
    if (vol->tries_nowait) { /* without: slower */
        vol->known = dirfs_known_new();
        vol->snaps = dirfs_snaps_new(args->host);
    }
    if (vol->has_xattrs) {
        dirfs_look_for_foreign(vol);
    }
    *volume_r = vol;
    return SMBKIT_STATUS_SUCCESS;
}

static void dirfs_volume_close(void *volume)
{
    struct dirfs_volume *vol = volume;
    dirfs_eyes_free(vol->eyes);
    pthread_mutex_destroy(&vol->eyes_lock);
    close(vol->root);
    pthread_mutex_destroy(&vol->dos_lock);
    pthread_mutex_destroy(&vol->stream_lock);
    if (vol->locale) {
        freelocale(vol->locale);
    }
    dirfs_pasts_free(vol);
    dirfs_known_free(vol->known);
    dirfs_snaps_free(vol->snaps);
    pthread_mutex_destroy(&vol->others->lock);
    free(vol->others);
    free(vol->path);
    free(vol->location);
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
    struct words words;
    smbkit_status status = parse_args(&asked, &args, &words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool is_same = strcmp(words.path, vol->path) == 0 &&
                   dirfs_pasts_are(vol, words.snapshots, words.snapshot_names) &&
                   asked.resolve == vol->resolve && asked.is_readonly == vol->is_readonly &&
                   asked.hides_dot_files == vol->hides_dot_files &&
                   asked.makes_links == vol->makes_links &&
                   memcmp(&asked.modes, &vol->modes, sizeof(vol->modes)) == 0;
    if (!is_same) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* to be opened anew */
    }
    return is_there(vol) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_VOLUME_DISMOUNTED;
}

static smbkit_status dirfs_volume_info(void *volume, struct smbkit_op *op,
                                       struct smbkit_volume_info *info)
{
    const struct dirfs_file *file = info->file;
    const struct dirfs_volume *vol = dirfs_of(volume, file);
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

/* What is asked of a file is asked of the volume that it is in: the share, or a snapshot. */
#define OF_FILE(name, type)                                                                        \
    static smbkit_status name##_of(void *volume, struct smbkit_op *op, void *file, type *a)        \
    {                                                                                              \
        return dirfs_##name(dirfs_of(volume, file), op, file, a);                                  \
    }
OF_FILE(rename, const struct smbkit_rename)
OF_FILE(link, const struct smbkit_rename)
OF_FILE(remove, const struct smbkit_remove)
OF_FILE(check_remove, const struct smbkit_remove)
OF_FILE(getattr, struct smbkit_attr)
OF_FILE(setattr, const struct smbkit_attr)
OF_FILE(get_security, struct smbkit_get_security)
OF_FILE(set_security, const struct smbkit_set_security)
OF_FILE(watch, const struct smbkit_watch)
OF_FILE(cache_request, struct smbkit_cache)
OF_FILE(streams, struct smbkit_sink)
OF_FILE(enumerate, struct smbkit_sink)
OF_FILE(get_ea, struct smbkit_get_ea)
OF_FILE(set_ea, const struct smbkit_set_ea)
OF_FILE(get_reparse, struct smbkit_get_reparse)
OF_FILE(set_reparse, const struct smbkit_set_reparse)
OF_FILE(read, struct smbkit_io)
OF_FILE(write, struct smbkit_io)
OF_FILE(flush, const struct smbkit_flush)
OF_FILE(set_size, const struct smbkit_size)
OF_FILE(overwrite, struct smbkit_overwrite)
OF_FILE(allocate, const struct smbkit_size)
OF_FILE(zero_range, const struct smbkit_span)
OF_FILE(ranges, struct smbkit_ranges)
OF_FILE(trim, const struct smbkit_span)
OF_FILE(object_id, struct smbkit_object_id)
OF_FILE(copy_range, struct smbkit_copy)
OF_FILE(clone_range, struct smbkit_copy)
OF_FILE(set_sparse, const struct smbkit_value)
OF_FILE(get_compression, struct smbkit_value)
OF_FILE(set_compression, const struct smbkit_value)

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
                   "hide-dot-files=yes|no  names that begin with a dot are hidden files\n"
                   "make-symlinks=yes|no   clients may make symbolic links in the folder\n"
                   "snapshots=FOLDER       where snapshots are, each named by its time\n"
                   "snapshot-names=FORMAT  how, as strftime(3) has it; default @GMT-...\n"
                   "create-mask=OCTAL      the mode of new files has these bits at most\n"
                   "directory-mask=OCTAL   the same of new folders\n"
                   "force-create-mode=OCTAL     bits that new files have in any case\n"
                   "force-directory-mode=OCTAL  the same of new folders\n"
                   "inherit-permissions=yes|no  modes come from the folder above\n"
                   "force-user=NAME        whose new files are on this machine\n"
                   "force-group=NAME       and which group's\n",
    .volume_open = dirfs_volume_open,
    .volume_close = dirfs_volume_close,
    .volume_info = dirfs_volume_info,
    .reconfigure = dirfs_reconfigure,
    .create = dirfs_create,
    .close = dirfs_close,
    .lookup = dirfs_lookup,
    .snapshots = dirfs_snapshots,
    .enumerate = enumerate_of,
    .rename = rename_of,
    .link = link_of,
    .remove = remove_of,
    .getattr = getattr_of,
    .setattr = setattr_of,
    .get_security = get_security_of,
    .set_security = set_security_of,
    .watch = watch_of,
    .cache_request = cache_request_of,
    .streams = streams_of,
    .get_ea = get_ea_of,
    .set_ea = set_ea_of,
    .get_reparse = get_reparse_of,
    .set_reparse = set_reparse_of,
    .read = read_of,
    .write = write_of,
    .flush = flush_of,
    .set_size = set_size_of,
    .overwrite = overwrite_of,
    .allocate = allocate_of,
    .zero_range = zero_range_of,
    .ranges = ranges_of,
    .trim = trim_of,
    .object_id = object_id_of,
    .copy_range = copy_range_of,
    .clone_range = clone_range_of,
    .set_sparse = set_sparse_of,
    .get_compression = get_compression_of,
    .set_compression = set_compression_of,
    .check_remove = check_remove_of,
};

SMBKIT_REGISTER(dirfs_plugin)
