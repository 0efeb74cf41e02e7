/* SPDX-License-Identifier: Apache-2.0 */
/* An index, made of all headers. A name that comes twice is what the last one says, as unpacking
 * would leave it. */
#include "arc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t filetime(int64_t sec, int64_t nsec)
{
    const int64_t first = -11644473600; /* 1601 */
    const int64_t last = 910692730085;  /* what fits in 63 bits */
    sec = sec <= first ? first + 1 : sec > last ? last : sec;
    return (uint64_t)(sec - first) * 10000000u + (uint64_t)(nsec > 0 ? nsec / 100 : 0);
}

/* What MS-DOS and Windows have noted. [MS-FSCC] 2.6 */
static uint32_t dos_flags(struct archive_entry *e)
{
    static const struct {
        const char *word;
        uint32_t bit;
    } words[] = {{"rdonly", SMBKIT_ATTR_READONLY},
                 {"hidden", SMBKIT_ATTR_HIDDEN},
                 {"system", SMBKIT_ATTR_SYSTEM},
                 {"archive", SMBKIT_ATTR_ARCHIVE}};
    const char *text = archive_entry_fflags_text(e);
    uint32_t bits = 0;
    for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
        bits |= strstr(text, words[i].word) ? words[i].bit : 0;
    }
    return bits << ARC_DOS_SHIFT;
}

static void take_times(struct arc_scan *s, struct arc_node *n, struct archive_entry *e)
{
    uint64_t none = filetime(s->x->stamp.sec, s->x->stamp.nsec);
    n->write_time = archive_entry_mtime_is_set(e)
                        ? filetime(archive_entry_mtime(e), archive_entry_mtime_nsec(e))
                        : none;
    n->create_time = archive_entry_birthtime_is_set(e)
                         ? filetime(archive_entry_birthtime(e), archive_entry_birthtime_nsec(e))
                         : n->write_time;
}

/* ---- data that has to be gone through ---- */

/* Reads to the end of the entry's data: its bytes. Status: beyond what may be decoded, or given
 * up; data that cannot be read ends it, and is told to who reads the file. */
