/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and addresses of os/process.h. */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/posix/path.h"

int os_path_kind(const char *path, enum os_path_kind *kind_r)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    *kind_r = S_ISDIR(st.st_mode)   ? OS_PATH_DIRECTORY
              : S_ISREG(st.st_mode) ? OS_PATH_FILE
                                    : OS_PATH_OTHER;
    return 0;
}

bool os_path_is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

int os_path_check_folder(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    return access(path, R_OK | X_OK) == 0 ? 0 : -errno;
}

int os_path_real(const char *path, char **out)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        return -errno;
    }
    *out = str_dup(real);
    return *out ? 0 : -ENOMEM;
}

int os_file_stamp(const char *path, uint64_t *stamp_r)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return -errno;
    }
    uint64_t h = hash_u64((uint64_t)st.st_ino, (uint64_t)st.st_size);
    h = hash_u64(h, (uint64_t)st.st_mtim.tv_sec);
    *stamp_r = hash_u64(h, (uint64_t)st.st_mtim.tv_nsec);
    return 0;
}

int os_folder_check_of(const char *path)
{
    struct stat st;
    CLEANUP_MEM char *folder = path_folder(path);
    if (!folder) {
        return -ENOMEM;
    }
    if (stat(folder, &st) != 0) {
        return -errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int os_folder_make(const char *path, unsigned mode)
{
    return mkdir(path, (mode_t)mode) == 0 || errno == EEXIST ? 0 : -errno;
}

static bool is_offered(const struct ifaddrs *i, int family)
{
    if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP) ||
        (i->ifa_flags & IFF_LOOPBACK)) {
        return false;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    return family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static size_t add_family(const struct ifaddrs *list, int family, char (*out)[OS_ADDR_TEXT_SIZE],
                         size_t max)
{
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    size_t n = 0;
    for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
        if (is_offered(i, family) && getnameinfo(i->ifa_addr, len, out[n], OS_ADDR_TEXT_SIZE, NULL,
                                                 0, NI_NUMERICHOST) == 0) {
            n++;
        }
    }
    return n;
}

size_t os_host_addresses(char (*out)[OS_ADDR_TEXT_SIZE], size_t max)
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
