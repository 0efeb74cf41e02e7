/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the administrator. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "overlay.h"

static smbkit_status say_status(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a)
{
    (void)op;
    pthread_rwlock_rdlock(&o->lock);
    uint32_t count = o->hidden.count;
    pthread_rwlock_unlock(&o->lock);
    return answer(a, "%u paths of the lower volume are hidden", count);
}

static smbkit_status say_end(struct smbkit_control *a, const char *word, smbkit_status st,
                             const char *failed)
{
    char quoted[512];
    if (SMBKIT_OK(st)) {
        return answer(a, "done");
    }
    return answer_wrong(a, "%s: %s: %s", word,
                        failed ? smbkit_quote(failed, quoted, sizeof(quoted)) : "it did not begin",
                        smbkit_status_name(st));
}

/* What the upper volume keeps and the lower one does not, and would be lost. */
static const char *missing_below(const struct overlay *o)
{
    static const struct {
        uint32_t feature;
        const char *what;
    } rows[] = {{SMBKIT_FEATURE_STREAMS, "streams"},
                {SMBKIT_FEATURE_EAS, "extended attributes"},
                {SMBKIT_FEATURE_SECURITY, "descriptors"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (o->upper.features & ~o->lower.features & rows[i].feature) {
            return rows[i].what;
        }
    }
    return NULL;
}

static smbkit_status say_commit(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a)
{
    char *failed = NULL;
    const char *missing = missing_below(o);
    if (o->lower.features & SMBKIT_FEATURE_READ_ONLY) {
        return answer_wrong(a, "commit: the lower volume takes no changes");
    }
    if (missing) {
        return answer_wrong(a, "commit: the lower volume keeps no %s, the upper one does", missing);
    }
    pthread_rwlock_wrlock(&o->steady);
    smbkit_status st = overlay_commit(o, op, &failed);
    pthread_rwlock_unlock(&o->steady);
    st = say_end(a, "commit", st, failed);
    free(failed);
    return st;
}

static smbkit_status say_discard(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a)
{
    /* Whatever is cached may be of what is gone. */
    static const struct smbkit_event event = {
        .struct_size = sizeof(event), .what = SMBKIT_CHANGE_OVERFLOW, .path = ""};
    char *failed = NULL;
    pthread_rwlock_wrlock(&o->steady);
    pthread_rwlock_wrlock(&o->whole);
    smbkit_status st = overlay_discard(o, op, &failed);
    pthread_rwlock_unlock(&o->whole);
    pthread_rwlock_unlock(&o->steady);
    smbkit_tell(o->host, &event);
    st = say_end(a, "discard", st, failed);
    free(failed);
    return st;
}

static smbkit_status say_help(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a)
{
    (void)o;
    (void)op;
    return answer(a, "commit    what was changed goes into the lower volume\n"
                     "discard   what was changed goes away\n"
                     "status    how many paths of the lower volume are hidden");
}

static const struct {
    const char *word;
    smbkit_status (*fn)(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a);
} commands[] = {
    {"commit", say_commit},
    {"discard", say_discard},
    {"status", say_status},
    {"help", say_help},
};

smbkit_status overlay_control(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *rest = answer_is(a, commands[i].word);
        if (rest && !*rest) {
            smbkit_status st = overlay_ready(o, op);
            return SMBKIT_OK(st) ? commands[i].fn(o, op, a) : st;
        }
    }
    return smbkit_next_control(o->lower.next, op, a);
}
