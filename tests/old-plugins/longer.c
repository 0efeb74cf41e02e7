/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of a later build of the same version: its struct goes on where this server's ends. */
#include "hello.h"

static const struct {
    struct smbkit_plugin known;
    const char *unknown[4];
} later = {
    .known =
        {
            .struct_size = sizeof(later),
            .api_version = SMBKIT_API_VERSION,
            HELLO_MEMBERS("longer"),
        },
    .unknown = {"a", "b", "c", "d"},
};

SMBKIT_REGISTER(later.known)
