/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that need no change: what is there is walked, within bounds, and read. On a volume that
 * takes changes there is next to nothing to walk, so they are for those that do not. */
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define FOLDERS_MOST 64u
#define FILES_MOST 64u
#define FILE_BYTES_MOST (1u << 20) /* of a file that are read */
#define PIECES 24u

/* What was found: paths, owned. */
struct found {
    char *folders[FOLDERS_MOST];
    char *files[FILES_MOST];
    uint32_t folder_count, file_count;
};

static void found_fini(struct found *w)
{
    for (uint32_t i = 0; i < w->folder_count; i++) {
        mem_free(w->folders[i]);
    }
    for (uint32_t i = 0; i < w->file_count; i++) {
        mem_free(w->files[i]);
    }
}

static void note(char **list, uint32_t *count, uint32_t most, const char *path)
{
    char *copy = *count < most ? str_dup(path) : NULL;
    if (copy) {
        list[(*count)++] = copy;
    }
}

/* What it leads to is something else than is listed. */
static bool is_link(const struct kit_entry *e)
{
    return e->has_attr && (e->attr.attributes & SMBKIT_ATTR_REPARSE_POINT);
}

/* What each entry is, by look-up; one that has gone since is no fault. */
static bool note_entries(struct kit_actor *a, struct found *w, const char *folder,
                         const struct kit_listing *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct smbkit_attr attr;
        struct kit_path p = kit_in(folder, l->list[i].name);
        if (is_link(&l->list[i])) {
            continue;
        }
        smbkit_status st = kit_lookup(a, p.s, &attr);
        if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || st == SMBKIT_STATUS_ACCESS_DENIED) {
            continue;
        }
        if (!kit_ok(a, st)) {
            return false;
        }
        if (attr.attributes & SMBKIT_ATTR_REPARSE_POINT) {
            continue;
        }
        if (attr.attributes & SMBKIT_ATTR_DIRECTORY) {
            note(w->folders, &w->folder_count, FOLDERS_MOST, p.s);
        } else {
            note(w->files, &w->file_count, FILES_MOST, p.s);
        }
    }
    return true;
}

/* Broad first, so that something of everything is seen. */
static bool walk(struct kit_actor *a, struct found *w)
{
    *w = (struct found){.folder_count = 0};
    note(w->folders, &w->folder_count, FOLDERS_MOST, "");
    bool ok = true;
    for (uint32_t i = 0; ok && i < w->folder_count; i++) {
        struct kit_listing l;
        kit_listing_init(&l);
        ok = kit_must_list(a, w->folders[i], KIT_LIST_ALL, &l) &&
             note_entries(a, w, w->folders[i], &l);
        kit_listing_fini(&l);
    }
    return ok;
}

/* ---- names ---- */

static bool is_different(const struct kit_entry *e, const struct smbkit_attr *attr)
{
    return (e->attr.attributes ^ attr->attributes) & SMBKIT_ATTR_DIRECTORY ||
           (e->attr.file_id != 0 && e->attr.file_id != attr->file_id);
}

/* Not found, since others have taken it away: it is not listed any more either. */
static bool has_gone(struct kit_actor *a, const char *folder, const char *name, smbkit_status st)
{
    struct kit_listing l;
    if (st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return false;
    }
    char call[KIT_TEXT_MAX];
    kit_call_text(a, call);
    kit_listing_init(&l);
    bool gone = kit_must_list(a, folder, KIT_LIST_ALL, &l) && !kit_listing_get(&l, name, NULL);
    kit_listing_fini(&l);
    kit_calling(a, "%s", call);
    kit_called(a);
    return gone;
}

/* Each entry once, found by its name, and the same thing as listed. */
static bool entries_are(struct kit_actor *a, const char *folder, const struct kit_listing *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const struct kit_entry *e = &l->list[i];
        struct kit_path p = kit_in(folder, e->name);
        struct smbkit_attr attr;
        uint32_t times;
        (void)kit_listing_get(l, e->name, &times);
        if (times != 1 || str_eq(e->name, ".") || str_eq(e->name, "..")) {
            return kit_fault_of(a, "enumerate", "entry %s %u times in %s; once, and never \".\"",
                                quoted(e->name).text, times, quoted(folder).text);
        }
        if (is_link(e)) {
            continue;
        }
        smbkit_status st = kit_lookup(a, p.s, &attr);
        if (st == SMBKIT_STATUS_ACCESS_DENIED || has_gone(a, folder, e->name, st)) {
            continue;
        }
        if (!kit_ok(a, st)) {
            return false;
        }
        if (e->has_attr && is_different(e, &attr)) {
            return kit_fault(a, "attributes 0x%x, id 0x%llx; enumerate told 0x%x, id 0x%llx",
                             attr.attributes, (unsigned long long)attr.file_id, e->attr.attributes,
                             (unsigned long long)e->attr.file_id);
        }
    }
    return true;
}

