/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/ea.h"
#include "vfs/rules.h"

/* Bits that no right has, [MS-FSA] 2.1.5.1. */
#define ACCESS_RESERVED 0x0ce0fe00u
/* [MS-SMB2] 2.2.13 knows options up to here. */
#define OPTIONS_KNOWN 0x00ffffffu
#define OPTION_CREATE_TREE_CONNECTION 0x00000080u
/* Refused by name, [MS-SMB2] 3.3.5.9. */
#define OPTIONS_UNSUPPORTED                                                                        \
    (VFS_OPEN_BY_FILE_ID | VFS_RESERVE_OPFILTER | OPTION_CREATE_TREE_CONNECTION)
/* What [MS-FSCC] 2.6 does not have: 0x8 was the volume label, 0x40 a device. */
#define ATTRIBUTES_INVALID 0xfff50048u

static smbkit_status check_options(const struct vfs_create_in *in, uint32_t disposition)
{
    uint32_t o = in->options;
    if (o & ~OPTIONS_KNOWN) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (o & OPTIONS_UNSUPPORTED) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (in->means_directory && (o & VFS_NON_DIRECTORY_FILE)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID; /* [MS-FSA] 2.1.5.1 */
    }
    if (o & VFS_DIRECTORY_FILE) {
        if (o & VFS_NON_DIRECTORY_FILE) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        if (disposition != SMBKIT_OPEN && disposition != SMBKIT_CREATE &&
            disposition != SMBKIT_OPEN_IF) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        if (in->file_attributes & SMBKIT_ATTR_TEMPORARY && disposition != SMBKIT_OPEN) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check_access(const struct create *c)
{
    const struct vfs_create_in *in = c->in;
    if ((c->options & VFS_DELETE_ON_CLOSE) &&
        !(c->desired & (SMBKIT_DELETE | SMBKIT_MAXIMUM_ALLOWED))) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    bool appends_only = (c->desired & SMBKIT_APPEND_DATA) && !(c->desired & SMBKIT_WRITE_DATA);
    if (appends_only && (c->options & VFS_NO_INTERMEDIATE_BUFFERING) && !c->wants_max) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (c->desired & ~SMBKIT_MAXIMUM_ALLOWED & ~in->access_cap) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    bool is_writable = SMBKIT_OK(volume_check_writable(c->call, in->volume));
    if (!is_writable && (c->desired & ACCESS_WRITES)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* On a volume that has no streams a colon stands in no name, not even before $DATA. */
static smbkit_status check_stream(const struct create *c)
{
    const struct vfs_create_in *in = c->in;
    if ((in->stream || in->means_data) && (c->options & VFS_DIRECTORY_FILE)) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    bool has_streams = in->volume->features & SMBKIT_FEATURE_STREAMS;
    if (!in->stream) {
        return has_streams || !in->means_data ? SMBKIT_STATUS_SUCCESS
                                              : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    return has_streams ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_INVALID;
}

smbkit_status create_check(struct create *c)
{
    const struct vfs_create_in *in = c->in;
    uint32_t d = in->disposition;
    /* [MS-FSA] 2.1.5.1 has this before all that is an invalid parameter. */
    if (in->desired_access == 0 || (in->desired_access & ACCESS_RESERVED)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (d > SMBKIT_OVERWRITE_IF || in->share_access > 7 ||
        (in->file_attributes & ATTRIBUTES_INVALID)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (in->file && (d != SMBKIT_OPEN || in->snapshot_time)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    c->options = in->options;
    c->overwrites = d == SMBKIT_SUPERSEDE || d == SMBKIT_OVERWRITE || d == SMBKIT_OVERWRITE_IF;
    c->creates = d != SMBKIT_OPEN && d != SMBKIT_OVERWRITE && !in->is_root;
    c->desired = sd_map_generic(in->desired_access);
    c->wants_max = c->desired & SMBKIT_MAXIMUM_ALLOWED;
    smbkit_status st = check_options(in, d);
    if (SMBKIT_OK(st) && in->snapshot_time) {
        st = create_check_snapshot(c);
    }
    if (SMBKIT_OK(st)) {
        st = check_access(c);
    }
    if (SMBKIT_OK(st)) {
        st = check_stream(c);
    }
    if (SMBKIT_OK(st)) {
        st = rules_check_path(in->volume, in->path);
    }
    if (SMBKIT_OK(st) && in->ea_len > 0 && c->creates &&
        !(in->volume->features & SMBKIT_FEATURE_EAS)) {
        st = SMBKIT_STATUS_EAS_NOT_SUPPORTED;
    }
    if (SMBKIT_OK(st) && c->creates) {
        st = ea_check_names(in->ea, in->ea_len);
    }
    if (SMBKIT_OK(st) && (c->options & VFS_NO_EA_KNOWLEDGE) && in->ea_len > 0) {
        st = SMBKIT_STATUS_ACCESS_DENIED; /* [MS-FSA] 2.1.5.1 */
    }
    /* Where making a file may block there is no use in a look without blocking before it. */
    bool only_creates = in->disposition == SMBKIT_CREATE;
    if (SMBKIT_OK(st) && only_creates && c->call->nowait && !in->volume->never_blocks) {
        st = SMBKIT_STATUS_WOULD_BLOCK;
    }
    return st;
}

smbkit_status create_check_existing(const struct create *c)
{
    const struct vfs_create_in *in = c->in;
    uint32_t has = c->attr.attributes;
    bool is_directory = has & SMBKIT_ATTR_DIRECTORY;
    if (in->means_directory && !is_directory) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID; /* [MS-FSA] 2.1.5.1 */
    }
    if (in->disposition == SMBKIT_CREATE && !c->makes_stream) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (is_directory && in->means_data) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    if (is_directory && !in->stream) {
        if (c->options & VFS_NON_DIRECTORY_FILE) {
            return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
        }
        if (c->overwrites) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        /* A root stays. */
        bool is_root = !c->path[0] || in->is_root;
        return is_root && (c->options & VFS_DELETE_ON_CLOSE) ? SMBKIT_STATUS_CANNOT_DELETE
                                                             : SMBKIT_STATUS_SUCCESS;
    }
    if (c->options & VFS_DIRECTORY_FILE) {
        return SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    if (has & SMBKIT_ATTR_READONLY) {
        if (c->options & VFS_DELETE_ON_CLOSE) {
            return SMBKIT_STATUS_CANNOT_DELETE;
        }
        if (c->overwrites || (c->desired & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA))) {
            return SMBKIT_STATUS_ACCESS_DENIED;
        }
    }
    if (c->makes_stream) {
        return volume_check_writable(c->call, in->volume);
    }
    if (c->overwrites) {
        /* [MS-FSA] 2.1.5.1.2: who overwrites a hidden or system file must say that he knows it. */
        uint32_t keep = has & (SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_SYSTEM);
        if (keep & ~in->file_attributes) {
            return SMBKIT_STATUS_ACCESS_DENIED;
        }
        return volume_check_writable(c->call, in->volume);
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status create_check_ea_knowledge(const struct create *c)
{
    bool asks = (c->options & VFS_NO_EA_KNOWLEDGE) && !c->in->stream &&
                (c->in->volume->features & SMBKIT_FEATURE_EAS);
    CLEANUP_MEM uint8_t *list = NULL;
    size_t len = 0;
    smbkit_status st = asks ? door_get_ea(c->call, &c->f, &list, &len) : SMBKIT_STATUS_SUCCESS;
    return SMBKIT_OK(st) && vfs_ea_is_needed(list, len) ? SMBKIT_STATUS_ACCESS_DENIED : st;
}

struct smbkit_bytes create_eas(const struct create *c)
{
    bool has = c->in->ea_len > 0 && !c->in->stream;
    return (struct smbkit_bytes){.base = has ? c->in->ea : NULL,
                                 .len = has ? (uint32_t)c->in->ea_len : 0};
}

uint32_t create_attributes(const struct create *c, bool is_directory)
{
    uint32_t a = c->in->file_attributes & SMBKIT_ATTR_SETTABLE;
    /* [MS-FSA] 2.1.5.1.1: a new or overwritten file is one to be archived. */
    return is_directory ? (a & ~SMBKIT_ATTR_TEMPORARY) | SMBKIT_ATTR_DIRECTORY
                        : a | SMBKIT_ATTR_ARCHIVE;
}
