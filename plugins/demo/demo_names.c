/* SPDX-License-Identifier: Apache-2.0 */
/* Names that mean something: a folder whose name says what is in it, made when it is asked for; and
 * the names that were asked for in vain. */
#include "demo_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 10000
#define RANGES 64 /* folders that are kept; the oldest one goes by itself */

struct range {
    unsigned from, to;
};

/* The files of "1 to 10": one for each number, with its square. */
static smbkit_status range_fill(struct smbkit_tree_call *c)
{
    const struct range *r = c->arg;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (unsigned n = r->from; n <= r->to && SMBKIT_OK(status); n++) {
        char name[32];
        char text[32];
        snprintf(name, sizeof(name), "%u.txt", n);
        snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n * n);
        status = smbkit_tree_add_text(c->tree, c->id, name, text);
    }
    return status;
}

static const struct smbkit_tree_folder range_folder = {
    .struct_size = sizeof(range_folder), .flags = SMBKIT_TREE_NEVER_BLOCKS, .fill = range_fill};

/* Is name "FROM to TO"? Then that folder is made; it is filled when somebody looks in. */
static smbkit_status count_lookup(struct smbkit_tree_call *c, const char *name)
{
    unsigned from;
    unsigned to;
    char end;
    if (sscanf(name, "%u to %u%c", &from, &to, &end) != 2 || from > to || to - from > COUNT_MAX ||
        to > 1000000000) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    struct range *r = malloc(sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *r = (struct range){from, to};
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.folder = &range_folder;
    e.arg = r;
    e.release = free;
    return smbkit_tree_add(c->tree, c->id, &e, NULL);
}

static const struct smbkit_tree_folder count_folder = {
    .struct_size = sizeof(count_folder), .flags = SMBKIT_TREE_NEVER_BLOCKS, .lookup = count_lookup};

/* ---- what was asked for in vain ---- */

void demo_missed(void *arg, smbkit_tree_id folder, const char *name)
{
    struct demo *d = arg;
    (void)folder;
    pthread_mutex_lock(&d->lock);
    char *to = d->missed[d->missed_count++ % DEMO_MISSED];
    snprintf(to, sizeof(d->missed[0]), "%s", name);
    pthread_mutex_unlock(&d->lock);
}

/* The content at each open anew; copied, since no release is given. */
static smbkit_status missed_load(struct smbkit_tree_call *c, struct smbkit_tree_load *load)
{
    struct demo *d = smbkit_tree_data(c->tree);
    size_t room = DEMO_MISSED * (sizeof(d->missed[0]) + 1) + 1;
    char *text = calloc(1, room);
    if (!text) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_lock(&d->lock);
    uint32_t n = d->missed_count < DEMO_MISSED ? d->missed_count : DEMO_MISSED;
    for (uint32_t i = d->missed_count - n; i < d->missed_count; i++) {
        size_t at = strlen(text);
        snprintf(text + at, room - at, "%s\n", d->missed[i % DEMO_MISSED]);
    }
    pthread_mutex_unlock(&d->lock);
    load->data = text;
    load->size = strlen(text);
    load->release = free; /* lent: nothing is copied */
    load->release_arg = text;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_tree_file missed_file = {.struct_size = sizeof(missed_file),
                                                    .flags = SMBKIT_TREE_FRESH |
                                                             SMBKIT_TREE_NEVER_BLOCKS,
                                                    .load = missed_load};

smbkit_status demo_names_add(struct demo *d)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new("missed.txt");
    e.file = &missed_file;
    e.flags = SMBKIT_TREE_NO_CACHE; /* it changes, and nobody is told */
    smbkit_status status = smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, NULL);
    e = smbkit_tree_entry_new("count");
    e.folder = &count_folder;
    e.limit = RANGES; /* anybody can ask for any number of them */
    return SMBKIT_OK(status) ? smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, NULL) : status;
}