static void walk_names(struct kit_actor *a)
{
    struct found w;
    bool ok = walk(a, &w);
    for (uint32_t i = 0; ok && i < w.folder_count; i++) {
        struct kit_listing l;
        kit_listing_init(&l);
        ok = kit_must_list(a, w.folders[i], KIT_LIST_ALL, &l) && entries_are(a, w.folders[i], &l);
        kit_listing_fini(&l);
    }
    found_fini(&w);
}

/* The same names, however small the pages. */
static bool is_same_list(struct kit_actor *a, const struct kit_listing *all, const char *folder,
                         uint32_t page)
{
    struct kit_listing l;
    kit_listing_init(&l);
    bool ok = kit_must_list(a, folder, page, &l);
    if (ok && l.count != all->count) {
        ok = kit_fault(a, "%u entries, %u at a time; in one call there were %u", l.count, page,
                       all->count);
    }
    for (uint32_t i = 0; ok && i < l.count; i++) {
        ok = kit_listing_get(&l, all->list[i].name, NULL) ||
             kit_fault(a, "a listing, %u at a time, without %s", page,
                       quoted(all->list[i].name).text);
    }
    kit_listing_fini(&l);
    return ok;
}

static void walk_pages(struct kit_actor *a)
{
    static const uint32_t pages[] = {1, 2, 5};
    struct found w;
    bool ok = walk(a, &w);
    for (uint32_t i = 0; ok && i < w.folder_count && i < 8; i++) {
        struct kit_listing all;
        kit_listing_init(&all);
        ok = kit_must_list(a, w.folders[i], KIT_LIST_ALL, &all);
        for (size_t p = 0; ok && p < ARRAY_LEN(pages); p++) {
            ok = is_same_list(a, &all, w.folders[i], pages[p]);
        }
        kit_listing_fini(&all);
    }
    found_fini(&w);
}

/* ---- data ---- */

/* Read anew by pieces in any order, it is what one read of the whole gave. */
static bool pieces_are(struct kit_actor *a, struct kit_file *f, const uint8_t *whole, uint32_t size)
{
    CLEANUP_MEM uint8_t *buf = mem_alloc(size + 1);
    for (uint32_t i = 0; buf && i < PIECES; i++) {
        struct smbkit_range r = {.offset = kit_below(a, size + 1)};
        r.length = 1 + kit_below(a, size + 1);
        r.length = MIN(r.length, (uint64_t)size + 1);
        uint32_t want = (uint32_t)MIN(r.length, size - r.offset);
        uint32_t done;
        if (!kit_ok(a, kit_read(a, f, &r, buf, &done))) {
            return false;
        }
        if (done < want) {
            return kit_fault(a, "%u bytes; in one read of the whole there were %u more", done,
                             want - done);
        }
        if (!mem_eq(buf, whole + r.offset, want)) {
            return kit_fault(a, "other bytes than one read of the whole gave");
        }
    }
    return true;
}

/* Does it change by itself, such as a clock? Then nothing can be said of it. */
static bool changes(struct kit_actor *a, struct kit_file *f, const uint8_t *whole, uint32_t size)
{
    CLEANUP_MEM uint8_t *buf = mem_alloc(FILE_BYTES_MOST);
    const struct smbkit_range all = {.offset = 0, .length = FILE_BYTES_MOST};
    uint32_t done = 0;
    return !buf || !SMBKIT_OK(kit_read(a, f, &all, buf, &done)) || done != size ||
           !mem_eq(buf, whole, size);
}

#define LOOKS 4u
/* false: told as a fault, or it has changed by itself just now, of which nothing is told. */
static bool pieces_stay(struct kit_actor *a, struct kit_file *f, const uint8_t *whole,
                        uint32_t size)
{
    for (uint32_t i = 0; i < LOOKS; i++) {
        a->is_silent = true;
        bool ok = pieces_are(a, f, whole, size);
        a->is_silent = false;
        if (ok || changes(a, f, whole, size)) {
            return ok;
        }
    }
    return pieces_are(a, f, whole, size);
}

static bool reads_whole(struct kit_actor *a, struct kit_file *f)
{
    CLEANUP_MEM uint8_t *whole = mem_alloc(FILE_BYTES_MOST);
    const struct smbkit_range all = {.offset = 0, .length = FILE_BYTES_MOST};
    const struct smbkit_range beyond = {.offset = 1ull << 40, .length = 16};
    struct smbkit_attr attr;
    uint32_t done = 0;
    uint32_t nothing;
    uint8_t buf[16];
    smbkit_status st = whole ? kit_read(a, f, &all, whole, &done) : SMBKIT_STATUS_NO_MEMORY;
    if (st == SMBKIT_STATUS_ACCESS_DENIED) {
        return true;
    }
    if (!kit_ok(a, st) || !kit_ok(a, kit_getattr(a, f, &attr))) {
        return false;
    }
    if (changes(a, f, whole, done)) {
        return true;
    }
    if (done != MIN(attr.size, (uint64_t)FILE_BYTES_MOST)) {
        return kit_fault(a, "size %llu; a read of the whole gave %u bytes",
                         (unsigned long long)attr.size, done);
    }
    if (!pieces_stay(a, f, whole, done)) {
        return true;
    }
    return kit_ok(a, kit_read(a, f, &beyond, buf, &nothing)) &&
           (nothing == 0 || kit_fault(a, "%u bytes far behind the end", nothing));
}

