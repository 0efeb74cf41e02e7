/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/appinstance.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/conn.h"
#include "smb/open.h"
#include "smb/request.h"
#include "vfs/secdesc.h"

struct key {
    const uint8_t *id;
    const struct smb_share *share;
    const char *path;
    const char *stream; /* NULL: none */
    const struct smb_client *client;
    bool is_his; /* his opens are looked for; false: those of all others */
};

void smb_apps_init(struct smb_apps *t)
{
    mutex_init(&t->lock);
    hash_table_init(&t->opens);
    wait_domain_init(&t->waits);
}

void smb_apps_fini(struct smb_apps *t)
{
    ASSERT(t->opens.count == 0);
    hash_table_fini(&t->opens);
    wait_domain_fini(&t->waits);
    mutex_fini(&t->lock);
}

static uint64_t key_hash(const struct smb_server *s, const struct key *k)
{
    uint64_t h = hash_bytes(s->hash_seed, k->id, WIRE_GUID_SIZE);
    h = utf8_ihash(h, k->path, str_len(k->path));
    return k->stream ? utf8_ihash(h, k->stream, str_len(k->stream)) : h;
}

static bool app_eq(const struct hash_link *link, const void *key)
{
    const struct smb_app *a = CONTAINER_OF(link, struct smb_app, link);
    const struct key *k = key;
    bool is_same_stream = k->stream ? a->stream && utf8_ieq(a->stream, k->stream) : !a->stream;
    return (a->open->client == k->client) == k->is_his && a->open->durable.share == k->share &&
           mem_eq(a->id, k->id, WIRE_GUID_SIZE) && is_same_stream && utf8_ieq(a->path, k->path);
}

/* ---- who comes ---- */

static bool is_asked(const struct smb_request *r, const struct smb2_create_req *req)
{
    return (req->ctxs.present & SMB2_CTX_APP_INSTANCE_ID) && smb_conn_is_3x(r->conn);
}

static bool has_version(const struct smb_request *r, const struct smb2_create_req *req)
{
    return (req->ctxs.present & SMB2_CTX_APP_INSTANCE_VERSION) &&
           r->conn->dialect == SMB2_DIALECT_311;
}

#define READS (SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL)
#define CHANGES (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_DELETE)

#define FEW 64u /* opens that an event loop looks at */

/* Opens that a CREATE may close; owned references. The first ones it may, once that is known. */
struct found {
    struct smb_open **opens;
    size_t count;
    size_t cap;
    size_t closable;
};

static bool found_add(struct found *f, struct smb_open *o)
{
    if (f->count == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 4;
        struct smb_open **opens = mem_realloc(f->opens, cap * sizeof(struct smb_open *));
        if (!opens) {
            return false;
        }
        f->opens = opens;
        f->cap = cap;
    }
    f->opens[f->count++] = smb_open_ref(o);
    return true;
}

static void found_fini(struct found *f)
{
    for (size_t i = 0; i < f->count; i++) {
        smb_open_unref(f->opens[i]);
    }
    mem_free(f->opens);
}

