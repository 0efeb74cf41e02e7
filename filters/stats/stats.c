/* SPDX-License-Identifier: Apache-2.0 */
/* stats: how often each operation is called, how it ends, and how long it takes.
 *
 * A call is passed down as it is. One that is answered later is seen to its end only where that has
 * happened to its operation before: seeing to it costs more than all the rest, and most plugins
 * never answer later. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "every.h"
#include "pass.h"
#include "stats_count.h"

#define CLOSE SMBKIT_OP_COUNT
#define COUNTERS (SMBKIT_OP_COUNT + 1)
#define NS_PER_S 1000000000u

#define OP_NAME(kind, name, type) #name,
static const char *const names[COUNTERS] = {SMBKIT_OPERATIONS(OP_NAME) "close"};

struct stats {
    struct smbkit_next *next;
    atomic_uint_fast64_t since_ns;      /* relaxed: of the monotonic clock */
    atomic_bool pends[SMBKIT_OP_COUNT]; /* relaxed: it has answered later before */
    struct stats_counter counters[COUNTERS];
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- calls ---- */

static enum stats_end end_of(smbkit_status status)
{
    switch (status) {
    case SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND:
    case SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND:
    case SMBKIT_STATUS_NOT_FOUND:
        return STATS_MISSED;
    default:
        return SMBKIT_OK(status) ? STATS_GOOD : STATS_FAILED;
    }
}

static uint64_t bytes_of(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_read:
    case SMBKIT_OP_write:
        return ((const struct smbkit_io *)args)->done;
    case SMBKIT_OP_copy_range:
        return ((const struct smbkit_copy *)args)->done;
    default:
        return 0;
    }
}

static void note(struct stats *s, uint32_t id, const void *args, uint64_t from_ns,
                 smbkit_status status)
{
    struct stats_shard *shard = stats_shard_get(&s->counters[id]);
    if (status == SMBKIT_STATUS_WOULD_BLOCK) {
        stats_add(&shard->blocked, 1);
        return;
    }
    uint64_t bytes = SMBKIT_OK(status) ? bytes_of(id, args) : 0;
    stats_note(shard, end_of(status), now_ns() - from_ns, bytes);
}

/* One that is seen to its end. */
struct timing {
    struct stats *stats;
    uint32_t id;
    const void *args;
    uint64_t from_ns;
};

static smbkit_status timing_end(void *arg, smbkit_status status)
{
    const struct timing *t = arg;
    note(t->stats, t->id, t->args, t->from_ns, status);
    free(arg);
    return status;
}

static smbkit_status pass_timed(struct stats *s, const struct pass_call *c)
{
    struct timing *t = malloc(sizeof(*t));
    if (!t) {
        return pass_next(s->next, c); /* it goes uncounted */
    }
    *t = (struct timing){.stats = s, .id = c->id, .args = c->args, .from_ns = now_ns()};
    return pass_down(s->next, c, timing_end, t);
}

static smbkit_status stats_control(struct stats *s, struct smbkit_op *op, struct smbkit_control *a);

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct stats *s = volume;
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (id == SMBKIT_OP_control) {
        return stats_control(s, op, args);
    }
    if (id == SMBKIT_OP_file_fd) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* what goes by that is not counted */
    }
    if (atomic_load_explicit(&s->pends[id], memory_order_relaxed)) {
        return pass_timed(s, &c);
    }
    uint64_t from_ns = now_ns();
    smbkit_status status = pass_next(s->next, &c);
    if (status == SMBKIT_STATUS_PENDING) { /* args may be gone already */
        atomic_store_explicit(&s->pends[id], true, memory_order_relaxed);
        stats_add(&stats_shard_get(&s->counters[id])->later, 1);
        return status;
    }
    note(s, id, args, from_ns, status);
    return status;
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void stats_close(void *volume, struct smbkit_op *op, void *file)
{
    struct stats *s = volume;
    uint64_t from_ns = now_ns();
    smbkit_next_close(s->next, op, file);
    note(s, CLOSE, NULL, from_ns, SMBKIT_STATUS_SUCCESS);
}

/* ---- commands ---- */

static uint64_t call_count(const struct stats_sum *m)
{
    return m->ends[STATS_GOOD] + m->ends[STATS_MISSED] + m->ends[STATS_FAILED] + m->later;
}

static const char *time_text(uint64_t ns, char buf[16])
{
    if (ns < 10000) {
        snprintf(buf, 16, "%lluns", (unsigned long long)ns);
    } else if (ns < 10000000) {
        snprintf(buf, 16, "%lluus", (unsigned long long)ns / 1000);
    } else if (ns < 10ull * NS_PER_S) {
        snprintf(buf, 16, "%llums", (unsigned long long)ns / 1000000);
    } else if (ns != UINT64_MAX) {
        snprintf(buf, 16, "%llus", (unsigned long long)(ns / NS_PER_S));
    } else {
        snprintf(buf, 16, "long");
    }
    return buf;
}

