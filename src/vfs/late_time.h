/* SPDX-License-Identifier: Apache-2.0 */
/* Write times as Windows told them up to Server 2016 (VFS_LATE_TIMES): a write is noted on its
 * handle, and the file's write time is told as it was for two seconds, or until a flush or a change
 * of sizes, times or attributes brings it up. What the handle writes after it was brought up is
 * told when the handle is closed, as of then. The plugin has the time of the last write all the
 * while; listings and other ways to the file show that.
 *
 * Without the habit a write is told at once, as [MS-FSA] 2.1.4.17 and later Windows have it. */
#pragma once

#include "vfs/core.h"

#define LATE_TIME_US 2000000u
/* What a file system's own clock may be behind by (Linux: 4 ms as a rule): the time at a close is
 * not to lie before it. */
#define LATE_TICK_US 10000u

/* Before a write by the open: keep the time that is told. WOULD_BLOCK ... */
NODISCARD smbkit_status late_time_hold(const struct vfs_call *call, struct vfs_open *o);
/* It has written. */
void late_time_written(struct vfs_open *o);
/* What is to be told of the open's file. */
void late_time_dress(struct vfs_open *o, struct smbkit_attr *attr);
/* Everything is told from now on. */
void late_time_show(struct vfs_open *o);
/* The open is being closed: its writes are told, as of now. WOULD_BLOCK: again where it may wait.
 */
NODISCARD smbkit_status late_time_close(const struct vfs_call *call, struct vfs_open *o);
