/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/random.h>

#include "os/os.h"

void os_random(void *buf, size_t n)
{
    uint8_t *p = buf;
    while (n > 0) {
        /* Blocks only until the pool is first seeded at boot; a signal may cut a long request. */
        ssize_t got = getrandom(p, n, 0);
        ASSERT(got > 0 || (got < 0 && errno == EINTR));
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}
