/* SPDX-License-Identifier: Apache-2.0 */
/* Files that clients cache: a change by somebody on the host ends that. Each is watched by itself.
 *
 * The server's own writes are told by inotify like any others. Where the server has written lately,
 * writes now, or can at any time, it is looked a moment later at the time of the last write: one
 * that is later than the server's own last one is somebody else's. So a change by another is not
 * seen that comes before the server's next own one within that moment, or while one is under way,
 * or that sets the time back at once; nor is one through a mapping of the file, of which inotify
 * does not tell. */
#include "dir_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define IDLE_MAX 1024u
#define LATELY_NS 2000000000ll
#define CLOCK_TICK_NS 20000000ll /* by which a time of birth may lie before what came before it */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static struct dirfs_eye **bucket_of(struct dirfs_eyes *eyes, uint64_t ino)
{
    return &eyes->files[(ino ^ ino >> 12) % DIRFS_EYE_BUCKETS];
}

static struct dirfs_eye *find_file(struct dirfs_eyes *eyes, uint64_t dev, uint64_t ino)
{
    struct dirfs_eye *eye = *bucket_of(eyes, ino);
    while (eye && (eye->ino != ino || eye->dev != dev)) {
        eye = eye->next_file;
    }
    return eye;
}

static void tell(struct dirfs_eyes *eyes, const struct dirfs_eye *eye, uint32_t what,
                 uint32_t flags)
{
    const struct smbkit_event told = {.struct_size = sizeof(told),
                                      .what = what,
                                      .file_id = eye->file_id,
                                      .file_domain = eye->file_domain,
                                      .flags = flags};
    smbkit_tell(eyes->host, &told);
}

static bool is_own_lately(const struct dirfs_eye *eye)
{
    return now_ns() - eye->own_end_ns < LATELY_NS;
}

static bool may_be_own(const struct dirfs_eye *eye)
{
    if (is_own_lately(eye) || dirfs_own_is_under_way(eye->dev, eye->ino)) {
        return true;
    }
    for (const struct dirfs_file *f = eye->opens; f; f = f->cached_next) {
        if (f->can_write) {
            return true;
        }
    }
    return false;
}

/* A stream is an xattr: any change of those may be one of it. */
static void tell_streams(struct dirfs_eyes *eyes, const struct dirfs_eye *eye)
{
    for (const struct dirfs_file *f = eye->opens; f; f = f->cached_next) {
        const struct smbkit_event told = {.struct_size = sizeof(told),
                                          .what = SMBKIT_CHANGE_MODIFIED,
                                          .stream = f->cached_stream,
                                          .file_id = eye->file_id,
                                          .file_domain = eye->file_domain,
                                          .flags = SMBKIT_EVENT_DATA};
        if (f->cached_stream) {
            smbkit_tell(eyes->host, &told);
        }
    }
}

bool dirfs_file_event(struct dirfs_eyes *eyes, struct dirfs_eye *eye, uint32_t mask)
{
    bool is_others = (mask & IN_MODIFY) == 0;
    if (!eye->opens) {
        return is_others;
    }
    if (mask & IN_MODIFY) {
        if (may_be_own(eye)) {
            if (!eye->is_judged) {
                eye->is_judged = true;
                eye->next_judged = eyes->judged;
                eyes->judged = eye;
            }
        } else {
            is_others = true;
            tell(eyes, eye, SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA);
        }
    }
    if ((mask & IN_ATTRIB) && !is_own_lately(eye)) {
        tell_streams(eyes, eye);
    }
    /* Whose names it has: who renames or removes through the server has asked for the breaks
     * already, and they break nothing again. */
    struct statx stx;
    bool is_gone =
        (mask & IN_DELETE_SELF) || ((mask & IN_ATTRIB) && eye->opens &&
                                    dirfs_stat_fd(eye->opens->fd, &stx) == 0 && stx.stx_nlink == 0);
    if (is_gone) {
        tell(eyes, eye, SMBKIT_CHANGE_REMOVED, 0);
    } else if ((mask & IN_MOVE_SELF) && !may_be_own(eye)) {
        tell(eyes, eye, SMBKIT_CHANGE_RENAMED_FROM, 0);
    }
    return is_others;
}

