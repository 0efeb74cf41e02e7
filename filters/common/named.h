/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a filter's own, which know the path that they are open by. It follows the renames that
 * come by this volume, also of folders above; those that others make are not told. A filter that
 * uses this gives create, close, file_below and all operations of which the core says that a filter
 * hides them; and takes SMBKIT_FEATURE_OPEN_BY_ID away. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "pass.h"

struct named {
    void *below;
    void *own;         /* NULL in what the table makes: to tell other files of the filter's apart */
    bool is_directory; /* immutable once it is open; false for links to some */
    bool is_stream;
    atomic_uint_fast64_t sums[2]; /* the filter's own; 0 at first */
    atomic_uint marks;            /* what named_table.marks says of its path */
    /* guarded by the table's lock */
    char *path;
    struct named *next, *prev;
};

struct named_table {
    /* immutable after named_init. May be NULL; called with lock held. */
    uint32_t (*marks)(void *arg, const char *path);
    void *arg;
    bool ignores_case; /* the volume finds names in any letters; set before the first call */
    pthread_mutex_t lock;
    struct named *files; /* guarded by lock */
};

void named_init(struct named_table *t, uint32_t (*marks)(void *arg, const char *path), void *arg);
void named_fini(struct named_table *t);
/* What marks says has changed: ask it of all files. */
void named_mark_all(struct named_table *t);
/* Pass a call down whose files are of the table: whichever it is. */
smbkit_status named_pass(struct named_table *t, struct smbkit_next *next,
                         const struct pass_call *c);
void named_close(struct named_table *t, struct smbkit_next *next, struct smbkit_op *op, void *file);
/* For the table of the filter. */
void *named_file_below(void *volume, void *file);
/* A copy of its path in buf, cut to size bytes with its end. */
char *named_path_dup(struct named_table *t, const struct named *f); /* owned; NULL: no memory */
void named_path(struct named_table *t, const struct named *f, char *buf, size_t size);

/* relaxed: a call that comes while the marks change may see either. */
static inline uint32_t named_marks(const struct named *f)
{
    return atomic_load_explicit(&f->marks, memory_order_relaxed);
}
