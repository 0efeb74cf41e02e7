/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.6.3 Server Requests Querying a Directory. Queries on one open come one after the
 * other; the position moves only when the answer is SUCCESS. */
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/access.h"
#include "vfs/attr.h"
#include "vfs/core.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/listing.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/path.h"
#include "vfs/rules.h"
#include "vfs/wildcard.h"

#define LOG_MODULE LOG_VFS

#define PAGES_MAX 16 /* of one query that has found something: more than most replies hold */
/* Names that SMB cannot carry, of one directory, that the log is told of: enough to see what is
 * wrong, and no flood. */
#define BAD_NAMES_TOLD 8u
#define TOLD_COUNT 15ull /* the bits of vfs_volume.told that hold how many */
#define TAG_SYMLINK 0xa000000cu
#define REPARSE_BYTES_MAX 16384u
#define HELD_MAX 32 /* entries without attributes that are gathered before these are asked for */

/* An entry that waits for its attributes. */
struct held {
    char *name;
    uint64_t cookie;
    bool has_attr;
    struct smbkit_attr attr;
};

/* One query under way. */
struct query {
    const struct vfs_call *call;
    struct vfs_open *o;
    const struct vfs_dir_query *q;
    char *dir_path;         /* owned */
    struct wildcard *match; /* owned; of at.pattern, unless that is just a name */
    unsigned seen;          /* entries that the plugin has given */
    struct dir_cursor at;   /* a copy; goes back to the open on success */
    uint32_t taken;
    uint32_t dots; /* of those taken */
    bool full;     /* the next entry found no room, or one was all that was asked for */
    bool no_room;
    struct held held[HELD_MAX];
    unsigned held_count;
    smbkit_status failed; /* within the sink */
};

static bool is_dots(const char *name)
{
    return str_eq(name, ".") || str_eq(name, "..");
}

/* By its name or by its short one. [MS-FSA] 2.1.5.6.3 */
static bool matches(const struct query *x, const char *name)
{
    char short_name[VFS_SHORT_NAME_MAX + 1];
    return wildcard_matches(x->match, name) ||
           (vfs_volume_short_name(x->o->volume, name, short_name) &&
            wildcard_matches(x->match, short_name));
}

/* Give one entry to the caller; false: there is no more room. */
static bool emit(struct query *x, const char *name, const struct smbkit_attr *attr)
{
    char short_name[VFS_SHORT_NAME_MAX + 1];
    bool has_short = !is_dots(name) && vfs_volume_short_name(x->o->volume, name, short_name);
    struct vfs_dir_entry e = {
        .name = name, .short_name = has_short ? short_name : NULL, .attr = *attr};
    rules_dress(x->o->volume, name, &e.attr);
    if (!x->q->entry(x->q->arg, &e)) {
        x->full = true;
        x->no_room = true;
        return false;
    }
    x->taken++;
    x->full = x->q->single;
    return true;
}

/* Is it a link that is to be shown otherwise, perhaps? */
static bool is_shown_link(const struct query *x, const struct smbkit_attr *attr)
{
    return x->q->link && x->q->want_attr && (attr->attributes & SMBKIT_ATTR_REPARSE_POINT) &&
           attr->reparse_tag == TAG_SYMLINK;
}

