/* SPDX-License-Identifier: Apache-2.0 */
/* What is there already: the whole volume is walked once, before the first change is made. */
#include <stdlib.h>
#include <string.h>

#include "quota.h"

#define SECURITY_MAX 65536u /* bytes */
#define OWNER_OFFSET_AT 4u  /* in a self-relative descriptor, [MS-DTYP] 2.4.6 */
#define PAGE 256u           /* names of one look at a folder */

/* ---- of one file ---- */

static struct quota_account *owner_in(struct quota *q, const uint8_t *sd, uint32_t len)
{
    if (len < OWNER_OFFSET_AT + 4) {
        return NULL;
    }
    const uint8_t *p = sd + OWNER_OFFSET_AT;
    uint32_t at =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (at == 0 || at > len || len - at < 8) {
        return NULL;
    }
    uint32_t sid_len = 8 + 4u * sd[at + 1];
    return sid_len <= len - at ? quota_user_of(q, sd + at, sid_len) : NULL;
}

smbkit_status quota_owner(struct quota *q, struct smbkit_op *op, void *below,
                          struct quota_account **user_r)
{
    uint8_t *buf = malloc(SECURITY_MAX);
    struct smbkit_get_security a = {.struct_size = sizeof(a),
                                    .buffer = {.base = buf, .cap = SECURITY_MAX}};
    smbkit_status st =
        buf ? smbkit_next_get_security(q->next, op, below, &a) : SMBKIT_STATUS_NO_MEMORY;
    if (st == SMBKIT_STATUS_NOT_FOUND) {
        a.flags = SMBKIT_SECURITY_STORE_OWNER;
        a.buffer.len = 0;
        st = smbkit_next_get_security(q->next, op, below, &a);
    }
    *user_r = SMBKIT_OK(st) ? owner_in(q, buf, a.buffer.len) : NULL;
    free(buf);
    return st == SMBKIT_STATUS_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
}

struct summing {
    struct smbkit_sink sink; /* first */
    uint64_t bytes;
};

static int32_t sum_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    ((struct summing *)sink)->bytes += entry->attr ? entry->attr->size : 0;
    return 1;
}

smbkit_status quota_streams(struct quota *q, struct smbkit_op *op, void *below, uint64_t *bytes_r)
{
    struct summing s = {
        .sink = {.struct_size = sizeof(s.sink), .want = SMBKIT_WANT_ATTR, .entry = sum_entry}};
    smbkit_status st =
        q->has_streams ? smbkit_next_streams(q->next, op, below, &s.sink) : SMBKIT_STATUS_SUCCESS;
    *bytes_r = s.bytes;
    return st;
}

/* ---- the walk ---- */

struct walk {
    struct quota *q;
    struct smbkit_op *op;
    char **todo; /* folders; owned, as they are */
    uint32_t count, room;
    uint64_t *seen; /* numbers of files with several names; a hash table, 0: free */
    uint32_t seen_count, seen_room;
    uint64_t entries, skipped;
};

/* Names of a page. */
struct page {
    struct smbkit_sink sink; /* first */
    char *names[PAGE];       /* owned */
    uint32_t count;
    uint64_t cookie;
    bool no_memory;
};

static int32_t note(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct page *p = (struct page *)sink;
    if (p->count == PAGE) {
        return 0;
    }
    p->names[p->count] = strdup(entry->name);
    p->no_memory = !p->names[p->count];
    if (p->no_memory) {
        return 0;
    }
    p->count++;
    p->cookie = entry->cookie;
    return 1;
}

static bool push(struct walk *w, char *path)
{
    if (w->count == w->room) {
        uint32_t room = w->room ? 2 * w->room : 64;
        char **todo = realloc(w->todo, room * sizeof(*todo));
        if (!todo) {
            return false;
        }
        w->todo = todo;
        w->room = room;
    }
    w->todo[w->count++] = path;
    return true;
}

static void seen_put(uint64_t *seen, uint32_t room, uint64_t id)
{
    uint32_t at = (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 33) & (room - 1);
    while (seen[at] != 0) {
        at = (at + 1) & (room - 1);
    }
    seen[at] = id;
}

static bool seen_has(const struct walk *w, uint64_t id)
{
    uint32_t at = (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 33) & (w->seen_room - 1);
    while (w->seen_room > 0 && w->seen[at] != 0 && w->seen[at] != id) {
        at = (at + 1) & (w->seen_room - 1);
    }
    return w->seen_room > 0 && w->seen[at] == id;
}

/* Has a file with several names been counted by another one? false for the first of them. */
static smbkit_status is_seen(struct walk *w, const struct smbkit_attr *a, bool *seen_r)
{
    *seen_r = a->link_count > 1 && a->file_id != 0 && seen_has(w, a->file_id);
    if (a->link_count <= 1 || a->file_id == 0 || *seen_r) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (2 * w->seen_count >= w->seen_room) {
        uint32_t room = w->seen_room ? 2 * w->seen_room : 256;
        uint64_t *seen = calloc(room, sizeof(*seen));
        if (!seen) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        for (uint32_t i = 0; i < w->seen_room; i++) {
            if (w->seen[i] != 0) {
                seen_put(seen, room, w->seen[i]);
            }
        }
        free(w->seen);
        w->seen = seen;
        w->seen_room = room;
    }
    seen_put(w->seen, w->seen_room, a->file_id);
    w->seen_count++;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status open_at(struct walk *w, const char *path, struct smbkit_attr *attr,
                             void **file_r)
{
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = path,
                              .access = SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL,
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .attr = attr};
    if (!*path) {
        a.kind = SMBKIT_KIND_DIRECTORY;
    }
    smbkit_status st = smbkit_next_create(w->q->next, w->op, &a);
    *file_r = a.file;
    return st;
}

