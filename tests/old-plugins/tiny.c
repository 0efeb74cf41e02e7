/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that ends before what is required: it must be refused. */
#include "hello.h"

static const struct smbkit_plugin plugin = {
    .struct_size = offsetof(struct smbkit_plugin, read),
    .api_version = SMBKIT_API_VERSION,
    HELLO_MEMBERS("tiny"),
};

SMBKIT_REGISTER(plugin)
