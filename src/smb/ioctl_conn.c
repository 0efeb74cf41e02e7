/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the server itself. [MS-SMB2] 3.3.5.15.11, 3.3.5.15.12 */
#include "base/mem.h"
#include "smb/ioctl.h"

/* [MS-SMB2] 3.3.5.15.12: a man in the middle changed the NEGOTIATE when these differ. 3.1.1 has
 * better, and nobody asks there who has got its answers. */
static bool is_as_negotiated(const struct smb_conn *c,
                             const struct fsctl_validate_negotiate_req *in)
{
    return c->dialect != SMB2_DIALECT_311 && in->capabilities == c->client_capabilities &&
           smb_dialects_hash(c->server, in->dialects, in->dialect_count) == c->client_dialects &&
           mem_eq(in->guid, c->client_guid, sizeof(c->client_guid)) &&
           in->security_mode == c->client_security_mode &&
           smb_negotiate_dialect(c->server, in->dialects, in->dialect_count) == c->dialect;
}

FSCTL_FN(fsctl_validate_negotiate)
{
    struct fsctl_validate_negotiate_req in;
    struct smb_conn *c = r->conn;
    if (req->max_output_response < FSCTL_VALIDATE_NEGOTIATE_RSP_SIZE ||
        fsctl_validate_negotiate_req_parse(req->input, &in) != WIRE_OK ||
        !is_as_negotiated(c, &in)) {
        r->end_reason = "negotiation was tampered with";
        r->no_reply = true;
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct fsctl_validate_negotiate_rsp rsp = {
        .capabilities = c->capabilities,
        .security_mode = c->security_mode,
        .dialect = c->dialect,
    };
    mem_copy(rsp.guid, c->server->config.server_guid, sizeof(rsp.guid));
    fsctl_validate_negotiate_rsp_format(w, &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

/* Where else it may connect to. [MS-SMB2] 3.3.5.15.11 */
FSCTL_FN(fsctl_interfaces)
{
    const struct smb_config *config = &r->conn->server->config;
    struct smb_interface found[SMB_INTERFACES_MAX];
    struct fsctl_netif list[SMB_INTERFACES_MAX];
    if (!(r->conn->capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) || !config->interfaces) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    size_t count = config->interfaces(config->interfaces_arg, found, SMB_INTERFACES_MAX);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct fsctl_netif){.if_index = found[i].index,
                                       .capability = found[i].has_rss ? FSCTL_NETIF_RSS_CAPABLE : 0,
                                       .link_speed_bps = found[i].speed_bps,
                                       .is_ipv6 = found[i].is_ipv6};
        mem_copy(list[i].address, found[i].address, sizeof(list[i].address));
    }
    if (count * FSCTL_NETIF_SIZE > req->max_output_response) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    fsctl_netifs_format(w, list, count);
    return SMBKIT_STATUS_SUCCESS;
}
