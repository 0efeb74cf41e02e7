/* SPDX-License-Identifier: Apache-2.0 */
/* A file system on a tree, in seven steps: smbkit-tree(3). */
#include <smbkit/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern char **environ;

struct steps {
    struct smbkit_tree *tree;
    smbkit_tree_id clock;
    struct smbkit_timer *timer;
    struct smbkit_tree_call *waits; /* a load that is answered by the next tick; see step 7 */
};

/* Step 2: a file that changes. The timer's function updates it, and clients see it at once. */
static void tick(void *arg)
{
    struct steps *s = arg;
    char text[32];
    struct smbkit_tree_entry e = smbkit_tree_entry_new(NULL);
    e.size = (uint64_t)snprintf(text, sizeof(text), "%lld\n", (long long)time(NULL));
    e.data = text;
    smbkit_tree_update(s->tree, s->clock, &e);
    struct smbkit_tree_call *waits = __atomic_exchange_n(&s->waits, NULL, __ATOMIC_ACQ_REL);
    if (waits) {
        smbkit_tree_done(waits, SMBKIT_STATUS_SUCCESS);
    }
    smbkit_timer_set(s->timer, 200);
}

/* Step 3: a folder that is filled when somebody looks: a file for each variable. */
static smbkit_status env_fill(struct smbkit_tree_call *c)
{
    for (char **v = environ; *v; v++) {
        char name[64];
        const char *value = strchr(*v, '=');
        snprintf(name, sizeof(name), "%.*s", (int)(value ? value - *v : 0), *v);
        smbkit_tree_add_text(c->tree, c->id, name, value ? value + 1 : "");
    }
    return SMBKIT_STATUS_SUCCESS;
}
static const struct smbkit_tree_folder env = {.struct_size = sizeof(env), .fill = env_fill};

/* Step 4: a name is a parameter: "3+4" is a file as soon as somebody asks for it. */
static smbkit_status sums_lookup(struct smbkit_tree_call *c, const char *name)
{
    int a;
    int b;
    char text[32];
    if (sscanf(name, "%d+%d", &a, &b) != 2) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    snprintf(text, sizeof(text), "%lld\n", (long long)a + b);
    return smbkit_tree_add_text(c->tree, c->id, name, text);
}
static const struct smbkit_tree_folder sums = {.struct_size = sizeof(sums), .lookup = sums_lookup};

/* Step 5: a file that clients write, and that is checked when they close it. */
static smbkit_status motto_commit(struct smbkit_tree_call *c, void *handle,
                                  const struct smbkit_tree_commit *what)
{
    return what->size > 100 ? SMBKIT_STATUS_DISK_FULL : SMBKIT_STATUS_SUCCESS;
}
static const struct smbkit_tree_file motto = {.struct_size = sizeof(motto),
                                              .commit = motto_commit};

/* Step 6: a folder in which clients make, rename and delete. The tree does it; this allows it. */
static smbkit_status may_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status may_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status may_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    return SMBKIT_STATUS_SUCCESS;
}
static const struct smbkit_tree_folder ram = {
    .struct_size = sizeof(ram), .create = may_create, .rename = may_rename, .remove = may_remove};

/* Step 7: an answer that comes later. The content is said now, and done by the next tick. */
static smbkit_status later_load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    struct steps *s = smbkit_tree_data(c->tree);
    l->data = "at last\n";
    l->size = 8;
    __atomic_store_n(&s->waits, c, __ATOMIC_RELEASE);
    return SMBKIT_STATUS_PENDING;
}
static const struct smbkit_tree_file later = {.struct_size = sizeof(later), .load = later_load};

/* The volume is closed: nothing is pushed any more, and nothing stays pending. */
static void steps_stop(void *arg)
{
    struct steps *s = arg;
    smbkit_timer_free(s->timer);
    if (s->waits) {
        smbkit_tree_done(s->waits, SMBKIT_STATUS_CANCELLED);
    }
}

static smbkit_status steps_open(struct smbkit_volume_args *args, void **volume_r)
{
    smbkit_status status = smbkit_args_take(args, NULL, NULL);
    struct steps *s = SMBKIT_OK(status) ? calloc(1, sizeof(*s)) : NULL;
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.arg = s;
    spec.stop = steps_stop;
    spec.release = free;
    if (!s) {
        return SMBKIT_OK(status) ? SMBKIT_STATUS_NO_MEMORY : status;
    }
    status = smbkit_tree_open(args, &spec, volume_r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    s->tree = *volume_r;
    /* Step 1: files from memory, and what the other steps need. */
    smbkit_tree_add_text(s->tree, SMBKIT_TREE_ROOT, "hello.txt", "Hello!\n");
    struct smbkit_tree_entry e = smbkit_tree_entry_new("clock.txt");
    smbkit_tree_add(s->tree, SMBKIT_TREE_ROOT, &e, &s->clock);
    smbkit_tree_add_folder(s->tree, SMBKIT_TREE_ROOT, "env", &env, NULL);
    smbkit_tree_add_folder(s->tree, SMBKIT_TREE_ROOT, "sums", &sums, NULL);
    e = smbkit_tree_entry_new("motto.txt");
    e.file = &motto;
    e.flags = SMBKIT_TREE_WRITABLE;
    smbkit_tree_add(s->tree, SMBKIT_TREE_ROOT, &e, NULL);
    smbkit_tree_add_folder(s->tree, SMBKIT_TREE_ROOT, "ram", &ram, NULL);
    smbkit_tree_add_file(s->tree, SMBKIT_TREE_ROOT, "later.txt", &later, NULL);
    s->timer = smbkit_timer_new(smbkit_tree_host(s->tree), tick, s);
    if (s->timer) { /* "smbkit check" has no timers */
        smbkit_timer_set(s->timer, 0);
    }
    return status;
}
SMBKIT_TREE_PLUGIN(hello, "hello", "a tree in seven steps", steps_open, NULL)
