/* SPDX-License-Identifier: Apache-2.0 */
/* Times that an open has fixed, by setting them or by -1: what is done through it moves them no
 * more, until -2; what others do does. [MS-FSCC] 2.4.7, [MS-FSA] 2.1.4.17, 2.1.4.19, 2.1.5.15.2
 *
 * Plugins know nothing of it: such a time is looked at before a change through the open, and put
 * back after it, by calls that are awaited where they are made. The creation time moves by itself
 * for nobody. */
#pragma once

#include "vfs/core.h"

/* What is moved by what is done. */
#define KEPT_BY_DATA (SMBKIT_HAS_ACCESS_TIME | SMBKIT_HAS_WRITE_TIME | SMBKIT_HAS_CHANGE_TIME)
#define KEPT_BY_META SMBKIT_HAS_CHANGE_TIME
#define KEPT_BY_READ SMBKIT_HAS_ACCESS_TIME

/* Before something is done that moves `which`: what the open keeps of them is what it is now, maybe
 * by others' doings. WOULD_BLOCK: it keeps some, and putting them back is not for an event loop. */
NODISCARD smbkit_status kept_time_note(const struct vfs_call *call, struct vfs_open *o,
                                       uint32_t which);
/* It was done. Any thread; calls no plugin. */
void kept_time_touched(struct vfs_open *o, uint32_t which);
/* A transfer goes to the plugin, and has come back, touched or not: what it moves is none to be
 * kept in between. */
void kept_time_transfer_begin(struct vfs_open *o, enum door_io_kind kind);
void kept_time_transfer_end(struct vfs_open *o, enum door_io_kind kind);
/* Is something to be put back, which no transfer that is under way moves again? */
bool kept_time_is_due(struct vfs_open *o);
/* Put back what is due. WOULD_BLOCK: it stays due. */
smbkit_status kept_time_restore(const struct vfs_call *call, struct vfs_open *o);
/* What the plugin says of the file, as the open is told it: times that it keeps are what they will
 * be put back to. */
void kept_time_show(struct vfs_open *o, struct smbkit_attr *attr);
/* kept_time_touched and kept_time_restore, for who has noted KEPT_BY_META: if it cannot be put back
 * now, the next look at the open's file or its close does it. */
void kept_time_meta_changed(const struct vfs_call *call, struct vfs_open *o);

/* Of a request to set times: those of 0, -1 and -2 are none that it sets. */
bool kept_time_is_set(uint64_t t);
bool kept_time_is_good(uint64_t t);
/* Before its times are set (attr, *mask): those said to be kept are kept from now on, those said to
 * go on are not. A change time that is kept is set with whatever is set. */
NODISCARD smbkit_status kept_time_freeze(const struct vfs_call *call, struct vfs_open *o,
                                         const struct vfs_basic_info *b, uint32_t *mask,
                                         struct smbkit_attr *attr);
/* They were set: they stay. */
void kept_time_were_set(struct vfs_open *o, const struct vfs_basic_info *b);
