/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/names_short.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/listing.h"
#include "vfs/path.h"
#include "vfs/short_name.h"

bool names_has_short(const struct vfs_volume *v)
{
    /* relaxed: as private_files */
    return atomic_load_explicit(&v->short_names, memory_order_relaxed);
}

bool names_may_resolve(const struct vfs_volume *v, const char *path)
{
    return v->names || (names_has_short(v) && short_name_may_be_in(path));
}

bool vfs_volume_short_name(const struct vfs_volume *v, const char *leaf,
                           char out[VFS_SHORT_NAME_MAX + 1])
{
    _Static_assert(VFS_SHORT_NAME_MAX == SHORT_NAME_MAX, "the same");
    return names_has_short(v) && short_name_make(leaf, out);
}

bool vfs_is_short_name(const char *leaf)
{
    return short_name_is(leaf);
}

struct search {
    const char *leaf;
    char *found; /* owned */
    uint64_t cookie;
    uint64_t taken; /* in this call */
    bool on_loop;
    unsigned seen;
    smbkit_status failed;
};

static int32_t search_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct search *s = sink->core;
    char made[SHORT_NAME_MAX + 1];
    if (!entry_is_whole(e) || e->cookie == s->cookie) {
        s->failed = SMBKIT_STATUS_INTERNAL_ERROR;
        return 0;
    }
    if (s->on_loop && ++s->seen > LISTING_ON_LOOP_MAX) {
        s->failed = SMBKIT_STATUS_WOULD_BLOCK;
        return 0;
    }
    s->cookie = e->cookie;
    s->taken++;
    if (!path_is_name(e->name) || !short_name_make(e->name, made) || !str_ieq(made, s->leaf)) {
        return 1;
    }
    s->found = path_settle_name(e->name);
    s->failed = s->found ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    return 0;
}

smbkit_status names_short_find(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                               const char *leaf, char **real_r)
{
    const struct door_open how = {.path = dir,
                                  .kind = SMBKIT_KIND_DIRECTORY,
                                  .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES};
    struct door_file f = {.volume = v};
    smbkit_status st = door_open(call, &f, &how, NULL);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct search s = {.leaf = leaf, .on_loop = call->on_loop};
    struct smbkit_sink sink = {.struct_size = sizeof(sink), .entry = search_entry, .core = &s};
    do {
        s.taken = 0;
        st = door_enumerate(call, &f, s.cookie, LISTING_ALL, &sink);
        st = SMBKIT_OK(st) ? s.failed : st;
    } while (SMBKIT_OK(st) && s.taken > 0 && !s.found);
    door_close(call, &f);
    *real_r = s.found;
    return st;
}

/* ---- names that went ---- */

struct tunnel_name {
    uint64_t dir; /* hash of the path of its directory, without regard to case */
    uint64_t until_us;
    char *leaf; /* owned; NULL: none here */
};

struct name_tunnel {
    struct tunnel_name names[TUNNEL_NAMES_MAX];
    unsigned next; /* the oldest */
};

bool names_is_by_short(const char *asked, const char *real)
{
    const char *leaf = path_leaf(asked);
    return short_name_may_be(leaf) && !utf8_ieq(leaf, path_leaf(real));
}

static uint64_t dir_hash(const struct vfs_volume *v, const char *path)
{
    return utf8_ihash(v->hash_seed, path, path_parent_len(path));
}

static uint64_t now_us(const struct vfs_volume *v)
{
    return v->nodes->clock_us ? v->nodes->clock_us() : 0;
}

void names_tunnel_note(const struct vfs_open *o, const char *path)
{
    struct vfs_volume *v = o->volume;
    if (!o->is_by_short) {
        return;
    }
    struct tunnel_name name = {.dir = dir_hash(v, path),
                               .until_us = now_us(v) + TUNNEL_LIFE_US,
                               .leaf = str_dup(path_leaf(path))};
    SCOPED_LOCK(&v->names_lock);
    if (!v->tunnel) {
        v->tunnel = mem_zalloc(sizeof(*v->tunnel));
    }
    struct name_tunnel *t = v->tunnel;
    if (!t || !name.leaf) {
        mem_free(name.leaf); /* without memory it is forgotten */
        return;
    }
    mem_free(t->names[t->next].leaf);
    t->names[t->next] = name;
    t->next = (t->next + 1) % TUNNEL_NAMES_MAX;
}

char *names_tunnel_find(struct vfs_volume *v, const char *path)
{
    char made[SHORT_NAME_MAX + 1];
    const char *leaf = path_leaf(path);
    if (!names_has_short(v) || !short_name_may_be(leaf)) {
        return NULL;
    }
    uint64_t now = now_us(v);
    uint64_t dir = dir_hash(v, path);
    SCOPED_LOCK(&v->names_lock);
    for (unsigned i = 0; v->tunnel && i < TUNNEL_NAMES_MAX; i++) {
        const struct tunnel_name *n = &v->tunnel->names[i];
        if (n->leaf && n->dir == dir && now <= n->until_us && short_name_make(n->leaf, made) &&
            str_ieq(made, leaf)) {
            CLEANUP_MEM char *parent = path_parent(path);
            return parent ? path_join(parent, n->leaf) : NULL;
        }
    }
    return NULL;
}

void names_tunnel_through(struct vfs_volume *v, char **path)
{
    char *before = names_tunnel_find(v, *path);
    if (before) {
        mem_free(*path);
        *path = before;
    }
}

void names_tunnel_free(struct vfs_volume *v)
{
    for (unsigned i = 0; v->tunnel && i < TUNNEL_NAMES_MAX; i++) {
        mem_free(v->tunnel->names[i].leaf);
    }
    mem_free(v->tunnel);
}
