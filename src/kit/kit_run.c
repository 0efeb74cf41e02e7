/* SPDX-License-Identifier: Apache-2.0 */
/* A run: the volume is opened, the rules go one after the other, what they made is taken away. */
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"
#include "os/process.h"
#include "vfs/wildcard.h"

#define WATCH_MS 50u
#define SHARE_NAME "smbkit-test-plugin"

static const struct kit_rule *const tables[] = {
    kit_rules_names, kit_rules_moves,   kit_rules_tree,   kit_rules_attr, kit_rules_data,
    kit_rules_space, kit_rules_list,    kit_rules_extra,  kit_rules_rest, kit_rules_readonly,
    kit_rules_async, kit_rules_threads, kit_rules_volume, kit_rules_life, kit_rules_whole};

/* ---- lines ---- */

static void PRINTF_LIKE(2, 3) say(const struct kit *k, const char *fmt, ...)
{
    char line[2 * KIT_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    str_vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    k->spec.line(k->spec.arg, line);
}

static void say_out(struct kit *k, const struct kit_rule *r, const char *why)
{
    k->out++;
    say(k, "n/a       %-24s %s", r->name, why);
}

static void say_rule(struct kit *k, const struct kit_rule *r)
{
    if (!k->fault.is_set) {
        k->kept++;
        say(k, "kept      %-24s %s", r->name, r->says);
    } else if (k->fault.is_out) {
        say_out(k, r, k->fault.answered);
    } else {
        k->not_kept++;
        say(k, "not kept  %-24s %s", r->name, r->says);
        say(k, "          called    %s", k->fault.called[0] ? k->fault.called : "(no single call)");
        say(k, "          answered  %s", k->fault.answered);
        say(k, "          see       smbkit-plugin(3), %s", r->section);
    }
}

/* ---- which rules ---- */

static bool is_wanted(const struct wildcard *only, const struct kit_rule *r)
{
    return !only || wildcard_matches(only, r->name);
}

bool kit_names_any(const char *pattern)
{
    CLEANUP(wildcard_free) struct wildcard *only = wildcard_new(pattern);
    bool any = only && wildcard_matches(only, kit_rule_unload.name);
    for (size_t t = 0; only && t < ARRAY_LEN(tables); t++) {
        for (const struct kit_rule *r = tables[t]; r->name; r++) {
            any = any || wildcard_matches(only, r->name);
        }
    }
    return any;
}

static void list_one(void (*line)(void *arg, const char *text), void *arg, const struct kit_rule *r)
{
    char text[512];
    str_format(text, sizeof(text), "%-24s %s (%s)", r->name, r->says, r->section);
    line(arg, text);
}

void kit_list(void (*line)(void *arg, const char *text), void *arg)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct kit_rule *r = tables[t]; r->name; r++) {
            list_one(line, arg, r);
        }
    }
    list_one(line, arg, &kit_rule_unload);
}

/* ---- what the server itself complains of ---- */

/* The faults of the layers, in two kinds: completions, and answers. */
static bool is_of_completion(enum layer_fault what)
{
    return what >= FAULT_DROPPED && what <= FAULT_COMPLETED_FIRST;
}

static uint64_t faults_of(const struct kit *k, bool of_completion)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < k->volume->layer_count; i++) {
        for (int what = 0; what < LAYER_FAULTS; what++) {
            /* relaxed: a count */
            n +=
                is_of_completion((enum layer_fault)what) == of_completion
                    ? atomic_load_explicit(&k->volume->layers[i].faults[what], memory_order_relaxed)
                    : 0;
        }
    }
    return n;
}

/* The log of a run: the first line of each kind that tells of a plugin's mistake is kept. */
static void sink(void *arg, enum log_level level, enum log_module module, const struct log_ctx *ctx,
                 const char *text)
{
    static const char *const of_completion[] = {"plugin_dropped", "plugin_returned",
                                                "plugin_completed"};
    struct kit *k = arg;
    (void)ctx;
    if (level != LOG_ERROR || module != LOG_PLUGIN || !str_has_prefix(text, "plugin_")) {
        return;
    }
    bool is_completion = false;
    for (size_t i = 0; i < ARRAY_LEN(of_completion); i++) {
        is_completion = is_completion || str_has_prefix(text, of_completion[i]);
    }
    SCOPED_LOCK(&k->lock);
    if (k->complaint[is_completion][0] == '\0') {
        str_copy(k->complaint[is_completion], KIT_TEXT_MAX, text);
        k->complaint_in[is_completion] = k->rule ? k->rule->name : "the kit's own calls";
    }
}

