/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define STRBUF_STACK 256u /* longer text is formatted a second time, into the heap */

void wr_printf(struct wr *w, const char *fmt, ...)
{
    char text[STRBUF_STACK];
    va_list ap;
    if (w->failed) {
        return;
    }
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0) {
        w->failed = true;
        return;
    }
    if ((size_t)len < sizeof(text)) {
        wr_bytes(w, text, (size_t)len);
        return;
    }
    CLEANUP_MEM char *big = mem_alloc((size_t)len + 1);
    if (!big) {
        w->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(big, (size_t)len + 1, fmt, ap);
    va_end(ap);
    wr_bytes(w, big, (size_t)len);
}