static void walk_reads(struct kit_actor *a)
{
    struct found w;
    bool ok = walk(a, &w);
    for (uint32_t i = 0; ok && i < w.file_count; i++) {
        struct kit_file f;
        smbkit_status st = kit_open(a, &f, w.files[i], SMBKIT_KIND_FILE);
        if (st == SMBKIT_STATUS_ACCESS_DENIED || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
            continue;
        }
        ok = kit_ok(a, st) && reads_whole(a, &f);
        kit_close(a, &f);
    }
    if (ok && w.file_count == 0) {
        kit_out(a, "there is no file in it");
    }
    found_fini(&w);
}

static void walk_kinds(struct kit_actor *a)
{
    struct found w;
    bool ok = walk(a, &w);
    for (uint32_t i = 0; ok && i < w.file_count; i++) {
        struct kit_file f;
        struct kit_path below = kit_in(w.files[i], "below");
        smbkit_status st = kit_open(a, &f, w.files[i], SMBKIT_KIND_DIRECTORY);
        kit_close(a, &f);
        ok = kit_is(a, st, SMBKIT_STATUS_NOT_A_DIRECTORY);
        if (ok) {
            st = kit_open(a, &f, below.s, SMBKIT_KIND_ANY);
            kit_close(a, &f);
            ok = kit_is(a, st, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
        }
    }
    for (uint32_t i = 0; ok && i < w.folder_count; i++) {
        struct kit_file f;
        smbkit_status st = kit_open(a, &f, w.folders[i], SMBKIT_KIND_FILE);
        kit_close(a, &f);
        ok = kit_is(a, st, SMBKIT_STATUS_FILE_IS_A_DIRECTORY);
    }
    found_fini(&w);
}

bool kit_some_file(struct kit_actor *a, struct kit_path *p)
{
    if (!a->kit->is_read_only) {
        *p = kit_at(a, "file");
        return kit_must_put(a, p->s, "text");
    }
    struct found w;
    bool ok = walk(a, &w) && w.file_count > 0;
    if (ok) {
        str_copy(p->s, sizeof(p->s), w.files[0]);
    }
    found_fini(&w);
    return ok;
}

/* ---- at once ---- */

static void read_main(struct kit_crew *c)
{
    const struct found *w = c->shared;
    uint64_t until = kit_until(c->actor.kit);
    for (uint32_t n = 0; !kit_failed(&c->actor) && (n < 20 || os_monotonic_ms() < until); n++) {
        struct kit_file f;
        const char *path = w->files[kit_below(&c->actor, w->file_count)];
        if (SMBKIT_OK(kit_open(&c->actor, &f, path, SMBKIT_KIND_FILE))) {
            (void)reads_whole(&c->actor, &f);
        }
        kit_close(&c->actor, &f);
    }
}

static void walk_threads(struct kit_actor *a)
{
    struct found w;
    if (walk(a, &w) && w.file_count > 0) {
        kit_crew_run(a, 4, read_main, &w);
    } else {
        kit_out(a, "there is no file in it");
    }
    found_fini(&w);
}

/* ---- no change ---- */

/* By the core, which refuses in the plugin's place: nothing that is there is at stake. */
static void walk_refuses(struct kit_actor *a)
{
    struct vfs_call call = {.token = a->kit->token};
    struct vfs_create_out out;
    const struct vfs_create_in in = {.volume = a->kit->volume,
                                     .path = KIT_FOLDER,
                                     .desired_access = SMBKIT_WRITE_DATA,
                                     .access_cap = SMBKIT_ALL_ACCESS,
                                     .share_access = VFS_SHARE_READ,
                                     .disposition = SMBKIT_CREATE};
    kit_calling(a, "create(\"" KIT_FOLDER "\", CREATE), as a client asks for it");
    smbkit_status st = vfs_create(&call, &in, &out);
    kit_called(a);
    if (SMBKIT_OK(st)) {
        st = vfs_close(&call, out.open, NULL);
        kit_fault(a, "SUCCESS; the volume is read only");
    } else {
        (void)kit_must_miss(a, KIT_FOLDER);
    }
}

#define RULE(id, part, text)                                                                       \
    .name = "walk." id, .section = part, .says = text, .needs = KIT_READ_ONLY
const struct kit_rule kit_rules_readonly[] = {
    {RULE("names", "enumerate", "what is listed is found by its name, and is what was listed"),
     .fn = walk_names},
    {RULE("pages", "enumerate", "page by page a listing is the same"), .fn = walk_pages},
    {RULE("kinds", "create", "what is of the other kind is NOT_A_DIRECTORY or FILE_IS_A_DIRECTORY"),
     .fn = walk_kinds},
    {RULE("reads", "read", "read by pieces, a file is what one read of the whole gives"),
     .fn = walk_reads},
    {RULE("threads", "Other opens", "four threads read files of it at once"), .fn = walk_threads},
    {RULE("refuses", "volume_open", "nothing is made in a volume that is read only"),
     .fn = walk_refuses},
    {.name = NULL}};
