/* SPDX-License-Identifier: Apache-2.0 */
/* Copies on the server where no volume can make them: read and written. */
#pragma once

#include <stdint.h>

#include <smbkit/filter.h>

/* How. Both are waited for where they are called. */
struct by_hand {
    smbkit_status (*read)(void *arg, struct smbkit_io *io);
    smbkit_status (*write)(void *arg, struct smbkit_io *io);
    void *arg;
    uint32_t at_once; /* bytes */
};

/* c->done is told also of one that fails or is cancelled. It ends where the source does, and where
 * not all was written. */
smbkit_status copy_by_hand(struct smbkit_op *op, struct smbkit_copy *c, const struct by_hand *how);
