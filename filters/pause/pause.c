/* SPDX-License-Identifier: Apache-2.0 */
/* pause: holds a share, or what certain paths lead to, and lets it go on later.
 *
 * A call that is held has answered PENDING: it takes no thread, and its client is told that its
 * request is being worked on. What a client gives up ends. What belongs to the end of an open goes
 * on while all else is held, so that closing, logging off and losing a connection work; so do the
 * look-ups that the server makes for itself. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "every.h"
#include "globs.h"
#include "held.h"
#include "named.h"

#define MARK_HELD 0x1u

struct pause {
    struct smbkit_next *next;
    struct named_table files;
    struct held held;
    /* relaxed, both: a call that comes with a command may see either side of it */
    atomic_bool is_whole; /* everything is held */
    atomic_bool is_some;  /* something is */
    atomic_uint changes;  /* of all that, counted: hold() */
    struct globs paths;   /* guarded by files.lock */
};

/* Under the lock of files. */
static uint32_t marks_of(void *arg, const char *path)
{
    return globs_match(&((struct pause *)arg)->paths, path) ? MARK_HELD : 0;
}

/* ---- what is held ---- */

/* The paths that a call of the volume names, or a second one of a file. */
static const char *path_of(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_create:
        return ((const struct smbkit_create *)args)->path;
    case SMBKIT_OP_lookup:
        return ((const struct smbkit_lookup *)args)->path;
    case SMBKIT_OP_rename:
    case SMBKIT_OP_link:
        return ((const struct smbkit_rename *)args)->new_path;
    default:
        return NULL;
    }
}

static bool is_path_held(struct pause *p, const char *path)
{
    pthread_mutex_lock(&p->files.lock);
    bool is_held = globs_match(&p->paths, path);
    pthread_mutex_unlock(&p->files.lock);
    return is_held;
}

static bool is_held_now(struct pause *p, const struct pass_call *c)
{
    if (!atomic_load_explicit(&p->is_some, memory_order_relaxed)) {
        return false;
    }
    if (atomic_load_explicit(&p->is_whole, memory_order_relaxed)) {
        return true;
    }
    const struct named *f = c->file;
    const char *path = path_of(c->id, c->args);
    return (f && (named_marks(f) & MARK_HELD)) || (path && is_path_held(p, path));
}

static smbkit_status pass(void *arg, const struct pass_call *c)
{
    struct pause *p = arg;
    return named_pass(&p->files, p->next, c);
}

static bool may_go(void *arg, const struct held_call *c)
{
    return !is_held_now(arg, &c->call);
}

/* before: the changes when it was found that the call is to be held. A resume that came since then
 * may not have seen it in the queue. */
static smbkit_status hold(struct pause *p, const struct pass_call *c, unsigned before)
{
    smbkit_status st = held_add(&p->held, c, NULL);
    if (st == SMBKIT_STATUS_PENDING && atomic_load(&p->changes) != before) {
        held_release(&p->held, may_go, p);
    }
    return st;
}

static smbkit_status pause_control(struct pause *p, struct smbkit_op *op, struct smbkit_control *a);

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct pause *p = volume;
    if (id == SMBKIT_OP_control) {
        return pause_control(p, op, args);
    }
    if (id == SMBKIT_OP_file_fd) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* what goes by that is not held */
    }
    unsigned changes = atomic_load(&p->changes);
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (!is_held_now(p, &c)) {
        return named_pass(&p->files, p->next, &c);
    }
    if ((op->flags & SMBKIT_OP_SYNC) && (op->flags & SMBKIT_OP_NOWAIT)) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* it comes again where it may pend */
    }
    return held_may(op, id) ? hold(p, &c, changes) : named_pass(&p->files, p->next, &c);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void pause_close(void *volume, struct smbkit_op *op, void *file)
{
    struct pause *p = volume;
    named_close(&p->files, p->next, op, file);
}

/* ---- commands ---- */

/* The marks of all files, and whether anything is held. */
static void settle(struct pause *p, bool is_whole)
{
    named_mark_all(&p->files);
    pthread_mutex_lock(&p->files.lock);
    bool is_some = is_whole || p->paths.count > 0;
    pthread_mutex_unlock(&p->files.lock);
    atomic_store(&p->is_whole, is_whole);
    atomic_store(&p->is_some, is_some);
    atomic_fetch_add(&p->changes, 1);
}

static smbkit_status say_pause(struct pause *p, struct smbkit_control *a, const char *pattern)
{
    enum globs_result result = GLOBS_GOOD;
    pthread_mutex_lock(&p->files.lock);
    if (*pattern) {
        result = globs_add(&p->paths, pattern, '|');
    }
    pthread_mutex_unlock(&p->files.lock);
    if (result != GLOBS_GOOD) {
        return answer_wrong(a, "pause %s: %s", pattern, globs_result_text(result));
    }
    settle(p, !*pattern || atomic_load(&p->is_whole));
    return *pattern ? answer(a, "paused: %s", pattern) : answer(a, "paused");
}

static smbkit_status say_resume(struct pause *p, struct smbkit_control *a, const char *pattern)
{
    bool found = true;
    pthread_mutex_lock(&p->files.lock);
    if (*pattern) {
        found = globs_remove(&p->paths, pattern);
    } else {
        globs_fini(&p->paths);
    }
    pthread_mutex_unlock(&p->files.lock);
    if (!found) {
        return answer_wrong(a, "resume %s: that is not paused; \"status\" tells what is", pattern);
    }
    settle(p, *pattern && atomic_load(&p->is_whole));
    return answer(a, "%u waiting calls go on", held_release(&p->held, may_go, p));
}

