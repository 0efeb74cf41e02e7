/* SPDX-License-Identifier: Apache-2.0 */
/* The stack of a dying process: module and offset of each frame, which addr2line or a debugger
 * turns into names. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <io.h>
#include <signal.h>

#include "base/str.h"
#include "os/os.h"
#include "os/windows/wide.h"

#define FRAMES_MAX 62 /* the most that older systems capture */
#define LINE_SIZE 512u
#define STDERR_FD 2

static void out_str(int fd, const char *s)
{
    (void)_write(fd, s, (unsigned)str_len(s));
}

static void frame_print(int fd, unsigned number, void *pc)
{
    char line[LINE_SIZE];
    char path[MAX_PATH] = "?";
    HMODULE module = NULL;
    uintptr_t offset = (uintptr_t)pc;
    if (GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                               GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                           (LPCWSTR)pc, &module)) {
        offset -= (uintptr_t)module;
        /* The A form: it needs no memory, which may be what broke. */
        (void)GetModuleFileNameA(module, path, sizeof(path));
        path[sizeof(path) - 1] = '\0';
    }
    str_format(line, sizeof(line), "  #%u %p (%s 0x%llx)\n", number, pc, path,
               (unsigned long long)offset);
    out_str(fd, line);
}

void os_backtrace_print(int fd)
{
    void *pcs[FRAMES_MAX];
    USHORT count = CaptureStackBackTrace(0, FRAMES_MAX, pcs, NULL);
    for (unsigned i = 0; i < count; i++) {
        frame_print(fd, i, pcs[i]);
    }
}

/* Runs on the faulting thread's stack, above the fault, so the walk passes through it. */
static LONG WINAPI exception_filter(EXCEPTION_POINTERS *e)
{
    char line[LINE_SIZE];
    str_format(line, sizeof(line), "smbkit: fatal exception 0x%08lx, stack:\n",
               (unsigned long)e->ExceptionRecord->ExceptionCode);
    out_str(STDERR_FD, line);
    frame_print(STDERR_FD, 0, e->ExceptionRecord->ExceptionAddress);
    os_backtrace_print(STDERR_FD);
    return EXCEPTION_CONTINUE_SEARCH;
}

static void abort_handler(int sig)
{
    out_str(STDERR_FD, "smbkit: fatal signal SIGABRT, stack:\n");
    os_backtrace_print(STDERR_FD);
    /* abort() goes on with the default action when this returns. */
    signal(sig, SIG_DFL);
}

void os_crash_handler_install(void)
{
    SetUnhandledExceptionFilter(exception_filter);
    signal(SIGABRT, abort_handler);
}
