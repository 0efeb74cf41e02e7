/* SPDX-License-Identifier: Apache-2.0 */
/* Data of open files: from the content that the tree holds, from a file of the host, or from the
 * plugin's callbacks. */
#include "base/mem.h"
#include "tree/tree_priv.h"

/* A call of one of the file's callbacks, as it was opened. NULL: no memory. */
static struct tree_work *call_new(struct tree_req *r, enum work_kind kind)
{
    struct tree_open *open = r->file;
    mutex_lock(&r->tree->lock);
    struct tree_work *w = work_new(r, kind, open->entry);
    mutex_unlock(&r->tree->lock);
    if (w) {
        w->ops.file = open->file;
        w->call.arg = open->arg;
        w->handle = open->handle;
    }
    return w;
}

/* Has it been called for this request, or may it not be now? PENDING: neither. */
static smbkit_status call_state(const struct tree_req *r)
{
    const struct tree_open *open = r->file;
    if (r->act.id == open->entry->id) {
        return r->act.status;
    }
    smbkit_status st = work_may_call(r, open->file->flags);
    return SMBKIT_OK(st) ? SMBKIT_STATUS_PENDING : st;
}

static smbkit_status call_io(struct tree_req *r, enum work_kind kind)
{
    smbkit_status st = call_state(r);
    if (st != SMBKIT_STATUS_PENDING) {
        return st;
    }
    struct tree_work *w = call_new(r, kind);
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->io = r->args;
    return work_call(r, w);
}

static smbkit_status call_number(struct tree_req *r, enum work_kind kind, uint64_t number)
{
    smbkit_status st = call_state(r);
    if (st != SMBKIT_STATUS_PENDING) {
        return st;
    }
    struct tree_work *w = call_new(r, kind);
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->number = number;
    return work_call(r, w);
}

/* The content that the open sees; a reference, or NULL: it is empty. */
static smbkit_status content_take(struct tree_req *r, struct tree_content **c_r)
{
    struct tree_open *open = r->file;
    struct tree_entry *e = open->entry;
    mutex_lock(&r->tree->lock);
    bool is_live = !open->content && (e->flags & SMBKIT_TREE_LIVE);
    struct tree_content *c = is_live ? e->in.content : open->content;
    *c_r = c ? content_ref(c) : NULL;
    bool is_unloaded = is_live && !c && TREE_HAS(e->ops.file, load);
    mutex_unlock(&r->tree->lock);
    if (!is_unloaded) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = tree_load(r, e);
    *c_r = SMBKIT_OK(st) && r->loaded ? content_ref(r->loaded) : NULL;
    return st;
}

/* ---- reading ---- */

