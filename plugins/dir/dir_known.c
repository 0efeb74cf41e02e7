/* SPDX-License-Identifier: Apache-2.0 */
/* What the xattrs of a file said when they were last read, so that an open needs no getxattr, and
 * none that could wait for a disk.
 *
 * Every change of an xattr gives the inode a new change time. So what was read holds as long as the
 * change time is the same, if that was not so young at the reading that a second change could have
 * got the same one. Besides, what was read within the last TRUST_MS holds whatever the times: a
 * directory has a new change time with every file made in it. What is changed through this volume
 * is forgotten at once. Only for file systems of this machine, and for the one of the folder
 * itself. */
#include "dir_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS 16384u /* more files than are open as a rule; what is not used takes no memory */
#define TRUST_MS 100u
#define LOOK_AGAIN_MS 10u
#define SETTLED_NS 2000000000ll /* some file systems have times of whole seconds */
#define SECURITY_KEPT_MAX 1024u

/* One xattr. */
struct part {
    bool is_known;
    bool is_settled; /* ctime is enough to tell that it still holds */
    int64_t ctime;   /* ns */
    uint64_t read_ms;
};

struct slot {
    uint64_t ino;
    int64_t btime; /* ns: an inode's number is used again */
    struct part dos_part;
    struct part security_part;
    int dos_found;
    struct dirfs_dos dos;
    uint8_t *security; /* NULL: none */
    uint32_t security_len;
};

struct dirfs_known {
    pthread_mutex_t lock;
    uint64_t changes; /* how often something was forgotten */
    struct slot slots[SLOTS];
};

struct dirfs_known *dirfs_known_new(void)
{
    struct dirfs_known *known = calloc(1, sizeof(*known));
    if (known) {
        pthread_mutex_init(&known->lock, NULL);
    }
    return known;
}

void dirfs_known_free(struct dirfs_known *known)
{
    if (!known) {
        return;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        free(known->slots[i].security);
    }
    pthread_mutex_destroy(&known->lock);
    free(known);
}

uint64_t dirfs_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int64_t nanoseconds(const struct statx_timestamp *t)
{
    return t->tv_sec * 1000000000ll + t->tv_nsec;
}

struct dirfs_seen dirfs_seen(const struct statx *stx)
{
    return (struct dirfs_seen){.dev = dirfs_dev(stx),
                               .ino = stx->stx_ino,
                               .btime = nanoseconds(&stx->stx_btime),
                               .ctime = nanoseconds(&stx->stx_ctime),
                               .at_ms = dirfs_now_ms()};
}

int dirfs_seen_now(const struct dirfs_file *file, struct dirfs_seen *seen)
{
    struct statx stx;
    *seen = file->seen;
    if (dirfs_now_ms() - seen->at_ms <= LOOK_AGAIN_MS) {
        return 0;
    }
    int err = dirfs_stat_fd(file->fd, &stx);
    if (!err) {
        *seen = dirfs_seen(&stx);
    }
    return err;
}

static struct slot *slot_of(struct dirfs_known *known, uint64_t ino)
{
    return &known->slots[(ino ^ ino >> 12) % SLOTS];
}

static bool holds(const struct slot *slot, const struct part *part, const struct dirfs_seen *seen)
{
    if (slot->ino != seen->ino || slot->btime != seen->btime || !part->is_known) {
        return false;
    }
    return dirfs_now_ms() - part->read_ms < TRUST_MS ||
           (part->is_settled && part->ctime == seen->ctime);
}

static void note(struct part *part, const struct dirfs_seen *seen)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    int64_t now_ns = now.tv_sec * 1000000000ll + now.tv_nsec;
    *part = (struct part){.is_known = true,
                          .is_settled = now_ns - seen->ctime > SETTLED_NS,
                          .ctime = seen->ctime,
                          .read_ms = dirfs_now_ms()};
}

static void clear(struct slot *slot)
{
    free(slot->security);
    *slot = (struct slot){0};
}

