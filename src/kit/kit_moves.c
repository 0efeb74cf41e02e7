/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of rename, link, remove. */
#include "kit/kit_priv.h"

#include "base/str.h"

static bool removes(struct kit_actor *a, const char *path, uint32_t kind)
{
    struct kit_file f;
    if (!kit_must_open(a, &f, path, kind)) {
        return false;
    }
    bool ok = kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    return ok;
}

static void remove_gone(struct kit_actor *a)
{
    static const char *const names[] = {"stays", NULL};
    struct kit_path file = kit_at(a, "file");
    struct kit_path folder = kit_at(a, "folder");
    struct kit_path stays = kit_at(a, "stays");
    (void)(kit_must_put(a, file.s, "text") && kit_must_mkdir(a, folder.s) &&
           kit_must_put(a, stays.s, "text") && removes(a, file.s, SMBKIT_KIND_FILE) &&
           kit_must_miss(a, file.s) && removes(a, folder.s, SMBKIT_KIND_DIRECTORY) &&
           kit_must_miss(a, folder.s) && kit_must_hold(a, stays.s, "text") &&
           kit_must_be_names(a, a->kit->dir, names));
}

static void remove_not_empty(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path folder = kit_at(a, "folder");
    struct kit_path file = kit_at(a, "folder/file");
    if (!kit_must_mkdir(a, folder.s) || !kit_must_put(a, file.s, "text") ||
        !kit_must_open(a, &f, folder.s, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    bool ok = kit_is(a, kit_remove(a, &f), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, file.s, "text"));
}

static void remove_while_open(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    if (!kit_must_put(a, file.s, "before") || !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    struct smbkit_attr attr;
    bool ok = removes(a, file.s, SMBKIT_KIND_FILE) && kit_must_hold_open(a, &f, "before") &&
              kit_ok(a, kit_getattr(a, &f, &attr)) && kit_must_put(a, file.s, "another") &&
              kit_must_write(a, &f, 0, "BEFORE") && kit_must_hold_open(a, &f, "BEFORE");
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, file.s, "another"));
}

static void remove_check(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct smbkit_remove args = {.struct_size = sizeof(args)};
    if (!kit_must_put(a, file.s, "text") || !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_call(a, &f, SMBKIT_OP_check_remove, &args, "")) &&
              kit_must_hold(a, file.s, "text") && kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    (void)(ok && kit_must_miss(a, file.s));
}

/* ---- rename ---- */

static bool renames(struct kit_actor *a, const char *from, const char *to, uint32_t flags)
{
    struct kit_file f;
    if (!kit_must_open(a, &f, from, SMBKIT_KIND_ANY)) {
        return false;
    }
    bool ok = kit_ok(a, kit_rename(a, &f, to, flags));
    kit_close(a, &f);
    return ok;
}

static void rename_moves(struct kit_actor *a)
{
    struct kit_path one = kit_at(a, "one");
    struct kit_path other = kit_at(a, "other");
    struct kit_path file = kit_at(a, "one/file");
    struct kit_path there = kit_at(a, "other/there");
    struct smbkit_attr before, after;
    bool ok = kit_must_mkdir(a, one.s) && kit_must_mkdir(a, other.s) &&
              kit_must_put(a, file.s, "text") && kit_ok(a, kit_lookup(a, file.s, &before)) &&
              renames(a, file.s, there.s, 0) && kit_must_miss(a, file.s) &&
              kit_must_hold(a, there.s, "text") && kit_ok(a, kit_lookup(a, there.s, &after));
    if (ok && before.file_id != after.file_id) {
        kit_fault(a, "file id 0x%llx; before the rename it was 0x%llx",
                  (unsigned long long)after.file_id, (unsigned long long)before.file_id);
    }
}

