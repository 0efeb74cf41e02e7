/* SPDX-License-Identifier: Apache-2.0 */
/* The ERROR response. [MS-SMB2] 2.2.2 */
#pragma once

#include "wire/smb2.h"
#include "wire/wire.h"

/* No error data: 8 bytes and the one byte that StructureSize 9 counts. */
void smb2_error_format(struct wr *w);
/* Error data as dialect wants it: raw before 3.1.1, in one SMB2_ERROR_CONTEXT (2.2.2.1) in 3.1.1.
 */
void smb2_error_data_format(struct wr *w, bool is_311, uint32_t error_id, struct wire_slice data);
/* For STATUS_BUFFER_TOO_SMALL: the size that would do. 2.2.2.2 (last paragraph) */
void smb2_error_size_format(struct wr *w, bool is_311, uint32_t bytes_needed);

/* For STATUS_STOPPED_ON_SYMLINK. 2.2.2.2.1 */
struct smb2_error_symlink {
    uint16_t unparsed_path_len_bytes; /* UTF-16 bytes of the name behind the link */
    const char *substitute_name;      /* UTF-8 */
    const char *print_name;
    uint32_t flags; /* SMB2_SYMLINK_FLAG_RELATIVE */
};
void smb2_error_symlink_format(struct wr *w, bool is_311, const struct smb2_error_symlink *link);

struct smb2_error {
    uint8_t context_count;
    struct wire_slice data; /* of the first context, or all */
    uint32_t error_id;
};
/* The client's side (client_break.c). */
NODISCARD enum wire_err smb2_error_parse(struct cur *c, bool is_311, struct smb2_error *out);
