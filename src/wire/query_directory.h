/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY_DIRECTORY. [MS-SMB2] 2.2.33, 2.2.34. The entries are in fscc_dir.h. */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

struct smb2_query_directory_req {
    uint8_t info_class; /* enum smb2_file_class */
    uint8_t flags;
    uint32_t file_index;
    struct smb2_file_id file_id;
    struct wire_slice pattern; /* UTF-16LE */
    uint32_t output_max;       /* bytes */
};
NODISCARD enum wire_err smb2_query_directory_req_parse(struct cur *c,
                                                       struct smb2_query_directory_req *out);

struct smb2_query_directory_rsp {
    struct wire_slice output;
};
void smb2_query_directory_rsp_format(struct wr *w, const struct smb2_query_directory_rsp *rsp);

/* The client's side (client_query.c). */
void smb2_query_directory_req_format(struct wr *w, const struct smb2_query_directory_req *req);
NODISCARD enum wire_err smb2_query_directory_rsp_parse(struct cur *c,
                                                       struct smb2_query_directory_rsp *out);
