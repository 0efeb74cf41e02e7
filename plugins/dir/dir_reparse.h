/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic links as reparse points. */
#pragma once

#include "dir_priv.h"

#define DIRFS_TAG_SYMLINK 0xa000000cu /* [MS-FSCC] 2.1.2.1 */

/* --- dir_reparse.c --- */

smbkit_status dirfs_get_reparse(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_get_reparse *a);

/* --- dir_reparse_set.c --- */

smbkit_status dirfs_set_reparse(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_set_reparse *a);
void dirfs_was_free(struct dirfs_security *was); /* dirfs_file.was; NULL allowed */
