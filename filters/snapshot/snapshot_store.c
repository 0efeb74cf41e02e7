/* SPDX-License-Identifier: Apache-2.0 */
/* The store: a folder with one for each snapshot, named by its label. In that are copies, each
 * named by a number, and the log of what the snapshot knows: "f NUMBER PATH" a file, "d NUMBER
 * PATH" a folder, "a 0 PATH" nothing (and of a folder: nothing else than what is known lay in it).
 * A copy whose line was not written is not of it. A snapshot is there once its folder is; one that
 * is dropped is renamed first and then emptied. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"
#include "snapshot.h"

static const char kinds[] = {[SNAP_FILE] = 'f', [SNAP_FOLDER] = 'd', [SNAP_ABSENT] = 'a'};

bool snap_is_hidden(const struct snapshot *v, const char *path)
{
    return v->is_within && letters_below(path, v->folder, true) != NULL;
}

char *snap_path(const struct snapshot *v, const struct snap *s, const char *name)
{
    const char *dropped = s->is_dropped ? SNAP_DROPPED : "";
    size_t size = strlen(v->folder) + strlen(dropped) + SNAP_LABEL_SIZE + strlen(name) + 3;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s/%s%s%s%s", v->folder, dropped, s->label, *name ? "/" : "", name);
    }
    return path;
}

char *snap_copy_path(const struct snapshot *v, const struct snap *s, uint64_t number)
{
    char name[32];
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return snap_path(v, s, name);
}

/* ---- the gate ---- */

void snap_gate_leave(struct snapshot *v)
{
    pthread_mutex_lock(&v->gate_lock);
    v->inside--;
    if (v->inside == 0) {
        pthread_cond_broadcast(&v->gate_cond);
    }
    pthread_mutex_unlock(&v->gate_lock);
}

bool snap_gate_enter(struct snapshot *v, bool may_wait)
{
    pthread_mutex_lock(&v->gate_lock);
    while (v->is_closed && may_wait) {
        pthread_cond_wait(&v->gate_cond, &v->gate_lock);
    }
    bool is_in = !v->is_closed;
    v->inside += is_in;
    pthread_mutex_unlock(&v->gate_lock);
    return is_in;
}

/* By who has store_lock. */
bool snap_gate_close(struct snapshot *v)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += SNAP_TAKE_WAIT_S;
    pthread_mutex_lock(&v->gate_lock);
    v->is_closed = true;
    int err = 0;
    while (v->inside > 0 && err == 0) {
        err = pthread_cond_timedwait(&v->gate_cond, &v->gate_lock, &end);
    }
    bool is_empty = v->inside == 0;
    pthread_mutex_unlock(&v->gate_lock);
    if (!is_empty) {
        snap_gate_open(v);
    }
    return is_empty;
}

void snap_gate_open(struct snapshot *v)
{
    pthread_mutex_lock(&v->gate_lock);
    v->is_closed = false;
    pthread_cond_broadcast(&v->gate_cond);
    pthread_mutex_unlock(&v->gate_lock);
}

/* ---- reading ---- */

static struct snap *snap_new(const struct snapshot *v, const char *label)
{
    bool is_dropped = strncmp(label, SNAP_DROPPED, strlen(SNAP_DROPPED)) == 0;
    const char *own = is_dropped ? label + strlen(SNAP_DROPPED) : label;
    uint64_t time = snap_label_time(own);
    struct snap *s = time ? calloc(1, sizeof(*s)) : NULL;
    if (s) {
        s->time = time;
        s->is_dropped = is_dropped;
        s->log.side = &v->store;
        snap_label(time, s->label);
    }
    return s;
}

/* In order: those that are dropped are the oldest. index is held for writing. */
static void link_in(struct snapshot *v, struct snap *s)
{
    struct snap **at = &v->oldest;
    while (*at && ((*at)->is_dropped > s->is_dropped ||
                   ((*at)->is_dropped == s->is_dropped && (*at)->time < s->time))) {
        at = &(*at)->newer;
    }
    s->newer = *at;
    *at = s;
    if (!s->newer) {
        v->newest = s;
    }
}

struct taking {
    struct snapshot *v;
    struct snap *s;
};

