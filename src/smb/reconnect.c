/* SPDX-License-Identifier: Apache-2.0 */
/* A client comes back for an open that was kept for it. [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/utf.h"
#include "smb/conn.h"
#include "smb/dfs.h"
#include "smb/durable.h"
#include "smb/lease.h"
#include "smb/open.h"
#include "smb/request.h"
#include "smb/restart.h"
#include "vfs/vfs.h"

bool smb_durable_is_reconnect(const struct smb_request *r, const struct smb2_create_req *req)
{
    return (req->ctxs.present & SMB2_CTX_DHNC) ||
           ((req->ctxs.present & SMB2_CTX_DH2C) && smb_conn_is_3x(r->conn));
}

/* However often he has logged in. */
static bool is_same_user(const struct smbkit_identity *a, const struct smbkit_identity *b)
{
    return a->rid == b->rid && a->flags == b->flags && utf8_ieq(a->user, b->user) &&
           utf8_ieq(a->domain, b->domain);
}

/* Version 1 knows an open by its id alone, version 2 by its CreateGuid as well, which is all zeroes
 * for one that was opened by version 1. */
static bool is_meant(const struct smb_durable_kept *k, const struct smb2_create_req *req)
{
    return !(req->ctxs.present & SMB2_CTX_DH2C) ||
           mem_eq(k->create_guid, req->ctxs.dh2c_create_guid, WIRE_GUID_SIZE);
}

/* An open with a lease is its client's alone, who says its key; one without is asked for without.
 */
static bool is_of_lease(const struct smb_durable_kept *k, const struct smb2_create_req *req)
{
    bool asks = req->ctxs.present & SMB2_CTX_RQLS;
    if (!k->lease_key) {
        return !asks;
    }
    return asks && k->is_clients && mem_eq(k->lease_key, req->ctxs.lease.key, SMB2_LEASE_KEY_SIZE);
}

smbkit_status smb_durable_decide(const struct smb_durable_kept *k, const struct smb_request *r,
                                 const struct smb2_create_req *req)
{
    if (!k->is_there || !is_meant(k, req) || !is_of_lease(k, req)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (k->lease_key && !k->is_named) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return is_same_user(k->owner, vfs_token_identity_get(r->call.token))
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_ACCESS_DENIED;
}

/* Of an open that is kept; open->lock is held. is_named: as above. */
static smbkit_status decide(const struct smb_open *o, const struct smb_request *r,
                            const struct smb2_create_req *req, bool is_named)
{
    const struct smb_durable_kept k = {
        .is_there = o->durable.kept && !o->session && /* Open.Session is NULL */
                    smb_server_monotonic_ms(o->server) < o->durable.until_ms &&
                    o->durable.share == r->tree->share,
        .create_guid = o->durable.create_guid,
        .lease_key = o->lease ? o->lease->lease.id.key : NULL,
        .is_clients = o->client == r->session->client,
        .is_named = is_named,
        /* one that is not kept, and so not there, has no owner */
        .owner = o->durable.owner ? vfs_token_identity_get(o->durable.owner) : NULL,
    };
    return smb_durable_decide(&k, r, req);
}

/* The session that had it has ended, but it is not decided yet whether it is kept: w is woken when
 * it is. */
static smbkit_status await(struct smb_open *o, struct vfs_wait *w)
{
    struct smb_session *s = NULL;
    struct smb_tree *t = NULL;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (smb_open_owner_get(o, &s, &t) && smb_session_state_get(s) == SMB_SESSION_DELETED) {
        status = smb_session_reaped(s, w);
    }
    smb_tree_unref(t);
    smb_session_unref(s);
    return status;
}

bool smb_durable_names(const struct smb_request *r, const struct smb2_create_req *req,
                       const char *path)
{
    CLEANUP_MEM char *name = utf16le_to_utf8(req->name.p, req->name.len);
    struct vfs_path asked;
    if (!name || !SMBKIT_OK(smb_tree_path(r->tree, smb_dfs_name_in_share(r, name), &asked))) {
        return false;
    }
    bool is_same = utf8_ieq(asked.path, path);
    vfs_path_fini(&asked);
    return is_same;
}

/* Does the request name the file that is open, which is there? Takes locks of vfs. */
static bool names_file(const struct smb_request *r, struct smb_open *o,
                       const struct smb2_create_req *req)
{
    struct vfs_open *file = smb_open_file_ref(o);
    CLEANUP_MEM char *path = vfs_open_path_known(file);
    vfs_open_unref(file);
    return path && smb_durable_names(r, req, path);
}

/* open->lock is held. Another session counts from where it is. What is still on its way from the
 * one before keeps its count, and so the number. */
static void sequence_restart(const struct smb_request *r, struct smb_open *o)
{
    if (o->sequence.outstanding == 0 && o->sequence.outstanding_before == 0) {
        smb_request_sequence_set(r, o);
    }
}

static smbkit_status claim(struct smb_request *r, const struct smb2_create_req *req)
{
    uint64_t id = req->ctxs.present & SMB2_CTX_DH2C ? req->ctxs.dh2c_file_id.persistent
                                                    : req->ctxs.dhnc.persistent;
    struct smb_open *o = r->reserved ? NULL : smb_open_find_any(r->conn->server, id);
    if (!o) {
        return smb_record_reopen(r, req, id);
    }
    smbkit_status status = await(o, r->call.wait);
    if (SMBKIT_OK(status)) {
        bool has_name = smb_open_is_kept(o) && o->lease && names_file(r, o, req);
        bool may_be = has_name && o->client == r->session->client;
        if (may_be) {
            smb_lease_return_begin(o);
        }
        mutex_lock(&o->lock);
        status = decide(o, r, req, has_name);
        if (SMBKIT_OK(status) && smb_durable_gives_up_locked(o, r->call.wait)) {
            status = SMBKIT_STATUS_WAIT; /* it is told what is left */
        }
        if (SMBKIT_OK(status)) {
            status = smb_open_put_back_locked(o, r->tree);
        }
        if (SMBKIT_OK(status)) {
            smb_kept_leave_locked(o);
            sequence_restart(r, o);
        }
        mutex_unlock(&o->lock);
        if (may_be) {
            smb_lease_return_end(o, SMBKIT_OK(status));
        }
    }
    if (SMBKIT_OK(status)) {
        r->open = o;
    } else {
        smb_open_unref(o);
    }
    return status;
}

void smb_durable_abandon(struct smb_request *r)
{
    if (smb_open_take_off(r->open)) { /* else its session has ended */
        smb_open_end(r->open);
    }
    smb_open_unref(r->open);
    r->open = NULL;
}

smbkit_status smb_durable_reconnect(struct smb_request *r, const struct smb2_create_req *req,
                                    struct vfs_create_out *out)
{
    smbkit_status status = r->open ? SMBKIT_STATUS_SUCCESS : claim(r, req);
    if (SMBKIT_OK(status)) {
        status = smb_request_work_begin(r);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct vfs_open *file = r->open->file;
    *out = (struct vfs_create_out){
        .open = file, .action = SMB2_FILE_OPENED, .oplock_level = vfs_oplock_level(file)};
    smb_lease_told(r->open, &out->lease);
    status = vfs_getattr(&r->call, file, 0, &out->attr);
    bool is_over = status != SMBKIT_STATUS_WAIT && status != SMBKIT_STATUS_WOULD_BLOCK;
    if (is_over && !SMBKIT_OK(status)) {
        smb_durable_abandon(r);
    }
    return status;
}
