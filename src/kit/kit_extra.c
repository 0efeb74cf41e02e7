/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of what else a file may have: streams, EAs, a descriptor, a reparse point, an object id. */
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"

/* ---- streams ---- */

static smbkit_status stream_create(struct kit_actor *a, struct kit_file *f, const char *stream,
                                   uint32_t disposition)
{
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_create how = {.disposition = disposition,
                                      .path = p.s,
                                      .stream = stream,
                                      .kind = SMBKIT_KIND_FILE,
                                      .access = SMBKIT_ALL_ACCESS};
    return kit_create(a, f, &how);
}

static bool stream_put(struct kit_actor *a, const char *stream, const char *text)
{
    struct kit_file f;
    if (!kit_ok(a, stream_create(a, &f, stream, SMBKIT_CREATE))) {
        return false;
    }
    bool ok = kit_must_write(a, &f, 0, text);
    kit_close(a, &f);
    return ok;
}

static bool stream_holds(struct kit_actor *a, const char *stream, const char *text)
{
    struct kit_file f;
    if (!kit_ok(a, stream_create(a, &f, stream, SMBKIT_OPEN))) {
        return false;
    }
    bool ok = kit_must_hold_open(a, &f, text);
    if (ok && (f.attr.size != str_len(text) || (f.attr.attributes & SMBKIT_ATTR_DIRECTORY))) {
        ok = kit_fault(a,
                       "size %llu, attributes 0x%x; the stream has %zu bytes, and is no directory",
                       (unsigned long long)f.attr.size, f.attr.attributes, str_len(text));
    }
    kit_close(a, &f);
    return ok;
}

/* The streams of the file are exactly these. */
static bool has_streams(struct kit_actor *a, const char *const *names, uint32_t count)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct kit_listing l;
    kit_listing_init(&l);
    if (!kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return false;
    }
    bool ok = kit_ok(a, kit_streams_more(a, &f, &l));
    for (uint32_t i = 0; ok && i < count; i++) {
        uint32_t times;
        (void)kit_listing_get(&l, names[i], &times);
        ok = times == 1 || kit_fault(a, "stream \"%s\" %u times", names[i], times);
    }
    if (ok && l.count != count) {
        ok = kit_fault(a, "%u streams; there are %u", l.count, count);
    }
    kit_listing_fini(&l);
    kit_close(a, &f);
    return ok;
}

static void streams_apart(struct kit_actor *a)
{
    static const char *const names[] = {"one", "Two"};
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_put(a, p.s, "data")) {
        return;
    }
    smbkit_status st = stream_create(a, &f, "none", SMBKIT_OPEN);
    kit_close(a, &f);
    bool ok = kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) && has_streams(a, names, 0) &&
              stream_put(a, "one", "first") && stream_put(a, "Two", "second one") &&
              stream_holds(a, "one", "first") && stream_holds(a, "tWO", "second one") &&
              kit_must_hold(a, p.s, "data") && has_streams(a, names, 2);
    if (ok) {
        st = stream_create(a, &f, "ONE", SMBKIT_CREATE);
        kit_close(a, &f);
        (void)kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
}

static void streams_remove(struct kit_actor *a)
{
    static const char *const names[] = {"two"};
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_put(a, p.s, "data") || !stream_put(a, "one", "first") ||
        !stream_put(a, "two", "second") || !kit_ok(a, stream_create(a, &f, "one", SMBKIT_OPEN))) {
        return;
    }
    bool ok = kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    (void)(ok && has_streams(a, names, 1) && kit_must_hold(a, p.s, "data") &&
           stream_holds(a, "two", "second"));
}

static void streams_ids(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr;
    if (!kit_must_put(a, p.s, "data") || !stream_put(a, "one", "first") ||
        !kit_ok(a, kit_lookup(a, p.s, &attr)) ||
        !kit_ok(a, stream_create(a, &f, "one", SMBKIT_OPEN))) {
        return;
    }
    if (f.attr.file_id != attr.file_id) {
        kit_fault(a, "file id 0x%llx; that of the file is 0x%llx",
                  (unsigned long long)f.attr.file_id, (unsigned long long)attr.file_id);
    }
    kit_close(a, &f);
}

static void streams_overwrite(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_overwrite args = {
        .struct_size = sizeof(args), .attributes = SMBKIT_ATTR_ARCHIVE, .attr = &attr};
    if (!kit_must_put(a, p.s, "data") || !stream_put(a, "one", "first") ||
        !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_call(a, &f, SMBKIT_OP_overwrite, &args, ""));
    kit_close(a, &f);
    (void)(ok && has_streams(a, NULL, 0) && kit_must_hold(a, p.s, ""));
}

