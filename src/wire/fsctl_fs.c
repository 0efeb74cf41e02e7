/* SPDX-License-Identifier: Apache-2.0 */
/* The control codes of [MS-FSCC] 2.3 for files, volumes and pipes. */
#include "base/mem.h"
#include "wire/fsctl.h"

enum wire_err fsctl_pipe_wait_parse(struct wire_slice in, struct fsctl_pipe_wait *out)
{
    struct fsctl_pipe_wait p = {0};
    *out = p;
    struct cur c = wire_slice_cur(in);
    p.timeout_100ns = cur_u64(&c);
    uint32_t name_len = cur_u32(&c);
    p.has_timeout = cur_u8(&c) != 0;
    cur_skip(&c, 1);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    struct cur name = cur_take(&c, name_len);
    if (!cur_ok(&name)) {
        return WIRE_RANGE;
    }
    if (name_len % 2 != 0) {
        return WIRE_VALUE;
    }
    p.name = wire_rest(&name);
    *out = p;
    return WIRE_OK;
}

void fsctl_pipe_peek_format(struct wr *w, const struct fsctl_pipe_peek *rsp)
{
    wr_u32(w, rsp->state);
    wr_u32(w, rsp->read_data_available);
    wr_u32(w, rsp->message_count);
    wr_u32(w, rsp->message_length);
    wire_put_slice(w, rsp->data);
}

enum wire_err fsctl_set_sparse_parse(struct wire_slice in, bool *out)
{
    *out = in.len == 0 || in.p[0] != 0;
    return WIRE_OK;
}

static struct fsctl_range range_read(struct cur *c)
{
    struct fsctl_range r;
    r.offset = (int64_t)cur_u64(c);
    r.length = (int64_t)cur_u64(c);
    return r;
}

