/* SPDX-License-Identifier: Apache-2.0 */
/* Named pipes on IPC$: the bytes between READ, WRITE, FSCTL_PIPE_TRANSCEIVE and the RPC services.
 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "smb/conn.h"
#include "smb/open.h"

smbkit_status smb_pipe_init(struct smb_open *o, const char *name, const char *address)
{
    struct smb_session *s = o->session;
    CLEANUP_MEM char *own_name = str_dup(name);
    if (!own_name) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct vfs_token *token = smb_session_token(s);
    const struct smbkit_identity *who = vfs_token_identity_get(token);
    o->pipe_token = token; /* keeps the caller's strings for the pipe's life */
    const struct rpc_caller caller = {
        .user = who->user,
        .domain = who->domain,
        .address = address,
        .is_anonymous = who->flags & SMBKIT_WHO_ANONYMOUS,
        .is_guest = who->flags & SMBKIT_WHO_GUEST,
        .is_admin = who->flags & SMBKIT_WHO_ADMIN,
        .budget = &s->client->kept, /* the open holds the client, and gives the pipe up first */
    };
    smbkit_status status = rpc_pipe_new(name, &s->server->rpc_env, &caller, &o->pipe.rpc);
    if (SMBKIT_OK(status)) {
        o->pipe_name = own_name;
        own_name = NULL;
    }
    return status;
}

void smb_pipe_close(struct smb_open *o)
{
    SCOPED_LOCK(&o->pipe.lock);
    rpc_pipe_free(o->pipe.rpc);
    o->pipe.rpc = NULL;
    wait_wake_all(&o->waits, &o->pipe.readers);
}

smbkit_status smb_pipe_write(struct smb_open *o, const uint8_t *p, size_t n)
{
    SCOPED_LOCK(&o->pipe.lock);
    if (!o->pipe.rpc) {
        return SMBKIT_STATUS_FILE_CLOSED;
    }
    smbkit_status status = rpc_pipe_write(o->pipe.rpc, p, n);
    wait_wake_all(&o->waits, &o->pipe.readers);
    return status;
}

smbkit_status smb_pipe_read(struct smb_open *o, struct vfs_wait *w, uint8_t *buf, size_t max,
                            size_t *n_r)
{
    *n_r = 0;
    SCOPED_LOCK(&o->pipe.lock);
    if (!o->pipe.rpc) {
        return SMBKIT_STATUS_PIPE_BROKEN;
    }
    smbkit_status status = rpc_pipe_read(o->pipe.rpc, buf, max, n_r);
    if (status == SMBKIT_STATUS_PIPE_EMPTY && w) {
        wait_register(&o->waits, &o->pipe.readers, w);
        return SMBKIT_STATUS_WAIT;
    }
    return status;
}

struct rpc_pipe_peek smb_pipe_peek(struct smb_open *o)
{
    SCOPED_LOCK(&o->pipe.lock);
    return o->pipe.rpc ? rpc_pipe_peek(o->pipe.rpc) : (struct rpc_pipe_peek){0};
}
