/* SPDX-License-Identifier: Apache-2.0 */
/* Children that die in different ways; what they print. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "os/os.h"
#include "test.h"

#define TEXT_SIZE 262144u

static char text[TEXT_SIZE];

/* Static on purpose: dladdr() alone would not know the name. */
static __attribute__((noinline)) void crash_by_null(volatile int *p)
{
    *p = 1;
    __asm__ __volatile__("");
}

static void die_by_null(void)
{
    /* volatile: the compiler may not see that it is no object */
    volatile uintptr_t address = 8;
    crash_by_null((volatile int *)address);
    __asm__ __volatile__("");
}

static __attribute__((noinline)) void die_by_assert(void)
{
    ASSERT(1 + 1 == 3);
}

static __attribute__((noinline)) void die_by_signal(void)
{
    raise(SIGBUS);
    __asm__ __volatile__("");
}

static __attribute__((noinline)) int recurse(volatile char *above, volatile uint64_t *left)
{
    volatile char here[4096];
    here[0] = above[0];
    return --*left == 0 ? 0 : recurse(here, left) + here[0];
}

static void overflow_thread(void *arg)
{
    volatile char first = 0;
    volatile uint64_t left = UINT64_MAX;
    (void)arg;
    recurse(&first, &left);
}

/* In a thread: its own signal stack is what this needs. */
static void die_by_overflow(void)
{
    struct os_thread *t;
    if (os_thread_start(&t, "overflow", overflow_thread, NULL) == 0) {
        os_thread_join(t);
    }
}

/* Runs fn in a child with the handler; its standard error into text. Returns the wait status. */
static int run_child(void (*fn)(void))
{
    int fds[2];
    int status = -1;
    size_t len = 0;
    ssize_t n;
    if (pipe(fds) != 0) {
        return -1;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        os_crash_handler_install();
        fn();
        _exit(0);
    }
    close(fds[1]);
    while (len < TEXT_SIZE - 1 && (n = read(fds[0], text + len, TEXT_SIZE - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return status;
}

static void reports(void)
{
    static const struct {
        const char *name;
        void (*fn)(void);
        int sig;
        const char *want[3];
    } cases[] = {
        {"null",
         die_by_null,
         SIGSEGV,
         {"SIGSEGV at address 0x8", " crash_by_null+0x", " run_child+0x"}},
        {"assert", die_by_assert, SIGABRT, {"1 + 1 == 3", "SIGABRT", " die_by_assert+0x"}},
        {"signal", die_by_signal, SIGBUS, {"SIGBUS", " die_by_signal+0x", "os_crash_test"}},
        {"overflow", die_by_overflow, SIGSEGV, {"SIGSEGV", " recurse", "os_crash_test"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("%s", cases[i].name);
        int status = run_child(cases[i].fn);
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), cases[i].sig);
        for (size_t j = 0; j < ARRAY_LEN(cases[i].want); j++) {
            if (!strstr(text, cases[i].want[j])) {
                test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", cases[i].want[j], text);
            }
        }
    }
}

/* Where addr2line is installed it names the very line. */
static void lines(void)
{
    if (access("/usr/bin/addr2line", X_OK) != 0) {
        printf("# no addr2line here\n");
        return;
    }
    run_child(die_by_null);
    CHECK(strstr(text, "crash_by_null at ") != NULL);
    CHECK(strstr(text, "os_crash_test.c:") != NULL);
}

static __attribute__((noinline)) void print_here(void)
{
    os_backtrace_print(STDERR_FILENO);
    __asm__ __volatile__("");
}

static void print_only(void)
{
    int status = run_child(print_here);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(strstr(text, " print_here+0x") != NULL);
    CHECK(strstr(text, "  #0 0x") == text);
}

static const struct test_case cases[] = {
    {"reports", reports},
    {"lines", lines},
    {"print_only", print_only},
};
TEST_MAIN(cases)
