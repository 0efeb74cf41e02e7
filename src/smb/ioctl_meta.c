/* SPDX-License-Identifier: Apache-2.0 */
/* What a file has besides its data: object id, reparse point. */
#include "base/mem.h"
#include "smb/ioctl.h"

/* ---- object ids ---- */

static void object_id_format(struct wr *w, const struct smbkit_object_id *id)
{
    wr_bytes(w, id->id, sizeof(id->id));
    wr_bytes(w, id->birth, sizeof(id->birth));
}

FSCTL_FN(fsctl_get_object_id)
{
    if (req->max_output_response < FSCTL_OBJECT_ID_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct smbkit_object_id id = {.struct_size = sizeof(id), .flags = SMBKIT_OBJECT_ID_GET};
    smbkit_status status = vfs_get_object_id(&r->call, r->open->file, &id);
    if (SMBKIT_OK(status)) {
        object_id_format(w, &id);
    }
    return status;
}

/* Explorer asks this of every file whose properties it shows. [MS-FSCC] 2.3.1 */
FSCTL_FN(fsctl_create_or_get_object_id)
{
    if (req->max_output_response < FSCTL_OBJECT_ID_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct smbkit_object_id id = {.struct_size = sizeof(id),
                                  .flags = smb_tree_is_read_only(r->tree)
                                               ? SMBKIT_OBJECT_ID_GET
                                               : SMBKIT_OBJECT_ID_CREATE_OR_GET};
    struct smbkit_volume_info info;
    smbkit_status status = vfs_open_volume_info(&r->call, r->open->file, &info);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    smb_server_random(r->conn->server, id.id, sizeof(id.id));
    mem_copy(id.birth, info.object_id, sizeof(info.object_id));
    mem_copy(id.birth + sizeof(info.object_id), id.id, sizeof(id.id));
    status = vfs_get_object_id(&r->call, r->open->file, &id);
    if (SMBKIT_OK(status)) {
        object_id_format(w, &id);
    }
    return status;
}

FSCTL_FN(fsctl_set_object_id)
{
    (void)w;
    struct smbkit_object_id id = {.struct_size = sizeof(id), .flags = SMBKIT_OBJECT_ID_SET};
    struct cur in = wire_slice_cur(req->input);
    cur_copy(&in, id.id, sizeof(id.id));
    cur_copy(&in, id.birth, sizeof(id.birth));
    return cur_ok(&in) && cur_left(&in) == 0 ? vfs_set_object_id(&r->call, r->open->file, &id)
                                             : SMBKIT_STATUS_INVALID_PARAMETER;
}

FSCTL_FN(fsctl_set_object_id_extended)
{
    (void)w;
    uint8_t birth[48];
    struct cur in = wire_slice_cur(req->input);
    cur_copy(&in, birth, sizeof(birth));
    return cur_ok(&in) && cur_left(&in) == 0 ? vfs_set_object_birth(&r->call, r->open->file, birth)
                                             : SMBKIT_STATUS_INVALID_PARAMETER;
}

FSCTL_FN(fsctl_delete_object_id)
{
    (void)w;
    (void)req;
    return vfs_delete_object_id(&r->call, r->open->file);
}

/* ---- reparse points ---- */

#define REPARSE_HEADER_BYTES 8u /* [MS-FSCC] 2.1.2.2, without the data */

/* [MS-FSCC] 2.3.27, [MS-FSA] 2.1.5.10.14 */
FSCTL_FN(fsctl_get_reparse_point)
{
    if (req->max_output_response < REPARSE_HEADER_BYTES) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smbkit_status status = vfs_get_reparse(&r->call, r->open->file, w);
    if (SMBKIT_OK(status) && wr_pos(w) > req->max_output_response) {
        wr_cut(w, req->max_output_response);
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    return status;
}

/* [MS-FSCC] 2.3.81 */
FSCTL_FN(fsctl_set_reparse_point)
{
    (void)w;
    const struct smbkit_bytes data = {.base = req->input.p, .len = (uint32_t)req->input.len};
    return vfs_set_reparse(&r->call, r->open->file, &data);
}

/* [MS-FSCC] 2.3.5 */
FSCTL_FN(fsctl_delete_reparse_point)
{
    (void)w;
    const struct smbkit_bytes data = {.base = req->input.p, .len = (uint32_t)req->input.len};
    return vfs_delete_reparse(&r->call, r->open->file, &data);
}
