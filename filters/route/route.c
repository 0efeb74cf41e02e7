/* SPDX-License-Identifier: Apache-2.0 */
/* route: several volumes under one share: folders of its root are volumes of their own.
 *
 * A call goes to the volume in which its file lies, or its path; whatever is answered comes back as
 * it is, but for paths and for ids, which are one volume's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "every.h"
#include "letters.h"
#include "pass.h"
#include "route.h"

/* ---- files ---- */

struct creating {
    struct route *route;
    const struct route_mount *mount;
    struct smbkit_create *how;
    const char *path; /* as it was asked for */
    struct route_file *file;
};

static smbkit_status create_end(void *arg, smbkit_status status)
{
    const struct creating c = *(struct creating *)arg;
    free(arg);
    c.how->path = c.path;
    if (!SMBKIT_OK(status)) {
        free(c.file);
        return status;
    }
    *c.file = (struct route_file){.mount = c.mount, .below = c.how->file, .is_root = !*c.path};
    c.file->is_mount = c.mount->name[0] && !strchr(c.path, '/');
    c.how->file = c.file;
    route_mix_id(c.mount, c.how->attr);
    return status;
}

static smbkit_status route_create(struct route *r, const struct pass_call *c)
{
    struct smbkit_create *how = c->args;
    const char *rest;
    const struct route_mount *m = route_find(r, how->path, &rest);
    if (m->is_read_only && how->disposition == SMBKIT_CREATE) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    struct creating *x = malloc(sizeof(*x));
    struct route_file *f = calloc(1, sizeof(*f));
    if (!x || !f) {
        free(x);
        free(f);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *x = (struct creating){.route = r, .mount = m, .how = how, .path = how->path, .file = f};
    how->path = rest;
    return pass_down(m->next, c, create_end, x);
}

struct looking {
    const struct route_mount *mount;
    struct smbkit_lookup *how;
    const char *path;
};

static smbkit_status lookup_end(void *arg, smbkit_status status)
{
    const struct looking l = *(struct looking *)arg;
    free(arg);
    l.how->path = l.path;
    if (SMBKIT_OK(status)) {
        route_mix_id(l.mount, l.how->attr);
    }
    return status;
}

static smbkit_status route_lookup(struct route *r, const struct pass_call *c)
{
    struct smbkit_lookup *how = c->args;
    const char *rest;
    const struct route_mount *m = route_find(r, how->path, &rest);
    struct looking *l = malloc(sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *l = (struct looking){.mount = m, .how = how, .path = how->path};
    how->path = rest;
    return pass_down(m->next, c, lookup_end, l);
}

static void route_close(void *volume, struct smbkit_op *op, void *file)
{
    struct route_file *f = file;
    (void)volume;
    smbkit_next_close(f->mount->next, op, f->below);
    free(f);
}

static void *route_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct route_file *)file)->below;
}

/* ---- answers that are one volume's ---- */

struct telling {
    const struct route_mount *mount;
    struct smbkit_attr *attr;
};

static smbkit_status attr_end(void *arg, smbkit_status status)
{
    const struct telling t = *(struct telling *)arg;
    free(arg);
    if (SMBKIT_OK(status)) {
        route_mix_id(t.mount, t.attr);
    }
    return status;
}

static smbkit_status pass_attr(const struct route_file *f, const struct pass_call *c,
                               struct smbkit_attr *attr)
{
    struct telling *t = malloc(sizeof(*t));
    if (!t) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *t = (struct telling){.mount = f->mount, .attr = attr};
    return pass_down(f->mount->next, c, attr_end, t);
}

struct spelling {
    const struct route_mount *mount;
    struct smbkit_buffer *out;
    struct smbkit_buffer below;
};

