/* SPDX-License-Identifier: Apache-2.0 */
#include "os/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/time.h"
#include "os/os.h"

static sigset_t held_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    return set;
}

void os_signals_hold(void)
{
    sigset_t set = held_signals();
    ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    signal(SIGCHLD, SIG_DFL); /* ignored, as a parent may have left it, none could be waited for */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond RLIMIT_FSIZE fails, and nobody else suffers */
}

enum os_signal os_signal_wait(int timeout_ms)
{
    sigset_t set = held_signals();
    struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = (timeout_ms % 1000) * 1000000L};
    int sig;
    do {
        sig = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &t);
    } while (sig < 0 && errno == EINTR && timeout_ms < 0);
    if (sig < 0) {
        return OS_SIGNAL_NONE;
    }
    return sig == SIGHUP ? OS_SIGNAL_RELOAD : sig == SIGCHLD ? OS_SIGNAL_CHILD : OS_SIGNAL_STOP;
}

bool os_signal_wait_stop(int timeout_ms)
{
    sigset_t set;
    const struct timespec t = {.tv_sec = timeout_ms / 1000,
                               .tv_nsec = (timeout_ms % 1000) * 1000000L};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return sigtimedwait(&set, NULL, &t) > 0;
}

void os_signal_ask_stop(void)
{
    (void)kill(getpid(), SIGTERM); /* held: it waits for os_signal_wait */
}

void os_exit_now(int code)
{
    _exit(code);
}

bool os_stdin_is_terminal(void)
{
    return isatty(STDIN_FILENO) == 1;
}

/* One line from fd, byte by byte so that nothing behind it is taken. */
static int read_line(int fd, char *buf, size_t size)
{
    size_t len = 0;
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0) {
            return -errno;
        }
        if (n == 0 && len == 0) {
            return -ECANCELED;
        }
        if (n == 0 || c == '\n') {
            buf[len] = '\0';
            return 0;
        }
        if (len + 1 == size) {
            return -EMSGSIZE;
        }
        buf[len++] = c;
    }
}

static void say(int fd, const char *text)
{
    ssize_t n = write(fd, text, str_len(text));
    (void)n;
}

int os_password_read(const char *prompt, char *buf, size_t size)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return -ENOTTY;
    }
    struct termios before;
    if (tcgetattr(fd, &before) != 0) {
        close(fd);
        return -ENOTTY;
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    say(fd, prompt);
    tcsetattr(fd, TCSAFLUSH, &quiet);
    int err = read_line(fd, buf, size);
    tcsetattr(fd, TCSAFLUSH, &before);
    say(fd, "\n");
    close(fd);
    return err;
}

void os_syslog_open(const char *ident)
{
    openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void os_syslog_write(int severity, const char *text)
{
    syslog(severity, "%s", text);
}

int os_append_open(const char *path)
{
    /* O_NONBLOCK: a pipe that nobody reads would keep the open waiting. Writing may wait. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags | O_NONBLOCK, 0640);
    if (fd < 0) {
        return -errno;
    }
    (void)fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

int os_append_check(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT ? os_folder_check_of(path) : -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

size_t os_descriptors_raise(size_t wanted)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0) {
        return wanted;
    }
    struct rlimit raised = now;
    raised.rlim_cur = MIN((rlim_t)wanted, now.rlim_max);
    if (raised.rlim_cur > now.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        now = raised;
    }
    return (size_t)MIN(now.rlim_cur, (rlim_t)SIZE_MAX);
}

size_t os_descriptors_open(void)
{
    size_t open = 0;
    for (int fd = 0; fd < 1000; fd++) {
        open += fcntl(fd, F_GETFD) != -1;
    }
    return open;
}

void os_append_write(int fd, const void *data, size_t len)
{
    ssize_t n = write(fd, data, len);
    (void)n;
}

void os_append_close(int fd)
{
    close(fd);
}

void os_time_format(uint64_t filetime, char *buf, size_t size)
{
    int64_t sec = 0;
    uint32_t nsec = 0;
    struct tm tm;
    filetime_to_unix(filetime, &sec, &nsec);
    time_t t = (time_t)sec;
    gmtime_r(&t, &tm);
    str_format(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, nsec / 1000000);
}

bool os_user_is_root(void)
{
    return geteuid() == 0;
}

uint32_t os_process_id(void)
{
    return (uint32_t)getpid();
}

void os_error_text(int err, char *buf, size_t size)
{
    char text[256];
    if (err == OS_NOT_REGULAR) {
        str_copy(buf, size, "it is no regular file");
        return;
    }
    str_copy(buf, size, strerror_r(err, text, sizeof(text)));
}
