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
    struct fscc_stream stream;
};

/* Gather what the class is about, checking the access that it takes ([MS-FSA] 2.1.5.12). Errors:
 * ACCESS_DENIED; the status of the class where it has none to tell (NO_EAS_ON_FILE,
 * OBJECT_NAME_NOT_FOUND ...); WOULD_BLOCK. */
NODISCARD smbkit_status smb_file_info_get(struct smb_request *r, uint8_t info_class,
                                          struct smb_file_info *out);
void smb_file_info_fini(struct smb_file_info *info);

struct smb_volume_info {
    struct fscc_fs_info fscc;
    struct smbkit_volume_info volume; /* its strings are used */
};
NODISCARD smbkit_status smb_volume_info_get(struct smb_request *r, struct smb_volume_info *out);
