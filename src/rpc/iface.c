/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/iface.h"

#include "base/mem.h"
#include "base/str.h"

static const struct rpc_iface *const ifaces[] = {&srvsvc_iface, &wkssvc_iface, &lsarpc_iface,
                                                 &samr_iface};

const struct rpc_iface *iface_get(const char *pipe)
{
    for (size_t i = 0; i < ARRAY_LEN(ifaces); i++) {
        if (str_ieq(ifaces[i]->pipe, pipe)) {
            return ifaces[i];
        }
    }
    return NULL;
}

bool iface_speaks(const struct rpc_iface *iface, const struct pdu_syntax *abstract)
{
    return mem_eq(iface->syntax.uuid, abstract->uuid, sizeof(abstract->uuid)) &&
           iface->syntax.major == abstract->major && iface->syntax.minor >= abstract->minor;
}

rpc_method_fn iface_method_get(const struct rpc_iface *iface, uint16_t opnum)
{
    return opnum < iface->method_count ? iface->methods[opnum] : NULL;
}
