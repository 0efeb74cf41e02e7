/* SPDX-License-Identifier: Apache-2.0 */
/* limit: so many bytes and operations a second, of a share, a user or a client.
 *
 * A call that comes too early answers PENDING and goes when its time has come, by a timer; no
 * thread sleeps. Who shares a limit gets its turn, call by call, whatever others have waiting. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "every.h"
#include "held.h"
#include "limit_bucket.h"

#define BURST_DEFAULT_MS 1000u
#define BURST_MAX_MS 3600000u
#define STEP_MAX_MS 1000u /* the timer looks at least that often while somebody waits */
#define SET_WORDS_MAX 8   /* arguments of one "set" */

enum { BY_SHARE, BY_USER, BY_CLIENT };

struct limit {
    struct smbkit_next *next;
    uint32_t by; /* immutable after volume_open */
    struct smbkit_timer *timer;
    struct held held;
    atomic_bool is_limited; /* relaxed: a call that comes with a command may see either */

    pthread_mutex_t lock; /* after held.lock; guards what follows */
    struct limit_rates rates;
    struct limit_table table;
    uint64_t pass;       /* of the timer, counted */
    uint64_t armed_us;   /* when the timer fires; UINT64_MAX: it is not set */
    uint64_t wait_us;    /* the shortest of those that had to stay in it */
    uint64_t held_total; /* calls that had to wait */
};

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- whose call it is, and what it costs ---- */

