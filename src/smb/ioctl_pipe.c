/* SPDX-License-Identifier: Apache-2.0 */
/* Named pipes. [MS-SMB2] 3.3.5.15.3, 3.3.5.15.4, 3.3.5.15.10 */
#include "base/mem.h"
#include "base/utf.h"
#include "smb/ioctl.h"

/* Write, then read the answer. 3.3.5.15.10 */
FSCTL_FN(fsctl_pipe_transceive)
{
    smbkit_status status = smb_pipe_write(r->open, req->input.p, req->input.len);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    size_t got = 0;
    size_t start = wr_pos(w);
    uint8_t *room = wr_space(w, req->max_output_response);
    if (!room && req->max_output_response > 0) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    status = smb_pipe_read(r->open, NULL, room, req->max_output_response, &got);
    wr_cut(w, start + got);
    return status;
}

FSCTL_FN(fsctl_pipe_peek)
{
    if (req->max_output_response < FSCTL_PIPE_PEEK_FIXED_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct rpc_pipe_peek peek = smb_pipe_peek(r->open);
    const struct fsctl_pipe_peek rsp = {
        .state = 3, /* connected */
        .read_data_available = (uint32_t)peek.available_bytes,
        .message_count = peek.messages,
        .message_length = (uint32_t)peek.message_bytes,
    };
    fsctl_pipe_peek_format(w, &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

/* Every pipe that there is can be opened at once. 3.3.5.15.3 */
FSCTL_FN(fsctl_pipe_wait)
{
    struct fsctl_pipe_wait in;
    (void)w;
    if (r->tree->share->type != SMB_SHARE_IS_PIPE) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (fsctl_pipe_wait_parse(req->input, &in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    CLEANUP_MEM char *name = utf16le_to_utf8(in.name.p, in.name.len);
    return name && rpc_pipe_exists(name) ? SMBKIT_STATUS_SUCCESS
                                         : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}
