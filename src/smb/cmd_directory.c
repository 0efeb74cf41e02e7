/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY_DIRECTORY and CHANGE_NOTIFY. [MS-SMB2] 3.3.5.18, 3.3.5.19 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/dfs.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "wire/change_notify.h"
#include "wire/fscc_dir.h"
#include "wire/output.h"
#include "wire/query_directory.h"

/* ---- query directory ---- */

static bool add_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct fscc_dir_writer *dw = arg;
    const struct smbkit_attr *a = &e->attr;
    struct fscc_dir_entry out = {
        .create_time = a->create_time,
        .access_time = a->access_time,
        .write_time = a->write_time,
        .change_time = a->change_time,
        .end_of_file = a->size,
        .allocation_size = a->alloc_size,
        .attributes = a->attributes,
        .ea_size = a->ea_size,
        .reparse_tag = a->reparse_tag,
        .file_id = a->file_id,
        .name = e->name,
        .short_name = e->short_name,
    };
    struct wr id = wr_init(out.file_id_128, sizeof(out.file_id_128));
    wr_u64(&id, a->file_id);
    wr_u64(&id, a->file_id_high);
    return fscc_dir_entry_format(dw, &out);
}

static smbkit_status list(struct smb_request *r, const struct smb2_query_directory_req *req,
                          const char *pattern)
{
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    struct fscc_dir_writer dw;
    if (fscc_dir_writer_init(&dw, w, req->info_class, req->output_max) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    const struct vfs_dir_query q = {
        .pattern = pattern,
        .restart = req->flags & SMB2_RESTART_SCANS,
        .reopen = req->flags & SMB2_REOPEN,
        .single = req->flags & SMB2_RETURN_SINGLE_ENTRY,
        .most = req->output_max / fscc_dir_min_size(req->info_class) + 1,
        .want_attr = req->info_class != SMB2_FILE_NAMES_INFO,
        .entry = add_entry,
        .link = smb_share_is_dfs_root(r->tree->share) ? smb_dfs_show_link : NULL,
        .arg = &dw,
    };
    smbkit_status status = vfs_query_directory(&r->call, r->open->file, &q);
    if (SMBKIT_OK(status)) {
        smb2_output_end(w, body);
    }
    return status;
}

smbkit_status cmd_query_directory(struct smb_request *r)
{
    struct smb2_query_directory_req req;
    struct cur in = r->body;
    if (smb2_query_directory_req_parse(&in, &req) != WIRE_OK ||
        req.output_max > r->conn->transact_max || !smb_request_charge_covers(r, req.output_max)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!vfs_open_is_directory(r->open->file)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint16_t size_min = fscc_dir_min_size(req.info_class);
    if (size_min == 0) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    if (req.output_max < size_min) {
        return SMBKIT_STATUS_INFO_LENGTH_MISMATCH;
    }
    CLEANUP_MEM char *pattern = NULL;
    if (req.pattern.len > 0) {
        pattern = utf16le_to_utf8(req.pattern.p, req.pattern.len);
        if (!pattern) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
    }
    return list(r, &req, pattern);
}

/* ---- change notify ---- */

struct notify_out {
    struct notify_writer nw;
    bool overflow;
};

static void add_event(void *arg, const struct vfs_notify_event *e)
{
    struct notify_out *out = arg;
    if (out->overflow) {
        return;
    }
    /* Inside names are '/'-separated, on the wire '\\'. */
    size_t len = 0;
    while (e->name[len]) {
        len++;
    }
    CLEANUP_MEM char *name = mem_dup(e->name, len + 1);
    for (size_t i = 0; name && i < len; i++) {
        if (name[i] == '/') {
            name[i] = '\\';
        }
    }
    out->overflow = !name || !notify_writer_add(&out->nw, e->action, name);
}

smbkit_status cmd_change_notify(struct smb_request *r)
{
    struct smb2_change_notify_req req;
    struct cur in = r->body;
    if (smb2_change_notify_req_parse(&in, &req) != WIRE_OK ||
        req.output_max > r->conn->transact_max || !smb_request_charge_covers(r, req.output_max)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    uint32_t max_bytes = MIN(req.output_max, SMB_NOTIFY_BYTES_MAX);
    struct notify_out out = {.nw = notify_writer_init(w, max_bytes)};
    const struct vfs_notify_query q = {
        .filter = req.completion_filter,
        .tree = req.flags & SMB2_WATCH_TREE,
        .max_bytes = max_bytes,
        .event = add_event,
        .arg = &out,
        .budget = &r->session->client->kept, /* the open, which is closed first, holds the client */
        .turn = &r->turn,
    };
    status = vfs_notify(&r->call, r->open->file, &q);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (out.overflow || status == SMBKIT_STATUS_NOTIFY_ENUM_DIR) {
        wr_cut(w, body);
        body = smb2_output_begin(w);
        status = SMBKIT_STATUS_NOTIFY_ENUM_DIR;
    }
    smb2_output_end(w, body);
    return status;
}