static uint64_t hash_text(uint64_t h, const char *text)
{
    for (; *text; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return h * 0x9e3779b97f4a7c15u;
}

static uint64_t bucket_key(const struct limit *l, const struct smbkit_identity *who)
{
    switch (l->by) {
    case BY_USER:
        return hash_text(0xcbf29ce484222325u, who->user); /* the domain is what he says it is */
    case BY_CLIENT:
        return hash_text(0xcbf29ce484222325u, who->client_address); /* his GUID likewise */
    default:
        return 1;
    }
}

/* Among whom a bucket is shared. */
static uint64_t flow_key(const struct limit *l, const struct smbkit_identity *who)
{
    return l->by == BY_CLIENT ? who->session_id : who->client_id;
}

static struct limit_cost cost_of(uint32_t id, const void *args)
{
    struct limit_cost c = {.of[LIMIT_OPS] = 1};
    uint64_t copied;
    switch (id) {
    case SMBKIT_OP_read:
        c.of[LIMIT_READ] = ((const struct smbkit_io *)args)->length;
        c.of[LIMIT_BYTES] = c.of[LIMIT_READ];
        break;
    case SMBKIT_OP_write:
        c.of[LIMIT_WRITE] = ((const struct smbkit_io *)args)->length;
        c.of[LIMIT_BYTES] = c.of[LIMIT_WRITE];
        break;
    case SMBKIT_OP_copy_range: /* clones move nothing */
        copied = ((const struct smbkit_copy *)args)->length;
        c.of[LIMIT_READ] = c.of[LIMIT_WRITE] = c.of[LIMIT_BYTES] = copied;
        break;
    default:
        break;
    }
    return c;
}

/* ---- reads that came to less than was asked for ---- */

struct reading {
    struct limit *l;
    struct limit_bucket *b;
    struct smbkit_io *io;
};

static smbkit_status reading_end(void *arg, smbkit_status status)
{
    struct reading *r = arg;
    uint64_t done = SMBKIT_OK(status) ? r->io->done : 0;
    uint64_t back = status == SMBKIT_STATUS_WOULD_BLOCK ? 0 : r->io->length - done;
    const struct limit_cost less = {.of = {[LIMIT_BYTES] = back, [LIMIT_READ] = back}};
    pthread_mutex_lock(&r->l->lock);
    limit_refund(&r->l->rates, r->b, &less);
    pthread_mutex_unlock(&r->l->lock);
    free(r);
    return status;
}

static smbkit_status pass_read(struct limit *l, const struct pass_call *c, struct limit_bucket *b)
{
    struct reading *r = malloc(sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *r = (struct reading){.l = l, .b = b, .io = c->args};
    return pass_down(l->next, c, reading_end, r);
}

/* b: what it was charged to. */
static smbkit_status pass_on(struct limit *l, const struct pass_call *c, struct limit_bucket *b)
{
    if (c->id == SMBKIT_OP_read) {
        return pass_read(l, c, b);
    }
    return c->drops ? pass_down(l->next, c, NULL, NULL) : pass_next(l->next, c);
}

/* One that was held. Its slot may be another's by now, who then gets back what is not used. */
static smbkit_status go(void *arg, const struct pass_call *c)
{
    struct limit *l = arg;
    pthread_mutex_lock(&l->lock);
    struct limit_bucket *b = limit_bucket_get(&l->table, bucket_key(l, c->op->who), now_us());
    pthread_mutex_unlock(&l->lock);
    return pass_on(l, c, b);
}

/* ---- waiting ---- */

static void left(void *arg, const struct held_call *c)
{
    struct limit *l = arg;
    struct limit_bucket *b = c->tag.key;
    pthread_mutex_lock(&l->lock);
    b->waiting--;
    pthread_mutex_unlock(&l->lock);
}

/* Its turn, in the order that was found when it came. One that has to stay keeps those behind it of
 * the same bucket. */
static bool may_go(void *arg, const struct held_call *c)
{
    struct limit *l = arg;
    struct limit_bucket *b = c->tag.key;
    const struct limit_cost cost = cost_of(c->call.id, c->call.args);
    uint64_t now = now_us();
    pthread_mutex_lock(&l->lock);
    uint64_t wait = limit_wait_us(&l->rates, b, &cost, now);
    bool goes = b->blocked_in != l->pass && wait == 0;
    if (goes) {
        limit_charge(&l->rates, b, &cost, now, LIMIT_DEBT_US);
        b->served = c->tag.order;
    } else {
        b->blocked_in = l->pass;
        l->wait_us = wait > 0 && wait < l->wait_us ? wait : l->wait_us;
    }
    pthread_mutex_unlock(&l->lock);
    return goes;
}

/* The timer fires by then; what was set for earlier stays. */
static void arm(struct limit *l, uint64_t wait_us)
{
    uint64_t ms = (wait_us + 999) / 1000;
    ms = ms < STEP_MAX_MS ? ms : STEP_MAX_MS;
    pthread_mutex_lock(&l->lock);
    uint64_t due_us = now_us() + ms * 1000;
    if (l->timer && due_us < l->armed_us) {
        l->armed_us = due_us;
        smbkit_timer_set(l->timer, ms);
    }
    pthread_mutex_unlock(&l->lock);
}

static void turn(void *arg)
{
    struct limit *l = arg;
    pthread_mutex_lock(&l->lock);
    l->pass++;
    l->armed_us = UINT64_MAX;
    l->wait_us = STEP_MAX_MS * 1000u;
    pthread_mutex_unlock(&l->lock);
    held_release(&l->held, may_go, l);
    pthread_mutex_lock(&l->lock);
    uint64_t wait = l->wait_us;
    pthread_mutex_unlock(&l->lock);
    if (held_count(&l->held) > 0) {
        arm(l, wait);
    }
}

/* The timer is set when it is in the queue: a turn that came before has not seen it. */
static smbkit_status wait_turn(struct limit *l, const struct pass_call *c,
                               const struct held_tag *tag, uint64_t wait_us)
{
    smbkit_status st = held_add(&l->held, c, tag);
    if (st == SMBKIT_STATUS_PENDING) {
        arm(l, wait_us);
        return st;
    }
    struct limit_bucket *b = tag->key;
    pthread_mutex_lock(&l->lock);
    b->waiting--;
    pthread_mutex_unlock(&l->lock);
    return st;
}

/* ---- operations ---- */

static smbkit_status limited(struct limit *l, const struct pass_call *c)
{
    const struct smbkit_identity *who = c->op->who;
    const struct limit_cost cost = cost_of(c->id, c->args);
    bool may_wait = held_may(c->op, c->id);
    uint64_t now = now_us();
    pthread_mutex_lock(&l->lock);
    if (!limit_applies(&l->rates, &cost)) {
        pthread_mutex_unlock(&l->lock);
        return pass_next(l->next, c);
    }
    struct limit_bucket *b = limit_bucket_get(&l->table, bucket_key(l, who), now);
    uint64_t wait = limit_wait_us(&l->rates, b, &cost, now);
    bool waits = wait > 0 || b->waiting > 0;
    if (waits && may_wait) {
        const struct held_tag tag = {
            .key = b, .order = limit_order(&l->table, &l->rates, b, flow_key(l, who), &cost)};
        l->held_total++;
        pthread_mutex_unlock(&l->lock);
        return wait_turn(l, c, &tag, wait);
    }
    limit_charge(&l->rates, b, &cost, now, waits ? LIMIT_DEBT_FORCED_US : LIMIT_DEBT_US);
    pthread_mutex_unlock(&l->lock);
    smbkit_status st = pass_on(l, c, b);
    if (st == SMBKIT_STATUS_WOULD_BLOCK) { /* it comes again, and is charged then */
        pthread_mutex_lock(&l->lock);
        limit_refund(&l->rates, b, &cost);
        pthread_mutex_unlock(&l->lock);
    }
    return st;
}

/* The server's own calls count for nobody, nor does what belongs to the end of an open. */
static bool is_free(const struct smbkit_op *op, uint32_t id)
{
    return op->who->session_id == 0 || id == SMBKIT_OP_control || id == SMBKIT_OP_reconfigure ||
           ((op->flags & SMBKIT_OP_AWAITED) && !held_may(op, id));
}

static smbkit_status limit_control(struct limit *l, struct smbkit_op *op, struct smbkit_control *a);

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct limit *l = volume;
    if (id == SMBKIT_OP_control) {
        return limit_control(l, op, args);
    }
    if (id == SMBKIT_OP_file_fd) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* what goes by that is not counted */
    }
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (!atomic_load_explicit(&l->is_limited, memory_order_relaxed) || is_free(op, id)) {
        return pass_next(l->next, &c);
    }
    if ((op->flags & SMBKIT_OP_SYNC) && (op->flags & SMBKIT_OP_NOWAIT)) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* it comes again where it may pend */
    }
    return limited(l, &c);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void limit_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(((struct limit *)volume)->next, op, file);
}

