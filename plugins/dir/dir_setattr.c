/* SPDX-License-Identifier: Apache-2.0 */
/* Setting attributes and times. Where the file system keeps no xattrs, READONLY is the mode's write
 * bits, and what cannot be kept is refused instead of forgotten. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define UNIX_EPOCH_S 11644473600ll

static struct timespec to_timespec(uint64_t filetime)
{
    return (struct timespec){
        .tv_sec = (time_t)((int64_t)(filetime / 10000000u) - UNIX_EPOCH_S),
        .tv_nsec = (long)(filetime % 10000000u) * 100,
    };
}

static int set_mode(const struct dirfs_file *file, mode_t mode)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(file->fd, proc);
    int r = file->is_path ? chmod(proc, mode) : fchmod(file->fd, mode);
    return r < 0 ? -errno : 0;
}

/* READONLY as the mode's write bits. 0 or -errno. */
static int set_write_bits(struct dirfs_volume *vol, const struct dirfs_file *file, bool readonly)
{
    struct statx stx;
    int err = dirfs_stat_fd(file->fd, &stx);
    if (err || S_ISDIR(stx.stx_mode) || readonly == !(stx.stx_mode & S_IWUSR)) {
        return err;
    }
    mode_t mode = stx.stx_mode & 07777;
    err = set_mode(file, readonly ? mode & ~(mode_t)0222 : mode | S_IWUSR);
    if (!err) {
        char proc[DIRFS_PROC_MAX];
        const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
        dirfs_renew_security(vol, &where);
    }
    return err;
}

/* Without xattrs: dos is what is wanted, old what there is. */
static smbkit_status set_without_xattr(struct dirfs_volume *vol, const struct dirfs_file *file,
                                       const struct dirfs_dos *dos, const struct dirfs_dos *old)
{
    int err = set_write_bits(vol, file, dos->attributes & SMBKIT_ATTR_READONLY);
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    uint32_t lost = (dos->attributes ^ old->attributes) & ~SMBKIT_ATTR_READONLY;
    if (file->is_dir) {
        lost = dos->attributes ^ old->attributes;
    }
    return lost || dos->create_time ? SMBKIT_STATUS_NOT_SUPPORTED : SMBKIT_STATUS_SUCCESS;
}

/* With the creation time, as Samba has it. 0 or -errno. */
static int write_whole(const struct dirfs_where *where, const struct dirfs_dos *dos)
{
    struct statx stx;
    struct dirfs_dos whole = *dos;
    int err = whole.create_time ? 0 : dirfs_stat_where(where, &stx);
    if (err) {
        return err;
    }
    whole.create_time = whole.create_time ? whole.create_time : dirfs_birth_time(&stx);
    return dirfs_dos_write(where, &whole);
}

static smbkit_status store_dos(struct dirfs_volume *vol, struct dirfs_file *file,
                               const struct dirfs_dos *dos, const struct dirfs_dos *old)
{
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    if (!(dos->attributes & SMBKIT_ATTR_READONLY)) {
        /* The host's own "read-only" goes with the attribute; a user xattr could not be written
         * either. */
        int err = set_write_bits(vol, file, false);
        if (err) {
            return smbkit_status_from_errno(-err);
        }
    }
    int err = vol->has_xattrs ? dirfs_mark_parent(vol, file->fd) : 0;
    if (!err) {
        err = write_whole(&where, dos);
    }
    dirfs_known_forget(vol, file->seen.ino);
    if (err == -EOPNOTSUPP) {
        return set_without_xattr(vol, file, dos, old);
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_set_dos(struct dirfs_volume *vol, struct dirfs_file *file, uint32_t mask,
                            const struct smbkit_attr *attr)
{
    struct dirfs_dos old;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&vol->dos_lock);
    int err = dirfs_current_dos(vol, file, &old);
    if (err) {
        pthread_mutex_unlock(&vol->dos_lock);
        return smbkit_status_from_errno(-err);
    }
    struct dirfs_dos dos = old;
    if (mask & SMBKIT_HAS_ATTRIBUTES) {
        dos.attributes =
            (old.attributes & DIRFS_STATES) | (attr->attributes & SMBKIT_ATTR_SETTABLE);
    }
    if (mask & SMBKIT_HAS_CREATE_TIME) {
        dos.create_time = attr->create_time;
    }
    if (dos.attributes != old.attributes || dos.create_time != old.create_time) {
        status = store_dos(vol, file, &dos, &old);
    }
    pthread_mutex_unlock(&vol->dos_lock);
    if (!(dos.attributes & SMBKIT_ATTR_ARCHIVE)) {
        atomic_fetch_add_explicit(&vol->archive_taken, 1, memory_order_acq_rel);
    }
    return status;
}

smbkit_status dirfs_set_state(struct dirfs_volume *vol, struct dirfs_file *file, uint32_t attribute,
                              bool on)
{
    struct dirfs_dos old;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&vol->dos_lock);
    int err = dirfs_current_dos(vol, file, &old);
    struct dirfs_dos dos = old;
    dos.attributes = on ? old.attributes | attribute : old.attributes & ~attribute;
    if (!err && dos.attributes != old.attributes) {
        status = store_dos(vol, file, &dos, &old);
    }
    pthread_mutex_unlock(&vol->dos_lock);
    return err ? smbkit_status_from_errno(-err) : status;
}

