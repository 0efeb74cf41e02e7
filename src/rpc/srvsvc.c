/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/srvsvc.h"

/* [MS-SRVS] 3.1.4: what is not here is answered as an opnum out of range. */
static const rpc_method_fn methods[] = {
    [8] = srvsvc_connection_enum,    /* NetrConnectionEnum */
    [9] = srvsvc_file_enum,          /* NetrFileEnum */
    [10] = srvsvc_file_get_info,     /* NetrFileGetInfo */
    [12] = srvsvc_session_enum,      /* NetrSessionEnum */
    [15] = srvsvc_share_enum,        /* NetrShareEnum */
    [16] = srvsvc_share_get_info,    /* NetrShareGetInfo */
    [20] = srvsvc_share_check,       /* NetrShareCheck */
    [21] = srvsvc_server_get_info,   /* NetrServerGetInfo */
    [23] = srvsvc_disk_enum,         /* NetrServerDiskEnum */
    [28] = srvsvc_remote_tod,        /* NetrRemoteTOD */
    [36] = srvsvc_share_enum_sticky, /* NetrShareEnumSticky */
};

const struct rpc_iface srvsvc_iface = {
    .pipe = "srvsvc",
    .address = "\\PIPE\\srvsvc",
    /* 4b324fc8-1670-01d3-1278-5a47bf6ee188 version 3.0. [MS-SRVS] 1.9 */
    .syntax = {.uuid = {0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47,
                        0xbf, 0x6e, 0xe1, 0x88},
               .major = 3},
    .methods = methods,
    .method_count = ARRAY_LEN(methods),
};