static smbkit_status find_one(const struct smb_request *r, struct found *f, struct smb_open *o)
{
    if (r->call.on_loop && f->count == FEW) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return found_add(f, o) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* All of them: an application may have had its file open more than once. Nothing bounds how often
 * but what a user may have open: more than a few are a worker's. */
static smbkit_status find_all(const struct smb_request *r, const struct key *k, struct found *f)
{
    struct smb_server *s = r->conn->server;
    SCOPED_LOCK(&s->apps.lock);
    struct hash_link *l = hash_table_get(&s->apps.opens, key_hash(s, k), app_eq, k);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (; SMBKIT_OK(status) && l; l = hash_table_get_next(l, app_eq, k)) {
        struct smb_app *head = CONTAINER_OF(l, struct smb_app, link);
        status = find_one(r, f, head->open);
        LIST_FOR_EACH (other, &head->siblings) {
            if (SMBKIT_OK(status)) {
                status = find_one(r, f, LIST_ENTRY(other, struct smb_app, siblings)->open);
            }
        }
    }
    return status;
}

/* Only a newer one takes the file from one that has a version ... */
static bool is_newer(const struct smb_request *r, const struct smb2_create_req *req,
                     const struct smb_app *a)
{
    uint64_t high = req->ctxs.app_instance_version_high;
    uint64_t low = req->ctxs.app_instance_version_low;
    if (!a->has_version) {
        return true;
    }
    return has_version(r, req) &&
           (high > a->version_high || (high == a->version_high && low > a->version_low));
}

/* What the caller could do with a file himself: asked for once, however many opens it has. */
struct looked {
    struct smb_open *at; /* NULL: at none yet */
    uint32_t max;
};

/* FILE_CLOSED is remembered of none. */
static smbkit_status look(struct smb_request *r, struct smb_open *o, struct looked *l)
{
    struct vfs_open *file = smb_open_file_ref(o);
    struct vfs_open *at = l->at ? smb_open_file_ref(l->at) : NULL;
    uint32_t max = l->max;
    bool is_known = at && vfs_open_is_same_file(at, file);
    smbkit_status status = is_known
                               ? SMBKIT_STATUS_SUCCESS
                               : vfs_max_access(&r->call, file, smb_tree_access_max(r->tree), &max);
    vfs_open_unref(at);
    vfs_open_unref(file);
    if (is_known) {
        return status;
    }
    if (status == SMBKIT_STATUS_WAIT || status == SMBKIT_STATUS_WOULD_BLOCK ||
        status == SMBKIT_STATUS_FILE_CLOSED) {
        return status;
    }
    *l = (struct looked){.at = o, .max = SMBKIT_OK(status) ? max : 0};
    return SMBKIT_STATUS_SUCCESS;
}

/* The specification asks for GENERIC_READ alone: then who may only read, and has seen an id, could
 * end a writer's open, with its locks. Another machine's application, which is to do the same as
 * the one before, may write where that may. *may_r: false: it is not his to close, and to him it
 * is as any other open. */
static smbkit_status may_close(struct smb_request *r, struct smb_open *o, struct looked *l,
                               bool *may_r)
{
    uint32_t needs = READS | (smb_open_access(o) & CHANGES);
    smbkit_status status = look(r, o, l);
    bool is_going = status == SMBKIT_STATUS_FILE_CLOSED; /* already */
    *may_r = is_going || (SMBKIT_OK(status) && (l->max & needs) == needs);
    return is_going ? SMBKIT_STATUS_SUCCESS : status;
}

/* As by CLOSE: off its session, or kept without one; one whose session ends just now is not kept
 * then. Else somebody else is closing it. */
static void close_it(struct smb_open *o)
{
    bool is_off = smb_open_take_off(o);
    if (!is_off) {
        mutex_lock(&o->lock);
        o->durable.ends = true;
        smb_kept_close_locked(o);
        mutex_unlock(&o->lock);
        is_off = smb_open_take_off(o); /* its client came back for it in between */
    }
    if (is_off) {
        smb_open_end(o);
    }
}

/* SUCCESS: it is closed by now. */
static smbkit_status await(struct smb_open *o, struct vfs_wait *w)
{
    struct smb_apps *t = &o->server->apps;
    SCOPED_LOCK(&t->lock);
    if (!o->app->is_in) {
        return SMBKIT_STATUS_SUCCESS;
    }
    wait_register(&t->waits, &o->app->waiters, w);
    return SMBKIT_STATUS_WAIT;
}

/* ... and may do to it what the newcomer asks to: who may only read, and has seen an id, would else
 * keep a writer off for ever by the highest version. */
static bool is_heeded(const struct smb2_create_req *req, struct smb_open *o)
{
    bool clears = req->disposition == SMB2_FILE_SUPERSEDE ||
                  req->disposition == SMB2_FILE_OVERWRITE ||
                  req->disposition == SMB2_FILE_OVERWRITE_IF;
    uint32_t asks = sd_map_generic(req->desired_access) | (clears ? SMBKIT_WRITE_DATA : 0);
    asks |= asks & SMBKIT_MAXIMUM_ALLOWED ? CHANGES : 0;
    return !(asks & CHANGES & ~smb_open_access(o));
}

/* What he may not close is as any other open to him. Nothing is closed where one of the others is
 * not to be. */
static smbkit_status sort_out(struct smb_request *r, const struct smb2_create_req *req,
                              struct found *f)
{
    struct looked looked = {0};
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; SMBKIT_OK(status) && i < f->count; i++) {
        struct smb_open *o = f->opens[i];
        bool may = false;
        status = may_close(r, o, &looked, &may);
        if (may && !is_newer(r, req, o->app) && is_heeded(req, o)) {
            status = SMBKIT_STATUS_FILE_FORCED_CLOSED;
        }
        if (may) {
            f->opens[i] = f->opens[f->closable];
            f->opens[f->closable++] = o;
        }
    }
    return status;
}

/* The last one is awaited first: when that is closed most others are, and he is not woken, to look
 * at them all, by each. */
static smbkit_status close_all(const struct found *f, struct vfs_wait *w)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; i < f->closable; i++) {
        close_it(f->opens[i]);
    }
    for (size_t i = f->closable; SMBKIT_OK(status) && i > 0; i--) {
        status = await(f->opens[i - 1], w);
    }
    return status;
}

