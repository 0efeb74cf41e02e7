/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens, and how it says that it cannot. */
#include "server/server_priv.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"

#define LOG_MODULE LOG_SERVER

/* A connection on its way from the listener's loop to its own. */
struct handover {
    struct job job;
    struct conn_home *home;
    struct net_accepted accepted;
    uint64_t conn_id;
};

static void take_over(struct job *job)
{
    struct handover *h = CONTAINER_OF(job, struct handover, job);
    conn_start(h->home, &h->accepted, h->conn_id);
    mem_free(h);
}

/* Round robin: connections of a client are spread over the loops. */
static void on_accepted(void *arg, const struct net_accepted *a)
{
    struct server *s = arg;
    /* relaxed: only has to be unique */
    uint64_t id = atomic_fetch_add_explicit(&s->next_conn_id, 1, memory_order_relaxed);
    struct server_loop *sl = &s->loops[id % s->loop_count];
    struct handover *h = mem_zalloc(sizeof(*h));
    if (!h) {
        net_fd_close(a->fd);
        (void)net_slot_leave(a->slot);
        return;
    }
    h->job.fn = take_over;
    h->home = &sl->home;
    h->accepted = *a;
    h->conn_id = id;
    loop_post(sl->loop, &h->job);
}

static void tell(struct problems *problems, const struct net_addr *a, int err)
{
    char addr[NET_ADDR_TEXT_SIZE + 16];
    char why[128];
    net_addr_format(a, addr, sizeof(addr));
    os_error_text(-err, why, sizeof(why));
    if (err == -EADDRINUSE && a->port == CONFIG_PORT_DEFAULT) {
        problems_add(problems,
                     "port %u is in use (%s): another SMB server runs here, perhaps Samba "
                     "(systemctl stop smbd); stop it or choose another port, such as 4450",
                     a->port, addr);
    } else if (err == -EADDRINUSE) {
        problems_add(problems, "port %u is in use (%s); choose another one, such as %u", a->port,
                     addr, a->port < UINT16_MAX ? a->port + 1u : 4450u);
    } else if (err == -EACCES || err == -EPERM) {
        problems_add(problems,
                     "no permission to listen on port %u (%s): run as root, give the program the "
                     "capability (setcap cap_net_bind_service=+ep FILE), or choose a port from "
                     "1024 up, such as 4450",
                     a->port, addr);
    } else if (err == -EADDRNOTAVAIL) {
        problems_add(problems, "%s is no address of this host; \"ip addr\" lists those there are",
                     a->text);
    } else {
        problems_add(problems, "cannot listen on %s: %s", addr, why);
    }
}

/* At addr, or with a socket that listens already. */
static int listener_add(struct server *s, const struct net_addr *addr, const int64_t *ready)
{
    struct listener_spec spec = {
        .addr = *addr, .ready = ready, .limits = s->limits, .accepted = on_accepted, .arg = s};
    struct listener *ls = NULL;
    if (s->listener_count == CONFIG_LISTEN_MAX) {
        return -E2BIG;
    }
    int err = listener_new(s->loops[0].loop, &spec, &ls);
    if (err != 0) {
        return err;
    }
    s->addrs[s->listener_count] = *listener_addr_get(ls);
    s->listeners[s->listener_count++] = ls;
    return 0;
}

static int listen_one(struct server *s, const struct net_addr *a)
{
    return listener_add(s, a, NULL);
}

/* Every address of both families; a host without IPv6 is fine. */
static int listen_all(struct server *s, uint16_t port, struct net_addr *failed)
{
    struct net_addr v4 = {.text = "0.0.0.0", .port = port};
    struct net_addr v6 = {.text = "::", .port = port};
    *failed = v4;
    int err = listen_one(s, &v4);
    if (err != 0) {
        return err;
    }
    v6.port = s->addrs[s->listener_count - 1].port; /* the same when the system chose */
    *failed = v6;
    err = listen_one(s, &v6);
    return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL ? 0 : err;
}

/* Listen everywhere with this port where none is given. False: told. */
static bool listen_with(struct server *s, uint16_t port, struct problems *problems, int *err_r)
{
    const struct config *c = s->config;
    const struct net_addr everywhere = {.text = "*", .port = 0};
    unsigned n = MAX(c->listen_count, 1u);
    unsigned before = problems->count;
    for (unsigned i = 0; i < n; i++) {
        struct net_addr a = c->listen_count ? c->listen[i] : everywhere;
        a.port = a.port ? a.port : port;
        struct net_addr failed = a;
        int err = str_eq(a.text, "*") ? listen_all(s, a.port, &failed) : listen_one(s, &a);
        if (err != 0) {
            tell(problems, &failed, err);
            *err_r = err;
        }
    }
    return problems->count == before;
}

