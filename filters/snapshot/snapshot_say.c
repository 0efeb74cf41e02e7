/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the administrator. */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "snapshot.h"

static smbkit_status say_take(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                              const char *rest)
{
    char label[SNAP_LABEL_SIZE];
    (void)rest;
    smbkit_status st = snap_take(v, op, label);
    if (st == SMBKIT_STATUS_IO_TIMEOUT) {
        return answer_wrong(a, "take: changes were under way all the time; try again");
    }
    return SMBKIT_OK(st) ? answer(a, "%s", label)
                         : answer_wrong(a, "take: %s", smbkit_status_name(st));
}

static smbkit_status say_drop(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                              const char *rest)
{
    smbkit_status st = snap_drop(v, op, rest);
    if (st == SMBKIT_STATUS_NOT_FOUND && *rest) {
        return answer_wrong(a, "drop %s: that is not the oldest one, or is not there", rest);
    }
    if (st == SMBKIT_STATUS_NOT_FOUND) {
        return answer_wrong(a, "drop: there are no snapshots");
    }
    if (st == SMBKIT_STATUS_SHARING_VIOLATION) {
        return answer_wrong(a, "drop: it is the last one, and files are open in snapshots");
    }
    if (st == SMBKIT_STATUS_IO_TIMEOUT) {
        return answer_wrong(a, "drop: changes were under way all the time; try again");
    }
    return SMBKIT_OK(st) ? answer(a, "dropped")
                         : answer_wrong(a, "drop: %s", smbkit_status_name(st));
}

static void put_snaps(struct snapshot *v, struct answer_text *t, bool is_json)
{
    bool is_first = true;
    for (const struct snap *s = v->oldest; s; s = s->newer) {
        if (s->is_dropped) {
            continue;
        }
        if (is_json) {
            answer_put(t, "%s{\"label\":\"%s\",\"paths\":%u,\"open\":%u}", is_first ? "" : ",",
                       s->label, s->count, atomic_load(&s->refs));
        } else {
            answer_put(t, "%s%s  %u paths kept", is_first ? "" : "\n", s->label, s->count);
        }
        is_first = false;
    }
    if (is_first && !is_json) {
        answer_put(t, "no snapshots");
    }
}

static smbkit_status say_list(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                              const char *rest)
{
    struct answer_text t = answer_begin(a);
    (void)op;
    (void)rest;
    pthread_rwlock_rdlock(&v->index);
    put_snaps(v, &t, false);
    pthread_rwlock_unlock(&v->index);
    return answer_end(&t);
}

static smbkit_status say_list_json(struct snapshot *v, struct smbkit_op *op,
                                   struct smbkit_control *a, const char *rest)
{
    struct answer_text t = answer_begin(a);
    (void)op;
    (void)rest;
    pthread_rwlock_rdlock(&v->index);
    answer_put(&t, "[");
    put_snaps(v, &t, true);
    answer_put(&t, "]");
    pthread_rwlock_unlock(&v->index);
    return answer_end(&t);
}

/* Of those that are not dropped. index is held. */
static uint32_t count_snaps(const struct snapshot *v)
{
    uint32_t n = 0;
    for (const struct snap *s = v->oldest; s; s = s->newer) {
        n += !s->is_dropped;
    }
    return n;
}

static smbkit_status say_status(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                                const char *rest)
{
    (void)op;
    (void)rest;
    pthread_rwlock_rdlock(&v->index);
    uint32_t count = count_snaps(v);
    uint32_t notes = v->notes;
    pthread_rwlock_unlock(&v->index);
    return answer(a, "%u snapshots, of at most %u; they keep %u paths, of at most %u", count,
                  v->keep, notes, SNAP_NOTES_MAX);
}

static smbkit_status say_status_json(struct snapshot *v, struct smbkit_op *op,
                                     struct smbkit_control *a, const char *rest)
{
    (void)op;
    (void)rest;
    pthread_rwlock_rdlock(&v->index);
    uint32_t count = count_snaps(v);
    uint32_t notes = v->notes;
    pthread_rwlock_unlock(&v->index);
    return answer(a, "{\"snapshots\":%u,\"keep\":%u,\"paths\":%u,\"every_s\":%" PRIu64 "}", count,
                  v->keep, notes, v->every_s);
}

static smbkit_status say_help(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                              const char *rest)
{
    (void)v;
    (void)op;
    (void)rest;
    return answer(a, "take           take a snapshot; tells its label\n"
                     "drop [LABEL]   the oldest one goes, if that is its label\n"
                     "list           the snapshots, the oldest first\n"
                     "status         how many there are, and what they keep");
}

static const struct {
    const char *word;
    bool takes_rest;
    smbkit_status (*fn)(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                        const char *rest);
} commands[] = {
    {"take", false, say_take},
    {"drop", true, say_drop},
    {"list json", false, say_list_json},
    {"list", false, say_list},
    {"status json", false, say_status_json},
    {"status", false, say_status},
    {"help", false, say_help},
};

/* The store is read by the first of them. */
static smbkit_status answer_to(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a,
                               size_t which, const char *rest)
{
    uint32_t was = snap_wait_begin(op);
    smbkit_status st = snap_ready(v, op);
    st = SMBKIT_OK(st) ? commands[which].fn(v, op, a, rest) : st;
    snap_wait_end(op, was);
    return st;
}

smbkit_status snap_control(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *rest = answer_is(a, commands[i].word);
        if (rest && (!*rest || commands[i].takes_rest)) {
            return answer_to(v, op, a, i, rest);
        }
    }
    return smbkit_next_control(v->below.next, op, a);
}
