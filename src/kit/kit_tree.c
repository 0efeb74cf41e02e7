/* SPDX-License-Identifier: Apache-2.0 */
/* Names by chance, against a model: some folders with some names, that are made, moved and removed.
 */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define FOLDERS 3u
#define NAMES 6u
#define PLACES (FOLDERS * NAMES)
#define STEPS_LEAST 200u

/* What is at each place: the number that the file holds; 0: nothing. */
struct tree {
    uint32_t holds[PLACES];
    uint32_t next;
};

static struct kit_path folder_at(const struct kit_actor *a, uint32_t folder)
{
    char name[32];
    str_format(name, sizeof(name), "folder-%u", folder);
    return kit_at(a, name);
}

static void name_of(uint32_t place, char name[32])
{
    str_format(name, 32, "name-%u", place % NAMES);
}

static struct kit_path place_at(const struct kit_actor *a, uint32_t place)
{
    char name[32];
    struct kit_path folder = folder_at(a, place / NAMES);
    name_of(place, name);
    return kit_in(folder.s, name);
}

static void text_of(uint32_t number, char text[32])
{
    str_format(text, 32, "file %u", number);
}

static bool is_as_told(struct kit_actor *a, const struct tree *t, uint32_t place)
{
    struct kit_path p = place_at(a, place);
    char text[32];
    text_of(t->holds[place], text);
    return t->holds[place] ? kit_must_hold(a, p.s, text) : kit_must_miss(a, p.s);
}

static bool step_make(struct kit_actor *a, struct tree *t, uint32_t place)
{
    struct kit_file f;
    struct kit_path p = place_at(a, place);
    char text[32];
    smbkit_status st = kit_make(a, &f, p.s, SMBKIT_KIND_FILE);
    if (t->holds[place]) {
        kit_close(a, &f);
        return kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
    if (!kit_ok(a, st)) {
        return false;
    }
    t->holds[place] = ++t->next;
    text_of(t->next, text);
    bool ok = kit_must_write(a, &f, 0, text);
    kit_close(a, &f);
    return ok;
}

static bool step_remove(struct kit_actor *a, struct tree *t, uint32_t place)
{
    struct kit_path p = place_at(a, place);
    if (!t->holds[place]) {
        return kit_must_miss(a, p.s);
    }
    t->holds[place] = 0;
    return kit_must_remove(a, p.s);
}

static bool step_rename(struct kit_actor *a, struct tree *t, uint32_t place)
{
    struct kit_file f;
    uint32_t to = kit_below(a, PLACES);
    uint32_t flags = kit_below(a, 2) ? SMBKIT_RENAME_REPLACE : 0;
    struct kit_path p = place_at(a, place);
    struct kit_path there = place_at(a, to);
    if (!t->holds[place] || to == place || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return !kit_failed(a);
    }
    smbkit_status st = kit_rename(a, &f, there.s, flags);
    kit_close(a, &f);
    if (t->holds[to] && !flags) {
        return kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_COLLISION) && is_as_told(a, t, place) &&
               is_as_told(a, t, to);
    }
    t->holds[to] = t->holds[place];
    t->holds[place] = 0;
    return kit_ok(a, st) && is_as_told(a, t, place) && is_as_told(a, t, to);
}

static bool folder_is_as_told(struct kit_actor *a, const struct tree *t, uint32_t folder)
{
    char room[NAMES][32];
    const char *names[NAMES + 1];
    uint32_t count = 0;
    struct kit_path p = folder_at(a, folder);
    for (uint32_t place = folder * NAMES; place < (folder + 1) * NAMES; place++) {
        if (t->holds[place]) {
            name_of(place, room[count]);
            names[count] = room[count];
            count++;
        }
    }
    names[count] = NULL;
    return kit_must_be_names(a, p.s, names);
}

static bool step(struct kit_actor *a, struct tree *t)
{
    uint32_t place = kit_below(a, PLACES);
    switch (kit_below(a, 5)) {
    case 0:
    case 1:
        return step_make(a, t, place);
    case 2:
        return step_remove(a, t, place);
    case 3:
        return step_rename(a, t, place);
    default:
        return folder_is_as_told(a, t, place / NAMES);
    }
}

static void tree_random(struct kit_actor *a)
{
    struct tree t = {.next = 0};
    uint64_t until = kit_until(a->kit);
    for (uint32_t i = 0; i < FOLDERS; i++) {
        struct kit_path p = folder_at(a, i);
        if (!kit_must_mkdir(a, p.s)) {
            return;
        }
    }
    for (uint32_t i = 0; !kit_failed(a) && (i < STEPS_LEAST || os_monotonic_ms() < until); i++) {
        (void)step(a, &t);
    }
    for (uint32_t place = 0; place < PLACES && !kit_failed(a); place++) {
        (void)is_as_told(a, &t, place);
    }
    for (uint32_t i = 0; i < FOLDERS && !kit_failed(a); i++) {
        (void)folder_is_as_told(a, &t, i);
    }
}

const struct kit_rule kit_rules_tree[] = {
    {.name = "tree.random",
     .section = "rename",
     .says = "names are where they were put, whatever is made, moved and removed between",
     .needs = KIT_WRITES,
     .op = KIT_OP(rename),
     .fn = tree_random},
    {.name = NULL}};
