/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/str.h"
#include "os/os.h"

#define HOST_NAME_SIZE 256u /* POSIX: at most 255 bytes */

void os_hostname(char *buf, size_t size)
{
    char name[HOST_NAME_SIZE] = "";
    if (gethostname(name, sizeof(name)) != 0 || !name[0]) {
        str_copy(buf, size, "localhost");
        return;
    }
    name[sizeof(name) - 1] = '\0';
    str_copy(buf, size, name);
}