static int64_t written_ns(int fd)
{
    struct statx stx;
    return dirfs_stat_fd(fd, &stx) == 0
               ? stx.stx_mtime.tv_sec * 1000000000ll + stx.stx_mtime.tv_nsec
               : 0;
}

/* False: not yet. */
static bool judge(struct dirfs_eyes *eyes, const struct dirfs_eye *eye)
{
    int64_t written = eye->opens ? written_ns(eye->opens->fd) : 0;
    if (written <= eye->own_end_ns || written == eye->own_time_ns) {
        return true;
    }
    if (dirfs_own_is_under_way(eye->dev, eye->ino)) {
        return false; /* it may be the time of that; its end is told under the lock */
    }
    tell(eyes, eye, SMBKIT_CHANGE_MODIFIED, SMBKIT_EVENT_DATA);
    return true;
}

bool dirfs_file_judge(struct dirfs_eyes *eyes)
{
    struct dirfs_eye **at = &eyes->judged;
    while (*at) {
        struct dirfs_eye *eye = *at;
        if (judge(eyes, eye)) {
            *at = eye->next_judged;
            eye->is_judged = false;
        } else {
            at = &eye->next_judged;
        }
    }
    return eyes->judged != NULL;
}

void dirfs_file_forget(struct dirfs_eyes *eyes, const struct dirfs_eye *eye)
{
    struct dirfs_eye **at = bucket_of(eyes, eye->ino);
    while (*at && *at != eye) {
        at = &(*at)->next_file;
    }
    *at = *at ? (*at)->next_file : NULL;
    for (at = &eyes->judged; *at && *at != eye;) {
        at = &(*at)->next_judged;
    }
    *at = *at ? (*at)->next_judged : NULL;
    eyes->idle_count -= eye->opens ? 0 : 1;
    for (struct dirfs_file *f = eye->opens; f; f = f->cached_next) {
        f->is_cached = false;
    }
}

void dirfs_file_own_change(struct dirfs_eyes *eyes, const struct dirfs_file *file, bool sets_time)
{
    pthread_mutex_lock(&eyes->lock);
    struct dirfs_eye *eye = find_file(eyes, file->seen.dev, file->seen.ino);
    if (eye) {
        eye->own_end_ns = now_ns();
        eye->own_time_ns = sets_time ? written_ns(file->fd) : eye->own_time_ns;
    }
    pthread_mutex_unlock(&eyes->lock);
}

/* The eye that the file has. A file that was removed while nobody had it open leaves an eye behind,
 * until inotify's word of that is read, and its number to the next one. */
static struct dirfs_eye *eye_of(struct dirfs_eyes *eyes, const struct dirfs_file *file)
{
    struct dirfs_eye *eye = find_file(eyes, file->seen.dev, file->seen.ino);
    bool is_older = file->seen.btime != 0 && eye && file->seen.btime + CLOCK_TICK_NS < eye->set_ns;
    if (!eye || eye->opens || is_older) {
        return eye; /* nobody's who has come after it was watched */
    }
    if (!dirfs_eye_is_of(eyes, eye, file->fd, FILE_EVENTS)) {
        dirfs_eye_forget(eyes, eye);
        return NULL;
    }
    eye->set_ns = now_ns();
    return eye;
}

