/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of names: what create and lookup answer, and which names there are. */
#include "kit/kit_priv.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

static void names_root(struct kit_actor *a)
{
    struct kit_file f;
    struct smbkit_attr attr;
    if (!kit_must_open(a, &f, "", SMBKIT_KIND_ANY)) {
        return;
    }
    kit_close(a, &f);
    if (!(f.attr.attributes & SMBKIT_ATTR_DIRECTORY)) {
        kit_fault(a, "attributes 0x%x; a directory says SMBKIT_ATTR_DIRECTORY", f.attr.attributes);
        return;
    }
    if (!kit_must_open(a, &f, "", SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    kit_close(a, &f);
    smbkit_status st = kit_open(a, &f, "", SMBKIT_KIND_FILE);
    kit_close(a, &f);
    if (kit_is(a, st, SMBKIT_STATUS_FILE_IS_A_DIRECTORY) && kit_ok(a, kit_lookup(a, "", &attr)) &&
        !(attr.attributes & SMBKIT_ATTR_DIRECTORY)) {
        kit_fault(a, "attributes 0x%x; a directory says SMBKIT_ATTR_DIRECTORY", attr.attributes);
    }
}

#define NO_SUCH "smbkit-no-such-name"

/* Where nothing is made: in the kit's folder, or at the root of what is read only. */
static struct kit_path somewhere(const struct kit_actor *a, const char *name)
{
    return kit_in(a->kit->is_read_only ? "" : a->kit->dir, name);
}

static void names_missing(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = somewhere(a, NO_SUCH);
    if (!kit_must_miss(a, p.s)) {
        return;
    }
    smbkit_status st = kit_open(a, &f, p.s, SMBKIT_KIND_DIRECTORY);
    kit_close(a, &f);
    if (kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND)) {
        st = kit_open(a, &f, p.s, SMBKIT_KIND_FILE);
        kit_close(a, &f);
        (void)kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

/* Opened, looked up and made below what is no folder. */
static bool misses_path(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    struct smbkit_attr attr;
    smbkit_status st = kit_open(a, &f, path, SMBKIT_KIND_ANY);
    kit_close(a, &f);
    bool ok = kit_is(a, st, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND) &&
              kit_is(a, kit_lookup(a, path, &attr), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    if (ok && !a->kit->is_read_only) {
        st = kit_make(a, &f, path, SMBKIT_KIND_FILE);
        kit_close(a, &f);
        ok = kit_is(a, st, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    }
    return ok;
}

static void names_parent_missing(struct kit_actor *a)
{
    struct kit_path p = somewhere(a, NO_SUCH "/below");
    struct kit_path deep = somewhere(a, NO_SUCH "/below/more");
    (void)(misses_path(a, p.s) && misses_path(a, deep.s));
}

static void names_parent_file(struct kit_actor *a)
{
    struct kit_path file = kit_at(a, "file");
    struct kit_path below = kit_at(a, "file/below");
    (void)(kit_must_put(a, file.s, "text") && misses_path(a, below.s) &&
           kit_must_hold(a, file.s, "text"));
}

static void names_kind(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path folder = kit_at(a, "folder");
    if (!kit_must_put(a, file.s, "") || !kit_must_mkdir(a, folder.s)) {
        return;
    }
    smbkit_status st = kit_open(a, &f, file.s, SMBKIT_KIND_DIRECTORY);
    kit_close(a, &f);
    if (kit_is(a, st, SMBKIT_STATUS_NOT_A_DIRECTORY)) {
        st = kit_open(a, &f, folder.s, SMBKIT_KIND_FILE);
        kit_close(a, &f);
        (void)kit_is(a, st, SMBKIT_STATUS_FILE_IS_A_DIRECTORY);
    }
}

static bool collides(struct kit_actor *a, const char *path, uint32_t kind)
{
    struct kit_file f;
    smbkit_status st = kit_make(a, &f, path, kind);
    kit_close(a, &f);
    return kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_COLLISION);
}

static void names_collision(struct kit_actor *a)
{
    struct kit_path file = kit_at(a, "file");
    struct kit_path folder = kit_at(a, "folder");
    (void)(kit_must_put(a, file.s, "text") && kit_must_mkdir(a, folder.s) &&
           collides(a, file.s, SMBKIT_KIND_FILE) && collides(a, file.s, SMBKIT_KIND_DIRECTORY) &&
           collides(a, folder.s, SMBKIT_KIND_DIRECTORY) &&
           collides(a, folder.s, SMBKIT_KIND_FILE) && kit_must_hold(a, file.s, "text"));
}

static void names_open_no_effect(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path none = kit_at(a, "none");
    struct smbkit_attr before, after;
    static const char *const names[] = {"file", NULL};
    if (!kit_must_put(a, file.s, "text") || !kit_ok(a, kit_lookup(a, file.s, &before)) ||
        !kit_must_open(a, &f, file.s, SMBKIT_KIND_ANY)) {
        return;
    }
    kit_close(a, &f);
    if (kit_must_miss(a, none.s) && kit_must_be_names(a, a->kit->dir, names) &&
        kit_ok(a, kit_lookup(a, file.s, &after)) &&
        (before.size != after.size || before.write_time != after.write_time)) {
        kit_fault(a, "size %llu and write time %llu, and %llu and %llu before it was opened",
                  (unsigned long long)after.size, (unsigned long long)after.write_time,
                  (unsigned long long)before.size, (unsigned long long)before.write_time);
    }
}

/* ---- which names ---- */

/* A file of that name is made, found, listed as it is spelled, and holds its name. */
static bool name_works(struct kit_actor *a, const char *name)
{
    struct kit_path p = kit_at(a, name);
    struct kit_listing l;
    if (!kit_must_put(a, p.s, "named") || !kit_must_hold(a, p.s, "named")) {
        return false;
    }
    kit_listing_init(&l);
    bool ok = kit_must_list(a, a->kit->dir, KIT_LIST_ALL, &l);
    if (ok && !kit_listing_get(&l, name, NULL)) {
        ok = kit_fault(a, "a listing without %s", quoted(name).text);
    }
    kit_listing_fini(&l);
    return ok;
}

static void names_spelled(struct kit_actor *a)
{
    static const char *const names[] = {
        "plain.txt",
        "no extension",
        " blank before",
        "two  blanks",
        ".dot before",
        "a.b.c.d",
        "...three",
        "UPPER",
        "Mixed.Case",
        "it's",
        "(a) [b] {c}",
        "a;b,c=d&e",
        "100%",
        "#hash",
        "~$tilde",
        "$dollar",
        "@at!",
        "a+b",
        "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", /* Latin */
        "\xce\xb1\xce\xb2\xce\xb3",         /* Greek */
        "\xd0\x9f\xd1\x80\xd0\xb8",         /* Cyrillic */
        "\xe6\x97\xa5\xe6\x9c\xac",         /* CJK */
        "\xd7\xa9\xd7\x9c",                 /* Hebrew */
        "e\xcc\x81",                        /* a letter and its accent apart */
        "\xf0\x9f\x93\x81",                 /* beyond the BMP */
    };
    for (size_t i = 0; i < ARRAY_LEN(names) && name_works(a, names[i]); i++) {
    }
}

static void names_blank_end(struct kit_actor *a)
{
    /* U+F028, U+F029: a blank, a dot at the end. */
    static const char *const names[] = {"blank\xef\x80\xa8", "dot\xef\x80\xa9"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct kit_path p = kit_at(a, names[i]);
        if (!kit_must_put(a, p.s, names[i]) || !kit_must_hold(a, p.s, names[i])) {
            return;
        }
    }
    struct kit_listing l;
    kit_listing_init(&l);
    if (kit_must_list(a, a->kit->dir, KIT_LIST_ALL, &l) && l.count != ARRAY_LEN(names)) {
        kit_fault(a, "%u entries; %zu were made", l.count, ARRAY_LEN(names));
    }
    kit_listing_fini(&l);
}

static void names_long(struct kit_actor *a)
{
    char name[KIT_NAME_MAX];
    uint32_t most = MIN(a->kit->component_max, 255u);
    for (uint32_t i = 0; i < most; i++) {
        name[i] = (char)('a' + i % 26);
    }
    name[most] = '\0';
    (void)name_works(a, name);
}

/* What does not fit is refused, and leaves nothing. */
static void names_long_wide(struct kit_actor *a)
{
    char name[KIT_NAME_MAX];
    size_t n = 0;
    static const char *const nothing[] = {NULL};
    for (uint32_t i = 0; i < MIN(a->kit->component_max, 255u); i++) {
        n += utf8_encode(0x4e00 + i, name + n);
    }
    name[n] = '\0';
    struct kit_file f;
    struct kit_path p = kit_at(a, name);
    smbkit_status st = kit_make(a, &f, p.s, SMBKIT_KIND_FILE);
    kit_close(a, &f);
    if (!SMBKIT_OK(st)) {
        (void)kit_must_be_names(a, a->kit->dir, nothing);
        return;
    }
    const char *const made[] = {name, NULL};
    (void)(kit_must_hold(a, p.s, "") && kit_must_be_names(a, a->kit->dir, made));
}

static void names_case_minds(struct kit_actor *a)
{
    struct kit_path lower = kit_at(a, "name");
    struct kit_path upper = kit_at(a, "NAME");
    static const char *const names[] = {"name", "NAME", NULL};
    if (a->kit->features & SMBKIT_FEATURE_IGNORES_CASE) {
        kit_out(a, "the volume ignores case (SMBKIT_FEATURE_IGNORES_CASE)");
        return;
    }
    (void)(kit_must_put(a, lower.s, "lower") && kit_must_miss(a, upper.s) &&
           kit_must_put(a, upper.s, "UPPER") && kit_must_hold(a, lower.s, "lower") &&
           kit_must_hold(a, upper.s, "UPPER") && kit_must_be_names(a, a->kit->dir, names));
}

static void names_case_ignored(struct kit_actor *a)
{
    struct kit_path lower = kit_at(a, "na\xc3\xa4me");
    struct kit_path upper = kit_at(a, "NA\xc3\x84ME");
    static const char *const names[] = {"na\xc3\xa4me", NULL};
    (void)(kit_must_put(a, lower.s, "text") && kit_must_hold(a, upper.s, "text") &&
           collides(a, upper.s, SMBKIT_KIND_FILE) && kit_must_be_names(a, a->kit->dir, names));
}

#define LEVELS 24u
static void names_deep(struct kit_actor *a)
{
    struct kit_path p = kit_at(a, "d");
    for (uint32_t i = 0; i < LEVELS; i++) {
        if (!kit_must_mkdir(a, p.s)) {
            return;
        }
        p = kit_in(p.s, "deeper");
    }
    (void)(kit_must_put(a, p.s, "deep") && kit_must_hold(a, p.s, "deep"));
}

/* Opened many times, and closed in another order. */
#define OPENS 150u
static void names_many_opens(struct kit_actor *a)
{
    struct kit_path p = kit_at(a, "file");
    CLEANUP_MEM struct kit_file *files = mem_calloc(OPENS, sizeof(*files));
    if (!files || !kit_must_put(a, p.s, "text")) {
        return;
    }
    for (uint32_t i = 0; i < OPENS && !kit_failed(a); i++) {
        (void)kit_must_open(a, &files[i], p.s, SMBKIT_KIND_FILE);
    }
    for (uint32_t i = 0; i < OPENS; i++) {
        struct kit_file *f = &files[i * 7 % OPENS]; /* 7 and 150 have no common divisor */
        if (f->is_open && !kit_failed(a)) {
            (void)kit_must_hold_open(a, f, "text");
        }
        kit_close(a, f);
    }
}

static void names_get_path(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path folder = kit_at(a, "Folder");
    struct kit_path file = kit_at(a, "Folder/File");
    char text[KIT_PATH_MAX];
    struct smbkit_buffer b = {.base = (uint8_t *)text, .cap = sizeof(text) - 1};
    if (!kit_must_mkdir(a, folder.s) || !kit_must_put(a, file.s, "") ||
        !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    smbkit_status st = kit_call(a, &f, SMBKIT_OP_get_path, &b, "");
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        kit_out(a, "get_path answers NOT_SUPPORTED");
    } else if (kit_ok(a, st)) {
        text[MIN(b.len, b.cap)] = '\0';
        if (!str_eq(text, file.s)) {
            kit_fault(a, "%s", quoted(text).text);
        }
    }
    kit_close(a, &f);
}

#define RULE(id, part, text) .name = "names." id, .section = part, .says = text
const struct kit_rule kit_rules_names[] = {
    {RULE("root", "create", "the root, \"\", is a directory"), .fn = names_root},
    {RULE("missing", "create", "a name that is not there is OBJECT_NAME_NOT_FOUND"),
     .needs = KIT_IN_FOLDER, .fn = names_missing},
    {RULE("parent-missing", "create",
          "a path through a folder that is not there is OBJECT_PATH_NOT_FOUND"),
     .needs = KIT_IN_FOLDER, .fn = names_parent_missing},
    {RULE("parent-file", "create", "a path through a file is OBJECT_PATH_NOT_FOUND"),
     .needs = KIT_WRITES, .fn = names_parent_file},
    {RULE("kind", "create", "what is of the other kind is NOT_A_DIRECTORY or FILE_IS_A_DIRECTORY"),
     .needs = KIT_WRITES, .fn = names_kind},
    {RULE("collision", "create", "CREATE of what is there is OBJECT_NAME_COLLISION, and leaves it"),
     .needs = KIT_WRITES, .fn = names_collision},
    {RULE("open-no-effect", "create", "OPEN has no side effect"), .needs = KIT_WRITES,
     .fn = names_open_no_effect},
    {RULE("spelled", "create", "any name of SMB is kept, found and listed as it was spelled"),
     .needs = KIT_WRITES, .fn = names_spelled},
    {RULE("blank-end", "Only integers of fixed width and pointers cross this interface",
          "U+F028 and U+F029 at the end of a name are found again, and listed once"),
     .needs = KIT_WRITES, .fn = names_blank_end},
    {RULE("long", "volume_info", "a name may have as many units as component_max says"),
     .needs = KIT_WRITES, .fn = names_long},
    {RULE("long-wide", "create",
          "a long name of wide characters works, or is refused and not made"),
     .needs = KIT_WRITES, .fn = names_long_wide},
    {RULE("case-minded", "volume_open",
          "without IGNORES_CASE names that differ by case are two files"),
     .needs = KIT_WRITES, .fn = names_case_minds},
    {RULE("case-ignored", "volume_open", "with IGNORES_CASE a file is found in any letters"),
     .needs = KIT_WRITES, .features = SMBKIT_FEATURE_IGNORES_CASE, .fn = names_case_ignored},
    {RULE("deep", "create", "paths go through many folders"), .needs = KIT_WRITES,
     .fn = names_deep},
    {RULE("many-opens", "Other opens", "a file is open many times at once, closed in any order"),
     .needs = KIT_WRITES, .fn = names_many_opens},
    {RULE("get-path", "get_path", "get_path is the path as the volume spells it"),
     .needs = KIT_WRITES, .op = KIT_OP(get_path), .fn = names_get_path},
    {.name = NULL}};
