/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/restart.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/lease.h"
#include "smb/open.h"
#include "smb/record.h"
#include "smb/request.h"
#include "vfs/stream.h"

#define FILETIME_MS 10000u /* 100 ns in a millisecond */

/* One that may be asked for. */
struct pending {
    struct refcount refs; /* the table's, and of who looks at it */
    struct hash_link link;
    uint64_t until_ms; /* immutable, as what follows */
    struct smb_record rec;
};

static void pending_unref(struct pending *p)
{
    if (p && refcount_put(&p->refs)) {
        smb_record_fini(&p->rec);
        mem_free(p);
    }
}

/* ---- the table ---- */

void smb_records_init(struct smb_records *t)
{
    mutex_init(&t->lock);
    hash_table_init(&t->table);
}

static void forget_locked(struct smb_records *t, struct pending *p)
{
    hash_table_remove(&t->table, &p->link);
    pending_unref(p);
}

/* lock is held. */
static void forget_all_locked(struct smb_records *t)
{
    struct hash_link *next;
    for (struct hash_link *l = hash_table_next(&t->table, NULL); l; l = next) {
        next = hash_table_next(&t->table, l);
        forget_locked(t, CONTAINER_OF(l, struct pending, link));
    }
}

void smb_records_fini(struct smb_records *t)
{
    forget_all_locked(t);
    hash_table_fini(&t->table);
    mutex_fini(&t->lock);
}

bool smb_records_tick(struct smb_server *s)
{
    struct smb_records *t = &s->records;
    SCOPED_LOCK(&t->lock);
    if (t->table.count > 0 && smb_server_monotonic_ms(s) >= t->until_ms) {
        forget_all_locked(t);
    }
    return t->table.count > 0;
}

static bool id_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct pending, link)->rec.persistent_id == *(const uint64_t *)key;
}

/* lock is held. Borrowed. */
static struct pending *find_locked(struct smb_records *t, uint64_t id)
{
    struct hash_link *l = hash_table_get(&t->table, hash_u64(0, id), id_eq, &id);
    return l ? CONTAINER_OF(l, struct pending, link) : NULL;
}

static struct pending *pending_get(struct smb_records *t, uint64_t id)
{
    SCOPED_LOCK(&t->lock);
    struct pending *p = find_locked(t, id);
    if (p) {
        refcount_get(&p->refs);
    }
    return p;
}

static void pending_forget(struct smb_records *t, uint64_t id)
{
    SCOPED_LOCK(&t->lock);
    struct pending *p = find_locked(t, id);
    if (p) {
        forget_locked(t, p);
    }
}

/* Takes over rec; until it is added nobody has its id. */
static bool pending_add(struct smb_server *s, struct smb_record *rec, uint64_t left_ms)
{
    struct smb_records *t = &s->records;
    struct pending *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return false;
    }
    refcount_init(&p->refs);
    p->rec = *rec;
    p->until_ms = smb_server_monotonic_ms(s) + left_ms;
    *rec = (struct smb_record){0};
    SCOPED_LOCK(&t->lock);
    bool is_new = t->table.count < SMB_RECORDS_MAX && !find_locked(t, p->rec.persistent_id);
    if (!is_new || !hash_table_add(&t->table, &p->link, hash_u64(0, p->rec.persistent_id))) {
        pending_unref(p);
        return false;
    }
    t->until_ms = MAX(t->until_ms, p->until_ms);
    return true;
}

bool smb_server_wrote(const void *p, size_t len)
{
    return smb_record_is_begun(p, len);
}

size_t smb_server_restore(struct smb_server *s, const void *p, size_t len, size_t *unread_r)
{
    struct cur c = cur_init(p, len);
    struct smb_record rec;
    uint32_t max_ms = smb_server_policy(s).durable_max_ms;
    uint64_t now = smb_server_now(s);
    uint64_t id_max = 0;
    size_t count = 0;
    enum smb_record_err err = SMB_RECORD_OK;
    *unread_r = len;
    while (cur_left(&c) > 0 && err != SMB_RECORD_SHORT && err != SMB_RECORD_BAD) {
        size_t before = cur_left(&c);
        err = smb_record_parse(&c, &rec);
        if (err != SMB_RECORD_OK) {
            continue; /* what cannot be had costs the others nothing */
        }
        *unread_r -= before - cur_left(&c);
        rec.timeout_ms = MIN(rec.timeout_ms, max_ms);
        uint64_t left_ms = rec.until > now ? (rec.until - now) / FILETIME_MS : 0;
        id_max = MAX(id_max, rec.persistent_id);
        left_ms = MIN(left_ms, rec.timeout_ms); /* a clock that was set back makes none longer */
        count += left_ms > 0 && pending_add(s, &rec, left_ms);
        smb_record_fini(&rec);
    }
    /* relaxed: nobody opens anything yet */
    atomic_store_explicit(&s->open_id_next, MAX(id_max, s->open_id_next), memory_order_relaxed);
    if (count > 0) {
        smb_kept_tick(s);
    }
    return count;
}

