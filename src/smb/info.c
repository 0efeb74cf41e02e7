/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/info.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/quota.h"
#include "vfs/fsctl.h"
#include "vfs/stream.h"

/* ---- files ---- */

#define GATHER_ATTR 0x1u
#define GATHER_NAME 0x2u
#define GATHER_STREAMS 0x4u

/* What a class takes: access ([MS-FSA] 2.1.5.12.x) and sources. A class that is not here takes the
 * attributes and no access. */
struct info_row {
    uint8_t info_class;
    uint32_t access;
    uint32_t gather;
};

static const struct info_row rows[] = {
    {SMB2_FILE_BASIC_INFO, SMBKIT_READ_ATTRIBUTES, GATHER_ATTR},
    {SMB2_FILE_NETWORK_OPEN_INFO, SMBKIT_READ_ATTRIBUTES, GATHER_ATTR},
    {SMB2_FILE_ATTRIBUTE_TAG_INFO, SMBKIT_READ_ATTRIBUTES, GATHER_ATTR},
    {SMB2_FILE_ALL_INFO, SMBKIT_READ_ATTRIBUTES, GATHER_ATTR | GATHER_NAME},
    {SMB2_FILE_STAT_INFO, SMBKIT_READ_ATTRIBUTES, GATHER_ATTR},
    {SMB2_FILE_STAT_LX_INFO, SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_EA, GATHER_ATTR},
    {SMB2_FILE_NAME_INFO, 0, GATHER_NAME},
    {SMB2_FILE_NORMALIZED_NAME_INFO, 0, GATHER_NAME},
    {SMB2_FILE_ALTERNATE_NAME_INFO, 0, GATHER_NAME},
    {SMB2_FILE_STREAM_INFO, 0, GATHER_STREAMS},
    {SMB2_FILE_ACCESS_INFO, 0, 0},
    {SMB2_FILE_POSITION_INFO, 0, 0},
    {SMB2_FILE_MODE_INFO, 0, 0},
    {SMB2_FILE_ALIGNMENT_INFO, 0, 0},
};

static const struct info_row *find_row(uint8_t info_class)
{
    static const struct info_row other = {0, 0, GATHER_ATTR};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].info_class == info_class) {
            return &rows[i];
        }
    }
    return &other;
}

static smbkit_status gather_attr(struct smb_request *r, struct fscc_file_info *f)
{
    struct smbkit_attr a;
    smbkit_status status = vfs_getattr(&r->call, r->open->file, 0, &a);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (r->open->is_quota) {
        smb_quota_attr(&a);
    }
    f->create_time = a.create_time;
    f->access_time = a.access_time;
    f->write_time = a.write_time;
    f->change_time = a.change_time;
    f->attributes = a.attributes;
    f->allocation_size = a.alloc_size;
    f->end_of_file = a.size;
    f->compressed_size = a.size;
    f->is_delete_pending = vfs_open_is_delete_pending(r->open->file);
    f->link_count_total = a.link_count ? a.link_count : 1;
    /* A name that goes with the last close does not count any more. [MS-FSA] 2.1.5.12.27 */
    f->link_count = f->link_count_total - (f->is_delete_pending ? 1 : 0);
    f->file_id = a.file_id;
    struct wr id = wr_init(f->file_id_128, sizeof(f->file_id_128));
    wr_u64(&id, a.file_id);
    wr_u64(&id, a.file_id_high);
    f->ea_size = a.ea_size;
    f->reparse_tag = a.reparse_tag;
    return SMBKIT_STATUS_SUCCESS;
}

