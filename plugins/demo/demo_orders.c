/* SPDX-License-Identifier: Apache-2.0 */
/* A file whose content is fetched when somebody opens it, and checked when somebody has written it:
 * each line is an order, which changes the folder "pushed" before the eyes of all who look. */
#include "demo_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX 65536

static const char usage[] =
    "add NAME TEXT\nupdate NAME TEXT\nremove NAME\nrename NAME=NEW\nclear\n";

static smbkit_status load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    (void)c;
    l->data = usage;
    l->size = sizeof(usage) - 1;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status order_add(struct demo *d, char *name, char *text)
{
    return smbkit_tree_add_text(d->tree, d->pushed, name, text);
}

static smbkit_status order_update(struct demo *d, char *name, char *text)
{
    smbkit_tree_id id;
    smbkit_status status = smbkit_tree_find(d->tree, d->pushed, name, &id);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(NULL);
    e.data = text;
    e.size = strlen(text);
    return SMBKIT_OK(status) ? smbkit_tree_update(d->tree, id, &e) : status;
}

static smbkit_status order_remove(struct demo *d, char *name, char *text)
{
    smbkit_tree_id id;
    (void)text;
    smbkit_status status = smbkit_tree_find(d->tree, d->pushed, name, &id);
    return SMBKIT_OK(status) ? smbkit_tree_remove(d->tree, id, 0) : status;
}

static smbkit_status order_rename(struct demo *d, char *name, char *text)
{
    smbkit_tree_id id;
    char *to = strchr(name, '=');
    (void)text;
    if (!to) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    *to++ = 0;
    smbkit_status status = smbkit_tree_find(d->tree, d->pushed, name, &id);
    return SMBKIT_OK(status) ? smbkit_tree_rename(d->tree, id, d->pushed, to) : status;
}

static smbkit_status order_clear(struct demo *d, char *name, char *text)
{
    (void)name;
    (void)text;
    return smbkit_tree_clear(d->tree, d->pushed, 0);
}

static const struct {
    const char *word;
    smbkit_status (*fn)(struct demo *d, char *name, char *text);
} orders[] = {{"add", order_add},
              {"update", order_update},
              {"remove", order_remove},
              {"rename", order_rename},
              {"clear", order_clear}};

static smbkit_status order_do(struct demo *d, char *line)
{
    char *name = line + strcspn(line, " ");
    name += *name ? (*name = 0, 1) : 0;
    char *text = name + strcspn(name, " ");
    text += *text ? (*text = 0, 1) : 0;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (strcmp(orders[i].word, line) == 0) {
            return orders[i].fn(d, name, text);
        }
    }
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

/* The first wrong line is the answer to the client's close, and the file is what it was. */
static smbkit_status commit(struct smbkit_tree_call *c, void *handle,
                            const struct smbkit_tree_commit *what)
{
    struct demo *d = smbkit_tree_data(c->tree);
    (void)handle;
    if (what->size > ORDERS_MAX) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    char *text = calloc(1, (size_t)what->size + 1);
    if (!text) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (what->size > 0) {
        memcpy(text, what->data, (size_t)what->size);
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line && SMBKIT_OK(status); line = strsep(&rest, "\n")) {
        status = *line ? order_do(d, line) : status;
    }
    free(text);
    if (SMBKIT_OK(status)) {
        smbkit_tree_drop(c->tree, c->id); /* who opens it next sees the usage again */
    }
    return status;
}

static const struct smbkit_tree_file orders_file = {
    .struct_size = sizeof(orders_file), .load = load, .commit = commit};

smbkit_status demo_orders_add(struct demo *d)
{
    d->pushed = smbkit_tree_add_folder(d->tree, SMBKIT_TREE_ROOT, "pushed", NULL, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("orders.txt");
    e.file = &orders_file;
    e.size = sizeof(usage) - 1;
    e.flags = SMBKIT_TREE_WRITABLE;
    smbkit_status status = smbkit_tree_add(d->tree, SMBKIT_TREE_ROOT, &e, NULL);
    return d->pushed == SMBKIT_TREE_NONE ? SMBKIT_STATUS_NO_MEMORY : status;
}
