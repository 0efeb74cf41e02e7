/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of srvsvc, a file for each kind of object. [MS-SRVS] 3.1.4 */
#pragma once

#include "rpc/iface.h"

uint32_t srvsvc_file_enum(struct rpc_call *call);
uint32_t srvsvc_file_get_info(struct rpc_call *call);
uint32_t srvsvc_disk_enum(struct rpc_call *call);
uint32_t srvsvc_connection_enum(struct rpc_call *call);
uint32_t srvsvc_share_enum_sticky(struct rpc_call *call);
uint32_t srvsvc_share_check(struct rpc_call *call);
uint32_t srvsvc_session_enum(struct rpc_call *call);
uint32_t srvsvc_share_enum(struct rpc_call *call);
uint32_t srvsvc_share_get_info(struct rpc_call *call);
uint32_t srvsvc_server_get_info(struct rpc_call *call);
uint32_t srvsvc_remote_tod(struct rpc_call *call);

/* The ServerName that every request begins with, which the server ignores. */
static inline void srvsvc_skip_server_name(struct cur *c)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(c, &name);
}