/* ---- writing down ---- */

struct locks {
    struct smb_record *rec;
    bool fit;
};

static void add_lock(void *arg, const struct vfs_lock *l)
{
    struct locks *to = arg;
    if (to->rec->lock_count < SMB_RECORD_LOCKS_MAX) {
        to->rec->locks[to->rec->lock_count++] = *l;
    } else {
        to->fit = false;
    }
}

static bool take_locks(struct smb_open *o, struct smb_record *rec)
{
    struct locks to = {.rec = rec, .fit = true};
    rec->locks = mem_zalloc(SMB_RECORD_LOCKS_MAX * sizeof(*rec->locks));
    if (rec->locks) {
        vfs_open_locks_each(o->file, add_lock, &to);
    }
    return rec->locks && to.fit;
}

static void take_caching(struct smb_open *o, struct smb_record *rec)
{
    struct vfs_lease_got got = {0};
    vfs_open_lease_told(o->file, &got);
    if (!o->lease || !got.is_shared) {
        rec->oplock_level = vfs_oplock_level(o->file);
        return;
    }
    rec->flags |= SMB_RECORD_HAS_LEASE | (got.has_epoch ? SMB_RECORD_HAS_EPOCH : 0u);
    rec->lease_caching = got.caching;
    rec->epoch = got.epoch;
    mem_copy(rec->lease_key, o->lease->lease.id.key, sizeof(rec->lease_key));
}

static bool take_names(struct smb_open *o, struct smb_record *rec)
{
    const struct smbkit_identity *who = vfs_token_identity_get(o->durable.owner);
    rec->user = str_dup(who->user);
    rec->domain = str_dup(who->domain);
    rec->rid = who->rid;
    rec->who_flags = who->flags;
    rec->share = str_dup(o->durable.share->name);
    rec->path = vfs_open_path_known(o->file);
    rec->flags |= vfs_open_is_stream(o->file) ? SMB_RECORD_HAS_STREAM : 0u;
    rec->stream = vfs_open_is_stream(o->file) ? vfs_open_stream(o->file) : str_dup("");
    return rec->user && rec->domain && rec->share && rec->path && rec->stream;
}

static bool take_file(struct smb_open *o, struct smb_record *rec)
{
    struct vfs_call call = {.token = o->durable.owner}; /* it waits where it stands */
    struct smbkit_attr attr;
    if (!SMBKIT_OK(vfs_getattr(&call, o->file, 0, &attr))) {
        return false;
    }
    vfs_file_id_of(o->file, &attr, &rec->file);
    rec->size = attr.size;
    rec->write_time = attr.write_time;
    rec->change_time = attr.change_time;
    return true;
}

/* FILETIME; what is left of the time goes on while the server is away. 0: nothing is. */
static uint64_t until_of(struct smb_server *s, uint64_t until_ms)
{
    uint64_t now = smb_server_monotonic_ms(s);
    return until_ms > now ? smb_server_now(s) + (until_ms - now) * FILETIME_MS : 0;
}

static void take_rest(struct smb_open *o, struct smb_record *rec)
{
    const struct smb_durable *d = &o->durable;
    SCOPED_LOCK(&o->lock);
    rec->kind = (uint8_t)d->kind;
    rec->timeout_ms = d->timeout_ms;
    rec->until = until_of(o->server, d->until_ms);
    rec->persistent_id = o->persistent_id;
    mem_copy(rec->create_guid, d->create_guid, sizeof(rec->create_guid));
    mem_copy(rec->client_guid, o->client->guid, sizeof(rec->client_guid));
    rec->lockseq = o->lockseq;
    rec->access = vfs_open_granted_access(o->file);
    rec->share_access = vfs_open_share_access(o->file);
    rec->options = vfs_open_options(o->file);
}

/* What goes when it is closed is not kept, and an application's open is moved by the application.
 */
static bool is_to_write(struct smb_open *o)
{
    return o->kind == SMB_OPEN_FILE && !o->app && smb_open_is_kept(o) &&
           !vfs_open_is_delete_pending(o->file) &&
           !(vfs_open_options(o->file) & VFS_DELETE_ON_CLOSE);
}

