/* SPDX-License-Identifier: Apache-2.0 */
/* CLOSE, FLUSH, LOCK and OPLOCK_BREAK. [MS-SMB2] 3.3.5.10, 3.3.5.11, 3.3.5.14, 3.3.5.22 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/command.h"
#include "smb/lease.h"
#include "smb/reply.h"
#include "wire/close.h"
#include "wire/flush.h"
#include "wire/lock.h"
#include "wire/oplock_break.h"

/* ---- close ---- */

static void write_close_reply(struct smb_request *r, uint16_t flags, const struct smbkit_attr *a)
{
    struct smb2_close_rsp rsp = {0};
    if (flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB) {
        rsp = (struct smb2_close_rsp){
            .flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
            .create_time = a->create_time,
            .access_time = a->access_time,
            .write_time = a->write_time,
            .change_time = a->change_time,
            .allocation_size = a->alloc_size,
            .end_of_file = a->size,
            .file_attributes = a->attributes,
        };
    }
    smb2_close_rsp_format(smb_reply_begin(r), &rsp);
}

smbkit_status cmd_close(struct smb_request *r)
{
    struct smb2_close_req req;
    struct cur in = r->body;
    if (smb2_close_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!r->detached && !smb_open_detach(r->open, r->tree)) {
        return SMBKIT_STATUS_FILE_CLOSED; /* another CLOSE was faster */
    }
    r->detached = true;
    if (!smb_open_is_at_rest(r->open, r->call.wait)) {
        return SMBKIT_STATUS_WAIT;
    }
    if (r->call.on_loop && r->open->kind == SMB_OPEN_FILE) {
        r->call.nowait = !vfs_volume_never_blocks(r->open->volume); /* it may be another by now */
    }
    struct smbkit_attr attr = {0};
    if (r->open->kind == SMB_OPEN_PIPE) {
        smb_pipe_close(r->open);
        attr = (struct smbkit_attr){.attributes = SMBKIT_ATTR_NORMAL};
        req.flags = 0;
    } else {
        bool is_asked = req.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB;
        status = vfs_close(&r->call, r->open->file, is_asked ? &attr : NULL);
        if (status == SMBKIT_STATUS_WAIT || status == SMBKIT_STATUS_WOULD_BLOCK) {
            return status;
        }
    }
    if (SMBKIT_OK(status)) {
        write_close_reply(r, req.flags, &attr);
    }
    return status;
}

/* ---- flush ---- */

