/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin whose struct ends behind write(). What lies there in memory is not part of it: the
 * server must take those members as absent. Here they are traps. */
#include <stdlib.h>

#include "hello.h"

static smbkit_status trap_flush(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_flush *a)
{
    (void)a;
    (void)volume;
    (void)op;
    (void)file;
    abort();
}

static smbkit_status trap_watch(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_watch *a)
{
    uint32_t on = a->on;
    (void)volume;
    (void)op;
    (void)file;
    (void)on;
    abort();
}

static const struct smbkit_plugin plugin = {
    .struct_size = offsetof(struct smbkit_plugin, flush),
    .api_version = SMBKIT_API_VERSION,
    HELLO_MEMBERS("short"),
    .flush = trap_flush,
    .watch = trap_watch,
};

SMBKIT_REGISTER(plugin)
