/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/path.h"
#include "vfs/rules.h"

/* What MAXIMUM_ALLOWED may turn out to be, most first: the plugin may refuse to open a file for
 * more than its own store allows. */
static const uint32_t MAXIMUM_TRIES[] = {
    SMBKIT_ALL_ACCESS,
    SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_EXECUTE | SMBKIT_READ_ATTRIBUTES |
        SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE,
    SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE,
};

static uint32_t create_flags(const struct create *c)
{
    return (c->options & VFS_OPEN_REPARSE_POINT ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0) |
           (c->options & VFS_WRITE_THROUGH ? SMBKIT_CREATE_WRITE_THROUGH : 0) |
           (c->options & VFS_SEQUENTIAL_ONLY ? SMBKIT_CREATE_SEQUENTIAL : 0) |
           (c->options & VFS_RANDOM_ACCESS ? SMBKIT_CREATE_RANDOM : 0);
}

/* A file is asked for by its id, and the plugin finds it by that. */
static bool opens_by_id(const struct create *c)
{
    return c->in->file && (c->in->volume->features & SMBKIT_FEATURE_OPEN_BY_ID);
}

static smbkit_status open_for(struct create *c, const char *path, uint32_t access)
{
    const struct door_open how = {.path = path,
                                  .stream = c->in->stream,
                                  .access = access,
                                  .flags = create_flags(c),
                                  .snapshot_time = c->in->snapshot_time,
                                  .file = opens_by_id(c) ? c->in->file : NULL};
    c->f = (struct door_file){.volume = c->in->volume};
    smbkit_status st = door_open(c->call, &c->f, &how, &c->attr);
    c->has_file = SMBKIT_OK(st);
    c->tried_access = access;
    return st;
}

static smbkit_status open_path(struct create *c, const char *path)
{
    /* A CREATE only wants to know that it is there. */
    uint32_t explicit = c->in->disposition == SMBKIT_CREATE ? SMBKIT_READ_ATTRIBUTES
                                                            : c->desired & ~SMBKIT_MAXIMUM_ALLOWED;
    if (c->overwrites) {
        explicit |= SMBKIT_WRITE_DATA;
    }
    if (!c->wants_max || c->in->disposition == SMBKIT_CREATE) {
        return open_for(c, path, explicit);
    }
    uint32_t cap =
        c->in->access_cap &
        (SMBKIT_OK(volume_check_writable(c->call, c->in->volume)) ? ~0u : ~ACCESS_WRITES);
    smbkit_status st = SMBKIT_STATUS_ACCESS_DENIED;
    for (size_t i = 0; i < ARRAY_LEN(MAXIMUM_TRIES); i++) {
        st = open_for(c, path, explicit | (MAXIMUM_TRIES[i] & cap));
        bool too_much = st == SMBKIT_STATUS_ACCESS_DENIED ||
                        st == SMBKIT_STATUS_MEDIA_WRITE_PROTECTED ||
                        st == SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
        if (!too_much) {
            break;
        }
    }
    return st;
}

