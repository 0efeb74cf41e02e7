/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/journal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/claim.h"
#include "vfs/core.h"
#include "vfs/create.h"
#include "vfs/journal_copy.h"
#include "vfs/listing.h"
#include "vfs/token.h"

#define LOG_MODULE LOG_VFS

/* ---- steps ---- */

static struct journal_step *step_of(struct list *l)
{
    return LIST_ENTRY(l, struct journal_step, link);
}

static struct journal_step *step_new(const struct door_file *f, uint32_t id, size_t args_size)
{
    struct journal_step *s = mem_zalloc(sizeof(*s) + args_size);
    if (!s) {
        return NULL;
    }
    list_init(&s->link);
    list_init(&s->waiters);
    mutex_init(&s->lock);
    s->id = id;
    s->file = f->file;
    s->volume = f->volume ? vfs_volume_ref(f->volume) : NULL;
    s->args = args_size > 0 ? s + 1 : NULL;
    return s;
}

static void step_free(struct journal_step *s)
{
    list_remove(&s->link);
    if (s->op) {
        op_put(s->op);
    }
    if (s->token) {
        vfs_token_unref(s->token);
    }
    listing_free(s->listing);
    vfs_volume_unref(s->volume);
    mutex_fini(&s->lock);
    mem_free(s);
}

static bool step_is_pending(struct journal_step *s)
{
    SCOPED_LOCK(&s->lock);
    return s->pending;
}

/* The step is over: its op is not needed any more, and a file made is the journal's for now. */
static void step_collect(struct journal_step *s)
{
    if (!s->op) {
        return;
    }
    op_put(s->op);
    s->op = NULL;
    s->owns_made = s->id == SMBKIT_OP_create && SMBKIT_OK(s->status);
}

/* Nobody comes for the file that was opened. */
static void made_close(struct journal_step *s)
{
    if (s->owns_made) {
        const struct vfs_call call = {.token = s->token};
        const struct door_file f = {.volume = s->volume,
                                    .file = ((const struct smbkit_create *)s->args)->file};
        s->owns_made = false;
        door_close(&call, &f);
    }
}

/* Give up what has not been replayed, or everything. */
static void drop_from(struct vfs_journal *j, struct list *first, bool closes)
{
    while (first != &j->steps) {
        struct list *next = first->next;
        if (closes) {
            step_collect(step_of(first));
        }
        if (closes || step_of(first)->is_done) {
            made_close(step_of(first));
        }
        step_free(step_of(first));
        first = next;
    }
    j->at = &j->steps;
}

void vfs_journal_init(struct vfs_journal *j)
{
    *j = (struct vfs_journal){0};
    list_init(&j->steps);
    list_init(&j->claims);
    j->at = &j->steps;
}

static void kept_undo(struct vfs_journal *j)
{
    void *kept = j->kept;
    if (kept) {
        j->kept = NULL;
        j->at = j->steps.next;
        j->undo(kept);
    }
}

/* A run is over for good. What it got to is its own; the rest it did not ask for: it may have been
 * refused before it made a call. */
static void drop_all(struct vfs_journal *j)
{
    kept_undo(j);
    if (!list_is_empty(&j->steps)) {
        drop_from(j, j->resumes ? j->steps.next : j->at, true);
        drop_from(j, j->steps.next, false);
    }
    claims_release(j);
    j->resumes = false;
}

void vfs_journal_fini(struct vfs_journal *j)
{
    ASSERT(!vfs_journal_is_busy(j));
    drop_all(j);
}

void vfs_journal_begin(struct vfs_journal *j)
{
    if (!j->resumes) {
        drop_all(j);
        return;
    }
    j->at = j->steps.next;
    j->resumes = false;
    LIST_FOR_EACH (l, &j->steps) {
        step_of(l)->is_done = step_of(l)->is_done && j->kept; /* else it is handed out again */
    }
}