/* What its close would still do to the times of its file is done, so that they are written down as
 * they will be. */
static void settle_times(struct smb_open *o)
{
    struct vfs_call call = {.token = o->durable.owner}; /* as in take_file */
    if (o->kind == SMB_OPEN_FILE && smb_open_is_kept(o)) {
        smbkit_status st = vfs_open_settle_times(&call, o->file);
        (void)st; /* it is had again only if its file is as it was written down */
    }
}

static bool write_down(struct smb_open *o, struct wr *out)
{
    struct smb_record rec = {0};
    size_t before = wr_pos(out);
    bool ok = is_to_write(o) && take_names(o, &rec) && take_locks(o, &rec) && take_file(o, &rec);
    if (ok) {
        take_caching(o, &rec);
        take_rest(o, &rec);
        smb_record_format(out, &rec);
    }
    smb_record_fini(&rec);
    return ok && wr_ok(out) && wr_pos(out) > before;
}

/* Those that nobody has asked for yet have nothing but their records. Up to max of them; how many.
 */
static size_t write_pending(struct smb_server *s, struct wr *out, size_t max)
{
    size_t count = 0;
    SCOPED_LOCK(&s->records.lock);
    const struct hash_link *l = hash_table_next(&s->records.table, NULL);
    for (; l && count < max; l = hash_table_next(&s->records.table, l)) {
        const struct pending *p = CONTAINER_OF(l, struct pending, link);
        struct smb_record rec = p->rec; /* its pointers are borrowed */
        rec.until = until_of(s, p->until_ms);
        if (rec.until > 0) {
            smb_record_format(out, &rec);
            count++;
        }
    }
    return count;
}