/* What cannot be read is shown as it is. */
static smbkit_status link_show(struct query *x, const char *name, struct smbkit_attr *attr)
{
    if (!is_shown_link(x, attr)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    CLEANUP(wr_fini) struct wr reparse = wr_new(REPARSE_BYTES_MAX);
    CLEANUP_MEM char *path = path_join(x->dir_path, name);
    smbkit_status st = path ? info_get_reparse_at(x->call, x->o->volume, snapshot_path(x->o, path),
                                                  x->o->snapshot_time, &reparse)
                            : SMBKIT_STATUS_NO_MEMORY;
    if (door_stops(st) || st == SMBKIT_STATUS_NO_MEMORY) {
        return st;
    }
    if (SMBKIT_OK(st)) {
        x->q->link(x->q->arg, &reparse, attr);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The layer that lists; filters change what they like, but say so themselves. */
static struct layer *plugin_layer(const struct vfs_volume *v)
{
    return &v->layers[v->layer_count - 1];
}

/* The plugin's author should know, but of each name once: clients list it again and again. */
static void tell_bad_name(struct query *x, const char *name)
{
    struct vfs_volume *v = x->o->volume;
    uint64_t dir = utf8_ihash(v->hash_seed, x->dir_path, str_len(x->dir_path)) & ~TOLD_COUNT;
    atomic_uint_fast64_t *slot = &v->told[dir / (TOLD_COUNT + 1) % VOLUME_TOLD];
    if (x->at.bad_names == BAD_NAMES_TOLD) {
        return;
    }
    x->at.bad_names++;
    uint64_t was = atomic_load_explicit(slot, memory_order_relaxed); /* relaxed: only told */
    if ((was & ~TOLD_COUNT) == dir && x->at.bad_names <= (was & TOLD_COUNT)) {
        return;
    }
    atomic_store_explicit(slot, dir | x->at.bad_names, memory_order_relaxed); /* likewise */
    log_warn(NULL, "plugin lists a name that SMB cannot carry plugin=%s directory=%s name=%s",
             plugin_layer(v)->plugin->name, quoted(x->dir_path).text, quoted(name).text);
}

static void tell_bad_entry(struct vfs_volume *v)
{
    struct layer *l = plugin_layer(v);
    unsigned times = layer_fault(l, FAULT_ENTRY);
    if (times > 0) {
        log_error(NULL, "plugin lists without name or cookie plugin=%s times=%u", l->plugin->name,
                  times);
    }
}

/* Attributes from an enumeration, in shape. They tell the id that an open of the name tells. */
static smbkit_status entry_settle(struct query *x, const char *name, struct smbkit_attr *a)
{
    if (a->file_id == 0 && a->file_id_high == 0) {
        CLEANUP_MEM char *path = path_join(x->dir_path, name);
        if (!path) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        door_attr_id_by_path(x->o->volume, path, a);
    }
    if (!SMBKIT_OK(door_attr_settle(x->o->volume, a))) {
        a->size = a->alloc_size = 0; /* the others are still worth listing */
        return door_attr_settle(x->o->volume, a);
    }
    return SMBKIT_STATUS_SUCCESS;
}

static bool hold(struct query *x, const struct smbkit_entry *e)
{
    struct held *h = &x->held[x->held_count];
    *h = (struct held){.name = str_dup(e->name), .cookie = e->cookie, .has_attr = e->attr != NULL};
    if (!h->name) {
        x->failed = SMBKIT_STATUS_NO_MEMORY;
        return false;
    }
    if (e->attr) {
        attr_copy(&h->attr, e->attr);
    }
    x->held_count++;
    return true;
}

static int32_t sink_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct query *x = sink->core;
    if (x->full || x->held_count == HELD_MAX || !SMBKIT_OK(x->failed)) {
        return 0;
    }
    if (!entry_is_whole(e)) {
        tell_bad_entry(x->o->volume);
        x->failed = SMBKIT_STATUS_INTERNAL_ERROR;
        return 0;
    }
    bool is_name = path_is_name(e->name); /* dots are the core's to list */
    if (!is_name && !is_dots(e->name)) {
        tell_bad_name(x, e->name);
    }
    if (x->call->on_loop && ++x->seen > LISTING_ON_LOOP_MAX) {
        x->failed = SMBKIT_STATUS_WOULD_BLOCK;
        return 0;
    }
    bool is_asked_for = is_name && matches(x, e->name);
    if (!is_asked_for || rules_veto_name(x->o->volume, e->name)) {
        /* What comes before a held entry is passed over with it. */
        if (x->held_count == 0) {
            x->at.cookie = e->cookie;
        }
        return 1;
    }
    struct smbkit_attr attr = {0};
    if (x->q->want_attr && e->attr) {
        attr_copy(&attr, e->attr);
    }
    bool is_checked = volume_has(x->o->volume, VFS_HIDE_UNREADABLE) || /* not within this call */
                      is_shown_link(x, &attr);
    if (x->held_count > 0 || is_checked || (x->q->want_attr && !e->attr)) {
        return hold(x, e) ? 1 : 0;
    }
    if (x->q->want_attr) {
        x->failed = entry_settle(x, e->name, &attr);
    }
    if (!SMBKIT_OK(x->failed) || !emit(x, e->name, &attr)) {
        return 0;
    }
    x->at.cookie = e->cookie;
    return x->full ? 0 : 1;
}

/* Where the directory is: now, or in its snapshot. */
static smbkit_status look_up(struct query *x, const char *path, struct smbkit_attr *attr)
{
    struct vfs_volume *v = x->o->volume;
    uint64_t then = x->o->snapshot_time;
    smbkit_status st = door_lookup_in(x->call, v, snapshot_path(x->o, path), then, attr);
    /* A reparse point that nobody follows is listed itself. */
    return st == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED && !then
               ? door_lookup(x->call, v, path, SMBKIT_CREATE_OPEN_REPARSE_POINT, attr)
               : st;
}

/* Attributes of a name in the directory. */
static smbkit_status attr_of(struct query *x, const char *name, struct smbkit_attr *attr)
{
    CLEANUP_MEM char *path = path_join(x->dir_path, name);
    return path ? look_up(x, path, attr) : SMBKIT_STATUS_NO_MEMORY;
}

/* May he who asks see the name? [MS-SMB2] 3.3.5.18: what he has no right to is left out of the
 * listings of a share with access based enumeration. */
static smbkit_status check_seen(struct query *x, const char *name)
{
    if (!volume_has(x->o->volume, VFS_HIDE_UNREADABLE)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    CLEANUP_MEM char *path = path_join(x->dir_path, name);
    return path ? access_check_seen(x->call, x->o->volume, snapshot_path(x->o, path),
                                    x->o->snapshot_time)
                : SMBKIT_STATUS_NO_MEMORY;
}

/* What is still to be known of an entry that was held. *missing_r: it has gone, or is not to be
 * seen, and is passed over. */
static smbkit_status held_settle(struct query *x, struct held *h, bool *missing_r)
{
    smbkit_status st = check_seen(x, h->name);
    if (SMBKIT_OK(st) && x->q->want_attr && !h->has_attr) {
        st = attr_of(x, h->name, &h->attr);
    }
    *missing_r =
        door_misses(st) || st == SMBKIT_STATUS_ACCESS_DENIED || st == SMBKIT_STATUS_DELETE_PENDING;
    if (*missing_r) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (SMBKIT_OK(st) && x->q->want_attr) {
        st = entry_settle(x, h->name, &h->attr);
    }
    return SMBKIT_OK(st) ? link_show(x, h->name, &h->attr) : st;
}

/* Give out what was held. */
static smbkit_status held_emit(struct query *x)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (unsigned i = 0; i < x->held_count; i++) {
        struct held *h = &x->held[i];
        bool missing = false;
        if (!x->full && SMBKIT_OK(st)) {
            st = held_settle(x, h, &missing);
        }
        if (!x->full && SMBKIT_OK(st)) {
            if (missing || emit(x, h->name, &h->attr)) {
                x->at.cookie = h->cookie;
            }
        }
        mem_free(h->name);
    }
    x->held_count = 0;
    return st;
}

/* A plugin that answers later has the pages replayed at each of its answers: they must be few.
 * Pages of which nothing is to be given out are forgotten, and their end is noted. */
static void pages_note(const struct query *x)
{
    const struct journal_note note = {.number = x->at.cookie};
    journal_note(x->call, NOTE_LISTED, NULL, &note, false);
}

static void pages_recall(struct query *x)
{
    const struct journal_note *note = journal_recall(x->call, NOTE_LISTED, NULL);
    if (note) {
        x->at.cookie = note->number;
    } else {
        pages_note(x);
    }
}

static void pages_forget(struct query *x)
{
    journal_forget(x->call);
    pages_note(x);
}

/* How many more there is room for, as far as that is known: which ones a pattern picks is not. */
static uint32_t most_wanted(const struct query *x)
{
    uint32_t most = x->q->single ? 1 : x->q->most;
    if (most == 0 || !str_eq(x->at.pattern, "*")) {
        return LISTING_ALL;
    }
    return most > x->taken ? most - x->taken : 1;
}

static smbkit_status scan(struct query *x)
{
    unsigned pages = 0;
    struct smbkit_sink sink = {.struct_size = sizeof(sink),
                               .want = x->q->want_attr ? SMBKIT_WANT_ATTR : 0,
                               .entry = sink_entry,
                               .core = x};
    pages_recall(x);
    while (!x->full && pages < PAGES_MAX) {
        uint64_t before = x->at.cookie;
        smbkit_status st = door_enumerate(x->call, &x->o->f, before, most_wanted(x), &sink);
        smbkit_status held_st = held_emit(x);
        st = SMBKIT_OK(st) ? journal_stopped(x->call, x->failed) : st;
        st = SMBKIT_OK(st) ? held_st : st;
        if (!SMBKIT_OK(st)) {
            return st;
        }
        if (!x->full && x->at.cookie == before) {
            x->at.at_end = true;
            break;
        }
        if (x->taken == 0) {
            pages_forget(x);
        } else if (x->call->journal) {
            pages++; /* who asks gets what there is so far, and asks again */
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* "." and "..": of the directory and of the one above it; the root is above itself. */
static smbkit_status dots(struct query *x)
{
    static const char *const NAMES[] = {".", ".."};
    while (x->at.dots_done < 2 && !x->full) {
        const char *name = NAMES[x->at.dots_done];
        struct smbkit_attr attr = {0};
        bool is_asked = wildcard_matches(x->match, name);
        if (is_asked && x->q->want_attr) {
            smbkit_status st = door_getattr(x->call, &x->o->f, &attr);
            if (SMBKIT_OK(st) && x->at.dots_done == 1) {
                CLEANUP_MEM char *parent = path_parent(x->dir_path);
                struct smbkit_attr above;
                smbkit_status up = parent ? look_up(x, parent, &above) : SMBKIT_STATUS_NO_MEMORY;
                attr = SMBKIT_OK(up) ? above : attr;
                st = door_stops(up) ? up : st;
            }
            if (!SMBKIT_OK(st)) {
                return st;
            }
        }
        if (is_asked && !emit(x, name, &attr)) {
            break;
        }
        x->dots += is_asked;
        x->at.dots_done++;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The name as the volume spells it. On a volume that ignores case the plugin tells. */
static smbkit_status exact_find(struct query *x, const char *path, char **real_r,
                                struct smbkit_attr *attr)
{
    struct vfs_volume *v = x->o->volume;
    smbkit_status st = look_up(x, path, attr);
    bool resolves = v->names || (door_misses(st) && names_may_resolve(v, path));
    if (resolves && !x->o->snapshot_time) {
        if (st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
            *real_r = str_dup(path);
            return SMBKIT_OK(st) && !*real_r ? SMBKIT_STATUS_NO_MEMORY : st;
        }
        st = names_resolve(x->call, v, path, real_r, NULL);
        return SMBKIT_OK(st) ? look_up(x, *real_r, attr) : st;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    bool is_link = attr->attributes & SMBKIT_ATTR_REPARSE_POINT;
    const struct door_open how = {.path = path,
                                  .access = SMBKIT_READ_ATTRIBUTES,
                                  .flags = is_link ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0};
    struct door_file f = {.volume = v};
    st = door_open(x->call, &f, &how, attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *real_r = mem_zalloc(3 * PATH_UNITS_MAX + 1);
    st =
        *real_r ? door_get_path(x->call, &f, *real_r, 3 * PATH_UNITS_MAX) : SMBKIT_STATUS_NO_MEMORY;
    door_close(x->call, &f);
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        mem_free(*real_r);
        *real_r = str_dup(path);
        st = *real_r ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    return st;
}

/* A pattern that is just a name asks for one file: no need to read a directory of a million. */
static smbkit_status exact(struct query *x)
{
    x->at.at_end = true;
    CLEANUP_MEM char *name = path_settle_name(x->at.pattern);
    CLEANUP_MEM char *path = name ? path_join(x->dir_path, name) : NULL;
    CLEANUP_MEM char *real = NULL;
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_attr attr = {0};
    smbkit_status st = exact_find(x, path, &real, &attr);
    if (door_misses(st) || st == SMBKIT_STATUS_OBJECT_NAME_INVALID) {
        return SMBKIT_STATUS_SUCCESS; /* nothing, then */
    }
    const char *leaf = real ? path_leaf(real) : name;
    if (SMBKIT_OK(st)) {
        st = check_seen(x, leaf);
    }
    if (st == SMBKIT_STATUS_ACCESS_DENIED || rules_veto_name(x->o->volume, leaf)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (SMBKIT_OK(st)) {
        st = link_show(x, leaf, &attr);
    }
    if (SMBKIT_OK(st)) {
        x->at.at_end = emit(x, leaf, &attr);
    }
    return st;
}

/* From the start, and with which pattern? */
static smbkit_status cursor_begin(struct query *x)
{
    const char *given = x->q->pattern && x->q->pattern[0] ? x->q->pattern : NULL;
    bool first = x->at.pattern == NULL;
    char *pattern = NULL;
    if (first || x->q->reopen || (x->q->restart && given)) {
        pattern = str_dup(given ? given : "*");
    } else {
        pattern = str_dup(x->at.pattern);
    }
    if (!pattern) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (first || x->q->reopen || x->q->restart) {
        x->at = (struct dir_cursor){0};
    }
    x->at.pattern = pattern; /* the open keeps its own until this one takes its place */
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status query_fill(struct query *x)
{
    if (x->at.at_end) {
        return SMBKIT_STATUS_SUCCESS;
    }
    bool is_name = !wildcard_has_any(x->at.pattern) && path_is_name(x->at.pattern);
    if (is_name) {
        return exact(x);
    }
    x->match = wildcard_new(x->at.pattern);
    smbkit_status st = x->match ? dots(x) : SMBKIT_STATUS_NO_MEMORY;
    return SMBKIT_OK(st) && !x->full ? scan(x) : st;
}

static smbkit_status query_run(struct query *x)
{
    smbkit_status st = cursor_begin(x);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = query_fill(x);
    /* What was taken counts before an error, which comes again; dots alone do not, and nothing
     * before a call that is made anew: it would look like an empty directory to clients that are
     * hasty, or pass over a later error (smbclient 4.17). Who closes the directory meanwhile has
     * what there is. */
    bool again = door_stops(st);
    uint32_t nothing = st == SMBKIT_STATUS_CANCELLED ? 0 : x->dots;
    bool answered = SMBKIT_OK(st) || (x->taken > nothing && !again);
    if (!answered) {
        mem_free(x->at.pattern);
        return st;
    }
    bool first = !x->at.found_any;
    x->at.found_any |= x->taken > 0;
    if (x->taken == 0 && x->no_room) {
        mem_free(x->at.pattern);
        return SMBKIT_STATUS_INFO_LENGTH_MISMATCH;
    }
    mem_free(x->o->dir.pattern);
    x->o->dir = x->at;
    if (x->taken > 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return first ? SMBKIT_STATUS_NO_SUCH_FILE : SMBKIT_STATUS_NO_MORE_FILES;
}

/* One query at a time. */
static smbkit_status cursor_take(const struct vfs_call *call, struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    if (o->dir_busy) {
        wait_register(o->node->waits, &o->dir_waiters, call->wait);
        return SMBKIT_STATUS_WAIT;
    }
    o->dir_busy = true;
    return SMBKIT_STATUS_SUCCESS;
}

static void cursor_give(struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    o->dir_busy = false;
    wait_wake_all(o->node->waits, &o->dir_waiters);
}

static smbkit_status query_once(const struct vfs_call *call, struct vfs_open *o,
                                const struct vfs_dir_query *q)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!open_may(o, SMBKIT_READ_DATA)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    st = cursor_take(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct query *x = mem_zalloc(sizeof(*x));
    if (x) {
        x->call = call;
        x->o = o;
        x->q = q;
        x->at = o->dir;
        x->dir_path = vfs_open_path_known(o);
        st = x->dir_path ? query_run(x) : SMBKIT_STATUS_NO_MEMORY;
        wildcard_free(x->match);
        mem_free(x->dir_path);
        mem_free(x);
    } else {
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    cursor_give(o);
    return st;
}

smbkit_status vfs_query_directory(struct vfs_call *call, struct vfs_open *o,
                                  const struct vfs_dir_query *q)
{
    return WAIT_OUT(call, again, query_once(again, o, q));
}
