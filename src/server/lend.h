/* SPDX-License-Identifier: Apache-2.0 */
/* What the server lends to plugins (struct vfs_services): timers and watched descriptors on the
 * event loops, calls on the workers.
 *
 * A timer or a watch is two parties': the plugin keeps it until it frees it, its loop knows it from
 * the first use until a job on the loop has had the last word. It is over when the plugin has freed
 * it or the volume closes: from then on its function is not called; who ends it waits for a call
 * that runs.
 *
 * Lock order: lend->lock, lend_volume->lock, then a loop's. None is held while a plugin runs. */
#pragma once

#include "net/net.h"
#include "vfs/vfs.h"

struct lend;

struct lend_spec {
    struct workers *workers; /* borrowed, as the loops: until lend_end */
    struct loop *const *loops;
    unsigned loop_count;
};

/* NULL: no memory. */
NODISCARD struct lend *lend_new(const struct lend_spec *spec);
/* Nothing is called from now on. Before loops and workers end; may be repeated. */
void lend_end(struct lend *l);
/* After lend_end and after all volumes; the loops have run what was posted. NULL allowed. */
void lend_free(struct lend *l);
/* For one volume, which releases it. NULL: no memory. */
NODISCARD const struct vfs_services *lend_services_new(struct lend *l);
