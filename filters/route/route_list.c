/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: the root shows the folders that are other volumes first, by cookies 1..n, and then what
 * the layer below has, by cookies of its own plus n. */
#include <stdlib.h>
#include <string.h>

#include "pass.h"
#include "route.h"

struct listing {
    struct smbkit_sink sink; /* first; for the volume */
    struct smbkit_sink *up;
    const struct route *route;
    const struct route_mount *mount;
    uint32_t before; /* folders that come first; 0: not the root */
    bool is_wrong;   /* a cookie that cannot be told */
};

static int32_t take_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct listing *l = (struct listing *)sink;
    struct smbkit_entry e = *entry;
    struct smbkit_attr attr;
    if (l->before > 0 && route_hides(l->route, entry->name)) {
        return 1;
    }
    l->is_wrong = entry->cookie > UINT64_MAX - l->before;
    if (l->is_wrong) {
        return 0;
    }
    e.cookie += l->before;
    if (e.attr) {
        attr = *e.attr;
        route_mix_id(l->mount, &attr);
        e.attr = &attr;
    }
    return l->up->entry(l->up, &e);
}

static smbkit_status listing_end(void *arg, smbkit_status status)
{
    bool is_wrong = ((struct listing *)arg)->is_wrong;
    free(arg);
    return SMBKIT_OK(status) && is_wrong ? SMBKIT_STATUS_INTERNAL_ERROR : status;
}

/* false: there is no room for more. */
static bool give_folders(const struct route *r, struct smbkit_sink *up)
{
    for (uint64_t i = up->cookie + 1; i < r->count; i++) {
        const struct smbkit_entry e = {
            .struct_size = sizeof(e), .name = r->mounts[i].name, .cookie = i};
        if (!up->entry(up, &e)) {
            return false;
        }
    }
    return true;
}

smbkit_status route_enumerate(struct route *r, const struct route_file *f,
                              const struct pass_call *c)
{
    struct smbkit_sink *up = c->args;
    uint32_t before = f->is_root ? r->count - 1 : 0;
    struct listing *l = malloc(sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *l = (struct listing){.sink = *up, .up = up, .route = r, .mount = f->mount, .before = before};
    l->sink.struct_size = sizeof(l->sink);
    l->sink.entry = take_entry;
    l->sink.cookie = up->cookie > before ? up->cookie - before : 0;
    /* Nothing may have been given when it turns out that the call has to wait. */
    if (up->cookie < before && (c->op->flags & SMBKIT_OP_NOWAIT)) {
        free(l);
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (before > 0 && !give_folders(r, up)) {
        free(l);
        return SMBKIT_STATUS_SUCCESS;
    }
    struct pass_call below = *c;
    below.args = &l->sink;
    return pass_down(f->mount->next, &below, listing_end, l);
}
