/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of listings. */
#include "kit/kit_priv.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

#define SOME 37u    /* files of a folder: a prime, so that no page ends where it does */
#define MANY 10000u /* of a large one */

static struct kit_path numbered(const struct kit_actor *a, const char *what, uint32_t i)
{
    char name[64];
    str_format(name, sizeof(name), "%s-%05u", what, i);
    return kit_at(a, name);
}

static bool make_some(struct kit_actor *a, const char *what, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kit_path p = numbered(a, what, i);
        if (!kit_must_put(a, p.s, "")) {
            return false;
        }
    }
    return true;
}

/* Each of the files what-00000 to what-count is in it once. */
static bool has_each(struct kit_actor *a, const struct kit_listing *l, const char *what,
                     uint32_t count)
{
    CLEANUP_MEM uint8_t *seen = mem_zalloc(count + 1);
    size_t n = str_len(what);
    for (uint32_t i = 0; seen && i < l->count; i++) {
        const char *name = l->list[i].name;
        uint64_t number;
        if (str_has_prefix(name, what) && name[n] == '-' &&
            str_to_u64(name + n + 1, count - 1, &number)) {
            if (seen[number]++) {
                return kit_fault(a, "entry \"%s\" twice", name);
            }
        }
    }
    for (uint32_t i = 0; seen && i < count; i++) {
        if (!seen[i]) {
            return kit_fault(a, "a listing without \"%s-%05u\", which is there", what, i);
        }
    }
    return true;
}

static void list_once(struct kit_actor *a)
{
    static const char *const nothing[] = {NULL};
    static const char *const names[] = {"file", "folder", NULL};
    struct kit_path folder = kit_at(a, "folder");
    struct kit_path file = kit_at(a, "file");
    (void)(kit_must_be_names(a, a->kit->dir, nothing) && kit_must_mkdir(a, folder.s) &&
           kit_must_put(a, file.s, "text") && kit_must_be_names(a, a->kit->dir, names) &&
           kit_must_be_names(a, folder.s, nothing));
}

static void list_attributes(struct kit_actor *a)
{
    struct kit_path folder = kit_at(a, "folder");
    struct kit_path file = kit_at(a, "file");
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_mkdir(a, folder.s) && kit_must_put(a, file.s, "text") &&
              kit_must_list(a, a->kit->dir, KIT_LIST_ALL, &l);
    for (uint32_t i = 0; ok && i < l.count; i++) {
        struct smbkit_attr attr;
        const struct smbkit_attr *e = &l.list[i].attr;
        struct kit_path p = kit_at(a, l.list[i].name);
        if (!l.list[i].has_attr || !kit_ok(a, kit_lookup(a, p.s, &attr))) {
            continue;
        }
        if (e->size != attr.size || (e->attributes ^ attr.attributes) & SMBKIT_ATTR_DIRECTORY) {
            ok = kit_fault(a, "size %llu, attributes 0x%x; enumerate said %llu and 0x%x",
                           (unsigned long long)attr.size, attr.attributes,
                           (unsigned long long)e->size, e->attributes);
        }
    }
    kit_listing_fini(&l);
}

