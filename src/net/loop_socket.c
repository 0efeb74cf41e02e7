/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of POSIX systems: what is not the event loop's. */
#include "net/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* A dead peer is noticed after 2 minutes of silence plus 6 probes of 20 s. */
#define KEEPALIVE_IDLE_S 120
#define KEEPALIVE_INTERVAL_S 20
#define KEEPALIVE_PROBES 6

union sockaddr_any {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

void net_fd_close(int64_t fd)
{
    close((int)fd);
}

static void set_int(int64_t fd, int level, int name, int value)
{
    /* These only tune: a system that refuses one still works. */
    (void)setsockopt((int)fd, level, name, &value, sizeof(value));
}

void net_fd_tune(int64_t fd)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

size_t net_fd_unacked(int64_t fd)
{
#ifdef TIOCOUTQ
    int n = 0;
    return ioctl((int)fd, TIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0; /* tcp(7), SIOCOUTQ */
#else
    (void)fd;
    return 0;
#endif
}

static int to_sockaddr(const struct net_addr *a, union sockaddr_any *sa, socklen_t *len_r)
{
    char port[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    str_format(port, sizeof(port), "%u", a->port);
    int r = getaddrinfo(a->text, port, &hints, &list);
    if (r != 0) {
        return r == EAI_MEMORY ? -ENOMEM : -EADDRNOTAVAIL;
    }
    mem_copy(sa, list->ai_addr, list->ai_addrlen);
    *len_r = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

/* An IPv4 client of an IPv6 socket is told by its IPv4 address. */
static void from_sockaddr(const union sockaddr_any *sa, socklen_t len, struct net_addr *out)
{
    char port[8] = "0";
    mem_zero(out, sizeof(*out));
    if (getnameinfo(&sa->any, len, out->text, sizeof(out->text), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        str_copy(out->text, sizeof(out->text), "unknown");
    }
    uint64_t n = 0;
    if (str_to_u64(port, UINT16_MAX, &n)) {
        out->port = (uint16_t)n;
    }
    if (str_has_prefix(out->text, "::ffff:")) {
        size_t rest = str_len(out->text + 7) + 1;
        mem_move(out->text, out->text + 7, rest);
    }
}

static int bind_to(int fd, const struct net_addr *addr)
{
    union sockaddr_any sa;
    socklen_t len = 0;
    mem_zero(&sa, sizeof(sa));
    int err = to_sockaddr(addr, &sa, &len);
    if (err != 0) {
        return err;
    }
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (sa.any.sa_family == AF_INET6) {
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    return bind(fd, &sa.any, len) == 0 ? 0 : -errno;
}

/* A socket bound to the address, or -errno. */
static int bound_socket(const struct net_addr *addr)
{
    int family = str_has_char(addr->text, ':') ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int err = bind_to(fd, addr);
    if (err != 0) {
        close(fd);
        return err;
    }
    return fd;
}

static int listen_on(int fd, struct net_addr *addr, int backlog)
{
    union sockaddr_any sa;
    socklen_t len = sizeof(sa);
    if (listen(fd, backlog) != 0 || getsockname(fd, &sa.any, &len) != 0) {
        return -errno;
    }
    addr->port = ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
    return 0;
}

int net_listen(struct net_addr *addr, int backlog, int64_t *fd_r)
{
    int fd = bound_socket(addr);
    if (fd < 0) {
        return fd;
    }
    int err = listen_on(fd, addr, backlog);
    if (err != 0) {
        close(fd);
        return err;
    }
    *fd_r = fd;
    return 0;
}

/* True: the socket has the option, with this value. */
static bool has_option(int fd, int name, int value)
{
    int is = 0;
    socklen_t len = sizeof(is);
    return getsockopt(fd, SOL_SOCKET, name, &is, &len) == 0 && is == value;
}

int net_adopt(int64_t ready, struct net_addr *addr)
{
    union sockaddr_any sa;
    socklen_t len = sizeof(sa);
    int fd = (int)ready;
    mem_zero(&sa, sizeof(sa));
    if (getsockname(fd, &sa.any, &len) != 0) {
        return -errno;
    }
    bool is_ip = sa.any.sa_family == AF_INET || sa.any.sa_family == AF_INET6;
    if (!is_ip || !has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1)) {
        return -EINVAL;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return -errno;
    }
    from_sockaddr(&sa, len, addr);
    return 0;
}

int net_addr_try(const struct net_addr *a)
{
    int fd = bound_socket(a);
    if (fd < 0) {
        return fd;
    }
    close(fd);
    return 0;
}

int64_t net_accept(int64_t fd, struct net_accepted *out)
{
    union sockaddr_any sa;
    mem_zero(&sa, sizeof(sa));
    socklen_t len = sizeof(sa);
    int conn = accept4((int)fd, &sa.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0) {
        /* Errors of a connection that died in the queue are not the listener's: accept(2). */
        return errno == EINTR || errno == ECONNABORTED || errno == EPROTO ? -EINTR : -errno;
    }
    out->fd = conn;
    from_sockaddr(&sa, len, &out->peer);
    return 0;
}

/* ---- addresses as text ---- */

static bool is_numeric(const char *text)
{
    union sockaddr_any sa;
    socklen_t len;
    struct net_addr a = {.port = 0};
    return str_copy(a.text, sizeof(a.text), text) && to_sockaddr(&a, &sa, &len) == 0;
}

static bool set_host(struct net_addr *out, const char *host, size_t len)
{
    char text[NET_ADDR_TEXT_SIZE];
    if (len >= sizeof(text)) {
        return false;
    }
    mem_copy(text, host, len);
    text[len] = '\0';
    if (len == 0) {
        return str_copy(out->text, sizeof(out->text), "*");
    }
    if (str_ieq(text, "localhost")) {
        return str_copy(out->text, sizeof(out->text), "127.0.0.1");
    }
    return str_copy(out->text, sizeof(out->text), text) && (str_eq(text, "*") || is_numeric(text));
}

static bool set_port(struct net_addr *out, const char *text)
{
    uint64_t n = 0;
    if (!str_to_u64(text, UINT16_MAX, &n)) {
        return false;
    }
    out->port = (uint16_t)n;
    return true;
}

/* The first c in s, or the end of s. */
static const char *find(const char *s, char c)
{
    while (*s && *s != c) {
        s++;
    }
    return s;
}

bool net_addr_parse(const char *s, uint16_t default_port, struct net_addr *out)
{
    mem_zero(out, sizeof(*out));
    out->port = default_port;
    if (*s == '[') {
        const char *end = find(s, ']');
        if (*end == '\0' || !set_host(out, s + 1, (size_t)(end - s - 1))) {
            return false;
        }
        return end[1] == '\0' || (end[1] == ':' && set_port(out, end + 2));
    }
    const char *colon = find(s, ':');
    if (*colon == '\0' || *find(colon + 1, ':') == ':') {
        return set_host(out, s, str_len(s)); /* no port, or IPv6 without brackets */
    }
    return set_host(out, s, (size_t)(colon - s)) && set_port(out, colon + 1);
}

void net_addr_format(const struct net_addr *a, char *buf, size_t size)
{
    bool v6 = *find(a->text, ':') == ':';
    str_format(buf, size, v6 ? "[%s]:%u" : "%s:%u", a->text, a->port);
}