enum wire_err fsctl_zero_data_parse(struct wire_slice in, struct fsctl_zero_data *out)
{
    *out = (struct fsctl_zero_data){0};
    struct cur c = wire_slice_cur(in);
    struct fsctl_range r = range_read(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    out->offset = r.offset;
    out->beyond_final_zero = r.length;
    return WIRE_OK;
}

enum wire_err fsctl_range_parse(struct wire_slice in, struct fsctl_range *out)
{
    *out = (struct fsctl_range){0};
    struct cur c = wire_slice_cur(in);
    struct fsctl_range r = range_read(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = r;
    return WIRE_OK;
}

void fsctl_range_format(struct wr *w, const struct fsctl_range *range)
{
    wr_u64(w, (uint64_t)range->offset);
    wr_u64(w, (uint64_t)range->length);
}

static enum wire_err trim_parse(struct cur *c, struct fsctl_trim *t)
{
    t->key = cur_u32(c);
    uint32_t count = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (count == 0 || count > FSCTL_TRIM_RANGES_MAX) {
        return WIRE_COUNT;
    }
    t->count = count;
    for (uint32_t i = 0; i < count; i++) {
        t->ranges[i] = range_read(c);
    }
    return cur_ok(c) ? WIRE_OK : WIRE_SHORT;
}

enum wire_err fsctl_trim_parse(struct wire_slice in, struct fsctl_trim *out)
{
    mem_zero(out, sizeof(*out));
    struct cur c = wire_slice_cur(in);
    enum wire_err err = trim_parse(&c, out);
    if (err != WIRE_OK) {
        mem_zero(out, sizeof(*out));
    }
    return err;
}

void fsctl_trim_rsp_format(struct wr *w, uint32_t ranges_processed)
{
    wr_u32(w, ranges_processed);
}

/* StructureSize of the _EX form is 0x30 by the specification, though the fields add up to 0x38. */
#define DUPLICATE_EXTENTS_EX_SIZE 0x30
#define DUPLICATE_EXTENTS_EX_SUM 0x38

enum wire_err fsctl_duplicate_extents_parse(struct wire_slice in, bool is_ex,
                                            struct fsctl_duplicate_extents *out)
{
    struct fsctl_duplicate_extents d = {0};
    *out = d;
    struct cur c = wire_slice_cur(in);
    uint64_t size = is_ex ? cur_u64(&c) : DUPLICATE_EXTENTS_EX_SIZE;
    d.source = wire_file_id(&c);
    d.source_offset = (int64_t)cur_u64(&c);
    d.target_offset = (int64_t)cur_u64(&c);
    d.length = (int64_t)cur_u64(&c);
    if (is_ex) {
        d.flags = cur_u32(&c);
        cur_skip(&c, 4);
    }
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    if (size != DUPLICATE_EXTENTS_EX_SIZE && size != DUPLICATE_EXTENTS_EX_SUM) {
        return WIRE_SIZE;
    }
    *out = d;
    return WIRE_OK;
}

enum wire_err fsctl_compression_parse(struct wire_slice in, uint16_t *out)
{
    struct cur c = wire_slice_cur(in);
    *out = cur_u16(&c);
    return cur_ok(&c) ? WIRE_OK : WIRE_SHORT;
}

void fsctl_compression_format(struct wr *w, uint16_t state)
{
    wr_u16(w, state);
}

enum wire_err fsctl_integrity_parse(struct wire_slice in, struct fsctl_integrity *out)
{
    struct fsctl_integrity i = {0};
    *out = i;
    struct cur c = wire_slice_cur(in);
    i.checksum_algorithm = cur_u16(&c);
    cur_skip(&c, 2);
    i.flags = cur_u32(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = i;
    return WIRE_OK;
}

void fsctl_integrity_format(struct wr *w, const struct fsctl_integrity *info)
{
    wr_u16(w, info->checksum_algorithm);
    wr_u16(w, 0);
    wr_u32(w, info->flags);
    wr_u32(w, info->checksum_chunk_size_bytes);
    wr_u32(w, info->cluster_size_bytes);
}

enum wire_err fsctl_object_id_parse(struct wire_slice in, struct fsctl_object_id *out)
{
    struct fsctl_object_id id = {0};
    *out = id;
    struct cur c = wire_slice_cur(in);
    cur_copy(&c, id.object_id, sizeof(id.object_id));
    cur_copy(&c, id.birth_volume_id, sizeof(id.birth_volume_id));
    cur_copy(&c, id.birth_object_id, sizeof(id.birth_object_id));
    cur_copy(&c, id.domain_id, sizeof(id.domain_id));
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = id;
    return WIRE_OK;
}

void fsctl_object_id_format(struct wr *w, const struct fsctl_object_id *id)
{
    wr_bytes(w, id->object_id, sizeof(id->object_id));
    wr_bytes(w, id->birth_volume_id, sizeof(id->birth_volume_id));
    wr_bytes(w, id->birth_object_id, sizeof(id->birth_object_id));
    wr_bytes(w, id->domain_id, sizeof(id->domain_id));
}

void fsctl_ntfs_volume_data_format(struct wr *w, const struct fsctl_ntfs_volume_data *info)
{
    wr_u64(w, info->serial);
    wr_u64(w, info->sector_count);
    wr_u64(w, info->cluster_count);
    wr_u64(w, info->free_clusters);
    wr_u64(w, 0); /* TotalReserved */
    wr_u32(w, info->bytes_per_sector);
    wr_u32(w, info->bytes_per_cluster);
    /* The rest is about the master file table, which is not there. */
    wr_zero(w, 48);
}

enum wire_err fsctl_file_regions_req_parse(struct wire_slice in, struct fsctl_file_regions_req *out)
{
    struct fsctl_file_regions_req r = {0};
    *out = r;
    if (in.len == 0) {
        out->is_empty = true;
        return WIRE_OK;
    }
    struct cur c = wire_slice_cur(in);
    r.range = range_read(&c);
    r.usage = cur_u32(&c);
    cur_skip(&c, 4);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = r;
    return WIRE_OK;
}

void fsctl_file_regions_format(struct wr *w, const struct fsctl_range *ranges, uint32_t count,
                               uint32_t total, uint32_t usage)
{
    wr_u32(w, 0);
    wr_u32(w, total);
    wr_u32(w, count);
    wr_u32(w, 0);
    for (uint32_t i = 0; i < count; i++) {
        fsctl_range_format(w, &ranges[i]);
        wr_u32(w, usage);
        wr_u32(w, 0);
    }
}
