/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the plugin's callbacks: what each is handed, and what it leaves behind. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

/* ---- who asks, for as long as it takes ---- */

static size_t who_size(const struct smbkit_identity *who)
{
    size_t n = sizeof(*who) + who->group_count * sizeof(*who->groups) + who->sid_len_bytes;
    n += str_len(who->user) + str_len(who->domain) + str_len(who->client_address) + 3;
    for (uint32_t i = 0; i < who->group_count; i++) {
        n += who->groups[i].len;
    }
    return n;
}

static const void *put(uint8_t **at, const void *data, size_t n)
{
    void *to = *at;
    mem_copy(to, data, n);
    *at += n;
    return to;
}

struct smbkit_identity *who_copy(const struct smbkit_identity *who)
{
    uint8_t *block = mem_alloc(who_size(who));
    if (!block) {
        return NULL;
    }
    struct smbkit_identity *own = (struct smbkit_identity *)(void *)block;
    struct smbkit_bytes *groups = (struct smbkit_bytes *)(void *)(block + sizeof(*own));
    *own = (struct smbkit_identity){0};
    mem_copy(own, who, MIN((size_t)who->struct_size, sizeof(*own)));
    own->struct_size = sizeof(*own);
    uint8_t *at = (uint8_t *)(groups + who->group_count);
    for (uint32_t i = 0; i < who->group_count; i++) {
        groups[i].len = who->groups[i].len;
        groups[i].base = put(&at, who->groups[i].base, who->groups[i].len);
    }
    own->groups = groups;
    own->sid = put(&at, who->sid, who->sid_len_bytes);
    own->user = put(&at, who->user, str_len(who->user) + 1);
    own->domain = put(&at, who->domain, str_len(who->domain) + 1);
    own->client_address = put(&at, who->client_address, str_len(who->client_address) + 1);
    own->token = 0; /* the system's own log-in may be over by then */
    return own;
}

/* ---- life ---- */

static bool is_for_all(enum work_kind kind)
{
    return kind == TREE_FILL || kind == TREE_LOAD;
}

struct tree_work *work_new(struct tree_req *r, enum work_kind kind, struct tree_entry *e)
{
    struct tree_work *w = mem_zalloc(sizeof(*w));
    if (!w) {
        return NULL;
    }
    if (is_for_all(kind)) {
        w->who = who_copy(r->op->who);
    }
    if (is_for_all(kind) && !w->who) {
        mem_free(w);
        return NULL;
    }
    w->tree = r->tree;
    w->kind = kind;
    w->refs = 1;
    w->entry = entry_ref(e);
    if (entry_is_folder(e)) {
        w->ops.folder = e->ops.folder;
    } else {
        w->ops.file = e->ops.file;
    }
    list_init(&w->waiters);
    w->call.struct_size = sizeof(w->call);
    w->call.tree = r->tree;
    w->call.id = e->id;
    w->call.arg = e->arg;
    w->call.who = w->who ? w->who : r->op->who;
    w->call.op = w->who ? NULL : r->op;
    w->call.core = w;
    w->attr.struct_size = sizeof(w->attr);
    w->load.struct_size = sizeof(w->load);
    r->tree->works_count++;
    return w;
}

void work_free(struct tree_work *w)
{
    struct smbkit_tree *t = w->tree;
    struct tree_later later = {0};
    mem_free(w->name);
    mem_free(w->other_name);
    mem_free(w->kept_data);
    mem_free(w->kept_path);
    mem_free(w->who);
    bytes_unref(w->frozen.bytes);
    tree_enter(t);
    entry_unref(w->entry, &later);
    if (w->loaded) {
        content_unref_later(w->loaded, &later);
    }
    mem_free(w);
    tree_leave(t, &later);
    /* The volume may be closed from here on. */
    tree_enter(t);
    t->works_count--;
    cond_broadcast(&t->changed);
    mutex_unlock(&t->lock);
}

