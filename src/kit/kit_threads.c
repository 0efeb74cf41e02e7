/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of many threads at once: on files of their own, on one file, on one folder. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define CREW 4u
#define STRIPE_BYTES 3000u /* no round number: two share a page */
#define NAMES 24u
#define ROUNDS_LEAST 20u

static void crew_main(void *arg)
{
    struct kit_crew *c = arg;
    c->fn(c);
}

void kit_crew_run(struct kit_actor *a, unsigned count, void (*fn)(struct kit_crew *c), void *shared)
{
    CLEANUP_MEM struct kit_crew *crew = mem_calloc(count, sizeof(*crew));
    for (unsigned i = 0; crew && i < count; i++) {
        struct kit_crew *c = &crew[i];
        kit_actor_init(&c->actor, a->kit, kit_draw(a));
        c->number = i;
        c->fn = fn;
        c->shared = shared;
        if (os_thread_start(&c->thread, "kit-crew", crew_main, c) != 0) {
            kit_out(a, "no thread can be started");
        }
    }
    for (unsigned i = 0; crew && i < count; i++) {
        if (crew[i].thread) {
            os_thread_join(crew[i].thread);
        }
        kit_actor_fini(&crew[i].actor);
    }
}

static bool goes_on(struct kit_crew *c, uint32_t round, uint64_t until)
{
    return !kit_failed(&c->actor) && (round < ROUNDS_LEAST || os_monotonic_ms() < until);
}

static struct kit_path own_name(const struct kit_crew *c, const char *what, uint32_t n)
{
    char name[64];
    str_format(name, sizeof(name), "%s-%u-%u", what, c->number, n);
    return kit_at(&c->actor, name);
}

/* ---- stripes ---- */

static void fill(uint8_t stripe[STRIPE_BYTES], unsigned number, uint32_t round)
{
    for (uint32_t i = 0; i < STRIPE_BYTES; i++) {
        stripe[i] = (uint8_t)(number * 61 + round * 7 + i);
    }
}

/* Its own part of the file, written and read. */
static bool stripe_round(struct kit_crew *c, struct kit_file *f, uint64_t at, uint32_t round)
{
    uint8_t stripe[STRIPE_BYTES];
    uint8_t buf[STRIPE_BYTES];
    uint32_t done;
    const struct smbkit_range r = {.offset = at, .length = STRIPE_BYTES};
    fill(stripe, c->number, round);
    if (!kit_ok(&c->actor, kit_write(&c->actor, f, &r, stripe, 0)) ||
        !kit_ok(&c->actor, kit_read(&c->actor, f, &r, buf, &done))) {
        return false;
    }
    if (done != STRIPE_BYTES || !mem_eq(buf, stripe, STRIPE_BYTES)) {
        return kit_fault(&c->actor,
                         "%u bytes, or others than this thread wrote there; others write "
                         "elsewhere in the file",
                         done);
    }
    return true;
}

static void files_main(struct kit_crew *c)
{
    struct kit_actor *a = &c->actor;
    uint64_t until = kit_until(a->kit);
    for (uint32_t n = 0; goes_on(c, n, until); n++) {
        struct kit_file f;
        struct kit_path p = own_name(c, "own", n);
        struct kit_path to = own_name(c, "moved", n);
        if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
            return;
        }
        bool ok = stripe_round(c, &f, 0, n) && stripe_round(c, &f, 70000, n + 1);
        if (ok && kit_has(a->kit, SMBKIT_OP_rename)) {
            ok = kit_ok(a, kit_rename(a, &f, to.s, 0)) && kit_must_miss(a, p.s);
        }
        if (ok && kit_has(a->kit, SMBKIT_OP_remove)) {
            ok = kit_ok(a, kit_remove(a, &f)) && kit_must_miss(a, f.path);
        }
        kit_close(a, &f);
        if (!ok) {
            return;
        }
    }
}

static void threads_files(struct kit_actor *a)
{
    kit_crew_run(a, CREW, files_main, NULL);
}