static void rename_folder(struct kit_actor *a)
{
    static const char *const names[] = {"after", NULL};
    struct kit_path before = kit_at(a, "before");
    struct kit_path after = kit_at(a, "after");
    struct kit_path file = kit_at(a, "before/file");
    struct kit_path there = kit_at(a, "after/file");
    struct kit_file f;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!kit_must_mkdir(a, before.s) || !kit_must_put(a, file.s, "text") ||
        !kit_must_open(a, &f, before.s, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    st = kit_rename(a, &f, after.s, 0);
    kit_close(a, &f);
    (void)(kit_ok(a, st) && kit_must_hold(a, there.s, "text") && kit_must_miss(a, before.s) &&
           kit_must_be_names(a, a->kit->dir, names));
}

static void rename_exists(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path other = kit_at(a, "other");
    struct kit_path folder = kit_at(a, "folder");
    if (!kit_must_put(a, file.s, "file") || !kit_must_put(a, other.s, "other") ||
        !kit_must_mkdir(a, folder.s) || !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_is(a, kit_rename(a, &f, other.s, 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION) &&
              kit_refuses(a, kit_rename(a, &f, folder.s, 0), "a folder is there") &&
              kit_refuses(a, kit_rename(a, &f, folder.s, SMBKIT_RENAME_REPLACE),
                          "a folder is there, which is never replaced");
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, file.s, "file") && kit_must_hold(a, other.s, "other"));
}

static void rename_replace(struct kit_actor *a)
{
    static const char *const names[] = {"other", NULL};
    struct kit_path file = kit_at(a, "file");
    struct kit_path other = kit_at(a, "other");
    (void)(kit_must_put(a, file.s, "file") && kit_must_put(a, other.s, "what was there") &&
           renames(a, file.s, other.s, SMBKIT_RENAME_REPLACE) && kit_must_miss(a, file.s) &&
           kit_must_hold(a, other.s, "file") && kit_must_be_names(a, a->kit->dir, names));
}

/* The open goes on, and what is removed is the name that it has now. */
static void rename_then_remove(struct kit_actor *a)
{
    static const char *const nothing[] = {NULL};
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path other = kit_at(a, "other");
    if (!kit_must_put(a, file.s, "text") || !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_ok(a, kit_rename(a, &f, other.s, 0)) && kit_must_hold_open(a, &f, "text") &&
              kit_must_write(a, &f, 0, "TEXT") && kit_must_hold(a, other.s, "TEXT") &&
              kit_ok(a, kit_remove(a, &f));
    kit_close(a, &f);
    (void)(ok && kit_must_miss(a, other.s) && kit_must_be_names(a, a->kit->dir, nothing));
}

/* The same name in other letters, where the volume minds them and where it does not. */
static void rename_case(struct kit_actor *a)
{
    static const char *const names[] = {"NAME", NULL};
    struct kit_path lower = kit_at(a, "name");
    struct kit_path upper = kit_at(a, "NAME");
    (void)(kit_must_put(a, lower.s, "text") && renames(a, lower.s, upper.s, 0) &&
           kit_must_hold(a, upper.s, "text") && kit_must_be_names(a, a->kit->dir, names));
}

static void rename_missing(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path to = kit_at(a, "none/file");
    if (!kit_must_put(a, file.s, "text") || !kit_must_open(a, &f, file.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_refuses(a, kit_rename(a, &f, to.s, 0), "the new folder is not there");
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, file.s, "text"));
}

/* ---- link ---- */

static smbkit_status link_to(struct kit_actor *a, const char *from, const char *to)
{
    struct kit_file f;
    struct smbkit_rename args = {.struct_size = sizeof(args), .new_path = to};
    smbkit_status st = kit_open(a, &f, from, SMBKIT_KIND_FILE);
    if (SMBKIT_OK(st)) {
        st = kit_call(a, &f, SMBKIT_OP_link, &args, to);
    }
    kit_close(a, &f);
    return st;
}

static void link_same(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path file = kit_at(a, "file");
    struct kit_path other = kit_at(a, "other");
    struct smbkit_attr one, two;
    if (!kit_must_put(a, file.s, "text") || !kit_ok(a, link_to(a, file.s, other.s)) ||
        !kit_ok(a, kit_lookup(a, file.s, &one)) || !kit_ok(a, kit_lookup(a, other.s, &two))) {
        return;
    }
    if (one.file_id != two.file_id || one.link_count != 2 || two.link_count != 2) {
        kit_fault(a, "file ids 0x%llx and 0x%llx, links %u and %u; one file with two names",
                  (unsigned long long)one.file_id, (unsigned long long)two.file_id, one.link_count,
                  two.link_count);
        return;
    }
    if (!kit_must_open(a, &f, other.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = kit_must_write(a, &f, 0, "TEXT");
    kit_close(a, &f);
    (void)(ok && kit_must_hold(a, file.s, "TEXT") && removes(a, file.s, SMBKIT_KIND_FILE) &&
           kit_must_hold(a, other.s, "TEXT") &&
           kit_is(a, link_to(a, other.s, other.s), SMBKIT_STATUS_OBJECT_NAME_COLLISION));
}

#define RULE(id, part, text) .name = id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_moves[] = {
    {RULE("remove.gone", "remove", "what was removed is not found and not listed"),
     .op = KIT_OP(remove), .fn = remove_gone},
    {RULE("remove.not-empty", "remove", "a folder with something in it is DIRECTORY_NOT_EMPTY"),
     .op = KIT_OP(remove), .fn = remove_not_empty},
    {RULE("remove.while-open", "Other opens",
          "after remove the others go on using the file, and its name is free"),
     .op = KIT_OP(remove), .fn = remove_while_open},
    {RULE("remove.check", "check_remove", "check_remove changes nothing"),
     .op = KIT_OP(check_remove), .fn = remove_check},
    {RULE("rename.moves", "rename", "a file that was renamed is there, with its content and id"),
     .op = KIT_OP(rename), .fn = rename_moves},
    {RULE("rename.folder", "rename", "a folder takes along what is in it"), .op = KIT_OP(rename),
     .fn = rename_folder},
    {RULE("rename.exists", "rename",
          "without REPLACE what is there is OBJECT_NAME_COLLISION; a folder is never replaced"),
     .op = KIT_OP(rename), .fn = rename_exists},
    {RULE("rename.replace", "rename", "with REPLACE the file that is there goes"),
     .op = KIT_OP(rename), .fn = rename_replace},
    {RULE("rename.open", "rename", "an open goes on by the new name, and remove takes that one"),
     .op = KIT_OP(rename), .fn = rename_then_remove},
    {RULE("rename.case", "rename", "a file gets its own name in other letters"),
     .op = KIT_OP(rename), .fn = rename_case},
    {RULE("rename.missing", "rename", "a rename into a folder that is not there is refused"),
     .op = KIT_OP(rename), .fn = rename_missing},
    {RULE("link.same", "link", "both names lead to one file"),
     .features = SMBKIT_FEATURE_HARD_LINKS, .op = KIT_OP(link), .fn = link_same},
    {.name = NULL}};
