/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas over the wire: QUERY_INFO and SET_INFO with SMB2_0_INFO_QUOTA, FileFsControlInformation,
 * and the file that Windows asks by. [MS-SMB2] 3.3.5.20.4, 3.3.5.21.4
 *
 * All of it is the administrators'; everybody is told of the own quota when asking for that SID. */
#pragma once

#include "smb/request.h"
#include "wire/fscc_fs.h"
#include "wire/query_info.h"
#include "wire/set_info.h"

/* FILE_QUOTA_INFORMATION of the SIDs that are named, or of the next ones of the open's scan.
 * NOT_SUPPORTED, ACCESS_DENIED, NO_MORE_ENTRIES, BUFFER_TOO_SMALL, INVALID_PARAMETER. */
NODISCARD smbkit_status smb_quota_query(struct smb_request *r,
                                        const struct smb2_query_info_req *req);
NODISCARD smbkit_status smb_quota_set(struct smb_request *r, struct wire_slice list);

/* The volume's defaults, and whether quotas are kept: those of a volume without any are off. */
NODISCARD smbkit_status smb_quota_control_get(struct smb_request *r, struct fscc_fs_control *out);
NODISCARD smbkit_status smb_quota_control_set(struct smb_request *r,
                                              const struct fscc_fs_control *control);

/* Of the volume's size, what the caller's own quota leaves him, where limits are heeded. [MS-FSCC]
 * 2.5.4, 2.5.8 */
NODISCARD smbkit_status smb_quota_bound(struct smb_request *r, struct smbkit_volume_info *v);

/* The file by which NTFS has its quotas opened (vfs_path.means_quota): the volume's root, of which
 * nothing can be had but these. ACCESS_DENIED; OBJECT_NAME_NOT_FOUND: the volume has no quotas. */
NODISCARD smbkit_status smb_quota_open_as(struct smb_request *r, struct vfs_create_in *in);
/* What is told of it, whatever is behind. */
void smb_quota_attr(struct smbkit_attr *attr);