/* Each by an open of its own. */
static void one_file_main(struct kit_crew *c)
{
    struct kit_file f;
    const struct kit_path *p = c->shared;
    uint64_t until = kit_until(c->actor.kit);
    if (!kit_must_open(&c->actor, &f, p->s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (uint32_t n = 0; goes_on(c, n, until); n++) {
        if (!stripe_round(c, &f, (uint64_t)c->number * STRIPE_BYTES, n)) {
            break;
        }
    }
    kit_close(&c->actor, &f);
}

static void threads_one_file(struct kit_actor *a)
{
    struct kit_path p = kit_at(a, "file");
    if (kit_must_put(a, p.s, "")) {
        kit_crew_run(a, CREW, one_file_main, &p);
    }
}

/* All by one open. */
static void one_open_main(struct kit_crew *c)
{
    uint64_t until = kit_until(c->actor.kit);
    struct smbkit_attr attr;
    for (uint32_t n = 0; goes_on(c, n, until); n++) {
        if (!stripe_round(c, c->shared, (uint64_t)c->number * STRIPE_BYTES, n) ||
            !kit_ok(&c->actor, kit_getattr(&c->actor, c->shared, &attr))) {
            return;
        }
        if (attr.size < (uint64_t)(c->number + 1) * STRIPE_BYTES) {
            kit_fault(&c->actor, "size %llu; this thread has written up to %u",
                      (unsigned long long)attr.size, (c->number + 1) * STRIPE_BYTES);
        }
    }
}

static void threads_one_open(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    if (kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        kit_crew_run(a, CREW, one_open_main, &f);
        kit_close(a, &f);
    }
}

/* ---- names ---- */

struct race {
    struct mutex lock;
    struct cond cond;
    uint32_t round, arrived; /* guarded by lock, as won */
    uint32_t won;
};

/* All go on at once. */
static void race_meet(struct race *r)
{
    SCOPED_LOCK(&r->lock);
    uint32_t round = r->round;
    if (++r->arrived == CREW) {
        r->arrived = 0;
        r->round++;
        cond_broadcast(&r->cond);
    }
    while (r->round == round) {
        cond_wait(&r->cond, &r->lock);
    }
}

static void race_won(struct race *r)
{
    SCOPED_LOCK(&r->lock);
    r->won++;
}

static void names_main(struct kit_crew *c)
{
    struct kit_actor *a = &c->actor;
    struct race *r = c->shared;
    for (uint32_t n = 0; n < ROUNDS_LEAST; n++) {
        struct kit_file f;
        char name[32];
        str_format(name, sizeof(name), "name-%u", n);
        struct kit_path p = kit_at(a, name);
        race_meet(r);
        smbkit_status st = kit_make(a, &f, p.s, SMBKIT_KIND_FILE);
        kit_close(a, &f);
        if (SMBKIT_OK(st)) {
            race_won(r);
        } else {
            (void)kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_COLLISION);
        }
    }
}

static void threads_names(struct kit_actor *a)
{
    struct race r = {.round = 0};
    mutex_init(&r.lock);
    cond_init(&r.cond);
    kit_crew_run(a, CREW, names_main, &r);
    if (!kit_failed(a) && r.won != ROUNDS_LEAST) {
        kit_fault_of(a, "create(CREATE) of one name by four threads at once, twenty times",
                     "%u times SUCCESS; one of the four is to make it each time", r.won);
    }
    cond_fini(&r.cond);
    mutex_fini(&r.lock);
}

/* ---- listings ---- */

/* Two of them make and take away, the others list: what stays is there once. */
static void list_main(struct kit_crew *c)
{
    struct kit_actor *a = &c->actor;
    uint64_t until = kit_until(a->kit);
    for (uint32_t n = 0; goes_on(c, n, until); n++) {
        if (c->number % 2 == 0) {
            struct kit_path p = own_name(c, "comes", n);
            (void)(kit_must_put(a, p.s, "") && kit_must_remove(a, p.s));
            continue;
        }
        struct kit_listing l;
        kit_listing_init(&l);
        bool ok = kit_must_list(a, a->kit->dir, 1 + kit_below(a, 9), &l);
        for (uint32_t i = 0; ok && i < NAMES; i++) {
            char name[32];
            uint32_t times;
            str_format(name, sizeof(name), "stays-%u", i);
            (void)kit_listing_get(&l, name, &times);
            ok = times == 1 ||
                 kit_fault(a, "entry \"%s\" %u times; it was there all the time", name, times);
        }
        kit_listing_fini(&l);
    }
}

static void threads_list(struct kit_actor *a)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[32];
        str_format(name, sizeof(name), "stays-%u", i);
        struct kit_path p = kit_at(a, name);
        if (!kit_must_put(a, p.s, "")) {
            return;
        }
    }
    kit_crew_run(a, CREW, list_main, NULL);
}

/* Opens come and go while others are used. */
static void close_main(struct kit_crew *c)
{
    const struct kit_path *p = c->shared;
    uint64_t until = kit_until(c->actor.kit);
    for (uint32_t n = 0; goes_on(c, n, until); n++) {
        (void)kit_must_hold(&c->actor, p->s, "text that stays");
    }
}

static void threads_close(struct kit_actor *a)
{
    struct kit_path p = kit_at(a, "file");
    if (kit_must_put(a, p.s, "text that stays")) {
        kit_crew_run(a, CREW, close_main, &p);
    }
}

#define RULE(id, part, text)                                                                       \
    .name = "threads." id, .section = part, .says = text, .needs = KIT_WRITES
const struct kit_rule kit_rules_threads[] = {
    {RULE("files", "Other opens", "four threads make, fill, move and remove files of their own"),
     .fn = threads_files},
    {RULE("one-file", "Other opens",
          "four threads write their parts of one file, each by its open"),
     .fn = threads_one_file},
    {RULE("one-open", "Other opens", "... and all by one open"), .fn = threads_one_open},
    {RULE("names", "create", "of four threads that CREATE one name, one makes it"),
     .fn = threads_names},
    {RULE("list", "enumerate", "what stays is listed once while other threads make and remove"),
     .op = KIT_OP(remove), .fn = threads_list},
    {RULE("close", "Other opens", "opens are closed while others of the file are in calls"),
     .fn = threads_close},
    {.name = NULL}};