static bool take_line(void *arg, char *line)
{
    const struct taking *t = arg;
    char *end;
    enum snap_kind kind = line[0] == kinds[SNAP_FILE]     ? SNAP_FILE
                          : line[0] == kinds[SNAP_FOLDER] ? SNAP_FOLDER
                                                          : SNAP_ABSENT;
    uint64_t number = line[0] ? strtoull(line + 1, &end, 10) : 0;
    if (!line[0] || *end != ' ') {
        return true; /* no line of this version's */
    }
    t->s->last_number = number > t->s->last_number ? number : t->s->last_number;
    return snap_note_add(t->v, t->s, end + 1, kind, number);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of the copies that its log tells of, sorted; owned. */
static uint64_t *numbers_of(const struct snap *s)
{
    uint64_t *list = malloc((s->count + 1) * sizeof(*list));
    uint32_t n = 0;
    for (uint32_t i = 0; list && i < s->room; i++) {
        for (const struct snap_note *note = s->by_path[i]; note; note = note->next) {
            list[n++] = note->number;
        }
    }
    if (list) {
        qsort(list, n, sizeof(*list), by_number);
    }
    return list;
}

/* Copies that its log does not tell of were not finished. */
static smbkit_status clean(struct snapshot *v, struct smbkit_op *op, const struct snap *s)
{
    struct names n = {0};
    uint64_t *known = numbers_of(s);
    char *folder = snap_path(v, s, "");
    smbkit_status st =
        known && folder ? side_names_at(&v->store, op, folder, &n) : SMBKIT_STATUS_NO_MEMORY;
    for (uint32_t i = 0; SMBKIT_OK(st) && i < n.count; i++) {
        const uint64_t number = strtoull(n.list[i], NULL, 10);
        if (number > 0 && !bsearch(&number, known, s->count, sizeof(*known), by_number)) {
            char *path = snap_path(v, s, n.list[i]);
            st = path ? side_remove(&v->store, op, path) : SMBKIT_STATUS_NO_MEMORY;
            free(path);
        }
    }
    side_names_fini(&n);
    free(known);
    free(folder);
    return st;
}

static smbkit_status read_one(struct snapshot *v, struct smbkit_op *op, const char *label)
{
    struct snap *s = snap_new(v, label);
    if (!s) {
        return SMBKIT_STATUS_SUCCESS; /* something else */
    }
    struct taking t = {.v = v, .s = s};
    char *log = snap_path(v, s, SNAP_LOG);
    smbkit_status st = log ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st) && !s->is_dropped) {
        st = lines_read(&s->log, op, log, take_line, &t);
        st = SMBKIT_OK(st) ? clean(v, op, s) : st;
    }
    free(log);
    if (SMBKIT_OK(st)) {
        link_in(v, s);
    } else {
        snap_free(v, s);
    }
    return st;
}

static void forget_all(struct snapshot *v)
{
    while (v->oldest) {
        struct snap *s = v->oldest;
        v->oldest = s->newer;
        snap_free(v, s);
    }
    v->newest = NULL;
}

static smbkit_status read_store(struct snapshot *v, struct smbkit_op *op)
{
    struct names n = {0};
    smbkit_status st = side_names_at(&v->store, op, v->folder, &n);
    if (side_is_missing(st)) {
        st = SMBKIT_STATUS_SUCCESS;
    }
    for (uint32_t i = 0; SMBKIT_OK(st) && i < n.count; i++) {
        st = read_one(v, op, n.list[i]);
    }
    side_names_fini(&n);
    if (!SMBKIT_OK(st)) {
        forget_all(v);
    }
    return st;
}

smbkit_status snap_ready(struct snapshot *v, struct smbkit_op *op)
{
    if (atomic_load(&v->is_ready)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&v->store_lock);
    if (!atomic_load(&v->is_ready)) {
        pthread_rwlock_wrlock(&v->index);
        st = read_store(v, op);
        const struct snap *last = v->newest && !v->newest->is_dropped ? v->newest : NULL;
        if (SMBKIT_OK(st)) {
            v->epochs = last != NULL;
            atomic_store(&v->epoch, v->epochs);
            atomic_store(&v->due, last ? last->time + v->every_s * SNAP_SECOND : 0);
            atomic_store(&v->is_ready, true);
        }
        pthread_rwlock_unlock(&v->index);
    }
    pthread_mutex_unlock(&v->store_lock);
    return st;
}

/* ---- dropping; store_lock is held ---- */

static struct snap *oldest_kept(const struct snapshot *v)
{
    struct snap *s = v->oldest;
    while (s && s->is_dropped) {
        s = s->newer;
    }
    return s;
}

static smbkit_status rename_folder(struct snapshot *v, struct smbkit_op *op, const char *from,
                                   const char *to)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {
        .disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_DIRECTORY, .attr = &attr};
    const struct smbkit_rename how = {.struct_size = sizeof(how), .new_path = to};
    smbkit_status st = side_open(&v->store, op, from, &a);
    if (SMBKIT_OK(st)) {
        st = smbkit_next_rename(v->store.next, op, a.file, &how);
        smbkit_next_close(v->store.next, op, a.file);
    }
    return st;
}

