/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, random numbers, host, threads and shared objects by Win32. */
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0a00
#endif
#include <windows.h>

#include <bcrypt.h>
#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/windows/wide.h"

#define HOST_NAME_SIZE 256u /* DNS: at most 255 */

uint64_t os_time_now(void)
{
    FILETIME ft;
    GetSystemTimePreciseAsFileTime(&ft);
    return (uint64_t)ft.dwHighDateTime << 32 | ft.dwLowDateTime;
}

uint64_t os_monotonic_ns(void)
{
    LARGE_INTEGER count;
    LARGE_INTEGER per_sec;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&per_sec);
    /* Whole seconds apart from the rest: count * 10^9 would wrap within hours. */
    uint64_t sec = (uint64_t)(count.QuadPart / per_sec.QuadPart);
    uint64_t rest = (uint64_t)(count.QuadPart % per_sec.QuadPart);
    return sec * 1000000000u + rest * 1000000000u / (uint64_t)per_sec.QuadPart;
}

uint64_t os_monotonic_ms(void)
{
    return os_monotonic_ns() / 1000000u;
}

void os_sleep_ms(unsigned ms)
{
    Sleep(ms);
}

void os_random(void *buf, size_t n)
{
    uint8_t *p = buf;
    while (n > 0) {
        ULONG chunk = (ULONG)MIN(n, (size_t)1 << 20);
        NTSTATUS status = BCryptGenRandom(NULL, p, chunk, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
        ASSERT(status == 0);
        p += chunk;
        n -= chunk;
    }
}

unsigned os_cpu_count(void)
{
    DWORD_PTR process;
    DWORD_PTR machine;
    /* The affinity is for one processor group; a process that spans groups reads 0 there. */
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &machine) && process != 0) {
        return (unsigned)__builtin_popcountll(process);
    }
    DWORD n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return n > 0 ? n : 1;
}

bool os_account_of_id(bool is_group, uint32_t id, char *name, size_t size)
{
    (void)is_group;
    (void)id;
    (void)name;
    (void)size;
    return false;
}

bool os_account_of_name(bool is_group, const char *name, uint32_t *id_r)
{
    (void)is_group;
    (void)name;
    (void)id_r;
    return false;
}

void os_hostname(char *buf, size_t size)
{
    wchar_t wide[HOST_NAME_SIZE];
    DWORD len = HOST_NAME_SIZE;
    CLEANUP_MEM char *name =
        GetComputerNameExW(ComputerNamePhysicalDnsHostname, wide, &len) ? wide_to_utf8(wide) : NULL;
    str_copy(buf, size, name && name[0] ? name : "localhost");
}

struct os_thread {
    HANDLE handle;
    void (*fn)(void *);
    void *arg;
};

static DWORD WINAPI thread_main(void *p)
{
    struct os_thread *t = p;
    t->fn(t->arg);
    return 0;
}

/* For debuggers only; without it nothing is lost. Looked up: mingw-w64's headers lack it. */
static void thread_name_set(HANDLE thread, const char *name)
{
    typedef HRESULT(WINAPI * set_fn)(HANDLE, PCWSTR);
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    void *symbol =
        kernel ? (void *)(uintptr_t)GetProcAddress(kernel, "SetThreadDescription") : NULL;
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(name);
    if (symbol && wide) {
        (void)((set_fn)(uintptr_t)symbol)(thread, wide);
    }
}

int os_thread_start(struct os_thread **out, const char *name, void (*fn)(void *), void *arg)
{
    struct os_thread *t = mem_zalloc(sizeof(*t));
    *out = NULL;
    if (!t) {
        return -ENOMEM;
    }
    t->fn = fn;
    t->arg = arg;
    t->handle = CreateThread(NULL, 0, thread_main, t, 0, NULL);
    if (!t->handle) {
        int err = win_errno();
        mem_free(t);
        return err;
    }
    thread_name_set(t->handle, name);
    *out = t;
    return 0;
}

void os_thread_join(struct os_thread *t)
{
    ASSERT(WaitForSingleObject(t->handle, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(t->handle);
    mem_free(t);
}

struct os_lib {
    HMODULE module;
};

/* The system's own words for code, without their line end. */
static char *error_text(DWORD code)
{
    wchar_t wide[512];
    DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code,
                             0, wide, ARRAY_LEN(wide), NULL);
    while (n > 0 && wide[n - 1] <= L' ') {
        n--;
    }
    if (n == 0) {
        return str_printf("Windows error %lu", (unsigned long)code);
    }
    wide[n] = L'\0';
    return wide_to_utf8(wide);
}

int os_lib_open(const char *path, struct os_lib **out, char **err_r)
{
    *out = NULL;
    *err_r = NULL;
    struct os_lib *lib = mem_alloc(sizeof(*lib));
    CLEANUP_MEM wchar_t *wide = wide_from_utf8(path);
    if (!lib || !wide) {
        mem_free(lib);
        *err_r = str_dup("no memory");
        return -ENOMEM;
    }
    lib->module = LoadLibraryW(wide);
    if (!lib->module) {
        DWORD code = GetLastError();
        int err = win_errno();
        *err_r = error_text(code);
        mem_free(lib);
        return err;
    }
    *out = lib;
    return 0;
}

void *os_lib_symbol(struct os_lib *lib, const char *name)
{
    return (void *)(uintptr_t)GetProcAddress(lib->module, name);
}

void os_lib_close(struct os_lib *lib)
{
    if (lib) {
        FreeLibrary(lib->module);
        mem_free(lib);
    }
}

void os_memory_trim(void)
{
    HeapCompact(GetProcessHeap(), 0);
}