static void whole_check(struct kit_actor *a, bool of_completion)
{
    struct kit *k = a->kit;
    uint64_t times = faults_of(k, of_completion);
    char line[KIT_TEXT_MAX];
    mutex_lock(&k->lock);
    str_copy(line, sizeof(line), k->complaint[of_completion]);
    mutex_unlock(&k->lock);
    if (times > 0 || line[0]) {
        kit_fault_of(a, k->complaint_in[of_completion] ? k->complaint_in[of_completion] : "",
                     "the server's log says: %s (%llu in all)", line, (unsigned long long)times);
    }
}

static void whole_answers(struct kit_actor *a)
{
    whole_check(a, false);
}

static void whole_completes(struct kit_actor *a)
{
    whole_check(a, true);
}

const struct kit_rule kit_rules_whole[] = {
    {.name = "whole.answers",
     .section = "Results",
     .says = "each answer is one that may be given, and fits its room",
     .fn = whole_answers},
    {.name = "whole.completes-once",
     .section = "Waiting",
     .says = "what has answered PENDING is completed exactly once",
     .fn = whole_completes},
    {.name = NULL}};

/* ---- one rule ---- */

static void fault_clear(struct kit *k)
{
    SCOPED_LOCK(&k->lock);
    k->fault.is_set = false;
}

/* NULL: it applies. */
static const char *why_not(const struct kit *k, const struct kit_rule *r)
{
    if ((r->needs & KIT_WRITES) && k->is_read_only) {
        return "the volume is read only";
    }
    if ((r->needs & KIT_READ_ONLY) && !k->is_read_only) {
        return "the volume takes changes";
    }
    if (r->op && !kit_has(k, r->op - 1)) {
        return "the operation is absent";
    }
    if ((k->features & r->features) != r->features) {
        return "the volume's features do not say so";
    }
    return NULL;
}

static bool folder_make(struct kit_actor *a, const char *path)
{
    struct kit_file f;
    smbkit_status st = kit_make(a, &f, path, SMBKIT_KIND_DIRECTORY);
    kit_close(a, &f);
    return kit_ok(a, st);
}

static void rule_run(struct kit_actor *a, const struct kit_rule *r)
{
    struct kit *k = a->kit;
    bool has_folder = (r->needs & (KIT_WRITES | KIT_IN_FOLDER)) && !k->is_read_only;
    str_format(k->dir, sizeof(k->dir), "%s/%s", k->base, r->name);
    mutex_lock(&k->lock);
    k->rule = r;
    mutex_unlock(&k->lock);
    if (!has_folder || folder_make(a, k->dir)) {
        r->fn(a);
    }
    a->is_silent = true;
    a->must_wait = true;
    if (has_folder) {
        (void)kit_wipe(a, k->dir);
    }
    a->is_silent = false;
    a->must_wait = false;
}

static void rule_do(struct kit_actor *a, const struct kit_rule *r)
{
    struct kit *k = a->kit;
    const char *why = why_not(k, r);
    if (!is_wanted(k->only, r)) {
        return;
    }
    if (why) {
        say_out(k, r, why);
        return;
    }
    fault_clear(k);
    rule_run(a, r);
    say_rule(k, r);
}

static void rules_do(struct kit_actor *a)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct kit_rule *r = tables[t]; r->name; r++) {
            rule_do(a, r);
        }
    }
}

/* ---- the folder ---- */

static bool root_is_free(struct kit_actor *a, char err[512])
{
    struct kit *k = a->kit;
    struct kit_listing l;
    const char *root = k->spec.scratch ? k->spec.scratch : "";
    kit_listing_init(&l);
    bool ok = kit_must_list(a, root, KIT_LIST_ALL, &l);
    if (!ok) {
        str_format(err, 512, "%s: %.300s",
                   k->spec.scratch ? "--scratch cannot be listed" : "the root cannot be listed",
                   k->fault.answered);
    } else if (kit_listing_get(&l, KIT_FOLDER, NULL)) {
        str_format(err, 512, "there is a folder %s already, of a test that did not end; remove it",
                   KIT_FOLDER);
        ok = false;
    } else if (l.count > 0 && !k->spec.anyway) {
        str_format(err, 512,
                   "%s is not empty (%.80s), and the test makes and removes files there; name an "
                   "empty folder with --scratch, or say --anyway",
                   k->spec.scratch ? "the scratch folder" : "the volume",
                   quoted(l.list[0].name).text);
        ok = false;
    }
    kit_listing_fini(&l);
    return ok;
}