/* index is held. */
static bool has_open_files(const struct snapshot *v)
{
    uint32_t refs = 0;
    for (struct snap *s = v->oldest; s; s = s->newer) {
        refs += atomic_load(&s->refs);
    }
    return refs > 0;
}

/* SHARING_VIOLATION: of what is open in snapshots, what changes is kept by the newest one alone. */
static smbkit_status drop(struct snapshot *v, struct smbkit_op *op, struct snap *s)
{
    pthread_rwlock_wrlock(&v->index); /* nobody opens a copy by its path meanwhile */
    if (s == v->newest && has_open_files(v)) {
        pthread_rwlock_unlock(&v->index);
        return SMBKIT_STATUS_SHARING_VIOLATION;
    }
    char *from = snap_path(v, s, "");
    s->is_dropped = true;
    char *to = snap_path(v, s, "");
    smbkit_status st = from && to ? rename_folder(v, op, from, to) : SMBKIT_STATUS_NO_MEMORY;
    s->is_dropped = SMBKIT_OK(st);
    if (s == v->newest && s->is_dropped) {
        atomic_store(&v->epoch, 0);
    }
    pthread_rwlock_unlock(&v->index);
    free(from);
    free(to);
    return st;
}

/* true: all of it is gone. */
static bool empty(struct snapshot *v, struct smbkit_op *op, const struct snap *s, uint32_t *most)
{
    struct names n = {0};
    char *folder = snap_path(v, s, "");
    smbkit_status st = folder ? side_names_at(&v->store, op, folder, &n) : SMBKIT_STATUS_NO_MEMORY;
    uint32_t i = 0;
    for (; SMBKIT_OK(st) && i<n.count && * most> 0; i++) {
        char *path = snap_path(v, s, n.list[i]);
        st = path ? side_remove(&v->store, op, path) : SMBKIT_STATUS_NO_MEMORY;
        free(path);
        --*most;
    }
    bool is_empty = SMBKIT_OK(st) && i == n.count;
    st = is_empty ? side_remove(&v->store, op, folder) : st;
    side_names_fini(&n);
    free(folder);
    if (!SMBKIT_OK(st)) {
        smbkit_log(1, "snapshot_not_removed label=%s status=%s", s->label, smbkit_status_name(st));
    }
    return is_empty && SMBKIT_OK(st);
}

static void reclaim(struct snapshot *v, struct smbkit_op *op, uint32_t most)
{
    struct snap *s = v->oldest;
    /* Who has one open asks the newer ones too: they stay until it is closed. */
    while (s && s->is_dropped && atomic_load(&s->refs) == 0 && empty(v, op, s, &most)) {
        pthread_rwlock_wrlock(&v->index);
        v->oldest = s->newer;
        if (!v->oldest) {
            v->newest = NULL;
        }
        snap_free(v, s);
        pthread_rwlock_unlock(&v->index);
        s = v->oldest;
    }
}

void snap_reclaim(struct snapshot *v, struct smbkit_op *op, uint32_t most)
{
    pthread_mutex_lock(&v->store_lock);
    reclaim(v, op, most);
    pthread_mutex_unlock(&v->store_lock);
}

smbkit_status snap_drop(struct snapshot *v, struct smbkit_op *op, const char *label)
{
    smbkit_status st = SMBKIT_STATUS_IO_TIMEOUT;
    pthread_mutex_lock(&v->store_lock);
    if (snap_gate_close(v)) { /* a change may be copying something for it */
        struct snap *s = oldest_kept(v);
        bool is_it = s && (!*label || strcmp(label, s->label) == 0);
        st = is_it ? drop(v, op, s) : SMBKIT_STATUS_NOT_FOUND;
        snap_gate_open(v);
    }
    if (SMBKIT_OK(st)) {
        reclaim(v, op, UINT32_MAX);
    }
    pthread_mutex_unlock(&v->store_lock);
    return st;
}

smbkit_status snap_drop_for_room(struct snapshot *v, struct smbkit_op *op)
{
    /* Who holds it may wait for the gate, within which this is. */
    if (pthread_mutex_trylock(&v->store_lock) != 0) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    struct snap *s = oldest_kept(v);
    smbkit_status st = s && s != v->newest ? drop(v, op, s) : SMBKIT_STATUS_NOT_FOUND;
    if (SMBKIT_OK(st)) {
        smbkit_log(1, "snapshot_dropped label=%s reason=\"the volume is full\"", s->label);
        reclaim(v, op, UINT32_MAX);
    }
    pthread_mutex_unlock(&v->store_lock);
    return st;
}

/* ---- taking ---- */

