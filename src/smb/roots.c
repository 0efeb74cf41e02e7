/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/roots.h"

#include "base/mem.h"

struct root {
    struct hash_link link;
    struct vfs_token *token;   /* a reference */
    struct vfs_volume *volume; /* likewise */
    bool has;
};

struct key {
    const struct vfs_token *token;
    const struct vfs_volume *volume;
};

static bool is_of(const struct hash_link *link, const void *key)
{
    const struct root *r = CONTAINER_OF((struct hash_link *)(uintptr_t)link, struct root, link);
    const struct key *k = key;
    return r->token == k->token && r->volume == k->volume;
}

void smb_roots_init(struct smb_roots *r)
{
    hash_table_init(&r->known);
}

void smb_roots_fini(struct smb_roots *r)
{
    struct hash_link *next;
    for (struct hash_link *l = hash_table_next(&r->known, NULL); l; l = next) {
        struct root *root = CONTAINER_OF(l, struct root, link);
        next = hash_table_next(&r->known, l);
        vfs_token_unref(root->token);
        vfs_volume_unref(root->volume);
        mem_free(root);
    }
    hash_table_fini(&r->known);
}

/* Without memory it is asked again the next time. */
static void keep(struct smb_roots *r, const struct key *k, uint64_t hash, bool has)
{
    struct root *root = mem_zalloc(sizeof(*root));
    if (!root || !hash_table_add(&r->known, &root->link, hash)) {
        mem_free(root);
        return;
    }
    root->token = vfs_token_ref((struct vfs_token *)(uintptr_t)k->token);
    root->volume = vfs_volume_ref((struct vfs_volume *)(uintptr_t)k->volume);
    root->has = has;
}

bool smb_roots_has(struct smb_roots *r, struct vfs_token *token, struct vfs_volume *v)
{
    if (!token) {
        return true;
    }
    const struct key k = {.token = token, .volume = v};
    uint64_t hash = hash_bytes(0, &k, sizeof(k)); /* of addresses, which nobody else chooses */
    const struct hash_link *found = hash_table_get(&r->known, hash, is_of, &k);
    if (found) {
        return CONTAINER_OF((struct hash_link *)(uintptr_t)found, struct root, link)->has;
    }
    struct vfs_call call = {.token = token};
    CLEANUP_MEM char *root = NULL;
    bool is_known = SMBKIT_OK(vfs_session_root(&call, v, &root));
    if (is_known) {
        keep(r, &k, hash, root != NULL);
    }
    return !is_known || root;
}