/* ---- extended attributes ---- */

#define EA_ROOM 1024u

/* Append one to a list at buf, whose last began at *last. [MS-FSCC] 2.4.16 */
static uint32_t ea_add(uint8_t *buf, uint32_t at, const char *name, const char *value)
{
    uint32_t n = (uint32_t)str_len(name);
    uint32_t v = (uint32_t)str_len(value);
    buf[at + 4] = 0;
    buf[at + 5] = (uint8_t)n;
    buf[at + 6] = (uint8_t)v;
    buf[at + 7] = 0;
    mem_copy(buf + at + 8, name, n + 1);
    mem_copy(buf + at + 9 + n, value, v);
    return (uint32_t)align_up(at + 9 + n + v, 4);
}

/* A list of one or two. */
static struct smbkit_bytes ea_list(uint8_t buf[EA_ROOM], const char *const pairs[4])
{
    mem_zero(buf, EA_ROOM);
    uint32_t end = ea_add(buf, 0, pairs[0], pairs[1]);
    if (pairs[2]) {
        buf[0] = (uint8_t)end;
        end = ea_add(buf, end, pairs[2], pairs[3]);
    }
    return (struct smbkit_bytes){.base = buf, .len = end};
}

static uint32_t u32_at(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The value of a name, as text in out; false: it is not there. */
static bool ea_get(const struct smbkit_buffer *b, const char *name, char out[256])
{
    uint32_t at = 0;
    while (at + 8 < b->len) {
        const uint8_t *e = b->base + at;
        uint32_t n = e[5];
        uint32_t v = e[6] | (uint32_t)e[7] << 8;
        if (at + 9 + n + v > b->len || v > 255) {
            return false;
        }
        if (str_ieq((const char *)e + 8, name)) {
            mem_copy(out, e + 9 + n, v);
            out[v] = '\0';
            return true;
        }
        if (u32_at(e) == 0) {
            return false;
        }
        at += u32_at(e);
    }
    return false;
}

static bool ea_set(struct kit_actor *a, struct kit_file *f, const char *const pairs[4])
{
    uint8_t buf[EA_ROOM];
    char what[128];
    struct smbkit_set_ea args = {.struct_size = sizeof(args), .ea = ea_list(buf, pairs)};
    str_format(what, sizeof(what), "\"%s\" = \"%s\"", pairs[0], pairs[1]);
    return kit_ok(a, kit_call(a, f, SMBKIT_OP_set_ea, &args, what));
}

/* value NULL: it is not there. */
static bool ea_holds(struct kit_actor *a, struct kit_file *f, const char *name, const char *value)
{
    uint8_t room[EA_ROOM];
    char is[256] = "";
    struct smbkit_get_ea args = {.struct_size = sizeof(args),
                                 .buffer = {.base = room, .cap = sizeof(room)}};
    if (!kit_ok(a, kit_call(a, f, SMBKIT_OP_get_ea, &args, ""))) {
        return false;
    }
    bool has = ea_get(&args.buffer, name, is);
    if (has != (value != NULL)) {
        return kit_fault(a, "a list %s \"%s\"", has ? "with" : "without", name);
    }
    return !has || str_eq(is, value) ||
           kit_fault(a, "\"%s\" = %s; it was set to \"%s\"", name, quoted(is).text, value);
}

static void ea_kept(struct kit_actor *a)
{
    static const char *const first[4] = {"ONE", "first", "TWO", "second"};
    static const char *const change[4] = {"ONE", "changed"};
    static const char *const gone[4] = {"TWO", ""};
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    uint8_t room[8];
    struct smbkit_get_ea small = {.struct_size = sizeof(small),
                                  .buffer = {.base = room, .cap = sizeof(room)}};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = ea_set(a, &f, first) && ea_holds(a, &f, "ONE", "first") &&
              ea_holds(a, &f, "TWO", "second") && ea_set(a, &f, change) &&
              ea_holds(a, &f, "ONE", "changed") && ea_holds(a, &f, "TWO", "second") &&
              ea_set(a, &f, gone) && ea_holds(a, &f, "TWO", NULL) &&
              ea_holds(a, &f, "ONE", "changed") &&
              kit_is(a, kit_call(a, &f, SMBKIT_OP_get_ea, &small, "room for 8 bytes"),
                     SMBKIT_STATUS_BUFFER_TOO_SMALL);
    if (ok && small.buffer.len <= sizeof(room)) {
        kit_fault(a, "BUFFER_TOO_SMALL with len %u; it tells how much room is needed",
                  small.buffer.len);
    }
    kit_close(a, &f);
}

/* ---- descriptors ---- */

static bool sd_make(struct wr *w, enum sd_default_kind kind)
{
    struct secdesc sd;
    struct sid owner = sid_builtin(544);
    sd_init(&sd);
    bool ok = SMBKIT_OK(sd_default(&sd, kind, &owner, &owner));
    if (ok) {
        sd_format(w, &sd, SD_OWNER | SD_GROUP | SD_DACL);
    }
    sd_fini(&sd);
    return ok && wr_ok(w);
}

#define SD_ROOM 4096u
static bool sd_holds(struct kit_actor *a, struct kit_file *f, const struct wr *want)
{
    uint8_t room[SD_ROOM];
    struct smbkit_get_security args = {.struct_size = sizeof(args),
                                       .buffer = {.base = room, .cap = sizeof(room)}};
    if (!kit_ok(a, kit_call(a, f, SMBKIT_OP_get_security, &args, ""))) {
        return false;
    }
    return (args.buffer.len == want->len && mem_eq(room, want->base, want->len)) ||
           kit_fault(a, "a descriptor of %u bytes, or another than was set; that has %zu bytes",
                     args.buffer.len, want->len);
}

static bool sd_set_to(struct kit_actor *a, struct kit_file *f, const struct wr *sd)
{
    struct smbkit_set_security args = {.struct_size = sizeof(args),
                                       .security = {.base = sd->base, .len = (uint32_t)sd->len}};
    return kit_ok(a, kit_call(a, f, SMBKIT_OP_set_security, &args, ""));
}

static void security_kept(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    CLEANUP(wr_fini) struct wr one = wr_new(SD_ROOM);
    CLEANUP(wr_fini) struct wr two = wr_new(SD_ROOM);
    uint8_t room[8];
    struct smbkit_get_security small = {.struct_size = sizeof(small),
                                        .buffer = {.base = room, .cap = sizeof(room)}};
    if (!sd_make(&one, SD_OPEN) || !sd_make(&two, SD_OWNED) ||
        !kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = sd_set_to(a, &f, &one) && sd_holds(a, &f, &one) && sd_set_to(a, &f, &two) &&
              sd_holds(a, &f, &two) &&
              kit_is(a, kit_call(a, &f, SMBKIT_OP_get_security, &small, "room for 8 bytes"),
                     SMBKIT_STATUS_BUFFER_TOO_SMALL);
    if (ok && small.buffer.len != two.len) {
        ok = kit_fault(a, "BUFFER_TOO_SMALL with len %u; the descriptor has %zu bytes",
                       small.buffer.len, two.len);
    }
    kit_close(a, &f);
    if (ok && kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        (void)sd_holds(a, &f, &two);
        kit_close(a, &f);
    }
}

static void security_created(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "folder");
    CLEANUP(wr_fini) struct wr sd = wr_new(SD_ROOM);
    if (!sd_make(&sd, SD_OPEN)) {
        return;
    }
    const struct smbkit_create how = {.disposition = SMBKIT_CREATE,
                                      .path = p.s,
                                      .kind = SMBKIT_KIND_DIRECTORY,
                                      .access = SMBKIT_ALL_ACCESS,
                                      .attributes = SMBKIT_ATTR_DIRECTORY,
                                      .security = {.base = sd.base, .len = (uint32_t)sd.len}};
    if (kit_ok(a, kit_create(a, &f, &how))) {
        (void)sd_holds(a, &f, &sd);
    }
    kit_close(a, &f);
}

/* ---- reparse points ---- */

#define TAG_SYMLINK 0xa000000cu
/* A relative symbolic link to "t". [MS-FSCC] 2.1.2.4 */
static const uint8_t symlink_data[] = {0x0c, 0, 0, 0xa0, 16, 0, 0, 0, 0,   0, 2,   0,
                                       2,    0, 2, 0,    1,  0, 0, 0, 't', 0, 't', 0};

static smbkit_status reparse_get(struct kit_actor *a, struct kit_file *f,
                                 struct smbkit_get_reparse *args, uint8_t room[EA_ROOM])
{
    *args = (struct smbkit_get_reparse){.struct_size = sizeof(*args),
                                        .buffer = {.base = room, .cap = EA_ROOM}};
    return kit_call(a, f, SMBKIT_OP_get_reparse, args, "");
}

static void reparse_kept(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    uint8_t room[EA_ROOM];
    struct smbkit_get_reparse get;
    const struct smbkit_set_reparse set = {
        .struct_size = sizeof(set),
        .tag = TAG_SYMLINK,
        .data = {.base = symlink_data, .len = sizeof(symlink_data)}};
    const struct smbkit_create itself = {.disposition = SMBKIT_OPEN,
                                         .path = p.s,
                                         .access = SMBKIT_READ_ATTRIBUTES | SMBKIT_DELETE,
                                         .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok =
        kit_is(a, reparse_get(a, &f, &get, room), SMBKIT_STATUS_NOT_A_REPARSE_POINT) &&
        kit_ok(a, kit_call(a, &f, SMBKIT_OP_set_reparse, (void *)(uintptr_t)&set, "a symlink"));
    kit_close(a, &f);
    if (!ok || !kit_ok(a, kit_create(a, &f, &itself))) {
        return;
    }
    if (!(f.attr.attributes & SMBKIT_ATTR_REPARSE_POINT)) {
        ok = kit_fault(a, "attributes 0x%x, without REPARSE_POINT", f.attr.attributes);
    }
    ok = ok && kit_ok(a, reparse_get(a, &f, &get, room));
    if (ok && (get.tag != TAG_SYMLINK || get.buffer.len < sizeof(symlink_data) ||
               u32_at(room) != TAG_SYMLINK)) {
        kit_fault(a, "tag 0x%x, %u bytes; it was set to tag 0x%x with %zu bytes", get.tag,
                  get.buffer.len, TAG_SYMLINK, sizeof(symlink_data));
    }
    kit_close(a, &f);
}

/* ---- object ids ---- */

static smbkit_status object_call(struct kit_actor *a, struct kit_file *f, uint32_t flags,
                                 struct smbkit_object_id *id)
{
    static const char *const names[] = {"GET", "CREATE_OR_GET", "SET", "DELETE"};
    id->struct_size = sizeof(*id);
    id->flags = flags;
    return kit_call(a, f, SMBKIT_OP_object_id, id, names[flags & 3]);
}

static void object_kept(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_object_id none = {.flags = 0};
    struct smbkit_object_id id = {.id = {1, 2, 3, 4, 5, 6, 7, 8}};
    struct smbkit_object_id is = {.flags = 0};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_is(a, object_call(a, &f, SMBKIT_OBJECT_ID_GET, &none),
                     SMBKIT_STATUS_OBJECTID_NOT_FOUND) &&
              kit_ok(a, object_call(a, &f, SMBKIT_OBJECT_ID_CREATE_OR_GET, &id)) &&
              kit_ok(a, object_call(a, &f, SMBKIT_OBJECT_ID_GET, &is));
    if (ok && !mem_eq(is.id, id.id, sizeof(id.id))) {
        ok = kit_fault(a, "another id than CREATE_OR_GET answered");
    }
    ok = ok && kit_ok(a, object_call(a, &f, SMBKIT_OBJECT_ID_DELETE, &none)) &&
         kit_is(a, object_call(a, &f, SMBKIT_OBJECT_ID_GET, &none),
                SMBKIT_STATUS_OBJECTID_NOT_FOUND);
    kit_close(a, &f);
}

#define RULE(id, part, text) .name = id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_extra[] = {
    {RULE("streams.apart", "streams", "a stream has its own data, and is listed once"),
     .features = SMBKIT_FEATURE_STREAMS, .op = KIT_OP(streams), .fn = streams_apart},
    {RULE("streams.remove", "remove", "a stream is removed by itself"),
     .features = SMBKIT_FEATURE_STREAMS, .op = KIT_OP(streams), .fn = streams_remove},
    {RULE("streams.ids", "create", "a stream has the id of its file"),
     .features = SMBKIT_FEATURE_STREAMS, .op = KIT_OP(streams), .fn = streams_ids},
    {RULE("streams.overwrite", "overwrite", "overwrite drops the streams"),
     .features = SMBKIT_FEATURE_STREAMS, .op = KIT_OP(overwrite), .fn = streams_overwrite},
    {RULE("ea.kept", "set_ea", "EAs are set, changed, and taken away by an empty value"),
     .features = SMBKIT_FEATURE_EAS, .op = KIT_OP(set_ea), .fn = ea_kept},
    {RULE("security.kept", "set_security", "a descriptor is kept as it is set"),
     .features = SMBKIT_FEATURE_SECURITY, .op = KIT_OP(set_security), .fn = security_kept},
    {RULE("security.created", "create", "what is made with a descriptor has it"),
     .features = SMBKIT_FEATURE_SECURITY, .op = KIT_OP(get_security), .fn = security_created},
    {RULE("reparse.kept", "set_reparse", "a reparse point is told with its tag and data"),
     .features = SMBKIT_FEATURE_REPARSE, .op = KIT_OP(set_reparse), .fn = reparse_kept},
    {RULE("object.kept", "object_id", "an object id is made, told again and deleted"),
     .features = SMBKIT_FEATURE_OBJECT_IDS, .op = KIT_OP(object_id), .fn = object_kept},
    {.name = NULL}};
