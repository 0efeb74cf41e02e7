/* SPDX-License-Identifier: Apache-2.0 */
#include "os/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/posix/local_priv.h"
#include "os/os.h"
#include "os/process.h"

int local_new(struct os_local **out)
{
    struct os_local *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return -ENOMEM;
    }
    l->fd = l->wake[0] = l->wake[1] = -1;
    *out = l;
    return 0;
}

static void close_if(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void os_local_free(struct os_local *l)
{
    if (!l) {
        return;
    }
    if (l->path) {
        unlink(l->path);
    }
    close_if(l->fd);
    close_if(l->wake[0]);
    close_if(l->wake[1]);
    mem_free(l->path);
    mem_free(l);
}

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == OS_LOCAL_PATH_MAX + 1, "as it says");

static int make_address(const char *path, struct sockaddr_un *sa)
{
    mem_zero(sa, sizeof(*sa));
    sa->sun_family = AF_UNIX;
    return str_copy(sa->sun_path, sizeof(sa->sun_path), path) ? 0 : -ENAMETOOLONG;
}

static int make_socket(struct os_local *l)
{
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return l->fd < 0 ? -errno : 0;
}

int os_local_connect(const char *path, struct os_local **out)
{
    struct sockaddr_un sa;
    struct os_local *l = NULL;
    *out = NULL;
    int err = make_address(path, &sa);
    if (err == 0) {
        err = local_new(&l);
    }
    if (err == 0) {
        err = make_socket(l);
    }
    if (err == 0 && connect(l->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        err = -errno;
    }
    if (err != 0) {
        os_local_free(l);
        return err;
    }
    *out = l;
    return 0;
}

/* 0: a socket left over by a process that died. */
static int check_stale(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return -errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return -EEXIST;
    }
    CLEANUP(os_local_free) struct os_local *probe = NULL;
    return os_local_connect(path, &probe) == -ECONNREFUSED ? 0 : -EADDRINUSE;
}

int os_local_check(const char *path)
{
    struct sockaddr_un sa;
    int err = make_address(path, &sa);
    err = err == 0 ? check_stale(path) : err;
    return err == 0 || err == -ENOENT ? os_folder_check_of(path) : err;
}

static int bind_private(int fd, const struct sockaddr_un *sa)
{
    mode_t mask = umask(0177);
    int err = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ? 0 : -errno;
    umask(mask);
    return err;
}

static int listen_at(struct os_local *l, const char *path)
{
    struct sockaddr_un sa;
    int err = make_address(path, &sa);
    if (err == 0) {
        err = make_socket(l);
    }
    if (err == 0) {
        err = bind_private(l->fd, &sa);
    }
    if (err == -EADDRINUSE) {
        err = check_stale(path);
        if (err == 0) {
            unlink(path);
            err = bind_private(l->fd, &sa);
        }
    }
    if (err != 0) {
        return err;
    }
    l->path = str_dup(path);
    if (!l->path) {
        unlink(path);
        return -ENOMEM;
    }
    return listen(l->fd, 8) == 0 && pipe2(l->wake, O_CLOEXEC) == 0 ? 0 : -errno;
}

int os_local_listen(const char *path, struct os_local **out)
{
    struct os_local *l = NULL;
    *out = NULL;
    int err = local_new(&l);
    if (err == 0) {
        err = listen_at(l, path);
    }
    if (err != 0) {
        os_local_free(l);
        return err;
    }
    *out = l;
    return 0;
}

void os_local_wake(struct os_local *l)
{
    ssize_t n = write(l->wake[1], "", 1);
    (void)n;
}

static int wait_for(struct os_local *l, short events, uint64_t until_ms)
{
    uint64_t now = os_monotonic_ms();
    if (now >= until_ms) {
        return -ETIMEDOUT;
    }
    struct pollfd p = {.fd = l->fd, .events = events};
    int n = poll(&p, 1, (int)(until_ms - now));
    if (n < 0 && errno != EINTR) {
        return -errno;
    }
    return 0;
}

int local_read_some(struct os_local *l, struct wr *w, bool *done_r)
{
    char buf[4096];
    ssize_t n = recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    if (n == 0) {
        return -ECONNRESET;
    }
    *done_r = buf[n - 1] == '\n';
    wr_bytes(w, buf, (size_t)n - (*done_r ? 1 : 0));
    return wr_ok(w) ? 0 : -EMSGSIZE;
}

int os_local_read_line(struct os_local *l, size_t max, unsigned timeout_ms, char **out)
{
    uint64_t until_ms = os_monotonic_ms() + timeout_ms;
    CLEANUP(wr_fini) struct wr w = wr_new(max + 1);
    bool done = false;
    *out = NULL;
    while (!done) {
        int err = wait_for(l, POLLIN, until_ms);
        if (err == 0) {
            err = local_read_some(l, &w, &done);
        }
        if (err != 0) {
            return err;
        }
    }
    wr_u8(&w, 0);
    size_t len;
    *out = (char *)wr_take(&w, &len);
    return *out ? 0 : -EMSGSIZE;
}

int local_write_some(struct os_local *l, const char *p, size_t len, size_t *sent_r)
{
    ssize_t n = send(l->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    *sent_r = n > 0 ? (size_t)n : 0;
    return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

static int write_all(struct os_local *l, const char *p, size_t len, uint64_t until_ms)
{
    while (len > 0) {
        size_t sent = 0;
        int err = wait_for(l, POLLOUT, until_ms);
        err = err ? err : local_write_some(l, p, len, &sent);
        if (err != 0) {
            return err;
        }
        p += sent;
        len -= sent;
    }
    return 0;
}

int os_local_write_line(struct os_local *l, const char *text, unsigned timeout_ms)
{
    uint64_t until_ms = os_monotonic_ms() + timeout_ms;
    int err = write_all(l, text, str_len(text), until_ms);
    return err != 0 ? err : write_all(l, "\n", 1, until_ms);
}
