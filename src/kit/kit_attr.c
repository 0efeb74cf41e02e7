/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of attributes: ids, sizes, times, what is set and what is not. */
#include "kit/kit_priv.h"

#include "base/mem.h"
#include "base/str.h"

/* ---- what is answered ---- */

static void attr_created(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path folder = kit_at(a, "folder");
    if (!kit_must_make(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    kit_close(a, &f);
    if ((f.attr.attributes & SMBKIT_ATTR_DIRECTORY) || f.attr.size != 0) {
        kit_fault(a, "attributes 0x%x, size %llu; a new file is no directory, and empty",
                  f.attr.attributes, (unsigned long long)f.attr.size);
        return;
    }
    if (!kit_must_make(a, &f, folder.s, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    kit_close(a, &f);
    if (!(f.attr.attributes & SMBKIT_ATTR_DIRECTORY) || f.attr.size != 0) {
        kit_fault(a, "attributes 0x%x, size %llu; a directory says DIRECTORY, and has size 0",
                  f.attr.attributes, (unsigned long long)f.attr.size);
    }
}

static bool is_same_id(const struct smbkit_attr *x, const struct smbkit_attr *y)
{
    return x->file_id == y->file_id && x->file_id_high == y->file_id_high &&
           x->file_domain == y->file_domain;
}

static bool check_id(struct kit_actor *a, const struct smbkit_attr *is,
                     const struct smbkit_attr *was, const char *where)
{
    return is_same_id(is, was) ||
           kit_fault(a, "file id 0x%llx (domain 0x%llx); %s it was 0x%llx (domain 0x%llx)",
                     (unsigned long long)is->file_id, (unsigned long long)is->file_domain, where,
                     (unsigned long long)was->file_id, (unsigned long long)was->file_domain);
}

/* In an entry of a listing, when it has attributes. */
static bool check_entry_id(struct kit_actor *a, const char *folder, const char *name,
                           const struct smbkit_attr *was)
{
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, folder, KIT_LIST_ALL, &l);
    const struct kit_entry *e = ok ? kit_listing_get(&l, name, NULL) : NULL;
    if (ok && !e) {
        ok = kit_fault(a, "a listing without \"%s\"", name);
    } else if (ok && e->has_attr) {
        ok = check_id(a, &e->attr, was, "in create");
    }
    kit_listing_fini(&l);
    return ok;
}

static void ids_of(struct kit_actor *a, const char *name, uint32_t kind)
{
    struct kit_file one, two;
    struct kit_path p = kit_at(a, name);
    struct smbkit_attr attr;
    if (!kit_must_make(a, &one, p.s, kind)) {
        return;
    }
    struct smbkit_attr was = one.attr;
    bool ok = kit_ok(a, kit_getattr(a, &one, &attr)) && check_id(a, &attr, &was, "in create") &&
              kit_must_open(a, &two, p.s, kind) && check_id(a, &two.attr, &was, "in create");
    if (ok) {
        kit_close(a, &two);
        ok = kit_ok(a, kit_lookup(a, p.s, &attr)) && check_id(a, &attr, &was, "in create") &&
             check_entry_id(a, a->kit->dir, name, &was);
    }
    kit_close(a, &one);
}

static void attr_ids_same(struct kit_actor *a)
{
    ids_of(a, "file", SMBKIT_KIND_FILE);
    ids_of(a, "folder", SMBKIT_KIND_DIRECTORY);
}

#define IDS 64u
static void attr_ids_unique(struct kit_actor *a)
{
    struct smbkit_attr attrs[IDS];
    for (uint32_t i = 0; i < IDS; i++) {
        char name[32];
        str_format(name, sizeof(name), "file-%u", i);
        struct kit_path p = kit_at(a, name);
        if (!kit_must_put(a, p.s, "") || !kit_ok(a, kit_lookup(a, p.s, &attrs[i]))) {
            return;
        }
        if (attrs[i].file_id == 0 && attrs[i].file_id_high == 0) {
            kit_out(a, "the plugin leaves ids to the server");
            return;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (is_same_id(&attrs[i], &attrs[k])) {
                kit_fault(a, "file id 0x%llx, which is that of file-%u too",
                          (unsigned long long)attrs[i].file_id, k);
                return;
            }
        }
    }
}

/* ---- sizes ---- */

/* By each way of asking. */
static bool check_size(struct kit_actor *a, struct kit_file *f, uint64_t size)
{
    struct smbkit_attr attr;
    if (!kit_ok(a, kit_getattr(a, f, &attr))) {
        return false;
    }
    if (attr.size != size) {
        return kit_fault(a, "size %llu; it is %llu", (unsigned long long)attr.size,
                         (unsigned long long)size);
    }
    if (!kit_ok(a, kit_lookup(a, f->path, &attr))) {
        return false;
    }
    if (attr.size != size) {
        return kit_fault(a, "size %llu; it is %llu", (unsigned long long)attr.size,
                         (unsigned long long)size);
    }
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, a->kit->dir, KIT_LIST_ALL, &l);
    const struct kit_entry *e = ok ? kit_listing_get(&l, "file", NULL) : NULL;
    if (e && e->has_attr && e->attr.size != size) {
        ok = kit_fault(a, "entry \"file\" with size %llu; it is %llu",
                       (unsigned long long)e->attr.size, (unsigned long long)size);
    }
    kit_listing_fini(&l);
    return ok;
}

static void attr_size(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    (void)(check_size(a, &f, 0) && kit_must_write(a, &f, 0, "ten bytes!") &&
           check_size(a, &f, 10) && kit_must_write(a, &f, 2, "n") && check_size(a, &f, 10) &&
           kit_must_write(a, &f, 1000, "end") && check_size(a, &f, 1003) &&
           kit_ok(a, kit_set_size(a, &f, 5)) && check_size(a, &f, 5) &&
           kit_ok(a, kit_set_size(a, &f, 70000)) && check_size(a, &f, 70000));
    kit_close(a, &f);
}

/* ---- times and what else is set ---- */

#define TIME_2001 126227808000000000ull /* FILETIME of 2001-01-01 */
#define TIME_STEP 864000000000ull       /* a day */

struct time_row {
    const char *name;
    uint32_t bit;
    size_t offset;
};
static const struct time_row times[] = {
    {"create_time", SMBKIT_HAS_CREATE_TIME, offsetof(struct smbkit_attr, create_time)},
    {"access_time", SMBKIT_HAS_ACCESS_TIME, offsetof(struct smbkit_attr, access_time)},
    {"write_time", SMBKIT_HAS_WRITE_TIME, offsetof(struct smbkit_attr, write_time)},
};

static uint64_t time_get(const struct smbkit_attr *attr, const struct time_row *t)
{
    return *(const uint64_t *)((const char *)attr + t->offset);
}

static void time_set(struct smbkit_attr *attr, const struct time_row *t, uint64_t value)
{
    *(uint64_t *)((char *)attr + t->offset) = value;
    attr->valid |= t->bit;
}

/* One that does not end in a round number, of 100 ns. */
static uint64_t odd_time(size_t i)
{
    return TIME_2001 + i * TIME_STEP + 1234567;
}

static void attr_times_set(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr want = {.valid = 0};
    struct smbkit_attr is;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        time_set(&want, &times[i], odd_time(i));
    }
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_setattr(a, &f, &want)) && kit_ok(a, kit_getattr(a, &f, &is));
    kit_close(a, &f);
    for (int again = 0; again < 2 && ok; again++) {
        for (size_t i = 0; i < ARRAY_LEN(times) && ok; i++) {
            ok = time_get(&is, &times[i]) == odd_time(i) ||
                 kit_fault(a, "%s %llu; it was set to %llu", times[i].name,
                           (unsigned long long)time_get(&is, &times[i]),
                           (unsigned long long)odd_time(i));
        }
        ok = ok && kit_ok(a, kit_lookup(a, p.s, &is));
    }
}