static void put_patterns(struct pause *p, struct answer_text *t, bool is_json)
{
    char quoted[2 * GLOBS_PATTERN_MAX + 8];
    pthread_mutex_lock(&p->files.lock);
    for (uint32_t i = 0; i < p->paths.count; i++) {
        const char *word = p->paths.list[i].word;
        if (is_json) {
            answer_put(t, "%s", i ? "," : "");
            answer_put_json(t, word);
        } else {
            answer_put(t, "%s%s", i ? " " : "", smbkit_quote(word, quoted, sizeof(quoted)));
        }
    }
    pthread_mutex_unlock(&p->files.lock);
}

static uint64_t refused_count(struct pause *p)
{
    pthread_mutex_lock(&p->held.lock);
    uint64_t n = p->held.refused;
    pthread_mutex_unlock(&p->held.lock);
    return n;
}

static smbkit_status say_status(struct pause *p, struct smbkit_control *a, const char *rest)
{
    struct answer_text t = answer_begin(a);
    bool is_whole = atomic_load(&p->is_whole);
    bool is_some = atomic_load(&p->is_some);
    (void)rest;
    answer_put(&t, "%s", is_whole ? "paused" : is_some ? "paused: " : "not paused");
    if (!is_whole && is_some) {
        put_patterns(p, &t, false);
    }
    answer_put(&t, "\n%u calls wait, of at most %u; %llu were refused for that",
               held_count(&p->held), p->held.max, (unsigned long long)refused_count(p));
    return answer_end(&t);
}

static smbkit_status say_status_json(struct pause *p, struct smbkit_control *a, const char *rest)
{
    struct answer_text t = answer_begin(a);
    (void)rest;
    answer_put(&t, "{\"paused\":%s,\"patterns\":[", atomic_load(&p->is_whole) ? "true" : "false");
    put_patterns(p, &t, true);
    answer_put(&t, "],\"waiting\":%u,\"waiting_max\":%u,\"refused\":%llu}", held_count(&p->held),
               p->held.max, (unsigned long long)refused_count(p));
    return answer_end(&t);
}

static smbkit_status say_help(struct pause *p, struct smbkit_control *a, const char *rest)
{
    (void)p;
    (void)rest;
    return answer(a, "pause             hold everything\n"
                     "pause PATTERN     hold what lies there, such as *.iso or docs/**\n"
                     "resume            let everything go on\n"
                     "resume PATTERN    take one pattern back\n"
                     "status            what is held, and how many calls wait");
}

static const struct {
    const char *word;
    bool takes_pattern;
    smbkit_status (*fn)(struct pause *p, struct smbkit_control *a, const char *pattern);
} commands[] = {
    {"pause", true, say_pause},
    {"resume", true, say_resume},
    {"status json", false, say_status_json},
    {"status", false, say_status},
    {"help", false, say_help},
};

static smbkit_status pause_control(struct pause *p, struct smbkit_op *op, struct smbkit_control *a)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *rest = answer_is(a, commands[i].word);
        if (rest && (!*rest || commands[i].takes_pattern)) {
            return commands[i].fn(p, a, rest);
        }
    }
    return smbkit_next_control(p->next, op, a);
}

/* ---- the volume ---- */

struct words {
    const char *paths;
    uint32_t start;
    uint64_t waiting;
};
static const char *const starts[] = {"running", "paused", NULL};
static const struct smbkit_param params[] = {{.key = "start",
                                              .kind = SMBKIT_PARAM_CHOICE,
                                              .offset = offsetof(struct words, start),
                                              .words = starts},
                                             {.key = "paths",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, paths),
                                              .min = 1,
                                              .max = 4096},
                                             {.key = "waiting",
                                              .kind = SMBKIT_PARAM_NUMBER,
                                              .offset = offsetof(struct words, waiting),
                                              .min = 1,
                                              .max = HELD_MAX_MAX},
                                             {.key = NULL}};

static smbkit_status take_args(struct pause *p, const struct smbkit_volume_args *args)
{
    struct words w = {.waiting = HELD_MAX_DEFAULT};
    for (uint32_t i = 0; i < args->arg_count; i++) {
        w.paths = NULL;
        if (smbkit_arg_take(args, i, params, &w) < 0) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        enum globs_result result = globs_add(&p->paths, w.paths, '|');
        if (result != GLOBS_GOOD) {
            snprintf(args->error, args->error_size, "paths=%.100s: %s", w.paths,
                     globs_result_text(result));
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    held_max_set(&p->held, (uint32_t)w.waiting);
    settle(p, w.start != 0 && p->paths.count == 0);
    if (w.start == 0 && p->paths.count > 0) {
        snprintf(args->error, args->error_size,
                 "paths= says what is paused at the start: write start=paused too");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void pause_volume_close(void *volume)
{
    struct pause *p = volume;
    held_fini(&p->held);
    globs_fini(&p->paths);
    named_fini(&p->files);
    free(p);
}

static smbkit_status pause_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct pause *p = calloc(1, sizeof(*p));
    if (!p) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    p->next = args->next;
    named_init(&p->files, marks_of, p);
    p->files.ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    held_init(&p->held, args->host, pass, p);
    smbkit_status st = take_args(p, args);
    if (!SMBKIT_OK(st)) {
        pause_volume_close(p);
        return st;
    }
    args->features &= ~SMBKIT_FEATURE_OPEN_BY_ID; /* files are known by the path they came by */
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) {
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = p;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin pause_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "pause",
    .description = "holds a share, or paths of it, until it is told to go on",
    .version = "1",
    .config_help =
        "start=paused|running  how it begins; default: running\n"
        "paths=PATTERN|...     with start=paused: only what lies there; may be repeated\n"
        "waiting=N             how many calls wait at most; default: 10000\n",
    .volume_open = pause_volume_open,
    .volume_close = pause_volume_close,
    .close = pause_close,
    .file_below = named_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(pause_filter)
