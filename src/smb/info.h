/* SPDX-License-Identifier: Apache-2.0 */
/* What information classes are filled from. */
#pragma once

#include "smb/request.h"
#include "wire/fscc_file.h"
#include "wire/fscc_fs.h"

/* A filled struct fscc_file_info with what its pointers point to. */
struct smb_file_info {
    struct fscc_file_info fscc;
    char *name; /* owned */
    char short_name[VFS_SHORT_NAME_MAX + 1];
    struct fscc_stream *streams; /* [streams_cap], owned; streams[].name too */
    size_t streams_cap;
    size_t streams_bytes;
};

/* Gather what the class is about, checking the access that it takes ([MS-FSA] 2.1.5.12). Errors:
 * ACCESS_DENIED; the status of the class where it has none to tell (NO_EAS_ON_FILE,
 * OBJECT_NAME_NOT_FOUND ...); WOULD_BLOCK. output_max: of a list, no more is gathered than shows
 * that it is longer. */
NODISCARD smbkit_status smb_file_info_get(struct smb_request *r, uint8_t info_class,
                                          size_t output_max, struct smb_file_info *out);
void smb_file_info_fini(struct smb_file_info *info);

struct smb_volume_info {
    struct fscc_fs_info fscc;
    struct smbkit_volume_info volume; /* its strings are used */
};
/* info_class: what costs more is gathered for it alone. */
NODISCARD smbkit_status smb_volume_info_get(struct smb_request *r, uint8_t info_class,
                                            struct smb_volume_info *out);
