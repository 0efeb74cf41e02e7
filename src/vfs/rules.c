/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/rules.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/path.h"
#include "vfs/wildcard.h"

static smbkit_status patterns_add(struct patterns *p, const char *text, size_t len)
{
    CLEANUP_MEM char *pattern = str_ndup(text, len);
    struct wildcard *w = pattern ? wildcard_new(pattern) : NULL;
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    p->list[p->count++] = w;
    return SMBKIT_STATUS_SUCCESS;
}

static size_t part_len(const char *p, char end)
{
    size_t n = 0;
    while (p[n] && p[n] != end) {
        n++;
    }
    return n;
}

/* "/one/two/": what stands between slashes, which no name has. */
static smbkit_status patterns_init(struct patterns *p, const char *text)
{
    *p = (struct patterns){0};
    size_t most = 1;
    for (const char *c = text; c && *c; c++) {
        most += *c == '/';
    }
    if (most > RULES_PATTERNS_MAX + 2) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    p->list = mem_calloc(most, sizeof(struct wildcard *));
    smbkit_status st = p->list ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    while (SMBKIT_OK(st) && text && *text) {
        size_t len = part_len(text, '/');
        st = len > 0 ? patterns_add(p, text, len) : st;
        text += len + (text[len] == '/');
    }
    return st;
}

static void patterns_fini(struct patterns *p)
{
    for (size_t i = 0; i < p->count; i++) {
        wildcard_free(p->list[i]);
    }
    mem_free(p->list);
    *p = (struct patterns){0};
}

static bool patterns_match(const struct patterns *p, const char *name)
{
    bool match = false;
    for (size_t i = 0; i < p->count && !match; i++) {
        match = wildcard_matches(p->list[i], name);
    }
    return match;
}

smbkit_status rules_init(struct rules *r, const char *veto_files, const char *hide_files)
{
    smbkit_status st = patterns_init(&r->veto, veto_files);
    return SMBKIT_OK(st) ? patterns_init(&r->hide, hide_files) : st;
}

void rules_fini(struct rules *r)
{
    patterns_fini(&r->veto);
    patterns_fini(&r->hide);
}

bool rules_veto_name(const struct vfs_volume *v, const char *name)
{
    return patterns_match(&v->rules.veto, name);
}

smbkit_status rules_check_path(const struct vfs_volume *v, const char *path)
{
    if (v->rules.veto.count == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    while (*path) {
        size_t len = part_len(path, '/');
        CLEANUP_MEM char *name = str_ndup(path, MIN(len, part_len(path, ':')));
        bool is_last = path[len] == '\0';
        if (!name) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        if (rules_veto_name(v, name)) {
            return is_last ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND
                           : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
        }
        path += len + !is_last;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static bool is_dot_file(const char *name)
{
    return name[0] == '.' && !str_eq(name, ".") && !str_eq(name, "..");
}

void rules_dress(const struct vfs_volume *v, const char *name, struct smbkit_attr *a)
{
    bool is_hidden = (volume_has(v, VFS_HIDE_DOT_FILES) && is_dot_file(name)) ||
                     patterns_match(&v->rules.hide, name);
    if (is_hidden) {
        a->attributes = (a->attributes & ~SMBKIT_ATTR_NORMAL) | SMBKIT_ATTR_HIDDEN;
    }
}

void rules_dress_open(struct vfs_open *o, struct smbkit_attr *a)
{
    if (!volume_has(o->volume, VFS_HIDE_DOT_FILES) && o->volume->rules.hide.count == 0) {
        return;
    }
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    if (path) { /* without memory it shows as it is */
        rules_dress(o->volume, path_leaf(path), a);
    }
}