static bool try_port(struct server *s, uint16_t port, struct problems *problems, int *err_r)
{
    if (listen_with(s, port, problems, err_r)) {
        return true;
    }
    server_listeners_close(s);
    return false;
}

/* Another port helps only where the port is what was wrong. */
static bool is_about_port(int err)
{
    return err == -EADDRINUSE || err == -EACCES || err == -EPERM;
}

static bool listen_auto(struct server *s, struct problems *problems)
{
    int err = 0;
    uint16_t port = CONFIG_PORT_DEFAULT;
    for (;;) {
        struct problems tries;
        problems_init(&tries);
        bool ok = try_port(s, port, &tries, &err);
        problems_fini(&tries);
        if (ok) {
            return true;
        }
        port = port == CONFIG_PORT_DEFAULT ? CONFIG_PORT_AUTO_FIRST : (uint16_t)(port + 1);
        if (!is_about_port(err) || port > CONFIG_PORT_AUTO_LAST) {
            return try_port(s, port, problems, &err); /* this time aloud */
        }
    }
}

void server_listeners_close(struct server *s)
{
    for (unsigned i = 0; i < s->listener_count; i++) {
        listener_close(s->listeners[i]);
    }
    s->listener_count = 0;
}

/* ---- for smbkit check ---- */

static bool is_everywhere(const struct net_addr *a)
{
    return str_eq(a->text, "*");
}

/* Would the system refuse the second of two because of the first? */
static bool do_clash(const struct net_addr *a, const struct net_addr *b)
{
    static const char *const families[] = {"0.0.0.0", "::"};
    bool has_v6[] = {str_has_char(a->text, ':'), str_has_char(b->text, ':')};
    if (a->port != b->port || a->port == 0) {
        return false;
    }
    if (str_eq(a->text, b->text) || is_everywhere(a) || is_everywhere(b)) {
        return true;
    }
    const char *all = families[has_v6[0]];
    return has_v6[0] == has_v6[1] && (str_eq(a->text, all) || str_eq(b->text, all));
}

static void check_one(const struct net_addr *a, struct problems *problems, struct problems *notes)
{
    int err = net_addr_try(a);
    if (err != 0) {
        tell(err == -EADDRINUSE ? notes : problems, a, err);
    }
}

/* As listen_all: a host without IPv6 is fine. */
static void check_everywhere(uint16_t port, struct problems *problems, struct problems *notes)
{
    const struct net_addr v4 = {.text = "0.0.0.0", .port = port};
    const struct net_addr v6 = {.text = "::", .port = port};
    int err = net_addr_try(&v6);
    check_one(&v4, problems, notes);
    if (net_addr_try(&v4) == 0 && err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL) {
        check_one(&v6, problems, notes);
    }
}

static void check_clashes(const struct config *c, struct problems *problems)
{
    for (unsigned i = 0; i < c->listen_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (do_clash(&c->listen[k], &c->listen[i])) {
                char text[NET_ADDR_TEXT_SIZE + 16];
                net_addr_format(&c->listen[i], text, sizeof(text));
                problems_add(problems, "listen: %s is taken in by %s already", text,
                             c->listen[k].text);
                break;
            }
        }
    }
}

void server_listen_check(const struct config *c, struct problems *problems, struct problems *notes)
{
    check_clashes(c, problems);
    if (c->listen_count == 0) {
        check_everywhere(c->port, problems, notes);
    }
    for (unsigned i = 0; i < c->listen_count; i++) {
        const struct net_addr *a = &c->listen[i];
        if (is_everywhere(a)) {
            check_everywhere(a->port, problems, notes);
        } else {
            check_one(a, problems, notes);
        }
    }
}

static bool listen_ready(struct server *s, struct problems *problems)
{
    const struct net_addr nowhere = {.port = 0};
    unsigned before = problems->count;
    for (unsigned i = 0; i < s->config->ready_count; i++) {
        int err = listener_add(s, &nowhere, &s->config->ready[i]);
        if (err != 0) {
            char why[128];
            os_error_text(-err, why, sizeof(why));
            problems_add(problems,
                         "descriptor %d that was handed over (LISTEN_FDS) cannot be served: %s",
                         (int)s->config->ready[i],
                         err == -EINVAL ? "it is no TCP socket that listens" : why);
        }
    }
    s->config->ready_count = 0; /* they are the listeners' now */
    return problems->count == before;
}

bool server_listen(struct server *s, struct problems *problems)
{
    int err;
    if (s->config->ready_count > 0) {
        return listen_ready(s, problems);
    }
    return s->config->port_is_auto
               ? listen_auto(s, problems)
               : listen_with(s, s->config->listen_count ? 0 : s->config->port, problems, &err);
}
