/* SPDX-License-Identifier: Apache-2.0 */
/* SET_INFO. [MS-SMB2] 3.3.5.21 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/ea.h"
#include "smb/limits.h"
#include "smb/quota.h"
#include "smb/reply.h"
#include "vfs/stream.h"
#include "wire/fscc_fs.h"
#include "wire/fscc_set.h"
#include "wire/set_info.h"

/* ---- file classes ---- */

static smbkit_status set_basic(struct smb_request *r, const struct fscc_set *set)
{
    const struct vfs_basic_info info = {
        .create_time = set->basic.create_time,
        .access_time = set->basic.access_time,
        .write_time = set->basic.write_time,
        .change_time = set->basic.change_time,
        .attributes = set->basic.attributes,
    };
    return vfs_set_basic(&r->call, r->open->file, &info);
}

/* The target of a rename or link; out->path is owned. A '\\' in front is passed over, as Windows
 * and Samba do; smbclient sends one. */
static smbkit_status take_target(const struct smb_request *r, const struct fscc_set *set,
                                 struct vfs_path *out, bool *is_stream_r)
{
    if (set->rename.root_directory != 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    CLEANUP_MEM char *name = utf16le_to_utf8(set->rename.name.p, set->rename.name.len);
    if (!name) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    smbkit_status status = smb_tree_path(r->tree, name[0] == '\\' ? name + 1 : name, out);
    *is_stream_r = name[0] == ':';
    if (*is_stream_r) {
        /* [MS-FSA] 2.1.5.15.11.1 has one answer to every name that is wrong. */
        return status == SMBKIT_STATUS_OBJECT_NAME_INVALID ? SMBKIT_STATUS_INVALID_PARAMETER
                                                           : status;
    }
    if (SMBKIT_OK(status) && out->stream && !vfs_open_is_stream(r->open->file)) {
        status = SMBKIT_STATUS_OBJECT_NAME_INVALID;
    } else if (SMBKIT_OK(status) && out->means_directory && !vfs_open_is_directory(r->open->file)) {
        status = SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (!SMBKIT_OK(status)) {
        vfs_path_fini(out);
    }
    return status;
}

static smbkit_status set_name(struct smb_request *r, const struct fscc_set *set)
{
    struct vfs_path target;
    bool is_stream;
    smbkit_status status = take_target(r, set, &target, &is_stream);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool is_link =
        set->info_class == SMB2_FILE_LINK_INFO || set->info_class == SMB2_FILE_LINK_INFO_EX;
    bool replace = set->rename.replace_if_exists;
    const struct vfs_stream_rename stream = {.name = target.stream, .replace = replace};
    if (is_stream) {
        status = is_link ? SMBKIT_STATUS_INVALID_PARAMETER
                         : vfs_rename_stream(&r->call, r->open->file, &stream);
        vfs_path_fini(&target);
        return status;
    }
    status = is_link ? vfs_link(&r->call, r->open->file, target.path, replace)
                     : vfs_rename(&r->call, r->open->file, target.path, replace);
    if (SMBKIT_OK(status) && !is_link) {
        smb_app_renamed(r->open, target.path);
    }
    vfs_path_fini(&target);
    return status;
}

static smbkit_status set_disposition(struct smb_request *r, const struct fscc_set *set)
{
    return vfs_set_disposition(&r->call, r->open->file, set->disposition);
}

static smbkit_status set_position(struct smb_request *r, const struct fscc_set *set)
{
    if (set->position > INT64_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    vfs_open_position_set(r->open->file, set->position);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status set_mode(struct smb_request *r, const struct fscc_set *set)
{
    return vfs_open_mode_set(r->open->file, set->mode);
}

static smbkit_status set_allocation(struct smb_request *r, const struct fscc_set *set)
{
    return vfs_set_allocation(&r->call, r->open->file, set->allocation_size);
}

static smbkit_status set_end_of_file(struct smb_request *r, const struct fscc_set *set)
{
    return vfs_set_end_of_file(&r->call, r->open->file, set->end_of_file);
}

static smbkit_status set_eas(struct smb_request *r, const struct fscc_set *set)
{
    return smb_ea_set(r, set->eas);
}

/* Both take a privilege that no user of ours holds. [MS-FSA] 2.1.5.15.13, 2.1.5.15.14 */
static smbkit_status set_privileged(struct smb_request *r, const struct fscc_set *set)
{
    (void)r;
    (void)set;
    return SMBKIT_STATUS_PRIVILEGE_NOT_HELD;
}

static const struct {
    uint8_t info_class;
    smbkit_status (*fn)(struct smb_request *r, const struct fscc_set *set);
} setters[] = {
    {SMB2_FILE_BASIC_INFO, set_basic},
    {SMB2_FILE_RENAME_INFO, set_name},
    {SMB2_FILE_RENAME_INFO_EX, set_name},
    {SMB2_FILE_LINK_INFO, set_name},
    {SMB2_FILE_LINK_INFO_EX, set_name},
    {SMB2_FILE_DISPOSITION_INFO, set_disposition},
    {SMB2_FILE_DISPOSITION_INFO_EX, set_disposition},
    {SMB2_FILE_POSITION_INFO, set_position},
    {SMB2_FILE_FULL_EA_INFO, set_eas},
    {SMB2_FILE_MODE_INFO, set_mode},
    {SMB2_FILE_ALLOCATION_INFO, set_allocation},
    {SMB2_FILE_END_OF_FILE_INFO, set_end_of_file},
    {SMB2_FILE_VALID_DATA_LENGTH_INFO, set_privileged},
    {SMB2_FILE_SHORT_NAME_INFO, set_privileged},
};

static smbkit_status set_file(struct smb_request *r, const struct smb2_set_info_req *req)
{
    struct fscc_set set;
    if (!fscc_set_is_known(req->info_class, NULL)) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    enum wire_err err = fscc_set_parse(req->buffer, req->info_class, &set);
    if (err != WIRE_OK) {
        return err == WIRE_SHORT ? SMBKIT_STATUS_INFO_LENGTH_MISMATCH
                                 : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (r->open->kind == SMB_OPEN_PIPE) {
        /* Our pipes are in message mode already and have no other. [MS-FSCC] 2.4.37 */
        return req->info_class == SMB2_FILE_PIPE_INFO ? SMBKIT_STATUS_SUCCESS
                                                      : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    for (size_t i = 0; i < ARRAY_LEN(setters); i++) {
        if (setters[i].info_class == req->info_class) {
            return setters[i].fn(r, &set);
        }
    }
    return SMBKIT_STATUS_INVALID_INFO_CLASS;
}

/* ---- the rest ---- */

/* Labels and object ids of volumes are nobody's to change. 3.3.5.21.2 */
static smbkit_status set_volume(struct smb_request *r, const struct smb2_set_info_req *req)
{
    struct fscc_fs_set set;
    if (!fscc_fs_set_is_known(req->info_class, NULL)) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    if (req->info_class != SMB2_FS_CONTROL_INFO || r->open->kind != SMB_OPEN_FILE) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    enum wire_err err = fscc_fs_set_parse(req->buffer, req->info_class, &set);
    if (err != WIRE_OK) {
        return err == WIRE_SHORT ? SMBKIT_STATUS_INFO_LENGTH_MISMATCH
                                 : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return smb_quota_control_set(r, &set.control);
}

static smbkit_status set_security(struct smb_request *r, const struct smb2_set_info_req *req)
{
    if (r->open->kind != SMB_OPEN_FILE) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    return vfs_set_security(&r->call, r->open->file, req->additional, req->buffer.p,
                            req->buffer.len);
}

static smbkit_status set_info(struct smb_request *r, const struct smb2_set_info_req *req)
{
    switch (req->info_type) {
    case SMB2_0_INFO_FILE:
        return set_file(r, req);
    case SMB2_0_INFO_FILESYSTEM:
        return set_volume(r, req);
    case SMB2_0_INFO_SECURITY:
        return set_security(r, req);
    case SMB2_0_INFO_QUOTA:
        return smb_quota_set(r, req->buffer);
    default:
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
}

smbkit_status cmd_set_info(struct smb_request *r)
{
    struct smb2_set_info_req req;
    struct cur in = r->body;
    if (smb2_set_info_req_parse(&in, &req) != WIRE_OK ||
        !smb_request_charge_covers(r, req.buffer.len)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (req.buffer.len > SMB_SETINFO_BYTES_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (SMBKIT_OK(status)) {
        status = set_info(r, &req);
    }
    if (SMBKIT_OK(status)) {
        smb2_set_info_rsp_format(smb_reply_begin(r));
    }
    return status;
}
