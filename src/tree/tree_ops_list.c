/* SPDX-License-Identifier: Apache-2.0 */
/* Listings. A cookie is the number that an entry got when it came into its folder: it never changes
 * and is never used again, so what stays is shown once, whatever comes and goes. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

#define BATCH_ENTRIES 64u
#define BATCH_NAMES_BYTES 4096u /* five of the longest names at least */

struct batch {
    uint32_t count;
    uint32_t names_len;
    struct smbkit_entry entries[BATCH_ENTRIES];
    struct smbkit_attr attrs[BATCH_ENTRIES];
    char names[BATCH_NAMES_BYTES];
};

/* Is what a client sees of it asked for when he does? */
static bool is_asked(const struct tree_entry *e)
{
    return !entry_is_folder(e) &&
           (TREE_HAS(e->ops.file, stat) || (e->in.content && e->in.content->host_path));
}

/* False: full. */
static bool put(struct batch *b, struct tree_entry *e, bool wants_attr)
{
    size_t len = str_len(e->name) + 1;
    if (b->count == BATCH_ENTRIES || len > BATCH_NAMES_BYTES - b->names_len) {
        return false;
    }
    char *name = b->names + b->names_len;
    struct smbkit_attr *attr = &b->attrs[b->count];
    mem_copy(name, e->name, len);
    b->names_len += (uint32_t)len;
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    bool has_attr = wants_attr && !is_asked(e);
    if (has_attr) {
        entry_attr(e, attr);
    }
    b->entries[b->count++] = (struct smbkit_entry){.struct_size = sizeof(struct smbkit_entry),
                                                   .name = name,
                                                   .cookie = e->seq,
                                                   .attr = has_attr ? attr : NULL};
    return true;
}

static void collect(struct smbkit_tree *t, const struct tree_entry *folder,
                    const struct smbkit_sink *sink, uint64_t cookie, struct batch *b)
{
    const struct tree_dir *d = folder->in.dir;
    b->count = 0;
    b->names_len = 0;
    SCOPED_LOCK(&t->lock);
    for (uint32_t i = dir_after(d, cookie); i < d->len; i++) {
        if (d->order[i].entry && !put(b, d->order[i].entry, sink->want & SMBKIT_WANT_ATTR)) {
            return;
        }
    }
}

smbkit_status tree_op_enumerate(struct tree_req *r)
{
    struct tree_open *open = r->file;
    struct smbkit_sink *sink = r->args;
    struct tree_entry *folder = open->entry;
    if (!entry_is_folder(folder)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = tree_fill(r, folder, sink->cookie == 0);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM struct batch *b = mem_alloc(sizeof(*b));
    if (!b) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint64_t cookie = sink->cookie;
    for (;;) {
        collect(r->tree, folder, sink, cookie, b);
        for (uint32_t i = 0; i < b->count; i++) {
            if (!sink->entry(sink, &b->entries[i])) {
                return SMBKIT_STATUS_SUCCESS;
            }
        }
        if (b->count == 0) {
            return SMBKIT_STATUS_SUCCESS;
        }
        cookie = b->entries[b->count - 1].cookie;
    }
}
