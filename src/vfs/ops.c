/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/ops.h"

#include "base/log.h"
#include "base/mem.h"
#include "vfs/emulate.h"
#include "vfs/layer.h"

#define LOG_MODULE LOG_PLUGIN

#define CALL(kind, name, type)                                                                     \
    static smbkit_status call_##name(const struct smbkit_plugin *p, void *volume,                  \
                                     struct smbkit_op *op, void *file, void *args)                 \
    {                                                                                              \
        (void)file;                                                                                \
        return p->name(volume, op, SMBKIT_FILE_ARG_##kind(type *) args);                           \
    }
SMBKIT_OPERATIONS(CALL)

/* ---- what may be answered ---- */

static smbkit_status check_volume_info(struct layer *l, void *args, smbkit_status st)
{
    struct smbkit_volume_info *info = args;
    (void)l;
    info->label[sizeof(info->label) - 1] = 0;
    info->fs_name[sizeof(info->fs_name) - 1] = 0;
    return st;
}

/* A plugin without state of its own may well have a file of NULL. */
static smbkit_status check_create(struct layer *l, void *args, smbkit_status st)
{
    const struct smbkit_create *a = args;
    unsigned times = !SMBKIT_OK(st) && a->file ? layer_fault(l, FAULT_FILE) : 0;
    if (times > 0) {
        log_error(NULL, "plugin_file_with_error plugin=%s status=%s times=%u", l->plugin->name,
                  smbkit_status_name(st), times);
    }
    return st;
}

static void clear_io(void *args)
{
    const struct smbkit_io *io = args;
    if (io->buffer) {
        mem_zero(io->buffer, io->length);
    }
}

static smbkit_status check_io(struct layer *l, void *args, smbkit_status st)
{
    const struct smbkit_io *io = args;
    const struct vfs_io *v = io->core;
    bool fits = io->done <= io->length;
    /* What was given is all there is: nothing may be sent from behind it. */
    if (!SMBKIT_OK(st) || (fits && (!v || v->given_count == 0 || io->done == vfs_io_given(v)))) {
        return st;
    }
    unsigned times = layer_fault(l, FAULT_IO);
    if (times > 0) {
        log_error(NULL, "plugin_io_too_long plugin=%s done=%u length=%u times=%u", l->plugin->name,
                  io->done, io->length, times);
    }
    return SMBKIT_STATUS_INTERNAL_ERROR;
}

static smbkit_status check_ranges(struct layer *l, void *args, smbkit_status st)
{
    struct smbkit_ranges *r = args;
    if (r->count <= r->room) {
        return st;
    }
    unsigned times = layer_fault(l, FAULT_RANGES);
    if (times > 0) {
        log_error(NULL, "plugin_ranges_too_many plugin=%s times=%u", l->plugin->name, times);
    }
    r->count = 0;
    return SMBKIT_STATUS_INTERNAL_ERROR;
}

static smbkit_status check_snapshots(struct layer *l, void *args, smbkit_status st)
{
    struct smbkit_snapshots *a = args;
    if (a->count <= a->room) {
        return st;
    }
    unsigned times = layer_fault(l, FAULT_RANGES);
    if (times > 0) {
        log_error(NULL, "plugin_snapshots_too_many plugin=%s times=%u", l->plugin->name, times);
    }
    a->count = 0;
    return SMBKIT_STATUS_INTERNAL_ERROR;
}

/* ---- the rows ---- */

#define IS_FILE_VOLUME false
#define IS_FILE_FILE true
/* What all rows have; the rest is said below by name. */
#define ROW(kind, op, type, ...)                                                                   \
    [SMBKIT_OP_##op] = {.name = #op,                                                               \
                        .size = sizeof(type),                                                      \
                        .function = offsetof(struct smbkit_plugin, op),                            \
                        .of_file = IS_FILE_##kind,                                                 \
                        .call = call_##op,                                                         \
                        REST_##op},
#define FN(op) offsetof(struct smbkit_plugin, op)
#define S(name) SMBKIT_STATUS_##name
#define PTR(kind, type, member)                                                                    \
    {                                                                                              \
        OP_PTR_##kind, offsetof(struct type, member)                                               \
    }
#define POINTERS(...) .pointers = {__VA_ARGS__}

/* The default of each operation, and its pointers. No default: every stack has it
 * (vfs_plugin_adopt). */
#define REST_volume_info                                                                           \
    .absent = S(SUCCESS), .check = check_volume_info,                                              \
    .other_file = offsetof(struct smbkit_volume_info, file),                                       \
    POINTERS(PTR(FILE, smbkit_volume_info, file))
#define REST_create                                                                                \
    .acts = true, .absent = S(INTERNAL_ERROR), .check = check_create,                              \
    POINTERS(PTR(STRING, smbkit_create, path), PTR(STRING, smbkit_create, stream),                 \
             PTR(BYTES, smbkit_create, security), PTR(BYTES, smbkit_create, ea),                   \
             PTR(ATTR, smbkit_create, attr), PTR(BUFFER_PTR, smbkit_create, security_r))
#define REST_lookup                                                                                \
    .emulate = emulate_lookup, .hidden_by = FN(create),                                            \
    POINTERS(PTR(STRING, smbkit_lookup, path), PTR(STRING, smbkit_lookup, stream),                 \
             PTR(ATTR, smbkit_lookup, attr), PTR(BUFFER_PTR, smbkit_lookup, security_r))
#define REST_enumerate .absent = S(INTERNAL_ERROR)
#define REST_get_path .absent = S(NOT_SUPPORTED), .pointers = {{OP_PTR_BUFFER, 0}}
#define REST_rename                                                                                \
    .acts = true, .absent = S(ACCESS_DENIED),                                                      \
    POINTERS(PTR(STRING, smbkit_rename, new_path), PTR(STRING, smbkit_rename, new_stream))
#define REST_link                                                                                  \
    .acts = true, .absent = S(NOT_SUPPORTED), POINTERS(PTR(STRING, smbkit_rename, new_path))
#define REST_remove .acts = true, .absent = S(ACCESS_DENIED)
#define REST_getattr .absent = S(INTERNAL_ERROR)
#define REST_setattr .acts = true, .absent = S(ACCESS_DENIED)
#define REST_get_security .absent = S(NOT_FOUND), POINTERS(PTR(BUFFER, smbkit_get_security, buffer))
#define REST_set_security                                                                          \
    .acts = true, .absent = S(NOT_SUPPORTED), POINTERS(PTR(BYTES, smbkit_set_security, security))
#define REST_read                                                                                  \
    .absent = S(INTERNAL_ERROR), .clear = clear_io, .notes_asked = true, .check = check_io
#define REST_write                                                                                 \
    .acts = true, .writes = true, .absent = S(MEDIA_WRITE_PROTECTED), .check = check_io
#define REST_flush .absent = S(SUCCESS)
#define REST_set_size .acts = true, .writes = true, .absent = S(MEDIA_WRITE_PROTECTED)
#define REST_overwrite                                                                             \
    .acts = true, .writes = true, .emulate = emulate_overwrite,                                    \
    POINTERS(PTR(BYTES, smbkit_overwrite, ea), PTR(ATTR, smbkit_overwrite, attr))
#define REST_allocate .acts = true, .writes = true, .emulate = emulate_allocate
#define REST_zero_range .acts = true, .writes = true, .emulate = emulate_zero_range
#define REST_ranges                                                                                \
    .emulate = emulate_ranges, .check = check_ranges, .overflows = true,                           \
    POINTERS(PTR(RANGES, smbkit_ranges, out))
#define REST_watch .absent = S(SUCCESS)
#define REST_session_root                                                                          \
    .absent = S(NOT_SUPPORTED), POINTERS(PTR(BUFFER, smbkit_session_root, path))
#define REST_commit .absent = S(SUCCESS)
#define REST_file_fd .absent = S(NOT_SUPPORTED), .hidden_by = FN(read)
#define REST_trim .acts = true, .writes = true, .absent = S(SUCCESS)
#define REST_copy_range                                                                            \
    .acts = true, .writes = true, .emulate = emulate_copy_range,                                   \
    .other_file = offsetof(struct smbkit_copy, source), POINTERS(PTR(FILE, smbkit_copy, source))
#define REST_clone_range                                                                           \
    .acts = true, .writes = true, .absent = S(NOT_SUPPORTED), .hidden_by = FN(write),              \
    .other_file = offsetof(struct smbkit_copy, source), POINTERS(PTR(FILE, smbkit_copy, source))
#define REST_streams .absent = S(SUCCESS)
#define REST_get_ea .absent = S(SUCCESS), POINTERS(PTR(BUFFER, smbkit_get_ea, buffer))
#define REST_set_ea                                                                                \
    .acts = true, .absent = S(EAS_NOT_SUPPORTED), POINTERS(PTR(BYTES, smbkit_set_ea, ea))
#define REST_get_reparse                                                                           \
    .absent = S(NOT_A_REPARSE_POINT), POINTERS(PTR(BUFFER, smbkit_get_reparse, buffer))
#define REST_set_reparse                                                                           \
    .acts = true, .absent = S(NOT_SUPPORTED), POINTERS(PTR(BYTES, smbkit_set_reparse, data))
#define REST_set_sparse .acts = true, .absent = S(NOT_SUPPORTED)
#define REST_get_compression .absent = S(SUCCESS)
#define REST_set_compression .acts = true, .absent = S(NOT_SUPPORTED)
#define REST_object_id .acts = true, .absent = S(NOT_SUPPORTED)
#define REST_snapshots                                                                             \
    .absent = S(SUCCESS), .check = check_snapshots, POINTERS(PTR(TIMES, smbkit_snapshots, times))
#define REST_get_quota                                                                             \
    .absent = S(NOT_SUPPORTED),                                                                    \
    POINTERS(PTR(BYTES, smbkit_quota, sid), PTR(BUFFER, smbkit_quota, sid_r))
#define REST_set_quota                                                                             \
    .acts = true, .absent = S(NOT_SUPPORTED), POINTERS(PTR(BYTES, smbkit_quota, sid))
#define REST_lock .acts = true, .absent = S(SUCCESS)
#define REST_access_check .absent = S(NOT_SUPPORTED)
#define REST_cache_request .absent = S(SUCCESS)
#define REST_cache_ack .absent = S(SUCCESS)
#define REST_reconfigure .acts = true, .absent = S(NOT_SUPPORTED), .asks_each = true
#define REST_ioctl                                                                                 \
    .acts = true, .absent = S(INVALID_DEVICE_REQUEST),                                             \
    POINTERS(PTR(BYTES, smbkit_ioctl, in), PTR(BUFFER, smbkit_ioctl, out))
#define REST_control                                                                               \
    .acts = true, .absent = S(NOT_SUPPORTED), .asks_each = true,                                   \
    POINTERS(PTR(STRING, smbkit_control, command), PTR(BUFFER, smbkit_control, text))
#define REST_check_remove .absent = S(SUCCESS), .hidden_by = FN(remove)
#define REST_refused                                                                               \
    .absent = S(SUCCESS),                                                                          \
    POINTERS(PTR(STRING, smbkit_refused, path), PTR(STRING, smbkit_refused, stream))

const struct op_row op_rows[SMBKIT_OP_COUNT] = {SMBKIT_OPERATIONS(ROW)};
