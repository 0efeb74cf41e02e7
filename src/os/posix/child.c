/* SPDX-License-Identifier: Apache-2.0 */
#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

#define LOOK_MS 10
#define CODE_LOST 255   /* how it ended is not known */
#define SOCKETS_FIRST 3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */

struct os_child {
    pid_t pid;
    bool is_group; /* its own, which has that number */
    bool is_asked;
    bool is_over;
    int code;
};

/* ---- environment ---- */

static bool is_of(const char *entry, const char *name)
{
    return str_has_prefix(entry, name) && entry[str_len(name)] == '=';
}

static bool is_replaced(const char *entry, const struct os_variable *env, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_of(entry, env[i].name)) {
            return true;
        }
    }
    return false;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (texts[i]) {
            mem_wipe(texts[i], str_len(texts[i])); /* one may be a password */
        }
        mem_free(texts[i]);
    }
    mem_free(texts);
}

/* The variables of env first, then ours. *count_r: of the first, which are owned. */
static char **make_environment(const struct os_variable *env, size_t count)
{
    size_t ours = 0;
    while (environ[ours]) {
        ours++;
    }
    char **all = mem_zalloc((count + ours + 1) * sizeof(*all));
    bool ok = all;
    for (size_t i = 0; ok && i < count; i++) {
        all[i] = str_printf("%s=%s", env[i].name, env[i].value);
        ok = all[i];
    }
    if (!ok) {
        free_texts(all, all ? count : 0);
        return NULL;
    }
    size_t n = count;
    for (size_t i = 0; i < ours; i++) {
        if (!is_replaced(environ[i], env, count)) {
            all[n++] = environ[i];
        }
    }
    return all;
}

/* ---- a command ---- */

/* What this process has blocked or ignores is not the command's. */
static void set_signals(posix_spawnattr_t *attr, bool is_group)
{
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &usual);
    posix_spawnattr_setpgroup(attr, 0);
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                       (is_group ? POSIX_SPAWN_SETPGROUP : 0));
}

static int spawn(const char *command, char **env, bool is_group, pid_t *pid_r)
{
    CLEANUP_MEM char *text = str_dup(command);
    char sh[] = "sh";
    char c[] = "-c";
    char end[] = "--";
    char *argv[] = {sh, c, end, text, NULL};
    posix_spawnattr_t attr;
    if (!text || posix_spawnattr_init(&attr) != 0) {
        return -ENOMEM;
    }
    set_signals(&attr, is_group);
    int err = posix_spawn(pid_r, "/bin/sh", NULL, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    return -err;
}

int os_child_start(const char *command, const struct os_variable *env, size_t env_count,
                   struct os_child **out)
{
    struct os_child *c = mem_zalloc(sizeof(*c));
    char **all = c ? make_environment(env, env_count) : NULL;
    if (c) {
        c->is_group = !isatty(STDIN_FILENO); /* in another it could not read from the terminal */
    }
    int err = all ? spawn(command, all, c->is_group, &c->pid) : -ENOMEM;
    free_texts(all, all ? env_count : 0);
    if (err != 0) {
        mem_free(c);
        return err;
    }
    *out = c;
    return 0;
}

bool os_child_is_over(struct os_child *c, int *code_r)
{
    int status = 0;
    pid_t ended = c->is_over ? 0 : waitpid(c->pid, &status, WNOHANG);
    if (ended == c->pid) {
        c->is_over = true;
        c->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (ended < 0 && errno == ECHILD) { /* somebody else has waited for it */
        c->is_over = true;
        c->code = CODE_LOST;
    }
    *code_r = c->code;
    return c->is_over;
}

void os_child_ask(struct os_child *c)
{
    if (!c->is_over) {
        c->is_asked = true;
        kill(c->is_group ? -c->pid : c->pid, SIGTERM);
    }
}

/* Does anything of its group go on? No process gets the number of a group that has members. */
static bool has_rest(const struct os_child *c)
{
    return c->is_group && c->is_asked && kill(-c->pid, 0) == 0;
}

int os_child_end(struct os_child *c, unsigned timeout_ms)
{
    int code = 0;
    uint64_t until = os_monotonic_ms() + timeout_ms;
    bool goes_on = !os_child_is_over(c, &code) || has_rest(c);
    while (goes_on && os_monotonic_ms() < until) {
        usleep(LOOK_MS * 1000);
        goes_on = !os_child_is_over(c, &code) || has_rest(c);
    }
    if (goes_on) {
        kill(c->is_group ? -c->pid : c->pid, SIGKILL);
        while (!os_child_is_over(c, &code)) {
            usleep(LOOK_MS * 1000);
        }
    }
    mem_free(c);
    return code;
}

uint32_t os_parent_id(void)
{
    return (uint32_t)getppid();
}

/* ---- sockets ---- */

static bool number_of(const char *name, unsigned long *value_r)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (!text || !*text) {
        return false;
    }
    errno = 0;
    *value_r = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0';
}

int os_sockets_taken(int64_t *fds, size_t max)
{
    unsigned long pid;
    unsigned long count = 0;
    bool are_ours = number_of("LISTEN_PID", &pid) && pid == (unsigned long)getpid() &&
                    number_of("LISTEN_FDS", &count);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!are_ours) {
        return 0;
    }
    if (count > max) {
        return -E2BIG;
    }
    for (unsigned long i = 0; i < count; i++) {
        fds[i] = SOCKETS_FIRST + (int64_t)i;
        fcntl((int)fds[i], F_SETFD, FD_CLOEXEC);
    }
    return (int)count;
}
