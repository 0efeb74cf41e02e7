/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <unistd.h>

#include "os/os.h"

unsigned os_cpu_count(void)
{
    cpu_set_t set;
    /* What this process may use, which in a container is less than what is there. */
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}