/* ---- arguments ---- */

struct words {
    uint64_t per_second[LIMIT_KINDS];
    uint64_t burst_ms;
    uint64_t waiting;
    uint32_t by;
};
static const char *const bys[] = {"share", "user", "client", NULL};

#define RATE(name, kind_, what)                                                                    \
    {                                                                                              \
        .key = (name), .kind = (kind_), .offset = offsetof(struct words, per_second[what])         \
    }
#define OTHER(name, kind_, member, least, most)                                                    \
    {                                                                                              \
        .key = (name), .kind = (kind_), .offset = offsetof(struct words, member), .min = (least),  \
        .max = (most)                                                                              \
    }
/* Those that may change come first. */
#define PARAMS_THAT_CHANGE                                                                         \
    RATE("bytes", SMBKIT_PARAM_SIZE, LIMIT_BYTES), RATE("read", SMBKIT_PARAM_SIZE, LIMIT_READ),    \
        RATE("write", SMBKIT_PARAM_SIZE, LIMIT_WRITE),                                             \
        RATE("ops", SMBKIT_PARAM_NUMBER, LIMIT_OPS),                                               \
        OTHER("burst", SMBKIT_PARAM_MS, burst_ms, 0, BURST_MAX_MS)
static const struct smbkit_param params[] = {
    PARAMS_THAT_CHANGE,
    OTHER("waiting", SMBKIT_PARAM_NUMBER, waiting, 1, HELD_MAX_MAX),
    {.key = "by", .kind = SMBKIT_PARAM_CHOICE, .offset = offsetof(struct words, by), .words = bys},
    {.key = NULL}};
static const struct smbkit_param changeable[] = {PARAMS_THAT_CHANGE, {.key = NULL}};

static void rates_set(struct limit *l, const struct words *w)
{
    bool is_limited = false;
    pthread_mutex_lock(&l->lock);
    for (int k = 0; k < LIMIT_KINDS; k++) {
        l->rates.per_second[k] = w->per_second[k];
        is_limited = is_limited || w->per_second[k] > 0;
    }
    l->rates.burst_us = w->burst_ms * 1000;
    pthread_mutex_unlock(&l->lock);
    atomic_store_explicit(&l->is_limited, is_limited, memory_order_relaxed);
}

static struct words rates_get(struct limit *l)
{
    struct words w = {0};
    pthread_mutex_lock(&l->lock);
    memcpy(w.per_second, l->rates.per_second, sizeof(w.per_second));
    w.burst_ms = l->rates.burst_us / 1000;
    pthread_mutex_unlock(&l->lock);
    return w;
}

/* ---- commands ---- */

static void put_rates(struct answer_text *t, const struct words *w, bool is_json)
{
    for (int k = 0; k < LIMIT_KINDS; k++) {
        if (is_json || w->per_second[k] > 0) {
            answer_put(t, is_json ? "\"%s\":%llu," : "%s=%llu ", changeable[k].key,
                       (unsigned long long)w->per_second[k]);
        }
    }
    answer_put(t, is_json ? "\"burst_ms\":%llu," : "burst=%llums ",
               (unsigned long long)w->burst_ms);
}

