/* SPDX-License-Identifier: Apache-2.0 */
/* Changes at random, beside a model that has every snapshot as a whole. */
#include "snapshot_fixture.h"

#define LETTERS 3u
#define PATHS (LETTERS + LETTERS * LETTERS + LETTERS * LETTERS * LETTERS)
#define FOLDER 1u /* a file's state is what is in it, from 2; 0: nothing is there */
#define STEPS 1500u

struct state {
    uint32_t at[PATHS];
};

struct walk {
    struct fixture f;
    struct state now, then[SNAPS_MAX];
    uint64_t times[SNAPS_MAX];
    uint32_t taken;
    uint32_t seed, content;
};

static uint32_t roll(struct walk *w, uint32_t below)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return (w->seed >> 8) % below;
}

/* a, b, c, a/a, a/b, ...: the kids of i are (i + 1) * LETTERS and on. */
static void path_name(uint32_t i, char name[8])
{
    char back[8];
    uint32_t len = 0;
    for (;; i = i / LETTERS - 1) {
        back[len++] = (char)('a' + i % LETTERS);
        if (i < LETTERS) {
            break;
        }
        back[len++] = '/';
    }
    for (uint32_t k = 0; k < len; k++) {
        name[k] = back[len - 1 - k];
    }
    name[len] = 0;
}

static bool has_folder(const struct state *s, uint32_t i)
{
    return i < LETTERS || s->at[i / LETTERS - 1] == FOLDER;
}

static uint32_t kids_of(const struct state *s, uint32_t i)
{
    uint32_t n = 0;
    for (uint32_t k = (i + 1) * LETTERS; k < (i + 2) * LETTERS && k < PATHS; k++) {
        n += s->at[k] != 0;
    }
    return n;
}

static uint32_t depth_of(uint32_t i)
{
    return i < LETTERS ? 1 : 1 + depth_of(i / LETTERS - 1);
}

/* How many levels are below it. */
static uint32_t height_of(const struct state *s, uint32_t i)
{
    uint32_t most = 0;
    for (uint32_t k = (i + 1) * LETTERS; k < (i + 2) * LETTERS && k < PATHS; k++) {
        uint32_t h = s->at[k] ? 1 + height_of(s, k) : 0;
        most = MAX(most, h);
    }
    return most;
}

static void model_move(struct state *s, uint32_t from, uint32_t to)
{
    s->at[to] = s->at[from];
    s->at[from] = 0;
    for (uint32_t k = 0; k < LETTERS && (from + 1) * LETTERS + k < PATHS; k++) {
        uint32_t kid = (from + 1) * LETTERS + k;
        if (s->at[kid] && (to + 1) * LETTERS + k < PATHS) {
            model_move(s, kid, (to + 1) * LETTERS + k);
        }
    }
}

static bool is_within(uint32_t i, uint32_t folder)
{
    return i == folder || (i >= LETTERS && is_within(i / LETTERS - 1, folder));
}

static void step_put(struct walk *w, uint32_t i)
{
    char name[8], text[16];
    if (w->now.at[i] == FOLDER || !has_folder(&w->now, i)) {
        return;
    }
    path_name(i, name);
    snprintf(text, sizeof(text), "%u", w->content);
    CHECK_INT(put(&w->f, name, text), 0);
    w->now.at[i] = w->content++;
}

static void step_move(struct walk *w, uint32_t from, uint32_t to)
{
    char a[8], b[8];
    const struct state *s = &w->now;
    bool replaces = s->at[to] > FOLDER && s->at[from] > FOLDER;
    if (!s->at[from] || from == to || !has_folder(s, to) || (s->at[to] && !replaces) ||
        is_within(to, from) || depth_of(to) + height_of(s, from) > 3) {
        return;
    }
    path_name(from, a);
    path_name(to, b);
    CHECK_INT(move(&w->f, a, b, true), 0);
    model_move(&w->now, from, to);
}

static void step(struct walk *w)
{
    char name[8];
    uint32_t i = roll(w, PATHS);
    path_name(i, name);
    test_context("%s", name);
    switch (roll(w, 8)) {
    case 0:
    case 1:
    case 2:
        step_put(w, i);
        break;
    case 3:
    case 4:
        if (!w->now.at[i] && has_folder(&w->now, i) && depth_of(i) < 3) {
            make(&w->f, name, true);
            w->now.at[i] = FOLDER;
        }
        break;
    case 5:
        if (w->now.at[i] && kids_of(&w->now, i) == 0) {
            CHECK_INT(take_away(&w->f, name), 0);
            w->now.at[i] = 0;
        }
        break;
    default:
        step_move(w, i, roll(w, PATHS));
    }
}

/* What is listed there is what there was. */
static void check_listing(struct walk *w, const struct state *s, uint64_t time, uint32_t i)
{
    char name[8], want[64] = "", names[1024] = "";
    path_name(i, name);
    for (uint32_t k = (i + 1) * LETTERS; k < (i + 2) * LETTERS && k < PATHS; k++) {
        size_t len = strlen(want);
        if (s->at[k]) {
            snprintf(want + len, sizeof(want) - len, "%c", (char)('a' + k % LETTERS));
        }
    }
    const struct vfs_dir_query q = {.pattern = "*", .entry = note_entry, .arg = names};
    struct vfs_open *o;
    CHECK_INT(open_in(&w->f, time, name, &o), 0);
    while (o && SMBKIT_OK(vfs_query_directory(&w->f.call, o, &q))) {
    }
    must_close(&w->f, o);
    char got[64] = "";
    for (char c = 'a'; c < 'a' + (char)LETTERS; c++) {
        const char word[] = {c, ' ', 0};
        size_t len = strlen(got);
        if (strstr(names, word)) {
            snprintf(got + len, sizeof(got) - len, "%c", c);
        }
    }
    test_context("names of %s at %llu: %s", name, (unsigned long long)time, names);
    CHECK_STR(got, want);
}

static void check_state(struct walk *w, const struct state *s, uint64_t time)
{
    char name[8], text[16];
    for (uint32_t i = 0; i < PATHS; i++) {
        path_name(i, name);
        snprintf(text, sizeof(text), "%u", s->at[i]);
        if (s->at[i] == FOLDER) {
            check_listing(w, s, time, i);
        } else {
            check_in(&w->f, time, name, s->at[i] ? text : NULL);
        }
    }
}

static void check_all(struct walk *w)
{
    check_state(w, &w->now, 0);
    for (uint32_t i = 0; i < w->taken; i++) {
        check_state(w, &w->then[i], w->times[i]);
    }
}

static void walk(const char *arg, uint32_t seed)
{
    struct walk *w = calloc(1, sizeof(*w));
    REQUIRE(w && start(&w->f, arg, NULL));
    w->seed = seed;
    w->content = 2;
    for (uint32_t i = 1; i <= STEPS; i++) {
        step(w);
        if (i % 60 == 0) {
            w->then[w->taken] = w->now;
            w->times[w->taken++] = take(&w->f);
        }
        if (i % 100 == 0) {
            check_all(w);
        }
    }
    check_all(w);
    fixture_close(&w->f);
    free(w);
}

static void test_walk(void)
{
    for (uint32_t seed = 1; seed <= 4; seed++) {
        walk(NULL, seed);
    }
}

static void test_walk_store(void)
{
    walk("store=mem:", 99);
}

static const struct test_case cases[] = {
    {"in the volume", test_walk},
    {"another store", test_walk_store},
};
TEST_MAIN(cases)
