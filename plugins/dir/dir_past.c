/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: folders in a folder, named by their times, each the share as it was. One that a client
 * has files open in is a volume of its own, read only, whose root is that folder: what is said of
 * links, of names and of the kernel's rules holds there too, and nothing in it leads out of it. It
 * lives as long as its last file, also when somebody removes it meanwhile. */
#include "dir_past.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UNIX_EPOCH_S 11644473600ll
#define SECOND 10000000u
#define WRITES                                                                                     \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_EA | SMBKIT_WRITE_ATTRIBUTES |          \
     SMBKIT_DELETE_CHILD | SMBKIT_DELETE | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER)

struct dirfs_past {
    struct dirfs_volume vol;
    struct dirfs_past *next; /* this and below: guarded by the lock of pasts */
    uint64_t time;           /* FILETIME */
    uint64_t ino;            /* of its folder: another one may come to have its name */
    unsigned refs;
};

struct dirfs_pasts {
    pthread_mutex_t lock;
    struct dirfs_past *open;
    char *folder; /* immutable; relative to the share if it does not begin with a slash */
    char *names;  /* immutable; as strftime(3) has it */
};

/* The folder of all snapshots, looked up anew: file systems come and go there. In the share, where
 * clients may make links, none is followed. Descriptor or -errno. */
