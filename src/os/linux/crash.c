/* SPDX-License-Identifier: Apache-2.0 */
/* The stack of a dying process. In a signal handler: no allocation, no stdio, no locks of ours;
 * backtrace() and dladdr() take the dynamic loader's, which is as good as glibc gives. */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/base.h"
#include "base/str.h"
#include "os/linux/elf_symbol.h"
#include "os/os.h"
#include "os/posix/crash_stack.h"

#define FRAMES_MAX 64
#define MODULES_MAX 8         /* objects that addr2line is asked about */
#define ADDR_TEXT_SIZE 19     /* 0x and 16 digits, terminated */
#define ADDR2LINE_LIMIT_SEC 5 /* per object: debug information may be huge, the disk dead */
#define OTHER_CRASH_LIMIT_SEC 30
#define ADDR2LINE_PATH "/usr/bin/addr2line"

struct frame {
    uintptr_t pc;
    uintptr_t base;   /* where the object is loaded; 0: unknown */
    const char *path; /* the object's file */
    uint64_t vaddr;   /* link-time address to look up */
};

struct stack {
    struct frame frames[FRAMES_MAX];
    int count;
};

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
/* Set by the first thread that crashes; acquire/release not needed, it only picks one thread. */
static atomic_flag crashed = ATOMIC_FLAG_INIT;

static void out_str(int fd, const char *s)
{
    size_t left = str_len(s);
    while (left > 0) {
        ssize_t n = write(fd, s, left);
        if (n <= 0) {
            return;
        }
        s += n;
        left -= (size_t)n;
    }
}