smbkit_status cmd_flush(struct smb_request *r)
{
    struct smb2_flush_req req;
    struct cur in = r->body;
    if (smb2_flush_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (SMBKIT_OK(status) && r->open->kind == SMB_OPEN_FILE) {
        status = vfs_flush(&r->call, r->open->file, &r->io);
    }
    if (SMBKIT_OK(status)) {
        smb2_flush_rsp_format(smb_reply_begin(r));
    }
    return status;
}

/* ---- lock ---- */

#define LOCK_KINDS (SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_UNLOCK)

/* Are these flags good in a request that locks or unlocks? Several locks at once may not wait.
 * [MS-SMB2] 3.3.5.14.1, 3.3.5.14.2 */
static bool lock_flags_are_valid(uint32_t flags, bool unlocks, bool is_alone)
{
    uint32_t kind = flags & LOCK_KINDS;
    bool at_once = flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
    if (flags & ~(uint32_t)(LOCK_KINDS | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)) {
        return false;
    }
    if (unlocks) {
        return kind == SMB2_LOCKFLAG_UNLOCK && !at_once;
    }
    return (kind == SMB2_LOCKFLAG_SHARED_LOCK || kind == SMB2_LOCKFLAG_EXCLUSIVE_LOCK) &&
           (is_alone || at_once);
}

/* The first element says whether the request locks or unlocks. Returns how many of its elements,
 * from the first, are valid. */
static size_t take_locks(const struct smb2_lock_req *req, struct vfs_lock *out)
{
    bool unlocks = req->locks[0].flags & SMB2_LOCKFLAG_UNLOCK;
    for (size_t i = 0; i < req->count; i++) {
        uint32_t flags = req->locks[i].flags;
        if (!lock_flags_are_valid(flags, unlocks, req->count == 1)) {
            return i;
        }
        out[i] = (struct vfs_lock){
            .offset = req->locks[i].offset,
            .length = req->locks[i].length,
            .exclusive = flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
            .unlock = unlocks,
            .fail_immediately = flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
        };
    }
    return req->count;
}

/* A plugin that gives up since the open is being closed: CANCELLED is for who has asked for that.
 * [MS-SMB2] 3.3.5.16 */
static smbkit_status ended(const struct smb_request *r, smbkit_status status)
{
    /* relaxed: hints, which were set before the plugin was told */
    bool is_own_wish = atomic_load_explicit(&r->cancelled, memory_order_relaxed) ||
                       !atomic_load_explicit(&r->unwanted, memory_order_relaxed);
    return status == SMBKIT_STATUS_CANCELLED && !is_own_wish ? SMBKIT_STATUS_RANGE_NOT_LOCKED
                                                             : status;
}

/* Locks are taken all or none. Unlocks are done one after the other, up to the first that is wrong.
 */
static smbkit_status lock(struct smb_request *r, const struct smb2_lock_req *req)
{
    struct vfs_lock locks[SMB2_LOCKS_MAX];
    size_t valid = take_locks(req, locks);
    if (valid == 0 || (valid < req->count && !locks[0].unlock)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = ended(r, vfs_lock(&r->call, r->open->file, locks, valid));
    return SMBKIT_OK(status) && valid < req->count ? SMBKIT_STATUS_INVALID_PARAMETER : status;
}

/* [MS-SMB2] 3.3.5.14: those that can be sent again, since their open outlives a connection. */
static bool has_lockseq(const struct smb_request *r)
{
    bool has_channels =
        smb_conn_is_3x(r->conn) && (r->conn->capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL);
    return r->conn->dialect != SMB2_DIALECT_202 &&
           (has_channels || r->open->durable.kind != SMB_DURABLE_NOT);
}

static smbkit_status lock_in_sequence(struct smb_request *r, const struct smb2_lock_req *req)
{
    struct smb_open *o = r->open;
    mutex_lock(&o->lock);
    bool counts = has_lockseq(r);
    bool is_done = counts && smb_lockseq_is_done(&o->lockseq, req->lock_sequence_index,
                                                 req->lock_sequence_number);
    mutex_unlock(&o->lock);
    if (is_done) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status status = lock(r, req);
    if (counts && SMBKIT_OK(status)) {
        SCOPED_LOCK(&o->lock);
        smb_lockseq_done(&o->lockseq, req->lock_sequence_index, req->lock_sequence_number);
    }
    return status;
}

smbkit_status cmd_lock(struct smb_request *r)
{
    struct smb2_lock_req req;
    struct cur in = r->body;
    if (smb2_lock_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    /* Who must log in again gives up what he has, and gets nothing. [MS-SMB2] 3.3.5.2.9 */
    if (smb_session_is_expired(r->session) && !(req.locks[0].flags & SMB2_LOCKFLAG_UNLOCK)) {
        return SMBKIT_STATUS_NETWORK_SESSION_EXPIRED;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE);
    if (SMBKIT_OK(status)) {
        status = lock_in_sequence(r, &req);
    }
    if (SMBKIT_OK(status)) {
        smb2_lock_rsp_format(smb_reply_begin(r));
    }
    return status;
}

/* ---- oplock break acknowledgement ---- */

/* [MS-SMB2] 3.3.5.22.2 */
static smbkit_status lease_acknowledged(struct smb_request *r, const struct smb2_oplock_break *req)
{
    struct smb2_oplock_break rsp = {.is_lease = true};
    uint8_t kept;
    smbkit_status status =
        smb_lease_ack(r->session->client, req->lease_key, req->lease_state, &kept);
    if (SMBKIT_OK(status)) {
        mem_copy(rsp.lease_key, req->lease_key, sizeof(rsp.lease_key));
        rsp.lease_state = kept;
        smb2_oplock_break_rsp_format(smb_reply_begin(r), &rsp);
    }
    return status;
}

smbkit_status cmd_oplock_break(struct smb_request *r)
{
    struct smb2_oplock_break req;
    struct cur in = r->body;
    if (smb2_oplock_break_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (req.is_lease) {
        return lease_acknowledged(r, &req);
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    smb_open_break_answered(r->open);
    struct smb2_oplock_break rsp = {.file_id = req.file_id};
    status = vfs_oplock_ack(r->open->file, req.oplock_level, &rsp.oplock_level);
    if (SMBKIT_OK(status)) {
        smb2_oplock_break_rsp_format(smb_reply_begin(r), &rsp);
    }
    return status;
}
