/* SPDX-License-Identifier: Apache-2.0 */
/* READ and WRITE. [MS-SMB2] 3.3.5.12, 3.3.5.13 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/command.h"
#include "smb/reply.h"
#include "wire/read.h"
#include "wire/write.h"

/* There is no RDMA here. [MS-SMB2] 3.3.5.12 and 3.3.5.13 refuse a channel that the connection has
 * not: what a client that believes in one sends would be written as data. Before 3.0 the field is
 * reserved and ignored (2.2.19, 2.2.21). */
static bool has_channel(const struct smb_request *r, uint32_t channel)
{
    return channel == SMB2_CHANNEL_NONE || !smb_conn_is_3x(r->conn);
}

/* ---- read ---- */

static void write_read_reply(struct smb_request *r, size_t len)
{
    /* relaxed: only a test sets it */
    struct smb2_read_rsp rsp = {
        .data_len = (uint32_t)len,
        .padding = atomic_load_explicit(&r->conn->read_padding, memory_order_relaxed)};
    smb2_read_rsp_format(smb_reply_begin(r), &rsp);
    if (len == 0) {
        wr_u8(&r->rsp, 0); /* StructureSize 17 counts one byte of the buffer */
    }
    r->payload_len = len;
}

static smbkit_status read_pipe(struct smb_request *r, const struct smb2_read_req *req)
{
    size_t got = 0;
    if (!r->payload) {
        r->payload = iobuf_new(req->length);
    }
    if (!r->payload) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smbkit_status status = smb_pipe_read(r->open, &r->wait, r->payload->base, req->length, &got);
    if (status == SMBKIT_STATUS_WAIT) {
        iobuf_unref(r->payload); /* it may take for ever */
        r->payload = NULL;
    }
    if (SMBKIT_OK(status) || status == SMBKIT_STATUS_BUFFER_OVERFLOW) {
        write_read_reply(r, got);
        smb_reply_keep(r);
    }
    return status;
}

/* Memory that a plugin gave: it stays on the way out after the request, maybe after the share has
 * been taken away, so it holds the volume, and with it the plugin. */
struct given {
    void (*release)(void *);
    void *arg;
    struct vfs_volume *volume;
};

static void given_release(void *arg)
{
    struct given *g = arg;
    if (g->release) {
        g->release(g->arg);
    }
    vfs_volume_unref(g->volume);
    mem_free(g);
}

/* The plugin's own memory as the payload: no copy. */
static smbkit_status take_given(struct smb_request *r)
{
    /* iobuf's base is not const because sealing works in place; given memory that would be sealed
     * is copied instead. */
    uint8_t *memory = (uint8_t *)(uintptr_t)r->io.memory;
    if (r->msg->seal) {
        mem_copy(r->payload->base, memory, r->io.done);
        return SMBKIT_STATUS_SUCCESS;
    }
    struct given *g = mem_zalloc(sizeof(*g));
    struct iobuf *payload = g ? iobuf_wrap(memory, r->io.done, given_release, g) : NULL;
    if (!payload) {
        mem_free(g);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    vfs_io_take_release(&r->io, &g->release, &g->arg);
    g->volume = vfs_volume_ref(smb_request_volume(r));
    iobuf_unref(r->payload);
    r->payload = payload;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status read_file(struct smb_request *r, const struct smb2_read_req *req)
{
    if (!r->payload) {
        r->payload = iobuf_new(req->length);
        if (!r->payload) {
            return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        }
        r->io.offset = req->offset;
        r->io.length = req->length;
        r->io.flags = (req->flags & SMB2_READFLAG_READ_UNBUFFERED) ? SMBKIT_IO_UNBUFFERED : 0;
        r->io.buffer = r->payload->base;
    }
    smbkit_status status = vfs_read(&r->call, r->open->file, &r->io);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (r->io.done < req->minimum_count || (r->io.done == 0 && req->length > 0)) {
        return SMBKIT_STATUS_END_OF_FILE;
    }
    if (r->io.memory) {
        status = take_given(r);
    }
    if (SMBKIT_OK(status)) {
        write_read_reply(r, r->io.done);
    }
    return status;
}

smbkit_status cmd_read(struct smb_request *r)
{
    struct smb2_read_req req;
    struct cur in = r->body;
    if (smb2_read_req_parse(&in, &req) != WIRE_OK || req.length > r->conn->transact_max ||
        !smb_request_charge_covers(r, req.length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!has_channel(r, req.channel)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return r->open->kind == SMB_OPEN_PIPE ? read_pipe(r, &req) : read_file(r, &req);
}

/* ---- write ---- */

static void write_write_reply(struct smb_request *r, uint32_t count)
{
    struct smb2_write_rsp rsp = {.count = count};
    smb2_write_rsp_format(smb_reply_begin(r), &rsp);
}

static smbkit_status write_file(struct smb_request *r, const struct smb2_write_req *req)
{
    /* -1 means the end of the file in [MS-FSA] 2.1.5.4; in [MS-SMB2] 2.2.21 it is an offset as any
     * other, and Windows refuses what is negative. */
    if (req->offset > INT64_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    r->seg = (struct smbkit_segment){.base = req->data.p, .len = req->data.len};
    r->io.offset = req->offset;
    r->io.length = (uint32_t)req->data.len;
    r->io.flags = ((req->flags & SMB2_WRITEFLAG_WRITE_THROUGH) ? SMBKIT_IO_WRITE_THROUGH : 0) |
                  ((req->flags & SMB2_WRITEFLAG_WRITE_UNBUFFERED) ? SMBKIT_IO_UNBUFFERED : 0);
    r->io.segs = &r->seg;
    r->io.seg_count = 1;
    smbkit_status status = vfs_write(&r->call, r->open->file, &r->io);
    if (SMBKIT_OK(status)) {
        write_write_reply(r, r->io.done);
    }
    return status;
}

smbkit_status cmd_write(struct smb_request *r)
{
    struct smb2_write_req req;
    struct cur in = r->body;
    if (smb2_write_req_parse(&in, &req) != WIRE_OK || req.length > r->conn->transact_max ||
        !smb_request_charge_covers(r, req.length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!has_channel(r, req.channel)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (r->open->kind == SMB_OPEN_FILE) {
        return write_file(r, &req);
    }
    status = smb_pipe_write(r->open, req.data.p, req.data.len);
    if (SMBKIT_OK(status)) {
        write_write_reply(r, req.length);
    }
    return status;
}