static const char *hex_text(uint64_t v, char buf[ADDR_TEXT_SIZE])
{
    char *p = buf + ADDR_TEXT_SIZE - 1;
    *p = '\0';
    do {
        *--p = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    *--p = 'x';
    *--p = '0';
    return p;
}

static void out_hex(int fd, uint64_t v)
{
    char buf[ADDR_TEXT_SIZE];
    out_str(fd, hex_text(v, buf));
}

static void out_dec(int fd, unsigned v)
{
    char buf[12];
    char *p = buf + sizeof(buf) - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    out_str(fd, p);
}

/* Is this loaded object the program itself? Then its name may be a relative argv[0]. */
static bool is_program(const ElfW(Ehdr) * header)
{
    return (uintptr_t)header + header->e_phoff == getauxval(AT_PHDR);
}

/* exact: pc is an instruction that faulted, not the return address behind a call. */
static void frame_resolve(struct frame *f, uintptr_t pc, bool exact)
{
    Dl_info info;
    uintptr_t at = exact ? pc : pc - 1;
    *f = (struct frame){.pc = pc};
    if (!dladdr((const void *)at, &info) || !info.dli_fbase) {
        return;
    }
    const ElfW(Ehdr) *header = info.dli_fbase;
    f->base = (uintptr_t)info.dli_fbase;
    f->path = is_program(header) ? "/proc/self/exe" : info.dli_fname;
    f->vaddr = header->e_type == ET_EXEC ? at : at - f->base;
}

/* The faulting instruction, where known. */
static uintptr_t context_pc(const void *context)
{
    const ucontext_t *uc = context;
    if (!uc) {
        return 0;
    }
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.pc;
#else
    return 0;
#endif
}

static void stack_capture(struct stack *s, uintptr_t fault_pc)
{
    void *pcs[FRAMES_MAX];
    s->count = backtrace(pcs, FRAMES_MAX);
    for (int i = 0; i < s->count; i++) {
        uintptr_t pc = (uintptr_t)pcs[i];
        frame_resolve(&s->frames[i], pc, pc == fault_pc);
    }
}

static void frame_print(int fd, const struct frame *f, unsigned number)
{
    struct elf_file file = {0};
    uint64_t offset = 0;
    out_str(fd, "  #");
    out_dec(fd, number);
    out_str(fd, " ");
    out_hex(fd, f->pc);
    if (f->path && elf_file_open(&file, f->path)) {
        const char *name = elf_symbol_get(&file, f->vaddr, &offset);
        out_str(fd, " ");
        out_str(fd, name ? name : "?");
        out_str(fd, name ? "+" : "");
        if (name) {
            out_hex(fd, offset);
        }
        elf_file_close(&file);
    }
    if (f->path) {
        out_str(fd, " (");
        out_str(fd, f->path);
        out_str(fd, " ");
        out_hex(fd, f->vaddr);
        out_str(fd, ")");
    }
    out_str(fd, "\n");
}

/* In the child: become addr2line. */
NORETURN static void addr2line_exec(int fd, const char *const *argv)
{
    static char *const env[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(ADDR2LINE_LIMIT_SEC);
    int null = open("/dev/null", O_WRONLY);
    dup2(fd, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    /* execve() takes char *const * for history's sake and changes nothing */
    execve(ADDR2LINE_PATH, (char *const *)(uintptr_t)argv, env);
    _exit(127);
}

/* Files and lines of all frames that lie in the object of frame `first`. */
static void object_lines_print(int fd, const struct stack *s, int first)
{
    char texts[FRAMES_MAX][ADDR_TEXT_SIZE];
    const char *argv[FRAMES_MAX + 4] = {"addr2line", "-apfie"};
    char path[4096];
    int argc = 3;
    /* /proc/self would be addr2line's own */
    ssize_t n = readlink(s->frames[first].path, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    argv[2] = n > 0 ? path : s->frames[first].path;
    for (int i = first; i < s->count; i++) {
        if (s->frames[i].base == s->frames[first].base) {
            argv[argc++] = hex_text(s->frames[i].vaddr, texts[i]);
        }
    }
    argv[argc] = NULL;
    /* _Fork: unlike fork() it runs no handlers, which might want a lock that the crash left taken
     */
    pid_t child = _Fork();
    if (child == 0) {
        addr2line_exec(fd, argv);
    }
    if (child > 0) {
        (void)waitpid(child, NULL, 0);
    }
}

static bool is_first_of_object(const struct stack *s, int index)
{
    if (!s->frames[index].base) {
        return false;
    }
    for (int i = 0; i < index; i++) {
        if (s->frames[i].base == s->frames[index].base) {
            return false;
        }
    }
    return true;
}

static void lines_print(int fd, const struct stack *s)
{
    int objects = 0;
    if (access(ADDR2LINE_PATH, X_OK) != 0) {
        return;
    }
    for (int i = 0; i < s->count && objects < MODULES_MAX; i++) {
        if (is_first_of_object(s, i)) {
            object_lines_print(fd, s, i);
            objects++;
        }
    }
}

static void stack_print(int fd, uintptr_t fault_pc)
{
    struct stack s;
    stack_capture(&s, fault_pc);
    for (int i = 0; i < s.count; i++) {
        frame_print(fd, &s.frames[i], (unsigned)i);
    }
    lines_print(fd, &s);
}

void os_backtrace_print(int fd)
{
    stack_print(fd, 0);
}

static const char *signal_name(int sig)
{
    const char *name = sigabbrev_np(sig);
    return name ? name : "?";
}

static void crash_report(int sig, const siginfo_t *info, const void *context)
{
    out_str(STDERR_FILENO, "smbkit: fatal signal SIG");
    out_str(STDERR_FILENO, signal_name(sig));
    if (sig != SIGABRT && info->si_code > 0) {
        out_str(STDERR_FILENO, " at address ");
        out_hex(STDERR_FILENO, (uintptr_t)info->si_addr);
    }
    out_str(STDERR_FILENO, ", stack:\n");
    stack_print(STDERR_FILENO, context_pc(context));
}

/* The other crash signals are blocked meanwhile: a fault in here kills at once. */
static void crash_handler(int sig, siginfo_t *info, void *context)
{
    if (atomic_flag_test_and_set(&crashed)) {
        /* Another thread is printing, and takes all of us with it when it is done. */
        struct timespec limit = {.tv_sec = OTHER_CRASH_LIMIT_SEC};
        nanosleep(&limit, NULL);
    } else {
        crash_report(sig, info, context);
    }
    /* Delivered with the default action, a core dump, once this handler returns. */
    signal(sig, SIG_DFL);
    raise(sig);
}

void os_crash_handler_install(void)
{
    /* Never freed: the main thread's, to the end of the process. */
    static struct os_crash_stack stack;
    struct sigaction sa = {.sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    void *frame;
    /* The first call loads the unwinder, with malloc(); not in the handler then. */
    (void)backtrace(&frame, 1);
    if (!stack.memory) {
        os_crash_stack_init(&stack);
    }
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(crash_signals); i++) {
        sigaddset(&sa.sa_mask, crash_signals[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(crash_signals); i++) {
        ASSERT(sigaction(crash_signals[i], &sa, NULL) == 0);
    }
}