/* The fields whose bit is not set stay. */
static void attr_set_only(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr first = {.valid = SMBKIT_HAS_ATTRIBUTES,
                                .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE};
    struct smbkit_attr second = {.attributes = SMBKIT_ATTR_SYSTEM, .create_time = TIME_2001 + 5};
    struct smbkit_attr is;
    time_set(&first, &times[0], odd_time(0));
    time_set(&second, &times[2], odd_time(2));
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_setattr(a, &f, &first)) && kit_ok(a, kit_setattr(a, &f, &second)) &&
              kit_ok(a, kit_getattr(a, &f, &is));
    kit_close(a, &f);
    if (ok && (is.create_time != odd_time(0) || is.write_time != odd_time(2) ||
               (is.attributes & SMBKIT_ATTR_SYSTEM))) {
        kit_fault(a,
                  "create_time %llu, write_time %llu, attributes 0x%x; only write_time was set, to "
                  "%llu, and create_time was %llu, attributes 0x%x",
                  (unsigned long long)is.create_time, (unsigned long long)is.write_time,
                  is.attributes, (unsigned long long)odd_time(2), (unsigned long long)odd_time(0),
                  first.attributes);
    }
}

static void attr_times_move(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr old = {.valid = 0};
    struct smbkit_attr is;
    time_set(&old, &times[2], odd_time(2));
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_setattr(a, &f, &old)) && kit_must_write(a, &f, 0, "text");
    kit_close(a, &f);
    if (ok && kit_ok(a, kit_lookup(a, p.s, &is)) && is.write_time <= odd_time(2)) {
        kit_fault(a, "write_time %llu, as it was set to before the write; it moves with a write",
                  (unsigned long long)is.write_time);
    }
}

