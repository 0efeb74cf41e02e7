/* SPDX-License-Identifier: Apache-2.0 */
/* DFS: shares that are roots of a stand-alone namespace ("msdfs root"), and the links in them, as
 * Samba's users make them: symbolic links whose target is msdfs:server\share[\path], or several of
 * these with commas between. Whatever plugin has them; nobody follows them but clients, who ask
 * where they lead (ioctl_dfs.c). [MS-DFSC] */
#pragma once

#include "base/wr.h"
#include "smb/request.h"

#define SMB_DFS_TARGETS_MAX 256 /* of a link: those behind them are not told */
#define SMB_DFS_TTL_SEC 600     /* how long clients may go by a referral; Samba's */

/* server\share[\path], after any number of backslashes. All point into the text. */
struct smb_dfs_path {
    const char *server, *share;
    size_t server_len, share_len; /* 0: it is not named */
    const char *rest;             /* below the share: "", or without a leading backslash */
};
struct smb_dfs_path smb_dfs_path_split(const char *path);
/* Bytes up to the next backslash or the end. */
size_t smb_dfs_component_len(const char *p);
/* What the name of a CREATE with SMB2_FLAGS_DFS_OPERATIONS, server\share\path, says that is below
 * that share; the whole of a name of another form. Points into name. [MS-SMB2] 3.3.5.9 */
const char *smb_dfs_name_below(const char *name, const char *share);
/* The same of the request's name, if that is a DFS path: a client goes by what it was told when it
 * connected, whatever has become of the share. Points into name. */
const char *smb_dfs_name_in_share(const struct smb_request *r, const char *name);
/* Does the request ask for links where the share has such? */
bool smb_dfs_is_asked(const struct smb_request *r);

struct smb_dfs_link {
    char *text;                               /* owned: what targets point into */
    const char *targets[SMB_DFS_TARGETS_MAX]; /* \server\share[\path], in the order given */
    size_t count;
};
/* Is that REPARSE_DATA_BUFFER such a link? Needs smb_dfs_link_fini when it is. Errors: NOT_FOUND
 * (it is none), INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_dfs_link_parse(const struct wr *reparse, struct smb_dfs_link *out);
void smb_dfs_link_fini(struct smb_dfs_link *l);
NODISCARD smbkit_status smb_dfs_is_link(const struct wr *reparse); /* likewise */
/* In a listing such a link is a directory that is elsewhere. For vfs_dir_query.link. */
void smb_dfs_show_link(void *arg, const struct wr *reparse, struct smbkit_attr *attr);