static void fleeting_drop(struct vfs_journal *j)
{
    while (!list_is_empty(&j->steps) && step_of(j->steps.prev)->fleeting) {
        step_free(step_of(j->steps.prev));
    }
    j->at = &j->steps;
}

void vfs_journal_would_block(struct vfs_journal *j)
{
    if (!j->resumes) {
        fleeting_drop(j);
        j->resumes = true;
    }
}

bool vfs_journal_is_busy(const struct vfs_journal *j)
{
    return !list_is_empty(&j->steps) && step_is_pending(step_of(j->steps.prev));
}

bool vfs_journal_acts(const struct vfs_journal *j)
{
    LIST_FOR_EACH (l, &j->steps) {
        if (step_of(l)->acts) {
            return true;
        }
    }
    return false;
}

void vfs_journal_cancel(struct vfs_journal *j)
{
    if (!vfs_journal_is_busy(j)) {
        return;
    }
    struct journal_step *last = step_of(j->steps.prev);
    if (last->acts || !vfs_journal_acts(j)) {
        op_cancel(last->op);
    }
}

/* ---- replaying ---- */

/* The step that this call was in an earlier run; NULL: it is a new one. */
static struct journal_step *replay(struct vfs_journal *j, const struct door_file *f, uint32_t id,
                                   uint64_t key)
{
    if (j->at == &j->steps) {
        return NULL;
    }
    struct journal_step *s = step_of(j->at);
    bool is_it = s->id == id && s->file == f->file && s->volume == f->volume;
    /* What was asked for would be another thing now, by settings that have changed: it was given to
     * the plugin as it was. */
    if (!is_it || (s->key != key && !s->acts)) {
        /* The core's own state has changed since, and this run goes another way. */
        log_debug(NULL, "journal_given_up at=%u now=%u", s->id, id);
        drop_from(j, j->at, true);
        return NULL;
    }
    j->at = j->at->next;
    return s;
}

static void append(struct vfs_journal *j, struct journal_step *s)
{
    list_push_back(&j->steps, &s->link);
    j->at = &j->steps;
}

/* ---- calls ---- */

static smbkit_status stop(const struct vfs_call *call, smbkit_status st)
{
    call->journal->resumes = true;
    return st;
}

/* The plugin has completed it: on a thread of its own. */
static void step_finished(void *arg, smbkit_status status)
{
    struct journal_step *s = arg;
    SCOPED_LOCK(&s->lock);
    s->pending = false;
    s->status = status;
    if (s->held) {
        open_end(s->held);
        s->held = NULL;
    }
    /* Last: with the lock held, the owner cannot end the step before that. */
    wait_wake_all(&s->volume->waits, &s->waiters);
}

/* true: it is pending, and w is woken when it is not any more. */
static bool step_await(struct journal_step *s, struct vfs_wait *w)
{
    SCOPED_LOCK(&s->lock);
    if (s->pending) {
        wait_register(&s->volume->waits, &s->waiters, w);
    }
    return s->pending;
}

static smbkit_status step_wait(const struct vfs_call *call, struct journal_step *s)
{
    return step_await(s, call->wait) ? stop(call, SMBKIT_STATUS_WAIT) : s->status;
}

bool vfs_journal_await(struct vfs_journal *j, struct vfs_wait *w)
{
    return !list_is_empty(&j->steps) && step_await(step_of(j->steps.prev), w);
}

/* It answered PENDING: WAIT, or how it has ended in the meantime. */
static smbkit_status step_hand_up(const struct vfs_call *call, const struct door_file *f,
                                  struct journal_step *s)
{
    smbkit_status st;
    mutex_lock(&s->lock);
    s->pending = true;
    s->held = f->open;
    if (f->open) {
        open_hold(f->open);
    }
    wait_register(&s->volume->waits, &s->waiters, call->wait);
    mutex_unlock(&s->lock);
    op_hand_up(s->op, step_finished, s, &st);
    if (st == SMBKIT_STATUS_PENDING) {
        return stop(call, SMBKIT_STATUS_WAIT);
    }
    (void)vfs_wait_cancel(call->wait);
    mutex_lock(&s->lock);
    s->pending = false;
    s->held = NULL;
    s->status = st;
    mutex_unlock(&s->lock);
    if (f->open) {
        open_end(f->open);
    }
    return st;
}

