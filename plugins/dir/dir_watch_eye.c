/* SPDX-License-Identifier: Apache-2.0 */
/* The inotify watches of a share, by their numbers. */
#include "dir_watch.h"

#include <stdlib.h>
#include <string.h>

static struct dirfs_eye **bucket_of(struct dirfs_eyes *eyes, int wd)
{
    return &eyes->buckets[(unsigned)wd % DIRFS_EYE_BUCKETS];
}

struct dirfs_eye *dirfs_eye_find(struct dirfs_eyes *eyes, int wd)
{
    struct dirfs_eye *eye = *bucket_of(eyes, wd);
    while (eye && eye->wd != wd) {
        eye = eye->next;
    }
    return eye;
}

void dirfs_eyes_tell_limit(struct dirfs_eyes *eyes, int err)
{
    if (!eyes->has_told_limit) {
        eyes->has_told_limit = true;
        smbkit_log(1,
                   "dir: not all that clients watch or cache can be watched: %s "
                   "(fs.inotify.max_user_watches)",
                   strerror(err));
    }
}

struct dirfs_eye *dirfs_eye_add(struct dirfs_eyes *eyes, int fd, const char *path, uint32_t what,
                                uint64_t until)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    int wd = dirfs_ear_add(eyes->ear, proc, what);
    if (wd < 0) {
        dirfs_eyes_tell_limit(eyes, -wd);
        return NULL;
    }
    struct dirfs_eye *eye = dirfs_eye_find(eyes, wd);
    if (eye && (!path || !eye->path)) {
        return NULL; /* a file's, or a directory's that is to be a file's: never both */
    }
    char *copy = path ? strdup(path) : NULL;
    if (eye && copy) { /* it is known already, perhaps by another name */
        bool is_newer = eye->set_at > until;
        free(is_newer ? copy : eye->path);
        eye->path = is_newer ? eye->path : copy;
        eye->set_at = is_newer ? eye->set_at : ++eyes->sets;
        return eye;
    }
    eye = path && !copy ? NULL : calloc(1, sizeof(*eye));
    if (!eye) {
        free(copy);
        return NULL;
    }
    eye->wd = wd;
    eye->path = copy;
    eye->set_at = ++eyes->sets;
    eye->next = *bucket_of(eyes, wd);
    *bucket_of(eyes, wd) = eye;
    atomic_fetch_add_explicit(path ? &eyes->dir_count : &eyes->file_count, 1, memory_order_relaxed);
    return eye;
}

bool dirfs_eye_is_of(const struct dirfs_eyes *eyes, const struct dirfs_eye *eye, int fd,
                     uint32_t what)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    return dirfs_ear_add(eyes->ear, proc, what) == eye->wd;
}

void dirfs_eye_forget(struct dirfs_eyes *eyes, struct dirfs_eye *eye)
{
    struct dirfs_eye **at = bucket_of(eyes, eye->wd);
    while (*at != eye) {
        at = &(*at)->next;
    }
    *at = eye->next;
    atomic_fetch_sub_explicit(eye->path ? &eyes->dir_count : &eyes->file_count, 1,
                              memory_order_relaxed);
    if (!eye->path) {
        dirfs_file_forget(eyes, eye);
    }
    free(eye->path);
    free(eye);
}

void dirfs_eye_drop(struct dirfs_eyes *eyes, struct dirfs_eye *eye)
{
    dirfs_ear_remove(eyes->ear, eye->wd);
    dirfs_eye_forget(eyes, eye);
}
