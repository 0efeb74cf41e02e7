/* SPDX-License-Identifier: Apache-2.0 */
/* What local.c and local_serve.c share. Results: 0 or a negative errno. */
#pragma once

#include "base/wr.h"
#include "os/local.h"

struct os_local {
    int fd;
    int wake[2]; /* a pipe: the listener's */
    char *path;  /* the listener's */
};

NODISCARD int local_new(struct os_local **out);
/* What has come, up to the line end, without waiting; the peer says one line and waits, so that
 * nothing stands behind it. */
NODISCARD int local_read_some(struct os_local *l, struct wr *w, bool *done_r);
/* As much of it as goes out without waiting; *sent_r: bytes. */
NODISCARD int local_write_some(struct os_local *l, const char *p, size_t len, size_t *sent_r);