/* Is it one that changes something? */
static bool is_act(uint32_t id, const void *args)
{
    bool only_opens =
        id == SMBKIT_OP_create && ((const struct smbkit_create *)args)->disposition == SMBKIT_OPEN;
    return op_rows[id].acts && !only_opens;
}

/* A step that is new: SUCCESS: call it. */
static smbkit_status step_begin(const struct vfs_call *call, const struct door_file *f,
                                struct journal_step *s)
{
    s->token = vfs_token_ref(call->token);
    s->op = op_new(&f->volume->ops, call);
    if (!s->op) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (call->nowait && f->volume->awaits) {
        s->op->pub.flags |= SMBKIT_OP_SYNC;
    }
    s->op->pub.who = vfs_token_identity_get(s->token);
    return SMBKIT_STATUS_SUCCESS;
}

/* Make the call of a new step, and enter it. WAIT: it is pending; WOULD_BLOCK: it is gone. */
static smbkit_status step_call(const struct vfs_call *call, const struct door_file *f,
                               struct journal_step *s)
{
    smbkit_status st = step_begin(call, f, s);
    if (SMBKIT_OK(st)) {
        st = door_layer_call(call, f, s->id, s->op, s->args);
    }
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        step_free(s);
        fleeting_drop(call->journal);
        return stop(call, st);
    }
    append(call->journal, s);
    s->acts = is_act(s->id, s->args);
    if (st == SMBKIT_STATUS_PENDING) {
        st = step_hand_up(call, f, s);
    } else {
        s->status = st;
    }
    return st;
}

smbkit_status journal_call(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                           void *args)
{
    const struct op_row *row = &op_rows[id];
    uint64_t key = args_key(id, row, args);
    struct journal_step *s = replay(call->journal, f, id, key);
    smbkit_status st;
    if (s) {
        st = step_wait(call, s);
    } else {
        s = step_new(f, id, args_copy_size(row, args));
        if (!s) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        s->key = key;
        args_copy(row, s->args, args);
        st = step_call(call, f, s);
    }
    if (st == SMBKIT_STATUS_WAIT || st == SMBKIT_STATUS_WOULD_BLOCK) {
        return st;
    }
    step_collect(s);
    s->acts = s->acts && SMBKIT_OK(st);
    args_give_back(row, s->args, args);
    return st;
}

/* ---- directories ---- */

