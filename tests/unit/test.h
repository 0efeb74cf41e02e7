/* SPDX-License-Identifier: Apache-2.0 */
/* The unit tests' harness: TAP output, a list of named cases, checks that print what they saw. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* gcc for Windows: our printf is the C99 one, not the old Microsoft runtime's */
#ifdef __clang__
#define TEST_PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TEST_PRINTF_LIKE(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#endif

struct test_case {
    const char *name;
    void (*fn)(void);
};

/* Runs every case (or those whose name contains argv[1]); the exit code of main. */
int test_main(int argc, char **argv, const struct test_case *cases, size_t count);

#define TEST_MAIN(cases)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return test_main(argc, argv, cases, sizeof(cases) / sizeof((cases)[0]));                   \
    }

/* A label printed with every failure until changed: the row of a table, the seed of a random walk.
 */
void test_context(const char *fmt, ...) TEST_PRINTF_LIKE(1, 2);
void test_fail(const char *file, int line, const char *fmt, ...) TEST_PRINTF_LIKE(3, 4);
void test_check_mem(const char *file, int line, const char *what, const void *got, size_t got_len,
                    const void *want, size_t want_len);
/* Bytes of a hex string (blanks ignored) into buf; returns their count, fails the test when they do
 * not fit. */
size_t test_hex(void *buf, size_t cap, const char *hex);
/* Deterministic pseudo-random numbers (splitmix64). */
uint64_t test_random(uint64_t *seed);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
        }                                                                                          \
    } while (0)
#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_) {                                                                       \
            test_fail(__FILE__, __LINE__, "%s: got %lld (0x%llx), want %lld (0x%llx)", #got, got_, \
                      (unsigned long long)got_, want_, (unsigned long long)want_);                 \
        }                                                                                          \
    } while (0)
#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        const char *got_s_ = (got), *want_s_ = (want);                                             \
        if (!got_s_ || !want_s_ ? got_s_ != want_s_ : strcmp(got_s_, want_s_) != 0) {              \
            test_fail(__FILE__, __LINE__, "%s: got \"%s\", want \"%s\"", #got,                     \
                      got_s_ ? got_s_ : "(null)", want_s_ ? want_s_ : "(null)");                   \
        }                                                                                          \
    } while (0)
#define CHECK_MEM(got, got_len, want, want_len)                                                    \
    test_check_mem(__FILE__, __LINE__, #got, got, got_len, want, want_len)
/* As CHECK, but leaves the test function: for what makes going on pointless. */
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
            return;                                                                                \
        }                                                                                          \
    } while (0)
