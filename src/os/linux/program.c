/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <unistd.h>

#include "base/str.h"
#include "os/process.h"

char *os_program_folder(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return len > 1 ? str_ndup(path, (size_t)len - 1) : NULL;
}
