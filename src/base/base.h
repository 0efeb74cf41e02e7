/* SPDX-License-Identifier: Apache-2.0 */
/* The few macros that every file of smbkit uses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smbkit/status.h>

#define NODISCARD __attribute__((warn_unused_result))
#define NOINLINE __attribute__((noinline))
#define NORETURN __attribute__((noreturn))
/* gnu_printf: gcc for Windows would otherwise check against the old Microsoft runtime's %-codes;
 * clang has no other kind. */
#ifdef __clang__
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PRINTF_LIKE(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#endif
#define UNUSED __attribute__((unused))

/* CLEANUP(thing_free) struct thing *t = ...; calls thing_freep(&t) when t leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn##p)))
/* Defines fn##p for CLEANUP from a plain destructor that accepts NULL. */
#define CLEANUP_DEFINE(fn, type)                                                                   \
    static inline UNUSED void fn##p(type *p_)                                                      \
    {                                                                                              \
        if (*p_) {                                                                                 \
            fn(*p_);                                                                               \
        }                                                                                          \
    }

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        typeof(a) swap_ = (a);                                                                     \
        (a) = (b);                                                                                 \
        (b) = swap_;                                                                               \
    } while (0)

/* A programmer's error ends the process with a message and a stack; kept in release builds. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            assert_failed(#cond, __FILE__, __LINE__);                                              \
        }                                                                                          \
    } while (0)
NORETURN void assert_failed(const char *cond, const char *file, int line);

/* n rounded up to a multiple of a power of two. n + align must not wrap. */
static inline size_t align_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}