/* Count what is open, and say whether it is a folder to be walked. */
static smbkit_status count_open(struct walk *w, const char *path, void *file,
                                const struct smbkit_attr *attr, bool *is_folder_r)
{
    struct quota_places p = {.folders = quota_folders_of(w->q, path)};
    bool is_counted = false;
    uint64_t bytes = 0;
    uint32_t kind = attr->attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT);
    *is_folder_r = kind == SMBKIT_ATTR_DIRECTORY;
    smbkit_status st = *is_folder_r ? SMBKIT_STATUS_SUCCESS : is_seen(w, attr, &is_counted);
    if (!SMBKIT_OK(st) || is_counted) {
        return st;
    }
    st = quota_streams(w->q, w->op, file, &bytes);
    bytes += kind & SMBKIT_ATTR_DIRECTORY ? 0 : attr->size;
    if (SMBKIT_OK(st) && bytes > 0) {
        st = quota_owner(w->q, w->op, file, &p.user);
        quota_adjust(w->q, &p, bytes <= INT64_MAX ? (int64_t)bytes : INT64_MAX);
    }
    return st;
}

/* Is taken: the path of a file or folder. */
static smbkit_status count_path(struct walk *w, char *path)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    void *file;
    bool is_folder = false;
    smbkit_status st = open_at(w, path, &attr, &file);
    if (SMBKIT_OK(st)) {
        st = count_open(w, path, file, &attr, &is_folder);
        smbkit_next_close(w->q->next, w->op, file);
    }
    w->entries++;
    if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_NO_MEMORY && st != SMBKIT_STATUS_CANCELLED) {
        w->skipped++;
        st = SMBKIT_STATUS_SUCCESS;
    }
    if (SMBKIT_OK(st) && is_folder) {
        if (push(w, path)) {
            return st;
        }
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    free(path);
    return st;
}

static char *join(const char *folder, const char *name)
{
    size_t a = strlen(folder);
    size_t b = strlen(name);
    char *path = malloc(a + b + 2);
    if (path) {
        memcpy(path, folder, a);
        path[a] = '/';
        memcpy(path + a + (a > 0), name, b + 1);
    }
    return path;
}

static smbkit_status count_page(struct walk *w, const char *folder, struct page *p)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; i < p->count; i++) {
        char *path = SMBKIT_OK(st) ? join(folder, p->names[i]) : NULL;
        free(p->names[i]);
        if (SMBKIT_OK(st)) {
            st = path ? count_path(w, path) : SMBKIT_STATUS_NO_MEMORY;
        }
    }
    return st;
}

static smbkit_status walk_folder(struct walk *w, const char *folder)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct page *p = malloc(sizeof(*p));
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = folder,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES,
                              .attr = &attr};
    smbkit_status st = p ? smbkit_next_create(w->q->next, w->op, &a) : SMBKIT_STATUS_NO_MEMORY;
    bool is_open = SMBKIT_OK(st);
    uint64_t cookie = 0;
    uint32_t count = 1;
    while (SMBKIT_OK(st) && count > 0 && w->entries < QUOTA_ENTRIES_MAX) {
        *p = (struct page){
            .sink = {.struct_size = sizeof(p->sink), .cookie = cookie, .entry = note}};
        st = smbkit_next_enumerate(w->q->next, w->op, a.file, &p->sink);
        count = p->count;
        cookie = p->cookie;
        smbkit_status counted = count_page(w, folder, p);
        st = SMBKIT_OK(st) && p->no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
        st = SMBKIT_OK(st) ? counted : st;
    }
    if (is_open) {
        smbkit_next_close(w->q->next, w->op, a.file);
    } else if (st != SMBKIT_STATUS_NO_MEMORY) {
        w->skipped++;
        st = SMBKIT_STATUS_SUCCESS;
    }
    free(p);
    return st;
}

/* counting is held for writing. */
static smbkit_status count_all(struct quota *q, struct smbkit_op *op)
{
    struct walk w = {.q = q, .op = op};
    char *root = strdup("");
    quota_clear(q);
    smbkit_status st = root ? count_path(&w, root) : SMBKIT_STATUS_NO_MEMORY;
    while (SMBKIT_OK(st) && w.count > 0) {
        char *folder = w.todo[--w.count];
        st = walk_folder(&w, folder);
        free(folder);
    }
    while (w.count > 0) {
        free(w.todo[--w.count]);
    }
    free(w.todo);
    free(w.seen);
    if (w.skipped > 0 || w.entries >= QUOTA_ENTRIES_MAX) {
        smbkit_log(1, "quota_incomplete counted=%llu skipped=%llu most=%u",
                   (unsigned long long)w.entries, (unsigned long long)w.skipped, QUOTA_ENTRIES_MAX);
    }
    pthread_mutex_lock(&q->lock);
    q->entries = w.entries;
    q->skipped = w.skipped;
    pthread_mutex_unlock(&q->lock);
    atomic_store(&q->is_counted, SMBKIT_OK(st));
    return st;
}

smbkit_status quota_recount(struct quota *q, struct smbkit_op *op)
{
    pthread_rwlock_wrlock(&q->counting);
    smbkit_status st = count_all(q, op);
    pthread_rwlock_unlock(&q->counting);
    return st;
}

smbkit_status quota_ready(struct quota *q, struct smbkit_op *op)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (atomic_load(&q->is_counted)) {
        return st;
    }
    pthread_rwlock_wrlock(&q->counting);
    st = atomic_load(&q->is_counted) ? st : count_all(q, op);
    pthread_rwlock_unlock(&q->counting);
    return st;
}
