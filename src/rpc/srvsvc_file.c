/* SPDX-License-Identifier: Apache-2.0 */
/* NetrFileEnum, NetrFileGetInfo: what is open, for administrators. [MS-SRVS] 3.1.4.2, 3.1.4.3 */
#include "rpc/srvsvc.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/info.h"

/* fi3_permissions. [MS-SRVS] 2.2.4.7 */
#define PERM_READ 0x1u
#define PERM_WRITE 0x2u
#define PERM_CREATE 0x4u

enum file_field { ID, PERMISSIONS, LOCKS, PATH, USER, FIELDS };

static const uint8_t file_kinds[FIELDS] = {
    [ID] = NDR_U32, [PERMISSIONS] = NDR_U32, [LOCKS] = NDR_U32, [PATH] = NDR_STR, [USER] = NDR_STR,
};

/* [MS-SRVS] 2.2.4.6, 2.2.4.7 */
static const struct ndr_level file_levels[] = {
    {2, true, 1, {ID}},
    {3, true, 5, {ID, PERMISSIONS, LOCKS, PATH, USER}},
};
static const struct ndr_class file_class = {file_levels, ARRAY_LEN(file_levels), file_kinds};

static void file_values(const struct rpc_file *f, struct ndr_value values[FIELDS])
{
    const struct ndr_value v[FIELDS] = {
        [ID] = {.u32 = f->id},
        [PERMISSIONS] = {.u32 = (f->reads ? PERM_READ : 0) | (f->writes ? PERM_WRITE : 0) |
                                (f->creates ? PERM_CREATE : 0)},
        [LOCKS] = {.u32 = f->locks},
        [PATH] = {.str = rpc_text(f->path)},
        [USER] = {.str = rpc_text(f->user)},
    };
    mem_copy(values, v, sizeof(v));
}

struct file_filter {
    char *base; /* NULL: any path; else what it begins with */
    char *user; /* NULL: any */
    struct enum_walk *walk;
};

static bool begins(const char *path, const char *base)
{
    size_t len = str_len(base);
    CLEANUP_MEM char *begin = str_len(path) >= len ? str_ndup(path, len) : NULL;
    return begin && utf8_ieq(begin, base);
}

static bool enum_cb(void *arg, const struct rpc_file *f)
{
    const struct file_filter *filter = arg;
    struct ndr_value values[FIELDS];
    bool is_asked_for = (!filter->base || begins(rpc_text(f->path), filter->base)) &&
                        (!filter->user || utf8_ieq(rpc_text(f->user), filter->user));
    if (is_asked_for) {
        file_values(f, values);
        enum_add(filter->walk, values);
    }
    return true;
}

/* An empty one counts as none. false: no memory. */
static bool filter_text(const struct ndr_str *s, char **out)
{
    *out = s->len_bytes > 0 ? ndr_str_dup(s) : NULL;
    return s->len_bytes == 0 || *out;
}

uint32_t srvsvc_file_enum(struct rpc_call *call)
{
    struct enum_req req;
    struct ndr_str base;
    struct ndr_str user;
    srvsvc_skip_server_name(&call->in);
    (void)ndr_pull_str_ptr(&call->in, &base);
    (void)ndr_pull_str_ptr(&call->in, &user);
    if (!enum_req_parse(&call->in, &file_class, &req)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = enum_check(call, &req);
    if (result != RPC_OK) {
        enum_refuse(call, &req, result);
        return 0;
    }
    CLEANUP_MEM char *base_text = NULL;
    CLEANUP_MEM char *user_text = NULL;
    if (!filter_text(&base, &base_text) || !filter_text(&user, &user_text)) {
        return PDU_FAULT_NO_MEMORY;
    }
    struct enum_walk walk = enum_walk_new(call, &req);
    struct file_filter filter = {.base = base_text, .user = user_text, .walk = &walk};
    if (call->env->files_each) {
        call->env->files_each(call->env->arg, enum_cb, &filter);
    }
    enum_reply(call, &walk);
    enum_walk_fini(&walk);
    return 0;
}

struct file_get {
    struct rpc_call *call;
    uint32_t id, level;
    bool is_found;
};

static bool get_cb(void *arg, const struct rpc_file *f)
{
    struct file_get *get = arg;
    struct ndr_value values[FIELDS];
    if (f->id != get->id) {
        return true;
    }
    file_values(f, values);
    info_reply(get->call, &file_class, get->level, values, RPC_OK);
    get->is_found = true;
    return false;
}

uint32_t srvsvc_file_get_info(struct rpc_call *call)
{
    srvsvc_skip_server_name(&call->in);
    struct file_get get = {.call = call, .id = ndr_pull_u32(&call->in)};
    get.level = ndr_pull_u32(&call->in);
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = info_check(call, &file_class, get.level);
    if (result == RPC_OK && call->env->files_each) {
        call->env->files_each(call->env->arg, get_cb, &get);
    }
    if (!get.is_found) {
        info_reply(call, &file_class, get.level, NULL,
                   result == RPC_OK ? RPC_FILE_NOT_FOUND : result);
    }
    return 0;
}
