/* SPDX-License-Identifier: Apache-2.0 */
/* Change notifications: what the core's own changes report. */
#pragma once

#include "vfs/core.h"
#include "vfs/overlap.h"

/* Tell who watches; without a lock held. Costs next to nothing when nobody does. */
void notify_changed(struct vfs_volume *v, const char *path, uint32_t action, uint32_t filter);
/* The same of a stream. */
void notify_stream(struct vfs_volume *v, const char *path, const char *stream, uint32_t action,
                   uint32_t filter);
void notify_renamed(struct vfs_volume *v, const char *old_path, const char *new_path,
                    uint32_t filter);
/* The file of an open was modified in these respects. */
void notify_modified(struct vfs_open *o, uint32_t filter);
/* FILE_NAME or DIR_NAME (STREAM_NAME is the caller's). */
static inline uint32_t notify_name_filter(bool is_directory)
{
    return is_directory ? NOTIFY_CHANGE_DIR_NAME : NOTIFY_CHANGE_FILE_NAME;
}
/* Somebody may be watching this volume? A hint without a lock. */
static inline bool notify_is_watched(struct vfs_volume *v)
{
    /* relaxed: who starts to watch meanwhile has no claim on what happens meanwhile */
    return atomic_load_explicit(&v->watch_count, memory_order_relaxed) > 0;
}
/* ... or one that lies in it or around it? */
static inline bool notify_is_on(struct vfs_volume *v)
{
    /* relaxed: as above */
    return notify_is_watched(v) ||
           atomic_load_explicit(&v->overlap_count, memory_order_relaxed) > 0;
}
/* The open ends: its watch goes, who waits is woken. Under no lock. */
void notify_end(const struct vfs_call *call, struct vfs_open *o);
/* What is watched of one open is watched of the other, of which the next query is told that events
 * were lost. NO_MEMORY, DELETE_PENDING. Under no lock. */
NODISCARD smbkit_status notify_move(struct vfs_open *from, struct vfs_open *to);
/* The directory is being deleted: its watchers hear of it. Under no lock. */
void notify_deleting(struct vfs_node *n);
/* A directory has moved. */
void notify_dir_moved(struct vfs_volume *v, const char *old_path, const char *new_path);
/* To this volume's watchers only; and to those at or below path, that events were lost. */
void notify_watchers(struct vfs_volume *v, const struct overlap_event *e);
void notify_overflow(struct vfs_volume *v, const char *path);
/* The flags of a file's data, as those of a stream's. */
uint32_t notify_stream_filter(uint32_t filter);