static smbkit_status set_file_times(const struct dirfs_file *file, uint32_t mask,
                                    const struct smbkit_attr *attr)
{
    struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (mask & SMBKIT_HAS_ACCESS_TIME) {
        ts[0] = to_timespec(attr->access_time);
    }
    if (mask & SMBKIT_HAS_WRITE_TIME) {
        ts[1] = to_timespec(attr->write_time);
    }
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(file->fd, proc);
    int r = file->is_path ? utimensat(AT_FDCWD, proc, ts, 0) : futimens(file->fd, ts);
    return r < 0 ? smbkit_status_from_errno(errno) : SMBKIT_STATUS_SUCCESS;
}

/* The kernel's own cannot be set: it is kept beside, and shown until the kernel's moves on. Last,
 * since every other change does that. */
static smbkit_status set_change_time(struct dirfs_volume *vol, const struct dirfs_file *file,
                                     uint64_t change_time)
{
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    if (!vol->has_xattrs || file->is_link) {
        return SMBKIT_STATUS_SUCCESS; /* not kept, as ever */
    }
    int err = dirfs_mark_parent(vol, file->fd);
    err = err ? err : dirfs_change_time_write(&where, change_time);
    dirfs_known_forget(vol, file->seen.ino);
    return err && err != -EOPNOTSUPP ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status set_times(const struct dirfs_volume *vol, struct dirfs_file *file,
                               uint32_t mask, const struct smbkit_attr *attr)
{
    struct dirfs_own_turn turn;
    dirfs_own_begin(vol, file, &turn);
    smbkit_status times = set_file_times(file, mask, attr);
    if (SMBKIT_OK(times) && (mask & SMBKIT_HAS_WRITE_TIME)) {
        dirfs_own_time(vol, file);
    }
    dirfs_own_end(vol, file, &turn);
    return times;
}

smbkit_status dirfs_setattr(void *volume, struct smbkit_op *op, void *file,
                            const struct smbkit_attr *attr)
{
    uint32_t mask = attr->valid;
    struct dirfs_volume *vol = volume;
    smbkit_status times = SMBKIT_STATUS_SUCCESS;
    smbkit_status dos = SMBKIT_STATUS_SUCCESS;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    dirfs_own_change(vol, file);
    if (mask & (SMBKIT_HAS_ATTRIBUTES | SMBKIT_HAS_CREATE_TIME)) {
        dos = dirfs_set_dos(vol, file, mask, attr);
    }
    if (mask & (SMBKIT_HAS_ACCESS_TIME | SMBKIT_HAS_WRITE_TIME)) {
        times = set_times(vol, file, mask, attr);
    }
    if (SMBKIT_OK(dos) && SMBKIT_OK(times) && (mask & SMBKIT_HAS_CHANGE_TIME)) {
        return set_change_time(vol, file, attr->change_time);
    }
    return SMBKIT_OK(dos) ? times : dos;
}

/* A write sets ARCHIVE, once a handle. [MS-FSA] 2.1.4.17 */
static void set_archive(struct dirfs_volume *vol, struct dirfs_file *file)
{
    struct dirfs_dos dos = {0};
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    pthread_mutex_lock(&vol->dos_lock);
    int found = dirfs_dos_read(vol, &where, &dos);
    if (found > 0 && !(dos.attributes & SMBKIT_ATTR_ARCHIVE)) {
        dos.attributes |= SMBKIT_ATTR_ARCHIVE;
        (void)write_whole(&where, &dos); /* the data is there all the same */
        dirfs_known_forget(vol, file->seen.ino);
    }
    pthread_mutex_unlock(&vol->dos_lock);
}

void dirfs_note_write(struct dirfs_volume *vol, struct dirfs_file *file)
{
    if (!dirfs_is_archived(vol, file)) {
        unsigned taken = atomic_load_explicit(&vol->archive_taken, memory_order_acquire);
        set_archive(vol, file);
        atomic_store_explicit(&file->archived, taken, memory_order_release);
    }
}