/* From behind each entry on, what came after it comes again. */
static void list_resume(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing all;
    kit_listing_init(&all);
    if (!make_some(a, "f", SOME) || !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    bool ok = kit_ok(a, kit_list_more(a, &dir, &all, KIT_LIST_ALL)) && has_each(a, &all, "f", SOME);
    for (uint32_t i = 0; ok && i < all.count; i++) {
        struct kit_listing rest;
        kit_listing_init(&rest);
        rest.sink.cookie = all.list[i].cookie;
        ok = (rest.sink.cookie != 0 ||
              kit_fault(a, "entry %s with cookie 0", quoted(all.list[i].name).text)) &&
             kit_ok(a, kit_list_more(a, &dir, &rest, KIT_LIST_ALL));
        if (ok && rest.count != all.count - i - 1) {
            ok = kit_fault(a, "%u entries; after that one there were %u", rest.count,
                           all.count - i - 1);
        }
        for (uint32_t r = 0; ok && r < rest.count; r++) {
            ok = str_eq(rest.list[r].name, all.list[i + 1 + r].name) ||
                 kit_fault(a, "entry %s, where %s came before", quoted(rest.list[r].name).text,
                           quoted(all.list[i + 1 + r].name).text);
        }
        kit_listing_fini(&rest);
    }
    kit_listing_fini(&all);
    kit_close(a, &dir);
}

static void list_pages(struct kit_actor *a)
{
    static const uint32_t pages[] = {1, 2, 3, 7, SOME - 1, SOME, SOME + 1};
    bool ok = make_some(a, "f", SOME);
    for (size_t i = 0; ok && i < ARRAY_LEN(pages); i++) {
        struct kit_listing l;
        kit_listing_init(&l);
        ok = kit_must_list(a, a->kit->dir, pages[i], &l) && has_each(a, &l, "f", SOME);
        if (ok && l.count != SOME) {
            ok = kit_fault(a, "%u entries; there are %u", l.count, SOME);
        }
        kit_listing_fini(&l);
    }
}

/* A sink without any room: nothing is taken, nothing is lost. */
static void list_no_room(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing l;
    kit_listing_init(&l);
    if (!make_some(a, "f", 3) || !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    if (kit_ok(a, kit_list_more(a, &dir, &l, 0)) && l.refused != 1) {
        kit_fault(a, "%u entries were offered to a sink that took none; after the first it is full",
                  l.refused);
    }
    (void)(kit_ok(a, kit_list_more(a, &dir, &l, KIT_LIST_ALL)) && has_each(a, &l, "f", 3));
    kit_listing_fini(&l);
    kit_close(a, &dir);
}

/* Page by page, while others come and go: before and behind where it is. */
static void list_change(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing l;
    kit_listing_init(&l);
    if (!make_some(a, "goes", SOME) || !make_some(a, "stays", SOME) ||
        !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    uint32_t before = 0;
    for (uint32_t i = 0; !kit_failed(a) && (l.count > before || i == 0); i++) {
        before = l.count;
        if (!kit_ok(a, kit_list_more(a, &dir, &l, 2))) {
            break;
        }
        struct kit_path gone = numbered(a, "goes", i);
        struct kit_path come = numbered(a, "comes", i);
        (void)(i >= SOME || (kit_must_remove(a, gone.s) && kit_must_put(a, come.s, "")));
        if (l.count > 8 * SOME) {
            kit_fault(a, "no end of entries while names come and go");
        }
    }
    (void)(!kit_failed(a) && has_each(a, &l, "stays", SOME));
    kit_listing_fini(&l);
    kit_close(a, &dir);
}

/* From the start again, by the same open: what has come and gone since is seen. */
static void list_again(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing l, again;
    struct kit_path gone = numbered(a, "f", 1);
    struct kit_path come = kit_at(a, "come");
    kit_listing_init(&l);
    kit_listing_init(&again);
    if (!make_some(a, "f", 3) || !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    bool ok = kit_ok(a, kit_list_more(a, &dir, &l, KIT_LIST_ALL)) && has_each(a, &l, "f", 3) &&
              kit_must_remove(a, gone.s) && kit_must_put(a, come.s, "") &&
              kit_ok(a, kit_list_more(a, &dir, &again, KIT_LIST_ALL));
    if (ok &&
        (kit_listing_get(&again, "f-00001", NULL) || !kit_listing_get(&again, "come", NULL))) {
        kit_fault(a, "a listing with \"f-00001\", which was removed, or without \"come\", which "
                     "was made");
    }
    kit_listing_fini(&l);
    kit_listing_fini(&again);
    kit_close(a, &dir);
}

/* The pattern is a hint: what matches is there, whatever else is. */
static void list_pattern(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing l;
    kit_listing_init(&l);
    if (!make_some(a, "match", 5) || !make_some(a, "other", 5) ||
        !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    l.sink.pattern = "match*";
    (void)(kit_ok(a, kit_list_more(a, &dir, &l, KIT_LIST_ALL)) && has_each(a, &l, "match", 5));
    kit_listing_fini(&l);
    kit_close(a, &dir);
}

static void list_names_only(struct kit_actor *a)
{
    struct kit_file dir;
    struct kit_listing l;
    kit_listing_init(&l);
    l.names_only = true;
    if (!make_some(a, "f", SOME) || !kit_must_open(a, &dir, a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    if (kit_ok(a, kit_list_more(a, &dir, &l, KIT_LIST_ALL)) && has_each(a, &l, "f", SOME) &&
        l.count != SOME) {
        kit_fault(a, "%u entries; there are %u", l.count, SOME);
    }
    kit_listing_fini(&l);
    kit_close(a, &dir);
}

/* Of a slow volume as many as go into the time. */
static void list_many(struct kit_actor *a)
{
    uint64_t until = os_monotonic_ms() + 1000ull * a->kit->spec.seconds;
    uint32_t made = 0;
    for (; made < MANY && (made < 100 || os_monotonic_ms() < until); made++) {
        struct kit_path p = numbered(a, "f", made);
        if (!kit_must_put(a, p.s, "")) {
            return;
        }
    }
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, a->kit->dir, 500, &l) && has_each(a, &l, "f", made);
    if (ok && l.count != made) {
        kit_fault(a, "%u entries; there are %u", l.count, made);
    }
    kit_listing_fini(&l);
}

#define RULE(id, text) .name = "list." id, .section = "enumerate", .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_list[] = {
    {RULE("once", "each name is listed once, without \".\" and \"..\""), .fn = list_once},
    {RULE("attributes", "an entry's attributes are those of the file"), .fn = list_attributes},
    {RULE("resume", "after each cookie comes what came after it before; no cookie is 0"),
     .fn = list_resume},
    {RULE("pages", "page by page, however small, the listing is the same"), .fn = list_pages},
    {RULE("no-room", "when the sink is full the entry was not taken, and the answer is success"),
     .fn = list_no_room},
    {RULE("change", "while names come and go, those that stay are listed exactly once"),
     .op = KIT_OP(remove), .fn = list_change},
    {RULE("again", "from cookie 0 a listing is as things are then"), .op = KIT_OP(remove),
     .fn = list_again},
    {RULE("pattern", "what matches the pattern is listed"), .fn = list_pattern},
    {RULE("names-only", "without WANT_ATTR the names are the same"), .fn = list_names_only},
    {RULE("many", "ten thousand names, or as many as there is time for, are listed once each"),
     .fn = list_many},
    {.name = NULL}};
