/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"

/* ---- what the system says of a link ---- */

#define SPEED_MAX_MBPS 10000000u

/* Megabits each second; 0: it does not say, or the link is down. */
static uint64_t link_speed_mbps(const char *name)
{
    char path[64 + IF_NAMESIZE];
    char text[32] = "";
    (void)str_format(path, sizeof(path), "/sys/class/net/%s/speed", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    uint64_t value = 0;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    return value <= SPEED_MAX_MBPS ? value : 0; /* "-1", or the same unsigned: unknown */
}

/* Does it spread what it receives over several queues? */
static bool link_has_rss(const char *name)
{
    char path[64 + IF_NAMESIZE];
    unsigned queues = 0;
    (void)str_format(path, sizeof(path), "/sys/class/net/%s/queues", name);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        queues += e->d_name[0] == 'r' && e->d_name[1] == 'x' && e->d_name[2] == '-';
    }
    if (d) {
        closedir(d);
    }
    return queues > 1;
}

/* ---- addresses ---- */

static bool is_offered(const struct ifaddrs *i, int family)
{
    if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP) ||
        !(i->ifa_flags & IFF_RUNNING)) {
        return false;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    return family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static void fill(struct os_interface *out, const struct ifaddrs *i)
{
    *out = (struct os_interface){
        .index = if_nametoindex(i->ifa_name),
        .is_ipv6 = i->ifa_addr->sa_family == AF_INET6,
        .is_loopback = i->ifa_flags & IFF_LOOPBACK,
        .speed_bps = link_speed_mbps(i->ifa_name) * 1000000,
        .has_rss = link_has_rss(i->ifa_name),
    };
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)i->ifa_addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    const void *address = out->is_ipv6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
    mem_copy(out->address, address, out->is_ipv6 ? 16 : 4);
    (void)str_copy(out->name, sizeof(out->name), i->ifa_name);
    (void)inet_ntop(i->ifa_addr->sa_family, address, out->text, sizeof(out->text));
}

static size_t add_family(const struct ifaddrs *list, int family, struct os_interface *out,
                         size_t max)
{
    size_t n = 0;
    for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
        if (is_offered(i, family)) {
            fill(&out[n], i);
            n += out[n].index != 0; /* else it is gone already */
        }
    }
    return n;
}

size_t os_interfaces(struct os_interface *out, size_t max)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) {
        return 0;
    }
    size_t n = add_family(list, AF_INET, out, max);
    n += add_family(list, AF_INET6, out + n, max - n);
    freeifaddrs(list);
    return n;
}

#define INTERFACES_MAX 64

size_t os_host_addresses(char (*out)[OS_ADDR_TEXT_SIZE], size_t max)
{
    struct os_interface list[INTERFACES_MAX];
    size_t count = os_interfaces(list, INTERFACES_MAX);
    size_t n = 0;
    for (size_t i = 0; i < count && n < max; i++) {
        if (!list[i].is_loopback) {
            (void)str_copy(out[n++], OS_ADDR_TEXT_SIZE, list[i].text);
        }
    }
    return n;
}
