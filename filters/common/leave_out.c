/* SPDX-License-Identifier: Apache-2.0 */
#include "leave_out.h"

#include <stdlib.h>

struct listing {
    struct smbkit_sink sink; /* first */
    struct smbkit_sink *above;
    bool (*is_out)(void *arg, const char *name);
    void *arg;
};

static int32_t listing_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct listing *l = (struct listing *)sink;
    return l->is_out(l->arg, entry->name) ? 1 : l->above->entry(l->above, entry);
}

static smbkit_status listing_end(void *arg, smbkit_status status)
{
    free(arg);
    return status;
}

smbkit_status leave_out(struct smbkit_next *next, const struct pass_call *c,
                        bool (*is_out)(void *arg, const char *name), void *arg)
{
    struct smbkit_sink *above = c->args;
    struct listing *l = malloc(sizeof(*l));
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *l = (struct listing){.sink = *above, .above = above, .is_out = is_out, .arg = arg};
    l->sink.struct_size = sizeof(l->sink);
    l->sink.entry = listing_entry;
    struct pass_call below = *c;
    below.args = &l->sink;
    return pass_down(next, &below, listing_end, l);
}