/* "\dir\file"; the root is "\". Normalized names are the same without the first character. */
static smbkit_status gather_name(struct smb_request *r, struct smb_file_info *out)
{
    CLEANUP_MEM char *path = vfs_open_path(&r->call, r->open->file);
    CLEANUP_MEM char *stream = vfs_open_stream(r->open->file);
    bool has_all = path && (stream || !vfs_open_is_stream(r->open->file));
    out->name =
        has_all ? str_printf("\\%s%s", smb_tree_shown(r->tree, path), stream ? ":" : "") : NULL;
    if (!out->name) {
        return r->call.nowait ? SMBKIT_STATUS_WOULD_BLOCK : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    for (char *p = out->name; *p; p++) {
        if (*p == '/') {
            *p = '\\';
        }
    }
    if (stream) {
        char *file = out->name;
        out->name = str_printf("%s%s", file, stream);
        mem_free(file);
    }
    if (!out->name) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    out->fscc.name = out->name;
    out->fscc.normalized_name = out->name + 1;
    return SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.12.3. A name that is an 8.3 name is its own alternate name, as on NTFS; others
 * have one where the share makes them. */
static smbkit_status gather_alternate(struct smb_request *r, struct smb_file_info *out)
{
    const char *leaf = out->name + 1;
    char *end = out->name;
    for (; *end && *end != ':'; end++) { /* a stream has its file's */
        leaf = *end == '\\' ? end + 1 : leaf;
    }
    *end = '\0';
    out->fscc.alternate_name = leaf;
    if (vfs_is_short_name(leaf)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    out->fscc.alternate_name = out->short_name;
    return *leaf && vfs_volume_short_name(smb_request_volume(r), leaf, out->short_name)
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

#define STREAMS_FIRST 8

/* Takes over name; NULL: no memory. */
static bool stream_add(struct smb_file_info *out, char *name, uint64_t size, uint64_t allocation)
{
    struct fscc_file_info *f = &out->fscc;
    if (name && f->stream_count == out->streams_cap) {
        size_t cap = out->streams_cap ? 2 * out->streams_cap : STREAMS_FIRST;
        struct fscc_stream *more = mem_realloc(out->streams, cap * sizeof(*more));
        out->streams = more ? more : out->streams;
        out->streams_cap = more ? cap : out->streams_cap;
    }
    if (!name || f->stream_count == out->streams_cap) {
        mem_free(name);
        return false;
    }
    out->streams[f->stream_count++] =
        (struct fscc_stream){.name = name, .size = size, .allocation_size = allocation};
    f->streams = out->streams;
    out->streams_bytes += FSCC_STREAM_FIXED_SIZE + utf16_len_bytes(name);
    return true;
}

struct stream_gather {
    struct smb_file_info *out;
    size_t output_max;
    bool no_memory;
};

static bool gather_stream(void *arg, const char *name, const struct smbkit_attr *attr)
{
    struct stream_gather *g = arg;
    if (g->out->streams_bytes > g->output_max) {
        return false;
    }
    g->no_memory = !stream_add(g->out, str_printf(":%s:$DATA", name), attr->size, attr->alloc_size);
    return !g->no_memory;
}

/* [MS-FSA] 2.1.5.12.29. The file's own data first; a directory has none. */
static smbkit_status gather_streams(struct smb_request *r, size_t output_max,
                                    struct smb_file_info *out)
{
    struct stream_gather g = {.out = out, .output_max = output_max};
    struct fscc_file_info *f = &out->fscc;
    struct smbkit_attr file;
    smbkit_status status = vfs_stream_base_getattr(&r->call, r->open->file, &file);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    bool has_data = !(file.attributes & SMBKIT_ATTR_DIRECTORY);
    f->stream_count = 0;
    if (has_data && !stream_add(out, str_dup("::$DATA"), file.size, file.alloc_size)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    status = vfs_streams(&r->call, r->open->file, gather_stream, &g);
    return g.no_memory ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : status;
}

/* Named pipes: message type, [MS-FSCC] 2.4.37, 2.4.38 */
static smbkit_status pipe_info(struct smb_request *r, uint8_t info_class, struct smb_file_info *out)
{
    struct fscc_file_info *f = &out->fscc;
    if (info_class == SMB2_FILE_NAME_INFO || info_class == SMB2_FILE_ALL_INFO) {
        out->name = str_printf("\\%s", r->open->pipe_name);
        if (!out->name) {
            return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        }
        f->name = out->name;
    }
    f->attributes = SMBKIT_ATTR_NORMAL;
    f->allocation_size = 4096;
    f->link_count = 1;
    f->is_delete_pending = true; /* as Windows tells of a pipe */
    f->pipe_read_mode = 1;
    f->pipe_type = 1;
    f->pipe_configuration = 2;
    f->pipe_instances_max = UINT32_MAX;
    f->pipe_instances = 1;
    f->pipe_inbound_quota = 4096;
    f->pipe_outbound_quota = 4096;
    f->pipe_write_quota = 4096;
    f->pipe_read_available = (uint32_t)smb_pipe_peek(r->open).available_bytes;
    f->pipe_state = 3;
    f->pipe_end = 0;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status file_info(struct smb_request *r, uint8_t info_class, size_t output_max,
                               struct smb_file_info *out)
{
    const struct info_row *row = find_row(info_class);
    struct vfs_open *file = r->open->file;
    struct fscc_file_info *f = &out->fscc;
    if (info_class == SMB2_FILE_PIPE_INFO || info_class == SMB2_FILE_PIPE_LOCAL_INFO ||
        info_class == SMB2_FILE_PIPE_REMOTE_INFO) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    f->access = vfs_open_granted_access(file);
    if ((f->access & row->access) != row->access) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    f->is_directory = vfs_open_is_directory(file);
    f->position = vfs_open_position(file);
    f->mode = vfs_open_options(file) &
              (VFS_WRITE_THROUGH | VFS_SEQUENTIAL_ONLY | VFS_NO_INTERMEDIATE_BUFFERING |
               VFS_SYNCHRONOUS_IO_ALERT | VFS_SYNCHRONOUS_IO_NONALERT | VFS_DELETE_ON_CLOSE);
    f->volume_serial = r->open->volume_serial;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (row->gather & GATHER_ATTR) {
        status = gather_attr(r, f);
    }
    if (SMBKIT_OK(status) && (row->gather & GATHER_NAME)) {
        status = gather_name(r, out);
    }
    if (SMBKIT_OK(status) && info_class == SMB2_FILE_ALTERNATE_NAME_INFO) {
        status = gather_alternate(r, out);
    }
    if (SMBKIT_OK(status) && (row->gather & GATHER_STREAMS)) {
        status = gather_streams(r, output_max, out);
    }
    return status;
}

smbkit_status smb_file_info_get(struct smb_request *r, uint8_t info_class, size_t output_max,
                                struct smb_file_info *out)
{
    *out = (struct smb_file_info){0};
    smbkit_status status = r->open->kind == SMB_OPEN_PIPE
                               ? pipe_info(r, info_class, out)
                               : file_info(r, info_class, output_max, out);
    if (!SMBKIT_OK(status)) {
        smb_file_info_fini(out);
    }
    return status;
}

void smb_file_info_fini(struct smb_file_info *info)
{
    mem_free(info->name);
    info->name = NULL;
    for (size_t i = 0; i < info->fscc.stream_count; i++) {
        mem_free((char *)(uintptr_t)info->streams[i].name);
    }
    mem_free(info->streams);
    info->streams = NULL;
    info->fscc.stream_count = 0;
}

/* ---- volumes ---- */

static const struct {
    uint32_t feature;
    uint32_t attribute;
} features[] = {
    {SMBKIT_FEATURE_READ_ONLY, SMB2_FS_READ_ONLY_VOLUME},
    {SMBKIT_FEATURE_SPARSE, SMB2_FS_SUPPORTS_SPARSE_FILES},
    {SMBKIT_FEATURE_SECURITY, SMB2_FS_PERSISTENT_ACLS},
    {SMBKIT_FEATURE_REPARSE, SMB2_FS_SUPPORTS_REPARSE_POINTS},
    {SMBKIT_FEATURE_COMPRESSION, SMB2_FS_FILE_COMPRESSION},
    {SMBKIT_FEATURE_OBJECT_IDS, SMB2_FS_SUPPORTS_OBJECT_IDS},
    {SMBKIT_FEATURE_CLONE, SMB2_FS_SUPPORTS_BLOCK_REFCOUNTING},
    {SMBKIT_FEATURE_STREAMS, SMB2_FS_NAMED_STREAMS},
    {SMBKIT_FEATURE_EAS, SMB2_FS_SUPPORTS_EXTENDED_ATTRIBUTES},
};

static uint32_t fs_attributes(const struct smb_request *r, uint32_t have)
{
    uint32_t out =
        SMB2_FS_CASE_PRESERVED_NAMES | SMB2_FS_UNICODE_ON_DISK | SMB2_FS_CASE_SENSITIVE_SEARCH;
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        if (have & features[i].feature) {
            out |= features[i].attribute;
        }
    }
    if (smb_tree_is_read_only(r->tree)) {
        out |= SMB2_FS_READ_ONLY_VOLUME;
    }
    if (vfs_volume_has_quotas(smb_request_volume(r))) {
        out |= SMB2_FS_VOLUME_QUOTAS;
    }
    return out;
}

smbkit_status smb_volume_info_get(struct smb_request *r, uint8_t info_class,
                                  struct smb_volume_info *out)
{
    *out = (struct smb_volume_info){0};
    struct smbkit_volume_info *v = &out->volume;
    smbkit_status status = vfs_open_volume_info(&r->call, r->open->file, v);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (info_class == SMB2_FS_SIZE_INFO || info_class == SMB2_FS_FULL_SIZE_INFO) {
        status = smb_quota_bound(r, v);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    uint32_t unit = v->cluster_size_bytes;
    out->fscc = (struct fscc_fs_info){
        .create_time = v->create_time,
        .serial = v->serial,
        /* smbclient fails on none; Samba and ksmbd give the share's name as well */
        .label = v->label[0] ? v->label : r->tree->share->name,
        .total_units = v->total_bytes / unit,
        .available_units = v->available_bytes / unit,
        .free_units = v->free_bytes / unit,
        .sectors_per_unit = unit / v->sector_size_bytes,
        .bytes_per_sector = v->sector_size_bytes,
        .device_type = SMB2_FILE_DEVICE_DISK,
        .device_characteristics = SMB2_FILE_DEVICE_IS_MOUNTED |
                                  (smb_tree_is_read_only(r->tree) ? SMB2_FILE_READ_ONLY_DEVICE : 0),
        .attributes = fs_attributes(r, vfs_volume_features(smb_request_volume(r))),
        .component_max = v->component_max,
        .fs_name = v->fs_name,
        /* aligned device and partition; TRIM_ENABLED. [MS-FSCC] 2.5.8 */
        .sector_flags = 0x3 | (vfs_volume_trims(smb_request_volume(r)) ? 0x8 : 0),
    };
    mem_copy(out->fscc.object_id.object_id, v->object_id, sizeof(v->object_id));
    return info_class == SMB2_FS_CONTROL_INFO ? smb_quota_control_get(r, &out->fscc.control)
                                              : SMBKIT_STATUS_SUCCESS;
}