static smbkit_status read_host(struct tree_req *r, const struct tree_open *open,
                               struct smbkit_io *io)
{
    smbkit_status st = work_may_call(r, 0);
    uint8_t *to = SMBKIT_OK(st) ? smbkit_io_buffer(io) : NULL;
    if (!to) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    int64_t n = os_read_at(open->fd, to, io->length, io->offset);
    io->done = n > 0 ? (uint32_t)n : 0;
    return n < 0 ? smbkit_status_from_errno((int)-n) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_op_read(struct tree_req *r)
{
    struct tree_open *open = r->file;
    struct tree_content *c = NULL;
    if (entry_is_folder(open->entry)) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (TREE_HAS(open->file, read)) {
        return call_io(r, TREE_READ);
    }
    if (open->fd >= 0) {
        return read_host(r, open, r->args);
    }
    smbkit_status st = content_take(r, &c);
    if (SMBKIT_OK(st) && c) {
        st = content_read(c, r->args);
    }
    content_unref(c);
    return st;
}

/* ---- writing ---- */

/* The file is as it was written, and listed so. */
static void written_note(struct tree_req *r, struct tree_content *c)
{
    struct tree_open *open = r->file;
    struct tree_entry *e = open->entry;
    atomic_store(&open->is_dirty, true);
    uint64_t now = os_time_now();
    SCOPED_LOCK(&r->tree->lock);
    e->write_time = now;
    e->change_time = now;
    if (c && c == e->in.content) {
        e->size = content_size(c);
    }
}

/* What a callback has written is listed before anybody asks for the size. */
static void size_grow(struct tree_entry *e, struct tree_req *r)
{
    const struct smbkit_io *io = r->args;
    SCOPED_LOCK(&r->tree->lock);
    uint64_t end = io->flags & SMBKIT_IO_APPEND ? e->size : io->offset + io->done;
    e->size = MAX(e->size, end);
}

/* The content is the tree's, and may be written to? */
static smbkit_status writable_take(struct tree_req *r, struct tree_content **c_r)
{
    const struct tree_open *open = r->file;
    *c_r = NULL;
    if (entry_is_folder(open->entry)) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (TREE_HAS(open->file, read) || open->fd >= 0) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = content_take(r, c_r);
    return SMBKIT_OK(st) && !*c_r ? SMBKIT_STATUS_ACCESS_DENIED : st;
}

smbkit_status tree_op_write(struct tree_req *r)
{
    struct tree_open *open = r->file;
    struct tree_content *c = NULL;
    smbkit_status st;
    bool is_called = TREE_HAS(open->file, write);
    if (is_called) {
        st = call_io(r, TREE_WRITE);
    } else {
        st = writable_take(r, &c);
        st = SMBKIT_OK(st) ? content_write(c, r->args, &open->writer) : st;
    }
    if (SMBKIT_OK(st)) {
        written_note(r, c);
        if (is_called) {
            size_grow(open->entry, r);
        }
    }
    content_unref(c);
    return st;
}

static smbkit_status set_size(struct tree_req *r, uint64_t size)
{
    struct tree_open *open = r->file;
    struct tree_content *c = NULL;
    smbkit_status st;
    if (TREE_HAS(open->file, set_size)) {
        st = call_number(r, TREE_SET_SIZE, size);
        if (SMBKIT_OK(st)) {
            SCOPED_LOCK(&r->tree->lock);
            open->entry->size = size;
        }
    } else {
        st = writable_take(r, &c);
        st = SMBKIT_OK(st) ? content_resize(c, size, &open->writer) : st;
    }
    if (SMBKIT_OK(st)) {
        written_note(r, c);
    }
    content_unref(c);
    return st;
}

smbkit_status tree_op_set_size(struct tree_req *r)
{
    return set_size(r, ((const struct smbkit_size *)r->args)->size);
}

/* Other attributes are asked for as they are elsewhere, but that it is to be archived. Where
 * clients cannot set any they stay. */
static smbkit_status overwrite_ask(struct tree_req *r, struct tree_entry *e, uint32_t *attributes)
{
    mutex_lock(&r->tree->lock);
    uint32_t old = e->attributes & SMBKIT_ATTR_SETTABLE;
    bool is_asked = e->parent && TREE_HAS(e->parent->ops.folder, setattr);
    *attributes = is_asked || (e->flags & SMBKIT_TREE_WRITABLE) ? *attributes : old;
    bool differs = ((*attributes ^ old) & ~(uint32_t)SMBKIT_ATTR_ARCHIVE) != 0;
    mutex_unlock(&r->tree->lock);
    const struct smbkit_attr attr = {
        .struct_size = sizeof(attr), .valid = SMBKIT_HAS_ATTRIBUTES, .attributes = *attributes};
    return is_asked && differs ? tree_setattr_ask(r, e, &attr) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_op_overwrite(struct tree_req *r)
{
    struct smbkit_overwrite *a = r->args;
    struct tree_open *open = r->file;
    uint32_t attributes = a->attributes & SMBKIT_ATTR_SETTABLE;
    smbkit_status st = overwrite_ask(r, open->entry, &attributes);
    st = SMBKIT_OK(st) ? set_size(r, 0) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&r->tree->lock);
    open->entry->attributes = attributes;
    if (TREE_HAS(open->file, read)) {
        open->entry->size = 0;
    }
    mutex_unlock(&r->tree->lock);
    return tree_stat(r, open->entry, open, a->attr);
}

smbkit_status tree_op_flush(struct tree_req *r)
{
    const struct tree_open *open = r->file;
    return TREE_HAS(open->file, flush) ? call_number(r, TREE_FLUSH, 0) : SMBKIT_STATUS_SUCCESS;
}

/* ---- the end of writing ---- */

static smbkit_status commit_ask(struct tree_req *r, struct tree_content *c)
{
    smbkit_status st = call_state(r);
    const struct tree_open *open = r->file;
    if (c && st == SMBKIT_STATUS_PENDING) {
        smbkit_status lost = content_check(c, &open->writer);
        st = SMBKIT_OK(lost) ? st : lost;
    }
    if (st != SMBKIT_STATUS_PENDING) {
        return st;
    }
    bool is_frozen = !c || content_freeze(c, &r->frozen);
    struct tree_work *w = is_frozen ? call_new(r, TREE_COMMIT) : NULL;
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->frozen = r->frozen;
    r->frozen.bytes = NULL;
    return work_call(r, w);
}

/* The content is another now than what clients have seen. */
static void commit_tell(struct tree_req *r, struct tree_content *c)
{
    struct tree_open *open = r->file;
    struct tree_later later = {0};
    tree_enter(r->tree);
    if (open->entry->in.content == c) {
        open->entry->size = content_size(c);
        tree_tell(r->tree, open->entry,
                  SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE | SMBKIT_CHANGED_LAST_WRITE,
                  SMBKIT_EVENT_DATA);
    }
    tree_leave(r->tree, &later);
}

smbkit_status tree_op_commit(struct tree_req *r)
{
    struct tree_open *open = r->file;
    struct tree_content *c = NULL;
    if (!atomic_load(&open->is_dirty) || !TREE_HAS(open->file, commit)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!TREE_HAS(open->file, read)) {
        st = content_take(r, &c);
    }
    if (SMBKIT_OK(st)) {
        st = commit_ask(r, c);
    }
    if (st == TREE_QUEUED || st == SMBKIT_STATUS_WOULD_BLOCK) {
        content_unref(c);
        return st;
    }
    atomic_store(&open->is_dirty, false);
    bool changed = c && SMBKIT_OK(st) && content_settle(c, &r->frozen, &open->writer);
    changed |= c && !SMBKIT_OK(st) && content_revert(c, &r->frozen, &open->writer, st);
    if (changed) {
        commit_tell(r, c);
    }
    content_unref(c);
    return st;
}

smbkit_status tree_op_file_fd(struct tree_req *r)
{
    struct smbkit_file_fd *a = r->args;
    const struct tree_open *open = r->file;
    if (open->fd < 0) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    a->fd = open->fd;
    a->flags = SMBKIT_FD_READ;
    return SMBKIT_STATUS_SUCCESS;
}
