/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fscc_quota.h"

#define QUERY_FIXED_SIZE 16

static bool sid_len_is_sane(size_t len)
{
    return len >= 8 && len <= FSCC_SID_MAX;
}

enum wire_err smb2_query_quota_parse(struct wire_slice in, struct smb2_query_quota *out)
{
    struct smb2_query_quota q = {0};
    *out = q;
    struct cur c = wire_slice_cur(in);
    q.return_single = cur_u8(&c) != 0;
    q.restart_scan = cur_u8(&c) != 0;
    cur_skip(&c, 2);
    uint32_t list_len = cur_u32(&c);
    uint32_t start_len = cur_u32(&c);
    uint32_t start_offset = cur_u32(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    enum wire_err err = wire_buffer(&c, QUERY_FIXED_SIZE, list_len, QUERY_FIXED_SIZE, &q.sids);
    /* StartSidOffset counts from SidBuffer. [MS-SMB2] 2.2.37.1 */
    if (err == WIRE_OK) {
        err = wire_buffer(&c, (size_t)QUERY_FIXED_SIZE + start_offset, start_len, QUERY_FIXED_SIZE,
                          &q.start_sid);
    }
    if (err == WIRE_OK && q.start_sid.len > 0 && !sid_len_is_sane(q.start_sid.len)) {
        err = WIRE_VALUE;
    }
    if (err == WIRE_OK) {
        *out = q;
    }
    return err;
}

struct chain fscc_get_quota_list(struct wire_slice list)
{
    return chain_init(list, 4, FSCC_QUOTA_SIDS_MAX);
}

/* The SID of sid_len bytes at the position; on failure ends the walk. */
static bool sid_take(struct chain *ch, struct cur *e, uint32_t sid_len, struct wire_slice *sid)
{
    struct cur bytes = cur_take(e, sid_len);
    if (!cur_ok(&bytes)) {
        ch->err = WIRE_RANGE;
    } else if (!sid_len_is_sane(sid_len)) {
        ch->err = WIRE_VALUE;
    } else {
        *sid = wire_rest(&bytes);
        return true;
    }
    ch->done = true;
    return false;
}

bool fscc_get_quota_next(struct chain *ch, struct wire_slice *sid)
{
    *sid = (struct wire_slice){0};
    struct cur e;
    if (!chain_next(ch, &e)) {
        return false;
    }
    uint32_t len = cur_u32(&e);
    return sid_take(ch, &e, len, sid);
}

void fscc_quota_format(struct chain_wr *cw, const struct fscc_quota *quota)
{
    chain_wr_begin(cw);
    wr_u32(cw->w, (uint32_t)quota->sid.len);
    wr_u64(cw->w, quota->change_time);
    wr_u64(cw->w, (uint64_t)quota->used);
    wr_u64(cw->w, (uint64_t)quota->threshold);
    wr_u64(cw->w, (uint64_t)quota->limit);
    wire_put_slice(cw->w, quota->sid);
}

struct chain fscc_quota_list(struct wire_slice list)
{
    return chain_init(list, 8, FSCC_QUOTA_SIDS_MAX);
}

bool fscc_quota_next(struct chain *ch, struct fscc_quota *out)
{
    struct fscc_quota q = {0};
    *out = q;
    struct cur e;
    if (!chain_next(ch, &e)) {
        return false;
    }
    uint32_t len = cur_u32(&e);
    q.change_time = cur_u64(&e);
    q.used = (int64_t)cur_u64(&e);
    q.threshold = (int64_t)cur_u64(&e);
    q.limit = (int64_t)cur_u64(&e);
    if (!sid_take(ch, &e, len, &q.sid)) {
        return false;
    }
    *out = q;
    return true;
}