/* The folder's name before what the volume says. */
static smbkit_status path_end(void *arg, smbkit_status status)
{
    const struct spelling s = *(struct spelling *)arg;
    size_t len = strlen(s.mount->name);
    free(arg);
    if (!SMBKIT_OK(status) && status != SMBKIT_STATUS_BUFFER_TOO_SMALL) {
        return status;
    }
    s.out->len = (uint32_t)len + (s.below.len > 0 ? 1 + s.below.len : 0);
    if (s.out->len > s.out->cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    memcpy(s.out->base, s.mount->name, len);
    if (s.below.len > 0) {
        s.out->base[len] = '/';
        memcpy(s.out->base + len + 1, s.below.base, s.below.len);
    }
    return status;
}

static smbkit_status route_get_path(const struct route_file *f, const struct pass_call *c)
{
    struct spelling *s = malloc(sizeof(*s));
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_buffer *out = c->args;
    uint32_t before = (uint32_t)strlen(f->mount->name) + 1;
    *s = (struct spelling){.mount = f->mount, .out = out};
    if (out->cap > before) {
        s->below = (struct smbkit_buffer){.base = out->base + before, .cap = out->cap - before};
    }
    struct pass_call below = *c;
    below.args = &s->below;
    return pass_down(f->mount->next, &below, path_end, s);
}

struct asking {
    struct smbkit_volume_info *info;
    void *file;
};

static smbkit_status info_end(void *arg, smbkit_status status)
{
    const struct asking a = *(struct asking *)arg;
    free(arg);
    a.info->file = a.file;
    return status;
}

/* Of the volume in which the file is. */
static smbkit_status route_volume_info(struct route *r, const struct pass_call *c)
{
    struct smbkit_volume_info *info = c->args;
    const struct route_file *f = info->file;
    struct asking *a = malloc(sizeof(*a));
    if (!a) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *a = (struct asking){.info = info, .file = info->file};
    info->file = f ? f->below : NULL;
    return pass_down(f ? f->mount->next : r->mounts[0].next, c, info_end, a);
}

/* ---- changes of names ---- */

struct renaming {
    struct smbkit_rename a;
};

static smbkit_status rename_end(void *arg, smbkit_status status)
{
    free(arg);
    return status;
}

static smbkit_status route_rename(struct route *r, const struct route_file *f,
                                  const struct pass_call *c)
{
    const struct smbkit_rename *how = c->args;
    const char *rest;
    const struct route_mount *to = route_find(r, how->new_path, &rest);
    if (f->is_mount && !how->new_stream) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* the folder is where the configuration has it */
    }
    if (to != f->mount) {
        return SMBKIT_STATUS_NOT_SAME_DEVICE;
    }
    struct renaming *x = malloc(sizeof(*x));
    if (!x) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *x = (struct renaming){.a = *how};
    x->a.new_path = rest;
    struct pass_call below = *c;
    below.args = &x->a;
    return pass_down(to->next, &below, rename_end, x);
}

/* ---- which call ---- */

static smbkit_status of_volume(struct route *r, const struct pass_call *c)
{
    switch (c->id) {
    case SMBKIT_OP_create:
        return route_create(r, c);
    case SMBKIT_OP_lookup:
        return route_lookup(r, c);
    case SMBKIT_OP_volume_info:
        return route_volume_info(r, c);
    default:
        return pass_next(r->mounts[0].next, c);
    }
}

static bool changes(uint32_t id, const void *args)
{
    static const uint32_t ids[] = {
        SMBKIT_OP_rename,       SMBKIT_OP_link,         SMBKIT_OP_remove,
        SMBKIT_OP_check_remove, SMBKIT_OP_setattr,      SMBKIT_OP_write,
        SMBKIT_OP_set_size,     SMBKIT_OP_overwrite,    SMBKIT_OP_allocate,
        SMBKIT_OP_zero_range,   SMBKIT_OP_trim,         SMBKIT_OP_copy_range,
        SMBKIT_OP_clone_range,  SMBKIT_OP_set_ea,       SMBKIT_OP_set_reparse,
        SMBKIT_OP_set_sparse,   SMBKIT_OP_set_security, SMBKIT_OP_set_compression};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return id == SMBKIT_OP_object_id &&
           ((const struct smbkit_object_id *)args)->flags != SMBKIT_OBJECT_ID_GET;
}

/* c: as the volume of the file is to see it. */
static smbkit_status of_file(struct route *r, const struct route_file *f, const struct pass_call *c)
{
    switch (c->id) {
    case SMBKIT_OP_getattr:
        return pass_attr(f, c, c->args);
    case SMBKIT_OP_overwrite:
        return pass_attr(f, c, ((struct smbkit_overwrite *)c->args)->attr);
    case SMBKIT_OP_enumerate:
        return route_enumerate(r, f, c);
    case SMBKIT_OP_get_path:
        return f->mount->name[0] ? route_get_path(f, c) : pass_next(f->mount->next, c);
    case SMBKIT_OP_rename:
    case SMBKIT_OP_link:
        return route_rename(r, f, c);
    case SMBKIT_OP_remove:
        return f->is_mount ? SMBKIT_STATUS_ACCESS_DENIED : pass_next(f->mount->next, c);
    case SMBKIT_OP_check_remove:
        return f->is_mount ? SMBKIT_STATUS_CANNOT_DELETE : pass_next(f->mount->next, c);
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
        return route_copy(f, c);
    default:
        return pass_next(f->mount->next, c);
    }
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct route *r = volume;
    const struct route_file *f = file;
    const struct pass_call c = {
        .op = op, .id = id, .file = f ? f->below : NULL, .args = args, .owned = NULL};
    if (!f) {
        return of_volume(r, &c);
    }
    return f->mount->is_read_only && changes(id, args) ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED
                                                       : of_file(r, f, &c);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static const struct smbkit_plugin route_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "route",
    .description = "several volumes under one share",
    .version = "1",
    .config_help = "/NAME=PLUGIN:ARGS  what the folder NAME of the root holds; of ARGS each comma "
                   "is written twice; up to 63 times\n",
    .volume_open = route_volume_open,
    .volume_close = route_volume_close,
    .close = route_close,
    .file_below = route_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(route_filter)