/* Within the closed gate. */
static smbkit_status take(struct snapshot *v, struct smbkit_op *op, char label[SNAP_LABEL_SIZE])
{
    uint64_t time = snap_now();
    if (v->newest && v->newest->time >= time) {
        time = v->newest->time + SNAP_SECOND; /* a label is one snapshot's */
    }
    snap_label(time, label);
    struct snap *s = snap_new(v, label);
    char *folder = s ? snap_path(v, s, "") : NULL;
    smbkit_status st =
        folder ? side_make_folder(&v->store, op, v->folder) : SMBKIT_STATUS_NO_MEMORY;
    st = SMBKIT_OK(st) ? side_make_folder(&v->store, op, folder) : st;
    free(folder);
    if (!SMBKIT_OK(st)) {
        free(s);
        return st;
    }
    pthread_rwlock_wrlock(&v->index);
    link_in(v, s);
    pthread_rwlock_unlock(&v->index);
    atomic_store(&v->epoch, ++v->epochs);
    return st;
}

static void drop_surplus(struct snapshot *v, struct smbkit_op *op)
{
    uint32_t kept = 0;
    for (struct snap *s = oldest_kept(v); s; s = s->newer) {
        kept++;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (; kept > v->keep && SMBKIT_OK(st); kept--) {
        struct snap *s = oldest_kept(v);
        st = drop(v, op, s);
        if (!SMBKIT_OK(st)) {
            smbkit_log(1, "snapshot_not_dropped label=%s status=%s", s->label,
                       smbkit_status_name(st));
        }
    }
}

/* store_lock is held. */
static smbkit_status take_locked(struct snapshot *v, struct smbkit_op *op,
                                 char label[SNAP_LABEL_SIZE])
{
    if (!snap_gate_close(v)) {
        return SMBKIT_STATUS_IO_TIMEOUT;
    }
    smbkit_status st = take(v, op, label);
    snap_gate_open(v);
    uint64_t wait_s = SMBKIT_OK(st) ? v->every_s : SNAP_RETRY_S;
    atomic_store(&v->due, snap_now() + wait_s * SNAP_SECOND);
    if (SMBKIT_OK(st)) {
        drop_surplus(v, op);
    }
    return st;
}

smbkit_status snap_take(struct snapshot *v, struct smbkit_op *op, char label[SNAP_LABEL_SIZE])
{
    pthread_mutex_lock(&v->store_lock);
    smbkit_status st = take_locked(v, op, label);
    if (SMBKIT_OK(st)) {
        reclaim(v, op, UINT32_MAX);
    }
    pthread_mutex_unlock(&v->store_lock);
    return st;
}

void snap_look_at_clock(struct snapshot *v, struct smbkit_op *op)
{
    char label[SNAP_LABEL_SIZE];
    pthread_mutex_lock(&v->store_lock);
    smbkit_status st = snap_is_due(v) ? take_locked(v, op, label) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(st)) {
        atomic_store(&v->due, snap_now() + (uint64_t)SNAP_RETRY_S * SNAP_SECOND);
        smbkit_log(1, "snapshot_not_taken status=%s", smbkit_status_name(st));
    }
    pthread_mutex_unlock(&v->store_lock);
}

/* ---- noting: within the gate ---- */

struct snap *snap_newest(struct snapshot *v)
{
    pthread_rwlock_rdlock(&v->index);
    struct snap *s = v->newest;
    pthread_rwlock_unlock(&v->index);
    return s;
}

uint64_t snap_number(struct snapshot *v)
{
    struct snap *s = snap_newest(v);
    pthread_mutex_lock(&v->log_lock);
    uint64_t number = ++s->last_number;
    pthread_mutex_unlock(&v->log_lock);
    return number;
}

smbkit_status snap_write(struct snapshot *v, struct smbkit_op *op, const char *path,
                         enum snap_kind kind, uint64_t number)
{
    size_t size = strlen(path) + 32;
    char *line = malloc(size);
    struct snap *s = snap_newest(v);
    pthread_mutex_lock(&v->log_lock);
    char *log = line && s ? snap_path(v, s, SNAP_LOG) : NULL;
    smbkit_status st = log ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        snprintf(line, size, "%c %" PRIu64 " %s", kinds[kind], number, path);
        st = lines_append(&s->log, op, log, line, number ? SMBKIT_IO_WRITE_THROUGH : 0);
    }
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&v->index);
        bool is_noted = snap_note_add(v, s, path, kind, number);
        pthread_rwlock_unlock(&v->index);
        st = is_noted ? st : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    pthread_mutex_unlock(&v->log_lock);
    free(line);
    free(log);
    return st;
}
