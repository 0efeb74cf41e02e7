/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that rules are made of, and small steps that are no test by themselves. */
#include "kit/kit_priv.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/attr.h"

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"ANY", "FILE", "DIRECTORY"};
    return kind < ARRAY_LEN(names) ? names[kind] : "?";
}

static const char *disposition_name(uint32_t disposition)
{
    return disposition == SMBKIT_CREATE ? "CREATE" : "OPEN";
}

/* ---- files ---- */

static void create_what(const struct smbkit_create *how, char what[KIT_TEXT_MAX])
{
    str_format(what, KIT_TEXT_MAX, "%s%s%s, %s, %s%s", quoted(how->path).text,
               how->stream ? ", stream " : "", how->stream ? quoted(how->stream).text : "",
               disposition_name(how->disposition), kind_name(how->kind),
               how->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT ? ", OPEN_REPARSE_POINT" : "");
}

smbkit_status kit_create(struct kit_actor *a, struct kit_file *f, const struct smbkit_create *how)
{
    struct vfs_volume *v = a->kit->volume;
    char what[KIT_TEXT_MAX];
    f->is_open = false;
    f->attr = (struct smbkit_attr){.struct_size = sizeof(f->attr)};
    struct smbkit_create args = *how;
    args.struct_size = sizeof(args);
    args.attr = &f->attr;
    create_what(how, what);
    smbkit_status st = kit_call(a, NULL, SMBKIT_OP_create, &args, what);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    f->door = (struct door_file){.volume = v, .file = args.file};
    mutex_init(&f->serial);
    f->door.serial = v->serializes_files ? &f->serial : NULL;
    f->is_open = true;
    atomic_store(&f->is_changed, false);
    str_format(f->path, sizeof(f->path), "%s%s%s", how->path, how->stream ? ":" : "",
               how->stream ? how->stream : "");
    return st;
}

smbkit_status kit_open(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind)
{
    bool is_read_only = a->kit->is_read_only;
    const struct smbkit_create how = {
        .disposition = SMBKIT_OPEN,
        .path = path,
        .kind = kind,
        .access = is_read_only ? SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES : SMBKIT_ALL_ACCESS};
    return kit_create(a, f, &how);
}

smbkit_status kit_make(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind)
{
    bool is_directory = kind == SMBKIT_KIND_DIRECTORY;
    const struct smbkit_create how = {.disposition = SMBKIT_CREATE,
                                      .path = path,
                                      .kind = kind,
                                      .access = SMBKIT_ALL_ACCESS,
                                      .attributes = is_directory ? SMBKIT_ATTR_DIRECTORY
                                                                 : SMBKIT_ATTR_ARCHIVE};
    return kit_create(a, f, &how);
}

void kit_close(struct kit_actor *a, struct kit_file *f)
{
    if (!f->is_open) {
        return;
    }
    const struct vfs_call call = {.token = a->kit->token};
    char before[KIT_TEXT_MAX];
    f->is_open = false;
    kit_call_text(a, before);
    if (atomic_load(&f->is_changed) && kit_has(a->kit, SMBKIT_OP_commit)) {
        struct smbkit_flush args = {.struct_size = sizeof(args)};
        (void)kit_call(a, f, SMBKIT_OP_commit, &args, "");
    }
    kit_calling(a, "close(%s)", quoted(f->path).text);
    door_close(&call, &f->door);
    kit_calling(a, "%s", before); /* it answers nothing: what is told is what came before it */
    kit_called(a);
    mutex_fini(&f->serial);
}

smbkit_status kit_lookup(struct kit_actor *a, const char *path, struct smbkit_attr *attr)
{
    struct smbkit_lookup args = {.struct_size = sizeof(args), .path = path, .attr = attr};
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return kit_call(a, NULL, SMBKIT_OP_lookup, &args, quoted(path).text);
}

smbkit_status kit_getattr(struct kit_actor *a, struct kit_file *f, struct smbkit_attr *attr)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return kit_call(a, f, SMBKIT_OP_getattr, attr, "");
}

smbkit_status kit_setattr(struct kit_actor *a, struct kit_file *f, const struct smbkit_attr *attr)
{
    struct smbkit_attr args = *attr;
    char what[64];
    args.struct_size = sizeof(args);
    str_format(what, sizeof(what), "valid 0x%x", args.valid);
    return kit_call(a, f, SMBKIT_OP_setattr, &args, what);
}

smbkit_status kit_set_size(struct kit_actor *a, struct kit_file *f, uint64_t size)
{
    struct smbkit_size args = {.struct_size = sizeof(args), .size = size};
    char what[64];
    str_format(what, sizeof(what), "size %llu", (unsigned long long)size);
    return kit_call(a, f, SMBKIT_OP_set_size, &args, what);
}

