/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of mem share. */
#pragma once

#include "plugin_test.h"

const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

#define CHUNK 65536u
#define CLUSTER 4096u

static inline bool start(struct pt *t, const char *size, const char *files)
{
    const char *args[] = {size, files, NULL};
    smbkit_status status = pt_open_volume(t, smbkit_static_mem(&pt_api), size ? args : NULL, NULL);
    if (!SMBKIT_OK(status)) {
        test_fail(__FILE__, __LINE__, "volume_open: %s", t->error);
    }
    return SMBKIT_OK(status);
}