static int open_folder(const struct dirfs_volume *vol)
{
    const char *folder = vol->pasts->folder;
    if (folder[0] != '/') {
        return dirfs_openat2_plain(vol, folder, O_RDONLY | O_DIRECTORY);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

smbkit_status dirfs_pasts_new(struct dirfs_volume *vol, const char *folder, const char *names)
{
    struct dirfs_pasts *pasts = calloc(1, sizeof(*pasts));
    if (!pasts) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&pasts->lock, NULL);
    pasts->folder = strdup(folder);
    pasts->names = strdup(names);
    vol->pasts = pasts;
    int fd = pasts->folder && pasts->names ? open_folder(vol) : -ENOMEM;
    if (fd < 0) {
        dirfs_pasts_free(vol);
        return smbkit_status_from_errno(-fd);
    }
    close(fd);
    return SMBKIT_STATUS_SUCCESS;
}

void dirfs_pasts_free(struct dirfs_volume *vol)
{
    if (vol->pasts) {
        pthread_mutex_destroy(&vol->pasts->lock);
        free(vol->pasts->folder);
        free(vol->pasts->names);
        free(vol->pasts);
        vol->pasts = NULL;
    }
}

bool dirfs_pasts_are(const struct dirfs_volume *vol, const char *folder, const char *names)
{
    if (!vol->pasts || !folder) {
        return !vol->pasts && !folder;
    }
    return strcmp(vol->pasts->folder, folder) == 0 && strcmp(vol->pasts->names, names) == 0;
}

/* The name of a snapshot of that time, DIRFS_NAME_MAX bytes. False: none can have it. */
static bool name_of(const struct dirfs_pasts *pasts, uint64_t time, char *name)
{
    time_t s = (time_t)((int64_t)(time / SECOND) - UNIX_EPOCH_S);
    struct tm tm;
    return time % SECOND == 0 && gmtime_r(&s, &tm) &&
           strftime(name, DIRFS_NAME_MAX, pasts->names, &tm) > 0 && !strchr(name, '/');
}

/* FILETIME; 0: that is the name of none. */
static uint64_t time_of(const struct dirfs_pasts *pasts, const char *name)
{
    char again[DIRFS_NAME_MAX];
    struct tm tm = {.tm_mday = 1};
    const char *end = strptime(name, pasts->names, &tm);
    if (!end || *end) {
        return 0;
    }
    int64_t s = timegm(&tm) + UNIX_EPOCH_S;
    uint64_t time = s > 0 ? (uint64_t)s * SECOND : 0;
    return time && name_of(pasts, time, again) && strcmp(name, again) == 0 ? time : 0;
}

/* Its folder; a link is none. Descriptor or -errno. */
static int open_root(const struct dirfs_volume *vol, uint64_t time)
{
    char name[DIRFS_NAME_MAX];
    if (!name_of(vol->pasts, time, name)) {
        return -ENOENT;
    }
    int folder = open_folder(vol);
    if (folder < 0) {
        return folder;
    }
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    close(folder);
    return err ? err : fd;
}

/* What it has of the share's is the share's, and outlived by it. fd is taken over. */
static struct dirfs_past *past_new(const struct dirfs_volume *today, uint64_t time, int fd,
                                   const struct statx *stx)
{
    struct dirfs_past *past = calloc(1, sizeof(*past));
    if (!past) {
        close(fd);
        return NULL;
    }
    past->time = time;
    past->ino = stx->stx_ino;
    past->refs = 1;
    past->vol = (struct dirfs_volume){.root = fd,
                                      .path = today->path,
                                      .root_dev = dirfs_dev(stx),
                                      .euid = today->euid,
                                      .has_fowner = today->has_fowner,
                                      .resolve = today->resolve,
                                      .features = today->features,
                                      .is_readonly = true,
                                      .hides_dot_files = today->hides_dot_files,
                                      .is_ext = today->is_ext,
                                      .has_xattrs = today->has_xattrs,
                                      .others = today->others,
                                      .listed = today->listed,
                                      .host = today->host,
                                      .locale = today->locale};
    atomic_init(&past->vol.archive_taken, 1);
    pthread_mutex_init(&past->vol.dos_lock, NULL);
    pthread_mutex_init(&past->vol.stream_lock, NULL);
    pthread_mutex_init(&past->vol.eyes_lock, NULL);
    return past;
}

static struct dirfs_past *find(const struct dirfs_pasts *pasts, uint64_t time,
                               const struct statx *stx)
{
    struct dirfs_past *past = pasts->open;
    while (past && (past->time != time || past->ino != stx->stx_ino ||
                    past->vol.root_dev != dirfs_dev(stx))) {
        past = past->next;
    }
    return past;
}

/* A reference. */
static smbkit_status past_get(const struct dirfs_volume *vol, uint64_t time,
                              struct dirfs_past **past_r)
{
    struct dirfs_pasts *pasts = vol->pasts;
    struct statx stx;
    int fd = pasts ? open_root(vol, time) : -ENOENT; /* also of one that is open: it may be gone */
    int err = fd < 0 ? fd : dirfs_stat_fd(fd, &stx);
    if (err) {
        if (fd >= 0) {
            close(fd);
        }
        return dirfs_lookup_status(err == -ENOTDIR ? ENOENT : -err);
    }
    pthread_mutex_lock(&pasts->lock);
    struct dirfs_past *past = find(pasts, time, &stx);
    if (past) {
        past->refs++;
        close(fd);
    } else {
        past = past_new(vol, time, fd, &stx);
        if (past) {
            past->next = pasts->open;
            pasts->open = past;
        }
    }
    pthread_mutex_unlock(&pasts->lock);
    *past_r = past;
    return past ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

void dirfs_past_put(const struct dirfs_volume *today, struct dirfs_past *past)
{
    struct dirfs_pasts *pasts = today->pasts;
    if (!past) {
        return;
    }
    pthread_mutex_lock(&pasts->lock);
    bool is_last = --past->refs == 0;
    for (struct dirfs_past **at = &pasts->open; is_last && *at; at = &(*at)->next) {
        if (*at == past) {
            *at = past->next;
            break;
        }
    }
    pthread_mutex_unlock(&pasts->lock);
    if (is_last) {
        close(past->vol.root);
        pthread_mutex_destroy(&past->vol.dos_lock);
        pthread_mutex_destroy(&past->vol.stream_lock);
        pthread_mutex_destroy(&past->vol.eyes_lock);
        free(past);
    }
}

struct dirfs_volume *dirfs_past_volume(struct dirfs_past *past)
{
    return &past->vol;
}

smbkit_status dirfs_past_create(struct dirfs_volume *vol, struct smbkit_op *op,
                                struct smbkit_create *how)
{
    struct dirfs_past *past;
    if (how->disposition != SMBKIT_OPEN) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status status = past_get(vol, how->snapshot_time, &past);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct smbkit_create then = *how;
    then.snapshot_time = 0;
    then.access &= ~WRITES; /* the core has granted them, and refuses each change by itself */
    status = dirfs_create(&past->vol, op, &then);
    if (!SMBKIT_OK(status)) {
        dirfs_past_put(vol, past);
        return status;
    }
    how->file = then.file;
    how->security_none = then.security_none;
    ((struct dirfs_file *)then.file)->past = past;
    return status;
}

smbkit_status dirfs_past_lookup(struct dirfs_volume *vol, struct smbkit_op *op,
                                struct smbkit_lookup *a)
{
    struct dirfs_past *past;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status status = past_get(vol, a->snapshot_time, &past);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct smbkit_lookup then = *a;
    then.snapshot_time = 0;
    status = dirfs_lookup(&past->vol, op, &then);
    a->security_none = then.security_none;
    dirfs_past_put(vol, past);
    return status;
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x < *y) - (*x > *y);
}

/* All of them, sorted; count, or -errno with NULL. */
static int64_t read_times(const struct dirfs_pasts *pasts, DIR *dir, uint64_t **times_r)
{
    uint64_t *times = NULL;
    size_t count = 0;
    size_t cap = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        bool may_be_dir = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
        uint64_t time = may_be_dir ? time_of(pasts, e->d_name) : 0;
        if (time && count == cap) {
            cap = cap * 2 + 64;
            uint64_t *more = realloc(times, cap * sizeof(*times));
            if (!more) {
                free(times);
                return -ENOMEM;
            }
            times = more;
        }
        if (time) {
            times[count++] = time;
        }
    }
    if (count > 0) {
        qsort(times, count, sizeof(*times), newest_first);
    }
    *times_r = times;
    return (int64_t)count;
}

smbkit_status dirfs_snapshots(void *volume, struct smbkit_op *op, struct smbkit_snapshots *a)
{
    const struct dirfs_volume *vol = volume;
    uint64_t *times = NULL;
    a->count = 0;
    a->total = 0;
    if (!vol->pasts) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int fd = open_folder(vol);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int err = fd < 0 ? -fd : errno;
        if (fd >= 0) {
            close(fd);
        }
        return err == ENOENT ? SMBKIT_STATUS_SUCCESS : smbkit_status_from_errno(err);
    }
    int64_t count = read_times(vol->pasts, dir, &times);
    closedir(dir);
    if (count < 0) {
        return smbkit_status_from_errno((int)-count);
    }
    a->total = (uint32_t)count;
    a->count = a->total < a->room ? a->total : a->room;
    if (a->count > 0) {
        memcpy(a->times, times, a->count * sizeof(*times));
    }
    free(times);
    return SMBKIT_STATUS_SUCCESS;
}