static smbkit_status path_take(struct create *c, char *path)
{
    mem_free(c->path);
    c->path = path;
    c->free_as_of = NAMES_NOT_SOUGHT;
    return path ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* On a volume that ignores case the plugin knows how the name is spelled; and where a file is that
 * was opened by its id: else no name of it is known. */
static smbkit_status path_ask(struct create *c)
{
    CLEANUP_MEM char *buf = mem_alloc(3 * PATH_UNITS_MAX + 1);
    if (!buf) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = door_get_path(c->call, &c->f, buf, 3 * PATH_UNITS_MAX + 1);
    if (SMBKIT_OK(st)) {
        buf[3 * PATH_UNITS_MAX] = 0;
        return path_take(c, str_dup(buf));
    }
    return door_stops(st) || opens_by_id(c) ? st : path_take(c, str_dup(c->in->path));
}

void vfs_file_id_of(const struct vfs_open *o, const struct smbkit_attr *attr,
                    struct vfs_file_id *out)
{
    bool is_own = attr->file_domain == o->volume->domain; /* a number of this run only */
    *out = (struct vfs_file_id){.domain = is_own ? 0 : attr->file_domain,
                                .id = attr->file_id,
                                .id_high = attr->file_id_high,
                                .create_time = attr->create_time};
}

/* Is what was opened the file that was asked for? */
static smbkit_status check_is_file(const struct create *c)
{
    const struct vfs_file_id *want = c->in->file;
    uint64_t domain = want->domain ? want->domain : c->in->volume->domain;
    bool is_it = c->attr.file_domain == domain && c->attr.file_id == want->id &&
                 c->attr.file_id_high == want->id_high && c->attr.create_time == want->create_time;
    return is_it ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

/* The plugin has no such name: is there one in other letters, where it minds them, or is it a short
 * one? */
static smbkit_status resolve_otherwise(struct create *c, smbkit_status exact)
{
    struct vfs_volume *v = c->in->volume;
    /* A second turn when the index named a file that is gone. */
    for (unsigned turn = 0; turn < 2; turn++) {
        char *real = NULL;
        uint64_t as_of;
        smbkit_status st = names_resolve(c->call, v, c->in->path, &real, &as_of);
        if (real && !SMBKIT_OK(path_take(c, real))) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        if (!SMBKIT_OK(st)) {
            c->free_as_of = as_of;
            return st;
        }
        if (c->in->stream && str_eq(c->path, c->in->path)) {
            return exact; /* it is there, but not its stream */
        }
        st = open_path(c, c->path);
        if (!door_misses(st)) {
            return st;
        }
        names_forget(v, c->path);
    }
    return exact;
}

/* Nothing is there. Was there a file of that short name until just now? Then the new one gets its
 * long name. */
static smbkit_status path_tunnel(struct create *c)
{
    const struct journal_note *before = journal_recall(c->call, NOTE_TUNNEL, c->path);
    if (before) {
        return before->text ? path_take(c, str_dup(before->text)) : SMBKIT_STATUS_SUCCESS;
    }
    char *path = names_tunnel_find(c->in->volume, c->path);
    const struct journal_note note = {.text = path};
    journal_note(c->call, NOTE_TUNNEL, c->path, &note, false);
    return path ? path_take(c, path) : SMBKIT_STATUS_SUCCESS;
}

/* By a short name, or in other letters, a name may have been found that the share's rules keep from
 * everybody: it is answered as when it is asked for itself, and never made. */
static smbkit_status check_found(struct create *c, smbkit_status st)
{
    c->is_vetoed = false;
    if (door_stops(st) || !c->path) {
        return st;
    }
    smbkit_status rules = rules_check_path(c->in->volume, c->path);
    c->is_vetoed = !SMBKIT_OK(rules);
    return c->is_vetoed ? rules : st;
}

smbkit_status create_resolve(struct create *c)
{
    const char *path = c->in->path;
    smbkit_status st = path_take(c, str_dup(path));
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = open_path(c, path);
    if (SMBKIT_OK(st) && c->in->file) {
        st = check_is_file(c);
    }
    if (door_misses(st) && !c->in->file && names_may_resolve(c->in->volume, path) && path[0] &&
        !c->in->snapshot_time) {
        st = resolve_otherwise(c, st);
    }
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && c->creates && names_has_short(c->in->volume) &&
        !SMBKIT_OK(path_tunnel(c))) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (SMBKIT_OK(st) &&
        ((c->in->volume->features & SMBKIT_FEATURE_IGNORES_CASE) || opens_by_id(c))) {
        st = path_ask(c);
    }
    st = check_found(c, st);
    if (SMBKIT_OK(st) && c->in->snapshot_time) {
        st = create_apart(c);
    }
    /* [MS-FSA] 2.1.5.1: a file where a directory should be is a path that is not there. */
    return st == SMBKIT_STATUS_NOT_A_DIRECTORY ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st;
}
