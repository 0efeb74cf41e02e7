/* SPDX-License-Identifier: Apache-2.0 */
/* NetrServerDiskEnum and NetrShareCheck. [MS-SRVS] 3.1.4.20, 3.1.4.13 */
#include "rpc/srvsvc.h"

#include "base/mem.h"
#include "base/utf.h"
#include "rpc/info.h"

#define DISK_UNITS 3u /* "C:" and its end. [MS-SRVS] 2.2.4.92 */

/* One disk is told: that which the paths of shares begin with. The client's container says nothing
 * that matters. */
uint32_t srvsvc_disk_enum(struct rpc_call *call)
{
    struct cur *c = &call->in;
    struct ndr_out *o = &call->out;
    srvsvc_skip_server_name(c);
    uint32_t level = ndr_pull_u32(c);
    (void)ndr_pull_u32(c); /* EntriesRead */
    if (ndr_pull_ptr(c)) { /* an array of the client's, which must be empty */
        (void)ndr_pull_u32(c);
        if (ndr_pull_u32(c) != 0 || ndr_pull_u32(c) != 0) {
            cur_fail(c);
        }
    }
    (void)ndr_pull_u32(c); /* PreferedMaximumLength */
    bool has_resume = ndr_pull_ptr(c);
    uint32_t resume = has_resume ? ndr_pull_u32(c) : 0;
    if (!cur_ok(c)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = level != 0             ? RPC_INVALID_LEVEL
                      : !call->who->is_admin ? RPC_ACCESS_DENIED
                                             : RPC_OK;
    uint32_t count = result == RPC_OK && resume == 0 ? 1 : 0;
    ndr_push_u32(o, count);
    ndr_push_ptr(o, count > 0);
    if (count > 0) {
        ndr_push_u32(o, count); /* room, */
        ndr_push_u32(o, 0);     /* from, */
        ndr_push_u32(o, count); /* and how many */
        ndr_push_u32(o, 0);     /* the same of the string */
        ndr_push_u32(o, DISK_UNITS);
        (void)wr_utf16(&o->w, "C:");
        wr_u16(&o->w, 0);
    }
    ndr_push_u32(o, count);
    ndr_push_ptr(o, has_resume);
    if (has_resume) {
        ndr_push_u32(o, 0);
    }
    ndr_push_u32(o, result);
    return 0;
}

struct device_find {
    const char *device;
    uint32_t type;
    bool is_found;
};

static bool find_cb(void *arg, const struct rpc_share *share)
{
    struct device_find *find = arg;
    find->is_found = utf8_ieq(rpc_text(share->path), find->device);
    find->type = share->type;
    return !find->is_found;
}

/* Is that path shared? Where shares lie is for administrators to know. */
uint32_t srvsvc_share_check(struct rpc_call *call)
{
    srvsvc_skip_server_name(&call->in);
    struct ndr_str device = ndr_pull_str(&call->in);
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    CLEANUP_MEM char *text = ndr_str_dup(&device);
    if (!text) {
        return PDU_FAULT_NO_MEMORY;
    }
    struct device_find find = {.device = text};
    if (call->env->shares_each && call->who->is_admin) {
        call->env->shares_each(call->env->arg, call->who, find_cb, &find);
    }
    ndr_push_u32(&call->out, find.is_found ? find.type : 0);
    ndr_push_u32(&call->out, find.is_found ? RPC_OK : RPC_DEVICE_NOT_SHARED);
    return 0;
}