/* One page of the directory, from sink->cookie. */
static smbkit_status page_call(const struct vfs_call *call, const struct door_file *f,
                               const struct journal_page *page, const struct smbkit_sink *sink,
                               struct journal_step **step_r)
{
    uint32_t id = page->id;
    uint64_t key = hash_u64(sink->cookie, sink->want);
    struct journal_step *s = replay(call->journal, f, id, key);
    *step_r = s;
    if (s) {
        return step_wait(call, s);
    }
    s = step_new(f, id, 0);
    struct listing *listing = s ? listing_new(sink, page->most) : NULL;
    if (!listing) {
        if (s) {
            step_free(s);
        }
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->key = key;
    s->listing = listing;
    s->args = listing_sink(listing);
    *step_r = s;
    return step_call(call, f, s);
}

smbkit_status journal_enumerate(const struct vfs_call *call, const struct door_file *f,
                                const struct journal_page *page, struct smbkit_sink *sink)
{
    struct journal_step *s;
    smbkit_status st = page_call(call, f, page, sink, &s);
    if (st == SMBKIT_STATUS_WAIT || st == SMBKIT_STATUS_WOULD_BLOCK) {
        return st;
    }
    if (s) {
        step_collect(s);
    }
    st = SMBKIT_OK(st) ? listing_status(s->listing) : st;
    if (SMBKIT_OK(st)) {
        listing_give(s->listing, sink);
    }
    return st;
}

/* ---- files ---- */

/* The step that opened it; NULL: none of this journal. */
static struct journal_step *opened_by(struct vfs_journal *j, const void *file)
{
    for (struct list *l = j->steps.prev; l != &j->steps; l = l->prev) {
        struct journal_step *s = step_of(l);
        if (s->owns_made && ((const struct smbkit_create *)s->args)->file == file) {
            return s;
        }
    }
    return NULL;
}

bool journal_closes(const struct vfs_call *call, const struct door_file *f)
{
    struct vfs_journal *j = call->journal;
    struct journal_step *made = j ? opened_by(j, f->file) : NULL;
    if (!made) {
        return true;
    }
    made->is_done = !j->resumes; /* else the handler stops, and will come for the file again */
    return false;
}

/* ---- notes ---- */

static uint64_t note_key(const char *about)
{
    return about ? hash_bytes(STEP_NOTE, about, str_len(about)) : 0;
}

const struct journal_note *journal_recall(const struct vfs_call *call, unsigned kind,
                                          const char *about)
{
    const struct door_file none = {0};
    struct journal_step *s =
        call->journal ? replay(call->journal, &none, STEP_NOTE + kind, note_key(about)) : NULL;
    return s ? s->args : NULL;
}

bool journal_note(const struct vfs_call *call, unsigned kind, const char *about,
                  const struct journal_note *note, bool fleeting)
{
    size_t text_size = note->text ? str_len(note->text) + 1 : 0;
    const struct door_file nothing = {0};
    if (!call->journal) {
        return true; /* there is no run after this one */
    }
    struct journal_step *s = step_new(&nothing, STEP_NOTE + kind, sizeof(*note) + text_size);
    if (!s) {
        return false;
    }
    struct journal_note *copy = s->args;
    *copy = *note;
    if (note->text) {
        mem_copy(copy + 1, note->text, text_size);
        copy->text = (const char *)(copy + 1);
    }
    s->key = note_key(about);
    s->fleeting = fleeting;
    append(call->journal, s);
    return true;
}

bool journal_once(const struct vfs_call *call)
{
    const struct journal_note note = {0};
    if (journal_recall(call, NOTE_ONCE, NULL)) {
        return false;
    }
    journal_note(call, NOTE_ONCE, NULL, &note, false);
    return true;
}

smbkit_status journal_look(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                           uint32_t flags, struct smbkit_attr *attr)
{
    uint32_t about = flags & SMBKIT_CREATE_OPEN_REPARSE_POINT ? NOTE_LOOK_ITSELF : NOTE_LOOK;
    const struct journal_note *before = journal_recall(call, about, path);
    if (before) {
        *attr = before->attr;
        return before->status;
    }
    const struct vfs_call apart = journal_apart(call);
    const smbkit_status st = journal_stopped(call, door_lookup(&apart, v, path, flags, attr));
    if (!door_stops(st)) {
        const struct journal_note note = {.status = st, .attr = *attr};
        journal_note(call, about, path, &note, true);
    }
    return st;
}

void journal_keep(const struct vfs_call *call, void *kept, void (*undo)(void *kept))
{
    ASSERT(call->journal && call->journal->resumes);
    call->journal->kept = kept;
    call->journal->undo = undo;
}

void *journal_take_kept(const struct vfs_call *call)
{
    struct vfs_journal *j = call->journal;
    void *kept = j ? j->kept : NULL;
    if (kept) {
        j->kept = NULL;
        j->at = j->steps.prev;
    }
    return kept;
}

void journal_forget(const struct vfs_call *call)
{
    if (call->journal) {
        drop_all(call->journal);
    }
}
