/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of ABI version 2, which this server does not know: it must be refused. */
#include "hello.h"

static const struct smbkit_plugin plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = 2,
    HELLO_MEMBERS("future"),
};

SMBKIT_REGISTER(plugin)
