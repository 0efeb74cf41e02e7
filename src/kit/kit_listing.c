/* SPDX-License-Identifier: Apache-2.0 */
/* Listings, page by page, and taking away what the kit has made. */
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "vfs/attr.h"

#define CAP_FIRST 64u
#define WIPE_PAGE 256u    /* entries that are taken away before the folder is listed again */
#define WIPE_ROUNDS 4096u /* listings of one folder: more than it can take */

void kit_listing_init(struct kit_listing *l)
{
    *l = (struct kit_listing){.count = 0};
}

void kit_listing_fini(struct kit_listing *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        mem_free(l->list[i].name);
    }
    mem_free(l->list);
    kit_listing_init(l);
}

static bool grow(struct kit_listing *l)
{
    if (l->count < l->cap) {
        return true;
    }
    uint32_t cap = l->cap ? l->cap * 2 : CAP_FIRST;
    struct kit_entry *list = mem_realloc(l->list, cap * sizeof(*list));
    if (!list) {
        return false;
    }
    l->list = list;
    l->cap = cap;
    return true;
}

static void note_wrong(struct kit_listing *l, const struct smbkit_entry *e)
{
    if (l->wrong[0] == '\0' && (!e->name || !e->name[0])) {
        str_format(l->wrong, sizeof(l->wrong), "an entry without a name");
    } else if (l->wrong[0] == '\0' && e->cookie == 0) {
        str_format(l->wrong, sizeof(l->wrong), "entry %.80s with cookie 0", quoted(e->name).text);
    }
}

static int32_t take_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct kit_listing *l = (struct kit_listing *)sink;
    note_wrong(l, e);
    if (l->room == 0 || l->no_memory) {
        l->refused++;
        return 0;
    }
    char *name = str_ndup(e->name ? e->name : "",
                          MIN(str_len(e->name ? e->name : ""), (size_t)KIT_NAME_MAX));
    if (!name || !grow(l)) {
        mem_free(name);
        l->no_memory = true;
        return 0;
    }
    struct kit_entry *k = &l->list[l->count++];
    *k = (struct kit_entry){.name = name, .cookie = e->cookie, .has_attr = e->attr != NULL};
    if (e->attr) {
        attr_copy(&k->attr, e->attr);
    }
    l->room--;
    return 1;
}

static smbkit_status more(struct kit_actor *a, struct kit_file *f, struct kit_listing *l,
                          uint32_t id)
{
    char what[96];
    l->refused = 0;
    l->sink.struct_size = sizeof(l->sink);
    l->sink.want = l->names_only ? 0 : SMBKIT_WANT_ATTR;
    l->sink.entry = take_entry;
    str_format(what, sizeof(what), "after cookie %llu, room for %u",
               (unsigned long long)l->sink.cookie, l->room);
    uint32_t before = l->count;
    smbkit_status st = kit_call(a, f, id, &l->sink, what);
    if (l->count > before) {
        l->sink.cookie = l->list[l->count - 1].cookie;
    }
    return l->no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

smbkit_status kit_list_more(struct kit_actor *a, struct kit_file *f, struct kit_listing *l,
                            uint32_t most)
{
    l->room = most;
    return more(a, f, l, SMBKIT_OP_enumerate);
}

smbkit_status kit_streams_more(struct kit_actor *a, struct kit_file *f, struct kit_listing *l)
{
    l->room = KIT_LIST_ALL;
    return more(a, f, l, SMBKIT_OP_streams);
}

const struct kit_entry *kit_listing_get(const struct kit_listing *l, const char *name,
                                        uint32_t *count_r)
{
    const struct kit_entry *found = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        if (str_eq(l->list[i].name, name)) {
            found = found ? found : &l->list[i];
            count++;
        }
    }
    if (count_r) {
        *count_r = count;
    }
    return found;
}

/* One that is never at its end would give entries for ever. */
#define LIST_MOST 200000u

static bool list_open(struct kit_actor *a, struct kit_file *f, uint32_t page, struct kit_listing *l)
{
    uint32_t before;
    do {
        before = l->count;
        if (!kit_ok(a, kit_list_more(a, f, l, page))) {
            return false;
        }
        if (l->wrong[0]) {
            return kit_fault(a, "%s", l->wrong);
        }
        if (l->count > LIST_MOST) {
            return kit_fault(a, "more than %u entries, and no end", LIST_MOST);
        }
    } while (l->count > before && page != KIT_LIST_ALL);
    return l->refused == 0 || kit_fault(a, "nothing more, though there was room");
}

