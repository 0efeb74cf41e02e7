/* SPDX-License-Identifier: Apache-2.0 */
/* The control codes that [MS-SMB2] itself defines. */
#include "base/mem.h"
#include "base/utf.h"
#include "wire/chain.h"
#include "wire/fsctl.h"

enum wire_err fsctl_validate_negotiate_req_parse(struct wire_slice in,
                                                 struct fsctl_validate_negotiate_req *out)
{
    struct fsctl_validate_negotiate_req r = {0};
    *out = r;
    struct cur c = wire_slice_cur(in);
    r.capabilities = cur_u32(&c);
    cur_copy(&c, r.guid, sizeof(r.guid));
    r.security_mode = cur_u16(&c);
    r.dialect_count = cur_u16(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    if (r.dialect_count == 0 || r.dialect_count > FSCTL_VALIDATE_DIALECTS_MAX) {
        return WIRE_COUNT;
    }
    for (uint16_t i = 0; i < r.dialect_count; i++) {
        r.dialects[i] = cur_u16(&c);
    }
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = r;
    return WIRE_OK;
}

void fsctl_validate_negotiate_req_format(struct wr *w,
                                         const struct fsctl_validate_negotiate_req *req)
{
    wr_u32(w, req->capabilities);
    wr_bytes(w, req->guid, sizeof(req->guid));
    wr_u16(w, req->security_mode);
    wr_u16(w, req->dialect_count);
    for (uint16_t i = 0; i < req->dialect_count; i++) {
        wr_u16(w, req->dialects[i]);
    }
}

void fsctl_validate_negotiate_rsp_format(struct wr *w,
                                         const struct fsctl_validate_negotiate_rsp *rsp)
{
    wr_u32(w, rsp->capabilities);
    wr_bytes(w, rsp->guid, sizeof(rsp->guid));
    wr_u16(w, rsp->security_mode);
    wr_u16(w, rsp->dialect);
}

enum wire_err fsctl_validate_negotiate_rsp_parse(struct wire_slice in,
                                                 struct fsctl_validate_negotiate_rsp *out)
{
    struct fsctl_validate_negotiate_rsp r = {0};
    *out = r;
    struct cur c = wire_slice_cur(in);
    r.capabilities = cur_u32(&c);
    cur_copy(&c, r.guid, sizeof(r.guid));
    r.security_mode = cur_u16(&c);
    r.dialect = cur_u16(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = r;
    return WIRE_OK;
}

void fsctl_resume_key_format(struct wr *w, const uint8_t key[FSCTL_RESUME_KEY_SIZE])
{
    wr_bytes(w, key, FSCTL_RESUME_KEY_SIZE);
    /* ContextLength is 0, and Context is there all the same: Windows sends 32 bytes. */
    wr_u32(w, 0);
    wr_u32(w, 0);
}

enum wire_err fsctl_resume_key_parse(struct wire_slice in, uint8_t key_r[FSCTL_RESUME_KEY_SIZE])
{
    struct cur c = wire_slice_cur(in);
    cur_copy(&c, key_r, FSCTL_RESUME_KEY_SIZE);
    return cur_ok(&c) ? WIRE_OK : WIRE_SHORT;
}

static enum wire_err copychunk_parse(struct cur *c, struct fsctl_copychunk_req *r)
{
    cur_copy(c, r->source_key, sizeof(r->source_key));
    r->count_asked = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (r->count_asked > FSCTL_COPYCHUNKS_MAX) {
        return WIRE_OK;
    }
    r->count = r->count_asked;
    for (uint32_t i = 0; i < r->count; i++) {
        r->chunks[i].source_offset = cur_u64(c);
        r->chunks[i].target_offset = cur_u64(c);
        r->chunks[i].length = cur_u32(c);
        cur_skip(c, 4);
    }
    return cur_ok(c) ? WIRE_OK : WIRE_SHORT;
}

enum wire_err fsctl_copychunk_req_parse(struct wire_slice in, struct fsctl_copychunk_req *out)
{
    mem_zero(out, sizeof(*out));
    struct cur c = wire_slice_cur(in);
    enum wire_err err = copychunk_parse(&c, out);
    if (err != WIRE_OK) {
        mem_zero(out, sizeof(*out));
    }
    return err;
}

void fsctl_copychunk_req_format(struct wr *w, const struct fsctl_copychunk_req *req)
{
    wr_bytes(w, req->source_key, sizeof(req->source_key));
    wr_u32(w, req->count);
    wr_u32(w, 0);
    for (uint32_t i = 0; i < req->count; i++) {
        wr_u64(w, req->chunks[i].source_offset);
        wr_u64(w, req->chunks[i].target_offset);
        wr_u32(w, req->chunks[i].length);
        wr_u32(w, 0);
    }
}

void fsctl_copychunk_rsp_format(struct wr *w, const struct fsctl_copychunk_rsp *rsp)
{
    wr_u32(w, rsp->chunks_written);
    wr_u32(w, rsp->chunk_bytes_written);
    wr_u32(w, rsp->total_bytes_written);
}

enum wire_err fsctl_copychunk_rsp_parse(struct wire_slice in, struct fsctl_copychunk_rsp *out)
{
    struct fsctl_copychunk_rsp r = {0};
    *out = r;
    struct cur c = wire_slice_cur(in);
    r.chunks_written = cur_u32(&c);
    r.chunk_bytes_written = cur_u32(&c);
    r.total_bytes_written = cur_u32(&c);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    *out = r;
    return WIRE_OK;
}

#define SOCKADDR_STORAGE_SIZE 128
#define SOCKADDR_INET 0x0002
#define SOCKADDR_INET6 0x0017

/* SOCKADDR_STORAGE, [MS-SMB2] 2.2.32.5.1: the family is little endian, the rest as on the network.
 */
static void sockaddr_format(struct wr *w, const struct fsctl_netif *n)
{
    size_t start = wr_pos(w);
    wr_u16(w, n->is_ipv6 ? SOCKADDR_INET6 : SOCKADDR_INET);
    wr_u16(w, 0);
    if (n->is_ipv6) {
        wr_u32(w, 0);
        wr_bytes(w, n->address, 16);
        wr_u32(w, n->scope_id);
    } else {
        wr_bytes(w, n->address, 4);
    }
    if (wr_ok(w)) {
        wr_zero(w, SOCKADDR_STORAGE_SIZE - (wr_pos(w) - start));
    }
}

void fsctl_netifs_format(struct wr *w, const struct fsctl_netif *list, size_t count)
{
    struct chain_wr cw = chain_wr_init(w, 8);
    for (size_t i = 0; i < count; i++) {
        chain_wr_begin(&cw);
        wr_u32(w, list[i].if_index);
        wr_u32(w, list[i].capability);
        wr_u32(w, 0);
        wr_u64(w, list[i].link_speed_bps);
        sockaddr_format(w, &list[i]);
    }
}

enum wire_err fsctl_resiliency_parse(struct wire_slice in, struct fsctl_resiliency *out)
{
    *out = (struct fsctl_resiliency){0};
    struct cur c = wire_slice_cur(in);
    uint32_t timeout_ms = cur_u32(&c);
    cur_skip(&c, 4);
    if (!cur_ok(&c)) {
        return WIRE_SHORT;
    }
    out->timeout_ms = timeout_ms;
    return WIRE_OK;
}

void fsctl_snapshots_format(struct wr *w, const char *const *labels, size_t count, size_t max_bytes)
{
    /* Each label and the whole array end with a NUL character; an empty array is one too. */
    size_t size = 2;
    for (size_t i = 0; i < count; i++) {
        size += utf16_len_bytes(labels[i]) + 2;
    }
    bool fits = max_bytes >= 12 && size <= max_bytes - 12;
    wr_u32(w, (uint32_t)count);
    wr_u32(w, fits ? (uint32_t)count : 0);
    wr_u32(w, (uint32_t)size);
    if (!fits) {
        /* An array of one character and its padding: 16 bytes, which is what 3.3.5.15.1 has the
         * client make room for. smbclient 4.17 takes no answer that is shorter. */
        wr_u32(w, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        wr_utf16(w, labels[i]);
        wr_u16(w, 0);
    }
    wr_u16(w, 0);
}
