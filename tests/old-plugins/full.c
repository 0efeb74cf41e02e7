/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin as it was built for the first release. */
#include "hello.h"

static const struct smbkit_plugin plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    HELLO_MEMBERS("full"),
};

SMBKIT_REGISTER(plugin)
