/* SPDX-License-Identifier: Apache-2.0 */
/* Change notifications: what the core's own changes report. */
#pragma once

#include "vfs/core.h"

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
/* The directory is being deleted: its watchers hear of it. Under no lock. */
void notify_deleting(struct vfs_node *n);
/* A directory has moved. */
void notify_dir_moved(struct vfs_volume *v, const char *old_path, const char *new_path);
/* What a plugin reports: smbkit_tell. */
void notify_event(struct vfs_volume *v, const struct smbkit_event *event);
