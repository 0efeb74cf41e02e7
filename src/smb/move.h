/* SPDX-License-Identifier: Apache-2.0 */
/* One open on its way to another volume: replace.c has all of a share's go. One caller at a time,
 * on a thread that may block. */
#pragma once

#include "smb/open.h"

/* GONE: it ends already, or is not shown. BUSY: requests are at work; w is woken when they are not.
 * RESTS: it is the caller's alone. But for GONE none begins from now on until smb_open_thaw. */
enum smb_freeze { SMB_FREEZE_GONE, SMB_FREEZE_BUSY, SMB_FREEZE_RESTS };
NODISCARD enum smb_freeze smb_open_freeze(struct smb_open *o, struct vfs_wait *w);
/* Who waits looks again. */
void smb_open_thaw(struct smb_open *o);

/* What takes no part in a move, or is the share's no more, has no place. */
enum smb_place { SMB_PLACE_NONE, SMB_PLACE_RESERVED, SMB_PLACE_SHOWN, SMB_PLACE_KEPT };
/* Where the open of a file is in the share, unless it is of volume v already. */
enum smb_place smb_open_place(struct smb_open *o, const struct smb_share *share,
                              const struct vfs_volume *v);
/* Does it wait for its client by what it caches, which it cannot do without that? */
bool smb_open_waits_by_cache(struct smb_open *o);
/* RESERVED: it ends when it is shown. false: it is shown by now. */
bool smb_open_mark_stale(struct smb_open *o);

/* What it is owner's; a reference, NULL: it ends. */
NODISCARD struct vfs_token *smb_open_token(struct smb_open *o);
struct smb_move_how {
    struct vfs_volume *volume; /* where to */
    struct vfs_wait *wait;
    bool asks_locks;            /* a trial has the plugin asked for the locks as well */
    bool (*is_late)(void *arg); /* as in struct vfs_move */
    void *late_arg;
};
/* Could it go there? Any error: no. WAIT: somebody there is to give up what he caches; wait is
 * woken. */
NODISCARD smbkit_status smb_open_move_try(struct smb_open *o, const struct smb_move_how *how);
/* It goes, and its file in the old volume is closed; later if others are at it. RESTS. Any error:
 * it has not gone. WAIT: as above. */
NODISCARD smbkit_status smb_open_move(struct smb_open *o, const struct smb_move_how *how);