smbkit_status work_may_call(const struct tree_req *r, uint32_t flags)
{
    if (r->is_strict) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (r->is_heap || !(r->op->flags & SMBKIT_OP_NOWAIT)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    bool may = (flags & SMBKIT_TREE_NEVER_BLOCKS) && !(r->op->flags & SMBKIT_OP_SYNC);
    return may ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_WOULD_BLOCK;
}

/* ---- the callbacks ---- */

static smbkit_status invoke_create(struct tree_work *w)
{
    w->made.struct_size = sizeof(w->made);
    w->create = (struct smbkit_tree_create){.struct_size = sizeof(w->create),
                                            .kind = w->kind_made,
                                            .name = w->name,
                                            .attributes = w->made.attributes,
                                            .entry = &w->made};
    return w->ops.folder->create(&w->call, &w->create);
}

static smbkit_status invoke_rename(struct tree_work *w)
{
    w->rename = (struct smbkit_tree_move){.struct_size = sizeof(w->rename),
                                          .id = w->number,
                                          .arg = w->other_arg,
                                          .from = w->from,
                                          .from_name = w->other_name,
                                          .to_name = w->name,
                                          .replaced = w->replaced};
    return w->ops.folder->rename(&w->call, &w->rename);
}

static smbkit_status invoke_commit(struct tree_work *w)
{
    const struct tree_bytes *b = w->frozen.bytes;
    w->commit = (struct smbkit_tree_commit){.struct_size = sizeof(w->commit),
                                            .data = b && b->size ? b->data : NULL,
                                            .size = b ? b->size : w->number};
    return w->ops.file->commit(&w->call, w->handle, &w->commit);
}

static smbkit_status invoke_folder(struct tree_work *w)
{
    const struct smbkit_tree_folder *f = w->ops.folder;
    switch (w->kind) {
    case TREE_FILL:
        return f->fill(&w->call);
    case TREE_LOOKUP:
        return f->lookup(&w->call, w->name);
    case TREE_CREATE:
        return invoke_create(w);
    case TREE_RENAME:
        return invoke_rename(w);
    case TREE_REMOVE:
        return f->remove(&w->call, w->number, w->other_arg);
    default:
        ASSERT(w->kind == TREE_SETATTR);
        return f->setattr(&w->call, w->number, &w->attr);
    }
}

smbkit_status work_invoke(struct tree_work *w)
{
    const struct smbkit_tree_file *f = w->ops.file;
    switch (w->kind) {
    case TREE_LOAD:
        return f->load(&w->call, &w->load);
    case TREE_STAT:
        return f->stat(&w->call, &w->attr);
    case TREE_OPEN:
        return f->open(&w->call, w->access, &w->handle);
    case TREE_READ:
        return f->read(&w->call, w->handle, w->io);
    case TREE_WRITE:
        return f->write(&w->call, w->handle, w->io);
    case TREE_SET_SIZE:
        return f->set_size(&w->call, w->handle, w->number);
    case TREE_FLUSH:
        return f->flush(&w->call, w->handle);
    case TREE_COMMIT:
        return invoke_commit(w);
    case TREE_USER_ROOT:
        return w->tree->spec.user_root(&w->call, &w->number);
    default:
        return invoke_folder(w);
    }
}

/* ---- what it answered ---- */

void work_note(struct tree_work *w, struct tree_req *r)
{
    const struct tree_memo memo = {w->call.id, w->status};
    switch (w->kind) {
    case TREE_FILL:
        r->fill = memo;
        return;
    case TREE_LOOKUP:
        r->lookup = memo;
        return;
    case TREE_LOAD:
        ASSERT(!r->loaded);
        r->load = memo;
        r->loaded = w->loaded ? content_ref(w->loaded) : NULL;
        return;
    case TREE_STAT:
        r->stat = memo;
        r->attr = w->attr;
        return;
    case TREE_OPEN:
        ASSERT(!r->opened.entry);
        r->open = memo;
        if (SMBKIT_OK(w->status)) {
            r->opened =
                (struct tree_handle){entry_ref(w->entry), w->ops.file, w->call.arg, w->handle};
            r->has_acted = true;
        }
        return;
    case TREE_SETATTR:
        r->set = memo;
        r->has_acted |= SMBKIT_OK(w->status);
        return;
    case TREE_USER_ROOT:
        r->root = memo;
        r->root_id = w->number;
        return;
    default:
        r->act = memo;
        r->has_acted |= SMBKIT_OK(w->status);
        r->has_made = w->kind == TREE_CREATE && SMBKIT_OK(w->status);
        r->made = w->made;
        r->frozen = w->frozen; /* one request has called it */
        w->frozen.bytes = NULL;
        r->made_data = w->kept_data;
        r->made_path = w->kept_path;
        w->kept_data = NULL;
        w->kept_path = NULL;
        return;
    }
}
