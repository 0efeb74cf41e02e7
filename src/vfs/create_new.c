/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1.1 Creation of a New File */
#include "base/mem.h"
#include "base/utf.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/path.h"
#include "vfs/token.h"

/* The descriptor that a new file gets: what the client gave, what the parent hands down. *sd_r
 * owned. */
static smbkit_status security_make(const struct create *c, const struct secdesc *above,
                                   uint8_t **sd_r, size_t *len_r)
{
    struct secdesc given;
    struct secdesc made;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    sd_init(&given);
    sd_init(&made);
    if (c->in->security) {
        st = sd_parse(c->in->security, c->in->security_len, &given);
    }
    if (SMBKIT_OK(st)) {
        const struct sd_inherit_in in = {.parent = above,
                                         .creator = c->in->security ? &given : NULL,
                                         .token = c->call->token,
                                         .is_directory = c->options & VFS_DIRECTORY_FILE};
        st = sd_inherit(&in, &made);
    }
    if (SMBKIT_OK(st)) {
        struct wr w = wr_new(SECURITY_BYTES_MAX);
        sd_format(&w, &made, SD_OWNER | SD_GROUP | SD_DACL | SD_SACL);
        *sd_r = wr_take(&w, len_r);
        wr_fini(&w);
        st = *sd_r ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    sd_fini(&made);
    sd_fini(&given);
    return st;
}

static smbkit_status check_new(const struct create *c)
{
    smbkit_status st = c->in->snapshot_time ? create_refuse_past(c)
                                            : volume_check_writable(c->call, c->in->volume);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (utf16_len_bytes(path_leaf(c->path)) / 2 > c->in->volume->component_max) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (c->in->means_directory && !(c->options & VFS_DIRECTORY_FILE)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID; /* [MS-FSA] 2.1.5.1 */
    }
    bool read_only = c->in->file_attributes & SMBKIT_ATTR_READONLY;
    if (read_only && (c->options & VFS_DELETE_ON_CLOSE)) {
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The maker of a file gets what he asks for. [MS-FSA] 2.1.5.1.1 */
static smbkit_status grant_new(struct create *c)
{
    /* The one right that is a privilege, not a matter of the descriptor. */
    if ((c->desired & SMBKIT_ACCESS_SYSTEM_SECURITY) &&
        !(c->call->token->privileges & TOKEN_CAN_SECURITY)) {
        return SMBKIT_STATUS_PRIVILEGE_NOT_HELD;
    }
    c->granted = (c->desired & ~SMBKIT_MAXIMUM_ALLOWED) | (c->wants_max ? SMBKIT_ALL_ACCESS : 0);
    c->granted &= c->in->access_cap;
    c->max_access = SMBKIT_ALL_ACCESS & c->in->access_cap;
    return c->granted ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

/* What is made in a compressed directory is so too. [MS-FSA] 2.1.5.1.1 */
static uint32_t inherited_attributes(const struct create *c, const struct smbkit_attr *dir)
{
    return c->options & VFS_NO_COMPRESSION || c->in->stream
               ? 0
               : dir->attributes & SMBKIT_ATTR_COMPRESSED;
}

static smbkit_status plugin_create(struct create *c, const struct smbkit_attr *dir,
                                   const uint8_t *sd, size_t sd_len)
{
    bool is_directory = c->options & VFS_DIRECTORY_FILE;
    const struct smbkit_create how = {
        .struct_size = sizeof(how),
        .disposition = SMBKIT_CREATE,
        .path = c->path,
        .kind = is_directory ? SMBKIT_KIND_DIRECTORY : SMBKIT_KIND_FILE,
        .access = c->granted,
        .attributes = create_attributes(c, is_directory) | inherited_attributes(c, dir),
        .flags = c->options & VFS_WRITE_THROUGH ? SMBKIT_CREATE_WRITE_THROUGH : 0,
        .alloc_size = is_directory ? 0 : c->in->alloc_size,
        .security = {.base = sd, .len = (uint32_t)sd_len},
        .ea = create_eas(c),
    };
    c->f = (struct door_file){.volume = c->in->volume};
    smbkit_status st = door_create(c->call, &c->f, &how, &c->attr);
    c->has_file = SMBKIT_OK(st);
    return st;
}

/* The name is this create's alone until the claim is given: nobody makes another of it, in the same
 * letters or in others. OBJECT_NAME_COLLISION: somebody was quicker; look again. */
static smbkit_status claim_new(struct create *c, const char *parent, const struct smbkit_attr *dir)
{
    struct vfs_volume *v = c->in->volume;
    const char *leaf = path_leaf(c->path);
    c->parent = file_key_of(dir);
    c->knows_parent = true;
    smbkit_status st = claim_take(&c->claim, c->call, v->nodes, &c->parent, leaf);
    if (SMBKIT_OK(st) && v->names) {
        st = names_check_free(c->call, v, parent, leaf, c->free_as_of);
        c->again = st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    return st;
}

/* Everything but the plugin's part. *sd_r is owned. */
static smbkit_status prepare_new(struct create *c, struct smbkit_attr *dir_r, uint8_t **sd_r,
                                 size_t *len_r)
{
    struct vfs_volume *v = c->in->volume;
    CLEANUP_MEM char *parent = path_parent(c->path);
    if (!parent) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct access_parent dir;
    smbkit_status st =
        access_check_parent(c->call, v, parent, c->options & VFS_DIRECTORY_FILE, &dir);
    c->is_refused = st == SMBKIT_STATUS_ACCESS_DENIED;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *dir_r = dir.attr;
    st = grant_new(c);
    if (SMBKIT_OK(st)) {
        st = claim_new(c, parent, &dir.attr);
    }
    if (SMBKIT_OK(st) && (v->features & SMBKIT_FEATURE_SECURITY)) {
        st = security_make(c, &dir.sd, sd_r, len_r);
    }
    sd_fini(&dir.sd);
    return st;
}

smbkit_status create_new(struct create *c)
{
    struct vfs_volume *v = c->in->volume;
    CLEANUP_MEM uint8_t *sd = NULL;
    size_t sd_len = 0;
    struct smbkit_attr dir;
    smbkit_status st = check_new(c);
    if (SMBKIT_OK(st)) {
        st = prepare_new(c, &dir, &sd, &sd_len);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct names_change change;
    names_before(c->call, v, c->path, &dir, &change);
    st = plugin_create(c, &dir, sd, sd_len);
    names_after(c->call, v, &change, SMBKIT_OK(st) ? NAMES_ADDED : NAMES_NOTHING, c->path);
    if (SMBKIT_OK(st) && journal_once(c->call)) {
        bool is_directory = c->attr.attributes & SMBKIT_ATTR_DIRECTORY;
        notify_changed(v, c->path, NOTIFY_ADDED, notify_name_filter(is_directory));
        const struct dirlease_cause by = {.parent = c->has_parent ? c->parent_lease : NULL};
        dirlease_changed(v, c->path, &by);
    }
    return st;
}