static bool folder_begin(struct kit_actor *a, char err[512])
{
    struct kit *k = a->kit;
    struct kit_path base = kit_in(k->spec.scratch ? k->spec.scratch : "", KIT_FOLDER);
    fault_clear(k);
    str_copy(k->base, sizeof(k->base), base.s);
    if (k->is_read_only) {
        return true;
    }
    if (!root_is_free(a, err)) {
        return false;
    }
    if (!folder_make(a, k->base)) {
        str_format(err, 512, "the folder %s cannot be made in it: %.300s", KIT_FOLDER,
                   k->fault.answered);
        return false;
    }
    return true;
}

static void folder_end(struct kit_actor *a)
{
    struct kit *k = a->kit;
    a->is_silent = true;
    if (!k->is_read_only) {
        (void)kit_wipe(a, k->base);
    }
    if (k->left[0]) {
        say(k, "left behind, since it cannot be removed: %s", k->left);
    }
    a->is_silent = false;
}

/* ---- the two threads ---- */

struct run {
    struct kit *kit;
    bool can; /* guarded by kit->lock, as is err until it is over */
    char *err;
};

static void rules_thread(void *arg)
{
    struct run *r = arg;
    struct kit *k = r->kit;
    struct kit_actor a;
    kit_actor_init(&a, k, k->spec.seed);
    bool can = folder_begin(&a, r->err);
    if (can) {
        rules_do(&a);
        folder_end(&a);
    }
    kit_actor_fini(&a);
    SCOPED_LOCK(&k->lock);
    r->can = can;
    k->is_over = true;
    cond_broadcast(&k->cond);
}

/* A call that has been under way for twice what it may take. kit->lock is held. */
static bool find_stuck_locked(struct kit *k, char called[KIT_TEXT_MAX])
{
    uint64_t now = os_monotonic_ms();
    LIST_FOR_EACH (l, &k->actors) {
        struct kit_actor *a = LIST_ENTRY(l, struct kit_actor, link);
        SCOPED_LOCK(&a->lock);
        if (a->since_ms && now > a->since_ms + 2 * kit_patience_ms(k)) {
            str_copy(called, KIT_TEXT_MAX, a->call);
            return true;
        }
    }
    return false;
}

/* A call that takes too long and is not told so yet; a reference. kit->lock is held. */
static struct op *find_late_locked(struct kit *k)
{
    uint64_t now = os_monotonic_ms();
    LIST_FOR_EACH (l, &k->actors) {
        struct kit_actor *a = LIST_ENTRY(l, struct kit_actor, link);
        SCOPED_LOCK(&a->lock);
        if (a->op && a->since_ms && !a->is_told && now > a->since_ms + kit_patience_ms(k)) {
            a->is_told = true;
            atomic_store(&a->cancelled, true);
            op_ref(a->op);
            return a->op;
        }
    }
    return NULL;
}

/* As for a client that gives it up. */
static void cancel_late(struct kit *k)
{
    mutex_lock(&k->lock);
    struct op *op = find_late_locked(k);
    mutex_unlock(&k->lock);
    if (op) {
        op_cancel(op);
        op_put(op);
    }
}

static bool is_running(struct kit *k)
{
    SCOPED_LOCK(&k->lock);
    return !k->is_over;
}

/* false: a call does not end. */
static bool watch_once(struct kit *k)
{
    char called[KIT_TEXT_MAX];
    SCOPED_LOCK(&k->lock);
    if (!k->is_over) {
        (void)cond_wait_ms(&k->cond, &k->lock, WATCH_MS);
    }
    if (k->is_over || !find_stuck_locked(k, called)) {
        return true;
    }
    k->is_stuck = true;
    k->fault.is_set = true;
    k->fault.is_out = false;
    str_copy(k->fault.called, KIT_TEXT_MAX, called);
    str_format(k->fault.answered, KIT_TEXT_MAX,
               "nothing: the call is under way for %llu s and has not ended when cancelled; the "
               "test ends here",
               (unsigned long long)(2 * kit_patience_ms(k) / 1000));
    return false;
}

