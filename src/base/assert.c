/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "smbkit: %s:%d: assertion failed: %s\n", file, line, cond);
    fflush(stderr);
    /* The handler of SIGABRT (os/os.h) prints the stack. */
    abort();
}
