/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter bad breaks, one word each; see bad.c. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include <smbkit/filter.h>

#define FAULTS(X)                                                                                  \
    X(none)                                                                                        \
    X(short_read)                                                                                  \
    X(past_end)                                                                                    \
    X(short_write)                                                                                 \
    X(lost_write)                                                                                  \
    X(append_at)                                                                                   \
    X(wrong_id)                                                                                    \
    X(one_id)                                                                                      \
    X(stale_size)                                                                                  \
    X(dirty_hole)                                                                                  \
    X(attr_room)                                                                                   \
    X(directory_bit)                                                                               \
    X(time_rounded)                                                                                \
    X(time_stands)                                                                                 \
    X(sets_all)                                                                                    \
    X(wrong_error)                                                                                 \
    X(wrong_path_error)                                                                            \
    X(opens_makes)                                                                                 \
    X(no_collision)                                                                                \
    X(wrong_kind)                                                                                  \
    X(removes_full)                                                                                \
    X(rename_replaces)                                                                             \
    X(lost_name)                                                                                   \
    X(twice_name)                                                                                  \
    X(cookie_zero)                                                                                 \
    X(cookie_off)                                                                                  \
    X(ignores_full)                                                                                \
    X(stale_list)                                                                                  \
    X(keeps_writes)                                                                                \
    X(leaks_descriptor)                                                                            \
    X(forgets_thread)                                                                              \
    X(takes_all_arguments)                                                                         \
    X(says_nothing)                                                                                \
    X(bad_status)                                                                                  \
    X(double_complete)                                                                             \
    X(nowait_acts)                                                                                 \
    X(ignores_nowait)                                                                              \
    X(ignores_sync)                                                                                \
    X(cancel_error)                                                                                \
    X(never_completes)                                                                             \
    X(never_returns)                                                                               \
    X(keeps_bytes)                                                                                 \
    X(trims_more)                                                                                  \
    X(allocate_grows)                                                                              \
    X(lost_range)                                                                                  \
    X(sparse_lies)                                                                                 \
    X(compression_lies)                                                                            \
    X(wrong_fd)                                                                                    \
    X(short_copy)                                                                                  \
    X(clone_lies)                                                                                  \
    X(lost_stream)                                                                                 \
    X(stream_id)                                                                                   \
    X(keeps_streams)                                                                               \
    X(lost_ea)                                                                                     \
    X(lost_security)                                                                               \
    X(created_plain)                                                                               \
    X(lost_reparse)                                                                                \
    X(lost_object)                                                                                 \
    X(quota_loops)                                                                                 \
    X(quota_forgets)                                                                               \
    X(id_forgotten)                                                                                \
    X(one_watch)                                                                                   \
    X(grants_all)                                                                                  \
    X(refuses_ack)                                                                                 \
    X(lost_root)                                                                                   \
    X(never_current)                                                                               \
    X(knows_codes)                                                                                 \
    X(knows_commands)                                                                              \
    X(oldest_first)                                                                                \
    X(overruns)                                                                                    \
    X(attributes_lost)                                                                             \
    X(created_bare)                                                                                \
    X(stream_stays)                                                                                \
    X(lock_refused)                                                                                \
    X(grants_more)                                                                                 \
    X(bad_owner)                                                                                   \
    X(shallow)                                                                                     \
    X(few_opens)                                                                                   \
    X(case_collides)                                                                               \
    X(pattern_loses)                                                                               \
    X(wants_attributes)                                                                            \
    X(ends_cancelled)                                                                              \
    X(leaks_files)                                                                                 \
    X(minds_case)                                                                                  \
    X(wrong_info)                                                                                  \
    X(wrong_path)                                                                                  \
    X(check_removes)                                                                               \
    X(once_only)

enum {
#define FAULT_ID(name) BREAKS_##name,
    FAULTS(FAULT_ID)
};

struct bad {
    struct smbkit_next *next;
    uint32_t breaks;
    atomic_uint calls;
    atomic_uint opens; /* now */
    int null;          /* a descriptor, or -1 */
};

static inline bool is(const struct bad *b, uint32_t fault)
{
    return b->breaks == fault;
}

/* Attributes as they are told wrongly. */
void bad_spoil(struct bad *b, struct smbkit_attr *attr);

/* In bad_volume.c: the other sides of a volume. */
#define BAD_VOLUME(X)                                                                              \
    X(get_quota, struct smbkit_quota)                                                              \
    X(set_quota, const struct smbkit_quota)                                                        \
    X(session_root, struct smbkit_session_root)                                                    \
    X(reconfigure, struct smbkit_reconfigure)                                                      \
    X(control, struct smbkit_control)                                                              \
    X(snapshots, struct smbkit_snapshots)
#define BAD_VOLUME_PROTOTYPE(name, type)                                                           \
    smbkit_status bad_##name(void *volume, struct smbkit_op *op, type *a);
BAD_VOLUME(BAD_VOLUME_PROTOTYPE)

/* In bad_data.c: data, attributes, space, and what else a file has; from watch on in
 * bad_volume.c. */
#define BAD_DATA(X)                                                                                \
    X(read, struct smbkit_io)                                                                      \
    X(write, struct smbkit_io)                                                                     \
    X(set_size, const struct smbkit_size)                                                          \
    X(getattr, struct smbkit_attr)                                                                 \
    X(setattr, const struct smbkit_attr)                                                           \
    X(overwrite, struct smbkit_overwrite)                                                          \
    X(allocate, const struct smbkit_size)                                                          \
    X(zero_range, const struct smbkit_span)                                                        \
    X(trim, const struct smbkit_span)                                                              \
    X(ranges, struct smbkit_ranges)                                                                \
    X(copy_range, struct smbkit_copy)                                                              \
    X(clone_range, struct smbkit_copy)                                                             \
    X(file_fd, struct smbkit_file_fd)                                                              \
    X(streams, struct smbkit_sink)                                                                 \
    X(set_ea, const struct smbkit_set_ea)                                                          \
    X(set_security, const struct smbkit_set_security)                                              \
    X(set_reparse, const struct smbkit_set_reparse)                                                \
    X(set_sparse, const struct smbkit_value)                                                       \
    X(get_compression, struct smbkit_value)                                                        \
    X(object_id, struct smbkit_object_id)                                                          \
    X(watch, const struct smbkit_watch)                                                            \
    X(cache_request, struct smbkit_cache)                                                          \
    X(cache_ack, const struct smbkit_cache)                                                        \
    X(ioctl, struct smbkit_ioctl)                                                                  \
    X(lock, const struct smbkit_lock)                                                              \
    X(access_check, struct smbkit_access)                                                          \
    X(get_security, struct smbkit_get_security)
#define BAD_PROTOTYPE(name, type)                                                                  \
    smbkit_status bad_##name(void *volume, struct smbkit_op *op, void *file, type *a);
BAD_DATA(BAD_PROTOTYPE)
smbkit_status bad_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a);