/* Until the rules have run. false: a call does not end. */
static bool watch(struct kit *k)
{
    while (is_running(k)) {
        cancel_late(k);
        if (!watch_once(k)) {
            return false;
        }
    }
    return true;
}

static bool volume_open(struct kit *k, char err[512])
{
    const struct kit_target *t = k->target;
    struct vfs_volume_spec spec = {.now = os_time_now(),
                                   .share_name = SHARE_NAME,
                                   .layers = t->layers,
                                   .layer_count = t->layer_count,
                                   .plugins = t->plugins,
                                   .services = t->services_new(t->services_arg),
                                   .hash_seed = k->spec.seed};
    if (!spec.services) {
        str_copy(err, 512, "out of memory");
        return false;
    }
    if (!SMBKIT_OK(vfs_volume_open(&spec, &k->volume, err, 512))) {
        return false;
    }
    k->features = vfs_volume_features(k->volume);
    k->is_read_only = vfs_volume_is_read_only(k->volume);
    k->tries_nowait = vfs_volume_tries_nowait(k->volume) || vfs_volume_never_blocks(k->volume);
    k->component_max = k->volume->component_max;
    return true;
}

enum kit_end kit_run(struct kit *k, const struct kit_target *target, char err[512])
{
    struct os_thread *thread;
    struct run r = {.kit = k, .err = err};
    k->target = target;
    if (!volume_open(k, err)) {
        return KIT_CANNOT;
    }
    log_set_sink(sink, k);
    if (os_thread_start(&thread, "kit", rules_thread, &r) != 0) {
        str_copy(err, 512, "no thread can be started");
        r.can = false;
    } else if (!watch(k)) {
        say_rule(k, k->rule);
        return KIT_STUCK;
    } else {
        os_thread_join(thread);
    }
    vfs_volume_unref(k->volume);
    k->volume = NULL;
    log_set_sink(NULL, NULL);
    return r.can ? KIT_DONE : KIT_CANNOT;
}

/* ---- the kit ---- */

static void nothing(void *arg)
{
    (void)arg;
}

/* A sanitizer starts a thread of its own with the first one: that is none of the plugin's. */
static void warm_up(void)
{
    struct os_thread *t;
    if (os_thread_start(&t, "kit", nothing, NULL) == 0) {
        os_thread_join(t);
    }
}

struct kit *kit_new(const struct kit_spec *spec)
{
    static const uint32_t machine[3] = {1, 2, 3};
    const struct vfs_token_spec who = {.user = "kit",
                                       .domain = "SMBKIT",
                                       .client_address = "127.0.0.1",
                                       .rid = 1001,
                                       .flags = SMBKIT_WHO_ADMIN,
                                       .machine_sid = machine,
                                       .session_id = 1,
                                       .client_id = 1};
    struct kit *k = mem_zalloc(sizeof(*k));
    if (!k) {
        return NULL;
    }
    k->spec = *spec;
    list_init(&k->actors);
    mutex_init(&k->lock);
    cond_init(&k->cond);
    k->token = vfs_token_new(&who);
    k->only = spec->only ? wildcard_new(spec->only) : NULL;
    if (!k->token || (spec->only && !k->only)) {
        kit_free(k);
        return NULL;
    }
    warm_up();
    k->descriptors_before = os_descriptors_open();
    k->threads_before = os_threads_running();
    return k;
}

void kit_free(struct kit *k)
{
    if (!k) {
        return;
    }
    if (k->token) {
        vfs_token_unref(k->token);
    }
    wildcard_free(k->only);
    cond_fini(&k->cond);
    mutex_fini(&k->lock);
    mem_free(k);
}

unsigned kit_finish(struct kit *k, bool is_stuck)
{
    if (!is_stuck && is_wanted(k->only, &kit_rule_unload)) {
        struct kit_actor a;
        kit_actor_init(&a, k, 0);
        fault_clear(k);
        kit_rule_unload.fn(&a);
        say_rule(k, &kit_rule_unload);
        kit_actor_fini(&a);
    }
    say(k, "%u kept, %u not kept, %u do not apply", k->kept, k->not_kept, k->out);
    return k->not_kept;
}