static smbkit_status say_status(struct limit *l, struct smbkit_control *a, bool is_json)
{
    struct answer_text t = answer_begin(a);
    const struct words w = rates_get(l);
    pthread_mutex_lock(&l->lock);
    unsigned long long total = l->held_total;
    pthread_mutex_unlock(&l->lock);
    answer_put(&t, "%s", is_json ? "{" : "");
    put_rates(&t, &w, is_json);
    answer_put(&t,
               is_json ? "\"by\":\"%s\",\"waiting\":%u,\"waited_total\":%llu}"
                       : "by=%s\n%u calls wait now, %llu have had to",
               bys[l->by], held_count(&l->held), total);
    return answer_end(&t);
}

/* "bytes=20M ops=100" into pairs, in text. 0: they are no such. */
static uint32_t split_pairs(char *text, struct smbkit_arg args[SET_WORDS_MAX])
{
    uint32_t count = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(word, '=');
        if (!eq || count == SET_WORDS_MAX) {
            return 0;
        }
        *eq = '\0';
        args[count++] = (struct smbkit_arg){.key = word, .value = eq + 1};
    }
    return count;
}

static smbkit_status say_set(struct limit *l, struct smbkit_control *a, const char *rest)
{
    char error[256] = "";
    struct smbkit_arg args[SET_WORDS_MAX];
    struct words w = rates_get(l);
    char *text = strdup(rest);
    uint32_t count = text ? split_pairs(text, args) : 0;
    const struct smbkit_volume_args va = {.struct_size = sizeof(va),
                                          .arg_count = count,
                                          .args = args,
                                          .error = error,
                                          .error_size = sizeof(error)};
    smbkit_status st =
        count > 0 ? smbkit_args_take(&va, changeable, &w) : SMBKIT_STATUS_INVALID_PARAMETER;
    free(text);
    if (!SMBKIT_OK(st)) {
        return answer_wrong(a, "set: %s",
                            error[0] ? error : "expected KEY=VALUE, such as bytes=20M");
    }
    rates_set(l, &w);
    turn(l);
    return say_status(l, a, false);
}

static smbkit_status limit_control(struct limit *l, struct smbkit_op *op, struct smbkit_control *a)
{
    if (strcmp(a->command, "status") == 0 || strcmp(a->command, "status json") == 0) {
        return say_status(l, a, strcmp(a->command, "status") != 0);
    }
    const char *rest = answer_is(a, "set");
    if (rest) {
        return say_set(l, a, rest);
    }
    if (strcmp(a->command, "help") == 0) {
        return answer(a, "set KEY=VALUE ...  change bytes, read, write, ops or burst; 0: no limit\n"
                         "status             the limits, and how many calls wait");
    }
    return smbkit_next_control(l->next, op, a);
}

/* ---- the volume ---- */

static void limit_volume_close(void *volume)
{
    struct limit *l = volume;
    if (l->timer) {
        smbkit_timer_free(l->timer);
    }
    held_fini(&l->held);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static smbkit_status take_args(struct limit *l, const struct smbkit_volume_args *args)
{
    struct words w = {.burst_ms = BURST_DEFAULT_MS, .waiting = HELD_MAX_DEFAULT};
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    l->by = w.by;
    held_max_set(&l->held, (uint32_t)w.waiting);
    rates_set(l, &w);
    return st;
}

static smbkit_status limit_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct limit *l = calloc(1, sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    l->next = args->next;
    l->armed_us = UINT64_MAX;
    pthread_mutex_init(&l->lock, NULL);
    held_init(&l->held, args->host, go, l);
    l->held.left = left;
    l->timer = smbkit_timer_new(args->host, turn, l);
    smbkit_status st = take_args(l, args);
    if (!SMBKIT_OK(st)) {
        limit_volume_close(l);
        return st;
    }
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) {
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = l;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin limit_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "limit",
    .description = "so many bytes and operations a second",
    .version = "1",
    .config_help = "bytes=SIZE            read and written, a second; 0, the default: no limit\n"
                   "read=SIZE             read, a second\n"
                   "write=SIZE            written, a second\n"
                   "ops=N                 operations, a second\n"
                   "by=share|user|client  of whom together; default: share\n"
                   "burst=TIME            what goes at once after a rest, in time; default: 1s\n"
                   "waiting=N             how many calls wait at most; default: 10000\n",
    .volume_open = limit_volume_open,
    .volume_close = limit_volume_close,
    .close = limit_close,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(limit_filter)
