/* SPDX-License-Identifier: Apache-2.0 */
#include "os/posix/path.h"

#include <string.h>

#include "base/str.h"

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return str_dup(".");
    }
    return slash == path ? str_dup("/.") : str_ndup(path, (size_t)(slash - path));
}
