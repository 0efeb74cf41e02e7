/* SPDX-License-Identifier: Apache-2.0 */
/* A callback that answers later: the folder "slow" is filled a second after somebody looks, with no
 * thread that waits for it. */
#include "demo_priv.h"

#include <stdlib.h>

#define SLOW_MS 1000

struct slow {
    struct slow *next;
    struct smbkit_tree_call *call;
};

static void slow_end(struct demo *d, smbkit_status status)
{
    pthread_mutex_lock(&d->lock);
    struct slow *s = d->slow;
    d->slow = NULL;
    pthread_mutex_unlock(&d->lock);
    while (s) {
        struct slow *next = s->next;
        if (SMBKIT_OK(status)) {
            smbkit_tree_add_text(d->tree, s->call->id, "at last.txt", "Here it is.\n");
        }
        smbkit_tree_done(s->call, status);
        free(s);
        s = next;
    }
}

static void slow_due(void *arg)
{
    slow_end(arg, SMBKIT_STATUS_SUCCESS);
}

static smbkit_status slow_fill(struct smbkit_tree_call *c)
{
    struct demo *d = smbkit_tree_data(c->tree);
    struct slow *s = d->slow_timer ? calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->call = c;
    pthread_mutex_lock(&d->lock);
    s->next = d->slow;
    d->slow = s;
    pthread_mutex_unlock(&d->lock);
    smbkit_timer_set(d->slow_timer, SLOW_MS);
    return SMBKIT_STATUS_PENDING;
}

static const struct smbkit_tree_folder slow_folder = {
    .struct_size = sizeof(slow_folder), .flags = SMBKIT_TREE_NEVER_BLOCKS, .fill = slow_fill};

smbkit_status demo_slow_add(struct demo *d)
{
    d->slow_timer = smbkit_timer_new(smbkit_tree_host(d->tree), slow_due, d);
    smbkit_tree_id id =
        smbkit_tree_add_folder(d->tree, SMBKIT_TREE_ROOT, "slow", &slow_folder, NULL);
    return id == SMBKIT_TREE_NONE ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
}

void demo_slow_stop(struct demo *d)
{
    smbkit_timer_free(d->slow_timer);
    slow_end(d, SMBKIT_STATUS_CANCELLED);
}