bool smb_server_write_down(struct smb_server *s, struct wr *out, size_t *count_r)
{
    struct smb_open **list = NULL;
    size_t count = 0;
    *count_r = 0;
    if (!smb_opens_all(s, &list, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) { /* all, before any: one may change another's file */
        settle_times(list[i]);
    }
    for (size_t i = 0; i < count; i++) {
        *count_r += *count_r < SMB_RECORDS_MAX && write_down(list[i], out);
        smb_open_unref(list[i]);
    }
    mem_free(list);
    *count_r += write_pending(s, out, SMB_RECORDS_MAX - *count_r);
    return wr_ok(out);
}

/* ---- opening again ---- */

static smbkit_status decide(const struct pending *p, const struct smb_request *r,
                            const struct smb2_create_req *req)
{
    const struct smb_record *rec = &p->rec;
    const struct smbkit_identity owner = {
        .user = rec->user, .domain = rec->domain, .rid = rec->rid, .flags = rec->who_flags};
    const struct smb_durable_kept k = {
        .is_there = smb_server_monotonic_ms(r->conn->server) < p->until_ms &&
                    utf8_ieq(rec->share, r->tree->share->name) &&
                    (smb_share_ways(r->tree->share) & SMB_WAY_IS_FILES),
        .create_guid = rec->create_guid,
        .lease_key = rec->flags & SMB_RECORD_HAS_LEASE ? rec->lease_key : NULL,
        .is_clients = mem_eq(rec->client_guid, r->session->client->guid, WIRE_GUID_SIZE),
        .is_named = smb_durable_names(r, req, rec->path),
        .owner = &owner,
    };
    return smb_durable_decide(&k, r, req);
}

static bool lease_take(struct smb_open *o, const struct smb_record *rec,
                       struct vfs_lease_want *want)
{
    if (!o->lease) {
        o->lease = smb_lease_get(o->client, rec->lease_key);
    }
    if (o->lease) {
        *want = (struct vfs_lease_want){.lease = &o->lease->lease,
                                        .caching = rec->lease_caching,
                                        .has_epoch = rec->flags & SMB_RECORD_HAS_EPOCH,
                                        .epoch = (uint16_t)rec->epoch};
    }
    return o->lease != NULL;
}

/* How it opened its file the first time has been decided and told. */
#define OPTIONS_SPENT (VFS_DELETE_ON_CLOSE | VFS_COMPLETE_IF_OPLOCKED | VFS_OPEN_REQUIRING_OPLOCK)

static smbkit_status open_file(struct smb_request *r, const struct smb_record *rec,
                               struct vfs_create_out *out)
{
    struct smb_open *o = r->reserved;
    struct vfs_lease_want lease;
    bool has_lease = rec->flags & SMB_RECORD_HAS_LEASE;
    const struct vfs_create_in in = {
        .volume = o->volume,
        .path = rec->path,
        .file = &rec->file,
        .stream = rec->flags & SMB_RECORD_HAS_STREAM ? rec->stream : NULL,
        .desired_access = rec->access,
        .access_cap = smb_tree_access_max(r->tree),
        .share_access = rec->share_access,
        .disposition = SMBKIT_OPEN,
        .options = rec->options & ~OPTIONS_SPENT,
        .oplock_level = rec->oplock_level,
        .is_root = r->tree->root && !(rec->flags & SMB_RECORD_HAS_STREAM) &&
                   str_eq(rec->path, r->tree->root),
        .lease = has_lease ? &lease : NULL,
        .owner = smb_open_owner(o),
    };
    if (has_lease && !lease_take(o, rec, &lease)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smb_lease_create_begin(o);
    smbkit_status status = vfs_create(&r->call, &in, out);
    smb_lease_create_end(o, SMBKIT_OK(status) && out->lease.is_shared);
    return status;
}

/* Has its client had another open of its lease again, and the lease an open ever since? That file
 * was as it was left then, and who has changed it since was the client, or has broken the lease. */
static bool is_had_already(struct smb_open *o, const struct vfs_create_out *out)
{
    if (!o->lease || !out->lease.is_shared) {
        return false;
    }
    SCOPED_LOCK(&o->lease->lock);
    return o->lease->had_term == out->lease.term;
}

static void note_had(struct smb_open *o, const struct vfs_create_out *out)
{
    if (o->lease) {
        SCOPED_LOCK(&o->lease->lock);
        o->lease->had_term = out->lease.term;
    }
}

static bool has_locks(struct smb_request *r, struct smb_open *o, const struct smb_record *rec)
{
    /* A plugin is waited for where this stands: see reopen. */
    struct vfs_call call = {.token = r->call.token, .wait = r->call.wait};
    return rec->lock_count == 0 || SMBKIT_OK(vfs_lock(&call, o->file, rec->locks, rec->lock_count));
}

/* It has all of what it had, of a file that is as it was left? */
static bool is_whole(struct smb_request *r, struct smb_open *o, const struct smb_record *rec,
                     const struct vfs_create_out *out)
{
    bool is_as_left = out->attr.size == rec->size && out->attr.write_time == rec->write_time &&
                      out->attr.change_time == rec->change_time;
    bool caches = rec->flags & SMB_RECORD_HAS_LEASE
                      ? out->lease.is_shared && out->lease.caching == rec->lease_caching
                      : out->oplock_level == rec->oplock_level;
    return (is_as_left || is_had_already(o, out)) && caches && has_locks(r, o, rec);
}

static void settle(struct smb_request *r, struct smb_open *o, const struct smb_record *rec,
                   const struct vfs_create_out *out)
{
    smb_open_file_set(o, vfs_open_ref(out->open));
    vfs_open_locks_charge(o->file, &o->account->locks);
    o->durable.kind = rec->kind;
    o->durable.timeout_ms = rec->timeout_ms;
    mem_copy(o->durable.create_guid, rec->create_guid, sizeof(rec->create_guid));
    smb_durable_owned(o, r);
    o->lockseq = rec->lockseq;
    smb_request_sequence_set(r, o);
    smb_open_show(o);
}

static smbkit_status reopen(struct smb_request *r, const struct smb_record *rec)
{
    struct vfs_create_out out;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (rec->lock_count > 0 && r->call.nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* a plugin may be asked for them */
    }
    if (!r->reserved) {
        status = smb_open_reserve_as(r->tree, SMB_OPEN_FILE, rec->persistent_id, &r->reserved);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = open_file(r, rec, &out);
    if (!SMBKIT_OK(status)) {
        if (!r->journal.resumes) {
            smb_open_drop(r->reserved);
            r->reserved = NULL;
        }
        bool again = status == SMBKIT_STATUS_WAIT || status == SMBKIT_STATUS_WOULD_BLOCK;
        return again ? status : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    struct smb_open *o = r->reserved;
    r->reserved = NULL;
    settle(r, o, rec, &out);
    r->open = o;
    if (!is_whole(r, o, rec, &out)) {
        smb_durable_abandon(r);
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    note_had(o, &out);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status smb_record_reopen(struct smb_request *r, const struct smb2_create_req *req,
                                uint64_t persistent_id)
{
    struct smb_records *t = &r->conn->server->records;
    struct pending *p = pending_get(t, persistent_id);
    if (!p) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    smbkit_status status = decide(p, r, req);
    if (SMBKIT_OK(status)) {
        status = reopen(r, &p->rec);
    }
    if (SMBKIT_OK(status)) {
        pending_forget(t, persistent_id);
    }
    pending_unref(p);
    return status;
}
