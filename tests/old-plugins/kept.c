/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin of which x86_64 keeps a build. */
#include "hello.h"

static const struct smbkit_plugin plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    HELLO_MEMBERS("kept"),
};

SMBKIT_REGISTER(plugin)
