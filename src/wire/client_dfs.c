/* SPDX-License-Identifier: Apache-2.0 */
/* DFS referrals as their client has them. [MS-DFSC] 2.2 */
#include "base/mem.h"
#include "wire/dfs.h"

static void put_counted(struct wr *w, struct wire_slice s)
{
    wr_u16(w, (uint16_t)s.len);
    wire_put_slice(w, s);
}

void dfs_referral_req_format(struct wr *w, bool is_ex, const struct dfs_referral_req *req)
{
    wr_u16(w, req->version_max);
    if (!is_ex) {
        wire_put_slice(w, req->path);
        wr_u16(w, 0);
        return;
    }
    bool has_site = req->site.len > 0;
    wr_u16(w, has_site ? DFS_REQUEST_HAS_SITE : 0);
    wr_u32(w, (uint32_t)(2 + req->path.len + (has_site ? 2 + req->site.len : 0)));
    put_counted(w, req->path);
    if (has_site) {
        put_counted(w, req->site);
    }
}

/* A terminated string at that offset of the entry; it may lie behind it. */
static enum wire_err string_at(const struct cur *from_entry, uint16_t offset,
                               struct wire_slice *out)
{
    struct cur c = *from_entry;
    cur_skip(&c, offset);
    if (!cur_ok(&c)) {
        return WIRE_RANGE;
    }
    return wire_take_text(&c, out) ? WIRE_OK : WIRE_VALUE;
}

/* c stands at the entry; moved to the next. */
static enum wire_err entry_parse(struct cur *c, struct dfs_referral_entry *e)
{
    const struct cur start = *c;
    struct cur in = *c;
    e->version = cur_u16(&in);
    uint16_t size = cur_u16(&in);
    e->server_type = cur_u16(&in);
    e->flags = cur_u16(&in);
    if (e->version == 0 || e->version > DFS_VERSION_MAX) {
        return cur_ok(&in) ? WIRE_VALUE : WIRE_SHORT;
    }
    uint16_t path_at = 0;
    uint16_t target_at = (uint16_t)cur_pos(&in) - (uint16_t)cur_pos(&start);
    if (e->version > 1) {
        cur_skip(&in, e->version == 2 ? 4 : 0);
        e->ttl_sec = cur_u32(&in);
        path_at = cur_u16(&in);
        cur_skip(&in, 2);
        target_at = cur_u16(&in);
        cur_skip(&in, e->version == 2 ? 0 : 16);
    }
    if (!cur_ok(&in)) {
        return WIRE_SHORT;
    }
    if (size < cur_pos(&in) - cur_pos(&start)) {
        return WIRE_SIZE;
    }
    cur_skip(c, size);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    enum wire_err err = e->version > 1 ? string_at(&start, path_at, &e->path) : WIRE_OK;
    return err == WIRE_OK ? string_at(&start, target_at, &e->target) : err;
}

static enum wire_err rsp_parse(struct cur *c, struct dfs_referrals *r)
{
    r->path_consumed_bytes = cur_u16(c);
    r->count = cur_u16(c);
    r->header_flags = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (r->count > DFS_ENTRIES_MAX) {
        return WIRE_COUNT;
    }
    for (uint16_t i = 0; i < r->count; i++) {
        enum wire_err err = entry_parse(c, &r->entries[i]);
        if (err != WIRE_OK) {
            return err;
        }
    }
    return WIRE_OK;
}

enum wire_err dfs_referral_rsp_parse(struct wire_slice in, struct dfs_referrals *out)
{
    mem_zero(out, sizeof(*out));
    struct cur c = wire_slice_cur(in);
    enum wire_err err = rsp_parse(&c, out);
    if (err != WIRE_OK) {
        mem_zero(out, sizeof(*out));
    }
    return err;
}
