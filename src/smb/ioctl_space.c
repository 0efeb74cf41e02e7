/* SPDX-License-Identifier: Apache-2.0 */
/* The space that a file takes: holes, ranges, compression. [MS-FSCC] 2.3 */
#include "base/mem.h"
#include "base/str.h"
#include "smb/ioctl.h"

FSCTL_FN(fsctl_set_sparse)
{
    bool on;
    (void)w;
    if (fsctl_set_sparse_parse(req->input, &on) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return vfs_set_sparse(&r->call, r->open->file, on);
}

/* [MS-FSA] 2.1.5.10.38 */
FSCTL_FN(fsctl_set_zero_data)
{
    struct fsctl_zero_data in;
    (void)w;
    if (fsctl_zero_data_parse(req->input, &in) != WIRE_OK || in.offset < 0 ||
        in.beyond_final_zero < in.offset) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return vfs_zero_range(&r->call, r->open->file, (uint64_t)in.offset,
                          (uint64_t)(in.beyond_final_zero - in.offset));
}

/* [MS-FSA] 2.1.5.10.24. Of more than SMB_RANGES_MAX the client asks for the rest. */
FSCTL_FN(fsctl_query_allocated_ranges)
{
    struct fsctl_range in;
    if (fsctl_range_parse(req->input, &in) != WIRE_OK || in.offset < 0 || in.length < 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint32_t room = MIN(req->max_output_response / FSCTL_RANGE_SIZE, SMB_RANGES_MAX);
    uint32_t count = room;
    CLEANUP_MEM struct smbkit_range *out = mem_alloc(MAX(room, 1u) * sizeof(*out));
    if (!out) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    const struct smbkit_range within = {(uint64_t)in.offset, (uint64_t)in.length};
    smbkit_status status = vfs_ranges(&r->call, r->open->file, within, out, &count);
    if (status == SMBKIT_STATUS_BUFFER_OVERFLOW && room == 0) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    if (SMBKIT_OK(status) || status == SMBKIT_STATUS_BUFFER_OVERFLOW) {
        for (uint32_t i = 0; i < count; i++) {
            fsctl_range_format(w, &(struct fsctl_range){.offset = (int64_t)out[i].offset,
                                                        .length = (int64_t)out[i].length});
        }
    }
    return status;
}

/* [MS-FSCC] 2.3.73. Whose key it is does not matter: a handle's locks are its own. */
FSCTL_FN(fsctl_file_level_trim)
{
    struct fsctl_trim in;
    struct smbkit_range ranges[FSCTL_TRIM_RANGES_MAX];
    if (fsctl_trim_parse(req->input, &in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < in.count; i++) {
        ranges[i] = (struct smbkit_range){.offset = (uint64_t)in.ranges[i].offset,
                                          .length = (uint64_t)in.ranges[i].length};
    }
    uint32_t done = 0;
    smbkit_status status = vfs_trim(&r->call, r->open->file, ranges, in.count, &done);
    if (SMBKIT_OK(status) && req->max_output_response >= FSCTL_TRIM_RSP_SIZE) {
        fsctl_trim_rsp_format(w, done);
    }
    return status;
}

FSCTL_FN(fsctl_get_compression)
{
    uint16_t format;
    if (req->max_output_response < FSCTL_COMPRESSION_SIZE) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = vfs_get_compression(&r->call, r->open->file, &format);
    if (SMBKIT_OK(status)) {
        fsctl_compression_format(w, format);
    }
    return status;
}

FSCTL_FN(fsctl_set_compression)
{
    uint16_t format;
    (void)w;
    if (fsctl_compression_parse(req->input, &format) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return vfs_set_compression(&r->call, r->open->file, format);
}

/* All that is in a file is valid: there is no valid data length apart from its size.
 * [MS-FSCC] 2.3.55 */
FSCTL_FN(fsctl_query_file_regions)
{
    struct fsctl_file_regions_req in;
    if (fsctl_file_regions_req_parse(req->input, &in) != WIRE_OK ||
        (!in.is_empty && (in.range.offset < 0 || in.range.length < 0 ||
                          in.range.length > INT64_MAX - in.range.offset))) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (req->max_output_response < FSCTL_FILE_REGIONS_FIXED_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct smbkit_attr attr;
    smbkit_status status = vfs_getattr(&r->call, r->open->file, SMBKIT_READ_DATA, &attr);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (attr.attributes & SMBKIT_ATTR_DIRECTORY) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    int64_t end = in.is_empty ? INT64_MAX : in.range.offset + in.range.length;
    end = MIN(end, (int64_t)attr.size);
    const struct fsctl_range region = {.offset = in.range.offset, .length = end - in.range.offset};
    uint32_t total = region.length > 0;
    bool fits = req->max_output_response >= FSCTL_FILE_REGIONS_FIXED_SIZE + FSCTL_FILE_REGION_SIZE;
    fsctl_file_regions_format(w, &region, fits ? total : 0, total, FSCTL_REGION_VALID_CACHED_DATA);
    return total && !fits ? SMBKIT_STATUS_BUFFER_OVERFLOW : SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSCC] 2.3.25: for a volume that shows itself as NTFS. */
FSCTL_FN(fsctl_get_ntfs_volume_data)
{
    struct smbkit_volume_info v;
    if (req->max_output_response < FSCTL_NTFS_VOLUME_DATA_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smbkit_status status = vfs_open_volume_info(&r->call, r->open->file, &v);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (!str_eq(v.fs_name, "NTFS")) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    fsctl_ntfs_volume_data_format(
        w, &(struct fsctl_ntfs_volume_data){.serial = v.serial,
                                            .sector_count = v.total_bytes / v.sector_size_bytes,
                                            .cluster_count = v.total_bytes / v.cluster_size_bytes,
                                            .free_clusters = v.free_bytes / v.cluster_size_bytes,
                                            .bytes_per_sector = v.sector_size_bytes,
                                            .bytes_per_cluster = v.cluster_size_bytes});
    return SMBKIT_STATUS_SUCCESS;
}