bool kit_must_list(struct kit_actor *a, const char *path, uint32_t page, struct kit_listing *l)
{
    struct kit_file dir;
    if (!kit_must_open(a, &dir, path, SMBKIT_KIND_DIRECTORY)) {
        return false;
    }
    bool ok = list_open(a, &dir, page, l);
    kit_close(a, &dir);
    return ok;
}

static bool are_names(struct kit_actor *a, const struct kit_listing *l, const char *const *names)
{
    uint32_t wanted = 0;
    for (; names[wanted]; wanted++) {
        uint32_t times;
        (void)kit_listing_get(l, names[wanted], &times);
        if (times != 1) {
            return kit_fault(a, "entry %s %u times; once was to be expected",
                             quoted(names[wanted]).text, times);
        }
    }
    for (uint32_t i = 0; i < l->count && l->count > wanted; i++) {
        bool is_wanted = false;
        for (uint32_t n = 0; n < wanted; n++) {
            is_wanted = is_wanted || str_eq(names[n], l->list[i].name);
        }
        if (!is_wanted) {
            return kit_fault(a, "entry %s, which is not there", quoted(l->list[i].name).text);
        }
    }
    return true;
}

bool kit_must_be_names(struct kit_actor *a, const char *path, const char *const *names)
{
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, path, KIT_LIST_ALL, &l) && are_names(a, &l, names);
    kit_listing_fini(&l);
    return ok;
}

/* ---- cleaning up ---- */

static void note_left(struct kit_actor *a, const char *path, smbkit_status st)
{
    struct kit *k = a->kit;
    if (k->left[0] == '\0') {
        str_format(k->left, sizeof(k->left), "%s (%s)", quoted(path).text, smbkit_status_name(st));
    }
}

/* What is no folder with something in it. */
static bool remove_one(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    const struct smbkit_create how = {.disposition = SMBKIT_OPEN,
                                      .path = path,
                                      .access = SMBKIT_DELETE | SMBKIT_WRITE_ATTRIBUTES,
                                      .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    smbkit_status st = kit_create(a, &f, &how);
    if (!SMBKIT_OK(st)) {
        if (st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
            note_left(a, path, st);
        }
        return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (f.attr.attributes & SMBKIT_ATTR_READONLY) {
        const struct smbkit_attr plain = {.valid = SMBKIT_HAS_ATTRIBUTES,
                                          .attributes = SMBKIT_ATTR_NORMAL};
        (void)kit_setattr(a, &f, &plain);
    }
    st = kit_remove(a, &f);
    kit_close(a, &f);
    if (!SMBKIT_OK(st)) {
        note_left(a, path, st);
    }
    return SMBKIT_OK(st);
}

/* The names of one page of a folder. */
static smbkit_status names_of(struct kit_actor *a, const char *path, struct kit_listing *l)
{
    struct kit_file dir;
    const struct smbkit_create how = {.disposition = SMBKIT_OPEN,
                                      .path = path,
                                      .kind = SMBKIT_KIND_DIRECTORY,
                                      .access = SMBKIT_READ_DATA,
                                      .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    smbkit_status st = kit_create(a, &dir, &how);
    if (SMBKIT_OK(st) && !(dir.attr.attributes & SMBKIT_ATTR_REPARSE_POINT)) {
        st = kit_list_more(a, &dir, l, WIPE_PAGE);
    }
    kit_close(a, &dir);
    return st;
}

static bool is_directory(struct kit_actor *a, const struct kit_entry *e, const char *path)
{
    struct smbkit_attr attr = e->attr;
    if (!e->has_attr && !SMBKIT_OK(kit_lookup(a, path, &attr))) {
        return false;
    }
    return (attr.attributes & SMBKIT_ATTR_DIRECTORY) &&
           !(attr.attributes & SMBKIT_ATTR_REPARSE_POINT);
}

static bool wipe_page(struct kit_actor *a, const char *path, const struct kit_listing *l)
{
    bool ok = true;
    for (uint32_t i = 0; i < l->count; i++) {
        struct kit_path p = kit_in(path, l->list[i].name);
        ok = (is_directory(a, &l->list[i], p.s) ? kit_wipe(a, p.s) : remove_one(a, p.s)) && ok;
    }
    return ok;
}

bool kit_wipe(struct kit_actor *a, const char *path)
{
    bool ok = true;
    bool is_empty = false;
    for (uint32_t round = 0; ok && !is_empty && round < WIPE_ROUNDS; round++) {
        struct kit_listing l;
        kit_listing_init(&l);
        smbkit_status st = names_of(a, path, &l);
        if (!SMBKIT_OK(st)) {
            note_left(a, path, st);
        }
        is_empty = l.count == 0;
        ok = SMBKIT_OK(st) && wipe_page(a, path, &l);
        kit_listing_fini(&l);
    }
    return ok && remove_one(a, path);
}
