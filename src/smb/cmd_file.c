/* SPDX-License-Identifier: Apache-2.0 */
/* CLOSE, FLUSH, LOCK and OPLOCK_BREAK. [MS-SMB2] 3.3.5.10, 3.3.5.11, 3.3.5.14, 3.3.5.22 */
#define LOG_MODULE LOG_SMB
#include "smb/command.h"
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
    if (!r->detached && !smb_open_detach(r->open)) {
        return SMBKIT_STATUS_FILE_CLOSED; /* another CLOSE was faster */
    }
    r->detached = true;
    struct smbkit_attr attr = {0};
    if (r->open->kind == SMB_OPEN_PIPE) {
        smb_pipe_close(r->open);
        attr = (struct smbkit_attr){.attributes = SMBKIT_ATTR_NORMAL};
        req.flags = 0;
    } else {
        status = vfs_close(&r->call, r->open->file, &attr);
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

/* [MS-SMB2] 3.3.5.14.1, 3.3.5.14.2: the first element says whether the request locks or unlocks. */
static smbkit_status take_locks(const struct smb2_lock_req *req, struct vfs_lock *out)
{
    bool unlocks = req->locks[0].flags & SMB2_LOCKFLAG_UNLOCK;
    for (size_t i = 0; i < req->count; i++) {
        uint32_t flags = req->locks[i].flags;
        uint32_t kind = flags & (SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
                                 SMB2_LOCKFLAG_UNLOCK);
        bool at_once = flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
        if (flags & ~(kind | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        bool is_unlock = kind == SMB2_LOCKFLAG_UNLOCK;
        bool is_lock = kind == SMB2_LOCKFLAG_SHARED_LOCK || kind == SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
        if (unlocks ? !is_unlock || at_once : !is_lock || (req->count > 1 && !at_once)) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        out[i] = (struct vfs_lock){
            .offset = req->locks[i].offset,
            .length = req->locks[i].length,
            .exclusive = kind == SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
            .unlock = is_unlock,
            .fail_immediately = at_once,
        };
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status cmd_lock(struct smb_request *r)
{
    struct smb2_lock_req req;
    struct vfs_lock locks[SMB2_LOCKS_MAX];
    struct cur in = r->body;
    if (smb2_lock_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE);
    if (SMBKIT_OK(status)) {
        status = take_locks(&req, locks);
    }
    if (SMBKIT_OK(status)) {
        status = vfs_lock(&r->call, r->open->file, locks, req.count);
    }
    if (SMBKIT_OK(status)) {
        smb2_lock_rsp_format(smb_reply_begin(r));
    }
    return status;
}

/* ---- oplock break acknowledgement ---- */

smbkit_status cmd_oplock_break(struct smb_request *r)
{
    struct smb2_oplock_break req;
    struct cur in = r->body;
    if (smb2_oplock_break_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (req.is_lease) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* no lease was ever granted: 3.3.5.22.2 */
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
