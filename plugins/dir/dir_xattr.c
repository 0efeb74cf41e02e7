/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: reading, writing, listing. */
#include "dir_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define LIST_MAX 65536u /* XATTR_LIST_MAX of Linux */

int64_t dirfs_get_xattr(const struct dirfs_where *where, const char *name, void *buf, size_t cap)
{
    ssize_t n = where->fd >= 0    ? fgetxattr(where->fd, name, buf, cap)
                : where->is_entry ? lgetxattr(where->path, name, buf, cap)
                                  : getxattr(where->path, name, buf, cap);
    return n < 0 ? -errno : n;
}

int dirfs_set_xattr(const struct dirfs_where *where, const char *name, const void *buf, size_t len)
{
    int r = where->fd >= 0 ? fsetxattr(where->fd, name, buf, len, 0)
                           : setxattr(where->path, name, buf, len, 0);
    return r < 0 ? -errno : 0;
}

int dirfs_drop_xattr(const struct dirfs_where *where, const char *name)
{
    int r = where->fd >= 0 ? fremovexattr(where->fd, name) : removexattr(where->path, name);
    return r < 0 ? -errno : 0;
}

struct dirfs_where dirfs_where_file(int fd, bool is_path, char *buf)
{
    if (!is_path) {
        return (struct dirfs_where){.fd = fd};
    }
    dirfs_proc_path(fd, buf);
    return (struct dirfs_where){.fd = -1, .path = buf};
}

int64_t dirfs_load_xattr(const struct dirfs_where *where, const char *name, uint8_t **value_r)
{
    uint8_t *value = malloc(DIRFS_XATTR_MAX);
    *value_r = NULL;
    if (!value) {
        return -ENOMEM;
    }
    int64_t n = dirfs_get_xattr(where, name, value, DIRFS_XATTR_MAX);
    if (n < 0) {
        free(value);
        return n;
    }
    *value_r = value;
    return n;
}

static int64_t list_xattrs(const struct dirfs_where *where, char *buf, size_t cap)
{
    ssize_t n = where->fd >= 0    ? flistxattr(where->fd, buf, cap)
                : where->is_entry ? llistxattr(where->path, buf, cap)
                                  : listxattr(where->path, buf, cap);
    return n < 0 ? -errno : n;
}

int dirfs_xattrs_read(const struct dirfs_where *where, struct dirfs_xattrs *names)
{
    names->more = NULL;
    names->list = names->few;
    int64_t n = list_xattrs(where, names->few, sizeof(names->few));
    if (n == -ERANGE) {
        names->more = malloc(LIST_MAX);
        names->list = names->more;
        n = names->more ? list_xattrs(where, names->more, LIST_MAX) : -ENOMEM;
    }
    if (n < 0) {
        dirfs_xattrs_free(names);
    }
    names->len = n < 0 ? 0 : (size_t)n;
    return n < 0 ? (int)n : 0;
}

void dirfs_xattrs_free(struct dirfs_xattrs *names)
{
    free(names->more);
    names->more = NULL;
    names->len = 0;
}

const char *dirfs_xattrs_next(const struct dirfs_xattrs *names, size_t *at)
{
    if (*at >= names->len) {
        return NULL;
    }
    const char *name = names->list + *at;
    *at += strlen(name) + 1; /* the kernel ends each */
    return name;
}

bool dirfs_xattrs_has(const struct dirfs_xattrs *names, const char *wanted)
{
    size_t at = 0;
    for (const char *name; (name = dirfs_xattrs_next(names, &at));) {
        if (strcmp(name, wanted) == 0) {
            return true;
        }
    }
    return false;
}