/* Under the lock. 0 or -errno. */
static int watch_file(struct dirfs_eyes *eyes, struct dirfs_file *file)
{
    struct dirfs_eye *eye = eye_of(eyes, file);
    if (!eye) {
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        char proc[DIRFS_PROC_MAX];
        const struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
        const struct statx stx = {.stx_ino = file->seen.ino,
                                  .stx_dev_major = (uint32_t)(file->seen.dev >> 32),
                                  .stx_dev_minor = (uint32_t)file->seen.dev};
        eye = dirfs_eye_add(eyes, file->fd, NULL, FILE_EVENTS, 0);
        if (!eye) {
            return -ENOSPC;
        }
        dirfs_fill_id(eyes->vol, &stx, &where, &attr);
        eye->set_ns = now_ns();
        eye->dev = file->seen.dev;
        eye->ino = file->seen.ino;
        eye->file_id = attr.file_id;
        eye->file_domain = attr.file_domain;
        struct dirfs_eye **bucket = bucket_of(eyes, eye->ino);
        eye->next_file = *bucket;
        *bucket = eye;
        eyes->idle_count++;
    }
    eyes->idle_count -= eye->opens ? 0 : 1;
    file->cached_next = eye->opens;
    eye->opens = file;
    file->is_cached = true;
    return 0;
}

static bool is_directory(int fd)
{
    struct statx stx;
    return dirfs_stat_fd(fd, &stx) != 0 || S_ISDIR(stx.stx_mode);
}

/* Without a watch nothing may be cached; where there can be none, everything, as ever: it is for
 * the administrator to know who else writes to a network file system. */
smbkit_status dirfs_cache_request(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_cache *a)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    if (dirfs_is_nowait(op) && a->state && dirfs_eyes_may_wait(vol)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    struct dirfs_eyes *eyes = a->state ? dirfs_eyes_get(vol) : NULL;
    if (!eyes) {
        a->state = vol->tries_nowait ? 0 : a->state; /* of this machine: it could be watched */
        return SMBKIT_STATUS_SUCCESS;
    }
    if (f->is_dir) {
        bool is_watched = f->watched || SMBKIT_OK(dirfs_watch_begin(vol, f, false));
        a->state = is_watched ? a->state : 0;
        if (!is_watched) {
            dirfs_watch_end(vol, f);
        }
        return SMBKIT_STATUS_SUCCESS;
    }
    if (f->is_stream && is_directory(f->fd)) {
        a->state = 0; /* a directory is watched for what is in it, and not as a file besides */
        return SMBKIT_STATUS_SUCCESS;
    }
    char *stream = f->is_stream ? dirfs_stream_name(f) : NULL;
    bool has_name = stream || !f->is_stream;
    pthread_mutex_lock(&eyes->lock);
    if (!has_name || (!f->is_cached && watch_file(eyes, f) != 0)) {
        a->state = 0;
    } else if (!f->cached_stream) {
        f->cached_stream = stream;
        stream = NULL;
    }
    pthread_mutex_unlock(&eyes->lock);
    free(stream);
    return SMBKIT_STATUS_SUCCESS;
}

/* A file that is opened again and again is watched all the time. */
static void drop_idle(struct dirfs_eyes *eyes)
{
    for (unsigned i = 0; i < DIRFS_EYE_BUCKETS; i++) {
        for (struct dirfs_eye *eye = eyes->files[i], *next; eye; eye = next) {
            next = eye->next_file;
            if (!eye->opens) {
                dirfs_eye_drop(eyes, eye);
            }
        }
    }
}

void dirfs_cache_end(struct dirfs_volume *vol, struct dirfs_file *file)
{
    struct dirfs_eyes *eyes = atomic_load_explicit(&vol->eyes, memory_order_acquire);
    if (!eyes || !(file->is_cached || file->cached_stream)) {
        return;
    }
    pthread_mutex_lock(&eyes->lock);
    struct dirfs_eye *eye = find_file(eyes, file->seen.dev, file->seen.ino);
    bool was_there = false;
    for (struct dirfs_file **at = eye ? &eye->opens : NULL; at && *at; at = &(*at)->cached_next) {
        if (*at == file) {
            *at = file->cached_next;
            was_there = true;
            break;
        }
    }
    file->is_cached = false;
    free(file->cached_stream);
    file->cached_stream = NULL;
    if (was_there && !eye->opens && ++eyes->idle_count > IDLE_MAX) {
        drop_idle(eyes);
    }
    pthread_mutex_unlock(&eyes->lock);
}
