/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's file, as libarchive reads it. Which formats are asked for is said here: all but
 * those that read other files of the host (mtree) or run programs (lrzip, grzip). */
#include "arc_priv.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

struct arc_stamp arc_stamp_of(const struct stat *st)
{
    return (struct arc_stamp){.device = st->st_dev,
                              .inode = st->st_ino,
                              .size = (uint64_t)st->st_size,
                              .sec = st->st_mtim.tv_sec,
                              .nsec = st->st_mtim.tv_nsec,
                              .change_sec = st->st_ctim.tv_sec,
                              .change_nsec = st->st_ctim.tv_nsec};
}

int arc_stamp_is(const struct arc_stamp *a, const struct arc_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->sec == b->sec && a->nsec == b->nsec && a->change_sec == b->change_sec &&
           a->change_nsec == b->change_nsec;
}

int arc_stamp_now(const struct arc_settings *set, struct arc_stamp *stamp)
{
    struct stat st;
    if (stat(set->path, &st) != 0) {
        return 0;
    }
    *stamp = arc_stamp_of(&st);
    return 1;
}

/* ---- the locale ---- */

static locale_t utf8;

void arc_locale_init(void)
{
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

void arc_locale_fini(void)
{
    if (utf8) {
        freelocale(utf8);
        utf8 = (locale_t)0;
    }
}

locale_t arc_locale_enter(void)
{
    return utf8 ? uselocale(utf8) : (locale_t)0;
}

void arc_locale_leave(locale_t before)
{
    if (before) {
        uselocale(before);
    }
}

/* ---- callbacks ---- */

static la_ssize_t source_read(struct archive *a, void *arg, const void **block_r)
{
    struct arc_source *s = arg;
    if (s->is_over && s->is_over(s->arg)) {
        archive_set_error(a, ECANCELED, "given up");
        return ARCHIVE_FATAL;
    }
    uint64_t left = s->at < s->end ? s->end - s->at : 0;
    size_t len = left < ARC_BLOCK ? (size_t)left : ARC_BLOCK;
    ssize_t n;
    do {
        n = pread(s->fd, s->block, len, (off_t)s->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(a, errno, "the file cannot be read");
        return ARCHIVE_FATAL;
    }
    s->at += (uint64_t)n;
    *block_r = s->block;
    return n;
}

static la_int64_t source_skip(struct archive *a, void *arg, la_int64_t want)
{
    struct arc_source *s = arg;
    (void)a;
    uint64_t left = s->at < s->end ? s->end - s->at : 0;
    uint64_t n = want < 0 ? 0 : (uint64_t)want;
    n = n < left ? n : left;
    s->at += n;
    return (la_int64_t)n;
}

static la_int64_t source_seek(struct archive *a, void *arg, la_int64_t offset, int whence)
{
    struct arc_source *s = arg;
    (void)a;
    uint64_t from = whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->end : s->base;
    int64_t to = 0;
    if (__builtin_add_overflow((int64_t)from, offset, &to) || to < (int64_t)s->base ||
        to > (int64_t)s->end) {
        return ARCHIVE_FATAL;
    }
    s->at = (uint64_t)to;
    return to - (int64_t)s->base;
}

/* ---- opening ---- */

typedef int (*support_fn)(struct archive *a);

static void support(struct archive *a, const support_fn *list)
{
    for (; *list; list++) {
        (*list)(a); /* ARCHIVE_WARN: this libarchive lacks it */
    }
}

static void support_filters(struct archive *a)
{
    static const support_fn filters[] = {archive_read_support_filter_bzip2,
                                         archive_read_support_filter_compress,
                                         archive_read_support_filter_gzip,
                                         archive_read_support_filter_lz4,
                                         archive_read_support_filter_lzip,
                                         archive_read_support_filter_lzma,
                                         archive_read_support_filter_rpm,
                                         archive_read_support_filter_uu,
                                         archive_read_support_filter_xz,
                                         archive_read_support_filter_zstd,
                                         NULL};
    support(a, filters);
}

static void support_formats(struct archive *a)
{
    static const support_fn formats[] = {archive_read_support_format_7zip,
                                         archive_read_support_format_ar,
                                         archive_read_support_format_cab,
                                         archive_read_support_format_cpio,
                                         archive_read_support_format_iso9660,
                                         archive_read_support_format_lha,
                                         archive_read_support_format_rar,
                                         archive_read_support_format_rar5,
                                         archive_read_support_format_tar,
                                         archive_read_support_format_warc,
                                         archive_read_support_format_xar,
                                         archive_read_support_format_zip,
                                         NULL};
    support(a, formats);
}

static void set_up(struct archive *a, const struct arc_settings *set, enum arc_how how)
{
    switch (how) {
    case ARC_ALL:
        support_filters(a);
        support_formats(a);
        break;
    case ARC_RAW:
        support_filters(a);
        archive_read_support_format_raw(a);
        break;
    case ARC_TAR_ALONE:
        archive_read_support_format_tar(a);
        break;
    case ARC_ZIP_ALONE:
        archive_read_support_format_zip_streamable(a);
        break;
    }
    for (uint32_t i = 0; i < ARC_PASSPHRASES_MAX && set->passphrases[i]; i++) {
        archive_read_add_passphrase(a, set->passphrases[i]);
    }
}

struct archive *arc_source_open(struct arc_source *s, const struct arc_settings *set,
                                enum arc_how how, char *error)
{
    struct archive *a = archive_read_new();
    if (!a) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    set_up(a, set, how);
    archive_read_set_callback_data(a, s);
    archive_read_set_read_callback(a, source_read);
    if (how != ARC_ZIP_ALONE) { /* which would look for a directory at the end */
        archive_read_set_seek_callback(a, source_seek);
    }
    archive_read_set_skip_callback(a, source_skip);
    if (archive_read_open1(a) < ARCHIVE_WARN) {
        const char *why = archive_error_string(a);
        snprintf(error, 256, "%s", why ? why : "it cannot be read");
        archive_read_free(a);
        return NULL;
    }
    return a;
}
