/* SPDX-License-Identifier: Apache-2.0 */
/* The input buffers of IOCTL, and answers about DFS: all parsers on the same bytes. */
#include "fuzz_wire.h"
#include "wire/dfs.h"
#include "wire/fsctl.h"

static void with_slices(struct wire_slice in)
{
    struct fsctl_pipe_wait wait;
    if (fsctl_pipe_wait_parse(in, &wait) == WIRE_OK) {
        fuzz_touch(wait.name);
    }
    struct fsctl_reparse reparse;
    if (fsctl_reparse_parse(in, &reparse) == WIRE_OK) {
        fuzz_touch(reparse.data);
    }
    struct fsctl_symlink link;
    if (fsctl_symlink_parse(in, &link) == WIRE_OK) {
        fuzz_touch(link.substitute_name);
        fuzz_touch(link.print_name);
    }
}

static void dfs(struct wire_slice in)
{
    static struct dfs_referrals told;
    struct dfs_referral_req asked;
    for (int is_ex = 0; is_ex <= 1; is_ex++) {
        if (dfs_referral_req_parse(in, is_ex, &asked) == WIRE_OK) {
            fuzz_touch(asked.path);
            fuzz_touch(asked.site);
        }
    }
    fuzz_sink += dfs_referral_rsp_parse(in, &told);
    for (uint16_t i = 0; i < told.count; i++) {
        fuzz_touch(told.entries[i].path);
        fuzz_touch(told.entries[i].target);
    }
}

static void fixed(struct wire_slice in)
{
    struct fsctl_resiliency resiliency;
    struct fsctl_zero_data zero;
    struct fsctl_range range;
    struct fsctl_duplicate_extents extents;
    struct fsctl_integrity integrity;
    struct fsctl_object_id object_id;
    struct fsctl_file_regions_req regions;
    uint16_t compression;
    bool sparse;
    struct fsctl_offload_read_req offload_read;
    struct fsctl_offload_write_req offload_write;
    fuzz_sink += fsctl_offload_read_req_parse(in, &offload_read);
    fuzz_sink += fsctl_offload_write_req_parse(in, &offload_write);
    fuzz_sink += fsctl_resiliency_parse(in, &resiliency);
    fuzz_sink += fsctl_zero_data_parse(in, &zero);
    fuzz_sink += fsctl_range_parse(in, &range);
    fuzz_sink += fsctl_duplicate_extents_parse(in, false, &extents);
    fuzz_sink += fsctl_duplicate_extents_parse(in, true, &extents);
    fuzz_sink += fsctl_integrity_parse(in, &integrity);
    fuzz_sink += fsctl_object_id_parse(in, &object_id);
    fuzz_sink += fsctl_file_regions_req_parse(in, &regions);
    fuzz_sink += fsctl_compression_parse(in, &compression);
    fuzz_sink += fsctl_set_sparse_parse(in, &sparse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fsctl_copychunk_req copychunk;
    static struct fsctl_trim trim;
    struct wire_slice in = {.p = data, .len = size};
    struct fsctl_validate_negotiate_req validate;
    fuzz_sink += fsctl_copychunk_req_parse(in, &copychunk);
    fuzz_sink += fsctl_trim_parse(in, &trim);
    fuzz_sink += fsctl_validate_negotiate_req_parse(in, &validate);
    fixed(in);
    with_slices(in);
    dfs(in);
    return 0;
}
