/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "os/process.h"

size_t os_threads_running(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;
    if (!tasks) {
        return 0;
    }
    for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
        count += e->d_name[0] != '.';
    }
    closedir(tasks);
    return count;
}
