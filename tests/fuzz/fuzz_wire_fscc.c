/* SPDX-License-Identifier: Apache-2.0 */
/* The buffers of SET_INFO and QUERY_INFO: the first byte picks the class. */
#include "base/mem.h"
#include "fuzz_wire.h"
#include "wire/fscc_dir.h"
#include "wire/fscc_file.h"
#include "wire/fscc_fs.h"
#include "wire/fscc_quota.h"
#include "wire/fscc_set.h"

static void lists(struct wire_slice in, uint8_t info_class)
{
    struct chain ch = fscc_ea_list(in);
    struct fscc_ea ea;
    while (fscc_ea_next(&ch, &ea)) {
        fuzz_touch(ea.name);
        fuzz_touch(ea.value);
    }
    struct wire_slice name;
    ch = fscc_get_ea_list(in);
    while (fscc_get_ea_next(&ch, &name)) {
        fuzz_touch(name);
    }
    ch = fscc_get_quota_list(in);
    while (fscc_get_quota_next(&ch, &name)) {
        fuzz_touch(name);
    }
    struct fscc_quota quota;
    ch = fscc_quota_list(in);
    while (fscc_quota_next(&ch, &quota)) {
        fuzz_touch(quota.sid);
    }
    ch = chain_init(in, 8, 1000);
    struct cur e;
    struct fscc_dir_raw raw;
    while (chain_next(&ch, &e) && fscc_dir_entry_parse(&e, info_class, &raw) == WIRE_OK) {
        fuzz_touch(raw.name);
        fuzz_touch(raw.short_name);
    }
}

static void sets(struct wire_slice in, uint8_t info_class)
{
    struct fscc_set set;
    if (fscc_set_parse(in, info_class, &set) == WIRE_OK) {
        struct wr w = wr_new(1 << 20);
        fscc_set_format(&w, &set);
        wr_fini(&w);
    }
    struct fscc_fs_set fs_set;
    fuzz_sink += fscc_fs_set_parse(in, info_class, &fs_set);
    struct smb2_query_quota quota;
    if (smb2_query_quota_parse(in, &quota) == WIRE_OK) {
        fuzz_touch(quota.sids);
        fuzz_touch(quota.start_sid);
    }
}

static void queries(struct wire_slice in, uint8_t info_class)
{
    struct fscc_file_info info;
    struct fscc_file_names names;
    if (fscc_file_query_parse(in, info_class, &info, &names) == WIRE_OK) {
        fuzz_touch(names.name);
    }
    struct fscc_fs_info fs;
    struct wire_slice name;
    if (fscc_fs_query_parse(in, info_class, &fs, &name) == WIRE_OK) {
        fuzz_touch(name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct wire_slice in = {.p = data + 1, .len = size - 1};
    sets(in, data[0]);
    queries(in, data[0]);
    lists(in, data[0]);
    uint8_t *copy = mem_dup(in.p, in.len);
    if (copy) {
        ASSERT(fscc_list_cut(copy, in.len, in.len / 2) <= in.len / 2);
    }
    mem_free(copy);
    return 0;
}
