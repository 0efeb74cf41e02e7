/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/quota.h"

#include "base/mem.h"
#include "base/str.h"
#include "smb/reply.h"
#include "vfs/fsctl.h"
#include "wire/fscc_quota.h"
#include "wire/output.h"

#define STATUS_NO_MORE_ENTRIES ((smbkit_status)0x8000001a)
#define LIMIT_DELETE (-2) /* [MS-FSCC] 2.4.36: the entry goes */
#define ENTRY_FIXED 40u   /* before the SID */

static const struct smbkit_identity *who(const struct smb_request *r)
{
    return vfs_token_identity_get(r->call.token);
}

static bool is_admin(const struct smb_request *r)
{
    return who(r)->flags & SMBKIT_WHO_ADMIN;
}

static bool is_own(const struct smb_request *r, struct wire_slice sid)
{
    const struct smbkit_identity *id = who(r);
    return sid.len == id->sid_len_bytes && mem_eq(sid.p, id->sid, sid.len);
}

/* ---- query ---- */

struct query {
    struct smb_request *r;
    const struct smb2_query_info_req *req;
    struct smb2_query_quota asked;
    struct wr *w;
    struct chain_wr entries;
    size_t start;
    uint32_t count;
    bool full;
};

static void add(struct query *x, const struct smbkit_quota *q, struct wire_slice sid)
{
    size_t len = (wr_pos(x->w) - x->start + 7) & ~(size_t)7;
    x->full = len + ENTRY_FIXED + sid.len > x->req->output_max;
    if (x->full) {
        return;
    }
    const struct fscc_quota entry = {.used = (int64_t)q->used,
                                     .threshold = (int64_t)q->threshold,
                                     .limit = (int64_t)q->limit,
                                     .sid = sid};
    fscc_quota_format(&x->entries, &entry);
    x->count++;
    x->full = x->asked.return_single;
}

static smbkit_status query_named(struct query *x)
{
    struct chain ch = fscc_get_quota_list(x->asked.sids);
    struct wire_slice sid;
    while (!x->full && fscc_get_quota_next(&ch, &sid)) {
        struct smbkit_quota q = {.struct_size = sizeof(q),
                                 .sid = {.base = sid.p, .len = (uint32_t)sid.len}};
        if (!is_admin(x->r) && !is_own(x->r, sid)) {
            return SMBKIT_STATUS_ACCESS_DENIED;
        }
        smbkit_status status = vfs_get_quota(&x->r->call, x->r->open->file, &q);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        add(x, &q, sid);
    }
    return ch.err == WIRE_OK ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_PARAMETER;
}

/* The next owner after q->cookie. */
static smbkit_status next(struct query *x, struct smbkit_quota *q, uint8_t sid[FSCC_SID_MAX])
{
    *q = (struct smbkit_quota){.struct_size = sizeof(*q),
                               .flags = SMBKIT_QUOTA_NEXT,
                               .cookie = q->cookie,
                               .sid_r = {.base = sid, .cap = FSCC_SID_MAX}};
    return vfs_get_quota(&x->r->call, x->r->open->file, q);
}

