/* SPDX-License-Identifier: Apache-2.0 */
/* What the server itself does in directories that are watched: the core has told of that, and
 * inotify does not say who did it. Each change of a name is written down before it is made, and
 * used up by the event; of changes of a file that they were made within the last second is enough:
 * who watches has been told that it changes. For files that are cached those under way count, too.
 */
#include "dir_watch.h"

#include <stdio.h>
#include <string.h>

#define OWN_MS 1000u

static uint64_t hash_path(const char *path)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *path; path++) {
        h = (h ^ (unsigned char)*path) * 0x100000001b3u;
    }
    return h ? h : 1;
}

/* The row of the change, or the one that it would have. */
static struct dirfs_own_row *row_of(struct dirfs_eyes *eyes, uint64_t hash, unsigned kind)
{
    return &eyes->own[(hash + kind) % DIRFS_OWN_ROWS];
}

static bool is_row(const struct dirfs_own_row *row, uint64_t hash, unsigned kind)
{
    return row->hash == hash && row->kind == kind && row->until_ms >= dirfs_now_ms();
}

/* Some change of a name that is made through a share. */
struct own {
    const struct dirfs_volume *vol;
    const char *path;
    unsigned kind;
    bool is_undone;
    bool sets_time;
    const struct dirfs_file *file; /* not NULL: whose content or attributes change */
};

/* The path as these eyes know it, or NULL. whole: room for it. */
static const char *path_for(const struct dirfs_eyes *eyes, const struct own *own,
                            char whole[DIRFS_PATH_MAX])
{
    const char *from = own->vol->location;
    const char *to = eyes->vol->location;
    if (eyes->vol == own->vol) {
        return own->path;
    }
    if (!from || !to ||
        snprintf(whole, DIRFS_PATH_MAX, "%s/%s", from, own->path) >= DIRFS_PATH_MAX) {
        return NULL;
    }
    size_t len = strlen(to);
    return strncmp(whole, to, len) == 0 && whole[len] == '/' ? whole + len + 1 : NULL;
}

static void note(struct dirfs_eyes *eyes, uint64_t hash, unsigned kind)
{
    struct dirfs_own_row *row = row_of(eyes, hash, kind);
    if (!is_row(row, hash, kind)) {
        *row = (struct dirfs_own_row){.hash = hash, .kind = kind};
    }
    row->count++;
    row->until_ms = dirfs_now_ms() + OWN_MS;
}

static void note_in(struct dirfs_eyes *eyes, void *arg)
{
    const struct own *own = arg;
    char whole[DIRFS_PATH_MAX];
    if (own->file && atomic_load_explicit(&eyes->file_count, memory_order_relaxed) > 0) {
        dirfs_file_own_change(eyes, own->file, own->sets_time);
    }
    if (atomic_load_explicit(&eyes->dir_count, memory_order_relaxed) == 0) {
        return; /* no directory is watched */
    }
    const char *path = path_for(eyes, own, whole);
    if (!path) {
        return;
    }
    pthread_mutex_lock(&eyes->lock);
    if (own->is_undone) {
        (void)dirfs_own_takes(eyes, path, own->kind);
    } else {
        note(eyes, hash_path(path), own->kind);
    }
    pthread_mutex_unlock(&eyes->lock);
}

void dirfs_own(const struct dirfs_volume *vol, const char *path, unsigned kind)
{
    struct own own = {.vol = vol, .path = path, .kind = kind};
    dirfs_eyes_each(note_in, &own);
}

void dirfs_own_not(const struct dirfs_volume *vol, const char *path, unsigned kind)
{
    struct own own = {.vol = vol, .path = path, .kind = kind, .is_undone = true};
    dirfs_eyes_each(note_in, &own);
}

bool dirfs_own_takes(struct dirfs_eyes *eyes, const char *path, unsigned kind)
{
    uint64_t hash = hash_path(path);
    struct dirfs_own_row *row = row_of(eyes, hash, kind);
    if (!is_row(row, hash, kind) || row->count == 0) {
        return false;
    }
    row->count -= kind == DIRFS_OWN_CHANGE ? 0 : 1;
    return true;
}

/* ---- changes under way ---- */

#define SLOTS 64u

static struct slot {
    _Alignas(64) pthread_mutex_t lock; /* taken last */
    struct dirfs_own_turn *first;
} under_way[SLOTS] = {[0 ... SLOTS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static struct slot *slot_of(uint64_t ino)
{
    return &under_way[(ino ^ ino >> 12) % SLOTS];
}

bool dirfs_own_is_under_way(uint64_t dev, uint64_t ino)
{
    struct slot *s = slot_of(ino);
    pthread_mutex_lock(&s->lock);
    const struct dirfs_own_turn *t = s->first;
    while (t && (t->ino != ino || t->dev != dev)) {
        t = t->next;
    }
    pthread_mutex_unlock(&s->lock);
    return t != NULL;
}

void dirfs_own_begin(const struct dirfs_volume *vol, struct dirfs_file *file,
                     struct dirfs_own_turn *turn)
{
    struct slot *s = slot_of(file->seen.ino);
    pthread_mutex_lock(&s->lock);
    *turn = (struct dirfs_own_turn){
        .next = s->first, .prev = &s->first, .dev = file->seen.dev, .ino = file->seen.ino};
    if (turn->next) {
        turn->next->prev = &turn->next;
    }
    s->first = turn;
    pthread_mutex_unlock(&s->lock);
    dirfs_own_change(vol, file);
}

void dirfs_own_end(const struct dirfs_volume *vol, struct dirfs_file *file,
                   struct dirfs_own_turn *turn)
{
    struct slot *s = slot_of(turn->ino);
    dirfs_own_change(vol, file); /* first: who sees none under way knows when the last one ended */
    pthread_mutex_lock(&s->lock);
    *turn->prev = turn->next;
    if (turn->next) {
        turn->next->prev = turn->prev;
    }
    pthread_mutex_unlock(&s->lock);
}

static void own_change(const struct dirfs_volume *vol, struct dirfs_file *file, bool sets_time)
{
    char path[DIRFS_PATH_MAX];
    if (!dirfs_eyes_any()) {
        return;
    }
    pthread_mutex_lock(&file->lock);
    strcpy(path, file->path); /* fits: it came from such a buffer */
    pthread_mutex_unlock(&file->lock);
    struct own own = {
        .vol = vol, .path = path, .kind = DIRFS_OWN_CHANGE, .file = file, .sets_time = sets_time};
    dirfs_eyes_each(note_in, &own);
}

void dirfs_own_change(const struct dirfs_volume *vol, struct dirfs_file *file)
{
    own_change(vol, file, false);
}

void dirfs_own_time(const struct dirfs_volume *vol, struct dirfs_file *file)
{
    own_change(vol, file, true);
}