static void put_row(struct answer_text *t, const char *name, const struct stats_sum *m)
{
    char mean[16], half[16], most[16], longest[16];
    answer_put(t, "\n%-15s %10llu %8llu %8llu %8s %8s %8s %8s %14llu", name,
               (unsigned long long)call_count(m), (unsigned long long)m->ends[STATS_MISSED],
               (unsigned long long)m->ends[STATS_FAILED],
               time_text(m->timed ? m->ns / m->timed : 0, mean),
               time_text(stats_percentile(m, 50), half), time_text(stats_percentile(m, 99), most),
               time_text(stats_percentile(m, 100), longest), (unsigned long long)m->bytes);
}

static uint64_t seconds(struct stats *s)
{
    uint64_t since = atomic_load_explicit(&s->since_ns, memory_order_relaxed);
    return (now_ns() - since) / NS_PER_S;
}

static smbkit_status say_table(struct stats *s, struct smbkit_control *a)
{
    struct answer_text t = answer_begin(a);
    struct stats_sum m;
    answer_put(&t, "In %llu seconds; of the times half, 99 of 100 and all are no longer\n",
               (unsigned long long)seconds(s));
    answer_put(&t, "%-15s %10s %8s %8s %8s %8s %8s %8s %14s", "operation", "calls", "missed",
               "failed", "mean", "50%", "99%", "100%", "bytes");
    for (uint32_t i = 0; i < COUNTERS; i++) {
        stats_sum(&s->counters[i], &m);
        if (call_count(&m) > 0) {
            put_row(&t, names[i], &m);
        }
    }
    return answer_end(&t);
}

static void put_json(struct answer_text *t, const struct stats_sum *m)
{
    bool any = false;
    answer_put(t,
               "{\"calls\":%llu,\"missed\":%llu,\"failed\":%llu,\"untimed\":%llu,"
               "\"would_block\":%llu,\"ns\":%llu,\"bytes\":%llu,\"histogram_ns\":[",
               (unsigned long long)call_count(m), (unsigned long long)m->ends[STATS_MISSED],
               (unsigned long long)m->ends[STATS_FAILED], (unsigned long long)m->later,
               (unsigned long long)m->blocked, (unsigned long long)m->ns,
               (unsigned long long)m->bytes);
    for (unsigned k = 0; k < STATS_STEPS; k++) {
        if (m->steps[k] > 0 && k < STATS_STEPS - 1) {
            answer_put(t, "%s[%llu,%llu]", any ? "," : "", (unsigned long long)stats_step_end(k),
                       (unsigned long long)m->steps[k]);
            any = true;
        }
    }
    if (m->steps[STATS_STEPS - 1] > 0) {
        answer_put(t, "%s[null,%llu]", any ? "," : "",
                   (unsigned long long)m->steps[STATS_STEPS - 1]);
    }
    answer_put(t, "]}");
}

static smbkit_status say_json(struct stats *s, struct smbkit_control *a)
{
    struct answer_text t = answer_begin(a);
    struct stats_sum m;
    bool any = false;
    answer_put(&t, "{\"seconds\":%llu,\"operations\":{", (unsigned long long)seconds(s));
    for (uint32_t i = 0; i < COUNTERS; i++) {
        stats_sum(&s->counters[i], &m);
        if (call_count(&m) > 0) {
            answer_put(&t, "%s\"%s\":", any ? "," : "", names[i]);
            put_json(&t, &m);
            any = true;
        }
    }
    answer_put(&t, "}}");
    return answer_end(&t);
}

/* A call under way may be counted on either side. */
static smbkit_status say_reset(struct stats *s, struct smbkit_control *a)
{
    for (uint32_t i = 0; i < COUNTERS; i++) {
        stats_reset(&s->counters[i]);
    }
    atomic_store_explicit(&s->since_ns, now_ns(), memory_order_relaxed);
    return answer(a, "counted from now on");
}

static smbkit_status say_help(struct stats *s, struct smbkit_control *a)
{
    (void)s;
    return answer(a, "stats       calls, errors, times and bytes of each operation\n"
                     "stats json  the same for programs, with histograms\n"
                     "reset       count from now on");
}

static const struct {
    const char *command;
    smbkit_status (*fn)(struct stats *s, struct smbkit_control *a);
} commands[] = {
    {"stats", say_table},      {"status", say_table}, {"stats json", say_json},
    {"status json", say_json}, {"reset", say_reset},  {"help", say_help},
};

static smbkit_status stats_control(struct stats *s, struct smbkit_op *op, struct smbkit_control *a)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].command, a->command) == 0) {
            return commands[i].fn(s, a);
        }
    }
    return smbkit_next_control(s->next, op, a);
}

/* ---- the volume ---- */

static smbkit_status stats_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    smbkit_status st = smbkit_args_take(args, NULL, NULL);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct stats *s = calloc(1, sizeof(*s));
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->next = args->next;
    atomic_store_explicit(&s->since_ns, now_ns(), memory_order_relaxed);
    *volume_r = s;
    return SMBKIT_STATUS_SUCCESS;
}

static void stats_volume_close(void *volume)
{
    free(volume);
}

static const struct smbkit_plugin stats_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "stats",
    .description = "counts operations, and how long they take",
    .version = "1",
    .volume_open = stats_volume_open,
    .volume_close = stats_volume_close,
    .close = stats_close,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(stats_filter)
