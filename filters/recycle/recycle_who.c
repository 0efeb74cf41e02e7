/* SPDX-License-Identifier: Apache-2.0 */
#include "recycle_who.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct recycle_who *recycle_who_new(const struct smbkit_identity *who, uint64_t when)
{
    if (!who) {
        return NULL;
    }
    size_t user_size = who->user ? strlen(who->user) + 1 : 0;
    size_t sid_len = who->sid ? who->sid_len_bytes : 0;
    struct recycle_who *w = calloc(1, sizeof(*w) + sid_len + user_size);
    if (!w) {
        return NULL;
    }
    uint8_t *room = (uint8_t *)(w + 1);
    w->refs = 1;
    w->when = when;
    w->is.struct_size = sizeof(w->is);
    w->is.flags = who->flags;
    if (sid_len > 0) {
        w->is.sid = memcpy(room, who->sid, sid_len);
        w->is.sid_len_bytes = (uint32_t)sid_len;
    }
    if (user_size > 0) {
        w->is.user = memcpy(room + sid_len, who->user, user_size);
    }
    return w;
}

struct recycle_who *recycle_who_ref(struct recycle_who *w)
{
    if (w) {
        w->refs++;
    }
    return w;
}

void recycle_who_unref(struct recycle_who *w)
{
    if (w && --w->refs == 0) {
        free(w);
    }
}