smbkit_status smb_app_begin(struct smb_request *r, const struct smb2_create_req *req,
                            const struct vfs_path *path)
{
    const struct key k = {.id = req->ctxs.app_instance_id,
                          .share = r->tree->share,
                          .path = path->path,
                          .stream = path->stream,
                          .client = r->session->client};
    struct found f = {0};
    smbkit_status status = is_asked(r, req) ? find_all(r, &k, &f) : SMBKIT_STATUS_SUCCESS;
    bool has_called = f.count > 0;
    if (SMBKIT_OK(status)) {
        status = sort_out(r, req, &f);
    }
    if (SMBKIT_OK(status)) {
        status = close_all(&f, r->call.wait);
    }
    found_fini(&f);
    if (SMBKIT_OK(status) && has_called) {
        vfs_journal_begin(&r->journal); /* what follows is run again without these calls */
    }
    return status;
}

/* ---- what is open ---- */

static void app_free(struct smb_app *a)
{
    if (a) {
        ASSERT(!a->is_in && list_is_empty(&a->waiters));
        mem_free(a->path);
        mem_free(a->stream);
        mem_free(a);
    }
}

static struct smb_app *app_new(const struct smb_request *r, const struct smb2_create_req *req,
                               const struct vfs_path *path)
{
    struct smb_app *a = mem_zalloc(sizeof(*a));
    if (!a) {
        return NULL;
    }
    list_init(&a->waiters);
    list_init(&a->siblings);
    mem_copy(a->id, req->ctxs.app_instance_id, sizeof(a->id));
    a->has_version = has_version(r, req);
    a->version_high = req->ctxs.app_instance_version_high;
    a->version_low = req->ctxs.app_instance_version_low;
    a->path = str_dup(path->path);
    a->stream = path->stream ? str_dup(path->stream) : NULL;
    if (!a->path || (path->stream && !a->stream)) {
        app_free(a);
        return NULL;
    }
    return a;
}

/* apps.lock is held. */
static void enter_locked(struct smb_app *a)
{
    struct smb_server *s = a->open->server;
    const struct key k = {.id = a->id,
                          .share = a->open->durable.share,
                          .path = a->path,
                          .stream = a->stream,
                          .client = a->open->client,
                          .is_his = true};
    uint64_t hash = key_hash(s, &k);
    struct hash_link *head = hash_table_get(&s->apps.opens, hash, app_eq, &k);
    if (head) {
        list_push_back(&CONTAINER_OF(head, struct smb_app, link)->siblings, &a->siblings);
        a->is_in = true;
        return;
    }
    a->is_head = a->is_in = hash_table_add(&s->apps.opens, &a->link, hash);
}

/* apps.lock is held. */
static void leave_locked(struct smb_app *a)
{
    struct hash_table *t = &a->open->server->apps.opens;
    struct smb_app *next = LIST_ENTRY(a->siblings.next, struct smb_app, siblings);
    list_remove(&a->siblings);
    a->is_in = false;
    if (!a->is_head) {
        return;
    }
    a->is_head = false;
    hash_table_remove(t, &a->link);
    if (next != a) {
        next->is_head = hash_table_add(t, &next->link, a->link.hash);
        ASSERT(next->is_head); /* there was room for a */
    }
}

void smb_app_settle(struct smb_request *r, const struct smb2_create_req *req,
                    const struct vfs_path *path, struct smb_open *o)
{
    struct smb_server *s = o->server;
    if (!is_asked(r, req) || !s->config.env.work) {
        return; /* nobody could close it */
    }
    o->app = app_new(r, req, path);
    if (!o->app) {
        return;
    }
    o->app->open = o;
    if (!o->durable.owner) {
        smb_durable_owned(o, r);
    }
}

void smb_app_shown(struct smb_open *o)
{
    if (o->app) {
        SCOPED_LOCK(&o->server->apps.lock);
        if (!o->app->is_over) {
            enter_locked(o->app);
        }
    }
}

void smb_app_renamed(struct smb_open *o, const char *path)
{
    char *copy = o->app ? str_dup(path) : NULL;
    if (!copy) {
        return; /* without memory: it is found where it was */
    }
    SCOPED_LOCK(&o->server->apps.lock);
    bool was_in = o->app->is_in;
    leave_locked(o->app);
    mem_free(o->app->path);
    o->app->path = copy;
    if (was_in) {
        enter_locked(o->app);
    }
    if (!o->app->is_in) {
        wait_wake_all(&o->server->apps.waits, &o->app->waiters);
    }
}

void smb_app_closed(struct smb_open *o)
{
    if (o->app) {
        SCOPED_LOCK(&o->server->apps.lock);
        leave_locked(o->app);
        o->app->is_over = true;
        wait_wake_all(&o->server->apps.waits, &o->app->waiters);
    }
}

void smb_app_free(struct smb_open *o)
{
    smb_app_closed(o);
    app_free(o->app);
    o->app = NULL;
}