smbkit_status kit_remove(struct kit_actor *a, struct kit_file *f)
{
    struct smbkit_remove args = {.struct_size = sizeof(args)};
    return kit_call(a, f, SMBKIT_OP_remove, &args, "");
}

smbkit_status kit_rename(struct kit_actor *a, struct kit_file *f, const char *to, uint32_t flags)
{
    struct smbkit_rename args = {.struct_size = sizeof(args), .flags = flags, .new_path = to};
    char what[KIT_TEXT_MAX];
    str_format(what, sizeof(what), "to %s%s", quoted(to).text,
               flags & SMBKIT_RENAME_REPLACE ? ", REPLACE" : "");
    smbkit_status st = kit_call(a, f, SMBKIT_OP_rename, &args, what);
    if (SMBKIT_OK(st)) {
        str_copy(f->path, sizeof(f->path), to);
    }
    return st;
}

smbkit_status kit_value(struct kit_actor *a, struct kit_file *f, uint32_t id, uint64_t *value)
{
    struct smbkit_value args = {.struct_size = sizeof(args), .value = *value};
    char what[64];
    str_format(what, sizeof(what), "value %llu", (unsigned long long)*value);
    smbkit_status st = kit_call(a, f, id, &args, what);
    *value = args.value;
    return st;
}

smbkit_status kit_copy(struct kit_actor *a, struct kit_file *f, uint32_t id, struct smbkit_copy *c)
{
    char what[128];
    c->struct_size = sizeof(*c);
    str_format(what, sizeof(what), "from offset %llu to offset %llu, length %llu",
               (unsigned long long)c->source_offset, (unsigned long long)c->offset,
               (unsigned long long)c->length);
    return kit_call(a, f, id, c, what);
}

smbkit_status kit_span(struct kit_actor *a, struct kit_file *f, uint32_t id,
                       const struct smbkit_range *r)
{
    struct smbkit_span args = {
        .struct_size = sizeof(args), .offset = r->offset, .length = r->length};
    char what[96];
    str_format(what, sizeof(what), "offset %llu, length %llu", (unsigned long long)r->offset,
               (unsigned long long)r->length);
    return kit_call(a, f, id, &args, what);
}

/* ---- steps ---- */

bool kit_must_open(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind)
{
    return kit_ok(a, kit_open(a, f, path, kind));
}

bool kit_must_make(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind)
{
    return kit_ok(a, kit_make(a, f, path, kind));
}

bool kit_must_write(struct kit_actor *a, struct kit_file *f, uint64_t offset, const char *text)
{
    const struct smbkit_range r = {.offset = offset, .length = str_len(text)};
    return kit_ok(a, kit_write(a, f, &r, text, 0));
}

bool kit_must_put(struct kit_actor *a, const char *path, const char *text)
{
    struct kit_file f;
    if (!kit_must_make(a, &f, path, SMBKIT_KIND_FILE)) {
        return false;
    }
    bool ok = text[0] == '\0' || kit_must_write(a, &f, 0, text);
    kit_close(a, &f);
    return ok;
}

bool kit_must_mkdir(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    bool ok = kit_must_make(a, &f, path, SMBKIT_KIND_DIRECTORY);
    kit_close(a, &f);
    return ok;
}

#define HOLD_MAX 512u
bool kit_must_hold_open(struct kit_actor *a, struct kit_file *f, const char *text)
{
    char buf[HOLD_MAX];
    const struct smbkit_range all = {.offset = 0, .length = sizeof(buf)};
    uint32_t done;
    size_t len = str_len(text);
    ASSERT(len < HOLD_MAX);
    if (!kit_ok(a, kit_read(a, f, &all, buf, &done))) {
        return false;
    }
    if (done != len) {
        return kit_fault(a, "%u bytes; the file holds %zu", done, len);
    }
    return mem_eq(buf, text, len) || kit_fault(a, "other bytes than were written");
}

bool kit_must_hold(struct kit_actor *a, const char *path, const char *text)
{
    struct kit_file f;
    if (!kit_must_open(a, &f, path, SMBKIT_KIND_FILE)) {
        return false;
    }
    bool ok = kit_must_hold_open(a, &f, text);
    kit_close(a, &f);
    return ok;
}

bool kit_must_miss(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    struct smbkit_attr attr;
    smbkit_status st = kit_open(a, &f, path, SMBKIT_KIND_ANY);
    kit_close(a, &f);
    return kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) &&
           kit_is(a, kit_lookup(a, path, &attr), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

bool kit_must_remove(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    if (!kit_must_open(a, &f, path, SMBKIT_KIND_FILE)) {
        return false;
    }
    bool ok = kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    return ok;
}
