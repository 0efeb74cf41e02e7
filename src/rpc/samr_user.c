/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of one user. No hash, no history, no times of log-ins: these are not known, or not
 * anybody's. [MS-SAMR] 2.2.6, 3.1.5.5.5 */
#include "rpc/samr.h"

#include "base/mem.h"

/* USER_INFORMATION_CLASS. 2.2.6.28 */
enum user_class {
    USER_GENERAL = 1,
    USER_NAME = 6,
    USER_ACCOUNT_NAME = 7,
    USER_FULL_NAME = 8,
    USER_PRIMARY_GROUP = 9,
    USER_ADMIN_COMMENT = 13,
    USER_CONTROL = 16,
    USER_ALL = 21,
};

#define RID_NONE 513u
#define CONTROL_DISABLED 0x1u /* 2.2.1.12 */
#define CONTROL_NORMAL 0x10u
/* WhichFields: user name, full name, both ids, control. 2.2.1.8 */
#define TOLD_FIELDS 0x0010001bu
#define TIMES 6u
#define NAMES 10u /* from UserName to Parameters */

static uint32_t control_of(const struct rpc_user *user)
{
    return CONTROL_NORMAL | (user->is_disabled ? CONTROL_DISABLED : 0);
}

/* Strings, then what their pointers lead to. */
static void push_names(struct ndr_out *o, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ndr_push_name_head(&o->w, o, names[i]);
    }
}

static void push_texts(struct ndr_out *o, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ndr_push_name(&o->w, names[i]);
    }
}

static void push_general(struct ndr_out *o, const struct rpc_user *user)
{
    const char *const names[] = {user->name, "", "", ""};
    push_names(o, names, 2);
    ndr_push_u32(o, RID_NONE);
    push_names(o, names + 2, 2);
    push_texts(o, names, ARRAY_LEN(names));
}

/* SAMPR_USER_ALL_INFORMATION. 2.2.6.6 */
static void push_all(struct ndr_out *o, const struct rpc_user *user)
{
    const char *const names[NAMES] = {user->name, "", "", "", "", "", "", "", "", ""};
    for (size_t i = 0; i < TIMES; i++) { /* never, or not known */
        ndr_push_u32(o, 0);
        ndr_push_u32(o, 0);
    }
    push_names(o, names, NAMES);
    for (size_t i = 0; i < 2; i++) { /* hashes: two empty RPC_SHORT_BLOBs */
        ndr_push_u32(o, 0);
        ndr_push_ptr(o, false);
    }
    ndr_push_u32(o, 0); /* PrivateData, another empty one */
    ndr_push_ptr(o, false);
    ndr_push_u32(o, 0); /* SecurityDescriptor */
    ndr_push_ptr(o, false);
    ndr_push_u32(o, user->rid);
    ndr_push_u32(o, RID_NONE);
    ndr_push_u32(o, control_of(user));
    ndr_push_u32(o, TOLD_FIELDS);
    ndr_push_u16(o, 0); /* LogonHours */
    wr_align(&o->w, 0, 4);
    ndr_push_ptr(o, false);
    for (size_t i = 0; i < 4; i++) { /* counts, country, code page */
        ndr_push_u16(o, 0);
    }
    wr_zero(&o->w, 4); /* what of passwords is there: nothing that is told */
    push_texts(o, names, NAMES);
}

static bool is_told(uint16_t user_class)
{
    return user_class == USER_GENERAL ||
           (user_class >= USER_NAME && user_class <= USER_PRIMARY_GROUP) ||
           user_class == USER_ADMIN_COMMENT || user_class == USER_CONTROL || user_class == USER_ALL;
}

static void push_class(struct ndr_out *o, uint16_t user_class, const struct rpc_user *user)
{
    const char *const names[] = {user->name, ""};
    switch (user_class) {
    case USER_GENERAL:
        push_general(o, user);
        break;
    case USER_NAME:
        push_names(o, names, 2);
        push_texts(o, names, 2);
        break;
    case USER_ACCOUNT_NAME:
        push_names(o, names, 1);
        push_texts(o, names, 1);
        break;
    case USER_FULL_NAME:
    case USER_ADMIN_COMMENT:
        push_names(o, names + 1, 1);
        push_texts(o, names + 1, 1);
        break;
    case USER_PRIMARY_GROUP:
        ndr_push_u32(o, RID_NONE);
        break;
    case USER_CONTROL:
        ndr_push_u32(o, control_of(user));
        break;
    default:
        push_all(o, user);
        break;
    }
}

/* SamrQueryInformationUser and its second form, which are alike. */
uint32_t samr_query_user(struct rpc_call *call)
{
    struct rpc_object of;
    struct rpc_user user = {0};
    const struct rpc_env *env = call->env;
    uint32_t fault = samr_pull(call, 1u << SAMR_USER, &of);
    uint16_t user_class = ndr_pull_u16(&call->in);
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    smbkit_status status = !of.kind               ? SMBKIT_STATUS_INVALID_HANDLE
                           : !is_told(user_class) ? SMBKIT_STATUS_INVALID_INFO_CLASS
                           : env->user_of_rid && env->user_of_rid(env->arg, of.rid, &user)
                               ? SMBKIT_STATUS_SUCCESS
                               : SMBKIT_STATUS_NO_SUCH_USER; /* removed since */
    ndr_push_ptr(&call->out, SMBKIT_OK(status));
    if (SMBKIT_OK(status)) {
        ndr_push_u16(&call->out, user_class);
        wr_align(&call->out.w, 0, 4); /* every arm stands as the widest one must */
        push_class(&call->out, user_class, &user);
    }
    return samr_end(call, status);
}
