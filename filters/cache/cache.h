/* SPDX-License-Identifier: Apache-2.0 */
/* The filter's volume and files, and the operations that are not in cache.c.
 *
 * Locks, none of which is held over a call below: store.lock (blocks, nodes), names.lock
 * (attributes, listings, paths of files). Neither is taken within the other. */
#pragma once

#include <smbkit/filter.h>

#include "cache_names.h"
#include "cache_store.h"

struct cache {
    struct smbkit_next *next;
    uint64_t ttl_ms, ahead; /* immutable after volume_open */
    struct cache_store store;
    struct cache_names names;
};

struct file {
    void *below;
    struct cache_node *node;       /* NULL: no blocks of it are kept */
    struct cache_file names;       /* in c->names, where attributes are kept at all */
    bool is_directory, is_present; /* is_present: of today, no stream: immutable */
    struct cache_times opened;     /* as it was then: immutable */
};

uint64_t cache_now_ms(void);

/* What is about to change below, and has changed, or not. */
enum cache_change {
    CACHE_CHANGES_META = 0x1,
    CACHE_CHANGES_DATA = 0x2,
    CACHE_CHANGES_NAMES = 0x4, /* the folder that it is in, too */
    CACHE_CHANGES_PATHS = 0x8  /* and what is below it: all is forgotten */
};
void cache_change(struct cache *c, struct file *f, unsigned what, bool begins);

/* ---- cache_read.c ---- */

smbkit_status cache_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io);

/* ---- cache_attr.c ---- */

smbkit_status cache_create(void *volume, struct smbkit_op *op, struct smbkit_create *a);
void cache_file_close(void *volume, struct smbkit_op *op, void *file);
smbkit_status cache_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a);
smbkit_status cache_getattr(void *volume, struct smbkit_op *op, void *file, struct smbkit_attr *a);
smbkit_status cache_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink);
smbkit_status cache_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a);