/* Where the scan begins: at the SID that is given, from the start, or where it was. */
static smbkit_status scan_begin(struct query *x, uint64_t *cookie)
{
    struct wire_slice want = x->asked.start_sid;
    struct smbkit_quota q = {0};
    uint8_t sid[FSCC_SID_MAX];
    *cookie = x->asked.restart_scan ? 0 : atomic_load(&x->r->open->quota_position);
    if (want.len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    for (;;) {
        *cookie = q.cookie;
        smbkit_status status = next(x, &q, sid);
        bool is_it = SMBKIT_OK(status) && q.sid_r.len == want.len && mem_eq(sid, want.p, want.len);
        if (!SMBKIT_OK(status) || is_it) {
            return status;
        }
    }
}

static smbkit_status query_scan(struct query *x)
{
    struct smbkit_quota q = {0};
    uint8_t sid[FSCC_SID_MAX];
    if (!is_admin(x->r)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status status = scan_begin(x, &q.cookie);
    uint64_t done = q.cookie;
    while (SMBKIT_OK(status) && !x->full) {
        uint32_t before = x->count;
        status = next(x, &q, sid);
        if (SMBKIT_OK(status)) {
            add(x, &q, (struct wire_slice){.p = sid, .len = q.sid_r.len});
            done = x->count > before ? q.cookie : done;
        }
    }
    if (status == SMBKIT_STATUS_NOT_FOUND) {
        status = x->count > 0 ? SMBKIT_STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
    }
    if (SMBKIT_OK(status)) {
        atomic_store(&x->r->open->quota_position, done);
    }
    return status;
}

smbkit_status smb_quota_query(struct smb_request *r, const struct smb2_query_info_req *req)
{
    struct query x = {.r = r, .req = req};
    if (r->open->kind != SMB_OPEN_FILE || !vfs_volume_has_quotas(smb_request_volume(r))) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (smb2_query_quota_parse(req->input, &x.asked) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    x.w = smb_reply_begin(r);
    size_t body = smb2_output_begin(x.w);
    x.start = wr_pos(x.w);
    x.entries = chain_wr_init(x.w, 8);
    smbkit_status status = x.asked.sids.len > 0 ? query_named(&x) : query_scan(&x);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (x.count == 0) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smb2_output_end(x.w, body);
    return wr_ok(x.w) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- set ---- */

/* An entry that goes is one that is as the defaults are. */
static smbkit_status set_one(struct smb_request *r, const struct fscc_quota *entry)
{
    struct smbkit_quota q = {.struct_size = sizeof(q)};
    if (entry->threshold < -1 || entry->limit < LIMIT_DELETE) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (entry->limit == LIMIT_DELETE) {
        status = vfs_get_quota(&r->call, r->open->file, &q);
    } else {
        q.threshold = (uint64_t)entry->threshold;
        q.limit = (uint64_t)entry->limit;
    }
    q.flags = 0;
    q.sid = (struct smbkit_bytes){.base = entry->sid.p, .len = (uint32_t)entry->sid.len};
    return SMBKIT_OK(status) ? vfs_set_quota(&r->call, r->open->file, &q) : status;
}

smbkit_status smb_quota_set(struct smb_request *r, struct wire_slice list)
{
    if (r->open->kind != SMB_OPEN_FILE || !vfs_volume_has_quotas(smb_request_volume(r))) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (!is_admin(r)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct chain ch = fscc_quota_list(list);
    struct fscc_quota entry;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    while (fscc_quota_next(&ch, &entry)) { /* all of it is well-formed before any is done */
    }
    if (ch.err != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    ch = fscc_quota_list(list);
    while (SMBKIT_OK(status) && fscc_quota_next(&ch, &entry)) {
        status = set_one(r, &entry);
    }
    return status;
}

/* ---- the volume's defaults ---- */

smbkit_status smb_quota_control_get(struct smb_request *r, struct fscc_fs_control *out)
{
    *out = (struct fscc_fs_control){.default_quota_threshold = UINT64_MAX,
                                    .default_quota_limit = UINT64_MAX};
    if (!vfs_volume_has_quotas(smb_request_volume(r))) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_quota q = {.struct_size = sizeof(q)};
    smbkit_status status = vfs_get_quota(&r->call, r->open->file, &q);
    if (SMBKIT_OK(status)) {
        out->default_quota_threshold = q.threshold;
        out->default_quota_limit = q.limit;
        out->flags = (q.flags & SMBKIT_QUOTA_TRACKED ? SMB2_FS_QUOTA_TRACK : 0) |
                     (q.flags & SMBKIT_QUOTA_ENFORCED ? SMB2_FS_QUOTA_ENFORCE : 0);
    }
    return status == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_SUCCESS : status;
}

smbkit_status smb_quota_bound(struct smb_request *r, struct smbkit_volume_info *v)
{
    const struct smbkit_identity *id = who(r);
    struct fscc_fs_control control;
    smbkit_status status = smb_quota_control_get(r, &control);
    if (!SMBKIT_OK(status) || !(control.flags & SMB2_FS_QUOTA_ENFORCE) || id->sid_len_bytes == 0) {
        return status;
    }
    struct smbkit_quota q = {.struct_size = sizeof(q),
                             .sid = {.base = id->sid, .len = id->sid_len_bytes}};
    status = vfs_get_quota(&r->call, r->open->file, &q);
    if (SMBKIT_OK(status)) {
        v->total_bytes = MIN(v->total_bytes, q.limit);
        v->available_bytes = MIN(v->available_bytes, q.limit > q.used ? q.limit - q.used : 0);
    }
    return status;
}

smbkit_status smb_quota_control_set(struct smb_request *r, const struct fscc_fs_control *control)
{
    if (!is_admin(r)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    const struct smbkit_quota q = {
        .struct_size = sizeof(q),
        .flags =
            (control->flags & SMB2_FS_QUOTA_TRACK ? SMBKIT_QUOTA_TRACKED : 0) |
            (control->flags & SMB2_FS_QUOTA_ENFORCE ? SMBKIT_QUOTA_ENFORCED | SMBKIT_QUOTA_TRACKED
                                                    : 0),
        .threshold = control->default_quota_threshold,
        .limit = control->default_quota_limit,
    };
    return vfs_set_quota(&r->call, r->open->file, &q);
}

/* ---- the file ---- */

smbkit_status smb_quota_open_as(struct smb_request *r, struct vfs_create_in *in)
{
    if (!vfs_volume_has_quotas(smb_request_volume(r))) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if ((in->disposition != SMBKIT_OPEN && in->disposition != SMBKIT_OPEN_IF) || !is_admin(r)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    in->disposition = SMBKIT_OPEN;
    in->desired_access = SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE;
    in->options = 0;
    in->oplock_level = VFS_OPLOCK_NONE;
    return SMBKIT_STATUS_SUCCESS;
}

void smb_quota_attr(struct smbkit_attr *attr)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr),
                                 .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SYSTEM |
                                               SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_ARCHIVE};
}
