/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: what the layer below has by names of this volume's, under the names that they stand
 * for. Its other names are not shown. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "encrypt.h"
#include "letters.h"

struct listing {
    struct smbkit_sink sink; /* first; for the layer below */
    struct smbkit_sink *up;
    const struct encrypt *e;
    char kind; /* ENCRYPT_OF_* */
};

static int32_t take_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    const struct listing *l = (const struct listing *)sink;
    char name[ENCRYPT_NAME_ROOM];
    struct smbkit_attr attr = {0};
    struct smbkit_entry e = {.struct_size = sizeof(e), .name = name, .cookie = entry->cookie};
    if (!encrypt_name_back(&l->e->keys.names, l->kind, entry->name, name)) {
        return 1;
    }
    if (entry->attr) {
        uint32_t size = entry->attr->struct_size;
        memcpy(&attr, entry->attr, size < sizeof(attr) ? size : sizeof(attr));
        attr.struct_size = sizeof(attr);
        encrypt_attr(&attr,
                     l->kind == ENCRYPT_OF_STREAM || !(attr.attributes & SMBKIT_ATTR_DIRECTORY));
        e.attr = &attr;
    }
    return l->up->entry(l->up, &e);
}

smbkit_status encrypt_list(const struct encrypt_call *c, uint32_t id, struct smbkit_sink *sink)
{
    struct listing l = {.sink = {.struct_size = sizeof(l.sink),
                                 .want = sink->want & SMBKIT_WANT_ATTR,
                                 .cookie = sink->cookie,
                                 .entry = take_entry},
                        .up = sink,
                        .e = c->e,
                        .kind = id == SMBKIT_OP_streams ? ENCRYPT_OF_STREAM : ENCRYPT_OF_FILE};
    return smbkit_api->next(c->e->next, id, c->op, c->f->below, &l.sink);
}

/* ---- a stream in any letters ---- */

struct search {
    struct smbkit_sink sink; /* first */
    const struct encrypt *e;
    const char *wanted;
    char *found; /* owned */
    bool no_memory;
};

static int32_t look_at(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct search *s = (struct search *)sink;
    char name[ENCRYPT_NAME_ROOM];
    if (!encrypt_name_back(&s->e->keys.names, ENCRYPT_OF_STREAM, entry->name, name)) {
        return 1;
    }
    const char *rest = letters_below(name, s->wanted, true);
    if (!rest || *rest) {
        return 1;
    }
    s->found = strdup(entry->name);
    s->no_memory = !s->found;
    return 0;
}

smbkit_status encrypt_find_stream(const struct encrypt_call *c, const char *stream, char **found_r)
{
    struct search s = {
        .sink = {.struct_size = sizeof(s.sink), .entry = look_at}, .e = c->e, .wanted = stream};
    smbkit_status st = smbkit_next_streams(c->e->next, c->op, c->f->below, &s.sink);
    *found_r = s.found;
    return SMBKIT_OK(st) && s.no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}