static smbkit_status count_data(struct arc_scan *s, uint64_t *size_r)
{
    const void *block;
    size_t len = 0;
    la_int64_t at = 0;
    *size_r = 0;
    while (archive_read_data_block(s->a, &block, &len, &at) >= ARCHIVE_WARN &&
           (len > 0 || at > (la_int64_t)*size_r)) {
        s->unpacked += len;
        *size_r = (uint64_t)at + len;
        if (s->unpacked > s->set->unpacked_max) {
            return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        }
        if (s->is_over(s->arg)) {
            return SMBKIT_STATUS_CANCELLED;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- one entry ---- */

static const char *path_of(const struct arc_scan *s, struct archive_entry *e)
{
    if (s->x->is_raw) { /* no name is known: that of the file, without its suffix */
        return s->raw_name;
    }
    const char *path = archive_entry_pathname(e);
    return path ? path : archive_entry_pathname_utf8(e);
}

/* Another name of a file that came before: it has its data, or brings it for both (cpio); or of a
 * symbolic link, which says the same. */
static int take_hard_link(struct arc_scan *s, uint32_t node, const char *path,
                          struct archive_entry *e, smbkit_status *status)
{
    uint32_t to = arc_lookup(s, path);
    struct arc_node *n = &s->x->nodes[node];
    struct arc_node *of = to == ARC_NONE ? NULL : &s->x->nodes[to];
    if (of && of != n && (of->flags & ARC_LINK)) {
        n->flags = ARC_LINK;
        n->size = 0;
        *status = arc_links_add(s, node, s->late[of->ordinal].target);
        return 1;
    }
    if (!of || of == n || (of->flags & ARC_FOLDER)) {
        return archive_entry_size_is_set(e) && archive_entry_size(e) > 0;
    }
    struct arc_node *from = archive_entry_size(e) > 0 ? n : of;
    struct arc_node *into = from == n ? of : n;
    into->flags = from->flags;
    into->ordinal = from->ordinal;
    into->size = from->size;
    into->offset = from->offset;
    into->header = from->header;
    into->write_time = from->write_time;
    into->create_time = from->create_time;
    return 1;
}

static void take_file(struct arc_scan *s, struct arc_node *n, struct archive_entry *e,
                      uint32_t ordinal)
{
    n->flags = dos_flags(e);
    n->flags |= archive_entry_is_data_encrypted(e) ? ARC_ENCRYPTED : 0;
    n->flags |= archive_entry_sparse_count(e) > 0 ? ARC_SPARSE : 0;
    n->target = ARC_NONE;
    n->ordinal = ordinal;
    n->size = archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0;
    take_times(s, n, e);
    if (s->x->is_plain) {
        n->flags |= ARC_HAS_OFFSET;
        n->offset = (uint64_t)archive_filter_bytes(s->a, 0);
        n->header = (uint64_t)archive_read_header_position(s->a);
    }
}

static smbkit_status take_entry(struct arc_scan *s, struct archive_entry *e, uint32_t ordinal)
{
    const char *path = path_of(s, e);
    const char *hard = archive_entry_hardlink(e);
    const char *soft = archive_entry_symlink(e);
    mode_t type = archive_entry_filetype(e);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!path || (!hard && type != 0 && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)) {
        arc_left_out(s, path, path ? "neither file nor folder nor link" : "its name is not known");
        return status;
    }
    uint32_t node = arc_place(s, path, &status);
    struct arc_node *n = node == ARC_NONE ? NULL : &s->x->nodes[node];
    if (!n || type == AE_IFDIR || node == ARC_ROOT) {
        if (n && type == AE_IFDIR) {
            n->flags = ARC_FOLDER | dos_flags(e);
            take_times(s, n, e);
        }
        return status;
    }
    if (n->first_child != ARC_NONE) {
        arc_left_out(s, path, "a folder of that name has files");
        return status;
    }
    take_file(s, n, e, ordinal);
    if (hard && !take_hard_link(s, node, hard, e, &status)) {
        arc_left_out(s, path, "a link to what is not there");
        arc_index_take_out(s->x, node);
    } else if (!hard && type == AE_IFLNK) {
        n->flags = ARC_LINK;
        status = arc_links_add(s, node, soft ? soft : "/");
    } else if (!archive_entry_size_is_set(e) && !hard) {
        status = count_data(s, &n->size);
    }
    return status;
}

/* ---- all of them ---- */

static void look_at_kind(struct arc_scan *s)
{
    s->x->format = archive_format(s->a) & ARCHIVE_FORMAT_BASE_MASK;
    s->x->is_plain = archive_filter_count(s->a) == 1;
}

/* What is left of an entry in what is compressed as a whole: it is decoded in any case, so that its
 * bytes are counted. */
static smbkit_status pass_over(struct arc_scan *s)
{
    uint64_t size;
    return s->x->is_plain ? SMBKIT_STATUS_SUCCESS : count_data(s, &size);
}

static smbkit_status scan_entries(struct arc_scan *s, char *error)
{
    uint32_t failures = 0;
    uint32_t ordinal = 0;
    struct archive_entry *e;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    while (SMBKIT_OK(status) && failures < ARC_FAILURES_MAX) {
        int r = archive_read_next_header(s->a, &e);
        if (s->is_over(s->arg)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        if (r == ARCHIVE_EOF) {
            return status;
        }
        if (r == ARCHIVE_FATAL) {
            const char *why = archive_error_string(s->a);
            snprintf(error, 256, "%s", why ? why : "it cannot be read");
            return SMBKIT_STATUS_DATA_ERROR;
        }
        if (ordinal == 0) {
            look_at_kind(s);
        }
        failures = arc_has_entry(r) ? 0 : failures + 1;
        if (arc_has_entry(r)) {
            status = take_entry(s, e, ordinal);
            status = SMBKIT_OK(status) ? pass_over(s) : status;
        }
        ordinal += r != ARCHIVE_RETRY;
    }
    snprintf(error, 256, "%s",
             SMBKIT_OK(status) ? "too many headers cannot be read"
                               : "it is too large: see unpacked=");
    return SMBKIT_OK(status) ? SMBKIT_STATUS_DATA_ERROR : status;
}

/* The name of the file without what says how it is compressed. */
static void raw_name(struct arc_scan *s)
{
    const char *slash = strrchr(s->set->path, '/');
    snprintf(s->raw_name, sizeof(s->raw_name), "%s", slash ? slash + 1 : s->set->path);
    char *dot = strrchr(s->raw_name, '.');
    if (dot && dot != s->raw_name) {
        *dot = '\0';
    }
}

static smbkit_status scan_as(struct arc_scan *s, enum arc_how how, char *error)
{
    struct arc_source *source = calloc(1, sizeof(*source));
    if (!source) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    source->fd = s->x->fd;
    source->end = s->x->stamp.size;
    source->is_over = s->is_over;
    source->arg = s->arg;
    s->a = arc_source_open(source, s->set, how, error);
    smbkit_status status = SMBKIT_STATUS_DATA_ERROR;
    if (s->a) {
        s->x->is_raw = how == ARC_RAW;
        raw_name(s);
        status = how == ARC_RAW && archive_filter_count(s->a) == 1
                     ? SMBKIT_STATUS_DATA_ERROR /* any file at all */
                     : scan_entries(s, error);
        archive_read_free(s->a);
    }
    free(source);
    return status;
}

static smbkit_status scan_any(struct arc_scan *s, char *error)
{
    locale_t before = arc_locale_enter();
    smbkit_status status = scan_as(s, ARC_ALL, error);
    if (status == SMBKIT_STATUS_DATA_ERROR && s->x->count == 1) {
        char other[256] = "";
        smbkit_status raw = scan_as(s, ARC_RAW, other);
        status = s->x->count > 1 ? raw : status;
        s->x->is_raw = s->x->count > 1;
    }
    if (SMBKIT_OK(status) || s->x->count > 1) {
        arc_links_resolve(s);
    }
    arc_locale_leave(before);
    return status;
}

smbkit_status arc_index_of_file(struct arc_index *x, int fd)
{
    struct stat st;
    x->fd = fd;
    if (fstat(fd, &st) != 0) {
        return smbkit_status_from_errno(errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    x->stamp = arc_stamp_of(&st);
    x->nodes[ARC_ROOT].write_time = filetime(x->stamp.sec, x->stamp.nsec);
    x->nodes[ARC_ROOT].create_time = x->nodes[ARC_ROOT].write_time;
    return SMBKIT_STATUS_SUCCESS;
}

struct arc_index *arc_index_open(const char *path, char *error)
{
    struct arc_index *x = arc_index_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (!x || fd < 0) {
        int why = x ? errno : ENOMEM;
        snprintf(error, 256, "%s", strerror(why));
        arc_index_unref(x);
        if (fd >= 0) {
            close(fd);
        }
        errno = why;
        return NULL;
    }
    if (!SMBKIT_OK(arc_index_of_file(x, fd))) {
        snprintf(error, 256, "it is no file");
        arc_index_unref(x);
        errno = EINVAL;
        return NULL;
    }
    return x;
}

/* Folders that the archive does not name have the time of the archive. No more memory than needed.
 */
static void finish(struct arc_index *x, const struct arc_settings *set)
{
    if (set->is_nested && x->depth < ARC_NESTED_DEPTH) {
        arc_nested_add(x);
    }
    struct arc_node *nodes = realloc(x->nodes, x->count * sizeof(*nodes));
    char *names = realloc(x->names, x->names_len);
    x->nodes = nodes ? nodes : x->nodes;
    x->names = names ? names : x->names;
    for (uint32_t i = 1; i < x->count; i++) {
        struct arc_node *n = &x->nodes[i];
        if ((n->flags & ARC_MADE) && n->write_time == 0) {
            n->write_time = x->nodes[ARC_ROOT].write_time;
            n->create_time = n->write_time;
        }
    }
}

smbkit_status arc_scan(const struct arc_settings *set, int (*is_over)(void *arg), void *arg,
                       struct arc_index **index, char *error)
{
    struct arc_scan s = {.x = *index, .set = set, .is_over = is_over, .arg = arg};
    smbkit_status status = scan_any(&s, error);
    *index = NULL;
    for (uint32_t i = 0; i < s.late_count; i++) {
        free(s.late[i].target);
    }
    free(s.late);
    int is_some = s.x->count > 1 && status != SMBKIT_STATUS_CANCELLED;
    if (!SMBKIT_OK(status) && !is_some) {
        arc_index_unref(s.x);
        return status;
    }
    char name[300];
    if (!SMBKIT_OK(status)) {
        smbkit_log(0, "archive served in part file=%s reason=%s entries=%u",
                   smbkit_quote(set->path, name, sizeof(name)), error, s.x->count - 1);
    }
    if (s.left_out > ARC_TOLD_MAX) {
        smbkit_log(1, "archive entries left out file=%s count=%u",
                   smbkit_quote(set->path, name, sizeof(name)), s.left_out);
    }
    finish(s.x, set);
    *index = s.x;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- is it one? ---- */

static int never(void *arg)
{
    (void)arg;
    return 0;
}

static smbkit_status probe_as(const struct arc_index *x, const struct arc_settings *set,
                              enum arc_how how, char *error)
{
    struct arc_source *source = calloc(1, sizeof(*source));
    struct archive_entry *e;
    if (!source) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    source->fd = x->fd;
    source->end = x->stamp.size;
    source->is_over = never;
    struct archive *a = arc_source_open(source, set, how, error);
    int r = a ? archive_read_next_header(a, &e) : ARCHIVE_FATAL;
    int is_any_file = a && how == ARC_RAW && archive_filter_count(a) == 1;
    if (a && r == ARCHIVE_FATAL) {
        snprintf(error, 256, "%s", archive_error_string(a) ? archive_error_string(a) : "unknown");
    }
    archive_read_free(a);
    free(source);
    return r == ARCHIVE_FATAL || is_any_file ? SMBKIT_STATUS_INVALID_PARAMETER
                                             : SMBKIT_STATUS_SUCCESS;
}

smbkit_status arc_probe(const struct arc_settings *set, char *error)
{
    char other[256];
    struct arc_index *x = arc_index_open(set->path, error);
    if (!x) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    locale_t before = arc_locale_enter();
    smbkit_status status = probe_as(x, set, ARC_ALL, error);
    if (!SMBKIT_OK(status)) {
        status = probe_as(x, set, ARC_RAW, other);
    }
    arc_locale_leave(before);
    arc_index_unref(x);
    return status;
}
