/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h> /* tells which C library this is */

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "os/os.h"

void os_memory_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0); /* every arena, and holes of whole pages within */
#endif
}
