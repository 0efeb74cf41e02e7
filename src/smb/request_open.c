/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers ask of their request: the open that it is about, and its place in the open's
 * channel sequence. */
#define LOG_MODULE LOG_SMB
#include "smb/command.h"
#include "smb/request.h"

void smb_request_sequence_set(const struct smb_request *r, struct smb_open *o)
{
    if (smb_conn_is_3x(r->conn)) {
        o->sequence.channel = r->hdr.channel_sequence;
    }
}

/* [MS-SMB2] 3.3.5.2.10; older dialects have no channel sequence. */
static smbkit_status sequence_begin(struct smb_request *r, struct smb_open *o)
{
    if (!smb_conn_is_3x(r->conn)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    bool is_replay = r->hdr.flags & SMB2_FLAGS_REPLAY_OPERATION;
    SCOPED_LOCK(&o->lock);
    r->in_sequence = smb_sequence_begin(&o->sequence, r->hdr.channel_sequence, is_replay) ==
                     SMB_SEQUENCE_COUNTED;
    return r->in_sequence || !(r->row->flags & SMB_CMD_SEQUENCE) ? SMBKIT_STATUS_SUCCESS
                                                                 : SMBKIT_STATUS_FILE_NOT_AVAILABLE;
}

/* [MS-SMB2] 3.3.4.1 */
static void sequence_end(struct smb_request *r, struct smb_open *o)
{
    if (r->in_sequence) {
        r->in_sequence = false;
        SCOPED_LOCK(&o->lock);
        smb_sequence_end(&o->sequence, r->hdr.channel_sequence);
    }
}

void smb_request_sequence_end(struct smb_request *r)
{
    sequence_end(r, r->open);
}

static smbkit_status work_begin(struct smb_request *r, struct smb_open *o)
{
    switch (smb_open_work_begin(o, r->tree, r->call.wait)) {
    case SMB_WORK_BEGUN:
        r->holds_close = true;
        return SMBKIT_STATUS_SUCCESS;
    case SMB_WORK_LATER:
        return SMBKIT_STATUS_WAIT;
    case SMB_WORK_NOT:
        break;
    }
    return SMBKIT_STATUS_FILE_CLOSED;
}

/* CLOSE is not at work on its open: it waits until nobody is. */
static smbkit_status begin(struct smb_request *r, struct smb_open *o)
{
    smbkit_status status = sequence_begin(r, o);
    if (!SMBKIT_OK(status) || (r->row->flags & SMB_CMD_ENDS)) {
        return status;
    }
    status = work_begin(r, o);
    if (!SMBKIT_OK(status)) {
        sequence_end(r, o);
    }
    return status;
}

smbkit_status smb_request_work_begin(struct smb_request *r)
{
    return r->holds_close ? SMBKIT_STATUS_SUCCESS : work_begin(r, r->open);
}

smbkit_status smb_source_begin(struct smb_request *r, struct smb_source *source)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    enum smb_work work = SMB_WORK_NOT;
    if (smb_open_owner_get(source->open, &s, &t)) {
        work = smb_open_work_begin(source->open, t, r->call.wait);
    }
    smb_tree_unref(t);
    smb_session_unref(s);
    source->holds = work == SMB_WORK_BEGUN;
    source->file = smb_open_file_ref(source->open);
    return work == SMB_WORK_LATER ? SMBKIT_STATUS_WAIT : SMBKIT_STATUS_SUCCESS;
}

void smb_source_end(struct smb_source *source)
{
    vfs_open_unref(source->file);
    if (source->holds) {
        smb_open_work_end(source->open);
    }
    smb_open_unref(source->open);
}

unsigned smb_request_ways(const struct smb_request *r)
{
    const struct smb_open *o = r->open ? r->open : r->reserved;
    if (!o || o->kind != SMB_OPEN_FILE) {
        return r->tree ? smb_share_ways(r->tree->share) : 0;
    }
    return r->holds_close || r->reserved ? smb_volume_ways(o->volume) : smb_open_ways(r->open);
}

smbkit_status smb_request_open(struct smb_request *r, const struct smb2_file_id *id, unsigned kinds)
{
    struct smb_message *m = r->msg;
    if (!r->open) {
        struct smb2_file_id want = *id;
        /* Whatever FileId it names itself. [MS-SMB2] 3.3.5.2.7.2 */
        if (r->hdr.flags & SMB2_FLAGS_RELATED_OPERATIONS) {
            if (!SMBKIT_OK(m->chain_status)) {
                return m->chain_status;
            }
            want = m->has_file_id ? m->file_id : *id;
        }
        struct smb_open *o = smb_open_find(r->tree, want.persistent, want.volatile_id);
        if (!o) {
            return SMBKIT_STATUS_FILE_CLOSED;
        }
        smbkit_status status = begin(r, o);
        if (!SMBKIT_OK(status)) {
            smb_open_unref(o);
            return status;
        }
        smb_replay_spent(o);
        r->open = o;
        m->file_id = want;
        m->has_file_id = true;
        m->chain_status = SMBKIT_STATUS_SUCCESS;
    }
    return (r->open->kind & kinds) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
}

void smb_request_created(struct smb_request *r, smbkit_status status)
{
    struct smb_message *m = r->msg;
    if (r->hdr.command != SMB2_CREATE) {
        return;
    }
    m->chain_status = status;
    m->has_file_id = SMBKIT_OK(status);
    if (m->has_file_id) {
        m->file_id = (struct smb2_file_id){r->open->persistent_id, r->open->volatile_id};
    }
}

bool smb_request_charge_covers(const struct smb_request *r, uint64_t bytes)
{
    if (!r->conn->multi_credit) {
        return bytes <= 65536;
    }
    uint64_t charge = r->hdr.credit_charge ? r->hdr.credit_charge : 1;
    return bytes <= charge * 65536;
}
