/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/info.h"

/* Everything in an enumeration's reply but the elements: levels, counts, pointers, result. */
#define ENUM_FRAME_BYTES 64u

uint32_t info_check(const struct rpc_call *call, const struct ndr_class *cls, uint32_t level)
{
    const struct ndr_level *lvl = ndr_level_get(cls, level);
    if (!lvl || lvl->count == 0) {
        return RPC_INVALID_LEVEL;
    }
    return lvl->is_admin_only && !call->who->is_admin ? RPC_ACCESS_DENIED : RPC_OK;
}

void info_reply(struct rpc_call *call, const struct ndr_class *cls, uint32_t level,
                const struct ndr_value *values, uint32_t result)
{
    struct ndr_out *o = &call->out;
    const struct ndr_level *lvl = ndr_level_get(cls, level);
    ndr_push_u32(o, level);
    /* A level without an arm in the union takes the empty default arm: no pointer follows. */
    if (lvl) {
        ndr_push_ptr(o, values != NULL);
    }
    if (lvl && values) {
        struct ndr_rows rows = ndr_rows_new(RPC_REPLY_STUB_BYTES_MAX);
        ndr_rows_add(&rows, o, cls, lvl, values);
        ndr_push_rows(o, &rows);
        ndr_rows_fini(&rows);
    }
    ndr_push_u32(o, result);
}

static bool container_parse(struct cur *c, struct enum_req *out)
{
    out->has_container = ndr_pull_ptr(c);
    if (!out->has_container) {
        return cur_ok(c);
    }
    uint32_t count = ndr_pull_u32(c);
    if (ndr_pull_ptr(c)) {
        /* Clients send no elements, but may. The array's own count must agree. [C706] 14.3.3.2 */
        if (ndr_pull_u32(c) != count) {
            cur_fail(c);
        }
        ndr_skip_rows(c, out->cls, out->lvl, count);
    }
    return cur_ok(c);
}

bool enum_req_parse(struct cur *c, const struct ndr_class *cls, struct enum_req *out)
{
    *out = (struct enum_req){.cls = cls};
    out->level = ndr_pull_u32(c);
    if (ndr_pull_u32(c) != out->level) {
        cur_fail(c); /* the union's own tag */
    }
    out->lvl = ndr_level_get(cls, out->level);
    if (!out->lvl || !container_parse(c, out)) {
        return cur_ok(c);
    }
    out->bytes_max = ndr_pull_u32(c);
    out->has_resume = ndr_pull_ptr(c);
    out->resume = out->has_resume ? ndr_pull_u32(c) : 0;
    return cur_ok(c);
}

uint32_t enum_check(const struct rpc_call *call, const struct enum_req *req)
{
    if (!req->lvl || req->lvl->count == 0) {
        return RPC_INVALID_LEVEL;
    }
    if (!req->has_container) {
        return RPC_INVALID_PARAMETER;
    }
    return req->lvl->is_admin_only && !call->who->is_admin ? RPC_ACCESS_DENIED : RPC_OK;
}

struct enum_walk enum_walk_new(struct rpc_call *call, const struct enum_req *req)
{
    size_t room = RPC_REPLY_STUB_BYTES_MAX - ENUM_FRAME_BYTES;
    return (struct enum_walk){
        .req = req,
        .out = &call->out,
        .rows = ndr_rows_new(room),
        .room_bytes = MIN(room, (size_t)req->bytes_max),
    };
}

void enum_walk_fini(struct enum_walk *walk)
{
    ndr_rows_fini(&walk->rows);
}

void enum_add(struct enum_walk *walk, const struct ndr_value *values)
{
    const struct enum_req *req = walk->req;
    if (walk->seen < req->resume) {
        walk->seen++;
        return;
    }
    walk->seen++;
    walk->total++;
    size_t size = ndr_row_size(req->cls, req->lvl, values);
    if (walk->is_full || size > walk->room_bytes) {
        walk->is_full = true;
        return;
    }
    walk->room_bytes -= size;
    ndr_rows_add(&walk->rows, walk->out, req->cls, req->lvl, values);
}

/* Level and container; rows may be NULL. The struct and its union are laid out before anything that
 * their pointers refer to. [MS-SRVS] 2.2.4.38, 2.2.4.32 */
static void push_container(struct ndr_out *o, const struct enum_req *req,
                           const struct ndr_rows *rows)
{
    uint32_t count = rows ? rows->count : 0;
    ndr_push_u32(o, req->level);
    ndr_push_u32(o, req->level);
    if (!req->lvl) {
        return;
    }
    ndr_push_ptr(o, req->has_container);
    if (!req->has_container) {
        return;
    }
    ndr_push_u32(o, count);
    ndr_push_ptr(o, count > 0);
    if (count > 0) {
        ndr_push_u32(o, count);
        ndr_push_rows(o, rows);
    }
}

static void push_resume(struct ndr_out *o, const struct enum_req *req, uint32_t resume)
{
    ndr_push_ptr(o, req->has_resume);
    if (req->has_resume) {
        ndr_push_u32(o, resume);
    }
}

void enum_reply(struct rpc_call *call, const struct enum_walk *walk)
{
    const struct enum_req *req = walk->req;
    uint32_t count = walk->rows.count;
    uint32_t result = RPC_OK;
    uint32_t resume = 0; /* at the end: from the start again. [MS-SRVS] 3.1.4.8 */
    if (walk->is_full) {
        /* Nothing at all fits: asking again in the same way would never end. */
        result = count > 0 ? RPC_MORE_DATA : RPC_BUF_TOO_SMALL;
        resume = req->resume + count;
    }
    push_container(&call->out, req, &walk->rows);
    ndr_push_u32(&call->out, walk->total);
    push_resume(&call->out, req, resume);
    ndr_push_u32(&call->out, result);
}

void enum_refuse(struct rpc_call *call, const struct enum_req *req, uint32_t result)
{
    push_container(&call->out, req, NULL);
    ndr_push_u32(&call->out, 0);
    push_resume(&call->out, req, req->resume);
    ndr_push_u32(&call->out, result);
}
