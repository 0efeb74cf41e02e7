/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the program, feeds it and takes what it says, within a time. */
#include "sh_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#define CHUNK 65536u
#define OWNED 3u /* variables that are made for each run */
#define QUIET_MS                                                                                   \
    100 /* a program that has ended and whose output says nothing for so long has said all */
/* How often it is seen whether a program that says nothing more has ended. */
#define LOOK_US 500
#define LOOK_MAX_US 20000

extern char **environ;

/* The ends of its pipes that are ours; -1: closed. */
struct ends {
    int in;
    int out;
    int err;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void shut(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- begin ---- */

static char *variable(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *text = malloc(size);
    if (text) {
        snprintf(text, size, "%s=%s", name, value);
    }
    return text;
}

static void environment_free(char **all)
{
    for (size_t i = 0; all && i < OWNED; i++) {
        free(all[i]);
    }
    free(all);
}

/* Not passed on: of another server whose command this one is (smbkit serve --run), and what a
 * script would take for ours. */
static int is_smbkits(const char *variable)
{
    return strncmp(variable, "SMBKIT_", 7) == 0;
}

/* Its environment: three of ours that are owned, then those of the share, then the process's. NULL:
 * no memory. */
static char **environment(const struct sh_volume *v, const struct sh_run *r)
{
    size_t count = OWNED;
    for (char **e = v->variables; *e; e++) {
        count++;
    }
    for (char **e = environ; *e; e++) {
        count++;
    }
    char **all = calloc(count + 1, sizeof(*all));
    if (!all) {
        return NULL;
    }
    const struct smbkit_identity *who = r->job ? r->job->call->who : NULL;
    all[0] = variable("SMBKIT_SHARE", v->share);
    all[1] = variable("SMBKIT_USER", who ? who->user : "");
    all[2] = variable("SMBKIT_ADDRESS", who ? who->client_address : "");
    if (!all[0] || !all[1] || !all[2]) {
        environment_free(all);
        return NULL;
    }
    size_t n = OWNED;
    for (char **e = v->variables; *e; e++) {
        all[n++] = *e;
    }
    for (char **e = environ; *e; e++) {
        if (!is_smbkits(*e)) {
            all[n++] = *e;
        }
    }
    return all;
}

static int pipes_make(int in[2], int out[2], int err[2])
{
    in[0] = in[1] = out[0] = out[1] = err[0] = err[1] = -1;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        return -errno;
    }
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    return 0;
}

/* A process group of its own, so that all of it can be ended; signals as they usually are. */
static int spawn(const char *script, char *const argv[], char **env, const int fds[3], pid_t *pid_r)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    if (posix_spawnattr_init(&attr) != 0) {
        return -ENOMEM;
    }
    if (posix_spawn_file_actions_init(&actions) != 0) {
        posix_spawnattr_destroy(&attr);
        return -ENOMEM;
    }
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    int err = 0;
    for (int i = 0; err == 0 && i < 3; i++) {
        err = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    }
    err = err ? err : posix_spawn(pid_r, script, &actions, &attr, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -err;
}

static int begin(const struct sh_volume *v, const struct sh_run *r, struct ends *ends, pid_t *pid_r)
{
    int in[2];
    int out[2];
    int err[2];
    int e = pipes_make(in, out, err);
    char **env = e == 0 ? environment(v, r) : NULL;
    if (env) {
        char *argv[] = {v->script, (char *)(uintptr_t)r->word, (char *)(uintptr_t)r->path,
                        (char *)(uintptr_t)r->other, NULL};
        const int theirs[3] = {in[0], out[1], err[1]};
        e = spawn(v->script, argv, env, theirs, pid_r);
    } else if (e == 0) {
        e = -ENOMEM;
    }
    environment_free(env);
    shut(&in[0]);
    shut(&out[1]);
    shut(&err[1]);
    *ends = (struct ends){in[1], out[0], err[0]};
    if (e != 0) {
        shut(&ends->in);
        shut(&ends->out);
        shut(&ends->err);
    }
    return e;
}

/* ---- while it runs ---- */

static void feed(struct ends *ends, struct sh_run *r, size_t *fed)
{
    ssize_t n =
        *fed < r->in_size ? write(ends->in, (const char *)r->in + *fed, r->in_size - *fed) : 0;
    if (n > 0) {
        *fed += (size_t)n;
    }
    /* It need not read it all. */
    if (*fed == r->in_size || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        shut(&ends->in);
    }
}

/* 0; or an errno: too long, or no memory. */
static int take_out(struct sh_volume *v, struct ends *ends, struct sh_run *r)
{
    if (r->job && !sh_may_say(v, r->job, r->out_size + CHUNK)) {
        return ENOMEM;
    }
    char *grown = realloc(r->out, r->out_size + CHUNK + 1);
    if (!grown) {
        return ENOMEM;
    }
    r->out = grown;
    ssize_t n = read(ends->out, r->out + r->out_size, CHUNK);
    if (n > 0) {
        r->out_size += (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        shut(&ends->out);
    }
    r->out[r->out_size] = '\0';
    return r->out_size > r->out_max ? EFBIG : 0;
}

static void take_err(struct ends *ends, struct sh_run *r, size_t *len)
{
    char rest[CHUNK];
    size_t room = sizeof(r->text) - 1 - *len;
    ssize_t n = read(ends->err, room ? r->text + *len : rest, room ? room : sizeof(rest));
    if (n > 0) {
        *len += room ? (size_t)n : 0;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        shut(&ends->err);
    }
    r->text[*len] = '\0';
}

/* Has it ended? Nobody else gets its number before it is waited for. -1: somebody else has waited
 * for it, or the process ignores SIGCHLD: how it ended is not known. */
static int has_ended(pid_t pid)
{
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return errno == EINTR ? 0 : -1;
    }
    return info.si_pid == pid;
}

/* When it is to end, and why. */
struct limit {
    uint64_t until;
    uint64_t kill_at; /* 0: it has not been told to end */
    int why;          /* an errno: for which it was told to */
};

/* 0: it may go on. Or an errno, for which it is ended now: one that changes something is told so
 * before. */
static int must_stop(struct sh_volume *v, const struct sh_run *r, pid_t pid, struct limit *l)
{
    uint64_t now = now_ms();
    int why = l->why;
    if (!why) {
        why = sh_is_given_up(v, r->job) ? ECANCELED : now >= l->until ? ETIMEDOUT : 0;
    }
    if (!why || !r->changes) {
        return why;
    }
    if (l->kill_at == 0) {
        l->kill_at = now + SH_GRACE_MS;
        l->why = why;
        if (has_ended(pid) == 0) { /* else the number may be another's */
            kill(-pid, SIGTERM);
        }
    }
    return now >= l->kill_at ? why : 0;
}

/* All that goes in and out, until it says no more, or has ended and is quiet: what it has left
 * behind may hold its output open. 0; or an errno for which it is stopped. */
static int converse(struct sh_volume *v, struct sh_run *r, struct ends *ends, pid_t pid,
                    struct limit *l)
{
    size_t fed = 0;
    size_t said = 0;
    int err = 0;
    feed(ends, r, &fed);
    while (err == 0 && (ends->out >= 0 || ends->err >= 0)) {
        struct pollfd fds[3] = {
            {ends->in, POLLOUT, 0}, {ends->out, POLLIN, 0}, {ends->err, POLLIN, 0}};
        int ready = poll(fds, 3, QUIET_MS);
        if (ready == 0 && has_ended(pid) != 0) {
            return 0;
        }
        if (fds[0].revents) {
            feed(ends, r, &fed);
        }
        if (fds[1].revents) {
            err = take_out(v, ends, r);
        }
        if (fds[2].revents) {
            take_err(ends, r, &said);
        }
        err = err ? err : must_stop(v, r, pid, l);
    }
    return err;
}

/* Longer from turn to turn. */
static void pause_for(long *us)
{
    const struct timespec pause = {0, *us * 1000L};
    nanosleep(&pause, NULL);
    *us = *us * 2 < LOOK_MAX_US ? *us * 2 : LOOK_MAX_US;
}

/* Until it has ended: by itself, or because it is made to. What it has left behind ends with it. 0;
 * or an errno for which it was stopped: why, or one that came now. */
static int end(struct sh_volume *v, const struct sh_run *r, pid_t pid, struct limit *l, int why)
{
    long us = LOOK_US;
    int ended = has_ended(pid);
    while (ended == 0 && why == 0) {
        pause_for(&us);
        ended = has_ended(pid);
        why = ended == 0 ? must_stop(v, r, pid, l) : 0;
    }
    if (ended >= 0) { /* else the number may be another's */
        kill(-pid, SIGKILL);
    }
    for (us = LOOK_US; has_ended(pid) == 0;) {
        pause_for(&us);
    }
    return why;
}

/* SH_LOST: not known. */
static int code_of(pid_t pid)
{
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended != pid) {
        return SH_LOST;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void tell(const struct sh_volume *v, const struct sh_run *r, const char *what)
{
    char path[600];
    char text[1000];
    char script[600];
    smbkit_log(1, "sh %s word=%s path=%s script=%s says=%s", what, r->word,
               smbkit_quote(r->path, path, sizeof(path)),
               smbkit_quote(v->script, script, sizeof(script)),
               smbkit_quote(r->text, text, sizeof(text)));
}

/* What the client is answered. why: an errno for which it was stopped; 0: none. */
static smbkit_status answer(const struct sh_volume *v, struct sh_run *r, int why)
{
    if (why == ECANCELED) {
        return SMBKIT_STATUS_CANCELLED;
    }
    if (why) {
        tell(v, r, why == ETIMEDOUT ? "timed out" : "stopped");
        return why == ETIMEDOUT ? SMBKIT_STATUS_IO_TIMEOUT : smbkit_status_from_errno(why);
    }
    /* A shell that does not understand the program exits as for a word that is not known, and says
     * why. */
    if (r->code == SH_UNKNOWN && r->text[0]) {
        r->code = 1;
    }
    if (r->code != 0 && r->code != SH_UNKNOWN && r->code != SH_NO) {
        tell(v, r, "failed");
    }
    return sh_status_of(r->code, r->text);
}

smbkit_status sh_run(struct sh_volume *v, struct sh_run *r)
{
    struct ends ends;
    pid_t pid = 0;
    r->out = NULL;
    r->out_size = 0;
    r->text[0] = '\0';
    r->code = -1;
    if (sh_is_given_up(v, r->job)) {
        return SMBKIT_STATUS_CANCELLED;
    }
    int err = begin(v, r, &ends, &pid);
    if (err != 0) {
        snprintf(r->text, sizeof(r->text), "%s",
                 err == -ENOEXEC ? "its first line must be #!/bin/sh or so" : strerror(-err));
        tell(v, r, "not run");
        return smbkit_status_from_errno(-err);
    }
    struct limit limit = {.until = now_ms() + v->timeout_ms};
    int why = converse(v, r, &ends, pid, &limit);
    shut(&ends.in);
    shut(&ends.out);
    shut(&ends.err);
    why = end(v, r, pid, &limit, why);
    int code = code_of(pid);
    why = !why && code != 0 ? limit.why : why; /* it was told to end, and did */
    r->code = why ? -1 : code;
    return answer(v, r, why);
}
