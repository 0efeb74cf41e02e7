/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/dfs.h"

#include "base/utf.h"

#define HEADER_SIZE 8
#define ENTRY_V1_FIXED_SIZE 8
#define ENTRY_V2_SIZE 22
#define ENTRY_V3_SIZE 34 /* and of version 4 */
#define SERVICE_SITE_GUID_SIZE 16

/* ---- requests ---- */

/* A length of 16 bits and so many bytes. 2.2.3.1 */
static enum wire_err counted_parse(struct cur *c, struct wire_slice *out)
{
    uint16_t len = cur_u16(c);
    const uint8_t *p = cur_bytes(c, len);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    /* Windows counts a terminator that it sends. */
    while (len >= 2 && p[len - 2] == 0 && p[len - 1] == 0) {
        len -= 2;
    }
    *out = (struct wire_slice){len ? p : NULL, len};
    return len % 2 == 0 ? WIRE_OK : WIRE_VALUE;
}

static enum wire_err ex_parse(struct cur *c, struct dfs_referral_req *r)
{
    uint16_t flags = cur_u16(c);
    uint32_t len = cur_u32(c);
    struct cur data = cur_take(c, len);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    enum wire_err err = counted_parse(&data, &r->path);
    if (err == WIRE_OK && (flags & DFS_REQUEST_HAS_SITE)) {
        err = counted_parse(&data, &r->site);
    }
    return err;
}

enum wire_err dfs_referral_req_parse(struct wire_slice in, bool is_ex, struct dfs_referral_req *out)
{
    struct dfs_referral_req r = {0};
    *out = r;
    struct cur c = wire_slice_cur(in);
    r.version_max = cur_u16(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    enum wire_err err = WIRE_VALUE;
    if (is_ex) {
        err = ex_parse(&c, &r);
    } else if (wire_take_text(&c, &r.path)) {
        err = WIRE_OK;
    }
    if (err == WIRE_OK && r.path.len > DFS_PATH_BYTES_MAX) {
        err = WIRE_COUNT;
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

/* ---- responses ---- */

static size_t string_size(const char *s)
{
    return utf16_len_bytes(s) + 2;
}

static void put_string(struct wr *w, const char *s)
{
    wr_utf16(w, s);
    wr_u16(w, 0);
}

/* Of one entry, without the strings that it points to. */
static size_t entry_size(const struct dfs_referral_rsp *rsp, size_t i)
{
    if (rsp->version == 1) {
        return ENTRY_V1_FIXED_SIZE + string_size(rsp->targets[i]);
    }
    return rsp->version == 2 ? ENTRY_V2_SIZE : ENTRY_V3_SIZE;
}

/* How many of the targets there is room for. */
static size_t count_fitting(const struct dfs_referral_rsp *rsp, size_t max_bytes)
{
    bool has_strings = rsp->version > 1;
    size_t size = HEADER_SIZE + (has_strings ? string_size(rsp->path) : 0);
    size_t n = 0;
    for (; n < rsp->count; n++) {
        size += entry_size(rsp, n) + (has_strings ? string_size(rsp->targets[n]) : 0);
        if (size > MIN(max_bytes, DFS_RSP_BYTES_MAX)) {
            break;
        }
    }
    return n;
}

/* The i-th entry; offsets count from it: path_at to the path, target_at to the target. */
static void put_entry(struct wr *w, const struct dfs_referral_rsp *rsp, size_t i, size_t path_at,
                      size_t target_at)
{
    uint16_t flags = rsp->version == 4 && i == 0 ? DFS_ENTRY_TARGET_SET_BOUNDARY : 0;
    wr_u16(w, rsp->version);
    wr_u16(w, (uint16_t)entry_size(rsp, i));
    wr_u16(w, rsp->is_root ? DFS_SERVER_TYPE_ROOT : 0);
    wr_u16(w, flags);
    if (rsp->version == 1) {
        put_string(w, rsp->targets[i]);
        return;
    }
    if (rsp->version == 2) {
        wr_u32(w, 0); /* Proximity */
    }
    wr_u32(w, rsp->ttl_sec);
    wr_u16(w, (uint16_t)path_at);
    wr_u16(w, (uint16_t)path_at); /* DFSAlternatePathOffset */
    wr_u16(w, (uint16_t)target_at);
    if (rsp->version > 2) {
        wr_zero(w, SERVICE_SITE_GUID_SIZE);
    }
}

size_t dfs_referral_rsp_format(struct wr *w, const struct dfs_referral_rsp *rsp, size_t max_bytes)
{
    size_t n = count_fitting(rsp, max_bytes);
    if (n == 0) {
        return 0;
    }
    wr_u16(w, rsp->path_consumed_bytes);
    wr_u16(w, (uint16_t)n);
    wr_u32(w, DFS_HEADER_STORAGE_SERVERS | (rsp->is_root ? DFS_HEADER_REFERRAL_SERVERS : 0));
    size_t left = 0; /* from the entry to the strings, which begin with the path */
    for (size_t i = 0; i < n; i++) {
        left += entry_size(rsp, i);
    }
    size_t before = string_size(rsp->path); /* of the strings, before the entry's target */
    for (size_t i = 0; i < n; i++) {
        put_entry(w, rsp, i, left, left + before);
        left -= entry_size(rsp, i);
        before += string_size(rsp->targets[i]);
    }
    if (rsp->version == 1) {
        return n;
    }
    put_string(w, rsp->path);
    for (size_t i = 0; i < n; i++) {
        put_string(w, rsp->targets[i]);
    }
    return n;
}