/* The file's slot, to be written. NULL: something was changed since changes, perhaps this. */
static struct slot *claim(struct dirfs_known *known, const struct dirfs_seen *seen,
                          uint64_t changes)
{
    struct slot *slot = slot_of(known, seen->ino);
    if (known->changes != changes) {
        return NULL;
    }
    if (slot->ino != seen->ino || slot->btime != seen->btime) {
        clear(slot);
        slot->ino = seen->ino;
        slot->btime = seen->btime;
    }
    return slot;
}

/* Is there anything to know of that file here? */
static struct dirfs_known *known_of(const struct dirfs_volume *vol, const struct dirfs_seen *seen)
{
    return vol->known && seen->dev == vol->root_dev ? vol->known : NULL;
}

uint64_t dirfs_known_changes(const struct dirfs_volume *vol)
{
    if (!vol->known) {
        return 0;
    }
    pthread_mutex_lock(&vol->known->lock);
    uint64_t changes = vol->known->changes;
    pthread_mutex_unlock(&vol->known->lock);
    return changes;
}

void dirfs_known_forget(const struct dirfs_volume *vol, uint64_t ino)
{
    if (!vol->known) {
        return;
    }
    pthread_mutex_lock(&vol->known->lock);
    struct slot *slot = slot_of(vol->known, ino);
    vol->known->changes++;
    if (slot->ino == ino) {
        clear(slot);
    }
    pthread_mutex_unlock(&vol->known->lock);
}

bool dirfs_known_dos(const struct dirfs_volume *vol, const struct dirfs_seen *seen, int *found_r,
                     struct dirfs_dos *dos)
{
    struct dirfs_known *known = known_of(vol, seen);
    if (!known) {
        return false;
    }
    pthread_mutex_lock(&known->lock);
    const struct slot *slot = slot_of(known, seen->ino);
    bool hit = holds(slot, &slot->dos_part, seen);
    if (hit) {
        *found_r = slot->dos_found;
        *dos = slot->dos;
    }
    pthread_mutex_unlock(&known->lock);
    return hit;
}

void dirfs_know_dos(const struct dirfs_volume *vol, const struct dirfs_seen *seen, uint64_t changes,
                    int found, const struct dirfs_dos *dos)
{
    struct dirfs_known *known = known_of(vol, seen);
    if (!known || found < 0) {
        return;
    }
    pthread_mutex_lock(&known->lock);
    struct slot *slot = claim(known, seen, changes);
    if (slot) {
        note(&slot->dos_part, seen);
        slot->dos_found = found;
        slot->dos = *dos;
    }
    pthread_mutex_unlock(&known->lock);
}

bool dirfs_known_security(const struct dirfs_volume *vol, const struct dirfs_seen *seen,
                          struct dirfs_security *out)
{
    struct dirfs_known *known = known_of(vol, seen);
    if (!known) {
        return false;
    }
    pthread_mutex_lock(&known->lock);
    const struct slot *slot = slot_of(known, seen->ino);
    bool hit = holds(slot, &slot->security_part, seen);
    if (hit) {
        out->is_kept = slot->security != NULL;
        out->len = slot->security_len;
        if (slot->security && slot->security_len <= out->cap) {
            memcpy(out->buf, slot->security, slot->security_len);
        }
    }
    pthread_mutex_unlock(&known->lock);
    return hit;
}

void dirfs_know_security(const struct dirfs_volume *vol, const struct dirfs_seen *seen,
                         uint64_t changes, const struct dirfs_security *security)
{
    struct dirfs_known *known = known_of(vol, seen);
    if (!known || security->len > SECURITY_KEPT_MAX || (security->is_kept && security->len == 0)) {
        return;
    }
    uint8_t *copy = security->is_kept ? malloc(security->len) : NULL;
    if (security->is_kept && !copy) {
        return;
    }
    if (copy) {
        memcpy(copy, security->buf, security->len);
    }
    pthread_mutex_lock(&known->lock);
    struct slot *slot = claim(known, seen, changes);
    if (slot) {
        note(&slot->security_part, seen);
        uint8_t *old = slot->security;
        slot->security = copy;
        slot->security_len = copy ? security->len : 0;
        copy = old;
    }
    pthread_mutex_unlock(&known->lock);
    free(copy);
}
