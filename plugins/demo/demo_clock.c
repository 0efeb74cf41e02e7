/* SPDX-License-Identifier: Apache-2.0 */
/* A file that changes while clients watch, and a folder that holds the last few of many: both are
 * pushed by a timer. */
#include "demo_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST 8

static void clock_entry(struct smbkit_tree_entry *e, char text[64])
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, 64, "%Y-%m-%d %H:%M:%S UTC\n", &tm);
    e->data = text; /* copied by add and update */
    e->size = strlen(text);
}

static void tick(void *arg)
{
    struct demo *d = arg;
    char text[64];
    char name[32];
    pthread_mutex_lock(&d->lock);
    uint64_t n = ++d->ticks;
    pthread_mutex_unlock(&d->lock);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(NULL);
    clock_entry(&e, text);
    smbkit_tree_update(d->tree, d->clock, &e);
    snprintf(name, sizeof(name), "tick %" PRIu64 ".txt", n);
    smbkit_tree_add_text(d->tree, d->last, name, text); /* the oldest goes by itself */
    smbkit_timer_set(d->timer, d->tick_ms);
}

smbkit_status demo_clock_add(struct demo *d)
{
    char text[64];
    struct smbkit_tree_entry e = smbkit_tree_entry_new("clock.txt");
    clock_entry(&e, text);
    smbkit_status status = smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, &d->clock);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    e = smbkit_tree_entry_new("last");
    e.flags = SMBKIT_TREE_IS_FOLDER;
    e.limit = LAST;
    status = smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, &d->last);
    if (SMBKIT_OK(status) && d->tick_ms > 0) {
        d->timer = smbkit_timer_new(smbkit_tree_host(d->tree), tick, d);
    }
    if (d->timer) { /* there is none in "smbkit check" */
        smbkit_timer_set(d->timer, d->tick_ms);
    }
    return status;
}

void demo_clock_stop(struct demo *d)
{
    smbkit_timer_free(d->timer);
    d->timer = NULL;
}
