/* SPDX-License-Identifier: Apache-2.0 */
/* What clients are told. Changes queue up in the order in which they were made, and one thread at a
 * time tells them, when no lock is held; within a call that must not wait that is a worker's. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

struct told {
    struct list link;
    struct smbkit_event event;
    char *path;
    char *new_path;
};

uint32_t tree_name_filter(const struct tree_entry *e)
{
    return entry_is_folder(e) ? SMBKIT_CHANGED_DIR_NAME : SMBKIT_CHANGED_FILE_NAME;
}

void tree_tell_path(struct smbkit_tree *t, char *path, char *new_path,
                    const struct smbkit_event *event)
{
    struct told *e = path ? mem_zalloc(sizeof(*e)) : NULL;
    if (!e) {
        mem_free(path);
        mem_free(new_path);
        t->has_lost = true;
        return;
    }
    e->path = path;
    e->new_path = new_path;
    e->event = *event;
    e->event.struct_size = sizeof(e->event);
    e->event.path = path;
    e->event.new_path = new_path;
    list_push_back(&t->events, &e->link);
}

void tree_tell(struct smbkit_tree *t, const struct tree_entry *e, uint32_t what, uint32_t flags)
{
    bool is_name = (what & 0xffu) == SMBKIT_CHANGE_ADDED || (what & 0xffu) == SMBKIT_CHANGE_REMOVED;
    const struct smbkit_event event = {
        .what = what | (is_name ? tree_name_filter(e) : 0), .flags = flags, .file_id = e->id};
    tree_tell_path(t, tree_path(e), NULL, &event);
}

static struct told *take(struct smbkit_tree *t)
{
    struct list *l = list_pop_front(&t->events);
    return l ? LIST_ENTRY(l, struct told, link) : NULL;
}

/* Those that are queued. False: no more have come meanwhile. */
static bool tell_some(struct smbkit_tree *t)
{
    mutex_lock(&t->lock);
    for (struct told *e = take(t); e; e = take(t)) {
        mutex_unlock(&t->lock);
        smbkit_tell(t->host, &e->event);
        mem_free(e->path);
        mem_free(e->new_path);
        mem_free(e);
        mutex_lock(&t->lock);
    }
    bool has_lost = t->has_lost;
    t->has_lost = false;
    t->is_telling = has_lost;
    cond_broadcast(&t->changed);
    mutex_unlock(&t->lock);
    if (has_lost) {
        smbkit_changed(t->host, "", SMBKIT_CHANGE_OVERFLOW);
    }
    return has_lost;
}

static void tell_all(void *arg)
{
    while (tell_some(arg)) {
    }
}

void tree_tell_now(struct smbkit_tree *t)
{
    mutex_lock(&t->lock);
    bool mine = !t->is_telling && (!list_is_empty(&t->events) || t->has_lost);
    t->is_telling |= mine;
    mutex_unlock(&t->lock);
    /* relaxed: a call that began later makes no difference to what is told here */
    bool may_wait = atomic_load_explicit(&t->nowait_calls, memory_order_relaxed) == 0;
    if (mine && (may_wait || !SMBKIT_OK(smbkit_run(t->host, tell_all, t)))) {
        tell_all(t);
    }
}