static void attr_set_attributes(struct kit_actor *a)
{
    static const uint32_t sets[] = {SMBKIT_ATTR_HIDDEN,
                                    SMBKIT_ATTR_SYSTEM,
                                    SMBKIT_ATTR_ARCHIVE,
                                    SMBKIT_ATTR_READONLY,
                                    SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SYSTEM | SMBKIT_ATTR_ARCHIVE,
                                    SMBKIT_ATTR_NORMAL};
    const uint32_t all =
        SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SYSTEM | SMBKIT_ATTR_ARCHIVE | SMBKIT_ATTR_READONLY;
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(sets) && !kit_failed(a); i++) {
        const struct smbkit_attr want = {.valid = SMBKIT_HAS_ATTRIBUTES, .attributes = sets[i]};
        struct smbkit_attr is;
        if (kit_ok(a, kit_setattr(a, &f, &want)) && kit_ok(a, kit_getattr(a, &f, &is)) &&
            (is.attributes & all) != (sets[i] & all)) {
            kit_fault(a, "attributes 0x%x; they were set to 0x%x", is.attributes, sets[i]);
        }
    }
    kit_close(a, &f);
}

/* ---- the room ---- */

#define GUARD 0xc5
/* Attributes in a room of another size: what is behind it stays as it is. */
struct room {
    struct smbkit_attr attr;
    uint8_t more[64];
};

static bool stays_in(struct kit_actor *a, struct kit_file *f, uint32_t size)
{
    struct room r;
    uint8_t *bytes = (uint8_t *)&r;
    for (size_t i = 0; i < sizeof(r); i++) {
        bytes[i] = i < size ? 0 : GUARD;
    }
    r.attr.struct_size = size;
    kit_calling(a, "getattr(\"%s\"), struct_size %u", f->path, size);
    smbkit_status st = kit_call_flags(a, f, SMBKIT_OP_getattr, &r, 0);
    kit_called(a);
    if (!kit_ok(a, st)) {
        return false;
    }
    for (size_t i = size; i < sizeof(r); i++) {
        if (bytes[i] != GUARD) {
            return kit_fault(a, "something was written at offset %zu, behind the room", i);
        }
    }
    return true;
}

static void attr_room(struct kit_actor *a)
{
    struct kit_file f;
    if (!kit_must_open(a, &f, a->kit->is_read_only ? "" : a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    (void)(stays_in(a, &f, (uint32_t)offsetof(struct smbkit_attr, names_told)) &&
           stays_in(a, &f, sizeof(struct smbkit_attr)) &&
           stays_in(a, &f, sizeof(struct smbkit_attr) + 32));
    kit_close(a, &f);
}

#define RULE(id, part, text) .name = "attr." id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_attr[] = {
    {RULE("created", "Attributes", "create fills the attributes of what it made"),
     .fn = attr_created},
    {RULE("ids-same", "Attributes",
          "a file's id is the same in create, getattr, lookup and enumerate"),
     .fn = attr_ids_same},
    {RULE("ids-unique", "Attributes", "no two files have one id"), .fn = attr_ids_unique},
    {RULE("size", "Attributes", "sizes follow writes and set_size, by each way of asking"),
     .op = KIT_OP(set_size), .fn = attr_size},
    {RULE("times-set", "setattr", "a time that is set is kept exactly"), .op = KIT_OP(setattr),
     .fn = attr_times_set},
    {RULE("set-only", "setattr", "setattr sets the fields in valid, and no others"),
     .op = KIT_OP(setattr), .fn = attr_set_only},
    {RULE("times-move", "setattr", "a time that was set moves with what is done later"),
     .op = KIT_OP(setattr), .fn = attr_times_move},
    {RULE("attributes", "setattr", "attributes are kept as they are set"), .op = KIT_OP(setattr),
     .fn = attr_set_attributes},
    {.name = "attr.room",
     .section = "Only integers of fixed width and pointers cross this interface",
     .says = "nothing is written behind struct_size",
     .needs = KIT_IN_FOLDER,
     .fn = attr_room},
    {.name = NULL}};
