/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of lsarpc, each in the file of its kind. [MS-LSAD] 3.1.4, [MS-LSAT] 3.1.4 */
#pragma once

#include "rpc/iface.h"

uint32_t lsarpc_lookup_names(struct rpc_call *call);
uint32_t lsarpc_lookup_names2(struct rpc_call *call);
uint32_t lsarpc_lookup_names3(struct rpc_call *call);
uint32_t lsarpc_lookup_sids(struct rpc_call *call);
uint32_t lsarpc_lookup_sids2(struct rpc_call *call);
