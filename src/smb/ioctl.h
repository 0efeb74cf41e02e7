/* SPDX-License-Identifier: Apache-2.0 */
/* The control codes of IOCTL: a handler each, in ioctl_*.c by what they are about; one table, in
 * cmd_ioctl.c. [MS-SMB2] 3.3.5.15, [MS-FSCC] 2.3 */
#pragma once

#include "smb/command.h"
#include "smb/limits.h"
#include "smb/negotiate.h"
#include "smb/reply.h"
#include "vfs/fsctl.h"
#include "wire/fsctl.h"
#include "wire/ioctl.h"

/* An IOCTL whose code is about the connection alone: it needs no session and no tree. Only test
 * codes are, and only where the configuration allows them. */
bool smb_ioctl_is_bare(const struct smb_request *r);

/* Writes the output buffer's bytes to w, at most req->max_output_response; r->open is there where
 * the table says so. Answers as a command's handler does. */
typedef smbkit_status (*fsctl_fn)(struct smb_request *r, const struct smb2_ioctl_req *req,
                                  struct wr *w);
#define FSCTL_FN(name)                                                                             \
    smbkit_status name(struct smb_request *r, const struct smb2_ioctl_req *req, struct wr *w)

/* ioctl_conn.c: the connection and the server */
FSCTL_FN(fsctl_validate_negotiate);
FSCTL_FN(fsctl_interfaces);
/* ioctl_dfs.c */
FSCTL_FN(fsctl_dfs_referrals);
FSCTL_FN(fsctl_dfs_referrals_ex);
/* ioctl_pipe.c */
FSCTL_FN(fsctl_pipe_transceive);
FSCTL_FN(fsctl_pipe_peek);
FSCTL_FN(fsctl_pipe_wait);
/* ioctl_open.c */
FSCTL_FN(fsctl_request_resiliency);
/* ioctl_copy.c */
FSCTL_FN(fsctl_resume_key);
FSCTL_FN(fsctl_copychunk);
FSCTL_FN(fsctl_copychunk_write);
FSCTL_FN(fsctl_duplicate_extents);
FSCTL_FN(fsctl_duplicate_extents_ex);
/* ioctl_offload.c */
FSCTL_FN(fsctl_offload_read);
FSCTL_FN(fsctl_offload_write);
/* ioctl_space.c */
FSCTL_FN(fsctl_set_sparse);
FSCTL_FN(fsctl_set_zero_data);
FSCTL_FN(fsctl_query_allocated_ranges);
FSCTL_FN(fsctl_file_level_trim);
FSCTL_FN(fsctl_get_compression);
FSCTL_FN(fsctl_set_compression);
FSCTL_FN(fsctl_query_file_regions);
FSCTL_FN(fsctl_get_ntfs_volume_data);
/* ioctl_test.c: smbtorture's own, where the configuration allows them */
FSCTL_FN(fsctl_test_ioctl_padding);
FSCTL_FN(fsctl_test_read_padding);
FSCTL_FN(fsctl_test_sleep);
FSCTL_FN(fsctl_test_unacked);
/* ioctl_meta.c: what else a file has */
FSCTL_FN(fsctl_create_or_get_object_id);
FSCTL_FN(fsctl_get_object_id);
FSCTL_FN(fsctl_set_object_id);
FSCTL_FN(fsctl_set_object_id_extended);
FSCTL_FN(fsctl_delete_object_id);
FSCTL_FN(fsctl_get_reparse_point);
FSCTL_FN(fsctl_set_reparse_point);
FSCTL_FN(fsctl_delete_reparse_point);
/* ioctl_snap.c: previous versions. Takes the component "@GMT-YYYY.MM.DD-HH.MM.SS" out of a path;
 * the moment that it says (FILETIME), 0: there is none. */
uint64_t smb_snapshot_take(char *path);
FSCTL_FN(fsctl_enumerate_snapshots);
